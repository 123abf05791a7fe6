/* SPDX-License-Identifier: MIT
 *
 * report_plan.c - which charts a report has. A kind of figure is taken together over all runs of
 * one test; a table of rules tells by its unit, its points and how many samples it has in which
 * forms it is drawn. No state.
 */
#include "report_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Fewer samples than this are dots: a line of shares would have steps only. */
enum { FEW = 48, SHARES_PANELS = 4, PANELS = 12, ROWS = 27 };

/* ---- a kind over all runs of a test ---- */

struct group {
	const char *test;
	const struct figure_kind *kind;
	bool headline; /* of its test: what the test is for */
	bool higher, modes, varies[AXES];
	size_t samples; /* of the figure with the most */
};

static bool in_group(const struct group *g, const struct results *r, const struct figure *f)
{
	return !strcmp(g->test, r->test) && !strcmp(g->kind->name, f->kind->name);
}

static void look_at_group(const struct report *r, struct group *g)
{
	const struct figure *first = NULL;
	for (int k = 0; k < r->run_count; k++) {
		const struct report_run *run = &r->runs[k];
		for (int i = 0; i < run->count; i++) {
			const struct figure *f = run->order[i];
			if (!in_group(g, run->results, f))
				continue;
			first = first ? first : f;
			for (enum axis a = AXIS_OPEN; a < AXES; a++)
				if (axis_of(&f->point, a) != axis_of(&first->point, a))
					g->varies[a] = true;
			g->modes |= !report_same_mode(&f->point, &first->point);
			g->higher = f->higher;
			if (f->stats.n > g->samples)
				g->samples = f->stats.n;
		}
	}
	g->varies[AXIS_NONE] = !g->varies[AXIS_OPEN] && !g->varies[AXIS_SIZE] &&
			       !g->varies[AXIS_THREADS] && !g->varies[AXIS_NICS];
}

/* The different points of a run's figures of a kind, without an axis. 0 or -ENOMEM. */
struct points {
	struct point *p;
	int n;
};
static int points_of(const struct report_run *run, const struct group *g, enum axis a,
		     struct points *ret)
{
	struct point *p = calloc((size_t)run->count + 1, sizeof(*p));
	int n = 0;
	if (!p)
		return -ENOMEM;
	for (int i = 0; i < run->count; i++) {
		if (!in_group(g, run->results, run->order[i]))
			continue;
		struct point q = axis_without(&run->order[i]->point, a);
		int k = n - 1; /* from the end: neighbours are alike */
		while (k >= 0 && !point_equal(&p[k], &q))
			k--;
		if (k < 0)
			p[n++] = q;
	}
	*ret = (struct points){p, n};
	return 0;
}

/* ---- rules ---- */

enum { TIMES = 1, OTHERS = 2, MODES = 4, MANY = 8, FEW_SAMPLES = 16, MAIN = 32 };

/* How the charts of a form are laid out: one for each point, or one for all with rows. */
static const struct layout {
	bool rows;
	int most; /* of charts for a run, or of rows */
	const char *better[2];
} layouts[CHART_FORMS] = {
	[CHART_SHARES] = {false, SHARES_PANELS, {"further left", "further right"}},
	[CHART_TREND] = {false, PANELS, {"lower", "higher"}},
	[CHART_DOTS] = {true, ROWS, {"further left", "further right"}},
	[CHART_BARS] = {true, ROWS, {"shorter", "longer"}},
};

#define MEDIANS "Marks are medians; the bars through them span the middle half of the rounds. "
static const struct rule {
	enum axis axis; /* that must vary; AXIS_NONE: see @any */
	bool any;       /* whatever varies; else, no number may */
	unsigned need;  /* all of these */
	enum chart_form form;
	const char *title; /* @f the figure, @a the axis, @b which direction is better */
	const char *how, *x_title;
} rules[] = {
	{AXIS_OPEN, false, 0, CHART_TREND, "@F against @a: @b is better",
	 MEDIANS "A flat line means that it does not matter how many there are.", NULL},
	{AXIS_SIZE, false, 0, CHART_TREND, "@F against the @a: @b is better",
	 MEDIANS "Each step to the right doubles the size.", NULL},
	{AXIS_THREADS, false, 0, CHART_TREND, "@F with more @a: @b is better", MEDIANS, NULL},
	{AXIS_NICS, false, 0, CHART_TREND, "@F with more @a: @b is better", MEDIANS, NULL},
	{AXIS_NONE, false, OTHERS, CHART_BARS, "@F: @b is better",
	 "Bars are medians; the thin bars span the middle half of the rounds.", "median"},
	{AXIS_NONE, false, TIMES | MODES, CHART_BARS, "@F, case by case: @b is better",
	 "Bars are medians; the thin bars span the middle half of the rounds.", "median"},
	{AXIS_NONE, true, TIMES | MANY | MAIN, CHART_SHARES,
	 "How long each takes: @f; @b is better",
	 "A line climbs to the share of samples that were done within a time. Filled mark: half of "
	 "them; hollow mark: 99 %. Each step to the right multiplies the time. What is slower than "
	 "that may be cut "
	 "off.",
	 "time, logarithmic scale"},
	{AXIS_NONE, true, TIMES | FEW_SAMPLES | MAIN, CHART_DOTS,
	 "Each single time: @f; @b is better",
	 "Every dot is one sample; the line through them is their median.", "time"},
};

static bool rule_fits(const struct rule *rule, const struct group *g)
{
	unsigned traits =
		(strcmp(g->kind->unit, "ns") != 0 ? OTHERS : TIMES) | (g->modes ? MODES : 0) |
		(g->samples < FEW ? FEW_SAMPLES : MANY) |
		/* a part of the main figure has one picture: this, or that of what varies */
		(g->headline || (g->varies[AXIS_NONE] && !g->modes) ? MAIN : 0);
	return (rule->any || g->varies[rule->axis]) && (traits & rule->need) == rule->need;
}

static bool one_test(const struct report *r)
{
	for (int k = 1; k < r->run_count; k++)
		if (strcmp(r->runs[k].results->test, r->runs[0].results->test) != 0)
			return false;
	return true;
}

/* Replaces the letters of the rule's title. */
static void say_title(struct section *s, const struct report *r, const struct rule *rule,
		      const struct group *g)
{
	char figure[120], begin[120];
	words_kind(g->kind, false, figure, sizeof(figure));
	words_kind(g->kind, one_test(r), begin, sizeof(begin));
	const struct {
		char letter;
		const char *as;
	} words[] = {{'f', figure},
		     {'F', begin},
		     {'a', axis_title(rule->axis, g->test)},
		     {'b', layouts[rule->form].better[g->higher]}};
	size_t used =
		one_test(r) ? 0 : (size_t)snprintf(s->title, sizeof(s->title), "%s: ", g->test);
	for (const char *p = rule->title; *p && used + 1 < sizeof(s->title); p++) {
		const char *as = NULL;
		for (size_t i = 0; *p == '@' && i < sizeof(words) / sizeof(words[0]); i++)
			if (p[1] == words[i].letter)
				as = words[i].as;
		if (!as) {
			s->title[used++] = *p;
			continue;
		}
		int n = snprintf(s->title + used, sizeof(s->title) - used, "%s", as);
		used += (size_t)n;
		p++;
	}
	s->title[used < sizeof(s->title) ? used : sizeof(s->title) - 1] = '\0';
	snprintf(s->how, sizeof(s->how), "%s", rule->how);
}

/* ---- charts ---- */

/* Short, because the chart may be looked at alone; the reason stands above all charts. */
static void warn(struct chart *c, const struct results *r)
{
	snprintf(c->alarm, sizeof(c->alarm), "Not comparable with other hosts");
	for (int i = 0; i < r->host_count; i++)
		if (r->hosts[i].soft)
			snprintf(c->alarm, sizeof(c->alarm),
				 "Not comparable with other hosts: %s is software",
				 r->hosts[i].driver);
}

static void begin_chart(struct chart *c, const struct report *r, const struct report_run *run,
			const struct rule *rule, const struct group *g, const struct point *p)
{
	char point[120] = "";
	bool trend = rule->form == CHART_TREND;
	if (p)
		words_rest(run, p, rule->axis, point, sizeof(point));
	*c = (struct chart){.form = rule->form, .higher = g->higher};
	const char *label = r->run_count > 1 ? run->label : "";
	snprintf(c->caption, sizeof(c->caption), "%s%s%s", label, *label && *point ? ": " : "",
		 point);
	if (r->run_count > 1 && !run->comparable && strcmp(g->kind->unit, "ratio") != 0)
		warn(c, run->results);
	c->x_kind = trend ? rule->axis == AXIS_SIZE ? "bytes" : NULL : g->kind->unit;
	c->y_kind = trend ? g->kind->unit : NULL;
	c->x_binary = trend && rule->axis == AXIS_SIZE;
	snprintf(c->x_title, sizeof(c->x_title), "%s",
		 rule->x_title ? rule->x_title : axis_title(rule->axis, g->test));
	if (trend)
		snprintf(c->y_title, sizeof(c->y_title), "median; %s is better",
			 layouts[CHART_TREND].better[g->higher]);
	if (rule->form == CHART_SHARES)
		snprintf(c->y_title, sizeof(c->y_title), "share of samples done within the time");
}

/* Figures at @p, or at all points where it is NULL. */
static int fill_chart(struct chart *c, const struct report_run *run, const struct rule *rule,
		      const struct group *g, const struct point *p)
{
	int most = layouts[rule->form].most, err = 0;
	char at[160];
	for (int i = 0; i < run->count && !err; i++) {
		const struct figure *f = run->order[i];
		struct point rest = axis_without(&f->point, rule->axis);
		if (!in_group(g, run->results, f) || (p && !point_equal(&rest, p)))
			continue;
		if (!p && c->n >= most) {
			c->left_away++;
			continue;
		}
		words_rest(run, &rest, rule->axis, at, sizeof(at));
		err = report_add(c, f, at, rule->axis);
	}
	return err;
}

/* A run's charts for a rule: one, or one for each of its points, picked evenly where there are too
 * many. */
static int add_charts(const struct report *r, int k, const struct rule *rule, const struct group *g,
		      struct section *s, int *runs)
{
	const struct report_run *run = &r->runs[k];
	const struct layout *layout = &layouts[rule->form];
	struct points points;
	int err = points_of(run, g, rule->axis, &points);
	if (err)
		return err;
	int want = points.n < layout->most ? points.n : layout->most;
	if (layout->rows)
		want = points.n > 0;
	else
		s->left_away += points.n - want;
	for (int i = 0; i < want && !err; i++) {
		int at = want > 1 ? (int)((long)i * (points.n - 1) / (want - 1)) : 0;
		const struct point *p = layout->rows ? NULL : &points.p[at];
		runs[s->count] = k;
		begin_chart(&s->charts[s->count], r, run, rule, g, p);
		err = fill_chart(&s->charts[s->count++], run, rule, g, p);
	}
	free(points.p);
	return err;
}

static int plan_section(struct report *r, const struct rule *rule, const struct group *g)
{
	int most = r->run_count * PANELS, err = 0;
	int *runs = calloc((size_t)most, sizeof(*runs));
	struct section *s = runs ? report_section(r, most) : NULL;
	if (!s)
		err = -ENOMEM;
	else
		say_title(s, r, rule, g);
	for (int k = 0; k < r->run_count && !err; k++)
		err = add_charts(r, k, rule, g, s, runs);
	if (!err)
		err = report_fit(r, s, runs, report_times_alike);
	free(runs);
	return err;
}

static int plan_group(struct report *r, struct group *g)
{
	int err = 0;
	look_at_group(r, g);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !err; i++)
		if (rule_fits(&rules[i], g))
			err = plan_section(r, &rules[i], g);
	return err;
}

/* Whether an earlier figure is of the same group. */
static bool seen_before(const struct report *r, int run, int figure, const struct group *g)
{
	for (int k = 0; k <= run; k++)
		for (int i = 0; i < (k < run ? r->runs[k].count : figure); i++)
			if (in_group(g, r->runs[k].results, r->runs[k].order[i]))
				return true;
	return false;
}

int report_plan_groups(struct report *r)
{
	for (int k = 0; k < r->run_count; k++) {
		const struct report_run *run = &r->runs[k];
		for (int i = 0; i < run->count; i++) {
			struct group g = {.test = run->results->test,
					  .kind = run->order[i]->kind,
					  .headline = !i};
			if (i && report_same_kind(run->order[i - 1], run->order[i]))
				continue; /* a neighbour; the order is by kind */
			int err = seen_before(r, k, i, &g) ? 0 : plan_group(r, &g);
			if (err)
				return err;
		}
	}
	return 0;
}
