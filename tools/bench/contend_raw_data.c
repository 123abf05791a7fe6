/* SPDX-License-Identifier: MIT
 *
 * contend_raw_data.c - messages as a careful program over verbs sends them: asleep on the
 * completion channel, inline when small, one send in eight signalled, from buffers that are
 * registered once, received where they lie (nothing is copied); credits, on the messages' immediate
 * data, keep the peer's receives from running out.
 *
 * Lock: the connection's.
 */
#include "contend_raw.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

enum { SIGNAL_EVERY = 8, MEMORY_MAX = 16 << 20, DEPTH_MIN = 4 };

static int post_recv(struct conn *c, unsigned slot)
{
	struct ibv_sge sge = {(uintptr_t)c->memory + slot * c->size, (uint32_t)c->size,
			      c->mr->lkey};
	struct ibv_recv_wr wr = {.wr_id = slot, .sg_list = &sge, .num_sge = 1}, *bad;
	return ibv_post_recv(c->id->qp, &wr, &bad);
}

/* As both ends reckon it. */
static unsigned depth_for(size_t size)
{
	size_t n = MEMORY_MAX / size;
	return n > RAW_DEPTH ? RAW_DEPTH : n < DEPTH_MIN ? DEPTH_MIN : (unsigned)n;
}

static int make_buffers(struct conn *c, size_t size)
{
	c->size = size;
	c->depth = c->credits = depth_for(size);
	c->memory = calloc(c->depth + RAW_SPARE, size);
	c->mr = c->memory ? ibv_reg_mr(c->id->pd, c->memory, (c->depth + RAW_SPARE) * size,
				       IBV_ACCESS_LOCAL_WRITE)
			  : NULL;
	if (!c->mr)
		return -1;
	for (unsigned i = 0; i < c->depth + RAW_SPARE; i++)
		if (post_recv(c, i))
			return -1;
	return ibv_req_notify_cq(c->cq, 0);
}

int raw_make(struct conn *c, size_t size)
{
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->changed, NULL);
	c->comp = ibv_create_comp_channel(c->id->verbs);
	/* what carries nothing has queues of the usual size */
	unsigned receives = (size ? depth_for(size) : RAW_IDLE) + RAW_SPARE;
	unsigned sends = size ? RAW_SENDS : RAW_IDLE;
	c->cq = c->comp ? ibv_create_cq(c->id->verbs, (int)(receives + sends), NULL, c->comp, 0)
			: NULL;
	if (!c->cq)
		return -1;
	struct ibv_qp_init_attr attr = {.send_cq = c->cq,
					.recv_cq = c->cq,
					.qp_type = IBV_QPT_RC,
					.cap = {.max_send_wr = sends,
						.max_recv_wr = receives,
						.max_send_sge = 1,
						.max_recv_sge = 1,
						.max_inline_data = RAW_INLINE}};
	if (rdma_create_qp(c->id, NULL, &attr))
		return -1;
	return size ? make_buffers(c, size) : 0;
}

void raw_unmake(struct conn *c)
{
	if (!c->comp)
		return;
	if (c->id->qp)
		rdma_destroy_qp(c->id);
	for (int i = 0; i < RAW_BUFFERS; i++)
		if (c->sources[i].mr)
			ibv_dereg_mr(c->sources[i].mr);
	if (c->mr)
		ibv_dereg_mr(c->mr);
	if (c->cq)
		ibv_destroy_cq(c->cq);
	ibv_destroy_comp_channel(c->comp);
	free(c->memory);
	pthread_cond_destroy(&c->changed);
	pthread_mutex_destroy(&c->lock);
}

/* ---- completions ---- */

static void take_receive(struct conn *c, const struct ibv_wc *wc)
{
	unsigned at = (c->first + c->ready) % (RAW_DEPTH + RAW_SPARE);
	c->credits += ntohl(wc->imm_data);
	if (!wc->byte_len) { /* nothing but credits */
		c->broken |= post_recv(c, (unsigned)wc->wr_id) != 0;
		return;
	}
	c->came[at].slot = (unsigned)wc->wr_id;
	c->came[at].bytes = wc->byte_len;
	c->ready++;
}

static void harvest(struct conn *c)
{
	struct ibv_wc wc;
	int n = 0;
	while (!c->broken && (n = ibv_poll_cq(c->cq, 1, &wc)) > 0) {
		if (wc.status != IBV_WC_SUCCESS)
			c->broken = true;
		else if (wc.opcode & IBV_WC_RECV)
			take_receive(c, &wc);
		else
			c->completed += SIGNAL_EVERY;
	}
	c->broken |= n < 0;
}

/* What a thread waits for. */
static bool has_message(const struct conn *c)
{
	return c->ready;
}

static bool has_room(const struct conn *c)
{
	return c->credits && c->posted - c->completed < RAW_SENDS - 1;
}

/* One thread sleeps on the channel, others on what it harvests. 0, or -1 with errno. */
static int wait_for(struct conn *c, bool (*there)(const struct conn *))
{
	struct ibv_cq *cq;
	void *context;
	for (;;) {
		harvest(c);
		if (there(c))
			return 0;
		if (c->broken) {
			errno = EPIPE;
			return -1;
		}
		if (c->asleep) {
			pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		c->asleep = true;
		pthread_mutex_unlock(&c->lock);
		int err = ibv_get_cq_event(c->comp, &cq, &context);
		if (!err) {
			ibv_ack_cq_events(cq, 1);
			err = ibv_req_notify_cq(cq, 0);
		}
		pthread_mutex_lock(&c->lock);
		c->asleep = false;
		c->broken |= err != 0;
		pthread_cond_broadcast(&c->changed);
	}
}

/* ---- messages ---- */

static struct ibv_mr *source(struct conn *c, const void *data, size_t n)
{
	int i = 0;
	while (i < RAW_BUFFERS - 1 && c->sources[i].mr &&
	       (c->sources[i].at != data || c->sources[i].n < n))
		i++;
	if (c->sources[i].mr && c->sources[i].at == data && c->sources[i].n >= n)
		return c->sources[i].mr;
	if (c->sources[i].mr)
		ibv_dereg_mr(c->sources[i].mr);
	c->sources[i].at = data;
	c->sources[i].n = n;
	c->sources[i].mr = ibv_reg_mr(c->id->pd, (void *)(uintptr_t)data, n, 0);
	return c->sources[i].mr;
}

/* With all that the peer is owed. */
static int post_send(struct conn *c, const void *data, size_t n)
{
	struct ibv_mr *mr = n > RAW_INLINE ? source(c, data, n) : NULL;
	struct ibv_sge sge = {(uintptr_t)data, (uint32_t)n, mr ? mr->lkey : 0};
	struct ibv_send_wr wr = {.sg_list = &sge,
				 .num_sge = n > 0,
				 .opcode = IBV_WR_SEND_WITH_IMM,
				 .imm_data = htonl(c->owed),
				 .send_flags = n <= RAW_INLINE ? IBV_SEND_INLINE : 0},
			   *bad;
	if (n > RAW_INLINE && !mr)
		return -1;
	if (++c->posted % SIGNAL_EVERY == 0)
		wr.send_flags |= IBV_SEND_SIGNALED;
	c->owed = 0;
	int err = ibv_post_send(c->id->qp, &wr, &bad);
	errno = err;
	return err ? -1 : 0;
}

int raw_send(struct conn *c, const void *data, size_t n)
{
	pthread_mutex_lock(&c->lock);
	int r = n && n <= c->size ? wait_for(c, has_room) : (errno = EMSGSIZE, -1);
	if (!r) {
		c->credits--;
		r = post_send(c, data, n);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

int raw_recv(struct conn *c, size_t n)
{
	pthread_mutex_lock(&c->lock);
	int r = wait_for(c, has_message);
	if (!r) {
		unsigned slot = c->came[c->first].slot, bytes = c->came[c->first].bytes;
		c->first = (c->first + 1) % (RAW_DEPTH + RAW_SPARE);
		c->ready--;
		r = post_recv(c, slot) ? -1 : 0;
		c->owed++;
		if (!r && c->owed >= c->depth / 2 && c->posted - c->completed < RAW_SENDS)
			r = post_send(c, NULL, 0);
		if (!r && bytes != n) {
			errno = EPROTO;
			r = -1;
		}
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}
