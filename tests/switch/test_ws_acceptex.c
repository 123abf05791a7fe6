/* SPDX-License-Identifier: MIT
 *
 * AcceptEx, over the transport of the environment (stream_pair.h). [WS-ACCEPT-6, -7, WS-NAME-5,
 * SW-ACCEPT-8]
 */
#include "far_end.h"

enum { NAME_ROOM = sizeof(SOCKADDR_IN) + 16, DATA = 100 };

struct call {
	WSAOVERLAPPED o;
	char buffer[DATA + 2 * NAME_ROOM];
	SOCKET s;
	DWORD data_len;
};

static void begin(struct call *c, DWORD data_len)
{
	*c = (struct call){.s = ws_tcp(), .data_len = data_len};
	c->o.hEvent = wsd_WSACreateEvent();
}

static void end(struct call *c)
{
	cr_assert(wsd_WSACloseEvent(c->o.hEvent));
}

static int start(SOCKET l, struct call *c)
{
	DWORD n;
	return wsd_AcceptEx(l, c->s, c->buffer, c->data_len, NAME_ROOM, NAME_ROOM, &n, &c->o)
		       ? 0
		       : SOCKET_ERROR;
}

/* The code of its end, within the time; @ret: bytes. */
static int result(struct call *c, DWORD *ret)
{
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &c->o.hEvent, TRUE, CONN_WAIT_MS, FALSE), 0u,
		     "AcceptEx does not end");
	*ret = (DWORD)c->o.InternalHigh;
	return (int)c->o.Internal;
}

static bool pending(struct call *c)
{
	return wsd_WSAWaitForMultipleEvents(1, &c->o.hEvent, TRUE, 20, FALSE) == WSA_WAIT_TIMEOUT;
}

Test(acceptex, WS_ACCEPT_6_codes)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET l = conn_listener(LOOPBACK, 0, 5), idle = ws_tcp();
	struct call c, d;
	DWORD n;
	begin(&c, 0);
	begin(&d, 0);
	WS_IS(start(0, &c), WSAENOTSOCK);
	SOCKET mine = c.s;
	c.s = 0;
	WS_IS(start(l, &c), WSAENOTSOCK);
	c.s = mine;
	WS_IS(start(idle, &c), WSAEINVAL, "not listening");
	WS_IS(wsd_AcceptEx(l, c.s, c.buffer, 0, NAME_ROOM, NAME_ROOM, &n, NULL) ? 0 : SOCKET_ERROR,
	      WSA_INVALID_PARAMETER);
	WS_IS(wsd_AcceptEx(l, c.s, NULL, 0, NAME_ROOM, NAME_ROOM, &n, &c.o) ? 0 : SOCKET_ERROR,
	      WSAEFAULT);
	WS_IS(wsd_AcceptEx(l, c.s, c.buffer, 0, NAME_ROOM, 0, &n, &c.o) ? 0 : SOCKET_ERROR,
	      WSAEFAULT);
	WS_IS(wsd_AcceptEx(l, c.s, c.buffer, 0, NAME_ROOM - 1, NAME_ROOM, &n, &c.o) ? 0
										    : SOCKET_ERROR,
	      WSAEFAULT);
	c.s = l;
	WS_IS(start(l, &c), WSAEINVAL, "itself");
	c.s = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_IS(start(l, &c), WSAEINVAL, "a datagram socket");
	c.s = ws_tcp();
	WS_OK(ws_bind(c.s, LOOPBACK, 0));
	WS_IS(start(l, &c), WSAEINVAL, "bound");
	WS_IS(start(l, &d), WSA_IO_PENDING);
	c.s = d.s;
	WS_IS(start(l, &c), WSAEINVAL, "pending");
	WS_IS(conn_connect(d.s, LOOPBACK, ws_port(l)), WSAEINVAL);
	WS_IS(ws_bind(d.s, LOOPBACK, 0), WSAEINVAL);
	WS_OK(wsd_closesocket(d.s));
	cr_assert_eq(result(&d, &n), WSA_OPERATION_ABORTED);
	end(&c);
	end(&d);
	WS_END();
}

/* Clauses: WS-NAME-5 */
Test(acceptex, WS_ACCEPT_7_without_data)
{
	WS_BEGIN();
	SOCKET l = conn_listener(ANY4, 0, 5);
	struct call c;
	DWORD n;
	SOCKADDR_IN a;
	int len = sizeof(a), local_len, remote_len;
	SOCKADDR *local, *remote;
	begin(&c, 0);
	WS_IS(start(l, &c), WSA_IO_PENDING);
	cr_assert(pending(&c));
	cr_assert_eq(ws_get(c.s, WSD_SOL_SOCKET, SO_CONNECT_TIME), 0xffffffff);
	struct far_end far = far_connect(ws_port(l));
	cr_assert_eq(result(&c, &n), 0);
	cr_assert_eq(n, 0u);
	wsd_GetAcceptExSockaddrs(c.buffer, 0, NAME_ROOM, NAME_ROOM, &local, &local_len, &remote,
				 &remote_len);
	cr_assert_eq(ntohs(((SOCKADDR_IN *)(void *)local)->sin_port), ws_port(l));
	cr_assert_eq(ntohs(((SOCKADDR_IN *)(void *)remote)->sin_port), far_port(&far));
	cr_assert_eq(remote_len, (int)sizeof(a));
	/* WS-NAME-5 */
	WS_IS(wsd_getsockname(c.s, (SOCKADDR *)&a, &len), WSAEINVAL);
	WS_IS(wsd_getpeername(c.s, (SOCKADDR *)&a, &len), WSAENOTCONN);
	SOCKET none = 0;
	WS_IS(wsd_setsockopt(c.s, WSD_SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&none,
			     sizeof(none)),
	      WSAENOTSOCK);
	WS_IS(wsd_setsockopt(c.s, WSD_SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&l, 2),
	      WSAEFAULT);
	WS_OK(wsd_setsockopt(c.s, WSD_SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (char *)&l, sizeof(l)));
	WS_OK(wsd_getsockname(c.s, (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin_addr.s_addr, ws_in(pair_address(), 0).sin_addr.s_addr);
	WS_OK(wsd_getpeername(c.s, (SOCKADDR *)&a, &len));
	cr_assert_eq(ntohs(a.sin_port), far_port(&far));
	cr_assert_lt(ws_get(c.s, WSD_SOL_SOCKET, SO_CONNECT_TIME), 60);
	char text = 'x';
	cr_assert_eq(wsd_send(c.s, &text, 1, 0), 1, "code %d", wsd_WSAGetLastError());
	cr_assert_eq(far_recv(&far, &text, 1), 1);
	far_close(&far);
	end(&c);
	WS_END();
}

Test(acceptex, WS_ACCEPT_7_and_SW_ACCEPT_8_with_data)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	struct call c, d;
	DWORD n;
	begin(&c, DATA);
	begin(&d, DATA);
	WS_IS(start(l, &c), WSA_IO_PENDING);
	struct far_end far = far_connect(ws_port(l));
	cr_assert(pending(&c), "not before data");
	far_put(&far, "a");
	cr_assert_eq(result(&c, &n), 0);
	cr_assert_eq(n, 1u);
	cr_assert_eq(c.buffer[0], 'a');
	/* a connection that waits already; the peer ends before data */
	struct far_end other = far_connect(ws_port(l));
	WS_IS(start(l, &d), WSA_IO_PENDING);
	cr_assert(pending(&d));
	far_close(&other);
	cr_assert_eq(result(&d, &n), 0);
	cr_assert_eq(n, 0u);
	far_close(&far);
	end(&c);
	end(&d);
	WS_END();
}

Test(acceptex, WS_ACCEPT_7_in_order_and_the_end_of_each)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	struct call c[4];
	struct far_end far[2];
	DWORD n;
	for (int i = 0; i < 4; i++) {
		begin(&c[i], i == 1 ? DATA : 0);
		WS_IS(start(l, &c[i]), WSA_IO_PENDING);
	}
	for (int i = 0; i < 2; i++)
		far[i] = far_connect(ws_port(l));
	cr_assert_eq(result(&c[0], &n), 0);
	cr_assert(pending(&c[1]), "connected, and waits for data");
	WS_OK(wsd_closesocket(c[1].s));
	cr_assert_eq(result(&c[1], &n), WSA_OPERATION_ABORTED);
	WS_OK(wsd_closesocket(c[2].s));
	cr_assert_eq(result(&c[2], &n), WSA_OPERATION_ABORTED);
	WS_OK(wsd_closesocket(l));
	cr_assert_eq(result(&c[3], &n), WSA_OPERATION_ABORTED);
	WS_OK(ws_bind(c[3].s, pair_address(), 0)); /* free again */
	for (int i = 0; i < 4; i++)
		end(&c[i]);
	far_close(&far[0]);
	far_close(&far[1]);
	/* WSACleanup ends them, too */
	l = pair_listener(5);
	begin(&c[0], DATA);
	WS_IS(start(l, &c[0]), WSA_IO_PENDING);
	cr_assert_eq(wsd_WSACleanup(), 0);
	cr_assert_eq(c[0].o.Internal, WSA_OPERATION_ABORTED);
	cr_assert_eq(ws_startup(), 0);
	end(&c[0]);
	WS_END();
}

Test(acceptex, WS_ACCEPT_7_the_listener_goes_while_data_is_waited_for)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	struct call c[3];
	struct far_end far[3];
	DWORD n;
	for (int i = 0; i < 3; i++) {
		begin(&c[i], i < 2 ? DATA : 0);
		WS_IS(start(l, &c[i]), WSA_IO_PENDING);
		far[i] = far_connect(ws_port(l));
	}
	cr_assert_eq(result(&c[2], &n), 0); /* so the others have theirs, too */
	cr_assert(pending(&c[0]) && pending(&c[1]));
	far_put(&far[0], "x");
	cr_assert_eq(result(&c[0], &n), 0);
	WS_OK(wsd_closesocket(l));
	cr_assert_eq(result(&c[1], &n), WSA_OPERATION_ABORTED);
	for (int i = 0; i < 3; i++) {
		end(&c[i]);
		far_close(&far[i]);
	}
	WS_END();
}

/* ---- DisconnectEx: the socket serves again ---- */

static int disconnect(SOCKET s, LPWSAOVERLAPPED o, DWORD flags)
{
	return wsd_DisconnectEx(s, o, flags, 0) ? 0 : SOCKET_ERROR;
}

Test(acceptex, WS_ACCEPT_6_a_socket_that_DisconnectEx_gave_back)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	struct call c;
	DWORD n;
	char text;
	begin(&c, 0);
	WS_IS(disconnect(c.s, NULL, TF_REUSE_SOCKET), WSAENOTCONN);
	for (int i = 0; i < 3; i++) {
		WS_IS(start(l, &c), WSA_IO_PENDING);
		struct far_end far = far_connect(ws_port(l));
		cr_assert_eq(result(&c, &n), 0);
		far_put(&far, "z");
		cr_assert_eq(wsd_recv(c.s, &text, 1, 0), 1);
		WS_IS(disconnect(c.s, NULL, 0x1000), WSAEINVAL);
		if (i & 1)
			WS_IS(disconnect(c.s, &c.o, TF_REUSE_SOCKET), WSA_IO_PENDING);
		else
			WS_OK(disconnect(c.s, NULL, TF_REUSE_SOCKET));
		cr_assert_eq(far_recv(&far, &text, 1), 0, "a graceful end");
		far_close(&far);
		WS_IS(wsd_recv(c.s, &text, 1, 0), WSAENOTCONN);
	}
	/* a client keeps its name */
	SOCKET s = ws_tcp();
	WS_OK(conn_connect(s, pair_address(), ws_port(l)));
	unsigned port = ws_port(s);
	WS_OK(disconnect(s, NULL, TF_REUSE_SOCKET));
	cr_assert_eq(ws_port(s), port);
	SOCKET other = pair_listener(5);
	WS_OK(conn_connect(s, pair_address(), ws_port(other)));
	WS_OK(disconnect(s, NULL, 0));
	WS_IS(wsd_send(s, &text, 1, 0), WSAESHUTDOWN);
	end(&c);
	WS_END();
}

static int call_send(struct conn_call *c)
{
	enum { BYTES = 8 * 1024 * 1024 };
	char *b = calloc(1, BYTES);
	int r = wsd_send(c->s, b, BYTES, 0);
	int code = r == SOCKET_ERROR ? wsd_WSAGetLastError() : 0;
	free(b);
	return code;
}

/* The send goes with the connection that it was of; wherever it ends, it does end. */
Test(acceptex, WS_ACCEPT_6_DisconnectEx_under_a_send_that_waits)
{
	static char b[65536];
	WS_BEGIN();
	struct pair p = pair_open();
	for (int i = 0; i < 3; i++) {
		struct conn_call call = {.fn = call_send, .s = p.a};
		int r;
		conn_call_start(&call);
		WS_OK(disconnect(p.a, NULL, TF_REUSE_SOCKET));
		WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, CONN_WAIT_MS));
		while ((r = wsd_recv(p.b, b, sizeof(b), 0)) > 0)
			;
		/* a NIC that fetches may find the memory gone before it hears of the end */
		cr_assert(r == 0 || wsd_WSAGetLastError() == WSAECONNRESET ||
				  (pair_on_rxe() && wsd_WSAGetLastError() == WSAECONNABORTED),
			  "code %d", wsd_WSAGetLastError());
		int code = conn_call_end(&call);
		cr_assert(code == 0 || code == WSAEINTR || code == WSA_OPERATION_ABORTED, "%d",
			  code);
		WS_OK(wsd_closesocket(p.b));
		WS_OK(conn_connect(p.a, pair_address(), ws_port(p.listener)));
		p.b = pair_accept(p.listener);
	}
	pair_close(&p);
	WS_END();
}

/* ---- two calls at the same moment ---- */

struct moment {
	pthread_barrier_t begin;
	SOCKET s;
	int spin; /* it does not come too early */
	bool disconnects;
	pthread_t thread;
};

static void *close_in_a_moment(void *arg)
{
	struct moment *m = arg;
	pthread_barrier_wait(&m->begin);
	for (volatile int spin = 0; spin < m->spin; spin++)
		;
	if (m->disconnects)
		wsd_DisconnectEx(m->s, NULL, TF_REUSE_SOCKET, 0);
	else
		wsd_closesocket(m->s);
	return NULL;
}

static void moment_begin(struct moment *m)
{
	pthread_barrier_init(&m->begin, NULL, 2);
	cr_assert_eq(pthread_create(&m->thread, NULL, close_in_a_moment, m), 0);
	pthread_barrier_wait(&m->begin);
}

static void moment_end(struct moment *m)
{
	pthread_join(m->thread, NULL);
	pthread_barrier_destroy(&m->begin);
}

/* It is refused, or it ends: it does not wait for a connection that it cannot have. */
Test(acceptex, WS_ACCEPT_6_the_socket_is_closed_while_the_call_begins)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	for (int i = 0; i < pair_rounds(600); i++) {
		struct call c;
		DWORD n;
		begin(&c, 0);
		struct moment m = {.s = c.s, .spin = i % 60 * 20};
		moment_begin(&m);
		int code = start(l, &c) ? wsd_WSAGetLastError() : 0;
		moment_end(&m);
		cr_assert(code == WSA_IO_PENDING || code == WSAENOTSOCK, "%d", code);
		if (code == WSA_IO_PENDING)
			cr_assert_eq(result(&c, &n), WSA_OPERATION_ABORTED);
		end(&c);
	}
	WS_OK(wsd_closesocket(l));
	WS_END();
}

/* Then the connection is another's. */
Test(acceptex, WS_ACCEPT_6_the_socket_is_closed_while_a_connection_comes, .timeout = 100)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5);
	for (int i = 0; i < pair_rounds(300); i++) {
		struct call c[2];
		DWORD n;
		for (int k = 0; k < 2; k++) {
			begin(&c[k], 0);
			WS_IS(start(l, &c[k]), WSA_IO_PENDING);
		}
		struct moment m = {.s = c[0].s, .spin = i % 100 * (pair_on_san() ? 1000 : 200)};
		moment_begin(&m);
		struct far_end far = far_connect(ws_port(l));
		moment_end(&m);
		if (result(&c[0], &n) == 0) { /* it had it before it was closed */
			far_close(&far);
			far = far_connect(ws_port(l));
		}
		cr_assert_eq(result(&c[1], &n), 0);
		WS_OK(wsd_closesocket(c[1].s));
		far_close(&far);
		end(&c[0]);
		end(&c[1]);
	}
	WS_OK(wsd_closesocket(l));
	WS_END();
}

/* The one ends the receive, the other takes the connection away that it is of. */
Test(acceptex, WS_ACCEPT_7_the_listener_goes_while_DisconnectEx_comes)
{
	WS_BEGIN();
	for (int i = 0; i < pair_rounds(300); i++) {
		SOCKET l = pair_listener(5);
		struct call c[2];
		DWORD n;
		begin(&c[0], DATA);
		begin(&c[1], 0);
		WS_IS(start(l, &c[0]), WSA_IO_PENDING);
		WS_IS(start(l, &c[1]), WSA_IO_PENDING);
		struct far_end far[2] = {far_connect(ws_port(l)), far_connect(ws_port(l))};
		cr_assert_eq(result(&c[1], &n), 0);
		struct moment m = {.s = c[0].s, .disconnects = true, .spin = i % 60 * 50};
		moment_begin(&m);
		for (volatile int spin = 0; spin < 3000 - m.spin; spin++)
			;
		WS_OK(wsd_closesocket(l));
		moment_end(&m);
		cr_assert_eq(result(&c[0], &n), WSA_OPERATION_ABORTED);
		for (int k = 0; k < 2; k++) {
			WS_OK(wsd_closesocket(c[k].s));
			far_close(&far[k]);
			end(&c[k]);
		}
	}
	WS_END();
}

/* closesocket finds the connection, or the socket without it: nothing is left of either. */
Test(acceptex, WS_CLOSE_1_close_while_DisconnectEx_takes_the_connection_away)
{
	WS_BEGIN();
	static char text[DATA];
	for (int i = 0; i < pair_rounds(400); i++) {
		struct pair p = pair_open();
		WSABUF b = {sizeof(text), text};
		WSAOVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
		DWORD flags = 0;
		WS_IS(wsd_WSARecv(p.a, &b, 1, NULL, &flags, &o, NULL), WSA_IO_PENDING);
		struct moment m = {.s = p.a, .disconnects = true};
		moment_begin(&m);
		for (volatile int spin = 0; spin < i % 100 * 100; spin++)
			;
		WS_OK(wsd_closesocket(p.a));
		p.a = INVALID_SOCKET;
		moment_end(&m);
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o.hEvent, TRUE, CONN_WAIT_MS, FALSE),
			     0u);
		cr_assert(wsd_WSACloseEvent(o.hEvent));
		pair_close(&p);
	}
	WS_END();
}
