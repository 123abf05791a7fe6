/* SPDX-License-Identifier: MIT
 *
 * show_text.c - matrix_text() and matrix_json(). No state.
 */
#include "tables.h"

#include <jansson.h>

enum { K = MATRIX_KINDS, WIDE = 14 };

static void head(FILE *f, const struct matrix *m)
{
	fprintf(f, "%s (%s). W: the wildcard, S: %s. Rows: the first bind; columns: the second",
		matrix_titles[m->table], matrix_clauses[m->table], m->address);
	if (m->user_b >= 0)
		fprintf(f, ", of user %ld", m->user_b);
	fputs(".\n\n", f);
	fprintf(f, "%-*s", WIDE, "");
	for (int second = 0; second < K; second++)
		fprintf(f, " %-*s", WIDE, matrix_kind_names[second]);
	fputc('\n', f);
}

/* What differs is marked, and told below the table. */
static void row(FILE *f, const struct matrix *m, int first)
{
	fprintf(f, "%-*s", WIDE, matrix_kind_names[first]);
	for (int second = 0; second < K; second++) {
		char text[24], cell[40];
		snprintf(cell, sizeof(cell), "%s%s%s",
			 matrix_word(m->measured[first][second], text),
			 matrix_differs(m, first, second) ? " !" : "",
			 matrix_differs_from_wine(m, first, second) ? " w" : "");
		fprintf(f, " %-*s", WIDE, cell);
	}
	fputc('\n', f);
}

static void differences(FILE *f, const struct matrix *m)
{
	for (int first = 0; first < K; first++)
		for (int second = 0; second < K; second++) {
			char a[24], b[24];
			bool unlike = matrix_differs(m, first, second);
			if (!unlike && !matrix_differs_from_wine(m, first, second))
				continue;
			int other = unlike ? matrix_microsoft(m->table, first, second)
					   : matrix_wine(m->table, first, second);
			fprintf(f, "%s %s, then %s: %s here, %s %s\n", unlike ? "!" : "w",
				matrix_kind_names[first], matrix_kind_names[second],
				matrix_word(m->measured[first][second], a),
				unlike ? "in Microsoft's table" : "in Wine", matrix_word(other, b));
		}
}

void matrix_text(FILE *f, const struct matrix *m, int count)
{
	for (int i = 0; i < count; i++, m++) {
		struct matrix_sums s = matrix_sum(m);
		if (i)
			fputc('\n', f);
		head(f, m);
		for (int first = 0; first < K; first++)
			row(f, m, first);
		fputc('\n', f);
		differences(f, m);
		fprintf(f, "%d of %d cells as in Microsoft's table", s.as_microsoft, s.cells);
		if (s.with_wine)
			fprintf(f, ", %d of %d as Wine answers (%s)", s.as_wine, s.with_wine,
				matrix_wine_version);
		fprintf(f, "%s%s\n", m->why[0] ? "; not measured: " : "", m->why);
	}
	if (count == 1)
		fputs("--user-b UID (root) measures the table of two users as well.\n", f);
}

static json_t *words(const struct matrix *m, int first, int (*of)(enum matrix_table, int, int))
{
	json_t *j = json_array();
	for (int second = 0; second < K; second++) {
		char text[24];
		int code = of ? of(m->table, first, second) : m->measured[first][second];
		json_array_append_new(j, code < 0 ? json_null()
						  : json_string(matrix_word(code, text)));
	}
	return j;
}

static json_t *rows(const struct matrix *m, int (*of)(enum matrix_table, int, int))
{
	json_t *j = json_array();
	for (int first = 0; first < K; first++)
		json_array_append_new(j, words(m, first, of));
	return j;
}

static json_t *table(const struct matrix *m)
{
	struct matrix_sums s = matrix_sum(m);
	return json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:s?, s:i, s:i}", "title",
		matrix_titles[m->table], "clause", matrix_clauses[m->table], "address", m->address,
		"second_user", m->user_b < 0 ? json_null() : json_integer(m->user_b), "measured",
		rows(m, NULL), "microsoft", rows(m, matrix_microsoft), "wine",
		s.with_wine ? rows(m, matrix_wine) : json_null(), "not_measured",
		m->why[0] ? m->why : NULL, "as_microsoft", s.as_microsoft, "as_wine", s.as_wine);
}

int matrix_json(FILE *f, const struct matrix *m, int count)
{
	json_t *kinds = json_array(), *tables = json_array();
	for (int k = 0; k < K; k++)
		json_array_append_new(kinds, json_string(matrix_kind_names[k]));
	for (int i = 0; i < count; i++)
		json_array_append_new(tables, table(&m[i]));
	json_t *all = json_pack("{s:i, s:o, s:s, s:o}", "schema", 1, "kinds", kinds, "wine",
				matrix_wine_version, "tables", tables);
	int err = !all || json_dumpf(all, f, JSON_INDENT(1)) || fputc('\n', f) == EOF ? -1 : 0;
	json_decref(all);
	return err;
}
