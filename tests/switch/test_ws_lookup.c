/* SPDX-License-Identifier: MIT
 *
 * Names of hosts, addresses as text, the list of protocols. [WS-NAME-9, SW-INIT-7]
 */
#include "ws.h"

#include <sys/mman.h>

Test(lookup, WS_NAME_9_getaddrinfo)
{
	WS_BEGIN();
	ADDRINFOA *list = NULL, hints = {.ai_flags = WSD_AI_PASSIVE,
					 .ai_family = WSD_AF_INET,
					 .ai_socktype = WSD_SOCK_STREAM,
					 .ai_protocol = WSD_IPPROTO_TCP};
	/* the server idiom: passive, numeric port */
	cr_assert_eq(wsd_getaddrinfo(NULL, "27015", &hints, &list), 0);
	SOCKADDR_IN *a = (SOCKADDR_IN *)(void *)list->ai_addr;
	cr_assert_eq(a->sin_addr.s_addr, 0);
	cr_assert_eq(a->sin_port, htons(27015));
	cr_assert_eq(list->ai_socktype, WSD_SOCK_STREAM);
	cr_assert_eq(list->ai_protocol, WSD_IPPROTO_TCP);
	cr_assert_eq(list->ai_addrlen, sizeof(*a));
	SOCKET s = wsd_socket(list->ai_family, list->ai_socktype, list->ai_protocol);
	WS_OK(wsd_bind(s, list->ai_addr, (int)list->ai_addrlen));
	wsd_freeaddrinfo(list); /* WS-BIND-3 */
	WS_OK(wsd_listen(s, WSD_SOMAXCONN));
	/* without hints: one entry for an address, of any kind of socket */
	cr_assert_eq(wsd_getaddrinfo("127.0.0.1", NULL, NULL, &list), 0);
	cr_assert_null(list->ai_next);
	cr_assert_eq(list->ai_socktype, 0);
	cr_assert_eq(list->ai_protocol, 0);
	wsd_freeaddrinfo(list);
	hints = (ADDRINFOA){.ai_flags = WSD_AI_CANONNAME | WSD_AI_NUMERICHOST};
	cr_assert_eq(wsd_getaddrinfo("127.0.0.1", "", &hints, &list), 0);
	cr_assert_str_eq(list->ai_canonname, "127.0.0.1");
	wsd_freeaddrinfo(list);
	wsd_freeaddrinfo(NULL);
	WS_END();
}

Test(lookup, WS_NAME_9_getaddrinfo_codes)
{
	static const struct {
		const char *node, *service;
		ADDRINFOA hints;
		int code;
	} rows[] = {
		{NULL, NULL, {0}, WSAHOST_NOT_FOUND},
		{"no such", "80", {.ai_flags = WSD_AI_NUMERICHOST}, WSAHOST_NOT_FOUND},
		{"127.0.0.1", "80", {.ai_family = 99}, WSAEAFNOSUPPORT},
		{"127.0.0.1", "80", {.ai_family = AF_INET6}, WSAEAFNOSUPPORT},
		{"127.0.0.1", "80", {.ai_socktype = 99}, WSAESOCKTNOSUPPORT},
		{"127.0.0.1", "80", {.ai_flags = 0x40000000}, WSAEINVAL},
		{"127.0.0.1", "80", {.ai_addrlen = 1}, WSAEINVAL},
		{"127.0.0.1",
		 "no-such-service",
		 {.ai_socktype = WSD_SOCK_STREAM},
		 WSATYPE_NOT_FOUND},
		/* a number is no port modulo 65536 */
		{"127.0.0.1", "65536", {.ai_socktype = WSD_SOCK_STREAM}, WSATYPE_NOT_FOUND},
		{"127.0.0.1", "4294967376", {.ai_family = AF_INET}, WSATYPE_NOT_FOUND},
		{NULL, "18446744073709551696", {.ai_socktype = WSD_SOCK_DGRAM}, WSATYPE_NOT_FOUND},
	};
	WS_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ADDRINFOA *list = (ADDRINFOA *)1;
		int code = wsd_getaddrinfo(rows[i].node, rows[i].service, &rows[i].hints, &list);
		cr_assert_eq(code, rows[i].code, "row %zu: %d", i, code);
		cr_assert_eq(wsd_WSAGetLastError(), code);
		cr_assert_eq(list, (ADDRINFOA *)1);
		cr_assert_neq(*wsd_gai_strerrorA(code), '\0');
		cr_assert_neq(*wsd_gai_strerrorW(code), 0);
	}
	cr_assert_eq(wsd_getaddrinfo("127.0.0.1", NULL, NULL, NULL), WSAEFAULT);
	WS_END();
}

Test(lookup, WS_NAME_9_wide_forms)
{
	WS_BEGIN();
	ADDRINFOW *list = NULL, hints = {.ai_flags = WSD_AI_CANONNAME | WSD_AI_NUMERICHOST};
	cr_assert_eq(wsd_GetAddrInfoW(u"127.0.0.1", u"80", &hints, &list), 0);
	cr_assert_eq(list->ai_canonname[0], u'1');
	WCHAR node[32], service[8];
	cr_assert_eq(wsd_GetNameInfoW(list->ai_addr, (INT)list->ai_addrlen, node, 32, service, 8,
				      WSD_NI_NUMERICHOST | WSD_NI_NUMERICSERV),
		     0);
	cr_assert_eq(memcmp(node, u"127.0.0.1", 20), 0);
	cr_assert_eq(memcmp(service, u"80", 6), 0);
	cr_assert_eq(wsd_GetNameInfoW(list->ai_addr, (INT)list->ai_addrlen, node, 4, NULL, 0,
				      WSD_NI_NUMERICHOST),
		     WSAEFAULT);
	wsd_FreeAddrInfoW(list);
	WS_END();
}

Test(lookup, WS_NAME_9_getnameinfo)
{
	WS_BEGIN();
	SOCKADDR_IN a = ws_in("10.1.2.3", 80), bad = a;
	char node[64], service[16];
	bad.sin_family = 99;
	int flags = WSD_NI_NUMERICHOST | WSD_NI_NUMERICSERV;
	cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&a, sizeof(a), node, 64, service, 16, flags), 0);
	cr_assert_str_eq(node, "10.1.2.3");
	cr_assert_str_eq(service, "80");
	cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&a, sizeof(a), node, 4, NULL, 0, flags),
		     WSAEFAULT);
	cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&a, 15, node, 64, NULL, 0, flags), WSAEFAULT);
	cr_assert_eq(wsd_getnameinfo(NULL, 16, node, 64, NULL, 0, flags), WSAEFAULT);
	cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&bad, 16, node, 64, NULL, 0, flags),
		     WSAEAFNOSUPPORT);
	cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&a, 16, node, 64, NULL, 0, 0x4000), WSAEINVAL);
	cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&a, 16, NULL, 0, NULL, 0, 0), WSAHOST_NOT_FOUND);
	WS_END();
}

Test(lookup, WS_NAME_9_host_names)
{
	WS_BEGIN();
	char name[256];
	WS_OK(wsd_gethostname(name, sizeof(name)));
	cr_assert_neq(name[0], '\0');
	WS_IS(wsd_gethostname(name, (int)strlen(name)), WSAEFAULT);
	WS_IS(wsd_gethostname(NULL, 10), WSAEFAULT);
	WS_IS(wsd_gethostname((char *)1, 256), WSAEFAULT);
	struct wsd_hostent *h = wsd_gethostbyname("127.0.0.1");
	cr_assert_not_null(h);
	cr_assert_eq(h->h_addrtype, WSD_AF_INET);
	cr_assert_eq(h->h_length, 4);
	cr_assert_eq(memcmp(h->h_addr_list[0], "\x7f\0\0\1", 4), 0);
	cr_assert_null(h->h_addr_list[1]);
	cr_assert_null(h->h_aliases[0]);
	WS_END();
}

/* ---- text: needs no start-up ---- */

Test(lookup, WS_NAME_9_addresses_as_text)
{
	static const struct {
		const char *text;
		ULONG be;
	} old[] = {
		{"127.0.0.1", 0x0100007f}, {"10.1", 0x0100000a}, {"0x7f.1", 0x0100007f},
		{"1", 0x01000000},         {"", 0xffffffff},     {" ", 0},
		{"1.2.3.4.5", 0xffffffff}, {"x", 0xffffffff},    {"255.255.255.255", 0xffffffff},
		{"256.1.1.1", 0xffffffff},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		cr_assert_eq(wsd_inet_addr(old[i].text), old[i].be, "%s", old[i].text);
	cr_assert_eq(wsd_inet_addr(NULL), 0xffffffff);
	struct wsd_in_addr a = {.s_addr = 0x0100007f};
	cr_assert_str_eq(wsd_inet_ntoa(a), "127.0.0.1");
	unsigned char bytes[16];
	char text[64];
	WCHAR wide[64];
	cr_assert_eq(wsd_inet_pton(WSD_AF_INET, "10.1.2.3", bytes), 1);
	cr_assert_eq(wsd_inet_pton(WSD_AF_INET, "10.1.2", bytes), 0);
	cr_assert_eq(wsd_inet_pton(WSD_AF_INET6, "fe80::1", bytes), 1);
	cr_assert_str_eq(wsd_inet_ntop(WSD_AF_INET6, bytes, text, sizeof(text)), "fe80::1");
	cr_assert_eq(wsd_inet_pton(99, "10.1.2.3", bytes), -1);
	cr_assert_eq(wsd_GetLastError(), WSAEAFNOSUPPORT);
	cr_assert_eq(wsd_inet_pton(WSD_AF_INET, NULL, bytes), -1);
	cr_assert_eq(wsd_GetLastError(), WSAEFAULT);
	cr_assert_eq(wsd_InetPtonW(WSD_AF_INET, u"10.1.2.3", bytes), 1);
	cr_assert_not_null(wsd_InetNtopW(WSD_AF_INET, bytes, wide, 64));
	cr_assert_eq(memcmp(wide, u"10.1.2.3", 18), 0);
	cr_assert_null(wsd_inet_ntop(WSD_AF_INET, bytes, text, 4));
	cr_assert_eq(wsd_GetLastError(), WSA_INVALID_PARAMETER);
	cr_assert_null(wsd_InetNtopW(WSD_AF_INET, bytes, wide, 4));
	cr_assert_eq(wsd_htons(0x1234), 0x3412);
	cr_assert_eq(wsd_ntohl(0x12345678), 0x78563412);
	cr_assert_eq(wsd_ntohs(wsd_htons(77)), 77);
	cr_assert_eq(wsd_htonl(wsd_ntohl(77)), 77);
	WSD_TEST_END();
}

Test(lookup, WS_NAME_9_names_as_text)
{
	static const struct {
		int af;
		const char *text;
		int code;
		const char *back;
	} rows[] = {
		{WSD_AF_INET, "10.1.2.3:80", 0, "10.1.2.3:80"},
		{WSD_AF_INET, "10.1.2.3", 0, "10.1.2.3"},
		{WSD_AF_INET6, "[fe80::1%3]:80", 0, "[fe80::1%3]:80"},
		{WSD_AF_INET6, "::1", 0, "::1"},
		{WSD_AF_INET, "10.1.2.3:", WSAEINVAL, NULL},
		{WSD_AF_INET, "10.1.2.3:65536", WSAEINVAL, NULL},
		{WSD_AF_INET, "10.1.2.3:-1", WSAEINVAL, NULL},
		{WSD_AF_INET, "::1", WSAEINVAL, NULL},
		{WSD_AF_INET6, "[::1", WSAEINVAL, NULL},
		{WSD_AF_INET6, "[::1]x", WSAEINVAL, NULL},
		{99, "10.1.2.3", WSAEINVAL, NULL},
	};
	WS_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wsd_sockaddr_storage a;
		char text[80];
		int len = sizeof(a);
		DWORD room = sizeof(text);
		snprintf(text, sizeof(text), "%s", rows[i].text);
		WS_IS(wsd_WSAStringToAddressA(text, rows[i].af, NULL, (SOCKADDR *)&a, &len),
		      rows[i].code, "row %zu", i);
		if (rows[i].code)
			continue;
		WS_OK(wsd_WSAAddressToStringA((SOCKADDR *)&a, (DWORD)len, NULL, text, &room));
		cr_assert_str_eq(text, rows[i].back);
		cr_assert_eq(room, strlen(text) + 1);
		room = 3;
		WS_IS(wsd_WSAAddressToStringA((SOCKADDR *)&a, (DWORD)len, NULL, text, &room),
		      WSAEFAULT);
		cr_assert_eq(room, strlen(rows[i].back) + 1);
		WCHAR wide[80];
		room = 80;
		WS_OK(wsd_WSAAddressToStringW((SOCKADDR *)&a, (DWORD)len, NULL, wide, &room));
		len = sizeof(a);
		WS_OK(wsd_WSAStringToAddressW(wide, rows[i].af, NULL, (SOCKADDR *)&a, &len));
		len = 15;
		WS_IS(wsd_WSAStringToAddressW(wide, rows[i].af, NULL, (SOCKADDR *)&a, &len),
		      WSAEFAULT);
	}
	SOCKET s = ws_tcp();
	USHORT two = 0;
	ULONG four = 0;
	WS_OK(wsd_WSAHtons(s, 0x1234, &two));
	cr_assert_eq(two, 0x3412);
	WS_OK(wsd_WSANtohl(s, 0x12345678, &four));
	cr_assert_eq(four, 0x78563412);
	WS_IS(wsd_WSAHtonl(s, 1, NULL), WSAEFAULT);
	WS_IS(wsd_WSANtohs(s, 1, (USHORT *)1), WSAEFAULT);
	WS_END();
}

/* ---- protocols ---- */

Test(lookup, SW_INIT_7_protocols)
{
	WS_BEGIN();
	DWORD need = 0, len;
	WS_IS(wsd_WSAEnumProtocolsW(NULL, NULL, &need), WSAENOBUFS);
	cr_assert_gt(need, 0);
	cr_assert_eq(need % sizeof(WSAPROTOCOL_INFOW), 0);
	WSAPROTOCOL_INFOW *w = calloc(1, need);
	len = need - 1;
	WS_IS(wsd_WSAEnumProtocolsW(NULL, w, &len), WSAENOBUFS);
	cr_assert_eq(len, need);
	int n = wsd_WSAEnumProtocolsW(NULL, w, &len);
	cr_assert_eq((DWORD)n * sizeof(*w), need);
	cr_assert_eq(w[0].iProtocol, WSD_IPPROTO_TCP, "the switch is the first TCP entry");
	cr_assert_eq(w[0].iAddressFamily, WSD_AF_INET);
	for (int i = 0; i < n; i++)
		cr_assert_not(w[i].dwProviderFlags & PFL_HIDDEN);
	INT only_udp[] = {WSD_IPPROTO_UDP, 0};
	len = need;
	int udp = wsd_WSAEnumProtocolsW(only_udp, w, &len);
	cr_assert(udp > 0 && udp < n);
	for (int i = 0; i < udp; i++)
		cr_assert_eq(w[i].iProtocol, WSD_IPPROTO_UDP);
	WSAPROTOCOL_INFOA *a = calloc((size_t)n, sizeof(*a));
	len = (DWORD)n * sizeof(*a);
	cr_assert_eq(wsd_WSAEnumProtocolsA(NULL, a, &len), n);
	cr_assert_neq(a[0].szProtocol[0], '\0');
	WS_IS(wsd_WSAEnumProtocolsA(NULL, a, NULL), WSAEFAULT);
	WS_IS(wsd_WSAEnumProtocolsA((INT *)1, a, &len), WSAEFAULT);
	free(w);
	free(a);
	WS_OK(wsd_WSACleanup());
	/* WSCEnumProtocols needs no start-up, and its code is at *lpErrno */
	INT code = -1;
	len = 0;
	cr_assert_eq(wsd_WSCEnumProtocols(NULL, NULL, &len, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAENOBUFS);
	cr_assert_geq(len, need);
	cr_assert_eq(ws_startup(), 0);
	WS_END();
}

/* Text that cannot be read, results that cannot be written: WSAEFAULT, and nothing is changed. */
Test(lookup, WS_BIND_4_WSAEFAULT_c_text_and_results_at_bad_addresses)
{
	WS_BEGIN();
	char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_eq(mprotect(hole + 4096, 4096, PROT_NONE), 0);
	char *sink = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *edge = hole + 4095; /* one character, and no end */
	*edge = '1';
	WCHAR *wide = (WCHAR *)(void *)(hole + 4094), *sink16 = (WCHAR *)(void *)sink;
	char *bad[] = {edge, hole + 4096, (char *)8}, text[] = "10.0.0.1", out[64] = "as it was";
	WCHAR out16[64] = u"as it was";
	SOCKADDR_IN name = ws_in(LOOPBACK, 80), a;
	ADDRINFOA hints = {.ai_flags = WSD_AI_NUMERICHOST}, *list = NULL;
	ADDRINFOW *list16 = NULL;
	int len = sizeof(a);
	for (int i = 0; i < 3; i++) {
		WCHAR *bad16 = i ? (WCHAR *)(void *)bad[i] : wide;
		cr_assert_eq(wsd_inet_addr(bad[i]), WSD_INADDR_NONE);
		WS_IS(wsd_inet_pton(WSD_AF_INET, bad[i], &a.sin_addr), WSAEFAULT);
		WS_IS(wsd_inet_pton(WSD_AF_INET, text, sink), WSAEFAULT);
		WS_IS(wsd_InetPtonW(WSD_AF_INET, bad16, &a.sin_addr), WSAEFAULT);
		cr_assert_null(wsd_inet_ntop(WSD_AF_INET, bad[i], out, sizeof(out)));
		cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
		cr_assert_null(wsd_inet_ntop(WSD_AF_INET, &name.sin_addr, sink, 64));
		cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
		cr_assert_null(wsd_InetNtopW(WSD_AF_INET, bad[i], out16, 64));
		cr_assert_null(wsd_InetNtopW(WSD_AF_INET, &name.sin_addr, sink16, 64));
		WS_IS(wsd_WSAStringToAddressA(bad[i], WSD_AF_INET, NULL, (SOCKADDR *)&a, &len),
		      WSAEFAULT);
		WS_IS(wsd_WSAStringToAddressW(bad16, WSD_AF_INET, NULL, (SOCKADDR *)&a, &len),
		      WSAEFAULT);
		cr_assert_eq(wsd_getaddrinfo(bad[i], NULL, &hints, &list), WSAEFAULT);
		cr_assert_eq(wsd_getaddrinfo(text, bad[i], &hints, &list), WSAEFAULT);
		cr_assert_eq(wsd_getaddrinfo(text, NULL, &hints, (ADDRINFOA **)(void *)sink),
			     WSAEFAULT);
		cr_assert_eq(wsd_GetAddrInfoW(bad16, NULL, NULL, &list16), WSAEFAULT);
		cr_assert_eq(wsd_GetAddrInfoW(NULL, bad16, NULL, &list16), WSAEFAULT);
		cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&name, sizeof(name), out, 64, sink, 64,
					     WSD_NI_NUMERICHOST | WSD_NI_NUMERICSERV),
			     WSAEFAULT);
		cr_assert_eq(wsd_getnameinfo((SOCKADDR *)&name, sizeof(name), sink, 64, out, 64,
					     WSD_NI_NUMERICHOST | WSD_NI_NUMERICSERV),
			     WSAEFAULT);
		cr_assert_eq(wsd_GetNameInfoW((SOCKADDR *)&name, sizeof(name), out16, 64, sink16,
					      64, WSD_NI_NUMERICHOST | WSD_NI_NUMERICSERV),
			     WSAEFAULT);
		cr_assert_null(wsd_gethostbyname(bad[i]));
		cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	}
	cr_assert_str_eq(out, "as it was");
	cr_assert_arr_eq(out16, u"as it was", sizeof(u"as it was"));
	cr_assert(!list && !list16);
	munmap(hole, 8192);
	munmap(sink, 4096);
	WS_END();
}
