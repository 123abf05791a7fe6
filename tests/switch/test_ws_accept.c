/* SPDX-License-Identifier: MIT
 *
 * accept and WSAAccept over TCP/IP. [WS-ACCEPT-1 to 5, SW-ACCEPT-1, WS-REUSE-9, -10]
 */
#include "conn.h"

Test(accept, WS_ACCEPT_1_codes)
{
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
	struct conn_pair p = conn_pair(LOOPBACK);
	conn_end(&p);
	SOCKET s = conn_listener(LOOPBACK, 0, 1);
	struct conn_call call = {.fn = conn_call_accept, .s = s};
	conn_call_start(&call);
	cr_assert(!call.over);
	int fd = conn_foreign(LOOPBACK, ws_port(s));
	cr_assert_geq(fd, 0);
	cr_assert_eq(conn_call_end(&call), 0);
	cr_assert_neq(call.ret, INVALID_SOCKET);
	close(fd);
	WS_END();
}

Test(accept, WS_ACCEPT_5_close_wakes)
{
	WS_BEGIN();
	SOCKET s = conn_listener(LOOPBACK, 0, 1);
	unsigned port = ws_port(s);
	struct conn_call call = {.fn = conn_call_accept, .s = s};
	conn_call_start(&call);
	WS_OK(wsd_closesocket(s));
	cr_assert_not(ws_answers(LOOPBACK, port), "at once, whoever still polls");
	cr_assert_eq(conn_call_end(&call), WSAEINTR);
	WS_END();
}
