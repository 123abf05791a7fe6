/* SPDX-License-Identifier: MIT
 *
 * The SAN side of the switch, as its application side sees it: catalogue, providers, subnet table,
 * companions, hot-plug. The application side never calls a SAN provider itself.
 */
#ifndef WSD_SWITCH_SAN_H
#define WSD_SWITCH_SAN_H

#include "socket.h"

struct memwatch;

/**
 * san_start - steps 2 to 9 of SW-INIT-1; p->tcpip_info, conf, settings and trace are set already
 * Never fails because of a provider: one that fails any step is dropped, logged and never offered
 * [SW-INIT-2]. No thread is started before the first listener (step 10).
 * Return: 0, or -ENOMEM / -EMFILE.
 */
int san_start(struct sw_process *p, struct san **ret);

/**
 * san_stop - WSPCleanup of each provider [SW-INIT-6]
 * After every socket is closed. Joins the service thread, which may be inside sw_socket_each or
 * hold a socket's lock: the caller holds no lock that these take. NULL is fine.
 */
void san_stop(struct san *san);

/**
 * san_listen - SW-LISTEN-2 and -3 for a socket that is first in rank and in kernel LISTEN
 * Caller holds s->lock. Makes s->san. A companion that fails is closed and left out; the
 * application's listen succeeds all the same [SW-LISTEN-4].
 */
void san_listen(struct san *san, struct sw_socket *s);

/* A listener that is not first in rank: what its turn would have to start is started now. */
void san_wait_turn(struct san *san);

/* Closes all companions and forgets s->san. Caller holds s->lock. No-op without. */
void san_unlisten(struct san *san, struct sw_socket *s);

/* A specific listener owns (addr, s's port), or gives it back [SW-WILD-5]. Caller holds s->lock.
 * May come before san_listen, which then makes no companion there. */
void san_shadow(struct san *san, struct sw_socket *s, uint32_t addr_be, bool shadowed);
/* The same with the complete list, as `names` tells it; what is not in it is given back. */
void san_shadow_all(struct san *san, struct sw_socket *s, const uint8_t (*addrs)[4], size_t count);

/* How many companions s has now, for `wsd names`. Caller holds s->lock. */
unsigned san_companions(const struct sw_socket *s);

/**
 * san_getsockopt - forwarded gets of level SOL_SOCKET [SW-OPT-1]
 * Caller holds s->lock. Return: true if a companion answered: *ret_error is 0 or its code, @value
 * and
 * @len are filled; false if this option is not forwarded or there is no companion.
 */
bool san_getsockopt(struct san *san, struct sw_socket *s, int option, char *value, int *len,
		    int *ret_error);

/* SO_DEBUG or SO_GROUP_PRIORITY in s->options changed: tell the companions that exist [SW-OPT-1].
 * Caller holds s->lock. Other options are ignored. */
void san_setsockopt(struct san *san, struct sw_socket *s, int option);

/*
 * What is remembered of this host's addresses holds as long as the epoch stays (it is never 0) and
 * no change waits to be taken in. Who wants both asks for the change first.
 */
bool san_address_change_waits(const struct san *san); /* also when changes cannot be seen */
uint32_t san_address_epoch(const struct san *san);
/* The same, but 0 while a change waits that nobody will take in: no thread serves listeners yet. */
uint32_t san_address_epoch_now(const struct san *san);

/* Watches the application's memory that providers keep registered; NULL: nobody does, so nothing
 * may be kept [SW-FLOW-10]. Takes start_lock. */
struct memwatch *san_memwatch(struct san *san);
/* The same for a listener that no thread was changing at the fork: its memory. */
void san_forget(struct sw_socket *s);

/* In the child after fork: forget threads and providers without calling anything [WS-STARTUP-6]. */
void san_after_fork(struct san *san);

/* The upcall table that every provider, the TCP/IP one included, gets. */
const WSPUPCALLTABLEEX *san_upcalls(void);

#endif
