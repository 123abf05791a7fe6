/* SPDX-License-Identifier: MIT
 *
 * report_ratios.c - the section that sets ours beside each peer. No state.
 */
#include "report_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of a chart; and charts of all runs, in each direction, before points are left away. */
enum { ROWS = 27, CHARTS = 6 };

/* The ratios of one run in one direction. */
struct ratios {
	const struct report *r;
	const struct report_run *run;
	int index; /* of the run */
	bool higher;
	int rows, points;
	int charts; /* that may be added yet */
};

static bool same_place(const struct figure *a, const struct figure *b)
{
	return report_same_kind(a, b) && point_equal(&a->point, &b->point);
}

static void count_them(struct ratios *all)
{
	const struct figure *last = NULL;
	for (int i = 0; i < all->run->count; i++) {
		const struct figure *f = all->run->order[i];
		struct ratio q;
		if (f->higher != all->higher || !report_ratio(all->run, i, &q))
			continue;
		all->rows++;
		all->points += !last || !same_place(last, f);
		last = f;
	}
}

static struct chart *begin_chart(struct section *s, struct ratios *all, bool first, int *runs)
{
	struct chart *c = &s->charts[s->count];
	bool several = all->r->run_count > 1;
	*c = (struct chart){.form = CHART_RATIOS, .higher = all->higher};
	snprintf(c->caption, sizeof(c->caption), "%s%s%s%s", several ? all->run->label : "",
		 several ? ": " : "", all->higher ? "more is better" : "less is better",
		 first ? "" : ", continued");
	snprintf(c->x_title, sizeof(c->x_title),
		 "%s's figure divided by the peer's, logarithmic scale",
		 look_title(all->run->results->ours));
	runs[s->count++] = all->index;
	all->charts--;
	return c;
}

static int add_row(struct chart *c, const struct report_run *run, const struct figure *f,
		   const struct ratio *q)
{
	char point[120], kind[120];
	struct series *s = chart_add(c, look_title(f->contender), look_of(f->contender));
	if (!s)
		return -ENOMEM;
	words_point(run, &f->point, point, sizeof(point));
	words_kind(f->kind, true, kind, sizeof(kind));
	snprintf(s->group, sizeof(s->group), "%s%s%s", kind, *point ? ", " : "", point);
	return series_add(s, &(struct mark){.x = q->median, .low = q->low, .high = q->high});
}

/* Where there are too many, points are picked evenly. */
static int add_charts(struct section *s, struct ratios *all, int *runs)
{
	long each = (all->rows + all->points - 1) / all->points,
	     room = (long)ROWS * all->charts / each;
	long want = room < 1 ? 1 : room < all->points ? room : all->points, at = -1;
	/* as many points in each */
	long fit = ROWS / each > 0 ? ROWS / each : 1, charts = (want + fit - 1) / fit;
	long most = (want + charts - 1) / charts * each;
	const struct figure *last = NULL;
	struct chart *c = begin_chart(s, all, true, runs);
	bool take = false;
	int err = 0;
	for (int i = 0; i < all->run->count && !err; i++) {
		const struct figure *f = all->run->order[i];
		struct ratio q;
		if (f->higher != all->higher || !report_ratio(all->run, i, &q))
			continue;
		if (!last || !same_place(last, f)) {
			at++;
			take = !at || at * want / all->points != (at - 1) * want / all->points;
			if (take && all->charts && c->n + each > most)
				c = begin_chart(s, all, false, runs);
		}
		last = f;
		if (take)
			err = add_row(c, all->run, f, &q);
		else
			c->left_away++;
	}
	return err;
}

static int plan_run(struct report *r, struct section *s, int k, int *runs)
{
	int err = 0;
	for (int higher = 0; higher < 2 && !err; higher++) {
		struct ratios all = {.r = r,
				     .run = &r->runs[k],
				     .index = k,
				     .higher = higher,
				     .charts = CHARTS / r->run_count};
		if (!all.charts)
			all.charts = 1;
		count_them(&all);
		if (all.rows)
			err = add_charts(s, &all, runs);
	}
	return err;
}

static bool same_test(const struct report *r, int a, int b)
{
	return !strcmp(r->runs[a].results->test, r->runs[b].results->test);
}

int report_plan_ratios(struct report *r)
{
	enum { MOST = 2 * (RUNS_MAX + CHARTS) };
	int runs[MOST], err = 0;
	struct section *s = report_section(r, MOST);
	const char *ours = look_title(r->runs[0].results->ours);
	if (!s)
		return -ENOMEM;
	for (int k = 0; k < r->run_count && !err; k++) {
		if (strcmp(r->runs[k].results->ours, r->runs[0].results->ours) != 0)
			ours = "wsdirect";
		err = plan_run(r, s, k, runs);
	}
	if (err)
		return err;
	snprintf(s->title, sizeof(s->title),
		 "%s beside each peer: a bar in the shaded half is better than the peer", ours);
	snprintf(s->how, sizeof(s->how),
		 "Bars are medians over the rounds of ours divided by the peer's in the same "
		 "round; the thin bars span the "
		 "middle half of the rounds. Ratios may be compared between hosts.");
	err = report_fit(r, s, runs, same_test); /* a ratio is the same on every host */
	if (!s->count) {
		free(s->charts);
		r->section_count--;
	}
	return err;
}
