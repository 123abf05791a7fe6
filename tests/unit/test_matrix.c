/* SPDX-License-Identifier: MIT
 *
 * What `wsd matrix` shows of a table, without a socket: cells that differ are marked, cells that
 * were not measured are told, in each form.
 */
#include "check.h"

#include "tables.h"

#include <jansson.h>
#include <wsd/errors.h>

static struct matrix as_microsoft(enum matrix_table table)
{
	struct matrix m = {.table = table, .user_b = -1, .address = "127.0.0.1"};
	for (int first = 0; first < MATRIX_KINDS; first++)
		for (int second = 0; second < MATRIX_KINDS; second++)
			m.measured[first][second] = matrix_microsoft(table, first, second);
	return m;
}

static char *shown(void (*show)(FILE *, const struct matrix *, int), const struct matrix *m, int n)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	cr_assert_not_null(f);
	show(f, m, n);
	cr_assert_eq(fclose(f), 0);
	return text;
}

static void json_shown(FILE *f, const struct matrix *m, int n)
{
	cr_assert_eq(matrix_json(f, m, n), 0);
}

#define HAS(text, words)   cr_assert_not_null(strstr(text, words), "no '%s' in: %s", words, text)
#define LACKS(text, words) cr_assert_null(strstr(text, words), "'%s' in: %s", words, text)

Test(matrix, WS_REUSE_2_all_as_it_should_be)
{
	WSD_TEST_BEGIN();
	for (int table = 0; table < MATRIX_TABLES; table++) {
		struct matrix m = as_microsoft(table);
		struct matrix_sums s = matrix_sum(&m);
		cr_assert(s.cells == 36 && s.measured == 36 && s.as_microsoft == 36);
		cr_assert_eq(s.with_wine, table == MATRIX_SAME_USER ? 36 : 0);
		char *text = shown(matrix_text, &m, 1), *svg = shown(matrix_svg, &m, 1);
		HAS(text, matrix_clauses[table]);
		HAS(text, "36 of 36 cells as in Microsoft's table");
		LACKS(text, " !");
		LACKS(svg, "class=\"bad\"");
		HAS(svg, matrix_titles[table]);
		free(text);
		free(svg);
	}
	WSD_TEST_END();
}

Test(matrix, WS_REUSE_2_what_differs_is_marked_and_told)
{
	WSD_TEST_BEGIN();
	struct matrix m = as_microsoft(MATRIX_SAME_USER);
	m.measured[0][2] = 0;
	m.measured[5][5] = 12345;
	cr_assert(matrix_differs(&m, 0, 2) && !matrix_differs(&m, 0, 3));
	cr_assert_eq(matrix_sum(&m).as_microsoft, 34);
	char *text = shown(matrix_text, &m, 1);
	HAS(text, "! Default W, then REUSEADDR W: OK here, in Microsoft's table ACCESS\n");
	HAS(text, "! EXCLUSIVE S, then EXCLUSIVE S: 12345 here, in Microsoft's table INUSE\n");
	HAS(text, "OK ! w");
	HAS(text, "34 of 36 cells");
	free(text);
	char *svg = shown(matrix_svg, &m, 1);
	HAS(svg, "class=\"bad\"");
	HAS(svg, "Microsoft: ACCESS");
	LACKS(svg, "var("); /* of which only browsers know */
	free(svg);
	WSD_TEST_END();
}

Test(matrix, WS_REUSE_2_what_was_not_measured_is_no_difference)
{
	WSD_TEST_BEGIN();
	struct matrix m[2] = {as_microsoft(MATRIX_SAME_USER), as_microsoft(MATRIX_OTHER_USER)};
	m[1].user_b = 2001;
	m[1].measured[3][3] = MATRIX_NOT_MEASURED;
	snprintf(m[1].why, sizeof(m[1].why), "because");
	cr_assert_not(matrix_differs(&m[1], 3, 3));
	char *text = shown(matrix_text, m, 2);
	HAS(text, "of user 2001.");
	HAS(text, "35 of 36 cells as in Microsoft's table; not measured: because\n");
	LACKS(text, " !");
	free(text);
	text = shown(matrix_svg, m, 2);
	HAS(text, "Not measured: because");
	HAS(text, ", of user 2001");
	free(text);
	char *json = shown(json_shown, m, 2);
	json_t *j = json_loads(json, 0, NULL), *tables = json_object_get(j, "tables");
	cr_assert_eq(json_array_size(tables), 2);
	json_t *second = json_array_get(tables, 1);
	cr_assert_str_eq(json_string_value(json_object_get(second, "not_measured")), "because");
	cr_assert(json_is_null(json_object_get(second, "wine")));
	json_t *row = json_array_get(json_object_get(second, "measured"), 3);
	cr_assert(json_is_null(json_array_get(row, 3)));
	cr_assert_str_eq(json_string_value(json_array_get(row, 5)), "INUSE");
	json_decref(j);
	free(json);
	WSD_TEST_END();
}
