/* SPDX-License-Identifier: MIT
 *
 * shutdown, WSASendDisconnect, WSARecvDisconnect, over the transport of the environment
 * (stream_pair.h). [WS-DATA-1, WS-LISTEN-5]
 */
#include "stream_pair.h"

Test(shutdown, WS_DATA_1_before_startup)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_IS(wsd_shutdown(1, WSD_SD_BOTH), WSANOTINITIALISED);
}

Test(shutdown, WS_DATA_1_codes)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET s = ws_tcp(), bound = ws_tcp();
	WS_OK(ws_bind(bound, LOOPBACK, 0));
	WS_IS(wsd_shutdown(0, 77), WSAENOTSOCK);
	WS_IS(wsd_shutdown(s, 3), WSAEINVAL);
	WS_IS(wsd_shutdown(s, -1), WSAEINVAL);
	for (int how = 0; how < 3; how++) {
		WS_IS(wsd_shutdown(s, how), WSAENOTCONN);
		WS_IS(wsd_shutdown(bound, how), WSAENOTCONN);
		WS_IS(wsd_shutdown(p.listener, how), WSAENOTCONN, "Linux: 0");
	}
	cr_assert(ws_answers(pair_address(), ws_port(p.listener)), "and it listens on");
	pair_close(&p);
	WS_END();
}

Test(shutdown, WS_DATA_1_sending)
{
	WS_BEGIN();
	struct pair p = pair_open();
	char c = 'a';
	cr_assert_eq(wsd_send(p.a, &c, 1, 0), 1);
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND)); /* again */
	WS_IS(wsd_send(p.a, &c, 1, 0), WSAESHUTDOWN);
	cr_assert_eq(wsd_recv(p.b, &c, 1, 0), 1, "what was sent arrives");
	for (int i = 0; i < 3; i++)
		cr_assert_eq(wsd_recv(p.b, &c, 1, 0), 0, "again and again");
	/* the other direction works */
	cr_assert_eq(wsd_send(p.b, &c, 1, 0), 1);
	cr_assert_eq(wsd_recv(p.a, &c, 1, 0), 1);
	pair_close(&p);
	WS_END();
}

Test(shutdown, WS_DATA_1_receiving)
{
	WS_BEGIN();
	struct pair p = pair_open();
	char c = 'a';
	WS_OK(wsd_shutdown(p.b, WSD_SD_RECEIVE));
	WS_IS(wsd_recv(p.b, &c, 1, 0), WSAESHUTDOWN);
	cr_assert_eq(wsd_send(p.b, &c, 1, 0), 1);
	cr_assert_eq(wsd_recv(p.a, &c, 1, 0), 1);
	WS_OK(wsd_shutdown(p.b, WSD_SD_BOTH));
	WS_OK(wsd_shutdown(p.b, WSD_SD_RECEIVE));
	WS_IS(wsd_send(p.b, &c, 1, 0), WSAESHUTDOWN);
	cr_assert_eq(wsd_recv(p.a, &c, 1, 0), 0);
	pair_close(&p);
	WS_END();
}

Test(shutdown, WS_DATA_1_disconnect_data)
{
	WS_BEGIN();
	struct pair p = pair_open();
	char c = 'a';
	WSABUF data = {1, &c};
	WS_IS(wsd_WSASendDisconnect(0, NULL), WSAENOTSOCK);
	WS_IS(wsd_WSASendDisconnect(0, &data), WSAENOTSOCK);
	WS_IS(wsd_WSASendDisconnect(p.a, &data), WSAENOPROTOOPT);
	WS_IS(wsd_WSARecvDisconnect(p.a, &data), WSAENOPROTOOPT);
	cr_assert_eq(wsd_send(p.a, &c, 1, 0), 1, "nothing has changed");
	WS_OK(wsd_WSASendDisconnect(p.a, NULL));
	WS_IS(wsd_send(p.a, &c, 1, 0), WSAESHUTDOWN);
	WS_OK(wsd_WSARecvDisconnect(p.b, NULL));
	WS_IS(wsd_recv(p.b, &c, 1, 0), WSAESHUTDOWN);
	pair_close(&p);
	WS_END();
}

Test(shutdown, WS_DATA_1_datagrams)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_OK(wsd_shutdown(u, WSD_SD_SEND));
	WS_IS(ws_bind(u, LOOPBACK, 0), WSAEINVAL, "bind after shutdown");
	WS_END();
}
