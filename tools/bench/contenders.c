/* SPDX-License-Identifier: MIT
 *
 * contenders.c - the table of contenders: the library first, then its peers.
 */
#include "contender.h"

#include <string.h>

static const struct contender *const contenders[] = {
	&contend_switch,   &contend_provider, &contend_raw,
	&contend_raw_cm,   &contend_rsockets, &contend_tcp,
	&contend_perftest, &contend_rstream,  NULL,
};

const struct contender *contender_at(int i)
{
	return i >= 0 && (size_t)i < sizeof(contenders) / sizeof(contenders[0]) ? contenders[i]
										: NULL;
}

const struct contender *contender_find(const char *name)
{
	for (int i = 0; contenders[i]; i++)
		if (!strcmp(contenders[i]->name, name))
			return contenders[i];
	return NULL;
}
