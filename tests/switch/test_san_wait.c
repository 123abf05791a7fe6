/* SPDX-License-Identifier: MIT
 *
 * Waiting for sockets on a SAN: select, WSAPoll and network events over the loop provider. What
 * test_ws_select.c and its like ask of TCP/IP, where a SAN has its own ways: no descriptor of the
 * kernel says anything there.
 */
#include "pair.h"

#include <pthread.h>
#include <wsd/constants.h>

enum { READ = 1, WRITE = 2, EXCEPT = 4, PATIENCE_MS = 20000, QUIET_MS = 30 };

struct ends {
	SOCKET listener, a, b; /* a has connected */
	WSAEVENT e;
};

static void *connect_a(void *arg)
{
	struct ends *x = arg;
	cr_assert_eq(pair_connect(x->a, "10.77.0.1", BED_PORT), 0);
	return NULL;
}

static struct ends begin(void)
{
	struct ends x = {.listener = bed_listener("10.77.0.1", BED_PORT), .a = bed_socket()};
	pthread_t t;
	pthread_create(&t, NULL, connect_a, &x);
	x.b = wsd_accept(x.listener, NULL, NULL);
	cr_assert_neq(x.b, INVALID_SOCKET, "accept: %d", wsd_WSAGetLastError());
	pthread_join(t, NULL);
	cr_assert_str_eq(pair_look(x.a).transport, "SAN");
	cr_assert_str_eq(pair_look(x.b).transport, "SAN");
	x.e = wsd_WSACreateEvent();
	return x;
}

static void end(struct ends *x)
{
	bed_close(x->listener);
	bed_close(x->a);
	bed_close(x->b);
	cr_assert(wsd_WSACloseEvent(x->e));
}

static int ready(SOCKET s, int asked, long ms)
{
	struct wsd_fd_set sets[3];
	struct timeval t = {ms / 1000, ms % 1000 * 1000};
	int got = 0;
	for (int i = 0; i < 3; i++)
		sets[i] = (struct wsd_fd_set){.fd_count = asked >> i & 1, .fd_array = {s}};
	int n = wsd_select(0, &sets[0], &sets[1], &sets[2], &t);
	cr_assert_geq(n, 0, "select: %d", wsd_WSAGetLastError());
	for (int i = 0; i < 3; i++)
		got |= sets[i].fd_count ? 1 << i : 0;
	return got;
}

static int ready_now(SOCKET s)
{
	return ready(s, READ | WRITE | EXCEPT, 0);
}

static int poll_now(SOCKET s)
{
	WSAPOLLFD p = {.fd = s, .events = WSD_POLLRDNORM | WSD_POLLRDBAND | WSD_POLLWRNORM};
	cr_assert_geq(wsd_WSAPoll(&p, 1, 0), 0);
	return p.revents;
}

static LONG take(SOCKET s, WSAEVENT e, int *code)
{
	WSANETWORKEVENTS n;
	cr_assert_eq(wsd_WSAEnumNetworkEvents(s, e, &n), 0);
	for (int i = 0; i < FD_MAX_EVENTS; i++)
		if (n.iErrorCode[i])
			*code = n.iErrorCode[i];
	return n.lNetworkEvents;
}

static void expect(SOCKET s, WSAEVENT e, LONG want, int want_code)
{
	LONG got = 0;
	int code = 0;
	long long limit = wsd_check_now_ms() + PATIENCE_MS;
	while (got != want && wsd_check_now_ms() < limit)
		if (wsd_WSAWaitForMultipleEvents(1, &e, FALSE, 100, FALSE) == WSA_WAIT_EVENT_0) {
			LONG more = take(s, e, &code);
			cr_assert_eq(got & more, 0, "0x%x came twice", (unsigned)(got & more));
			got |= more;
		}
	cr_assert_eq(got, want, "events 0x%x, not 0x%x", (unsigned)got, (unsigned)want);
	cr_assert_eq(code, want_code);
}

static void quiet(SOCKET s, WSAEVENT e)
{
	int code = 0;
	DWORD r = wsd_WSAWaitForMultipleEvents(1, &e, FALSE, QUIET_MS, FALSE);
	cr_assert_eq(r, WSA_WAIT_TIMEOUT, "events 0x%x", (unsigned)take(s, e, &code));
}

Test(san_wait, SW_BLOCK_3_select_and_poll)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	char c[8];
	cr_assert_eq(ready_now(x.a), WRITE);
	cr_assert_eq(ready_now(x.b), WRITE);
	cr_assert_eq(poll_now(x.b), WSD_POLLWRNORM);
	cr_assert_eq(ready(x.b, READ | EXCEPT, QUIET_MS), 0);
	pair_send(x.a, "ab", 2);
	cr_assert_eq(ready(x.b, READ | EXCEPT, PATIENCE_MS), READ);
	cr_assert_eq(wsd_recv(x.b, c, 1, 0), 1);
	cr_assert_eq(ready_now(x.b), READ | WRITE);
	cr_assert_eq(wsd_shutdown(x.a, WSD_SD_SEND), 0);
	cr_assert(WSD_UNTIL(poll_now(x.b) == (WSD_POLLRDNORM | WSD_POLLWRNORM | WSD_POLLHUP),
			    PATIENCE_MS));
	cr_assert_eq(wsd_recv(x.b, c, 8, 0), 1);
	cr_assert_eq(ready_now(x.b), READ | WRITE, "the end is readable");
	cr_assert_eq(poll_now(x.b), WSD_POLLWRNORM | WSD_POLLHUP);
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

static void *wait_for_read(void *arg)
{
	return (void *)(uintptr_t)ready(*(SOCKET *)arg, READ, PATIENCE_MS);
}

Test(san_wait, SW_BLOCK_3_threads_that_wait_are_woken)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	pthread_t t[4];
	void *got;
	for (int round = 0; round < 20; round++) {
		char c;
		for (int i = 0; i < 4; i++)
			pthread_create(&t[i], NULL, wait_for_read, &x.b);
		pair_send(x.a, "a", 1);
		for (int i = 0; i < 4; i++) {
			pthread_join(t[i], &got);
			cr_assert_eq((uintptr_t)got, READ);
		}
		cr_assert_eq(wsd_recv(x.b, &c, 1, 0), 1);
	}
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_wait, SW_OOB_1_urgent_data_is_an_exception)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	char c = 0;
	cr_assert_eq(wsd_WSAEventSelect(x.a, x.e, FD_OOB | FD_READ), 0);
	cr_assert_eq(wsd_send(x.b, "!", 1, WSD_MSG_OOB), 1);
	expect(x.a, x.e, FD_OOB, 0);
	cr_assert_eq(ready(x.a, READ | EXCEPT, PATIENCE_MS), EXCEPT);
	cr_assert_eq(poll_now(x.a), WSD_POLLWRNORM | WSD_POLLRDBAND);
	cr_assert_eq(wsd_recv(x.a, &c, 1, WSD_MSG_OOB), 1);
	cr_assert_eq(c, '!');
	cr_assert_eq(ready_now(x.a), WRITE);
	quiet(x.a, x.e);
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_wait, SW_BLOCK_3_read_and_close_events)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	char c[16];
	cr_assert_eq(wsd_WSAEventSelect(x.b, x.e, FD_READ | FD_WRITE | FD_CLOSE | FD_CONNECT), 0);
	expect(x.b, x.e, FD_WRITE | FD_CONNECT, 0);
	pair_send(x.a, "abcd", 4);
	expect(x.b, x.e, FD_READ, 0);
	pair_send(x.a, "ef", 2);
	quiet(x.b, x.e);
	cr_assert_eq(wsd_recv(x.b, c, 1, 0), 1);
	expect(x.b, x.e, FD_READ, 0);
	cr_assert_eq(pair_recv(x.b, c, 5), 5);
	int code = 0;
	take(x.b, x.e, &code); /* between the two reads of that */
	quiet(x.b, x.e);
	pair_send(x.a, "g", 1);
	expect(x.b, x.e, FD_READ, 0);
	cr_assert_eq(wsd_shutdown(x.a, WSD_SD_SEND), 0);
	quiet(x.b, x.e); /* data is left */
	cr_assert_eq(wsd_recv(x.b, c, 16, 0), 1);
	expect(x.b, x.e, FD_CLOSE, 0);
	cr_assert_eq(wsd_recv(x.b, c, 16, 0), 0);
	quiet(x.b, x.e);
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_wait, SW_BLOCK_3_a_reset_has_its_code)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	struct wsd_linger hard = {.l_onoff = 1};
	cr_assert_eq(wsd_WSAEventSelect(x.b, x.e, FD_READ | FD_CLOSE), 0);
	cr_assert_eq(
		wsd_setsockopt(x.a, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard, sizeof(hard)), 0);
	bed_close(x.a);
	expect(x.b, x.e, FD_CLOSE, WSAECONNRESET);
	cr_assert_eq(ready_now(x.b), READ | WRITE);
	cr_assert_eq(poll_now(x.b), WSD_POLLERR | WSD_POLLHUP | WSD_POLLWRNORM);
	x.a = bed_socket();
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

/* ---- a program that lives by events ---- */

enum { BULK = 4 << 20 };

static void *send_bulk(void *arg)
{
	static char bulk[BULK];
	pair_send(*(SOCKET *)arg, bulk, BULK);
	return NULL;
}

Test(san_wait, SW_BLOCK_3_large_transfers_move_by_read_events)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	static char piece[70000];
	pthread_t t;
	int got = 0, n, code = 0;
	cr_assert_eq(wsd_WSAEventSelect(x.b, x.e, FD_READ), 0);
	pthread_create(&t, NULL, send_bulk, &x.a);
	while (got < BULK) {
		DWORD r = wsd_WSAWaitForMultipleEvents(1, &x.e, FALSE, PATIENCE_MS, FALSE);
		cr_assert_eq(r, WSA_WAIT_EVENT_0, "%d bytes came", got);
		if (!(take(x.b, x.e, &code) & FD_READ))
			continue;
		n = wsd_recv(x.b, piece, sizeof(piece), 0);
		cr_assert(n > 0 || wsd_WSAGetLastError() == WSAEWOULDBLOCK);
		got += n > 0 ? n : 0;
	}
	cr_assert_eq(got, BULK);
	pthread_join(t, NULL);
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_wait, SW_BLOCK_3_write_events_after_a_send_that_would_block)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = begin();
	static char piece[60000];
	long sent = 0, received = 0;
	int n;
	cr_assert_eq(wsd_WSAEventSelect(x.a, x.e, FD_WRITE), 0);
	expect(x.a, x.e, FD_WRITE, 0);
	do { /* until nothing moves any more on the wire either */
		int code = 0;
		take(x.a, x.e, &code);
		while ((n = wsd_send(x.a, piece, sizeof(piece), 0)) > 0)
			sent += n;
		cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK);
	} while (wsd_WSAWaitForMultipleEvents(1, &x.e, FALSE, QUIET_MS, FALSE) == WSA_WAIT_EVENT_0);
	while (received < sent) {
		n = wsd_recv(x.b, piece, sizeof(piece), 0);
		cr_assert_gt(n, 0);
		received += n;
	}
	expect(x.a, x.e, FD_WRITE, 0);
	end(&x);
	bed_stop(&bed);
	PAIR_END();
}

/* ---- connecting and accepting ---- */

Test(san_wait, SW_CONNECT_1_connect_and_accept_events)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct ends x = {.listener = bed_listener("10.77.0.1", BED_PORT), .a = bed_socket()};
	x.e = wsd_WSACreateEvent();
	WSAEVENT arrived = wsd_WSACreateEvent();
	cr_assert_eq(wsd_WSAEventSelect(x.listener, arrived, FD_ACCEPT), 0);
	cr_assert_eq(wsd_WSAEventSelect(x.a, x.e, FD_CONNECT | FD_WRITE), 0);
	cr_assert_eq(pair_connect(x.a, "10.77.0.1", BED_PORT), WSAEWOULDBLOCK);
	expect(x.listener, arrived, FD_ACCEPT, 0);
	cr_assert_eq(ready(x.listener, READ, PATIENCE_MS), READ);
	x.b = wsd_accept(x.listener, NULL, NULL);
	expect(x.a, x.e, FD_CONNECT | FD_WRITE, 0);
	cr_assert_str_eq(pair_look(x.a).transport, "SAN");
	end(&x);
	cr_assert(wsd_WSACloseEvent(arrived));
	bed_stop(&bed);
	PAIR_END();
}

/* Over TCP/IP the kernel drops the SYN instead (documented). */
Test(san_wait, WS_LISTEN_4_a_full_queue_refuses_at_once)
{
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_bound("10.77.0.1", BED_PORT), first = bed_socket(), second = bed_socket();
	cr_assert_eq(wsd_listen(l, 1), 0);
	cr_assert_eq(pair_connect(first, "10.77.0.1", BED_PORT), 0);
	cr_assert_eq(ready(l, READ, PATIENCE_MS), READ, "it is in the queue");
	long long before = wsd_check_now_ms();
	cr_assert_eq(pair_connect(second, "10.77.0.1", BED_PORT), WSAECONNREFUSED);
	cr_assert_lt(wsd_check_now_ms() - before, PATIENCE_MS / 2, "no wait, no fallback");
	SOCKET s = wsd_accept(l, NULL, NULL);
	cr_assert_neq(s, INVALID_SOCKET);
	cr_assert_eq(pair_connect(second, "10.77.0.1", BED_PORT), 0, "there is room again");
	cr_assert_str_eq(pair_look(second).transport, "SAN");
	bed_close(s);
	bed_close(first);
	bed_close(second);
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}
