/* SPDX-License-Identifier: MIT
 *
 * No memory: each allocation of the library fails once, at each call. A clear code, nothing lost,
 * and the same call works afterwards. [WS-BIND-4 WSAENOBUFS, WS-BIND-5, WS-STARTUP-1]
 */
#include "ws.h"

static int fail_at = -1; /* the n-th allocation from now fails; -1: none */
static unsigned failures;

static bool fails(void)
{
	if (fail_at < 0 || fail_at-- > 0)
		return false;
	failures++;
	return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t m)
{
	return fails() ? NULL : __real_calloc(n, m);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

enum { MOST = 400 }; /* allocations of one call: fewer than this */

Test(nomem, WS_STARTUP_1_no_memory_is_WSASYSNOTREADY)
{
	WSD_TEST_BEGIN();
	ws_environment();
	int n = 0, code;
	for (;; n++) {
		unsigned fds = wsd_check_fds(), before = failures;
		fail_at = n;
		code = ws_startup();
		fail_at = -1;
		if (code == 0)
			cr_assert_eq(wsd_WSACleanup(), 0); /* lived with it, or came to an end */
		else
			cr_assert_eq(code, WSASYSNOTREADY, "allocation %d: code %d", n, code);
		cr_assert_eq(wsd_check_fds(), fds, "allocation %d", n);
		if (failures == before)
			break;
		cr_assert_lt(n, MOST);
	}
	cr_assert_gt(n, 3);
	cr_assert_eq(ws_startup(), 0);
	WS_END();
}

/* One round of socket, bind, listen, close where the n-th allocation fails. Return: whether one
 * failed. */
static bool round_of(int n, unsigned *refused)
{
	unsigned before = failures;
	fail_at = n;
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	int code = s == INVALID_SOCKET ? wsd_WSAGetLastError() : 0;
	if (code) {
		fail_at = -1;
		cr_assert_eq(code, WSAENOBUFS, "socket, allocation %d: %d", n, code);
		++*refused;
		s = ws_tcp();
	}
	code = ws_code(ws_bind(s, LOOPBACK, WS_PORT));
	if (code) {
		fail_at = -1;
		cr_assert_eq(code, WSAENOBUFS, "bind, allocation %d: %d", n, code);
		++*refused;
		WS_IS(wsd_listen(s, 1), WSAEINVAL, "the failed bind has bound");
		WS_OK(ws_bind(s, LOOPBACK, WS_PORT));
	}
	code = ws_code(wsd_listen(s, 1));
	fail_at = -1;
	if (code) {
		cr_assert_eq(code, WSAENOBUFS, "listen, allocation %d: %d", n, code);
		++*refused;
		cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
		WS_OK(wsd_listen(s, 1));
	}
	cr_assert(ws_answers(LOOPBACK, WS_PORT));
	WS_OK(wsd_closesocket(s));
	return failures != before;
}

Test(nomem, WS_BIND_4_no_memory_is_WSAENOBUFS)
{
	WSD_TEST_BEGIN();
	unsigned refused = 0;
	int n = 0;
	for (bool again = true; again; n++) {
		ws_start(); /* afresh, so that the book of names is opened each time */
		again = round_of(n, &refused);
		WS_OK(wsd_WSACleanup());
		cr_assert_lt(n, MOST);
	}
	cr_assert_gt(refused, 2);
	WSD_TEST_END();
}

Test(nomem, WS_ERR_3_events_and_names_of_hosts)
{
	WS_BEGIN();
	fail_at = 0;
	cr_assert_eq(wsd_WSACreateEvent(), WSA_INVALID_EVENT);
	fail_at = -1;
	cr_assert_eq(wsd_WSAGetLastError(), WSA_NOT_ENOUGH_MEMORY);
	ADDRINFOA hints = {.ai_flags = WSD_AI_NUMERICHOST | WSD_AI_CANONNAME}, *list;
	for (int n = 0; n < 2; n++) {
		fail_at = n;
		int code = wsd_getaddrinfo("127.0.0.1", "80", &hints, &list);
		fail_at = -1;
		cr_assert_eq(code, WSA_NOT_ENOUGH_MEMORY, "allocation %d: %d", n, code);
	}
	DWORD n = 0;
	SOCKET s = ws_tcp();
	fail_at = 0;
	int r = wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, NULL, 0, &n, NULL, NULL);
	fail_at = -1;
	cr_assert_eq(r, SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAENOBUFS);
	WS_END();
}
