/* SPDX-License-Identifier: MIT
 *
 * show_svg.c - matrix_svg(): a table below the other; light on paper, right in a dark browser. What
 * differs has a thick frame and says what it should be. No state.
 */
#include "tables.h"

#include "svg.h"

#include <string.h>

enum { K = MATRIX_KINDS, LEFT = 150, CELL_W = 130, CELL_H = 44, HEAD = 92, FOOT = 56, MARGIN = 20 };

/* Plain rules first: who draws without a browser knows no variables. */
static const char style[] = "<style>"
			    "text{font:14px system-ui,sans-serif}"
			    ".title{font-size:17px;font-weight:600}"
			    ".dim{font-size:12px}"
			    ".note{font-size:11px}"
			    ".bad{stroke-width:3}"
			    ".wine{stroke-width:2;stroke-dasharray:4 3}"
			    "text{fill:#1b1f24}"
			    ".dim{fill:#57606a}"
			    ".paper{fill:#fff}"
			    "rect{stroke:#d0d7de}"
			    ".ok{fill:#dafbe1}"
			    ".inuse{fill:#ffebe9}"
			    ".access{fill:#fff1c2}"
			    ".other{fill:#eaeef2}"
			    ".bad{fill:none;stroke:#cf222e}"
			    ".wine{fill:none;stroke:#8250df}"
			    "@media(prefers-color-scheme:dark){"
			    "text{fill:#e6edf3}"
			    ".dim{fill:#9198a1}"
			    ".paper{fill:#0d1117}"
			    "rect{stroke:#3d444d}"
			    ".ok{fill:#12361f}"
			    ".inuse{fill:#4c1a1d}"
			    ".access{fill:#3d2f0a}"
			    ".other{fill:#21262d}"
			    ".bad{fill:none;stroke:#f85149}"
			    ".wine{fill:none;stroke:#b78aff}"
			    "}</style>\n";

static const char *class_of(const char *word)
{
	static const char *const classes[][2] = {
		{"OK", "ok"}, {"INUSE", "inuse"}, {"ACCESS", "access"}};
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (!strcmp(word, classes[i][0]))
			return classes[i][1];
	return "other";
}

static void cell(FILE *f, const struct matrix *m, int first, int second, double x, double y)
{
	char text[24], other[24];
	const char *word = matrix_word(m->measured[first][second], text);
	bool bad = matrix_differs(m, first, second),
	     wine = matrix_differs_from_wine(m, first, second);
	svg_rect(f, class_of(word), x, y, CELL_W, CELL_H);
	svg_text(f, "word", AT_MIDDLE, x + CELL_W / 2.0, y + (bad || wine ? 20 : 27), "%s", word);
	if (!bad && !wine)
		return;
	svg_rect(f, bad ? "bad" : "wine", x + 2, y + 2, CELL_W - 4, CELL_H - 4);
	svg_text(f, "note", AT_MIDDLE, x + CELL_W / 2.0, y + 36, "%s: %s",
		 bad ? "Microsoft" : "Wine",
		 matrix_word(bad ? matrix_microsoft(m->table, first, second)
				 : matrix_wine(m->table, first, second),
			     other));
}

static void table(FILE *f, const struct matrix *m, double y)
{
	struct matrix_sums s = matrix_sum(m);
	char user[24];
	snprintf(user, sizeof(user), "%ld", m->user_b);
	svg_text(f, "title", AT_START, MARGIN, y + 24, "%s (%s)", matrix_titles[m->table],
		 matrix_clauses[m->table]);
	svg_text(f, "dim", AT_START, MARGIN, y + 46,
		 "W: the wildcard, S: %s. Rows: the first bind; columns: the second%s%s.",
		 m->address, m->user_b < 0 ? "" : ", of user ", m->user_b < 0 ? "" : user);
	for (int k = 0; k < K; k++) {
		svg_text(f, "kind", AT_MIDDLE, MARGIN + LEFT + (k + 0.5) * CELL_W, y + HEAD - 10,
			 "%s", matrix_kind_names[k]);
		svg_text(f, "kind", AT_START, MARGIN, y + HEAD + k * CELL_H + 27, "%s",
			 matrix_kind_names[k]);
	}
	for (int first = 0; first < K; first++)
		for (int second = 0; second < K; second++)
			cell(f, m, first, second, MARGIN + LEFT + second * (double)CELL_W,
			     y + HEAD + first * (double)CELL_H);
	double foot = y + HEAD + K * (double)CELL_H + 24;
	svg_text(f, "dim", AT_START, MARGIN, foot, "%d of %d cells as in Microsoft's table",
		 s.as_microsoft, s.cells);
	if (s.with_wine)
		svg_text(f, "dim", AT_START, MARGIN + 280, foot, "%d as Wine answers (%s)",
			 s.as_wine, matrix_wine_version);
	if (m->why[0])
		svg_text(f, "dim", AT_START, MARGIN, foot + 16, "Not measured: %s", m->why);
}

void matrix_svg(FILE *f, const struct matrix *m, int count)
{
	int w = 2 * MARGIN + LEFT + K * CELL_W, each = HEAD + K * CELL_H + FOOT;
	int h = 2 * MARGIN + count * each;
	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\" role=\"img\">\n<title>Who may share a port</title>\n%s",
		w, h, w, h, style);
	svg_rect(f, "paper", 0, 0, w, h);
	for (int i = 0; i < count; i++)
		table(f, &m[i], MARGIN + i * (double)each);
	fputs("</svg>\n", f);
}
