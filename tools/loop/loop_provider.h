/* SPDX-License-Identifier: MIT
 *
 * The loop provider: a whole SAN service provider without RDMA, for tests of the switch on any
 * machine. Processes of one network namespace reach each other over abstract AF_UNIX sockets; RDMA
 * is done by the target's thread with process_vm_readv and -writev, after it has looked at its own
 * registrations. Simple and strict rather than fast: it is what the switch is tested against.
 *
 * What it does is said by the environment when WSPStartupEx is called, or by a test that opens the
 * module before WSAStartup does, finds LOOP_CONTROL in it and sets `fixed`:
 *
 *   LOOP_ADDRS=10.77.0.1,...  the addresses that it serves
 *   LOOP_NET=word             only processes of one word reach each other; /folder: also those of
 *                             other network namespaces, by files in it
 *   LOOP_LOST=10.77.0.9,...   hosts that never answer (the attempt's own timer ends it)
 *   LOOP_NO_READ=1            no WSPRdmaRead: WSAEOPNOTSUPP for its GUID
 *   LOOP_REFUSE=code          each attempt ends with this code; LOOP_REFUSE_NOW: in WSPConnect
 *   LOOP_DELAY_MS=n           an attempt sets out so late
 *   LOOP_CONNECT_MS=n         the attempt's own timer (1000)
 *   LOOP_SILENT=1             requests that arrive are never answered
 *   LOOP_GARBAGE=n            the n-th message that a connection sends is garbage
 *   LOOP_CUT=n                a connection breaks instead of sending its n-th message
 *   LOOP_MAX_MSG, LOOP_MAX_RDMA, LOOP_THRESHOLD   what WSPGetSockOpt says
 *   LOOP_WILDCARD=1           0.0.0.0 may be bound
 *   LOOP_INLINE=1             completions and their upcalls come from inside downcalls, too
 *   LOOP_ATTEND=1             it offers WSPAttend [wsd/attend.h]
 */
#ifndef WSD_TESTS_LOOP_PROVIDER_H
#define WSD_TESTS_LOOP_PROVIDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LOOP_ADDRS_MAX = 64 };

struct loop_options {
	char net[64];
	uint32_t addrs_be[LOOP_ADDRS_MAX], lost_be[LOOP_ADDRS_MAX];
	unsigned n_addrs, n_lost;
	bool no_read, silent, wildcard, inline_completions, attend;
	int refuse, refuse_now;
	unsigned delay_ms, connect_ms;
	unsigned garbage_at, cut_at; /* 0: never */
	uint32_t max_msg, max_rdma, threshold;
};

struct loop_control {
	struct loop_options options; /* may be changed while it runs */
	bool fixed;                  /* the environment is not looked at */
	void (*cut_all)(void);       /* every connection of this process is lost */
	/* A peer without a switch: asks to connect and says nothing more. A descriptor or -1. */
	int (*knock)(const char *ip, uint16_t port, const char *from, uint16_t from_port);

	/* what happened */
	atomic_uint startups, sockets, registrations; /* now */
	atomic_uint connects, accepts;                /* that came about */
	atomic_uint attempts;                         /* of WSPConnect */
	atomic_ullong messages, message_bytes, rdma_reads, rdma_writes, rdma_bytes; /* done here */
	atomic_uint early; /* messages that came before their receive */
	atomic_uint stale; /* calls with a descriptor that is none */
};

/* The symbol to look up in the module. */
#define LOOP_CONTROL "loop_control"

#endif
