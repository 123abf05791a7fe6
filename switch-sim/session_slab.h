/* SPDX-License-Identifier: MIT
 *
 * Memory that sessions register: blocks of whole pages, kept for the next session, last in first
 * out, so that a provider that caches registrations by address meets the same addresses again
 * [SW-SESSION-10, PROV-MEM-10]. One slab for each provider; all zero is an empty one.
 *
 * Lock: its own, a leaf.
 */
#ifndef WSD_SWITCH_SESSION_SLAB_H
#define WSD_SWITCH_SESSION_SLAB_H

#include <pthread.h>
#include <stddef.h>

enum { SLAB_PAGE = 4096, SLAB_PAGES_MAX = 16 };

struct session_slab {
	pthread_mutex_t lock;
	void *free[SLAB_PAGES_MAX + 1]; /* by pages; linked through their first word */
	unsigned count[SLAB_PAGES_MAX + 1];
};

struct san_provider;

/* At least @bytes, up to 64 KiB, rounded up to pages. NULL: no memory. */
void *slab_get(struct session_slab *slab, size_t bytes);
/* @bytes as with slab_get. What is too much goes back to the system once the provider's cache has
 * let go of it [SW-FLOW-10]. */
void slab_put(struct san_provider *p, void *block, size_t bytes);
/* The provider has ended: everything back to the system. */
void slab_drop(struct session_slab *slab);

#endif
