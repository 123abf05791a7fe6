/* SPDX-License-Identifier: MIT
 *
 * report_md.c - a report as Markdown: sentences and tables, with bars of text for ratios. No state.
 */
#include "report_parts.h"

#include <math.h>
#include <string.h>

enum { BAR = 20 };

/* Text in a cell or a sentence: nothing of it is markup. */
static void escape(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (strchr("\\`*_[]<>|#", *text))
			fputc('\\', f);
		fputc((unsigned char)*text < ' ' ? ' ' : *text, f);
	}
}

static const struct markup md = {
	.escape = escape,
	.item = {"- ", "\n"},
	.label = {"\n### ", "\n\n"},
	.ran_on = "\n## What it ran on\n",
	.facts = {"| what | |\n| --- | --- |\n", ""},
	.fact = {"| ", " | ", "", " |\n"},
};

static void say_note(void *arg, const char *text)
{
	static const char *const around[] = {"> **", "**\n>\n"};
	markup_put(arg, around, text);
}

/* Around a line in the middle, which is 1.00x; each step is a fifth of a doubling. */
static void ratio_bar(double ratio, char text[2 * BAR + 2])
{
	double steps = ratio > 0 && isfinite(ratio) ? round(log2(ratio) * 5) : 0;
	int n = (int)fmin(fmax(steps, -BAR), BAR);
	memset(text, ' ', 2 * BAR + 1);
	text[BAR] = '|';
	for (int i = n < 0 ? n : 1; i <= (n < 0 ? -1 : n); i++)
		text[BAR + i] = '#';
	text[2 * BAR + 1] = '\0';
}

static void write_row(FILE *f, const struct cells *cells)
{
	char bar[2 * BAR + 2];
	fputs("|", f);
	for (int c = 0; c < CELLS; c++) {
		fputc(' ', f);
		escape(f, cells->text[c]);
		fputs(" |", f);
	}
	if (cells->has_ratio) {
		ratio_bar(cells->ratio.median, bar);
		/* the pipe of the line in the middle must not end the cell */
		bar[BAR] = ':';
		fprintf(f, " `%s` |\n", bar);
	} else {
		fputs(" |\n", f);
	}
}

static void write_table(const struct paper *p, const struct report_run *run)
{
	FILE *f = p->f;
	struct cells cells;
	markup_put(p, md.label, run->label);
	fputs("|", f);
	for (int c = 0; c < CELLS; c++)
		fprintf(f, " %s |", cells_head[c]);
	fputs(" less : more |\n|", f);
	for (int c = 0; c < CELLS; c++)
		fputs(cells_number[c] ? " --: |" : " --- |", f);
	fputs(" --- |\n", f);
	for (int i = 0; i < run->count; i++) {
		words_row(run, i, &cells);
		write_row(f, &cells);
	}
}

void report_md(FILE *f, const struct report *r)
{
	static const char *const heading[] = {"# ", "\n\n"};
	struct paper paper = {f, &md};
	char title[300];
	words_title(r, title, sizeof(title));
	markup_put(&paper, heading, title);
	words_notes(r, say_note, &paper);
	fputc('\n', f);
	words_findings(r, markup_item, &paper);
	fputs("\n## Figures\n\nThe last two columns: ours divided by that contender's, round by "
	      "round, with the middle half of the\n"
	      "rounds; the bar shows the same, a fifth of a doubling for each `#`. Where less is "
	      "better, a bar to the left is good.\n",
	      f);
	for (int k = 0; k < r->run_count; k++)
		write_table(&paper, &r->runs[k]);
	markup_ran_on(&paper, r);
}
