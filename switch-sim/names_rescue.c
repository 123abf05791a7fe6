/* SPDX-License-Identifier: MIT */
/*
 * names_rescue.c: when nobody who takes part in a book can answer, because all of them are stopped,
 * the book can still be read where they have it open: in /proc, by a process of the same user or of
 * root. Takes no lock, changes nothing but what it returns.
 *
 * Who takes part is told by the beacons that listen: /proc/net/unix lists those of our network
 * namespace, whoever's they are. What a process has open counts only if it has one of them.
 */
#include "names_priv.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ID_TEXT = 32, LISTENS = 0x10000 /* __SO_ACCEPTON in /proc/net/unix */ };

struct beacon {
	unsigned long inode;
	char id[ID_TEXT + 1];
	bool seen; /* in a process that we have looked into */
};

struct beacons {
	struct beacon *b;
	size_t count, max;
	bool complete; /* false: there may be more */
};

struct search {
	const struct names *n;
	struct beacons beacons;
	struct rescue found;
	bool used;   /* the table found has had more than its keeper */
	bool missed; /* there may be a newer table that we could not open */
};

static int by_inode(const void *left, const void *right)
{
	const struct beacon *a = left, *b = right;

	return (a->inode > b->inode) - (a->inode < b->inode);
}

static struct beacon *find_beacon(const struct beacons *all, unsigned long inode)
{
	struct beacon key = {.inode = inode};

	return all->count ? bsearch(&key, all->b, all->count, sizeof(key), by_inode) : NULL;
}

static void add_beacon(struct beacons *all, unsigned long inode, const char *id)
{
	if (all->count == all->max) {
		size_t max = all->max ? 2 * all->max : 64;
		struct beacon *more = realloc(all->b, max * sizeof(*more));
		if (!more) {
			all->complete = false;
			return;
		}
		all->b = more;
		all->max = max;
	}
	struct beacon *b = &all->b[all->count++];
	b->inode = inode;
	b->seen = false;
	memcpy(b->id, id, ID_TEXT);
	b->id[ID_TEXT] = '\0';
}

/* The beacons of our book that listen, appended in no order; some may come twice. */
static void read_beacons(const struct names *n, struct beacons *all)
{
	char line[512], begin[WIRE_NAME_MAX + 8];
	int len = snprintf(begin, sizeof(begin), "@%s.p.", n->book_name);
	FILE *f = fopen("/proc/thread-self/net/unix", "re");

	all->complete = all->complete && f;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long flags, inode;
		int at = 0;
		if (sscanf(line, "%*s %*s %*s %lx %*s %*s %lu %n", &flags, &inode, &at) == 2 &&
		    at && flags & LISTENS && strncmp(line + at, begin, (size_t)len) == 0 &&
		    strspn(line + at + len, "0123456789abcdef") == ID_TEXT &&
		    line[at + len + ID_TEXT] == '\n')
			add_beacon(all, inode, line + at + len);
	}
	if (f) {
		all->complete = all->complete && !ferror(f);
		fclose(f);
	}
}

/*
 * Read twice: between two reads the kernel finds its place again by counting, and can pass over one
 * if another ends right then.
 */
static struct beacons list_beacons(const struct names *n)
{
	struct beacons all = {.complete = true};
	size_t kept = 0;

	read_beacons(n, &all);
	read_beacons(n, &all);
	if (all.count)
		qsort(all.b, all.count, sizeof(*all.b), by_inode);
	for (size_t i = 0; i < all.count; i++)
		if (!kept || all.b[kept - 1].inode != all.b[i].inode)
			all.b[kept++] = all.b[i];
	all.count = kept;
	return all;
}

/* What one process has open: its newest table of our book's name, and the fence that belongs to it.
 */
struct opened {
	int table, fence;
	uint64_t token, book;
	bool used;
};

static void look_at_table(struct search *s, struct opened *o, int fd)
{
	const struct table *t;
	int r = table_map(fd, &t);

	if (r < 0) {
		s->missed = s->missed || r != -EPROTO;
		wire_close(&fd);
		return;
	}
	if (strncmp(t->book_name, s->n->book_name, sizeof(t->book_name)) == 0 &&
	    t->token >> 32 > o->token >> 32) {
		wire_close(&o->table);
		o->table = fd;
		o->token = t->token;
		o->book = t->book;
		o->used = t->clients > 1 || t->names > 0;
		fd = -1;
	}
	table_unmap(t);
	wire_close(&fd);
}

static void look_at_fence(struct search *s, struct opened *o, int fd)
{
	const struct fence *f = MAP_FAILED;
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_size == sizeof(*f))
		f = mmap(NULL, sizeof(*f), PROT_READ, MAP_SHARED, fd, 0);
	if (f != MAP_FAILED && f->magic == TABLE_MAGIC && f->version == WIRE_VERSION &&
	    f->book == o->book) {
		wire_close(&o->fence);
		o->fence = fd;
		fd = -1;
	}
	if (f != MAP_FAILED)
		munmap((void *)f, sizeof(*f));
	wire_close(&fd);
}

/* Opens the descriptor if its link begins so. -ENOENT: it does not, or is closed by now. */
static int open_if(DIR *d, const char *name, const char *begin, int flags)
{
	char link[64] = "";

	if (name[0] == '.')
		return -ENOENT;
	if (readlinkat(dirfd(d), name, link, sizeof(link) - 1) < 0)
		return -errno;
	if (strncmp(link, begin, strlen(begin)) != 0)
		return -ENOENT;
	int fd = openat(dirfd(d), name, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static void look_at_all(struct search *s, struct opened *o, DIR *d, const char *begin, int flags,
			void (*look)(struct search *s, struct opened *o, int fd))
{
	struct dirent *e;

	rewinddir(d);
	while (errno = 0, (e = readdir(d))) {
		int fd = open_if(d, e->d_name, begin, flags);
		if (fd >= 0)
			look(s, o, fd);
		else if (fd != -ENOENT)
			s->missed = true;
	}
	s->missed = s->missed || (errno && errno != ENOENT);
}

/* One of our beacons is among the descriptors. */
static bool takes_part(const struct beacons *all, DIR *d)
{
	bool does = false;

	for (struct dirent *e; (e = readdir(d));) {
		char link[64] = "";
		unsigned long inode;
		if (readlinkat(dirfd(d), e->d_name, link, sizeof(link) - 1) <= 0 ||
		    sscanf(link, "socket:[%lu]", &inode) != 1)
			continue;
		struct beacon *b = find_beacon(all, inode);
		if (b)
			does = b->seen = true;
	}
	return does;
}

/* Newer. Or of another book, and the one that we have never had anybody but its maker: that was
 * stopped as it began, and joins the other when it continues. */
static bool is_better(const struct search *s, const struct opened *o)
{
	if (s->found.table < 0)
		return true;
	if (o->book != s->found.book && o->used != s->used)
		return o->used;
	return o->token >> 32 > s->found.token >> 32;
}

static void search_process(struct search *s, const char *pid)
{
	struct opened o = {.table = -1, .fence = -1};
	char path[64];
	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	DIR *d = opendir(path);

	/* Again if there is no table: one that runs may have put a newer in its place as we looked.
	 */
	for (int i = 0; d && i < 2 && o.table < 0; i++) {
		rewinddir(d);
		if (!takes_part(&s->beacons, d))
			break;
		look_at_all(s, &o, d, "/memfd:wsdirect-names", O_RDONLY, look_at_table);
	}
	if (o.table >= 0)
		look_at_all(s, &o, d, "/memfd:wsdirect-fence", O_RDWR, look_at_fence);
	if (d)
		closedir(d);
	s->missed = s->missed || (o.table >= 0 && o.fence < 0);
	if (o.table >= 0 && o.fence >= 0 && is_better(s, &o)) {
		rescue_drop(&s->found);
		s->found.table = o.table;
		s->found.fence = o.fence;
		s->found.token = o.token;
		s->found.book = o.book;
		s->used = o.used;
		return;
	}
	wire_close(&o.table);
	wire_close(&o.fence);
}

/* Nobody who takes part was left out. */
static bool saw_all(const struct search *s)
{
	bool all = s->beacons.complete && !s->missed;

	for (size_t i = 0; i < s->beacons.count && all; i++)
		all = s->beacons.b[i].seen;
	if (all || !s->beacons.complete || s->missed)
		return all;
	/* Some may have ended meanwhile. */
	struct beacons now = list_beacons(s->n);
	all = now.complete;
	for (size_t i = 0; i < s->beacons.count && all; i++)
		all = s->beacons.b[i].seen || !find_beacon(&now, s->beacons.b[i].inode);
	free(now.b);
	return all;
}

int rescue_find(const struct names *n, struct rescue *ret)
{
	struct search s = {.n = n, .found = {.table = -1, .fence = -1}};
	DIR *d = opendir("/proc");

	s.beacons = list_beacons(n); /* before the processes: who comes later has nothing yet */
	for (struct dirent *e; d && (e = readdir(d));)
		if (isdigit((unsigned char)e->d_name[0]))
			search_process(&s, e->d_name);
	if (d)
		closedir(d);
	s.found.all = d && saw_all(&s);
	free(s.beacons.b);
	*ret = s.found;
	return s.found.table < 0 ? -ENOENT : 0;
}

void rescue_drop(struct rescue *r)
{
	wire_close(&r->table);
	wire_close(&r->fence);
}

static bool is_stopped(int32_t pid, char ret_comm[16])
{
	char path[32], line[128] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = pid > 0 ? fopen(path, "re") : NULL;
	const char *text = f ? fgets(line, sizeof(line), f) : NULL;
	const char *begin = text ? strchr(text, '(') : NULL,
		   *end = text ? strrchr(text, ')') : NULL;

	if (f)
		fclose(f);
	if (!begin || !end || end < begin || end[1] != ' ')
		return false;
	char comm[16];
	snprintf(comm, sizeof(comm), "%.*s", (int)(end - begin - 1), begin + 1);
	table_comm(ret_comm, comm);
	return end[2] == 'T' || end[2] == 't';
}

int32_t rescue_culprit(const struct names *n, int32_t opener, char ret_comm[16])
{
	int32_t found = 0;

	if (is_stopped(opener, ret_comm))
		return opener;
	/* The kernel says whose a beacon is to who connects to it. */
	struct beacons all = list_beacons(n);
	for (size_t i = 0; i < all.count && !found; i++) {
		char suffix[ID_TEXT + 4];
		struct wire_peer peer;
		snprintf(suffix, sizeof(suffix), ".p.%s", all.b[i].id);
		int fd = wire_connect(n->book_name, suffix);
		if (fd >= 0 && wire_peer(fd, &peer) == 0 && is_stopped(peer.pid, ret_comm))
			found = peer.pid;
		wire_close(&fd);
	}
	free(all.b);
	return found;
}
