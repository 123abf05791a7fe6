/* SPDX-License-Identifier: MIT
 *
 * How connections end, and that nothing of them stays; the provider is linked in, so that a
 * socket's state and reason can be seen. PROV-CLOSE-1 to 7, PROV-IOCTL-4, PROV-MEM-8 (recycling),
 * provider.md part 5 (BROKEN).
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utlist.h>

#include "check.h"
#include "prov_conn.h"
#include "prov_harness.h"
#include "rdma_peer.h"

enum { SOON_MS = 20000, CLOSE_MS = 4000 };

#define BEGIN()                              \
	ph_up_linked(WSPStartupEx, PH_SAN0); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

static enum sock_state state_of(SOCKET descriptor)
{
	struct sock *s = sock_find(descriptor);
	if (!s)
		return SS_CLOSED;
	wsd_lock(&s->call);
	enum sock_state state = s->state;
	wsd_unlock(&s->call);
	sock_unref(s);
	return state;
}

/* The code of a transfer. */
static int transfer_code(SOCKET descriptor)
{
	struct sock *s;
	int code = 0;
	if (conn_enter(descriptor, &s, &code))
		conn_leave(s);
	return code;
}

/* Objects of ours on all devices, endpoints that are idle or rest not counted. */
static unsigned objects(void)
{
	struct prov *p = prov_process.live;
	unsigned n = 0;
	wsd_lock(&p->lock);
	for (struct dev *d = p->devs; d; d = d->next)
		n += d->ids - d->pool_count - d->rest_count;
	wsd_unlock(&p->lock);
	return n;
}

/* Clauses: PROV-CLOSE-4, PROV-CLOSE-5, PROV-CLOSE-6 */
Test(lost, PROV_CLOSE_03_the_peer_of_a_close_is_reset)
{
	BEGIN();
	for (int i = 0; i < 2; i++) {
		struct ph_pair v;
		ph_pair(&v, PH_SAN0);
		cr_assert_eq(transfer_code(v.client), 0);
		cr_assert_eq(transfer_code(v.server), 0);
		SOCKET closes = i ? v.client : v.server, stays = i ? v.server : v.client;
		long long began = wsd_check_now_ms();
		cr_assert_eq(ph_close(closes), 0);
		cr_assert_lt(wsd_check_now_ms() - began, CLOSE_MS);
		cr_assert_eq(ph_close(closes), WSAENOTSOCK);
		cr_assert_eq(transfer_code(closes), WSAENOTSOCK);
		cr_assert(WSD_UNTIL(state_of(stays) == SS_BROKEN, SOON_MS));
		cr_assert_eq(transfer_code(stays), WSAECONNRESET);
		/* part 5 */
		cr_assert_eq(ph_connect(stays, PH_SAN0, v.port), WSAEISCONN);
		cr_assert_eq(ph_listen(stays, 5), WSAEISCONN);
		cr_assert_eq(ph_bind(stays, PH_SAN0, v.port), WSAEINVAL);
		int code;
		cr_assert_eq(ph_accept(stays, &code), INVALID_SOCKET);
		cr_assert_eq(code, WSAEINVAL);
		cr_assert_eq(ph_close(stays), 0);
		cr_assert_eq(ph_close(v.listener), 0);
	}
	END();
}

/* Its socket is there, with its connection's memory and its name, until WSPCloseSocket: also when
 * other connections come and go meanwhile. */
Test(lost, SW_CLOSE_04_a_dead_connection_keeps_its_socket)
{
	BEGIN();
	struct ph_pair v, w;
	ph_pair(&v, PH_SAN0);
	struct sock *s = sock_find(v.client);
	cr_assert_not_null(s);
	struct conn *c = atomic_load(&s->conn);
	unsigned alive = objects();
	cr_assert_eq(ph_close(v.server), 0);
	cr_assert(WSD_UNTIL(state_of(v.client) == SS_BROKEN, SOON_MS));
	for (int i = 0; i < 20; i++) {
		ph_pair(&w, PH_SAN0);
		cr_assert_eq(ph_close(w.client) + ph_close(w.server) + ph_close(w.listener), 0);
	}
	struct sock *again = sock_find(v.client);
	cr_assert_eq(again, s);
	cr_assert_eq(atomic_load(&s->conn), c);
	cr_assert_not_null(c->transfer);
	DWORD value = 0;
	INT length = sizeof(value);
	int code = 0;
	cr_assert_eq(ph.proc.lpWSPGetSockOpt(v.client, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE,
					     (char *)&value, &length, &code),
		     0, "%d", code);
	cr_assert_gt(value, 0);
	cr_assert_eq(transfer_code(v.client), WSAECONNRESET);
	sock_unref(again);
	sock_unref(s);
	cr_assert_eq(ph_close(v.client), 0);
	cr_assert_eq(state_of(v.client), SS_CLOSED);
	cr_assert(WSD_UNTIL(objects() < alive, SOON_MS), "%u", objects());
	cr_assert_eq(ph_close(v.listener), 0);
	END();
}

Test(lost, PROV_CLOSE_03_a_foreign_peer_goes)
{
	BEGIN();
	struct rdma_peer raw;
	unsigned short port = ph_port();
	SOCKET l = ph_listener(PH_SAN0, port, 5);
	cr_assert_eq(rdma_peer_connect(&raw, PH_SAN0, PH_SAN0, port, NULL, 0), 0);
	SOCKET s = ph_accepted(l);
	cr_assert_eq(state_of(s), SS_CONNECTED);
	cr_assert_eq(rdma_peer_wait(&raw, SOON_MS), RDMA_CM_EVENT_CONNECT_RESPONSE);
	rdma_peer_close(&raw);
	cr_assert(WSD_UNTIL(state_of(s) == SS_BROKEN, SOON_MS));
	cr_assert_eq(transfer_code(s), WSAECONNRESET);
	cr_assert_eq(ph_close(s) + ph_close(l), 0);
	END();
}

Test(lost, PROV_CLOSE_01_a_local_failure_tells_the_peer)
{
	BEGIN();
	struct ph_pair v;
	struct sock *s;
	int code;
	ph_pair(&v, PH_SAN0);
	struct conn *c = conn_enter(v.client, &s, &code);
	cr_assert_not_null(c);
	conn_lost(c, WSAECONNABORTED);
	conn_lost(c, WSAENETRESET);
	conn_leave(s);
	cr_assert_eq(transfer_code(v.client), WSAECONNABORTED);
	cr_assert(WSD_UNTIL(state_of(v.server) == SS_BROKEN, SOON_MS));
	cr_assert_eq(transfer_code(v.server), WSAECONNRESET);
	ph_unpair(&v);
	END();
}

struct inside {
	SOCKET s;
	atomic_int done;
};

static void close_it(struct ph_event *e)
{
	struct inside *in = e->arg;
	if (in->s != INVALID_SOCKET)
		ph_close(in->s);
	in->s = INVALID_SOCKET;
	atomic_store(&in->done, 1); /* the last touch of what the test's stack holds */
}

/* In the report of FD_CONNECT, on the event thread. */
Test(lost, PROV_CLOSE_07_close_inside_an_upcall)
{
	BEGIN();
	for (int i = 0; i < 2; i++) {
		unsigned short port = ph_port();
		SOCKET l = ph_listener(PH_SAN0, port, 5);
		struct inside in = {.s = ph_listener(PH_SAN0, ph_port(), 0)};
		struct ph_event e = {.hook = close_it, .arg = &in};
		cr_assert_eq(ph_select(in.s, &e, FD_CONNECT), 0);
		/* one that succeeds, one that fails */
		cr_assert_eq(ph_connect(in.s, PH_SAN0, i ? ph_port() : port), WSAEWOULDBLOCK);
		SOCKET a = i ? INVALID_SOCKET : ph_accepted(l);
		cr_assert(WSD_UNTIL(atomic_load(&in.done), SOON_MS));
		if (a != INVALID_SOCKET) {
			cr_assert(WSD_UNTIL(state_of(a) == SS_BROKEN, SOON_MS));
			cr_assert_eq(ph_close(a), 0);
		}
		cr_assert_eq(ph_close(l), 0);
		cr_assert(WSD_UNTIL(ph_open_handles() == 0, SOON_MS));
	}
	END();
}

/* Nothing waits, and nothing stays: neither ids nor endpoints beyond the pool. */
Test(lost, PROV_CLOSE_01_many_cycles_leave_nothing, .timeout = 280)
{
	BEGIN();
	int cycles = getenv("WSD_TEST_LONG") ? 3000 : 100;
	unsigned before = objects();
	for (int i = 0; i < cycles; i++) {
		struct ph_pair v;
		ph_pair(&v, PH_SAN0);
		if (i % 3 == 0) {
			cr_assert_eq(ph_close(v.server), 0);
			cr_assert_eq(ph_close(v.client), 0);
			cr_assert_eq(ph_close(v.listener), 0);
		} else {
			ph_unpair(&v);
		}
	}
	/* fewer, if something of the harness's own was still on its way at the start */
	cr_assert(WSD_UNTIL(objects() <= before, SOON_MS), "%u objects, %u at the start", objects(),
		  before);
	END();
}

/* The same queue pairs, and nothing new is made. */
Test(lost, PROV_MEM_08_endpoints_are_recycled)
{
	BEGIN();
	struct prov *p = prov_process.live;
	struct endpoint *ep;
	unsigned before = objects(), count = 0, again = 0;
	uint32_t seen[5];
	for (int i = 0; i < 5; i++) {
		struct ph_pair v;
		struct sock *s;
		int code;
		ph_pair(&v, PH_SAN0);
		struct conn *c = conn_enter(v.client, &s, &code);
		cr_assert_not_null(c);
		seen[i] = c->ep->qp->qp_num;
		conn_leave(s);
		for (int k = 0; k < i; k++)
			again += seen[k] == seen[i];
		ph_unpair(&v);
		/* the peers answer, and the endpoints are back */
		cr_assert(WSD_UNTIL(objects() <= before, SOON_MS), "%u, %u before", objects(),
			  before);
	}
	cr_assert_gt(again, 0, "no queue pair comes again");
	cr_assert(WSD_UNTIL(({
				    wsd_lock(&p->lock);
				    DL_COUNT2(p->endpoints, ep, count, anext);
				    wsd_unlock(&p->lock);
				    count == 4;
			    }),
			    SOON_MS),
		  "%u endpoints", count);
	END();
}

/* The socket outlives its device, which can be deleted at once. */
Test(lost, PROV_CLOSE_04_the_device_is_removed, .timeout = 120)
{
	ph_up_linked(WSPStartupEx, PH_SAN1);
	struct ph_pair v, other;
	ph_pair(&v, PH_SAN1);
	ph_pair(&other, PH_SAN0);
	int rc = PH_RUN("rdma", "link", "delete", "rxe1");
	bool broken = WSD_UNTIL(state_of(v.client) == SS_BROKEN && state_of(v.server) == SS_BROKEN,
				SOON_MS);
	int again = PH_RUN("rdma", "link", "add", "rxe1", "type", "rxe", "netdev", "san1");
	cr_assert_eq(rc, 0);
	cr_assert_eq(again, 0, "the device is still held");
	cr_assert(broken);
	cr_assert_eq(transfer_code(v.client), WSAECONNABORTED);
	cr_assert_eq(transfer_code(other.client), 0);
	cr_assert_eq(transfer_code(other.server), 0);
	ph_unpair(&v);
	ph_unpair(&other);
	ph_down();
}

Test(lost, PROV_IOCTL_04_connections_outlive_their_address, .timeout = 200)
{
	cr_assert_eq(PH_RUN("ip", "addr", "replace", "10.77.0.60/24", "dev", "san0"), 0);
	BEGIN();
	struct ph_pair v;
	struct wsd_sockaddr_in in = ph_addr("10.77.0.60", ph_port());
	int code = -1;
	SOCKET s = INVALID_SOCKET;
	cr_assert(WSD_UNTIL(({
				    s = ph_socket();
				    ph.proc.lpWSPBind(s, (struct wsd_sockaddr *)&in, sizeof(in),
						      &code);
				    ph_close(s);
				    code == 0;
			    }),
			    SOON_MS));
	ph_pair(&v, "10.77.0.60");
	int rc = PH_RUN("ip", "addr", "del", "10.77.0.60/24", "dev", "san0");
	cr_assert_eq(rc, 0);
	cr_assert(WSD_UNTIL(({
				    s = ph_socket();
				    code = ph_bind(s, "10.77.0.60", ph_port());
				    ph_close(s);
				    code == WSAEADDRNOTAVAIL;
			    }),
			    SOON_MS));
	cr_assert_eq(transfer_code(v.client), 0);
	cr_assert_eq(transfer_code(v.server), 0);
	ph_unpair(&v);
	END();
}

/* The child starts anew and connects, over a device that it opens itself; its end and its
 * connections are nothing to the parent's. */
Test(lost, PROV_MEM_14_connections_over_a_fork, .timeout = 200)
{
	BEGIN();
	struct ph_pair v;
	ph_pair(&v, PH_SAN0);
	pid_t pid = fork();
	if (pid == 0) {
		struct ph_pair own;
		alarm(30);
		if (ph_close(v.client) != WSAENOTSOCK || ph_startup())
			_exit(1);
		ph_pair(&own, PH_SAN0);
		ph_unpair(&own);
		_exit(ph_cleanup() ? 2 : 0);
	}
	int status = -1;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0, "the child: %#x", (unsigned)status);
	cr_assert_eq(transfer_code(v.client), 0);
	cr_assert_eq(transfer_code(v.server), 0);
	ph_unpair(&v);
	END();
}

/* Everything at once, with connections in every state. */
Test(lost, PROV_INIT_10_the_last_cleanup_ends_connections, .timeout = 200)
{
	BEGIN();
	struct ph_pair v, half;
	struct rdma_peer silent;
	unsigned short port = ph_port();
	cr_assert_eq(rdma_peer_listen(&silent, PH_SAN0, port), 0);
	ph_pair(&v, PH_SAN0);
	ph_pair(&half, PH_SAN0);
	cr_assert_eq(ph_close(half.client), 0);
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 0);
	cr_assert_eq(ph_connect(s, PH_SAN0, port), WSAEWOULDBLOCK);
	cr_assert_eq(ph_cleanup(), 0);
	cr_assert_eq(ph_open_handles(), 0);
	rdma_peer_close(&silent);
	cr_assert_eq(ph_startup(), 0);
	ph_pair(&v, PH_SAN0);
	ph_unpair(&v);
	END();
}
