/* SPDX-License-Identifier: MIT
 *
 * Connected sockets for tests of the provider's data side: two ends of one provider, or one end and
 * a raw librdmacm program with a queue pair of its own. Operations count their upcalls. One test at
 * a time; calls assert.
 */
#ifndef WSD_TESTS_PROV_PAIR_H
#define WSD_TESTS_PROV_PAIR_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <wsd/attend.h>

#include "prov_harness.h"

enum { PP_SOON_MS = 20000 };

/* One operation: its WSAOVERLAPPED first. */
struct pp_op {
	WSAOVERLAPPED ov;
	atomic_int told; /* upcalls */
	int order;       /* of the last upcall, among all */
	DWORD code, bytes;
	pthread_t thread;
	void (*hook)(struct pp_op *op); /* runs inside the upcall */
	void *arg;
};

extern struct pp_extensions {
	LPFN_WSPREGISTERMEMORY reg;
	LPFN_WSPDEREGISTERMEMORY dereg;
	LPFN_WSPREGISTERRDMAMEMORY reg_rdma;
	LPFN_WSPDEREGISTERRDMAMEMORY dereg_rdma;
	LPFN_WSPRDMAWRITE write;
	LPFN_WSPRDMAREAD read; /* NULL: not offered */
	LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK forget;
	LPFN_WSDATTEND attend;
} pp_ext;
extern atomic_int pp_told; /* upcalls of all operations */

/* Starts the provider, warms every device up, and takes the extensions; with @cache the callback's
 * pointer, too, which turns the cache on. Before WSD_TEST_BEGIN(). */
void pp_up(bool cache);
void pp_use(LPWSPSTARTUPEX startup, bool cache); /* linked in */
void pp_down(void);

struct pp_pair {
	SOCKET a, b; /* the one that connected, the one that accepted */
};
/* On san0. */
struct pp_pair pp_pair(void);
void pp_close(struct pp_pair *p);
/* A pair that shares @size bytes of memory, registered at both ends; past the first messages, or
 * before them. */
struct pp_bed {
	struct pp_pair p;
	char *mem;
	size_t size;
};
struct pp_bed pp_bed_up(size_t size, bool past_first);
void pp_bed_down(struct pp_bed *b);
SOCKET pp_accept(SOCKET listener); /* waits for a request */

/* The codes; WSA_IO_PENDING is success. @silent: polled for, no upcall. */
int pp_send(SOCKET s, struct pp_op *op, void *buf, ULONG len, bool silent);
int pp_recv(SOCKET s, struct pp_op *op, void *buf, ULONG len, bool silent);
int pp_rdma(SOCKET s, bool read, struct pp_op *op, const WSABUFEX *v, DWORD n, void *desc,
	    DWORD offset, bool silent);
/* WSPGetOverlappedResult without waiting: 0, WSA_IO_INCOMPLETE, or the operation's code. */
int pp_poll(SOCKET s, struct pp_op *op);
/* Polls until it is done: the code. */
int pp_wait(SOCKET s, struct pp_op *op);
/* Waits for the upcall: the code. */
int pp_told_code(struct pp_op *op);
bool pp_told_n(struct pp_op *ops, int n, int ms);
void *pp_mem(size_t size); /* pages; munmap by pp_unmap */
void pp_unmap(void *mem, size_t size);
HANDLE pp_reg(SOCKET s, void *buf, size_t len, DWORD flags); /* asserts */
int pp_dereg(SOCKET s, HANDLE h);
/* Drains the message that the early buffer holds or will hold: of both ends. */
void pp_first_messages(const struct pp_pair *p);

/* A raw program: a connection to a listener of the provider. */
struct pp_raw {
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	char *buf; /* PP_RAW_SIZE */
};
enum { PP_RAW_SIZE = 1 << 16 };
/* Connects to @port of san0 (@ip), whose listener is @listener; the accepted socket. */
SOCKET pp_raw_connect(struct pp_raw *r, SOCKET listener, const char *ip, unsigned short port);
/* What a posted request ends with: a status of ibv_wc, or -1 after @ms. */
int pp_raw_wait(struct pp_raw *r, struct ibv_wc *wc, int ms);
int pp_raw_rdma(struct pp_raw *r, bool read, uint64_t addr, uint32_t rkey, uint32_t len);
int pp_raw_send(struct pp_raw *r, uint32_t len);
void pp_raw_recv(struct pp_raw *r, uint32_t len);
void pp_raw_close(struct pp_raw *r);

/* Address and key out of a descriptor, as an attacker would take them. */
uint64_t pp_desc_address(const void *desc);
uint32_t pp_desc_rkey(const void *desc);
/* A counter of the device of san0, of its ports' hw_counters; -1: there is none. */
long long pp_counter(const char *name);

#endif
