/* SPDX-License-Identifier: MIT
 *
 * chart_rows.c - charts of rows with a common axis: dots, bars, ratios around 1. Neighbours of one
 * group stand below its heading. No state.
 */
#include "chart_parts.h"

#include "units.h"

#include <math.h>
#include <string.h>

enum { NAMES = 150, ROW = 22, DOT_ROW = 34, GROUP = 24, HINT = 22, BELOW = 44, VALUE = 86 };

/* Every row, with its place; in the order of the chart. */
static int row_height(const struct chart *c)
{
	return c->form == CHART_DOTS ? DOT_ROW : ROW;
}

static bool opens_group(const struct chart *c, int i)
{
	return *c->series[i].group &&
	       (!i || strcmp(c->series[i].group, c->series[i - 1].group) != 0);
}

static double rows_height(const struct chart *c)
{
	double high = 0;
	for (int i = 0; i < c->n; i++)
		high += row_height(c) + (opens_group(c, i) ? GROUP : 0);
	return (c->form == CHART_RATIOS ? HINT : 4) + high + 4 + BELOW + (c->left_away ? 18 : 0);
}

/* Headings and names of all rows. @draw is told the middle of each. */
static void draw_rows(FILE *f, const struct chart *c, double x, double y, const struct scale *s,
		      void (*draw)(FILE *, const struct chart *, const struct series *,
				   const struct scale *, double))
{
	for (int i = 0; i < c->n; i++) {
		const struct series *row = &c->series[i];
		if (opens_group(c, i)) {
			svg_text_within(f, "ink", x, y + 17, CHART_FONT, CHART_WIDTH, row->group);
			y += GROUP;
		}
		double middle = y + row_height(c) / 2.;
		svg_marker(f, row->look->full, row->look->marker, x + 12, middle, 4);
		svg_text_within(f, "strong", x + 22, middle + 4, CHART_FONT, NAMES - 28, row->name);
		draw(f, c, row, s, middle);
		y += row_height(c);
	}
}

static struct area rows_area(const struct chart *c, double x, double y)
{
	return (struct area){.left = x + NAMES,
			     .right = x + CHART_WIDTH - 8,
			     .top = y + (c->form == CHART_RATIOS ? HINT : 4),
			     .bottom = y + rows_height(c) - BELOW - (c->left_away ? 18 : 0)};
}

static void tell_left_away(FILE *f, const struct chart *c, double x, double y)
{
	if (c->left_away)
		svg_text(f, "faint", AT_START, x, y + rows_height(c) - 4,
			 "%d more %s in the table of all figures.", c->left_away,
			 c->left_away == 1 ? "row is" : "rows are");
}

static struct range range_of(struct chart *const *c, int n)
{
	struct range r = {0};
	for (int k = 0; k < n; k++)
		for (int i = 0; i < c[k]->n; i++)
			for (int j = 0; j < c[k]->series[i].n; j++) {
				const struct mark *m = &c[k]->series[i].marks[j];
				range_take(&r, m->x);
				if (m->low <= m->high) {
					range_take(&r, m->low);
					range_take(&r, m->high);
				}
			}
	return r;
}

static void whisker(FILE *f, const struct mark *m, const struct scale *s, double y)
{
	if (!(m->low < m->high))
		return;
	double low = scale_at(s, m->low), high = scale_at(s, m->high);
	svg_line(f, "under", low, y, high, y); /* to be seen in front of a dark bar */
	svg_line(f, "whisker", low, y, high, y);
	svg_line(f, "whisker", low, y - 4, low, y + 4);
	svg_line(f, "whisker", high, y - 4, high, y + 4);
}

/* ---- dots ---- */

static void fit_dots(struct chart *const *c, int n)
{
	struct range r = range_of(c, n);
	for (int k = 0; k < n; k++)
		fit_range(&c[k]->x, &r, c[k]->x_kind, 20);
}

static void draw_dots_of(FILE *f, const struct chart *c, const struct series *row,
			 const struct scale *s, double y)
{
	char class[32], text[64];
	double furthest = s->from;
	snprintf(class, sizeof(class), "dot %s", strchr(row->look->bar, ' ') + 1);
	for (int i = 0; i < row->n; i++) {
		/* up and down by turns, so that equal ones can be told from one */
		static const double shift[] = {0, -6, 6, -3, 3, -9, 9};
		double at = scale_at(s, row->marks[i].x);
		if (!isfinite(row->marks[i].x))
			continue;
		svg_marker(f, class, MARK_DISC, at, y + shift[i % 7], 3);
		furthest = at > furthest ? at : furthest;
	}
	if (isfinite(row->median)) {
		double at = scale_at(s, row->median);
		svg_line(f, "one", at, y - 13, at, y + 13);
		svg_text(f, "ink", AT_START, furthest + 9, y + 4, "half within %s",
			 value_text(text, sizeof(text), c->x_kind, row->median));
	}
}

static void draw_dots(FILE *f, const struct chart *c, double x, double y)
{
	struct area plot = rows_area(c, x, y);
	struct scale s = c->x;
	s.from = plot.left + 6, s.to = plot.right - VALUE - 46;
	draw_x_axis(f, &s, c->x_kind, &plot, 6, c->x_title);
	draw_rows(f, c, x, plot.top, &s, draw_dots_of);
	tell_left_away(f, c, x, y);
}

const struct form form_dots = {fit_dots, rows_height, draw_dots};

/* ---- bars ---- */

static void fit_bars(struct chart *const *c, int n)
{
	struct range r = range_of(c, n);
	for (int k = 0; k < n; k++)
		scale_linear(&c[k]->x, r.min, r.max, unit_for(c[k]->x_kind, r.max)->per);
}

static void draw_bar(FILE *f, const struct chart *c, const struct series *row,
		     const struct scale *s, double y)
{
	const struct mark *m = row->marks;
	char text[64];
	if (!row->n || !isfinite(m->x))
		return;
	double from = scale_at(s, 0), to = scale_at(s, m->x);
	double end = m->low < m->high ? fmax(to, scale_at(s, m->high)) : to;
	svg_rect(f, row->look->bar, fmin(from, to), y - 7, fabs(to - from), 14);
	whisker(f, m, s, y);
	svg_text(f, "ink", AT_START, end + 7, y + 4, "%s",
		 value_text(text, sizeof(text), c->x_kind, m->x));
}

static void draw_bars(FILE *f, const struct chart *c, double x, double y)
{
	struct area plot = rows_area(c, x, y);
	struct scale s = c->x;
	s.from = plot.left, s.to = plot.right - VALUE;
	draw_x_axis(f, &s, c->x_kind, &plot, 6, c->x_title);
	draw_rows(f, c, x, plot.top, &s, draw_bar);
	tell_left_away(f, c, x, y);
}

const struct form form_bars = {fit_bars, rows_height, draw_bars};

/* ---- ratios ---- */

static void fit_ratios(struct chart *const *c, int n)
{
	struct range r = range_of(c, n);
	for (int k = 0; k < n; k++) {
		struct scale *s = &c[k]->x;
		scale_log(s, .5, 2);
		/* small differences are to be seen, too: no more room around 1 than is needed */
		s->low = r.any && r.min > 0 ? fmin(r.min * .97, .8) : .8;
		s->high = r.any ? fmax(r.max * 1.03, 1.25) : 1.25;
	}
}

static void draw_ratio(FILE *f, const struct chart *c, const struct series *row,
		       const struct scale *s, double y)
{
	const struct mark *m = row->marks;
	char text[64];
	svg_line(f, "one", scale_at(s, 1), y - ROW / 2., scale_at(s, 1), y + ROW / 2.);
	if (!row->n || !(m->x > 0) || !isfinite(m->x))
		return;
	double one = scale_at(s, 1), to = scale_at(s, m->x);
	bool left = m->x < 1, spread = m->low < m->high;
	double end = !spread ? to
		     : left  ? fmin(to, scale_at(s, m->low))
			     : fmax(to, scale_at(s, m->high));
	svg_rect(f, row->look->bar, fmin(one, to), y - 7, fabs(to - one), 14);
	whisker(f, m, s, y);
	svg_text(f, "strong", left ? AT_END : AT_START, end + (left ? -7 : 7), y + 4, "%s",
		 value_text(text, sizeof(text), "ratio", m->x));
}

static void draw_ratios(FILE *f, const struct chart *c, double x, double y)
{
	struct area plot = rows_area(c, x, y);
	struct scale s = c->x;
	s.from = plot.left + 52, s.to = plot.right - 58;
	double one = scale_at(&s, 1), top = plot.top;
	if (c->higher)
		svg_rect(f, "better", one, top, plot.right - one, plot.bottom - top);
	else
		svg_rect(f, "better", plot.left, top, one - plot.left, plot.bottom - top);
	svg_text(f, "ink", AT_START, plot.left, top - 7, "← %s%s",
		 c->higher ? "does less" : "needs less", c->higher ? "" : ": better");
	svg_text(f, "ink", AT_END, plot.right, top - 7, "%s%s →",
		 c->higher ? "does more" : "needs more", c->higher ? ": better" : "");
	draw_x_axis(f, &s, "ratio", &plot, 7, c->x_title);
	draw_rows(f, c, x, top, &s, draw_ratio);
	tell_left_away(f, c, x, y);
}

const struct form form_ratios = {fit_ratios, rows_height, draw_ratios};
