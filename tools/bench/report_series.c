/* SPDX-License-Identifier: MIT
 *
 * report_series.c - from figures to the lines and rows of charts. No state.
 */
#include "report_parts.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CURVE = 160, DOTS = 200 };

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* The quartiles of a figure's rounds; low > high: there is one round only, or none. */
static void quartiles(const struct figure *f, struct mark *m)
{
	double *v = f->rounds.n > 1 ? malloc(f->rounds.n * sizeof(*v)) : NULL;
	m->low = 1, m->high = 0;
	if (!v)
		return;
	memcpy(v, f->rounds.v, f->rounds.n * sizeof(*v));
	qsort(v, f->rounds.n, sizeof(*v), by_value);
	m->low = percentile(v, f->rounds.n, 25);
	m->high = percentile(v, f->rounds.n, 75);
	free(v);
}

/* The value below which @p % of a figure's samples are. */
struct spread {
	const struct hist *merged;
	double *sorted;
	size_t n;
};

static double spread_at(const struct spread *s, double p)
{
	return s->merged ? hist_percentile(s->merged, p) : percentile(s->sorted, s->n, p);
}

static int spread_of(const struct figure *f, struct spread *ret)
{
	*ret = (struct spread){.merged = f->merged, .n = f->merged ? f->stats.n : f->all.n};
	if (f->merged || !f->all.n)
		return 0;
	ret->sorted = malloc(f->all.n * sizeof(double));
	if (!ret->sorted)
		return -ENOMEM;
	memcpy(ret->sorted, f->all.v, f->all.n * sizeof(double));
	qsort(ret->sorted, f->all.n, sizeof(double), by_value);
	return 0;
}

/* From the quickest to 99.9 %, denser where it ends. */
static int add_shares(struct chart *c, const struct figure *f, const char *unused, enum axis none)
{
	struct spread all;
	struct series *s = chart_add(c, look_title(f->contender), look_of(f->contender));
	int err = s ? spread_of(f, &all) : -ENOMEM;
	if (err)
		return err;
	s->median = f->stats.typical;
	s->p99 = f->stats.p99;
	if (all.n)
		err = series_add(s, &(struct mark){.x = spread_at(&all, 0), .y = 0});
	for (int i = 1; all.n && i <= CURVE && !err; i++) {
		/* a step is 1 % at the bottom and 0.01 % at the top */
		double left = 1 - (double)i / CURVE, share = .999 * (1 - left * sqrt(left));
		err = series_add(s, &(struct mark){.x = spread_at(&all, share * 100), .y = share});
	}
	free(all.sorted);
	return err;
}

static int add_row(struct chart *c, const struct figure *f, const char *at, struct series **ret)
{
	*ret = chart_add(c, look_title(f->contender), look_of(f->contender));
	if (!*ret)
		return -ENOMEM;
	snprintf((*ret)->group, sizeof((*ret)->group), "%s", at);
	return 0;
}

static int add_dots(struct chart *c, const struct figure *f, const char *at, enum axis none)
{
	struct spread all;
	struct series *s;
	int err = add_row(c, f, at, &s);
	if (!err)
		err = spread_of(f, &all);
	if (err)
		return err;
	size_t n = all.n < DOTS ? all.n : DOTS;
	s->median = f->stats.typical;
	s->p99 = f->stats.p99;
	for (size_t i = 0; i < n && !err; i++)
		err = series_add(s, &(struct mark){.x = spread_at(&all, 100. * ((double)i + 1) /
										(double)n)});
	free(all.sorted);
	return err;
}

static int add_bar(struct chart *c, const struct figure *f, const char *at, enum axis none)
{
	struct series *s;
	struct mark m = {.x = f->stats.typical};
	int err = add_row(c, f, at, &s);
	quartiles(f, &m);
	return err ? err : series_add(s, &m);
}

static struct series *series_named(struct chart *c, const char *name)
{
	for (int i = 0; i < c->n; i++)
		if (!strcmp(c->series[i].name, name))
			return &c->series[i];
	return NULL;
}

static int by_x(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;
	return (x->x > y->x) - (x->x < y->x);
}

static int add_to_trend(struct chart *c, const struct figure *f, const char *unused, enum axis a)
{
	const char *name = look_title(f->contender);
	struct mark m = {.x = axis_of(&f->point, a), .y = f->stats.typical};
	struct series *s = series_named(c, name);
	if (!s)
		s = chart_add(c, name, look_of(f->contender));
	if (!s)
		return -ENOMEM;
	quartiles(f, &m);
	int err = series_add(s, &m);
	if (!err)
		qsort(s->marks, (size_t)s->n, sizeof(m), by_x);
	return err;
}

int report_add(struct chart *c, const struct figure *f, const char *at, enum axis a)
{
	static int (*const adders[CHART_FORMS])(struct chart *, const struct figure *, const char *,
						enum axis) = {
		[CHART_SHARES] = add_shares,
		[CHART_TREND] = add_to_trend,
		[CHART_DOTS] = add_dots,
		[CHART_BARS] = add_bar,
	};
	return adders[c->form](c, f, at, a);
}
