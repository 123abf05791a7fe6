/* SPDX-License-Identifier: MIT
 *
 * Memory that goes away is noticed before its address can be used again [SW-FLOW-10, PROV-MEM-12].
 */
#include "check.h"
#include "memwatch.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { PAGES = 64, TOLD_MAX = 4096 };

static size_t page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static char *map(size_t size)
{
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(at, MAP_FAILED);
	return at;
}

/* What was told, in order. */
struct told {
	struct {
		uintptr_t at;
		size_t size;
	} row[TOLD_MAX];
	atomic_uint count;
};

static void gone(void *ctx, uintptr_t at, size_t size)
{
	struct told *t = ctx;
	unsigned i = atomic_load(&t->count);
	if (i < TOLD_MAX) {
		t->row[i].at = at;
		t->row[i].size = size;
	}
	atomic_store(&t->count, i + 1);
}

static bool was_told(const struct told *t, const void *at, size_t size)
{
	for (unsigned i = 0; i < t->count; i++)
		if (t->row[i].at <= (uintptr_t)at &&
		    t->row[i].at + t->row[i].size >= (uintptr_t)at + size)
			return true;
	return false;
}

static struct told told;

static struct memwatch *begin(void)
{
	struct memwatch *m;
	cr_assert_eq(memwatch_create(NULL, gone, &told, &m), 0);
	return m;
}

/* Kernels and containers without userfaultfd have nothing to test. */
static bool usable(struct memwatch *m)
{
	char *at = map(page());
	bool ok = memwatch_add(m, at, page());
	munmap(at, page());
	memwatch_sync(m);
	told.count = 0;
	if (!ok)
		memwatch_destroy(m);
	return ok;
}

#define WATCH(m)                      \
	struct memwatch *m = begin(); \
	if (!usable(m))               \
	cr_skip_test("no userfaultfd here")

Test(memwatch, PROV_MEM_12_unmapped_memory_is_told)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	char *at = map(PAGES * page());
	cr_assert(memwatch_add(m, at + 100, 3 * page()));
	cr_assert(munmap(at, 2 * page()) == 0);
	memwatch_sync(m);
	cr_assert(was_told(&told, at, 2 * page()));
	cr_assert_not(was_told(&told, at + 2 * page(), 1), "what is still there is not told");
	cr_assert(munmap(at + 2 * page(), (PAGES - 2) * page()) == 0);
	memwatch_sync(m);
	cr_assert(was_told(&told, at + 2 * page(), 2 * page()));
	memwatch_destroy(m);
	WSD_TEST_END();
}

Test(memwatch, PROV_MEM_12_moved_memory_is_told)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	char *at = map(4 * page());
	cr_assert(memwatch_add(m, at, 4 * page()));
	char *to = mremap(at, 4 * page(), 512 * page(), MREMAP_MAYMOVE);
	cr_assert_neq(to, MAP_FAILED);
	memwatch_sync(m);
	if (to != at) {
		cr_assert(was_told(&told, at, 4 * page()));
		told.count = 0;
		munmap(to, page());
		memwatch_sync(m);
		cr_assert_eq(told.count, 0u, "nobody watches the new place");
	}
	cr_assert(memwatch_add(m, to, 4 * page()));
	munmap(to + (to == at ? 0 : page()), 511 * page());
	memwatch_sync(m);
	cr_assert(was_told(&told, to + page(), 3 * page()));
	munmap(to, 512 * page());
	memwatch_destroy(m);
	WSD_TEST_END();
}

Test(memwatch, PROV_MEM_12_pages_given_back_are_told_and_watched_again)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	char *at = map(4 * page());
	for (int i = 0; i < 3; i++) {
		told.count = 0;
		cr_assert(memwatch_add(m, at, 4 * page()));
		cr_assert(madvise(at + page(), page(), MADV_DONTNEED) == 0);
		memwatch_sync(m);
		cr_assert(was_told(&told, at + page(), page()));
	}
	told.count = 0;
	cr_assert(madvise(at + page(), page(), MADV_DONTNEED) == 0);
	memwatch_sync(m);
	cr_assert_eq(told.count, 0u, "what was told once is watched no more");
	munmap(at, 4 * page());
	memwatch_destroy(m);
	WSD_TEST_END();
}

Test(memwatch, SW_FLOW_10_the_heap_that_shrinks_is_told)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	intptr_t size = (intptr_t)(8 * page());
	char *at = sbrk(size);
	cr_assert_neq(at, (char *)-1);
	cr_assert(memwatch_add(m, at + page(), 4 * page()));
	cr_assert_neq(sbrk(-size), (char *)-1);
	memwatch_sync(m);
	cr_assert(was_told(&told, at + page(), 4 * page()));
	memwatch_destroy(m);
	WSD_TEST_END();
}

/* A page fault would make read(2) into watched memory that was never touched fail. */
Test(memwatch, SW_FLOW_10_watched_memory_works_as_before)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	char *at = map(4 * page());
	cr_assert(memwatch_add(m, at, 4 * page()));
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	cr_assert_eq(read(zero, at + 2 * page(), 2 * page()), (ssize_t)(2 * page()));
	close(zero);
	memset(at, 1, page());
	madvise(at, 4 * page(), MADV_DONTNEED);
	cr_assert_eq(at[0], 0);
	at[5] = 1;
	cr_assert_eq(at[3 * page()], 0);
	munmap(at, 4 * page());
	memwatch_destroy(m);
	WSD_TEST_END();
}

Test(memwatch, SW_FLOW_10_memory_of_a_kind_that_cannot_be_watched)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char *at = mmap(NULL, page(), PROT_READ, MAP_SHARED, fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	close(fd);
	cr_assert_not(memwatch_add(m, at, page()), "a file's page");
	cr_assert_not(memwatch_add(m, at, 0));
	cr_assert_not(memwatch_add(m, at, SIZE_MAX), "around the end of the address space");
	munmap(at, page());
	cr_assert_not(memwatch_add(m, at, page()), "nothing is there");
	memwatch_destroy(m);
	WSD_TEST_END();
}

/* Many ranges, cut and joined, against a model of pages. */
Test(memwatch, SW_FLOW_10_ranges_against_a_model)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	enum { N = 256 };
	static bool watched[N];
	char *at = map(N * page());
	unsigned seed = 12345;
	for (int step = 0; step < 3000; step++) {
		size_t i = (size_t)rand_r(&seed) % N, n = 1 + (size_t)rand_r(&seed) % 9;
		if (i + n > N)
			n = N - i;
		if (rand_r(&seed) % 3) {
			cr_assert(memwatch_add(m, at + i * page(), n * page()));
			for (size_t k = i; k < i + n; k++)
				watched[k] = true;
			continue;
		}
		told.count = 0;
		cr_assert(madvise(at + i * page(), n * page(), MADV_DONTNEED) == 0);
		memwatch_sync(m);
		for (size_t k = i; k < i + n; k++) {
			cr_assert(!watched[k] || was_told(&told, at + k * page(), page()),
				  "step %d: page %zu was watched and is not told", step, k);
			watched[k] = false;
		}
	}
	munmap(at, N * page());
	memwatch_destroy(m);
	WSD_TEST_END();
}

/* Threads map, "register", unmap: nobody may find his own entry at an address that he has just been
 * given, which is what a stale cache would do. */
enum { THREADS = 4, ROUNDS = 3000, SLOTS = 64, STRESS_MS = 3000 };

static struct cache {
	pthread_mutex_t lock;
	struct {
		uintptr_t at;
		bool live;
	} slot[SLOTS];
	unsigned stale;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void drop(void *unused, uintptr_t at, size_t size)
{
	pthread_mutex_lock(&cache.lock);
	for (int i = 0; i < SLOTS; i++)
		if (cache.slot[i].live && cache.slot[i].at >= at && cache.slot[i].at - at < size)
			cache.slot[i].live = false;
	pthread_mutex_unlock(&cache.lock);
}

static void *mapper(void *arg)
{
	struct memwatch *m = arg;
	long long end = wsd_check_now_ms() + STRESS_MS;
	for (int round = 0; round < ROUNDS && wsd_check_now_ms() < end; round++) {
		char *at = map(page());
		bool ok = memwatch_add(m, at, page());
		pthread_mutex_lock(&cache.lock);
		int free_slot = -1;
		for (int i = 0; i < SLOTS; i++) {
			if (!cache.slot[i].live)
				free_slot = i;
			else if (cache.slot[i].at == (uintptr_t)at)
				cache.stale++;
		}
		if (ok && free_slot >= 0) {
			cache.slot[free_slot].at = (uintptr_t)at;
			cache.slot[free_slot].live = true;
		}
		pthread_mutex_unlock(&cache.lock);
		munmap(at, page());
	}
	return NULL;
}

Test(memwatch, PROV_MEM_11_no_stale_entry_is_ever_met, .timeout = 60)
{
	WSD_TEST_BEGIN();
	WATCH(probe);
	memwatch_destroy(probe);
	struct memwatch *m;
	pthread_t t[THREADS];
	cr_assert_eq(memwatch_create(NULL, drop, NULL, &m), 0);
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, mapper, m), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	cr_assert_eq(cache.stale, 0u);
	memwatch_destroy(m);
	WSD_TEST_END();
}

Test(memwatch, SW_FLOW_10_more_changes_than_are_kept)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	enum { N = 3000 };
	char *at = map(2 * N * page());
	cr_assert(memwatch_add(m, at, 2 * N * page()));
	for (int i = 0; i < N; i++)
		munmap(at + (size_t)i * 2 * page(), page());
	memwatch_sync(m);
	cr_assert(was_told(&told, at, N * page()), "everything, or each");
	munmap(at, 2 * N * page());
	memwatch_destroy(m);
	WSD_TEST_END();
}

Test(memwatch, PROV_MEM_14_a_child_of_fork_is_left_alone)
{
	WSD_TEST_BEGIN();
	WATCH(m);
	char *at = map(4 * page());
	cr_assert(memwatch_add(m, at, 4 * page()));
	pid_t child = fork();
	if (!child) {
		memwatch_after_fork(m);
		munmap(at, 4 * page()); /* must not wait for anybody */
		_exit(0);
	}
	int status = -1;
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	memwatch_sync(m);
	cr_assert_eq(told.count, 0u);
	munmap(at, 4 * page());
	memwatch_sync(m);
	cr_assert(was_told(&told, at, 4 * page()));
	memwatch_destroy(m);
	WSD_TEST_END();
}
