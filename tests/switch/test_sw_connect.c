/* SPDX-License-Identifier: MIT
 *
 * Connecting on a SAN, call by call: SW-CONNECT, SW-SUBNET-2 to -4, SW-BIND-4 and -6.
 */
#include "fake_session.h"

#include "reason.h"
#include "san_connect.h"

/* SW-CONNECT-1 (2) to (4) with SW-BIND-4 in it; the application's port is the test's. */
#define ATTEMPT(p, d, name, to)                                   \
	p " WSPSocket() = " d, p " WSPBind(" d ", " name ") = 0", \
		p " WSPEventSelect(" d ", FD_CONNECT) = 0",       \
		p " WSPConnect(" d ", " to ") = WSAEWOULDBLOCK"
#define LOOKED(p, d) p " WSPEnumNetworkEvents(" d ") = FD_CONNECT"

enum { PORT = 4000 };

static SOCKET attempt(const char *from, const char *to)
{
	SOCKET s = bed_bound(from, PORT);
	make_nonblocking(s);
	cr_assert_eq(fake_connect(s, to, BED_PORT), WSAEWOULDBLOCK);
	return s;
}

/* Clauses: SW-CONNECT-2, SW-CONNECT-3 */
Test(connect, SW_CONNECT_01_the_sequence_and_the_session_as_initiator)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET s = attempt("10.77.0.1", "10.77.0.9");
	bed_expect(&bed, ATTEMPT("a", "2", "10.77.0.1:4000", "10.77.0.9:5150"));
	/* polls are the switch's to answer [SW-CONNECT-2] */
	cr_assert_eq(fake_connect(s, "10.77.0.9", BED_PORT), WSAEALREADY);
	bed_expect_quiet(&bed, 20);
	bed.p[0]->connected(bed.p[0], 2, 0);
	bed_expect(&bed, LOOKED("a", "2"));
	struct session *ss = fake_session(0);
	cr_assert(ss->initiator);
	cr_assert_eq(ss->link.peer.sin_addr.s_addr, inet_addr("10.77.0.9"));
	cr_assert_eq(ss->link.local.sin_port, htons(PORT));
	cr_assert_eq(fake_connect(s, "10.77.0.9", BED_PORT), WSAEALREADY, "not negotiated");
	ss->ops->up(ss->ctx, 0);
	cr_assert_eq(end_of_connect(s), 0);
	cr_assert_str_eq(transport_of(s), "SAN");
	cr_assert_eq(reason_of(s), SW_REASON_NONE);
	/* [SW-CONNECT-3] */
	cr_assert_eq(fake_connect(s, "10.77.0.9", BED_PORT), WSAEISCONN);
	bed_expect_quiet(&bed, 20);
	ss->ops->ready(ss->ctx, SW_READY_READ, 0);
	session_close(ss, 0);
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"));
	stopped();
	cr_assert(fakes_gone());
	BED_END();
}

Test(connect, SW_CONNECT_01_a_provider_may_be_done_at_once)
{
	BED(1);
	usual_addresses();
	started();
	bed.p[0]->connect_at_once = true;
	SOCKET s = attempt("10.77.0.1", "10.77.0.9");
	bed_expect(&bed, "a WSPSocket() = 2", "a WSPBind(2, 10.77.0.1:4000) = 0",
		   "a WSPEventSelect(2, FD_CONNECT) = 0", "a WSPConnect(2, 10.77.0.9:5150) = 0");
	struct session *ss = fake_session(0);
	ss->ops->up(ss->ctx, 0);
	cr_assert_eq(end_of_connect(s), 0);
	session_close(ss, 0);
	bed_close(s);
	stopped();
	BED_END();
}

/* The service thread is told twice that it may negotiate. */
Test(connect, SW_CONNECT_01_a_provider_that_is_done_at_once_and_says_so_again)
{
	BED(1);
	usual_addresses();
	started();
	bed.p[0]->connect_at_once = bed.p[0]->connect_tells = true;
	SOCKET s = attempt("10.77.0.1", "10.77.0.9");
	struct session *ss = fake_session(0);
	cr_assert_not(WSD_WITHIN(fake_connect(s, "10.77.0.9", BED_PORT) != WSAEALREADY, 50),
		      "not negotiated");
	ss->ops->up(ss->ctx, 0);
	cr_assert_eq(end_of_connect(s), 0);
	session_close(ss, 0);
	bed_close(s);
	stopped();
	BED_END();
}

/* As over TCP/IP (test_ws_connect.c): no second one with both names, and no fallback. */
Test(connect, SW_SHARE_05_two_connections_with_equal_names)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET s[2];
	for (int i = 0; i < 2; i++) {
		BOOL yes = TRUE;
		struct wsd_sockaddr_in name = fake_addr("10.77.0.1", PORT);
		s[i] = bed_socket();
		cr_assert_eq(wsd_setsockopt(s[i], WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&yes,
					    sizeof(yes)),
			     0);
		cr_assert_eq(wsd_bind(s[i], (struct wsd_sockaddr *)&name, sizeof(name)), 0);
		make_nonblocking(s[i]);
	}
	cr_assert_eq(fake_connect(s[0], "10.77.0.9", BED_PORT), WSAEWOULDBLOCK);
	bed_expect(&bed, ATTEMPT("a", "2", "10.77.0.1:4000", "10.77.0.9:5150"));
	cr_assert_eq(fake_connect(s[1], "10.77.0.9", BED_PORT), WSAEWOULDBLOCK);
	cr_assert_eq(end_of_connect(s[1]), WSAEADDRINUSE, "while the first is asked for");
	bed.p[0]->connected(bed.p[0], 2, 0);
	bed_expect(&bed, LOOKED("a", "2"));
	struct session *ss = fake_session(0);
	ss->ops->up(ss->ctx, 0);
	cr_assert_eq(end_of_connect(s[0]), 0);
	cr_assert_eq(fake_connect(s[1], "10.77.0.9", BED_PORT), WSAEWOULDBLOCK);
	cr_assert_eq(end_of_connect(s[1]), WSAEADDRINUSE, "and while it is up");
	bed_expect_quiet(&bed, 20);
	/* another peer is another pair of names; and when the first is closed they are free */
	cr_assert_eq(fake_connect(s[1], "10.77.0.8", BED_PORT), WSAEWOULDBLOCK);
	bed_expect(&bed, ATTEMPT("a", "3", "10.77.0.1:4000", "10.77.0.8:5150"));
	bed_close(s[1]);
	bed_expect(&bed, CLOSED("a", "3"));
	bed_close(s[0]);
	bed_expect(&bed, CLOSED("a", "2"));
	s[0] = attempt("10.77.0.1", "10.77.0.9");
	bed_expect(&bed, ATTEMPT("a", "4", "10.77.0.1:4000", "10.77.0.9:5150"));
	bed_close(s[0]);
	stopped();
	cr_assert(WSD_UNTIL(fakes_gone(), 3000));
	BED_END();
}

Test(connect, SW_BIND_06_wildcard_and_unbound_sockets_get_the_rows_address)
{
	BED(2);
	usual_addresses();
	started();
	SOCKET s = attempt("0.0.0.0", "10.77.1.9");
	bed_expect(&bed, ATTEMPT("b", "2", "10.77.1.1:4000", "10.77.1.9:5150"));
	bed.p[1]->connected(bed.p[1], 2, 0);
	struct session *ss = fake_session(0);
	ss->ops->up(ss->ctx, 0);
	cr_assert_eq(end_of_connect(s), 0);
	struct wsd_sockaddr_in name;
	int len = sizeof(name);
	cr_assert_eq(wsd_getsockname(s, (struct wsd_sockaddr *)&name, &len), 0);
	cr_assert_eq(name.sin_addr.s_addr, inet_addr("10.77.1.1"));
	cr_assert_eq(name.sin_port, htons(PORT));
	session_close(ss, 0);
	bed_close(s);
	bed_clear(&bed);
	/* unbound: TCP/IP's port first */
	s = bed_socket();
	make_nonblocking(s);
	cr_assert_eq(fake_connect(s, "10.77.2.9", BED_PORT), WSAEWOULDBLOCK);
	cr_assert_eq(bed_count(&bed, "a WSPBind(2, 10.77.2.1:"), 1);
	cr_assert_eq(bed_count(&bed, "10.77.2.1:0)"), 0);
	bed_close(s);
	stopped();
	BED_END();
}

Test(connect, SW_BIND_04_options_that_were_set_are_forwarded)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET s = bed_bound("10.77.0.1", PORT);
	int yes = 1;
	make_nonblocking(s);
	cr_assert_eq(wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&yes, sizeof(yes)), 0);
	cr_assert_eq(fake_connect(s, "10.77.0.9", BED_PORT), WSAEWOULDBLOCK);
	bed_expect(&bed, "a WSPSocket() = 2", "a WSPBind(2, 10.77.0.1:4000) = 0",
		   "a WSPSetSockOpt(2, SO_DEBUG, 1) = 0", "a WSPEventSelect(2, FD_CONNECT) = 0",
		   "a WSPConnect(2, 10.77.0.9:5150) = WSAEWOULDBLOCK");
	bed_close(s); /* [SW-BLOCK-1]: that is how it is given up */
	bed_expect(&bed, CLOSED("a", "2"));
	stopped();
	BED_END();
}

/* What each step's failure leads to: the socket is closed, TCP/IP connects. */
static const struct {
	char call[20];
	unsigned lines; /* of the sequence, the failed one included */
	bool opened;
	int reason;
} steps[] = {
	{"WSPSocket", 1, false, SW_REASON_SOCKET},    {"WSPBind", 2, true, SW_REASON_SOCKET},
	{"WSPSetSockOpt", 3, true, SW_REASON_SOCKET}, {"WSPEventSelect", 4, true, SW_REASON_SOCKET},
	{"WSPConnect", 5, true, SW_REASON_BUSY},
};

Test(connect, SW_CONNECT_01_each_step_that_fails_leaves_tcpip)
{
	BED(1);
	usual_addresses();
	started();
	SOCKET l = bed_socket();
	struct wsd_sockaddr_in here = fake_addr("10.77.0.1", BED_PORT);
	cr_assert_eq(wsd_bind(l, (struct wsd_sockaddr *)&here, sizeof(here)), 0);
	bed_fail(&bed, 0, "WSPListen", "", WSAENOBUFS);
	cr_assert_eq(wsd_listen(l, 5), 0);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		int yes = 1;
		bed_heal(&bed, 0);
		bed_clear(&bed);
		bed_fail(&bed, 0, steps[i].call, "", WSAENOBUFS);
		SOCKET s = bed_socket();
		wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&yes, sizeof(yes));
		cr_assert_eq(fake_connect(s, "10.77.0.1", BED_PORT), 0, "%s", steps[i].call);
		cr_assert_str_eq(transport_of(s), "TCP/IP");
		cr_assert_eq(reason_of(s), steps[i].reason);
		cr_assert_eq(bed.calls.count, steps[i].lines + steps[i].opened, "%s",
			     steps[i].call);
		cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), steps[i].opened);
		bed_close(s);
	}
	bed_close(l);
	stopped();
	BED_END();
}

/* Clauses: SW-SUBNET-3, SW-SUBNET-4 */
Test(connect, SW_SUBNET_02_to_04_who_stays_on_tcpip_and_why)
{
	static const struct {
		char from[16], to[16];
		int reason;
	} rows[] = {
		{"0.0.0.0", "10.77.0.9", SW_REASON_NONE},
		{"10.77.0.1", "10.77.0.9", SW_REASON_NONE},
		{"0.0.0.0", "10.77.0.1", SW_REASON_NONE}, /* loopback through the NIC */
		{"0.0.0.0", "127.0.0.1", SW_REASON_LOOPBACK},
		{"0.0.0.0", "10.78.0.9", SW_REASON_OFF_SUBNET},
		{"0.0.0.0", "192.0.2.1", SW_REASON_OFF_SUBNET},
		{"10.77.1.1", "10.77.0.9", SW_REASON_LOCAL},
		{"10.78.0.1", "10.77.0.9", SW_REASON_LOCAL},
		{"10.77.1.1", "192.0.2.1", SW_REASON_OFF_SUBNET},
	};
	BED(2);
	usual_addresses();
	started();
	struct sw_process *p = sw_enter();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wsd_sockaddr_in from = fake_addr(rows[i].from, 1);
		struct wsd_sockaddr_in to = fake_addr(rows[i].to, 2);
		cr_assert_eq((int)san_explain(p->san, &from, &to), rows[i].reason, "%s to %s",
			     rows[i].from, rows[i].to);
	}
	sw_leave(p);
	cr_assert_eq(bed.calls.count, 0, "an explanation calls nobody");
	stopped();
	/* without a provider */
	bed_unregister(&bed, 0);
	bed_unregister(&bed, 1);
	started();
	p = sw_enter();
	struct wsd_sockaddr_in to = fake_addr("10.77.0.9", 2);
	cr_assert_eq(san_explain(p->san, NULL, &to), SW_REASON_NO_PROVIDER);
	sw_leave(p);
	stopped();
	BED_END();
}

/* With 150 ms for the SAN, by a configuration "conf". */
static void started_with_share(void)
{
	char path[160];
	unsetenv("WSD_CONNECT_SAN_MS");
	bed_file(&bed, "conf", "connect.san_ms = 150\n");
	snprintf(path, sizeof(path), "%s/conf", bed.catalog);
	setenv("WSD_CONFIG", path, 1);
	started();
}

Test(connect, SW_CONNECT_04_the_sans_share_of_the_time_is_bounded)
{
	BED(1);
	usual_addresses();
	started_with_share();
	int fd = netbed_bind_reuse("10.77.0.1", BED_PORT);
	cr_assert_eq(netbed_listen(fd), 0);
	SOCKET s = bed_socket();
	long long before = wsd_check_now_ms();
	cr_assert_eq(fake_connect(s, "10.77.0.1", BED_PORT), 0, "blocking, over TCP/IP in the end");
	long long took = wsd_check_now_ms() - before;
	cr_assert(took >= 140 && took < 5000, "%lld ms", took);
	cr_assert_eq(reason_of(s), SW_REASON_TIMEOUT);
	cr_assert_eq(bed_count(&bed, "WSPCloseSocket(2)"), 1);
	/* and is not spent twice [SW-FALLBACK-6] */
	bed_clear(&bed);
	SOCKET again = bed_socket();
	cr_assert_eq(fake_connect(again, "10.77.0.1", BED_PORT), 0);
	cr_assert_eq(reason_of(again), SW_REASON_REMEMBERED);
	cr_assert_eq(bed.calls.count, 0);
	/* a route that changes is a reason to try again */
	cr_assert_eq(netbed_add_addr("san1", "10.79.0.1", 24), 0);
	struct sw_process *p = sw_enter();
	struct wsd_sockaddr_in to = fake_addr("10.77.0.1", 2);
	cr_assert(WSD_UNTIL(san_explain(p->san, NULL, &to) == SW_REASON_NONE, 2000));
	sw_leave(p);
	close(fd);
	bed_close(again);
	bed_close(s);
	bed_file(&bed, "conf", NULL);
	stopped();
	BED_END();
}

Test(connect, SW_CONNECT_04_so_is_a_negotiation_after_a_connect_that_was_done_at_once)
{
	BED(1);
	usual_addresses();
	started_with_share();
	bed.p[0]->connect_at_once = true;
	int fd = netbed_bind_reuse("10.77.0.1", BED_PORT);
	cr_assert_eq(netbed_listen(fd), 0);
	SOCKET s = bed_socket();
	long long before = wsd_check_now_ms();
	cr_assert_eq(fake_connect(s, "10.77.0.1", BED_PORT), 0, "over TCP/IP in the end");
	long long took = wsd_check_now_ms() - before;
	cr_assert(took >= 140 && took < 5000, "%lld ms", took);
	cr_assert_eq(reason_of(s), SW_REASON_NEGOTIATION);
	cr_assert(WSD_UNTIL(fakes_gone(), 3000));
	close(fd);
	bed_close(s);
	bed_file(&bed, "conf", NULL);
	stopped();
	BED_END();
}
