/* SPDX-License-Identifier: MIT
 *
 * Datagrams. [WS-BIND-7, -8, WS-DATA-3, WS-ERR-3, -4]
 */
#include "conn.h"

static int count(int r)
{
	return r == SOCKET_ERROR ? -wsd_WSAGetLastError() : r;
}

static SOCKET udp(void)
{
	return ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
}

static SOCKET bound(const char *ip)
{
	SOCKET s = ws_socket(strchr(ip, ':') ? WSD_AF_INET6 : WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_OK(ws_bind(s, ip, 0));
	return s;
}

Test(dgram, WS_BIND_7_sending_to_a_name_binds)
{
	char b[32];
	WS_BEGIN();
	SOCKET to = bound(LOOPBACK), s = udp();
	SOCKADDR_IN name = ws_in(LOOPBACK, ws_port(to)), from = {0};
	int len = sizeof(from);
	DWORD n;
	WSABUF one = {2, b};
	WSAMSG m = {.name = (SOCKADDR *)&name,
		    .namelen = sizeof(name),
		    .lpBuffers = &one,
		    .dwBufferCount = 1};
	cr_assert_eq(count(wsd_send(s, "x", 1, 0)), -WSAENOTCONN, "send never binds");
	cr_assert_eq(ws_port(s), 0);
	cr_assert_eq(count(wsd_sendto(s, "x", 1, 0, NULL, 0)), -WSAEDESTADDRREQ);
	cr_assert_eq(count(wsd_sendto(s, "x", 1, 0, (SOCKADDR *)&name, 15)), -WSAEFAULT);
	WS_IS(wsd_WSASendTo(s, &one, 1, NULL, 0, (SOCKADDR *)&name, sizeof(name), NULL, NULL),
	      WSAEFAULT);
	cr_assert_eq(ws_port(s), 0, "a failed check of pointers does not");
	cr_assert_eq(count(wsd_sendto(s, "hi", 2, 0, (SOCKADDR *)&name, sizeof(name))), 2);
	cr_assert_geq(ws_port(s), 49152);
	cr_assert_eq(count(wsd_recvfrom(to, b, sizeof(b), 0, (SOCKADDR *)&from, &len)), 2);
	cr_assert_eq(ntohs(from.sin_port), ws_port(s));
	cr_assert_eq(from.sin_family, WSD_AF_INET);
	cr_assert_eq(len, sizeof(from));
	WS_OK(wsd_closesocket(s));

	s = udp(); /* WSASendMsg */
	WS_IS(wsd_WSASendMsg(s, NULL, 0, &n, NULL, NULL), WSAEFAULT);
	cr_assert_eq(ws_port(s), 0);
	WS_IS(wsd_WSASendMsg(s, &m, 0, NULL, NULL, NULL), WSAEFAULT);
	cr_assert_geq(ws_port(s), 49152, "even one that fails binds");
	WS_OK(wsd_WSASendMsg(s, &m, 0, &n, NULL, NULL));
	cr_assert_eq(n, 2);
	cr_assert_eq(count(wsd_recv(to, b, sizeof(b), 0)), 2);
	WS_OK(wsd_closesocket(s));

	s = udp();
	WS_OK(wsd_WSASendTo(s, &one, 1, &n, 0, (SOCKADDR *)&name, sizeof(name), NULL, NULL));
	cr_assert_geq(ws_port(s), 49152);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(to));
	WS_END();
}

Test(dgram, WS_BIND_8_receiving_needs_a_name)
{
	char b[4];
	WS_BEGIN();
	SOCKET s = udp();
	cr_assert_eq(count(wsd_recv(s, b, 4, 0)), -WSAEINVAL);
	cr_assert_eq(count(wsd_recvfrom(s, b, 4, 0, NULL, NULL)), -WSAEINVAL);
	WS_OK(wsd_closesocket(s));
	WS_END();
}

Test(dgram, WS_DATA_3_boundaries)
{
	enum { MOST = 65507 };
	char *b = malloc(MOST), *got = malloc(MOST);
	WSABUF parts[3] = {{1000, b}, {0, b}, {2000, b + 1000}},
	       room[2] = {{10, got}, {50, got + 10}};
	DWORD n = 0, flags = 0;
	WS_BEGIN();
	SOCKET to = bound(LOOPBACK), s = udp();
	SOCKADDR_IN name = ws_in(LOOPBACK, ws_port(to));
	for (int i = 0; i < MOST; i++)
		b[i] = (char)(i * 7 + i / 256);
	WS_OK(conn_connect(s, LOOPBACK, ws_port(to)));
	static const int sizes[] = {0, 1, 1472, 9000, MOST};
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(count(wsd_send(s, b, sizes[i], 0)), sizes[i]);
		cr_assert_eq(count(wsd_recv(to, got, MOST, 0)), sizes[i]);
		cr_assert_arr_eq(got, b, (size_t)sizes[i]);
	}
	cr_assert_eq(count(wsd_send(s, b, MOST, WSD_MSG_DONTROUTE)), MOST);
	cr_assert_eq(count(wsd_recv(to, got, MOST, 0)), MOST);
	char *big = calloc(1, 70000);
	cr_assert_eq(count(wsd_sendto(s, big, 70000, 0, (SOCKADDR *)&name, sizeof(name))),
		     -WSAEMSGSIZE);
	free(big);
	WS_OK(wsd_WSASend(s, parts, 3, &n, 0, NULL, NULL));
	cr_assert_eq(n, 3000);
	/* longer than the room: what fits is there, the rest is lost, the next is the next */
	cr_assert_eq(count(wsd_send(s, "next", 4, 0)), 4);
	cr_assert_eq(count(wsd_recv(to, got, 60, WSD_MSG_PEEK)), -WSAEMSGSIZE);
	memset(got, 0, 60);
	WS_IS(wsd_WSARecv(to, room, 2, &n, &flags, NULL, NULL), WSAEMSGSIZE);
	cr_assert_eq(n, 60);
	cr_assert_eq(flags, MSG_PARTIAL);
	cr_assert_arr_eq(got, b, 60);
	int partial = 0;
	cr_assert_eq(count(wsd_WSARecvEx(to, got, 2, &partial)), 2, "here it is no failure");
	cr_assert_eq(partial, MSG_PARTIAL);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(to));
	free(got);
	free(b);
	WS_END();
}

Test(dgram, WS_ERR_4_codes)
{
	char b[8];
	WS_BEGIN();
	SOCKET s = udp();
	SOCKADDR_IN zero = ws_in("0.0.0.0", 9), port0 = ws_in(LOOPBACK, 0),
		    all = ws_in("255.255.255.255", 9), good = ws_in(LOOPBACK, 9);
	SOCKADDR_IN6 six = ws_in6("::1", 9);
	SOCKADDR_IN from;
	int len = 15;
	WS_OK(ws_bind(s, LOOPBACK, 0));
	cr_assert_eq(count(wsd_sendto(s, b, 1, 0, (SOCKADDR *)&zero, sizeof(zero))),
		     -WSAEADDRNOTAVAIL);
	cr_assert_eq(count(wsd_sendto(s, b, 1, 0, (SOCKADDR *)&port0, sizeof(port0))), 1,
		     "dropped");
	cr_assert_eq(count(wsd_sendto(s, b, 1, 0, (SOCKADDR *)&all, sizeof(all))), -WSAEACCES);
	cr_assert_eq(count(wsd_sendto(s, b, 1, 0, (SOCKADDR *)&six, sizeof(six))),
		     -WSAEAFNOSUPPORT);
	cr_assert_eq(count(wsd_sendto(s, b, 1, 0, (SOCKADDR *)8, 16)), -WSAEFAULT);
	cr_assert_eq(count(wsd_sendto(s, NULL, 1, 0, (SOCKADDR *)&good, sizeof(good))), -WSAEFAULT);
	cr_assert_eq(count(wsd_recvfrom(s, b, 1, 0, (SOCKADDR *)&from, NULL)), -WSAEFAULT);
	cr_assert_eq(count(wsd_recvfrom(s, b, 1, 0, (SOCKADDR *)&from, &len)), -WSAEFAULT);
	cr_assert_eq(count(wsd_recv(s, b, 1, WSD_MSG_WAITALL)), -WSAEOPNOTSUPP);
	conn_nonblocking(s, true);
	cr_assert_eq(count(wsd_recv(s, b, 1, 0)), -WSAEWOULDBLOCK);
	conn_nonblocking(s, false);
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, 30));
	cr_assert_eq(count(wsd_recv(s, b, 1, 0)), -WSAETIMEDOUT);
	WS_OK(wsd_closesocket(s));
	WS_END();
}

/* Nobody at the port: on Windows it is the next receive that hears of it, as a reset. */
Test(dgram, WS_ERR_4_nobody_at_the_port)
{
	char b[8];
	WS_BEGIN();
	SOCKET gone = bound(LOOPBACK), s = udp();
	unsigned port = ws_port(gone);
	WS_OK(wsd_closesocket(gone));
	WS_OK(conn_connect(s, LOOPBACK, port));
	cr_assert_eq(count(wsd_send(s, "a", 1, 0)), 1);
	cr_assert_eq(count(wsd_send(s, "b", 1, 0)), 1, "a send does not fail for another");
	cr_assert_eq(count(wsd_recv(s, b, 8, 0)), -WSAECONNRESET);
	WS_OK(wsd_closesocket(s));
	WS_END();
}

Test(dgram, WS_DATA_3_overlapped)
{
	char b[2][8];
	SOCKADDR_IN from[2] = {{0}};
	int len[2] = {sizeof(from[0]), sizeof(from[0])};
	WSAOVERLAPPED o[2] = {{0}};
	DWORD flags[2] = {0}, n, got;
	WS_BEGIN();
	SOCKET s = bound(LOOPBACK), peer = bound(LOOPBACK2);
	SOCKADDR_IN name = ws_in(LOOPBACK, ws_port(s));
	for (int i = 0; i < 2; i++) {
		WSABUF one = {8, b[i]};
		o[i].hEvent = wsd_WSACreateEvent();
		WS_IS(wsd_WSARecvFrom(s, &one, 1, NULL, &flags[i], (SOCKADDR *)&from[i], &len[i],
				      &o[i], NULL),
		      WSA_IO_PENDING);
	}
	cr_assert_eq(count(wsd_sendto(peer, "one", 3, 0, (SOCKADDR *)&name, sizeof(name))), 3);
	cr_assert_eq(count(wsd_sendto(peer, "more than", 9, 0, (SOCKADDR *)&name, sizeof(name))),
		     9);
	cr_assert(wsd_WSAGetOverlappedResult(s, &o[0], &n, TRUE, &got));
	cr_assert_eq(n, 3);
	cr_assert_eq(ntohs(from[0].sin_port), ws_port(peer));
	cr_assert_not(wsd_WSAGetOverlappedResult(s, &o[1], &n, TRUE, &got));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEMSGSIZE);
	cr_assert_eq(n, 8);
	cr_assert_eq(got, MSG_PARTIAL);
	for (int i = 0; i < 2; i++)
		wsd_WSACloseEvent((WSAEVENT)o[i].hEvent);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(peer));
	WS_END();
}

Test(dgram, WS_DATA_3_messages_with_control_data)
{
	_Alignas(8) char control[128];
	char b[8];
	SOCKADDR_IN from = {0};
	WSABUF one = {8, b};
	DWORD n = 0;
	WS_BEGIN();
	SOCKET s = bound(ANY4), peer = udp(), tcp = ws_tcp();
	SOCKADDR_IN name = ws_in(LOOPBACK2, ws_port(s));
	WSAMSG m = {.name = (SOCKADDR *)&from,
		    .namelen = sizeof(from),
		    .lpBuffers = &one,
		    .dwBufferCount = 1,
		    .Control = {sizeof(control), control}};
	WS_IS(wsd_WSARecvMsg(tcp, &m, &n, NULL, NULL), WSAEINVAL);
	WS_IS(wsd_WSASendMsg(tcp, &m, 0, &n, NULL, NULL), WSAEINVAL);
	WS_OK(ws_set(s, WSD_IPPROTO_IP, WSD_IP_PKTINFO, 1));
	cr_assert_eq(count(wsd_sendto(peer, "abc", 3, 0, (SOCKADDR *)&name, sizeof(name))), 3);
	WS_OK(wsd_WSARecvMsg(s, &m, &n, NULL, NULL));
	cr_assert_eq(n, 3);
	cr_assert_eq(m.namelen, sizeof(from));
	cr_assert_eq(ntohs(from.sin_port), ws_port(peer));
	WSACMSGHDR *c = WSA_CMSG_FIRSTHDR(&m);
	cr_assert_not_null(c);
	cr_assert_eq(c->cmsg_level, WSD_IPPROTO_IP);
	cr_assert_eq(c->cmsg_type, WSD_IP_PKTINFO);
	IN_PKTINFO info;
	memcpy(&info, WSA_CMSG_DATA(c), sizeof(info));
	cr_assert_eq(info.ipi_addr.s_addr, name.sin_addr.s_addr);
	cr_assert_gt(info.ipi_ifindex, 0);
	cr_assert_null(WSA_CMSG_NXTHDR(&m, c));
	/* and back: from that address */
	m.name = (SOCKADDR *)&from;
	one.len = 2;
	WS_OK(wsd_WSASendMsg(s, &m, 0, &n, NULL, NULL));
	int len = sizeof(name);
	cr_assert_eq(count(wsd_recvfrom(peer, b, 8, 0, (SOCKADDR *)&name, &len)), 2);
	cr_assert_eq(name.sin_addr.s_addr, info.ipi_addr.s_addr);
	/* no room for it */
	m.Control.len = 8;
	name = ws_in(LOOPBACK, ws_port(s));
	cr_assert_eq(count(wsd_sendto(peer, "abc", 3, 0, (SOCKADDR *)&name, sizeof(name))), 3);
	one.len = 8;
	WS_OK(wsd_WSARecvMsg(s, &m, &n, NULL, NULL));
	cr_assert_eq(m.dwFlags, WSD_MSG_CTRUNC);
	cr_assert_eq(m.Control.len, 0);
	WS_OK(wsd_closesocket(tcp));
	WS_OK(wsd_closesocket(peer));
	WS_OK(wsd_closesocket(s));
	WS_END();
}
