/* SPDX-License-Identifier: MIT
 *
 * WSPConnect: codes, steps, deadlines and names, between sockets of the provider and with raw
 * librdmacm servers, on one device. PROV-CONNECT-1 to 11, PROV-BIND-15, PROV-BIND-21, PROV-BIND-23,
 * PROV-EVENT (FD_CONNECT), part 5.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmdata.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, QUIET_MS = 300, SAN_MS = 6000, SLACK_MS = 20000 };

#define BEGIN_WITHIN(ms)                     \
	setenv("WSD_CONNECT_SAN_MS", ms, 1); \
	ph_up_warm(PH_SAN0);                 \
	WSD_TEST_BEGIN()
#define BEGIN() BEGIN_WITHIN("20000") /* a busy machine is no peer that is away */
#define END()           \
	WSD_TEST_END(); \
	ph_down()

/* A bound socket that waits for the result of a connect. */
struct client {
	SOCKET s;
	unsigned short port;
	struct ph_event event;
};

static void prepare(struct client *c, const char *ip)
{
	memset(c, 0, sizeof(*c));
	c->port = ph_port();
	c->s = ph_listener(ip, c->port, 0);
	cr_assert_eq(ph_select(c->s, &c->event, FD_CONNECT), 0);
}

/* From the call to the report. */
static int connect_code(struct client *c, const char *ip, unsigned short port)
{
	int code = ph_connect(c->s, ip, port);
	return code == WSAEWOULDBLOCK ? ph_connected(c->s, &c->event) : code;
}

/* Clauses: PROV-CONNECT-3, PROV-CONNECT-11 */
Test(connect, PROV_CONNECT_01_to_oneself_in_one_thread)
{
	BEGIN();
	struct ph_pair v;
	ph_pair(&v, PH_SAN0);
	WSANETWORKEVENTS events;
	usleep(QUIET_MS * 1000);
	cr_assert_eq(atomic_load(&v.event.sets), 1, "exactly one report");
	cr_assert_eq(ph_enum(v.client, NULL, &events), 0);
	cr_assert_eq(events.lNetworkEvents, 0);
	cr_assert_eq(ph_select(v.client, &v.event, FD_CONNECT), 0);
	cr_assert_eq(atomic_load(&v.event.sets), 1, "it was reported already");
	/* part 5 */
	cr_assert_eq(ph_connect(v.client, PH_SAN0, v.port), WSAEISCONN);
	cr_assert_eq(ph_connect(v.server, PH_SAN0, v.port), WSAEISCONN);
	cr_assert_eq(ph_listen(v.client, 5), WSAEISCONN);
	cr_assert_eq(ph_listen(v.server, 5), WSAEISCONN);
	cr_assert_eq(ph_bind(v.server, PH_SAN0, ph_port()), WSAEINVAL);
	ph_unpair(&v);
	END();
}

Test(connect, PROV_CONNECT_04_names_and_states)
{
	BEGIN();
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, 5000);
	struct wsd_sockaddr *name = (struct wsd_sockaddr *)&in;
	LPWSPCONNECT call = ph.proc.lpWSPConnect;
	int code = 0;
	struct client c;
	prepare(&c, PH_SAN0);
	cr_assert_eq(call(c.s, NULL, 16, NULL, NULL, NULL, NULL, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEFAULT);
	call(c.s, name, 15, NULL, NULL, NULL, NULL, &code);
	cr_assert_eq(code, WSAEFAULT);
	call(c.s, name, -1, NULL, NULL, NULL, NULL, &code);
	cr_assert_eq(code, WSAEFAULT);
	in.sin_family = WSD_AF_INET6;
	call(c.s, name, 16, NULL, NULL, NULL, NULL, &code);
	cr_assert_eq(code, WSAEAFNOSUPPORT);
	cr_assert_eq(ph_connect(c.s, "0.0.0.0", 5000), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_connect(c.s, PH_SAN0, 0), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_connect(c.s, "127.0.0.1", 5000), WSAETIMEDOUT);
	SOCKET unbound = ph_socket(), l = ph_listener(PH_SAN0, ph_port(), 5);
	cr_assert_eq(ph_connect(unbound, PH_SAN0, 5000), WSAEINVAL);
	cr_assert_eq(ph_connect(l, PH_SAN0, 5000), WSAEINVAL);
	cr_assert_eq(ph_close(unbound) + ph_close(l) + ph_close(c.s), 0);
	cr_assert_eq(ph_connect(c.s, PH_SAN0, 5000), WSAENOTSOCK);
	END();
}

Test(connect, PROV_CONNECT_08_data_of_caller_and_callee)
{
	BEGIN();
	struct client c;
	char text[4] = "abc";
	WSABUF data = {3, text};
	int code = 0;
	unsigned short port = ph_port();
	SOCKET l = ph_listener(PH_SAN0, port, 5);
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, port);
	struct wsd_sockaddr *name = (struct wsd_sockaddr *)&in;
	prepare(&c, PH_SAN0);
	ph.proc.lpWSPConnect(c.s, name, 16, &data, NULL, NULL, NULL, &code);
	cr_assert_eq(code, WSAEPROTONOSUPPORT);
	cr_assert_eq(data.len, 3);
	ph.proc.lpWSPConnect(c.s, name, 16, NULL, &data, NULL, NULL, &code);
	cr_assert_eq(code, WSAEWOULDBLOCK);
	cr_assert_eq(data.len, 0);
	SOCKET s = ph_accepted(l);
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(ph_close(c.s) + ph_close(s) + ph_close(l), 0);
	END();
}

/* One socket goes through all failures, and then connects after all. Clauses: PROV-CONNECT-2,
 * PROV-CONNECT-5, PROV-CONNECT-6, PROV-CONNECT-10 */
Test(connect, PROV_CONNECT_07_how_attempts_end, .timeout = 120)
{
	BEGIN_WITHIN("6000"); /* SAN_MS */
	struct client c;
	struct rdma_peer raw;
	unsigned short port = ph_port(), nobody = ph_port(), mine = ph_port();
	uint8_t tag[CMDATA_REJECT_SIZE];
	prepare(&c, PH_SAN0);
	cr_assert_eq(rdma_peer_listen(&raw, PH_SAN0, port), 0);
	/* nobody listens there; on Linux a TCP listener may */
	cr_assert_eq(connect_code(&c, PH_SAN0, nobody), WSAETIMEDOUT);
	/* no such host, and no RDMA there */
	long long began = wsd_check_now_ms();
	cr_assert_eq(ph_connect(c.s, "10.77.0.200", port), WSAEWOULDBLOCK);
	long long took = wsd_check_now_ms() - began;
	cr_assert_lt(took, SAN_MS / 2, "the call waited: %lld ms", took);
	cr_assert_eq(ph_connect(c.s, "10.77.0.200", port), WSAEALREADY);
	cr_assert_eq(ph_connected(c.s, &c.event), WSAETIMEDOUT);
	int code = connect_code(&c, PH_LAN0, port);
	cr_assert_eq(code, WSAETIMEDOUT, "%d", code);
	/* a program that says no without our tag, with it, and nothing at all */
	static const enum cmdata_reason reasons[] = {0, CMDATA_REFUSED, CMDATA_BACKLOG};
	for (size_t i = 0; i < 3; i++) {
		cr_assert_eq(ph_connect(c.s, PH_SAN0, port), WSAEWOULDBLOCK);
		cr_assert_eq(rdma_peer_wait(&raw, SOON_MS), RDMA_CM_EVENT_CONNECT_REQUEST);
		cmdata_put_reject(tag, reasons[i]);
		cr_assert_eq(rdma_reject(raw.request, i ? tag : NULL, i ? sizeof(tag) : 0), 0);
		code = ph_connected(c.s, &c.event);
		cr_assert_eq(code, i ? WSAECONNREFUSED : WSAETIMEDOUT, "%zu: %d", i, code);
		rdma_destroy_id(raw.request);
		raw.request = NULL;
	}
	began = wsd_check_now_ms();
	cr_assert_eq(connect_code(&c, PH_SAN0, port), WSAETIMEDOUT);
	took = wsd_check_now_ms() - began;
	cr_assert(took >= SAN_MS && took < SAN_MS + SLACK_MS, "%lld ms", took);
	SOCKET l = ph_listener(PH_SAN0, mine, 5);
	cr_assert_eq(ph_connect(c.s, PH_SAN0, mine), WSAEWOULDBLOCK);
	SOCKET s = ph_accepted(l);
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(ph_close(c.s) + ph_close(s) + ph_close(l), 0);
	rdma_peer_close(&raw);
	END();
}

Test(connect, PROV_CONNECT_09_close_while_connecting, .timeout = 200)
{
	setenv("WSD_CONNECT_SAN_MS", "60000", 1);
	ph_up_warm(PH_SAN0);
	WSD_TEST_BEGIN();
	struct client c;
	struct rdma_peer raw;
	unsigned short port = ph_port();
	cr_assert_eq(rdma_peer_listen(&raw, PH_SAN0, port), 0);
	for (int i = 0; i < 6; i++) { /* at once, a little later, and when the peer has it */
		prepare(&c, PH_SAN0);
		cr_assert_eq(ph_connect(c.s, PH_SAN0, port), WSAEWOULDBLOCK);
		if (i >= 3)
			cr_assert_eq(rdma_peer_wait(&raw, SOON_MS), RDMA_CM_EVENT_CONNECT_REQUEST);
		else
			usleep((useconds_t)i * 2000);
		long long began = wsd_check_now_ms();
		cr_assert_eq(ph_close(c.s), 0);
		cr_assert_lt(wsd_check_now_ms() - began, SLACK_MS);
		usleep(20000);
		cr_assert_eq(atomic_load(&c.event.sets), 0, "nothing is reported");
		while (rdma_peer_wait(&raw, 0) == RDMA_CM_EVENT_CONNECT_REQUEST || raw.request) {
			if (raw.request)
				rdma_destroy_id(raw.request);
			raw.request = NULL;
		}
	}
	rdma_peer_close(&raw);
	WSD_TEST_END();
	ph_down();
}

/* Clauses: PROV-CONNECT-3 */
Test(connect, PROV_EVENT_03_a_result_that_nobody_asked_for_yet)
{
	BEGIN();
	struct ph_event e = {0};
	WSANETWORKEVENTS events;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 0), l = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_connect(s, PH_SAN0, port), WSAEWOULDBLOCK);
	SOCKET a = ph_accepted(l);
	cr_assert(WSD_UNTIL(ph_connect(s, PH_SAN0, port) == WSAEISCONN, SOON_MS));
	cr_assert_eq(ph_enum(s, NULL, &events), 0);
	cr_assert_eq(events.lNetworkEvents, 0, "not selected");
	cr_assert_eq(ph_select(s, &e, FD_CONNECT), 0);
	cr_assert_eq(atomic_load(&e.sets), 1, "set before the call returns");
	cr_assert_eq(ph_select(s, &e, FD_CONNECT | FD_ACCEPT), 0);
	cr_assert_eq(atomic_load(&e.sets), 2, "still not enumerated");
	cr_assert_eq(ph_connected(s, &e), 0);
	cr_assert_eq(ph_select(s, &e, FD_CONNECT), 0);
	cr_assert_eq(atomic_load(&e.sets), 2);
	cr_assert_eq(ph_close(s) + ph_close(a) + ph_close(l), 0);
	END();
}

/* What a raw program sees of us. */
Test(connect, PROV_BIND_23_source_port_and_true_names)
{
	BEGIN();
	struct client c;
	struct rdma_peer raw;
	struct cmdata_request names;
	unsigned short port = ph_port();
	prepare(&c, PH_SAN0);
	cr_assert_eq(rdma_peer_listen(&raw, PH_SAN0, port), 0);
	cr_assert_eq(ph_connect(c.s, PH_SAN0, port), WSAEWOULDBLOCK);
	cr_assert_eq(rdma_peer_wait(&raw, SOON_MS), RDMA_CM_EVENT_CONNECT_REQUEST);
	const struct sockaddr_in *from = (struct sockaddr_in *)&raw.request->route.addr.dst_addr;
	unsigned source = ntohs(from->sin_port);
	cr_assert(source >= 28672 && source <= 29695, "%u", source);
	cr_assert_eq(cmdata_get_request(raw.data, raw.data_len, &names), CMDATA_OURS);
	cr_assert_eq(names.src_addr_be, inet_addr(PH_SAN0));
	cr_assert_eq(names.dst_addr_be, inet_addr(PH_SAN0));
	cr_assert_eq(ntohs(names.src_port_be), c.port);
	cr_assert_eq(ntohs(names.dst_port_be), port);
	cr_assert_eq(rdma_peer_accept(&raw), 0);
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(rdma_peer_wait(&raw, SOON_MS), RDMA_CM_EVENT_ESTABLISHED);
	/* the name that it is bound to is still free for a listener of ours */
	SOCKET l = ph_listener(PH_SAN0, c.port, 5);
	cr_assert_eq(ph_close(c.s), 0);
	cr_assert_eq(rdma_peer_wait(&raw, SOON_MS), RDMA_CM_EVENT_DISCONNECTED);
	cr_assert_eq(ph_close(l), 0);
	rdma_peer_close(&raw);
	END();
}

/* To two peers, and to two ports of one: closing one leaves the others. */
Test(connect, PROV_BIND_21_one_port_many_connections, .timeout = 200)
{
	BEGIN();
	enum { N = 3 };
	struct rdma_peer raw[N];
	struct client c[N];
	unsigned short mine = ph_port();
	for (int i = 0; i < N; i++) {
		unsigned short port = ph_port();
		memset(&c[i], 0, sizeof(c[i]));
		cr_assert_eq(rdma_peer_listen(&raw[i], PH_SAN0, port), 0);
		c[i].s = ph_listener(PH_SAN0, mine, 0);
		cr_assert_eq(ph_select(c[i].s, &c[i].event, FD_CONNECT), 0);
		cr_assert_eq(ph_connect(c[i].s, PH_SAN0, port), WSAEWOULDBLOCK);
		cr_assert_eq(rdma_peer_wait(&raw[i], SOON_MS), RDMA_CM_EVENT_CONNECT_REQUEST);
		cr_assert_eq(rdma_peer_accept(&raw[i]), 0);
		cr_assert_eq(ph_connected(c[i].s, &c[i].event), 0);
		cr_assert_eq(rdma_peer_wait(&raw[i], SOON_MS), RDMA_CM_EVENT_ESTABLISHED);
	}
	cr_assert_eq(ph_close(c[0].s), 0);
	cr_assert_eq(rdma_peer_wait(&raw[0], SOON_MS), RDMA_CM_EVENT_DISCONNECTED);
	rdma_peer_close(&raw[1]); /* resets */
	cr_assert_eq(rdma_peer_wait(&raw[2], QUIET_MS), RDMA_PEER_NOTHING);
	cr_assert_eq(ph_connect(c[2].s, PH_SAN0, 5000), WSAEISCONN);
	for (int i = 0; i < N; i++) {
		if (i)
			cr_assert_eq(ph_close(c[i].s), 0);
		rdma_peer_close(&raw[i]);
	}
	END();
}

Test(connect, PROV_BIND_15_a_wildcard_connects_from_the_nic_of_the_route)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	ph_up_warm(PH_SAN1);
	WSD_TEST_BEGIN();
	struct client c;
	unsigned short port = ph_port();
	struct wsd_sockaddr_in from = {0};
	INT len = sizeof(from);
	int code;
	SOCKET l = ph_listener(PH_SAN1, port, 5), s;
	prepare(&c, "0.0.0.0");
	cr_assert_eq(ph_connect(c.s, PH_SAN1, port), WSAEWOULDBLOCK);
	cr_assert(WSD_UNTIL((s = ph.proc.lpWSPAccept(l, (struct wsd_sockaddr *)&from, &len, NULL, 0,
						     &code)) != INVALID_SOCKET,
			    SOON_MS));
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(len, 16);
	cr_assert_eq(from.sin_addr.s_addr, inet_addr(PH_SAN1));
	cr_assert_eq(ntohs(from.sin_port), c.port);
	cr_assert_eq(ph_close(c.s) + ph_close(s) + ph_close(l), 0);
	WSD_TEST_END();
	ph_down();
}
