/* SPDX-License-Identifier: MIT */
/*
 * names_join.c: how a process comes to take part: by making the book of the host, by asking its
 * keeper, or, when all who have a part in it are stopped, by looking into one of them
 * (names_rescue.c). The caller is busy; `lock` is taken, never over a wait.
 */
#include "names_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <log.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int fence_map(struct names *n, int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &st) < 0 ||
	    st.st_size != sizeof(struct fence))
		return -EPROTO;
	struct fence *f = mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (f == MAP_FAILED)
		return -errno;
	n->fence = f;
	n->fence_fd = fd;
	return 0;
}

static int fence_create(struct names *n, uint64_t token)
{
	int fd = memfd_create("wsdirect-fence", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, sizeof(struct fence)) < 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	int r = fence_map(n, fd);
	if (r < 0) {
		close(fd);
		return r;
	}
	n->fence->magic = TABLE_MAGIC;
	n->fence->version = WIRE_VERSION;
	n->fence->word = token;
	ring_random(n->fence->secret, sizeof(n->fence->secret));
	ring_random(&n->fence->book, sizeof(n->fence->book));
	return 0;
}

/* The socket by which a new keeper reaches us, stopped or not; that it exists says that we live. */
static int beacon_create(struct names *n)
{
	char suffix[40] = ".p.";

	ring_random(n->beacon_id, sizeof(n->beacon_id));
	for (size_t i = 0; i < sizeof(n->beacon_id); i++)
		snprintf(suffix + 3 + 2 * i, 3, "%02x", n->beacon_id[i]);
	n->beacon = wire_bind(n->book_name, suffix);
	if (n->beacon < 0)
		return n->beacon;
	return listen(n->beacon, SOMAXCONN) < 0 ? -errno : 0;
}

/* A listener elsewhere: a book is kept there already, or somebody is a step ahead of us. */
static bool another_book(const struct names *n, unsigned place)
{
	for (unsigned k = 0; k < WIRE_BOOKS; k++) {
		char name[WIRE_NAME_MAX + 8];
		ring_book_name(n, k, name);
		int fd = k == place ? -ECONNREFUSED : wire_connect(name, NULL);
		bool listens = fd >= 0 || fd == -EAGAIN;
		wire_close(&fd);
		if (listens)
			return true;
	}
	return false;
}

/* The public sockets of a book. -EADDRINUSE: the name is taken, though nobody listens. */
static int open_place(struct names *n, unsigned place)
{
	char name[WIRE_NAME_MAX + 8];

	ring_book_name(n, place, name);
	n->place = place;
	n->listener = wire_bind(name, NULL);
	if (n->listener < 0)
		return n->listener;
	NAMES_STEP(join_bound);
	n->alarm = wire_bind(name, ".alarm");
	if (n->alarm < 0)
		return n->alarm;
	return listen(n->alarm, SOMAXCONN) < 0 ? -errno : 0;
}

/* What the first process of a host makes. */
static int make_book(struct names *n, unsigned place)
{
	uint64_t token = ring_next_token(0);
	int r = open_place(n, place);

	n->slot = 0;
	n->token = token;
	if (r == 0)
		r = fence_create(n, token);
	if (r == 0)
		r = ring_make_table(n, token, NULL);
	if (r == 0)
		r = broker_open(n);
	if (r == 0)
		r = book_create(n->table, n->table_fd, broker_tell, n, &n->book);
	NAMES_STEP(join_ready);
	if (r == 0 && listen(n->listener, SOMAXCONN) < 0)
		r = -errno;
	NAMES_STEP(join_listening);
	/* Nobody was served yet. If there is another book, it wins: its keeper may have granted
	 * names. */
	if (r == 0 && another_book(n, place))
		r = -EAGAIN;
	return r;
}

static int create(struct names *n, unsigned place)
{
	pthread_mutex_lock(&n->lock);
	int r = beacon_create(n);
	if (r == 0)
		r = make_book(n, place);
	if (r == 0) {
		ring_enter_role(n, ROLE_KEEPER);
		r = service_start(n);
	}
	if (r < 0)
		ring_leave(n);
	pthread_mutex_unlock(&n->lock);
	return r;
}

/* Undo a join that failed after the service thread may have been started. The lock is not held. */
static void leave(struct names *n)
{
	pthread_mutex_lock(&n->lock);
	bool started = n->serving;
	pthread_mutex_unlock(&n->lock);
	if (started)
		service_stop(n);
	pthread_mutex_lock(&n->lock);
	ring_leave(n);
	pthread_mutex_unlock(&n->lock);
}

/* What a newcomer got. The descriptors are the handle's, or closed, afterwards. */
static int enter(struct names *n, struct hello *h)
{
	int table_fd = h->got[0], event_fd = h->got[1], ask_fd = h->fd, fence_fd = h->got[4];

	n->listener = h->got[2];
	n->alarm = h->got[3];
	n->slot = h->welcome.slot;
	n->place = h->welcome.place;
	h->fds = 0;
	h->fd = -1;
	int r = fence_map(n, fence_fd);
	if (r < 0)
		close(fence_fd);
	if (r == 0 && (n->slot >= TABLE_CLIENTS ||
		       memcmp(n->fence->secret, h->welcome.secret, sizeof(n->fence->secret)) != 0))
		r = -EPROTO;
	/* Let in by a keeper that is deposed by now, we may be unknown to the present one: its call
	 * would not come. */
	if (r == 0 && !fence_is(n, h->welcome.token))
		r = -EAGAIN;
	if (r == 0) {
		ring_enter_role(n, ROLE_CLIENT);
		r = service_start(n);
	}
	if (r == 0)
		return call_adopt(n, &h->welcome, ask_fd, event_fd, table_fd);
	close(table_fd);
	close(event_fd);
	close(ask_fd);
	return r;
}

static int join_at(struct names *n, unsigned place, int64_t patience)
{
	char name[WIRE_NAME_MAX + 8];
	struct hello h;

	ring_book_name(n, place, name);
	int fd = wire_connect(name, NULL);
	if (fd < 0)
		return fd == -EAGAIN ? -ETIMEDOUT : fd; /* a full queue: nobody takes from it */
	pthread_mutex_lock(&n->lock);
	int r = beacon_create(n);
	struct wire_peer opener;
	if (wire_peer(fd, &opener) == 0)
		n->keeper_pid = opener.pid; /* or whoever follows it; for the log */
	pthread_mutex_unlock(&n->lock);
	if (r == 0)
		r = hello_say(n, fd, name, patience, &h);
	else
		close(fd);
	if (r == 0) {
		NAMES_STEP(welcome_read);
		pthread_mutex_lock(&n->lock);
		r = enter(n, &h);
		pthread_mutex_unlock(&n->lock);
	}
	if (r < 0)
		leave(n);
	return r;
}

/*
 * All who take part are stopped: go on from the book that one of them has open. Newcomers find us
 * at a place of our own; the others are called there, and hear of it when they continue.
 */
static int rescue(struct names *n)
{
	struct rescue found;
	uint64_t word = 0;
	int r = rescue_find(n, &found);

	if (r < 0)
		return -EAGAIN;
	pthread_mutex_lock(&n->lock);
	n->table_fd = found.table;
	n->slot = TABLE_NOBODY;
	r = fence_map(n, found.fence);
	if (r < 0)
		close(found.fence);
	if (r == 0) {
		/* ring_claim looks again; this is to depose nobody in vain. */
		word = atomic_load(&n->fence->word);
		r = found.all || word == found.token ? 0 : -EAGAIN;
	}
	if (r == 0)
		r = beacon_create(n);
	if (r == 0)
		r = -EADDRINUSE;
	for (unsigned place = 0; place < WIRE_BOOKS && r == -EADDRINUSE; place++) {
		wire_close(&n->listener);
		wire_close(&n->alarm);
		r = open_place(n, place);
	}
	if (r == 0 && listen(n->listener, SOMAXCONN) < 0)
		r = -errno;
	if (r == 0) {
		ring_enter_role(n, ROLE_CLIENT);
		r = service_start(n);
	}
	if (r == 0) {
		ring_claim(n, word);
		r = n->role == ROLE_KEEPER ? 0 : -EAGAIN;
	}
	pthread_mutex_unlock(&n->lock);
	if (r < 0)
		leave(n);
	else
		wsd_log(WSD_LOG_WARNING,
			"names: all processes that had a part in the names of this host are "
			"stopped; this one keeps them now");
	return r;
}

struct tries {
	int64_t deaf_since, silent_since;
	unsigned silent; /* bit for each place that did not answer */
};

/* Ask at every place; those that were silent before come last. -ECONNREFUSED: nobody listens
 * anywhere. */
static int ask_everywhere(struct names *n, struct tries *t, int64_t deadline)
{
	unsigned silent = t->silent;
	int result = -ECONNREFUSED;

	for (unsigned i = 0; i < 2 * WIRE_BOOKS; i++) {
		unsigned place = i % WIRE_BOOKS;
		if ((silent >> place & 1) != i / WIRE_BOOKS)
			continue;
		int64_t start = wire_now_ms(), left = deadline - start;
		int64_t patience = i < WIRE_BOOKS ? WELCOME_MS : SILENT_MS;
		if (left <= 0)
			return -EAGAIN;
		int r = join_at(n, place, patience < left ? patience : left);
		t->silent &= ~(1U << place);
		if (r == -ETIMEDOUT) {
			t->silent |= 1U << place;
			if (!t->silent_since)
				t->silent_since = start;
			result = -EAGAIN;
		} else if (r == -EAGAIN) {
			result = -EAGAIN;
		} else if (r != -ECONNREFUSED) {
			return r;
		}
	}
	return result;
}

static int create_somewhere(struct names *n, struct tries *t)
{
	for (unsigned place = 0; place < WIRE_BOOKS; place++) {
		int r = create(n, place);
		if (r != -EADDRINUSE)
			return r;
		/* Bound but deaf: its owner is about to listen, or was stopped right there. */
		if (!t->deaf_since)
			t->deaf_since = wire_now_ms();
		if (wire_now_ms() - t->deaf_since < CREATE_MS)
			break;
	}
	return -EAGAIN;
}

int ring_join(struct names *n, int64_t deadline)
{
	struct tries t = {0};
	int r;

	pthread_mutex_lock(&n->lock);
	bool joined = n->role != ROLE_NONE; /* for good: only names_close leaves */
	if (!joined)
		n->uid = geteuid();
	pthread_mutex_unlock(&n->lock);
	if (joined)
		return 0;
	for (;;) {
		uint8_t nap;
		r = ask_everywhere(n, &t, deadline);
		if (r == -ECONNREFUSED)
			r = create_somewhere(n, &t);
		else if (r == -EAGAIN && t.silent && wire_now_ms() - t.silent_since >= RESCUE_MS)
			r = rescue(n);
		if (r != -EAGAIN)
			return r;
		if (wire_now_ms() >= deadline)
			return -ETIMEDOUT;
		ring_random(&nap, sizeof(nap));
		poll(NULL, 0, 1 + nap % 8);
	}
}
