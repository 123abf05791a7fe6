/* SPDX-License-Identifier: MIT
 *
 * Ranges by address, with the farthest end of every prefix beside them: look-ups by bisection,
 * changes in O(n) of a few words each, which beside a registration cost nothing [PROV-DATA-4].
 */
#include "span.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 8 };

int span_reserve(struct span_map *m)
{
	if (m->n < m->room)
		return 0;
	size_t room = m->room ? m->room * 2 : FIRST_ROOM;
	/* One block: the spans, then the best ones. */
	struct span **v = malloc(2 * room * sizeof(struct span *));
	if (!v)
		return -ENOMEM;
	if (m->n) {
		memcpy(v, m->v, m->n * sizeof(*v));
		memcpy(v + room, m->best, m->n * sizeof(*v));
	}
	free(m->v);
	m->v = v;
	m->best = v + room;
	m->room = room;
	return 0;
}

size_t span_lower(const struct span_map *m, uintptr_t start)
{
	size_t low = 0, high = m->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (m->v[middle]->start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void renew_best(struct span_map *m, size_t from)
{
	for (size_t i = from; i < m->n; i++) {
		struct span *before = i ? m->best[i - 1] : NULL;
		m->best[i] = before && before->end >= m->v[i]->end ? before : m->v[i];
	}
}

void span_add(struct span_map *m, struct span *s)
{
	size_t at = span_lower(m, s->start);
	memmove(m->v + at + 1, m->v + at, (m->n - at) * sizeof(struct span *));
	m->v[at] = s;
	m->n++;
	renew_best(m, at);
}

void span_remove(struct span_map *m, const struct span *s)
{
	size_t at = span_lower(m, s->start);
	while (at < m->n && m->v[at] != s)
		at++;
	if (at == m->n)
		return;
	m->n--;
	memmove(m->v + at, m->v + at + 1, (m->n - at) * sizeof(struct span *));
	renew_best(m, at);
}

struct span *span_cover(const struct span_map *m, uintptr_t start, uintptr_t end)
{
	size_t n = span_lower(m, start + 1);
	return n && m->best[n - 1]->end >= end ? m->best[n - 1] : NULL;
}

struct span *span_overlap(const struct span_map *m, uintptr_t start, uintptr_t end)
{
	size_t n = span_lower(m, end);
	return n && m->best[n - 1]->end > start ? m->best[n - 1] : NULL;
}

void span_free(struct span_map *m)
{
	free(m->v);
	*m = (struct span_map){0};
}
