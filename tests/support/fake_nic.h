/* SPDX-License-Identifier: MIT
 *
 * One connection of the provider over a NIC in memory: what it completes, when, and with what, is
 * the test's affair, so that a test can be a hostile peer or a slow NIC. Programs that use it link
 * the provider with the calls wrapped that fake_nic.c defines (tests/unit/meson.build). One
 * connection; a lock of its own. What must hold aborts.
 */
#ifndef WSD_TESTS_FAKE_NIC_H
#define WSD_TESTS_FAKE_NIC_H

#include <infiniband/verbs.h>

#include "../../provider/conn.h" /* tests/support has another */

enum { FAKE_POSTS = 32, FAKE_OPS = 64 };

struct fake_op {
	WSAOVERLAPPED ov; /* first */
	int told;
	DWORD code, bytes;
};

extern struct fake_nic {
	struct prov p;
	struct dev dev;
	struct sock *s;
	SOCKET desc;
	struct conn *c;
	struct endpoint *ep;
	/* The queue pair: its state, and what is posted. */
	enum ibv_qp_state state;
	uint64_t sends[FAKE_POSTS], recvs[FAKE_POSTS];
	unsigned send_count, recv_count;
	unsigned resets;   /* how often it was reset */
	unsigned at_reset; /* what was posted still, the last time */
	unsigned made;     /* how often it was made anew */
	bool flushes;      /* ERR gives back what is posted; else nothing comes */
	struct ibv_wc wcs[FAKE_POSTS * 2];
	unsigned wc_count;
	int armed;                        /* 0 no, 1 solicited, 2 for all */
	int events;                       /* in the channel */
	int reads;                        /* how often it was asked for them */
	int told;                         /* upcalls */
	int closed;                       /* switch's handles */
	int mrs;                          /* registered */
	int mr_err;                       /* of deregistrations; 0 */
	int told_peer, destroyed;         /* disconnects, ids */
	void (*hook)(struct fake_op *op); /* inside the upcall */
} fake;

/* A connected socket; with @up false as it is while the peer is asked. */
void fake_up(bool up);
/* Gives it an id, established. */
void fake_id(void);
/* Whatever is left, and no leak. */
void fake_down(void);
/* Completions: of the oldest receive, of the oldest send, of the early receive, which is the first.
 */
void fake_receive(enum ibv_wc_status status, enum ibv_wc_opcode opcode, uint32_t bytes);
void fake_received(uint32_t bytes);
/* One of nothing that is posted. */
void fake_stray(uint64_t wr_id, enum ibv_wc_status status);
/* Completes up to @n sends and @n receives, if the connection is up. False: nothing was posted. */
bool fake_work(unsigned n, uint32_t bytes);
void fake_early(const void *data, uint32_t bytes);
/* From now on ERR gives nothing back. */
void fake_stall(void);
/* The device goes, as the event thread finds it; takes a reference to the socket. */
void fake_remove(void);
bool fake_readable(void); /* the channel's descriptor */
/* The code. */
int fake_recv(struct fake_op *op, void *buf, ULONG len, bool silent);
int fake_send(struct fake_op *op, void *buf, ULONG len, bool silent);
int fake_poll(struct fake_op *op);
HANDLE fake_reg(void *buf, DWORD len, DWORD flags);

#endif
