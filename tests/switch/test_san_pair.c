/* SPDX-License-Identifier: MIT
 *
 * The whole switch over the loop provider: an ordinary Winsock client and server find the SAN, and
 * where they do not, TCP/IP serves and the reason is right.
 */
#include "pair.h"
#include "reason.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { MIB = 1 << 20, PATIENCE_MS = 20000, AT_ONCE_MS = 10000 /* half of what the SAN has */ };

/* Send, get it back, be told of the end. */
static void echo(SOCKET s, const char *text)
{
	char back[64] = "";
	int len = (int)strlen(text);
	pair_send(s, text, len);
	cr_assert_eq(pair_recv(s, back, len), len);
	cr_assert_str_eq(back, text);
}

static void end(SOCKET s)
{
	char c;
	cr_assert_eq(wsd_shutdown(s, WSD_SD_SEND), 0);
	cr_assert_eq(wsd_recv(s, &c, 1, 0), 0, "%d", wsd_WSAGetLastError());
	bed_close(s);
}

Test(san_pair, SW_CONNECT_01_a_client_and_a_server_find_the_san)
{
	PAIR_BEGIN();
	bed_start(&bed);
	struct pair_server server;
	pair_start(&server, "10.77.0.1", BED_PORT, 1);
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	struct pair_view v = pair_look(s);
	cr_assert_str_eq(v.transport, "SAN", "%s", sw_reason_text((enum sw_reason)v.reason));
	echo(s, "hello");
	echo(s, "and again");
	end(s);
	pair_stop(&server);
	cr_assert_str_eq(server.seen.transport, "SAN");
	cr_assert_geq(atomic_load(&loop_san->messages), 4, "it was the SAN that carried it");
	cr_assert_geq(atomic_load(&loop_san->message_bytes), 28);
	bed_stop(&bed);
	PAIR_END();
}

static void fill(unsigned char *data, size_t len, unsigned seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (unsigned char)(seed += 2654435761u, seed >> 24);
}

struct sending {
	SOCKET s;
	const unsigned char *data;
	int len;
};

static void *send_all(void *arg)
{
	const struct sending *x = arg;
	pair_send(x->s, x->data, x->len);
	wsd_shutdown(x->s, WSD_SD_SEND);
	return NULL;
}

/* There and back, with the sender in a thread of its own. */
static void bounce(SOCKET s, int len)
{
	unsigned char *out = malloc((size_t)len), *in = malloc((size_t)len + 1);
	pthread_t thread;
	struct sending x = {s, out, len};
	fill(out, (size_t)len, (unsigned)len);
	cr_assert_eq(pthread_create(&thread, NULL, send_all, &x), 0);
	cr_assert_eq(pair_recv(s, in, len + 1), len);
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(memcmp(in, out, (size_t)len), 0);
	free(out);
	free(in);
}

static void bounce_on_san(int len)
{
	struct pair_server server;
	pair_start(&server, "10.77.0.1", BED_PORT, 1);
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	cr_assert_str_eq(pair_look(s).transport, "SAN");
	bounce(s, len);
	bed_close(s);
	pair_stop(&server);
}

Test(san_pair, SW_FLOW_05_large_transfers_go_by_rdma_read)
{
	PAIR_BEGIN();
	bed_start(&bed);
	bounce_on_san(5 * MIB + 3);
	cr_assert_gt(atomic_load(&loop_san->rdma_reads), 0);
	cr_assert_eq(atomic_load(&loop_san->rdma_writes), 0);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_FLOW_06_without_wspRdmaRead_they_go_by_rdma_write)
{
	PAIR_BEGIN();
	setenv("LOOP_NO_READ", "1", 1);
	bed_start(&bed);
	bounce_on_san(5 * MIB + 3);
	cr_assert_gt(atomic_load(&loop_san->rdma_writes), 0);
	cr_assert_eq(atomic_load(&loop_san->rdma_reads), 0);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_FLOW_08_small_limits_cut_transfers)
{
	PAIR_BEGIN();
	setenv("LOOP_MAX_RDMA", "65536", 1);
	setenv("LOOP_MAX_MSG", "2048", 1);
	setenv("LOOP_THRESHOLD", "4096", 1);
	bed_start(&bed);
	bounce_on_san(MIB + 1);
	cr_assert_geq(atomic_load(&loop_san->rdma_reads), 16);
	bed_stop(&bed);
	PAIR_END();
}

/* A provider may complete from inside any downcall, and may let the switch attend. */
Test(san_pair, SW_FLOW_02_completions_from_inside_downcalls_and_by_attending)
{
	static const char *const options[] = {"LOOP_INLINE", "LOOP_ATTEND"};
	PAIR_BEGIN();
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 2; k++)
			if ((i + 1) & (1 << k))
				setenv(options[k], "1", 1);
			else
				unsetenv(options[k]);
		bed_start(&bed);
		bounce_on_san(MIB + 7);
		bed_stop(&bed);
	}
	PAIR_END();
}

/* ---- when TCP/IP serves ---- */

static int kernel_listener(void)
{
	int fd = netbed_bind_reuse("10.77.0.1", BED_PORT);
	cr_assert_geq(fd, 0);
	cr_assert_eq(listen(fd, 16), 0);
	return fd;
}

static long long connect_reason(int reason)
{
	SOCKET s = bed_socket();
	long long before = wsd_check_now_ms();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	long long took = wsd_check_now_ms() - before;
	struct pair_view v = pair_look(s);
	cr_assert_str_eq(v.transport, "TCP/IP");
	cr_assert_eq(v.reason, reason, "%s", sw_reason_text((enum sw_reason)v.reason));
	bed_close(s);
	return took;
}

Test(san_pair, SW_FALLBACK_02_a_host_without_wsd_falls_back_at_once)
{
	PAIR_BEGIN();
	bed_start(&bed);
	int fd = kernel_listener();
	cr_assert_lt(connect_reason(SW_REASON_NO_WSD), AT_ONCE_MS);
	cr_assert_lt(connect_reason(SW_REASON_REMEMBERED), AT_ONCE_MS,
		     "it is not even asked again");
	cr_assert_eq(atomic_load(&loop_san->attempts), 1);
	close(fd);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_FALLBACK_06_silence_is_waited_for_once)
{
	PAIR_BEGIN();
	setenv("LOOP_LOST", "10.77.0.1", 1);
	setenv("WSD_CONNECT_SAN_MS", "1000", 1);
	bed_start(&bed);
	int fd = kernel_listener();
	long long took = connect_reason(SW_REASON_TIMEOUT);
	cr_assert(took >= 950 && took < AT_ONCE_MS, "%lld ms", took);
	connect_reason(SW_REASON_REMEMBERED);
	cr_assert_eq(atomic_load(&loop_san->attempts), 1);
	close(fd);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_FALLBACK_01_codes_that_are_final_and_others)
{
	PAIR_BEGIN();
	bed_start(&bed);
	int fd = kernel_listener();
	loop_san->options.refuse = WSAECONNREFUSED;
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), WSAECONNREFUSED);
	loop_san->options.refuse = WSAENETDOWN;
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0, "the same socket again");
	cr_assert_eq(pair_look(s).reason, SW_REASON_BUSY);
	bed_close(s);
	loop_san->options.refuse = 0;
	loop_san->options.refuse_now = WSAENOBUFS;
	connect_reason(SW_REASON_BUSY);
	close(fd);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_FALLBACK_04_a_peer_that_talks_garbage_is_served_over_tcp)
{
	PAIR_BEGIN();
	setenv("LOOP_GARBAGE", "1", 1); /* the HELLO */
	bed_start(&bed);
	struct pair_server server;
	pair_start(&server, "10.77.0.1", BED_PORT, 1);
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	cr_assert_str_eq(pair_look(s).transport, "TCP/IP");
	cr_assert_eq(pair_look(s).reason, SW_REASON_NEGOTIATION);
	echo(s, "over TCP/IP then");
	end(s);
	pair_stop(&server);
	bed_stop(&bed);
	PAIR_END();
}

/* ---- the end of a connection ---- */

Test(san_pair, SW_CLOSE_05_a_connection_that_is_cut_ends_on_both_sides)
{
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_listener("10.77.0.1", BED_PORT), s = bed_socket(), other = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	SOCKET a = wsd_accept(l, NULL, NULL);
	char c;
	cr_assert_str_eq(pair_look(a).transport, "SAN");
	loop_san->cut_all();
	cr_assert_eq(wsd_recv(s, &c, 1, 0), SOCKET_ERROR);
	int one = wsd_WSAGetLastError();
	cr_assert_eq(wsd_recv(a, &c, 1, 0), SOCKET_ERROR);
	int two = wsd_WSAGetLastError();
	cr_assert(one == WSAECONNABORTED || one == WSAECONNRESET, "%d", one);
	cr_assert(two == WSAECONNABORTED || two == WSAECONNRESET, "%d", two);
	/* the listener does not notice */
	cr_assert_eq(pair_connect(other, "10.77.0.1", BED_PORT), 0);
	SOCKET b = wsd_accept(l, NULL, NULL);
	cr_assert_str_eq(pair_look(b).transport, "SAN");
	bed_close(s);
	bed_close(a);
	bed_close(b);
	bed_close(other);
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_CLOSE_02_what_was_sent_before_the_close_arrives)
{
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_listener("10.77.0.1", BED_PORT);
	for (int i = 0; i < 30; i++) {
		static unsigned char out[40000], in[40001];
		SOCKET s = bed_socket();
		cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
		int len = i * 100;
		fill(out, (size_t)len, (unsigned)i);
		pair_send(s, out, len);
		bed_close(s);
		SOCKET a = wsd_accept(l, NULL, NULL);
		cr_assert_str_eq(pair_look(a).transport, "SAN");
		cr_assert_eq(pair_recv(a, in, len + 1), len);
		cr_assert_eq(memcmp(in, out, (size_t)len), 0);
		bed_close(a);
	}
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}

/* ---- two processes ---- */

Test(san_pair, SW_CLOSE_06_another_process_and_its_death)
{
	PAIR_BEGIN();
	int ready[2], status;
	char c;
	cr_assert_eq(pipe(ready), 0);
	fflush(NULL);
	pid_t child = fork();
	if (!child) {
		bed_start(&bed);
		SOCKET l = bed_listener("10.77.0.1", BED_PORT);
		if (write(ready[1], "", 1) != 1)
			_exit(1);
		SOCKET s = wsd_accept(l, NULL, NULL);
		static char buffer[65536];
		for (int n; (n = wsd_recv(s, buffer, sizeof(buffer), 0)) > 0;)
			pair_send(s, buffer, n);
		pause();
	}
	cr_assert_eq(read(ready[0], &c, 1), 1);
	bed_start(&bed);
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	cr_assert_str_eq(pair_look(s).transport, "SAN");
	echo(s, "hello, other process");
	static unsigned char out[200000], in[200000];
	struct sending x = {s, out, sizeof(out)};
	pthread_t thread;
	fill(out, sizeof(out), 9);
	cr_assert_eq(pthread_create(&thread, NULL, send_all, &x), 0);
	cr_assert_eq(pair_recv(s, in, sizeof(in)), (int)sizeof(in));
	cr_assert_eq(pthread_join(thread, NULL), 0);
	cr_assert_eq(memcmp(in, out, sizeof(in)), 0);
	cr_assert_gt(atomic_load(&loop_san->rdma_reads), 0, "between processes");
	cr_assert_eq(kill(child, SIGKILL), 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(wsd_recv(s, &c, 1, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAECONNRESET);
	bed_close(s);
	close(ready[0]);
	close(ready[1]);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_ACCEPT_04_many_connections_come_and_go)
{
	enum { ROUNDS = 8, AT_ONCE = 25 };
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_bound("0.0.0.0", BED_PORT);
	cr_assert_eq(wsd_listen(l, 100), 0);
	for (int r = 0; r < ROUNDS; r++) {
		SOCKET c[AT_ONCE], a[AT_ONCE];
		for (int i = 0; i < AT_ONCE; i++) {
			c[i] = bed_socket();
			cr_assert_eq(
				pair_connect(c[i], i % 2 ? "10.77.0.1" : "10.77.1.1", BED_PORT), 0);
			cr_assert_str_eq(pair_look(c[i]).transport, "SAN");
		}
		for (int i = 0; i < AT_ONCE; i++) {
			a[i] = wsd_accept(l, NULL, NULL);
			pair_send(a[i], "x", 1);
		}
		for (int i = 0; i < AT_ONCE; i++) {
			char x = 0;
			cr_assert_eq(pair_recv(c[i], &x, 1), 1);
			bed_close(c[i]);
			bed_close(a[i]);
		}
	}
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_ACCEPT_07_silent_peers_do_not_delay_the_next)
{
	enum { SILENT = 100 };
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_bound("10.77.0.1", BED_PORT);
	cr_assert_eq(wsd_listen(l, 5), 0); /* they take nobody's place */
	/* peers that connect and say nothing: requests of the wire, made by hand */
	int fds[SILENT];
	for (unsigned i = 0; i < SILENT; i++) {
		fds[i] = loop_san->knock("10.77.0.1", BED_PORT, "10.77.0.9", (uint16_t)(4000 + i));
		cr_assert(WSD_UNTIL(atomic_load(&loop_san->accepts) == i + 1, PATIENCE_MS));
	}
	long long before = wsd_check_now_ms();
	SOCKET s = bed_socket();
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
	SOCKET a = wsd_accept(l, NULL, NULL);
	cr_assert_str_eq(pair_look(s).transport, "SAN");
	long long took = wsd_check_now_ms() - before;
	cr_assert_lt(took, AT_ONCE_MS, "%lld ms", took);
	pair_send(s, "x", 1);
	char c;
	cr_assert_eq(pair_recv(a, &c, 1), 1);
	for (int i = 0; i < SILENT; i++)
		close(fds[i]);
	bed_close(s);
	bed_close(a);
	bed_close(l); /* with some that are still silent */
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_CONNECT_02_one_thread_and_no_blocking)
{
	PAIR_BEGIN();
	bed_start(&bed);
	ULONG yes = 1;
	SOCKET l = bed_listener("10.77.0.1", BED_PORT), s = bed_socket(), a = INVALID_SOCKET;
	cr_assert_eq(wsd_ioctlsocket(s, WSD_FIONBIO, &yes), 0);
	cr_assert_eq(wsd_ioctlsocket(l, WSD_FIONBIO, &yes), 0);
	WSAEVENT e = wsd_WSACreateEvent();
	cr_assert_eq(wsd_WSAEventSelect(s, e, FD_CONNECT | FD_READ | FD_WRITE | FD_CLOSE), 0);
	cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), WSAEWOULDBLOCK);
	cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, PATIENCE_MS, FALSE), 0);
	WSANETWORKEVENTS events;
	cr_assert_eq(wsd_WSAEnumNetworkEvents(s, e, &events), 0);
	cr_assert(events.lNetworkEvents & FD_CONNECT);
	cr_assert_eq(events.iErrorCode[FD_CONNECT_BIT], 0);
	cr_assert_str_eq(pair_look(s).transport, "SAN");
	cr_assert(WSD_UNTIL((a = wsd_accept(l, NULL, NULL)) != INVALID_SOCKET, PATIENCE_MS));
	char buffer[8];
	cr_assert_eq(wsd_recv(s, buffer, 8, 0), SOCKET_ERROR);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK);
	pair_send(a, "ping", 4);
	bool read = false;
	while (!read) {
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, PATIENCE_MS, FALSE), 0);
		cr_assert_eq(wsd_WSAEnumNetworkEvents(s, e, &events), 0);
		read = events.lNetworkEvents & FD_READ;
	}
	cr_assert_eq(wsd_recv(s, buffer, 8, 0), 4);
	struct wsd_fd_set set = {.fd_count = 1, .fd_array = {a}};
	struct timeval long_enough = {.tv_sec = PATIENCE_MS / 1000};
	pair_send(s, "pong", 4);
	cr_assert_eq(wsd_select(0, &set, NULL, NULL, &long_enough), 1);
	cr_assert_eq(wsd_recv(a, buffer, 8, 0), 4);
	bed_close(a);
	bool closed = false;
	while (!closed) {
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &e, TRUE, PATIENCE_MS, FALSE), 0);
		cr_assert_eq(wsd_WSAEnumNetworkEvents(s, e, &events), 0);
		closed = events.lNetworkEvents & FD_CLOSE;
	}
	bed_close(s);
	bed_close(l);
	wsd_WSACloseEvent(e);
	bed_stop(&bed);
	PAIR_END();
}

/* A listener that goes while connections are on their way to it: each of them ends, one way or the
 * other, in bounded time. */
Test(san_pair, SW_ACCEPT_09_a_listener_closed_in_the_middle)
{
	enum { CLIENTS = 20 };
	PAIR_BEGIN();
	bed_start(&bed);
	for (int round = 0; round < 5; round++) {
		SOCKET c[CLIENTS];
		SOCKET l = bed_listener("10.77.0.1", BED_PORT);
		ULONG yes = 1;
		for (int i = 0; i < CLIENTS; i++) {
			c[i] = bed_socket();
			wsd_ioctlsocket(c[i], WSD_FIONBIO, &yes);
			pair_connect(c[i], "10.77.0.1", BED_PORT);
		}
		usleep((unsigned)round * 2000);
		bed_close(l);
		for (int i = 0; i < CLIENTS; i++) {
			struct wsd_fd_set w = {.fd_count = 1, .fd_array = {c[i]}};
			struct wsd_fd_set x = {.fd_count = 1, .fd_array = {c[i]}};
			struct timeval long_enough = {.tv_sec = PATIENCE_MS / 1000};
			cr_assert_geq(wsd_select(0, NULL, &w, &x, &long_enough), 1);
			bed_close(c[i]);
		}
	}
	bed_stop(&bed);
	PAIR_END();
}

/* Clauses: SW-ACCEPT-5 */
Test(san_pair, SW_ACCEPT_01_one_listener_serves_both_sides_in_their_order)
{
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_listener("10.77.0.1", BED_PORT), s[4], a[4];
	unsigned short ports[4];
	for (int i = 0; i < 4; i++) {
		/* every second one is turned away from the SAN */
		loop_san->options.refuse_now = i % 2 ? WSAENOBUFS : 0;
		s[i] = bed_socket();
		cr_assert_eq(pair_connect(s[i], "10.77.0.1", BED_PORT), 0);
		cr_assert_str_eq(pair_look(s[i]).transport, i % 2 ? "TCP/IP" : "SAN");
		struct wsd_sockaddr_in name;
		int len = sizeof(name);
		cr_assert_eq(wsd_getsockname(s[i], (struct wsd_sockaddr *)&name, &len), 0);
		ports[i] = name.sin_port;
		/* it has arrived before the next one sets out */
		struct wsd_fd_set r = {.fd_count = 1, .fd_array = {l}};
		struct timeval long_enough = {.tv_sec = PATIENCE_MS / 1000};
		cr_assert_eq(wsd_select(0, &r, NULL, NULL, &long_enough), 1);
	}
	for (int i = 0; i < 4; i++) {
		struct wsd_sockaddr_in peer;
		int len = sizeof(peer);
		a[i] = wsd_accept(l, (struct wsd_sockaddr *)&peer, &len);
		cr_assert_neq(a[i], INVALID_SOCKET);
		bool found = false;
		for (int k = 0; k < 4; k++)
			found |= ports[k] == peer.sin_port;
		cr_assert(found);
		cr_assert_eq(pair_look(a[i]).reason, !strcmp(pair_look(a[i]).transport, "SAN")
							     ? SW_REASON_NONE
							     : SW_REASON_ACCEPTED);
	}
	for (int i = 0; i < 4; i++) {
		bed_close(s[i]);
		bed_close(a[i]);
	}
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}

Test(san_pair, SW_ACCEPT_08_acceptex_waits_for_data_if_it_is_asked_to)
{
	enum { ADDRESS = sizeof(struct wsd_sockaddr_in) + 16, DATA = 32 };
	PAIR_BEGIN();
	bed_start(&bed);
	SOCKET l = bed_listener("10.77.0.1", BED_PORT);
	for (int with_data = 0; with_data < 2; with_data++) {
		char buffer[DATA + 2 * ADDRESS];
		DWORD bytes = 0, flags;
		WSAOVERLAPPED o = {.hEvent = wsd_WSACreateEvent()};
		SOCKET a = bed_socket(), s = bed_socket();
		cr_assert_not(wsd_AcceptEx(l, a, buffer, with_data ? DATA : 0, ADDRESS, ADDRESS,
					   &bytes, &o));
		cr_assert_eq(wsd_WSAGetLastError(), WSA_IO_PENDING);
		cr_assert_eq(pair_connect(s, "10.77.0.1", BED_PORT), 0);
		cr_assert_str_eq(pair_look(s).transport, "SAN");
		if (with_data) {
			cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o.hEvent, TRUE, 50, FALSE),
				     WSA_WAIT_TIMEOUT);
			pair_send(s, "first words", 11);
		}
		cr_assert_eq(wsd_WSAWaitForMultipleEvents(1, &o.hEvent, TRUE, PATIENCE_MS, FALSE),
			     0);
		cr_assert(wsd_WSAGetOverlappedResult(l, &o, &bytes, FALSE, &flags));
		cr_assert_eq(bytes, with_data ? 11 : 0);
		cr_assert_eq(memcmp(buffer, "first words", bytes), 0);
		cr_assert_str_eq(pair_look(a).transport, "SAN");
		bed_close(s);
		bed_close(a);
		wsd_WSACloseEvent(o.hEvent);
	}
	bed_close(l);
	bed_stop(&bed);
	PAIR_END();
}
