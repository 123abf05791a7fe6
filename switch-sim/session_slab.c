/* SPDX-License-Identifier: MIT
 *
 * The sessions' registered memory; see session_slab.h. Lock: the slab's, a leaf; no call-out under
 * it.
 */
#include "session_slab.h"

#include "provider.h"

#include <stdlib.h>
#include <string.h>
#include <wsd/abi.h>

enum { KEEP_PAGES = 1024 }; /* of each size: 4 MiB */

static unsigned pages_of(size_t bytes)
{
	return (unsigned)((bytes + SLAB_PAGE - 1) / SLAB_PAGE);
}

void *slab_get(struct session_slab *slab, size_t bytes)
{
	unsigned pages = pages_of(bytes);
	if (pages > SLAB_PAGES_MAX)
		return NULL;
	pthread_mutex_lock(&slab->lock);
	void *block = slab->free[pages];
	if (block) {
		memcpy(&slab->free[pages], block, sizeof(void *));
		slab->count[pages]--;
	}
	pthread_mutex_unlock(&slab->lock);
	return block ? block : aligned_alloc(SLAB_PAGE, (size_t)pages * SLAB_PAGE);
}

/* Whether the provider has no registration of @block left in its cache. */
static bool let_go(const struct san_provider *p, void *block, size_t bytes)
{
	LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK callback =
		(LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK)p->extensions[SAN_CACHE_CALLBACK];
	int error = 0;
	return !callback || callback(block, bytes, &error) == 0 || error == WSAEINVAL;
}

void slab_put(struct san_provider *p, void *block, size_t bytes)
{
	struct session_slab *slab = &p->slab;
	unsigned pages = pages_of(bytes);
	if (!block)
		return;
	pthread_mutex_lock(&slab->lock);
	bool full = slab->count[pages] * pages >= KEEP_PAGES;
	pthread_mutex_unlock(&slab->lock);
	if (full && let_go(p, block, (size_t)pages * SLAB_PAGE)) {
		free(block);
		return;
	}
	pthread_mutex_lock(&slab->lock);
	memcpy(block, &slab->free[pages], sizeof(void *));
	slab->free[pages] = block;
	slab->count[pages]++;
	pthread_mutex_unlock(&slab->lock);
}

void slab_drop(struct session_slab *slab)
{
	for (unsigned i = 0; i <= SLAB_PAGES_MAX; i++) {
		while (slab->free[i]) {
			void *block = slab->free[i];
			memcpy(&slab->free[i], block, sizeof(void *));
			free(block);
		}
		slab->count[i] = 0;
	}
}
