/* SPDX-License-Identifier: MIT
 *
 * Connections over bare librdmacm and libibverbs, written as a careful program would: event mode,
 * inline for small messages, one send in eight signalled, receives re-posted one by one.
 */
#include "raw.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIGNAL_EVERY = 8, INLINE_MAX = 64, EVENT_MS = 5000 };

/* The next CM event, which must be @want, or a connection request. Its id is returned. */
static struct rdma_cm_id *expect(struct raw_cm *cm, enum rdma_cm_event_type want)
{
	struct rdma_cm_event *event;
	struct pollfd p = {.fd = cm->events->fd, .events = POLLIN};
	if (poll(&p, 1, EVENT_MS) != 1 || rdma_get_cm_event(cm->events, &event)) {
		errno = ETIMEDOUT;
		return NULL;
	}
	struct rdma_cm_id *id = event->id;
	enum rdma_cm_event_type got = event->event;
	int status = event->status;
	rdma_ack_cm_event(event);
	if (got == want)
		return id;
	/* what the other connection's end still has to say */
	if (got == RDMA_CM_EVENT_TIMEWAIT_EXIT || got == RDMA_CM_EVENT_DISCONNECTED)
		return expect(cm, want);
	errno = status < 0 ? -status : EPROTO;
	return NULL;
}

int raw_listen(struct raw_cm *cm, const struct sockaddr_in *at)
{
	cm->listener = NULL;
	cm->events = rdma_create_event_channel();
	if (!cm->events || rdma_create_id(cm->events, &cm->listener, NULL, RDMA_PS_TCP))
		return -1;
	return rdma_bind_addr(cm->listener, (struct sockaddr *)(uintptr_t)at) ||
	       rdma_listen(cm->listener, 128);
}

void raw_unlisten(struct raw_cm *cm)
{
	rdma_destroy_id(cm->listener);
	rdma_destroy_event_channel(cm->events);
}

static int post_recv(struct raw_end *e, unsigned slot)
{
	struct ibv_sge sge = {(uintptr_t)e->buffer + slot * e->size, (uint32_t)e->size,
			      e->mr->lkey};
	struct ibv_recv_wr wr = {.wr_id = slot, .sg_list = &sge, .num_sge = 1}, *bad;
	return ibv_post_recv(e->id->qp, &wr, &bad);
}

static int make_end(struct raw_end *e, struct rdma_cm_id *id, enum raw_kind kind, size_t size)
{
	*e = (struct raw_end){.id = id, .size = size};
	if (kind == RAW_CM_ONLY)
		return 0;
	e->channel = ibv_create_comp_channel(id->verbs);
	e->cq = e->channel ? ibv_create_cq(id->verbs, 2 * RAW_DEPTH + 1, NULL, e->channel, 0)
			   : NULL;
	if (!e->cq)
		return -1;
	struct ibv_qp_init_attr attr = {.send_cq = e->cq,
					.recv_cq = e->cq,
					.qp_type = IBV_QPT_RC,
					.cap = {.max_send_wr = RAW_DEPTH,
						.max_recv_wr = RAW_DEPTH,
						.max_send_sge = 1,
						.max_recv_sge = 1,
						.max_inline_data = INLINE_MAX}};
	if (rdma_create_qp(id, NULL, &attr))
		return -1;
	if (!size)
		return 0;
	e->buffer = calloc(RAW_DEPTH + 1, size);
	e->mr = e->buffer ? ibv_reg_mr(id->pd, e->buffer, (RAW_DEPTH + 1) * size,
				       IBV_ACCESS_LOCAL_WRITE)
			  : NULL;
	if (!e->mr)
		return -1;
	for (unsigned i = 0; i < RAW_DEPTH; i++)
		if (post_recv(e, i))
			return -1;
	return ibv_req_notify_cq(e->cq, 0);
}

int raw_connect(struct raw_cm *cm, const struct sockaddr_in *to, enum raw_kind kind, size_t size,
		struct raw_end *client, struct raw_end *server)
{
	static uint32_t dummy =
		0x800000; /* no queue pair that is there: its CM would call it stale */
	struct rdma_cm_id *id, *request;
	struct rdma_conn_param param = {.responder_resources = 1,
					.initiator_depth = 1,
					.retry_count = 7,
					.rnr_retry_count = 7};
	if (rdma_create_id(cm->events, &id, NULL, RDMA_PS_TCP) ||
	    rdma_resolve_addr(id, NULL, (struct sockaddr *)(uintptr_t)to, 2000) ||
	    !expect(cm, RDMA_CM_EVENT_ADDR_RESOLVED) || rdma_resolve_route(id, 2000) ||
	    !expect(cm, RDMA_CM_EVENT_ROUTE_RESOLVED) || make_end(client, id, kind, size))
		return -1;
	if (kind == RAW_CM_ONLY)
		param.qp_num = dummy++;
	if (rdma_connect(id, &param))
		return -1;
	request = expect(cm, RDMA_CM_EVENT_CONNECT_REQUEST);
	if (!request || make_end(server, request, kind, size))
		return -1;
	if (kind == RAW_CM_ONLY)
		param.qp_num = dummy++;
	if (rdma_accept(request, &param))
		return -1;
	if (kind == RAW_CM_ONLY)
		return !expect(cm, RDMA_CM_EVENT_CONNECT_RESPONSE) || rdma_establish(id) ||
				       !expect(cm, RDMA_CM_EVENT_ESTABLISHED)
			       ? -1
			       : 0;
	return !expect(cm, RDMA_CM_EVENT_ESTABLISHED) || !expect(cm, RDMA_CM_EVENT_ESTABLISHED) ? -1
												: 0;
}

static const struct rdma_conn_param flight_param = {
	.responder_resources = 1,
	.initiator_depth = 1,
	.retry_count = 7,
	.rnr_retry_count = 7,
};

/* One event of the flight; counts what has been established. */
static int flight_step(struct raw_cm *cm, struct raw_end **servers, int *arrived, int *up)
{
	struct rdma_cm_event *event;
	struct rdma_conn_param param = flight_param;
	struct pollfd p = {.fd = cm->events->fd, .events = POLLIN};
	if (poll(&p, 1, EVENT_MS) != 1 || rdma_get_cm_event(cm->events, &event))
		return -1;
	struct rdma_cm_id *id = event->id;
	enum rdma_cm_event_type type = event->event;
	rdma_ack_cm_event(event);
	switch ((int)type) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		return rdma_resolve_route(id, 2000);
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		return make_end(id->context, id, RAW_OWN_CQ, 0) || rdma_connect(id, &param) ? -1
											    : 0;
	case RDMA_CM_EVENT_CONNECT_REQUEST:
		return make_end(servers[(*arrived)++], id, RAW_OWN_CQ, 0) || rdma_accept(id, &param)
			       ? -1
			       : 0;
	case RDMA_CM_EVENT_ESTABLISHED:
		++*up;
		return 0;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_TIMEWAIT_EXIT:
		return 0; /* of those before */
	default:
		errno = EPROTO;
		return -1;
	}
}

int raw_flight(struct raw_cm *cm, const struct sockaddr_in *to, int n, struct raw_end **clients,
	       struct raw_end **servers)
{
	int arrived = 0, up = 0;
	for (int i = 0; i < n; i++) {
		struct rdma_cm_id *id;
		if (rdma_create_id(cm->events, &id, clients[i], RDMA_PS_TCP) ||
		    rdma_resolve_addr(id, NULL, (struct sockaddr *)(uintptr_t)to, 2000))
			return -1;
	}
	while (up < 2 * n)
		if (flight_step(cm, servers, &arrived, &up))
			return -1;
	return 0;
}

static void close_end(struct raw_end *e)
{
	if (e->id->qp)
		rdma_destroy_qp(e->id);
	if (e->mr)
		ibv_dereg_mr(e->mr);
	if (e->cq)
		ibv_destroy_cq(e->cq);
	if (e->channel)
		ibv_destroy_comp_channel(e->channel);
	free(e->buffer);
	rdma_destroy_id(e->id);
}

void raw_close(struct raw_end *client, struct raw_end *server)
{
	rdma_disconnect(client->id);
	rdma_disconnect(server->id);
	close_end(client);
	close_end(server);
}

/* Takes completions; a receive's slot is remembered by the caller's order. Return the bytes of a
 * receive, -2 when none was there, -1 on failure. */
static int harvest(struct raw_end *e)
{
	struct ibv_wc wc;
	int n;
	while ((n = ibv_poll_cq(e->cq, 1, &wc)) > 0) {
		if (wc.status != IBV_WC_SUCCESS) {
			errno = EIO;
			return -1;
		}
		if (wc.opcode & IBV_WC_RECV) {
			e->next = (unsigned)wc.wr_id;
			return (int)wc.byte_len;
		}
		e->outstanding--;
	}
	return n < 0 ? -1 : -2;
}

int raw_send(struct raw_end *e, size_t n)
{
	char *at = e->buffer + RAW_DEPTH * e->size;
	struct ibv_sge sge = {(uintptr_t)at, (uint32_t)n, e->mr->lkey};
	struct ibv_send_wr wr = {.sg_list = &sge,
				 .num_sge = 1,
				 .opcode = IBV_WR_SEND,
				 .send_flags = n <= INLINE_MAX ? IBV_SEND_INLINE : 0},
			   *bad;
	if (++e->unsignalled == SIGNAL_EVERY) {
		wr.send_flags |= IBV_SEND_SIGNALED;
		e->unsignalled = 0;
		e->outstanding++;
	}
	return ibv_post_send(e->id->qp, &wr, &bad);
}

int raw_recv(struct raw_end *e)
{
	int n;
	while ((n = harvest(e)) == -2) {
		struct ibv_cq *cq;
		void *context;
		if (ibv_get_cq_event(e->channel, &cq, &context))
			return -1;
		ibv_ack_cq_events(cq, 1);
		if (ibv_req_notify_cq(cq, 0))
			return -1;
	}
	if (n >= 0 && post_recv(e, e->next))
		return -1;
	return n;
}
