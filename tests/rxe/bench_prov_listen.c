/* SPDX-License-Identifier: MIT
 *
 * What WSPSocket + WSPBind + WSPListen + WSPCloseSocket cost beside raw librdmacm's create_id +
 * bind_addr + listen + destroy_id on the same address, interleaved, medians. The raw loop keeps one
 * more id open, else it would pay for a protection domain in each cycle. Run it in the guest, best
 * under --icount:
 *
 *   scripts/soft-roce exec --icount -- build/tests/rxe/bench_prov_listen [CYCLES]
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wsd/abi.h>

enum { STEPS = 4, DEFAULT_CYCLES = 400, WARM_UP = 20, PORT = 7777 };

static const char address[] = "10.77.0.1";

static int64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static SOCKET WSPAPI up_create(DWORD entry, DWORD_PTR context, LPINT err)
{
	return (SOCKET)context;
}

static int WSPAPI up_close(SOCKET s, LPINT err)
{
	return 0;
}

static int WSPAPI up_complete(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD code, DWORD bytes,
			      LPINT err)
{
	abort(); /* nothing is sent */
}

static BOOL WSPAPI up_event(WSAEVENT event, LPINT err)
{
	return TRUE;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void raw_cycle(struct rdma_event_channel *channel, int64_t t[STEPS + 1])
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	inet_pton(AF_INET, address, &in.sin_addr);
	struct rdma_cm_id *id;
	t[0] = now_ns();
	if (rdma_create_id(channel, &id, NULL, RDMA_PS_TCP))
		die("rdma_create_id");
	t[1] = now_ns();
	if (rdma_bind_addr(id, (struct sockaddr *)&in))
		die("rdma_bind_addr");
	t[2] = now_ns();
	if (rdma_listen(id, 128))
		die("rdma_listen");
	t[3] = now_ns();
	rdma_destroy_id(id);
	t[4] = now_ns();
}

static void provider_cycle(const WSPPROC_TABLE *proc, int64_t t[STEPS + 1])
{
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = htons(PORT)};
	in.sin_addr.s_addr = inet_addr(address);
	int err = 0;
	t[0] = now_ns();
	SOCKET s = proc->lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
				     WSA_FLAG_OVERLAPPED, &err);
	t[1] = now_ns();
	if (proc->lpWSPBind(s, (struct wsd_sockaddr *)&in, sizeof(in), &err)) {
		fprintf(stderr, "WSPBind: %d\n", err);
		exit(1);
	}
	t[2] = now_ns();
	if (proc->lpWSPListen(s, 128, &err)) {
		fprintf(stderr, "WSPListen: %d\n", err);
		exit(1);
	}
	t[3] = now_ns();
	proc->lpWSPCloseSocket(s, &err);
	t[4] = now_ns();
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static double median_us(int64_t *v, size_t n)
{
	qsort(v, n, sizeof(*v), by_value);
	return (double)v[n / 2] / 1000;
}

int main(int argc, char **argv)
{
	size_t cycles = argc > 1 ? strtoul(argv[1], NULL, 10) : DEFAULT_CYCLES;
	void *module = dlopen(WSD_TEST_PROVIDER_PATH, RTLD_NOW);
	LPWSPSTARTUPEX startup = NULL;
	if (module)
		*(void **)&startup = dlsym(module, "WSPStartupEx");
	WSPDATA data;
	WSPPROC_TABLE proc;
	WSAPROTOCOL_INFOW tcp = {.dwCatalogEntryId = 1};
	WSPUPCALLTABLEEX up = {
		.lpWPUCreateSocketHandle = up_create,
		.lpWPUCloseSocketHandle = up_close,
		.lpWPUSetEvent = up_event,
		.lpWPUResetEvent = up_event,
		.lpWPUCompleteOverlappedRequest = up_complete,
	};
	int code = startup ? startup(0x0202, &data, &tcp, &up, &proc) : -1;
	if (code || !cycles) {
		fprintf(stderr, "the provider does not start: %d\n", code);
		return 1;
	}
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *anchor;
	struct sockaddr_in in = {.sin_family = AF_INET};
	inet_pton(AF_INET, address, &in.sin_addr);
	if (!channel || rdma_create_id(channel, &anchor, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(anchor, (struct sockaddr *)&in))
		die("the anchor");

	static const char *const names[2][STEPS] = {
		{"create_id", "bind_addr", "listen", "destroy_id"},
		{"WSPSocket", "WSPBind", "WSPListen", "WSPCloseSocket"},
	};
	int64_t *v[2][STEPS + 1];
	for (int k = 0; k < 2; k++)
		for (int i = 0; i <= STEPS; i++)
			v[k][i] = calloc(cycles, sizeof(int64_t));
	for (size_t c = 0; c < cycles + WARM_UP; c++) {
		for (int k = 0; k < 2; k++) {
			int64_t t[STEPS + 1];
			if (k == 0)
				raw_cycle(channel, t);
			else
				provider_cycle(&proc, t);
			if (c < WARM_UP)
				continue;
			for (int i = 0; i < STEPS; i++)
				v[k][i][c - WARM_UP] = t[i + 1] - t[i];
			v[k][STEPS][c - WARM_UP] = t[STEPS] - t[0];
		}
	}
	double total[2];
	for (int k = 0; k < 2; k++) {
		total[k] = median_us(v[k][STEPS], cycles);
		printf("%-9s %8.1f us:", k ? "provider" : "raw", total[k]);
		for (int i = 0; i < STEPS; i++)
			printf("  %s %.1f", names[k][i], median_us(v[k][i], cycles));
		printf("\n");
	}
	printf("ratio     %8.3f  (medians of %zu interleaved cycles; at most 1.11)\n",
	       total[1] / total[0], cycles);
	rdma_destroy_id(anchor);
	rdma_destroy_event_channel(channel);
	proc.lpWSPCleanup(&code);
	for (int k = 0; k < 2; k++)
		for (int i = 0; i <= STEPS; i++)
			free(v[k][i]);
	return 0;
}
