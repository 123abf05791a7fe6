/* SPDX-License-Identifier: MIT
 *
 * What a connected socket says of itself, and small calls between the large ones: the same over
 * both transports. [WS-DATA-1, -3, -4, WS-CLOSE-1, WS-NAME-6, -8, SW-OPT-1, -3]
 */
#include "socket.h"
#include "stream_pair.h"

#include <linux/filter.h>
#include <wsd/rare.h>

enum { KIB = 1024, READ = 1, WRITE = 2 };

static int now(SOCKET s)
{
	struct wsd_fd_set r = {.fd_count = 1, .fd_array = {s}}, w = r;
	struct timeval t = {0, 0};
	cr_assert_geq(wsd_select(0, &r, &w, NULL, &t), 0, "%d", wsd_WSAGetLastError());
	return (r.fd_count ? READ : 0) | (w.fd_count ? WRITE : 0);
}

static DWORD waiting(SOCKET s)
{
	ULONG n = 0;
	WS_OK(wsd_ioctlsocket(s, WSD_FIONREAD, &n));
	return (DWORD)n;
}

static void *select_read(void *arg)
{
	SOCKET s = *(SOCKET *)arg;
	struct wsd_fd_set r = {.fd_count = 1, .fd_array = {s}};
	struct timeval t = {20, 0};
	return (void *)(intptr_t)wsd_select(0, &r, NULL, NULL, &t);
}

Test(state, WS_DATA_1_a_direction_that_is_shut_answers_at_once)
{
	WS_BEGIN();
	struct pair p = pair_open();
	pthread_t t;
	void *n;
	cr_assert_eq(now(p.a), WRITE);
	pthread_create(&t, NULL, select_read, &p.a);
	usleep(20000);
	WS_OK(wsd_shutdown(p.a, WSD_SD_RECEIVE));
	pthread_join(t, &n);
	cr_assert_eq((intptr_t)n, 1, "a select that waits is told");
	cr_assert_eq(now(p.a), READ | WRITE);
	WS_IS(wsd_recv(p.a, (char *)&n, 1, 0), WSAESHUTDOWN);
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	cr_assert_eq(now(p.a), READ | WRITE);
	pair_close(&p);
	WS_END();
}

static DWORD fill(SOCKET s)
{
	static char block[16 * KIB];
	DWORD sum = 0;
	int n;
	do {
		while ((n = wsd_send(s, block, sizeof(block), 0)) > 0)
			sum += (DWORD)n;
		cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK);
	} while (!pair_is_full(s));
	return sum;
}

Test(state, WS_CLOSE_1_linger_on_a_non_blocking_socket)
{
	static char buffer[64 * KIB];
	WS_BEGIN();
	struct pair p = pair_open_small(16 * KIB, 16 * KIB);
	struct wsd_linger l = {1, 20};
	ULONG on = 1;
	WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&l, sizeof(l)));
	WS_OK(wsd_ioctlsocket(p.a, WSD_FIONBIO, &on));
	DWORD sent = fill(p.a), got = 0;
	WS_IS(wsd_closesocket(p.a), WSAEWOULDBLOCK, "it would have to wait");
	WS_IS(wsd_closesocket(p.a), WSAEWOULDBLOCK, "and the call has changed nothing");
	while (got < sent) {
		int n = wsd_recv(p.b, buffer, sizeof(buffer), 0);
		cr_assert_gt(n, 0);
		got += (DWORD)n;
	}
	cr_assert(WSD_UNTIL(wsd_closesocket(p.a) == 0, 20000));
	cr_assert_eq(wsd_recv(p.b, buffer, 1, 0), 0, "a graceful end");
	p.a = INVALID_SOCKET;
	pair_close(&p);
	WS_END();
}

Test(state, SW_OPT_01_the_sizes_of_rdma_of_a_connection)
{
	WS_BEGIN();
	struct pair p = pair_open();
	SOCKET both[] = {p.a, p.b};
	for (int i = 0; i < 2; i++) {
		long long rdma = ws_get(both[i], WSD_SOL_SOCKET, SO_MAX_RDMA_SIZE);
		cr_assert(pair_on_san() ? rdma > 0 : rdma == -1, "%lld", rdma);
		WS_OK(ws_set(both[i], WSD_SOL_SOCKET, WSD_SO_DEBUG, 1));
		cr_assert_eq(ws_get(both[i], WSD_SOL_SOCKET, WSD_SO_DEBUG), 1);
		cr_assert_eq(ws_get(both[i], WSD_SOL_SOCKET, SO_MAX_MSG_SIZE), 0, "as TCP");
	}
	pair_close(&p);
	WS_END();
}

Test(state, WS_DATA_3_calls_without_bytes)
{
	WS_BEGIN();
	struct pair p = pair_open();
	char c = 'c';
	OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	WSABUF none = {0, NULL};
	DWORD n = 9, flags = 0;
	cr_assert_eq(wsd_send(p.a, &c, 0, 0), 0);
	cr_assert_eq(wsd_send(p.a, &c, 0, WSD_MSG_OOB), 0);
	WS_IS(wsd_WSARecv(p.b, &none, 1, NULL, &flags, &o, NULL), WSA_IO_PENDING,
	      "it waits for something to receive");
	cr_assert_eq(wsd_send(p.a, &c, 1, 0), 1);
	cr_assert(wsd_WSAGetOverlappedResult(p.b, &o, &n, TRUE, &flags));
	cr_assert_eq(n, 0);
	cr_assert_eq(wsd_recv(p.b, &c, 0, 0), 0);
	cr_assert_eq(waiting(p.b), 1, "and takes nothing");
	cr_assert_eq(wsd_recv(p.b, &c, 1, 0), 1);
	WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
	WS_IS(wsd_send(p.a, &c, 0, 0), WSAESHUTDOWN);
	cr_assert_eq(wsd_recv(p.b, &c, 0, 0), 0, "the end");
	wsd_WSACloseEvent((WSAEVENT)o.hEvent);
	pair_close(&p);
	WS_END();
}

/* In line an urgent byte is a byte like others, but no receive goes past its mark. */
Test(state, WS_DATA_4_receives_before_and_after_urgent_data_in_line)
{
	WS_BEGIN();
	struct pair p = pair_open();
	char first[16], second[16];
	OVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
	WSABUF w = {sizeof(first), first};
	DWORD n, flags = 0;
	WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, 1));
	WS_IS(wsd_WSARecv(p.b, &w, 1, NULL, &flags, &o, NULL), WSA_IO_PENDING);
	cr_assert_eq(wsd_send(p.a, "!", 1, WSD_MSG_OOB), 1);
	cr_assert(wsd_WSAGetOverlappedResult(p.b, &o, &n, TRUE, &flags));
	cr_assert_eq(n, 1);
	cr_assert_eq(first[0], '!');
	cr_assert_eq(wsd_send(p.a, "ab?", 3, WSD_MSG_OOB), 3);
	cr_assert_eq(wsd_send(p.a, "cd", 2, 0), 2);
	cr_assert(WSD_UNTIL(waiting(p.b) >= 2, 20000));
	usleep(50000);
	cr_assert_eq(wsd_recv(p.b, second, sizeof(second), 0), 2, "up to the mark");
	cr_assert_eq(memcmp(second, "ab", 2), 0);
	int got = wsd_recv(p.b, second, sizeof(second), 0);
	while (got > 0 && got < 3)
		got += wsd_recv(p.b, second + got, (int)sizeof(second) - got, 0);
	cr_assert_eq(memcmp(second, "?cd", 3), 0);
	wsd_WSACloseEvent((WSAEVENT)o.hEvent);
	pair_close(&p);
	WS_END();
}

Test(state, WS_NAME_6_names_stay_after_a_reset)
{
	WS_BEGIN();
	struct pair p = pair_open();
	struct wsd_linger hard = {1, 0};
	SOCKADDR_IN before, after;
	int len = sizeof(before);
	char c;
	WS_OK(wsd_getpeername(p.b, (SOCKADDR *)&before, &len));
	WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard, sizeof(hard)));
	WS_OK(wsd_closesocket(p.a));
	p.a = INVALID_SOCKET;
	WS_IS(wsd_recv(p.b, &c, 1, 0), WSAECONNRESET);
	WS_OK(wsd_getpeername(p.b, (SOCKADDR *)&after, &len));
	cr_assert_eq(memcmp(&before, &after, sizeof(before)), 0);
	WS_OK(wsd_getsockname(p.b, (SOCKADDR *)&after, &len));
	cr_assert_eq(ntohs(after.sin_port), ws_port(p.listener));
	WS_IS(wsd_send(p.b, &c, 0, 0), WSAECONNRESET, "without bytes, too");
	pair_close(&p);
	WS_END();
}

/* The kernel's socket behind @s hears nothing any more. */
static void make_deaf(SOCKET s)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog filter = {1, &nothing};
	struct sw_process *process = sw_enter();
	struct sw_socket *found = sw_socket_find(process, s);
	cr_assert_eq(
		setsockopt((int)found->tcp, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)),
		0);
	sw_socket_put(found);
	sw_leave(process);
}

/* A SAN's sessions ask by PING, which test_session.c looks at. */
Test(state, SW_BLOCK_03_a_connection_that_times_out_is_told_as_aborted)
{
	if (pair_on_san())
		cr_skip_test("TCP/IP's keep-alive");
	WS_BEGIN();
	struct pair p = pair_open();
	struct tcp_keepalive k = {1, 1000, 1000};
	WSAEVENT e = wsd_WSACreateEvent();
	WSANETWORKEVENTS n;
	DWORD returned;
	char c;
	WS_OK(wsd_WSAIoctl(p.a, SIO_KEEPALIVE_VALS, &k, sizeof(k), NULL, 0, &returned, NULL, NULL));
	WS_OK(ws_set(p.a, WSD_IPPROTO_TCP, WSD_TCP_KEEPCNT, 1));
	WS_OK(wsd_WSAEventSelect(p.a, e, FD_CLOSE));
	make_deaf(p.b);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, FALSE, 30000, FALSE), WSA_WAIT_EVENT_0);
	WS_OK(wsd_WSAEnumNetworkEvents(p.a, e, &n));
	cr_assert_eq(n.lNetworkEvents, FD_CLOSE);
	cr_assert_eq(n.iErrorCode[FD_CLOSE_BIT], WSAECONNABORTED, "%d", n.iErrorCode[FD_CLOSE_BIT]);
	for (int i = 0; i < 2; i++)
		WS_IS(wsd_recv(p.a, &c, 1, 0), WSAETIMEDOUT, "who calls hears why");
	WS_IS(wsd_send(p.a, &c, 1, 0), WSAETIMEDOUT);
	cr_assert(wsd_WSACloseEvent(e));
	pair_close(&p);
	WS_END();
}

Test(state, SW_OPT_03_keepalive_values)
{
	WS_BEGIN();
	struct pair p = pair_open();
	struct tcp_keepalive k = {1, 7200000, 500}, off = {0, 0, 0}, never = {1, 0xffffffff, 1};
	DWORD n;
	WS_IS(wsd_WSAIoctl(p.a, SIO_KEEPALIVE_VALS, &k, 4, NULL, 0, &n, NULL, NULL), WSAEFAULT);
	WS_OK(wsd_WSAIoctl(p.a, SIO_KEEPALIVE_VALS, &k, sizeof(k), NULL, 0, &n, NULL, NULL));
	cr_assert_eq(ws_get(p.a, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE), 1);
	WS_OK(wsd_WSAIoctl(p.a, SIO_KEEPALIVE_VALS, &never, sizeof(never), NULL, 0, &n, NULL,
			   NULL));
	WS_OK(wsd_WSAIoctl(p.a, SIO_KEEPALIVE_VALS, &off, sizeof(off), NULL, 0, &n, NULL, NULL));
	cr_assert_eq(ws_get(p.a, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE), 0);
	WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE, 1));
	cr_assert_eq(ws_get(p.b, WSD_SOL_SOCKET, WSD_SO_KEEPALIVE), 1);
	pair_close(&p);
	WS_END();
}
