/* SPDX-License-Identifier: MIT
 *
 * results_merge.c - the results of several clients of one run put together, and whether a run can
 * be compared with another machine's. No locks.
 */
#include "results_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rates of clients that ran at the same time add up; all else is another sample. */
static bool adds_up(const struct figure_kind *k)
{
	return !strcmp(k->unit, "per_s") || !strcmp(k->unit, "bytes_per_s");
}

static size_t common_rounds(const struct figure *a, const struct figure *b)
{
	return a->rounds.n < b->rounds.n ? a->rounds.n : b->rounds.n;
}

/* The sums of rounds are what there is: the samples of one client are not of the whole any more. */
static int merge_rates(struct figure *into, const struct figure *more)
{
	size_t n = common_rounds(into, more);
	struct samples all = {0};

	for (size_t i = 0; i < n; i++)
		if (samples_add(&all, into->rounds.v[i] + more->rounds.v[i])) {
			samples_free(&all);
			return -ENOMEM;
		}
	for (size_t i = 0; i < n; i++)
		into->rounds.v[i] = all.v[i];
	into->rounds.n = n;
	samples_free(&into->all);
	into->all = all;
	free(into->merged);
	into->merged = NULL;
	return figure_close(into);
}

static double within(double v, const struct stats *s)
{
	return fmin(fmax(v, s->min), s->max);
}

/* Statistics of two sets put together: exact but for the percentiles, which are the histogram's. */
static struct stats both(const struct stats *a, const struct stats *b, const struct hist *h)
{
	double na = (double)a->n, nb = (double)b->n, n = na + nb, apart = b->avg - a->avg;
	struct stats s = {
		.n = a->n + b->n, .min = fmin(a->min, b->min), .max = fmax(a->max, b->max)};
	double square = (na * a->stdev * a->stdev + nb * b->stdev * b->stdev +
			 apart * apart * na * nb / n) /
			n;

	s.avg = a->avg + apart * nb / n;
	s.stdev = sqrt(square);
	s.typical = within(hist_percentile(h, 50), &s);
	s.p99 = within(hist_percentile(h, 99), &s);
	s.p99_9 = within(hist_percentile(h, 99.9), &s);
	return s;
}

static int merge_samples(struct figure *into, const struct figure *more)
{
	struct hist *h = results_hist(into), *other = results_hist(more);
	size_t n = common_rounds(into, more);
	double a = (double)into->stats.n, b = (double)more->stats.n;

	if (!h || !other) {
		free(h);
		free(other);
		return -ENOMEM;
	}
	for (int i = 0; i < HIST_BUCKETS; i++)
		h->count[i] += other->count[i];
	free(other);
	/* a round's value is the mean of the clients', each by its number of samples */
	for (size_t i = 0; i < n; i++)
		into->rounds.v[i] = (into->rounds.v[i] * a + more->rounds.v[i] * b) / (a + b);
	into->rounds.n = n;
	into->stats = both(&into->stats, &more->stats, h);
	samples_free(&into->all);
	free(into->merged);
	into->merged = h;
	into->binned = true;
	into->connections += more->connections;
	return 0;
}

static void drop_figure(struct results *r, int i)
{
	struct figure *f = &r->figures[i];
	samples_free(&f->all);
	samples_free(&f->rounds);
	free(f->merged);
	r->figure_count--;
	memmove(f, f + 1, (size_t)(r->figure_count - i) * sizeof(*f));
}

static bool is_out(const struct results *r, const char *contender, const struct point *p)
{
	for (int i = 0; i < r->out_count; i++)
		if (!strcmp(r->out[i].contender, contender) &&
		    (r->out[i].everywhere || (p && point_equal(&r->out[i].point, p))))
			return true;
	return false;
}

/* What was left out anywhere is left out: a sum over some of the clients would pass for all. */
static int merge_out(struct results *into, const struct results *more)
{
	for (int i = 0; i < more->out_count; i++) {
		const struct left_out *o = &more->out[i];
		struct point p = o->point;
		if (is_out(into, o->contender, o->everywhere ? NULL : &p))
			continue;
		if (p.mode && !(p.mode = results_word(into, p.mode)))
			return -ENOMEM;
		if (results_leave_out(into, o->contender, o->everywhere ? NULL : &p, o->reason))
			return -ENOMEM;
	}
	return 0;
}

static int merge_figures(struct results *into, const struct results *more)
{
	for (int i = 0; i < into->figure_count;) {
		struct figure *f = &into->figures[i];
		const struct figure *m = results_find(more, f->kind->name, f->contender, &f->point);
		if (!m || !m->stats.n || !f->stats.n) {
			if (!is_out(into, f->contender, &f->point) &&
			    results_leave_out(into, f->contender, &f->point,
					      "not measured by every client"))
				return -ENOMEM;
			drop_figure(into, i);
			continue;
		}
		int r = adds_up(f->kind) ? merge_rates(f, m) : merge_samples(f, m);
		if (r)
			return r;
		i++;
	}
	return 0;
}

static void merge_hosts(struct results *into, const struct results *more)
{
	for (int i = 0; i < more->host_count && into->host_count < HOSTS_MAX; i++) {
		bool there = false;
		for (int k = 0; k < into->host_count; k++)
			there |= !strcmp(into->hosts[k].name, more->hosts[i].name) &&
				 !strcmp(into->hosts[k].role, more->hosts[i].role) &&
				 !strcmp(into->hosts[k].device, more->hosts[i].device);
		if (!there)
			into->hosts[into->host_count++] = more->hosts[i];
	}
}

int results_merge(struct results *into, const struct results *more, char *why, size_t size)
{
	if (strcmp(into->test, more->test) != 0 || strcmp(into->ours, more->ours) != 0) {
		snprintf(why, size, "'%s' of '%s' and '%s' of '%s' are not of one run", into->test,
			 into->ours, more->test, more->ours);
		return -1;
	}
	if (results_close(into) || merge_out(into, more) || merge_figures(into, more)) {
		snprintf(why, size, "no memory");
		return -1;
	}
	merge_hosts(into, more);
	if (more->stopped[0] && !into->stopped[0])
		snprintf(into->stopped, sizeof(into->stopped), "%s", more->stopped);
	return 0;
}

/* --- absolute times --- */

static void add_reason(char *all, size_t size, const char *one)
{
	size_t used = strlen(all);
	if (!strstr(all, one))
		snprintf(all + used, size - used, "%s%s", used ? "; " : "", one);
}

bool results_comparable(const struct results *r, char *why, size_t size)
{
	char text[160], reasons[512] = "";

	if (!r->host_count)
		add_reason(reasons, sizeof(reasons), "what it ran on is not known");
	for (int i = 0; i < r->host_count; i++) {
		const struct host *h = &r->hosts[i];
		if (h->soft) {
			snprintf(text, sizeof(text), "a software device (%s) does a NIC's work",
				 h->driver);
			add_reason(reasons, sizeof(reasons), text);
		}
		if (h->icount == 1)
			add_reason(reasons, sizeof(reasons),
				   "the clock counts instructions (-icount)");
		if (h->guest[0]) {
			snprintf(text, sizeof(text), "in a guest (%s)", h->guest);
			add_reason(reasons, sizeof(reasons), text);
		}
	}
	if (reasons[0])
		snprintf(why, size, "%s", reasons);
	return !reasons[0];
}
