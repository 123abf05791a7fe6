/* SPDX-License-Identifier: MIT
 *
 * Results of wsd bench as a run would have them, made up: by rules and a fixed sequence of numbers,
 * so that every figure of theirs is known.
 */
#ifndef WSD_TEST_BENCH_SAMPLES_H
#define WSD_TEST_BENCH_SAMPLES_H

#include "results.h"

extern const struct figure_kind made_connect, made_rate, made_bytes;

/* An empty result of @test on a soft-RoCE guest, or on hardware: ours and the peers "raw" and
 * "tcp". */
struct results *made_results(const char *test, const char *host, bool soft);
/* @rounds of @each samples around @center (a long tail above), in a figure at @p. */
void made_fill(struct results *r, const struct figure_kind *kind, const char *contender,
	       const struct point *p, double center, int rounds, int each);
/* connect, cold and warm, with 0 to 5,000 connections open: a run with every form of chart but
 * those below. */
struct results *made_connect_run(const char *host, bool soft);
struct results *made_bw_run(const char *host, bool soft);       /* against the size */
struct results *made_takeover_run(const char *host, bool soft); /* few samples */
struct results *made_memory_run(const char *host, bool soft);   /* bytes, cut short, one left out */
/* As a file of JSON in @path. */
void made_write(const struct results *r, const char *path);

#endif
