/* SPDX-License-Identifier: MIT
 *
 * WSAConnectByName and WSAConnectByList: connect to the first address that answers.
 */
#ifndef WSD_SWITCH_CONNECT_BY_H
#define WSD_SWITCH_CONNECT_BY_H

#include "socket.h"

#include <wsd/api.h>

/* What both take beside the addresses. The pointers are the application's, checked here. */
struct sw_connect_by {
	LPDWORD local_len;
	LPSOCKADDR local;
	LPDWORD remote_len;
	LPSOCKADDR remote;
	const struct timeval *timeout; /* NULL: no limit */
};

/* Return a WSA code. */
int sw_connect_by_list(struct sw_process *p, SOCKET handle, const SOCKET_ADDRESS_LIST *list,
		       const struct sw_connect_by *how);
/* @list: of the resolver, in the order of preference. */
int sw_connect_by_info(struct sw_process *p, SOCKET handle, const ADDRINFOA *list,
		       const struct sw_connect_by *how, uint64_t deadline_ns);

/* The checks that come before any look-up; the deadline is counted from here. */
int sw_connect_by_begin(struct sw_process *p, SOCKET handle, const struct sw_connect_by *how,
			uint64_t *ret_deadline_ns);

#endif
