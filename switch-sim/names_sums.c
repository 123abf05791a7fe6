/* SPDX-License-Identifier: MIT */
/*
 * names_sums.c: sums of holders, so that a question costs the same whatever is held: two look-ups
 * by hash and at most nine counters. The keeper's lock. Clauses: WS-PORT-4, -5, WS-REUSE-5, -6, -8.
 */
#include "names_sums.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A further user of a group. */
struct tally {
	uint64_t user;
	uint32_t next;
	uint32_t n[NAMES_MODE_COUNT];
};

enum { PORTS = 65536, TALLIES_A_NAME = 4 };

int sums_init(struct sums *s, uint64_t seed)
{
	s->seed = seed;
	pool_init(&s->ports, sizeof(struct sums_port));
	pool_init(&s->places, sizeof(struct sums_place));
	pool_init(&s->tallies, sizeof(struct tally));
	s->port_of = calloc((size_t)NAMES_PROTO_COUNT * PORTS, sizeof(*s->port_of));
	if (s->port_of && pool_hash_init(&s->place_hash))
		return 0;
	sums_fini(s);
	return -ENOMEM;
}

void sums_fini(struct sums *s)
{
	pool_fini(&s->ports);
	pool_fini(&s->places);
	pool_fini(&s->tallies);
	pool_hash_fini(&s->place_hash);
	free(s->port_of);
	s->port_of = NULL;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 32;
}

static uint32_t place_hash(const struct sums *s, unsigned proto, const uint8_t addr[16],
			   uint32_t scope, uint16_t port)
{
	uint64_t half[2];

	memcpy(half, addr, sizeof(half));
	uint64_t h = mix(mix(s->seed, half[0]), half[1] ^ (uint64_t)scope << 20);
	return (uint32_t)mix(h, (uint64_t)proto << 16 | port);
}

/* Twice the buckets; without memory the chains just grow longer. */
static void grow(struct sums *s)
{
	struct pool_hash *h = &s->place_hash;
	uint32_t mask = h->mask * 2 + 1;
	uint32_t *bucket = calloc((size_t)mask + 1, sizeof(*bucket));

	if (!bucket)
		return;
	for (uint32_t i = 0; i <= h->mask; i++)
		for (uint32_t number = h->bucket[i], next; number; number = next) {
			struct sums_place *p = sums_place(s, number);
			uint32_t *to = &bucket[p->hash & mask];
			next = p->hash_next;
			p->hash_next = *to;
			*to = number;
		}
	free(h->bucket);
	h->bucket = bucket;
	h->mask = mask;
}

static void hash_put(struct sums *s, struct sums_place *p, uint32_t number)
{
	struct pool_hash *h = &s->place_hash;

	if (h->count > h->mask)
		grow(s);
	uint32_t *bucket = &h->bucket[p->hash & h->mask];
	p->hash_next = *bucket;
	*bucket = number;
	h->count++;
}

static void hash_drop(struct sums *s, const struct sums_place *p, uint32_t number)
{
	struct pool_hash *h = &s->place_hash;
	uint32_t *link = &h->bucket[p->hash & h->mask];

	while (*link != number)
		link = &sums_place(s, *link)->hash_next;
	*link = p->hash_next;
	h->count--;
}

static uint32_t find_place(const struct sums *s, enum names_proto proto, const uint8_t addr[16],
			   uint32_t scope, uint16_t port)
{
	uint32_t hash = place_hash(s, proto, addr, scope, port);
	uint32_t number = s->place_hash.bucket[hash & s->place_hash.mask];

	while (number) {
		const struct sums_place *p = pool_at(&s->places, number);
		if (p->port == port && p->proto == proto && p->scope == scope &&
		    memcmp(p->addr, addr, sizeof(p->addr)) == 0)
			break;
		number = p->hash_next;
	}
	return number;
}

uint32_t sums_wild_place(const struct sums *s, enum names_proto proto, uint16_t port)
{
	static const uint8_t wild[16];
	return ports_has(&s->barred[proto], port) ? find_place(s, proto, wild, 0, port) : 0;
}

struct sums_port *sums_port(const struct sums *s, enum names_proto proto, uint16_t port)
{
	uint32_t number = s->port_of[(size_t)proto * PORTS + port];
	return number ? pool_at(&s->ports, number) : NULL;
}

bool sums_reserve(struct sums *s)
{
	return pool_reserve(&s->ports, 2) && pool_reserve(&s->places, 1) &&
	       pool_reserve(&s->tallies, TALLIES_A_NAME);
}

static const uint32_t *counts_of(const struct sums *s, const struct sums_group *g, uint64_t user)
{
	if (g->user == user)
		return g->mine;
	for (uint32_t number = g->more; number;) {
		const struct tally *t = pool_at(&s->tallies, number);
		if (t->user == user)
			return t->n;
		number = t->next;
	}
	return NULL;
}

static enum reuse_verdict judge_group(const struct sums *s, bool legacy, const struct sums_group *g,
				      enum reuse_kind kind, struct reuse_name second, uint64_t user)
{
	enum reuse_verdict worst = REUSE_OK;
	const uint32_t *mine = counts_of(s, g, user);

	for (int m = 0; m < NAMES_MODE_COUNT; m++) {
		if (!g->total[m])
			continue;
		uint32_t same = mine ? mine[m] : 0;
		struct reuse_name first = {kind, (enum names_mode)m};
		enum reuse_verdict v = REUSE_OK;
		if (same)
			v = reuse_judge(legacy, REUSE_SAME_USER, first, second);
		if (v > worst)
			worst = v;
		if (g->total[m] > same)
			v = reuse_judge(legacy, REUSE_OTHER_USER, first, second);
		if (v > worst)
			worst = v;
	}
	return worst;
}

/* A wildcard, or a dual-stack one as IPv4 sees it, meets everybody on the port. */
static enum reuse_verdict judge_port(const struct sums *s, bool legacy, enum names_proto proto,
				     uint16_t port, struct reuse_name second, uint64_t user)
{
	const struct sums_port *p = sums_port(s, proto, port);
	enum reuse_verdict worst = REUSE_OK;

	for (int k = 0; p && k < REUSE_KIND_COUNT && worst < REUSE_INUSE; k++) {
		enum reuse_verdict v =
			judge_group(s, legacy, &p->kind[k], (enum reuse_kind)k, second, user);
		worst = v > worst ? v : worst;
	}
	return worst;
}

static enum reuse_verdict judge_specific(const struct sums *s, bool legacy,
					 const struct names_request *req, uint64_t user)
{
	static const enum reuse_kind wild[] = {REUSE_WILD, REUSE_DUAL};
	struct reuse_name second = {REUSE_SPECIFIC, req->mode};
	const struct sums_port *p = sums_port(s, req->proto, req->port);
	enum reuse_verdict worst = REUSE_OK;

	if (!p)
		return REUSE_OK;
	for (int i = 0; i < 2; i++) {
		enum reuse_verdict v =
			judge_group(s, legacy, &p->kind[wild[i]], wild[i], second, user);
		worst = v > worst ? v : worst;
	}
	/* Other addresses are never in the way (WS-REUSE-5): only the place itself. */
	uint32_t place = find_place(s, req->proto, req->addr, req->scope, req->port);
	if (place) {
		enum reuse_verdict v = judge_group(s, legacy, &sums_place(s, place)->group,
						   REUSE_SPECIFIC, second, user);
		worst = v > worst ? v : worst;
	}
	return worst;
}

enum reuse_verdict sums_judge(const struct sums *s, bool legacy, const struct names_request *req,
			      uint64_t user)
{
	if (!names_is_wild(req->addr))
		return judge_specific(s, legacy, req, user);

	struct reuse_name second = {REUSE_WILD, req->mode};
	enum reuse_verdict v = judge_port(s, legacy, req->proto, req->port, second, user);
	if (req->dual && v < REUSE_INUSE) {
		second.kind = REUSE_DUAL;
		enum reuse_verdict v4 =
			judge_port(s, legacy, names_v4_of(req->proto), req->port, second, user);
		v = v4 > v ? v4 : v;
	}
	return v;
}

struct choice {
	const struct sums *s;
	const struct names_request *req;
};

/* WS-PORT-5: only this address counts, and wildcards, which hold a port on every address. */
static uint64_t taken_here(const struct choice *c, unsigned word)
{
	const struct names_request *req = c->req;
	uint64_t held = c->s->barred[req->proto].word[word];

	for (uint64_t ask = c->s->any[req->proto].word[word] & ~held; ask; ask &= ask - 1) {
		unsigned bit = (unsigned)__builtin_ctzll(ask);
		uint16_t port = (uint16_t)(word * 64 + bit);
		if (find_place(c->s, req->proto, req->addr, req->scope, port))
			held |= UINT64_C(1) << bit;
	}
	return held;
}

static uint64_t taken(const void *ctx, unsigned word)
{
	const struct choice *c = ctx;
	const struct names_request *req = c->req;

	if (req->scalability)
		return taken_here(c, word);
	uint64_t held = c->s->any[req->proto].word[word];
	return req->dual ? held | c->s->any[names_v4_of(req->proto)].word[word] : held;
}

uint16_t sums_choose(const struct sums *s, const struct names_request *req,
		     struct names_range range, uint32_t from)
{
	struct choice c = {s, req};
	return ports_find(range, from, taken, &c);
}

static void group_add(struct sums *s, struct sums_group *g, enum names_mode mode, uint64_t user)
{
	uint32_t *mine = (uint32_t *)counts_of(s, g, user);

	if (!mine && !g->mine[0] && !g->mine[1] && !g->mine[2]) {
		g->user = user;
		mine = g->mine;
	}
	if (!mine) {
		uint32_t number = pool_take(&s->tallies);
		struct tally *t = pool_at(&s->tallies, number);
		t->user = user;
		t->next = g->more;
		g->more = number;
		mine = t->n;
	}
	mine[mode]++;
	g->total[mode]++;
}

static void group_remove(struct sums *s, struct sums_group *g, enum names_mode mode, uint64_t user)
{
	g->total[mode]--;
	if (g->user == user && g->mine[mode]) {
		g->mine[mode]--;
		return;
	}
	for (uint32_t *link = &g->more; *link;) {
		uint32_t number = *link;
		struct tally *t = pool_at(&s->tallies, number);
		if (t->user != user) {
			link = &t->next;
			continue;
		}
		if (--t->n[mode] == 0 && !t->n[0] && !t->n[1] && !t->n[2]) {
			*link = t->next;
			pool_give(&s->tallies, number);
		}
		return;
	}
}

static struct sums_port *port_enter(struct sums *s, enum names_proto proto, uint16_t port)
{
	uint32_t *slot = &s->port_of[(size_t)proto * PORTS + port];

	if (!*slot) {
		*slot = pool_take(&s->ports);
		ports_add(&s->any[proto], port);
	}
	struct sums_port *p = pool_at(&s->ports, *slot);
	p->holders++;
	return p;
}

static void port_leave(struct sums *s, enum names_proto proto, uint16_t port)
{
	uint32_t *slot = &s->port_of[(size_t)proto * PORTS + port];
	struct sums_port *p = pool_at(&s->ports, *slot);

	if (--p->holders)
		return;
	pool_give(&s->ports, *slot);
	*slot = 0;
	ports_remove(&s->any[proto], port);
}

static bool group_empty(const struct sums_group *g)
{
	return !g->total[0] && !g->total[1] && !g->total[2];
}

static void bar(struct sums *s, enum names_proto proto, uint16_t port, const struct sums_port *p)
{
	if (group_empty(&p->kind[REUSE_WILD]) && group_empty(&p->kind[REUSE_DUAL]))
		ports_remove(&s->barred[proto], port);
	else
		ports_add(&s->barred[proto], port);
}

static uint32_t place_make(struct sums *s, struct sums_port *port, const struct names_request *req)
{
	uint32_t number = pool_take(&s->places);
	struct sums_place *p = sums_place(s, number);

	p->proto = (uint8_t)req->proto;
	p->port = req->port;
	p->scope = req->scope;
	p->wild = names_is_wild(req->addr);
	memcpy(p->addr, req->addr, sizeof(p->addr));
	p->hash = place_hash(s, p->proto, p->addr, p->scope, p->port);
	hash_put(s, p, number);
	p->next = port->places;
	if (p->next)
		sums_place(s, p->next)->prev = number;
	port->places = number;
	return number;
}

static void place_end(struct sums *s, struct sums_port *port, uint32_t number)
{
	struct sums_place *p = sums_place(s, number);

	if (p->prev)
		sums_place(s, p->prev)->next = p->next;
	else
		port->places = p->next;
	if (p->next)
		sums_place(s, p->next)->prev = p->prev;
	hash_drop(s, p, number);
	pool_give(&s->places, number);
}

uint32_t sums_add(struct sums *s, const struct names_request *req, uint64_t user)
{
	struct sums_port *port = port_enter(s, req->proto, req->port);
	uint32_t number = 0;

	if (port->places)
		number = find_place(s, req->proto, req->addr, req->scope, req->port);
	if (!number)
		number = place_make(s, port, req);
	struct sums_place *place = sums_place(s, number);
	place->holders++;
	if (!place->wild)
		group_add(s, &place->group, req->mode, user);
	group_add(s, &port->kind[place->wild ? REUSE_WILD : REUSE_SPECIFIC], req->mode, user);
	bar(s, req->proto, req->port, port);
	if (req->dual) {
		enum names_proto v4 = names_v4_of(req->proto);
		port = port_enter(s, v4, req->port);
		group_add(s, &port->kind[REUSE_DUAL], req->mode, user);
		bar(s, v4, req->port, port);
	}
	return number;
}

void sums_remove(struct sums *s, uint32_t place, enum names_mode mode, bool dual, uint64_t user)
{
	struct sums_place *at_place = sums_place(s, place);
	enum names_proto proto = (enum names_proto)at_place->proto;
	uint16_t at = at_place->port;
	struct sums_port *port = sums_port(s, proto, at);

	if (!at_place->wild)
		group_remove(s, &at_place->group, mode, user);
	group_remove(s, &port->kind[at_place->wild ? REUSE_WILD : REUSE_SPECIFIC], mode, user);
	bar(s, proto, at, port);
	if (--at_place->holders == 0)
		place_end(s, port, place);
	port_leave(s, proto, at);
	if (dual) {
		enum names_proto v4 = names_v4_of(proto);
		port = sums_port(s, v4, at);
		group_remove(s, &port->kind[REUSE_DUAL], mode, user);
		bar(s, v4, at, port);
		port_leave(s, v4, at);
	}
}

size_t sums_bytes(const struct sums *s)
{
	return pool_bytes(&s->ports) + pool_bytes(&s->places) + pool_bytes(&s->tallies) +
	       ((size_t)s->place_hash.mask + 1) * sizeof(uint32_t) + sizeof(*s);
}
