/* SPDX-License-Identifier: MIT
 *
 * Which addresses the provider serves now: those that the NIC snapshot calls usable, less those
 * that IPAutoconfigurationEnabled takes away [PROV-BIND-11 PROV-BIND-17 PROV-IOCTL-2]. No locks.
 */
#include <stdio.h>

#include "prov.h"

/* The interface's own value wins over the general one; without either it is enabled. */
static bool autoconf_enabled(const struct conf *c, const char *ifname)
{
	char key[64 + NIC_IFNAME_SIZE];
	snprintf(key, sizeof(key), "IPAutoconfigurationEnabled.%s", ifname);
	if (!conf_get(c, key))
		snprintf(key, sizeof(key), "IPAutoconfigurationEnabled");
	return conf_long(c, key, 1, INT32_MIN, UINT32_MAX) != 0;
}

bool served(const struct prov *p, const struct nic_addr *a)
{
	return a->usable && (!a->autoconf || autoconf_enabled(p->conf, a->ifname));
}

const struct nic_addr *served_find(const struct prov *p, const struct nic_snapshot *snap,
				   uint32_t addr_be)
{
	const struct nic_addr *a = nic_snapshot_find(snap, addr_be);
	return a && served(p, a) ? a : NULL;
}
