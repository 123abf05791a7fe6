/* SPDX-License-Identifier: MIT */
/*
 * ports.c: the dynamic port ranges: what is legal, what is the default, and how a free port is
 * found. Clauses: WS-PORT-2, -3, -6. No locks of its own, no state.
 */
#include "ports.h"

#include <log.h>

static const struct names_range modern_range = {49152, 16384};
/* S0 says 1025-5000, S1 says 1024-5000: the cautious one of the two. */
static const struct names_range legacy_range = {1025, 5000 - 1025 + 1};

static const char *const key_name[NAMES_PROTO_COUNT] = {
	[NAMES_TCP4] = "dynamicport.tcp4",
	[NAMES_TCP6] = "dynamicport.tcp6",
	[NAMES_UDP4] = "dynamicport.udp4",
	[NAMES_UDP6] = "dynamicport.udp6",
};

bool names_range_legal(struct names_range range)
{
	return range.start >= PORTS_MIN_START && range.start <= UINT16_MAX &&
	       range.count >= PORTS_MIN_COUNT && range.count <= UINT16_MAX &&
	       range.start + range.count <= UINT16_MAX + 1;
}

void ports_defaults(const struct names_config *cfg, struct names_range ret[NAMES_PROTO_COUNT])
{
	struct names_range base = cfg->legacy_ports ? legacy_range : modern_range;
	uint32_t top = cfg->max_user_port;

	if (top && (top < PORTS_MAX_USER_LOW || top > PORTS_MAX_USER_HIGH))
		wsd_log(WSD_LOG_WARNING, "names: MaxUserPort %u is not within %d-%d; not used", top,
			PORTS_MAX_USER_LOW, PORTS_MAX_USER_HIGH);
	else if (top && cfg->legacy_ports)
		base.count = top - base.start + 1;

	for (int p = 0; p < NAMES_PROTO_COUNT; p++) {
		struct names_range want = cfg->range[p];
		ret[p] = base;
		if (want.count == 0 && want.start == 0)
			continue;
		if (names_range_legal(want))
			ret[p] = want;
		else
			wsd_log(WSD_LOG_WARNING,
				"names: %s = %u,%u is not legal (start >= %d, count >= %d, start + "
				"count <= "
				"65536); %u,%u is used",
				key_name[p], want.start, want.count, PORTS_MIN_START,
				PORTS_MIN_COUNT, base.start, base.count);
	}
}

/* Bits of @word that stand for ports in [first, last]. */
static uint64_t within(unsigned word, uint32_t first, uint32_t last)
{
	uint64_t mask = ~UINT64_C(0);

	if (first / 64 == word)
		mask &= ~UINT64_C(0) << first % 64;
	if (last / 64 == word)
		mask &= ~UINT64_C(0) >> (63 - last % 64);
	return mask;
}

static uint16_t find_between(uint32_t first, uint32_t last, ports_taken *taken, const void *ctx)
{
	for (unsigned w = first / 64; w <= last / 64; w++) {
		uint64_t open = ~taken(ctx, w) & within(w, first, last);
		if (open)
			return (uint16_t)(w * 64 + (unsigned)__builtin_ctzll(open));
	}
	return 0;
}

uint16_t ports_find(struct names_range range, uint32_t from, ports_taken *taken, const void *ctx)
{
	uint32_t first = range.start, last = range.start + range.count - 1;
	uint32_t start = first + from % range.count;
	uint16_t port = find_between(start, last, taken, ctx);

	if (!port && start > first)
		port = find_between(first, start - 1, taken, ctx);
	return port;
}
