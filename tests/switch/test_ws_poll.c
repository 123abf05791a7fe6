/* SPDX-License-Identifier: MIT
 *
 * WSAPoll, over the transport of the environment (stream_pair.h).
 */
#include "far_end.h"

#include <wsd/constants.h>

enum {
	ALL = WSD_POLLRDNORM | WSD_POLLRDBAND | WSD_POLLWRNORM,
	IN = WSD_POLLRDNORM,
	BAND = WSD_POLLRDBAND,
	OUT = WSD_POLLWRNORM,
	HUP = WSD_POLLHUP,
	ERR = WSD_POLLERR,
	WAIT_MS = 20000
};

static int poll_one(SOCKET s, int events, int timeout)
{
	WSAPOLLFD p = {.fd = s, .events = (SHORT)events, .revents = 0x7bad};
	int n = wsd_WSAPoll(&p, 1, timeout);
	cr_assert_eq(n, p.revents ? 1 : 0, "code %d", wsd_WSAGetLastError());
	cr_assert_eq(p.fd, s);
	cr_assert_eq(p.events, events);
	return p.revents;
}

static bool becomes(SOCKET s, int events, int want)
{
	return WSD_UNTIL(poll_one(s, events, 0) == want, WAIT_MS);
}

Test(poll, WS_SELECT_1_arguments)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET s = ws_tcp(), closed = ws_tcp();
	WS_OK(wsd_closesocket(closed));
	WSAPOLLFD p[3] = {{.fd = s, .events = ALL}};
	WS_IS(wsd_WSAPoll(NULL, 0, 0), WSAEINVAL);
	WS_IS(wsd_WSAPoll(p, 0, 0), WSAEINVAL);
	WS_IS(wsd_WSAPoll(NULL, 1, 0), WSAEFAULT);
	WS_IS(wsd_WSAPoll((LPWSAPOLLFD)16, 1, 0), WSAEFAULT);
	LPWSAPOLLFD short_one = calloc(1, sizeof(*short_one)); /* less than it is said to be */
	WS_IS(wsd_WSAPoll(short_one, 0xffffffff, 0), WSAEFAULT);
	free(short_one);
	static const int refused[] = {WSD_POLLPRI,  WSD_POLLWRBAND, WSD_POLLERR, WSD_POLLHUP,
				      WSD_POLLNVAL, 0x800,          0x8};
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		p[0].events = (SHORT)(IN | refused[i]);
		p[0].revents = 0x55;
		WS_IS(wsd_WSAPoll(p, 1, 0), WSAEINVAL, "0x%x", refused[i]);
		cr_assert_eq(p[0].revents, 0x55, "nothing has changed");
	}
	/* entries that are none: negative ones are skipped, wrong ones told at once */
	p[0] = (WSAPOLLFD){.fd = s, .events = ALL};
	p[1] = (WSAPOLLFD){.fd = INVALID_SOCKET, .events = WSD_POLLPRI, .revents = 0x55};
	p[2] = (WSAPOLLFD){.fd = (SOCKET)-5, .events = ALL, .revents = 0x55};
	cr_assert_eq(wsd_WSAPoll(p, 3, 0), 0);
	cr_assert(!p[0].revents && !p[1].revents && !p[2].revents);
	p[2].fd = closed;
	cr_assert_eq(wsd_WSAPoll(p, 3, -1), 1);
	cr_assert(!p[0].revents && !p[1].revents && p[2].revents == WSD_POLLNVAL);
	WS_IS(wsd_WSAPoll(&p[1], 1, 0), WSAENOTSOCK, "no valid entry");
	WS_IS(wsd_WSAPoll(&p[2], 1, 0), WSAENOTSOCK);
	WS_OK(wsd_closesocket(s));
	WS_END();
}

Test(poll, WS_SELECT_1_sockets_that_are_not_connected)
{
	WS_BEGIN();
	SOCKET tcp = ws_tcp(), udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	cr_assert_eq(poll_one(tcp, ALL, 0), 0);
	cr_assert_eq(poll_one(udp, ALL, 0), OUT);
	cr_assert_eq(poll_one(udp, IN, 0), 0);
	SOCKET listener = pair_listener(5);
	cr_assert_eq(poll_one(listener, ALL, 0), 0);
	struct far_end far = far_connect(ws_port(listener));
	cr_assert_eq(poll_one(listener, ALL, WAIT_MS), IN, "a connection waits");
	cr_assert_eq(poll_one(listener, OUT, 0), 0);
	far_close(&far);
	WS_OK(wsd_closesocket(tcp));
	WS_OK(wsd_closesocket(udp));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

Test(poll, WS_SELECT_1_data_urgent_data_and_the_end)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	SOCKET s = pair_accept(listener);
	char c[8];
	cr_assert_eq(poll_one(s, ALL, 0), OUT);
	cr_assert_eq(poll_one(s, 0, 0), 0);
	far_urgent(&far, '!');
	cr_assert(becomes(s, ALL, OUT | BAND));
	cr_assert_eq(poll_one(s, IN, 0), 0);
	cr_assert_eq(wsd_recv(s, c, 1, WSD_MSG_OOB), 1);
	far_put(&far, "ab");
	cr_assert_eq(poll_one(s, IN, WAIT_MS), IN);
	cr_assert_eq(poll_one(s, ALL, 0), IN | OUT);
	far_shut(&far);
	cr_assert(becomes(s, ALL, IN | OUT | HUP), "data is left");
	cr_assert_eq(wsd_recv(s, c, 8, 0), 2);
	cr_assert_eq(poll_one(s, ALL, 0), OUT | HUP);
	cr_assert_eq(poll_one(s, 0, WAIT_MS), HUP, "told unasked");
	far_close(&far);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

Test(poll, WS_DATA_2_a_reset)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	SOCKET s = pair_accept(listener);
	far_reset(&far);
	cr_assert_eq(poll_one(s, 0, WAIT_MS), HUP | ERR);
	cr_assert_eq(poll_one(s, ALL, 0), HUP | ERR | OUT);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

/* As Windows does since 10, version 2004. */
Test(poll, WS_CONNECT_3_the_end_of_a_connect)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5), s = ws_tcp(), refused = ws_tcp();
	unsigned port = ws_port(listener);
	conn_nonblocking(s, true);
	conn_nonblocking(refused, true);
	WS_IS(conn_connect(s, pair_address(), port), WSAEWOULDBLOCK);
	cr_assert_eq(poll_one(s, ALL, WAIT_MS), OUT);
	pair_is_right(s, -1);
	WS_OK(wsd_closesocket(listener));
	WS_IS(conn_connect(refused, pair_address(), port), WSAEWOULDBLOCK);
	cr_assert_eq(poll_one(refused, OUT, WAIT_MS), HUP | ERR | OUT);
	cr_assert_eq(poll_one(refused, IN, 0), HUP | ERR);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(refused));
	WS_END();
}

static int call_poll(struct conn_call *c)
{
	WSAPOLLFD p[2] = {{.fd = c->s, .events = IN}, {.fd = INVALID_SOCKET}};
	int n = wsd_WSAPoll(p, 2, -1);
	c->ret = (SOCKET)p[0].revents;
	return n;
}

Test(poll, WS_ACCEPT_5_closesocket_wakes_it)
{
	WS_BEGIN();
	struct conn_call c = {.fn = call_poll, .s = pair_listener(5)};
	conn_call_start(&c);
	cr_assert_not(c.over);
	WS_OK(wsd_closesocket(c.s));
	cr_assert_eq(conn_call_end(&c), 1);
	cr_assert_eq(c.ret, WSD_POLLNVAL);
	WS_END();
}

Test(poll, WS_SELECT_1_the_time_out_and_entries_of_one_socket)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET listener = pair_listener(5), udp = ws_socket(WSD_AF_INET, 2);
	long long start = wsd_check_now_ms();
	cr_assert_eq(poll_one(listener, IN, 60), 0);
	cr_assert_geq(wsd_check_now_ms() - start, 59);
	WSAPOLLFD p[] = {{.fd = udp, .events = IN},
			 {.fd = udp, .events = OUT},
			 {.fd = listener, .events = ALL},
			 {.fd = udp, .events = ALL}};
	cr_assert_eq(wsd_WSAPoll(p, 4, -1), 2);
	cr_assert(!p[0].revents && p[1].revents == OUT && !p[2].revents && p[3].revents == OUT);
	WS_OK(wsd_closesocket(listener));
	WS_OK(wsd_closesocket(udp));
	WS_END();
}

/* ---- DisconnectEx at the same time ---- */

enum { EVENTS = FD_READ | FD_WRITE | FD_CLOSE };

struct looker {
	SOCKET s;
	WSAEVENT e;
	_Atomic bool over;
};

static void *select_and_poll(void *arg)
{
	struct looker *x = arg;
	while (!x->over) {
		WSAPOLLFD fd = {.fd = x->s, .events = WSD_POLLRDNORM};
		wsd_WSAEventSelect(x->s, x->e, EVENTS);
		wsd_WSAPoll(&fd, 1, 0);
	}
	return NULL;
}

/* Who looks at the connection finds it gone between two looks. */
Test(poll, SW_BLOCK_3_selecting_while_DisconnectEx_takes_the_connection_away)
{
	WS_BEGIN();
	WSAEVENT e = wsd_WSACreateEvent();
	for (int i = 0; i < pair_rounds(300); i++) {
		struct pair p = pair_open();
		struct looker x = {.s = p.a, .e = e};
		pthread_t t;
		cr_assert_eq(wsd_send(p.b, "abc", 3, 0), 3);
		WS_OK(wsd_WSAEventSelect(p.a, e, EVENTS));
		cr_assert_eq(pthread_create(&t, NULL, select_and_poll, &x), 0);
		for (volatile int spin = 0; spin < i % 20 * 3000; spin++)
			;
		WS_OK(wsd_DisconnectEx(p.a, NULL, TF_REUSE_SOCKET, 0) ? 0 : SOCKET_ERROR);
		x.over = true;
		pthread_join(t, NULL);
		pair_close(&p);
	}
	cr_assert(wsd_WSACloseEvent(e));
	WS_END();
}
