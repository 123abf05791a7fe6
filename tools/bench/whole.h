/* SPDX-License-Identifier: MIT
 *
 * What is written for the user: a file appears whole or is as it was.
 */
#ifndef WSD_BENCH_WHOLE_H
#define WSD_BENCH_WHOLE_H

#include <stddef.h>
#include <stdio.h>

/* 0 or -errno. A link stays one; what is no ordinary file (/dev/null) is written to. */
int whole_write(const char *path, const char *text, size_t size);
int whole_print(FILE *f, const char *text, size_t size);

#endif
