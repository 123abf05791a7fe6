/* SPDX-License-Identifier: MIT
 *
 * report_svg.c - a report as one SVG page: two columns of charts below their sentences. The page is
 * laid out twice, the first time into nothing, because its height stands at its beginning. No
 * state.
 */
#include "report.h"

#include <stdlib.h>
#include <string.h>

enum {
	MARGIN = 24,
	BETWEEN = 28,
	WIDE = 2 * MARGIN + 2 * CHART_WIDTH + BETWEEN,
	TEXT_WIDE = WIDE - 2 * MARGIN
};

struct page {
	FILE *f;
	double x, y, width; /* of what is written next */
};

/* A paragraph; @indent: of its lines but the first. */
static void paragraph(struct page *p, const char *class, double size, double line, const char *text)
{
	while (*text) {
		size_t n = svg_text_fit(text, size, p->width);
		size_t shown = n;
		while (shown && text[shown - 1] == ' ')
			shown--;
		p->y += line;
		svg_text(p->f, class, AT_START, p->x, p->y, "%.*s", (int)shown, text);
		text += n;
	}
}

static void say_note(void *arg, const char *text)
{
	paragraph(arg, "alarm", 13, 18, text);
}

static void say_line(void *arg, const char *text)
{
	paragraph(arg, "ink", 12, 17, text);
}

static void say_fact(void *arg, const char *name, const char *text)
{
	char line[640];
	snprintf(line, sizeof(line), "%s: %s", name, text);
	paragraph(arg, "faint", 12, 16, line);
}

static void write_section(struct page *p, const struct section *s)
{
	char more[80];
	p->y += 22;
	paragraph(p, "strong head", 16, 20, s->title);
	paragraph(p, "faint", 12, 17, s->how);
	p->y += 10;
	for (int i = 0; i < s->count; i += 2) {
		double high = chart_height(&s->charts[i]);
		chart_draw(p->f, &s->charts[i], p->x, p->y);
		if (i + 1 < s->count) {
			double other = chart_height(&s->charts[i + 1]);
			chart_draw(p->f, &s->charts[i + 1], p->x + CHART_WIDTH + BETWEEN, p->y);
			high = other > high ? other : high;
		}
		p->y += high + 16;
	}
	snprintf(more, sizeof(more), "%d more such charts would be possible.", s->left_away);
	if (s->left_away)
		paragraph(p, "faint", 12, 16, more);
}

/* Two sections of one chart each stand side by side. Returns how many were written. */
static int write_sections(struct page *p, const struct report *r, int i)
{
	const struct section *s = &r->sections[i];
	if (s->count != 1 || i + 1 == r->section_count || s[1].count != 1) {
		write_section(p, s);
		return 1;
	}
	struct page left = *p, right = *p;
	left.width = right.width = CHART_WIDTH;
	right.x += CHART_WIDTH + BETWEEN;
	write_section(&left, s);
	write_section(&right, s + 1);
	p->y = left.y > right.y ? left.y : right.y;
	return 2;
}

static void write_page(struct page *p, const struct report *r, const char *title)
{
	p->x = p->y = MARGIN;
	p->width = TEXT_WIDE;
	paragraph(p, "strong title", 21, 24, title);
	p->y += 6;
	words_notes(r, say_note, p);
	p->y += 4;
	words_findings(r, say_line, p);
	for (int i = 0; i < r->section_count;)
		i += write_sections(p, r, i);
	p->y += 16;
	for (int k = 0; k < r->run_count; k++) {
		p->y += 6;
		paragraph(p, "strong", 13, 18, r->runs[k].label);
		words_facts(&r->runs[k], say_fact, p);
	}
	p->y += MARGIN;
}

void report_svg(FILE *f, const struct report *r)
{
	char title[300];
	char *nothing = NULL;
	size_t size = 0;
	struct page first = {.f = open_memstream(&nothing, &size)}, page = {.f = f};
	words_title(r, title, sizeof(title));
	if (!first.f)
		return;
	write_page(&first, r, title);
	fclose(first.f);
	free(nothing);
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
		"height=\"%.0f\" role=\"img\">\n<title>",
		WIDE, first.y, WIDE, first.y);
	svg_escape(f, title);
	fputs("</title>\n<style>\n", f);
	look_style(f);
	fprintf(f, "</style>\n<rect class=\"paper\" width=\"%d\" height=\"%.0f\"/>\n", WIDE,
		first.y);
	write_page(&page, r, title);
	fputs("</svg>\n", f);
}
