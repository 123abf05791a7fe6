/* SPDX-License-Identifier: MIT
 *
 * svg.c - see svg.h. No state.
 */
#include "svg.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* The length of the UTF-8 sequence at @p; 0: it is none that XML may hold. */
static int sequence(const unsigned char *p)
{
	static const struct {
		unsigned char mask, lead;
		int length;
		uint32_t least;
	} forms[] = {{0x80, 0x00, 1, 0x20},
		     {0xe0, 0xc0, 2, 0x80},
		     {0xf0, 0xe0, 3, 0x800},
		     {0xf8, 0xf0, 4, 0x10000}};
	for (int i = 0; i < 4; i++) {
		if ((*p & forms[i].mask) != forms[i].lead)
			continue;
		uint32_t c = *p & (unsigned char)~forms[i].mask;
		for (int k = 1; k < forms[i].length; k++) {
			if ((p[k] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (p[k] & 0x3f);
		}
		bool wrong = c < forms[i].least || c == 0x7f || (c >= 0xd800 && c < 0xe000) ||
			     (c & 0xfffe) == 0xfffe || c > 0x10ffff;
		return wrong && c != '\n' && c != '\t' ? 0 : forms[i].length;
	}
	return 0;
}

void svg_escape(FILE *f, const char *text)
{
	static const struct {
		char c;
		const char *as;
	} escapes[] = {
		{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
	for (const char *p = text; *p;) {
		int n = sequence((const unsigned char *)p);
		const char *as = n ? NULL : "\xef\xbf\xbd";
		for (size_t i = 0; i < sizeof(escapes) / sizeof(escapes[0]); i++)
			if (*p == escapes[i].c)
				as = escapes[i].as;
		if (as)
			fputs(as, f);
		else
			fwrite(p, 1, (size_t)n, f);
		p += n ? n : 1;
	}
}

/* Two digits behind the point are plenty on a screen and on paper. */
static void number(FILE *f, double v)
{
	char text[64];
	snprintf(text, sizeof(text), "%.2f", v);
	char *end = text + strlen(text);
	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		*--end = '\0';
	fputs(strcmp(text, "-0") ? text : "0", f);
}

static void attribute(FILE *f, const char *name, double v)
{
	fprintf(f, " %s=\"", name);
	number(f, v);
	fputc('"', f);
}

/* Numbers beyond this are as little of use as infinite ones. */
static bool drawable(const double *v, int n)
{
	for (int i = 0; i < n; i++)
		if (!(fabs(v[i]) < 1e7))
			return false;
	return true;
}

void svg_line(FILE *f, const char *class, double x1, double y1, double x2, double y2)
{
	if (!drawable((double[]){x1, y1, x2, y2}, 4))
		return;
	fprintf(f, "<line class=\"%s\"", class);
	attribute(f, "x1", x1);
	attribute(f, "y1", y1);
	attribute(f, "x2", x2);
	attribute(f, "y2", y2);
	fputs("/>\n", f);
}

void svg_rect(FILE *f, const char *class, double x, double y, double w, double h)
{
	if (!drawable((double[]){x, y, w, h}, 4) || w < 0 || h < 0)
		return;
	fprintf(f, "<rect class=\"%s\"", class);
	attribute(f, "x", x);
	attribute(f, "y", y);
	attribute(f, "width", w);
	attribute(f, "height", h);
	fputs("/>\n", f);
}

void svg_path(FILE *f, const char *class, const struct place *p, int n)
{
	const char *step = "M";
	if (n < 1)
		return;
	fprintf(f, "<path class=\"%s\" d=\"", class);
	for (int i = 0; i < n; i++) {
		if (!drawable((double[]){p[i].x, p[i].y}, 2))
			continue;
		fputs(step, f);
		number(f, p[i].x);
		fputc(' ', f);
		number(f, p[i].y);
		step = "L";
	}
	fputs("\"/>\n", f);
}

void svg_marker(FILE *f, const char *class, enum svg_marker m, double x, double y, double r)
{
	enum { CORNERS = 12 };
	/* As multiples of the radius; a shape ends where its corners do. Equal areas, by eye. */
	static const struct {
		int n;
		struct place at[CORNERS];
	} shapes[MARKS] = {
		[MARK_DISC] = {0, {{0, 0}}},
		[MARK_SQUARE] = {4, {{-.9, -.9}, {.9, -.9}, {.9, .9}, {-.9, .9}}},
		[MARK_DIAMOND] = {4, {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}}},
		[MARK_UP] = {3, {{0, -1.2}, {1.2, 1}, {-1.2, 1}}},
		[MARK_DOWN] = {3, {{0, 1.2}, {1.2, -1}, {-1.2, -1}}},
		[MARK_CROSS] = {12,
				{{-.4, -1.2},
				 {.4, -1.2},
				 {.4, -.4},
				 {1.2, -.4},
				 {1.2, .4},
				 {.4, .4},
				 {.4, 1.2},
				 {-.4, 1.2},
				 {-.4, .4},
				 {-1.2, .4},
				 {-1.2, -.4},
				 {-.4, -.4}}},
	};
	if (!drawable((double[]){x, y, r}, 3))
		return;
	if (!shapes[m].n) {
		fprintf(f, "<circle class=\"%s\"", class);
		attribute(f, "cx", x);
		attribute(f, "cy", y);
		attribute(f, "r", r);
		fputs("/>\n", f);
		return;
	}
	fprintf(f, "<path class=\"%s\" d=\"", class);
	for (int i = 0; i < shapes[m].n; i++) {
		fputs(i ? "L" : "M", f);
		number(f, x + r * shapes[m].at[i].x);
		fputc(' ', f);
		number(f, y + r * shapes[m].at[i].y);
	}
	fputs("Z\"/>\n", f);
}

void svg_text(FILE *f, const char *class, enum svg_anchor a, double x, double y, const char *format,
	      ...)
{
	static const char *const anchors[] = {"", " text-anchor=\"middle\"",
					      " text-anchor=\"end\""};
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (!drawable((double[]){x, y}, 2) || !*text)
		return;
	fprintf(f, "<text class=\"%s\"%s", class, anchors[a]);
	attribute(f, "x", x);
	attribute(f, "y", y);
	fputc('>', f);
	svg_escape(f, text);
	fputs("</text>\n", f);
}

/* Of DejaVu Sans, the widest of the usual ones. */
static double width_of(unsigned char c)
{
	if ((c & 0xc0) == 0x80)
		return 0; /* inside a sequence */
	if (strchr("iIjl.,:;'|!", c))
		return .34;
	if (strchr(" ftr()[]-/\"", c))
		return .42;
	if (strchr("mwMW%@", c))
		return .98;
	return c >= 0x80 ? .9 : c >= 'A' && c <= 'Z' ? .72 : .63;
}

double svg_text_width(const char *text, double size)
{
	double width = 0;
	for (const char *p = text; *p; p++)
		width += width_of((unsigned char)*p);
	return width * size;
}

size_t svg_text_fit(const char *text, double size, double width)
{
	size_t word = 0, n = 0;
	for (double used = 0; text[n]; n++) {
		used += width_of((unsigned char)text[n]) * size;
		if (used > width && n && ((unsigned char)text[n] & 0xc0) != 0x80)
			return word ? word : n;
		if (text[n] == ' ')
			word = n + 1;
	}
	return n;
}

void svg_text_within(FILE *f, const char *class, double x, double y, double size, double width,
		     const char *text)
{
	if (svg_text_width(text, size) <= width) {
		svg_text(f, class, AT_START, x, y, "%s", text);
		return;
	}
	size_t n = svg_text_fit(text, size, width - size);
	while (n && text[n - 1] == ' ')
		n--;
	svg_text(f, class, AT_START, x, y, "%.*s…", (int)n, text);
}
