/* SPDX-License-Identifier: MIT
 *
 * See watch.h. The director's only thread.
 */
#include "watch.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool watch_open(struct watch *w, const char *path)
{
	*w = (struct watch){.fd = open(path, O_RDONLY | O_CLOEXEC)};
	return w->fd >= 0;
}

void watch_close(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		json_decref(w->records[i].object);
	free(w->records);
	free(w->rest);
	if (w->fd >= 0)
		close(w->fd);
}

static const char *text_of(const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));
	return text ? text : "";
}

static bool comes_before(const struct record *a, const struct record *b)
{
	return a->pid != b->pid ? a->pid < b->pid : a->seq < b->seq;
}

/* A record is written when its call ends; it is put where its call began. */
static void insert(struct watch *w, const struct record *r)
{
	if (w->n == w->room) {
		size_t room = w->room ? 2 * w->room : 256;
		struct record *at = realloc(w->records, room * sizeof(*at));
		if (!at) {
			json_decref(r->object);
			return;
		}
		w->records = at;
		w->room = room;
	}
	size_t i = w->n;
	while (i > 0 && comes_before(r, &w->records[i - 1]))
		i--;
	memmove(&w->records[i + 1], &w->records[i], (w->n - i) * sizeof(*w->records));
	w->records[i] = *r;
	w->n++;
}

static void take_line(struct watch *w, const char *line, size_t len)
{
	static const char begin[] = "{\"t_us\":";
	json_t *o = json_loadb(line, len, 0, NULL);
	/* the last one of a process that was killed may be cut; the next one follows on its line */
	const char *next = o || !len ? NULL : memmem(line + 1, len - 1, begin, sizeof(begin) - 1);
	if (next)
		take_line(w, next, len - (size_t)(next - line));
	if (!o)
		return;
	struct record r = {
		.pid = (pid_t)json_integer_value(json_object_get(o, "pid")),
		.seq = json_integer_value(json_object_get(o, "seq")),
		.layer = text_of(o, "layer"),
		.who = text_of(o, "who"),
		.call = text_of(o, "call"),
		.error = json_string_value(json_object_get(o, "error")),
		.result = json_integer_value(json_object_get(o, "result")),
		.args = json_object_get(o, "args"),
		.object = o,
	};
	insert(w, &r);
}

static void take_lines(struct watch *w, const char *text, size_t len)
{
	char *all = realloc(w->rest, w->rest_len + len);
	if (!all)
		return;
	w->rest = all;
	memcpy(all + w->rest_len, text, len);
	len += w->rest_len;
	const char *at = all, *end;
	while ((end = memchr(at, '\n', len - (size_t)(at - all)))) {
		take_line(w, at, (size_t)(end - at));
		at = end + 1;
	}
	w->rest_len = len - (size_t)(at - all);
	memmove(all, at, w->rest_len);
}

bool watch_read(struct watch *w)
{
	char text[65536];
	size_t before = w->n;
	ssize_t n;
	while ((n = read(w->fd, text, sizeof(text))) > 0)
		take_lines(w, text, (size_t)n);
	return w->n > before;
}
