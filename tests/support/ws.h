/* SPDX-License-Identifier: MIT
 *
 * For tests that drive libwsdirect through its exported calls: a book of names of their own, no SAN
 * provider, the usual sockets and names. Header only.
 */
#ifndef WSD_TESTS_WS_H
#define WSD_TESTS_WS_H

#include "check.h"

#include <arpa/inet.h>
#include <wsd/api.h>

#define LOOPBACK  "127.0.0.1"
#define LOOPBACK2 "127.0.0.2"
#define ANY4      "0.0.0.0"

enum { WS_PORT = 27015 }; /* each test has a book of its own, so all may use one port */

/* Nothing of this machine, and nothing of tests that run beside this one. */
__attribute__((unused)) static void ws_environment(void)
{
	char name[32];
	snprintf(name, sizeof(name), "wsd-test-%d", (int)getpid());
	setenv("WSD_BROKER_NAME", name, 1);
	setenv("WSD_CONFIG", "/dev/null", 0);
	setenv("WSD_CATALOG", "/nonexistent", 0);
}

/* One success of WSAStartup is returned as 0. */
__attribute__((unused)) static int ws_startup(void)
{
	WSADATA data;
	return wsd_WSAStartup(0x0202, &data);
}

__attribute__((unused)) static void ws_start(void)
{
	ws_environment();
	cr_assert_eq(ws_startup(), 0);
}

#define WS_BEGIN()        \
	WSD_TEST_BEGIN(); \
	ws_start()
#define WS_END()                           \
	cr_assert_eq(wsd_WSACleanup(), 0); \
	WSD_TEST_END()

/* 0, or the code of a call that returned SOCKET_ERROR. */
__attribute__((unused)) static int ws_code(int r)
{
	return r == 0 ? 0 : wsd_WSAGetLastError();
}

#ifdef __clang__
#pragma clang diagnostic ignored "-Wgnu-zero-variadic-macro-arguments"
#endif

/* The code of @expr, which must be @want; 0: success. A last error from before does not count. */
#define WS_IS(expr, want, ...)                                                                  \
	do {                                                                                    \
		char ws_text_[1024];                                                            \
		wsd_WSASetLastError(-1);                                                        \
		int ws_r_ = (expr), ws_code_ = ws_code(ws_r_);                                  \
		snprintf(ws_text_, sizeof(ws_text_), " " __VA_ARGS__);                          \
		cr_assert(ws_r_ == 0 || ws_r_ == SOCKET_ERROR, "%s returned %d", #expr, ws_r_); \
		cr_assert_eq(ws_code_, (want), "%s: code %d, not %d%s", #expr, ws_code_,        \
			     (int)(want), ws_text_);                                            \
	} while (0)
#define WS_OK(expr) WS_IS(expr, 0)

__attribute__((unused)) static SOCKET ws_socket(int af, int type)
{
	SOCKET s = wsd_socket(af, type, 0);
	cr_assert_neq(s, INVALID_SOCKET, "socket(%d, %d): code %d", af, type,
		      wsd_WSAGetLastError());
	return s;
}

__attribute__((unused)) static SOCKET ws_tcp(void)
{
	return ws_socket(WSD_AF_INET, WSD_SOCK_STREAM);
}

__attribute__((unused)) static SOCKADDR_IN ws_in(const char *ip, unsigned port)
{
	SOCKADDR_IN a = {.sin_family = WSD_AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	return a;
}

__attribute__((unused)) static SOCKADDR_IN6 ws_in6(const char *ip, unsigned port)
{
	SOCKADDR_IN6 a = {.sin6_family = WSD_AF_INET6, .sin6_port = htons((uint16_t)port)};
	inet_pton(AF_INET6, ip, &a.sin6_addr);
	return a;
}

/* An IPv4 name, or an IPv6 one if there is a colon in it. */
__attribute__((unused)) static int ws_bind(SOCKET s, const char *ip, unsigned port)
{
	SOCKADDR_IN a = ws_in(ip, port);
	SOCKADDR_IN6 a6 = ws_in6(ip, port);
	return strchr(ip, ':') ? wsd_bind(s, (SOCKADDR *)&a6, sizeof(a6))
			       : wsd_bind(s, (SOCKADDR *)&a, sizeof(a));
}

/* Port of the socket's name; 0: it has none. */
__attribute__((unused)) static unsigned ws_port(SOCKET s)
{
	struct wsd_sockaddr_storage a = {0};
	int len = sizeof(a);
	return wsd_getsockname(s, (SOCKADDR *)&a, &len) ? 0 : ntohs(((SOCKADDR_IN *)&a)->sin_port);
}

__attribute__((unused)) static int ws_set(SOCKET s, int level, int name, DWORD value)
{
	return wsd_setsockopt(s, level, name, (const char *)&value, sizeof(value));
}

__attribute__((unused)) static long ws_get(SOCKET s, int level, int name)
{
	DWORD value = 0xabababab;
	int len = sizeof(value);
	return wsd_getsockopt(s, level, name, (char *)&value, &len) ? -1 : (long)value;
}

/* ---- what the kernel thinks ---- */

#include <sys/socket.h>

/* A socket of a program that does not use the library. Return: descriptor or -1 with errno. */
__attribute__((unused)) static int ws_foreign(int type, const char *ip, unsigned port,
					      bool listening)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd >= 0 &&
	    (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || (listening && listen(fd, 1) < 0))) {
		close(fd);
		return -1;
	}
	return fd;
}

__attribute__((unused)) static unsigned ws_foreign_port(int fd)
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	return getsockname(fd, (struct sockaddr *)&a, &len) ? 0 : ntohs(a.sin_port);
}

/* Does a listener answer there? */
__attribute__((unused)) static bool ws_answers(const char *ip, unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, ip, &a.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
	close(fd);
	return ok;
}

#endif
