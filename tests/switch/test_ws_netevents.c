/* SPDX-License-Identifier: MIT
 *
 * WSAEventSelect and WSAEnumNetworkEvents, over the transport of the environment (stream_pair.h):
 * each event with its code, recorded once, recorded again after the re-enabling call, what holds
 * already.
 */
#include "far_end.h"

#include <limits.h>
#include <wsd/constants.h>

enum { STREAM = FD_READ | FD_WRITE | FD_OOB | FD_CLOSE, WAIT_MS = 20000, QUIET_MS = 30 };

static DWORD wait_for(WSAEVENT e, DWORD ms)
{
	return wsd_WSAWaitForMultipleEvents(1, &e, FALSE, ms, FALSE);
}

/* The record, which is empty afterwards; the event is reset with it. */
static LONG take(SOCKET s, WSAEVENT e, int *ret_code)
{
	WSANETWORKEVENTS n;
	memset(&n, 0x55, sizeof(n));
	WS_OK(wsd_WSAEnumNetworkEvents(s, e, &n));
	if (ret_code)
		*ret_code = 0;
	for (int i = 0; i < FD_MAX_EVENTS; i++)
		if (n.iErrorCode[i]) {
			cr_assert(n.lNetworkEvents & 1 << i, "a code without its event");
			if (ret_code)
				*ret_code = n.iErrorCode[i];
		}
	return n.lNetworkEvents;
}

/* Events that come one after the other until @want is complete; more than that is wrong. */
static void expect(SOCKET s, WSAEVENT e, LONG want, int want_code)
{
	LONG got = 0;
	int code = 0, last = 0;
	long long end = wsd_check_now_ms() + WAIT_MS;
	while (got != want && wsd_check_now_ms() < end) {
		if (wait_for(e, 100) != WSA_WAIT_EVENT_0)
			continue;
		LONG more = take(s, e, &code);
		cr_assert_eq(more & got, 0, "0x%x came twice", (unsigned)(more & got));
		got |= more;
		last = code ? code : last;
	}
	cr_assert_eq(got, want, "events 0x%x, not 0x%x", (unsigned)got, (unsigned)want);
	cr_assert_eq(last, want_code, "code %d, not %d", last, want_code);
}

/* Nothing comes. */
static void quiet(SOCKET s, WSAEVENT e)
{
	DWORD r = wait_for(e, QUIET_MS);
	cr_assert_eq(r, WSA_WAIT_TIMEOUT, "events 0x%x", (unsigned)take(s, e, NULL));
	cr_assert_eq(take(s, e, NULL), 0);
}

struct scene {
	SOCKET listener, s;
	struct far_end far;
	WSAEVENT e;
};

static struct scene begin(void)
{
	struct scene x = {.listener = pair_listener(5)};
	x.far = far_connect(ws_port(x.listener));
	x.s = pair_accept(x.listener);
	x.e = wsd_WSACreateEvent();
	return x;
}

static void end(struct scene *x)
{
	far_close(&x->far);
	WS_OK(wsd_closesocket(x->s));
	WS_OK(wsd_closesocket(x->listener));
	cr_assert(wsd_WSACloseEvent(x->e));
}

static void put(const struct scene *x, const char *text)
{
	far_put(&x->far, text);
}

/* ---- arguments, the mode ---- */

Test(netevents, WS_ERR_3_arguments)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WSAEVENT e = wsd_WSACreateEvent(), closed = wsd_WSACreateEvent();
	WSANETWORKEVENTS n;
	cr_assert(wsd_WSACloseEvent(closed));
	WS_IS(wsd_WSAEventSelect(INVALID_SOCKET, e, FD_READ), WSAENOTSOCK);
	WS_IS(wsd_WSAEventSelect((SOCKET)(uintptr_t)e, e, FD_READ), WSAENOTSOCK);
	WS_IS(wsd_WSAEventSelect(s, NULL, FD_READ), WSAEINVAL);
	WS_IS(wsd_WSAEventSelect(s, closed, FD_READ), WSAEINVAL);
	WS_IS(wsd_WSAEventSelect(s, (WSAEVENT)(uintptr_t)s, FD_READ), WSAEINVAL);
	WS_IS(wsd_WSAEventSelect(s, e, 1 << FD_MAX_EVENTS), WSAEINVAL);
	WS_IS(wsd_WSAEventSelect(s, e, INT_MIN | FD_READ), WSAEINVAL);
	WS_OK(wsd_WSAEventSelect(s, NULL, 0));
	WS_OK(wsd_WSAEventSelect(s, e, FD_ALL_EVENTS));
	WS_IS(wsd_WSAEnumNetworkEvents(INVALID_SOCKET, e, &n), WSAENOTSOCK);
	WS_IS(wsd_WSAEnumNetworkEvents(s, e, NULL), WSAEFAULT);
	WS_IS(wsd_WSAEnumNetworkEvents(s, e, (LPWSANETWORKEVENTS)16), WSAEFAULT);
	WS_IS(wsd_WSAEnumNetworkEvents(s, closed, &n), WSAEINVAL);
	WS_OK(wsd_WSAEnumNetworkEvents(s, NULL, &n));
	cr_assert_eq(n.lNetworkEvents, 0);
	WS_OK(wsd_closesocket(s));
	WS_IS(wsd_WSAEnumNetworkEvents(s, e, &n), WSAENOTSOCK);
	SOCKET never = ws_tcp();
	WS_OK(wsd_WSAEnumNetworkEvents(never, NULL, &n));
	cr_assert_eq(n.lNetworkEvents, 0, "nothing was ever selected");
	WS_OK(wsd_closesocket(never));
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

Test(netevents, WS_CONNECT_3_selecting_makes_the_socket_non_blocking)
{
	WS_BEGIN();
	struct scene x = begin();
	ULONG off = 0, on = 1;
	char c;
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_CLOSE));
	WS_IS(wsd_recv(x.s, &c, 1, 0), WSAEWOULDBLOCK);
	WS_IS(wsd_ioctlsocket(x.s, (LONG)WSD_FIONBIO, &off), WSAEINVAL);
	WS_OK(wsd_ioctlsocket(x.s, (LONG)WSD_FIONBIO, &on));
	WS_OK(wsd_WSAEventSelect(x.s, NULL, 0));
	WS_IS(wsd_recv(x.s, &c, 1, 0), WSAEWOULDBLOCK, "it stays so");
	WS_OK(wsd_ioctlsocket(x.s, (LONG)WSD_FIONBIO, &off));
	put(&x, "a");
	cr_assert_eq(wsd_recv(x.s, &c, 1, 0), 1, "and may block again");
	/* also where there was nothing to cancel */
	WS_OK(wsd_WSAEventSelect(x.s, x.e, 0));
	WS_IS(wsd_recv(x.s, &c, 1, 0), WSAEWOULDBLOCK);
	end(&x);
	WS_END();
}

/* ---- FD_READ ---- */

Test(netevents, SW_BLOCK_3_read_is_told_once_and_again_after_recv)
{
	WS_BEGIN();
	struct scene x = begin();
	char c[16];
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_READ | FD_CLOSE));
	quiet(x.s, x.e);
	put(&x, "abcd");
	expect(x.s, x.e, FD_READ, 0);
	put(&x, "ef");
	quiet(x.s, x.e); /* no call has re-enabled it */
	cr_assert_eq(wsd_recv(x.s, c, 1, 0), 1);
	expect(x.s, x.e, FD_READ, 0); /* data is left */
	cr_assert_eq(wsd_recv(x.s, c, 1, WSD_MSG_PEEK), 1);
	expect(x.s, x.e, FD_READ, 0);
	cr_assert_eq(wsd_recv(x.s, c, 16, 0), 5);
	quiet(x.s, x.e); /* none is left */
	put(&x, "g");
	expect(x.s, x.e, FD_READ, 0);
	WSABUF b = {.len = 16, .buf = c};
	DWORD got, flags = 0;
	WS_OK(wsd_WSARecv(x.s, &b, 1, &got, &flags, NULL, NULL));
	WS_IS(wsd_recv(x.s, c, 1, 0), WSAEWOULDBLOCK);
	put(&x, "h");
	expect(x.s, x.e, FD_READ, 0); /* a call that fails re-enables as well */
	end(&x);
	WS_END();
}

static bool both_there(SOCKET s)
{
	struct wsd_fd_set r = {1, {s}}, x = {1, {s}};
	struct timeval none = {0, 0};
	return wsd_select(0, &r, NULL, &x, &none) == 2;
}

Test(netevents, SW_BLOCK_3_what_holds_already_is_told_at_once)
{
	WS_BEGIN();
	struct scene x = begin();
	put(&x, "ab");
	far_urgent(&x.far, '!');
	cr_assert(WSD_UNTIL(both_there(x.s), WAIT_MS));
	WS_OK(wsd_WSAEventSelect(x.s, x.e, STREAM | FD_CONNECT));
	cr_assert_eq(wait_for(x.e, 0), WSA_WAIT_EVENT_0, "before the call returns");
	expect(x.s, x.e, FD_READ | FD_WRITE | FD_OOB | FD_CONNECT, 0);
	quiet(x.s, x.e);
	/* selecting again forgets the record, and looks again */
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_READ));
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_WRITE));
	expect(x.s, x.e, FD_WRITE, 0);
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_READ));
	WSANETWORKEVENTS n;
	WS_OK(wsd_WSAEnumNetworkEvents(x.s, NULL, &n));
	cr_assert_eq(n.lNetworkEvents, FD_READ);
	cr_assert_eq(wait_for(x.e, 0), WSA_WAIT_EVENT_0, "not named, so not reset");
	WS_OK(wsd_WSAEventSelect(x.s, NULL, 0));
	cr_assert(wsd_WSAResetEvent(x.e));
	put(&x, "more");
	quiet(x.s, x.e);
	end(&x);
	WS_END();
}

/* ---- FD_OOB ---- */

Test(netevents, WS_DATA_4_urgent_data)
{
	WS_BEGIN();
	struct scene x = begin();
	char c;
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_OOB));
	far_urgent(&x.far, '1');
	expect(x.s, x.e, FD_OOB, 0);
	quiet(x.s, x.e);
	cr_assert_eq(wsd_recv(x.s, &c, 1, WSD_MSG_OOB), 1);
	quiet(x.s, x.e);
	far_urgent(&x.far, '2');
	expect(x.s, x.e, FD_OOB, 0);
	end(&x);
	WS_END();
}

Test(netevents, WS_DATA_4_urgent_data_in_line_is_read)
{
	WS_BEGIN();
	struct scene x = begin();
	int on = 1;
	WS_OK(wsd_setsockopt(x.s, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, (char *)&on, sizeof(on)));
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_OOB | FD_READ));
	far_urgent(&x.far, '1');
	expect(x.s, x.e, FD_READ, 0);
	quiet(x.s, x.e);
	end(&x);
	WS_END();
}

/* ---- FD_WRITE ---- */

Test(netevents, SW_BLOCK_3_write_is_told_again_only_after_a_send_that_would_block)
{
	WS_BEGIN();
	struct pair p = pair_open();
	WSAEVENT e = wsd_WSACreateEvent();
	static char big[1 << 20];
	long sent = 0, received = 0;
	int n;
	conn_nonblocking(p.b, true);
	WS_OK(wsd_WSAEventSelect(p.a, e, FD_WRITE));
	expect(p.a, e, FD_WRITE, 0);
	cr_assert_eq(wsd_send(p.a, "a", 1, 0), 1);
	quiet(p.a, e); /* it did not block */
	sent++;
	do { /* a SAN moves some more in the background before it stands still */
		take(p.a, e, NULL);
		while ((n = wsd_send(p.a, big, sizeof(big), 0)) > 0)
			sent += n;
		cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK);
	} while (pair_on_san() && wait_for(e, QUIET_MS) == WSA_WAIT_EVENT_0);
	quiet(p.a, e);
	while (received < sent) {
		struct wsd_fd_set r = {1, {p.b}};
		cr_assert_eq(wsd_select(0, &r, NULL, NULL, NULL), 1);
		while ((n = wsd_recv(p.b, big, sizeof(big), 0)) > 0)
			received += n;
	}
	expect(p.a, e, FD_WRITE, 0);
	quiet(p.a, e);
	pair_close(&p);
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

/* ---- FD_CLOSE ---- */

Test(netevents, SW_CLOSE_1_a_graceful_end_is_told_when_all_is_read)
{
	WS_BEGIN();
	struct scene x = begin();
	char c[8];
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_READ | FD_CLOSE));
	put(&x, "ab");
	expect(x.s, x.e, FD_READ, 0);
	far_shut(&x.far);
	quiet(x.s, x.e); /* data is left */
	cr_assert_eq(wsd_recv(x.s, c, 1, 0), 1);
	expect(x.s, x.e, FD_READ, 0);
	cr_assert_eq(wsd_recv(x.s, c, 8, 0), 1);
	expect(x.s, x.e, FD_CLOSE, 0); /* and no FD_READ for the end */
	cr_assert_eq(wsd_recv(x.s, c, 8, 0), 0);
	quiet(x.s, x.e); /* once */
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_CLOSE));
	expect(x.s, x.e, FD_CLOSE, 0); /* a new selection is told again */
	end(&x);
	WS_END();
}

Test(netevents, SW_CLOSE_1_an_end_without_data)
{
	WS_BEGIN();
	struct scene x = begin();
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_READ | FD_CLOSE));
	far_close(&x.far);
	expect(x.s, x.e, FD_CLOSE, 0);
	quiet(x.s, x.e);
	end(&x);
	WS_END();
}

Test(netevents, WS_DATA_2_a_reset_is_told_with_its_code)
{
	WS_BEGIN();
	struct scene x = begin();
	WS_OK(wsd_WSAEventSelect(x.s, x.e, FD_READ | FD_CLOSE));
	far_reset(&x.far);
	expect(x.s, x.e, FD_CLOSE, WSAECONNRESET);
	quiet(x.s, x.e);
	char c;
	WS_IS(wsd_recv(x.s, &c, 1, 0), WSAECONNRESET, "and the call still hears it");
	end(&x);
	WS_END();
}

/* ---- FD_CONNECT ---- */

Test(netevents, WS_CONNECT_3_the_end_of_a_connect)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5), s = ws_tcp(), refused = ws_tcp();
	/* two: s hears that nobody accepts it, whenever that is */
	WSAEVENT e = wsd_WSACreateEvent(), e2 = wsd_WSACreateEvent();
	unsigned port = ws_port(listener);
	WS_OK(wsd_WSAEventSelect(s, e, FD_CONNECT | STREAM));
	quiet(s, e);
	WS_IS(conn_connect(s, pair_address(), port), WSAEWOULDBLOCK);
	expect(s, e, FD_CONNECT | FD_WRITE, 0);
	pair_is_right(s, -1);
	quiet(s, e);
	WS_OK(wsd_closesocket(listener));
	WS_OK(wsd_WSAEventSelect(refused, e2, FD_CONNECT | STREAM));
	for (int i = 0; i < 2; i++) { /* each attempt is told */
		WS_IS(conn_connect(refused, pair_address(), port), WSAEWOULDBLOCK);
		expect(refused, e2, FD_CONNECT, WSAECONNREFUSED);
		quiet(refused, e2);
	}
	listener = conn_listener(pair_address(), port, 5);
	WS_IS(conn_connect(refused, pair_address(), port), WSAEWOULDBLOCK);
	expect(refused, e2, FD_CONNECT | FD_WRITE, 0);
	pair_is_right(refused, -1);
	WS_OK(wsd_closesocket(listener));
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(refused));
	cr_assert(wsd_WSACloseEvent(e));
	cr_assert(wsd_WSACloseEvent(e2));
	WS_END();
}

/* ---- FD_ACCEPT, inheritance ---- */

Test(netevents, WS_ACCEPT_1_accept_is_told_again_while_connections_wait)
{
	WS_BEGIN();
	SOCKET listener = ws_tcp();
	WSAEVENT e = wsd_WSACreateEvent();
	WS_OK(ws_bind(listener, pair_address(), 0));
	WS_OK(wsd_WSAEventSelect(listener, e, FD_ACCEPT)); /* before it listens */
	WS_OK(wsd_listen(listener, 5));
	quiet(listener, e);
	struct far_end far[3];
	SOCKET s[3];
	far[0] = far_connect(ws_port(listener));
	expect(listener, e, FD_ACCEPT, 0);
	far[1] = far_connect(ws_port(listener));
	quiet(listener, e);
	s[0] = pair_accept(listener);
	expect(listener, e, FD_ACCEPT, 0); /* another waits */
	s[1] = pair_accept(listener);
	quiet(listener, e);
	far[2] = far_connect(ws_port(listener));
	expect(listener, e, FD_ACCEPT, 0);
	s[2] = pair_accept(listener);
	for (int i = 0; i < 3; i++) {
		WS_OK(wsd_closesocket(s[i]));
		far_close(&far[i]);
	}
	WS_OK(wsd_closesocket(listener));
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

Test(netevents, WS_ACCEPT_3_the_selection_is_inherited)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	WSAEVENT e = wsd_WSACreateEvent();
	WS_OK(wsd_WSAEventSelect(listener, e, FD_ACCEPT | FD_CONNECT | STREAM));
	struct far_end far = far_connect(ws_port(listener));
	expect(listener, e, FD_ACCEPT, 0);
	SOCKET s = pair_accept(listener);
	char c;
	expect(s, e, FD_WRITE, 0);
	far_put(&far, "a");
	expect(s, e, FD_READ, 0);
	cr_assert_eq(wsd_recv(s, &c, 1, 0), 1);
	WS_IS(wsd_recv(s, &c, 1, 0), WSAEWOULDBLOCK);
	WSANETWORKEVENTS n;
	WS_OK(wsd_WSAEnumNetworkEvents(listener, NULL, &n));
	cr_assert_eq(n.lNetworkEvents, 0);
	/* its own from now on */
	WS_OK(wsd_WSAEventSelect(listener, NULL, 0));
	far_close(&far);
	expect(s, e, FD_CLOSE, 0);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

/* ---- datagrams ---- */

Test(netevents, SW_BLOCK_3_datagrams)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET s = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WSAEVENT e = wsd_WSACreateEvent();
	char c[4];
	WS_OK(ws_bind(s, LOOPBACK, 0));
	SOCKADDR_IN here = ws_in(LOOPBACK, ws_port(s));
	WS_OK(wsd_WSAEventSelect(s, e, FD_READ | FD_WRITE | FD_CLOSE));
	expect(s, e, FD_WRITE, 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(wsd_sendto(s, "ab", 2, 0, (SOCKADDR *)&here, sizeof(here)), 2);
	expect(s, e, FD_READ, 0);
	cr_assert_eq(wsd_recv(s, c, 4, 0), 2);
	expect(s, e, FD_READ, 0); /* the second */
	cr_assert_eq(wsd_recv(s, c, 4, 0), 2);
	quiet(s, e);
	WS_OK(wsd_closesocket(s));
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

/* ---- lives ---- */

Test(netevents, WS_CLOSE_1_closing_either_end_of_a_selection)
{
	WS_BEGIN();
	struct scene x = begin(), y = begin();
	/* the event's handle goes first: nothing is told, nothing breaks */
	WS_OK(wsd_WSAEventSelect(x.s, x.e, STREAM));
	cr_assert(wsd_WSACloseEvent(x.e));
	put(&x, "a");
	WSANETWORKEVENTS n;
	cr_assert(WSD_UNTIL(wsd_WSAEnumNetworkEvents(x.s, NULL, &n) == 0 &&
				    n.lNetworkEvents & FD_READ,
			    WAIT_MS));
	x.e = wsd_WSACreateEvent();
	/* the socket goes first */
	WS_OK(wsd_WSAEventSelect(y.s, y.e, STREAM));
	expect(y.s, y.e, FD_WRITE, 0);
	SOCKET gone = y.s;
	WS_OK(wsd_closesocket(y.s));
	put(&y, "a");
	cr_assert_eq(wait_for(y.e, QUIET_MS), WSA_WAIT_TIMEOUT);
	WS_IS(wsd_WSAEnumNetworkEvents(gone, y.e, &n), WSAENOTSOCK);
	y.s = ws_tcp();
	end(&x);
	end(&y);
	WS_END();
}

Test(netevents, WS_STARTUP_4_cleanup_ends_selections)
{
	WS_BEGIN();
	struct scene x = begin();
	WS_OK(wsd_WSAEventSelect(x.s, x.e, STREAM));
	cr_assert_eq(wsd_WSACleanup(), 0);
	ws_start();
	cr_assert(wsd_WSACloseEvent(x.e));
	cr_assert_eq(wsd_WSACleanup(), 0);
	far_close(&x.far);
	pair_bed_free();
	WSD_TEST_END();
}

/* One thread for an event of many sockets, as servers of this kind do. */
Test(netevents, SW_BLOCK_3_one_event_for_many_sockets)
{
	WS_BEGIN();
	enum { N = 40 };
	const int n = pair_rounds(N);
	SOCKET listener = pair_listener(N), s[N];
	WSAEVENT e = wsd_WSACreateEvent();
	struct far_end far[N];
	unsigned told[N] = {0};
	for (int i = 0; i < n; i++) {
		far[i] = far_connect(ws_port(listener));
		s[i] = pair_accept(listener);
		WS_OK(wsd_WSAEventSelect(s[i], e, FD_READ | FD_CLOSE));
	}
	for (int i = 0; i < n; i++)
		far_put(&far[(i * 7) % n], "a");
	unsigned all = 0;
	while (all < (unsigned)n) {
		char c;
		cr_assert_eq(wait_for(e, WAIT_MS), WSA_WAIT_EVENT_0);
		cr_assert(wsd_WSAResetEvent(e));
		for (int i = 0; i < n; i++)
			if (take(s[i], NULL, NULL) & FD_READ) {
				cr_assert_eq(wsd_recv(s[i], &c, 1, 0), 1);
				told[i]++;
				all++;
			}
	}
	for (int i = 0; i < n; i++) {
		cr_assert_eq(told[i], 1);
		far_close(&far[i]);
		WS_OK(wsd_closesocket(s[i]));
	}
	WS_OK(wsd_closesocket(listener));
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}

/* ---- races: selection, reading and closing against arrival ---- */

static _Atomic bool over;

static void *select_and_take(void *arg)
{
	const struct scene *x = arg;
	WSANETWORKEVENTS n;
	for (unsigned i = 0; !over; i++) {
		wsd_WSAEventSelect(x->s, x->e, i % 5 ? STREAM : 0);
		wsd_WSAEnumNetworkEvents(x->s, x->e, &n);
	}
	return NULL;
}

static void *read_all(void *arg)
{
	const struct scene *x = arg;
	char c[64];
	while (!over)
		wsd_recv(x->s, c, sizeof(c), 0);
	return NULL;
}

Test(netevents, SW_BLOCK_3_selecting_reading_and_closing_at_the_same_time)
{
	WS_BEGIN();
	for (int round = 0; round < 5; round++) {
		struct scene x = begin();
		pthread_t t[4];
		over = false;
		WS_OK(wsd_WSAEventSelect(x.s, x.e, STREAM));
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, i % 2 ? select_and_take : read_all, &x);
		for (int i = 0; i < 300; i++)
			put(&x, "abc");
		SOCKET s = x.s;
		WS_OK(wsd_closesocket(s));
		over = true;
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
		far_close(&x.far);
		WS_OK(wsd_closesocket(x.listener));
		cr_assert(wsd_WSACloseEvent(x.e));
	}
	WS_END();
}
