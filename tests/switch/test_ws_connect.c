/* SPDX-License-Identifier: MIT
 *
 * connect and its kin, over the transport of the environment (stream_pair.h): codes and their
 * order, names before and after, attempts that fail and go on. [WS-CONNECT-1 to 8, WS-BIND-7,
 * WS-LISTEN-5, -6, SW-CONNECT-2, -4, SW-SHARE-5]
 */
#include "far_end.h"

/* A port of pair_nobody() where nobody listens. */
static unsigned nobody(void)
{
	SOCKET gone = conn_listener(pair_nobody(), 0, 5);
	unsigned port = ws_port(gone);
	WS_OK(wsd_closesocket(gone));
	return port;
}

/* Somebody who does not answer: on a SAN a host that is not there; over TCP/IP a listener whose
 * queue is full of foreign clients: Linux answers no further SYN. */
struct silence {
	const char *ip;
	unsigned port;
	int listener, fd[4];
};

static struct silence silence(void)
{
	struct silence x = {.ip = PAIR_SILENT, .port = WS_PORT, .listener = -1};
	if (pair_on_san())
		return x;
	x.ip = LOOPBACK;
	x.listener = ws_foreign(SOCK_STREAM, LOOPBACK, 0, false);
	cr_assert_geq(x.listener, 0);
	cr_assert_eq(listen(x.listener, 0), 0);
	x.port = ws_foreign_port(x.listener);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)x.port)};
	inet_pton(AF_INET, LOOPBACK, &a.sin_addr);
	for (int i = 0; i < 4; i++) {
		x.fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(x.fd[i], (struct sockaddr *)&a, sizeof(a));
	}
	usleep(20000);
	return x;
}

static void end_silence(struct silence *x)
{
	for (int i = 0; x->listener >= 0 && i < 4; i++)
		close(x->fd[i]);
	if (x->listener >= 0)
		close(x->listener);
}

Test(connect, WS_CONNECT_1_codes_and_WS_ERR_3_their_order)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WSD_TEST_BEGIN();
	SOCKADDR_IN a = ws_in(LOOPBACK, 1);
	WS_IS(wsd_connect(1, (SOCKADDR *)&a, sizeof(a)), WSANOTINITIALISED);
	ws_start();
	SOCKET s = ws_tcp(), l = conn_listener(LOOPBACK, 0, 5);
	WS_IS(wsd_connect(0, NULL, 0), WSAENOTSOCK);
	WS_IS(wsd_connect(s, NULL, sizeof(a)), WSAEFAULT);
	WS_IS(wsd_connect(s, (SOCKADDR *)&a, sizeof(a) - 1), WSAEFAULT);
	WS_IS(wsd_connect(s, (SOCKADDR *)1, sizeof(a)), WSAEFAULT);
	/* pointer, family, state, address */
	a.sin_family = WSD_AF_INET6;
	WS_IS(wsd_connect(l, (SOCKADDR *)&a, sizeof(a) - 1), WSAEFAULT);
	WS_IS(wsd_connect(l, (SOCKADDR *)&a, sizeof(a)), WSAEAFNOSUPPORT);
	WS_IS(wsd_connect(s, (SOCKADDR *)&a, sizeof(a)), WSAEAFNOSUPPORT);
	a.sin_family = WSD_AF_UNSPEC;
	WS_IS(wsd_connect(s, (SOCKADDR *)&a, sizeof(a)), WSAEAFNOSUPPORT);
	WS_IS(conn_connect(l, ANY4, 0), WSAEINVAL);
	WS_IS(conn_connect(s, ANY4, 80), WSAEADDRNOTAVAIL);
	WS_IS(conn_connect(s, LOOPBACK, 0), WSAEADDRNOTAVAIL);
	WS_IS(conn_connect(s, "255.255.255.255", 80), WSAENETUNREACH);
	cr_assert_neq(ws_port(s), 0, "bound before it is tried");
	WS_IS(conn_connect(s, LOOPBACK2, nobody()), WSAECONNREFUSED);
	WS_OK(conn_connect(s, LOOPBACK, ws_port(l)));
	WS_IS(conn_connect(s, ANY4, 0), WSAEISCONN);
	WS_END();
}

Test(connect, WS_CONNECT_1_knobs)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WSD_TEST_BEGIN();
	setenv("WSD_FAULT_NOBUFS", "connect", 1);
	ws_start();
	SOCKET s = ws_tcp(), l = conn_listener(LOOPBACK, 0, 5);
	WS_IS(conn_connect(s, LOOPBACK, ws_port(l)), WSAENOBUFS);
	cr_assert_eq(ws_port(s), 0, "a failed call changes nothing");
	WS_END();
}

Test(connect, WS_BIND_7_an_unbound_socket_gets_a_dynamic_port)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKADDR_IN a, peer, here = ws_in(pair_address(), 0);
	int len = sizeof(a);
	WS_OK(wsd_getsockname(p.a, (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin_addr.s_addr, here.sin_addr.s_addr, "concrete now");
	cr_assert_geq(ntohs(a.sin_port), 49152);
	WS_OK(wsd_getpeername(p.b, (SOCKADDR *)&peer, &len));
	cr_assert_eq(memcmp(&a, &peer, sizeof(a)), 0);
	pair_close(&p);
	WS_END();
}

Test(connect, WS_BIND_7_IPv6_and_datagrams)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	struct conn_pair p = conn_pair("::1");
	cr_assert_geq(ws_port(p.client), 49152);
	conn_end(&p);
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_OK(conn_connect(u, LOOPBACK, 9));
	cr_assert_geq(ws_port(u), 49152);
	WS_END();
}

Test(connect, WS_CONNECT_2_datagrams_are_associated_and_dissolved)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	SOCKADDR_IN a;
	int len = sizeof(a);
	WS_IS(wsd_getpeername(u, (SOCKADDR *)&a, &len), WSAENOTCONN);
	WS_OK(conn_connect(u, LOOPBACK, 9));
	WS_OK(wsd_getpeername(u, (SOCKADDR *)&a, &len));
	cr_assert_eq(ntohs(a.sin_port), 9);
	unsigned port = ws_port(u);
	WS_OK(conn_connect(u, LOOPBACK2, 10)); /* another one */
	WS_OK(wsd_getpeername(u, (SOCKADDR *)&a, &len));
	cr_assert_eq(ntohs(a.sin_port), 10);
	WS_OK(conn_connect(u, ANY4, 0));
	WS_IS(wsd_getpeername(u, (SOCKADDR *)&a, &len), WSAENOTCONN);
	WS_OK(wsd_getsockname(u, (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin_addr.s_addr, 0, "the name before");
	cr_assert_eq(ntohs(a.sin_port), port);
	WS_OK(conn_connect(u, LOOPBACK, 9));
	a.sin_family = WSD_AF_UNSPEC;
	WS_OK(wsd_connect(u, (SOCKADDR *)&a, sizeof(a)));
	WS_IS(wsd_getpeername(u, (SOCKADDR *)&a, &len), WSAENOTCONN);
	cr_assert_eq(ws_port(u), port);
	WS_END();
}

Test(connect, WS_CONNECT_5_broadcast)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WSD_TEST_BEGIN();
	ws_start();
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_IS(conn_connect(u, "255.255.255.255", 9), WSAEACCES);
	WS_OK(ws_set(u, WSD_SOL_SOCKET, WSD_SO_BROADCAST, 1));
	int code = ws_code(conn_connect(u, "255.255.255.255", 9));
	cr_assert(code == 0 || code == WSAENETUNREACH, "code %d", code); /* no route at all */
	WS_END();
}

/* Clauses: WS-NAME-6. What a non-blocking connect tells, whether the kernel has decided at once or
 * not. */
Test(connect, WS_CONNECT_3_nonblocking)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp();
	SOCKADDR_IN a;
	int len = sizeof(a);
	conn_nonblocking(s, true);
	WS_IS(conn_connect(s, pair_address(), ws_port(l)), WSAEWOULDBLOCK);
	cr_assert(WSD_UNTIL(ws_code(conn_connect(s, pair_address(), ws_port(l))) == WSAEISCONN,
			    CONN_WAIT_MS));
	pair_is_right(s, -1);
	WS_OK(wsd_getpeername(s, (SOCKADDR *)&a, &len));
	/* nobody answers: it stays under way */
	struct silence x = silence();
	SOCKET t = ws_tcp();
	conn_nonblocking(t, true);
	WS_IS(conn_connect(t, x.ip, x.port), WSAEWOULDBLOCK);
	WS_IS(conn_connect(t, x.ip, x.port), WSAEALREADY);
	WS_IS(wsd_listen(t, 1), WSAEINVAL);
	char c = 0;
	WS_IS(wsd_send(t, &c, 1, 0) == 1 ? 0 : SOCKET_ERROR, WSAENOTCONN);
	WSAOVERLAPPED o = {0};
	a = ws_in(x.ip, x.port);
	WS_IS(wsd_ConnectEx(t, (SOCKADDR *)&a, sizeof(a), NULL, 0, NULL, &o) ? 0 : SOCKET_ERROR,
	      WSAEINVAL);
	/* WS-NAME-6 */
	WS_OK(wsd_getsockname(t, (SOCKADDR *)&a, &len));
	cr_assert_neq(a.sin_port, 0);
	WS_OK(wsd_getpeername(t, (SOCKADDR *)&a, &len));
	cr_assert_eq(ntohs(a.sin_port), x.port);
	WS_OK(wsd_closesocket(t));
	end_silence(&x);
	WS_END();
}

Test(connect, WS_CONNECT_8_SO_ERROR)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp();
	unsigned port = nobody();
	WS_IS(conn_connect(s, pair_nobody(), port), WSAECONNREFUSED);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ERROR), 0, "of a synchronous failure");
	conn_nonblocking(s, true);
	WS_IS(conn_connect(s, pair_nobody(), port), WSAEWOULDBLOCK);
	cr_assert(WSD_UNTIL(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ERROR) == WSAECONNREFUSED,
			    CONN_WAIT_MS));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ERROR), WSAECONNREFUSED, "again");
	WS_IS(conn_connect(s, pair_address(), ws_port(l)), WSAEWOULDBLOCK);
	cr_assert(WSD_UNTIL(ws_code(conn_connect(s, pair_address(), ws_port(l))) == WSAEISCONN,
			    CONN_WAIT_MS));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ERROR), 0);
	WS_END();
}

Test(connect, WS_CONNECT_4_refused_then_again)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp();
	unsigned gone = nobody();
	WS_IS(conn_connect(s, pair_nobody(), gone), WSAECONNREFUSED);
	unsigned port = ws_port(s);
	WS_IS(conn_connect(s, pair_nobody(), gone), WSAECONNREFUSED);
	cr_assert_eq(ws_port(s), port, "the same name");
	WS_OK(conn_connect(s, pair_address(), ws_port(l)));
	cr_assert_eq(ws_port(s), port);
	WS_IS(conn_connect(s, pair_address(), ws_port(l)), WSAEISCONN);
	WS_END();
}

Test(connect, WS_LISTEN_6_a_socket_whose_connect_failed_may_listen)
{
	WS_BEGIN();
	for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, pair_address(), 0));
		conn_nonblocking(s, nonblocking);
		WS_IS(conn_connect(s, pair_nobody(), nobody()),
		      nonblocking ? WSAEWOULDBLOCK : WSAECONNREFUSED);
		cr_assert(WSD_UNTIL(!nonblocking || ws_get(s, WSD_SOL_SOCKET, WSD_SO_ERROR) > 0,
				    CONN_WAIT_MS));
		WS_OK(wsd_listen(s, 5));
		cr_assert(ws_answers(pair_address(), ws_port(s)));
	}
	WS_END();
}

Test(connect, WS_LISTEN_5_and_1_states_that_exclude_each_other)
{
	WS_BEGIN();
	struct pair p = pair_open();
	WS_IS(conn_connect(p.listener, pair_address(), 1), WSAEINVAL);
	WS_IS(wsd_listen(p.a, 5), WSAEISCONN);
	WS_IS(wsd_listen(p.b, 5), WSAEISCONN);
	WS_IS(ws_bind(p.a, pair_address(), 0), WSAEINVAL);
	WS_IS(ws_bind(p.b, pair_address(), 0), WSAEINVAL);
	pair_close(&p);
	WS_END();
}

/* The concrete address comes with the connection, and so may the conflict. */
Test(connect, WS_CONNECT_6_a_wildcard_becomes_concrete)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s[2];
	SOCKADDR_IN a;
	int len = sizeof(a);
	for (int i = 0; i < 2; i++) {
		s[i] = ws_tcp();
		WS_OK(ws_set(s[i], WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
		WS_OK(ws_bind(s[i], ANY4, WS_PORT));
	}
	WS_OK(conn_connect(s[0], pair_address(), ws_port(l)));
	WS_OK(wsd_getsockname(s[0], (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin_addr.s_addr, ws_in(pair_address(), 0).sin_addr.s_addr);
	cr_assert_eq(ntohs(a.sin_port), WS_PORT);
	WS_IS(conn_connect(s[1], pair_address(), ws_port(l)), WSAEADDRINUSE);
	WS_OK(wsd_getsockname(s[1], (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin_addr.s_addr, 0, "as before");
	WS_END();
}

Test(connect, SW_SHARE_5_two_connections_with_equal_names)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s[2];
	for (int i = 0; i < 2; i++) {
		s[i] = ws_tcp();
		WS_OK(ws_set(s[i], WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
		WS_OK(ws_bind(s[i], pair_address(), WS_PORT));
	}
	WS_OK(conn_connect(s[0], pair_address(), ws_port(l)));
	WS_IS(conn_connect(s[1], pair_address(), ws_port(l)), WSAEADDRINUSE);
	SOCKET other = pair_listener(5);
	WS_OK(conn_connect(s[1], pair_address(), ws_port(other)));
	WS_END();
}

Test(connect, SW_BLOCK_1_closesocket_ends_a_blocking_connect)
{
	WS_BEGIN();
	struct silence x = silence();
	struct conn_call call = {
		.fn = conn_call_connect, .s = ws_tcp(), .ip = x.ip, .port = x.port};
	conn_call_start(&call);
	cr_assert_not(call.over);
	WS_IS(conn_connect(call.s, x.ip, x.port), WSAEALREADY);
	WS_OK(wsd_closesocket(call.s));
	cr_assert_eq(conn_call_end(&call), WSAEINTR);
	/* and WSACleanup does it */
	call.s = ws_tcp();
	conn_call_start(&call);
	cr_assert_eq(wsd_WSACleanup(), 0);
	cr_assert_eq(conn_call_end(&call), WSAEINTR);
	end_silence(&x);
	pair_bed_free();
	WSD_TEST_END();
}

/* ---- ConnectEx ---- */

static int connect_ex_to(SOCKET s, const char *ip, unsigned port, void *data, DWORD len,
			 LPWSAOVERLAPPED o)
{
	SOCKADDR_IN a = ws_in(ip, port);
	return wsd_ConnectEx(s, (SOCKADDR *)&a, sizeof(a), data, len, NULL, o) ? 0 : SOCKET_ERROR;
}

static int connect_ex(SOCKET s, unsigned port, void *data, DWORD len, LPWSAOVERLAPPED o)
{
	return connect_ex_to(s, pair_address(), port, data, len, o);
}

static int result(SOCKET s, WSAOVERLAPPED *o, DWORD *ret)
{
	DWORD flags;
	*ret = 0;
	return wsd_WSAGetOverlappedResult(s, o, ret, TRUE, &flags) ? 0 : SOCKET_ERROR;
}

Test(connect, WS_CONNECT_7_ConnectEx)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp();
	unsigned port = ws_port(l);
	WSAOVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	DWORD n;
	SOCKADDR_IN a;
	int len = sizeof(a);
	WS_IS(connect_ex(0, port, NULL, 0, &o), WSAENOTSOCK);
	WS_IS(connect_ex(s, port, NULL, 0, &o), WSAEINVAL, "unbound");
	WS_IS(connect_ex(l, port, NULL, 0, &o), WSAEINVAL, "a listener");
	WS_OK(ws_bind(s, ANY4, 0));
	WS_IS(connect_ex(s, port, NULL, 0, NULL), WSA_INVALID_PARAMETER);
	WS_IS(connect_ex(s, port, "hello", 5, &o), WSA_IO_PENDING);
	WS_OK(result(s, &o, &n));
	cr_assert_eq(n, 5);
	WS_IS(wsd_getpeername(s, (SOCKADDR *)&a, &len), WSAENOTCONN, "before the update");
	WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, NULL, 0));
	WS_OK(wsd_getpeername(s, (SOCKADDR *)&a, &len));
	cr_assert_eq(ntohs(a.sin_port), port);
	WS_IS(connect_ex(s, port, NULL, 0, &o), WSAEISCONN);
	char text[8] = "";
	SOCKET server = pair_accept(l);
	cr_assert_eq(wsd_recv(server, text, sizeof(text), 0), 5);
	cr_assert_str_eq(text, "hello");
	/* refused, then closed while it is under way */
	SOCKET t = ws_tcp();
	WS_OK(ws_bind(t, ANY4, 0));
	WS_IS(connect_ex_to(t, pair_nobody(), nobody(), NULL, 0, &o), WSA_IO_PENDING);
	WS_IS(result(t, &o, &n), WSAECONNREFUSED);
	struct silence x = silence();
	WS_IS(connect_ex_to(t, x.ip, x.port, NULL, 0, &o), WSA_IO_PENDING);
	WS_IS(wsd_getpeername(t, (SOCKADDR *)&a, &len), WSAENOTCONN);
	WS_OK(wsd_closesocket(t));
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o.hEvent, TRUE, CONN_WAIT_MS, FALSE), 0u);
	cr_assert_eq(o.Internal, WSA_OPERATION_ABORTED);
	end_silence(&x);
	cr_assert(wsd_WSACloseEvent(o.hEvent));
	WS_END();
}

/* ---- the others ---- */

Test(connect, WS_CONNECT_1_WSAConnect)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp();
	SOCKADDR_IN a = ws_in(pair_address(), ws_port(l));
	char c = 'x';
	WSABUF data = {1, &c}, back = {1, &c};
	WS_IS(wsd_WSAConnect(s, (SOCKADDR *)&a, sizeof(a), &data, NULL, NULL, NULL),
	      WSAEPROTONOSUPPORT);
	WS_OK(wsd_WSAConnect(s, (SOCKADDR *)&a, sizeof(a), NULL, &back, NULL, NULL));
	cr_assert_eq(back.len, 0u);
	pair_is_right(s, -1);
	WS_END();
}

static int by_name(SOCKET s, const char *node, const char *service, struct timeval *timeout)
{
	return wsd_WSAConnectByNameA(s, node, service, NULL, NULL, NULL, NULL, timeout, NULL)
		       ? 0
		       : SOCKET_ERROR;
}

Test(connect, WS_CONNECT_1_WSAConnectByName)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp(), bound = ws_tcp();
	char port[8];
	SOCKADDR_IN local, remote;
	DWORD local_len = sizeof(local), remote_len = sizeof(remote), little = 4;
	snprintf(port, sizeof(port), "%u", ws_port(l));
	WS_IS(by_name(0, pair_address(), port, NULL), WSAENOTSOCK);
	WS_IS(by_name(s, NULL, port, NULL), WSAEINVAL);
	WS_IS(by_name(s, pair_address(), NULL, NULL), WSAEINVAL);
	WS_OK(ws_bind(bound, pair_address(), 0));
	WS_IS(by_name(bound, pair_address(), port, NULL), WSAEINVAL);
	WS_IS(wsd_WSAConnectByNameA(s, pair_address(), port, &little, (SOCKADDR *)&local, NULL,
				    NULL, NULL, NULL)
		      ? 0
		      : SOCKET_ERROR,
	      WSAEFAULT);
	cr_assert(wsd_WSAConnectByNameA(s, pair_address(), port, &local_len, (SOCKADDR *)&local,
					&remote_len, (SOCKADDR *)&remote, NULL, NULL));
	cr_assert_eq(ntohs(remote.sin_port), ws_port(l));
	cr_assert_eq(ntohs(local.sin_port), ws_port(s));
	pair_is_right(s, -1);
	WCHAR wide[8] = {0}, wide_ip[16] = {0};
	for (int i = 0; port[i]; i++)
		wide[i] = (WCHAR)port[i];
	for (int i = 0; pair_address()[i]; i++)
		wide_ip[i] = (WCHAR)pair_address()[i];
	SOCKET w = ws_tcp();
	cr_assert(wsd_WSAConnectByNameW(w, wide_ip, wide, NULL, NULL, NULL, NULL, NULL, NULL));
	/* nobody is there, and nobody in time */
	SOCKET t = ws_tcp(), late = ws_tcp();
	snprintf(port, sizeof(port), "%u", nobody());
	WS_IS(by_name(t, pair_nobody(), port, NULL), WSAEHOSTUNREACH);
	struct silence x = silence();
	snprintf(port, sizeof(port), "%u", x.port);
	struct timeval brief = {0, 50000};
	long long before = wsd_check_now_ms();
	WS_IS(by_name(late, x.ip, port, &brief), WSAETIMEDOUT);
	cr_assert_lt(wsd_check_now_ms() - before, CONN_WAIT_MS);
	end_silence(&x);
	WS_END();
}

Test(connect, WS_CONNECT_4_WSAConnectByList_goes_on_to_the_next)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp();
	SOCKADDR_IN a[2] = {ws_in(pair_nobody(), nobody()), ws_in(pair_address(), ws_port(l))};
	struct {
		SOCKET_ADDRESS_LIST list;
		SOCKET_ADDRESS more;
	} given = {.list = {.iAddressCount = 0}};
	for (int i = 0; i < 2; i++)
		(&given.list.Address[0])[i] = (SOCKET_ADDRESS){(SOCKADDR *)&a[i], sizeof(a[i])};
	WS_IS(wsd_WSAConnectByList(s, &given.list, NULL, NULL, NULL, NULL, NULL, NULL)
		      ? 0
		      : SOCKET_ERROR,
	      WSAEINVAL);
	given.list.iAddressCount = 2;
	cr_assert(wsd_WSAConnectByList(s, &given.list, NULL, NULL, NULL, NULL, NULL, NULL));
	SOCKADDR_IN peer;
	int len = sizeof(peer);
	WS_OK(wsd_getpeername(s, (SOCKADDR *)&peer, &len));
	cr_assert_eq(memcmp(&peer, &a[1], sizeof(peer)), 0);
	pair_is_right(s, -1);
	WS_END();
}

Test(connect, WS_CONNECT_1_AF_UNIX)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKADDR_UN un = {.sun_family = WSD_AF_UNIX};
	snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/wsd-conn-%d", (int)getpid());
	SOCKET l = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM);
	SOCKET s = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM);
	WS_IS(wsd_connect(s, (SOCKADDR *)&un, sizeof(un)), WSAECONNREFUSED);
	WS_OK(wsd_bind(l, (SOCKADDR *)&un, sizeof(un)));
	WS_OK(wsd_listen(l, 5));
	WS_OK(wsd_connect(s, (SOCKADDR *)&un, sizeof(un)));
	WS_IS(wsd_connect(s, (SOCKADDR *)&un, sizeof(un)), WSAEISCONN);
	SOCKET server = conn_accept(l);
	char c = 'u';
	cr_assert_eq(wsd_send(s, &c, 1, 0), 1);
	cr_assert_eq(wsd_recv(server, &c, 1, 0), 1);
	unlink(un.sun_path);
	WS_END();
}

/* ---- races, leaks ---- */

static int call_close(struct conn_call *c)
{
	return ws_code(wsd_closesocket(c->s));
}

Test(connect, WS_CLOSE_1_close_against_connect)
{
	WS_BEGIN();
	SOCKET l = pair_listener(200);
	int rounds = pair_rounds(100);
	for (int i = 0; i < rounds; i++) {
		SOCKET s = ws_tcp();
		conn_nonblocking(s, i & 1);
		struct conn_call connecting = {.fn = conn_call_connect,
					       .s = s,
					       .ip = pair_address(),
					       .port = ws_port(l)},
				 closing = {.fn = call_close, .s = s};
		cr_assert_eq(pthread_create(&connecting.thread, NULL, conn_call_run, &connecting),
			     0);
		cr_assert_eq(pthread_create(&closing.thread, NULL, conn_call_run, &closing), 0);
		int code = conn_call_end(&connecting);
		cr_assert(code == 0 || code == WSAEINTR || code == WSAENOTSOCK ||
				  code == WSAEWOULDBLOCK,
			  "code %d", code);
		cr_assert_eq(conn_call_end(&closing), 0);
	}
	WS_END();
}
