/* SPDX-License-Identifier: MIT
 *
 * What has been measured: samples, their statistics, and how one contender's rounds compare with
 * another's. Pure arithmetic: no clock, no input, no output. Not for several threads at once.
 */
#ifndef WSD_BENCH_FIGURES_H
#define WSD_BENCH_FIGURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a test measures: one row of its table. */
struct figure_kind {
	const char *name;  /* as in the JSON: "connect", "cycle" */
	const char *title; /* for people: "connect and accept" */
	const char
		*unit; /* "ns", "bytes", "per_s", "bytes_per_s", "ratio"; the suffix of JSON keys */
	bool higher_is_better;
};

/* Where on the axes a figure was taken; 0 or NULL: this axis does not apply. Points are equal when
 * all their fields are. */
struct point {
	size_t size; /* bytes of a message */
	int open;    /* connections, or names, held beside */
	int threads;
	int nics;
	const char *mode; /* a word of the test's own: "warm", "in use", "vista"; a static string */
};
bool point_equal(const struct point *a, const struct point *b);
/* "64 bytes, 2 threads, warm"; "" where nothing applies. Cut off at @size. */
void point_text(const struct point *p, char *text, size_t size);

/* Values in the order in which they came. */
struct samples {
	double *v;
	size_t n, room;
};
int samples_add(struct samples *s, double value); /* 0, -ENOMEM, -EINVAL: not a finite number */
void samples_free(struct samples *s);

/* perftest's columns. typical is the median, of an even number the mean of the two in the middle;
 * stdev that of the population. Percentiles are the
 * nearest rank: the smallest value that at least p % of all are not above. All 0 for no samples. */
struct stats {
	size_t n;
	double min, max, typical, avg, stdev, p99, p99_9;
};
int stats_of(const struct samples *s, struct stats *ret); /* 0 or -ENOMEM */
double percentile(const double *sorted, size_t n, double p);
double median_of(double *values, size_t n); /* sorts @values */

/* Log-linear buckets: HIST_SUB of them an octave, so a bucket is at most 1.6 % wide. Values below 1
 * fall into the first, those of 2^HIST_OCTAVES and above into the last. Histograms of several
 * clients are added up. A percentile is the middle of its bucket. */
enum { HIST_SUB = 64, HIST_OCTAVES = 50, HIST_BUCKETS = HIST_SUB * HIST_OCTAVES };
struct hist {
	uint64_t count[HIST_BUCKETS];
};
void hist_add(struct hist *h, double value, uint64_t times);
double hist_floor(int bucket); /* the smallest value of a bucket; of HIST_BUCKETS: the end */
double hist_percentile(const struct hist *h, double p);

/* One contender at one point. */
struct figure {
	const struct figure_kind *kind;
	struct point point;
	const char *contender; /* its name */
	bool higher;           /* kind's, for figures that were read from a file */
	struct samples all;    /* of all rounds that count */
	struct samples rounds; /* one value each: the median of its samples */
	struct stats stats;    /* figure_close() */
	struct hist *merged;   /* of several clients, or read; NULL: `all` holds every sample */
	bool binned;           /* of several clients: medians and percentiles are the histogram's */
	long connections;      /* a sample is the mean of so many; 0: it is of one thing */
};
/* Ends a round: the samples added to @all since the last one become a value of `rounds`. A round
 * without samples adds none. 0 or -ENOMEM. */
int figure_round(struct figure *f, size_t first);
int figure_close(struct figure *f); /* fills stats. 0 or -ENOMEM */

/* How @ours compares with @peer, round by round: median, and the spread (low and high: the
 * quartiles; worst ones: min and max). false: they have no rounds in common. */
struct ratio {
	double median, low, high, min, max;
	size_t rounds;
};
bool ratio_of(const struct figure *ours, const struct figure *peer, struct ratio *ret);

#endif
