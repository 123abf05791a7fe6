/* SPDX-License-Identifier: MIT
 *
 * closesocket of connections, over the transport of the environment (stream_pair.h): linger, what
 * is pending, names, leaks. [WS-CLOSE-1, WS-REUSE-11, WS-DATA-2]
 */
#include "far_end.h"
#include "socket.h"
#include "transport.h"

enum { MUCH = 4 << 20 };

static int set_linger(SOCKET s, int on, int seconds)
{
	struct wsd_linger l = {(USHORT)on, (USHORT)seconds};
	return wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&l, sizeof(l));
}

/* A client of a new listener, and the server's end. */
static SOCKET served(struct far_end *ret_far)
{
	SOCKET l = pair_listener(5);
	*ret_far = far_connect(ws_port(l));
	SOCKET s = pair_accept(l);
	WS_OK(wsd_closesocket(l));
	return s;
}

/* More than is taken while the peer does not read. */
static long fill(SOCKET s)
{
	static char buffer[65536];
	long total = 0;
	conn_nonblocking(s, true);
	do
		for (int n; total < MUCH && (n = wsd_send(s, buffer, sizeof(buffer), 0)) > 0;)
			total += n;
	while (total < MUCH && !pair_is_full(s));
	conn_nonblocking(s, false);
	return total;
}

static long drain(const struct far_end *far, int *ret_end)
{
	static char buffer[65536];
	long total = 0;
	int n;
	while ((n = far_recv(far, buffer, sizeof(buffer))) > 0)
		total += n;
	*ret_end = n;
	return total;
}

Test(close, WS_CLOSE_1_graceful_in_the_background)
{
	WS_BEGIN();
	struct far_end far;
	int end;
	SOCKET s = served(&far);
	long sent = fill(s);
	long long before = wsd_check_now_ms();
	WS_OK(wsd_closesocket(s));
	cr_assert_lt(wsd_check_now_ms() - before, 10000, "it does not wait");
	WS_IS(wsd_closesocket(s), WSAENOTSOCK);
	cr_assert_eq(drain(&far, &end), sent);
	cr_assert_eq(end, 0);
	far_close(&far);
	WS_END();
}

Test(close, WS_CLOSE_1_hard)
{
	WS_BEGIN();
	struct far_end far;
	char c;
	SOCKET s = served(&far);
	WS_OK(set_linger(s, 1, 0));
	WS_OK(wsd_closesocket(s));
	cr_assert_eq(far_recv(&far, &c, 1), -WSAECONNRESET);
	far_close(&far);
	WS_END();
}

static int call_close(struct conn_call *c)
{
	return ws_code(wsd_closesocket(c->s));
}

Test(close, WS_CLOSE_1_linger_waits)
{
	WS_BEGIN();
	struct far_end far;
	int end;
	struct conn_call call = {.fn = call_close, .s = served(&far)};
	WS_OK(set_linger(call.s, 1, 30));
	long sent = fill(call.s);
	conn_call_start(&call);
	usleep(50000);
	cr_assert_not(call.over, "unsent data: it waits");
	cr_assert_eq(drain(&far, &end), sent);
	cr_assert_eq(end, 0);
	cr_assert_eq(conn_call_end(&call), 0);
	far_close(&far);
	/* nothing is unsent: at once, whether the peer closes or not */
	SOCKET s = served(&far);
	WS_OK(set_linger(s, 1, 30));
	long long before = wsd_check_now_ms();
	WS_OK(wsd_closesocket(s));
	cr_assert_lt(wsd_check_now_ms() - before, 20000); /* of 30 s */
	far_close(&far);
	WS_END();
}

Test(close, WS_CLOSE_1_linger_runs_out)
{
	WS_BEGIN();
	struct far_end far;
	int end;
	SOCKET s = served(&far);
	WS_OK(set_linger(s, 1, 1));
	long sent = fill(s);
	long long before = wsd_check_now_ms();
	WS_OK(wsd_closesocket(s));
	long long took = wsd_check_now_ms() - before;
	cr_assert(took >= 900 && took < 20000, "%lld ms", took);
	cr_assert_leq(drain(&far, &end), sent);
	cr_assert_eq(end, -WSAECONNRESET, "hard after that");
	far_close(&far);
	WS_END();
}

/* Windows's way: the call would have to wait, so it fails, and changes nothing. */
Test(close, WS_CLOSE_1_linger_on_a_non_blocking_socket)
{
	WS_BEGIN();
	struct far_end far;
	char c;
	SOCKET s = served(&far);
	WS_OK(set_linger(s, 1, 5));
	long sent = fill(s);
	conn_nonblocking(s, true);
	WS_IS(wsd_closesocket(s), WSAEWOULDBLOCK);
	for (long got = 0; got < sent;) {
		static char buffer[65536];
		int n = far_recv(&far, buffer, sizeof(buffer));
		cr_assert_gt(n, 0);
		got += n;
	}
	cr_assert(WSD_UNTIL(ws_code(wsd_closesocket(s)) == 0, CONN_WAIT_MS));
	cr_assert_eq(far_recv(&far, &c, 1), 0);
	far_close(&far);
	WS_END();
}

/* A socket that is given back does not linger either, and its connection ends all the same. */
Test(close, WS_CLOSE_1_linger_and_DisconnectEx)
{
	WS_BEGIN();
	struct far_end far;
	char c;
	SOCKET s = served(&far);
	WS_OK(set_linger(s, 1, 30));
	conn_nonblocking(s, true);
	cr_assert_eq(wsd_send(s, "abc", 3, 0), 3);
	WS_OK(wsd_DisconnectEx(s, NULL, TF_REUSE_SOCKET, 0) ? 0 : SOCKET_ERROR);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(far_recv(&far, &c, 1), 1);
	cr_assert_eq(far_recv(&far, &c, 1), 0);
	far_close(&far);
	WS_END();
}

Test(close, WS_CLOSE_1_pending_requests_are_aborted)
{
	WS_BEGIN();
	struct far_end far;
	SOCKET s = served(&far);
	char c;
	WSABUF b = {1, &c};
	DWORD n, flags = 0;
	WSAOVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	WS_IS(wsd_WSARecv(s, &b, 1, &n, &flags, &o, NULL), WSA_IO_PENDING);
	WS_OK(wsd_closesocket(s));
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o.hEvent, TRUE, CONN_WAIT_MS, FALSE), 0u);
	cr_assert_eq(o.Internal, WSA_OPERATION_ABORTED);
	cr_assert_eq(far_recv(&far, &c, 1), 0);
	far_close(&far);
	cr_assert(wsd_WSACloseEvent(o.hEvent));
	WS_END();
}

static int call_recv(struct conn_call *c)
{
	char byte;
	return wsd_recv(c->s, &byte, 1, 0) < 0 ? wsd_WSAGetLastError() : 0;
}

Test(close, WS_CLOSE_1_a_blocked_call_wakes)
{
	WS_BEGIN();
	struct far_end far;
	struct conn_call call = {.fn = call_recv, .s = served(&far)};
	conn_call_start(&call);
	cr_assert_not(call.over);
	WS_OK(wsd_closesocket(call.s));
	int code = conn_call_end(&call);
	cr_assert(code == WSAEINTR || code == WSA_OPERATION_ABORTED, "code %d", code);
	far_close(&far);
	WS_END();
}

/* ---- names ---- */

Test(close, WS_CLOSE_1_the_name_is_free_at_once)
{
	WS_BEGIN();
	for (int mode = 0; mode < 2; mode++) {
		SOCKET l = ws_tcp(), again = ws_tcp();
		WS_OK(ws_set(l, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (DWORD)mode));
		WS_OK(ws_bind(l, pair_address(), WS_PORT));
		WS_OK(wsd_listen(l, 5));
		SOCKET client = ws_tcp();
		WS_OK(conn_connect(client, pair_address(), WS_PORT));
		SOCKET server = pair_accept(l);
		WS_OK(wsd_closesocket(l)); /* the connection lives on */
		WS_OK(ws_bind(again, pair_address(), WS_PORT));
		WS_OK(wsd_listen(again, 5));
		char c = 'q';
		cr_assert_eq(wsd_send(client, &c, 1, 0), 1);
		cr_assert_eq(wsd_recv(server, &c, 1, 0), 1);
		WS_OK(wsd_closesocket(server)); /* first: TIME_WAIT is on this side */
		WS_OK(wsd_closesocket(client));
		WS_OK(wsd_closesocket(again));
	}
	WS_END();
}

static SOCKET exclusive(void)
{
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1));
	return s;
}

Test(close, WS_REUSE_11_EXCLUSIVE_and_connections_that_linger)
{
	WS_BEGIN();
	SOCKET l = exclusive(), next = exclusive();
	WS_OK(ws_bind(l, pair_address(), WS_PORT));
	WS_OK(wsd_listen(l, 5));
	struct far_end far = far_connect(WS_PORT);
	SOCKET server = pair_accept(l);
	WS_OK(wsd_closesocket(l));
	WS_IS(ws_bind(next, pair_address(), WS_PORT), WSAEADDRINUSE, "a connection is open");
	WS_OK(wsd_closesocket(server));
	WS_IS(ws_bind(next, pair_address(), WS_PORT), WSAEADDRINUSE, "the FIN is not answered");
	far_close(&far);
	cr_assert(WSD_UNTIL(ws_code(ws_bind(next, pair_address(), WS_PORT)) == 0, CONN_WAIT_MS));
	/* the graceful way avoids it */
	WS_OK(wsd_listen(next, 5));
	far = far_connect(WS_PORT);
	server = pair_accept(next);
	WS_OK(wsd_shutdown(server, WSD_SD_SEND));
	far_close(&far);
	char c;
	cr_assert_eq(wsd_recv(server, &c, 1, 0), 0);
	WS_OK(wsd_closesocket(next));
	WS_OK(wsd_closesocket(server));
	SOCKET last = exclusive();
	cr_assert(WSD_UNTIL(ws_code(ws_bind(last, pair_address(), WS_PORT)) == 0, CONN_WAIT_MS));
	/* WSACleanup does not wait for a peer */
	WS_OK(wsd_listen(last, 5));
	far = far_connect(WS_PORT);
	server = pair_accept(last);
	WS_OK(wsd_closesocket(server));
	cr_assert_eq(wsd_WSACleanup(), 0);
	far_close(&far);
	pair_bed_free();
	WSD_TEST_END();
}

/* ---- many ---- */

Test(close, WS_CLOSE_1_cycles_leave_nothing)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	unsigned before = 0;
	int rounds = pair_rounds(300);
	for (int i = 0; i < rounds; i++) {
		SOCKET s = ws_tcp();
		WS_OK(set_linger(s, 1, 0));
		conn_nonblocking(s, i & 1);
		WS_IS(conn_connect(s, pair_address(), ws_port(l)), i & 1 ? WSAEWOULDBLOCK : 0);
		SOCKET server = pair_accept(l);
		WS_OK(wsd_closesocket(server));
		WS_OK(wsd_closesocket(s));
		if (i == 20)
			before = wsd_check_fds();
	}
	cr_assert(WSD_UNTIL(wsd_check_fds() <= before, CONN_WAIT_MS), "%u before, %u now", before,
		  wsd_check_fds());
	WS_END();
}

static int send_much(struct conn_call *c)
{
	static char much[MUCH];
	int r = wsd_send(c->s, much, sizeof(much), 0);
	return r == SOCKET_ERROR ? wsd_WSAGetLastError() : 0;
}

/* Whether it has not begun, is announced to the peer, or waits already: it ends. */
Test(close, WS_CLOSE_1_close_against_a_send_that_begins, .timeout = 100)
{
	WS_BEGIN();
	for (int i = 0; i < 12; i++) {
		struct pair p = pair_open();
		struct conn_call call = {.fn = send_much, .s = p.a};
		cr_assert_eq(pthread_create(&call.thread, NULL, conn_call_run, &call), 0);
		for (volatile int spin = 0; spin < i * 20000; spin++)
			;
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		int code = conn_call_end(&call);
		cr_assert(code == WSAEINTR || code == WSAENOTSOCK || code == WSA_OPERATION_ABORTED,
			  "%d", code);
		pair_close(&p);
	}
	WS_END();
}

struct reader {
	SOCKET s;
	pthread_t thread;
};

static void *read_on(void *arg)
{
	const struct reader *r = arg;
	char buffer[65536];
	while (wsd_recv(r->s, buffer, sizeof(buffer), 0) > 0)
		;
	return NULL;
}

/* What a transfer that was cut off leaves in a NIC is nothing to the next connection, which has its
 * queue pair. */
Test(close, WS_CLOSE_1_cut_off_again_and_again, .timeout = 100)
{
	static char big[300000];
	WS_BEGIN();
	for (int i = 0; i < pair_rounds(400); i++) {
		struct pair p = pair_open();
		struct reader r = {.s = p.b};
		cr_assert_eq(pthread_create(&r.thread, NULL, read_on, &r), 0);
		conn_nonblocking(p.a, true);
		wsd_send(p.a, big, i % 4 ? sizeof(big) : 100, 0);
		if (i & 1)
			WS_OK(set_linger(p.a, 1, 0));
		if (i & 4)
			WS_OK(wsd_shutdown(p.b, WSD_SD_BOTH));
		for (int64_t until = wsd_check_now_ms() + i % 3 * 7; wsd_check_now_ms() < until;)
			sched_yield(); /* now the one is cut, now the other */
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		pthread_join(r.thread, NULL);
		pair_close(&p);
	}
	WS_END();
}

Test(close, WS_CLOSE_1_WSACleanup_with_connections)
{
	PAIR_TCP_ONLY("the peers here are the kernel's");
	WS_BEGIN();
	SOCKET l = pair_listener(50);
	struct far_end far[20];
	for (int i = 0; i < 20; i++) {
		far[i] = far_connect(ws_port(l));
		if (i < 10)
			conn_accept(l);
	}
	cr_assert_eq(wsd_WSACleanup(), 0);
	for (int i = 0; i < 20; i++) {
		char c;
		int n = far_recv(&far[i], &c, 1);
		cr_assert(n == 0 || n == -WSAECONNRESET, "%d", n);
		far_close(&far[i]);
	}
	WSD_TEST_END();
}

static SHORT polled(SOCKET s)
{
	WSAPOLLFD p = {.fd = s, .events = WSD_POLLRDNORM};
	cr_assert_geq(wsd_WSAPoll(&p, 1, 0), 0);
	return p.revents;
}

/* Each has the other's end: that one closes then, hard or not, is no loss to the other. */
Test(close, WS_CLOSE_1_after_both_ends_it_is_no_loss)
{
	for (int hard = 0; hard < 2; hard++) {
		WSANETWORKEVENTS n;
		char c;
		WS_BEGIN();
		struct pair p = pair_open();
		WSAEVENT e = wsd_WSACreateEvent();
		WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
		WS_OK(wsd_shutdown(p.b, WSD_SD_SEND));
		WS_IS(wsd_recv(p.a, &c, 1, 0), 0);
		WS_IS(wsd_recv(p.b, &c, 1, 0), 0);
		if (hard)
			WS_OK(set_linger(p.a, 1, 0));
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		usleep(50000); /* what must not come has had time */
		cr_assert_eq(polled(p.b), WSD_POLLHUP, "0x%x", (unsigned)polled(p.b));
		WS_IS(wsd_recv(p.b, &c, 1, 0), 0);
		WS_IS(wsd_send(p.b, "x", 1, 0), WSAESHUTDOWN);
		WS_OK(wsd_WSAEventSelect(p.b, e, FD_CLOSE));
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, FALSE, CONN_WAIT_MS, FALSE),
			     WSA_WAIT_EVENT_0);
		WS_OK(wsd_WSAEnumNetworkEvents(p.b, e, &n));
		cr_assert_eq(n.lNetworkEvents, FD_CLOSE);
		cr_assert_eq(n.iErrorCode[FD_CLOSE_BIT], 0, "%d", n.iErrorCode[FD_CLOSE_BIT]);
		cr_assert(wsd_WSACloseEvent(e));
		pair_close(&p);
		WS_END();
	}
}

/* Whoever closes without having read all resets; on a SAN what it has sent comes before. */
Test(close, WS_CLOSE_1_unread_data_is_a_reset)
{
	char b[16];
	ULONG bytes = 0;
	WS_BEGIN();
	struct pair p = pair_open();
	cr_assert_eq(wsd_send(p.a, "unread", 6, 0), 6);
	cr_assert(WSD_UNTIL(!wsd_ioctlsocket(p.b, (LONG)WSD_FIONREAD, &bytes) && bytes == 6,
			    CONN_WAIT_MS));
	cr_assert_eq(wsd_send(p.b, "last", 4, 0), 4);
	cr_assert_eq(wsd_recv(p.a, b, 4, WSD_MSG_WAITALL), 4);
	WS_OK(wsd_closesocket(p.b));
	p.b = INVALID_SOCKET;
	WS_IS(wsd_recv(p.a, b, 16, 0), WSAECONNRESET);
	WS_IS(wsd_recv(p.a, b, 16, 0), WSAECONNRESET);
	WS_IS(wsd_recv(p.a, b, 1, WSD_MSG_OOB), WSAECONNRESET);
	WS_IS(wsd_send(p.a, "x", 1, 0), WSAECONNRESET);
	pair_close(&p);
	WS_END();
}

/* After the peer's end a receive hears of that alone, a send of the reset that its data met. */
Test(close, WS_CLOSE_1_a_reset_after_the_end)
{
	char b[16];
	WS_BEGIN();
	struct pair p = pair_open();
	WS_OK(wsd_closesocket(p.b));
	p.b = INVALID_SOCKET;
	WS_IS(wsd_recv(p.a, b, 16, 0), 0);
	cr_assert_eq(wsd_send(p.a, "x", 1, 0), 1);
	cr_assert(WSD_UNTIL(polled(p.a) & WSD_POLLERR, CONN_WAIT_MS));
	WS_IS(wsd_send(p.a, "", 0, 0), WSAECONNABORTED, "without bytes, too");
	WS_IS(wsd_send(p.a, "x", 1, 0), WSAECONNABORTED);
	WS_IS(wsd_recv(p.a, b, 16, 0), 0);
	WS_IS(wsd_recv(p.a, b, 1, WSD_MSG_OOB), WSAECONNRESET);
	WS_IS(wsd_send(p.a, "x", 1, 0), WSAECONNABORTED, "whoever asked before");
	pair_close(&p);
	WS_END();
}

/* ---- a thread that was on its way when the connection was taken from under it ---- */

static void too_late(struct sw_socket *s, enum sw_op op)
{
	static char byte[1];
	struct sw_request r;
	sw_request_init(&r, s, op, 0);
	sw_request_one(&r, byte, 1);
	cr_assert(transport_tcp.submit(s, &r), "it would wait for ever");
	cr_assert_eq(r.code, WSA_OPERATION_ABORTED);
}

/* What a non-blocking send has left is still on its way. */
Test(close, WS_CLOSE_1_a_call_that_begins_after_closesocket)
{
	PAIR_TCP_ONLY("of transport_tcp");
	static char much[8 * 1024 * 1024];
	WS_BEGIN();
	struct pair p = pair_open_small(16384, 16384);
	struct sw_process *process = sw_enter();
	struct sw_socket *s = sw_socket_find(process, p.a);
	conn_nonblocking(p.a, true);
	cr_assert_eq(wsd_send(p.a, much, sizeof(much), 0), (int)sizeof(much));
	WS_OK(wsd_closesocket(p.a));
	p.a = INVALID_SOCKET;
	too_late(s, SW_OP_RECV);
	too_late(s, SW_OP_SEND);
	sw_socket_put(s);
	sw_leave(process);
	pair_close(&p);
	WS_END();
}

/* It has submitted its request, which DisconnectEx has ended. */
Test(close, WS_CLOSE_1_a_call_that_waits_or_gives_up_after_DisconnectEx)
{
	PAIR_TCP_ONLY("of transport_tcp");
	WS_BEGIN();
	struct pair p = pair_open();
	struct sw_process *process = sw_enter();
	struct sw_socket *s = sw_socket_find(process, p.a);
	char byte;
	struct sw_request r;
	sw_request_init(&r, s, SW_OP_RECV, 0);
	sw_request_one(&r, &byte, 1);
	cr_assert_not(transport_tcp.submit(s, &r));
	WS_OK(wsd_DisconnectEx(p.a, NULL, TF_REUSE_SOCKET, 0) ? 0 : SOCKET_ERROR);
	cr_assert_eq(transport_tcp.wait(s, &r, 0), WSAEINTR);
	cr_assert_not(transport_tcp.cancel(s, &r, WSAETIMEDOUT));
	cr_assert(atomic_load(&r.over));
	sw_socket_put(s);
	sw_leave(process);
	pair_close(&p);
	WS_END();
}
