/* SPDX-License-Identifier: MIT
 *
 * Registrations of one endpoint, for the data side: memory.c (handles), regcache.c (what the NIC
 * knows), transfer.c and rdma.c (who looks them up).
 *
 * Two levels. A *region* is a registration at the NIC of memory for local use; it outlives the
 * handles that use it, idle in a bounded cache, and the endpoint's connection. A *reg* is what a
 * HANDLE or a descriptor names: of one connection, gone with it. Remote access is a reg with a NIC
 * registration of its own, which is never cached [PROV-MEM-8 to 10].
 *
 * Locks: regs, their maps and the table of handles belong to the connection: under conn->lock,
 * which the data path holds anyhow. Regions: memory->lock. The list of all memories:
 * prov->memory_lock. Order: prov->memory_lock or conn->lock, then memory->lock, innermost. No lock
 * is held over a registration at the NIC: it may wait for a page that the thread of the cache
 * callback serves.
 */
#ifndef WSD_PROVIDER_MEMORY_H
#define WSD_PROVIDER_MEMORY_H

#include "conn.h"
#include "span.h"

enum {
	MEM_RIGHTS = 4,             /* MEM_READ, MEM_WRITE and both are numbers 1 to 3 */
	MEM_CACHE_ENTRIES = 32,     /* rdma.cache_entries: idle regions of one endpoint */
	MEM_CACHE_BYTES = 16 << 20, /* rdma.cache_bytes: of those */
	MEM_DESCRIPTOR_SIZE = 32,   /* bytes; constant [PROV-MEM-6] */
	MEM_HANDLE_SLOT_BITS = 20,  /* of a handle's value; above them a serial number */
};

/* Memory that the NIC knows, for local use. */
struct region {
	struct span span;           /* first: the map's */
	struct region *prev, *next; /* idle ones, the least recently used first */
	struct ibv_mr *mr;
	DWORD rights;
	unsigned users; /* regs; 0: idle */
	bool stale;     /* its mapping changed: in no map, never cached again */
};

struct reg {
	struct span span; /* first: the map's */
	uint64_t handle;
	DWORD rights;
	unsigned refs;         /* WSPRegisterMemory calls not taken back */
	unsigned uses;         /* segments of transfers under way */
	uint32_t lkey;         /* of region->mr, here for the hot path */
	struct region *region; /* NULL: for the peer, by mr */
	struct ibv_mr *mr;
	uint8_t descriptor[MEM_DESCRIPTOR_SIZE];
};

struct memory {
	pthread_mutex_t lock;
	struct memory *prev, *next; /* of prov->memories */
	struct endpoint *ep;
	/* Under lock. */
	struct span_map regions[MEM_RIGHTS]; /* by exact rights */
	struct region *idle;
	size_t idle_bytes;
	unsigned idle_count;
	uint64_t changes; /* calls of the cache callback that touched, or may have touched, us */
	/* Under conn->lock. */
	struct span_map readable, writable; /* local regs */
	struct reg *last_read, *last_written;
	struct reg **slots;
	uint32_t slot_count, slot_room;
};

/* The registration that covers [@addr, @addr + @len) with the right, or NULL [PROV-DATA-4].
 * Caller holds conn->lock; @len is not 0. */
static inline struct reg *memory_find(struct memory *m, const void *addr, uint32_t len, DWORD right)
{
	uintptr_t start = (uintptr_t)addr, end = start + len;
	struct reg **last = right == MEM_WRITE ? &m->last_written : &m->last_read;
	struct reg *r = *last;
	if (r && start >= r->span.start && end <= r->span.end && end > start)
		return r;
	if (end < start)
		return NULL;
	r = (struct reg *)span_cover(right == MEM_WRITE ? &m->writable : &m->readable, start, end);
	if (r)
		*last = r;
	return r;
}

/* memory.c. The local reg of a handle, or NULL. Caller holds conn->lock. */
struct reg *memory_of_handle(const struct memory *m, uint64_t handle);
/* Whether WSPRdmaRead is offered [PROV-RDMA-5]. */
bool memory_offer_read(void);
/* The process object with a reference, or NULL. */
struct prov *memory_prov(void);
/* Reads the configuration. */
void memory_start(struct prov *p);

/* regcache.c. Results 0 or -errno. */
int regcache_get(struct memory *m, void *addr, uint32_t len, DWORD rights, struct region **ret);
void regcache_put(struct memory *m, struct region *r);
/* Frees what is idle: of this one, or of all endpoints, when pinned memory is short. */
void regcache_clear(struct memory *m);
void regcache_clear_all(struct prov *p);
/* Whether the cache callback is offered; who takes its pointer turns the caches on. */
bool regcache_offer(void);

/* What a descriptor says [PROV-MEM-6]. */
struct remote {
	uint64_t address, id;
	uint32_t length, rkey;
	DWORD rights;
};

/* descriptor.c */
void descriptor_put(uint8_t out[MEM_DESCRIPTOR_SIZE], const struct remote *r);
/* False: not one of ours. */
bool descriptor_get(const void *in, size_t size, struct remote *ret);

#endif
