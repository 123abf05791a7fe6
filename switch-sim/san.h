/* SPDX-License-Identifier: MIT
 *
 * The SAN side of the switch, as its application side sees it: catalogue, providers, subnet table,
 * companions, hot-plug. The application side never calls a SAN provider itself.
 */
#ifndef WSD_SWITCH_SAN_H
#define WSD_SWITCH_SAN_H

#include "socket.h"

/**
 * san_start - steps 2 to 9 of SW-INIT-1
 * Never fails because of a provider: one that fails any step is dropped, logged and never offered
 * [SW-INIT-2]. Return: 0, or -ENOMEM / -EMFILE.
 */
int san_start(struct sw_process *p, struct san **ret);
void san_stop(struct san *san); /* after every socket is closed; WSPCleanup of each [SW-INIT-6] */

/**
 * san_listen - SW-LISTEN-2 and -3 for a socket that is first in rank and in kernel LISTEN
 * Caller holds s->lock. Makes s->san. A companion that fails is closed and left out; the
 * application's listen succeeds all the same [SW-LISTEN-4].
 */
void san_listen(struct san *san, struct sw_socket *s);

/* Closes all companions and forgets s->san. Caller holds s->lock. No-op without. */
void san_unlisten(struct san *san, struct sw_socket *s);

/* A specific listener owns (addr, s's port), or gives it back [SW-WILD-5]. Caller holds s->lock. */
void san_shadow(struct san *san, struct sw_socket *s, uint32_t addr_be, bool shadowed);

/* How many companions s has now, for `wsd names`. Caller holds s->lock. */
unsigned san_companions(const struct sw_socket *s);

/* In the child after fork: forget threads and providers without calling anything [WS-STARTUP-6]. */
void san_after_fork(struct san *san);

/* The upcall table that every provider, the TCP/IP one included, gets. */
const WSPUPCALLTABLEEX *san_upcalls(void);

#endif
