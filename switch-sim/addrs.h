/* SPDX-License-Identifier: MIT
 *
 * The IPv4 addresses of this host as TCP/IP sees them, with their masks, now: what the TCP/IP
 * provider tells the switch [SW-SUBNET-1, SW-PNP-1]. By rtnetlink.
 */
#ifndef WSD_SWITCH_ADDRS_H
#define WSD_SWITCH_ADDRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addrs_row {
	uint32_t addr_be;
	uint32_t broadcast_be; /* 0: none */
	uint8_t prefix_len;
	unsigned ifindex;
	char ifname[16];
};

/* @ret_rows is the caller's (free). Return 0 or -errno. */
int addrs_list(struct addrs_row **ret_rows, size_t *ret_count);

/* 1 if @addr_be is 255.255.255.255 or a local interface's broadcast address [WS-BIND-4 (a)], 0 if
 * not, -errno if the kernel cannot be asked. */
int addrs_is_broadcast(uint32_t addr_be);

/* A netlink socket that becomes readable on each change of address or link. Return fd or -errno. */
int addrs_monitor_open(void);
void addrs_drain(int fd); /* empty it */

#endif
