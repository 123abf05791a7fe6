/* SPDX-License-Identifier: MIT
 *
 * See token.h. No state.
 */
#include "token.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cutter {
	const char *at;
	struct place place;
	struct tokens *out;
	size_t room;
	struct scenario_error *error;
};

static void advance(struct cutter *c)
{
	if (*c->at++ == '\n') {
		c->place.line++;
		c->place.column = 1;
	} else {
		c->place.column++;
	}
}

static int add(struct cutter *c, enum token_kind kind, struct place from, char *text)
{
	if (c->out->count == c->room) {
		size_t room = c->room ? 2 * c->room : 64;
		struct token *at = realloc(c->out->at, room * sizeof(*at));
		if (!at) {
			free(text);
			return -ENOMEM;
		}
		c->out->at = at;
		c->room = room;
	}
	c->out->at[c->out->count++] =
		(struct token){.kind = kind, .place = from, .end = c->place, .text = text};
	return 0;
}

static int fail(struct cutter *c, const char *text)
{
	c->error->place = c->place;
	snprintf(c->error->text, sizeof(c->error->text), "%s", text);
	return -EINVAL;
}

/* The character behind a backslash; the place is moved past it. -1: there is none such. */
static int escape(struct cutter *c)
{
	static const char letters[] = "nrt0\"\\", values[] = "\n\r\t\0\"\\";
	const char *known = *c->at ? strchr(letters, *c->at) : NULL;
	char hex[3] = "";

	if (known) {
		advance(c);
		return (unsigned char)values[known - letters];
	}
	if (*c->at != 'x' || !isxdigit((unsigned char)c->at[1]) ||
	    !isxdigit((unsigned char)c->at[2]))
		return -1;
	memcpy(hex, c->at + 1, 2);
	for (int i = 0; i < 3; i++)
		advance(c);
	return (int)strtol(hex, NULL, 16);
}

/* Bytes of zero would end the text: they are refused here, where the place is known. */
static int cut_string(struct cutter *c)
{
	struct place from = c->place;
	char *text = malloc(strlen(c->at) + 1);
	size_t len = 0;
	int r = text ? 0 : -ENOMEM;

	advance(c);
	while (!r && *c->at != '"') {
		int value = (unsigned char)*c->at;
		if (!value || value == '\n') {
			r = fail(c, "the text has no closing quotation mark");
			break;
		}
		advance(c);
		if (value == '\\') {
			value = escape(c);
			if (value <= 0)
				r = fail(c, "after \\ stands n, r, t, \", \\ or xHH (not x00)");
		}
		text[len++] = (char)value;
	}
	if (r) {
		free(text);
		return r;
	}
	text[len] = '\0';
	advance(c);
	return add(c, TOKEN_STRING, from, text);
}

static bool is_mark(char ch)
{
	return ch && strchr("(){}=,", ch);
}

/* Others stand in texts only. */
static bool is_of_word(char ch)
{
	return isgraph((unsigned char)ch) && isascii((unsigned char)ch) && !is_mark(ch) &&
	       ch != '"' && ch != '#';
}

static int cut_word(struct cutter *c)
{
	struct place from = c->place;
	const char *start = c->at;

	if (is_mark(*c->at))
		advance(c);
	else
		while (is_of_word(*c->at))
			advance(c);
	char *text = strndup(start, (size_t)(c->at - start));
	return text ? add(c, is_mark(*start) ? TOKEN_MARK : TOKEN_WORD, from, text) : -ENOMEM;
}

static int cut_one(struct cutter *c)
{
	struct place from = c->place;

	switch (*c->at) {
	case '\n':
		advance(c);
		/* empty lines are no tokens */
		if (!c->out->count || c->out->at[c->out->count - 1].kind == TOKEN_LINE)
			return 0;
		int r = add(c, TOKEN_LINE, from, NULL);
		if (!r)
			c->out->at[c->out->count - 1].end = from;
		return r;
	case ' ':
	case '\t':
	case '\r':
		advance(c);
		return 0;
	case '#':
		while (*c->at && *c->at != '\n')
			advance(c);
		return 0;
	case '"':
		return cut_string(c);
	default:
		if (!is_of_word(*c->at) && !is_mark(*c->at))
			return fail(c, (unsigned char)*c->at < ' '
					       ? "this character is none of a text file"
					       : "this character stands in texts and comments "
						 "only");
		return cut_word(c);
	}
}

int tokens_cut(const char *source, struct tokens *ret, struct scenario_error *error)
{
	struct cutter c = {.at = source, .place = {1, 1}, .out = ret, .error = error};
	int r = 0;

	*ret = (struct tokens){0};
	while (!r && *c.at)
		r = cut_one(&c);
	if (!r && ret->count && ret->at[ret->count - 1].kind != TOKEN_LINE)
		r = add(&c, TOKEN_LINE, c.place, NULL);
	if (!r)
		r = add(&c, TOKEN_END, c.place, NULL);
	if (r)
		tokens_free(ret);
	return r;
}

void tokens_free(struct tokens *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->at[i].text);
	free(t->at);
	*t = (struct tokens){0};
}
