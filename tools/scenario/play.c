/* SPDX-License-Identifier: MIT
 *
 * See play.h. The director: one process for each scenario, one thread.
 */
#include "play.h"
#include "parse.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum play_end play_end(struct play *p, const struct statement *s, enum play_end end,
		       const char *format, ...)
{
	va_list args;
	fprintf(p->options.complaints, "%s:%u:%u: ", p->scenario->path, s->place.line,
		s->place.column);
	va_start(args, format);
	vfprintf(p->options.complaints, format, args);
	va_end(args);
	fputc('\n', p->options.complaints);
	return end;
}

/* The statement as it stands in the file, its expectation left out, and what came of it. */
void play_note(struct play *p, const struct statement *s, const char *result)
{
	FILE *to = p->options.notebook;
	if (!to)
		return;
	const char *at = place_in(p->scenario->source, s->place);
	int len = (int)strcspn(at, "#\n");
	if (s->kind == ST_CALLS)
		len = (int)(place_in(p->scenario->source, s->open) - at);
	else if (result && s->result_place.line)
		len = (int)(s->result_place.column - s->place.column);
	while (len > 0 && strchr(" \t", at[len - 1]))
		len--;
	if (p->options.transcript && !result)
		return;
	if (p->options.transcript)
		fprintf(to, "%u:", s->place.line);
	fprintf(to, "%s%.*s%s%s\n", p->options.transcript ? " " : "  ", len, at,
		result ? " = " : "", result ? result : "");
}

bool play_find(struct play *p, const struct statement *s, char *text)
{
	struct finding *at = realloc(p->findings, (p->n_findings + 1) * sizeof(*at));
	if (!at || !text) {
		free(text);
		return false;
	}
	p->findings = at;
	at[p->n_findings++] = (struct finding){s, text};
	return true;
}

struct player *play_player(struct play *p, const struct statement *s)
{
	struct player *player = troupe_find(&p->troupe, s->name);
	if (!player)
		play_end(p, s, PLAY_WRONG, "there is no process '%s' now", s->name);
	return player;
}

/* ---- the stage ---- */

static enum play_end stage_fails(struct play *p, const struct statement *s,
				 const struct stage_error *e)
{
	return play_end(p, s, e->cannot ? PLAY_SKIPPED : PLAY_WRONG, "%s", e->text);
}

static enum play_end do_needs(struct play *p, const struct statement *s)
{
	for (size_t i = 0; i < s->words.count; i++) {
		const char *need = s->words.at[i];
		if (!strcmp(need, "root") && geteuid() != 0)
			return play_end(p, s, PLAY_SKIPPED, "it needs root");
		if (p->options.real && strcmp(need, "root") != 0)
			return play_end(p, s, PLAY_SKIPPED,
					"it needs NICs and providers that it can change");
	}
	return PLAY_OK;
}

static enum play_end do_timeout(struct play *p, const struct statement *s)
{
	p->timeout_ms = s->number;
	return PLAY_OK;
}

static enum play_end do_set(struct play *p, const struct statement *s)
{
	struct stage_error e = {0};
	return stage_set(&p->stage, s->name, s->text, &e) ? PLAY_OK : stage_fails(p, s, &e);
}

static enum play_end do_host(struct play *p, const struct statement *s)
{
	struct stage_error e = {0};
	return stage_add_host(&p->stage, s->name, &e) ? PLAY_OK : stage_fails(p, s, &e);
}

/* Tells one process; it has to be heard that it was done. Without a message only that. */
static enum play_end tell(struct play *p, const struct statement *s, struct player *player,
			  const json_t *message)
{
	enum play_end end = PLAY_OK;
	if (message && !troupe_tell(player, message))
		return play_end(p, s, PLAY_FAILED, "%s is gone", player->name);
	if (player->stopped) { /* it hears of it when it goes on */
		player->owed++;
		return PLAY_OK;
	}
	json_t *answer = troupe_hear(player, "", troupe_now_ms() + p->timeout_ms);
	if (!answer && errno == EINTR)
		return PLAY_INTERRUPTED;
	const char *wrong = json_string_value(json_object_get(answer, "wrong"));
	if (!answer)
		end = play_end(p, s, PLAY_FAILED, "%s does not answer", player->name);
	else if (wrong)
		end = play_end(p, s, p->options.real ? PLAY_SKIPPED : PLAY_WRONG, "%s", wrong);
	json_decref(answer);
	return end;
}

/* The message as it is on this process's host, whose addresses are its own. */
static enum play_end tell_there(struct play *p, const struct statement *s, struct player *player,
				json_t *message)
{
	if (json_object_get(message, "nics"))
		json_object_set_new(
			message, "addrs",
			stage_addresses(&p->stage, json_object_get(message, "nics"), player->host));
	return tell(p, s, player, message);
}

/* All processes there are, and those that come. */
static enum play_end tell_all(struct play *p, const struct statement *s,
			      struct stage_provider *provider, json_t *message)
{
	json_object_set_new(message, "do", json_string("provider"));
	json_object_set_new(message, "module", json_string(provider->module));
	const char *only = s->kind == ST_PROVIDER ? s->thread : NULL;
	if (!only)
		json_array_append(provider->past, message);
	enum play_end end = PLAY_OK;
	if (only && !troupe_find(&p->troupe, only))
		end = play_end(p, s, PLAY_WRONG, "there is no process '%s' now", only);
	for (size_t i = 0; i < p->troupe.n && end == PLAY_OK; i++) {
		struct player *player = &p->troupe.players[i];
		if (player->pid && (!only || !strcmp(player->name, only)))
			end = tell_there(p, s, player, message);
	}
	json_decref(message);
	return end;
}

/* Its addresses are those of its NICs, now. */
static enum play_end follow(struct play *p, const struct statement *s,
			    struct stage_provider *provider)
{
	struct stage_error e = {0};
	if (p->options.real)
		return PLAY_OK;
	/* a NIC that vanished is no fault of those who served it */
	if (s->kind == ST_PROVIDER && !stage_knows(&p->stage, provider->nics, &e))
		return stage_fails(p, s, &e);
	return tell_all(p, s, provider,
			json_pack("{s:s, s:O}", "verb", "serves", "nics", provider->nics));
}

static enum play_end do_nic(struct play *p, const struct statement *s)
{
	struct stage_error e = {0};
	if (!stage_nic(&p->stage, s, &e))
		return stage_fails(p, s, &e);
	/* a link that is down keeps its addresses */
	for (size_t i = 0; i < p->stage.n_providers; i++) {
		enum play_end end = follow(p, s, &p->stage.providers[i]);
		if (end != PLAY_OK)
			return end;
	}
	return PLAY_OK;
}

/* ---- providers ---- */

static json_t *words_of(const struct words *words)
{
	json_t *list = json_array();
	for (size_t i = 0; i < words->count; i++)
		json_array_append_new(list, json_string(words->at[i]));
	return list;
}

static enum play_end do_serves(struct play *p, const struct statement *s)
{
	struct stage_error e = {0};
	enum play_end end = PLAY_OK;
	char net[STAGE_PATH];
	struct stage_provider *provider = stage_find(&p->stage, s->name);
	bool fresh = !provider;
	if (fresh)
		provider = stage_provide(&p->stage, s->name, &e);
	if (!provider)
		return stage_fails(p, s, &e);
	if (fresh && stage_net(&p->stage, net, sizeof(net)))
		end = tell_all(p, s, provider, json_pack("{s:s, s:s}", "verb", "net", "net", net));
	if (end != PLAY_OK)
		return end;
	json_decref(provider->nics);
	provider->nics = words_of(&s->words);
	return follow(p, s, provider);
}

static json_t *fails_message(const struct statement *s)
{
	json_t *pairs = json_object();
	const struct pattern *pattern = s->patterns;
	for (size_t i = 0; i < pattern->n_args; i++)
		json_object_set_new(pairs, pattern->args[i].key,
				    json_string(pattern->args[i].value));
	return json_pack("{s:s, s:s, s:o, s:i, s:i, s:i}", "verb", "fails", "call", pattern->call,
			 "pairs", pairs, "code", s->code, "after", (int)s->number, "times",
			 (int)s->times);
}

/* "10.77.0.9:4000" as the reader has found it to be. */
static json_t *request_message(const struct statement *s)
{
	const char *from = strchr(s->text, ':'), *to = strchr(s->call, ':');
	return json_pack("{s:s, s:s%, s:i, s:s%, s:i}", "verb", "request", "from", s->text,
			 (size_t)(from - s->text), "from_port", atoi(from + 1), "to", s->call,
			 (size_t)(to - s->call), "to_port", atoi(to + 1));
}

static json_t *works_message(const struct statement *s)
{
	return json_pack("{s:s}", "verb", "works");
}

static json_t *cuts_message(const struct statement *s)
{
	return json_pack("{s:s}", "verb", "cuts");
}

static json_t *loses_message(const struct statement *s)
{
	return json_pack("{s:s, s:o}", "verb", "loses", "addrs", words_of(&s->words));
}

static json_t *refuses_message(const struct statement *s)
{
	return json_pack("{s:s, s:s, s:i}", "verb", "set", "key", s->flag ? "refuse-now" : "refuse",
			 "value", s->code);
}

static json_t *(*const messages[])(const struct statement *s) = {
	[VERB_FAILS] = fails_message,     [VERB_WORKS] = works_message,
	[VERB_REFUSES] = refuses_message, [VERB_LOST] = loses_message,
	[VERB_CUTS] = cuts_message,       [VERB_REQUEST] = request_message,
};

/* Verbs that only turn something on. */
static const char *const flags[] = {
	[VERB_SILENT] = "silent",
	[VERB_WILDCARD] = "wildcard",
	[VERB_NO_READ] = "no-read",
};

static json_t *provider_message(const struct statement *s)
{
	const char *flag = s->verb < sizeof(flags) / sizeof(flags[0]) ? flags[s->verb] : NULL;
	return flag ? json_pack("{s:s, s:s, s:i}", "verb", "set", "key", flag, "value", 1)
		    : messages[s->verb](s);
}

static enum play_end do_provider(struct play *p, const struct statement *s)
{
	struct stage_error e = {0};
	if (s->verb == VERB_SERVES)
		return do_serves(p, s);
	struct stage_provider *provider = stage_find(&p->stage, s->name);
	if (!provider)
		return play_end(p, s, PLAY_WRONG, "there is no provider '%s' yet", s->name);
	if (s->verb == VERB_INSTALLED || s->verb == VERB_REMOVED)
		return stage_install(&p->stage, provider, s->verb == VERB_INSTALLED, &e)
			       ? PLAY_OK
			       : stage_fails(p, s, &e);
	return tell_all(p, s, provider, provider_message(s));
}

/* ---- processes ---- */

static enum play_end do_process(struct play *p, const struct statement *s)
{
	enum play_end end = PLAY_OK;
	struct stage_error e = {0};
	if (troupe_find(&p->troupe, s->name))
		return play_end(p, s, PLAY_WRONG, "there is a process '%s' already", s->name);
	if (s->number >= 0 && geteuid() != 0)
		return play_end(p, s, PLAY_SKIPPED, "another user's process needs root");
	if (s->number >= 0 && !stage_share(&p->stage, &e))
		return stage_fails(p, s, &e);
	const struct stage_host *host = stage_host(&p->stage, s->host, &e);
	if (!host)
		return stage_fails(p, s, &e);
	struct player *player = troupe_add(&p->troupe, s->name, s->number, host->fd);
	if (!player && errno == E2BIG)
		return play_end(p, s, PLAY_WRONG, "a scenario has at most %d processes",
				TROUPE_MAX);
	if (!player)
		return play_end(p, s, PLAY_FAILED, "no further process: %s", strerror(errno));
	player->host = host;
	for (size_t i = 0; i < p->stage.n_providers && end == PLAY_OK; i++) {
		const json_t *past = p->stage.providers[i].past;
		for (size_t j = 0; j < json_array_size(past) && end == PLAY_OK; j++)
			end = tell_there(p, s, player, json_array_get(past, j));
	}
	return end == PLAY_OK && !s->flag ? play_start_up(p, s) : end;
}

static enum play_end do_life(struct play *p, const struct statement *s)
{
	struct player *player = play_player(p, s);
	if (!player)
		return PLAY_WRONG;
	enum play_end end = PLAY_OK;
	if (s->verb == VERB_STOPS || s->verb == VERB_CONTINUES)
		troupe_signal(player, s->verb == VERB_STOPS ? SIGSTOP : SIGCONT);
	else if (s->verb == VERB_EXITS)
		troupe_exit(player, troupe_now_ms() + p->timeout_ms);
	else
		troupe_end(player);
	for (; s->verb == VERB_CONTINUES && player->owed && end == PLAY_OK; player->owed--)
		end = tell(p, s, player, NULL);
	return end;
}

/* ---- all of it ---- */

static enum play_end do_nothing(struct play *p, const struct statement *s)
{
	return PLAY_OK;
}

static const struct {
	enum play_end (*play)(struct play *p, const struct statement *s);
	bool noted; /* a line of the notebook when it is done */
} kinds[ST_KIND_COUNT] = {
	[ST_CLAUSE] = {do_nothing, true},    [ST_NEEDS] = {do_needs, false},
	[ST_TIMEOUT] = {do_timeout, true},   [ST_SET] = {do_set, true},
	[ST_HOST] = {do_host, true},         [ST_NIC] = {do_nic, true},
	[ST_PROVIDER] = {do_provider, true}, [ST_PROCESS] = {do_process, true},
	[ST_LIFE] = {do_life, true},         [ST_CALL] = {play_call, false},
	[ST_ENDS] = {play_ends, false},      [ST_CALLS] = {play_expect, false},
};

enum play_end play_scenario(struct play *p, const struct scenario *sc, const char *dir,
			    const struct play_options *options)
{
	struct stage_error e = {0};
	*p = (struct play){.scenario = sc, .options = *options, .timeout_ms = 10000};
	p->troupe.command = options->command;
	p->watch.fd = -1;
	if (!stage_make(&p->stage, dir, options->real, &e) ||
	    !watch_open(&p->watch, p->stage.trace)) {
		fprintf(options->complaints, "%s: %s\n", sc->path,
			e.text[0] ? e.text : strerror(errno));
		return e.cannot ? PLAY_SKIPPED : PLAY_FAILED;
	}
	enum play_end end = PLAY_OK;
	for (const struct statement *s = sc->statements; s && end == PLAY_OK; s = s->next) {
		if (troupe_interrupted)
			return PLAY_INTERRUPTED;
		end = kinds[s->kind].play(p, s);
		if (end == PLAY_OK && kinds[s->kind].noted)
			play_note(p, s, NULL);
	}
	return end;
}

void play_free(struct play *p)
{
	troupe_end_all(&p->troupe);
	for (size_t i = 0; i < TROUPE_MAX; i++)
		bindings_free(&p->bindings[i]);
	for (size_t i = 0; i < p->n_findings; i++)
		free(p->findings[i].text);
	free(p->findings);
	watch_close(&p->watch);
	stage_free(&p->stage);
}
