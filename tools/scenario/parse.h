/* SPDX-License-Identifier: MIT
 *
 * What the parser's functions share: each takes what it names from the tokens, or fills the error
 * with what was expected there and what was found, and returns -EINVAL (-ENOMEM without memory).
 */
#ifndef WSD_SCENARIO_PARSE_H
#define WSD_SCENARIO_PARSE_H

#include "token.h"

struct parser {
	const struct token *at; /* the next one */
	struct scenario_error *error;
};

struct choice {
	const char *word; /* NULL ends the list */
	int value;
};

int parse_expected(struct parser *p, const struct token *t, const char *what);
bool parse_at_word(const struct parser *p, const char *word);
bool parse_at_mark(const struct parser *p, const char *mark);
int parse_mark(struct parser *p, const char *mark);
int parse_keyword(struct parser *p, const char *word);
int parse_choice(struct parser *p, const struct choice *choices, int *ret);
int parse_word(struct parser *p, char **ret, const char *what);
/* Of NICs, providers, processes, threads: letters, digits, - and _. */
bool parse_is_name(const char *text);
int parse_name(struct parser *p, char **ret, const char *what);
int parse_add_word(struct parser *p, struct words *words, const char *what);
int parse_words(struct parser *p, struct words *words, const char *what); /* to the line's end */
int parse_number(struct parser *p, long *ret, const char *what);
int parse_duration(struct parser *p, long *ret_ms); /* "300ms", "2s" */
int parse_code(struct parser *p, int *ret);         /* WSAENETDOWN and its like */
bool parse_is_address(const char *text);            /* "10.77.0.1", "10.77.0.1/24" */
bool parse_is_endpoint(const char *text);           /* "10.77.0.1:5150" */

/* "(key=value, ...)" or nothing; only keys that are @known */
int parse_pairs(struct parser *p, struct pattern *pattern, bool (*known)(const char *key));
int parse_block(struct parser *p, struct statement *s);  /* "{", patterns, "}" */
int parse_call(struct parser *p, struct statement *s);   /* "s = socket() = ok" */
int parse_result(struct parser *p, struct statement *s); /* "= 0" or nothing */

#endif
