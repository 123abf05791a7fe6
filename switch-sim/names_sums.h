/* SPDX-License-Identifier: MIT */
/*
 * names_sums.h: how many hold what, by port, address, mode and user. All that a bind is judged by.
 * The keeper's lock. Clauses: WS-PORT-4, -5, WS-REUSE-5, -6, -8.
 */
#ifndef WSD_SWITCH_NAMES_SUMS_H
#define WSD_SWITCH_NAMES_SUMS_H

#include "names.h"
#include "names_pool.h"
#include "ports.h"
#include "reuse.h"

/* Holders of one kind, by mode and user. The first user stands inline: there is rarely another. */
struct sums_group {
	uint64_t user; /* whoever two are of, if it is equal */
	uint32_t total[NAMES_MODE_COUNT];
	uint32_t mine[NAMES_MODE_COUNT];
	uint32_t more; /* chain of tallies of further users */
};

/* One (protocol, port): what a wildcard, a specific and a dual-stack newcomer look at. */
struct sums_port {
	uint32_t holders;
	uint32_t places; /* chain of its places, the wildcard's among them */
	struct sums_group kind[REUSE_KIND_COUNT];
};

/* One (protocol, address, port): those who listen there, in rank. */
struct sums_place {
	uint32_t hash, hash_next;
	uint32_t prev, next; /* on the port's chain */
	uint32_t holders;
	uint32_t first, last; /* listeners, by index of name */
	uint32_t scope;
	uint16_t port;
	uint8_t proto, wild;
	uint8_t addr[16];
	struct sums_group group; /* unused for a wildcard: the port has it */
};

struct sums {
	struct pool ports, places, tallies;
	struct pool_hash place_hash;
	uint64_t seed;
	uint32_t *port_of;                      /* [proto][port] -> ports */
	struct ports any[NAMES_PROTO_COUNT];    /* somebody holds it, on whatever address */
	struct ports barred[NAMES_PROTO_COUNT]; /* a wildcard holds it */
};

int sums_init(struct sums *s, uint64_t seed); /* of a zeroed one; 0, -ENOMEM */
void sums_fini(struct sums *s);
bool sums_reserve(struct sums *s); /* room for one more name; false: no memory */

/* The verdict on a normalised request with a port (WS-REUSE-6). */
enum reuse_verdict sums_judge(const struct sums *s, bool legacy, const struct names_request *req,
			      uint64_t user);

/* A port for a normalised request without one, 0: none is free. @from: random. */
uint16_t sums_choose(const struct sums *s, const struct names_request *req,
		     struct names_range range, uint32_t from);

/* Count a name in or out; the place it stands at. After sums_reserve, adding cannot fail. */
uint32_t sums_add(struct sums *s, const struct names_request *req, uint64_t user);
void sums_remove(struct sums *s, uint32_t place, enum names_mode mode, bool dual, uint64_t user);

static inline struct sums_place *sums_place(const struct sums *s, uint32_t place)
{
	return pool_at(&s->places, place);
}

/* NULL: nobody holds the port. */
struct sums_port *sums_port(const struct sums *s, enum names_proto proto, uint16_t port);

/* 0: none. */
uint32_t sums_wild_place(const struct sums *s, enum names_proto proto, uint16_t port);

static inline bool names_is_wild(const uint8_t addr[16])
{
	static const uint8_t zero[16];
	return __builtin_memcmp(addr, zero, sizeof(zero)) == 0;
}

static inline enum names_proto names_v4_of(enum names_proto proto)
{
	return (enum names_proto)((unsigned)proto & ~1U);
}

size_t sums_bytes(const struct sums *s);

#endif
