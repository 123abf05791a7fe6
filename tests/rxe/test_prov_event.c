/* SPDX-License-Identifier: MIT
 *
 * WSPEventSelect and WSPEnumNetworkEvents, with requests from raw librdmacm clients. PROV-EVENT-1
 * to 7, PROV-OVL-3.
 */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, REQUESTS = 60 };

#define BEGIN()  \
	ph_up(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

static void ask(struct rdma_peer *c, unsigned short port)
{
	int err = rdma_peer_connect(c, PH_SAN0, PH_SAN0, port, NULL, 0);
	cr_assert_eq(err, 0, "connect: %d", err);
}

static LONG record_of(SOCKET s, struct ph_event *reset)
{
	WSANETWORKEVENTS out;
	memset(&out, 0x77, sizeof(out));
	cr_assert_eq(ph_enum(s, reset, &out), 0);
	for (int i = 0; i < FD_MAX_EVENTS; i++)
		cr_assert_eq(out.iErrorCode[i], 0, "bit %d", i);
	return out.lNetworkEvents;
}

Test(event, PROV_EVENT_01_only_accept_and_connect)
{
	BEGIN();
	struct ph_event e = {0};
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 5);
	static const LONG good[] = {FD_ACCEPT, FD_CONNECT, FD_ACCEPT | FD_CONNECT, 0};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert_eq(ph_select(s, &e, good[i]), 0, "%d", good[i]);
	for (int bit = 0; bit < 31; bit++) {
		LONG mask = 1 << bit;
		if (mask == FD_ACCEPT || mask == FD_CONNECT)
			continue;
		cr_assert_eq(ph_select(s, &e, mask), WSAEINVAL, "bit %d", bit);
		cr_assert_eq(ph_select(s, &e, mask | FD_ACCEPT), WSAEINVAL, "bit %d", bit);
	}
	cr_assert_eq(ph_select(s, &e, -1), WSAEINVAL);
	cr_assert_eq(ph_select(s, NULL, FD_ACCEPT), WSAEINVAL);
	cr_assert_eq(ph_select(s, NULL, 0), 0);
	cr_assert_eq(ph.sets, 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(event, PROV_EVENT_02_the_latest_call_replaces)
{
	BEGIN();
	struct ph_event first = {0}, second = {0};
	struct rdma_peer c;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 9);
	cr_assert_eq(ph_select(s, &first, FD_ACCEPT), 0);
	cr_assert_eq(ph_select(s, &second, FD_ACCEPT | FD_CONNECT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&second.set), SOON_MS));
	cr_assert_eq(atomic_load(&first.sets), 0);
	rdma_peer_close(&c);
	/* Mask 0: nothing is set, nothing recorded. */
	cr_assert_eq(ph_select(s, &second, 0), 0);
	unsigned sets = ph.sets;
	ask(&c, port);
	usleep(200000);
	cr_assert_eq(ph.sets, sets);
	cr_assert_eq(record_of(s, NULL), 0);
	/* FD_CONNECT alone hears of no request. */
	cr_assert_eq(ph_select(s, &first, FD_CONNECT), 0);
	usleep(100000);
	cr_assert_eq(ph.sets, sets);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(event, PROV_EVENT_03_what_already_holds_sets_the_event_before_return)
{
	BEGIN();
	struct ph_event e = {0}, probe = {0};
	struct rdma_peer c;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &probe, FD_ACCEPT), 0);
	cr_assert_eq(atomic_load(&probe.sets), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&probe.set), SOON_MS));
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	cr_assert_eq(atomic_load(&e.sets), 1);
	cr_assert_eq(record_of(s, &e), FD_ACCEPT);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(s), 0);
	END();
}

struct order {
	SOCKET s;
	atomic_int recorded; /* FD_ACCEPT was in the record inside the upcall */
};

static void look_inside(struct ph_event *e)
{
	struct order *o = e->arg;
	WSANETWORKEVENTS out;
	/* The selection below finds the request again, and sets the event, in here. */
	if (atomic_load(&o->recorded))
		return;
	if (ph_enum(o->s, NULL, &out) == 0 && (out.lNetworkEvents & FD_ACCEPT))
		atomic_fetch_add(&o->recorded, 1);
	/* Anything else may be called too. */
	ph_select(o->s, e, FD_ACCEPT | FD_CONNECT);
	ph_listen(o->s, 7);
}

/* Clauses: PROV-OVL-3 */
Test(event, PROV_EVENT_04_recorded_first_set_second_and_no_lock_held)
{
	BEGIN();
	unsigned short port = ph_port();
	struct order o = {.s = ph_listener(PH_SAN0, port, 5)};
	struct ph_event e = {.hook = NULL, .arg = &o};
	struct rdma_peer c;
	cr_assert_eq(ph_select(o.s, &e, FD_ACCEPT), 0);
	e.hook = look_inside;
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&o.recorded) > 0, SOON_MS));
	e.hook = NULL;
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(o.s), 0);
	END();
}

/* Clauses: PROV-EVENT-6 */
Test(event, PROV_EVENT_05_enum_copies_clears_and_resets)
{
	BEGIN();
	struct ph_event e = {0}, none = {.bad = true};
	struct rdma_peer c, d;
	WSANETWORKEVENTS out = {0};
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	cr_assert_eq(record_of(s, &e), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&e.set), SOON_MS));
	/* A failure changes nothing. */
	cr_assert_eq(ph_enum(s, &e, NULL), WSAEINVAL);
	cr_assert_eq(atomic_load(&e.set), 1);
	out.lNetworkEvents = 0x1234;
	cr_assert_eq(ph_enum(s, &none, &out), WSAEINVAL);
	cr_assert_eq(out.lNetworkEvents, 0x1234);
	cr_assert_eq(record_of(s, &e), FD_ACCEPT);
	cr_assert_eq(atomic_load(&e.set), 0);
	cr_assert_eq(record_of(s, &e), 0, "not cleared");
	/* Without an event object nothing is reset. */
	ask(&d, port);
	cr_assert(WSD_UNTIL(atomic_load(&e.set), SOON_MS));
	cr_assert_eq(record_of(s, NULL), FD_ACCEPT);
	cr_assert_eq(atomic_load(&e.set), 1);
	rdma_peer_close(&c);
	rdma_peer_close(&d);
	cr_assert_eq(ph_close(s), 0);
	END();
}

struct stream {
	unsigned short port;
	atomic_bool done;
};

static void *send_requests(void *arg)
{
	struct stream *t = arg;
	for (int i = 0; i < REQUESTS; i++) {
		struct rdma_peer c;
		if (!rdma_peer_connect(&c, PH_SAN0, PH_SAN0, t->port, NULL, 0)) {
			rdma_peer_wait(&c, 2);
			rdma_peer_close(&c);
		}
	}
	atomic_store(&t->done, true);
	return NULL;
}

/* A record without a set event would strand a request. */
Test(event, PROV_EVENT_05_no_event_is_lost_between_copy_and_reset, .timeout = 200)
{
	BEGIN();
	struct stream t = {.port = ph_port()};
	struct ph_event e = {0};
	WSANETWORKEVENTS out;
	SOCKET s = ph_listener(PH_SAN0, t.port, 1000);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	pthread_t thread;
	pthread_create(&thread, NULL, send_requests, &t);
	unsigned seen = 0;
	while (!atomic_load(&t.done)) {
		cr_assert_eq(ph_enum(s, &e, &out), 0);
		seen += out.lNetworkEvents == FD_ACCEPT;
	}
	pthread_join(thread, NULL);
	usleep(100000);
	/* Looked at in this order: another request may come only now. */
	cr_assert_eq(ph_enum(s, NULL, &out), 0);
	cr_assert(!out.lNetworkEvents || WSD_UNTIL(atomic_load(&e.set), SOON_MS),
		  "recorded, and the event is not set");
	cr_assert_gt(seen, 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(event, PROV_EVENT_07_an_event_that_the_switch_does_not_know)
{
	BEGIN();
	struct ph_event good = {0}, bad = {.bad = true};
	struct rdma_peer c;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &good, FD_ACCEPT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&good.set), SOON_MS));
	cr_assert_eq(ph_select(s, &bad, FD_ACCEPT), WSAEINVAL);
	/* The former choice still stands. */
	cr_assert_eq(record_of(s, &good), FD_ACCEPT);
	rdma_peer_close(&c);
	int before = atomic_load(&good.sets);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&good.sets) > before, SOON_MS));
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(event, PROV_EVENT_07_sockets_in_every_state)
{
	BEGIN();
	struct ph_event e = {0};
	SOCKET s = ph_socket();
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	cr_assert_eq(record_of(s, &e), 0);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_select(s, &e, FD_CONNECT), 0);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	cr_assert_eq(record_of(s, &e), 0);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), WSAENOTSOCK);
	WSANETWORKEVENTS out;
	cr_assert_eq(ph_enum(s, &e, &out), WSAENOTSOCK);
	END();
}
