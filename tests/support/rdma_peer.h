/* SPDX-License-Identifier: MIT
 *
 * A raw librdmacm client without a queue pair: the other side of a listener, on the same device.
 * Each has an event channel of its own; calls wait with a deadline.
 */
#ifndef WSD_TESTS_RDMA_PEER_H
#define WSD_TESTS_RDMA_PEER_H

#include <rdma/rdma_cma.h>
#include <stddef.h>
#include <stdint.h>

/* Private data is at most 196 bytes long. */
struct rdma_peer {
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
	struct rdma_cm_id *request; /* of a server: the last one */
	/* Of the last event. */
	enum rdma_cm_event_type event;
	int status;
	uint8_t data[256];
	size_t data_len;
};

/* What came instead of an event. */
enum { RDMA_PEER_NOTHING = -1, RDMA_PEER_ERROR = -2 };

/* From @src (NULL: the kernel's choice) to @dst; the request is on its way at return. 0 or -errno.
 */
int rdma_peer_connect(struct rdma_peer *c, const char *src, const char *dst, uint16_t port,
		      const void *data, uint8_t data_len);
/* The other way round: a program that listens. It sees RDMA_CM_EVENT_CONNECT_REQUEST. */
int rdma_peer_listen(struct rdma_peer *c, const char *ip, uint16_t port);
/* Accepts the last request, with a queue pair that does not exist. 0 or -errno. */
int rdma_peer_accept(struct rdma_peer *c);
/* The next event (RDMA_CM_EVENT_...), RDMA_PEER_NOTHING after @ms, or RDMA_PEER_ERROR. */
int rdma_peer_wait(struct rdma_peer *c, int ms);
void rdma_peer_close(struct rdma_peer *c); /* gives up, whatever the state; a zeroed one is fine */

#endif
