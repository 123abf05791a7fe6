/* SPDX-License-Identifier: MIT
 *
 * What a session is told when it begins. Data; no locks.
 */
#ifndef WSD_SWITCH_SESSION_CONFIG_H
#define WSD_SWITCH_SESSION_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

/* Out of the configuration (settings.h), constant. */
struct session_config {
	uint32_t threshold; /* bytes above which RDMA is used; 0: the provider's own */
	uint32_t idle_buffers, idle_size; /* SW-SESSION-10 */
	uint32_t full_buffers, full_size;
	uint32_t sndbuf, rcvbuf; /* SO_SNDBUF, SO_RCVBUF in effect */
	bool oob_inline;
	bool no_rdma_read; /* behave as if the provider had no WSPRdmaRead */
	unsigned spin_us;  /* poll that long before sleeping */
};

#endif
