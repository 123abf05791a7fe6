/* SPDX-License-Identifier: MIT
 *
 * Socket options as the application sees them: its own values, never the kernel's internal ones.
 * [WS-REUSE-1, -7, -12, -13, WS-PORT-5, WS-LISTEN-5, SW-OPT-1, SW-BIND-3]
 */
#ifndef WSD_SWITCH_OPTIONS_H
#define WSD_SWITCH_OPTIONS_H

#include "socket.h"

/* Return a WSA code. Pointers are the application's, checked here. */
int sw_setsockopt(struct sw_process *p, SOCKET handle, int level, int name, const void *value,
		  int len);
int sw_getsockopt(struct sw_process *p, SOCKET handle, int level, int name, void *value, int *len);

#endif
