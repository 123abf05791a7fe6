/* SPDX-License-Identifier: MIT
 *
 * Many threads on few names and sockets of the provider, with requests coming in: a plain program,
 * since Criterion's runner does not start under the thread sanitizer. The provider is linked in and
 * built with it. Exit status 0: no complaint of ours; the sanitizer's own status is 66.
 *
 *   stress_prov [SECONDS]
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wsd/abi.h>

#include "rdma_peer.h"
#include "tsan.h"

enum {
	PORT = 9300,
	PORTS = 3,
	BINDERS = 3,
	SHARERS = 3,
	CONNECTORS = 2,
	FIXED = 9310,
	DEFAULT_SECONDS = 5
};

static const char ip[] = "10.77.0.1";
static WSPPROC_TABLE proc;
static atomic_bool stop;
static atomic_uint handles, strange, requests, accepted;
static _Atomic SOCKET shared;
static SOCKET fixed; /* listens from beginning to end */

/* librdmacm writes an id's addresses, the same ones, in the call and when it reads the answer. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librdmacm.so\n";
}

static SOCKET WSPAPI up_create(DWORD entry, DWORD_PTR context, LPINT err)
{
	return 1 + (SOCKET)atomic_fetch_add(&handles, 1);
}

static int WSPAPI up_close(SOCKET s, LPINT err)
{
	return 0;
}

/* The switch re-enters. */
static int WSPAPI up_complete(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD code, DWORD bytes,
			      LPINT err)
{
	abort(); /* nothing is sent */
}

static BOOL WSPAPI up_event(WSAEVENT event, LPINT err)
{
	WSANETWORKEVENTS out;
	int code;
	proc.lpWSPEnumNetworkEvents(atomic_load(&shared), NULL, &out, &code);
	return TRUE;
}

static void expect(int line, int result, const int *ret_code, int allowed1, int allowed2)
{
	int code = *ret_code; /* read after the call, which the caller wrote as an argument */
	if (!result || code == allowed1 || code == allowed2)
		return;
	if (atomic_fetch_add(&strange, 1) < 10)
		fprintf(stderr, "line %d: unexpected code %d\n", line, code);
}

static SOCKET make(void)
{
	int code;
	return proc.lpWSPSocket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP, NULL, 0,
				WSA_FLAG_OVERLAPPED, &code);
}

static int bind_to(SOCKET s, unsigned port, int *code)
{
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = htons((uint16_t)port)};
	in.sin_addr.s_addr = inet_addr(ip);
	return proc.lpWSPBind(s, (struct wsd_sockaddr *)&in, sizeof(in), code);
}

/* Sockets of its own on names that all share. */
static void *binder(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	char event;
	while (!atomic_load(&stop)) {
		int code = 0;
		SOCKET s = make();
		int result = bind_to(s, PORT + seed++ % PORTS, &code);
		expect(__LINE__, result, &code, 0, 0);
		if (seed % 3) {
			expect(__LINE__, proc.lpWSPListen(s, 2, &code), &code, 0, 0);
			expect(__LINE__, proc.lpWSPEventSelect(s, &event, FD_ACCEPT, &code), &code,
			       0, 0);
		}
		expect(__LINE__, proc.lpWSPCloseSocket(s, &code), &code, 0, 0);
	}
	return NULL;
}

/* One socket that all use, and one of them closes. */
static void *sharer(void *arg)
{
	char event;
	unsigned turn = (unsigned)(uintptr_t)arg;
	while (!atomic_load(&stop)) {
		int code = 0;
		SOCKET s = atomic_load(&shared);
		WSANETWORKEVENTS out;
		expect(__LINE__, bind_to(s, PORT, &code), &code, WSAEINVAL, WSAENOTSOCK);
		expect(__LINE__, proc.lpWSPListen(s, 3, &code), &code, WSAEINVAL, WSAENOTSOCK);
		expect(__LINE__, proc.lpWSPEventSelect(s, &event, FD_ACCEPT, &code), &code,
		       WSAENOTSOCK, 0);
		expect(__LINE__, proc.lpWSPEnumNetworkEvents(s, &event, &out, &code), &code,
		       WSAENOTSOCK, 0);
		uint32_t value;
		int len = sizeof(value);
		expect(__LINE__,
		       proc.lpWSPGetSockOpt(s, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE, (char *)&value,
					    &len, &code),
		       &code, WSAENOTSOCK, 0);
		if (turn++ % 8 == 0) {
			SOCKET fresh = make();
			if (atomic_compare_exchange_strong(&shared, &s, fresh))
				proc.lpWSPCloseSocket(s, &code);
			else
				proc.lpWSPCloseSocket(fresh, &code);
		}
	}
	return NULL;
}

/* Connects to whoever listens, and closes at whatever point it has come to. */
static void *connector(void *arg)
{
	unsigned turn = 0;
	struct wsd_sockaddr_in to = {.sin_family = WSD_AF_INET};
	to.sin_addr.s_addr = inet_addr(ip);
	while (!atomic_load(&stop)) {
		int code = 0;
		char event;
		SOCKET s = make();
		bind_to(s, PORT + PORTS, &code);
		proc.lpWSPEventSelect(s, &event, FD_CONNECT, &code);
		to.sin_port = htons(turn % 3 ? FIXED : PORT);
		expect(__LINE__,
		       proc.lpWSPConnect(s, (struct wsd_sockaddr *)&to, sizeof(to), NULL, NULL,
					 NULL, NULL, &code),
		       &code, WSAEWOULDBLOCK, 0);
		usleep(turn++ % 4 * 150000);
		proc.lpWSPCloseSocket(s, &code);
	}
	return NULL;
}

static void *acceptor(void *arg)
{
	unsigned turn = 0;
	while (!atomic_load(&stop)) {
		int code = 0;
		SOCKET l = turn++ % 3 ? fixed : atomic_load(&shared);
		SOCKET s = proc.lpWSPAccept(l, NULL, NULL, NULL, 0, &code);
		if (s == INVALID_SOCKET) {
			usleep(1000);
			continue;
		}
		atomic_fetch_add(&accepted, 1);
		proc.lpWSPCloseSocket(s, &code);
	}
	return NULL;
}

static void *asker(void *arg)
{
	while (!atomic_load(&stop)) {
		struct rdma_peer c;
		if (rdma_peer_connect(&c, ip, ip, PORT, NULL, 0))
			continue;
		rdma_peer_wait(&c, 5);
		rdma_peer_close(&c);
		atomic_fetch_add(&requests, 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : DEFAULT_SECONDS;
	WSPDATA data;
	WSAPROTOCOL_INFOW tcp = {.dwCatalogEntryId = 1};
	WSPUPCALLTABLEEX up = {
		.lpWPUCreateSocketHandle = up_create,
		.lpWPUCloseSocketHandle = up_close,
		.lpWPUSetEvent = up_event,
		.lpWPUResetEvent = up_event,
		.lpWPUCompleteOverlappedRequest = up_complete,
	};
	wsd_tsan_places(argv);
	int code = WSPStartupEx(0x0202, &data, &tcp, &up, &proc);
	if (code) {
		fprintf(stderr, "the provider does not start: %d\n", code);
		return 1;
	}
	atomic_store(&shared, make());
	fixed = make();
	if (bind_to(fixed, FIXED, &code) || proc.lpWSPListen(fixed, 100, &code))
		return 1;
	pthread_t threads[BINDERS + SHARERS + 2 * CONNECTORS + 1];
	int n = 0;
	for (int i = 0; i < BINDERS; i++)
		pthread_create(&threads[n++], NULL, binder, (void *)(uintptr_t)i);
	for (int i = 0; i < SHARERS; i++)
		pthread_create(&threads[n++], NULL, sharer, (void *)(uintptr_t)i);
	for (int i = 0; i < CONNECTORS; i++) {
		pthread_create(&threads[n++], NULL, connector, NULL);
		pthread_create(&threads[n++], NULL, acceptor, NULL);
	}
	pthread_create(&threads[n++], NULL, asker, NULL);
	sleep(seconds);
	atomic_store(&stop, true);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	if (proc.lpWSPCleanup(&code))
		return 1;
	printf("%u sockets, %u requests, %u accepted, %u unexpected codes\n", atomic_load(&handles),
	       atomic_load(&requests), atomic_load(&accepted), atomic_load(&strange));
	return atomic_load(&strange) ? 1 : 0;
}
