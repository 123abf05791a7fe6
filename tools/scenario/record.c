/* SPDX-License-Identifier: MIT
 *
 * --record: the scenario's text again, with the results that were seen behind the calls and the
 * calls that were seen in the blocks. All else stays as it was written.
 */
#include "play.h"

#include <stdlib.h>
#include <string.h>

static const char *line_at(const char *source, unsigned line)
{
	const char *at = source;
	for (unsigned i = 1; i < line; i++) {
		at = strchr(at, '\n');
		if (!at)
			return source + strlen(source);
		at++;
	}
	return at;
}

static void copy(FILE *to, const char *from, const char *until)
{
	fwrite(from, 1, (size_t)(until - from), to);
}

/* Where the expectation behind a call ends: at a comment or the line's end. A text may hold #. */
static const char *behind(const char *at)
{
	bool text = false;
	for (; *at && *at != '\n' && (text || *at != '#'); at++)
		if (*at == '"')
			text = !text;
		else if (text && *at == '\\' && at[1])
			at++;
	return at;
}

/* Return: from where the source goes on. */
static const char *put(FILE *to, const char *source, const char *at, const struct finding *f)
{
	const struct statement *s = f->statement;
	if (s->kind == ST_CALLS) {
		const char *open = strchr(line_at(source, s->place.line), '{');
		const char *close = line_at(source, s->last_line);
		copy(to, at, open + 1);
		fprintf(to, "\n%s", f->text);
		close = strchr(s->last_line == s->place.line ? open : close, '}');
		return close;
	}
	const char *place = line_at(source, s->result_place.line) + s->result_place.column - 1;
	const char *end = behind(place);
	copy(to, at, place);
	fputs(f->text, to);
	if (*end == '#')
		fputc(' ', to);
	return end;
}

char *record_text(const struct scenario *sc, const struct finding *findings, size_t n)
{
	char *text = NULL;
	size_t size = 0;
	const char *at = sc->source;
	FILE *to = open_memstream(&text, &size);
	if (!to)
		return NULL;
	for (size_t i = 0; i < n; i++)
		at = put(to, sc->source, at, &findings[i]);
	fputs(at, to);
	if (fclose(to)) {
		free(text);
		return NULL;
	}
	return text;
}
