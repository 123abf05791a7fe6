/* SPDX-License-Identifier: MIT
 *
 * Copies from and to memory that may not be there, by each way. [WS-BIND-4 WSAEFAULT (c)]
 */
#include "check.h"
#include "usermem.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <wsd/abi.h>

static bool refuse; /* as a sandbox does */

ssize_t __real_process_vm_readv(pid_t, const struct iovec *, unsigned long, const struct iovec *,
				unsigned long, unsigned long);
ssize_t __wrap_process_vm_readv(pid_t, const struct iovec *, unsigned long, const struct iovec *,
				unsigned long, unsigned long);
ssize_t __real_process_vm_writev(pid_t, const struct iovec *, unsigned long, const struct iovec *,
				 unsigned long, unsigned long);
ssize_t __wrap_process_vm_writev(pid_t, const struct iovec *, unsigned long, const struct iovec *,
				 unsigned long, unsigned long);

ssize_t __wrap_process_vm_readv(pid_t p, const struct iovec *l, unsigned long nl,
				const struct iovec *r, unsigned long nr, unsigned long f)
{
	errno = EPERM;
	return refuse ? -1 : __real_process_vm_readv(p, l, nl, r, nr, f);
}

ssize_t __wrap_process_vm_writev(pid_t p, const struct iovec *l, unsigned long nl,
				 const struct iovec *r, unsigned long nr, unsigned long f)
{
	errno = ENOSYS;
	return refuse ? -1 : __real_process_vm_writev(p, l, nl, r, nr, f);
}

/* Text that ends with the last byte before a hole, and text that does not end before it. */
static void check_text(char *page)
{
	char to[64];
	WCHAR wide[8], far[3000];
	strcpy(page + 4096 - 5, "last");
	cr_assert_eq(memory_read_text(to, sizeof(to), page + 4096 - 5, 1), 0);
	cr_assert_str_eq(to, "last");
	cr_assert_eq(memory_read_text(to, 4, page + 4096 - 5, 1), -ENAMETOOLONG);
	page[4095] = 'x';
	cr_assert_eq(memory_read_text(to, sizeof(to), page + 4096 - 5, 1), -EFAULT);
	memcpy(page + 4096 - 6, u"ab", 6);
	cr_assert_eq(memory_read_text(wide, sizeof(wide), page + 4096 - 6, 2), 0);
	cr_assert_eq(memcmp(wide, u"ab", 6), 0);
	memcpy(page + 4096 - 5, u"ab", 5); /* across the edge */
	cr_assert_eq(memory_read_text(wide, sizeof(wide), page + 4096 - 5, 2), -EFAULT);
	for (size_t i = 0; i < 2999; i++)
		far[i] = 0x100; /* a zero byte in each */
	far[2999] = 0;
	WCHAR *copy = malloc(sizeof(far)), *again = malloc(sizeof(far) + 1);
	memcpy(copy, far, sizeof(far));
	cr_assert_eq(memory_read_text(again, sizeof(far), copy, 2), 0);
	cr_assert_eq(memcmp(again, far, sizeof(far)), 0);
	cr_assert_eq(memory_read_text(copy, sizeof(far) - 2, far, 2), -ENAMETOOLONG);
	char *odd = (char *)again + 1; /* no alignment of its own, and longer than a page */
	memcpy(odd, far, sizeof(far));
	cr_assert_eq(memory_read_text(copy, sizeof(far), odd, 2), 0);
	cr_assert_eq(memcmp(copy, far, sizeof(far)), 0);
	free(copy);
	free(again);
}

static void check_published(char *page)
{
	uint64_t word[3] = {1, 2, 3}, seen[3];
	cr_assert_eq(memory_publish(page, word, 20), 0);
	cr_assert_eq(memory_read_published(seen, page, 24), 0);
	cr_assert(seen[0] == 1 && seen[1] == 2 && seen[2] == 3);
	cr_assert_eq(memory_publish(page + 1, word, 8), 0); /* not aligned */
	cr_assert_eq(memory_read_published(seen, page + 1, 8), 0);
	cr_assert_eq(seen[0], 1);
	cr_assert_eq(memory_publish(page + 4088, word, 20), -EFAULT);
	cr_assert_eq(memory_read_published(seen, page + 4088, 20), -EFAULT);
	cr_assert_eq(memory_publish((void *)8, word, 8), -EFAULT);
	cr_assert_eq(memory_read_published(seen, (void *)8, 8), -EFAULT);
}

static void check(void)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char here[64] = "here", there[64] = "there";
	char *heap = malloc(64);
	mprotect(page + 4096, 4096, PROT_NONE);
	errno = 4711;
	strcpy(heap, "heap");
	cr_assert_eq(memory_read(here, heap, 5), 0);
	cr_assert_str_eq(here, "heap");
	cr_assert_eq(memory_write(heap, there, 6), 0);
	cr_assert_str_eq(heap, "there");
	cr_assert_eq(memory_read(here, there, 6), 0); /* on this stack */
	cr_assert_str_eq(here, "there");
	cr_assert_eq(memory_read(here, (void *)1, 1), -EFAULT);
	cr_assert_eq(memory_write((void *)1, here, 1), -EFAULT);
	cr_assert_eq(memory_read(here, page + 4096, 1), -EFAULT);
	cr_assert_eq(memory_read(here, page + 4090, 16), -EFAULT);
	cr_assert_eq(memory_read(here, page + 4080, 16), 0);
	cr_assert_eq(memory_write(page + 4090, here, 16), -EFAULT);
	check_text(page);
	check_published(page);
	cr_assert_eq(memory_probe(page, 4096), 0);
	cr_assert_eq(memory_probe(page + 1, 4096), -EFAULT);
	cr_assert_eq(memory_probe((void *)-1, 5), -EFAULT);
	mprotect(page, 4096, PROT_READ);
	cr_assert_eq(memory_read(here, page, 16), 0);
	cr_assert_eq(memory_write(page, here, 1), -EFAULT);
	cr_assert_eq(memory_probe(page, 1), -EFAULT);
	cr_assert_eq(memory_publish(page, here, 8), -EFAULT);
	cr_assert_eq(memory_read(NULL, NULL, 0), 0);
	cr_assert_eq(errno, 4711);
	munmap(page, 8192);
	free(heap);
}

Test(usermem, WS_BIND_4_by_process_vm)
{
	WSD_TEST_BEGIN();
	check();
	WSD_TEST_END();
}

Test(usermem, WS_BIND_4_by_a_pipe_where_that_is_refused)
{
	WSD_TEST_BEGIN();
	refuse = true;
	check();
	WSD_TEST_END();
}

static void *on_its_stack(void *arg)
{
	check();
	return NULL;
}

Test(usermem, WS_BIND_4_on_other_stacks)
{
	WSD_TEST_BEGIN();
	pthread_t t;
	char mine[16] = "mine", other[16];
	pthread_create(&t, NULL, on_its_stack, NULL);
	pthread_join(t, NULL);
	cr_assert_eq(memory_read(other, mine, 5), 0);
	cr_assert_str_eq(other, "mine");
	WSD_TEST_END();
}

/* ---- what another thread sees ---- */

enum { RUNNING = 0x103, ROUNDS = 100000 };

struct looked_at {
	uint64_t word, result;
	bool stop;
};

/* As the switch's threads, it blocks all signals: the mask that a probe may write is not 0. */
static void *publisher(void *arg)
{
	struct looked_at *x = arg;
	sigset_t all;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	for (uint64_t i = 1; i <= ROUNDS; i++) {
		memory_publish(x, &(struct looked_at){RUNNING, 0, false}, 16);
		memory_publish(x, &(struct looked_at){0, i, false}, 16);
	}
	__atomic_store_n(&x->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Internal is the code or "in progress", never anything else [WS-DATA-2]. */
Test(usermem, WS_DATA_2_a_word_is_never_seen_half_done)
{
	WSD_TEST_BEGIN();
	struct looked_at *x = calloc(1, sizeof(*x));
	uint64_t seen[2];
	pthread_t t;
	pthread_create(&t, NULL, publisher, x);
	while (!__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE)) {
		uint64_t word = __atomic_load_n(&x->word, __ATOMIC_RELAXED);
		cr_assert(word == RUNNING || !word, "%#llx", (unsigned long long)word);
		cr_assert_eq(memory_read_published(seen, x, sizeof(seen)), 0);
		cr_assert(seen[0] == RUNNING || !seen[0], "%#llx", (unsigned long long)seen[0]);
	}
	pthread_join(t, NULL);
	cr_assert_eq(x->result, ROUNDS);
	free(x);
	WSD_TEST_END();
}

static void *counter(void *arg)
{
	struct looked_at *x = arg;
	for (int i = 0; i < ROUNDS; i++)
		__atomic_store_n(&x->word, x->word + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&x->stop, true, __ATOMIC_RELEASE);
	return NULL;
}

Test(usermem, WS_BIND_4_a_probe_loses_nothing)
{
	WSD_TEST_BEGIN();
	struct looked_at *x = calloc(1, sizeof(*x));
	pthread_t t;
	pthread_create(&t, NULL, counter, x);
	while (!__atomic_load_n(&x->stop, __ATOMIC_ACQUIRE))
		cr_assert_eq(memory_probe(&x->word, sizeof(x->word)), 0);
	pthread_join(t, NULL);
	cr_assert_eq(x->word, ROUNDS);
	free(x);
	WSD_TEST_END();
}
