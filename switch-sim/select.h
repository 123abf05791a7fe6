/* SPDX-License-Identifier: MIT
 *
 * select and WSAPoll. The pointers are the application's, checked here.
 */
#ifndef WSD_SWITCH_SELECT_H
#define WSD_SWITCH_SELECT_H

#include "process.h"

struct timeval;

/* Return a WSA code; on success *ret_count entries of the sets are left. @sets: read, write,
 * except. */
int sw_select(struct sw_process *p, struct wsd_fd_set *const sets[3], const struct timeval *timeout,
	      int *ret_count);

/* Return a WSA code; on success *ret_count entries have revents. */
int sw_poll(struct sw_process *p, WSAPOLLFD *sockets, ULONG count, INT timeout_ms, int *ret_count);

#endif
