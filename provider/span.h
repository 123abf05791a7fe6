/* SPDX-License-Identifier: MIT
 *
 * A set of address ranges that may overlap: who covers a range is found in O(log n). No locks: the
 * owner's hold.
 */
#ifndef WSD_PROVIDER_SPAN_H
#define WSD_PROVIDER_SPAN_H

#include <stddef.h>
#include <stdint.h>

struct span {
	uintptr_t start, end; /* [start, end), never empty */
};

/* In order of start. best[i] is the one of v[0..i] that reaches farthest: a range is covered by
 * some span exactly if it is covered by the best of those that start at or before it. */
struct span_map {
	struct span **v, **best;
	size_t n, room;
};

/* Room for one more, so that the next span_add() cannot fail: 0 or -ENOMEM. */
int span_reserve(struct span_map *m);
void span_add(struct span_map *m, struct span *s);
void span_remove(struct span_map *m, const struct span *s);
/* A span that covers [start, end), or NULL. */
struct span *span_cover(const struct span_map *m, uintptr_t start, uintptr_t end);
/* Some span that overlaps [start, end), or NULL. */
struct span *span_overlap(const struct span_map *m, uintptr_t start, uintptr_t end);
/* How many start before @start: the index of the first that does not. */
size_t span_lower(const struct span_map *m, uintptr_t start);
void span_free(struct span_map *m);

#endif
