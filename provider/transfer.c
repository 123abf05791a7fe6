/* SPDX-License-Identifier: MIT
 *
 * The data side of a connection before there are transfers: the early receive and nothing else.
 * PROV-DATA-8.
 */
#include <errno.h>
#include <stdlib.h>

#include "conn.h"

struct transfer {
	bool closed; /* under conn->lock */
};

int transfer_open(struct conn *c)
{
	struct ibv_sge sge = {(uintptr_t)c->ep->early, EP_EARLY_SIZE, c->ep->early_mr->lkey};
	struct ibv_recv_wr wr = {.sg_list = &sge, .num_sge = 1}, *bad;
	struct transfer *t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	int err = ibv_post_recv(c->ep->qp, &wr, &bad);
	if (err)
		free(t);
	else
		c->transfer = t;
	return -err;
}

void transfer_break(struct conn *c, int code)
{
}

void transfer_close(struct conn *c)
{
	struct ibv_wc wc;
	pthread_mutex_lock(&c->lock);
	while (c->ep && !c->transfer->closed && ibv_poll_cq(c->ep->cq, 1, &wc) > 0)
		;
	c->transfer->closed = true;
	pthread_mutex_unlock(&c->lock);
}

void transfer_free(struct conn *c)
{
	free(c->transfer);
	c->transfer = NULL;
}

void transfer_on_channel(struct conn *c)
{
}
