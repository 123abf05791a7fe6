/* SPDX-License-Identifier: MIT
 *
 * How a report looks: which colour, dash and marker a contender always has, and the style sheet of
 * the charts. Colours are Okabe's and Ito's, which the colour-blind tell apart, made lighter on a
 * dark screen; paper is always light.
 */
#ifndef WSD_BENCH_LOOK_H
#define WSD_BENCH_LOOK_H

#include "svg.h"

struct look {
	const char *contender; /* "switch"; NULL: any other one's */
	const char *title;     /* "wsdirect switch"; NULL: the contender's name */
	/* Classes: a line with its dash, a filled mark, a hollow mark, a bar. */
	const char *line, *full, *hollow, *bar;
	enum svg_marker marker;
};

/* Contenders that are not known get the same look every time, one of those that are left. */
const struct look *look_of(const char *contender);
const char *look_title(const char *contender);

/* The rules of what charts are made of; other text, too, is to be of one of their classes: "ink",
 * "faint", "alarm". For <style>; holds nothing that XML must escape. */
void look_style(FILE *f);
/* The page around them. */
void look_page_style(FILE *f);

#endif
