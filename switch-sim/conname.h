/* SPDX-License-Identifier: MIT
 *
 * The names of connections. [WS-NAME-5 to -8]
 */
#ifndef WSD_SWITCH_CONNAME_H
#define WSD_SWITCH_CONNAME_H

#include "socket.h"

/* Return a WSA code. The pointers are the application's, checked here. */
int sw_getpeername(struct sw_process *p, SOCKET handle, void *name, int *namelen);

/* SO_BSP_STATE. Caller holds s->lock. WSA code. */
int conname_bsp_state(const struct sw_socket *s, void *value, int *len);

#endif
