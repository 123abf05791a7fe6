/* SPDX-License-Identifier: MIT
 *
 * What a program over bare librdmacm and libibverbs does: the anchor beside which the library's
 * connections are measured. One thread at a time on one end.
 */
#ifndef WSD_BENCH_RAW_H
#define WSD_BENCH_RAW_H

#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stddef.h>

enum { RAW_DEPTH = 15 }; /* receives and sends in flight */

struct raw_end {
	struct rdma_cm_id *id;
	struct ibv_pd *pd;
	struct ibv_comp_channel *channel;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	char *buffer; /* RAW_DEPTH receives of `size`, then one send */
	size_t size;
	unsigned next; /* the receive that comes next */
	unsigned unsignalled;
	unsigned outstanding; /* signalled sends whose completion has not been seen */
};

/* A listener, and the channel for its and its clients' events. */
struct raw_cm {
	struct rdma_event_channel *events;
	struct rdma_cm_id *listener;
};

/* Return 0, or -1 with errno. */
int raw_listen(struct raw_cm *cm, const struct sockaddr_in *at);
void raw_unlisten(struct raw_cm *cm);

/* Both ends of a new connection, each with a queue pair, a completion queue and its channel of its
 * own (@own_cq), or without any (CM alone: dummy numbers). @size: of a message; 0: no buffers. */
enum raw_kind { RAW_CM_ONLY, RAW_OWN_CQ };
int raw_connect(struct raw_cm *cm, const struct sockaddr_in *to, enum raw_kind kind, size_t size,
		struct raw_end *client, struct raw_end *server);
/* @n at once, with queue pairs of their own and without buffers. */
int raw_flight(struct raw_cm *cm, const struct sockaddr_in *to, int n, struct raw_end **clients,
	       struct raw_end **servers);
void raw_close(struct raw_end *client, struct raw_end *server);

/* One message of @n bytes; waits for room as long as it must. */
int raw_send(struct raw_end *e, size_t n);
/* The next message, slept for on the completion channel. Return its length or -1. */
int raw_recv(struct raw_end *e);

#endif
