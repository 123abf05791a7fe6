/* SPDX-License-Identifier: MIT
 *
 * Calls of a scenario's processes, their results, and what the switch calls for them; see play.h.
 */
#include "play.h"
#include "actor.h"
#include "calls.h"
#include "text.h"
#include "text_json.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const char *thread_of(const struct statement *s)
{
	return s->thread ? s->thread : "main";
}

/* ---- results ---- */

/* How the result of a call that has worked looks in a file. */
static bool is_error(const char *result)
{
	return !strncmp(result, "WSA", 3) || !strncmp(result, "error-", 6);
}

static bool result_fits(const char *expected, const char *result)
{
	char text[CALLS_RESULT];
	if (!expected)
		return !is_error(result);
	if (*expected == '"') { /* the result is as a file would write it */
		text_quote(expected + 1, strlen(expected + 1), text, sizeof(text));
		return !strcmp(text, result);
	}
	if (!strcmp(expected, "ok"))
		return !is_error(result);
	return !strcmp(expected, result) || fnmatch(expected, result, 0) == 0;
}

/* What is expected, as a file writes it. */
static const char *expected_text(const struct statement *s, char *text, size_t size)
{
	if (!s->result)
		snprintf(text, size, "that it works");
	else if (*s->result == '"')
		text_quote(s->result + 1, strlen(s->result + 1), text, size);
	else
		snprintf(text, size, "%s", s->result);
	return text;
}

/* The file names this port: ":5150", and no digit behind. */
static bool is_named(const struct play *p, const char *port, size_t len)
{
	const char *at = p->scenario->source;
	while ((at = strstr(at, ":")) != NULL) {
		at++;
		if (!strncmp(at, port, len) && !isdigit((unsigned char)at[len]))
			return true;
	}
	return false;
}

/* Ports that were found free are others the next time: "*". In place. */
static void free_ports(const struct play *p, char *text)
{
	enum { DYNAMIC = 49152 };
	for (char *at = text; (at = strchr(at, ':')) != NULL;) {
		bool behind_host = at > text && isdigit((unsigned char)at[-1]);
		size_t len = strspn(++at, "0123456789");
		if (!behind_host || len != 5 || atoi(at) < DYNAMIC || is_named(p, at, len))
			continue;
		*at = '*';
		memmove(at + 1, at + len, strlen(at + len) + 1);
	}
}

static enum play_end judge(struct play *p, const struct statement *s, char *result)
{
	char text[CALLS_RESULT];
	if (p->options.record && *result != '"')
		free_ports(p, result);
	play_note(p, s, result);
	if (p->options.transcript)
		return PLAY_OK;
	if (p->options.record) {
		snprintf(text, sizeof(text), " = %s", result);
		return play_find(p, s, strdup(text)) ? PLAY_OK : PLAY_FAILED;
	}
	if (result_fits(s->result, result))
		return PLAY_OK;
	return play_end(p, s, PLAY_FAILED, "expected %s, seen %s",
			expected_text(s, text, sizeof(text)), result);
}

/* ---- calls ---- */

static enum play_end begin(struct play *p, const struct statement *s, struct player *player)
{
	if (json_object_get(player->busy, thread_of(s)))
		return play_end(p, s, PLAY_WRONG,
				"%s.%s is still in a call that began ('ends' is missing)", s->name,
				thread_of(s));
	json_t *args = json_array();
	for (size_t i = 0; i < s->words.count; i++)
		json_array_append_new(args, text_json(s->words.at[i]));
	json_t *m = json_pack("{s:s, s:s, s:s, s:o, s:s*, s:b}", "do", "call", "thread",
			      thread_of(s), "call", s->call, "args", args, "variable", s->variable,
			      "begin", s->verb == VERB_BEGINS);
	bool told = m && troupe_tell(player, m);
	int err = errno;
	json_decref(m);
	if (!told && err == EMSGSIZE)
		return play_end(p, s, PLAY_WRONG,
				"this call is too long: %d bytes are what a process can be told",
				ACTOR_MESSAGE);
	json_object_set_new(player->busy, thread_of(s), json_true());
	return told ? PLAY_OK : play_end(p, s, PLAY_FAILED, "%s is gone", s->name);
}

/* The result of what runs on the statement's thread. */
static enum play_end hear(struct play *p, const struct statement *s, struct player *player,
			  long long deadline_ms, char *result, size_t size)
{
	json_t *answer = troupe_hear(player, thread_of(s), deadline_ms);
	int err = answer ? 0 : errno;
	json_object_del(player->busy, thread_of(s));
	if (err == EINTR)
		return PLAY_INTERRUPTED;
	if (err == ETIMEDOUT)
		return play_end(
			p, s, PLAY_FAILED, "it has not ended within %ld ms%s", p->timeout_ms,
			s->kind == ST_CALL ? " (a call that waits for what comes later in the file "
					     "'begins' here and 'ends' there)"
					   : "");
	if (!answer)
		return play_end(p, s, PLAY_FAILED, "%s has died", s->name);
	const char *wrong = json_string_value(json_object_get(answer, "wrong"));
	const char *text = json_string_value(json_object_get(answer, "result"));
	enum play_end end = PLAY_OK;
	if (wrong || !text)
		end = play_end(p, s, PLAY_WRONG, "%s", wrong ? wrong : "its answer is none");
	else
		snprintf(result, size, "%s", text);
	json_decref(answer);
	return end;
}

static bool is_asleep(pid_t pid, const char *tid)
{
	char path[64], line[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, tid);
	FILE *f = fopen(path, "re");
	bool read = f && fgets(line, sizeof(line), f);
	if (f)
		fclose(f);
	const char *end = read ? strrchr(line, ')') : NULL;
	return end && end[1] == ' ' && end[2] == 'S';
}

/* Until the call waits inside, or is over: what comes next in the file comes after that. */
static enum play_end wait_begun(struct play *p, const struct statement *s, struct player *player)
{
	char thread[48];
	long long deadline = troupe_now_ms() + p->timeout_ms;
	int asleep = 0;
	snprintf(thread, sizeof(thread), "%s begun", thread_of(s));
	json_t *answer = troupe_hear(player, thread, deadline);
	const char *tid = json_string_value(json_object_get(answer, "result"));
	if (!answer)
		return errno == EINTR ? PLAY_INTERRUPTED
				      : play_end(p, s, PLAY_FAILED, "%s does not answer", s->name);
	while (tid && asleep < 3 && !troupe_answered(player, thread_of(s)) &&
	       troupe_now_ms() < deadline) {
		asleep = is_asleep(player->pid, tid) ? asleep + 1 : 0;
		poll(NULL, 0, 3);
	}
	json_decref(answer);
	play_note(p, s, NULL);
	return PLAY_OK;
}

enum play_end play_call(struct play *p, const struct statement *s)
{
	char result[CALLS_RESULT] = "";
	long long deadline = troupe_now_ms() + p->timeout_ms;
	struct player *player = play_player(p, s);
	if (!player)
		return PLAY_WRONG;
	for (;;) {
		enum play_end end = begin(p, s, player);
		if (end == PLAY_OK && s->verb == VERB_BEGINS)
			return wait_begun(p, s, player);
		if (end == PLAY_OK)
			end = hear(p, s, player, deadline, result, sizeof(result));
		if (end != PLAY_OK)
			return end;
		bool again = s->verb == VERB_EVENTUALLY && !result_fits(s->result, result) &&
			     troupe_now_ms() < deadline;
		if (!again)
			return judge(p, s, result);
		poll(NULL, 0, 5); /* between two looks */
	}
}

enum play_end play_ends(struct play *p, const struct statement *s)
{
	char result[CALLS_RESULT] = "";
	struct player *player = play_player(p, s);
	if (!player)
		return PLAY_WRONG;
	if (!json_object_get(player->busy, thread_of(s)))
		return play_end(p, s, PLAY_WRONG, "%s.%s is in no call", s->name, thread_of(s));
	enum play_end end =
		hear(p, s, player, troupe_now_ms() + p->timeout_ms, result, sizeof(result));
	return end == PLAY_OK ? judge(p, s, result) : end;
}

enum play_end play_start_up(struct play *p, const struct statement *s)
{
	struct statement call = *s;
	char result[CALLS_RESULT], name[] = "WSAStartup";
	struct player *player = play_player(p, s);
	call.call = name;
	call.words.count = 0;
	enum play_end end = begin(p, &call, player);
	if (end == PLAY_OK)
		end = hear(p, &call, player, troupe_now_ms() + p->timeout_ms, result,
			   sizeof(result));
	if (end == PLAY_OK && strcmp(result, "0") != 0)
		end = play_end(p, s, PLAY_FAILED, "WSAStartup: %s", result);
	watch_read(&p->watch);
	for (size_t i = 0; i < p->watch.n; i++)
		if (p->watch.records[i].pid == player->pid)
			p->watch.records[i].seen = true;
	return end;
}

/* ---- what the switch calls ---- */

/* Waits until nothing has come for a while: what is there then is what is written down. */
static void settle(struct play *p)
{
	for (int quiet = 0; quiet < 10 && !troupe_interrupted; quiet++) {
		if (watch_read(&p->watch))
			quiet = 0;
		poll(NULL, 0, 10);
	}
}

static enum play_end record_block(struct play *p, const struct statement *s, pid_t pid,
				  struct bindings *b)
{
	char line[512], *text = NULL;
	size_t size = 0, n;
	settle(p);
	struct record **records = expect_select(&p->watch, s, pid, &n);
	FILE *f = records ? open_memstream(&text, &size) : NULL;
	for (size_t i = 0; f && i < n; i++) {
		expect_line(records[i], b, true, line, sizeof(line));
		free_ports(p, line);
		fprintf(f, "\t%s\n", line);
		records[i]->seen = true;
	}
	if (f)
		fclose(f);
	free(records);
	play_note(p, s, NULL);
	return play_find(p, s, text) ? PLAY_OK : PLAY_FAILED;
}

/* One look. @last: what does not fit now is told. */
static bool look(struct play *p, const struct statement *s, pid_t pid, struct bindings *b,
		 bool last)
{
	size_t n;
	watch_read(&p->watch);
	struct record **records = expect_select(&p->watch, s, pid, &n);
	bool fits = records && expect_fits(s, records, n, b);
	if (!fits && last) {
		play_end(p, s, PLAY_FAILED, "other calls than expected");
		expect_show(p->options.complaints, s, records, n, b);
	}
	free(records);
	return fits;
}

/* Who calls, or is called. */
static bool is_somebody(struct play *p, const char *who)
{
	return !strcmp(who, "TCP/IP") || !strcmp(who, "switch") || !strcmp(who, "names") ||
	       stage_find(&p->stage, who);
}

enum play_end play_expect(struct play *p, const struct statement *s)
{
	long long deadline = troupe_now_ms() + p->timeout_ms;
	struct player *player = NULL;
	/* also of one that is no more */
	for (size_t i = 0; i < p->troupe.n; i++)
		if (!strcmp(p->troupe.players[i].name, s->name))
			player = &p->troupe.players[i];
	if (!player)
		return play_end(p, s, PLAY_WRONG, "there is no process '%s'", s->name);
	for (size_t i = 0; i < s->n_patterns; i++)
		if (!is_somebody(p, s->patterns[i].who))
			return play_end(p, s, PLAY_WRONG, "there is no provider '%s'",
					s->patterns[i].who);
	for (size_t i = 0; i < s->words.count; i++)
		if (!is_somebody(p, s->words.at[i]))
			return play_end(p, s, PLAY_WRONG, "there is no provider '%s'",
					s->words.at[i]);
	struct bindings *b = &p->bindings[player - p->troupe.players];
	if (p->options.record && s->verb == VERB_EXACTLY)
		return record_block(p, s, player->spawned, b);
	for (bool last = s->verb == VERB_NOT;; last = troupe_now_ms() >= deadline) {
		if (look(p, s, player->spawned, b, last)) {
			play_note(p, s, NULL);
			return PLAY_OK;
		}
		if (troupe_interrupted || last)
			return last ? PLAY_FAILED : PLAY_INTERRUPTED;
		poll(NULL, 0, 2);
	}
}
