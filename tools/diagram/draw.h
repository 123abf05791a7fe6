/* SPDX-License-Identifier: MIT
 *
 * A story as a sequence diagram: lanes from left to right, time down the page.
 */
#ifndef WSD_DIAGRAM_DRAW_H
#define WSD_DIAGRAM_DRAW_H

#include "story.h"

/* A file of its own, with its own colours: light on paper, right in a dark browser. */
void draw_svg(FILE *f, const struct story *s, const char *title);
/* The same as a page that can be searched and zoomed, unfolds runs, and tells all of a call that is
 * clicked. */
void draw_html(FILE *f, const struct story *s, const char *title);

/* draw.c's, for both: the element <svg>. @unfolds: with the calls of runs, for the page to show. */
void draw_element(FILE *f, const struct story *s, const char *title, bool unfolds);
enum { DRAW_RUN_TOLD = 500 }; /* of a run, on a page */
extern const char draw_style[];

#endif
