/* SPDX-License-Identifier: MIT
 *
 * Accepting on a SAN, call by call: SW-ACCEPT-2 to -4, -7, -9.
 */
#include "accept_priv.h"
#include "fake_session.h"

static SOCKET take(SOCKET l, struct wsd_sockaddr_in *peer)
{
	int len = sizeof(*peer);
	SOCKET s = wsd_accept(l, (struct wsd_sockaddr *)peer, &len);
	cr_assert_neq(s, INVALID_SOCKET, "accept: %d", wsd_WSAGetLastError());
	return s;
}

/* Connections that are ready. */
static unsigned queued(SOCKET l)
{
	struct sw_process *p = sw_enter();
	struct sw_socket *sock = sw_socket_find(p, l);
	pthread_mutex_lock(&sock->lock);
	unsigned n = sock->acceptor ? sock->acceptor->count : 0;
	pthread_mutex_unlock(&sock->lock);
	sw_socket_put(sock);
	sw_leave(p);
	return n;
}

static SOCKET listener(int backlog)
{
	SOCKET l = bed_bound("10.77.0.1", BED_PORT);
	cr_assert_eq(wsd_listen(l, backlog), 0);
	bed_clear(&bed);
	return l;
}

/* Clauses: SW-ACCEPT-3, SW-ACCEPT-6 */
Test(accept, SW_ACCEPT_02_the_sequence_and_the_session_as_responder)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET l = listener(5);
	bed.p[0]->request(bed.p[0], 2, "10.77.0.9", 4000);
	bed_expect(&bed, "a WSPEnumNetworkEvents(2) = FD_ACCEPT", "a WSPAccept(2) = 3",
		   "a WSPAccept(2) = WSAEWOULDBLOCK");
	struct session *ss = fake_session(0);
	cr_assert_not(ss->initiator);
	cr_assert_eq(ss->link.local.sin_addr.s_addr, inet_addr("10.77.0.1"));
	/* nobody sees it before it is negotiated [SW-ACCEPT-7] */
	make_nonblocking(l);
	cr_assert_eq(wsd_accept(l, NULL, NULL), INVALID_SOCKET);
	cr_assert_eq(wsd_WSAGetLastError(), WSAEWOULDBLOCK);
	ss->ops->up(ss->ctx, 0);
	struct wsd_sockaddr_in peer, name;
	int len = sizeof(name);
	SOCKET s = INVALID_SOCKET;
	cr_assert(WSD_UNTIL((s = wsd_accept(l, NULL, NULL)) != INVALID_SOCKET, 2000));
	cr_assert_eq(wsd_getpeername(s, (struct wsd_sockaddr *)&peer, &len), 0);
	cr_assert_eq(peer.sin_addr.s_addr, inet_addr("10.77.0.9"));
	cr_assert_eq(peer.sin_port, htons(4000));
	cr_assert_eq(wsd_getsockname(s, (struct wsd_sockaddr *)&name, &len), 0);
	cr_assert_eq(name.sin_port, htons(BED_PORT));
	cr_assert_str_eq(transport_of(s), "SAN");
	session_close(ss, 0);
	bed_close(s);
	bed_close(l);
	stopped();
	cr_assert(fakes_gone());
	BED_END();
}

Test(accept, SW_ACCEPT_04_no_room_is_a_rejection)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET l = listener(2);
	struct wsd_sockaddr_in peer;
	for (unsigned short i = 0; i < 3; i++)
		bed.p[0]->request(bed.p[0], 2, "10.77.0.9", (unsigned short)(4000 + i));
	fake_session(2); /* who negotiates is not in the queue yet */
	cr_assert_eq(bed_count(&bed, "WSAECONNREFUSED"), 0);
	for (unsigned i = 0; i < 2; i++) {
		fake_session(i)->ops->up(fake_session(i)->ctx, 0);
		cr_assert(WSD_UNTIL(queued(l) == i + 1, 2000));
	}
	bed.p[0]->request(bed.p[0], 2, "10.77.0.9", 4008);
	cr_assert(WSD_UNTIL(bed_count(&bed, "WSPAccept(2) = WSAECONNREFUSED") == 1, 2000),
		  "two are ready, which is all that there is room for");
	/* the third was there before */
	fake_session(2)->ops->up(fake_session(2)->ctx, 0);
	cr_assert(WSD_UNTIL(queued(l) == 3, 2000));
	/* two are taken: there is room again */
	SOCKET s[2] = {take(l, &peer), take(l, &peer)};
	bed.p[0]->request(bed.p[0], 2, "10.77.0.9", 4009);
	fake_session(3);
	bed_close(s[0]);
	bed_close(s[1]);
	bed_close(l); /* the rest goes with it [SW-ACCEPT-9] */
	cr_assert(WSD_UNTIL(fakes_gone(), 2000));
	stopped();
	BED_END();
}

/* [SW-ACCEPT-4] "TCP + SAN together" */
Test(accept, SW_ACCEPT_04_those_that_came_over_tcpip_take_room_too)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET l = listener(2);
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(BED_PORT)};
	inet_pton(AF_INET, "10.77.0.1", &to.sin_addr);
	int fd[2];
	for (int i = 0; i < 2; i++) {
		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		cr_assert_eq(connect(fd[i], (struct sockaddr *)&to, sizeof(to)), 0);
	}
	bed.p[0]->request(bed.p[0], 2, "10.77.0.9", 4000);
	cr_assert(WSD_UNTIL(bed_count(&bed, "WSPAccept(2) = WSAECONNREFUSED") == 1, 2000),
		  "two are ready, which is all that there is room for");
	struct wsd_sockaddr_in peer;
	SOCKET s = take(l, &peer);
	bed.p[0]->request(bed.p[0], 2, "10.77.0.9", 4001);
	fake_session(0);
	bed_close(s);
	bed_close(l);
	close(fd[0]);
	close(fd[1]);
	cr_assert(WSD_UNTIL(fakes_gone(), 2000));
	stopped();
	BED_END();
}

Test(accept, SW_ACCEPT_07_silent_peers_do_not_delay_the_next)
{
	enum { SILENT = 100 };
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET l = listener(5); /* the silent ones take nobody's place */
	for (unsigned short i = 0; i < SILENT; i++)
		bed.p[0]->request(bed.p[0], 2, "10.77.0.9", (unsigned short)(4000 + i));
	fake_session(SILENT - 1);
	long long before = wsd_check_now_ms();
	bed.p[0]->request(bed.p[0], 2, "10.77.0.8", 4000);
	struct session *ss = fake_session(SILENT);
	ss->ops->up(ss->ctx, 0);
	struct wsd_sockaddr_in peer;
	SOCKET s = take(l, &peer);
	long long took = wsd_check_now_ms() - before;
	cr_assert_eq(peer.sin_addr.s_addr, inet_addr("10.77.0.8"));
	cr_assert_lt(took, 10000, "%lld ms", took);
	session_close(ss, 0);
	bed_close(s);
	bed_close(l);
	cr_assert(WSD_UNTIL(fakes_gone(), 3000));
	stopped();
	BED_END();
}

Test(accept, SW_ACCEPT_07_a_session_that_cannot_begin_is_closed)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET l = listener(1);
	fakes.refuse = WSAENOBUFS;
	for (unsigned short i = 0; i < 3; i++) { /* and takes no room */
		char line[64];
		snprintf(line, sizeof(line), "WSPCloseSocket(%u)", 3 + i);
		bed.p[0]->request(bed.p[0], 2, "10.77.0.9", (unsigned short)(4000 + i));
		cr_assert(WSD_UNTIL(bed_count(&bed, line) == 1, 2000));
	}
	cr_assert_eq(bed_count(&bed, "WSAECONNREFUSED"), 0);
	bed_close(l);
	stopped();
	BED_END();
}
