/* SPDX-License-Identifier: MIT
 *
 * listen on TCP/IP: codes, backlog, rank and takeover between sockets and processes.
 * [WS-LISTEN-1 to 3, SW-SHARE-2 to 4 on the TCP/IP side]
 */
#include "peer.h"

Test(listen, WS_LISTEN_1_codes)
{
	WSD_TEST_BEGIN();
	WS_IS(wsd_listen(1, 1), WSANOTINITIALISED);
	ws_start();
	SOCKET s = ws_tcp(), udp = ws_socket(WSD_AF_INET, WSD_SOCK_DGRAM), closed = ws_tcp();
	WS_OK(wsd_closesocket(closed));
	WS_IS(wsd_listen(closed, 1), WSAENOTSOCK);
	WS_IS(wsd_listen(0, 1), WSAENOTSOCK);
	WS_IS(wsd_listen(s, 1), WSAEINVAL);
	WS_IS(wsd_listen(udp, 1), WSAEOPNOTSUPP, "judged before unbound");
	WS_OK(ws_bind(udp, LOOPBACK, 0));
	WS_IS(wsd_listen(udp, 1), WSAEOPNOTSUPP);
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(wsd_listen(s, 1));
	cr_assert(ws_answers(LOOPBACK, ws_port(s)));
	WS_END();
}

Test(listen, WS_LISTEN_1_knobs)
{
	WSD_TEST_BEGIN();
	setenv("WSD_FAULT_NOBUFS", "listen", 1);
	ws_start();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_IS(wsd_listen(s, 1), WSAENOBUFS);
	cr_assert_not(ws_answers(LOOPBACK, ws_port(s)));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
	WS_END();
}

Test(listen, WS_LISTEN_2_unbound_fails)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	static const int backlogs[] = {1, 0, -1, -300, INT_MIN, INT_MAX};
	SOCKADDR_IN a;
	int len = sizeof(a);
	for (size_t i = 0; i < sizeof(backlogs) / sizeof(backlogs[0]); i++)
		WS_IS(wsd_listen(s, backlogs[i]), WSAEINVAL, "backlog %d", backlogs[i]);
	WS_IS(wsd_getsockname(s, (SOCKADDR *)&a, &len), WSAEINVAL); /* Linux would have bound it */
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(wsd_listen(s, -1));
	WS_END();
}

/* Connections that a listener takes before Linux drops the next one: its backlog and one. */
static int room(unsigned port, int most)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, LOOPBACK, &a.sin_addr);
	int fd[16], n = 0, done = 0;
	for (; n < most; n++) {
		fd[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		connect(fd[n], (struct sockaddr *)&a, sizeof(a));
		struct pollfd p = {.fd = fd[n], .events = POLLOUT};
		done += poll(&p, 1, 50) == 1;
	}
	while (n--)
		close(fd[n]);
	return done;
}

Test(listen, WS_LISTEN_3_backlog)
{
	WS_BEGIN();
	static const struct {
		int backlog, room;
	} rows[] = {
		{0, 1}, {1, 2}, {3, 4}, {INT_MAX, 8}, {-1, 8}, {INT_MIN, 8}, {100000, 8}, {-5, 8},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		SOCKET s = ws_tcp();
		WS_OK(ws_bind(s, LOOPBACK, 0));
		WS_OK(wsd_listen(s, rows[i].backlog));
		cr_assert_eq(room(ws_port(s), 8), rows[i].room, "backlog %d", rows[i].backlog);
		WS_OK(wsd_closesocket(s));
	}
	WS_END();
}

Test(listen, WS_LISTEN_3_again_changes_nothing)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, LOOPBACK, 0));
	WS_OK(wsd_listen(s, 1));
	WS_OK(wsd_listen(s, 100));
	cr_assert_eq(room(ws_port(s), 8), 2);
	WS_END();
}

Test(listen, WS_LISTEN_5_SO_ACCEPTCONN)
{
	WS_BEGIN();
	SOCKET s = ws_tcp();
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
	WS_OK(ws_bind(s, LOOPBACK, 0));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
	WS_OK(wsd_listen(s, 1));
	cr_assert_eq(ws_get(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 1);
	WS_IS(ws_set(s, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN, 0), WSAENOPROTOOPT);
	WS_END();
}

/* ---- rank and takeover ---- */

static SOCKET shared(unsigned port)
{
	SOCKET s = ws_tcp();
	WS_OK(ws_set(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, 1));
	WS_OK(ws_bind(s, LOOPBACK, port));
	return s;
}

/* Sockets in kernel LISTEN on the port. */
static int listeners(unsigned port)
{
	char line[512], want[16];
	int n = 0;
	FILE *f = fopen("/proc/net/tcp", "r");
	snprintf(want, sizeof(want), ":%04X ", port);
	while (f && fgets(line, sizeof(line), f)) {
		char *local = strchr(line, ':'), *end = local ? strchr(local + 2, ' ') : NULL;
		char *name = local ? strstr(local + 1, want) : NULL;
		if (name && end && strstr(line, " 0A ") && name < line + 24)
			n++;
	}
	if (f)
		fclose(f);
	return n;
}

Test(listen, SW_SHARE_4_both_listen_and_the_first_is_in_kernel_listen)
{
	WS_BEGIN();
	SOCKET a = shared(0);
	unsigned port = ws_port(a);
	SOCKET b = shared(port), c = shared(port);
	WS_OK(wsd_listen(b, 1));
	WS_OK(wsd_listen(a, 1));
	WS_OK(wsd_listen(c, 1));
	cr_assert_eq(listeners(port), 1);
	cr_assert_eq(ws_get(a, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 1);
	WS_OK(wsd_closesocket(a)); /* not the head: nothing changes */
	cr_assert_eq(listeners(port), 1);
	WS_OK(wsd_closesocket(b));
	cr_assert(WSD_UNTIL(listeners(port) == 1 && ws_answers(LOOPBACK, port), 1000));
	WS_OK(wsd_closesocket(c));
	cr_assert(WSD_UNTIL(listeners(port) == 0, 1000));
	cr_assert_not(ws_answers(LOOPBACK, port));
	WS_END();
}

Test(listen, SW_SHARE_3_takeover_between_processes_by_close_and_by_kill, .timeout = 60)
{
	WS_BEGIN();
	static const int ends[] = {0, SIGKILL};
	for (size_t i = 0; i < 2; i++) {
		SOCKET anchor = shared(0); /* bound, never listens: only keeps the port */
		unsigned port = ws_port(anchor);
		struct peer p = peer_start(0);
		int s = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 1);
		{
			int r_ = peer_bind(&p, s, LOOPBACK, port);
			cr_assert_eq(r_, 0, "code %d", r_);
		}
		cr_assert_eq(peer_do(&p, PEER_LISTEN, s), 0);
		SOCKET mine = shared(port);
		WS_OK(wsd_listen(mine, 5));
		cr_assert_eq(listeners(port), 1);
		if (ends[i])
			peer_end(&p, SIGKILL);
		else
			cr_assert_eq(peer_do(&p, PEER_CLOSE, s), 0);
		cr_assert(WSD_UNTIL(listeners(port) == 1 && ws_answers(LOOPBACK, port), 1000),
			  "no takeover, case %zu", i);
		if (!ends[i])
			peer_end(&p, 0);
		WS_OK(wsd_closesocket(mine));
		WS_OK(wsd_closesocket(anchor));
	}
	WS_END();
}

Test(listen, SW_SHARE_3_the_successor_can_be_the_other_process, .timeout = 60)
{
	WS_BEGIN();
	SOCKET mine = shared(0);
	unsigned port = ws_port(mine);
	WS_OK(wsd_listen(mine, 5));
	struct peer p = peer_start(0);
	int s = peer_socket(&p, WSD_AF_INET, WSD_SOCK_STREAM, 1);
	{
		int r_ = peer_bind(&p, s, LOOPBACK, port);
		cr_assert_eq(r_, 0, "code %d", r_);
	}
	cr_assert_eq(peer_do(&p, PEER_LISTEN, s), 0);
	WS_OK(wsd_closesocket(mine));
	cr_assert(WSD_UNTIL(ws_answers(LOOPBACK, port), 1000));
	/* the broker's process ends altogether: the peer goes on */
	WS_OK(wsd_WSACleanup());
	cr_assert(ws_answers(LOOPBACK, port));
	cr_assert_eq(ws_startup(), 0);
	WS_IS(ws_bind(ws_tcp(), LOOPBACK, port), WSAEADDRINUSE);
	peer_end(&p, SIGKILL);
	cr_assert(WSD_UNTIL(ws_bind(ws_tcp(), LOOPBACK, port) == 0, 1000));
	WS_END();
}

Test(listen, WS_LISTEN_1_a_failed_listen_leaves_the_rank)
{
	WS_BEGIN();
	/* the kernel refuses to listen on a port that a foreign program listens on: both were bound
	 * with SO_REUSEADDR, which counts until then */
	SOCKET first = shared(0);
	unsigned port = ws_port(first);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	inet_pton(AF_INET, LOOPBACK, &a.sin_addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	cr_assert_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	cr_assert_eq(listen(fd, 1), 0);
	WS_IS(wsd_listen(first, 1), WSAEADDRINUSE);
	cr_assert_eq(ws_get(first, WSD_SOL_SOCKET, WSD_SO_ACCEPTCONN), 0);
	close(fd);
	SOCKET second = shared(port);
	WS_OK(wsd_listen(second, 1));
	cr_assert(ws_answers(LOOPBACK, port), "the second is first in rank now");
	WS_OK(wsd_listen(first, 1));
	WS_OK(wsd_closesocket(second));
	cr_assert(WSD_UNTIL(listeners(port) == 1, 1000));
	WS_END();
}
