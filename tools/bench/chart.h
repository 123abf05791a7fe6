/* SPDX-License-Identifier: MIT
 *
 * One chart: the data, and how it is drawn into SVG. Every line or row bears its name and its
 * figures itself; there is no legend. See look.h for what contenders look like.
 */
#ifndef WSD_BENCH_CHART_H
#define WSD_BENCH_CHART_H

#include "look.h"
#include "scale.h"

#include <stdbool.h>

enum chart_form {
	CHART_SHARES, /* which share of all samples was done within a time; one line each */
	CHART_TREND,  /* a figure against a number; one line each */
	CHART_DOTS,   /* each sample is a dot; one row each */
	CHART_BARS,   /* a figure with its spread; one row each */
	CHART_RATIOS, /* ours as a multiple of another's, around 1; one row each */
	CHART_FORMS,
};

/* SHARES: x time, y share. TREND: x, y, low and high of y. DOTS: x. BARS and RATIOS: one mark, x
 * with its low and high. low > high: there is no spread. */
struct mark {
	double x, y, low, high;
};

struct series {
	char name[64], group[256]; /* of rows: neighbours of one group share a heading */
	const struct look *look;
	struct mark *marks;
	int n;
	double median, p99; /* SHARES, DOTS */
};

enum { CHART_WIDTH = 640 };
struct chart {
	enum chart_form form;
	char caption[256];           /* of which run and point; "" */
	char alarm[200];             /* what must be known before it is believed; "" */
	const char *x_kind, *y_kind; /* units of values, as in struct figure_kind; NULL: a number */
	char x_title[96], y_title[96];
	bool higher;   /* more is better */
	bool x_binary; /* TREND: powers of two */
	struct series *series;
	int n, left_away;  /* left_away: rows that the table has and the chart has not */
	struct scale x, y; /* chart_fit() */
};

/* A new row or line at the end; NULL: no memory. */
struct series *chart_add(struct chart *c, const char *name, const struct look *look);
int series_add(struct series *s, const struct mark *m); /* 0 or -ENOMEM */
void chart_free(struct chart *c);                       /* what it holds, not @c */

/* Sets the scales of @n charts of one form so that they can be laid side by side. */
void chart_fit(struct chart *const *c, int n);
double chart_height(const struct chart *c);
/* The shapes, CHART_WIDTH wide, the corner at @x, @y. */
void chart_draw(FILE *f, const struct chart *c, double x, double y);

#endif
