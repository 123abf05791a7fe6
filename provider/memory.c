/* SPDX-License-Identifier: MIT
 *
 * WSPRegisterMemory and its three companions: handles and descriptors of one connection, checked
 * values both. Takes conn->lock for moments and memory->lock by regcache.c; none over a call of the
 * NIC. PROV-MEM-1 to 9, 13, 14.
 */
#include "memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "log.h"
#include "transfer.h"
#include "wsp.h"

enum { SLOTS_FIRST = 8, SLOTS_MAX = 1 << MEM_HANDLE_SLOT_BITS, PAGE_MASK = 4095 };

void memory_start(struct prov *p)
{
	p->rdma_read = conf_bool(p->conf, "rdma.read", true);
	p->cache_entries =
		(unsigned)conf_long(p->conf, "rdma.cache_entries", MEM_CACHE_ENTRIES, 0, 1 << 20);
	p->cache_bytes =
		(size_t)conf_long(p->conf, "rdma.cache_bytes", MEM_CACHE_BYTES, 0, INT64_MAX);
	/* A handle is never given twice, whatever endpoint it is of: a stale one is recognised
	 * [PROV-MEM-3]. */
	atomic_init(&p->memory_serial, 1);
}

struct prov *memory_prov(void)
{
	wsd_lock(&prov_process.lock);
	struct prov *p = prov_process.live;
	if (p)
		atomic_fetch_add(&p->refs, 1);
	wsd_unlock(&prov_process.lock);
	return p;
}

bool memory_offer_read(void)
{
	struct prov *p = memory_prov();
	bool offer = p && p->rdma_read;
	if (p)
		prov_put(p);
	return offer;
}

int memory_create(struct endpoint *ep)
{
	struct memory *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	m->ep = ep;
	ep->memory = m;
	pthread_mutex_lock(&ep->p->memory_lock);
	DL_APPEND(ep->p->memories, m);
	pthread_mutex_unlock(&ep->p->memory_lock);
	return 0;
}

static void reg_free(struct memory *m, struct reg *r)
{
	if (r->region)
		regcache_put(m, r->region);
	else if (r->mr) {
		int err = ibv_dereg_mr(r->mr);
		if (err) {
			/* Then at least nobody reaches it: not this peer, nor the endpoint's next
			 * [PROV-MEM-8, -9]. */
			wsd_log(WSD_LOG_ERROR, "provider: memory stays registered: %s",
				strerror(err));
			m->ep->spoiled = true;
		}
	}
	free(r);
}

/* After reg_free(), while the connection is there; caller holds conn->lock. */
static void seal_locked(const struct memory *m)
{
	if (m->ep->spoiled)
		endpoint_err(m->ep);
}

/* The connection is over, so nobody else uses the regs. */
void memory_recycle(struct endpoint *ep)
{
	struct memory *m = ep->memory;
	for (uint32_t i = 0; i < m->slot_count; i++)
		if (m->slots[i])
			reg_free(m, m->slots[i]);
	free(m->slots);
	m->slots = NULL;
	m->slot_count = m->slot_room = 0;
	m->readable.n = m->writable.n = 0;
	m->last_read = m->last_written = NULL;
}

bool memory_is_exposed(const struct endpoint *ep)
{
	const struct memory *m = ep->memory;
	for (uint32_t i = 0; i < m->slot_count; i++)
		if (m->slots[i] && !m->slots[i]->region)
			return true;
	return false;
}

void memory_destroy(struct endpoint *ep)
{
	struct memory *m = ep->memory;
	if (!m)
		return;
	memory_recycle(ep);
	ep->memory = NULL;
	/* Not found by a callback from here on. */
	pthread_mutex_lock(&ep->p->memory_lock);
	DL_DELETE(ep->p->memories, m);
	pthread_mutex_unlock(&ep->p->memory_lock);
	regcache_clear(m);
	span_free(&m->readable);
	span_free(&m->writable);
	for (DWORD rights = 1; rights < MEM_RIGHTS; rights++)
		span_free(&m->regions[rights]);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static struct reg *find(const struct memory *m, uint64_t handle)
{
	uint64_t slot = handle & (SLOTS_MAX - 1);
	struct reg *r = slot < m->slot_count ? m->slots[slot] : NULL;
	return r && r->handle == handle ? r : NULL;
}

struct reg *memory_of_handle(const struct memory *m, uint64_t handle)
{
	struct reg *r = find(m, handle);
	return r && r->region ? r : NULL;
}

/* A place in the table. -ENOMEM. */
static int take_slot(struct memory *m, uint32_t *ret)
{
	for (uint32_t i = 0; i < m->slot_count; i++)
		if (!m->slots[i]) {
			*ret = i;
			return 0;
		}
	if (m->slot_count == SLOTS_MAX)
		return -ENOMEM;
	if (m->slot_count == m->slot_room) {
		uint32_t room = m->slot_room ? m->slot_room * 2 : SLOTS_FIRST;
		struct reg **slots = realloc(m->slots, room * sizeof(struct reg *));
		if (!slots)
			return -ENOMEM;
		m->slots = slots;
		m->slot_room = room;
	}
	m->slots[m->slot_count] = NULL;
	*ret = m->slot_count++;
	return 0;
}

/* Gives the reg its handle and lets it be found. Nothing changes on failure. */
static int publish_locked(struct memory *m, struct reg *r)
{
	uint32_t slot;
	int err = 0;
	if (r->region && r->rights & MEM_READ)
		err = span_reserve(&m->readable);
	if (!err && r->region && r->rights & MEM_WRITE)
		err = span_reserve(&m->writable);
	if (!err)
		err = take_slot(m, &slot);
	if (err)
		return err;
	r->handle = (uint64_t)atomic_fetch_add(&m->ep->p->memory_serial, 1)
			    << MEM_HANDLE_SLOT_BITS |
		    slot;
	m->slots[slot] = r;
	if (r->region && r->rights & MEM_READ)
		span_add(&m->readable, &r->span);
	if (r->region && r->rights & MEM_WRITE)
		span_add(&m->writable, &r->span);
	return 0;
}

static void unpublish_locked(struct memory *m, struct reg *r)
{
	m->slots[r->handle & (SLOTS_MAX - 1)] = NULL;
	if (!r->region)
		return;
	if (r->rights & MEM_READ)
		span_remove(&m->readable, &r->span);
	if (r->rights & MEM_WRITE)
		span_remove(&m->writable, &r->span);
	m->last_read = m->last_written = NULL;
}

/* The same memory with the same rights is the same handle, counted [PROV-MEM-3]. */
static struct reg *find_same(const struct memory *m, uintptr_t start, uint32_t len, DWORD rights)
{
	const struct span_map *map = rights & MEM_READ ? &m->readable : &m->writable;
	for (size_t i = span_lower(map, start); i < map->n && map->v[i]->start == start; i++) {
		struct reg *r = (struct reg *)map->v[i];
		if (r->span.end == start + len && r->rights == rights)
			return r;
	}
	return NULL;
}

/* What holds for both kinds before the NIC is asked [PROV-MEM-1, 2]. */
static int check(const void *buffer, uint32_t len, DWORD flags)
{
	if (!flags || flags & ~(DWORD)(MEM_READ | MEM_WRITE))
		return WSAEINVAL;
	if (!buffer || !len || (uintptr_t)buffer + len < (uintptr_t)buffer)
		return WSAEFAULT;
	return 0;
}

/* Whatever ended the connection, there is none [provider.md part 5]. */
static int check_connected_locked(const struct conn *c)
{
	int code = transfer_check_locked(c);
	return code && code != WSAENOTSOCK ? WSAENOTCONN : code;
}

/* The state comes before the arguments. */
static int enter_connected(SOCKET s, struct conn **ret)
{
	struct conn *c = NULL;
	int code = transfer_enter(s, WSAENOTCONN, &c);
	if (code)
		return code;
	pthread_mutex_lock(&c->lock);
	code = check_connected_locked(c);
	pthread_mutex_unlock(&c->lock);
	if (code)
		transfer_leave(c);
	else
		*ret = c;
	return code;
}

/* Between these the endpoint stays this connection's, although conn->lock is not held. */
static int begin(struct conn *c)
{
	pthread_mutex_lock(&c->lock);
	int code = check_connected_locked(c);
	if (!code)
		c->transfer->busy++;
	pthread_mutex_unlock(&c->lock);
	return code;
}

/* With conn->lock, which stays held. 0, or a code: the connection is over. */
static int end_locked(struct conn *c)
{
	struct transfer *t = c->transfer;
	pthread_mutex_lock(&c->lock);
	if (--t->busy == 0 && t->closed)
		pthread_cond_broadcast(&t->cond);
	return c->broken || t->closed ? WSAENOTCONN : 0;
}

static int register_local(struct conn *c, void *buffer, uint32_t len, DWORD flags, HANDLE *ret)
{
	struct region *region = NULL;
	struct reg *r = calloc(1, sizeof(*r)), *same = NULL;
	int code = begin(c), err = 0;
	if (code) {
		free(r);
		return code;
	}
	struct memory *m = c->ep->memory;
	if (r)
		err = regcache_get(m, buffer, len, flags, &region);
	else
		err = -ENOMEM;
	code = end_locked(c);
	if (!code)
		code = errmap(EO_REGISTER, err);
	if (!code && (same = find_same(m, (uintptr_t)buffer, len, flags))) {
		same->refs++;
		*ret = (HANDLE)(uintptr_t)same->handle;
	} else if (!code) {
		*r = (struct reg){
			.span = {(uintptr_t)buffer, (uintptr_t)buffer + len},
			.rights = flags,
			.refs = 1,
			.lkey = region->mr->lkey,
			.region = region,
		};
		code = errmap(EO_REGISTER, publish_locked(m, r));
		if (!code) {
			*ret = (HANDLE)(uintptr_t)r->handle;
			r = NULL;
			region = NULL;
		}
	}
	/* Under the lock still: the endpoint is not this connection's for ever. */
	if (region)
		regcache_put(m, region);
	pthread_mutex_unlock(&c->lock);
	free(r);
	return code;
}

HANDLE WSPAPI prov_WSPRegisterMemory(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength, DWORD dwFlags,
				     LPINT lpErrno)
{
	struct conn *c = NULL;
	HANDLE handle = NULL;
	int code = enter_connected(s, &c);
	if (!code) {
		code = check(lpBuffer, dwBufferLength, dwFlags);
		if (!code)
			code = register_local(c, lpBuffer, dwBufferLength, dwFlags, &handle);
		transfer_leave(c);
	}
	sock_fail(lpErrno, code);
	return handle;
}

/* The last reference goes, unless it is in use; caller holds nothing. */
static int take_back(struct conn *c, uint64_t handle, const void *descriptor)
{
	int code = 0;
	struct reg *gone = NULL;
	pthread_mutex_lock(&c->lock);
	struct transfer *t = c->transfer;
	struct memory *m = t && !t->closed && c->ep ? c->ep->memory : NULL;
	struct reg *r = m ? find(m, handle) : NULL;
	if (!m)
		code = c->broken ? 0 : WSAEINVAL; /* its device is gone, and it with it */
	else if (!r || !r->region != !!descriptor ||
		 (descriptor && memcmp(descriptor, r->descriptor, sizeof(r->descriptor)) != 0) ||
		 (r->refs == 1 && r->uses))
		code = WSAEINVAL;
	else if (--r->refs == 0) {
		unpublish_locked(m, r);
		gone = r;
		t->busy++;
	}
	pthread_mutex_unlock(&c->lock);
	if (gone) {
		reg_free(m, gone);
		end_locked(c);
		seal_locked(m);
		pthread_mutex_unlock(&c->lock);
	}
	return code;
}

int WSPAPI prov_WSPDeregisterMemory(SOCKET s, HANDLE Handle, LPINT lpErrno)
{
	struct conn *c = NULL;
	int code = transfer_enter(s, WSAEINVAL, &c);
	if (!code) {
		code = take_back(c, (uintptr_t)Handle, NULL);
		transfer_leave(c);
	}
	return sock_fail(lpErrno, code);
}

/*
 * The NIC knows the memory under an address that says nothing of ours: a number of its own, then
 * the place in the page, which some NICs want to be true. 2^33 apart, so that no two of them meet.
 */
static uint64_t make_address(struct memory *m, const void *buffer)
{
	uint64_t n = atomic_fetch_add(&m->ep->p->memory_serial, 1) & 0x3fffffff;
	return n << 33 | ((uintptr_t)buffer & PAGE_MASK);
}

/* Remote rights as they are given; a NIC wants to write itself where the peer may [PROV-MEM-7]. */
static int expose(struct memory *m, void *buffer, uint32_t len, struct reg *r, struct remote *ret)
{
	int access = (r->rights & MEM_READ ? IBV_ACCESS_REMOTE_READ : 0) |
		     (r->rights & MEM_WRITE ? IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_LOCAL_WRITE : 0);
	uint64_t address = make_address(m, buffer);
	r->mr = ibv_reg_mr_iova(m->ep->pd, buffer, len, address, access);
	if (!r->mr && (errno == ENOMEM || errno == EAGAIN)) {
		regcache_clear_all(m->ep->p);
		r->mr = ibv_reg_mr_iova(m->ep->pd, buffer, len, address, access);
	}
	if (!r->mr)
		return errno ? -errno : -ENOMEM;
	*ret = (struct remote){
		.address = address, .length = len, .rkey = r->mr->rkey, .rights = r->rights};
	return 0;
}

static int register_remote(struct conn *c, void *buffer, uint32_t len, DWORD flags, void *out)
{
	struct reg *r = calloc(1, sizeof(*r));
	int code = begin(c), err = -ENOMEM;
	if (code) {
		free(r);
		return code;
	}
	struct memory *m = c->ep->memory;
	struct remote remote = {0};
	if (r) {
		r->span = (struct span){(uintptr_t)buffer, (uintptr_t)buffer + len};
		r->rights = flags;
		r->refs = 1;
		err = expose(m, buffer, len, r, &remote);
	}
	code = end_locked(c);
	if (!code)
		code = errmap(EO_REGISTER, err);
	if (!code)
		code = errmap(EO_REGISTER, publish_locked(m, r));
	if (!code) {
		remote.id = r->handle;
		descriptor_put(r->descriptor, &remote);
		memcpy(out, r->descriptor, sizeof(r->descriptor));
	} else if (r) {
		reg_free(m, r);
		seal_locked(m);
	}
	pthread_mutex_unlock(&c->lock);
	return code;
}

int WSPAPI prov_WSPRegisterRdmaMemory(SOCKET s, PVOID lpBuffer, DWORD dwBufferLength, DWORD dwFlags,
				      LPVOID lpRdmaBufferDescriptor, LPDWORD lpdwDescriptorLength,
				      LPINT lpErrno)
{
	struct conn *c = NULL;
	int code = enter_connected(s, &c);
	if (code)
		return sock_fail(lpErrno, code);
	if (!lpdwDescriptorLength) {
		code = WSAEFAULT;
	} else if (!lpRdmaBufferDescriptor || *lpdwDescriptorLength < MEM_DESCRIPTOR_SIZE) {
		*lpdwDescriptorLength = MEM_DESCRIPTOR_SIZE; /* [PROV-MEM-5] */
		code = WSAEFAULT;
	} else {
		code = check(lpBuffer, dwBufferLength, dwFlags);
		if (!code)
			code = register_remote(c, lpBuffer, dwBufferLength, dwFlags,
					       lpRdmaBufferDescriptor);
		if (!code)
			*lpdwDescriptorLength = MEM_DESCRIPTOR_SIZE;
	}
	transfer_leave(c);
	return sock_fail(lpErrno, code);
}

int WSPAPI prov_WSPDeregisterRdmaMemory(SOCKET s, LPVOID lpRdmaBufferDescriptor,
					DWORD dwDescriptorLength, LPINT lpErrno)
{
	struct conn *c = NULL;
	struct remote remote;
	int code = transfer_enter(s, WSAEINVAL, &c);
	if (code)
		return sock_fail(lpErrno, code);
	if (!descriptor_get(lpRdmaBufferDescriptor, dwDescriptorLength, &remote))
		code = WSAEINVAL;
	else
		code = take_back(c, remote.id, lpRdmaBufferDescriptor);
	transfer_leave(c);
	return sock_fail(lpErrno, code);
}
