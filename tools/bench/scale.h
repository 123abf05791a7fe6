/* SPDX-License-Identifier: MIT
 *
 * From values to places on an axis, and where its ticks are. Pure arithmetic.
 */
#ifndef WSD_BENCH_SCALE_H
#define WSD_BENCH_SCALE_H

#include <stdbool.h>

enum { TICKS_MAX = 12 };

struct scale {
	double low, high; /* values; low < high */
	double from, to;  /* places of low and high; from > to for an axis that goes up */
	double unit;      /* ticks of a linear axis are round numbers of these */
	bool log, binary; /* binary: a logarithmic axis with ticks at powers of two */
	bool zero;        /* a logarithmic axis that has a place for 0, too: at `from` */
};

/* Takes in all of [min, max]; a linear axis begins at 0 when nothing is below it. Wrong input (not
 * finite, or nothing above 0 on a logarithmic axis) gives some scale that can be drawn. */
void scale_linear(struct scale *s, double min, double max, double unit);
void scale_log(struct scale *s, double min, double max);
void scale_binary(struct scale *s, double min, double max);
/* The place of @v; what is outside lies on the edge. Always finite. */
double scale_at(const struct scale *s, double v);
/* Ascending. Their number, at most @max (and TICKS_MAX) and at least 2 where @max allows. */
int scale_ticks(const struct scale *s, int max, double ret[TICKS_MAX]);

#endif
