/* SPDX-License-Identifier: MIT
 *
 * What the switch calls, against what a scenario expects.
 */
#ifndef WSD_SCENARIO_EXPECT_H
#define WSD_SCENARIO_EXPECT_H

#include "scenario.h"
#include "watch.h"

#include <stdio.h>

/* "$A" stands for the same value wherever it stands. */
struct bindings {
	struct pair *at;
	size_t n;
};
void bindings_free(struct bindings *b);

/* The records that @s is about: of the process @pid, by @s->words or of all SAN providers (upcalls
 * if one of its patterns is one), that no earlier expectation has dealt with. To be freed; good
 * until more are read. NULL: no memory. */
struct record **expect_select(struct watch *w, const struct statement *s, pid_t pid, size_t *ret_n);

/* Whether the records fit. Then they are marked as dealt with (in order: up to the last one that
 * is expected), and @b has the values that were met first. */
bool expect_fits(const struct statement *s, struct record **records, size_t n, struct bindings *b);

/* Both sides, a line for each call; what differs is marked. */
void expect_show(FILE *to, const struct statement *s, struct record **records, size_t n,
		 const struct bindings *b);

/* One record as a line of a block; values that are sockets by the names of @b, which gets new ones
 * if @grow. */
void expect_line(const struct record *r, struct bindings *b, bool grow, char *text, size_t size);
void expect_pattern(const struct pattern *p, char *text, size_t size);

#endif
