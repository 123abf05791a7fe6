/* SPDX-License-Identifier: MIT
 *
 * report_words.c - what a report says in words and in its tables: see report.h. No state.
 */
#include "report_parts.h"

#include "units.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { NOTES_MOST = 12, FINDINGS_MOST = 6, TEXT = 512 };

/* Appends; what does not fit is cut off. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size,
							 const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;
	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

void words_kind(const struct figure_kind *kind, bool capital, char *text, size_t size)
{
	snprintf(text, size, "%s", kind->title && *kind->title ? kind->title : kind->name);
	/* a function's name stays as it is */
	if (capital && size && !memchr(text, '(', strcspn(text, " ")))
		text[0] = (char)toupper((unsigned char)text[0]);
}

/* Appends ", VALUE WORDS" to what is there already; of one there is no s: "1 connection open". */
static void add_count(char *text, size_t size, int value, const char *words)
{
	size_t n = strcspn(words, " ");
	bool one = value == 1 && n && words[n - 1] == 's';
	if (value)
		append(text, size, "%s%d %.*s%s", *text ? ", " : "", value, (int)n - one, words,
		       words + n);
}

void words_rest(const struct report_run *run, const struct point *p, enum axis told, char *text,
		size_t size)
{
	char bytes[UNIT_TEXT];
	text[0] = '\0';
	if (p->size)
		append(text, size, "%s", unit_tick(bytes, "bytes", (double)p->size));
	const char *held = axis_title(AXIS_OPEN, run->results->test);
	add_count(text, size, p->open, held);
	if (!p->open && run->held && told != AXIS_OPEN)
		append(text, size, "%sno %s", *text ? ", " : "", held);
	add_count(text, size, run->threaded ? p->threads : 0, "threads");
	add_count(text, size, run->wide ? p->nics : 0, "NICs");
	if (p->mode)
		append(text, size, "%s%s", *text ? ", " : "", p->mode);
}

void words_point(const struct report_run *run, const struct point *p, char *text, size_t size)
{
	words_rest(run, p, AXIS_NONE, text, size);
}

void words_title(const struct report *r, char *text, size_t size)
{
	bool one_test = true;
	const struct results *first = r->runs[0].results;
	for (int k = 1; k < r->run_count; k++)
		one_test &= !strcmp(r->runs[k].results->test, first->test);
	snprintf(text, size, "wsd bench");
	if (one_test)
		append(text, size, " %s", first->test);
	if (r->run_count > 1) {
		append(text, size, ": %d runs side by side", r->run_count);
		return;
	}
	append(text, size, ": %s", look_title(first->ours));
	for (int i = 0, n = 0; i < first->contender_count; i++)
		if (strcmp(first->contenders[i], first->ours) != 0)
			append(text, size, "%s%s", n++ ? ", " : " beside ",
			       look_title(first->contenders[i]));
	if (first->host_count && *first->hosts[0].name)
		append(text, size, ", on %s", first->hosts[0].name);
}

/* "Run 2, connect on ib7: " where there are several. */
static void begin(const struct report *r, int k, char *text, size_t size)
{
	text[0] = '\0';
	if (r->run_count < 2)
		return;
	append(text, size, "%s: ", r->runs[k].label);
	text[0] = (char)toupper((unsigned char)text[0]);
}

/* ---- notes ---- */

static void end_sentence(char *text, size_t size)
{
	if (*text && !strchr(".!?", text[strlen(text) - 1]))
		append(text, size, ".");
}

static void say_left_out(const struct report_run *run, say_fn *say, void *arg)
{
	const struct results *r = run->results;
	char text[TEXT], point[120];
	for (int i = 0; i < r->out_count && i < NOTES_MOST; i++) {
		const struct left_out *o = &r->out[i];
		words_point(run, &o->point, point, sizeof(point));
		bool where = !o->everywhere && *point;
		snprintf(text, sizeof(text), "Left out%s%s: %s: %s", where ? ", " : "",
			 where ? point : "", look_title(o->contender), o->reason);
		end_sentence(text, sizeof(text));
		say(arg, text);
	}
	if (r->out_count > NOTES_MOST) {
		snprintf(text, sizeof(text), "Left out: %d more.", r->out_count - NOTES_MOST);
		say(arg, text);
	}
}

static void notes_of(const struct report_run *run, say_fn *say, void *arg)
{
	char text[TEXT];
	if (*run->results->stopped) {
		snprintf(text, sizeof(text),
			 "Cut short: %s. What had been measured until then is shown.",
			 run->results->stopped);
		say(arg, text);
	}
	bool binned = false;
	for (int i = 0; i < run->results->figure_count; i++)
		binned |= run->results->figures[i].binned;
	if (binned)
		say(arg, RESULTS_BINNED);
	if (!run->comparable) {
		snprintf(text, sizeof(text),
			 "Absolute times are not comparable with other hosts: %s. Ratios are.",
			 run->why);
		say(arg, text);
	}
	say_left_out(run, say, arg);
}

/* What several runs have in common is said once, at the first of them. */
struct noting {
	const struct report *r;
	int run;
	say_fn *say;
	void *arg;
};

struct having {
	const char *text;
	bool has;
};

static void is_it(void *arg, const char *text)
{
	struct having *h = arg;
	h->has |= !strcmp(h->text, text);
}

static bool has_note(const struct report_run *run, const char *note)
{
	struct having h = {.text = note};
	notes_of(run, is_it, &h);
	return h.has;
}

static void note_once(void *arg, const char *note)
{
	const struct noting *n = arg;
	char text[TEXT + 256] = "";
	int runs = 0;
	for (int k = 0; k < n->run; k++)
		if (has_note(&n->r->runs[k], note))
			return;
	for (int k = n->run; k < n->r->run_count; k++)
		runs += has_note(&n->r->runs[k], note);
	if (runs == 1)
		begin(n->r, n->run, text, sizeof(text));
	else if (runs == n->r->run_count)
		append(text, sizeof(text), "All runs: ");
	else
		append(text, sizeof(text), "Runs ");
	for (int k = n->run, left = runs; runs > 1 && runs < n->r->run_count && left; k++)
		if (has_note(&n->r->runs[k], note))
			append(text, 200, "%d%s", k + 1, --left ? ", " : ": ");
	append(text, sizeof(text), "%s", note);
	n->say(n->arg, text);
}

void words_notes(const struct report *r, say_fn *say, void *arg)
{
	for (int k = 0; k < r->run_count; k++) {
		struct noting n = {r, k, say, arg};
		notes_of(&r->runs[k], r->run_count > 1 ? note_once : say,
			 r->run_count > 1 ? (void *)&n : arg);
	}
}

/* ---- findings ---- */

/* How a ratio is put into words; the last is of all other units. */
static const struct phrase {
	const char *unit, *verb, *as;
} phrases[] = {
	{"ns", "takes", "as long as"},   {"bytes", "needs", "as much as"},
	{"per_s", "does", "as many as"}, {"bytes_per_s", "moves", "as much as"},
	{NULL, "has", "the figure of"},
};

/* A peer's ratios of one kind in one mode. */
struct finding {
	struct ratio ratio; /* the first */
	double min, max;
	int points;
};

/* Takes the figure @i together with those after it that differ by a number only. false: it has no
 * ratio, or was taken before. */
static bool find_alike(const struct report_run *run, int i, struct finding *ret)
{
	const struct figure *first = run->order[i];
	*ret = (struct finding){0};
	if (!report_ratio(run, i, &ret->ratio))
		return false;
	ret->min = ret->max = ret->ratio.median;
	for (int k = 0; k < run->count; k++) {
		const struct figure *f = run->order[k];
		struct ratio q;
		if (!report_same_kind(f, first) || !report_same_mode(&f->point, &first->point) ||
		    strcmp(f->contender, first->contender) != 0 || !report_ratio(run, k, &q))
			continue;
		if (k < i)
			return false;
		ret->min = q.median < ret->min ? q.median : ret->min;
		ret->max = q.median > ret->max ? q.median : ret->max;
		ret->points++;
	}
	return true;
}

static void say_finding(const char *prefix, const struct report_run *run, const struct figure *f,
			const struct finding *is, say_fn *say, void *arg)
{
	char text[TEXT], kind[120], point[120], times[64];
	const struct phrase *p = phrases;
	while (p->unit && strcmp(p->unit, f->kind->unit) != 0)
		p++;
	words_kind(f->kind, true, kind, sizeof(kind));
	if (is->points == 1)
		words_point(run, &f->point, point, sizeof(point));
	else
		snprintf(point, sizeof(point), "%s", f->point.mode ? f->point.mode : "");
	snprintf(times, sizeof(times), "%.*f", is->min < 9.995 ? 2 : 1, is->min);
	if (is->max - is->min >= .005)
		append(times, sizeof(times), " to %.*f", is->max < 9.995 ? 2 : 1, is->max);
	snprintf(text, sizeof(text), "%s%s%s%s: %s %s %s times %s %s", prefix, kind,
		 *point ? ", " : "", point, look_title(run->results->ours), p->verb, times, p->as,
		 look_title(f->contender));
	if (is->points > 1)
		append(text, sizeof(text), ", over %d points", is->points);
	else if (is->ratio.rounds > 1)
		append(text, sizeof(text), " (%.2f to %.2f in the middle half of %zu rounds)",
		       is->ratio.low, is->ratio.high, is->ratio.rounds);
	append(text, sizeof(text), ".");
	say(arg, text);
}

/* Of a run without peers. */
static void say_value(const char *prefix, const struct report_run *run, const struct figure *f,
		      say_fn *say, void *arg)
{
	char text[TEXT], kind[120], point[120], half[UNIT_TEXT], most[UNIT_TEXT];
	bool times = !strcmp(f->kind->unit, "ns");
	words_kind(f->kind, true, kind, sizeof(kind));
	words_point(run, &f->point, point, sizeof(point));
	unit_text(half, f->kind->unit, f->stats.typical);
	snprintf(text, sizeof(text), "%s%s%s%s, %s: %s %s", prefix, kind, *point ? ", " : "", point,
		 look_title(f->contender), times ? "half within" : "median", half);
	if (times)
		append(text, sizeof(text), ", 99 %% within %s",
		       unit_text(most, f->kind->unit, f->stats.p99));
	append(text, sizeof(text), ".");
	say(arg, text);
}

static void find(const struct report *r, int k, say_fn *say, void *arg)
{
	const struct report_run *run = &r->runs[k];
	char prefix[160];
	int said = 0, most = r->run_count > 3 ? 2 : FINDINGS_MOST;
	begin(r, k, prefix, sizeof(prefix));
	for (int i = 0; i < run->count && said < most; i++) {
		struct finding is;
		if (!report_same_kind(run->order[i], run->order[0]) || !find_alike(run, i, &is))
			continue;
		say_finding(prefix, run, run->order[i], &is, say, arg);
		said++;
	}
	for (int i = 0; i < run->count && !said && i < most; i++)
		if (report_same_kind(run->order[i], run->order[0]))
			say_value(prefix, run, run->order[i], say, arg);
}

void words_findings(const struct report *r, say_fn *say, void *arg)
{
	for (int k = 0; k < r->run_count; k++)
		find(r, k, say, arg);
}

/* ---- facts ---- */

static void device_words(const struct host *h, char *text, size_t size)
{
	snprintf(text, size, "%s", *h->device ? h->device : "no RDMA device");
	if (*h->driver)
		append(text, size, ", driver %s", h->driver);
	if (*h->firmware)
		append(text, size, ", firmware %s", h->firmware);
	if (*h->link)
		append(text, size, ", %s", h->link);
	if (*h->rate)
		append(text, size, ", %s", h->rate);
	if (h->mtu)
		append(text, size, ", MTU %d", h->mtu);
	if (*h->netdev)
		append(text, size, ", on %s", h->netdev);
	if (*h->device)
		append(text, size, ", %s", h->soft ? "in software" : "hardware");
	if (*h->rdma_core)
		append(text, size, ", rdma-core %s", h->rdma_core);
}

static void host_words(const struct host *h, char *text, size_t size)
{
	snprintf(text, size, "%s", *h->name ? h->name : "unknown");
	if (*h->kernel)
		append(text, size, ", Linux %s", h->kernel);
	if (*h->machine)
		append(text, size, " %s", h->machine);
	if (*h->cpu)
		append(text, size, ", %s", h->cpu);
	if (h->cpus)
		append(text, size, " (%d)", h->cpus);
	if (*h->governor)
		append(text, size, ", governor %s", h->governor);
	if (*h->guest)
		append(text, size, ", guest of %s", h->guest);
	if (*h->qemu)
		append(text, size, ", QEMU %s", h->qemu);
	if (h->icount >= 0 && *h->guest)
		append(text, size, ", %s icount", h->icount ? "with" : "without");
}

static void tell_parameters(const json_t *parameters, fact_fn *fact, void *arg)
{
	char text[TEXT] = "";
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)parameters, key, value)
	{
		char *as = json_is_string(value)
				   ? NULL
				   : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		const char *word = json_is_string(value) ? json_string_value(value) : as;
		if (word && !json_is_null(value) && !json_is_false(value))
			append(text, sizeof(text), "%s%s %s", *text ? ", " : "", key, word);
		free(as);
	}
	if (*text)
		fact(arg, "parameters", text);
}

void words_facts(const struct report_run *run, fact_fn *fact, void *arg)
{
	const struct results *r = run->results;
	char text[TEXT], name[40];
	fact(arg, "file", run->file);
	fact(arg, "started", *r->started ? r->started : "unknown");
	for (int i = 0; i < r->host_count; i++) {
		const struct host *h = &r->hosts[i];
		snprintf(name, sizeof(name), "host%s%s", *h->role ? ", " : "", h->role);
		host_words(h, text, sizeof(text));
		fact(arg, name, text);
		device_words(h, text, sizeof(text));
		fact(arg, "its device", text);
	}
	snprintf(text, sizeof(text), "%s",
		 run->comparable ? "comparable with other hosts"
				 : "not comparable with other hosts: ");
	if (!run->comparable)
		append(text, sizeof(text), "%s", run->why);
	fact(arg, "absolute times", text);
	tell_parameters(r->parameters, fact, arg);
	fact(arg, "wsdirect", *r->version ? r->version : "unknown");
}

/* ---- tables ---- */

const char *const cells_head[CELLS] = {"figure", "at",   "contender", "samples",   "least",
				       "median", "99 %", "most",      "ours to it"};
const bool cells_number[CELLS] = {false, false, false, true, true, true, true, true, true};

void words_row(const struct report_run *run, int i, struct cells *ret)
{
	const struct figure *f = run->order[i];
	const double values[] = {f->stats.min, f->stats.typical, f->stats.p99, f->stats.max};
	enum { FIRST = 4, RATIO = 8, CELL = sizeof(ret->text[0]) };
	*ret = (struct cells){.look = look_of(f->contender)};
	words_kind(f->kind, false, ret->text[0], CELL);
	words_point(run, &f->point, ret->text[1], CELL);
	snprintf(ret->text[2], CELL, "%s", look_title(f->contender));
	if (f->connections)
		snprintf(ret->text[3], CELL, "mean of %ld", f->connections);
	else
		snprintf(ret->text[3], CELL, "%zu", f->stats.n);
	for (int k = 0; k < 4; k++) {
		char text[UNIT_TEXT];
		snprintf(ret->text[FIRST + k], CELL, "%s",
			 unit_text(text, f->kind->unit, values[k]));
	}
	ret->has_ratio = report_ratio(run, i, &ret->ratio);
	if (!ret->has_ratio)
		return;
	snprintf(ret->text[RATIO], CELL, "%.2fx", ret->ratio.median);
	if (ret->ratio.rounds > 1)
		append(ret->text[RATIO], CELL, " (%.2f to %.2f)", ret->ratio.low, ret->ratio.high);
}
