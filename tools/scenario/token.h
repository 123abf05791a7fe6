/* SPDX-License-Identifier: MIT
 *
 * A scenario's text cut into tokens.
 */
#ifndef WSD_SCENARIO_TOKEN_H
#define WSD_SCENARIO_TOKEN_H

#include "scenario.h"

enum token_kind {
	TOKEN_WORD,   /* names, numbers, addresses, codes: all that is no mark */
	TOKEN_STRING, /* "..." with \n \t \" \\ \xHH; the text is without the quotes */
	TOKEN_MARK,   /* one of ( ) { } = , . is not: names hold it */
	TOKEN_LINE,   /* the end of a line that is not empty */
	TOKEN_END,
};

struct token {
	enum token_kind kind;
	struct place place;
	struct place end; /* the character behind it */
	char *text;       /* of the list */
};

struct tokens {
	struct token *at; /* the last one is TOKEN_END */
	size_t count;
};

/* 0, -EINVAL with @error filled, -ENOMEM. */
int tokens_cut(const char *source, struct tokens *ret, struct scenario_error *error);
void tokens_free(struct tokens *t);

#endif
