/* SPDX-License-Identifier: MIT */
/*
 * names_book.c: binds, ranks and releases names in a table. The keeper's lock; no system call but
 * for memory. Clauses: WS-PORT-4..6, WS-REUSE-2..6, -8, -10, -13, SW-SHARE-2, SW-SHARE-3,
 * SW-WILD-5.
 */
#include "names_book.h"

#include "names_step.h"
#include "names_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <wsd/errors.h>

/* Beside table_name, same index. 0 is nobody in every link. */
struct holder {
	uint32_t client_prev, client_next;
	uint32_t rank_prev, rank_next; /* listeners of one place */
	uint32_t defer_next;           /* those who wait for somebody to leave the port */
	uint32_t place;
	uint32_t leaves; /* of its port, when it was bound or told to retry */
};

enum { PORTS = 65536, UDP_AND_TCP = 2 };

struct book {
	struct table *table;
	int table_fd;
	book_tell *tell;
	void *ctx;
	struct pool holders;
	struct sums sums;
	uint64_t dice;
	uint32_t *leaves; /* [tcp, udp][port]: how many left */
	uint32_t *defers; /* [tcp, udp][port]: chain of those who wait */
	uint32_t client_first[TABLE_CLIENTS];
	uint32_t client_names[TABLE_CLIENTS];
};

static struct holder *holder(const struct book *b, uint32_t index)
{
	return pool_at(&b->holders, index);
}

static struct table_name *name_at(const struct book *b, uint32_t index)
{
	return &b->table->name[index];
}

/* IPv4 and IPv6 share it: a dual-stack holder may be in the way of either. */
static size_t port_slot(const struct table_name *n)
{
	return (size_t)(n->proto / 2) * PORTS + n->port;
}

/* Two are the same user if this is equal. */
static uint64_t user_of(uint32_t client, uint32_t uid, bool alone)
{
	return alone ? UINT64_C(1) << 32 | client : uid;
}

static uint64_t user_at(const struct table_name *n)
{
	return user_of(n->client, n->uid, n->flags & NAME_ALONE);
}

bool book_normalise(struct names_request *req)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	bool v6 = req->proto == NAMES_TCP6 || req->proto == NAMES_UDP6;

	if ((unsigned)req->proto >= NAMES_PROTO_COUNT || (unsigned)req->mode >= NAMES_MODE_COUNT)
		return false;
	if (v6 && memcmp(req->addr, mapped, sizeof(mapped)) == 0) {
		memmove(req->addr, req->addr + sizeof(mapped), 4);
		req->proto = names_v4_of(req->proto);
		v6 = false;
	}
	if (!v6)
		memset(req->addr + 4, 0, sizeof(req->addr) - 4);
	bool wild = names_is_wild(req->addr);
	/* the kernel looks at a zone for link-local addresses only */
	bool link_local = v6 && req->addr[0] == 0xfe && (req->addr[1] & 0xc0) == 0x80;
	if (!link_local)
		req->scope = 0;
	req->dual = req->dual && v6 && wild;
	req->scalability = req->scalability && !wild && req->port == 0;
	return true;
}

static struct names_request request_of(const struct table_name *n)
{
	struct names_request req = {
		.proto = (enum names_proto)n->proto,
		.mode = (enum names_mode)n->mode,
		.scope = n->scope,
		.port = n->port,
		.dual = n->flags & NAME_DUAL,
	};

	memcpy(req.addr, n->addr, sizeof(req.addr));
	return req;
}

static void client_link(struct book *b, uint32_t client, uint32_t index)
{
	struct holder *h = holder(b, index);

	h->client_next = b->client_first[client];
	if (h->client_next)
		holder(b, h->client_next)->client_prev = index;
	b->client_first[client] = index;
	b->client_names[client]++;
}

static void client_unlink(struct book *b, uint32_t client, uint32_t index)
{
	struct holder *h = holder(b, index);

	if (h->client_prev)
		holder(b, h->client_prev)->client_next = h->client_next;
	else
		b->client_first[client] = h->client_next;
	if (h->client_next)
		holder(b, h->client_next)->client_prev = h->client_prev;
	b->client_names[client]--;
}

static void rank_append(struct book *b, uint32_t index)
{
	struct holder *h = holder(b, index);
	struct sums_place *p = sums_place(&b->sums, h->place);

	h->rank_prev = p->last;
	h->rank_next = 0;
	if (p->last)
		holder(b, p->last)->rank_next = index;
	else
		p->first = index;
	p->last = index;
}

static void rank_remove(struct book *b, uint32_t index)
{
	struct holder *h = holder(b, index);
	struct sums_place *p = sums_place(&b->sums, h->place);

	if (h->rank_prev)
		holder(b, h->rank_prev)->rank_next = h->rank_next;
	else
		p->first = h->rank_next;
	if (h->rank_next)
		holder(b, h->rank_next)->rank_prev = h->rank_prev;
	else
		p->last = h->rank_prev;
}

/* The memory that one more name takes, so that nothing fails once it is being written. */
static bool make_room(struct book *b)
{
	if (!pool_reserve(&b->holders, 1) || !sums_reserve(&b->sums))
		return false;
	if (b->holders.free)
		return true;
	return b->holders.fresh < TABLE_NAMES &&
	       table_reserve(b->table, b->table_fd, b->holders.fresh) == 0;
}

/* Everything but `held`: until that is stored, the record is nobody's. */
static void fill(struct table_name *n, const struct names_request *req,
		 const struct book_holder *who)
{
	n->client = who->client;
	n->serial = who->serial;
	n->cookie = who->cookie;
	n->uid = who->uid;
	n->order = 0;
	memcpy(n->addr, req->addr, sizeof(n->addr));
	n->scope = req->scope;
	n->port = req->port;
	n->proto = (uint8_t)req->proto;
	n->mode = (uint8_t)req->mode;
	n->flags = (uint16_t)((req->dual ? NAME_DUAL : 0) | (who->alone ? NAME_ALONE : 0));
	n->companions = 0;
}

static uint32_t roll(struct book *b)
{
	b->dice ^= b->dice << 13;
	b->dice ^= b->dice >> 7;
	b->dice ^= b->dice << 17;
	return (uint32_t)(b->dice >> 32);
}

int book_bind(struct book *b, const struct names_request *asked, const struct book_holder *who,
	      uint32_t *ret_index)
{
	struct names_request req = *asked;
	uint64_t user = user_of(who->client, who->uid, who->alone);

	if (!book_normalise(&req) || who->client >= TABLE_CLIENTS)
		return WSAEINVAL;
	if (req.port == 0) {
		uint64_t range = b->table->range[req.proto];
		struct names_range r = {(uint32_t)(range >> 32), (uint32_t)range};
		req.port = sums_choose(&b->sums, &req, r, roll(b));
		if (req.port == 0)
			return WSAENOBUFS;
	} else {
		enum reuse_verdict v = sums_judge(&b->sums, b->table->legacy, &req, user);
		if (v != REUSE_OK)
			return reuse_error(v);
	}
	if (b->client_names[who->client] >= TABLE_NAMES_PER_CLIENT || !make_room(b))
		return WSAENOBUFS;

	uint32_t index = pool_take(&b->holders);
	struct table_name *n = name_at(b, index);
	fill(n, &req, who);
	NAMES_STEP(bind_filled);
	atomic_store_explicit(&n->held, 1, memory_order_release);
	NAMES_STEP(bind_held);

	struct holder *h = holder(b, index);
	h->place = sums_add(&b->sums, &req, user);
	h->leaves = b->leaves[port_slot(n)];
	client_link(b, who->client, index);
	*ret_index = index;
	return 0;
}

uint32_t book_find(const struct book *b, uint32_t client, uint64_t id)
{
	uint32_t index = (uint32_t)(id >> 40);
	uint64_t serial = id & TABLE_SERIAL_MAX;

	if (index == TABLE_INDEX_UNKNOWN) {
		for (index = b->client_first[client]; index; index = holder(b, index)->client_next)
			if (name_at(b, index)->serial == serial)
				return index;
		return TABLE_NOBODY;
	}
	if (index == 0 || index >= b->table->names)
		return TABLE_NOBODY;
	const struct table_name *n = name_at(b, index);
	return n->held && n->client == client && n->serial == serial ? index : TABLE_NOBODY;
}

bool book_is_head(const struct book *b, uint32_t index)
{
	return name_at(b, index)->order && holder(b, index)->rank_prev == 0;
}

/* The wildcard listener who would have companions on IPv4 addresses of @port. */
static uint32_t wild_head(const struct book *b, enum names_proto proto, uint16_t port)
{
	uint32_t place = sums_wild_place(&b->sums, proto, port);
	return place ? sums_place(&b->sums, place)->first : 0;
}

/* Somebody listens there and can: one that waits for its kernel bind serves nobody. */
static bool is_served(const struct book *b, const struct sums_place *p)
{
	return p->first && !(name_at(b, p->first)->flags & NAME_DEFERRED);
}

/* SW-WILD-5: a specific name is served from now on, or is not any more. */
static void tell_shadow(struct book *b, const struct table_name *n)
{
	if (n->proto != NAMES_TCP4 || names_is_wild(n->addr))
		return;
	uint32_t v4 = wild_head(b, NAMES_TCP4, n->port);
	uint32_t v6 = wild_head(b, NAMES_TCP6, n->port);
	if (v4)
		b->tell(b->ctx, v4, BOOK_SHADOW);
	if (v6 && name_at(b, v6)->flags & NAME_DUAL)
		b->tell(b->ctx, v6, BOOK_SHADOW);
}

static bool has_shadow(const struct table_name *n)
{
	return names_is_wild(n->addr) &&
	       (n->proto == NAMES_TCP4 || (n->proto == NAMES_TCP6 && n->flags & NAME_DUAL));
}

size_t book_shadow(const struct book *b, uint32_t index, uint8_t (*ret)[4], size_t max)
{
	const struct table_name *n = name_at(b, index);
	size_t count = 0;

	if (!has_shadow(n))
		return 0;
	const struct sums_port *port = sums_port(&b->sums, NAMES_TCP4, n->port);
	for (uint32_t i = port ? port->places : 0; i && count < max;) {
		const struct sums_place *p = sums_place(&b->sums, i);
		if (!p->wild && is_served(b, p))
			memcpy(ret[count++], p->addr, sizeof(*ret));
		i = p->next;
	}
	return count;
}

void book_listen(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);

	if (!n->order) {
		uint64_t order = b->table->order + 1;
		b->table->order = order;
		n->order = order;
		NAMES_STEP(listen_ranked);
		rank_append(b, index);
		if (book_is_head(b, index) && !(n->flags & NAME_DEFERRED))
			tell_shadow(b, n);
	}
	if (book_is_head(b, index))
		n->flags |= NAME_TOLD; /* by the answer */
}

static void tell_head(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);

	if (has_shadow(n) && !b->tell(b->ctx, index, BOOK_SHADOW))
		return;
	if (!(n->flags & NAME_TOLD) && b->tell(b->ctx, index, BOOK_TAKEOVER))
		n->flags |= NAME_TOLD;
}

static void tell_retry(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);
	bool waited = n->flags & NAME_DEFERRED;

	holder(b, index)->leaves = b->leaves[port_slot(n)];
	n->flags |= NAME_DEFERRED;
	if (b->tell(b->ctx, index, BOOK_RETRY))
		n->flags &= (uint16_t)~NAME_DEFERRED;
	if (waited != (bool)(n->flags & NAME_DEFERRED) && book_is_head(b, index))
		tell_shadow(b, n);
}

/* Absent is fine: those who could not be told are on no chain. */
static void defer_forget(struct book *b, uint32_t index)
{
	uint32_t *link = &b->defers[port_slot(name_at(b, index))];

	while (*link && *link != index)
		link = &holder(b, *link)->defer_next;
	if (*link)
		*link = holder(b, index)->defer_next;
}

void book_defer(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);
	struct holder *h = holder(b, index);
	uint32_t *chain = &b->defers[port_slot(n)];

	defer_forget(b, index);
	if (h->leaves != b->leaves[port_slot(n)]) {
		tell_retry(b, index); /* somebody left between the kernel's no and this call */
		return;
	}
	h->defer_next = *chain;
	*chain = index;
	if (n->flags & NAME_DEFERRED)
		return;
	n->flags |= NAME_DEFERRED;
	if (book_is_head(b, index))
		tell_shadow(b, n);
}

static void somebody_left(struct book *b, size_t slot)
{
	uint32_t index = b->defers[slot];

	b->leaves[slot]++;
	b->defers[slot] = 0;
	while (index) {
		uint32_t next = holder(b, index)->defer_next;
		tell_retry(b, index);
		index = next;
	}
}

/* Out of the rank; whoever is head now, 0 if it was before. The order stays for the caller to
 * clear. */
static uint32_t leave_rank(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);
	struct holder *h = holder(b, index);
	const struct sums_place *p = sums_place(&b->sums, h->place);
	uint32_t heir = h->rank_prev ? 0 : h->rank_next;

	if (!n->order)
		return 0;
	bool served = is_served(b, p);
	rank_remove(b, index);
	if (served != is_served(b, p))
		tell_shadow(b, n);
	return heir;
}

void book_unlisten(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);
	uint32_t heir = leave_rank(b, index);

	n->order = 0;
	n->flags &= (uint16_t)~NAME_TOLD;
	if (heir)
		tell_head(b, heir);
}

void book_release(struct book *b, uint32_t index)
{
	struct table_name *n = name_at(b, index);
	struct holder *h = holder(b, index);
	size_t slot = port_slot(n);

	atomic_store_explicit(&n->held, 0, memory_order_release);
	NAMES_STEP(release_cleared);
	if (n->flags & NAME_DEFERRED)
		defer_forget(b, index);
	uint32_t heir = leave_rank(b, index);
	client_unlink(b, n->client, index);
	sums_remove(&b->sums, h->place, (enum names_mode)n->mode, n->flags & NAME_DUAL, user_at(n));
	pool_give(&b->holders, index);
	if (heir)
		tell_head(b, heir);
	somebody_left(b, slot);
	NAMES_STEP(release_told);
}

void book_release_client(struct book *b, uint32_t client)
{
	while (b->client_first[client])
		book_release(b, b->client_first[client]);
}

static void tell_one_again(struct book *b, uint32_t index)
{
	if (book_is_head(b, index))
		tell_head(b, index);
	if (name_at(b, index)->flags & NAME_DEFERRED) {
		defer_forget(b, index);
		tell_retry(b, index);
	}
}

void book_tell_again(struct book *b, uint32_t client)
{
	if (client != TABLE_NOBODY) {
		for (uint32_t i = b->client_first[client]; i; i = holder(b, i)->client_next)
			tell_one_again(b, i);
		return;
	}
	for (uint32_t i = 1; i < b->table->names; i++)
		if (name_at(b, i)->held)
			tell_one_again(b, i);
}

static int by_order(const void *a, const void *b, void *table)
{
	uint64_t x = ((struct table *)table)->name[*(const uint32_t *)a].order;
	uint64_t y = ((struct table *)table)->name[*(const uint32_t *)b].order;
	return (x > y) - (x < y);
}

/* Ranks as they were: by the order of listen. */
static int adopt_ranks(struct book *b, uint32_t listeners)
{
	uint32_t *in_order = malloc((listeners + 1) * sizeof(*in_order)), count = 0;

	if (!in_order)
		return -ENOMEM;
	for (uint32_t i = 1; i < b->table->names; i++)
		if (name_at(b, i)->held && name_at(b, i)->order)
			in_order[count++] = i;
	qsort_r(in_order, count, sizeof(*in_order), by_order, b->table);
	for (uint32_t i = 0; i < count; i++)
		rank_append(b, in_order[i]);
	free(in_order);
	return 0;
}

/* Index the names that the table holds already. */
static int adopt(struct book *b)
{
	uint32_t names = b->table->names, listeners = 0;

	if (!pool_reserve(&b->holders, names))
		return -ENOMEM;
	for (uint32_t i = 1; i < names; i++)
		pool_take(&b->holders);
	for (uint32_t i = 1; i < names; i++) {
		struct table_name *n = name_at(b, i);
		if (!n->held) {
			pool_give(&b->holders, i);
			continue;
		}
		if (!sums_reserve(&b->sums))
			return -ENOMEM;
		struct names_request req = request_of(n);
		struct holder *h = holder(b, i);
		h->place = sums_add(&b->sums, &req, user_at(n));
		h->leaves = UINT32_MAX; /* whoever left meanwhile was not counted */
		client_link(b, n->client, i);
		listeners += n->order != 0;
		if (n->order > b->table->order)
			b->table->order = n->order;
	}
	return adopt_ranks(b, listeners);
}

int book_create(struct table *t, int table_fd, book_tell *tell, void *ctx, struct book **ret)
{
	struct book *b = calloc(1, sizeof(*b));
	uint64_t seed[2] = {1, 1};

	if (!b)
		return -ENOMEM;
	if (getrandom(seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed[0] = (uintptr_t)b;
	b->table = t;
	b->table_fd = table_fd;
	b->tell = tell;
	b->ctx = ctx;
	b->dice = seed[0] | 1;
	pool_init(&b->holders, sizeof(struct holder));
	b->leaves = calloc((size_t)UDP_AND_TCP * PORTS, sizeof(*b->leaves));
	b->defers = calloc((size_t)UDP_AND_TCP * PORTS, sizeof(*b->defers));
	int r = sums_init(&b->sums, seed[1]);
	if (r == 0 && (!b->leaves || !b->defers))
		r = -ENOMEM;
	if (r == 0)
		r = table_reserve(t, table_fd, 0); /* index 0 is nobody */
	if (r == 0)
		r = adopt(b);
	if (r < 0) {
		book_destroy(b);
		return r;
	}
	*ret = b;
	return 0;
}

void book_destroy(struct book *b)
{
	if (!b)
		return;
	pool_fini(&b->holders);
	sums_fini(&b->sums);
	free(b->leaves);
	free(b->defers);
	free(b);
}

size_t book_bytes(const struct book *b)
{
	return sizeof(*b) + pool_bytes(&b->holders) + sums_bytes(&b->sums);
}
