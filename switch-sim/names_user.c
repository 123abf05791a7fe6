/* SPDX-License-Identifier: MIT */
/*
 * names_user.c: which uid does not tell users apart. A process in a user namespace sees every user
 * that has no number there as one and the same, so two of them may not be taken for one user
 * (WS-REUSE-3). No state, no locks.
 */
#include "names_priv.h"

#include <stdio.h>

enum { OVERFLOW_UID = 65534 /* of the kernel, unless told otherwise */ };
#define ALL_UIDS UINT64_C(4294967295) /* -1 is none */

/* Then the overflow uid is that of a user of its own, "nobody". */
static bool every_user_has_a_number(void)
{
	FILE *f = fopen("/proc/thread-self/uid_map", "re");
	unsigned long long inside, outside, count, sum = 0;

	while (f && fscanf(f, "%llu %llu %llu", &inside, &outside, &count) == 3)
		sum += count;
	if (f)
		fclose(f);
	return sum >= ALL_UIDS;
}

uint64_t names_nobody(void)
{
	unsigned uid = OVERFLOW_UID;

	if (every_user_has_a_number())
		return UINT64_MAX;
	FILE *f = fopen("/proc/sys/kernel/overflowuid", "re");
	if (f && fscanf(f, "%u", &uid) != 1)
		uid = OVERFLOW_UID;
	if (f)
		fclose(f);
	return uid;
}
