/* SPDX-License-Identifier: MIT
 *
 * What the forms of charts share; for chart*.c only.
 */
#ifndef WSD_BENCH_CHART_PARTS_H
#define WSD_BENCH_CHART_PARTS_H

#include "chart.h"

struct area {
	double left, top, right, bottom;
};

enum { CHART_FONT = 12, LINE_HIGH = 15 };

/* One per form. height: without caption and alarm. */
struct form {
	void (*fit)(struct chart *const *c, int n);
	double (*height)(const struct chart *c);
	void (*draw)(FILE *f, const struct chart *c, double x, double y);
};
extern const struct form form_shares, form_trend, form_dots, form_bars, form_ratios;

/* The least and the most of what is finite; false: nothing is. */
struct range {
	double min, max;
	bool any;
};
void range_take(struct range *r, double v);
/* Linear from 0; logarithmic where the largest is more than @factor times the smallest. */
void fit_range(struct scale *s, const struct range *r, const char *kind, double factor);

/* "200 us"; a plain number without a kind. */
const char *value_text(char *text, size_t size, const char *kind, double value);
/* The same for a round one: "2 ms". */
const char *tick_text(char *text, size_t size, const char *kind, double value);
/* Ticks, their texts and lines over @plot; the axis' title below. */
void draw_x_axis(FILE *f, const struct scale *s, const char *kind, const struct area *plot,
		 int ticks, const char *title);
void draw_y_axis(FILE *f, const struct scale *s, const char *kind, const struct area *plot,
		 const char *title);

#endif
