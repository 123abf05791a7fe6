/* SPDX-License-Identifier: MIT
 *
 * What WSPBind and WSPListen cost: no RDMA object but a cm_id, and no wait for anybody. Counted by
 * the kernel (`rdma resource`), timed on a wire that carries nothing. PROV-BIND-20, PROV-BIND-23,
 * PROV-LISTEN-6.
 */
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "prov_harness.h"
#include "wire.h"

#define BEGIN()  \
	ph_up(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

static const char *const sans[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};

/* ---- RDMA objects ---- */

/* Of all devices together, whoever has them: the kernel's own are there the whole time. */
struct objects {
	unsigned pd, cq, qp, cm_id, mr, ctx;
};

static struct objects count_objects(void)
{
	struct objects sum = {0}, o;
	char line[256];
	unsigned devices = 0;
	FILE *f = popen("rdma resource", "re");
	cr_assert_not_null(f);
	while (fgets(line, sizeof(line), f)) {
		const char *counts = strstr(line, ": pd ");
		cr_assert(counts && sscanf(counts, ": pd %u cq %u qp %u cm_id %u mr %u ctx %u",
					   &o.pd, &o.cq, &o.qp, &o.cm_id, &o.mr, &o.ctx) == 6,
			  "rdma resource: %s", line);
		sum.pd += o.pd;
		sum.cq += o.cq;
		sum.qp += o.qp;
		sum.cm_id += o.cm_id;
		sum.mr += o.mr;
		sum.ctx += o.ctx;
		devices++;
	}
	cr_assert_eq(pclose(f), 0);
	cr_assert_eq(devices, 3);
	return sum;
}

static void same_but_ids(const struct objects *before, unsigned ids, const char *when)
{
	struct objects now = count_objects();
	cr_assert_eq(now.qp, before->qp, "%s: %u queue pairs, %u before", when, now.qp, before->qp);
	cr_assert_eq(now.cq, before->cq, "%s: %u completion queues, %u before", when, now.cq,
		     before->cq);
	cr_assert_eq(now.mr, before->mr, "%s: %u memory regions, %u before", when, now.mr,
		     before->mr);
	cr_assert_eq(now.pd, before->pd, "%s: %u protection domains, %u before", when, now.pd,
		     before->pd);
	cr_assert_eq(now.ctx, before->ctx, "%s: %u contexts, %u before", when, now.ctx,
		     before->ctx);
	cr_assert_eq(now.cm_id, before->cm_id + ids, "%s: %u ids, %u before", when, now.cm_id,
		     before->cm_id);
}

/* One queue pair of a raw program is seen: the counts below are not blind. */
static void counting_sees_a_queue_pair(void)
{
	struct objects before = count_objects();
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *id;
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(ph_port())};
	in.sin_addr.s_addr = inet_addr(PH_SAN0);
	cr_assert_eq(rdma_create_id(channel, &id, NULL, RDMA_PS_TCP), 0);
	cr_assert_eq(rdma_bind_addr(id, (struct sockaddr *)&in), 0);
	struct ibv_pd *pd = ibv_alloc_pd(id->verbs);
	struct ibv_cq *cq = ibv_create_cq(id->verbs, 4, NULL, NULL, 0);
	cr_assert(pd && cq);
	struct ibv_qp_init_attr attr = {
		.send_cq = cq, .recv_cq = cq, .cap = {1, 1, 1, 1, 0}, .qp_type = IBV_QPT_RC};
	struct ibv_qp *qp = ibv_create_qp(pd, &attr);
	cr_assert_not_null(qp);
	struct objects with = count_objects();
	cr_assert_eq(with.qp, before.qp + 1);
	cr_assert_eq(with.cq, before.cq + 1);
	cr_assert_eq(with.cm_id, before.cm_id + 1);
	cr_assert_geq(with.pd, before.pd + 1);
	ibv_destroy_qp(qp);
	ibv_destroy_cq(cq);
	ibv_dealloc_pd(pd);
	rdma_destroy_id(id);
	rdma_destroy_event_channel(channel);
}

/* Clauses: PROV-BIND-23, PROV-BIND-24, PROV-LISTEN-6 */
Test(cost, PROV_BIND_23_bind_and_listen_cost_an_id_and_no_queue_pair, .timeout = 200)
{
	enum { NAMES = 100 };
	SOCKET s[NAMES], shared[NAMES];
	BEGIN();
	counting_sees_a_queue_pair();
	struct objects before = count_objects();
	for (unsigned i = 0; i < NAMES; i++) {
		s[i] = ph_listener(sans[i % 4], (unsigned short)(7000 + i), 0);
		shared[i] = ph_listener(sans[i % 4], (unsigned short)(7000 + i), 0);
	}
	same_but_ids(&before, NAMES, "bound");
	for (int i = 0; i < NAMES; i++)
		cr_assert_eq(ph_listen(s[i], 5), 0);
	same_but_ids(&before, NAMES, "listening");
	for (int i = 0; i < NAMES; i++)
		cr_assert_eq(ph_close(s[i]) + ph_close(shared[i]), 0);
	same_but_ids(&before, 0, "closed");
	END();
}

/* Clauses: PROV-BIND-13 */
Test(cost, PROV_BIND_13_a_wildcard_costs_an_id_for_each_address)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	struct objects before = count_objects();
	SOCKET s = ph_listener("0.0.0.0", ph_port(), 5);
	same_but_ids(&before, 4, "listening");
	cr_assert_eq(ph_close(s), 0);
	same_but_ids(&before, 0, "closed");
	END();
}

/* ---- time ---- */

enum { CALLS = 60 };

static void bind_listen_and_close(double ms, const char *ip, unsigned short port)
{
	SOCKET s = ph_socket();
	cr_assert_eq(TIMED_WITHIN(ms, "WSPBind", ph_bind(s, ip, port)), 0, "%s", ip);
	cr_assert_eq(TIMED_WITHIN(ms, "WSPListen", ph_listen(s, 5)), 0);
	cr_assert_eq(TIMED_WITHIN(ms, "WSPListen again", ph_listen(s, 50)), 0);
	cr_assert_eq(TIMED_WITHIN(ms, "WSPCloseSocket", ph_close(s)), 0);
}

TestSuite(wire, .fini = wire_mend, .timeout = 200);

/* Clauses: PROV-BIND-20, PROV-LISTEN-6, PROV-CLOSE-5 */
Test(wire, PROV_BIND_20_nothing_is_waited_for_on_a_dead_wire)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	wire_break();
	BEGIN();
	wire_is_dead();
	lost_begin();
	for (int i = 0; i < CALLS; i++)
		bind_listen_and_close(AT_ONCE_MS, sans[i % 4], ph_port());
	for (int i = 0; i < CALLS / 4; i++)
		bind_listen_and_close(AT_ONCE_MS, "0.0.0.0", ph_port());
	/* shared names, and refusals */
	unsigned short port = ph_port();
	SOCKET first = ph_listener(PH_SAN0, port, 5), s = ph_socket();
	for (int i = 0; i < CALLS / 4; i++)
		bind_listen_and_close(AT_ONCE_MS, PH_SAN0, port);
	cr_assert_eq(TIMED("a neighbour", ph_bind(s, "10.77.0.2", port)), WSAEADDRNOTAVAIL);
	cr_assert_eq(TIMED("far away", ph_bind(s, "192.0.2.1", port)), WSAEADDRNOTAVAIL);
	cr_assert_eq(TIMED("no RDMA", ph_bind(s, PH_LAN0, port)), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_close(first) + ph_close(s), 0);
	lost_end();
	wire_is_dead();
	END();
	measured("%-28s %.1f ms\n", "longest call, a dead wire", wire_worst_ms);
}

/* The first bind has librdmacm open the device; that is no network either. */
Test(wire, PROV_BIND_20_the_first_bind_of_a_process_on_a_dead_wire)
{
	wire_break();
	ph_load();
	cr_assert_eq(ph_startup(), 0);
	lost_begin();
	for (size_t i = 0; i < 4; i++)
		bind_listen_and_close(FIRST_MS, sans[i], ph_port());
	lost_end();
	ph_down();
	measured("%-28s %.1f ms\n", "longest call, the first bind", wire_worst_ms);
}

/* Without carrier: whatever the answer is, it comes at once, and what listens stays. */
Test(wire, PROV_BIND_20_nothing_is_waited_for_while_the_link_is_down)
{
	BEGIN();
	unsigned short port = ph_port();
	SOCKET s = ph_listener(PH_SAN1, port, 5), bound = ph_listener(PH_SAN1, ph_port(), 0);
	cr_assert_eq(PH_RUN("ip", "link", "set", "san1", "down"), 0);
	lost_begin();
	for (int i = 0; i < CALLS; i++) {
		SOCKET t = ph_socket();
		int code = TIMED("WSPBind", ph_bind(t, PH_SAN1, i % 2 ? port : ph_port()));
		cr_assert(code == 0 || code == WSAEADDRNOTAVAIL || code == WSAENETDOWN, "%d", code);
		if (!code)
			code = TIMED("WSPListen", ph_listen(t, 5));
		cr_assert(code == 0 || code == WSAEADDRNOTAVAIL || code == WSAENETDOWN, "%d", code);
		cr_assert_eq(TIMED("WSPCloseSocket", ph_close(t)), 0);
	}
	int code = TIMED("WSPListen", ph_listen(bound, 5));
	cr_assert(code == 0 || code == WSAENETDOWN, "%d", code);
	lost_end();
	cr_assert_eq(PH_RUN("ip", "link", "set", "san1", "up"), 0);
	cr_assert(WSD_UNTIL(ph_listen(bound, 5) == 0, 4000));
	cr_assert_eq(ph_close(s) + ph_close(bound), 0);
	END();
	measured("%-28s %.1f ms\n", "longest call, a link that is down", wire_worst_ms);
}
