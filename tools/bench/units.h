/* SPDX-License-Identifier: MIT
 *
 * The units of figures (struct figure_kind) for people: scaled so that one to three digits stand
 * before the point.
 */
#ifndef WSD_BENCH_UNITS_H
#define WSD_BENCH_UNITS_H

#include <stdbool.h>
#include <stddef.h>

struct unit {
	const char *name; /* "us", "MiB/s" */
	double per;       /* how many of the figure's own unit it is */
};
enum { UNIT_TEXT = 48 };

/* @kind: "ns", "bytes", "per_s", "bytes_per_s", "ratio"; another one is left as it is. */
const struct unit *unit_for(const char *kind, double largest);
bool unit_is_binary(const char *kind); /* counted in powers of 1024 */
/* "212 us", "1.90 ms", "1.08x", "64 B": three digits; what is no number is "-". Returns @text. */
const char *unit_text(char text[UNIT_TEXT], const char *kind, double value);
/* The same for a round number, as on an axis: "2 ms", "0". */
const char *unit_tick(char text[UNIT_TEXT], const char *kind, double value);

#endif
