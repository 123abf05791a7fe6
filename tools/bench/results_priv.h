/* SPDX-License-Identifier: MIT
 *
 * How the results are cut inside: memory that lives as long as they do. results.c has them in
 * memory, results_json.c on paper, results_merge.c those of several clients.
 */
#ifndef WSD_BENCH_RESULTS_PRIV_H
#define WSD_BENCH_RESULTS_PRIV_H

#include "results.h"

/* Room for one more than @count: @array itself or a larger one; NULL: no memory, @array stays. */
void *results_grow(void *array, int count, size_t each);
/* Takes memory over, freed with @r. NULL for NULL, or no memory: freed at once then. */
void *results_own(struct results *r, void *memory);
/* The same word, living as long as @r. NULL: no memory. */
const char *results_word(struct results *r, const char *word);

/* All samples of a figure as a new histogram; NULL: no memory. */
struct hist *results_hist(const struct figure *f);

#endif
