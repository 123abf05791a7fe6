/* SPDX-License-Identifier: MIT
 *
 * What the tests of names share: which ports they use, names held beside the measured ones. No
 * locks: one batch at a time.
 */
#ifndef WSD_BENCH_NAMES_HELD_H
#define WSD_BENCH_NAMES_HELD_H

#include "run.h"

enum { NAMES_OWN = 64 }; /* ports of a contestant's own, for what is measured */

/* The name that is the @k-th of a contestant's own, at this host's address. */
struct sockaddr_in names_own(const struct run *r, const struct contestant *c, int k);

struct held {
	const struct name_ops *ops;
	struct bound **names;
	int count;
};

/* Takes @n names, over all addresses of this host that are of the measured kind; each contestant
 * has ports of its own. 0, or -1 with a text. */
int held_take(struct held *h, const struct run *r, const struct contestant *c, int n,
	      bool listening, char *why, size_t size);
/* One more; errno of the bind. A failed one holds nothing. */
int held_add(struct held *h, const struct sockaddr_in *name);
int held_room(struct held *h, int n); /* for @n in all; 0 or -1 with errno */
void held_drop(struct held *h);

/* "bind: Address already in use", with errno; -1. */
int names_fail(char *why, size_t size, const char *step);

#endif
