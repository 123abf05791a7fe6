/* SPDX-License-Identifier: MIT
 *
 * WSPCloseSocket, its order, and closing while upcalls run. The clauses of PROV-CLOSE that need no
 * connection.
 */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmdata.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, STORM_THREADS = 8, STORM_ROUNDS = 60, CONSUMER = 28 };

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

struct inside {
	struct rdma_peer *peer;
	SOCKET s;
	atomic_int rejected, stale, closed;
};

/* In lpWPUCloseSocketHandle: everything else has happened. */
static void look_at_the_end(void *arg, SOCKET handle)
{
	struct inside *in = arg;
	atomic_store(&in->rejected, rdma_peer_wait(in->peer, SOON_MS) == RDMA_CM_EVENT_REJECTED);
	atomic_store(&in->stale, ph_listen(in->s, 5) == WSAENOTSOCK);
}

Test(close, PROV_CLOSE_01_the_switchs_handle_is_closed_last)
{
	BEGIN();
	struct rdma_peer c;
	struct ph_event e = {0};
	unsigned short port = ph_port();
	struct inside in = {.peer = &c, .s = ph_listener(PH_SAN0, port, 5)};
	cr_assert_eq(ph_select(in.s, &e, FD_ACCEPT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&e.set), SOON_MS));
	ph.hook_arg = &in;
	ph.close_hook = look_at_the_end;
	cr_assert_eq(ph_close(in.s), 0);
	ph.close_hook = NULL;
	cr_assert(atomic_load(&in.rejected), "the queued request was not refused before");
	cr_assert(atomic_load(&in.stale), "the descriptor still works");
	cr_assert_eq(ph.closes, 1);
	rdma_peer_close(&c);
	END();
}

static void slow(struct ph_event *e)
{
	struct inside *in = e->arg;
	usleep(100000);
	/* The handle is still open while this upcall runs. */
	atomic_store(&in->closed, (int)ph.closes);
	atomic_fetch_add(&in->stale, 1);
}

/* Clauses: PROV-CLOSE-1 */
Test(close, PROV_CLOSE_02_running_upcalls_are_waited_for)
{
	BEGIN();
	struct rdma_peer c;
	unsigned short port = ph_port();
	struct inside in = {.s = ph_listener(PH_SAN0, port, 5)};
	struct ph_event e = {.hook = slow, .arg = &in};
	cr_assert_eq(ph_select(in.s, &e, FD_ACCEPT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&e.set), SOON_MS));
	cr_assert_eq(ph_close(in.s), 0);
	cr_assert_eq(atomic_load(&in.stale), 1, "close did not wait");
	cr_assert_eq(atomic_load(&in.closed), 0, "the handle was closed under the upcall");
	cr_assert_eq(ph.closes, 1);
	int sets = atomic_load(&e.sets);
	rdma_peer_close(&c);
	usleep(100000);
	cr_assert_eq(atomic_load(&e.sets), sets);
	END();
}

Test(close, PROV_CLOSE_02_no_event_after_close)
{
	BEGIN();
	for (int i = 0; i < 10; i++) {
		struct rdma_peer c;
		struct ph_event e = {0};
		unsigned short port = ph_port();
		SOCKET s = ph_listener(PH_SAN0, port, 5);
		cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
		ask(&c, port); /* on its way */
		usleep((useconds_t)i * 2000);
		cr_assert_eq(ph_close(s), 0);
		int sets = atomic_load(&e.sets);
		cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
		rdma_peer_close(&c);
		cr_assert_eq(atomic_load(&e.sets), sets);
	}
	END();
}

/* What a peer can be waiting for before connections are built: the answer to its request. A close
 * here ends it there, by a message of ours and not by the peer's own timeout of seconds, and
 * nothing here is completed (the harness counts lpWPUCompleteOverlappedRequest as wrong). */
Test(close, PROV_CLOSE_03_what_waits_at_the_peer_ends_at_the_peer)
{
	BEGIN();
	struct rdma_peer c;
	struct ph_event e = {0};
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&e.set), SOON_MS));
	cr_assert_eq(rdma_peer_wait(&c, 0), RDMA_PEER_NOTHING, "it waits");
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(c.status, CONSUMER, "status %d", c.status);
	cr_assert_eq(atomic_load(&ph.wrong), 0);
	rdma_peer_close(&c);
	END();
}

Test(close, PROV_CLOSE_05_never_waits_for_the_peer)
{
	BEGIN();
	enum { N = 20 };
	struct rdma_peer c[N];
	struct ph_event e = {0};
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, N);
	cr_assert_eq(ph_select(s, &e, FD_ACCEPT), 0);
	for (int i = 0; i < N; i++)
		ask(&c[i], port);
	cr_assert(WSD_UNTIL(atomic_load(&e.sets) == N, SOON_MS));
	long long start = wsd_check_now_ms();
	cr_assert_eq(ph_close(s), 0);
	/* a peer that is not heard of is asked again after four seconds */
	cr_assert_lt(wsd_check_now_ms() - start, 4000);
	for (int i = 0; i < N; i++) {
		enum cmdata_reason reason;
		cr_assert_eq(rdma_peer_wait(&c[i], SOON_MS), RDMA_CM_EVENT_REJECTED);
		/* Not for good: the peer may go on to TCP/IP [PROV-CONNECT-7]. */
		cr_assert_eq(cmdata_get_reject(c[i].data, c[i].data_len, &reason), CMDATA_FOREIGN);
		rdma_peer_close(&c[i]);
	}
	END();
}

Test(close, PROV_CLOSE_06_the_descriptor_is_stale_at_once)
{
	BEGIN();
	SOCKET s = ph_socket(), old = s;
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(ph_close(s), 0);
		cr_assert_eq(ph_close(s), WSAENOTSOCK);
		s = ph_socket();
		cr_assert_neq(s, old);
		cr_assert_eq(ph_close(old), WSAENOTSOCK);
	}
	cr_assert_eq(ph_close(s), 0);
	END();
}

static void close_inside(struct ph_event *e)
{
	struct inside *in = e->arg;
	atomic_store(&in->closed, ph_close(in->s) + 1);
}

Test(close, PROV_CLOSE_07_from_inside_an_upcall)
{
	BEGIN();
	struct rdma_peer c;
	unsigned short port = ph_port();
	struct inside in = {.s = ph_listener(PH_SAN0, port, 5)};
	struct ph_event e = {.hook = close_inside, .arg = &in};
	cr_assert_eq(ph_select(in.s, &e, FD_ACCEPT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&in.closed), SOON_MS), "a deadlock");
	cr_assert_eq(atomic_load(&in.closed), 1);
	cr_assert_eq(ph.closes, 1);
	cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
	rdma_peer_close(&c);
	END();
}

Test(close, PROV_CLOSE_07_from_inside_the_upcall_of_WSPEventSelect)
{
	BEGIN();
	struct rdma_peer c;
	unsigned short port = ph_port();
	struct inside in = {.s = ph_listener(PH_SAN0, port, 5)};
	struct ph_event first = {0}, e = {.hook = close_inside, .arg = &in};
	cr_assert_eq(ph_select(in.s, &first, FD_ACCEPT), 0);
	ask(&c, port);
	cr_assert(WSD_UNTIL(atomic_load(&first.set), SOON_MS));
	cr_assert_eq(ph_select(in.s, &e, FD_ACCEPT), 0);
	cr_assert_eq(atomic_load(&in.closed), 1);
	cr_assert_eq(ph.closes, 1);
	rdma_peer_close(&c);
	END();
}

/* Two threads, each inside an upcall of its own socket, close each other's. */
struct cross {
	SOCKET other;
	atomic_int *meeting;
	atomic_int code;
};

static void close_other(struct ph_event *e)
{
	struct cross *x = e->arg;
	atomic_fetch_add(x->meeting, 1);
	(void)WSD_WITHIN(atomic_load(x->meeting) == 2, SOON_MS);
	atomic_store(&x->code, ph_close(x->other) + 1);
}

struct selecting {
	SOCKET s;
	struct ph_event *e;
};

static void *select_it(void *arg)
{
	struct selecting *x = arg;
	ph_select(x->s, x->e, FD_ACCEPT);
	return NULL;
}

Test(close, PROV_CLOSE_07_two_threads_close_each_others_sockets_in_upcalls)
{
	BEGIN();
	atomic_int meeting = 0;
	struct rdma_peer c[2];
	struct cross x[2];
	struct ph_event e[2] = {{0}, {0}}, first[2] = {{0}, {0}};
	SOCKET s[2];
	for (int i = 0; i < 2; i++) {
		unsigned short port = ph_port();
		s[i] = ph_listener(PH_SAN0, port, 5);
		cr_assert_eq(ph_select(s[i], &first[i], FD_ACCEPT), 0);
		ask(&c[i], port);
		cr_assert(WSD_UNTIL(atomic_load(&first[i].set), SOON_MS));
	}
	pthread_t threads[2];
	struct selecting go[2];
	for (int i = 0; i < 2; i++) {
		x[i] = (struct cross){.other = s[!i], .meeting = &meeting};
		e[i].hook = close_other;
		e[i].arg = &x[i];
		go[i] = (struct selecting){s[i], &e[i]};
		pthread_create(&threads[i], NULL, select_it, &go[i]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(atomic_load(&x[i].code), 1);
		rdma_peer_close(&c[i]);
	}
	cr_assert_eq(ph.closes, 2);
	cr_assert_eq(ph_open_handles(), 0);
	END();
}

struct shared {
	SOCKET s;
	atomic_uint closed;
	atomic_bool stop;
};

static void *work_on_it(void *arg)
{
	struct shared *m = arg;
	struct ph_event e = {0};
	WSANETWORKEVENTS out;
	while (!atomic_load(&m->stop)) {
		ph_listen(m->s, 5);
		ph_select(m->s, &e, FD_ACCEPT);
		ph_enum(m->s, &e, &out);
		ph_select(m->s, NULL, 0);
	}
	return NULL;
}

static void *close_it(void *arg)
{
	struct shared *m = arg;
	usleep(2000);
	if (ph_close(m->s) == 0)
		atomic_fetch_add(&m->closed, 1);
	return NULL;
}

Test(close, PROV_CLOSE_07_while_other_threads_use_the_socket, .timeout = 120)
{
	BEGIN();
	for (int round = 0; round < STORM_ROUNDS; round++) {
		pthread_t threads[STORM_THREADS];
		struct shared m = {.s = ph_listener(PH_SAN0, ph_port(), 3)};
		for (int i = 0; i < STORM_THREADS; i++)
			pthread_create(&threads[i], NULL, i < 3 ? close_it : work_on_it, &m);
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		atomic_store(&m.stop, true);
		for (int i = 3; i < STORM_THREADS; i++)
			pthread_join(threads[i], NULL);
		cr_assert_eq(atomic_load(&m.closed), 1, "closed %u times", m.closed);
	}
	cr_assert_eq(ph.closes, STORM_ROUNDS);
	END();
}
