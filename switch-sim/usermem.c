/* SPDX-License-Identifier: MIT
 *
 * Safe copies from and to the application's memory.
 *
 * Memory that is there, as nearly always, is asked for once a page and then copied as it is: any
 * system call does that looks at the caller's memory before it finds out that it has nothing to do,
 * and it costs an eighth of a copy by the kernel. A program that unmaps memory in another thread
 * while a call uses it gets what it would get of its own memcpy(). Everything else is the kernel's
 * to copy, and to stop where memory ends: process_vm_readv on ourselves is one call and needs no
 * right; where a sandbox refuses it, a pipe does: write(2) and read(2) answer EFAULT too.
 */
#include "usermem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define HAVE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAVE_ASAN 1
#endif
#endif
#ifndef HAVE_ASAN
#define HAVE_ASAN 0
#endif
#if HAVE_ASAN
#include <sanitizer/asan_interface.h>
#endif

enum {
	PIECE = 4096,     /* no page is smaller */
	READ_BLOCK = 16,  /* holds a struct epoll_event, whatever its packing */
	WRITE_BLOCK = 8,  /* the kernel's set of signals */
	KEEP_BLOCK = 4,   /* a futex */
	PROBE_MAX = 4096, /* pages asked for, one by one */
};

/* [low, high) of this thread's stack; high 0: not asked yet. */
static _Thread_local struct {
	uintptr_t low, high;
} stack;

static void ask_stack(void)
{
	pthread_attr_t attr;
	void *low;
	size_t size;
	stack.low = stack.high = 1; /* nothing fits in between, if it cannot be had */
	if (pthread_getattr_np(pthread_self(), &attr) != 0)
		return;
	if (pthread_attr_getstack(&attr, &low, &size) == 0) {
		stack.low = (uintptr_t)low;
		stack.high = (uintptr_t)low + size;
	}
	pthread_attr_destroy(&attr);
}

/* True if [p, p + n) lies between our frame and the end of this thread's stack: memory in use. */
static bool on_stack_above(uintptr_t frame, const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p;
	if (!stack.high)
		ask_stack();
	return frame >= stack.low && at < stack.high && n <= stack.high - at;
}

/* What lies below us is not, nor do we have to ask where the stack ends. */
static inline bool on_stack(const void *p, size_t n)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
	return (uintptr_t)p > frame && on_stack_above(frame, p, n);
}

/* ---- is it there? ---- */

/* epoll_ctl reads the event before it looks at the descriptors, which are none. */
static bool can_read(uintptr_t block)
{
	return syscall(SYS_epoll_ctl, -1, EPOLL_CTL_ADD, -1, block) < 0 && errno == EBADF;
}

/* The signals that this thread blocks are written there; no others are blocked. Whoever looks at
 * the block before our bytes are there sees them: never for a word that others wait for. */
static bool can_write(uintptr_t block)
{
	return syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, block, WRITE_BLOCK) == 0;
}

/* Zero is ORed into the word there, atomically: it stays what it is, whoever writes it meanwhile.
 * Twice as slow as can_write(). False: perhaps not. */
static bool can_write_keep(uintptr_t block)
{
	uint32_t none = 0; /* nobody waits here */
	int nothing = FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0);
	return syscall(SYS_futex, &none, FUTEX_WAKE_OP_PRIVATE, 0, NULL, block, nothing) >= 0;
}

/* Whether all of [p, p + n) can be read. False: perhaps not. */
static bool is_readable(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p, end = at + n;
	if (end < at || n > (size_t)PROBE_MAX * PIECE)
		return false;
	for (; at < end; at = (at & ~(uintptr_t)(PIECE - 1)) + PIECE)
		if (!can_read(at & ~(uintptr_t)(READ_BLOCK - 1)))
			return false;
	return true;
}

/* The same for writing, of bytes that will be written anyway: a part of a page without such a block
 * is not asked for. */
static bool is_writable(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p, end = at + n, next;
	if (end < at || n > (size_t)PROBE_MAX * PIECE)
		return false;
	for (; at < end; at = next) {
		uintptr_t block = (at + WRITE_BLOCK - 1) & ~(uintptr_t)(WRITE_BLOCK - 1);
		next = (at & ~(uintptr_t)(PIECE - 1)) + PIECE;
		if (block + WRITE_BLOCK > (next < end ? next : end) || !can_write(block))
			return false;
	}
	return true;
}

/* As is_writable(), and nothing is changed; for any number of bytes. */
static bool is_writable_keep(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p, last = at + (n - 1);
	if (last < at)
		return false;
	for (;;) {
		if (!can_write_keep(at & ~(uintptr_t)(KEEP_BLOCK - 1)))
			return false;
		uintptr_t next = (at & ~(uintptr_t)(PIECE - 1)) + PIECE;
		if (next > last || next < at)
			return true;
		at = next;
	}
}

/* A sanitizer takes a copy beyond an object for our mistake; it is the caller's to say what is his,
 * and the kernel does not mind. */
static bool is_ours_to_copy(const void *p, size_t n)
{
#if HAVE_ASAN
	return !__asan_region_is_poisoned((void *)(uintptr_t)p, n);
#else
	return true;
#endif
}

static inline bool quick_read(void *to, const void *from, size_t n)
{
	int saved = errno;
	bool ok = is_ours_to_copy(from, n) && (on_stack(from, n) || is_readable(from, n));
	if (ok)
		memcpy(to, from, n);
	errno = saved;
	return ok;
}

static inline bool quick_write(void *to, const void *from, size_t n)
{
	int saved = errno;
	bool ok = is_ours_to_copy(to, n) && (on_stack(to, n) || is_writable(to, n));
	if (ok)
		memcpy(to, from, n);
	errno = saved;
	return ok;
}

/* ---- by the kernel ---- */

static int by_pipe(void *to, const void *from, size_t n)
{
	int fd[2];
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -EFAULT;
	bool ok = write(fd[1], from, n) == (ssize_t)n && read(fd[0], to, n) == (ssize_t)n;
	close(fd[0]);
	close(fd[1]);
	return ok ? 0 : -EFAULT;
}

typedef ssize_t vm_call(pid_t, const struct iovec *, unsigned long, const struct iovec *,
			unsigned long, unsigned long);

/* @ours is known to be good, @theirs not. */
static ssize_t by_kernel(vm_call *call, void *ours, const void *theirs, size_t n)
{
	struct iovec local = {.iov_base = ours, .iov_len = n};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)theirs, .iov_len = n};
	ssize_t r = call(getpid(), &local, 1, &remote, 1, 0);
	return r < 0 ? -errno : r;
}

/* Also of memory that is not the caller's to read, as long as it is there. */
static int kernel_read(void *to, const void *from, size_t n)
{
	int saved = errno;
	ssize_t r = by_kernel(process_vm_readv, to, from, n);
	if (r == -ENOSYS || r == -EPERM)
		r = by_pipe(to, from, n) < 0 ? -EFAULT : (ssize_t)n;
	errno = saved;
	return r == (ssize_t)n ? 0 : -EFAULT;
}

int memory_read(void *to, const void *from, size_t n)
{
	return !n || quick_read(to, from, n) ? 0 : kernel_read(to, from, n);
}

int memory_read_long(void *to, const void *from, size_t n)
{
	if (quick_read(to, from, n))
		return 0;
	int saved = errno;
	ssize_t r = by_kernel(process_vm_readv, to, from, n);
	errno = saved;
	if (r == -ENOSYS || r == -EPERM || r > 0) { /* one call ends at 2 GiB */
		for (size_t at = r > 0 ? (size_t)r : 0, piece; at < n; at += piece) {
			piece = n - at < PIECE ? n - at : PIECE;
			if (memory_read((char *)to + at, (const char *)from + at, piece) < 0)
				return -EFAULT;
		}
		return 0;
	}
	return r < 0 && n ? -EFAULT : 0;
}

static int kernel_write(void *to, const void *from, size_t n)
{
	int saved = errno;
	ssize_t r = by_kernel(process_vm_writev, (void *)(uintptr_t)from, to, n);
	if (r == -ENOSYS || r == -EPERM)
		r = by_pipe(to, from, n) < 0 ? -EFAULT : (ssize_t)n;
	errno = saved;
	return r == (ssize_t)n ? 0 : -EFAULT;
}

int memory_write(void *to, const void *from, size_t n)
{
	return !n || quick_write(to, from, n) ? 0 : kernel_write(to, from, n);
}

/* ---- a word that others look at ---- */

typedef uint64_t published_word;

static bool is_aligned(const void *p)
{
	return (uintptr_t)p % sizeof(published_word) == 0;
}

int memory_publish(void *to, const void *from, size_t n)
{
	enum { WORD = sizeof(published_word) };
	char *rest = (char *)to + WORD;
	const char *rest_from = (const char *)from + WORD;
	int saved = errno;
	bool quick = is_aligned(to) && is_ours_to_copy(to, n) &&
		     (on_stack(to, n) || is_writable_keep(to, n));
	errno = saved;
	if (!quick) {
		if (n > WORD && kernel_write(rest, rest_from, n - WORD) < 0)
			return -EFAULT;
		return kernel_write(to, from, WORD);
	}
	published_word word;
	memcpy(&word, from, WORD);
	memcpy(rest, rest_from, n - WORD);
	__atomic_store_n((published_word *)to, word, __ATOMIC_RELEASE);
	return 0;
}

int memory_read_published(void *to, const void *from, size_t n)
{
	enum { WORD = sizeof(published_word) };
	char *rest = (char *)to + WORD;
	const char *rest_from = (const char *)from + WORD;
	int saved = errno;
	bool quick = is_aligned(from) && is_ours_to_copy(from, n) &&
		     (on_stack(from, n) || is_readable(from, n));
	errno = saved;
	if (!quick) /* the kernel's copies are in order */
		return kernel_read(to, from, WORD) < 0 ? -EFAULT
						       : kernel_read(rest, rest_from, n - WORD);
	published_word word = __atomic_load_n((const published_word *)from, __ATOMIC_ACQUIRE);
	memcpy(to, &word, WORD);
	memcpy(rest, rest_from, n - WORD);
	return 0;
}

/* Bytes from @p on that lie in one page, at most @n. */
static size_t in_page(const void *p, size_t n)
{
	size_t rest = PIECE - (uintptr_t)p % PIECE;
	return rest < n ? rest : n;
}

size_t memory_read_some(void *to, const void *from, size_t n)
{
	size_t at = 0;
	if (n <= PIECE && (quick_read(to, from, n) || kernel_read(to, from, n) == 0))
		return n;
	if (n > PIECE && memory_read_long(to, from, n) == 0)
		return n;
	while (at < n) {
		const char *p = (const char *)from + at;
		size_t piece = in_page(p, n - at);
		if (memory_read((char *)to + at, p, piece) < 0)
			break;
		at += piece;
	}
	return at;
}

size_t memory_write_some(void *to, const void *from, size_t n)
{
	size_t at = 0;
	if (quick_write(to, from, n) || (n <= PIECE && kernel_write(to, from, n) == 0))
		return n;
	int saved = errno;
	if (n > PIECE && by_kernel(process_vm_writev, (void *)(uintptr_t)from, to, n) == (ssize_t)n)
		at = n;
	errno = saved;
	while (at < n) {
		char *p = (char *)to + at;
		size_t piece = in_page(p, n - at);
		if (memory_write(p, (const char *)from + at, piece) < 0)
			break;
		at += piece;
	}
	return at;
}

/* In pieces that end with a page: the next one may not be there. On the stack character by
 * character: what follows the text is not ours to look at, but by the kernel. */
int memory_read_text(void *to, size_t size, const void *from, size_t width)
{
	const char *text = from;
	char *copy = to;
	for (size_t at = 0, n; at + width <= size; at += n) {
		n = PIECE - (uintptr_t)(text + at) % PIECE;
		n = n < size - at ? n : size - at;
		bool whole = n < width || on_stack(text + at, width);
		if (whole)
			n = width; /* or: a character lies across */
		n &= ~(width - 1); /* a power of two */
		if ((whole ? memory_read : kernel_read)(copy + at, text + at, n) < 0)
			return -EFAULT;
		for (size_t i = at; i < at + n; i += width)
			if (!copy[i] && !copy[i + width - 1])
				return 0;
	}
	return -ENAMETOOLONG;
}

/* A byte a page, read and written back: what another thread writes in between is lost. */
static int probe_by_kernel(uintptr_t p, size_t n)
{
	uintptr_t last = p + (n - 1);
	char byte;
	for (;;) {
		if (kernel_read(&byte, (void *)p, 1) < 0 || kernel_write((void *)p, &byte, 1) < 0)
			return -EFAULT;
		if (p == last)
			return 0;
		uintptr_t next = (p & ~(uintptr_t)(PIECE - 1)) + PIECE;
		p = next > last ? last : next;
	}
}

int memory_probe(void *at, size_t n)
{
	if (!n || on_stack(at, n))
		return 0;
	if (n - 1 > UINTPTR_MAX - (uintptr_t)at)
		return -EFAULT;
	int saved = errno;
	bool there = is_writable_keep(at, n);
	errno = saved;
	return there ? 0 : probe_by_kernel((uintptr_t)at, n);
}
