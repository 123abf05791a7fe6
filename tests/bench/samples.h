/* SPDX-License-Identifier: MIT
 *
 * Samples of one contender, and the table that sets contenders beside each other. No locks.
 */
#ifndef WSD_BENCH_SAMPLES_H
#define WSD_BENCH_SAMPLES_H

struct samples {
	const char *name;
	double *value;
	int n;
	double worst; /* its own p99, if it told us only summaries; 0: it is computed */
};

double now_us(void);
void samples_add(struct samples *s, double value);
double samples_percentile(struct samples *s, double p);
/* Rows without samples are left out; the ratio is to the first row that has some. @unit: of the
 * values. */
void samples_print(const char *title, const char *unit, struct samples *rows, int count);
void samples_free(struct samples *rows, int count);

#endif
