/* SPDX-License-Identifier: MIT
 *
 * Samples and tables of conn_figures. No locks.
 */
#include "samples.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FIRST = 256 };

double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void samples_add(struct samples *s, double value)
{
	int n = s->n;
	if (n == 0 || (n >= FIRST && !(n & (n - 1)))) {
		double *more = realloc(s->value, (size_t)(n ? n * 2 : FIRST) * sizeof(*s->value));
		if (!more)
			abort();
		s->value = more;
	}
	s->value[s->n++] = value;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double samples_percentile(struct samples *s, double p)
{
	if (!s->n)
		return 0;
	qsort(s->value, (size_t)s->n, sizeof(*s->value), by_value);
	int i = (int)((s->n - 1) * p / 100 + 0.5);
	return s->value[i];
}

void samples_print(const char *title, const char *unit, struct samples *rows, int count)
{
	double anchor = 0;
	printf("%s\n  %-20s %6s %-5s %12s %10s %8s\n", title, "", "median", unit, "p99", "/ first",
	       "samples");
	for (int i = 0; i < count; i++) {
		struct samples *s = &rows[i];
		if (!s->n)
			continue;
		double median = samples_percentile(s, 50);
		anchor = anchor != 0 ? anchor : median;
		printf("  %-20s %12.1f %12.1f %10.3f %8d\n", s->name, median,
		       s->worst != 0 ? s->worst : samples_percentile(s, 99), median / anchor, s->n);
	}
	fflush(stdout);
}

void samples_free(struct samples *rows, int count)
{
	for (int i = 0; i < count; i++) {
		free(rows[i].value);
		rows[i].value = NULL;
		rows[i].n = 0;
	}
}
