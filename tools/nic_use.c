/* SPDX-License-Identifier: MIT
 *
 * nic_use.c - whether the switch would use an address or a port. No state.
 */
#include "nic_use.h"

#include "conf.h"

struct nic_use nic_use(const struct conf *c, const struct nic_addr *a)
{
	if (a->usable && a->autoconf && !conf_autoconf(c, a->ifname)) /* PROV-BIND-17 */
		return (struct nic_use){false, "autoconfiguration-off",
					"IPAutoconfigurationEnabled is 0 for the interface"};
	return (struct nic_use){a->usable, nic_reason_name(a->reason), nic_reason_text(a->reason)};
}

struct nic_use nic_use_port(const struct conf *c, const struct nic_snapshot *s, size_t port)
{
	const struct nic_port *p = nic_snapshot_port(s, port);
	struct nic_use use = {false, nic_reason_name(p->reason), nic_reason_text(p->reason)}, one;
	const struct nic_addr *a;

	for (size_t i = 0; (a = nic_snapshot_addr(s, i)); i++) {
		if (a->port_index != port)
			continue;
		one = nic_use(c, a);
		if (one.used || !use.used)
			use = one;
	}
	return use;
}
