/* SPDX-License-Identifier: MIT
 *
 * --record: the scenario's text again, with the results that were seen behind the calls and the
 * calls that were seen in the blocks. All else stays as it was written.
 */
#include "play.h"

#include <stdlib.h>
#include <string.h>

const char *place_in(const char *source, struct place place)
{
	for (unsigned line = 1; line < place.line; line++)
		source = strchr(source, '\n') + 1;
	return source + place.column - 1;
}

static void copy(FILE *to, const char *from, const char *until)
{
	fwrite(from, 1, (size_t)(until - from), to);
}

/* Where the expectation behind a call ends: at a comment or the line's end. A text may hold #. */
static const char *behind(const char *at)
{
	bool text = false;
	for (; *at && *at != '\n' && strncmp(at, "\r\n", 2) != 0 && (text || *at != '#'); at++)
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
		copy(to, at, place_in(source, s->open) + 1);
		fprintf(to, "\n%s", f->text);
		return place_in(source, s->close);
	}
	const char *place = place_in(source, s->result_place);
	const char *end = behind(place);
	copy(to, at, place);
	fputs(f->text, to);
	if (*end == '#')
		fputc(' ', to);
	return end;
}

/* What was expected there, blanks around it left out; its length. */
static size_t was(const char **at, const char *end)
{
	while (*at < end && strchr(" \t\r\n", **at))
		++*at;
	while (end > *at && strchr(" \t\r\n", end[-1]))
		end--;
	return (size_t)(end - *at);
}

void record_changes(FILE *to, const struct scenario *sc, const struct finding *findings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct statement *s = findings[i].statement;
		bool block = s->kind == ST_CALLS;
		const char *old = block ? place_in(sc->source, s->open) + 1
					: place_in(sc->source, s->result_place);
		const char *new = findings[i].text;
		size_t len = was(&old, block ? place_in(sc->source, s->close) : behind(old));
		size_t now = was(&new, new + strlen(new));
		if (!len || (len == now && !memcmp(old, new, len)))
			continue; /* it is new, or as it was */
		if (block)
			fprintf(to, "%s:%u: other calls than were expected\n", sc->path,
				s->place.line);
		else
			fprintf(to, "%s:%u: %.*s was expected, now %.*s\n", sc->path, s->place.line,
				(int)len, old, (int)now, new);
	}
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
