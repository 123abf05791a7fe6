/* SPDX-License-Identifier: MIT
 *
 * What lines of a scenario are made of; see parse.h. No state.
 */
#include "parse.h"
#include "vocabulary.h"
#include "wsaname.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int parse_expected(struct parser *p, const struct token *t, const char *what)
{
	const char *found = t->kind == TOKEN_LINE  ? "the end of the line"
			    : t->kind == TOKEN_END ? "the end of the file"
						   : t->text;
	const char *quote = t->kind == TOKEN_LINE || t->kind == TOKEN_END ? "" : "'";

	p->error->place = t->place;
	snprintf(p->error->text, sizeof(p->error->text), "expected %s, found %s%.60s%s", what,
		 quote, found, quote);
	return -EINVAL;
}

bool parse_at_word(const struct parser *p, const char *word)
{
	return p->at->kind == TOKEN_WORD && !strcmp(p->at->text, word);
}

bool parse_at_mark(const struct parser *p, const char *mark)
{
	return p->at->kind == TOKEN_MARK && !strcmp(p->at->text, mark);
}

int parse_mark(struct parser *p, const char *mark)
{
	char what[8];
	if (!parse_at_mark(p, mark)) {
		snprintf(what, sizeof(what), "'%s'", mark);
		return parse_expected(p, p->at, what);
	}
	p->at++;
	return 0;
}

int parse_keyword(struct parser *p, const char *word)
{
	char what[32];
	if (!parse_at_word(p, word)) {
		snprintf(what, sizeof(what), "'%s'", word);
		return parse_expected(p, p->at, what);
	}
	p->at++;
	return 0;
}

int parse_choice(struct parser *p, const struct choice *choices, int *ret)
{
	char what[200];
	size_t len = 0;
	for (const struct choice *c = choices; c->word; c++) {
		if (parse_at_word(p, c->word)) {
			*ret = c->value;
			p->at++;
			return 0;
		}
		len += (size_t)snprintf(what + len, sizeof(what) - len, "%s%s",
					c == choices ? ""
					: c[1].word  ? ", "
						     : " or ",
					c->word);
	}
	return parse_expected(p, p->at, what);
}

static int copy(struct parser *p, char **ret)
{
	*ret = strdup(p->at->text);
	p->at++;
	return *ret ? 0 : -ENOMEM;
}

int parse_word(struct parser *p, char **ret, const char *what)
{
	return p->at->kind == TOKEN_WORD ? copy(p, ret) : parse_expected(p, p->at, what);
}

bool parse_is_name(const char *text)
{
	bool fits = strlen(text) < NAME_SIZE && isalpha((unsigned char)*text);
	for (const char *c = text; fits && *c; c++)
		fits = isalnum((unsigned char)*c) || *c == '-' || *c == '_';
	return fits;
}

int parse_name(struct parser *p, char **ret, const char *what)
{
	bool fits = p->at->kind == TOKEN_WORD && parse_is_name(p->at->text);
	return fits ? copy(p, ret) : parse_expected(p, p->at, what);
}

int parse_add_word(struct parser *p, struct words *words, const char *what)
{
	if (p->at->kind != TOKEN_WORD && p->at->kind != TOKEN_STRING)
		return parse_expected(p, p->at, what);
	char **at = realloc(words->at, (words->count + 1) * sizeof(*at));
	if (!at)
		return -ENOMEM;
	words->at = at;
	int r = copy(p, &at[words->count]);
	words->count += !r;
	return r;
}

int parse_words(struct parser *p, struct words *words, const char *what)
{
	if (p->at->kind != TOKEN_WORD) /* no text */
		return parse_expected(p, p->at, what);
	int r;
	do
		r = parse_add_word(p, words, what);
	while (!r && p->at->kind == TOKEN_WORD);
	return r;
}

int parse_number(struct parser *p, long *ret, const char *what)
{
	char *end = NULL;
	errno = 0;
	long n = p->at->kind == TOKEN_WORD ? strtol(p->at->text, &end, 0) : -1;
	if (n < 0 || n > INT_MAX || errno || !end || *end)
		return parse_expected(p, p->at, what);
	*ret = n;
	p->at++;
	return 0;
}

int parse_duration(struct parser *p, long *ret_ms)
{
	char *end = NULL;
	errno = 0;
	long n = p->at->kind == TOKEN_WORD ? strtol(p->at->text, &end, 10) : -1;
	long unit = end && !strcmp(end, "ms") ? 1 : end && !strcmp(end, "s") ? 1000 : 0;
	if (n < 0 || n > 3600000 || errno || !unit)
		return parse_expected(p, p->at, "a time, as 300ms or 2s");
	*ret_ms = n * unit;
	p->at++;
	return 0;
}

int parse_code(struct parser *p, int *ret)
{
	for (size_t i = 0; p->at->kind == TOKEN_WORD && i < wsaname_count(); i++)
		if (!strcmp(wsaname_at(i)->name, p->at->text)) {
			*ret = wsaname_at(i)->code;
			p->at++;
			return 0;
		}
	return parse_expected(p, p->at, "an error's name, as WSAENETDOWN");
}

static bool is_number(const char *text, long least, long most)
{
	char *end;
	long n = strtol(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end && n >= least && n <= most;
}

/* A host up to @mark, then a number of this range; without the mark only where that may be. */
static bool is_host_and(const char *text, char mark, bool needed, long least, long most)
{
	char host[INET_ADDRSTRLEN];
	struct in_addr in;
	const char *at = strchr(text, mark);
	size_t len = at ? (size_t)(at - text) : strlen(text);
	if (len >= sizeof(host) || (!at && needed))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	return inet_pton(AF_INET, host, &in) == 1 && (!at || is_number(at + 1, least, most));
}

bool parse_is_address(const char *text)
{
	return is_host_and(text, '/', false, 1, 32);
}

bool parse_is_endpoint(const char *text)
{
	return is_host_and(text, ':', true, 0, UINT16_MAX);
}

/* ---- calls ---- */

/* A pair's value: a word, or a text. */
static int parse_value(struct parser *p, char **ret, const char *what)
{
	for (const char *c = p->at->kind == TOKEN_STRING ? p->at->text : ""; *c; c++)
		if (!isascii((unsigned char)*c))
			return parse_expected(p, p->at, "a value of ASCII characters");
	if (p->at->kind == TOKEN_STRING)
		return copy(p, ret);
	return parse_word(p, ret, what);
}

int parse_pairs(struct parser *p, struct pattern *pattern, bool (*known)(const char *key))
{
	int r = 0;
	if (!parse_at_mark(p, "("))
		return 0;
	p->at++;
	while (!r && !parse_at_mark(p, ")")) {
		if (pattern->n_args && (r = parse_mark(p, ",")))
			break;
		struct pair *args = realloc(pattern->args, (pattern->n_args + 1) * sizeof(*args));
		if (!args)
			return -ENOMEM;
		pattern->args = args;
		struct pair *pair = &args[pattern->n_args++];
		*pair = (struct pair){0};
		r = parse_word(p, &pair->key, "an argument's name, as s, or ')'");
		if (!r && !known(pair->key))
			r = parse_expected(p, p->at - 1, "an argument's name, as name or events");
		if (!r)
			r = parse_mark(p, "=");
		if (!r)
			r = parse_value(p, &pair->value, "the argument's value");
	}
	return r ? r : parse_mark(p, ")");
}

/* "a up WPUCreateSocketHandle(context=*) = 0" */
static int parse_pattern(struct parser *p, struct pattern *pattern)
{
	pattern->place = p->at->place;
	int r = parse_word(p, &pattern->who, "a provider, TCP/IP or switch, or '}'");
	pattern->upcall = !r && parse_at_word(p, "up");
	p->at += pattern->upcall;
	if (!r)
		r = parse_word(p, &pattern->call, "the function that is called");
	if (!r && !vocabulary_call(pattern->who, pattern->upcall, pattern->call))
		r = parse_expected(p, p->at - 1,
				   pattern->upcall
					   ? "a function that a provider calls, as WPUSetEvent"
					   : "a function that is called, as WSPBind");
	if (!r)
		r = parse_pairs(p, pattern, vocabulary_key);
	if (r || !parse_at_mark(p, "="))
		return r;
	p->at++;
	if (parse_at_word(p, "ok")) { /* as without one: it has to work */
		p->at++;
		return 0;
	}
	return parse_word(p, &pattern->result, "the call's result");
}

int parse_block(struct parser *p, struct statement *s)
{
	s->open = p->at->place;
	int r = parse_mark(p, "{");
	if (!r && p->at->kind == TOKEN_LINE)
		p->at++;
	while (!r && !parse_at_mark(p, "}")) {
		struct pattern *at =
			realloc(s->patterns, (s->n_patterns + 1) * sizeof(*s->patterns));
		if (!at)
			return -ENOMEM;
		s->patterns = at;
		at[s->n_patterns] = (struct pattern){0};
		r = parse_pattern(p, &at[s->n_patterns++]);
		if (!r && p->at->kind == TOKEN_LINE)
			p->at++;
		else if (!r && !parse_at_mark(p, "}"))
			r = parse_expected(p, p->at, "the end of the line");
	}
	s->close = p->at->place;
	return r ? r : parse_mark(p, "}");
}

static bool names_an_error(const struct token *t)
{
	return t->kind == TOKEN_WORD && !strncasecmp(t->text, "wsa", 3) && !strpbrk(t->text, "*?");
}

int parse_result(struct parser *p, struct statement *s)
{
	s->result_place = p->at[-1].end;
	if (!parse_at_mark(p, "="))
		return 0;
	p->at++;
	/* a name that is none would be a text that fits nothing */
	const struct token *word = p->at;
	int code, r = names_an_error(word) ? parse_code(p, &code) : 0;
	p->at = word;
	if (r)
		return r;
	if (p->at->kind != TOKEN_STRING)
		return parse_word(p, &s->result, "the result");
	/* results that are texts keep a quotation mark in front, to tell them from words */
	size_t size = strlen(p->at->text) + 2;
	s->result = malloc(size);
	if (!s->result)
		return -ENOMEM;
	snprintf(s->result, size, "\"%s", p->at->text);
	p->at++;
	return 0;
}

/* An argument: a word, or a text with a quotation mark in front. */
static int parse_argument(struct parser *p, struct words *words)
{
	bool text = p->at->kind == TOKEN_STRING;
	int r = parse_add_word(p, words, "an argument");
	if (r || !text)
		return r;
	char **at = &words->at[words->count - 1];
	size_t size = strlen(*at) + 2;
	char *marked = malloc(size);
	if (!marked)
		return -ENOMEM;
	snprintf(marked, size, "\"%s", *at);
	free(*at);
	*at = marked;
	return 0;
}

static int parse_arguments(struct parser *p, struct statement *s)
{
	int r = parse_mark(p, "(");
	for (bool first = true; !r && !parse_at_mark(p, ")"); first = false) {
		if (!first && (r = parse_mark(p, ",")))
			break;
		r = parse_argument(p, &s->words);
	}
	return r ? r : parse_mark(p, ")");
}

int parse_call(struct parser *p, struct statement *s)
{
	int r = 0;
	s->kind = ST_CALL;
	if (parse_at_word(p, "begins") || parse_at_word(p, "eventually")) {
		s->verb = p->at->text[0] == 'b' ? VERB_BEGINS : VERB_EVENTUALLY;
		p->at++;
	}
	if (p->at->kind == TOKEN_WORD && p->at[1].kind == TOKEN_MARK && p->at[1].text[0] == '=') {
		r = parse_name(p, &s->variable, "a variable's name");
		p->at += !r;
	}
	if (!r)
		r = parse_word(p, &s->call, "a Winsock function, or what the process does");
	if (!r && !parse_at_mark(p, "(")) { /* of what is no statement the first word is to blame */
		char what[96];
		snprintf(what, sizeof(what),
			 "'(' (no statement begins with '%.24s', so it is taken for a process)",
			 s->name ? s->name : "");
		r = parse_expected(p, p->at, what);
	}
	if (!r)
		r = parse_arguments(p, s);
	if (r || s->verb == VERB_BEGINS)
		return r;
	return parse_result(p, s);
}
