/* SPDX-License-Identifier: MIT
 *
 * WSPAccept with clients of the provider and raw ones. PROV-ACCEPT-1 to 12.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cmdata.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, QUIET_MS = 300, WITHDRAWN_MS = 1500, SILENT = 100, PARALLEL = 4, EACH = 5 };

/* Clients have time: the machine may be slow. */
#define BEGIN()                                   \
	setenv("WSD_CONNECT_SAN_MS", "60000", 1); \
	ph_up_warm(PH_SAN0);                      \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

struct server {
	SOCKET s;
	unsigned short port;
	struct ph_event event;
};

static void serve(struct server *v, int backlog)
{
	memset(v, 0, sizeof(*v));
	v->port = ph_port();
	v->s = ph_listener(PH_SAN0, v->port, backlog);
	cr_assert_eq(ph_select(v->s, &v->event, FD_ACCEPT), 0);
}

struct client {
	SOCKET s;
	unsigned short port;
	struct ph_event event;
};

static void ask(struct client *c, const struct server *v)
{
	memset(c, 0, sizeof(*c));
	c->port = ph_port();
	c->s = ph_listener(PH_SAN0, c->port, 0);
	cr_assert_eq(ph_select(c->s, &c->event, FD_CONNECT), 0);
	cr_assert_eq(ph_connect(c->s, PH_SAN0, v->port), WSAEWOULDBLOCK);
}

/* Asks, and waits until the request is queued. */
static void ask_queued(struct client *c, struct server *v)
{
	int before = atomic_load(&v->event.sets);
	ask(c, v);
	cr_assert(WSD_UNTIL(atomic_load(&v->event.sets) > before, SOON_MS));
}

/* What the condition function was given, and what it answers. */
struct condition {
	int answer, calls;
	pthread_t thread;
	struct wsd_sockaddr_in caller, callee;
	bool nothing_else;
	SOCKET close; /* it closes this */
};

static int condition(LPWSABUF caller, LPWSABUF caller_data, LPQOS sqos, LPQOS gqos, LPWSABUF callee,
		     LPWSABUF callee_data, GROUP *g, DWORD_PTR data)
{
	struct condition *k = (struct condition *)data;
	k->calls++;
	k->thread = pthread_self();
	if (caller->len == sizeof(k->caller))
		memcpy(&k->caller, caller->buf, sizeof(k->caller));
	if (callee->len == sizeof(k->callee))
		memcpy(&k->callee, callee->buf, sizeof(k->callee));
	k->nothing_else = !caller_data && !sqos && !gqos && !callee_data && !g;
	if (k->close)
		ph_close(k->close);
	return k->answer;
}

static SOCKET accept_if(SOCKET l, struct condition *k, int *ret_code)
{
	*ret_code = -1;
	return ph.proc.lpWSPAccept(l, NULL, NULL, condition, (DWORD_PTR)k, ret_code);
}

Test(accept, PROV_ACCEPT_02_what_keeps_it_from_accepting)
{
	BEGIN();
	int code;
	struct server v;
	struct client c;
	struct wsd_sockaddr_in from;
	struct wsd_sockaddr *name = (struct wsd_sockaddr *)&from;
	INT len = 15;
	SOCKET bound = ph_listener(PH_SAN0, ph_port(), 0), s = ph_socket();
	cr_assert_eq(ph_accept(bound, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEINVAL);
	cr_assert_eq(ph_accept(s, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEINVAL);
	cr_assert_eq(ph_close(s) + ph_close(bound), 0);
	serve(&v, 5);
	cr_assert_eq(ph_accept(v.s, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEWOULDBLOCK);
	ask_queued(&c, &v);
	cr_assert_eq(ph.proc.lpWSPAccept(v.s, name, &len, NULL, 0, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEFAULT);
	cr_assert_eq(ph.proc.lpWSPAccept(v.s, name, NULL, NULL, 0, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEFAULT);
	len = 100;
	s = ph.proc.lpWSPAccept(v.s, name, &len, NULL, 0, &code);
	cr_assert_neq(s, INVALID_SOCKET, "the request was left queued: %d", code);
	cr_assert_eq(len, 16);
	cr_assert_eq(from.sin_family, WSD_AF_INET);
	cr_assert_eq(ntohs(from.sin_port), c.port);
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(ph_accept(s, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEINVAL);
	cr_assert_eq(ph_close(s) + ph_close(c.s) + ph_close(v.s), 0);
	cr_assert_eq(ph_accept(v.s, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAENOTSOCK);
	END();
}

/* Clauses: PROV-ACCEPT-4, PROV-ACCEPT-5 */
Test(accept, PROV_ACCEPT_03_the_condition_is_asked_once_by_this_thread)
{
	BEGIN();
	int code, one = 1, len = sizeof(one);
	struct server v;
	struct client c;
	struct condition k = {.answer = CF_ACCEPT};
	serve(&v, 5);
	cr_assert_eq(ph.proc.lpWSPSetSockOpt(v.s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&one, len,
					     &code),
		     0);
	ask_queued(&c, &v);
	cr_assert_eq(atomic_load(&c.event.sets), 0, "no answer before");
	unsigned creates = atomic_load(&ph.creates);
	SOCKET s = accept_if(v.s, &k, &code);
	cr_assert_neq(s, INVALID_SOCKET, "%d", code);
	cr_assert_eq(code, 0);
	cr_assert_eq(k.calls, 1);
	cr_assert(pthread_equal(k.thread, pthread_self()));
	cr_assert(k.nothing_else);
	cr_assert_eq(k.caller.sin_addr.s_addr, inet_addr(PH_SAN0));
	cr_assert_eq(ntohs(k.caller.sin_port), c.port);
	cr_assert_eq(k.callee.sin_addr.s_addr, inet_addr(PH_SAN0));
	cr_assert_eq(ntohs(k.callee.sin_port), v.port);
	cr_assert_eq(atomic_load(&ph.creates), creates + 1);
	one = 0;
	cr_assert_eq(
		ph.proc.lpWSPGetSockOpt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&one, &len, &code),
		0);
	cr_assert_eq(one, 1, "options are inherited");
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(ph_close(s) + ph_close(c.s) + ph_close(v.s), 0);
	END();
}

/* Clauses: PROV-ACCEPT-1 */
Test(accept, PROV_ACCEPT_06_the_event_comes_again_while_requests_wait)
{
	BEGIN();
	struct server v;
	struct client c[3];
	WSANETWORKEVENTS events;
	serve(&v, 5);
	for (int i = 0; i < 3; i++)
		ask_queued(&c[i], &v);
	for (int i = 0; i < 3; i++) {
		int code;
		cr_assert_eq(atomic_load(&v.event.set), 1, "request %d is stranded", i);
		cr_assert_eq(ph_enum(v.s, &v.event, &events), 0);
		cr_assert_eq(events.lNetworkEvents, FD_ACCEPT);
		SOCKET s = ph_accept(v.s, &code);
		cr_assert_neq(s, INVALID_SOCKET, "%d", code);
		cr_assert_eq(ph_connected(c[i].s, &c[i].event), 0, "the oldest first");
		cr_assert_eq(ph_close(s) + ph_close(c[i].s), 0);
	}
	cr_assert_eq(atomic_load(&v.event.set), 0);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

/* Clauses: PROV-ACCEPT-8 */
Test(accept, PROV_ACCEPT_07_reject_defer_and_nonsense)
{
	BEGIN();
	int code;
	struct server v;
	struct client c, d;
	struct condition k = {.answer = CF_DEFER};
	serve(&v, 5);
	ask_queued(&c, &v);
	ask_queued(&d, &v);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(accept_if(v.s, &k, &code), INVALID_SOCKET);
		cr_assert_eq(code, WSATRY_AGAIN);
		cr_assert_eq(ntohs(k.caller.sin_port), c.port, "at the head of the queue");
	}
	k.answer = CF_REJECT;
	cr_assert_eq(accept_if(v.s, &k, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAECONNREFUSED);
	cr_assert_eq(ph_connected(c.s, &c.event), WSAECONNREFUSED);
	k.answer = 77;
	cr_assert_eq(accept_if(v.s, &k, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEINVAL);
	cr_assert_eq(ph_connected(d.s, &d.event), WSAECONNREFUSED);
	cr_assert_eq(ph_accept(v.s, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEWOULDBLOCK);
	cr_assert_eq(ph_close(c.s) + ph_close(d.s) + ph_close(v.s), 0);
	END();
}

Test(accept, PROV_ACCEPT_09_the_switch_gives_no_handle)
{
	BEGIN();
	int code;
	struct server v;
	struct client c;
	serve(&v, 5);
	ask_queued(&c, &v);
	atomic_store(&ph.create_code, WSAEMFILE);
	cr_assert_eq(ph_accept(v.s, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAEMFILE);
	atomic_store(&ph.create_code, 0);
	cr_assert_eq(ph_connected(c.s, &c.event), WSAETIMEDOUT, "refused, but not for good");
	cr_assert_eq(ph_connect(c.s, PH_SAN0, v.port), WSAEWOULDBLOCK);
	SOCKET s = ph_accepted(v.s);
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	cr_assert_eq(ph_close(s) + ph_close(c.s) + ph_close(v.s), 0);
	END();
}

Test(accept, PROV_ACCEPT_10_who_gave_up_is_not_accepted)
{
	BEGIN();
	int code;
	struct server v;
	struct client c, d;
	struct condition k = {.answer = CF_ACCEPT};
	serve(&v, 5);
	ask_queued(&c, &v);
	ask_queued(&d, &v);
	cr_assert_eq(ph_close(c.s), 0);
	usleep(WITHDRAWN_MS * 1000); /* its message is on its way, and nobody tells us of it */
	SOCKET s = accept_if(v.s, &k, &code);
	cr_assert_neq(s, INVALID_SOCKET, "%d", code);
	cr_assert_eq(k.calls, 1);
	cr_assert_eq(ntohs(k.caller.sin_port), d.port);
	cr_assert_eq(ph_connected(d.s, &d.event), 0);
	cr_assert_eq(ph_close(s) + ph_close(d.s) + ph_close(v.s), 0);
	END();
}

/* A client without our magic is accepted, and nobody else waits for it. */
Test(accept, PROV_ACCEPT_12_silent_foreign_clients_beside_a_good_one, .timeout = 240)
{
	BEGIN();
	static struct rdma_peer raw[SILENT];
	static SOCKET s[SILENT];
	struct server v;
	struct client c;
	serve(&v, SILENT + 1);
	for (int i = 0; i < SILENT; i++)
		cr_assert_eq(rdma_peer_connect(&raw[i], PH_SAN0, PH_SAN0, v.port, NULL, 0), 0);
	ask(&c, &v);
	for (int i = 0; i < SILENT; i++)
		s[i] = ph_accepted(v.s);
	SOCKET good = ph_accepted(v.s);
	cr_assert_eq(ph_connected(c.s, &c.event), 0);
	for (int i = 0; i < SILENT; i++) {
		rdma_peer_close(&raw[i]);
		cr_assert_eq(ph_close(s[i]), 0);
	}
	cr_assert_eq(ph_close(good) + ph_close(c.s) + ph_close(v.s), 0);
	END();
}

Test(accept, PROV_ACCEPT_03_the_listener_is_closed_in_the_condition)
{
	BEGIN();
	static const int answers[] = {CF_ACCEPT, CF_DEFER, CF_REJECT};
	for (size_t i = 0; i < 3; i++) {
		int code;
		struct server v;
		struct client c, d;
		serve(&v, 5);
		ask_queued(&c, &v);
		ask_queued(&d, &v);
		struct condition k = {.answer = answers[i], .close = v.s};
		cr_assert_eq(accept_if(v.s, &k, &code), INVALID_SOCKET);
		cr_assert_eq(code, answers[i] == CF_REJECT ? WSAECONNREFUSED : WSAENOTSOCK);
		int end = ph_connected(c.s, &c.event);
		cr_assert_eq(end, answers[i] == CF_REJECT ? WSAECONNREFUSED : WSAETIMEDOUT);
		cr_assert_eq(ph_connected(d.s, &d.event), WSAETIMEDOUT);
		cr_assert_eq(ph_close(c.s) + ph_close(d.s), 0);
	}
	END();
}

struct acceptor {
	pthread_t thread;
	struct server *v;
	atomic_uint *left;
	atomic_uint failed;
};

static void *accept_all(void *arg)
{
	struct acceptor *a = arg;
	while (atomic_load(a->left)) {
		int code;
		SOCKET s = ph_accept(a->v->s, &code);
		if (s != INVALID_SOCKET) {
			atomic_fetch_sub(a->left, 1);
			if (ph_close(s))
				atomic_fetch_add(&a->failed, 1);
		} else if (code != WSAEWOULDBLOCK) {
			atomic_fetch_add(&a->failed, 1);
			break;
		} else {
			usleep(1000);
		}
	}
	return NULL;
}

Test(accept, PROV_ACCEPT_05_many_threads_on_one_listener, .timeout = 120)
{
	BEGIN();
	enum { N = PARALLEL * EACH };
	struct server v;
	struct client c[N];
	struct acceptor a[PARALLEL];
	atomic_uint left = N;
	serve(&v, N);
	for (int i = 0; i < PARALLEL; i++) {
		a[i] = (struct acceptor){.v = &v, .left = &left};
		cr_assert_eq(pthread_create(&a[i].thread, NULL, accept_all, &a[i]), 0);
	}
	for (int i = 0; i < N; i++)
		ask(&c[i], &v);
	for (int i = 0; i < N; i++) {
		int code = ph_connected(c[i].s, &c[i].event);
		cr_assert_eq(code, 0, "client %d: %d", i, code);
		cr_assert_eq(ph_close(c[i].s), 0);
	}
	for (int i = 0; i < PARALLEL; i++) {
		pthread_join(a[i].thread, NULL);
		cr_assert_eq(atomic_load(&a[i].failed), 0);
	}
	cr_assert_eq(ph_close(v.s), 0);
	END();
}
