/* SPDX-License-Identifier: MIT
 *
 * The names of connections: getpeername, getsockname, SO_BSP_STATE, SO_CONNECT_TIME, over the
 * transport of the environment (stream_pair.h). [WS-NAME-2, -5 to -7, WS-ERR-2, -3]
 */
#include "stream_pair.h"

Test(conname, WS_ERR_3_order_of_getpeername)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET s = ws_tcp();
	SOCKADDR_IN a;
	int len = sizeof(a), little = sizeof(a) - 1;
	memset(&a, 0x55, sizeof(a));
	WS_IS(wsd_getpeername(INVALID_SOCKET, NULL, NULL), WSAENOTSOCK);
	WS_IS(wsd_getpeername(s, NULL, NULL), WSAENOTCONN);
	WS_IS(wsd_getpeername(p.listener, NULL, NULL), WSAENOTCONN);
	WS_IS(wsd_getpeername(p.a, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_getpeername(p.a, (SOCKADDR *)&a, NULL), WSAEFAULT);
	WS_IS(wsd_getpeername(p.a, NULL, &len), WSAEFAULT);
	WS_IS(wsd_getpeername(p.a, (SOCKADDR *)1, &len), WSAEFAULT);
	WS_IS(wsd_getpeername(p.a, (SOCKADDR *)&a, &little), WSAEFAULT);
	cr_assert_eq(little, (int)sizeof(a) - 1);
	cr_assert_eq(len, (int)sizeof(a));
	cr_assert_eq(a.sin_family, 0x5555, "a failed call changes nothing");
	len = 100;
	WS_OK(wsd_getpeername(p.a, (SOCKADDR *)&a, &len));
	cr_assert_eq(len, (int)sizeof(a));
	cr_assert_eq(ntohs(a.sin_port), ws_port(p.listener));
	pair_close(&p);
	WS_END();
}

static void check_names(SOCKET a, SOCKET b)
{
	struct wsd_sockaddr_storage local, peer;
	int local_len = sizeof(local), peer_len = sizeof(peer);
	WS_OK(wsd_getsockname(a, (SOCKADDR *)&local, &local_len));
	WS_OK(wsd_getpeername(b, (SOCKADDR *)&peer, &peer_len));
	cr_assert_eq(local_len, peer_len);
	cr_assert_eq(memcmp(&local, &peer, (size_t)local_len), 0);
}

Test(conname, WS_NAME_2_and_6_names_of_both_ends_and_after_shutdown)
{
	WS_BEGIN();
	struct pair p = pair_open();
	WS_OK(wsd_shutdown(p.a, WSD_SD_BOTH));
	WS_OK(wsd_shutdown(p.b, WSD_SD_BOTH));
	check_names(p.a, p.b);
	check_names(p.b, p.a);
	pair_close(&p);
	if (!pair_on_san()) {
		struct conn_pair six = conn_pair("::1");
		check_names(six.client, six.server);
		check_names(six.server, six.client);
		conn_end(&six);
	}
	WS_END();
}

/* ---- SO_BSP_STATE ---- */

union state {
	CSADDR_INFO info;
	char room[sizeof(CSADDR_INFO) + 2 * sizeof(SOCKADDR_IN)];
};

static int state(SOCKET s, union state *u, int *len)
{
	return wsd_getsockopt(s, WSD_SOL_SOCKET, SO_BSP_STATE, (char *)u, len);
}

static bool inside(const union state *u, const SOCKET_ADDRESS *a)
{
	const char *at = (const char *)a->lpSockaddr;
	return a->iSockaddrLength == sizeof(SOCKADDR_IN) && at >= u->room + sizeof(CSADDR_INFO) &&
	       at + a->iSockaddrLength <= u->room + sizeof(*u);
}

Test(conname, WS_NAME_7_SO_BSP_STATE)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET s = ws_tcp(), un = ws_socket(WSD_AF_UNIX, WSD_SOCK_STREAM);
	union state u;
	int len = sizeof(u);
	WS_OK(state(s, &u, &len));
	cr_assert_eq(len, (int)sizeof(CSADDR_INFO));
	cr_assert(!u.info.LocalAddr.lpSockaddr);
	cr_assert(!u.info.RemoteAddr.lpSockaddr);
	cr_assert_eq(u.info.LocalAddr.iSockaddrLength, 0);
	cr_assert_eq(u.info.iSocketType, WSD_SOCK_STREAM);
	cr_assert_eq(u.info.iProtocol, WSD_IPPROTO_TCP);
	len = sizeof(u);
	WS_OK(state(p.listener, &u, &len));
	cr_assert(inside(&u, &u.info.LocalAddr));
	cr_assert(!u.info.RemoteAddr.lpSockaddr);
	len = sizeof(u) - 1;
	WS_IS(state(p.a, &u, &len), WSAEFAULT);
	cr_assert_eq(len, (int)sizeof(u) - 1);
	len = sizeof(u);
	WS_OK(state(p.a, &u, &len));
	cr_assert_eq(len, (int)sizeof(u));
	cr_assert(inside(&u, &u.info.LocalAddr));
	cr_assert(inside(&u, &u.info.RemoteAddr));
	cr_assert_eq(((SOCKADDR_IN *)(void *)u.info.RemoteAddr.lpSockaddr)->sin_port,
		     htons((uint16_t)ws_port(p.listener)));
	cr_assert_eq(((SOCKADDR_IN *)(void *)u.info.LocalAddr.lpSockaddr)->sin_port,
		     htons((uint16_t)ws_port(p.a)));
	len = sizeof(u);
	WS_IS(state(un, &u, &len), WSAENOPROTOOPT);
	pair_close(&p);
	WS_END();
}

Test(conname, WS_ACCEPT_7_SO_CONNECT_TIME)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET s = ws_tcp();
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, SO_CONNECT_TIME), 0xffffffff);
	cr_assert_eq(ws_get(p.listener, WSD_SOL_SOCKET, SO_CONNECT_TIME), 0xffffffff);
	cr_assert_lt(ws_get(p.a, WSD_SOL_SOCKET, SO_CONNECT_TIME), 60);
	cr_assert_lt(ws_get(p.b, WSD_SOL_SOCKET, SO_CONNECT_TIME), 60);
	pair_close(&p);
	WS_END();
}

Test(conname, WS_ERR_2_success_sets_it_to_0)
{
	WS_BEGIN();
	SOCKET l = pair_listener(5), s = ws_tcp(), got;
	SOCKADDR_IN a;
	int len = sizeof(a);
	WS_OK(conn_connect(s, pair_address(), ws_port(l)));
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	cr_assert_eq(conn_accept_code(l, &got), 0);
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	pair_is_right(got, -1);
	wsd_WSASetLastError(5);
	WS_OK(wsd_getpeername(s, (SOCKADDR *)&a, &len));
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	wsd_WSASetLastError(5);
	cr_assert_eq(wsd_shutdown(s, WSD_SD_SEND), 0);
	cr_assert_eq(wsd_WSAGetLastError(), 0);
	WS_END();
}
