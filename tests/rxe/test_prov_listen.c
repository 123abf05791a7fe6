/* SPDX-License-Identifier: MIT
 *
 * WSPListen and what happens to requests, with raw librdmacm clients on the same device.
 * PROV-LISTEN-1 to 6, and of PROV-BIND-22, PROV-BIND-23, PROV-ACCEPT and PROV-CONNECT-7 what
 * concerns a listener.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "cmdata.h"
#include "lost.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum {
	SOON_MS = 20000,  /* for what must happen */
	QUIET_MS = 300,   /* for what must not */
	REFUSED_MS = 300, /* "at once": a peer that is not answered asks again after 4 s */
	NO_SUCH_PORT = 8, /* status of a reject by rdma_cm itself */
	CONSUMER = 28,    /* status of a reject by a program */
};

#define BEGIN()  \
	ph_up(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

/* A listener with an event on FD_ACCEPT. */
struct server {
	SOCKET s;
	struct ph_event event;
};

static void serve(struct server *v, const char *ip, unsigned short port, int backlog)
{
	memset(v, 0, sizeof(*v));
	v->s = ph_listener(ip, port, backlog);
	cr_assert_eq(ph_select(v->s, &v->event, FD_ACCEPT), 0);
}

static unsigned signalled(struct server *v)
{
	return (unsigned)atomic_load(&v->event.sets);
}

static void ask(struct rdma_peer *c, const char *ip, unsigned short port)
{
	int err = rdma_peer_connect(c, ip, ip, port, NULL, 0);
	cr_assert_eq(err, 0, "connect: %d", err);
}

/* Asks, and waits until the request is queued there. */
static void ask_queued(struct rdma_peer *c, const char *ip, unsigned short port, struct server *v)
{
	unsigned before = signalled(v);
	ask(c, ip, port);
	cr_assert(WSD_UNTIL(signalled(v) > before, SOON_MS), "not signalled");
}

/* With our tag: final for the peer. */
static bool refused_for_good(struct rdma_peer *c)
{
	enum cmdata_reason reason;
	return rdma_peer_wait(c, SOON_MS) == RDMA_CM_EVENT_REJECTED &&
	       cmdata_get_reject(c->data, c->data_len, &reason) == CMDATA_OURS;
}

/* Without it: the peer goes on to TCP/IP. */
static bool refused_for_now(struct rdma_peer *c)
{
	enum cmdata_reason reason;
	return rdma_peer_wait(c, SOON_MS) == RDMA_CM_EVENT_REJECTED &&
	       cmdata_get_reject(c->data, c->data_len, &reason) == CMDATA_FOREIGN;
}

Test(listen, PROV_LISTEN_01_only_a_bound_socket)
{
	BEGIN();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_listen(s, 5), WSAEINVAL);
	cr_assert_eq(ph_listen(s, 0), WSAEINVAL);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_listen(s, 5), WSAENOTSOCK);
	END();
}

Test(listen, PROV_LISTEN_01_bound_is_not_listening)
{
	BEGIN();
	struct rdma_peer c;
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN0, port, 0);
	ask(&c, PH_SAN0, port);
	cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(c.status, NO_SUCH_PORT);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(s), 0);
	END();
}

/* How many of @n requests a listener with this backlog keeps, if the first @waits are to wait. */
static int kept(int backlog, int n, int waits)
{
	struct server v;
	struct rdma_peer c[8];
	unsigned short port = ph_port();
	int waiting = 0;
	serve(&v, PH_SAN0, port, 1);
	cr_assert_eq(ph_listen(v.s, backlog), 0);
	for (int i = 0; i < n; i++) {
		ask(&c[i], PH_SAN0, port);
		int event = rdma_peer_wait(&c[i], i < waits ? QUIET_MS : SOON_MS);
		waiting += event == RDMA_PEER_NOTHING;
	}
	for (int i = 0; i < n; i++)
		rdma_peer_close(&c[i]);
	cr_assert_eq(ph_close(v.s), 0);
	return waiting;
}

Test(listen, PROV_LISTEN_02_backlog, .timeout = 200)
{
	setenv("WSD_RDMA_MAX_BACKLOG", "6", 1);
	BEGIN();
	static const struct {
		int backlog, kept;
	} rows[] = {{1, 1}, {3, 3}, {0, 1}, {-1, 1}, {INT32_MIN, 1}, {WSD_SOMAXCONN, 6}, {1000, 6}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_assert_eq(kept(rows[i].backlog, 8, rows[i].kept), rows[i].kept, "backlog %d",
			     rows[i].backlog);
	END();
}

/* Clauses: PROV-CONNECT-7 */
Test(listen, PROV_LISTEN_03_a_full_queue_refuses_at_once_and_signals_nothing)
{
	BEGIN();
	struct server v;
	struct rdma_peer c[4];
	unsigned short port = ph_port();
	serve(&v, PH_SAN0, port, 2);
	ask_queued(&c[0], PH_SAN0, port, &v);
	ask_queued(&c[1], PH_SAN0, port, &v);
	lost_begin();
	for (int i = 2; i < 4; i++) {
		ask(&c[i], PH_SAN0, port);
		double from = now_ms();
		cr_assert(refused_for_good(&c[i]), "event %d, status %d", (int)c[i].event,
			  c[i].status);
		double took = now_ms() - from;
		double lost = took < REFUSED_MS ? 0 : lost_between(from, from + took);
		cr_assert_lt(took - lost, REFUSED_MS, "%.1f ms (%.1f lost)", took, lost);
		measured("%-28s %.1f ms\n", "refusal, the provider", took);
		cr_assert_eq(c[i].status, CONSUMER);
		cr_assert_eq(c[i].data_len, 148, "the transport reports its maximum");
	}
	lost_end();
	cr_assert_eq(signalled(&v), 2);
	/* The first two still wait. */
	cr_assert_eq(rdma_peer_wait(&c[0], QUIET_MS), RDMA_PEER_NOTHING);
	cr_assert_eq(rdma_peer_wait(&c[1], 0), RDMA_PEER_NOTHING);
	for (int i = 0; i < 4; i++)
		rdma_peer_close(&c[i]);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

Test(listen, PROV_LISTEN_04_listen_again_refuses_the_newest_excess)
{
	BEGIN();
	struct server v;
	struct rdma_peer c[5];
	unsigned short port = ph_port();
	serve(&v, PH_SAN0, port, 4);
	for (int i = 0; i < 4; i++)
		ask_queued(&c[i], PH_SAN0, port, &v);
	cr_assert_eq(ph_listen(v.s, 2), 0);
	cr_assert(refused_for_good(&c[2]));
	cr_assert(refused_for_good(&c[3]));
	cr_assert_eq(rdma_peer_wait(&c[0], QUIET_MS), RDMA_PEER_NOTHING);
	cr_assert_eq(rdma_peer_wait(&c[1], 0), RDMA_PEER_NOTHING);
	cr_assert_eq(ph_listen(v.s, 3), 0);
	ask_queued(&c[4], PH_SAN0, port, &v);
	for (int i = 0; i < 5; i++)
		rdma_peer_close(&c[i]);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

static int ip_address(const char *verb, const char *address, const char *dev)
{
	return PH_RUN("ip", "addr", strcmp(verb, "add") ? verb : "replace", address, "dev", dev);
}

/* Clauses: PROV-INIT-12 */
Test(listen, PROV_LISTEN_05_wildcard_on_every_nic_and_later_addresses, .timeout = 200)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	struct server v;
	struct rdma_peer c;
	unsigned short port = ph_port();
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};
	serve(&v, "0.0.0.0", port, 20);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ask_queued(&c, all[i], port, &v);
		rdma_peer_close(&c);
	}
	cr_assert_eq(ip_address("add", "10.77.1.55/24", "san1"), 0);
	bool reached = false;
	for (int i = 0; i < 40 && !reached; i++) {
		usleep(50000);
		unsigned before = signalled(&v);
		if (rdma_peer_connect(&c, "10.77.1.55", "10.77.1.55", port, NULL, 0))
			continue;
		reached = WSD_WITHIN(signalled(&v) > before, 1000);
		rdma_peer_close(&c);
	}
	cr_assert_eq(ip_address("del", "10.77.1.55/24", "san1"), 0);
	cr_assert(reached, "the later address is not served");
	/* The others go on. */
	ask_queued(&c, PH_SAN1, port, &v);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

Test(listen, PROV_LISTEN_06_names_in_use_are_no_error)
{
	BEGIN();
	unsigned short port = ph_port();
	struct server v[3];
	for (int i = 0; i < 3; i++)
		serve(&v[i], PH_SAN0, port, 5);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ph_close(v[i].s), 0);
	END();
}

Test(listen, PROV_BIND_22_the_earliest_listener_then_the_next)
{
	BEGIN();
	enum { N = 4 };
	struct server v[N];
	struct rdma_peer c[N];
	unsigned short port = ph_port();
	SOCKET bound = ph_listener(PH_SAN0, port, 0); /* the first to bind, never listens */
	for (int i = 0; i < N; i++)
		serve(&v[i], PH_SAN0, port, 5);
	for (int i = 0; i < N; i++) {
		ask_queued(&c[i], PH_SAN0, port, &v[i]);
		for (int k = i + 1; k < N; k++)
			cr_assert_eq(signalled(&v[k]), 0, "request %d came to listener %d too", i,
				     k);
		cr_assert_eq(ph_close(v[i].s), 0);
		/* What was queued there is rejected, none is transferred, and not for good. */
		cr_assert(refused_for_now(&c[i]), "event %d", (int)c[i].event);
		rdma_peer_close(&c[i]);
	}
	/* Nobody listens any more. */
	ask(&c[0], PH_SAN0, port);
	cr_assert_eq(rdma_peer_wait(&c[0], SOON_MS), RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(c[0].status, NO_SUCH_PORT);
	rdma_peer_close(&c[0]);
	cr_assert_eq(ph_close(bound), 0);
	END();
}

Test(listen, PROV_BIND_22_exact_beats_wildcard)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	struct server w, e, w2;
	struct rdma_peer c;
	unsigned short port = ph_port();
	serve(&w, "0.0.0.0", port, 5);
	serve(&e, PH_SAN1, port, 5);
	serve(&w2, "0.0.0.0", port, 5);
	ask_queued(&c, PH_SAN1, port, &e);
	rdma_peer_close(&c);
	ask_queued(&c, PH_SAN0, port, &w);
	rdma_peer_close(&c);
	cr_assert_eq(signalled(&w2), 0);
	cr_assert_eq(ph_close(e.s), 0);
	ask_queued(&c, PH_SAN1, port, &w);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(w.s), 0);
	ask_queued(&c, PH_SAN1, port, &w2);
	rdma_peer_close(&c);
	ask_queued(&c, PH_SAN2B, port, &w2);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(w2.s), 0);
	END();
}

Test(listen, PROV_ACCEPT_10_a_peer_that_gives_up_makes_room)
{
	BEGIN();
	struct server v;
	struct rdma_peer a, b, c;
	unsigned short port = ph_port();
	serve(&v, PH_SAN0, port, 1);
	ask_queued(&a, PH_SAN0, port, &v);
	ask(&b, PH_SAN0, port);
	cr_assert(refused_for_good(&b));
	rdma_peer_close(&b);
	rdma_peer_close(&a); /* says so, and the queue looks before it is called full */
	int event = RDMA_PEER_ERROR;
	for (int i = 0; i < 20 && event != RDMA_PEER_NOTHING; i++) { /* it is on its way */
		if (i)
			rdma_peer_close(&c);
		usleep(50000);
		ask(&c, PH_SAN0, port);
		event = rdma_peer_wait(&c, QUIET_MS);
	}
	cr_assert_eq(event, RDMA_PEER_NOTHING);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

Test(listen, PROV_ACCEPT_10_withdrawn_requests_are_dropped_silently)
{
	BEGIN();
	struct server v;
	struct rdma_peer c;
	struct ph_event other = {0};
	unsigned short port = ph_port();
	serve(&v, PH_SAN0, port, 5);
	ask_queued(&c, PH_SAN0, port, &v);
	rdma_peer_close(&c);
	/* Selecting tells whether something is queued [PROV-EVENT-3]. */
	cr_assert(WSD_UNTIL((atomic_store(&other.set, 0),
			     ph_select(v.s, &other, FD_ACCEPT) == 0 && !atomic_load(&other.set)),
			    SOON_MS),
		  "the request is still queued");
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

static int claim(const char *src, const char *dst, unsigned short port, const char *claimed_src,
		 const char *claimed_dst, unsigned short claimed_port, struct rdma_peer *c)
{
	uint8_t data[CMDATA_REQUEST_MAX] = {0};
	struct cmdata_request r = {
		.src_addr_be = inet_addr(claimed_src),
		.src_port_be = htons(50000),
		.dst_addr_be = inet_addr(claimed_dst),
		.dst_port_be = htons(claimed_port),
	};
	cmdata_put_request(data, &r);
	return rdma_peer_connect(c, src, dst, port, data, sizeof(data));
}

Test(listen, PROV_ACCEPT_12_true_and_false_names)
{
	BEGIN();
	struct server v;
	struct rdma_peer c;
	unsigned short port = ph_port(), other = ph_port();
	serve(&v, PH_SAN0, port, 9);
	/* A foreign client, and one that tells the truth. */
	ask_queued(&c, PH_SAN0, port, &v);
	rdma_peer_close(&c);
	unsigned before = signalled(&v);
	cr_assert_eq(claim(PH_SAN0, PH_SAN0, port, PH_SAN0, PH_SAN0, port, &c), 0);
	cr_assert(WSD_UNTIL(signalled(&v) > before, SOON_MS));
	rdma_peer_close(&c);
	/* Liars. */
	before = signalled(&v);
	cr_assert_eq(claim(PH_SAN0, PH_SAN0, port, PH_SAN1, PH_SAN0, port, &c), 0);
	cr_assert(refused_for_now(&c), "a false source");
	rdma_peer_close(&c);
	cr_assert_eq(claim(PH_SAN0, PH_SAN0, port, PH_SAN0, PH_SAN1, port, &c), 0);
	cr_assert(refused_for_now(&c), "a false destination");
	rdma_peer_close(&c);
	cr_assert_eq(claim(PH_SAN0, PH_SAN0, port, PH_SAN0, PH_SAN0, other, &c), 0);
	cr_assert(refused_for_now(&c), "a false port");
	rdma_peer_close(&c);
	uint8_t garbled[CMDATA_REQUEST_MAX] = {'W', 'S', 'D', 1, 99};
	cr_assert_eq(rdma_peer_connect(&c, PH_SAN0, PH_SAN0, port, garbled, sizeof(garbled)), 0);
	cr_assert(refused_for_now(&c), "garbled");
	rdma_peer_close(&c);
	cr_assert_eq(signalled(&v), before);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

/* ---- two processes with one name ---- */

static unsigned short shared_port;

/* Listens, says so, ends when told (or when killed). */
static pid_t other_listener(int *ret_go)
{
	int go[2], said[2];
	char c = 0;
	cr_assert_eq(pipe(go) | pipe(said), 0);
	pid_t pid = wsd_fork();
	if (pid == 0) {
		close(go[1]);
		if (ph_startup())
			_exit(9);
		SOCKET s = ph_socket();
		c = ph_bind(s, PH_SAN0, shared_port) || ph_listen(s, 5) ? 'n' : 'y';
		write(said[1], &c, 1);
		read(go[0], &c, 1);
		_exit(ph_close(s) || ph_cleanup());
	}
	close(go[0]);
	close(said[1]);
	cr_assert_eq(read(said[0], &c, 1), 1);
	cr_assert_eq(c, 'y');
	close(said[0]);
	*ret_go = go[1];
	return pid;
}

/* Asks again and again until the listener here is reached; the milliseconds that it took, or -1. */
static long long time_to_reach(struct server *v, unsigned short port, int limit_ms)
{
	long long start = wsd_check_now_ms();
	while (wsd_check_now_ms() - start < limit_ms) {
		struct rdma_peer c;
		unsigned before = signalled(v);
		ask(&c, PH_SAN0, port);
		int event = rdma_peer_wait(&c, 20);
		bool reached =
			event == RDMA_PEER_NOTHING && WSD_WITHIN(signalled(v) > before, QUIET_MS);
		rdma_peer_close(&c);
		if (reached)
			return wsd_check_now_ms() - start;
	}
	return -1;
}

static void takes_over_after(int signal)
{
	struct server v;
	int go, status;
	shared_port = ph_port();
	pid_t pid = other_listener(&go);
	serve(&v, PH_SAN0, shared_port, 99); /* dormant, and yet no error */
	struct rdma_peer c;
	ask(&c, PH_SAN0, shared_port);
	cr_assert_eq(rdma_peer_wait(&c, QUIET_MS), RDMA_PEER_NOTHING, "queued there");
	cr_assert_eq(signalled(&v), 0);
	if (signal)
		kill(pid, signal);
	close(go);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, signal ? signal : 0);
	cr_assert(refused_for_now(&c));
	rdma_peer_close(&c);
	cr_assert_geq(time_to_reach(&v, shared_port, SOON_MS), 0, "no takeover");
	cr_assert_eq(ph_close(v.s), 0);
}

Test(listen, PROV_BIND_23_a_dormant_listener_takes_over_when_the_other_closes)
{
	BEGIN();
	takes_over_after(0);
	END();
}

Test(listen, PROV_BIND_23_a_dormant_listener_takes_over_when_the_other_is_killed)
{
	BEGIN();
	takes_over_after(SIGKILL);
	END();
}

Test(listen, PROV_BIND_23_listen_again_wakes_a_dormant_name_at_once)
{
	BEGIN();
	struct server v;
	int go, status;
	shared_port = ph_port();
	pid_t pid = other_listener(&go);
	serve(&v, PH_SAN0, shared_port, 5);
	close(go);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(ph_listen(v.s, 5), 0);
	struct rdma_peer c;
	ask_queued(&c, PH_SAN0, shared_port, &v);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(v.s), 0);
	END();
}

/* Bound alone does not keep the name from another process that listens, once its listener is
 * closed. */
Test(listen, PROV_BIND_23_a_name_without_listeners_gives_way)
{
	BEGIN();
	struct server v, w;
	struct rdma_peer c;
	unsigned short port = ph_port();
	serve(&v, PH_SAN0, port, 5);
	SOCKET bound = ph_listener(PH_SAN0, port, 0);
	cr_assert_eq(ph_close(v.s), 0);
	ask(&c, PH_SAN0, port);
	cr_assert_eq(rdma_peer_wait(&c, SOON_MS), RDMA_CM_EVENT_REJECTED);
	cr_assert_eq(c.status, NO_SUCH_PORT, "it still listens");
	rdma_peer_close(&c);
	serve(&w, PH_SAN0, port, 5);
	ask_queued(&c, PH_SAN0, port, &w);
	rdma_peer_close(&c);
	cr_assert_eq(ph_close(w.s) + ph_close(bound), 0);
	END();
}

/* ---- many ---- */

struct asking {
	unsigned short port;
	atomic_bool stop;
	atomic_uint asked;
};

static void *keep_asking(void *arg)
{
	struct asking *a = arg;
	while (!atomic_load(&a->stop)) {
		struct rdma_peer c;
		if (rdma_peer_connect(&c, PH_SAN0, PH_SAN0, a->port, NULL, 0))
			continue;
		rdma_peer_wait(&c, 5);
		rdma_peer_close(&c);
		atomic_fetch_add(&a->asked, 1);
	}
	return NULL;
}

/* Listeners come and go while requests come in. Clauses: PROV-CLOSE-1, PROV-CLOSE-7 */
Test(listen, PROV_BIND_22_under_a_storm_of_requests, .timeout = 120)
{
	BEGIN();
	struct asking a = {.port = ph_port()};
	pthread_t thread;
	pthread_create(&thread, NULL, keep_asking, &a);
	long long start = wsd_check_now_ms();
	int rounds = 0;
	while (wsd_check_now_ms() - start < 4000 || atomic_load(&a.asked) < 20) {
		struct server v, w;
		serve(&v, PH_SAN0, a.port, 2);
		serve(&w, PH_SAN0, a.port, 2);
		usleep(rounds++ % 5 * 4000);
		cr_assert_eq(ph_close(v.s) + ph_close(w.s), 0);
	}
	atomic_store(&a.stop, true);
	pthread_join(thread, NULL);
	END();
}
