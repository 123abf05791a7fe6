/* SPDX-License-Identifier: MIT */
/*
 * ports.h: the dynamic port ranges and which ports of a protocol are held by anybody, as bits. The
 * caller's lock.
 */
#ifndef WSD_SWITCH_PORTS_H
#define WSD_SWITCH_PORTS_H

#include "names.h"

enum {
	PORTS_WORDS = 65536 / 64,
	PORTS_MIN_START = 1025, /* WS-PORT-3 (b) */
	PORTS_MIN_COUNT = 255,
	PORTS_MAX_USER_LOW = 5000, /* WS-PORT-3 (a) */
	PORTS_MAX_USER_HIGH = 65534,
};

/* A set of ports. 8 KiB. */
struct ports {
	uint64_t word[PORTS_WORDS];
};

static inline void ports_add(struct ports *p, uint16_t port)
{
	p->word[port / 64] |= UINT64_C(1) << port % 64;
}

static inline void ports_remove(struct ports *p, uint16_t port)
{
	p->word[port / 64] &= ~(UINT64_C(1) << port % 64);
}

static inline bool ports_has(const struct ports *p, uint16_t port)
{
	return p->word[port / 64] >> port % 64 & 1;
}

/* The 64 ports from 64 * @word on that may not be taken, for ports_find. */
typedef uint64_t ports_taken(const void *ctx, unsigned word);

/**
 * ports_find - a port of @range that is not taken: from @from (any number) on, one full turn
 * (WS-PORT-6)
 *
 * Looks at 64 ports at a time, so that a full range costs no more than range / 64 steps.
 * Return: the port, 0 if all are taken.
 */
uint16_t ports_find(struct names_range range, uint32_t from, ports_taken *taken, const void *ctx);

/**
 * ports_defaults - the ranges that a configuration asks for (WS-PORT-2, -3); illegal values are
 * logged and left out
 */
void ports_defaults(const struct names_config *cfg, struct names_range ret[NAMES_PROTO_COUNT]);

#endif
