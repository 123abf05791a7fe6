/* SPDX-License-Identifier: MIT
 *
 * select, over the transport of the environment (stream_pair.h): arguments, what makes a socket
 * ready, waiting, being woken by another thread, many sockets.
 */
#include "far_end.h"

#include <limits.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <wsd/constants.h>

enum { READ = 1, WRITE = 2, EXCEPT = 4, WAIT_MS = 20000 };

typedef struct wsd_fd_set set_t;

static set_t set_of(SOCKET s)
{
	return (set_t){.fd_count = 1, .fd_array = {s}};
}

static struct timeval ms(long n)
{
	return (struct timeval){n / 1000, n % 1000 * 1000};
}

/* Which of the @asked sets still have s after a select of at most @wait_ms. */
static int ready(SOCKET s, int asked, long wait_ms)
{
	set_t sets[3] = {set_of(s), set_of(s), set_of(s)};
	struct timeval t = ms(wait_ms);
	int n = wsd_select(0, asked & READ ? &sets[0] : NULL, asked & WRITE ? &sets[1] : NULL,
			   asked & EXCEPT ? &sets[2] : NULL, &t);
	int got = 0, count = 0;
	cr_assert_geq(n, 0, "select: code %d", wsd_WSAGetLastError());
	cr_assert(t.tv_sec == wait_ms / 1000 && t.tv_usec == wait_ms % 1000 * 1000);
	for (int i = 0; i < 3; i++)
		if (asked & 1 << i && sets[i].fd_count) {
			cr_assert(wsd___WSAFDIsSet(s, &sets[i]));
			got |= 1 << i;
			count++;
		}
	cr_assert_eq(n, count);
	return got;
}

static int ready_now(SOCKET s)
{
	return ready(s, READ | WRITE | EXCEPT, 0);
}

static bool becomes(SOCKET s, int what)
{
	return WSD_UNTIL(ready_now(s) == what, WAIT_MS);
}

/* ---- arguments ---- */

Test(select, WS_SELECT_1_arguments)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), closed = ws_tcp();
	WS_OK(wsd_closesocket(closed));
	struct timeval none = ms(0), bad[] = {{-1, 0}, {0, -1}, {INT_MIN, 5}};
	set_t empty = {.fd_count = 0}, one = set_of(udp);
	WS_IS(wsd_select(1, NULL, NULL, NULL, &none), WSAEINVAL);
	WS_IS(wsd_select(1, &empty, &empty, &empty, &none), WSAEINVAL);
	WS_IS(wsd_select(1, &empty, NULL, NULL, NULL), WSAEINVAL);
	for (size_t i = 0; i < 3; i++) {
		WS_IS(wsd_select(0, NULL, &one, NULL, &bad[i]), WSAEINVAL);
		cr_assert_eq(one.fd_count, 1);
	}
	static const int nfds[] = {0, 1, -1, INT_MAX, INT_MIN};
	for (size_t i = 0; i < 5; i++) {
		one = set_of(udp);
		cr_assert_eq(wsd_select(nfds[i], &empty, &one, &empty, &none), 1, "nfds");
		cr_assert_eq(wsd_WSAGetLastError(), 0);
	}
	SOCKET wrong[] = {closed, 0, INVALID_SOCKET, 0xdeadbeef, 3};
	for (size_t i = 0; i < 5; i++) {
		set_t r = {2, {udp, wrong[i]}}, w = set_of(udp), before = r;
		WS_IS(wsd_select(0, &r, &w, NULL, &none), WSAENOTSOCK);
		cr_assert(!memcmp(&r, &before, sizeof(UINT) * 2 + sizeof(SOCKET) * 2));
		cr_assert_eq(w.fd_count, 1);
	}
	WS_OK(wsd_closesocket(udp));
	WS_END();
}

Test(select, WS_SELECT_1_bad_pointers_are_WSAEFAULT)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	struct timeval none = ms(0);
	set_t *wild = (set_t *)16, *too_long = malloc(sizeof(*too_long));
	WS_IS(wsd_select(0, wild, NULL, NULL, &none), WSAEFAULT);
	set_t w = set_of(udp);
	WS_IS(wsd_select(0, NULL, &w, wild, &none), WSAEFAULT);
	WS_IS(wsd_select(0, NULL, &w, NULL, (struct timeval *)16), WSAEFAULT);
	cr_assert_eq(w.fd_count, 1);
	*too_long = set_of(udp);
	too_long->fd_count = UINT_MAX; /* more than there is memory behind it */
	WS_IS(wsd_select(0, too_long, NULL, NULL, &none), WSAEFAULT);
	free(too_long);
	WS_OK(wsd_closesocket(udp));
	WS_END();
}

Test(select, WS_SELECT_1_fd_is_set_needs_no_startup)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WSD_TEST_BEGIN();
	set_t s = {3, {7, 8, 9}};
	cr_assert(wsd___WSAFDIsSet(9, &s));
	cr_assert_not(wsd___WSAFDIsSet(10, &s));
	WSD_TEST_END();
}

/* ---- what is ready ---- */

Test(select, WS_SELECT_1_sockets_that_are_not_connected)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET tcp = ws_tcp(), udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM),
	       udp6 = ws_socket(WSD_AF_INET6, WSD_SOCK_DGRAM), local = ws_socket(WSD_AF_UNIX, 1);
	cr_assert_eq(ready_now(tcp), 0, "fresh TCP: nothing");
	cr_assert_eq(ready_now(local), 0);
	cr_assert_eq(ready_now(udp), WRITE, "fresh UDP");
	cr_assert_eq(ready_now(udp6), WRITE);
	WS_OK(ws_bind(tcp, LOOPBACK, 0));
	cr_assert_eq(ready_now(tcp), 0, "bound");
	WS_OK(wsd_listen(tcp, 1));
	cr_assert_eq(ready_now(tcp), 0, "nobody has come");
	WS_OK(wsd_closesocket(tcp));
	WS_OK(wsd_closesocket(udp));
	WS_OK(wsd_closesocket(udp6));
	WS_OK(wsd_closesocket(local));
	WS_END();
}

Test(select, WS_SELECT_1_a_datagram)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	WS_OK(ws_bind(udp, LOOPBACK, 0));
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ws_port(udp))};
	inet_pton(AF_INET, LOOPBACK, &a.sin_addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(sendto(fd, "", 0, 0, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(ready(udp, READ, WAIT_MS), READ, "an empty one, too");
	cr_assert_eq(ready_now(udp), READ | WRITE);
	close(fd);
	WS_OK(wsd_closesocket(udp));
	WS_END();
}

Test(select, WS_SELECT_1_a_connection_waits_for_accept)
{
	WS_BEGIN();
	const char *const ips[] = {pair_address(), "::1"};
	for (int i = 0; i < (pair_on_san() ? 1 : 2); i++) {
		SOCKET listener = conn_listener(ips[i], 0, 5);
		SOCKET client = ws_socket(i ? WSD_AF_INET6 : WSD_AF_INET, WSD_SOCK_STREAM);
		cr_assert_eq(ready(listener, READ | WRITE | EXCEPT, 5), 0);
		WS_OK(conn_connect(client, ips[i], ws_port(listener)));
		cr_assert_eq(ready(listener, READ | WRITE | EXCEPT, WAIT_MS), READ);
		SOCKET server = pair_accept(listener);
		cr_assert_eq(ready_now(listener), 0);
		cr_assert_eq(ready_now(server), WRITE);
		cr_assert_eq(ready_now(client), WRITE);
		WS_OK(wsd_closesocket(client));
		WS_OK(wsd_closesocket(server));
		WS_OK(wsd_closesocket(listener));
	}
	WS_END();
}

Test(select, WS_SELECT_1_data_and_its_end)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	SOCKET s = pair_accept(listener);
	char c[8];
	cr_assert_eq(ready_now(s), WRITE);
	far_put(&far, "ab");
	cr_assert_eq(ready(s, READ | EXCEPT, WAIT_MS), READ);
	cr_assert_eq(wsd_recv(s, c, 1, 0), 1);
	cr_assert_eq(ready_now(s), READ | WRITE, "there is more");
	cr_assert_eq(wsd_recv(s, c, 8, 0), 1);
	cr_assert_eq(ready_now(s), WRITE);
	far_shut(&far);
	cr_assert(becomes(s, READ | WRITE), "the end is readable");
	cr_assert_eq(wsd_recv(s, c, 8, 0), 0);
	cr_assert_eq(ready_now(s), READ | WRITE, "and stays so");
	far_close(&far);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

Test(select, WS_DATA_2_a_reset_is_readable_and_writable_not_except)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	SOCKET s = pair_accept(listener);
	char c;
	far_reset(&far);
	cr_assert(becomes(s, READ | WRITE));
	cr_assert_eq(wsd_recv(s, &c, 1, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAECONNRESET);
	cr_assert_eq(ready_now(s), READ | WRITE, "also when somebody has heard of it");
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

static long send_until_full(SOCKET s, const char *data, int n)
{
	long sent = 0;
	do {
		for (int r; (r = wsd_send(s, data, n, 0)) > 0;)
			sent += r;
		cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK);
	} while (!pair_is_full(s));
	return sent;
}

Test(select, WS_SELECT_1_a_full_send_buffer_is_not_writable)
{
	WS_BEGIN();
	struct pair p = pair_open();
	static char big[1 << 20], got[1 << 20];
	conn_nonblocking(p.a, true);
	conn_nonblocking(p.b, true);
	long sent = send_until_full(p.a, big, sizeof(big)), received = 0;
	cr_assert_eq(ready_now(p.a), 0);
	while (received < sent) {
		cr_assert_eq(ready(p.b, READ, WAIT_MS), READ);
		for (int n; (n = wsd_recv(p.b, got, sizeof(got), 0)) > 0;)
			received += n;
	}
	cr_assert_eq(received, sent);
	cr_assert_eq(ready(p.a, WRITE, WAIT_MS), WRITE);
	pair_close(&p);
	WS_END();
}

Test(select, WS_DATA_4_urgent_data_is_except_unless_it_is_in_line)
{
	WS_BEGIN();
	for (int in_line = 0; in_line < 2; in_line++) {
		SOCKET listener = pair_listener(5);
		struct far_end far = far_connect(ws_port(listener));
		SOCKET s = pair_accept(listener);
		char c;
		WS_OK(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, (char *)&in_line,
				     sizeof(in_line)));
		far_urgent(&far, '!');
		cr_assert(becomes(s, in_line ? READ | WRITE : EXCEPT | WRITE));
		if (in_line) {
			cr_assert_eq(wsd_recv(s, &c, 1, 0), 1);
		} else {
			cr_assert_eq(wsd_recv(s, &c, 1, WSD_MSG_OOB), 1);
			cr_assert_eq(c, '!');
		}
		cr_assert_eq(ready_now(s), WRITE);
		far_close(&far);
		WS_OK(wsd_closesocket(s));
		WS_OK(wsd_closesocket(listener));
	}
	WS_END();
}

/* ---- connecting ---- */

Test(select, WS_CONNECT_3_success_is_writable_failure_is_except)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	unsigned port = ws_port(listener);
	SOCKET s = ws_tcp(), refused = ws_tcp();
	long long before = pair_traffic();
	conn_nonblocking(s, true);
	conn_nonblocking(refused, true);
	WS_IS(conn_connect(s, pair_address(), port), WSAEWOULDBLOCK);
	cr_assert_eq(ready(s, READ | WRITE | EXCEPT, WAIT_MS), WRITE);
	pair_is_right(s, before);
	WS_OK(wsd_closesocket(listener));
	WS_IS(conn_connect(refused, pair_address(), port), WSAEWOULDBLOCK);
	cr_assert_eq(ready(refused, READ | WRITE | EXCEPT, WAIT_MS), EXCEPT);
	cr_assert_eq(ready_now(refused), EXCEPT, "until another attempt");
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(refused));
	WS_END();
}

Test(select, WS_CONNECT_8_a_synchronous_failure_is_except_too)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5), s = ws_tcp();
	unsigned port = ws_port(listener);
	WS_OK(wsd_closesocket(listener));
	WS_IS(conn_connect(s, pair_address(), port), WSAECONNREFUSED);
	cr_assert_eq(ready_now(s), EXCEPT);
	WS_OK(wsd_closesocket(s));
	WS_END();
}

/* ---- the sets ---- */

Test(select, WS_SELECT_1_the_sets_keep_what_is_ready_in_its_order)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	SOCKET u[4], t[3];
	for (int i = 0; i < 4; i++)
		u[i] = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	for (int i = 0; i < 3; i++)
		t[i] = ws_tcp();
	set_t w = {8, {u[2], t[0], u[0], u[0], t[1], u[3], t[2], u[1]}};
	set_t r = {3, {u[0], t[0], u[1]}};
	struct timeval none = ms(0);
	cr_assert_eq(wsd_select(0, &r, &w, &r, &none), 5, "one that is there twice counts twice");
	const SOCKET left[] = {u[2], u[0], u[0], u[3], u[1]};
	cr_assert_eq(w.fd_count, 5);
	cr_assert(!memcmp(w.fd_array, left, sizeof(left)));
	cr_assert_eq(r.fd_count, 0);
	for (int i = 0; i < 4; i++)
		WS_OK(wsd_closesocket(u[i]));
	for (int i = 0; i < 3; i++)
		WS_OK(wsd_closesocket(t[i]));
	WS_END();
}

enum { MANY = 2000 };

Test(select, WS_SELECT_1_two_thousand_sockets)
{
	static struct {
		UINT fd_count;
		SOCKET fd_array[MANY];
	} all, r, w, x;
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	struct rlimit most = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
	if (limit.rlim_max < MANY + 200)
		cr_skip("no %d descriptors", MANY + 200);
	setrlimit(RLIMIT_NOFILE, &most);
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	all.fd_count = MANY;
	for (int i = 0; i < MANY; i++)
		all.fd_array[i] = i == 1500 ? pair_accept(listener) : ws_tcp();
	/* as few descriptors as there are: the three sets must not need three times as many */
	struct rlimit few = {.rlim_cur = MANY + 100, .rlim_max = limit.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	struct timeval t = ms(20);
	r = x = all;
	cr_assert_eq(wsd_select(0, (set_t *)&r, NULL, (set_t *)&x, &t), 0);
	cr_assert_eq(r.fd_count, 0);
	cr_assert_eq(x.fd_count, 0);
	far_put(&far, "a");
	r = w = x = all;
	t = ms(WAIT_MS);
	cr_assert_eq(wsd_select(0, (set_t *)&r, NULL, (set_t *)&x, &t), 1);
	cr_assert_eq(r.fd_count, 1);
	cr_assert_eq(r.fd_array[0], all.fd_array[1500]);
	r = x = all;
	cr_assert_eq(wsd_select(0, (set_t *)&r, (set_t *)&w, (set_t *)&x, &t), 2);
	for (int i = 0; i < MANY; i++)
		WS_OK(wsd_closesocket(all.fd_array[i]));
	far_close(&far);
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

/* ---- waiting ---- */

static long long cpu_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

Test(select, WS_SELECT_1_the_time_out)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	long long start = wsd_check_now_ms();
	cr_assert_eq(ready(listener, READ, 60), 0);
	cr_assert_geq(wsd_check_now_ms() - start, 59);
	cr_assert_eq(ready(listener, READ, 0), 0);
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

Test(select, WS_SELECT_1_what_nobody_asked_for_costs_no_time)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	SOCKET s = pair_accept(listener);
	far_reset(&far);
	cr_assert(becomes(s, READ | WRITE));
	long long cpu = cpu_ms();
	cr_assert_eq(ready(s, EXCEPT, 300), 0, "a reset is no exception");
	cr_assert_lt(cpu_ms() - cpu, 100, "asleep, not spinning on POLLHUP");
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

/* A select on a thread of its own; c->port says which sets, c->ret in which s was. */
static int call_select(struct conn_call *c)
{
	set_t sets[3] = {set_of(c->s), set_of(c->s), set_of(c->s)};
	wsd_WSASetLastError(0);
	int n = wsd_select(0, c->port & READ ? &sets[0] : NULL, c->port & WRITE ? &sets[1] : NULL,
			   c->port & EXCEPT ? &sets[2] : NULL, NULL);
	c->ret = 0;
	for (unsigned k = 0; k < 3; k++)
		if (c->port & (READ << k) && sets[k].fd_count)
			c->ret |= READ << k;
	return n < 0 ? wsd_WSAGetLastError() : 0;
}

Test(select, WS_ACCEPT_5_closesocket_wakes_it)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET kinds[] = {pair_listener(5), ws_tcp(), ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), p.a};
	for (int i = 0; i < 4; i++) {
		struct conn_call c = {.fn = call_select, .s = kinds[i], .port = READ | EXCEPT};
		struct conn_call d = {.fn = call_select, .s = kinds[i], .port = EXCEPT};
		conn_call_start(&c);
		conn_call_start(&d);
		cr_assert_not(c.over);
		cr_assert_not(d.over);
		WS_OK(wsd_closesocket(kinds[i]));
		cr_assert_eq(conn_call_end(&c), 0, "kind %d: code %d", i, c.code);
		cr_assert_eq(c.ret, READ, "kind %d: sets %d", i, (int)c.ret);
		cr_assert_eq(conn_call_end(&d), WSAENOTSOCK, "kind %d: code %d", i, d.code);
		cr_assert_eq(d.ret, 0, "kind %d: sets %d", i, (int)d.ret);
	}
	p.a = INVALID_SOCKET;
	pair_close(&p);
	WS_END();
}

Test(select, WS_STARTUP_4_cleanup_wakes_it)
{
	WS_BEGIN();
	struct conn_call c = {.fn = call_select, .s = pair_listener(5), .port = READ};
	conn_call_start(&c);
	cr_assert_eq(wsd_WSACleanup(), 0);
	cr_assert_eq(conn_call_end(&c), 0);
	cr_assert_eq(c.ret, READ);
	pair_bed_free();
	WSD_TEST_END();
}

Test(select, SW_BLOCK_3_several_threads_wait_for_one_socket)
{
	WS_BEGIN();
	enum { THREADS = 6 };
	SOCKET listener = pair_listener(5);
	struct far_end far = far_connect(ws_port(listener));
	SOCKET s = pair_accept(listener);
	struct conn_call c[THREADS];
	for (int i = 0; i < THREADS; i++) {
		c[i] = (struct conn_call){.fn = call_select, .s = s, .port = READ | EXCEPT};
		conn_call_start(&c[i]);
		cr_assert_not(c[i].over);
	}
	far_put(&far, "a");
	for (int i = 0; i < THREADS; i++) {
		cr_assert_eq(conn_call_end(&c[i]), 0);
		cr_assert_eq(c[i].ret, READ);
	}
	far_close(&far);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

Test(select, WS_CONNECT_3_it_waits_for_a_socket_that_connects_meanwhile)
{
	WS_BEGIN();
	SOCKET listener = pair_listener(5), s = ws_tcp();
	struct conn_call c = {.fn = call_select, .s = s, .port = READ | WRITE};
	conn_call_start(&c);
	cr_assert_not(c.over);
	WS_OK(conn_connect(s, pair_address(), ws_port(listener)));
	cr_assert_eq(conn_call_end(&c), 0);
	cr_assert_eq(c.ret, WRITE);
	WS_OK(wsd_closesocket(s));
	WS_OK(wsd_closesocket(listener));
	WS_END();
}

/* What is kept for a waiting thread is given back. */
Test(select, WS_SELECT_1_no_descriptor_for_a_wait_is_WSAENOBUFS)
{
	PAIR_TCP_ONLY("nothing is connected here");
	WS_BEGIN();
	struct rlimit before, none;
	SOCKET s = ws_tcp();
	getrlimit(RLIMIT_NOFILE, &before);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
	set_t r = set_of(s);
	struct timeval t = ms(WAIT_MS), now = ms(0);
	setrlimit(RLIMIT_NOFILE, &none);
	int code = ws_code(wsd_select(0, &r, NULL, NULL, &t));
	UINT left = r.fd_count;
	int looked = wsd_select(0, &r, NULL, NULL, &now);
	setrlimit(RLIMIT_NOFILE, &before);
	cr_assert_eq(code, WSAENOBUFS);
	cr_assert_eq(left, 1, "the sets stay");
	cr_assert_eq(looked, 0, "a look needs none");
	WS_OK(wsd_closesocket(s));
	WS_END();
}
