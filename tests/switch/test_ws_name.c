/* SPDX-License-Identifier: MIT
 *
 * getsockname, and the shapes of names at the edge. [WS-NAME-1 to 4, 8, 9]
 */
#include "ws.h"

#include <sys/mman.h>

Test(name, WS_NAME_1_unbound)
{
	WS_BEGIN();
	static const int types[] = {WSD_SOCK_STREAM, WSD_SOCK_DGRAM};
	static const int families[] = {WSD_AF_INET, WSD_AF_INET6};
	for (int i = 0; i < 4; i++) {
		struct wsd_sockaddr_storage a, before;
		memset(&before, 0x5a, sizeof(before));
		a = before;
		int len = sizeof(a);
		SOCKET s = ws_socket(families[i / 2], types[i % 2]);
		WS_IS(wsd_getsockname(s, (SOCKADDR *)&a, &len), WSAEINVAL);
		cr_assert_eq(memcmp(&a, &before, sizeof(a)), 0);
		cr_assert_eq(len, sizeof(a));
		len = 15; /* length before state [WS-ERR-3] */
		WS_IS(wsd_getsockname(s, (SOCKADDR *)&a, &len), WSAEFAULT);
		cr_assert_eq(len, 15);
	}
	WS_END();
}

Test(name, WS_NAME_2_wildcard_and_real_port)
{
	WS_BEGIN();
	static const int types[] = {WSD_SOCK_STREAM, WSD_SOCK_DGRAM};
	for (int i = 0; i < 2; i++) {
		SOCKET s = ws_socket(WSD_AF_INET, types[i]);
		SOCKADDR_IN a;
		int len = sizeof(a);
		WS_OK(ws_bind(s, ANY4, 0));
		WS_OK(wsd_getsockname(s, (SOCKADDR *)&a, &len));
		cr_assert_eq(a.sin_addr.s_addr, 0);
		cr_assert_neq(a.sin_port, 0);
		cr_assert_eq(len, sizeof(a));
	}
	WS_END();
}

Test(name, WS_NAME_3_exactly_what_was_bound)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	SOCKADDR_IN a = ws_in(LOOPBACK2, WS_PORT), got;
	memset(a.sin_zero, 0x77, sizeof(a.sin_zero));
	memset(&got, 0x55, sizeof(got));
	int len = sizeof(got);
	WS_OK(wsd_bind(s, (SOCKADDR *)&a, sizeof(a)));
	WS_OK(wsd_getsockname(s, (SOCKADDR *)&got, &len));
	memset(a.sin_zero, 0, sizeof(a.sin_zero));
	cr_assert_eq(memcmp(&a, &got, sizeof(a)), 0);
	SOCKET t = ws_tcp();
	WS_OK(ws_bind(t, LOOPBACK2, 0));
	WS_OK(wsd_getsockname(t, (SOCKADDR *)&got, &len));
	cr_assert_eq(got.sin_addr.s_addr, a.sin_addr.s_addr);
	cr_assert_neq(got.sin_port, 0);
	WS_OK(wsd_listen(t, 1));
	cr_assert(ws_answers(LOOPBACK2, ntohs(got.sin_port)), "it is the kernel's port too");
	WS_END();
}

Test(name, WS_NAME_4_room)
{
	WS_BEGIN();
	SOCKET s = ws_tcp(), six = ws_socket(WSD_AF_INET6, WSD_SOCK_STREAM);
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(ws_bind(six, "::1", 0));
	static const int rooms[] = {15, 1, 0, -1};
	char a[64], before[64];
	memset(before, 0x33, sizeof(before));
	for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
		int len = rooms[i];
		memcpy(a, before, sizeof(a));
		WS_IS(wsd_getsockname(s, (SOCKADDR *)(void *)a, &len), WSAEFAULT);
		cr_assert_eq(len, rooms[i]);
		cr_assert_eq(memcmp(a, before, sizeof(a)), 0);
	}
	int len = 27;
	WS_IS(wsd_getsockname(six, (SOCKADDR *)(void *)a, &len), WSAEFAULT);
	len = sizeof(a);
	WS_OK(wsd_getsockname(s, (SOCKADDR *)(void *)a, &len));
	cr_assert_eq(len, 16);
	cr_assert_eq(memcmp(a + 16, before, sizeof(a) - 16), 0);
	len = sizeof(a);
	WS_OK(wsd_getsockname(six, (SOCKADDR *)(void *)a, &len));
	cr_assert_eq(len, 28);
	WS_END();
}

Test(name, WS_ERR_3_getsockname_with_bad_pointers)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	SOCKADDR_IN a;
	int len = sizeof(a);
	WS_IS(wsd_getsockname(INVALID_SOCKET, NULL, NULL), WSAENOTSOCK);
	WS_IS(wsd_getsockname(s, NULL, NULL), WSAEFAULT);
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_IS(wsd_getsockname(s, NULL, &len), WSAEFAULT);
	WS_IS(wsd_getsockname(s, (SOCKADDR *)&a, NULL), WSAEFAULT);
	WS_IS(wsd_getsockname(s, (SOCKADDR *)&a, (int *)4), WSAEFAULT);
	WS_IS(wsd_getsockname(s, (SOCKADDR *)(void *)page, &len),
	      WSAEFAULT); /* cannot be written */
	cr_assert_eq(len, sizeof(a));
	*(volatile char *)&a = 0;
	WS_OK(wsd_getsockname(s, (SOCKADDR *)&a, &len));
	munmap(page, 4096);
	WS_END();
}

Test(name, WS_NAME_8_from_the_cache)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, ANY4, 0));
	unsigned port = ws_port(s);
	WS_OK(wsd_listen(s, 1));
	cr_assert_eq(ws_port(s), port);
	SOCKADDR_IN a;
	int len = sizeof(a);
	WS_OK(wsd_getsockname(s, (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin_addr.s_addr, 0);
	WS_END();
}

Test(name, WS_NAME_9_families_and_members)
{
	WS_BEGIN();
	SOCKET six = ws_socket(23, WSD_SOCK_STREAM);
	SOCKADDR_IN6 a;
	int len = sizeof(a);
	cr_assert_neq(six, INVALID_SOCKET);
	WS_OK(ws_bind(six, "::1", 0));
	WS_OK(wsd_getsockname(six, (SOCKADDR *)&a, &len));
	cr_assert_eq(a.sin6_family, 23, "Linux's is 10");
	ADDRINFOA hints = {.ai_flags = WSD_AI_NUMERICHOST,
			   .ai_family = 23,
			   .ai_socktype = WSD_SOCK_STREAM},
		  *list = NULL;
	cr_assert_eq(wsd_getaddrinfo("::1", "80", &hints, &list), 0);
	cr_assert_eq(list->ai_family, 23);
	cr_assert_eq(list->ai_addr->sa_family, 23);
	cr_assert_eq(list->ai_addrlen, 28);
	cr_assert_null(list->ai_canonname);
	wsd_freeaddrinfo(list);
	cr_assert_eq(wsd_getaddrinfo("nonsense!", NULL, &hints, &list), WSAHOST_NOT_FOUND);
	WS_END();
}
