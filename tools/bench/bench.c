/* SPDX-License-Identifier: MIT
 *
 * bench.c - what the verbs share. No state.
 */
#include "bench.h"

#include <stdarg.h>
#include <stdio.h>

void bench_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("wsd bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}
