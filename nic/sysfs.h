/* SPDX-License-Identifier: MIT */
/* sysfs.h - the few things of RDMA devices that only /sys/class/infiniband shows. */
#ifndef NIC_SYSFS_H
#define NIC_SYSFS_H

#include "nic_priv.h"

/* Whether the kernel's tree of RDMA devices is there to be read at all. */
bool nic_sysfs_available(void);
/* rxe and siw have no hardware parent. */
bool nic_sysfs_is_software(const char *device);
enum nic_link_layer nic_sysfs_link_layer(const char *device, unsigned port,
					 enum nic_link_layer otherwise);
/* One GID. -ENOENT beyond the end of the table; @ret untouched. An empty slot is all zeroes. */
int nic_sysfs_gid(const char *device, unsigned port, unsigned slot, uint8_t ret[NIC_GID_SIZE]);

/* The same with the folder of the table held open; a table is read within milliseconds, then
 * closed. */
int nic_sysfs_gids_open(const char *device, unsigned port);
int nic_sysfs_gid_at(int gids_fd, unsigned slot, uint8_t ret[NIC_GID_SIZE]);
/* The name of the interface a GID belongs to. */
int nic_sysfs_gid_ndev(const char *device, unsigned port, unsigned slot, char ret[NIC_IFNAME_SIZE]);

/* "fe80:0000:...": eight groups of hex digits. */
int nic_gid_parse(const char *text, uint8_t ret[NIC_GID_SIZE]);

#endif
