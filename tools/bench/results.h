/* SPDX-License-Identifier: MIT
 *
 * The results of one run, and the same as JSON: written for programs, read back by report, compare
 * and the merging of several clients. The schema: docs/bench-schema.json.
 */
#ifndef WSD_BENCH_RESULTS_H
#define WSD_BENCH_RESULTS_H

#include "figures.h"
#include "host.h"
#include "options.h"

#include <jansson.h>
#include <stdio.h>

enum { RESULTS_SCHEMA = 1, HOSTS_MAX = 64 };

struct left_out {
	char contender[24], reason[160];
	struct point point;
	bool everywhere; /* not of one point only */
};

struct results {
	char test[24], version[24], started[32]; /* ISO 8601, UTC */
	char build[64];     /* "release", "debug, b_sanitize=address"; "": not known */
	char stopped[160];  /* why the run was cut short; "": it was not */
	json_t *parameters; /* what it was asked for, as an object */
	struct host hosts[HOSTS_MAX];
	int host_count;
	char ours[24];                      /* the contender that the ratios are of */
	char contenders[PEERS_MAX + 1][24]; /* those who took part, ours first */
	int contender_count;
	struct figure *figures;
	int figure_count;
	struct left_out *out;
	int out_count;
	void **owned; /* words and kinds of figures that were read */
	int owned_count;
};

struct results *results_new(void); /* NULL: no memory */
void results_free(struct results *r);
/* The figure of a contender at a point; made if it is not there: pointers to others end then.
 * @kind and @p->mode must live as long as @r. NULL: no memory. */
struct figure *results_figure(struct results *r, const struct figure_kind *kind,
			      const char *contender, const struct point *p);
struct figure *results_find(const struct results *r, const char *kind, const char *contender,
			    const struct point *p); /* NULL: not there */
int results_leave_out(struct results *r, const char *contender, const struct point *p,
		      const char *reason); /* @p NULL: everywhere */
/* Statistics of all figures, before anything is printed or written. 0 or -ENOMEM. */
int results_close(struct results *r);

/* After results_close(). A new reference, NULL: no memory. */
json_t *results_to_json(const struct results *r);
/* NULL with a text in @why: "FILE: line 3: ...", "not a result of wsd bench", "schema 7 is newer".
 */
struct results *results_read(const char *file, char *why, size_t size);
struct results *results_from_json(const json_t *j, char *why, size_t size);
/* Adds @more, another client's, to @into: samples of one figure are put together (as histograms),
 * rates of one round are added up; figures that one of them lacks are left out. @more: closed. 0,
 * or -1 with a text. */
int results_merge(struct results *into, const struct results *more, char *why, size_t size);

/* What is said of figures whose percentiles are those of a histogram. */
#define RESULTS_BINNED                                                                             \
	"Samples of several clients were put together as histograms: medians and percentiles are " \
	"read from these, to within 1.6 %. Least, most, average, deviation and sums of rates are " \
	"exact."

/* Whether absolute times of this run can be compared with another machine's; if not, why. */
bool results_comparable(const struct results *r, char *why, size_t size);

#endif
