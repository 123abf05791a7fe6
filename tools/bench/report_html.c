/* SPDX-License-Identifier: MIT
 *
 * report_html.c - a report as one HTML file, which needs nothing else: no network, no scripts. The
 * charts are SVG inside it. No state.
 */
#include "report_parts.h"

static const struct markup html = {
	.escape = svg_escape,
	.item = {"<li>", "</li>\n"},
	.label = {"<h3>", "</h3>\n"},
	.ran_on = "<section>\n<h2>What it ran on</h2>\n",
	.facts = {"<div class=\"scroll\"><table><tbody>\n", "</tbody></table></div>\n"},
	.fact = {"<tr><th scope=\"row\">", "</th><td>", "", "</td></tr>\n"},
};

/* A note stands out; the frame around all of them comes with the first. */
struct notes {
	struct paper *paper;
	int n;
};

static void say_note(void *arg, const char *text)
{
	struct notes *notes = arg;
	if (!notes->n++)
		fputs("<ul class=\"note\" aria-label=\"to be known\">\n", notes->paper->f);
	markup_item(notes->paper, text);
}

static void write_chart(FILE *f, const struct section *s, const struct chart *c)
{
	fprintf(f, "<figure><svg viewBox=\"0 0 %d %.0f\" role=\"img\" aria-label=\"", CHART_WIDTH,
		chart_height(c));
	svg_escape(f, s->title);
	if (*c->caption)
		fputs(": ", f);
	svg_escape(f, c->caption);
	fputs("\">\n", f);
	chart_draw(f, c, 0, 0);
	fputs("</svg></figure>\n", f);
}

static void write_section(FILE *f, const struct section *s)
{
	fprintf(f, "<section%s>\n<h2>", s->count > 1 ? " class=\"wide\"" : "");
	svg_escape(f, s->title);
	fputs("</h2>\n<p class=\"faint\">", f);
	svg_escape(f, s->how);
	fputs("</p>\n<div class=\"panels\">\n", f);
	for (int i = 0; i < s->count; i++)
		write_chart(f, s, &s->charts[i]);
	fputs("</div>\n", f);
	if (s->left_away)
		fprintf(f,
			"<p class=\"faint\">%d more such charts would be possible; their figures "
			"are in the table.</p>\n",
			s->left_away);
	fputs("</section>\n", f);
}

static void write_table(const struct paper *p, const struct report_run *run)
{
	FILE *f = p->f;
	struct cells cells;
	markup_put(p, html.label, run->label);
	fputs("<div class=\"scroll\"><table>\n<thead><tr>", f);
	for (int c = 0; c < CELLS; c++)
		fprintf(f, "<th scope=\"col\"%s>%s</th>", cells_number[c] ? " class=\"n\"" : "",
			cells_head[c]);
	fputs("</tr></thead>\n<tbody>\n", f);
	for (int i = 0; i < run->count; i++) {
		words_row(run, i, &cells);
		fputs("<tr>", f);
		for (int c = 0; c < CELLS; c++) {
			fputs(cells_number[c] ? "<td class=\"n\">" : "<td>", f);
			svg_escape(f, cells.text[c]);
			fputs("</td>", f);
		}
		fputs("</tr>\n", f);
	}
	fputs("</tbody></table></div>\n", f);
}

static void write_head(FILE *f, const char *title)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
	      "<link rel=\"icon\" href=\"data:,\"/>\n<title>",
	      f);
	svg_escape(f, title);
	fputs("</title>\n<style>\n", f);
	look_style(f);
	look_page_style(f);
	fputs("</style>\n</head>\n<body>\n<h1>", f);
	svg_escape(f, title);
	fputs("</h1>\n", f);
}

void report_html(FILE *f, const struct report *r)
{
	char title[300];
	struct paper paper = {f, &html};
	struct notes notes = {&paper, 0};
	words_title(r, title, sizeof(title));
	write_head(f, title);
	words_notes(r, say_note, &notes);
	fputs(notes.n ? "</ul>\n<ul>\n" : "<ul>\n", f);
	words_findings(r, markup_item, &paper);
	fputs("</ul>\n", f);
	fputs("<main>\n", f);
	for (int i = 0; i < r->section_count; i++)
		write_section(f, &r->sections[i]);
	fputs("</main>\n", f);
	markup_ran_on(&paper, r);
	fputs("</section>\n<details>\n<summary>All figures</summary>\n", f);
	for (int k = 0; k < r->run_count; k++)
		write_table(&paper, &r->runs[k]);
	fputs("</details>\n</body>\n</html>\n", f);
}
