/* SPDX-License-Identifier: MIT
 *
 * The fault knobs: WSAENETDOWN and WSAENOBUFS, which no healthy machine gives. One row for each
 * call that a knob can name. [WS-BIND-4, WS-LISTEN-1, WS-SOCKET-1, WS-ERR-3]
 */
#include "ws.h"

enum { TEXT = 32 };

/* A row's call, on a socket that is bound; the result as of ws_code. */
static int k_socket(SOCKET s)
{
	SOCKET fresh = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, 0);
	return fresh == INVALID_SOCKET ? SOCKET_ERROR : wsd_closesocket(fresh);
}

static int k_bind(SOCKET s)
{
	SOCKADDR_IN a = ws_in(LOOPBACK, 0);
	return wsd_bind(s, (SOCKADDR *)&a, sizeof(a));
}

static int k_listen(SOCKET s)
{
	return wsd_listen(s, 1);
}

static int k_getsockname(SOCKET s)
{
	SOCKADDR_IN a = {0};
	int len = sizeof(a);
	return wsd_getsockname(s, (SOCKADDR *)&a, &len);
}

static int k_setsockopt(SOCKET s)
{
	return ws_set(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, 1);
}

static int k_getsockopt(SOCKET s)
{
	DWORD value = 0;
	int len = sizeof(value);
	return wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, (char *)&value, &len);
}

static int k_ioctlsocket(SOCKET s)
{
	ULONG on = 1;
	return wsd_ioctlsocket(s, (LONG)WSD_FIONBIO, &on);
}

static int k_WSAIoctl(SOCKET s)
{
	char out[1024];
	DWORD n = 0;
	return wsd_WSAIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, out, sizeof(out), &n, NULL, NULL);
}

static int k_closesocket(SOCKET s)
{
	return wsd_closesocket(s);
}

struct call {
	char name[TEXT], knob[TEXT];
	int (*fn)(SOCKET s);
	bool netdown, nobufs; /* the knob knows it */
	bool bound;           /* it needs a bound socket */
};

static const struct call calls[] = {
	{"socket", "socket", k_socket, true, true, false},
	{"bind", "bind", k_bind, true, true, false},
	{"listen", "listen", k_listen, true, true, true},
	{"getsockname", "getsockname", k_getsockname, true, false, true},
	{"setsockopt", "setsockopt", k_setsockopt, true, true, false},
	{"getsockopt", "getsockopt", k_getsockopt, true, true, false},
	{"ioctlsocket", "ioctl", k_ioctlsocket, true, false, false},
	{"WSAIoctl", "ioctl", k_WSAIoctl, true, false, false},
	{"closesocket", "closesocket", k_closesocket, true, false, false},
};
enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

/* With this knob set for this call: it fails with @code, each other one does what it does. */
static void one_knob(const char *variable, const struct call *c, int code)
{
	ws_environment();
	/* made and bound in a lifetime without the knob would be stale in one with it */
	setenv(variable, c->knob, 1);
	cr_assert_eq(ws_startup(), 0);
	bool sockets = strcmp(c->knob, "socket") != 0, binds = strcmp(c->knob, "bind") != 0;
	SOCKET s = sockets ? ws_tcp() : INVALID_SOCKET;
	if (c->bound)
		WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_IS(c->fn(s), code, "%s %s", variable, c->name);
	WS_IS(c->fn(s), code, "%s %s again", variable, c->name);
	if (sockets && c->fn != k_closesocket) {
		unsigned port = ws_port(s);
		cr_assert_eq(port != 0, c->bound && c->fn != k_getsockname,
			     "%s %s has changed the name", variable, c->name);
		cr_assert_eq(strcmp(c->knob, "getsockopt")
				     ? ws_get(s, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE)
				     : 0,
			     0, "the option was set");
		if (!c->bound && binds)
			WS_OK(ws_bind(s, LOOPBACK, 0));
		if (c->fn != k_listen && binds)
			WS_OK(wsd_listen(s, 1));
		WS_OK(wsd_closesocket(s));
	}
	WS_OK(wsd_WSACleanup());
	unsetenv(variable);
}

/* Clauses: WS-BIND-4, WS-LISTEN-1, WS-SOCKET-1 */
Test(knob, WS_BIND_4_WSAENETDOWN_by_the_knob_call_by_call, .timeout = 60)
{
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].netdown)
			one_knob("WSD_FAULT_NETDOWN", &calls[i], WSAENETDOWN);
	WSD_TEST_END();
}

/* Clauses: WS-BIND-4, WS-LISTEN-1, WS-SOCKET-1 */
Test(knob, WS_BIND_4_WSAENOBUFS_by_the_knob_call_by_call, .timeout = 60)
{
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < CALLS; i++)
		if (calls[i].nobufs)
			one_knob("WSD_FAULT_NOBUFS", &calls[i], WSAENOBUFS);
	WSD_TEST_END();
}

/* A list of calls in one knob, and the handle is judged before it. */
Test(knob, WS_ERR_3_the_handle_is_judged_before_the_knob)
{
	WSD_TEST_BEGIN();
	setenv("WSD_FAULT_NETDOWN",
	       "bind,listen,getsockname,closesocket,setsockopt,getsockopt,ioctl", 1);
	ws_start();
	SOCKET s = ws_tcp();
	for (size_t i = 0; i < CALLS; i++) {
		if (calls[i].fn == k_socket)
			continue;
		WS_IS(calls[i].fn(s), WSAENETDOWN, "%s", calls[i].name);
		WS_IS(calls[i].fn(s + 4), WSAENOTSOCK, "%s", calls[i].name);
	}
	WS_END();
}
