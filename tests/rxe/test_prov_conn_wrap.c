/* SPDX-License-Identifier: MIT
 *
 * Connections whose making fails because something below fails: the provider is linked in, with
 * RDMA calls wrapped (-Wl,--wrap). Each failure has its code, the sockets work afterwards, nothing
 * is left. PROV-CONNECT-7, PROV-CONNECT-10, PROV-ACCEPT-9, PROV-ACCEPT-11, PROV-CLOSE-5.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "prov_conn.h"
#include "../../provider/transfer.h"
#include "prov_harness.h"
#include "wrap.h"

enum { SOON_MS = 20000 };

enum wrapped {
	W_CREATE_ID,
	W_SET_OPTION,
	W_RESOLVE_ADDR,
	W_RESOLVE_ROUTE,
	W_CONNECT,
	W_ESTABLISH,
	W_ACCEPT,
	W_DISCONNECT,
	W_PD,
	W_CHANNEL,
	W_CQ,
	W_QP,
	W_MR,
	W_MODIFY,
	W_ALIGNED,
	W_COUNT
};

/* The call numbered by skip from now on fails with err; err 0: none does. */
static struct {
	atomic_int skip, err;
} faults[W_COUNT];

static int fault(enum wrapped w)
{
	int err = atomic_load(&faults[w].err);
	if (!err || atomic_fetch_sub(&faults[w].skip, 1) != 0)
		return 0;
	atomic_store(&faults[w].err, 0);
	return err;
}

static void arm(enum wrapped w, int skip, int err)
{
	atomic_store(&faults[w].skip, skip);
	atomic_store(&faults[w].err, err);
}

/* Whether the armed fault has happened; disarms it. */
static bool hit(enum wrapped w)
{
	return atomic_exchange(&faults[w].err, 0) == 0;
}

WSD_WRAP(W_CREATE_ID, int, -1, rdma_create_id,
	 (struct rdma_event_channel * c, struct rdma_cm_id **id, void *ctx,
	  enum rdma_port_space ps),
	 (c, id, ctx, ps))
WSD_WRAP(W_SET_OPTION, int, -1, rdma_set_option,
	 (struct rdma_cm_id * id, int level, int name, void *v, size_t len),
	 (id, level, name, v, len))
WSD_WRAP(W_RESOLVE_ADDR, int, -1, rdma_resolve_addr,
	 (struct rdma_cm_id * id, struct sockaddr *src, struct sockaddr *dst, int ms),
	 (id, src, dst, ms))
WSD_WRAP(W_RESOLVE_ROUTE, int, -1, rdma_resolve_route, (struct rdma_cm_id * id, int ms), (id, ms))
WSD_WRAP(W_CONNECT, int, -1, rdma_connect, (struct rdma_cm_id * id, struct rdma_conn_param *p),
	 (id, p))
WSD_WRAP(W_ESTABLISH, int, -1, rdma_establish, (struct rdma_cm_id * id), (id))
WSD_WRAP(W_ACCEPT, int, -1, rdma_accept, (struct rdma_cm_id * id, struct rdma_conn_param *p),
	 (id, p))
WSD_WRAP(W_DISCONNECT, int, -1, rdma_disconnect, (struct rdma_cm_id * id), (id))
WSD_WRAP(W_PD, struct ibv_pd *, NULL, ibv_alloc_pd, (struct ibv_context * c), (c))
WSD_WRAP(W_CHANNEL, struct ibv_comp_channel *, NULL, ibv_create_comp_channel,
	 (struct ibv_context * c), (c))
WSD_WRAP(W_CQ, struct ibv_cq *, NULL, ibv_create_cq,
	 (struct ibv_context * c, int n, void *ctx, struct ibv_comp_channel *ch, int v),
	 (c, n, ctx, ch, v))
WSD_WRAP(W_QP, struct ibv_qp *, NULL, ibv_create_qp,
	 (struct ibv_pd * pd, struct ibv_qp_init_attr *attr), (pd, attr))
#undef ibv_reg_mr
WSD_WRAP(W_MR, struct ibv_mr *, NULL, ibv_reg_mr,
	 (struct ibv_pd * pd, void *a, size_t len, int access), (pd, a, len, access))

/* How many threads change one queue pair now; who puts it into ERR waits for company, if asked to.
 */
static struct {
	struct ibv_qp *qp;
	atomic_bool wait;
	atomic_int inside, most;
} changing;

int __real_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask);
int __wrap_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask);
int __wrap_ibv_modify_qp(struct ibv_qp *qp, struct ibv_qp_attr *attr, int mask)
{
	int err = fault(W_MODIFY);
	bool watched = qp == changing.qp;
	if (err)
		return err;
	if (watched && atomic_fetch_add(&changing.inside, 1) + 1 > atomic_load(&changing.most))
		atomic_fetch_add(&changing.most, 1);
	if (watched && attr->qp_state == IBV_QPS_ERR && atomic_exchange(&changing.wait, false))
		(void)WSD_WITHIN(atomic_load(&changing.most) > 1, 500);
	err = __real_ibv_modify_qp(qp, attr, mask);
	if (watched)
		atomic_fetch_sub(&changing.inside, 1);
	return err;
}

WSD_WRAP(W_ALIGNED, void *, NULL, aligned_alloc, (size_t align, size_t size), (align, size))

/* No endpoint is kept: each connection makes its own. */
#define BEGIN()                                   \
	setenv("WSD_RDMA_ENDPOINTS", "0", 1);     \
	setenv("WSD_CONNECT_SAN_MS", "20000", 1); \
	ph_up_linked(WSPStartupEx, PH_SAN0);      \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

struct row {
	enum wrapped w;
	int skip, err, code;
};

static const struct row connect_rows[] = {
	{W_CREATE_ID, 0, ENOMEM, WSAENOBUFS},
	{W_CREATE_ID, 0, EMFILE, WSAENOBUFS},
	{W_SET_OPTION, 0, EINVAL, WSAETIMEDOUT},
	{W_PD, 0, ENOMEM, WSAENOBUFS},
	{W_CHANNEL, 0, EMFILE, WSAENOBUFS},
	{W_CQ, 0, ENOMEM, WSAENOBUFS},
	{W_QP, 0, ENOSPC, WSAENOBUFS},
	{W_ALIGNED, 0, ENOMEM, WSAENOBUFS},
	{W_MR, 0, ENOMEM, WSAENOBUFS},
	{W_QP, 0, EIO, WSAENETDOWN},
	{W_RESOLVE_ADDR, 0, ENETUNREACH, WSAETIMEDOUT},
	{W_RESOLVE_ADDR, 0, ENOMEM, WSAENOBUFS},
	{W_RESOLVE_ADDR, 0, ENODEV, WSAENETDOWN},
	{W_RESOLVE_ROUTE, 0, EINVAL, WSAETIMEDOUT},
	{W_RESOLVE_ROUTE, 0, ENOMEM, WSAENOBUFS},
	{W_MODIFY, 0, EINVAL, WSAETIMEDOUT},
	{W_CONNECT, 0, ENOMEM, WSAENOBUFS},
	{W_CONNECT, 0, EINVAL, WSAETIMEDOUT},
};

Test(conn_wrap, PROV_CONNECT_10_every_step_of_a_connect_may_fail, .timeout = 120)
{
	BEGIN();
	unsigned short port = ph_port();
	struct ph_event e = {0};
	SOCKET l = ph_listener(PH_SAN0, port, 5), s = ph_listener(PH_SAN0, ph_port(), 0);
	cr_assert_eq(ph_select(s, &e, FD_CONNECT), 0);
	for (size_t i = 0; i < sizeof(connect_rows) / sizeof(connect_rows[0]); i++) {
		const struct row *r = &connect_rows[i];
		arm(r->w, r->skip, r->err);
		int code = ph_connect(s, PH_SAN0, port);
		if (code == WSAEWOULDBLOCK)
			code = ph_connected(s, &e);
		cr_assert(hit(r->w), "row %zu is never taken", i);
		cr_assert_eq(code, r->code, "row %zu: %d", i, code);
	}
	/* someone has the source port: the next one is taken */
	arm(W_RESOLVE_ADDR, 0, EADDRINUSE);
	cr_assert_eq(ph_connect(s, PH_SAN0, port), WSAEWOULDBLOCK);
	cr_assert(hit(W_RESOLVE_ADDR));
	SOCKET a = ph_accepted(l);
	cr_assert_eq(ph_connected(s, &e), 0);
	cr_assert_eq(ph_close(a) + ph_close(s) + ph_close(l), 0);
	END();
}

/* The last step: the peer has accepted already, and is reset. */
Test(conn_wrap, PROV_CONNECT_07_the_last_step_fails)
{
	BEGIN();
	unsigned short port = ph_port();
	struct ph_event e = {0};
	SOCKET l = ph_listener(PH_SAN0, port, 5), s = ph_listener(PH_SAN0, ph_port(), 0);
	cr_assert_eq(ph_select(s, &e, FD_CONNECT), 0);
	arm(W_ESTABLISH, 0, ENOMEM);
	cr_assert_eq(ph_connect(s, PH_SAN0, port), WSAEWOULDBLOCK);
	SOCKET a = ph_accepted(l);
	cr_assert_eq(ph_connected(s, &e), WSAENOBUFS);
	cr_assert(hit(W_ESTABLISH));
	cr_assert(WSD_UNTIL(({
				    struct sock *held;
				    int code = 0;
				    if (conn_enter(a, &held, &code))
					    conn_leave(held);
				    code == WSAECONNRESET;
			    }),
			    SOON_MS));
	cr_assert_eq(ph_close(a) + ph_close(s) + ph_close(l), 0);
	END();
}

static const struct row accept_rows[] = {
	{W_PD, 0, ENOMEM, WSAENOBUFS},     {W_CHANNEL, 0, EMFILE, WSAEMFILE},
	{W_CQ, 0, ENOMEM, WSAENOBUFS},     {W_QP, 0, ENOSPC, WSAENOBUFS},
	{W_QP, 0, EIO, WSAENETDOWN},       {W_MR, 0, ENOMEM, WSAENOBUFS},
	{W_MODIFY, 0, ENOMEM, WSAENOBUFS}, {W_MODIFY, 1, ENOMEM, WSAENOBUFS},
	{W_MODIFY, 2, ENOMEM, WSAENOBUFS}, {W_ACCEPT, 0, EINVAL, WSAEACCES},
	{W_ACCEPT, 0, ENOMEM, WSAENOBUFS},
};

/* Clauses: PROV-ACCEPT-11 */
Test(conn_wrap, PROV_ACCEPT_09_every_step_of_an_accept_may_fail, .timeout = 120)
{
	BEGIN();
	unsigned short port = ph_port();
	struct ph_event e = {0}, asked = {0};
	SOCKET l = ph_listener(PH_SAN0, port, 5), s = ph_listener(PH_SAN0, ph_port(), 0);
	cr_assert_eq(ph_select(s, &e, FD_CONNECT), 0);
	cr_assert_eq(ph_select(l, &asked, FD_ACCEPT), 0);
	unsigned handles = ph_open_handles();
	for (size_t i = 0; i < sizeof(accept_rows) / sizeof(accept_rows[0]); i++) {
		const struct row *r = &accept_rows[i];
		int code;
		cr_assert_eq(ph_connect(s, PH_SAN0, port), WSAEWOULDBLOCK);
		cr_assert(WSD_UNTIL(atomic_load(&asked.set), SOON_MS));
		arm(r->w, r->skip, r->err);
		cr_assert_eq(ph_accept(l, &code), INVALID_SOCKET);
		cr_assert(hit(r->w), "row %zu is never taken", i);
		cr_assert_eq(code, r->code, "row %zu: %d", i, code);
		cr_assert_eq(ph_connected(s, &e), WSAETIMEDOUT, "row %zu: not refused for now", i);
		cr_assert_eq(ph_open_handles(), handles, "row %zu: a handle is left", i);
	}
	cr_assert_eq(ph_connect(s, PH_SAN0, port), WSAEWOULDBLOCK);
	SOCKET a = ph_accepted(l);
	cr_assert_eq(ph_connected(s, &e), 0);
	cr_assert_eq(ph_close(a) + ph_close(s) + ph_close(l), 0);
	END();
}

/* Nothing is left even then; the peer is told by the end of the id. */
Test(conn_wrap, PROV_CLOSE_05_close_succeeds_though_steps_fail)
{
	BEGIN();
	static const enum wrapped steps[] = {W_DISCONNECT, W_MODIFY};
	for (size_t i = 0; i < 2; i++) {
		struct ph_pair v;
		ph_pair(&v, PH_SAN0);
		arm(steps[i], 0, EIO);
		cr_assert_eq(ph_close(v.client), 0);
		cr_assert(hit(steps[i]));
		cr_assert(WSD_UNTIL(({
					    struct sock *held;
					    int code = 0;
					    if (conn_enter(v.server, &held, &code))
						    conn_leave(held);
					    code == WSAECONNRESET;
				    }),
				    SOON_MS));
		cr_assert_eq(ph_close(v.server) + ph_close(v.listener), 0);
	}
	END();
}

/* ---- two threads find a connection dead ---- */

static void *lose(void *arg)
{
	conn_lost(arg, WSAECONNABORTED);
	return NULL;
}

/* One by a completion, one by rdma_cm: the first may make another queue pair, so the second must
 * not be at the old one. */
Test(conn_wrap, PROV_CLOSE_04_two_threads_find_a_connection_dead)
{
	BEGIN();
	struct ph_pair v;
	struct sock *s;
	pthread_t t;
	int code;
	ph_pair(&v, PH_SAN0);
	struct conn *c = conn_enter(v.client, &s, &code);
	cr_assert_not_null(c);
	changing.qp = c->ep->qp;
	atomic_store(&changing.wait, true);
	cr_assert_eq(pthread_create(&t, NULL, lose, c), 0);
	cr_assert(WSD_UNTIL(!atomic_load(&changing.wait), SOON_MS));
	pthread_mutex_lock(&c->lock);
	harvest_fail_locked(c, WSAECONNABORTED);
	transfer_unlock(c);
	pthread_join(t, NULL);
	cr_assert_eq(atomic_load(&changing.most), 1, "two change it at once");
	conn_leave(s);
	ph_unpair(&v);
	END();
}
