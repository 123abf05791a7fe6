/* SPDX-License-Identifier: MIT
 *
 * Memory of the application that providers keep registered: before it can be used for something
 * else, each of them is told [SW-FLOW-10, PROV-MEM-11, -12].
 *
 * Lock: memory_lock, around the list of providers, held over WSPMemoryRegistrationCacheCallback;
 * memwatch's `handle` is taken before it. A provider must not upcall from there.
 */
#include "san_priv.h"

#include "log.h"
#include "memwatch.h"
#include "reactor.h"
#include "wsaname.h"

#include <stdlib.h>
#include <string.h>

static void tell(const struct san_provider *p, uintptr_t at, size_t size)
{
	int error = 0;
	LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK callback =
		(LPFN_WSPMEMORYREGISTRATIONCACHECALLBACK)p->extensions[SAN_CACHE_CALLBACK];
	/* WSAEINVAL: it had nothing of it */
	if (callback((LPVOID)at, size, &error) == SOCKET_ERROR && error != WSAEINVAL)
		wsd_log(WSD_LOG_WARNING,
			"provider %s: memory that is gone stays registered until its transfer "
			"ends: %s",
			p->label, wsaname(error) ? wsaname(error) : "error");
}

static void gone(void *ctx, uintptr_t at, size_t size)
{
	struct san *san = ctx;
	pthread_mutex_lock(&san->memory_lock);
	for (size_t i = 0; i < san->n_caching; i++)
		tell(san->caching[i], at, size);
	pthread_mutex_unlock(&san->memory_lock);
}

/* Before memory of the application is registered: what happens to it will be told. False: it cannot
 * be; drop() after the registration is given back makes the provider keep nothing. */
static bool watch(struct san_provider *p, const void *at, size_t size)
{
	struct memwatch *m = san_memwatch(p->san);
	return m && memwatch_add(m, at, size);
}

static void drop(struct san_provider *p, bool *unwatched)
{
	tell(p, 0, SIZE_MAX);
	*unwatched = false;
}

void san_memory_join(struct san *san, struct san_provider *p)
{
	if (!p->extensions[SAN_CACHE_CALLBACK])
		return;
	p->san = san;
	p->watch = watch;
	p->drop = drop;
	pthread_mutex_lock(&san->memory_lock);
	struct san_provider **grown = realloc(san->caching, (san->n_caching + 1) * sizeof(*grown));
	if (grown) {
		san->caching = grown;
		san->caching[san->n_caching++] = p;
	} else { /* nobody could tell it, so it is told at once, each time */
		p->extensions[SAN_CACHE_CALLBACK] = NULL;
		wsd_log(WSD_LOG_ERROR, "provider %s: no memory to watch memory for it", p->label);
	}
	pthread_mutex_unlock(&san->memory_lock);
}

void san_memory_leave(struct san *san, const struct san_provider *p)
{
	pthread_mutex_lock(&san->memory_lock);
	for (size_t i = 0; i < san->n_caching; i++)
		if (san->caching[i] == p)
			san->caching[i--] = san->caching[--san->n_caching];
	pthread_mutex_unlock(&san->memory_lock);
}

struct memwatch *san_memwatch(struct san *san)
{
	struct memwatch *m = atomic_load(&san->memwatch);
	if (m)
		return m;
	struct reactor *reactor;
	if (reactor_start(san->process, &reactor))
		return NULL;
	pthread_mutex_lock(&san->start_lock);
	m = atomic_load(&san->memwatch);
	if (!m && memwatch_create(reactor, gone, san, &m) == 0)
		atomic_store(&san->memwatch, m);
	pthread_mutex_unlock(&san->start_lock);
	return m;
}
