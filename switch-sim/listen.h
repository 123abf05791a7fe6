/* SPDX-License-Identifier: MIT
 *
 * Listening: the rank of a name, the kernel's listen, companions; and what `names` tells later.
 * [WS-LISTEN, SW-LISTEN, SW-SHARE-2 to 4, SW-WILD-5, WS-REUSE-13]
 */
#ifndef WSD_SWITCH_LISTEN_H
#define WSD_SWITCH_LISTEN_H

#include "names.h"
#include "socket.h"

/* Return a WSA code. */
int sw_listen(struct sw_process *p, SOCKET handle, int backlog);

/* ctx is the process object, cookie the application's handle. */
extern const struct names_ops listen_names_ops;

#endif
