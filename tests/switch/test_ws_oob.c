/* SPDX-License-Identifier: MIT
 *
 * Urgent data, over the transport of the environment (stream_pair.h). [WS-DATA-4, SW-OOB-1]
 */
#include "stream_pair.h"

static int count(int r)
{
	return r == SOCKET_ERROR ? -wsd_WSAGetLastError() : r;
}

/* select for one socket's exceptional conditions: urgent data, at once. */
static bool urgent(SOCKET s)
{
	static const struct timeval now;
	struct wsd_fd_set set = {.fd_count = 1, .fd_array = {s}};
	int r = wsd_select(0, NULL, NULL, &set, &now);
	cr_assert_geq(r, 0);
	return r == 1;
}

static ULONG at_mark(SOCKET s)
{
	ULONG at = 7;
	WS_OK(wsd_ioctlsocket(s, (LONG)WSD_SIOCATMARK, &at));
	return at;
}

Test(oob, WS_DATA_4_one_byte_beside_the_stream)
{
	char b[16];
	WS_BEGIN();
	struct pair p = pair_open();
	cr_assert_not(urgent(p.b));
	cr_assert_eq(at_mark(p.b), 1, "none waits");
	cr_assert_eq(count(wsd_send(p.a, "abc", 3, 0)), 3);
	cr_assert_eq(count(wsd_send(p.a, "de!", 3, WSD_MSG_OOB)), 3, "the last is urgent");
	cr_assert_eq(count(wsd_send(p.a, "fgh", 3, 0)), 3);
	cr_assert(WSD_UNTIL(urgent(p.b), CONN_WAIT_MS));
	cr_assert_eq(at_mark(p.b), 0);
	cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB | WSD_MSG_PEEK)), 1);
	cr_assert_eq(b[0], '!');
	cr_assert_eq(count(wsd_recv(p.b, b, sizeof(b), WSD_MSG_OOB)), 1);
	cr_assert_eq(b[0], '!');
	cr_assert_not(urgent(p.b));
	cr_assert_eq(at_mark(p.b), 1);
	/* the stream is without it; a receive may end at the mark */
	int n = 0, r;
	while (n < 8 && (r = count(wsd_recv(p.b, b + n, (int)sizeof(b) - n, 0))) > 0)
		n += r;
	cr_assert_eq(n, 8);
	cr_assert_arr_eq(b, "abcdefgh", 8);
	pair_close(&p);
	WS_END();
}

Test(oob, WS_DATA_4_in_line)
{
	char b[16];
	WS_BEGIN();
	struct pair p = pair_open();
	WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, 1));
	cr_assert_eq(count(wsd_send(p.a, "abc", 3, 0)), 3);
	cr_assert_eq(count(wsd_send(p.a, "!", 1, WSD_MSG_OOB)), 1);
	cr_assert_eq(count(wsd_send(p.a, "def", 3, 0)), 3);
	int n = 0, r;
	while (n < 7 && (r = count(wsd_recv(p.b, b + n, (int)sizeof(b) - n, 0))) > 0)
		n += r;
	cr_assert_eq(n, 7);
	cr_assert_arr_eq(b, "abc!def", 7);
	cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), -WSAEINVAL);
	cr_assert_not(urgent(p.b), "in line it is data like any other");
	pair_close(&p);
	WS_END();
}

static int receive_urgent(struct conn_call *c)
{
	char byte = 0;
	int r = count(wsd_recv(c->s, &byte, 1, WSD_MSG_OOB));
	return r == 1 ? byte : r;
}

static int receive(struct conn_call *c)
{
	char b[16];
	return count(wsd_recv(c->s, b, sizeof(b), 0));
}

/* None is there: as of ordinary data, whatever of that lies there. */
Test(oob, WS_DATA_4_none_is_there)
{
	char b[4];
	WS_BEGIN();
	struct pair p = pair_open();
	conn_nonblocking(p.b, true);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), -WSAEWOULDBLOCK);
		cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB | WSD_MSG_PEEK)),
			     -WSAEWOULDBLOCK);
		cr_assert_eq(count(wsd_send(p.a, "x", 1, 0)), 1);
	}
	conn_nonblocking(p.b, false);
	WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_RCVTIMEO, 20));
	cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), -WSAETIMEDOUT);
	cr_assert_eq(count(wsd_recv(p.b, b, 2, WSD_MSG_WAITALL)), 2);
	pair_close(&p);
	WS_END();
}

static long cpu_ms(const struct conn_call *c)
{
	struct timespec t = {0};
	clockid_t clock;
	cr_assert_eq(pthread_getcpuclockid(c->thread, &clock), 0);
	clock_gettime(clock, &t);
	return (long)(t.tv_sec * 1000 + t.tv_nsec / 1000000);
}

/* A call that waits for it, and ordinary data: neither is in the other's way. */
Test(oob, WS_DATA_4_a_call_waits_for_it)
{
	char b[16];
	WS_BEGIN();
	struct pair p = pair_open();
	struct conn_call urgent_call = {.fn = receive_urgent, .s = p.b};
	struct conn_call call = {.fn = receive, .s = p.b};
	conn_call_start(&urgent_call);
	cr_assert_eq(count(wsd_send(p.a, "abc", 3, 0)), 3);
	cr_assert_eq(count(wsd_recv(p.b, b, sizeof(b), WSD_MSG_PEEK)), 3);
	long before = cpu_ms(&urgent_call);
	usleep(200000); /* what lies there does not keep it busy */
	cr_assert_leq(cpu_ms(&urgent_call) - before, 100);
	cr_assert_eq(count(wsd_recv(p.b, b, sizeof(b), 0)), 3);
	conn_call_start(&call);
	cr_assert_not(call.over);
	cr_assert_not(urgent_call.over);
	cr_assert_eq(count(wsd_send(p.a, "!", 1, WSD_MSG_OOB)), 1);
	cr_assert_eq(conn_call_end(&urgent_call), '!');
	cr_assert_not(call.over);
	cr_assert_eq(count(wsd_send(p.a, "?", 1, WSD_MSG_OOB)), 1);
	cr_assert_eq(receive_urgent(&urgent_call), '?', "while the other waits");
	cr_assert_not(call.over);
	conn_call_start(&urgent_call);
	cr_assert_eq(count(wsd_send(p.a, "de", 2, 0)), 2);
	cr_assert_eq(conn_call_end(&call), 2);
	cr_assert_not(urgent_call.over);
	cr_assert_eq(count(wsd_send(p.a, ".", 1, WSD_MSG_OOB)), 1);
	cr_assert_eq(conn_call_end(&urgent_call), '.');
	pair_close(&p);
	WS_END();
}

/* None will come: the peer's end, its reset, one's own close, and the option. */
Test(oob, WS_DATA_4_a_call_waits_in_vain)
{
	static const int codes[] = {0, -WSAECONNRESET, -WSAEINTR, -WSAEINVAL};
	for (int how = 0; how < 4; how++) {
		WS_BEGIN();
		struct pair p = pair_open();
		struct conn_call call = {.fn = receive_urgent, .s = p.b};
		LINGER hard = {1, 0};
		conn_call_start(&call);
		cr_assert_not(call.over);
		if (how == 0) {
			WS_OK(wsd_shutdown(p.a, WSD_SD_SEND));
		} else if (how == 1) {
			WS_OK(wsd_setsockopt(p.a, WSD_SOL_SOCKET, WSD_SO_LINGER, (char *)&hard,
					     sizeof(hard)));
			WS_OK(wsd_closesocket(p.a));
			p.a = INVALID_SOCKET;
		} else if (how == 2) {
			WS_OK(wsd_closesocket(p.b));
			p.b = INVALID_SOCKET;
		} else {
			WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, 1));
			cr_assert_eq(count(wsd_send(p.a, "!", 1, WSD_MSG_OOB)), 1);
		}
		int code = conn_call_end(&call);
		cr_assert_eq(code, codes[how], "%d: %d", how, code);
		if (how < 2)
			cr_assert_eq(receive_urgent(&call), codes[how], "%d: again", how);
		pair_close(&p);
		WS_END();
	}
}

static void begin(SOCKET s, WSAOVERLAPPED *o, char *byte, DWORD flags)
{
	WSABUF buffer = {1, byte};
	memset(o, 0, sizeof(*o));
	o->hEvent = wsd_WSACreateEvent();
	cr_assert_eq(ws_code(wsd_WSARecv(s, &buffer, 1, NULL, &flags, o, NULL)), WSA_IO_PENDING);
}

static void ends(SOCKET s, WSAOVERLAPPED *o, DWORD bytes, DWORD flags)
{
	DWORD moved = 7, got = 7;
	BOOL ok = wsd_WSAGetOverlappedResult(s, o, &moved, TRUE, &got);
	cr_assert(ok && moved == bytes && got == flags, "%d: %u %u", wsd_WSAGetLastError(), moved,
		  got);
	wsd_WSACloseEvent(o->hEvent);
}

Test(oob, WS_DATA_4_overlapped)
{
	WSAOVERLAPPED o[4];
	char b[4];
	WS_BEGIN();
	struct pair p = pair_open();
	for (int i = 0; i < 4; i++)
		begin(p.b, &o[i], &b[i], i % 2 ? 0 : WSD_MSG_OOB);
	cr_assert_eq(count(wsd_send(p.a, "12", 2, 0)), 2);
	ends(p.b, &o[1], 1, 0);
	ends(p.b, &o[3], 1, 0);
	for (int i = 0; i < 4; i += 2) {
		cr_assert_eq(count(wsd_send(p.a, i ? "?" : "!", 1, WSD_MSG_OOB)), 1);
		ends(p.b, &o[i], 1, WSD_MSG_OOB);
	}
	cr_assert_arr_eq(b, "!1?2", 4);
	begin(p.b, &o[0], &b[0], WSD_MSG_OOB);
	WS_OK(wsd_closesocket(p.b));
	p.b = INVALID_SOCKET;
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o[0].hEvent, TRUE, CONN_WAIT_MS, FALSE),
		     (DWORD)WSA_WAIT_EVENT_0);
	cr_assert_eq((int)o[0].Internal, WSA_OPERATION_ABORTED);
	wsd_WSACloseEvent(o[0].hEvent);
	pair_close(&p);
	WS_END();
}

/* Two: Windows queues both. Linux's TCP has room for one; the first, unread, is lost. */
Test(oob, WS_DATA_4_two_urgent_bytes)
{
	char b[16];
	WS_BEGIN();
	struct pair p = pair_open();
	cr_assert_eq(count(wsd_send(p.a, "1", 1, WSD_MSG_OOB)), 1);
	if (!pair_on_san()) {
		cr_assert(WSD_UNTIL(urgent(p.b), CONN_WAIT_MS));
		cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), 1);
		cr_assert_eq(b[0], '1');
	}
	cr_assert_eq(count(wsd_send(p.a, "2", 1, WSD_MSG_OOB)), 1);
	for (char want = pair_on_san() ? '1' : '2'; want <= '2'; want++) {
		cr_assert(WSD_UNTIL(urgent(p.b), CONN_WAIT_MS));
		cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), 1);
		cr_assert_eq(b[0], want);
	}
	pair_close(&p);
	WS_END();
}

/* Also in the middle of much data, from a sender that must wait. */
Test(oob, WS_DATA_4_large_urgent_send)
{
	enum { BYTES = 3 * 1024 * 1024 };
	char *b = malloc(BYTES), c = 0;
	WS_BEGIN();
	struct pair p = pair_open_small(16 * 1024, 16 * 1024);
	conn_nonblocking(p.a, true);
	pair_fill(b, BYTES, 2, 0);
	cr_assert_eq(count(wsd_send(p.a, b, BYTES, WSD_MSG_OOB)), BYTES);
	cr_assert_eq(pair_recv_all(p.b, 2, BYTES - 1, 100000), 0);
	cr_assert(WSD_UNTIL(urgent(p.b), CONN_WAIT_MS));
	cr_assert_eq(count(wsd_recv(p.b, &c, 1, WSD_MSG_OOB)), 1);
	cr_assert_eq((unsigned char)c, pair_byte(2, BYTES - 1));
	pair_close(&p);
	free(b);
	WS_END();
}

Test(oob, WS_DATA_4_not_for_others)
{
	SOCKADDR_IN to = ws_in(LOOPBACK, 9);
	WS_BEGIN();
	SOCKET u = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM);
	cr_assert_eq(count(wsd_sendto(u, "x", 1, WSD_MSG_OOB, (SOCKADDR *)&to, sizeof(to))),
		     -WSAEOPNOTSUPP);
	WS_OK(ws_bind(u, LOOPBACK, 0));
	char b[1];
	cr_assert_eq(count(wsd_recv(u, b, 1, WSD_MSG_OOB)), -WSAEOPNOTSUPP);
	WS_OK(wsd_closesocket(u));
	WS_END();
}

static ULONG readable(SOCKET s)
{
	ULONG n = 7777;
	WS_OK(wsd_ioctlsocket(s, (LONG)WSD_FIONREAD, &n));
	return n;
}

/* FIONREAD is what one receive gives, which ends at the mark; in line all is counted. */
Test(oob, WS_DATA_4_counted_up_to_the_mark)
{
	char b[16];
	WS_BEGIN();
	struct pair p = pair_open();
	cr_assert_eq(count(wsd_send(p.a, "abc!", 4, WSD_MSG_OOB)), 4);
	cr_assert(WSD_UNTIL(urgent(p.b), CONN_WAIT_MS));
	cr_assert_eq(count(wsd_send(p.a, "de", 2, 0)), 2);
	cr_assert(WSD_UNTIL(readable(p.b) == 3, CONN_WAIT_MS), "%u", readable(p.b));
	cr_assert_eq(at_mark(p.b), 0);
	cr_assert_eq(count(wsd_recv(p.b, b, 0, WSD_MSG_OOB)), 0, "no room");
	cr_assert(urgent(p.b), "so it is still there");
	cr_assert_eq(count(wsd_recv(p.b, b, 16, 0)), 3);
	cr_assert_eq(at_mark(p.b), 0, "it lies here, and was not read");
	cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), 1);
	cr_assert_eq(at_mark(p.b), 1);
	cr_assert(WSD_UNTIL(readable(p.b) == 2, CONN_WAIT_MS), "%u", readable(p.b));
	cr_assert_eq(count(wsd_recv(p.b, b, 16, 0)), 2);
	WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, 1));
	cr_assert_eq(count(wsd_send(p.a, "abc!", 4, WSD_MSG_OOB)), 4);
	cr_assert_eq(count(wsd_send(p.a, "de", 2, 0)), 2);
	cr_assert(WSD_UNTIL(readable(p.b) == 6, CONN_WAIT_MS), "%u", readable(p.b));
	pair_close(&p);
	WS_END();
}

/* MSG_WAITALL is for all, whatever lies between. */
Test(oob, WS_DATA_4_not_the_end_of_MSG_WAITALL)
{
	char b[16] = "";
	WS_BEGIN();
	struct pair p = pair_open();
	for (int in_line = 0; in_line < 2; in_line++) {
		WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, (DWORD)in_line));
		cr_assert_eq(count(wsd_send(p.a, "abc!", 4, WSD_MSG_OOB)), 4);
		cr_assert_eq(count(wsd_send(p.a, "def", 3, 0)), 3);
		cr_assert_eq(count(wsd_recv(p.b, b, 6 + in_line, WSD_MSG_WAITALL)), 6 + in_line);
		cr_assert_arr_eq(b, in_line ? "abc!def" : "abcdef", (size_t)(6 + in_line));
		if (!in_line && pair_on_san()) /* the kernel has room for it up to there */
			cr_assert_eq(count(wsd_recv(p.b, b, 1, WSD_MSG_OOB)), 1);
	}
	pair_close(&p);
	WS_END();
}

/* The option changes the kind of what waits; without urgent data there is no news. */
Test(oob, SW_BLOCK_3_in_line_is_no_event)
{
	WSANETWORKEVENTS n;
	WS_BEGIN();
	struct pair p = pair_open();
	WSAEVENT e = wsd_WSACreateEvent();
	WS_OK(wsd_WSAEventSelect(p.b, e, FD_READ | FD_OOB | FD_CLOSE));
	for (DWORD on = 1; on < 3; on++) {
		WS_OK(ws_set(p.b, WSD_SOL_SOCKET, WSD_SO_OOBINLINE, on & 1));
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, FALSE, 20, FALSE),
			     WSA_WAIT_TIMEOUT);
		WS_OK(wsd_WSAEnumNetworkEvents(p.b, e, &n));
		cr_assert_eq(n.lNetworkEvents, 0, "events 0x%x", (unsigned)n.lNetworkEvents);
	}
	cr_assert(wsd_WSACloseEvent(e));
	pair_close(&p);
	WS_END();
}
