/* SPDX-License-Identifier: MIT
 *
 * Notices when memory of the application that providers keep registered goes away or changes its
 * pages: munmap, mremap, madvise, brk, and so free [SW-FLOW-10, PROV-MEM-11, -12]. By userfaultfd
 * in write-protect mode with nothing protected: it tells of such changes and never faults, so that
 * a system call of the application into watched memory cannot fail, as it could in missing mode.
 *
 * Locks: `lock` around the set of ranges, `handle` around telling; a caller of memwatch_add may
 * hold anything that gone() does not take. Its thread only reads, since a thread that unmaps waits
 * for it: it takes no lock that is held over malloc or free.
 */
#ifndef WSD_SWITCH_MEMWATCH_H
#define WSD_SWITCH_MEMWATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct memwatch;
struct reactor;

/**
 * memwatch_create - nothing is opened before the first memwatch_add
 * @gone: these bytes are no more what they were; any thread, with `handle` held. It may be told
 * more than was watched: [0, SIZE_MAX) when too much happens at once.
 * @reactor: runs gone() when nobody else does; NULL: only memwatch_add and memwatch_sync do.
 * Return: 0 or -ENOMEM.
 */
int memwatch_create(struct reactor *reactor, void (*gone)(void *ctx, uintptr_t addr, size_t size),
		    void *ctx, struct memwatch **ret);

/**
 * memwatch_add - watch the pages of a buffer from now on
 * Changes that were made before this call have been told when it returns. True: what happens to
 * these pages from now on is told before another memwatch_add returns. False: they cannot be
 * watched (no userfaultfd here, a kind of memory that it does not know, too many ranges), so that
 * nothing of them may be kept registered.
 */
bool memwatch_add(struct memwatch *m, const void *at, size_t size);

/* All changes that were made before this call have been told when it returns. */
void memwatch_sync(struct memwatch *m);

/* No callback runs after this. NULL is fine. The caller holds no lock that gone() takes. */
void memwatch_destroy(struct memwatch *m);

/* In the child after fork: its copies of the descriptors are closed. */
void memwatch_after_fork(struct memwatch *m);

#endif
