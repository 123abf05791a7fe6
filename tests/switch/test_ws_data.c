/* SPDX-License-Identifier: MIT
 *
 * Sending and receiving on a connected stream, over the environment's transport (stream_pair.h).
 * [WS-DATA-1 to 3, WS-ERR-2 to 4, WS-CLOSE-1]
 */
#include "stream_pair.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { KIB = 1024, MIB = 1024 * KIB, TIMEOUT_MS = 60, SLACK_MS = 5000 };

#define SEND(s, buffer, n, flags) ws_count(wsd_send((s), (buffer), (n), (flags)))
#define RECV(s, buffer, n, flags) ws_count(wsd_recv((s), (buffer), (n), (flags)))

/* Bytes, or minus the code. */
static int ws_count(int r)
{
	return r == SOCKET_ERROR ? -wsd_WSAGetLastError() : r;
}

static bool long_run(void)
{
	return getenv("WSD_TEST_LONG") != NULL;
}

/* ---- not a byte lost ---- */

Test(data, WS_DATA_3_sizes_and_pieces)
{
	static const struct {
		uint64_t bytes;
		size_t send, receive;
	} rows[] = {
		{1, 1, 1},
		{7, 3, 2},
		{64, 64, 64},
		{4096, 4096, 1000},
		{100 * KIB, 1000, 4096},
		{300 * KIB, 64 * KIB, 7777},
		{1 * MIB, 16 * KIB + 1, 64 * KIB - 1},
		{4 * MIB, 4 * MIB, 1 * MIB},
		{6 * MIB + 13, 999999, 3 * MIB},
	};
	WS_BEGIN();
	struct pair p = pair_open();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pair_flow f = {.s = p.a,
				      .send = true,
				      .seed = i,
				      .bytes = rows[i].bytes,
				      .piece = rows[i].send};
		pair_flow_start(&f);
		int code = pair_recv_all(p.b, i, rows[i].bytes, rows[i].receive);
		cr_assert_eq(code, 0, "row %u: code %d", i, code);
		cr_assert_eq(pair_flow_end(&f), 0, "row %u: code %d", i, f.code);
	}
	pair_close(&p);
	WS_END();
}

Test(data, WS_DATA_3_both_directions_at_once, .timeout = 60)
{
	uint64_t bytes = long_run() ? 1024ull * MIB : 12 * MIB;
	WS_BEGIN();
	struct pair p = pair_open();
	struct pair_flow f[4] = {
		{.s = p.a, .send = true, .seed = 1, .bytes = bytes, .piece = 50000},
		{.s = p.b, .send = false, .seed = 1, .bytes = bytes, .piece = 65536},
		{.s = p.b, .send = true, .seed = 2, .bytes = bytes, .piece = 2 * MIB},
		{.s = p.a, .send = false, .seed = 2, .bytes = bytes, .piece = 12345},
	};
	for (int i = 0; i < 4; i++)
		pair_flow_start(&f[i]);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(pair_flow_end(&f[i]), 0, "flow %d: code %d", i, f[i].code);
	pair_close(&p);
	WS_END();
}

struct send_call {
	SOCKET s;
	WSABUF *segments;
	DWORD n, moved;
	int code;
};

static void *send_segments(void *arg)
{
	struct send_call *c = arg;
	c->code = ws_code(wsd_WSASend(c->s, c->segments, c->n, &c->moved, 0, NULL, NULL));
	return NULL;
}

/* Many buffers in one call: a few in the request itself, more allocated. Sent beside: it is more
 * than every transport takes before somebody reads. */
Test(data, WS_DATA_3_segments)
{
	static const DWORD counts[] = {1, 2, 4, 5, 16, 17, 40, 300};
	WS_BEGIN();
	struct pair p = pair_open();
	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		DWORD n = counts[i], each = 700, moved = 0, flags = 0;
		char *out = malloc(n * each), *in = calloc(n, each);
		WSABUF *segments = calloc(n, sizeof(*segments));
		size_t wrong = 0;
		pair_fill(out, n * each, i, 0);
		for (DWORD k = 0; k < n; k++)
			segments[k] = (WSABUF){each, out + k * each};
		segments[n - 1].len = n > 1 ? 0 : each; /* an empty one does no harm */
		DWORD total = n > 1 ? (n - 1) * each : each;
		WSABUF *places = calloc(n, sizeof(*places));
		struct send_call call = {.s = p.a, .segments = segments, .n = n};
		pthread_t sender;
		for (DWORD k = 0; k < n; k++)
			places[k] = (WSABUF){each, in + k * each};
		flags = WSD_MSG_WAITALL;
		places[n - 1].len = n > 1 ? 0 : each;
		cr_assert_eq(pthread_create(&sender, NULL, send_segments, &call), 0);
		WS_OK(wsd_WSARecv(p.b, places, n, &moved, &flags, NULL, NULL));
		pthread_join(sender, NULL);
		cr_assert_eq(call.code, 0);
		cr_assert_eq(call.moved, total);
		cr_assert_eq(moved, total);
		free(places);
		cr_assert_eq(flags, 0);
		cr_assert(pair_same(in, total, i, 0, &wrong), "%u segments: byte %zu", n, wrong);
		free(segments);
		free(in);
		free(out);
	}
	pair_close(&p);
	WS_END();
}

/* ---- blocking, non-blocking ---- */

Test(data, WS_DATA_3_blocking_send_takes_all)
{
	enum { BYTES = 20 * MIB };
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	struct pair_flow f = {.s = p.a, .send = true, .seed = 5, .bytes = BYTES, .piece = BYTES};
	pair_flow_start(&f);
	usleep(50000); /* a slow peer: it is no condition, only makes the send wait */
	cr_assert_not(f.over);
	cr_assert_eq(pair_recv_all(p.b, 5, BYTES, 200 * KIB), 0);
	cr_assert_eq(pair_flow_end(&f), 0);
	pair_close(&p);
	WS_END();
}

Test(data, WS_DATA_3_non_blocking_takes_all_or_nothing)
{
	enum { PIECE = 300 * KIB, BIG = 30 * MIB };
	char *buffer = malloc(BIG);
	uint64_t sent = 0;
	int r;
	WS_BEGIN();
	struct pair p = pair_open_small(32 * KIB, 32 * KIB);
	conn_nonblocking(p.a, true);
	for (;;) {
		pair_fill(buffer, PIECE, 9, sent);
		r = SEND(p.a, buffer, PIECE, 0);
		if (r < 0)
			break;
		cr_assert_eq(r, PIECE, "a part: %d", r);
		sent += PIECE;
	}
	cr_assert_eq(r, -WSAEWOULDBLOCK);
	cr_assert_gt(sent, 0);
	cr_assert_eq(SEND(p.a, buffer, 1, 0), -WSAEWOULDBLOCK, "what was left goes first");
	/* the application's buffer is its own again */
	memset(buffer, 0xee, PIECE);
	cr_assert_eq(pair_recv_all(p.b, 9, sent, 64 * KIB), 0);
	cr_assert(WSD_UNTIL((r = SEND(p.a, "x", 1, 0)) == 1, CONN_WAIT_MS), "code %d", -r);
	cr_assert_eq(RECV(p.b, buffer, 1, 0), 1);
	/* any size, as long as the socket is writable */
	pair_fill(buffer, BIG, 10, 0);
	cr_assert_eq(SEND(p.a, buffer, BIG, 0), BIG);
	memset(buffer, 0xee, BIG);
	cr_assert_eq(pair_recv_all(p.b, 10, BIG, MIB), 0);
	pair_close(&p);
	free(buffer);
	WS_END();
}

/* closesocket does not take back what a non-blocking send has accepted; neither does WSACleanup,
 * as long as the peer reads. */
Test(data, WS_CLOSE_1_unsent_data_is_delivered)
{
	enum { BYTES = 8 * MIB };
	char *buffer = malloc(BYTES);
	WS_BEGIN();
	pair_fill(buffer, BYTES, 3, 0);
	for (int way = 0; way < 2; way++) {
		struct pair p = pair_open_small(16 * KIB, 16 * KIB);
		conn_nonblocking(p.a, true);
		cr_assert_eq(SEND(p.a, buffer, BYTES, 0), BYTES);
		if (way)
			WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		cr_assert_eq(pair_recv_all(p.b, 3, BYTES, 100 * KIB), 0, "way %d", way);
		cr_assert_eq(RECV(p.b, buffer + BYTES - 1, 1, 0), 0, "and then the end");
		pair_close(&p);
	}
	free(buffer);
	WS_END();
}

Test(data, WS_DATA_3_cleanup_waits_for_what_is_left)
{
	enum { BYTES = 4 * MIB };
	if (pair_on_san())
		cr_skip_test("the peer here is the kernel's");
	char *buffer = malloc(BYTES), *got = malloc(BYTES);
	WS_BEGIN();
	SOCKET listener = conn_listener(LOOPBACK, 0, 1);
	int small = 16 * KIB, at = 0, r = 0;
	int fd = conn_foreign(LOOPBACK, ws_port(listener));
	SOCKET s = conn_accept(listener);
	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	conn_nonblocking(s, true);
	pair_fill(buffer, BYTES, 4, 0);
	cr_assert_eq(SEND(s, buffer, BYTES, 0), BYTES);
	pid_t reader = fork();
	if (!reader) {
		while (at < BYTES && (r = conn_foreign_read(fd, got + at, BYTES - at)) > 0)
			at += r;
		_exit(at == BYTES && !memcmp(got, buffer, BYTES) ? 0 : 1);
	}
	close(fd);
	cr_assert_eq(wsd_WSACleanup(), 0);
	int status = -1;
	waitpid(reader, &status, 0);
	cr_assert_eq(status, 0);
	free(got);
	free(buffer);
	WSD_TEST_END();
}

Test(data, WS_DATA_3_receive_modes)
{
	char b[16];
	ULONG n = 0;
	WS_BEGIN();
	struct pair p = pair_open();
	conn_nonblocking(p.b, true);
	cr_assert_eq(RECV(p.b, b, 4, 0), -WSAEWOULDBLOCK);
	cr_assert_eq(RECV(p.b, b, 0, 0), -WSAEWOULDBLOCK, "no room, but nothing there either");
	cr_assert_eq(RECV(p.b, b, 4, WSD_MSG_WAITALL), -WSAEOPNOTSUPP);
	cr_assert_eq(SEND(p.a, "", 0, 0), 0);
	cr_assert_eq(SEND(p.a, "abcdef", 6, 0), 6);
	cr_assert(WSD_UNTIL(wsd_ioctlsocket(p.b, (LONG)WSD_FIONREAD, &n) == 0 && n == 6,
			    CONN_WAIT_MS));
	cr_assert_eq(RECV(p.b, b, 0, 0), 0);
	cr_assert_eq(RECV(p.b, b, 3, WSD_MSG_PEEK), 3);
	cr_assert_arr_eq(b, "abc", 3);
	cr_assert_eq(RECV(p.b, b, sizeof(b), 0), 6);
	cr_assert_arr_eq(b, "abcdef", 6);
	conn_nonblocking(p.b, false);
	/* MSG_WAITALL ends with the stream, too */
	cr_assert_eq(SEND(p.a, "123", 3, 0), 3);
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	cr_assert_eq(RECV(p.b, b, sizeof(b), WSD_MSG_WAITALL), 3);
	cr_assert_eq(RECV(p.b, b, sizeof(b), WSD_MSG_WAITALL), 0);
	pair_close(&p);
	WS_END();
}

/* ---- times ---- */

Test(data, WS_DATA_3_time_outs)
{
	char b[64 * KIB] = {0};
	int r;
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, TIMEOUT_MS));
	WS_OK(ws_set(p.a, WSD_SOL_SOCKET, WSD_SO_SNDTIMEO, TIMEOUT_MS));
	long long before = wsd_check_now_ms();
	cr_assert_eq(RECV(p.b, b, 8, 0), -WSAETIMEDOUT);
	long long took = wsd_check_now_ms() - before;
	cr_assert(took >= TIMEOUT_MS - 1 && took < TIMEOUT_MS + SLACK_MS, "%lld ms", took);
	cr_assert_eq(SEND(p.a, "abc", 3, 0), 3);
	cr_assert_eq(RECV(p.b, b, 8, WSD_MSG_WAITALL), 3, "what has come is not thrown away");
	before = wsd_check_now_ms();
	for (int i = 0; (r = SEND(p.a, b, sizeof(b), 0)) > 0 && i < 4096; i++)
		cr_assert_eq(r, sizeof(b));
	cr_assert_eq(r, -WSAETIMEDOUT);
	cr_assert_geq(wsd_check_now_ms() - before, TIMEOUT_MS - 1);
	pair_close(&p);
	WS_END();
}

/* ---- the end ---- */

Test(data, WS_DATA_1_shutdown)
{
	char b[8];
	WS_BEGIN();
	struct pair p = pair_open();
	cr_assert_eq(SEND(p.a, "last", 4, 0), 4);
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	cr_assert_eq(SEND(p.a, "x", 1, 0), -WSAESHUTDOWN);
	cr_assert_eq(RECV(p.b, b, sizeof(b), WSD_MSG_WAITALL), 4);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(RECV(p.b, b, sizeof(b), 0), 0, "again and again");
	/* the other direction still works */
	cr_assert_eq(SEND(p.b, "back", 4, 0), 4);
	cr_assert_eq(RECV(p.a, b, 4, WSD_MSG_WAITALL), 4);
	WS_OK(wsd_shutdown(p.a, WSD_SD_RECEIVE));
	cr_assert_eq(RECV(p.a, b, 4, 0), -WSAESHUTDOWN);
	WS_IS(wsd_shutdown(p.a, 3), WSAEINVAL);
	pair_close(&p);
	WS_END();
}

static volatile sig_atomic_t pipes;

static void count_pipe(int signal)
{
	pipes++;
}

static void hard_close(SOCKET *s)
{
	struct wsd_linger hard = {.l_onoff = 1};
	WS_OK(wsd_setsockopt(*s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard, sizeof(hard)));
	WS_OK(wsd_closesocket(*s));
	*s = INVALID_SOCKET;
}

/* Nothing raises SIGPIPE, on the caller's thread or on ours. */
Test(data, WS_DATA_1_no_sigpipe)
{
	char b[4] = {0};
	int r;
	struct sigaction before, count = {.sa_handler = count_pipe};
	WS_BEGIN();
	sigaction(SIGPIPE, &count, &before);
	struct pair p = pair_open();
	hard_close(&p.b);
	cr_assert(WSD_UNTIL((r = SEND(p.a, b, sizeof(b), 0)) < 0, CONN_WAIT_MS));
	for (int i = 0; i < 5; i++)
		cr_assert_lt(r = SEND(p.a, b, sizeof(b), 0), 0);
	cr_assert_eq(r, -WSAECONNRESET);
	cr_assert_eq(pipes, 0);
	sigaction(SIGPIPE, &before, NULL);
	pair_close(&p);
	WS_END();
}

Test(data, WS_DATA_2_reset)
{
	char b[8];
	WS_BEGIN();
	for (int way = 0; way < 2; way++) {
		struct pair p = pair_open();
		hard_close(&p.b);
		int r = 0;
		if (way) { /* the send hears of it first */
			cr_assert(WSD_UNTIL((r = SEND(p.a, "x", 1, 0)) < 0, CONN_WAIT_MS));
			cr_assert_eq(r, -WSAECONNRESET);
		}
		cr_assert_eq(RECV(p.a, b, sizeof(b), 0), -WSAECONNRESET);
		cr_assert_eq(SEND(p.a, "x", 1, 0), -WSAECONNRESET, "Linux would say EPIPE");
		cr_assert_eq(RECV(p.a, b, sizeof(b), 0), -WSAECONNRESET, "Linux: the end");
		cr_assert_eq(ws_get(p.a, WSD_SOL_SOCKET, WSD_SO_ERROR), 0);
		pair_close(&p);
	}
	WS_END();
}

static int call_recv(struct conn_call *c)
{
	char b[64];
	return -RECV(c->s, b, sizeof(b), 0);
}

static int call_send(struct conn_call *c)
{
	static char b[8 * MIB];
	int r = SEND(c->s, b, sizeof(b), 0);
	return r < 0 ? -r : r;
}

/* A blocked call ends when another thread closes the socket. */
Test(data, WS_CLOSE_1_blocked_calls_end)
{
	WS_BEGIN();
	for (int send = 0; send < 2; send++) {
		struct pair p = pair_open_small(16 * KIB, 16 * KIB);
		struct conn_call call = {.fn = send ? call_send : call_recv, .s = p.a};
		conn_call_start(&call);
		cr_assert_not(call.over);
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		cr_assert_eq(conn_call_end(&call), WSAEINTR);
		pair_close(&p);
	}
	WS_END();
}

/* A peer that is killed: this side hears of it, others do not notice. */
Test(data, WS_DATA_2_peer_killed)
{
	char b[64];
	if (pair_on_san())
		cr_skip_test("the peer here is the kernel's");
	WS_BEGIN();
	SOCKET listener = conn_listener(LOOPBACK, 0, 1);
	struct pair other = pair_open();
	unsigned port = ws_port(listener);
	pid_t peer = fork();
	if (!peer) {
		int fd = conn_foreign(LOOPBACK, port);
		while (fd >= 0)
			pause();
		_exit(1);
	}
	SOCKET s = conn_accept(listener);
	cr_assert_eq(SEND(s, b, sizeof(b), 0), sizeof(b));
	struct conn_call call = {.fn = call_recv, .s = s};
	conn_call_start(&call);
	kill(peer, SIGKILL);
	waitpid(peer, NULL, 0);
	cr_assert_eq(conn_call_end(&call), WSAECONNRESET, "code %d", call.code);
	cr_assert_eq(pair_send_all(other.a, 1, 1000, 100), 0);
	cr_assert_eq(pair_recv_all(other.b, 1, 1000, 100), 0);
	pair_close(&other);
	WS_END();
}

/* ---- errors and their order ---- */

Test(data, WS_ERR_3_order)
{
	char b[8] = {0};
	DWORD n = 0, flags = 0;
	WSABUF good = {4, b}, null = {4, NULL};
	WSD_TEST_BEGIN();
	cr_assert_eq(SEND(0, NULL, 1, 0), -WSANOTINITIALISED);
	cr_assert_eq(RECV(0, NULL, 1, 0), -WSANOTINITIALISED);
	ws_start();
	SOCKET s = ws_tcp();
	cr_assert_eq(SEND(0, NULL, 1, 0), -WSAENOTSOCK);
	cr_assert_eq(RECV(INVALID_SOCKET, NULL, 1, 0), -WSAENOTSOCK);
	cr_assert_eq(SEND(s, NULL, 1, 0), -WSAEFAULT, "before the state");
	cr_assert_eq(SEND(s, b, -1, 0), -WSAEFAULT);
	cr_assert_eq(SEND(s, b, 1, 0), -WSAENOTCONN);
	cr_assert_eq(RECV(s, b, 1, 0), -WSAENOTCONN);
	WS_IS(wsd_WSASend(s, NULL, 1, &n, 0, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSASend(s, &good, 1, NULL, 0, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSASend(s, &good, 0, &n, 0, NULL, NULL), WSAEINVAL);
	WS_IS(wsd_WSASend(s, &null, 1, &n, 0, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSASend(s, (LPWSABUF)8, 1, &n, 0, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSASend(s, (LPWSABUF)8, 1000000, &n, 0, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSASend(s, &good, 1, &n, 0, NULL, NULL), WSAENOTCONN);
	WS_IS(wsd_WSARecv(s, &good, 1, &n, NULL, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSARecv(s, &good, 1, NULL, &flags, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSARecv(s, &good, 1, &n, &flags, NULL, NULL), WSAENOTCONN);
	WS_OK(wsd_closesocket(s));
	SOCKET listener = conn_listener(LOOPBACK, 0, 1);
	cr_assert_eq(SEND(listener, b, 1, 0), -WSAENOTCONN);
	cr_assert_eq(RECV(listener, b, 1, 0), -WSAENOTCONN);
	WS_END();
}

Test(data, WS_ERR_3_flags)
{
	static const int bad_send[] = {WSD_MSG_PEEK, WSD_MSG_WAITALL, MSG_PARTIAL, 0x40000000,
				       0x10};
	static const int bad_recv[] = {WSD_MSG_DONTROUTE, 0x40000000, WSD_MSG_TRUNC,
				       WSD_MSG_WAITALL | WSD_MSG_PEEK,
				       WSD_MSG_WAITALL | WSD_MSG_OOB};
	char b[4];
	WS_BEGIN();
	struct pair p = pair_open();
	for (unsigned i = 0; i < sizeof(bad_send) / sizeof(int); i++)
		cr_assert_eq(SEND(p.a, "x", 1, bad_send[i]), -WSAEOPNOTSUPP, "row %u", i);
	for (unsigned i = 0; i < sizeof(bad_recv) / sizeof(int); i++)
		cr_assert_eq(RECV(p.b, b, 1, bad_recv[i]), -WSAEOPNOTSUPP, "row %u", i);
	cr_assert_eq(SEND(p.a, "x", 1, WSD_MSG_DONTROUTE), 1);
	cr_assert_eq(RECV(p.b, b, 4, 0), 1);
	/* MSG_PARTIAL means nothing on a stream */
	int flags = MSG_PARTIAL;
	cr_assert_eq(SEND(p.a, "x", 1, 0), 1);
	cr_assert_eq(wsd_WSARecvEx(p.b, b, 4, &flags), 1);
	cr_assert_eq(flags, 0);
	cr_assert_eq(ws_count(wsd_WSARecvEx(p.b, b, 4, NULL)), -WSAEINVAL);
	pair_close(&p);
	WS_END();
}

/* A success sets the last error to 0. */
Test(data, WS_ERR_2_success_clears)
{
	char b[4];
	DWORD n, flags = 0;
	WSABUF one = {1, b};
	WS_BEGIN();
	struct pair p = pair_open();
	wsd_WSASetLastError(77);
	cr_assert_eq(wsd_send(p.a, "ab", 2, 0), 2);
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	wsd_WSASetLastError(77);
	cr_assert_eq(wsd_recv(p.b, b, 1, 0), 1);
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	wsd_WSASetLastError(77);
	cr_assert_eq(wsd_WSARecv(p.b, &one, 1, &n, &flags, NULL, NULL), 0);
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	wsd_WSASetLastError(77);
	cr_assert_eq(wsd_WSASend(p.b, &one, 1, &n, 0, NULL, NULL), 0);
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	pair_close(&p);
	WS_END();
}

/* Memory that is not there is WSAEFAULT, and costs neither the process nor the stream's data. */
Test(data, WS_ERR_4_bad_memory)
{
	char b[8], *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ULONG n;
	WS_BEGIN();
	struct pair p = pair_open();
	cr_assert_eq(SEND(p.a, page, 100, 0), -WSAEFAULT);
	cr_assert_eq(SEND(p.a, "abc", 3, 0), 3);
	cr_assert(WSD_UNTIL(wsd_ioctlsocket(p.b, (LONG)WSD_FIONREAD, &n) == 0 && n == 3,
			    CONN_WAIT_MS));
	cr_assert_eq(RECV(p.b, page, 100, 0), -WSAEFAULT);
	cr_assert_eq(RECV(p.b, b, 8, 0), 3);
	cr_assert_arr_eq(b, "abc", 3);
	munmap(page, 4096);
	pair_close(&p);
	WS_END();
}

/* A non-blocking send whose buffer ends in nothing says how far it came. */
Test(data, WS_DATA_3_rest_in_bad_memory)
{
	enum { GOOD = 16 * MIB };
	WS_BEGIN();
	char *memory =
		mmap(NULL, GOOD + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pair_fill(memory, GOOD, 6, 0);
	mprotect(memory + GOOD, 4096, PROT_NONE);
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	conn_nonblocking(p.a, true);
	int r = SEND(p.a, memory, GOOD + 4096, 0);
	cr_assert(r > 0 && r <= GOOD, "%d", r);
	WS_OK(wsd_closesocket(p.a));
	p.a = INVALID_SOCKET;
	cr_assert_eq(pair_recv_all(p.b, 6, (uint64_t)r, MIB), 0);
	cr_assert_eq(RECV(p.b, memory, 1, 0), 0);
	pair_close(&p);
	munmap(memory, GOOD + 4096);
	WS_END();
}
