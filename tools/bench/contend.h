/* SPDX-License-Identifier: MIT
 *
 * What contenders share among themselves. Locks: none, but contend_rdma()'s, for what it counts.
 */
#ifndef WSD_BENCH_CONTEND_H
#define WSD_BENCH_CONTEND_H

#include "contender.h"

#include <wsd/abi.h>

struct rdma_event_channel;

/* The errno that says what @code, of the library, says; EPROTO for codes that nothing here expects.
 */
int contend_errno(int code);
/* Sets errno by @code; -1, or 0 for code 0. */
int contend_result(int code);
struct wsd_sockaddr_in contend_winsock_name(const struct sockaddr_in *name);
struct sockaddr_in contend_socket_name(const struct wsd_sockaddr_in *name);

/* For those over RDMA: whether @here is served by an RDMA port, and, as long as it is held, an id
 * bound to it, since librdmacm makes a protection domain whenever a device's first id is bound.
 * There is one librdmacm in a process, so all of them share the anchor. 0, or -1 with a text. */
int contend_rdma(const struct sockaddr_in *here, char *why, size_t size);
void contend_rdma_done(void);

/* The module of the catalogue's first provider of the list "TCP on SAN". 0, or -1 with a text. */
int contend_provider_module(char *path, size_t room, char *why, size_t size);
/* The provider's functions while it is started, else NULL. */
const WSPPROC_TABLE *contend_provider_table(void);

/* Frees and closes (not -1) what was begun, and keeps errno: -1. */
int contend_give_up(void *memory, int fd);
/* Wakes a thread in a blocking accept of TCP/IP at @at: with a connection. */
void contend_poke(const struct sockaddr_in *at);

/* Frees the channels of bare librdmacm's connections, none of which is left. */
void contend_raw_idle(void);

extern const struct conn_ops switch_conns, provider_conns, raw_conns, raw_cm_conns, rsockets_conns,
	tcp_conns;
extern const struct name_ops switch_names, provider_names, raw_names, rsockets_names, tcp_names;

#endif
