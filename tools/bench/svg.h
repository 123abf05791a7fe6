/* SPDX-License-Identifier: MIT
 *
 * Shapes of SVG, written one after the other. What a shape looks like is its class (look.h). A
 * number that is not finite is never written: its shape is left away. Text is escaped, for XML and
 * HTML alike.
 */
#ifndef WSD_BENCH_SVG_H
#define WSD_BENCH_SVG_H

#include <stdio.h>

struct place {
	double x, y;
};

enum svg_marker { MARK_DISC, MARK_SQUARE, MARK_DIAMOND, MARK_UP, MARK_DOWN, MARK_CROSS, MARKS };
enum svg_anchor { AT_START, AT_MIDDLE, AT_END };

/* Control characters and bytes that are no UTF-8 come out as U+FFFD. */
void svg_escape(FILE *f, const char *text);
void svg_line(FILE *f, const char *class, double x1, double y1, double x2, double y2);
void svg_rect(FILE *f, const char *class, double x, double y, double w, double h);
void svg_path(FILE *f, const char *class, const struct place *p, int n);
void svg_marker(FILE *f, const char *class, enum svg_marker m, double x, double y, double r);
__attribute__((format(printf, 6, 7))) void svg_text(FILE *f, const char *class, enum svg_anchor a,
						    double x, double y, const char *format, ...);
/* The same, cut off with an ellipsis where it is wider than @width in a font of @size. */
void svg_text_within(FILE *f, const char *class, double x, double y, double size, double width,
		     const char *text);
/* How wide @text is at most in a usual sans-serif font of that size. */
double svg_text_width(const char *text, double size);
/* How many bytes of @text fit into @width: whole words where there is one, at least a character. */
size_t svg_text_fit(const char *text, double size, double width);

#endif
