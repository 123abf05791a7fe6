/* SPDX-License-Identifier: MIT
 *
 * accept and WSAAccept, over the transport of the environment (stream_pair.h): codes, addresses,
 * what is inherited, the condition function, a listener that goes, who gets the connections of a
 * shared name. [WS-ACCEPT-1 to 5, SW-ACCEPT-1, WS-REUSE-9, -10]
 */
#include "far_end.h"
#include "san.h"
#include "socket.h"

static int accept_into(SOCKET l, SOCKADDR *addr, int *len, SOCKET *ret)
{
	*ret = wsd_accept(l, addr, len);
	return *ret == INVALID_SOCKET ? SOCKET_ERROR : 0;
}

Test(accept, WS_ACCEPT_1_codes)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WSD_TEST_BEGIN();
	SOCKET got;
	cr_assert_eq(conn_accept_code(1, &got), WSANOTINITIALISED);
	ws_start();
	SOCKET s = ws_tcp(), udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), closed = ws_tcp();
	WS_OK(wsd_closesocket(closed));
	cr_assert_eq(conn_accept_code(closed, &got), WSAENOTSOCK);
	cr_assert_eq(conn_accept_code(0, &got), WSAENOTSOCK);
	cr_assert_eq(conn_accept_code(s, &got), WSAEINVAL, "unbound");
	cr_assert_eq(conn_accept_code(udp, &got), WSAEOPNOTSUPP);
	WS_OK(ws_bind(s, LOOPBACK, 0));
	cr_assert_eq(conn_accept_code(s, &got), WSAEINVAL, "not listening");
	WS_OK(wsd_listen(s, 1));
	conn_nonblocking(s, true);
	cr_assert_eq(conn_accept_code(s, &got), WSAEWOULDBLOCK);
	WS_END();
}

Test(accept, WS_ACCEPT_1_blocking)
{
	WS_BEGIN();
	SOCKET s = pair_listener(1);
	struct conn_call call = {.fn = conn_call_accept, .s = s};
	conn_call_start(&call);
	cr_assert_not(call.over);
	struct far_end far = far_connect(ws_port(s));
	cr_assert_eq(conn_call_end(&call), 0);
	pair_is_right(call.ret, -1);
	WS_OK(wsd_closesocket(call.ret));
	far_close(&far);
	WS_END();
}

Test(accept, WS_ACCEPT_2_addresses)
{
	WS_BEGIN();
	SOCKET l = conn_listener(ANY4, 0, 5), got;
	SOCKADDR_IN a, mine;
	struct far_end far[4];
	int len = 0;
	uint32_t here = ws_in(pair_address(), 0).sin_addr.s_addr;
	for (int i = 0; i < 4; i++)
		far[i] = far_connect(ws_port(l));
	WS_IS(accept_into(l, (SOCKADDR *)&a, &len, &got), WSAEFAULT);
	len = sizeof(a) - 1;
	WS_IS(accept_into(l, (SOCKADDR *)&a, &len, &got), WSAEFAULT);
	len = sizeof(a);
	WS_IS(accept_into(l, (SOCKADDR *)1, &len, &got), WSAEFAULT);
	WS_IS(accept_into(l, (SOCKADDR *)&a, (int *)1, &got), WSAEFAULT);
	/* the failed calls took none */
	WS_OK(accept_into(l, (SOCKADDR *)&a, &len, &got));
	cr_assert_eq(len, (int)sizeof(a));
	cr_assert_eq(ntohs(a.sin_port), far_port(&far[0]), "in order");
	cr_assert_eq(a.sin_family, WSD_AF_INET);
	WS_OK(wsd_getsockname(got, (SOCKADDR *)&mine, &len));
	cr_assert_eq(mine.sin_addr.s_addr, here, "concrete");
	cr_assert_eq(ntohs(mine.sin_port), ws_port(l));
	memset(&a, 0x55, sizeof(a));
	WS_OK(accept_into(l, (SOCKADDR *)&a, NULL, &got));
	cr_assert_eq(a.sin_family, 0x5555, "untouched");
	WS_OK(accept_into(l, NULL, &len, &got));
	WS_OK(accept_into(l, NULL, NULL, &got));
	for (int i = 0; i < 4; i++)
		far_close(&far[i]);
	WS_END();
}

Test(accept, WS_ACCEPT_3_what_is_inherited)
{
	WS_BEGIN();
	static const struct {
		int level, name;
		DWORD value;
	} rows[] = {
		{WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1},
		{WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, 1},
		{WSD_SOL_SOCKET, WSD_SO_OOBINLINE, 1},
		{WSD_SOL_SOCKET, WSD_SO_SNDBUF, 20001},
		{WSD_SOL_SOCKET, WSD_SO_RCVBUF, 20003},
		{WSD_SOL_SOCKET, WSD_SO_SNDTIMEO, 1001},
		{WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, 1003},
		{WSD_SOL_SOCKET, WSD_SO_LINGER, 0x00070001},
		{WSD_IPPROTO_TCP, WSD_TCP_NODELAY, 1},
	};
	SOCKET l = ws_tcp(), got;
	enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
	for (int i = 0; i < ROWS; i++)
		WS_OK(ws_set(l, rows[i].level, rows[i].name, rows[i].value));
	WS_OK(ws_bind(l, pair_address(), 0));
	WS_OK(wsd_listen(l, 5));
	conn_nonblocking(l, true);
	struct far_end far = far_connect(ws_port(l));
	cr_assert(WSD_UNTIL(conn_accept_code(l, &got) == 0, CONN_WAIT_MS));
	pair_is_right(got, -1);
	for (int i = 0; i < ROWS; i++)
		cr_assert_eq(ws_get(got, rows[i].level, rows[i].name), (long)rows[i].value,
			     "row %d", i);
	char c;
	WS_IS(wsd_recv(got, &c, 1, 0), WSAEWOULDBLOCK);
	cr_assert_eq(ws_get(got, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
	far_close(&far);
	WS_END();
}

/* ---- the condition ---- */

struct asked {
	int answer, calls;
	unsigned port;     /* of the caller */
	int inside, other; /* codes of calls from inside */
	SOCKET s;
};

static int CALLBACK condition(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos,
			      LPWSABUF callee, LPWSABUF callee_data, GROUP *g, DWORD_PTR data)
{
	struct asked *a = (struct asked *)data;
	SOCKADDR_IN name;
	memcpy(&name, caller->buf, sizeof(name));
	a->port = ntohs(name.sin_port);
	a->calls++;
	a->inside = ws_code(ws_bind(a->s, LOOPBACK, 0));
	a->other = ws_code(wsd_listen(a->s, 1));
	return a->answer;
}

static int ask(SOCKET l, struct asked *a, SOCKET *ret)
{
	*ret = wsd_WSAAccept(l, NULL, NULL, condition, (DWORD_PTR)a);
	return *ret == INVALID_SOCKET ? SOCKET_ERROR : 0;
}

Test(accept, WS_ACCEPT_4_the_condition_function)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), got;
	struct asked a = {.answer = CF_ACCEPT, .s = ws_tcp()};
	struct far_end first = far_connect(ws_port(l)), second = far_connect(ws_port(l));
	/* deferred: stays first, and a plain accept takes it */
	a.answer = CF_DEFER;
	WS_IS(ask(l, &a, &got), WSATRY_AGAIN);
	cr_assert_eq(a.port, far_port(&first));
	cr_assert_eq(a.inside, WSAEINPROGRESS, "bind from inside: code %d", a.inside);
	cr_assert_eq(a.other, WSAEINPROGRESS);
	WS_IS(ask(l, &a, &got), WSATRY_AGAIN);
	cr_assert_eq(a.port, far_port(&first));
	got = pair_accept(l);
	SOCKADDR_IN peer;
	int len = sizeof(peer);
	WS_OK(wsd_getpeername(got, (SOCKADDR *)&peer, &len));
	cr_assert_eq(ntohs(peer.sin_port), far_port(&first));
	/* rejected: the caller is told, and so is the client */
	a.answer = CF_REJECT;
	WS_IS(ask(l, &a, &got), WSAECONNREFUSED);
	cr_assert_eq(a.port, far_port(&second));
	char c;
	cr_assert_eq(far_recv(&second, &c, 1), -WSAECONNRESET);
	far_close(&second);
	second = far_connect(ws_port(l));
	a.answer = 99;
	WS_IS(ask(l, &a, &got), WSAEINVAL);
	far_close(&second);
	second = far_connect(ws_port(l));
	a.answer = CF_ACCEPT;
	WS_OK(ask(l, &a, &got));
	cr_assert_eq(a.calls, 5);
	WS_OK(ws_bind(a.s, LOOPBACK, 0)); /* not inside any more */
	far_close(&first);
	far_close(&second);
	WS_END();
}

/* ---- the listener goes ---- */

Test(accept, WS_ACCEPT_5_close_wakes)
{
	WS_BEGIN();
	SOCKET s = pair_listener(1);
	unsigned port = ws_port(s);
	struct conn_call call[2] = {{.fn = conn_call_accept, .s = s},
				    {.fn = conn_call_accept, .s = s}};
	conn_call_start(&call[0]);
	conn_call_start(&call[1]);
	WS_OK(wsd_closesocket(s));
	cr_assert_not(ws_answers(pair_address(), port), "at once, whoever still polls");
	cr_assert_eq(conn_call_end(&call[0]), WSAEINTR);
	cr_assert_eq(conn_call_end(&call[1]), WSAEINTR);
	call[0].s = pair_listener(1);
	conn_call_start(&call[0]);
	cr_assert_eq(wsd_WSACleanup(), 0);
	cr_assert_eq(conn_call_end(&call[0]), WSAEINTR);
	pair_bed_free();
	WSD_TEST_END();
}

/* A connection that was put back has no handle that anybody knows; the listener takes it along. */
Test(accept, WS_ACCEPT_4_a_deferred_connection_goes_with_the_listener)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), got;
	struct asked a = {.answer = CF_DEFER, .s = ws_tcp()};
	struct far_end far = far_connect(ws_port(l));
	WS_IS(ask(l, &a, &got), WSATRY_AGAIN);
	WS_OK(wsd_closesocket(l));
	char c;
	cr_assert_eq(far_recv(&far, &c, 1), -WSAECONNRESET);
	far_close(&far);
	WS_END();
}

/* ---- shared names ---- */

static SOCKET shared(const char *ip)
{
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(s, ip, WS_PORT));
	WS_OK(wsd_listen(s, 5));
	conn_nonblocking(s, true);
	return s;
}

static unsigned companions(SOCKET listener)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *s = sw_socket_find(p, listener);
	pthread_mutex_lock(&s->lock);
	unsigned n = san_companions(s);
	pthread_mutex_unlock(&s->lock);
	sw_socket_put(s);
	sw_leave(p);
	return n;
}

Test(accept, WS_REUSE_9_the_specific_name_gets_the_connection)
{
	WS_BEGIN();
	for (int i = 0; i < 2; i++) {
		const char *own = pair_address();
		SOCKET first = shared(i ? ANY4 : own), got;
		unsigned all = companions(first);
		SOCKET second = shared(i ? own : ANY4);
		SOCKET specific = i ? second : first, wild = i ? first : second;
		/* on a SAN the wildcard hears of it a moment later [SW-WILD-5] */
		cr_assert(WSD_UNTIL(!i || !pair_on_san() || companions(wild) == all - 1,
				    CONN_WAIT_MS));
		struct far_end far = far_connect(WS_PORT),
			       other = far_connect_to(pair_address2(), WS_PORT);
		cr_assert(WSD_UNTIL(conn_accept_code(specific, &got) == 0, CONN_WAIT_MS));
		cr_assert_eq(conn_accept_code(specific, &got), WSAEWOULDBLOCK);
		cr_assert(WSD_UNTIL(conn_accept_code(wild, &got) == 0, CONN_WAIT_MS));
		cr_assert_eq(conn_accept_code(wild, &got), WSAEWOULDBLOCK);
		WS_OK(wsd_closesocket(first));
		WS_OK(wsd_closesocket(second));
		far_close(&far);
		far_close(&other);
	}
	WS_END();
}

/* The next one has a thread in accept already when its turn comes. */
Test(accept, WS_REUSE_10_the_earliest_listener_gets_all_and_then_the_next)
{
	WS_BEGIN();
	SOCKET first = shared(pair_address()), second = shared(pair_address()), got;
	struct far_end far[4];
	for (int i = 0; i < 3; i++)
		far[i] = far_connect(WS_PORT);
	for (int i = 0; i < 3; i++)
		cr_assert(WSD_UNTIL(conn_accept_code(first, &got) == 0, CONN_WAIT_MS), "%d", i);
	cr_assert_eq(conn_accept_code(second, &got), WSAEWOULDBLOCK);
	conn_nonblocking(second, false);
	struct conn_call call = {.fn = conn_call_accept, .s = second};
	conn_call_start(&call);
	WS_OK(wsd_closesocket(first));
	cr_assert(WSD_UNTIL(far_try(WS_PORT, &far[3]), CONN_WAIT_MS));
	cr_assert_eq(conn_call_end(&call), 0);
	for (int i = 0; i < 4; i++)
		far_close(&far[i]);
	WS_END();
}

/* ---- races ---- */

static int call_close(struct conn_call *c)
{
	usleep(c->port);
	return ws_code(wsd_closesocket(c->s));
}

Test(accept, WS_ACCEPT_5_close_against_accept_and_connect)
{
	WS_BEGIN();
	struct far_end far;
	for (unsigned i = 0; i < 60; i += 60 / (unsigned)pair_rounds(60)) {
		SOCKET l = pair_listener(5);
		unsigned port = ws_port(l);
		struct conn_call accepting = {.fn = conn_call_accept, .s = l},
				 closing = {.fn = call_close, .s = l, .port = i * 5};
		cr_assert_eq(pthread_create(&accepting.thread, NULL, conn_call_run, &accepting), 0);
		cr_assert_eq(pthread_create(&closing.thread, NULL, conn_call_run, &closing), 0);
		bool came = far_try(port, &far);
		int code = conn_call_end(&accepting);
		cr_assert(code == 0 || code == WSAEINTR || code == WSAENOTSOCK, "code %d", code);
		cr_assert_eq(conn_call_end(&closing), 0);
		if (!code)
			WS_OK(wsd_closesocket(accepting.ret));
		if (came)
			far_close(&far);
	}
	WS_END();
}

/* A server of one connection: the listener is closed as soon as accept has returned. */
static int accept_the_only(struct conn_call *c)
{
	char byte = 0;
	c->ret = wsd_accept(c->s, NULL, NULL);
	if (c->ret == INVALID_SOCKET)
		return wsd_WSAGetLastError();
	WS_OK(wsd_closesocket(c->s));
	int n = wsd_recv(c->ret, &byte, 1, 0);
	return n == 1 ? 0 : n ? wsd_WSAGetLastError() : -1;
}

/* Clauses: SW-ACCEPT-9 */
Test(accept, WS_CLOSE_1_a_listener_closed_at_once_leaves_what_was_accepted)
{
	WS_BEGIN();
	for (int i = pair_rounds(200); i > 0; i--) {
		struct conn_call server = {.fn = accept_the_only, .s = pair_listener(5)};
		unsigned port = ws_port(server.s);
		cr_assert_eq(pthread_create(&server.thread, NULL, conn_call_run, &server), 0);
		struct far_end far = far_connect(port);
		far_put(&far, "x");
		cr_assert_eq(conn_call_end(&server), 0);
		WS_OK(wsd_closesocket(server.ret));
		far_close(&far);
	}
	WS_END();
}
