/* SPDX-License-Identifier: MIT
 *
 * contend_raw.c - bare librdmacm: an id per name, all on one event channel. State: that channel.
 */
#include "contend.h"

#include <errno.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bound {
	struct rdma_cm_id *id;
};

static struct rdma_event_channel *channel;

static int raw_make(struct bound **ret)
{
	struct bound *b = malloc(sizeof(*b));
	if (!b)
		return -1;
	if (rdma_create_id(channel, &b->id, b, RDMA_PS_TCP)) {
		free(b);
		return -1;
	}
	*ret = b;
	return 0;
}

static int raw_bind(struct bound *b, const struct sockaddr_in *name, unsigned flags)
{
	int one = 1;
	struct sockaddr_in at = *name; /* librdmacm's is not const */
	if (flags & BIND_EXCLUSIVE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	if (flags & BIND_SHARE &&
	    rdma_set_option(b->id, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &one, sizeof(one)))
		return -1;
	return rdma_bind_addr(b->id, (struct sockaddr *)&at);
}

static int raw_listen(struct bound *b, int backlog)
{
	return rdma_listen(b->id, backlog);
}

static int raw_name(struct bound *b, struct sockaddr_in *ret)
{
	memcpy(ret, rdma_get_local_addr(b->id), sizeof(*ret));
	return 0;
}

/* The channel is everybody's: for a process whose only listener this is. */
static int raw_serve(struct bound *b)
{
	struct rdma_cm_event *event;
	for (;;) {
		if (rdma_get_cm_event(channel, &event))
			return -1;
		bool asked =
			event->event == RDMA_CM_EVENT_CONNECT_REQUEST && event->listen_id == b->id;
		struct rdma_cm_id *id = event->id;
		if (asked)
			rdma_reject(id, NULL, 0);
		rdma_ack_cm_event(event);
		if (asked)
			return rdma_destroy_id(id);
	}
}

static int raw_close(struct bound *b)
{
	int r = rdma_destroy_id(b->id);
	free(b);
	return r;
}

const struct name_ops raw_names = {raw_make, raw_bind, raw_listen, raw_name, raw_serve, raw_close};

static int start(const struct sockaddr_in *here, char *why, size_t size)
{
	if (contend_rdma(here, why, size))
		return -1;
	channel = rdma_create_event_channel();
	if (channel)
		return 0;
	contend_rdma_done();
	snprintf(why, size, "cannot use rdma_cm: %s", strerror(errno));
	return -1;
}

static void stop(void)
{
	if (!channel)
		return;
	rdma_destroy_event_channel(channel);
	channel = NULL;
	contend_raw_idle();
	contend_rdma_done();
}

const struct contender contend_raw = {
	.name = "raw",
	.title = "bare librdmacm",
	.start = start,
	.stop = stop,
	.names = &raw_names,
	.conns = &raw_conns,
};
