/* SPDX-License-Identifier: MIT
 *
 * Results for people: parameters first, then perftest's columns, then ratios.
 */
#ifndef WSD_BENCH_SHOW_H
#define WSD_BENCH_SHOW_H

#include "results.h"

#include <stdio.h>

/* What is about to be measured, on what. */
void show_parameters(FILE *f, const struct options *o, const struct results *r);
/* All tables; o->histogram and o->unsorted the samples, too. @f may be a file. */
void show_results(FILE *f, const struct options *o, const struct results *r);
/* --output: one bare number, the average of ours at the first point: usec, MiB/sec (Gb/sec with
 * o->gbits) or millions a second; nothing where nothing was measured. */
void show_bare(FILE *f, const struct options *o, const struct results *r);

#endif
