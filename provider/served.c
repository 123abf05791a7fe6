/* SPDX-License-Identifier: MIT
 *
 * Which addresses the provider serves now: those that the NIC snapshot calls usable, less those
 * that IPAutoconfigurationEnabled takes away [PROV-BIND-11 PROV-BIND-17 PROV-IOCTL-2]. No locks.
 */
#include "prov.h"

bool served(const struct prov *p, const struct nic_addr *a)
{
	return a->usable && (!a->autoconf || conf_autoconf(p->conf, a->ifname));
}

const struct nic_addr *served_find(const struct prov *p, const struct nic_snapshot *snap,
				   uint32_t addr_be)
{
	const struct nic_addr *a = nic_snapshot_find(snap, addr_be);
	return a && served(p, a) ? a : NULL;
}
