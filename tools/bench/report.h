/* SPDX-License-Identifier: MIT
 *
 * A report of one or more runs: what it says (sections of charts, sentences, tables), apart from
 * the three formats in which it is written. Figures belong to the results, which must outlive it.
 */
#ifndef WSD_BENCH_REPORT_H
#define WSD_BENCH_REPORT_H

#include "chart.h"
#include "results.h"

enum { RUNS_MAX = 64 };

/* A result that was read. */
struct report_run {
	const struct results *results;
	const char *file;
	char label[128]; /* "run 2, host ib7"; of a single one: the host */
	bool comparable; /* its absolute times */
	/* its figures with samples, by kind, point and contender, ours first at each point */
	const struct figure **order;
	/* some figure was taken beside open connections, or names; with several threads; NICs */
	bool held, threaded, wide;
	int count;
	char why[160]; /* not comparable */
};

/* Charts of one kind, side by side, below a sentence. */
struct section {
	char title[240], how[400]; /* what is shown, which direction is better; how to read it */
	struct chart *charts;
	int count, left_away; /* left_away: charts that the tables stand for */
};

struct report {
	struct report_run runs[RUNS_MAX];
	int run_count;
	struct section *sections;
	int section_count;
};

/* Puts the report together: file and results of the runs are there, and closed (results_close()). 0
 * or -ENOMEM; free it in either case. */
int report_plan(struct report *r);
void report_free(struct report *r);

/* ---- words, the same in every format (report_words.c) ---- */

/* Calls @say for each of the sentences that must not be overlooked: cut short, left out, not
 * comparable. */
typedef void say_fn(void *arg, const char *text);
void words_notes(const struct report *r, say_fn *say, void *arg);
/* What each run found, first figure first: "Connect: wsdirect switch needs 1.07 times ..." */
void words_findings(const struct report *r, say_fn *say, void *arg);
/* What a run ran on, as pairs of a name and a text. */
typedef void fact_fn(void *arg, const char *name, const char *text);
void words_facts(const struct report_run *run, fact_fn *fact, void *arg);
/* "connect and accept", with a capital for the start of a sentence. */
/* "64 B, 100 connections open, warm"; "" where nothing applies. */
void words_point(const struct report_run *run, const struct point *p, char *text, size_t size);
void words_kind(const struct figure_kind *kind, bool capital, char *text, size_t size);
/* "wsd bench: connect, on host ib7" */
void words_title(const struct report *r, char *text, size_t size);
/* The row of a table for the @i-th figure of a run's order. */
enum { CELLS = 9 };
struct cells {
	char text[CELLS][96];
	const struct look *look;
	bool has_ratio;
	struct ratio ratio; /* of ours to this row's contender */
};
extern const char *const cells_head[CELLS];
extern const bool cells_number[CELLS]; /* to the right */
void words_row(const struct report_run *run, int i, struct cells *ret);

/* ---- formats: the whole document; errors stay in @f ---- */
void report_html(FILE *f, const struct report *r);
void report_svg(FILE *f, const struct report *r);
void report_md(FILE *f, const struct report *r);

#endif
