/* SPDX-License-Identifier: MIT
 *
 * Watching the application's memory by userfaultfd. [SW-FLOW-10, PROV-MEM-12]
 *
 * A thread that unmaps watched memory sleeps in the kernel until its event has been read; but its
 * addresses may be another's before that, even before the event can be read. As long as that is
 * so the kernel refuses UFFDIO_WRITEPROTECT (EAGAIN), which therefore is asked in vain on a page of
 * our own. After it has been granted the change is in the ring, or the reader is between reading
 * and writing it down: `reading` says so. Whoever wants to register memory first empties the ring.
 * The reader never allocates, frees or takes a lock: what the others do under theirs may unmap
 * watched memory, too, and then waits for the reader.
 */
#include "memwatch.h"

#include "log.h"
#include "process.h"
#include "reactor.h"
#include "thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	RING = 1024, /* changes that wait to be told */
	READ_AT_ONCE = 16,
	RANGES_MAX = 4096, /* beyond it memory is not watched: the set is searched and moved */
};

struct change {
	uint64_t start, end;
	uint64_t moved_to; /* 0: not moved */
	bool pages_only;   /* the mapping is still there */
};

/* Pages [start, end) that the kernel watches for us; sorted, apart from each other. */
struct range {
	uint64_t start, end;
};

struct memwatch {
	void (*gone)(void *ctx, uintptr_t addr, size_t size);
	void *ctx;
	struct reactor *reactor;
	struct reactor_job job;
	uint64_t page;

	pthread_mutex_t lock; /* what follows */
	bool tried;           /* to open it; fd says with what result */
	int fd, stop_fd;
	void *own; /* a page of ours that is watched */
	pthread_t thread;
	struct range *ranges;
	size_t count, room;

	pthread_mutex_t handle; /* one thread empties the ring; taken before `lock` */
	atomic_bool live;       /* the reader runs */
	atomic_bool reading;
	atomic_uint head, tail; /* the reader writes at head, the handler reads at tail */
	atomic_bool overflow;
	struct change *ring;
};

/* ---- the set of ranges; caller holds m->lock ---- */

/* The first range that ends behind @at. */
static size_t find(const struct memwatch *m, uint64_t at)
{
	size_t low = 0, high = m->count;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (m->ranges[mid].end > at)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool has(const struct memwatch *m, uint64_t start, uint64_t end)
{
	size_t i = find(m, start);
	return i < m->count && m->ranges[i].start <= start && m->ranges[i].end >= end;
}

static bool make_room(struct memwatch *m)
{
	if (m->count < m->room)
		return true;
	size_t room = m->room ? m->room * 2 : 64;
	if (room > RANGES_MAX)
		return false;
	struct range *ranges = realloc(m->ranges, room * sizeof(*ranges));
	if (!ranges)
		return false;
	m->ranges = ranges;
	m->room = room;
	return true;
}

/* Puts @with in the place of @n ranges from @i on. There is room for one more. */
static void replace(struct memwatch *m, size_t i, size_t n, const struct range *with, size_t n_with)
{
	memmove(m->ranges + i + n_with, m->ranges + i + n, (m->count - i - n) * sizeof(*m->ranges));
	if (n_with)
		memcpy(m->ranges + i, with, n_with * sizeof(*with));
	m->count = m->count - n + n_with;
}

static void insert(struct memwatch *m, uint64_t start, uint64_t end)
{
	size_t i = find(m, start ? start - 1 : 0), n = 0; /* one that ends where this begins, too */
	struct range whole = {start, end};
	for (; i + n < m->count && m->ranges[i + n].start <= end; n++) {
		if (m->ranges[i + n].start < whole.start)
			whole.start = m->ranges[i + n].start;
		if (m->ranges[i + n].end > whole.end)
			whole.end = m->ranges[i + n].end;
	}
	replace(m, i, n, &whole, 1);
}

/* False: a range would be cut in two and there is no room: it is dropped whole, which only costs a
 * system call when it is wanted again. */
static void cut(struct memwatch *m, uint64_t start, uint64_t end)
{
	size_t i = find(m, start), n = 0, left = 0;
	struct range rest[2];
	for (; i + n < m->count && m->ranges[i + n].start < end; n++) {
		const struct range *r = &m->ranges[i + n];
		if (r->start < start)
			rest[left++] = (struct range){r->start, start};
		if (r->end > end)
			rest[left++] = (struct range){end, r->end};
	}
	if (left > n && !make_room(m))
		left = 0;
	if (n)
		replace(m, i, n, rest, left);
}

/* ---- reading ---- */

static void note(struct memwatch *m, const struct uffd_msg *msg)
{
	struct change c = {.start = msg->arg.remove.start, .end = msg->arg.remove.end};
	if (msg->event == UFFD_EVENT_REMAP)
		c = (struct change){.start = msg->arg.remap.from,
				    .end = msg->arg.remap.from + msg->arg.remap.len,
				    .moved_to = msg->arg.remap.to};
	else if (msg->event == UFFD_EVENT_REMOVE)
		c.pages_only = true;
	else if (msg->event != UFFD_EVENT_UNMAP)
		return;
	unsigned head = atomic_load_explicit(&m->head, memory_order_relaxed);
	if (head - atomic_load(&m->tail) >= RING) {
		atomic_store(&m->overflow, true);
		return;
	}
	m->ring[head % RING] = c;
	atomic_store(&m->head, head + 1);
}

static void *read_changes(void *arg)
{
	struct memwatch *m = arg;
	struct uffd_msg msgs[READ_AT_ONCE];
	pthread_setname_np(pthread_self(), "wsd-memory");
	for (;;) {
		struct pollfd fds[2] = {{.fd = m->fd, .events = POLLIN},
					{.fd = m->stop_fd, .events = POLLIN}};
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			break;
		if (fds[1].revents)
			break;
		atomic_store(&m->reading, true);
		ssize_t n = read(m->fd, msgs, sizeof(msgs));
		for (ssize_t i = 0; i < n / (ssize_t)sizeof(msgs[0]); i++)
			note(m, &msgs[i]);
		atomic_store(&m->reading, false);
		if (n > 0 && m->reactor)
			reactor_post(m->reactor, &m->job);
	}
	return NULL;
}

/* ---- telling ---- */

static void unregister(const struct memwatch *m, uint64_t start, uint64_t size)
{
	struct uffdio_range range = {start, size};
	ioctl(m->fd, UFFDIO_UNREGISTER, &range); /* fails where nothing is mapped any more */
}

/* A mapping that stays, or has moved, would go on telling of what nobody wants to know. */
static void forget(struct memwatch *m, const struct change *c)
{
	pthread_mutex_lock(&m->lock);
	cut(m, c->start, c->end);
	if (c->pages_only)
		unregister(m, c->start, c->end - c->start);
	else if (c->moved_to)
		unregister(m, c->moved_to, c->end - c->start);
	pthread_mutex_unlock(&m->lock);
}

static void tell(struct memwatch *m)
{
	pthread_mutex_lock(&m->handle);
	if (atomic_exchange(&m->overflow, false)) {
		atomic_store(&m->tail, atomic_load(&m->head));
		forget(m, &(struct change){.end = UINT64_MAX});
		m->gone(m->ctx, 0, SIZE_MAX);
	}
	for (unsigned tail = atomic_load(&m->tail); tail != atomic_load(&m->head); tail++) {
		struct change c = m->ring[tail % RING];
		atomic_store(&m->tail, tail + 1);
		forget(m, &c);
		m->gone(m->ctx, c.start, c.end - c.start);
	}
	pthread_mutex_unlock(&m->handle);
}

void memwatch_sync(struct memwatch *m)
{
	if (!atomic_load(&m->live))
		return;
	struct uffdio_writeprotect ask = {.range = {(uintptr_t)m->own, m->page}};
	while (ioctl(m->fd, UFFDIO_WRITEPROTECT, &ask) < 0 && errno == EAGAIN)
		sched_yield(); /* until the reader has read it */
	while (atomic_load(&m->reading))
		sched_yield(); /* until it is noted */
	if (atomic_load(&m->head) != atomic_load(&m->tail) || atomic_load(&m->overflow)) {
		tell(m);
	} else {
		/* another thread may be telling the last one */
		pthread_mutex_lock(&m->handle);
		pthread_mutex_unlock(&m->handle);
	}
}

static void on_job(struct reactor_job *j)
{
	tell((struct memwatch *)(void *)((char *)j - offsetof(struct memwatch, job)));
}

/* ---- watching ---- */

static int open_uffd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = {.api = UFFD_API,
				 .features = UFFD_FEATURE_EVENT_UNMAP | UFFD_FEATURE_EVENT_REMAP |
					     UFFD_FEATURE_EVENT_REMOVE |
					     UFFD_FEATURE_PAGEFAULT_FLAG_WP};
	if (fd < 0 || !ioctl(fd, UFFDIO_API, &api))
		return fd;
	int err = errno;
	close(fd);
	errno = err;
	return -1;
}

static void close_all(struct memwatch *m)
{
	sw_fds_begin();
	if (m->fd >= 0)
		close(m->fd);
	if (m->stop_fd >= 0)
		close(m->stop_fd);
	m->fd = m->stop_fd = -1;
	sw_fds_end();
}

static bool register_wp(const struct memwatch *m, uint64_t start, uint64_t size)
{
	struct uffdio_register range = {.range = {start, size}, .mode = UFFDIO_REGISTER_MODE_WP};
	return !ioctl(m->fd, UFFDIO_REGISTER, &range);
}

/* 0 or errno. */
static int open_all(struct memwatch *m)
{
	m->ring = calloc(RING, sizeof(*m->ring));
	m->own = mmap(NULL, m->page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!m->ring || m->own == MAP_FAILED)
		return ENOMEM;
	sw_fds_begin();
	m->fd = open_uffd();
	int err = m->fd < 0 ? errno : 0;
	m->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->stop_fd < 0 && !err)
		err = errno;
	sw_fds_end();
	if (!err && !register_wp(m, (uintptr_t)m->own, m->page))
		err = errno;
	return err ? err : -wsd_thread_start(&m->thread, read_changes, m);
}

/* Caller holds m->lock. */
static void start(struct memwatch *m)
{
	m->tried = true;
	int err = open_all(m);
	if (!err) {
		atomic_store(&m->live, true);
		return;
	}
	wsd_log(WSD_LOG_INFO, "memory of the application is not kept registered: userfaultfd: %s",
		strerror(err));
	close_all(m);
}

/* Caller holds m->lock. */
static bool watch(struct memwatch *m, uint64_t start_at, uint64_t end)
{
	if (!make_room(m) || !register_wp(m, start_at, end - start_at))
		return false;
	insert(m, start_at, end);
	return true;
}

bool memwatch_add(struct memwatch *m, const void *at, size_t size)
{
	uint64_t from = (uintptr_t)at & ~(m->page - 1);
	uint64_t to = ((uintptr_t)at + size + m->page - 1) & ~(m->page - 1);
	if (!size || to <= from)
		return false;
	memwatch_sync(m);
	pthread_mutex_lock(&m->lock);
	if (!m->tried)
		start(m);
	bool ok = m->fd >= 0 && (has(m, from, to) || watch(m, from, to));
	pthread_mutex_unlock(&m->lock);
	return ok;
}

/* ---- life ---- */

int memwatch_create(struct reactor *reactor, void (*gone)(void *ctx, uintptr_t addr, size_t size),
		    void *ctx, struct memwatch **ret)
{
	struct memwatch *m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	pthread_mutex_init(&m->lock, NULL);
	pthread_mutex_init(&m->handle, NULL);
	m->gone = gone;
	m->ctx = ctx;
	m->reactor = reactor;
	m->job.run = on_job;
	m->page = (uint64_t)sysconf(_SC_PAGESIZE);
	m->fd = m->stop_fd = -1;
	*ret = m;
	return 0;
}

void memwatch_destroy(struct memwatch *m)
{
	if (!m)
		return;
	if (atomic_load(&m->live)) {
		if (eventfd_write(m->stop_fd, 1) < 0)
			wsd_log(WSD_LOG_ERROR, "memory watch: %s", strerror(errno));
		pthread_join(m->thread, NULL);
		if (m->reactor)
			reactor_unpost(m->reactor, &m->job);
		close_all(m); /* wakes who waits for an event to be read */
	}
	if (m->own && m->own != MAP_FAILED)
		munmap(m->own, m->page);
	free(m->ranges);
	free(m->ring);
	pthread_mutex_destroy(&m->lock);
	pthread_mutex_destroy(&m->handle);
	free(m);
}

void memwatch_after_fork(struct memwatch *m)
{
	if (!m)
		return;
	if (m->fd >= 0)
		close(m->fd);
	if (m->stop_fd >= 0)
		close(m->stop_fd);
	m->fd = m->stop_fd = -1;
}
