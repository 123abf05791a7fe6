/* SPDX-License-Identifier: MIT
 *
 * figures.c - samples and their statistics: see figures.h. No state, no locks.
 */
#include "figures.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

bool point_equal(const struct point *a, const struct point *b)
{
	if (a->size != b->size || a->open != b->open || a->threads != b->threads ||
	    a->nics != b->nics)
		return false;
	return a->mode && b->mode ? !strcmp(a->mode, b->mode) : a->mode == b->mode;
}

/* Appends ", VALUE WORD" to what is in @text already. */
static void add_axis(char *text, size_t size, size_t value, const char *one, const char *many)
{
	size_t used = strlen(text);
	if (value)
		snprintf(text + used, size - used, "%s%zu %s", used ? ", " : "", value,
			 value == 1 ? one : many);
}

void point_text(const struct point *p, char *text, size_t size)
{
	if (!size)
		return;
	text[0] = '\0';
	add_axis(text, size, p->size, "byte", "bytes");
	add_axis(text, size, (size_t)p->open, "open", "open");
	add_axis(text, size, (size_t)p->threads, "thread", "threads");
	add_axis(text, size, (size_t)p->nics, "NIC", "NICs");
	size_t used = strlen(text);
	if (p->mode)
		snprintf(text + used, size - used, "%s%s", used ? ", " : "", p->mode);
}

int samples_add(struct samples *s, double value)
{
	if (!isfinite(value))
		return -EINVAL;
	if (s->n == s->room) {
		size_t room = s->room ? s->room * 2 : FIRST_ROOM;
		double *v = realloc(s->v, room * sizeof(*v));
		if (!v)
			return -ENOMEM;
		s->v = v;
		s->room = room;
	}
	s->v[s->n++] = value;
	return 0;
}

void samples_free(struct samples *s)
{
	free(s->v);
	*s = (struct samples){0};
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Nearest rank, from 1: the smallest k with k / n >= p %. The little that is taken off keeps
 * 99.9 % of 1000, which is a hair above 999 in binary, from being 1000. */
static uint64_t rank_of(uint64_t n, double p)
{
	double k = ceil((double)n * p / 100 - 1e-7);
	if (k < 1)
		return 1;
	return k > (double)n ? n : (uint64_t)k;
}

double percentile(const double *sorted, size_t n, double p)
{
	return n ? sorted[rank_of(n, p) - 1] : 0;
}

static double middle(const double *sorted, size_t n)
{
	if (!n)
		return 0;
	return n % 2 ? sorted[n / 2] : sorted[n / 2 - 1] / 2 + sorted[n / 2] / 2;
}

double median_of(double *values, size_t n)
{
	if (n)
		qsort(values, n, sizeof(*values), by_value);
	return middle(values, n);
}

static double *copy_of(const double *v, size_t n)
{
	double *copy = malloc(n * sizeof(*copy));
	if (copy)
		memcpy(copy, v, n * sizeof(*copy));
	return copy;
}

/* Two passes: the mean first, so that small spreads of large values are not lost. */
static double deviation(const double *v, size_t n, double avg)
{
	double sum = 0;
	for (size_t i = 0; i < n; i++)
		sum += (v[i] - avg) * (v[i] - avg);
	return sqrt(sum / (double)n);
}

int stats_of(const struct samples *s, struct stats *ret)
{
	if (!s->n) {
		*ret = (struct stats){0};
		return 0;
	}
	double *v = copy_of(s->v, s->n);
	if (!v)
		return -ENOMEM;
	qsort(v, s->n, sizeof(*v), by_value);
	double avg = 0;
	for (size_t i = 0; i < s->n; i++)
		avg += (v[i] - avg) / (double)(i + 1);
	*ret = (struct stats){
		.n = s->n,
		.min = v[0],
		.max = v[s->n - 1],
		.typical = middle(v, s->n),
		.avg = avg,
		.stdev = deviation(v, s->n, avg),
		.p99 = percentile(v, s->n, 99),
		.p99_9 = percentile(v, s->n, 99.9),
	};
	free(v);
	return 0;
}

static int bucket_of(double value)
{
	if (!(value >= 1))
		return 0;
	int exponent;
	double mantissa = frexp(value, &exponent); /* value = mantissa * 2^exponent, 0.5 <= m < 1 */
	if (exponent > HIST_OCTAVES)
		return HIST_BUCKETS - 1;
	return (exponent - 1) * HIST_SUB + (int)((mantissa * 2 - 1) * HIST_SUB);
}

void hist_add(struct hist *h, double value, uint64_t times)
{
	h->count[bucket_of(value)] += times;
}

double hist_floor(int bucket)
{
	if (bucket <= 0)
		return 0;
	return ldexp(1 + (double)(bucket % HIST_SUB) / HIST_SUB, bucket / HIST_SUB);
}

double hist_percentile(const struct hist *h, double p)
{
	uint64_t n = 0, seen = 0;
	for (int b = 0; b < HIST_BUCKETS; b++)
		n += h->count[b];
	if (!n)
		return 0;
	uint64_t rank = rank_of(n, p);
	for (int b = 0; b < HIST_BUCKETS; b++) {
		seen += h->count[b];
		if (seen >= rank)
			return hist_floor(b) / 2 + hist_floor(b + 1) / 2;
	}
	return 0;
}

int figure_round(struct figure *f, size_t first)
{
	if (first >= f->all.n)
		return 0;
	size_t n = f->all.n - first;
	double *v = copy_of(f->all.v + first, n);
	if (!v)
		return -ENOMEM;
	int r = samples_add(&f->rounds, median_of(v, n));
	free(v);
	return r;
}

int figure_close(struct figure *f)
{
	/* one that was read, or put together, knows its statistics and has no samples */
	return f->merged ? 0 : stats_of(&f->all, &f->stats);
}

bool ratio_of(const struct figure *ours, const struct figure *peer, struct ratio *ret)
{
	size_t n = ours->rounds.n < peer->rounds.n ? ours->rounds.n : peer->rounds.n;
	double *v = n ? malloc(n * sizeof(*v)) : NULL;
	size_t m = 0;
	for (size_t i = 0; v && i < n; i++) {
		double q = ours->rounds.v[i] / peer->rounds.v[i];
		if (isfinite(q)) /* a peer that cost nothing has no ratio */
			v[m++] = q;
	}
	if (m) {
		double median = median_of(v, m);
		*ret = (struct ratio){
			.median = median,
			.low = percentile(v, m, 25),
			.high = percentile(v, m, 75),
			.min = v[0],
			.max = v[m - 1],
			.rounds = m,
		};
	}
	free(v);
	return m > 0;
}
