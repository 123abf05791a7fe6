/* SPDX-License-Identifier: MIT
 *
 * Whether the switch would use an address: what nic/ says of it, and what the configuration says.
 */
#ifndef WSD_TOOLS_NIC_USE_H
#define WSD_TOOLS_NIC_USE_H

#include "nic.h"

struct conf;

struct nic_use {
	bool used;
	const char *name, *text; /* why not: for programs, for people */
};

struct nic_use nic_use(const struct conf *c, const struct nic_addr *a);

/* Of a port that has no address, or of one that has: used if one of them is. */
struct nic_use nic_use_port(const struct conf *c, const struct nic_snapshot *s, size_t port);

#endif
