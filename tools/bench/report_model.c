/* SPDX-License-Identifier: MIT
 *
 * report_model.c - the report itself: its runs in order, its sections and their scales, its memory.
 * No state.
 */
#include "report_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool report_same_kind(const struct figure *a, const struct figure *b)
{
	return !strcmp(a->kind->name, b->kind->name);
}

bool report_same_mode(const struct point *a, const struct point *b)
{
	return !strcmp(a->mode ? a->mode : "", b->mode ? b->mode : "");
}

/* ---- axes ---- */

double axis_of(const struct point *p, enum axis a)
{
	const double at[AXES] = {0, p->open, (double)p->size, p->threads, p->nics};
	return at[a];
}

struct point axis_without(const struct point *p, enum axis a)
{
	struct point q = *p;
	int none;
	int *const numbers[AXES] = {&none, &q.open, &none, &q.threads, &q.nics};
	*numbers[a] = 0;
	if (a == AXIS_SIZE)
		q.size = 0;
	return q;
}

const char *axis_title(enum axis a, const char *test)
{
	static const char *const titles[AXES] = {"", "names held", "size of a message", "threads",
						 "NICs"};
	static const char *const of_connections[] = {"connect", "memory", "lat",
						     "bw",      "rate",   "fallback"};
	for (size_t i = 0; a == AXIS_OPEN && i < sizeof(of_connections) / sizeof(char *); i++)
		if (!strcmp(of_connections[i], test))
			return "connections open";
	return titles[a];
}

/* ---- the order of figures ---- */

struct place_in {
	const struct figure *f;
	int kind, mode, contender, index;
};

static int compare(double a, double b)
{
	return (a > b) - (a < b);
}

static int by_place(const void *a, const void *b)
{
	const struct place_in *x = a, *y = b;
	const struct point *p = &x->f->point, *q = &y->f->point;
	int order = compare(x->kind, y->kind);
	if (!order)
		order = compare(x->mode, y->mode);
	for (enum axis i = AXIS_OPEN; i < AXES && !order; i++)
		order = compare(axis_of(p, i), axis_of(q, i));
	if (!order)
		order = compare(x->contender, y->contender);
	return order ? order : compare(x->index, y->index);
}

static int kind_index(const struct results *r, const struct figure_kind *kind)
{
	int i = 0;
	while (strcmp(r->figures[i].kind->name, kind->name) != 0)
		i++;
	return i;
}

/* Modes in the order of the test. */
static int mode_index(const struct results *r, const struct point *p)
{
	int i = 0;
	while (!report_same_mode(&r->figures[i].point, p))
		i++;
	return i;
}

static int contender_index(const struct results *r, const char *name)
{
	if (!strcmp(r->ours, name))
		return -1;
	int i = 0;
	while (i < r->contender_count && strcmp(r->contenders[i], name) != 0)
		i++;
	return i;
}

static int order_figures(struct report_run *run)
{
	const struct results *r = run->results;
	size_t room = (size_t)r->figure_count + 1;
	struct place_in *p = calloc(room, sizeof(*p));
	run->order = calloc(room, sizeof(const struct figure *));
	run->count = 0;
	for (int i = 0; p && run->order && i < r->figure_count; i++) {
		const struct figure *f = &r->figures[i];
		if (f->stats.n)
			p[run->count++] = (struct place_in){f, kind_index(r, f->kind),
							    mode_index(r, &f->point),
							    contender_index(r, f->contender), i};
	}
	if (!p || !run->order) {
		free(p);
		return -ENOMEM;
	}
	qsort(p, (size_t)run->count, sizeof(*p), by_place);
	for (int i = 0; i < run->count; i++)
		run->order[i] = p[i].f;
	free(p);
	return 0;
}

bool report_ratio(const struct report_run *run, int i, struct ratio *ret)
{
	const struct figure *peer = run->order[i];
	if (!strcmp(peer->contender, run->results->ours))
		return false;
	/* ours is the first of those at the same point */
	for (int k = i - 1; k >= 0; k--) {
		const struct figure *f = run->order[k];
		if (!report_same_kind(f, peer) || !point_equal(&f->point, &peer->point))
			return false;
		if (!strcmp(f->contender, run->results->ours))
			return ratio_of(f, peer, ret);
	}
	return false;
}

/* ---- sections ---- */

struct section *report_section(struct report *r, int charts)
{
	struct section *all = reallocarray(r->sections, (size_t)r->section_count + 1, sizeof(*all));
	if (!all)
		return NULL;
	r->sections = all;
	struct section *s = &all[r->section_count];
	*s = (struct section){.charts = calloc((size_t)charts + 1, sizeof(struct chart))};
	if (!s->charts)
		return NULL;
	r->section_count++;
	return s;
}

static bool same_host(const struct results *a, const struct results *b)
{
	if (a->host_count != b->host_count)
		return false;
	for (int i = 0; i < a->host_count; i++)
		if (strcmp(a->hosts[i].name, b->hosts[i].name) != 0 ||
		    strcmp(a->hosts[i].kernel, b->hosts[i].kernel) != 0 ||
		    strcmp(a->hosts[i].device, b->hosts[i].device) != 0 ||
		    a->hosts[i].icount != b->hosts[i].icount)
			return false;
	return true;
}

/* The charts from @first on that @alike says belong together get one scale. */
static int fit_alike(const struct report *r, struct section *s, const int *run, int first,
		     bool (*alike)(const struct report *r, int a, int b), bool *done)
{
	struct chart **charts = calloc((size_t)s->count + 1, sizeof(struct chart *));
	int n = 0;
	if (!charts)
		return -ENOMEM;
	for (int i = first; i < s->count; i++)
		if (!done[i] && alike(r, run[first], run[i])) {
			charts[n++] = &s->charts[i];
			done[i] = true;
		}
	chart_fit(charts, n);
	free(charts);
	return 0;
}

int report_fit(const struct report *r, struct section *s, const int *run,
	       bool (*alike)(const struct report *r, int a, int b))
{
	bool *done = calloc((size_t)s->count + 1, sizeof(*done));
	int err = done ? 0 : -ENOMEM;
	for (int i = 0; i < s->count && !err; i++)
		if (!done[i])
			err = fit_alike(r, s, run, i, alike, done);
	free(done);
	return err;
}

bool report_times_alike(const struct report *r, int a, int b)
{
	return (r->runs[a].comparable && r->runs[b].comparable) ||
	       same_host(r->runs[a].results, r->runs[b].results);
}

/* ---- all of it ---- */

static void label_run(struct report *r, int k)
{
	struct report_run *run = &r->runs[k];
	const struct results *res = run->results;
	const char *host =
		res->host_count && *res->hosts[0].name ? res->hosts[0].name : "unknown host";
	if (r->run_count > 1)
		snprintf(run->label, sizeof(run->label), "run %d, %s on %s", k + 1, res->test,
			 host);
	else
		snprintf(run->label, sizeof(run->label), "%s on %s", res->test, host);
	for (int i = 0; i < res->figure_count; i++) {
		const struct point *p = &res->figures[i].point;
		run->held |= p->open > 0;
		run->threaded |= p->threads > 1;
		run->wide |= p->nics > 1;
	}
	run->comparable = results_comparable(res, run->why, sizeof(run->why));
}

int report_plan(struct report *r)
{
	int err = 0;
	for (int k = 0; k < r->run_count && !err; k++) {
		label_run(r, k);
		err = order_figures(&r->runs[k]);
	}
	if (!err)
		err = report_plan_ratios(r);
	return err ? err : report_plan_groups(r);
}

void report_free(struct report *r)
{
	for (int i = 0; i < r->section_count; i++) {
		for (int k = 0; k < r->sections[i].count; k++)
			chart_free(&r->sections[i].charts[k]);
		free(r->sections[i].charts);
	}
	free(r->sections);
	r->sections = NULL;
	r->section_count = 0;
	for (int k = 0; k < r->run_count; k++) {
		free(r->runs[k].order);
		r->runs[k].order = NULL;
	}
}
