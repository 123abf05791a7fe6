/* SPDX-License-Identifier: MIT
 *
 * chart_plot.c - charts of two axes: shares of samples over time, and figures against a number. The
 * names of lines stand in a column to their right, each beside its line or led to it. No state.
 */
#include "chart_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEFT = 66, NAMES = 158, ABOVE = 24, PLOT_HIGH = 260, BELOW = 44 };

static double plot_height(const struct chart *c, int each)
{
	return c->n * each > PLOT_HIGH ? c->n * each : PLOT_HIGH;
}

static struct area plot_area(const struct chart *c, double x, double y, int each)
{
	return (struct area){.left = x + LEFT,
			     .top = y + ABOVE,
			     .right = x + CHART_WIDTH - NAMES,
			     .bottom = y + ABOVE + plot_height(c, each)};
}

/* Two lines cannot be told apart where one covers the other: the markers are drawn after both. */
static void draw_line(FILE *f, const struct series *s, const struct scale *x, const struct scale *y)
{
	struct place *p = calloc((size_t)s->n + 1, sizeof(*p));
	int n = 0;
	if (!p)
		return;
	for (int i = 0; i < s->n; i++)
		if (isfinite(s->marks[i].x) && isfinite(s->marks[i].y) && s->marks[i].x <= x->high)
			p[n++] = (struct place){scale_at(x, s->marks[i].x),
						scale_at(y, s->marks[i].y)};
	svg_path(f, s->look->line, p, n);
	free(p);
}

static void lead(FILE *f, const struct look *l, double x1, double y1, double x2, double y2)
{
	char class[32];
	/* its colour without its dash, which is a path's */
	snprintf(class, sizeof(class), "lead %s", strchr(l->line, ' ') + 1);
	svg_line(f, class, x1, y1, x2, y2);
}

/* ---- shares of samples ---- */

enum { SHARES_EACH = 52 };

/* To the right there is room for 99 % of all; beyond that only a few are so slow. */
static void fit_shares(struct chart *const *c, int n)
{
	struct range r = {0};
	for (int k = 0; k < n; k++)
		for (int i = 0; i < c[k]->n; i++) {
			const struct series *s = &c[k]->series[i];
			if (s->n && s->marks[0].x > 0)
				range_take(&r, s->marks[0].x);
			if (s->p99 > 0)
				range_take(&r, s->p99 * 1.4);
		}
	for (int k = 0; k < n; k++) {
		scale_log(&c[k]->x, r.any ? r.min : 1, r.any ? r.max : 10);
		if (r.any) { /* no round numbers at the ends: the lines need the room */
			c[k]->x.low = r.min / pow(r.max / r.min * 1.05, .03);
			c[k]->x.high = r.max * pow(r.max / r.min * 1.05, .03);
		}
		scale_linear(&c[k]->y, 0, 1, 1);
	}
}

static double shares_height(const struct chart *c)
{
	return ABOVE + plot_height(c, SHARES_EACH) + BELOW;
}

/* The time within which the share @y was done. */
static double time_of(const struct series *s, double y)
{
	for (int i = 1; i < s->n; i++)
		if (s->marks[i].y >= y) {
			const struct mark *a = &s->marks[i - 1], *b = &s->marks[i];
			double part = b->y > a->y ? (y - a->y) / (b->y - a->y) : 1;
			return a->x > 0 ? a->x * pow(b->x / a->x, part) : b->x;
		}
	return s->n ? s->marks[s->n - 1].x : NAN;
}

static void draw_share_ticks(FILE *f, const struct scale *y, const struct area *plot)
{
	static const struct {
		double share;
		const char *text, *class;
	} ticks[] = {{0, "0 %", "grid"},
		     {.25, "25 %", "grid"},
		     {.5, "half", "guide"},
		     {.75, "75 %", "grid"},
		     {.99, "99 %", "guide"}};
	for (size_t i = 0; i < sizeof(ticks) / sizeof(ticks[0]); i++) {
		double at = scale_at(y, ticks[i].share);
		svg_line(f, ticks[i].class, plot->left, at, plot->right, at);
		svg_text(f, "faint", AT_END, plot->left - 6, at + 4, "%s", ticks[i].text);
	}
}

static int by_median(const void *a, const void *b)
{
	const struct series *const *x = a, *const *y = b;
	return ((*x)->median > (*y)->median) - ((*x)->median < (*y)->median);
}

/* Name, median and p99 beside the line, at a height of its own. */
static void name_share(FILE *f, const struct series *s, const struct chart *c,
		       const struct area *plot, double at)
{
	char text[64];
	double share = (plot->bottom - at) / (plot->bottom - plot->top), names = plot->right + 12;
	double begin = scale_at(&c->x, time_of(s, share));
	lead(f, s->look, begin, at, names - 2, at);
	svg_marker(f, s->look->full, s->look->marker, names + 4, at - 12, 4);
	svg_text_within(f, "strong", names + 14, at - 8, CHART_FONT, NAMES - 26, s->name);
	svg_text(f, "ink", AT_START, names + 14, at + 7, "half within %s",
		 value_text(text, sizeof(text), c->x_kind, s->median));
	svg_text(f, "ink", AT_START, names + 14, at + 21, "99 %% within %s",
		 value_text(text, sizeof(text), c->x_kind, s->p99));
}

static void draw_shares(FILE *f, const struct chart *c, double x, double y)
{
	struct area plot = plot_area(c, x, y, SHARES_EACH);
	struct scale across = c->x, up = c->y;
	struct chart placed = *c;
	struct series **order = calloc((size_t)c->n + 1, sizeof(struct series *));
	across.from = plot.left, across.to = plot.right;
	up.from = plot.bottom, up.to = plot.top;
	placed.x = across, placed.y = up;
	draw_x_axis(f, &across, c->x_kind, &plot, 7, c->x_title);
	draw_share_ticks(f, &up, &plot);
	svg_text(f, "faint", AT_START, plot.left, plot.top - 8, "%s", c->y_title);
	for (int i = 0; i < c->n; i++)
		draw_line(f, &c->series[i], &across, &up);
	for (int i = 0; i < c->n; i++) {
		const struct series *s = &c->series[i];
		svg_marker(f, s->look->full, s->look->marker, scale_at(&across, s->median),
			   scale_at(&up, .5), 4.5);
		svg_marker(f, s->look->hollow, s->look->marker, scale_at(&across, s->p99),
			   scale_at(&up, .99), 4.5);
	}
	for (int i = 0; order && i < c->n; i++)
		order[i] = &c->series[i];
	if (order)
		qsort(order, (size_t)c->n, sizeof(struct series *), by_median);
	for (int i = 0; order && i < c->n; i++)
		name_share(f, order[i], &placed, &plot,
			   plot.top + (i + .5) * (plot.bottom - plot.top) / c->n);
	free(order);
}

const struct form form_shares = {fit_shares, shares_height, draw_shares};

/* ---- figures against a number ---- */

enum { TREND_EACH = 32, MARKS_MOST = 32 };

static void fit_trend(struct chart *const *c, int n)
{
	struct range x = {0}, y = {0}, above = {0};
	for (int k = 0; k < n; k++)
		for (int i = 0; i < c[k]->n; i++)
			for (int j = 0; j < c[k]->series[i].n; j++) {
				const struct mark *m = &c[k]->series[i].marks[j];
				range_take(&x, m->x);
				if (m->x > 0)
					range_take(&above, m->x);
				range_take(&y, m->y);
				if (m->low <= m->high) {
					range_take(&y, m->low);
					range_take(&y, m->high);
				}
			}
	for (int k = 0; k < n; k++) {
		if (c[k]->x_binary)
			scale_binary(&c[k]->x, x.min, x.max);
		else
			fit_range(&c[k]->x, &above, c[k]->x_kind, 8);
		if (c[k]->x.log && above.any)
			c[k]->x.low = above.min, c[k]->x.high = above.max;
		c[k]->x.zero = c[k]->x.log && x.any && x.min == 0;
		if (c[k]->x.low >= c[k]->x.high)
			c[k]->x.high = c[k]->x.low * 2 + 1;
		fit_range(&c[k]->y, &y, c[k]->y_kind, 20);
	}
}

static double trend_height(const struct chart *c)
{
	return ABOVE + plot_height(c, TREND_EACH) + BELOW;
}

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Ticks at the numbers that were measured, as many as have room. */
static void draw_measured(FILE *f, const struct chart *c, const struct scale *x,
			  const struct area *plot)
{
	size_t n = 0, room = 1;
	char text[64];
	double used = -1e9;
	for (int i = 0; i < c->n; i++)
		room += (size_t)c->series[i].n;
	double *at = calloc(room, sizeof(*at));
	for (int i = 0; at && i < c->n; i++)
		for (int j = 0; j < c->series[i].n; j++)
			at[n++] = c->series[i].marks[j].x;
	if (at)
		qsort(at, n, sizeof(*at), by_number);
	for (size_t i = 0; at && i < n; i++) {
		double place = scale_at(x, at[i]);
		tick_text(text, sizeof(text), c->x_kind, at[i]);
		double half = svg_text_width(text, CHART_FONT) / 2 + 3;
		if (place - half < used)
			continue;
		used = place + half;
		svg_line(f, "grid", place, plot->top, place, plot->bottom);
		svg_text(f, "faint", AT_MIDDLE, place, plot->bottom + 16, "%s", text);
	}
	free(at);
	svg_line(f, "axis", plot->left, plot->bottom, plot->right, plot->bottom);
	svg_text(f, "faint", AT_START, plot->left, plot->bottom + 34, "%s", c->x_title);
}

struct label {
	const struct series *s;
	double x, y, at; /* the line's end; where the name stands */
};

static int by_place(const void *a, const void *b)
{
	const struct label *x = a, *y = b;
	return (x->y > y->y) - (x->y < y->y);
}

/* Moves names apart, down and then up again from the bottom. */
static void spread_labels(struct label *l, int n, const struct area *plot)
{
	for (int i = 0; i < n; i++) {
		double least = i ? l[i - 1].at + TREND_EACH : plot->top + 8;
		l[i].at = l[i].y > least ? l[i].y : least;
	}
	for (int i = n - 1; i >= 0; i--) {
		double most = i < n - 1 ? l[i + 1].at - TREND_EACH : plot->bottom - 12;
		if (l[i].at > most)
			l[i].at = most;
	}
}

static void name_trends(FILE *f, const struct chart *c, const struct scale *x,
			const struct scale *y, const struct area *plot)
{
	struct label *l = calloc((size_t)c->n + 1, sizeof(*l));
	int n = 0;
	char text[64], at[64];
	for (int i = 0; l && i < c->n; i++) {
		const struct series *s = &c->series[i];
		if (s->n)
			l[n++] = (struct label){s, scale_at(x, s->marks[s->n - 1].x),
						scale_at(y, s->marks[s->n - 1].y), 0};
	}
	if (l)
		qsort(l, (size_t)n, sizeof(*l), by_place);
	if (l)
		spread_labels(l, n, plot);
	for (int i = 0; i < n; i++) {
		const struct mark *m = &l[i].s->marks[l[i].s->n - 1];
		double names = plot->right + 22;
		lead(f, l[i].s->look, l[i].x, l[i].y, names - 4, l[i].at);
		svg_marker(f, l[i].s->look->full, l[i].s->look->marker, names + 2, l[i].at - 4, 4);
		svg_text_within(f, "strong", names + 12, l[i].at, CHART_FONT, NAMES - 34,
				l[i].s->name);
		value_text(text, sizeof(text), c->y_kind, m->y);
		tick_text(at, sizeof(at), c->x_kind, m->x);
		svg_text(f, "ink", AT_START, names + 12, l[i].at + 14, "%s at %s", text, at);
	}
	free(l);
}

/* The spread of many marks: an area in place of bars. */
static void draw_band(FILE *f, const struct series *s, const struct scale *x, const struct scale *y)
{
	struct place *p = calloc(2 * (size_t)s->n + 1, sizeof(*p));
	char class[32];
	int n = 0;
	for (int i = 0; p && i < s->n; i++)
		if (s->marks[i].low <= s->marks[i].high)
			p[n++] = (struct place){scale_at(x, s->marks[i].x),
						scale_at(y, s->marks[i].high)};
	for (int i = s->n - 1; p && i >= 0; i--)
		if (s->marks[i].low <= s->marks[i].high)
			p[n++] = (struct place){scale_at(x, s->marks[i].x),
						scale_at(y, s->marks[i].low)};
	snprintf(class, sizeof(class), "band %s", strchr(s->look->bar, ' ') + 1);
	svg_path(f, class, p, n);
	free(p);
}

static void draw_marks(FILE *f, const struct series *s, const struct scale *x,
		       const struct scale *y)
{
	for (int i = 0; i < s->n; i++) {
		const struct mark *m = &s->marks[i];
		double across = scale_at(x, m->x);
		if (!isfinite(m->y))
			continue;
		if (m->low < m->high && s->n <= MARKS_MOST)
			svg_line(f, "whisker", across, scale_at(y, m->low), across,
				 scale_at(y, m->high));
		if (s->n <= MARKS_MOST)
			svg_marker(f, s->look->full, s->look->marker, across, scale_at(y, m->y), 4);
	}
}

static void draw_trend(FILE *f, const struct chart *c, double x, double y)
{
	struct area plot = plot_area(c, x, y, TREND_EACH);
	struct scale across = c->x, up = c->y;
	across.from = plot.left + 10, across.to = plot.right - 10;
	up.from = plot.bottom, up.to = plot.top;
	draw_y_axis(f, &up, c->y_kind, &plot, c->y_title);
	draw_measured(f, c, &across, &plot);
	for (int i = 0; i < c->n; i++)
		if (c->series[i].n > MARKS_MOST)
			draw_band(f, &c->series[i], &across, &up);
	for (int i = 0; i < c->n; i++)
		draw_line(f, &c->series[i], &across, &up);
	for (int i = 0; i < c->n; i++)
		draw_marks(f, &c->series[i], &across, &up);
	name_trends(f, c, &across, &up, &plot);
}

const struct form form_trend = {fit_trend, trend_height, draw_trend};
