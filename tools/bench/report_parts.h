/* SPDX-License-Identifier: MIT
 *
 * What the parts of a report's plan share; for report_*.c only.
 */
#ifndef WSD_BENCH_REPORT_PARTS_H
#define WSD_BENCH_REPORT_PARTS_H

#include "report.h"

/* Each figure that was read from a file has a kind of its own. */
bool report_same_kind(const struct figure *a, const struct figure *b);
bool report_same_mode(const struct point *a, const struct point *b);

/* The axes of a point that are numbers. */
enum axis { AXIS_NONE, AXIS_OPEN, AXIS_SIZE, AXIS_THREADS, AXIS_NICS, AXES };
double axis_of(const struct point *p, enum axis a);
/* The point without that axis: what is left tells the panel. */
struct point axis_without(const struct point *p, enum axis a);
/* "connections open" */
const char *axis_title(enum axis a, const char *test);

/* words_point() for a chart that tells an axis itself. */
void words_rest(const struct report_run *run, const struct point *p, enum axis told, char *text,
		size_t size);

/* A new section with room for @charts empty charts; NULL: no memory. */
struct section *report_section(struct report *r, int charts);
/* The section on ratios; those on each kind of figure. 0 or -ENOMEM. */
int report_plan_ratios(struct report *r);
int report_plan_groups(struct report *r);
/* The charts of a section, the i-th of which is of the run @run[i], get scales: common ones where
 * @alike says so of the runs. 0 or -ENOMEM. */
int report_fit(const struct report *r, struct section *s, const int *run,
	       bool (*alike)(const struct report *r, int a, int b));
/* Whether the times of two runs may be compared: both are comparable, or they are of one host. */
bool report_times_alike(const struct report *r, int a, int b);

/* Adds a figure to a chart in the chart's form; @at: the heading of its row. @a: the axis of a
 * trend. 0 or -ENOMEM. */
int report_add(struct chart *c, const struct figure *f, const char *at, enum axis a);

/* The marks of a format, around what is said. */
struct markup {
	void (*escape)(FILE *f, const char *text);
	const char *item[2];  /* a sentence of a list */
	const char *label[2]; /* the heading of a run */
	const char *ran_on;   /* the heading of what they ran on */
	const char *facts[2]; /* a run's */
	const char *fact[4];  /* around its name, around its text */
};
struct paper {
	FILE *f;
	const struct markup *markup;
};
void markup_put(const struct paper *p, const char *const around[2], const char *text);
void markup_item(void *arg, const char *text); /* a say_fn; @arg: a struct paper */
/* What each run ran on, with its heading. */
void markup_ran_on(struct paper *p, const struct report *r);

/* The ratio of the peer at order[@i] and ours at the same point; false: there is none. */
bool report_ratio(const struct report_run *run, int i, struct ratio *ret);

#endif
