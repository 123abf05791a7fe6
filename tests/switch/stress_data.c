/* SPDX-License-Identifier: MIT
 *
 * Many threads on many connections over the loop provider's SAN, and over TCP/IP: sends, receives,
 * overlapped ones, select, events, options, shutdown, close and cancelled calls, on sockets that
 * others use at the same time. A plain program for ThreadSanitizer, with the switch and the
 * provider built for it. Exits 0; 1 when a call gave a code that it must not, a byte of a
 * connection that nobody disturbed was wrong, or something was left; 77 where no namespace can be
 * had; a race is the sanitizer's own status. [SW-FLOW-13, SW-BLOCK-1, SW-BLOCK-2, SW-CLOSE-2]
 *
 *   stress_data [MILLISECONDS of each mode] [MODE]
 */
#include "loop_provider.h"
#include "netbed.h"
#include "stress_bed.h"
#include "tsan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wsd/api.h>

enum {
	SLOTS = 12,
	WORKERS = 8,
	MAKERS = 2,
	PENDING = 4, /* overlapped operations that a worker has at a time */
	ROOM = 200 * 1000,
	PORT = 6200,
	CALL_MS = 20,       /* SO_RCVTIMEO and SO_SNDTIMEO */
	HANG_MS = 90 * 1000 /* no mode takes so long */
};

static const struct mode {
	const char *name, *option[2], *addrs;
} modes[] = {
	{"plain", {NULL}, "10.77.0.1"},
	{"attending", {"LOOP_ATTEND"}, "10.77.0.1"},
	{"inline", {"LOOP_INLINE"}, "10.77.0.1"},
	{"inline and attending", {"LOOP_INLINE", "LOOP_ATTEND"}, "10.77.0.1"},
	{"by RDMA write", {"LOOP_NO_READ"}, "10.77.0.1"},
	{"TCP/IP", {NULL}, ""},
};
static const char *const options[] = {"LOOP_ATTEND", "LOOP_INLINE", "LOOP_NO_READ"};

static atomic_bool stop;
static atomic_uint wrong, made, published, operations, begun;
static const struct mode *mode;
static struct loop_control *san;
static SOCKET listener;
static _Atomic SOCKET slots[SLOTS];

struct operation {
	WSAOVERLAPPED o;
	WSABUF buffer;
	SOCKET s;
	DWORD flags;
	char *memory;
};

struct worker {
	pthread_t thread;
	unsigned seed;
	WSAEVENT event; /* of WSAEventSelect */
	char *memory;
	struct operation *pending[PENDING];
};

static void report(int line, const char *what, int code)
{
	if (atomic_fetch_add(&wrong, 1) < 20)
		fprintf(stderr, "%s, line %d: %s, code %d\n", mode->name, line, what, code);
}

#define CHECK(cond)                                                     \
	do {                                                            \
		if (!(cond))                                            \
			report(__LINE__, #cond, wsd_WSAGetLastError()); \
	} while (0)

/* What a call may answer on a socket that others shut down, close or cut. */
static bool expected(int code)
{
	static const int codes[] = {WSAEWOULDBLOCK,        WSAETIMEDOUT, WSAECONNRESET,
				    WSAECONNABORTED,       WSAENOTSOCK,  WSAENOTCONN,
				    WSAESHUTDOWN,          WSAEINTR,     WSA_IO_PENDING,
				    WSA_OPERATION_ABORTED, WSAEINVAL /* FIONBIO beside events */};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

#define MAY_FAIL(call)                                                          \
	do {                                                                    \
		if ((call) == SOCKET_ERROR && !expected(wsd_WSAGetLastError())) \
			report(__LINE__, #call, wsd_WSAGetLastError());         \
	} while (0)

static unsigned some(struct worker *w, unsigned n)
{
	return (unsigned)rand_r(&w->seed) % n;
}

static unsigned size(struct worker *w)
{
	static const unsigned most[] = {1, 64, 200, 500, 1500, 5000, 5000, 16384, 20000, ROOM};
	return 1 + some(w, most[some(w, sizeof(most) / sizeof(most[0]))]);
}

static struct wsd_sockaddr_in address(void)
{
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET};
	in.sin_port = (USHORT)((PORT & 0xff) << 8 | PORT >> 8);
	in.sin_addr.s_addr = 0x01004d0a;
	return in;
}

static void set(SOCKET s, int name, DWORD value)
{
	MAY_FAIL(wsd_setsockopt(s, WSD_SOL_SOCKET, name, (char *)&value, sizeof(value)));
}

static void nonblocking(SOCKET s, bool on)
{
	ULONG value = on;
	MAY_FAIL(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &value));
}

/* ---- connections come ---- */

/* Into a free slot, for all to use; closed if there is none. */
static void publish(SOCKET s)
{
	set(s, WSD_SO_RCVTIMEO, CALL_MS);
	set(s, WSD_SO_SNDTIMEO, CALL_MS);
	nonblocking(s, atomic_fetch_add(&published, 1) % 3);
	for (int i = 0; i < SLOTS && !atomic_load(&stop); i++) {
		SOCKET none = INVALID_SOCKET;
		if (atomic_compare_exchange_strong(&slots[i], &none, s))
			return;
	}
	CHECK(wsd_closesocket(s) == 0);
}

static bool full(void)
{
	unsigned n = 0;
	for (int i = 0; i < SLOTS; i++)
		n += atomic_load(&slots[i]) == INVALID_SOCKET;
	return n < 2;
}

static bool connect_one(struct worker *w, SOCKET s)
{
	struct wsd_sockaddr_in to = address();
	bool patient = some(w, 2);
	nonblocking(s, !patient);
	if (wsd_connect(s, (struct wsd_sockaddr *)&to, sizeof(to)) == 0)
		return true;
	if (patient || wsd_WSAGetLastError() != WSAEWOULDBLOCK)
		return false;
	if (some(w, 8) == 0)
		return false; /* given up while it is on its way */
	struct wsd_fd_set writable = {.fd_count = 1, .fd_array = {s}}, except = writable;
	struct timeval long_enough = {.tv_sec = 10};
	CHECK(wsd_select(0, NULL, &writable, &except, &long_enough) > 0);
	return writable.fd_count > 0;
}

static void *maker(void *arg)
{
	struct worker *w = arg;
	while (!atomic_load(&stop)) {
		if (full()) {
			usleep(500);
			continue;
		}
		SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
		CHECK(s != INVALID_SOCKET);
		if (connect_one(w, s)) {
			atomic_fetch_add(&made, 1);
			publish(s);
		} else {
			CHECK(wsd_closesocket(s) == 0);
		}
	}
	return NULL;
}

static void *acceptor(void *arg)
{
	for (;;) {
		SOCKET s = wsd_accept(listener, NULL, NULL);
		if (s != INVALID_SOCKET) {
			publish(s);
			continue;
		}
		int code = wsd_WSAGetLastError();
		if (code == WSAEINTR || code == WSAENOTSOCK)
			return NULL; /* the listener is closed */
		if (code != WSAECONNRESET)
			report(__LINE__, "accept", code);
	}
}

/* ---- what is done with them ---- */

static void do_send(struct worker *w, SOCKET s)
{
	MAY_FAIL(wsd_send(s, w->memory, (int)size(w), 0));
}

static void do_recv(struct worker *w, SOCKET s)
{
	static const int flags[] = {WSD_MSG_PEEK, WSD_MSG_OOB};
	if (some(w, 8) == 0)
		MAY_FAIL(wsd_recv(s, w->memory, (int)size(w), flags[some(w, 2)]));
	MAY_FAIL(wsd_recv(s, w->memory, ROOM, 0));
}

static void do_urgent(struct worker *w, SOCKET s)
{
	BOOL at;
	MAY_FAIL(wsd_send(s, w->memory, 1 + (int)some(w, 20), WSD_MSG_OOB));
	MAY_FAIL(wsd_ioctlsocket(s, (LONG)WSD_SIOCATMARK, (ULONG *)&at));
}

static void end(struct operation *op)
{
	wsd_WSACloseEvent(op->o.hEvent);
	free(op->memory);
	free(op);
}

/* Takes the socket out of its slot and closes it, if nobody else has. */
static void close_it(struct worker *w, SOCKET s)
{
	static const struct wsd_linger lingers[] = {{0, 0}, {0, 0}, {1, 0}, {1, 1}};
	struct wsd_linger how = lingers[some(w, 4)];
	for (int i = 0; i < SLOTS; i++) {
		SOCKET is = s;
		if (!atomic_compare_exchange_strong(&slots[i], &is, INVALID_SOCKET))
			continue;
		wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&how, sizeof(how));
		nonblocking(s, how.l_onoff && how.l_linger ? false : some(w, 2));
		if (wsd_closesocket(s) && wsd_WSAGetLastError() != WSAEWOULDBLOCK)
			report(__LINE__, "closesocket", wsd_WSAGetLastError());
	}
}

static bool over(struct operation *op, DWORD ms)
{
	DWORD r = wsd_WSAWaitForMultipleEvents(1, &op->o.hEvent, TRUE, ms, FALSE);
	if (r != WSA_WAIT_EVENT_0)
		return false;
	/* reading the event is what the sanitizer sees of it */
	wsd_WSAResetEvent(op->o.hEvent);
	if (op->o.Internal && !expected((int)op->o.Internal))
		report(__LINE__, "an operation's end", (int)op->o.Internal);
	return true;
}

/* One more may be begun; the oldest is waited for, and if need be its socket closed. */
static int place(struct worker *w)
{
	int free_one = -1;
	for (int i = 0; i < PENDING; i++) {
		if (w->pending[i] && over(w->pending[i], 0)) {
			end(w->pending[i]);
			w->pending[i] = NULL;
		}
		if (!w->pending[i])
			free_one = i;
	}
	if (free_one >= 0)
		return free_one;
	struct operation *op = w->pending[0];
	if (!over(op, CALL_MS)) {
		close_it(w, op->s);
		if (!over(op, HANG_MS / 2))
			abort(); /* its memory is in use: nothing can go on */
	}
	end(op);
	w->pending[0] = NULL;
	return 0;
}

static void do_overlapped(struct worker *w, SOCKET s)
{
	int at = place(w);
	struct operation *op = calloc(1, sizeof(*op));
	DWORD n = size(w), moved;
	op->memory = calloc(1, n);
	op->buffer = (WSABUF){n, op->memory};
	op->s = s;
	op->o.hEvent = wsd_WSACreateEvent();
	op->flags = some(w, 8) ? 0 : WSD_MSG_OOB;
	int r = some(w, 2) ? wsd_WSASend(s, &op->buffer, 1, &moved, 0, &op->o, NULL)
			   : wsd_WSARecv(s, &op->buffer, 1, &moved, &op->flags, &op->o, NULL);
	int code = r ? wsd_WSAGetLastError() : 0;
	atomic_fetch_add(&begun, 1);
	if (code && !expected(code))
		report(__LINE__, "an operation's beginning", code);
	if (code && code != WSA_IO_PENDING)
		end(op);
	else
		w->pending[at] = op;
}

static SOCKET pick(struct worker *w)
{
	return atomic_load(&slots[some(w, SLOTS)]);
}

static void do_select(struct worker *w, SOCKET s)
{
	struct wsd_fd_set sets[3] = {{0}};
	struct timeval soon = {.tv_usec = 2000};
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			if ((s = pick(w)) != INVALID_SOCKET)
				sets[i].fd_array[sets[i].fd_count++] = s;
	if (sets[0].fd_count + sets[1].fd_count + sets[2].fd_count)
		MAY_FAIL(wsd_select(0, &sets[0], &sets[1], &sets[2], &soon));
}

static void do_poll(struct worker *w, SOCKET s)
{
	WSAPOLLFD fds[3];
	for (int i = 0; i < 3; i++)
		fds[i] = (WSAPOLLFD){.fd = i ? pick(w) : s,
				     .events = WSD_POLLRDNORM | WSD_POLLWRNORM | WSD_POLLRDBAND};
	MAY_FAIL(wsd_WSAPoll(fds, 3, 2));
}

static void do_events(struct worker *w, SOCKET s)
{
	WSANETWORKEVENTS seen;
	MAY_FAIL(wsd_WSAEventSelect(s, w->event, FD_READ | FD_WRITE | FD_OOB | FD_CLOSE));
	wsd_WSAWaitForMultipleEvents(1, &w->event, TRUE, 1, FALSE);
	MAY_FAIL(wsd_WSAEnumNetworkEvents(s, w->event, &seen));
	MAY_FAIL(wsd_WSAEventSelect(s, NULL, 0));
	nonblocking(s, some(w, 2));
}

static void do_ask(struct worker *w, SOCKET s)
{
	ULONG n;
	DWORD value;
	int len = sizeof(value);
	struct wsd_sockaddr_in name;
	int name_len = sizeof(name);
	MAY_FAIL(wsd_ioctlsocket(s, (LONG)WSD_FIONREAD, &n));
	MAY_FAIL(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_ERROR, (char *)&value, &len));
	MAY_FAIL(wsd_getpeername(s, (struct wsd_sockaddr *)&name, &name_len));
	set(s, WSD_SO_SNDBUF, 4096 << some(w, 6));
	set(s, WSD_SO_RCVBUF, 4096 << some(w, 6));
	set(s, WSD_SO_KEEPALIVE, some(w, 2));
	nonblocking(s, some(w, 3));
}

static void do_shutdown(struct worker *w, SOCKET s)
{
	if (some(w, 3) == 0)
		MAY_FAIL(wsd_shutdown(s, (int)some(w, 3)));
}

static void do_close(struct worker *w, SOCKET s)
{
	if (some(w, 2))
		close_it(w, s);
}

static void *worker(void *arg)
{
	static void (*const what[])(struct worker * w, SOCKET s) = {
		do_send,       do_send,       do_send,       do_recv,       do_recv,   do_recv,
		do_overlapped, do_overlapped, do_overlapped, do_overlapped, do_select, do_poll,
		do_events,     do_ask,        do_urgent,     do_shutdown,   do_close,
	};
	struct worker *w = arg;
	while (!atomic_load(&stop)) {
		SOCKET s = pick(w);
		if (s == INVALID_SOCKET) {
			usleep(200);
			continue;
		}
		what[some(w, sizeof(what) / sizeof(what[0]))](w, s);
		atomic_fetch_add(&operations, 1);
	}
	for (int i = 0; i < PENDING; i++) {
		struct operation *op = w->pending[i];
		w->pending[i] = NULL;
		if (!op)
			continue;
		if (!over(op, HANG_MS / 2))
			abort();
		end(op);
	}
	return NULL;
}

/* ---- a connection that nobody disturbs ---- */

struct quiet {
	SOCKET s;
	atomic_uint bytes;
};

static char pattern(unsigned at)
{
	return (char)(at * 167 + (at >> 8) * 31);
}

static void *echo(void *arg)
{
	static char memory[ROOM];
	struct quiet *q = arg;
	int n;
	while ((n = wsd_recv(q->s, memory, ROOM, 0)) > 0)
		CHECK(wsd_send(q->s, memory, n, 0) == n);
	CHECK(n == 0);
	CHECK(wsd_closesocket(q->s) == 0);
	return NULL;
}

static void round_trip(struct quiet *q, char *memory, unsigned n)
{
	unsigned at = 0;
	for (unsigned i = 0; i < n; i++)
		memory[i] = pattern(i);
	CHECK(wsd_send(q->s, memory, (int)n, 0) == (int)n);
	memset(memory, 0, n);
	while (at < n) {
		int got = wsd_recv(q->s, memory + at, (int)(n - at), 0);
		CHECK(got > 0);
		if (got <= 0)
			return;
		at += (unsigned)got;
	}
	for (unsigned i = 0; i < n; i++)
		if (memory[i] != pattern(i)) {
			report(__LINE__, "a wrong byte", (int)i);
			return;
		}
	atomic_fetch_add(&q->bytes, n);
}

static void *quiet(void *arg)
{
	static char memory[ROOM];
	struct quiet *q = arg;
	unsigned seed = 1;
	while (!atomic_load(&stop))
		round_trip(q, memory,
			   1 + (unsigned)rand_r(&seed) % (rand_r(&seed) % 4 ? 3000 : ROOM));
	CHECK(wsd_shutdown(q->s, WSD_SD_SEND) == 0);
	CHECK(wsd_recv(q->s, memory, 1, 0) == 0);
	CHECK(wsd_closesocket(q->s) == 0);
	return NULL;
}

/* ---- one mode ---- */

static void listen_on(SOCKET s)
{
	struct wsd_sockaddr_in name = address();
	CHECK(wsd_bind(s, (struct wsd_sockaddr *)&name, sizeof(name)) == 0);
	CHECK(wsd_listen(s, 50) == 0);
}

static void open_quiet(struct quiet *one, struct quiet *two)
{
	struct wsd_sockaddr_in to = address();
	one->s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	CHECK(wsd_connect(one->s, (struct wsd_sockaddr *)&to, sizeof(to)) == 0);
	two->s = wsd_accept(listener, NULL, NULL);
	CHECK(two->s != INVALID_SOCKET);
}

static void start_worker(struct worker *w, unsigned number, void *(*run)(void *))
{
	*w = (struct worker){.seed = number * 7919 + (unsigned)(mode - modes)};
	w->memory = calloc(1, ROOM);
	w->event = wsd_WSACreateEvent();
	CHECK(pthread_create(&w->thread, NULL, run, w) == 0);
}

static void end_worker(struct worker *w)
{
	pthread_join(w->thread, NULL);
	wsd_WSACloseEvent(w->event);
	free(w->memory);
}

static void load(unsigned ms)
{
	struct worker workers[WORKERS + MAKERS];
	struct quiet one = {0}, two = {0};
	pthread_t threads[3];
	open_quiet(&one, &two);
	pthread_create(&threads[0], NULL, quiet, &one);
	pthread_create(&threads[1], NULL, echo, &two);
	pthread_create(&threads[2], NULL, acceptor, NULL);
	for (unsigned i = 0; i < WORKERS + MAKERS; i++)
		start_worker(&workers[i], i, i < WORKERS ? worker : maker);
	usleep(ms * 1000);
	atomic_store(&stop, true);
	CHECK(wsd_closesocket(listener) == 0);
	for (int round = 0; round < 2; round++) { /* again for those that came meanwhile */
		for (int i = 0; i < SLOTS; i++) {
			SOCKET s = atomic_exchange(&slots[i], INVALID_SOCKET);
			CHECK(s == INVALID_SOCKET || wsd_closesocket(s) == 0 ||
			      wsd_WSAGetLastError() == WSAEWOULDBLOCK);
		}
		for (unsigned i = 0; i < WORKERS + MAKERS && !round; i++)
			end_worker(&workers[i]);
		for (int i = 0; i < 3 && !round; i++)
			pthread_join(threads[i], NULL);
	}
	CHECK(atomic_load(&one.bytes) > 0);
}

static void run(unsigned ms)
{
	WSADATA data;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		unsetenv(options[i]);
	for (int i = 0; i < 2; i++)
		if (mode->option[i])
			setenv(mode->option[i], "1", 1);
	setenv("LOOP_ADDRS", mode->addrs, 1);
	for (int i = 0; i < SLOTS; i++)
		atomic_store(&slots[i], INVALID_SOCKET);
	atomic_store(&stop, false);
	atomic_store(&made, 0);
	atomic_store(&operations, 0);
	atomic_store(&begun, 0);
	unsigned before = atomic_load(&san->connects);
	CHECK(wsd_WSAStartup(0x0202, &data) == 0);
	listener = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	listen_on(listener);
	load(ms);
	CHECK(wsd_WSACleanup() == 0);
	CHECK(atomic_load(&san->sockets) == 0);
	CHECK(atomic_load(&san->stale) == 0);
	CHECK(!*mode->addrs == (atomic_load(&san->connects) == before));
	printf("%-22s %6u connections, %7u calls, %6u of them overlapped; so far %u wrong\n",
	       mode->name, atomic_load(&made), atomic_load(&operations), atomic_load(&begun),
	       atomic_load(&wrong));
}

static void *watch(void *arg)
{
	usleep(HANG_MS * 1000);
	fprintf(stderr, "%s: hangs\n", mode->name);
	abort();
}

int main(int argc, char **argv)
{
	wsd_tsan_places(argv);
	unsigned ms = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000;
	size_t only = argc > 2 ? strtoul(argv[2], NULL, 10) : SIZE_MAX;
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!netbed_enter() || netbed_add_link("san0") ||
	    netbed_add_addr("san0", "10.77.0.1", 24)) {
		puts("skipped: no network namespace of one's own");
		return 77;
	}
	mode = &modes[0];
	setenv("WSD_CONNECT_SAN_MS", "20000", 1); /* a busy machine is no reason for TCP/IP */
	setenv("LOOP_CONNECT_MS", "20000", 1);
	san = stress_catalogue(LOOP_MODULE, LOOP_CONTROL);
	CHECK(san != NULL);
	for (size_t i = 0; san && i < sizeof(modes) / sizeof(modes[0]); i++) {
		pthread_t watchdog;
		if (only != SIZE_MAX && only != i)
			continue;
		mode = &modes[i];
		CHECK(pthread_create(&watchdog, NULL, watch, NULL) == 0);
		run(ms);
		pthread_cancel(watchdog);
		pthread_join(watchdog, NULL);
	}
	stress_end();
	return atomic_load(&wrong) ? 1 : 0;
}
