/* SPDX-License-Identifier: MIT
 *
 * See tables.h. A copy of Microsoft's tables of its own, so that the switch's (reuse.c) is measured
 * by something else than itself. No state.
 */
#include "tables.h"

#include "wsaname.h"

#include <wsd/errors.h>

#include <string.h>

enum { K = MATRIX_KINDS, OK = 0, USE = WSAEADDRINUSE, ACC = WSAEACCES };

const char *const matrix_kind_names[K] = {"Default W",   "Default S",   "REUSEADDR W",
					  "REUSEADDR S", "EXCLUSIVE W", "EXCLUSIVE S"};
const char *const matrix_titles[MATRIX_TABLES] = {
	[MATRIX_SAME_USER] = "Both sockets of one user",
	[MATRIX_OTHER_USER] = "The second socket of another user",
	[MATRIX_LEGACY] = "Before Windows Server 2003",
};
const char *const matrix_clauses[MATRIX_TABLES] = {"WS-REUSE-2", "WS-REUSE-3", "WS-REUSE-4"};

/* clang-format off */
static const int microsoft[MATRIX_TABLES][K][K] = {
	[MATRIX_SAME_USER] = {
		{USE,  OK, ACC,  OK, USE,  OK},
		{ OK, USE,  OK, ACC, USE, USE},
		{USE,  OK,  OK,  OK, USE,  OK},
		{ OK, USE,  OK,  OK, USE, USE},
		{USE, ACC, ACC, ACC, USE, ACC},
		{ OK, USE,  OK, ACC, USE, USE},
	},
	[MATRIX_OTHER_USER] = {
		{USE, ACC, ACC, ACC, USE, ACC},
		{ OK, USE,  OK, ACC, USE, USE},
		{USE, ACC,  OK,  OK, USE, ACC},
		{ OK, USE,  OK,  OK, USE, USE},
		{USE, ACC, ACC, ACC, USE, ACC},
		{ OK, USE,  OK, ACC, USE, USE},
	},
	[MATRIX_LEGACY] = {
		{USE, USE,  OK,  OK, USE, USE},
		{USE, USE,  OK,  OK, USE, USE},
		{USE, USE,  OK,  OK, USE, USE},
		{USE, USE,  OK,  OK, USE, USE},
		{USE, USE, ACC, ACC, USE, USE},
		{USE, USE, ACC, ACC, USE, USE},
	},
};
/* clang-format on */

/* Recorded by scripts/matrix-wine. */
static const int wine[K][K] = {
#include "wine.inc"
};
const char matrix_wine_version[] = WINE_VERSION;

int matrix_microsoft(enum matrix_table table, int first, int second)
{
	return microsoft[table][first][second];
}

int matrix_wine(enum matrix_table table, int first, int second)
{
	return table == MATRIX_SAME_USER ? wine[first][second] : -1;
}

const char *matrix_word(int code, char text[24])
{
	static const struct {
		int code;
		const char *word;
	} words[] = {{MATRIX_NOT_MEASURED, "-"}, {OK, "OK"}, {USE, "INUSE"}, {ACC, "ACCESS"}};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].code == code)
			return words[i].word;
	if (wsaname(code))
		return wsaname(code);
	snprintf(text, 24, "%d", code);
	return text;
}

bool matrix_differs(const struct matrix *m, int first, int second)
{
	int code = m->measured[first][second];
	return code != MATRIX_NOT_MEASURED && code != matrix_microsoft(m->table, first, second);
}

bool matrix_differs_from_wine(const struct matrix *m, int first, int second)
{
	int answer = matrix_wine(m->table, first, second), code = m->measured[first][second];
	return answer >= 0 && code != MATRIX_NOT_MEASURED && code != answer;
}

struct matrix_sums matrix_sum(const struct matrix *m)
{
	struct matrix_sums s = {.cells = K * K};
	for (int first = 0; first < K; first++)
		for (int second = 0; second < K; second++) {
			bool there = m->measured[first][second] != MATRIX_NOT_MEASURED;
			bool in_wine = matrix_wine(m->table, first, second) >= 0;
			s.measured += there;
			s.as_microsoft += there && !matrix_differs(m, first, second);
			s.with_wine += in_wine;
			s.as_wine +=
				there && in_wine && !matrix_differs_from_wine(m, first, second);
		}
	return s;
}
