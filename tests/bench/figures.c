/* SPDX-License-Identifier: MIT
 *
 * The figures of docs/performance.md: the cost of bind and listen beside raw librdmacm, rsockets
 * and kernel TCP, interleaved in one run. A plain program, not a test.
 *
 * Every measured thing is a `struct subject`: one function that does one cycle. A round runs each
 * subject for a batch of cycles in turn; a figure is the median over rounds of the mean of a batch.
 */
#include <wsd/abi.h>
#include <wsd/api.h>

#include <rdma/rdma_cma.h>
#include <rdma/rsocket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	BACKLOG = 16,
	ROUNDS_MAX = 101,
	SUBJECTS_MAX = 8,
	HELD_MAX = 60000,
	FIRST_PORT = 5000, /* below Winsock's and above Linux's reserved ports */
};

struct bench {
	struct sockaddr_in address; /* a SAN address of this host, port in use now */
	struct rdma_event_channel *channel;
	struct rdma_cm_id
		*anchor; /* keeps the device and its protection domain: else raw pays for both */
	int rounds, batch;
};

struct subject {
	const char *name;
	int (*cycle)(struct bench *b);
};

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
	fprintf(stderr, "figures: %s failed: errno %d (%s), WSA code %d\n", what, errno,
		strerror(errno), wsd_WSAGetLastError());
	exit(1);
}

static int raw_cycle(struct bench *b)
{
	struct rdma_cm_id *id;
	if (rdma_create_id(b->channel, &id, NULL, RDMA_PS_TCP))
		return -1;
	int err = rdma_bind_addr(id, (struct sockaddr *)&b->address) || rdma_listen(id, BACKLOG);
	return rdma_destroy_id(id) || err ? -1 : 0;
}

static int tcp_cycle(struct bench *b)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	int one = 1;
	if (s < 0)
		return -1;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	int err = bind(s, (struct sockaddr *)&b->address, sizeof(b->address)) || listen(s, BACKLOG);
	return close(s) || err ? -1 : 0;
}

static int tcp_shared_cycle(struct bench *b)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	int one = 1;
	if (s < 0)
		return -1;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(s, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	int err = bind(s, (struct sockaddr *)&b->address, sizeof(b->address)) || listen(s, BACKLOG);
	return close(s) || err ? -1 : 0;
}

static int rsocket_cycle(struct bench *b)
{
	int s = rsocket(AF_INET, SOCK_STREAM, 0);
	int one = 1;
	if (s < 0)
		return -1;
	rsetsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	int err =
		rbind(s, (struct sockaddr *)&b->address, sizeof(b->address)) || rlisten(s, BACKLOG);
	return rclose(s) || err ? -1 : 0;
}

static struct wsd_sockaddr_in winsock_name(const struct bench *b)
{
	struct wsd_sockaddr_in name;
	memset(&name, 0, sizeof(name));
	name.sin_family = WSD_AF_INET;
	name.sin_port = b->address.sin_port;
	memcpy(&name.sin_addr, &b->address.sin_addr, sizeof(name.sin_addr));
	return name;
}

static int switch_cycle(struct bench *b)
{
	struct wsd_sockaddr_in name = winsock_name(b);
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	if (s == INVALID_SOCKET)
		return -1;
	int err = wsd_bind(s, (struct wsd_sockaddr *)&name, sizeof(name)) || wsd_listen(s, BACKLOG);
	return wsd_closesocket(s) || err ? -1 : 0;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[n / 2];
}

/* Medians of all subjects, interleaved: A B C A B C. */
static void measure(struct bench *b, const struct subject *subjects, int n, double *ret_us)
{
	static double samples[SUBJECTS_MAX][ROUNDS_MAX];
	for (int round = -1; round < b->rounds; round++) { /* round -1 warms up */
		for (int i = 0; i < n; i++) {
			double start = now_us();
			for (int k = 0; k < b->batch; k++)
				if (subjects[i].cycle(b))
					die(subjects[i].name);
			if (round >= 0)
				samples[i][round] = (now_us() - start) / b->batch;
		}
	}
	for (int i = 0; i < n; i++)
		ret_us[i] = median(samples[i], b->rounds);
}

static void listen_figures(struct bench *b)
{
	static const struct subject subjects[] = {{"raw librdmacm", raw_cycle},
						  {"kernel TCP", tcp_cycle},
						  {"wsdirect switch", switch_cycle},
						  {"rsockets", rsocket_cycle},
						  {"TCP, SO_REUSEPORT", tcp_shared_cycle}};
	double us[5];
	measure(b, subjects, 5, us);
	printf("\nsocket + bind + listen + close on a SAN address, us, median of %d rounds of %d\n",
	       b->rounds, b->batch);
	for (int i = 0; i < 5; i++)
		printf("  %-18s %10.1f\n", subjects[i].name, us[i]);
	printf("  switch / (raw + TCP)     %6.3f   at most 1.25\n", us[2] / (us[0] + us[1]));
	printf("  rsockets / switch        %6.2f   at least 2.8\n", us[3] / us[2]);
	printf("  rsockets / (raw + TCP)   %6.2f   the ceiling\n", us[3] / (us[0] + us[1]));
}

/* The switch's cycle alone, once for each round: for callgrind, by the difference of two runs. */
static void cycles(struct bench *b)
{
	for (int i = 0; i < b->rounds; i++)
		if (switch_cycle(b))
			die("a cycle");
}

/* --- refusal of a taken name --- */

static SOCKET refused_socket;
static int refused_fd;

static int switch_refusal(struct bench *b)
{
	struct wsd_sockaddr_in name = winsock_name(b);
	return wsd_bind(refused_socket, (struct wsd_sockaddr *)&name, sizeof(name)) ==
				       SOCKET_ERROR &&
			       wsd_WSAGetLastError() == WSAEADDRINUSE
		       ? 0
		       : -1;
}

static int tcp_refusal(struct bench *b)
{
	return bind(refused_fd, (struct sockaddr *)&b->address, sizeof(b->address)) &&
			       errno == EADDRINUSE
		       ? 0
		       : -1;
}

/* Both holders are made here; the other process's switch is the broker when @foreign. */
static void refusal_figures(struct bench *b, const char *where)
{
	static const struct subject subjects[] = {{"kernel TCP bind, EADDRINUSE", tcp_refusal},
						  {"wsdirect bind, WSAEADDRINUSE", switch_refusal}};
	double us[2];
	int batch = b->batch;
	b->batch *= 10;
	measure(b, subjects, 2, us);
	b->batch = batch;
	printf("\nrefusal of a taken name, asked in %s\n", where);
	for (int i = 0; i < 2; i++)
		printf("  %-30s %8.2f us\n", subjects[i].name, us[i]);
	printf("  ratio                    %6.2f%s\n", us[1] / us[0],
	       strstr(where, "another") ? "" : "   at most 1.5");
}

static SOCKET hold(const struct bench *b, uint32_t addr_be, unsigned port, int reuse)
{
	struct wsd_sockaddr_in name = winsock_name(b);
	int one = 1;
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	if (s == INVALID_SOCKET)
		die("socket");
	if (reuse && wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&one, sizeof(one)))
		die("setsockopt");
	memcpy(&name.sin_addr, &addr_be, sizeof(addr_be));
	name.sin_port = htons((uint16_t)port);
	if (wsd_bind(s, (struct wsd_sockaddr *)&name, sizeof(name)))
		die("bind");
	return s;
}

static void refusals(struct bench *b)
{
	struct sockaddr_in kernel = b->address;
	int holder = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	refused_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	kernel.sin_port = htons(FIRST_PORT - 1);
	if (bind(holder, (struct sockaddr *)&kernel, sizeof(kernel)))
		die("bind of the TCP holder");
	struct bench taken = *b;
	taken.address.sin_port = kernel.sin_port;
	/* the broker's book does not know the kernel's holder, so the switch's own name is beside
	 * it */
	SOCKET ours = INVALID_SOCKET;
	refused_socket = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	close(holder);
	ours = hold(b, b->address.sin_addr.s_addr, FIRST_PORT - 1, 0);
	refusal_figures(&taken, getenv("WSD_FIGURES_FOREIGN") ? "another process than the broker's"
							      : "the broker's process");
	wsd_closesocket(ours);
	wsd_closesocket(refused_socket);
	close(refused_fd);
}

/* --- cost of one more bind with many names held --- */

static SOCKET held[HELD_MAX];

static long resident_bytes(void)
{
	long pages = 0, all = 0;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f && fscanf(f, "%ld %ld", &all, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * sysconf(_SC_PAGESIZE);
}

static const char *const san_addresses[] = {"10.77.0.1", "10.77.1.1", "10.77.2.1", "10.77.2.101"};

static uint32_t san_address(int i)
{
	return inet_addr(san_addresses[i % 4]);
}

static unsigned probe_port;
static int probe_reuse;
static int one_more(struct bench *b)
{
	return wsd_closesocket(hold(b, b->address.sin_addr.s_addr, probe_port, probe_reuse));
}

static double more_us(struct bench *b, unsigned port, int reuse)
{
	static const struct subject subject = {"one more bind", one_more};
	double us;
	probe_port = port;
	probe_reuse = reuse;
	measure(b, &subject, 1, &us);
	return us;
}

static void held_figures(struct bench *b)
{
	static const int counts[] = {100, 10000, 50000};
	double first = 0;
	int n = 0;
	printf("\none more socket + bind + close with names held (explicit ports over four SAN "
	       "addresses)\n");
	long before = resident_bytes();
	for (unsigned c = 0; c < 3; c++) {
		for (; n < counts[c]; n++)
			held[n] = hold(b, san_address(n), FIRST_PORT + (unsigned)n / 4, 0);
		double us = more_us(b, FIRST_PORT - 2, 0);
		if (!first)
			first = us;
		printf("  %6d held           %8.1f us   %.3f of the first\n", n, us, us / first);
	}
	printf("  resident bytes per bound socket: %ld\n", (resident_bytes() - before) / n);
	while (n > 0)
		wsd_closesocket(held[--n]);
	double alone = more_us(b, FIRST_PORT - 3, 1);
	for (; n < 1000; n++)
		held[n] = hold(b, b->address.sin_addr.s_addr, FIRST_PORT - 3, 1);
	double shared = more_us(b, FIRST_PORT - 3, 1);
	printf("  %6d sharing one name %6.1f us   %.3f of the same name alone\n", n, shared,
	       shared / alone);
	while (n > 0)
		wsd_closesocket(held[--n]);
}

static void open_bench(struct bench *b, const char *address)
{
	WSADATA data;
	struct rlimit files;
	b->address.sin_family = AF_INET;
	b->address.sin_port = htons(FIRST_PORT - 10);
	if (inet_pton(AF_INET, address, &b->address.sin_addr) != 1)
		die("address");
	if (!getrlimit(RLIMIT_NOFILE, &files)) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	struct sockaddr_in anchor = b->address;
	anchor.sin_port = htons(FIRST_PORT - 11);
	b->channel = rdma_create_event_channel();
	if (!b->channel || rdma_create_id(b->channel, &b->anchor, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(b->anchor, (struct sockaddr *)&anchor))
		die("librdmacm");
	if (wsd_WSAStartup(0x0202, &data))
		die("WSAStartup");
}

int main(int argc, char **argv)
{
	struct bench b = {.rounds = 21, .batch = 100};
	const char *what = argc > 1 ? argv[1] : "all";
	const char *address = argc > 2 ? argv[2] : "10.77.0.1";
	if (argc > 3)
		b.rounds = atoi(argv[3]);
	if (what[0] == '-' || (argc > 3 && (b.rounds < 1 || b.rounds > ROUNDS_MAX))) {
		fprintf(stderr,
			"usage: figures [all|listen|refuse|held|cycles] [ADDRESS] [ROUNDS <= %d]\n",
			ROUNDS_MAX);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_bench(&b, address);
	if (!strcmp(what, "cycles"))
		cycles(&b);
	if (!strcmp(what, "all") || !strcmp(what, "listen"))
		listen_figures(&b);
	if (!strcmp(what, "all") || !strcmp(what, "refuse"))
		refusals(&b);
	if (!strcmp(what, "all") || !strcmp(what, "held"))
		held_figures(&b);
	wsd_WSACleanup();
	rdma_destroy_id(b.anchor);
	rdma_destroy_event_channel(b.channel);
	return 0;
}
