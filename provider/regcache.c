/* SPDX-License-Identifier: MIT
 *
 * Local registrations at the NIC, and the cache of those that nobody uses: per endpoint, bounded in
 * entries and bytes, a hit by range and exact rights; the callback by which the switch says that
 * mappings change. Takes memory->lock, never over a registration. PROV-MEM-10 to 13.
 *
 * A cached region is only as good as the word of whoever would tell us that its memory went away.
 * So nothing is cached until the switch has taken the callback's pointer, which is offered where
 * this process may use userfaultfd, the only way to see free() [PROV-MEM-12].
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <utlist.h>

#include "log.h"
#include "memory.h"
#include "wsp.h"

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

static size_t region_size(const struct region *r)
{
	return r->span.end - r->span.start;
}

static void region_free(struct region *r)
{
	int err = ibv_dereg_mr(r->mr);
	if (err)
		wsd_log(WSD_LOG_WARNING, "provider: a region stays registered: %s", strerror(err));
	free(r);
}

static void unlink_idle_locked(struct memory *m, struct region *r)
{
	DL_DELETE(m->idle, r);
	m->idle_bytes -= region_size(r);
	m->idle_count--;
	span_remove(&m->regions[r->rights], &r->span);
}

/* Takes idle regions out until @bytes and @count are kept; a list of them by next. */
static struct region *evict_locked(struct memory *m, size_t bytes, unsigned count)
{
	struct region *out = NULL;
	while (m->idle && (m->idle_bytes > bytes || m->idle_count > count)) {
		struct region *r = m->idle;
		unlink_idle_locked(m, r);
		LL_PREPEND(out, r);
	}
	return out;
}

static void free_list(struct region *list)
{
	for (struct region *r = list, *next; r; r = next) {
		next = r->next;
		region_free(r);
	}
}

void regcache_clear(struct memory *m)
{
	pthread_mutex_lock(&m->lock);
	struct region *out = evict_locked(m, 0, 0);
	pthread_mutex_unlock(&m->lock);
	free_list(out);
}

void regcache_clear_all(struct prov *p)
{
	pthread_mutex_lock(&p->memory_lock);
	for (struct memory *m = p->memories; m; m = m->next)
		regcache_clear(m);
	pthread_mutex_unlock(&p->memory_lock);
}

static struct region *hit_locked(struct memory *m, uintptr_t start, uintptr_t end, DWORD rights)
{
	struct region *r = (struct region *)span_cover(&m->regions[rights], start, end);
	if (!r)
		return NULL;
	if (!r->users++) {
		DL_DELETE(m->idle, r);
		m->idle_bytes -= region_size(r);
		m->idle_count--;
	}
	return r;
}

static struct ibv_mr *reg_mr(struct memory *m, void *addr, uint32_t len, DWORD rights)
{
	/* Verbs cannot forbid local reads: transfers look at the rights [PROV-MEM-7]. */
	int access = rights & MEM_WRITE ? IBV_ACCESS_LOCAL_WRITE : 0;
	struct ibv_mr *mr = ibv_reg_mr(m->ep->pd, addr, len, access);
	if (!mr && (errno == ENOMEM || errno == EAGAIN)) {
		regcache_clear_all(m->ep->p);
		mr = ibv_reg_mr(m->ep->pd, addr, len, access);
	}
	return mr;
}

int regcache_get(struct memory *m, void *addr, uint32_t len, DWORD rights, struct region **ret)
{
	uintptr_t start = (uintptr_t)addr;
	pthread_mutex_lock(&m->lock);
	*ret = hit_locked(m, start, start + len, rights);
	uint64_t changes = m->changes;
	pthread_mutex_unlock(&m->lock);
	if (*ret)
		return 0;

	struct region *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->span = (struct span){start, start + len};
	r->rights = rights;
	r->users = 1;
	r->mr = reg_mr(m, addr, len, rights);
	if (!r->mr) {
		int err = errno ? errno : ENOMEM;
		free(r);
		return -err;
	}
	pthread_mutex_lock(&m->lock);
	/* What changed meanwhile may be this memory. */
	r->stale = m->changes != changes || span_reserve(&m->regions[rights]);
	if (!r->stale)
		span_add(&m->regions[rights], &r->span);
	pthread_mutex_unlock(&m->lock);
	*ret = r;
	return 0;
}

void regcache_put(struct memory *m, struct region *r)
{
	struct prov *p = m->ep->p;
	struct region *out = NULL;
	pthread_mutex_lock(&m->lock);
	if (--r->users == 0) {
		bool keep = !r->stale && atomic_load(&p->cache_on) &&
			    region_size(r) <= p->cache_bytes && p->cache_entries;
		if (keep) {
			DL_APPEND(m->idle, r);
			m->idle_bytes += region_size(r);
			m->idle_count++;
			out = evict_locked(m, p->cache_bytes, p->cache_entries);
		} else {
			if (!r->stale)
				span_remove(&m->regions[r->rights], &r->span);
			r->next = NULL;
			out = r;
		}
	}
	pthread_mutex_unlock(&m->lock);
	free_list(out);
}

/* One endpoint's part of the callback. True: something overlaps that is in use. */
static bool forget(struct memory *m, uintptr_t start, uintptr_t end, bool *ret_dropped)
{
	bool busy = false;
	struct region *out = NULL, *r;
	pthread_mutex_lock(&m->lock);
	m->changes++;
	for (DWORD rights = 1; rights < MEM_RIGHTS; rights++)
		while ((r = (struct region *)span_overlap(&m->regions[rights], start, end))) {
			if (r->users) {
				/* The switch should not have let this happen: at least it is never
				 * taken for the new mapping. */
				span_remove(&m->regions[rights], &r->span);
				r->stale = true;
				busy = true;
				continue;
			}
			unlink_idle_locked(m, r);
			LL_PREPEND(out, r);
			*ret_dropped = true;
		}
	/* Under the lock: a registration that waits for it must not find the NIC's old one. */
	free_list(out);
	pthread_mutex_unlock(&m->lock);
	return busy;
}

int WSPAPI prov_WSPMemoryRegistrationCacheCallback(LPVOID lpvAddress, SIZE_T Size, LPINT lpErrno)
{
	uintptr_t start = (uintptr_t)lpvAddress;
	struct prov *p = memory_prov();
	if (!p)
		return sock_fail(lpErrno, WSAEINVAL);
	uintptr_t end = start + Size < start ? UINTPTR_MAX : start + Size;
	bool busy = false, dropped = false;
	pthread_mutex_lock(&p->memory_lock);
	for (struct memory *m = Size ? p->memories : NULL; m; m = m->next)
		busy |= forget(m, start, end, &dropped);
	pthread_mutex_unlock(&p->memory_lock);
	prov_put(p);
	return sock_fail(lpErrno, busy ? WSAEFAULT : dropped ? 0 : WSAEINVAL);
}

/* Whether somebody in this process could learn that memory goes away. */
static bool can_watch_memory(void)
{
	long fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd < 0)
		return false;
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMAP |
			    UFFD_FEATURE_EVENT_REMOVE,
	};
	bool ok = ioctl((int)fd, UFFDIO_API, &api) == 0;
	close((int)fd);
	return ok;
}

bool regcache_offer(void)
{
	struct prov *p = memory_prov();
	bool offer = p && p->cache_entries && p->cache_bytes && can_watch_memory();
	if (offer)
		atomic_store(&p->cache_on, true);
	if (p)
		prov_put(p);
	return offer;
}
