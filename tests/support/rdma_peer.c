/* SPDX-License-Identifier: MIT
 *
 * The raw librdmacm client of provider tests. No queue pair is needed to see how a request ends.
 */
#include "rdma_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { STEP_MS = 10000 };

int rdma_peer_wait(struct rdma_peer *c, int ms)
{
	struct pollfd fd = {.fd = c->channel->fd, .events = POLLIN};
	int n = poll(&fd, 1, ms);
	if (n == 0)
		return RDMA_PEER_NOTHING;
	struct rdma_cm_event *event;
	if (n < 0 || rdma_get_cm_event(c->channel, &event))
		return RDMA_PEER_ERROR;
	c->event = event->event;
	c->status = event->status;
	c->data_len = 0;
	if (event->event == RDMA_CM_EVENT_CONNECT_REQUEST)
		c->request = event->id;
	if (event->param.conn.private_data) {
		c->data_len = event->param.conn.private_data_len;
		memcpy(c->data, event->param.conn.private_data, c->data_len);
	}
	rdma_ack_cm_event(event);
	return (int)c->event;
}

/* Numbers of queue pairs that do not exist, different on one device at a time. */
static uint32_t next_qp_number(void)
{
	static atomic_uint next;
	return 0x100000 + (((uint32_t)getpid() << 8) + atomic_fetch_add(&next, 1)) % 0x700000;
}

static int connect_steps(struct rdma_peer *c, const char *src, const char *dst, uint16_t port,
			 const void *data, uint8_t data_len)
{
	struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
	to.sin_port = htons(port);
	inet_pton(AF_INET, dst, &to.sin_addr);
	if (src)
		inet_pton(AF_INET, src, &from.sin_addr);
	c->channel = rdma_create_event_channel();
	if (!c->channel)
		return -errno;
	if (rdma_create_id(c->channel, &c->id, NULL, RDMA_PS_TCP))
		return -errno;
	if (rdma_resolve_addr(c->id, src ? (struct sockaddr *)&from : NULL, (struct sockaddr *)&to,
			      STEP_MS))
		return -errno;
	if (rdma_peer_wait(c, STEP_MS) != RDMA_CM_EVENT_ADDR_RESOLVED)
		return c->status ? c->status : -ETIMEDOUT;
	if (rdma_resolve_route(c->id, STEP_MS))
		return -errno;
	if (rdma_peer_wait(c, STEP_MS) != RDMA_CM_EVENT_ROUTE_RESOLVED)
		return c->status ? c->status : -ETIMEDOUT;
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = data_len,
		.responder_resources = 1,
		.initiator_depth = 1,
		.retry_count = 7,
		.rnr_retry_count = 7,
		.qp_num = next_qp_number(),
	};
	return rdma_connect(c->id, &param) ? -errno : 0;
}

int rdma_peer_connect(struct rdma_peer *c, const char *src, const char *dst, uint16_t port,
		      const void *data, uint8_t data_len)
{
	memset(c, 0, sizeof(*c));
	int err = connect_steps(c, src, dst, port, data, data_len);
	if (err)
		rdma_peer_close(c);
	return err;
}

int rdma_peer_listen(struct rdma_peer *c, const char *ip, uint16_t port)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	memset(c, 0, sizeof(*c));
	inet_pton(AF_INET, ip, &in.sin_addr);
	c->channel = rdma_create_event_channel();
	if (!c->channel)
		return -errno;
	int err = 0;
	if (rdma_create_id(c->channel, &c->id, NULL, RDMA_PS_TCP) ||
	    rdma_bind_addr(c->id, (struct sockaddr *)&in) || rdma_listen(c->id, 16))
		err = -errno;
	if (err)
		rdma_peer_close(c);
	return err;
}

int rdma_peer_accept(struct rdma_peer *c)
{
	struct rdma_conn_param param = {
		.responder_resources = 1,
		.initiator_depth = 1,
		.rnr_retry_count = 7,
		.qp_num = next_qp_number(),
	};
	return rdma_accept(c->request, &param) ? -errno : 0;
}

void rdma_peer_close(struct rdma_peer *c)
{
	if (c->request)
		rdma_destroy_id(c->request);
	if (c->id)
		rdma_destroy_id(c->id);
	if (c->channel)
		rdma_destroy_event_channel(c->channel);
	memset(c, 0, sizeof(*c));
}
