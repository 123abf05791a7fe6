/* SPDX-License-Identifier: MIT
 *
 * Peers that end badly, over the loop provider's SAN: stopped, then killed, with data pending in
 * every direction and in every kind of call. Each ends with WSAECONNRESET within a bounded time, a
 * connection to somebody else goes on. [SW-CLOSE-5, SW-CLOSE-6, SW-BLOCK-1, SW-CLOSE-2]
 */
#include "pair.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum {
	MIB = 1 << 20,
	END_MS = 10000,     /* within which everything is told */
	PATIENCE_MS = 20000 /* fails the test, never decides it */
};

/* ---- peers: processes with a listener each, made before this one has threads ---- */

struct peer {
	pid_t pid;
	int ready[2];
};

static void *flood(void *arg)
{
	static char bytes[100000];
	SOCKET s = *(SOCKET *)arg;
	while (wsd_send(s, bytes, sizeof(bytes), 0) == sizeof(bytes))
		;
	return NULL;
}

static void *echo(void *arg)
{
	static char bytes[100000];
	SOCKET s = *(SOCKET *)arg;
	for (int n; (n = wsd_recv(s, bytes, sizeof(bytes), 0)) > 0;)
		pair_send(s, bytes, n);
	return NULL;
}

/* Of @n connections the last @floods send for ever; none is read. Or the one there is echoes. */
static void serve(struct peer *p, unsigned short port, int n, int floods)
{
	static SOCKET s[16];
	pthread_t t;
	bed_start(&bed);
	SOCKET l = bed_bound("10.77.0.1", port);
	cr_assert_eq(wsd_listen(l, 20), 0);
	if (write(p->ready[1], "", 1) != 1)
		_exit(1);
	for (int i = 0; i < n; i++) {
		s[i] = wsd_accept(l, NULL, NULL);
		if (n == 1)
			pthread_create(&t, NULL, echo, &s[i]);
		else if (i >= n - floods)
			pthread_create(&t, NULL, flood, &s[i]);
	}
	for (;;)
		pause();
}

static void peer_start(struct peer *p, unsigned short port, int n, int floods)
{
	char c;
	cr_assert_eq(pipe(p->ready), 0);
	fflush(NULL);
	p->pid = fork();
	if (!p->pid) {
		serve(p, port, n, floods);
		_exit(0);
	}
	cr_assert_eq(read(p->ready[0], &c, 1), 1);
}

static void peer_kill(struct peer *p)
{
	int status;
	cr_assert_eq(kill(p->pid, SIGKILL), 0);
	cr_assert_eq(waitpid(p->pid, &status, 0), p->pid);
	close(p->ready[0]);
	close(p->ready[1]);
}

static SOCKET connected(unsigned short port)
{
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", port), 0);
	cr_assert_str_eq(pair_look(s).transport, "SAN");
	return s;
}

/* ---- calls that wait for the peer, in every way ---- */

enum kind { SEND_LARGE, SEND_SMALL, RECEIVE, SELECT, THREADS };
enum { IN_FLIGHT = THREADS, FLOODED, CLOSE_EVENT, CONNECTIONS };

struct call {
	enum kind kind;
	SOCKET s;
	pthread_t thread;
	atomic_bool begun, over;
	int code;
};

static void *run(void *arg)
{
	struct call *c = arg;
	static char large[8 * MIB];
	char small[1000] = "";
	int n = 1;
	atomic_store(&c->begun, true);
	if (c->kind == SEND_LARGE)
		n = wsd_send(c->s, large, sizeof(large), 0);
	else if (c->kind == SEND_SMALL)
		while ((n = wsd_send(c->s, small, sizeof(small), 0)) > 0)
			;
	else if (c->kind == SELECT) {
		struct wsd_fd_set r = {.fd_count = 1, .fd_array = {c->s}};
		n = wsd_select(0, &r, NULL, NULL, NULL);
	}
	if (c->kind >= RECEIVE && n == 1)
		n = wsd_recv(c->s, small, 1, 0);
	c->code = n == SOCKET_ERROR ? wsd_WSAGetLastError() : 0;
	atomic_store(&c->over, true);
	return NULL;
}

struct victim {
	struct call call[THREADS];
	SOCKET s[CONNECTIONS];
	WSAOVERLAPPED in, out;
	char *memory;
	WSAEVENT closed;
};

static void begin(struct victim *v, unsigned short port)
{
	WSABUF buffer = {4 * MIB, v->memory = calloc(5, MIB)};
	WSABUF receive = {MIB, v->memory + 4 * MIB};
	DWORD flags = 0;
	for (int i = 0; i < CONNECTIONS; i++)
		v->s[i] = connected(port);
	for (int i = 0; i < THREADS; i++) {
		v->call[i] = (struct call){.kind = (enum kind)i, .s = v->s[i]};
		cr_assert_eq(pthread_create(&v->call[i].thread, NULL, run, &v->call[i]), 0);
	}
	v->in = (WSAOVERLAPPED){.hEvent = wsd_WSACreateEvent()};
	v->out = (WSAOVERLAPPED){.hEvent = wsd_WSACreateEvent()};
	cr_assert_eq(wsd_WSARecv(v->s[IN_FLIGHT], &receive, 1, NULL, &flags, &v->in, NULL),
		     SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSA_IO_PENDING);
	cr_assert_eq(wsd_WSASend(v->s[IN_FLIGHT], &buffer, 1, NULL, 0, &v->out, NULL),
		     SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSA_IO_PENDING);
	v->closed = wsd_WSACreateEvent();
	cr_assert_eq(wsd_WSAEventSelect(v->s[CLOSE_EVENT], v->closed, FD_CLOSE), 0);
	/* what floods has come, and more waits behind it */
	ULONG there = 0;
	cr_assert(WSD_UNTIL(wsd_ioctlsocket(v->s[FLOODED], (LONG)WSD_FIONREAD, &there) == 0 &&
				    there > 0,
			    PATIENCE_MS));
	for (int i = 0; i < THREADS; i++)
		cr_assert(WSD_UNTIL(atomic_load(&v->call[i].begun), PATIENCE_MS));
}

static bool event_set(WSAEVENT e, DWORD ms)
{
	return wsd_WSAWaitForMultipleEvents(1, &e, TRUE, ms, FALSE) == 0;
}

static void all_wait(struct victim *v)
{
	for (int i = 0; i < THREADS; i++)
		cr_assert_not(atomic_load(&v->call[i].over), "call %d, code %d", i,
			      v->call[i].code);
	cr_assert_not(event_set(v->in.hEvent, 0));
	cr_assert_not(event_set(v->out.hEvent, 0));
	cr_assert_not(event_set(v->closed, 0));
}

static int code_of_recv(SOCKET s)
{
	static char bytes[200000];
	int n;
	while ((n = wsd_recv(s, bytes, sizeof(bytes), 0)) > 0)
		;
	return n ? wsd_WSAGetLastError() : 0;
}

static void overlapped_end(struct victim *v, WSAOVERLAPPED *o)
{
	DWORD moved, flags;
	cr_assert(event_set(o->hEvent, END_MS));
	cr_assert_not(wsd_WSAGetOverlappedResult(v->s[IN_FLIGHT], o, &moved, FALSE, &flags));
	cr_assert_eq(wsd_WSAGetLastError(), WSAECONNRESET, "%d", wsd_WSAGetLastError());
	wsd_WSACloseEvent(o->hEvent);
}

/* All of it within END_MS from now. */
static void all_end(struct victim *v)
{
	long long from = wsd_check_now_ms();
	WSANETWORKEVENTS seen;
	for (int i = 0; i < THREADS; i++) {
		cr_assert(WSD_UNTIL(atomic_load(&v->call[i].over), END_MS), "call %d", i);
		cr_assert_eq(pthread_join(v->call[i].thread, NULL), 0);
		cr_assert_eq(v->call[i].code, WSAECONNRESET, "call %d: %d", i, v->call[i].code);
	}
	overlapped_end(v, &v->in);
	overlapped_end(v, &v->out);
	cr_assert(event_set(v->closed, END_MS));
	cr_assert_eq(wsd_WSAEnumNetworkEvents(v->s[CLOSE_EVENT], v->closed, &seen), 0);
	cr_assert(seen.lNetworkEvents & FD_CLOSE);
	cr_assert_eq(seen.iErrorCode[FD_CLOSE_BIT], WSAECONNRESET);
	wsd_WSACloseEvent(v->closed);
	for (int i = 0; i < CONNECTIONS; i++) { /* every call from now on */
		cr_assert_eq(code_of_recv(v->s[i]), WSAECONNRESET, "connection %d: %d", i,
			     wsd_WSAGetLastError());
		cr_assert_eq(wsd_send(v->s[i], "x", 1, 0), SOCKET_ERROR);
		cr_assert_eq(wsd_WSAGetLastError(), WSAECONNRESET, "connection %d: %d", i,
			     wsd_WSAGetLastError());
		bed_close(v->s[i]);
	}
	long long took = wsd_check_now_ms() - from;
	cr_assert_lt(took, END_MS, "%lld ms", took);
	free(v->memory);
}

/* ---- the connection that goes on ---- */

struct other {
	SOCKET s;
	pthread_t thread;
	atomic_bool stop;
	atomic_uint rounds;
};

static void *go_on(void *arg)
{
	static char out[100000], in[100000];
	struct other *o = arg;
	while (!atomic_load(&o->stop)) {
		unsigned round = atomic_load(&o->rounds);
		int len = round % 4 ? 3000 : (int)sizeof(out);
		memset(out, (int)round, (size_t)len);
		pair_send(o->s, out, len);
		cr_assert_eq(pair_recv(o->s, in, len), len);
		cr_assert_eq(memcmp(in, out, (size_t)len), 0);
		atomic_fetch_add(&o->rounds, 1);
	}
	return NULL;
}

/* It moves: not just not broken. */
static void other_moves(struct other *o)
{
	unsigned rounds = atomic_load(&o->rounds);
	cr_assert(WSD_UNTIL(atomic_load(&o->rounds) >= rounds + 5, END_MS));
}

/* Clauses: SW-BLOCK-1 */
Test(san_killed, SW_CLOSE_06_everything_that_waits_for_a_killed_peer_ends, .timeout = 100)
{
	enum { KILLED, STOPPED_AND_KILLED, WAYS };
	PAIR_BEGIN();
	for (int way = 0; way < WAYS; way++) {
		struct peer good, bad;
		struct victim v;
		struct other o = {0};
		peer_start(&good, BED_PORT, 1, 0);
		peer_start(&bad, BED_PORT + 1, CONNECTIONS, 2);
		bed_start(&bed);
		o.s = connected(BED_PORT);
		cr_assert_eq(pthread_create(&o.thread, NULL, go_on, &o), 0);
		begin(&v, BED_PORT + 1);
		if (way == STOPPED_AND_KILLED) {
			cr_assert_eq(kill(bad.pid, SIGSTOP), 0);
			usleep(300000); /* a peer that is slow is no error */
		}
		all_wait(&v);
		other_moves(&o);
		peer_kill(&bad);
		all_end(&v);
		other_moves(&o);
		/* and its name is nobody's */
		SOCKET s = bed_socket();
		cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT + 1), WSAECONNREFUSED);
		bed_close(s);
		atomic_store(&o.stop, true);
		cr_assert_eq(pthread_join(o.thread, NULL), 0);
		bed_close(o.s);
		peer_kill(&good);
		bed_stop(&bed);
	}
	PAIR_END();
}

/* A peer that is stopped for good: closing does not wait for it, and WSACleanup a bounded time. */
Test(san_killed, SW_CLOSE_02_a_stopped_peer_keeps_nobody, .timeout = 100)
{
	enum { CLOSE_MS = 5000, CLEANUP_MS = 20000 };
	static const struct wsd_linger second = {1, 1};
	PAIR_BEGIN();
	struct peer bad;
	struct victim v;
	peer_start(&bad, BED_PORT, CONNECTIONS, 2);
	bed_start(&bed);
	begin(&v, BED_PORT);
	cr_assert_eq(kill(bad.pid, SIGSTOP), 0);
	long long from = wsd_check_now_ms();
	for (int i = 0; i < CONNECTIONS; i++)
		if (i != SELECT)
			bed_close(v.s[i]);
	long long took = wsd_check_now_ms() - from;
	cr_assert_lt(took, CLOSE_MS, "%lld ms", took);
	for (int i = 0; i < THREADS; i++)
		if (i != SELECT) {
			cr_assert(WSD_UNTIL(atomic_load(&v.call[i].over), END_MS), "call %d", i);
			/* one that sends again and again may have been between two sends */
			cr_assert(v.call[i].code == WSAEINTR ||
					  (i == SEND_SMALL && v.call[i].code == WSAENOTSOCK),
				  "call %d: %d", i, v.call[i].code);
		}
	cr_assert(event_set(v.in.hEvent, END_MS));
	cr_assert(event_set(v.out.hEvent, 2 * END_MS));
	cr_assert_eq(v.in.Internal, WSA_OPERATION_ABORTED);
	cr_assert_eq(v.out.Internal, WSA_OPERATION_ABORTED);
	/* a linger that runs out */
	cr_assert_eq(wsd_setsockopt(v.s[SELECT], WSD_SOL_SOCKET, WSD_SO_LINGER,
				    (const char *)&second, sizeof(second)),
		     0);
	from = wsd_check_now_ms();
	wsd_closesocket(v.s[SELECT]);
	took = wsd_check_now_ms() - from;
	cr_assert_lt(took, END_MS, "%lld ms", took);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_join(v.call[i].thread, NULL), 0);
	cr_assert(wsd_WSACloseEvent(v.in.hEvent) && wsd_WSACloseEvent(v.out.hEvent) &&
		  wsd_WSACloseEvent(v.closed));
	from = wsd_check_now_ms();
	bed_stop(&bed);
	took = wsd_check_now_ms() - from;
	cr_assert_lt(took, CLEANUP_MS, "%lld ms", took);
	peer_kill(&bad);
	free(v.memory);
	PAIR_END();
}
