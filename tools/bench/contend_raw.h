/* SPDX-License-Identifier: MIT
 *
 * A connection over bare librdmacm and libibverbs, in two halves: contend_raw_conn.c owns what
 * rdma_cm says, contend_raw_data.c the queue pair and what goes over it.
 */
#ifndef WSD_BENCH_CONTEND_RAW_H
#define WSD_BENCH_CONTEND_RAW_H

#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	RAW_DEPTH = 64, /* messages under way, at most */
	RAW_SPARE = 4,  /* receives for those that only bring credits */
	RAW_IDLE = 15,
	RAW_SENDS = 96,  /* the send queue */
	RAW_BUFFERS = 4, /* of the caller's: registered on sight */
	RAW_INLINE = 64,
};

struct chan;

struct conn {
	struct chan *chan;
	struct rdma_cm_id *id;
	/* under the channel's lock */
	enum rdma_cm_event_type event; /* the last one */
	bool ended;                    /* disconnected, by the peer or for want of it */
	bool closing;
	int error; /* it could not be connected */

	/* The rest is contend_raw_data.c's. */
	struct ibv_comp_channel *comp;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	char *memory; /* depth + RAW_SPARE receives of `size` */
	size_t size;
	unsigned depth;
	struct {
		const void *at;
		size_t n;
		struct ibv_mr *mr;
	} sources[RAW_BUFFERS];
	pthread_mutex_t lock; /* around what follows; not held while asleep */
	pthread_cond_t changed;
	bool asleep; /* a thread waits for the completion channel */
	bool broken;
	unsigned credits;           /* messages that the peer has room for */
	unsigned owed;              /* room that the peer was not told of */
	unsigned posted, completed; /* sends */
	unsigned first, ready;      /* receives that nobody has taken: a ring */
	struct {
		unsigned slot, bytes;
	} came[RAW_DEPTH + RAW_SPARE];
};

/* A queue pair with its own completion queue and channel; buffers if @size. 0, or -1 with errno;
 * raw_unmake() after both. */
int raw_make(struct conn *c, size_t size);
void raw_unmake(struct conn *c);
int raw_send(struct conn *c, const void *data, size_t n);
int raw_recv(struct conn *c, size_t n);

#endif
