/* SPDX-License-Identifier: MIT */
/*
 * names_list.c: looking at the book: every participant, and any guest, can read the table itself.
 * `lock` while the descriptor is taken; none while the caller is told.
 */
#include "names_priv.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 20 };

/* A guest's connection, at the first place that answers. */
static int guest_hello(struct names *n, int64_t deadline, struct hello *ret)
{
	int r = -EAGAIN;

	while (r == -EAGAIN && wire_now_ms() < deadline) {
		int best = -ECONNREFUSED;
		for (unsigned place = 0; place < WIRE_BOOKS && r != 0; place++) {
			char name[WIRE_NAME_MAX + 8];
			ring_book_name(n, place, name);
			int fd = wire_connect(name, NULL);
			r = fd < 0 ? fd : hello_say(n, fd, name, WELCOME_MS, ret);
			if (r != -ECONNREFUSED)
				best = r == -ETIMEDOUT ? -EAGAIN : r;
		}
		r = r == 0 ? 0 : best;
		if (r == -EAGAIN)
			poll(NULL, 0, 2);
	}
	return r == -ECONNREFUSED ? -ENOENT : r == -EAGAIN ? -ETIMEDOUT : r;
}

int guest_ask(struct names *n, const struct wire_ask *ask, struct wire_answer *ret)
{
	int64_t deadline = wire_now_ms() + WAIT_MS;
	struct hello h;
	union wire_any m;
	int r = -EAGAIN;

	while (r == -EAGAIN && wire_now_ms() < deadline) {
		r = guest_hello(n, deadline, &h);
		if (r < 0)
			return r;
		int64_t patience = wire_now_ms() + WELCOME_MS;
		r = wire_send(h.fd, ask, NULL, 0);
		if (r == 0)
			r = wire_wait(h.fd, patience) ? wire_recv(h.fd, &m, NULL, NULL) : -EAGAIN;
		if (r == -EPIPE || r == -ECONNRESET)
			r = -EAGAIN; /* deposed in the middle; to set a range twice does no harm */
		if (r == 0 && m.head.type == WIRE_ANSWER)
			memcpy(ret, &m.answer, wire_size(&m));
		else if (r == 0)
			r = -EPROTO;
		hello_drop(&h);
	}
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

/* The present table, mapped, and who we are in it, TABLE_NOBODY for a guest; a participant that is
 * alone in the world joins first. */
static int look(struct names *n, const struct table **ret, uint32_t *ret_slot)
{
	int64_t deadline = wire_now_ms() + WAIT_MS;
	struct rescue seen;
	struct hello h;

	*ret_slot = TABLE_NOBODY;
	if (n->guest) {
		int r = guest_hello(n, deadline, &h);
		if (r == 0) {
			r = table_map(h.got[0], ret);
			hello_drop(&h);
		} else if (r == -ETIMEDOUT && rescue_find(n, &seen) == 0) {
			r = table_map(seen.table,
				      ret); /* all are stopped; what they hold can be seen */
			rescue_drop(&seen);
		}
		return r;
	}
	pthread_mutex_lock(&n->lock);
	bool busy = names_busy_begin(n, deadline);
	pthread_mutex_unlock(&n->lock);
	if (!busy)
		return -ETIMEDOUT;
	int r = ring_join(n, deadline);
	pthread_mutex_lock(&n->lock);
	/* Not the table of a keeper that was deposed: the new one's is on its way. */
	while (r == 0 && !fence_is(n, n->token) && wire_now_ms() < deadline)
		names_wait(n, LOOK_MS, deadline);
	if (r == 0)
		r = table_map(n->table_fd, ret);
	if (r == 0)
		*ret_slot = n->slot;
	names_busy_end(n);
	pthread_mutex_unlock(&n->lock);
	return r;
}

bool names_user_changed(struct names *n)
{
	pthread_mutex_lock(&n->lock);
	bool changed = n->role != ROLE_NONE && n->uid != geteuid();
	pthread_mutex_unlock(&n->lock);
	return changed;
}

int names_ports_get(struct names *n, struct names_range ret[NAMES_PROTO_COUNT])
{
	const struct table *t = NULL;
	uint32_t slot;
	int r = look(n, &t, &slot);

	if (r < 0)
		return r;
	assert(t);
	for (int p = 0; p < NAMES_PROTO_COUNT; p++) {
		uint64_t range = t->range[p];
		ret[p] = (struct names_range){(uint32_t)(range >> 32), (uint32_t)range};
	}
	table_unmap(t);
	return 0;
}

struct row {
	struct names_entry entry;
	uint64_t order;
};

/* WS-REUSE-3 goes by what the keeper sees: a process does not know which user it is in a keeper's
 * user namespace. */
static bool same_user(const struct table *t, const struct table_name *n, uint32_t slot)
{
	if (slot >= TABLE_CLIENTS)
		return false;
	const struct table_client *me = &t->client[slot];
	return n->client == slot || (!me->alone && !(n->flags & NAME_ALONE) && n->uid == me->uid);
}

/* False: the record is nobody's, or changed while we read it. */
static bool read_row(const struct table *t, uint32_t i, uint32_t slot, struct row *ret)
{
	const struct table_name *n = &t->name[i];
	struct names_entry *e = &ret->entry;

	if (!atomic_load_explicit(&n->held, memory_order_acquire) || n->client >= TABLE_CLIENTS)
		return false;
	uint64_t serial = n->serial;
	const struct table_client *c = &t->client[n->client];
	memset(ret, 0, sizeof(*ret));
	e->proto = (enum names_proto)n->proto;
	e->mode = (enum names_mode)n->mode;
	memcpy(e->addr, n->addr, sizeof(e->addr));
	e->scope = n->scope;
	e->port = n->port;
	e->dual = n->flags & NAME_DUAL;
	e->deferred = n->flags & NAME_DEFERRED;
	e->pid = c->pid;
	memcpy(e->comm, c->comm, sizeof(e->comm));
	e->comm[sizeof(e->comm) - 1] = '\0';
	e->uid = n->uid;
	e->same_user = same_user(t, n, slot);
	e->companions = n->companions;
	ret->order = n->order;
	atomic_thread_fence(memory_order_acquire);
	return n->held && n->serial == serial && n->proto < NAMES_PROTO_COUNT &&
	       n->mode < NAMES_MODE_COUNT;
}

static int by_name(const struct names_entry *a, const struct names_entry *b)
{
	if (a->proto != b->proto)
		return (a->proto > b->proto) - (a->proto < b->proto);
	if (a->port != b->port)
		return (a->port > b->port) - (a->port < b->port);
	int r = memcmp(a->addr, b->addr, sizeof(a->addr));
	return r ? r : (a->scope > b->scope) - (a->scope < b->scope);
}

/* Listeners in rank, then those who do not listen, by process. */
static int by_rank(const void *left, const void *right)
{
	const struct row *a = left, *b = right;
	int r = by_name(&a->entry, &b->entry);

	if (r)
		return r;
	uint64_t x = a->order - 1, y = b->order - 1; /* 0 becomes the last */
	if (x != y)
		return (x > y) - (x < y);
	return (a->entry.pid > b->entry.pid) - (a->entry.pid < b->entry.pid);
}

int names_list(struct names *n, void (*each)(void *arg, const struct names_entry *e), void *arg)
{
	const struct table *t = NULL;
	uint32_t slot;
	int r = look(n, &t, &slot);

	if (r < 0)
		return r;
	assert(t);
	uint32_t names = t->names < TABLE_NAMES ? t->names : TABLE_NAMES, count = 0;
	struct row *row = malloc(((size_t)names + 1) * sizeof(*row));
	for (uint32_t i = 0; row && i < names; i++)
		count += read_row(t, i, slot, &row[count]);
	table_unmap(t);
	if (!row)
		return -ENOMEM;
	qsort(row, count, sizeof(*row), by_rank);
	unsigned rank = 0;
	for (uint32_t i = 0; i < count; i++) {
		bool same = i && by_name(&row[i - 1].entry, &row[i].entry) == 0;
		rank = same ? rank + 1 : 1;
		row[i].entry.rank = row[i].order ? rank : 0;
		each(arg, &row[i].entry);
	}
	free(row);
	return 0;
}
