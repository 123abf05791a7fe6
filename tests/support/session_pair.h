/* SPDX-License-Identifier: MIT
 *
 * Two sessions in one process over two provider tables in memory, for tests of the session protocol
 * without RDMA. Nothing moves unless the test says so: messages lie on the wire, completions wait
 * to be told, time stands. One thread; no locks. Stands in for upcalls.c, reactor.c and the clock.
 */
#ifndef WSD_TESTS_SESSION_PAIR_H
#define WSD_TESTS_SESSION_PAIR_H

#include "session.h"

#include <wsd/abi.h>

enum { PAIR_SEGMENTS = 8 };

struct pair_work; /* a posted operation */
struct pair_memory;

struct pair_end {
	struct pair *pair;
	struct pair_end *peer;
	struct san_provider *provider;
	struct session *ss;
	const struct upcall_sink *sink;
	void *sink_ctx;
	struct pair_work *receives, *wire, *told; /* posted; on their way; completed, to be told */
	struct pair_memory *memory;
	bool closed, broken;
	/* What the session told. */
	unsigned ups, ends, ends_in_up;
	int up_code;
	unsigned ready; /* bits since the test last cleared them */
	/* What the provider saw. */
	unsigned sends, receives_posted, reads, writes, registered, exposed;
	unsigned late;          /* messages that met no posted buffer: must stay 0 [SW-SESSION-4] */
	unsigned asked;         /* options */
	unsigned probes;        /* WSPRegisterRdmaMemory with too little room */
	unsigned silent;        /* sends that nobody is to be told of */
	unsigned left_at_close; /* registrations of memory that no operation was using */
	bool early;             /* something was registered before all options were asked for */
	unsigned misuse;        /* calls that a provider must not see */
	/* What it is told to do. */
	int fail_register;    /* so many registrations succeed, then WSAENOBUFS; -1: all */
	int fail_send;        /* the same for sends */
	bool deaf;            /* polling finds nothing */
	bool attended;        /* WSPAttend: a thread of the session's callers looks */
	bool keeps_handle;    /* WSPCloseSocket leaves WPUCloseSocketHandle to pair_close_handle */
	bool closes_in_up;    /* with keeps_handle: pair_close_handle comes while ops->up runs */
	bool tells_in_option; /* what waits to be told is told inside WSPGetSockOpt */
};

struct pair {
	struct pair_end end[2]; /* 0: initiator, 1: responder */
};

struct pair_options {
	struct session_config config[2];
	uint32_t max_message, max_rdma; /* 0: 64 KiB, 1 MiB */
	bool attend;                    /* the provider has WSPAttend */
	bool no_read;                   /* the provider has no WSPRdmaRead */
	bool alone;                     /* no session at end 1: the test is the peer */
	bool responder;                 /* with alone: end 0 is the responder */
};

/* The provider of one end, without a session; pair_new and pair_free call these. */
void pair_provider_open(struct pair_end *e, const struct pair_options *o);
void pair_provider_close(struct pair_end *e);

void pair_new(struct pair *p, const struct pair_options *o);
/* Closes what is open, lets everything end, checks the counters; then nothing is left. */
void pair_free(struct pair *p);

/* One of the events that are possible now, by @choice. False: there is none. */
bool pair_step(struct pair *p, unsigned choice);
/* All of them, in a fixed order, until none is left. */
void pair_run(struct pair *p);
/* Time passes; timers fire. */
void pair_time(struct pair *p, uint32_t ms);
/* How long a look at the clock takes: else who spins, spins for ever. */
extern uint64_t pair_look_ns;
/* The connection is lost under both. */
void pair_cut(struct pair *p);
/* The last upcall, where it was kept back. */
void pair_close_handle(struct pair_end *e);
/* Bytes that come as a message from the peer. False: no receive is posted, or it is too small. */
bool pair_inject(struct pair_end *to, const void *message, uint32_t length);
/* The oldest message on the wire from @from, taken off it. Return: bytes; 0: none. */
uint32_t pair_take(struct pair_end *from, void *message, uint32_t room);

/* The oldest operation of @e on the wire, if it is RDMA, ends with @code. False: it is none. */
bool pair_rdma(struct pair_end *e, int code);
/* A descriptor that the provider at either end takes for one of the other's. */
enum { PAIR_DESCRIPTOR = 24 };
void pair_descriptor(uint32_t length, uint8_t ret[PAIR_DESCRIPTOR]);

/* Requests of tests. */
struct pair_request {
	struct sw_request r;
	WSABUF bufs[PAIR_SEGMENTS];
	unsigned finished;
};
void pair_request(struct pair_request *q, enum sw_op op, void *data, uint32_t n, DWORD flags);
/* Submit; true: over at once. */
bool pair_submit(struct pair_end *e, struct pair_request *q);

#endif
