/* SPDX-License-Identifier: MIT
 *
 * How the tables are cut inside: what is said around them in show.c, a figure's own in
 * show_figure.c.
 */
#ifndef WSD_BENCH_SHOW_PRIV_H
#define WSD_BENCH_SHOW_PRIV_H

#include "show.h"

enum { SHOW_WIDTH = 100 };

/* How a unit of the JSON is told to people. */
struct show_unit {
	const char *name; /* "usec" */
	double by;        /* a value is divided by it */
};
struct show_unit show_unit(const char *unit, bool gbits);

/* The table of a kind at a point, contenders as rows, and the ratios below it. */
void show_table(FILE *f, const struct options *o, const struct results *r,
		const struct figure *first);
void show_histogram(FILE *f, const struct options *o, const struct figure *of);
void show_unsorted(FILE *f, const struct options *o, const struct figure *of);
/* Words in lines of at most SHOW_WIDTH, each after the first @indent deep. */
void show_wrapped(FILE *f, int indent, const char *text);

#endif
