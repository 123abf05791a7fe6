/* SPDX-License-Identifier: MIT
 *
 * chart.c - see chart.h: what all forms share. No state.
 */
#include "chart_parts.h"

#include "units.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct form *const forms[CHART_FORMS] = {
	[CHART_SHARES] = &form_shares, [CHART_TREND] = &form_trend,   [CHART_DOTS] = &form_dots,
	[CHART_BARS] = &form_bars,     [CHART_RATIOS] = &form_ratios,
};

/* Room for one more in an array that doubles; its size is never kept, it follows from @n. */
static void *grow(void *old, int n, size_t size)
{
	if (n & (n - 1))
		return old;
	return realloc(old, (n ? (size_t)n * 2 : 1) * size);
}

struct series *chart_add(struct chart *c, const char *name, const struct look *look)
{
	struct series *all = grow(c->series, c->n, sizeof(*all));
	if (!all)
		return NULL;
	c->series = all;
	struct series *s = &all[c->n++];
	*s = (struct series){.look = look, .median = NAN, .p99 = NAN};
	snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

int series_add(struct series *s, const struct mark *m)
{
	struct mark *all = grow(s->marks, s->n, sizeof(*all));
	if (!all)
		return -ENOMEM;
	s->marks = all;
	all[s->n++] = *m;
	return 0;
}

void chart_free(struct chart *c)
{
	for (int i = 0; i < c->n; i++)
		free(c->series[i].marks);
	free(c->series);
	c->series = NULL;
	c->n = 0;
}

void range_take(struct range *r, double v)
{
	if (!isfinite(v))
		return;
	if (!r->any || v < r->min)
		r->min = v;
	if (!r->any || v > r->max)
		r->max = v;
	r->any = true;
}

void fit_range(struct scale *s, const struct range *r, const char *kind, double factor)
{
	bool wide = r->min > 0 && r->max > factor * r->min;
	if (!r->any)
		scale_linear(s, 0, 1, 1);
	else if (wide && kind && unit_is_binary(kind))
		scale_binary(s, r->min, r->max);
	else if (wide)
		scale_log(s, r->min, r->max);
	else
		scale_linear(s, r->min, r->max, kind ? unit_for(kind, r->max)->per : 1);
}

const char *value_text(char *text, size_t size, const char *kind, double value)
{
	char unit[UNIT_TEXT];
	if (kind)
		snprintf(text, size, "%s", unit_text(unit, kind, value));
	else
		snprintf(text, size, "%.10g", value);
	return text;
}

const char *tick_text(char *text, size_t size, const char *kind, double value)
{
	char unit[UNIT_TEXT];
	if (!kind)
		return value_text(text, size, kind, value);
	snprintf(text, size, "%s", unit_tick(unit, kind, value));
	return text;
}

/* Texts that would run into one another are left away; that of @keep never. */
static void draw_x_texts(FILE *f, const struct scale *s, const char *kind, const double *at, int n,
			 double y, double keep)
{
	char text[64];
	double end = -1e9, kept = scale_at(s, keep);
	for (int i = 0; i < n; i++) {
		double x = scale_at(s, at[i]);
		tick_text(text, sizeof(text), kind, at[i]);
		double half = svg_text_width(text, CHART_FONT) / 2 + 3;
		bool in_the_way = isfinite(keep) && fabs(x - kept) < 2 * half && at[i] != keep;
		if (x - half < end || in_the_way)
			continue;
		svg_text(f, "faint", AT_MIDDLE, x, y, "%s", text);
		end = x + half;
	}
}

void draw_x_axis(FILE *f, const struct scale *s, const char *kind, const struct area *plot,
		 int ticks, const char *title)
{
	double at[TICKS_MAX];
	int n = scale_ticks(s, ticks, at);
	for (int i = 0; i < n; i++) {
		double x = scale_at(s, at[i]);
		svg_line(f, "grid", x, plot->top, x, plot->bottom);
	}
	draw_x_texts(f, s, kind, at, n, plot->bottom + 16,
		     kind && !strcmp(kind, "ratio") ? 1 : NAN);
	svg_line(f, "axis", plot->left, plot->bottom, plot->right, plot->bottom);
	svg_text(f, "faint", AT_START, plot->left, plot->bottom + 34, "%s", title);
}

void draw_y_axis(FILE *f, const struct scale *s, const char *kind, const struct area *plot,
		 const char *title)
{
	double at[TICKS_MAX];
	char text[64];
	int n = scale_ticks(s, 7, at);
	for (int i = 0; i < n; i++) {
		double y = scale_at(s, at[i]);
		svg_line(f, "grid", plot->left, y, plot->right, y);
		svg_text(f, "faint", AT_END, plot->left - 6, y + 4, "%s",
			 tick_text(text, sizeof(text), kind, at[i]));
	}
	svg_text(f, "faint", AT_START, plot->left, plot->top - 8, "%s", title);
}

void chart_fit(struct chart *const *c, int n)
{
	if (n > 0)
		forms[c[0]->form]->fit(c, n);
}

static double head_height(const struct chart *c)
{
	return (*c->caption ? 20 : 0) + (*c->alarm ? 18 : 0) + 4;
}

double chart_height(const struct chart *c)
{
	return head_height(c) + forms[c->form]->height(c);
}

void chart_draw(FILE *f, const struct chart *c, double x, double y)
{
	if (*c->caption)
		svg_text_within(f, "strong", x, y + 14, CHART_FONT * 1.08, CHART_WIDTH, c->caption);
	if (*c->alarm)
		svg_text_within(f, "alarm", x, y + (*c->caption ? 33 : 14), CHART_FONT * 1.08,
				CHART_WIDTH, c->alarm);
	forms[c->form]->draw(f, c, x, y + head_height(c));
}
