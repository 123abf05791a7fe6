/* SPDX-License-Identifier: MIT
 *
 * Local names: bind and getsockname. [WS-BIND, WS-NAME, WS-PORT, WS-REUSE, SW-BIND-2]
 */
#ifndef WSD_SWITCH_BIND_H
#define WSD_SWITCH_BIND_H

#include "socket.h"

/* Return a WSA code. The pointers are the application's, checked here. */
int sw_bind(struct sw_process *p, SOCKET handle, const void *name, int namelen);
int sw_getsockname(struct sw_process *p, SOCKET handle, void *name, int *namelen);

/* The wildcard and a dynamic port, for a socket that has no name yet [WS-BIND-7]. Caller holds
 * s->lock, s->state is SW_CREATED. Return: 0 (SW_BOUND), or a WSA code. */
int bind_implicit(struct sw_socket *s);

/* Another dynamic port for a socket of bind_implicit's: its kernel socket is a new one, with the
 * same options. Caller holds s->lock. Return: a WSA code; s is bound as before then. */
int bind_other_port(struct sw_socket *s);

/* The kernel bind of a socket that holds its name, at once or put off. Caller holds s->lock.
 * Return: 0 (s->kernel_bound), or a WSA code. */
int bind_kernel(struct sw_socket *s);

/* The kernel refuses what `names` granted: is it because of another user who holds it, too?
 * Otherwise a foreign program has it [WS-REUSE-13]. s holds its name. Caller holds s->lock. */
bool bind_in_way(struct sw_socket *s);

#endif
