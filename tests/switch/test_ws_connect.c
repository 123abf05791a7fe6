/* SPDX-License-Identifier: MIT
 *
 * connect over TCP/IP. [WS-CONNECT-1 to 8, WS-BIND-7, WS-LISTEN-6, SW-CONNECT-2, -4, SW-SHARE-5]
 */
#include "conn.h"

Test(connect, WS_CONNECT_3_nonblocking)
{
	WS_BEGIN();
	SOCKET l = conn_listener(LOOPBACK, 0, 5), s = ws_tcp();
	conn_nonblocking(s, true);
	WS_IS(conn_connect(s, LOOPBACK, ws_port(l)), WSAEWOULDBLOCK);
	cr_assert(WSD_UNTIL(conn_connect(s, LOOPBACK, ws_port(l)) == SOCKET_ERROR &&
				    wsd_WSAGetLastError() == WSAEISCONN,
			    CONN_WAIT_MS));
	WS_END();
}

Test(connect, WS_CONNECT_4_refused_then_again)
{
	WS_BEGIN();
	SOCKET l = conn_listener(LOOPBACK, 0, 5), s = ws_tcp(),
	       gone = conn_listener(LOOPBACK2, 0, 5);
	unsigned port = ws_port(gone);
	WS_OK(wsd_closesocket(gone));
	WS_IS(conn_connect(s, LOOPBACK2, port), WSAECONNREFUSED);
	WS_OK(conn_connect(s, LOOPBACK, ws_port(l)));
	WS_IS(conn_connect(s, LOOPBACK, ws_port(l)), WSAEISCONN);
	WS_END();
}
