/* SPDX-License-Identifier: MIT
 *
 * The tables of WS-REUSE-2 to -4 as Microsoft prints them, what Wine answers, and what was measured
 * beside them.
 */
#ifndef WSD_MATRIX_TABLES_H
#define WSD_MATRIX_TABLES_H

#include <stdbool.h>
#include <stdio.h>

enum { MATRIX_KINDS = 6, MATRIX_NOT_MEASURED = -1 };

enum matrix_table { MATRIX_SAME_USER, MATRIX_OTHER_USER, MATRIX_LEGACY, MATRIX_TABLES };

/* Codes: 0 or a WSA code; rows the first bind, columns the second. */
struct matrix {
	enum matrix_table table;
	int measured[MATRIX_KINDS][MATRIX_KINDS];
	char why[160];    /* why cells were not measured; "": they were */
	long user_b;      /* of the second bind; -1: the caller */
	char address[16]; /* the specific one */
};

extern const char *const matrix_kind_names[MATRIX_KINDS]; /* "Default W" */
extern const char *const matrix_titles[MATRIX_TABLES];
extern const char *const matrix_clauses[MATRIX_TABLES];
extern const char matrix_wine_version[];

int matrix_microsoft(enum matrix_table table, int first, int second);
/* Wine's answer was recorded for one user and the modern mode only: else -1. */
int matrix_wine(enum matrix_table table, int first, int second);

/* "OK", "INUSE", "ACCESS", another code's name or number, "-" for what was not measured. */
const char *matrix_word(int code, char text[24]);

struct matrix_sums {
	int cells, measured, as_microsoft, as_wine, with_wine;
};
struct matrix_sums matrix_sum(const struct matrix *m);
bool matrix_differs(const struct matrix *m, int first, int second); /* from Microsoft's table */
bool matrix_differs_from_wine(const struct matrix *m, int first, int second);

void matrix_text(FILE *f, const struct matrix *m, int count);
int matrix_json(FILE *f, const struct matrix *m, int count); /* 0 or -1: no memory, or f's error */
void matrix_svg(FILE *f, const struct matrix *m, int count);

#endif
