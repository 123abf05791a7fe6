/* SPDX-License-Identifier: MIT
 *
 * setsockopt, getsockopt, ioctlsocket, WSAIoctl on TCP/IP. [WS-REUSE-12, -13, WS-ERR-3,
 * SW-SUBNET-5, SW-OPT-3]
 */
#include "ws.h"

#include "options_table.h"

#include <fcntl.h>
#include <ifaddrs.h>
#include <sys/mman.h>

Test(option, WS_ERR_3_levels_and_names)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	static const int levels[] = {1, 2, 0x1234, -1, 255};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		WS_IS(ws_set(s, levels[i], WSD_SO_REUSEADDR, 1), WSAEINVAL, "level %d", levels[i]);
		cr_assert_eq(ws_get(s, levels[i], WSD_SO_REUSEADDR), -1);
		cr_assert_eq(wsd_WSAGetLastError(), WSAEINVAL);
	}
	WS_IS(ws_set(s, WSD_SOL_SOCKET, 0x7777, 1), WSAENOPROTOOPT);
	WS_IS(ws_set(s, WSD_SOL_SOCKET, SO_REUSEPORT, 1), WSAENOPROTOOPT, "Linux's number");
	WS_IS(ws_set(u, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, 1), WSAENOPROTOOPT);
	WS_IS(ws_set(u, WSD_IPPROTO_TCP, WSD_TCP_NODELAY, 1), WSAENOPROTOOPT);
	WS_IS(ws_set(s, WSD_SOL_SOCKET, WSD_SO_BROADCAST, 1), WSAENOPROTOOPT);
	WS_IS(ws_set(s, WSD_SOL_SOCKET, WSD_SO_TYPE, 1), WSAENOPROTOOPT);
	WS_IS(ws_set(s, WSD_SOL_SOCKET, WSD_SO_ERROR, 1), WSAENOPROTOOPT);
	WS_IS(ws_set(s, WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY, 0), WSAENOPROTOOPT);
	WS_END();
}

/* Every option of the table on every kind of socket: set 1, read 1 back; unset values are sane. */
Test(option, WS_ERR_2_every_option_reads_back_as_set)
{
	WS_BEGIN();
	size_t count, tried = 0;
	const struct option_row *rows = options_rows(&count);
	static const int kinds[][2] = {
		{WSD_AF_INET, WSD_SOCK_STREAM},  {WSD_AF_INET, WSD_SOCK_DGRAM},
		{WSD_AF_INET6, WSD_SOCK_STREAM}, {WSD_AF_INET6, WSD_SOCK_DGRAM},
		{WSD_AF_UNIX, WSD_SOCK_STREAM},
	};
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (size_t i = 0; i < count; i++) {
			const struct option_row *r = &rows[i];
			unsigned type = kinds[k][1] == WSD_SOCK_STREAM ? OPT_STREAM : OPT_DGRAM;
			unsigned family = kinds[k][0] == WSD_AF_INET    ? OPT_INET
					  : kinds[k][0] == WSD_AF_INET6 ? OPT_INET6
									: OPT_UNIX;
			bool mine = (r->who & type) && (r->who & family) &&
				    r->rule != OPT_OF_COMPANIONS;
			SOCKET s = ws_socket(kinds[k][0], kinds[k][1]);
			char value[700];
			int len = sizeof(value);
			/* multicast interfaces and groups want addresses */
			bool number = r->kind != OPT_BLOB && r->name != WSD_IP_MULTICAST_IF &&
				      r->name != WSD_SO_LINGER;
			if (mine && (r->direction & OPT_GET) && number) {
				WS_OK(wsd_getsockopt(s, r->level, r->name, value, &len));
				cr_assert_eq(len, 4, "level %d name %d", r->level, r->name);
			} else if (!mine) {
				WS_IS(wsd_getsockopt(s, r->level, r->name, value, &len),
				      WSAENOPROTOOPT);
				WS_IS(ws_set(s, r->level, r->name, 1), WSAENOPROTOOPT);
			}
			if (mine && r->direction == OPT_BOTH && number) {
				WS_IS(ws_set(s, r->level, r->name, 1), 0, "level %d name %#x",
				      r->level, (unsigned)r->name);
				cr_assert_eq(ws_get(s, r->level, r->name), 1, "level %d name %#x",
					     r->level, (unsigned)r->name);
				tried++;
			}
			WS_OK(wsd_closesocket(s));
		}
	cr_assert_gt(tried, 60);
	WS_END();
}

Test(option, WS_ACCEPT_3_buffers_read_back_exactly_as_set)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	static const int names[] = {WSD_SO_SNDBUF, WSD_SO_RCVBUF};
	static const DWORD sizes[] = {0, 1, 4096, 8192, 54321, 1 << 20};
	for (int n = 0; n < 2; n++) {
		cr_assert_gt(ws_get(s, WSD_SOL_SOCKET, names[n]), 0, "the kernel's, until set");
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			WS_OK(ws_set(s, WSD_SOL_SOCKET, names[n], sizes[i]));
			cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, names[n]), sizes[i]);
		}
	}
	static const int times[] = {WSD_SO_SNDTIMEO, WSD_SO_RCVTIMEO};
	for (int n = 0; n < 2; n++) {
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, times[n]), 0);
		WS_OK(ws_set(s, WSD_SOL_SOCKET, times[n], 12345));
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, times[n]), 12345);
	}
	WS_END();
}

Test(option, WS_REUSE_12_lengths_and_pointers)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	DWORD one = 1;
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	/* numbers want four bytes; a failed call changes nothing */
	for (int len = -1; len < 4; len++)
		WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, (char *)&one, len),
		      WSAEFAULT);
	WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, (char *)&one, -1), WSAEFAULT);
	WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, (char *)&one, 1));
	WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, (char *)&one, 0));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE), 0);
	WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, page, 4), WSAEFAULT);
	WS_IS(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, page, 4), WSAEFAULT);
	int len = 4;
	WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, page, &len), WSAEFAULT);
	WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, (char *)&one, (int *)(void *)page),
	      WSAEFAULT);
	for (len = -1; len < 4; len++) {
		int given = len;
		WS_IS(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_RCVBUF, (char *)&one, &given),
		      WSAEFAULT);
		cr_assert_eq(given, len);
	}
	char bytes[8] = {9, 9, 9, 9, 9, 9, 9, 9};
	len = 1; /* a BOOL may be cut */
	WS_OK(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, bytes, &len));
	cr_assert_eq(len, 1);
	cr_assert_eq(bytes[0], 0);
	cr_assert_eq(bytes[1], 9);
	len = 8;
	WS_OK(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, bytes, &len));
	cr_assert_eq(len, 4);
	cr_assert_eq(bytes[4], 9);
	munmap(page, 4096);
	WS_END();
}

Test(option, WS_REUSE_13_linger_and_others)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	struct wsd_linger l = {0};
	int len = sizeof(l);
	WS_OK(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&l, &len));
	cr_assert_eq(l.l_onoff, 0);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, SO_DONTLINGER), 1);
	l = (struct wsd_linger){1, 7};
	WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&l, sizeof(l)));
	l = (struct wsd_linger){0};
	WS_OK(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&l, &len));
	cr_assert_eq(l.l_onoff, 1);
	cr_assert_eq(l.l_linger, 7);
	WS_OK(ws_set(s, WSD_SOL_SOCKET, SO_DONTLINGER, 1));
	WS_OK(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&l, &len));
	cr_assert_eq(l.l_onoff, 0);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ERROR), 0);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE), 0); /* SW-OPT-3 */
	cr_assert_eq(ws_get(u, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE), 65507);
	cr_assert_eq((DWORD)ws_get(s, WSD_SOL_SOCKET, SO_CONNECT_TIME), 0xffffffff);
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, SO_MAX_RDMA_SIZE), -1);
	/* belongs to no socket */
	DWORD type = SO_SYNCHRONOUS_NONALERT;
	WS_OK(wsd_setsockopt(INVALID_SOCKET, WSD_SOL_SOCKET, SO_OPENTYPE, (char *)&type, 4));
	cr_assert_eq(ws_get(INVALID_SOCKET, WSD_SOL_SOCKET, SO_OPENTYPE), SO_SYNCHRONOUS_NONALERT);
	WSAPROTOCOL_INFOA a;
	WSAPROTOCOL_INFOW w;
	len = sizeof(a);
	WS_OK(wsd_getsockopt(u, WSD_SOL_SOCKET, SO_PROTOCOL_INFOA, (char *)&a, &len));
	cr_assert_eq(a.iProtocol, WSD_IPPROTO_UDP);
	cr_assert_neq(a.szProtocol[0], '\0');
	len = sizeof(w) - 1;
	WS_IS(wsd_getsockopt(u, WSD_SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&w, &len), WSAEFAULT);
	WS_END();
}

Test(option, WS_REUSE_8_IPV6_V6ONLY)
{
	WS_BEGIN();
	SOCKET s = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	cr_assert_eq(ws_get(s, WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY), 1);
	WS_OK(ws_set(s, WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY, 0));
	WS_OK(ws_bind(s, "::", 0));
	WS_IS(ws_set(s, WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY, 1), WSAEINVAL);
	cr_assert_eq(ws_get(s, WSD_IPPROTO_IPV6, WSD_IPV6_V6ONLY), 0);
	WS_OK(wsd_listen(s, 1));
	cr_assert(ws_answers(LOOPBACK, ws_port(s)), "both stacks");
	WS_END();
}

Test(option, WS_BIND_9_multicast_options_reach_the_kernel)
{
	WS_BEGIN();
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	struct wsd_ip_mreq m = {.imr_multiaddr = ws_in("224.1.2.3", 0).sin_addr,
				.imr_interface = ws_in(LOOPBACK, 0).sin_addr};
	WS_OK(ws_bind(u, ANY4, 0));
	WS_OK(wsd_setsockopt(u, WSD_IPPROTO_IP, WSD_IP_ADD_MEMBERSHIP, (char *)&m, sizeof(m)));
	WS_IS(wsd_setsockopt(u, WSD_IPPROTO_IP, WSD_IP_ADD_MEMBERSHIP, (char *)&m, sizeof(m)),
	      WSAEADDRINUSE);
	WS_OK(wsd_setsockopt(u, WSD_IPPROTO_IP, WSD_IP_DROP_MEMBERSHIP, (char *)&m, sizeof(m)));
	WS_IS(wsd_setsockopt(u, WSD_IPPROTO_IP, WSD_IP_ADD_MEMBERSHIP, (char *)&m, 7), WSAEFAULT);
	WS_OK(ws_set(u, WSD_IPPROTO_IP, WSD_IP_TTL, 42));
	cr_assert_eq(ws_get(u, WSD_IPPROTO_IP, WSD_IP_TTL), 42);
	cr_assert_eq(ws_get(u, WSD_IPPROTO_IP, WSD_IP_MULTICAST_LOOP), 1);
	struct wsd_ip_mreq_source src = {m.imr_multiaddr, ws_in("10.1.2.3", 0).sin_addr,
					 m.imr_interface};
	WS_OK(wsd_setsockopt(u, WSD_IPPROTO_IP, WSD_IP_ADD_SOURCE_MEMBERSHIP, (char *)&src,
			     sizeof(src)));
	WS_OK(wsd_setsockopt(u, WSD_IPPROTO_IP, WSD_IP_DROP_SOURCE_MEMBERSHIP, (char *)&src,
			     sizeof(src)));
	WS_END();
}

/* ---- control codes ---- */

Test(option, WS_ERR_2_FIONBIO_and_counts)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	ULONG on = 1, n = 99;
	WS_OK(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &on));
	on = 0;
	WS_OK(wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &on));
	WS_OK(ws_bind(u, LOOPBACK, 0));
	WS_OK(wsd_ioctlsocket(u, WSD_FIONREAD, &n));
	cr_assert_eq(n, 0);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ws_port(u))};
	inet_pton(AF_INET, LOOPBACK, &to.sin_addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
	close(fd);
	cr_assert(WSD_UNTIL(wsd_ioctlsocket(u, WSD_FIONREAD, &n) == 0 && n == 5, 1000));
	WS_OK(wsd_ioctlsocket(s, WSD_SIOCATMARK, &n));
	WS_END();
}

Test(option, SW_SUBNET_5_SIO_ADDRESS_LIST_QUERY_is_answered_by_tcpip)
{
	WS_BEGIN();
	static const int families[] = {WSD_AF_INET, WSD_AF_INET6};
	for (int f = 0; f < 2; f++) {
		SOCKET s = ws_socket(families[f], WSD_SOCK_STREAM);
		DWORD need = 0, got = 0;
		WS_IS(wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, NULL, 0, &need, NULL, NULL),
		      WSAEFAULT);
		cr_assert_geq(need, sizeof(SOCKET_ADDRESS_LIST));
		SOCKET_ADDRESS_LIST *list = calloc(1, need);
		WS_IS(wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, list, need - 1, &got, NULL,
				   NULL),
		      WSAEFAULT);
		WS_OK(wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, list, need, &got, NULL,
				   NULL));
		cr_assert_eq(got, need);
		struct ifaddrs *all;
		int want = 0;
		getifaddrs(&all);
		for (struct ifaddrs *i = all; i; i = i->ifa_next)
			if (i->ifa_addr && i->ifa_addr->sa_family == (f ? AF_INET6 : AF_INET) &&
			    strcmp(i->ifa_name, "lo") != 0)
				want++;
		freeifaddrs(all);
		cr_assert_eq(list->iAddressCount, want);
		for (int i = 0; i < list->iAddressCount; i++) {
			char *at = (char *)list->Address[i].lpSockaddr;
			cr_assert(at >= (char *)list &&
				  at + list->Address[i].iSockaddrLength <= (char *)list + need);
			cr_assert_eq(list->Address[i].lpSockaddr->sa_family, families[f]);
		}
		free(list);
		/* a buffer need not be aligned */
		char *odd = calloc(1, need + 1);
		WS_OK(wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, odd + 1, need, &got, NULL,
				   NULL));
		INT count;
		memcpy(&count, odd + 1 + offsetof(SOCKET_ADDRESS_LIST, iAddressCount),
		       sizeof(count));
		cr_assert_eq(count, want);
		free(odd);
	}
	WS_END();
}

Test(option, WS_ERR_3_WSAIoctl)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	DWORD n = 0, on = 1;
	char out[64];
	GUID acceptex = {
		0xb5367df1, 0xcbac, 0x11cf, {0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92}};
	WS_IS(wsd_WSAIoctl(0, 0, NULL, 0, NULL, 0, NULL, NULL, NULL), WSAENOTSOCK);
	WS_IS(wsd_WSAIoctl(s, WSD_FIONBIO, &on, 4, NULL, 0, NULL, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSAIoctl(s, WSD_FIONBIO, NULL, 4, NULL, 0, &n, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSAIoctl(s, WSD_FIONBIO, (void *)1, 4, NULL, 0, &n, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSAIoctl(s, WSD_FIONBIO, &on, 3, NULL, 0, &n, NULL, NULL), WSAEFAULT);
	WS_OK(wsd_WSAIoctl(s, WSD_FIONBIO, &on, 4, NULL, 0, &n, NULL, NULL));
	WS_IS(wsd_WSAIoctl(s, WSD_FIONREAD, NULL, 0, (void *)1, 4, &n, NULL, NULL), WSAEFAULT);
	WS_IS(wsd_WSAIoctl(s, 0x12345678, NULL, 0, NULL, 0, &n, NULL, NULL), WSAEOPNOTSUPP);
	WS_IS(wsd_WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &acceptex, sizeof(acceptex), out,
			   sizeof(out), &n, NULL, NULL),
	      0);
	struct tcp_keepalive k = {1, 5000, 1000};
	WS_OK(wsd_WSAIoctl(s, SIO_KEEPALIVE_VALS, &k, sizeof(k), NULL, 0, &n, NULL, NULL));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE), 1);
	cr_assert_eq(ws_get(s, WSD_IPPROTO_TCP, WSD_TCP_KEEPIDLE), 5);
	WS_END();
}
