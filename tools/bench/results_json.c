/* SPDX-License-Identifier: MIT
 *
 * results_json.c - results to JSON (docs/bench-schema.json) and back. What is read is believed in
 * nothing: it may come from anywhere. No locks.
 */
#include "plain.h"
#include "results_priv.h"
#include "run.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define TOOL "wsd bench"

/* Figures: all kinds of all contenders at all points that a run may have. */
enum {
	FIGURES_MAX = POINTS_MAX * KINDS_MAX * (PEERS_MAX + 1),
	ROUNDS_MAX = 1000000,
	WORD_MAX = 160,
	OUT_MAX = 100000
};

static const struct {
	const char *name; /* before _UNIT */
	size_t field;
} statistics[] = {
	{"min", offsetof(struct stats, min)},        {"max", offsetof(struct stats, max)},
	{"median", offsetof(struct stats, typical)}, {"avg", offsetof(struct stats, avg)},
	{"stdev", offsetof(struct stats, stdev)},    {"p99", offsetof(struct stats, p99)},
	{"p99_9", offsetof(struct stats, p99_9)},
};
enum { STATISTICS = sizeof(statistics) / sizeof(statistics[0]) };

/* Of what medians and percentiles are; of all samples unless told. */
static const char *const percentile_words[] = {"samples", "histogram"};

static double *statistic(const struct stats *s, int i)
{
	return (double *)((char *)(uintptr_t)s + statistics[i].field);
}

static const char *key_of(const char *name, const char *unit, char *text, size_t size)
{
	snprintf(text, size, "%s_%s", name, unit);
	return text;
}

/* --- to JSON --- */

static json_t *point_to_json(const struct point *p)
{
	json_t *j = json_object();
	if (p->size)
		json_object_set_new(j, "size", json_integer((json_int_t)p->size));
	if (p->open)
		json_object_set_new(j, "open", json_integer(p->open));
	if (p->threads)
		json_object_set_new(j, "threads", json_integer(p->threads));
	if (p->nics)
		json_object_set_new(j, "nics", json_integer(p->nics));
	if (p->mode)
		json_object_set_new(j, "mode", json_string(p->mode));
	return j;
}

static json_t *values_to_json(const struct samples *s)
{
	json_t *j = json_array();
	for (size_t i = 0; i < s->n; i++)
		json_array_append_new(j, json_real(s->v[i]));
	return j;
}

struct hist *results_hist(const struct figure *f)
{
	struct hist *h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	if (f->merged)
		*h = *f->merged;
	for (size_t i = 0; !f->merged && i < f->all.n; i++)
		hist_add(h, f->all.v[i], 1);
	return h;
}

static json_t *hist_to_json(const struct figure *f)
{
	struct hist *h = results_hist(f);
	json_t *j = h ? json_array() : NULL;

	for (int b = 0; h && b < HIST_BUCKETS; b++)
		if (h->count[b])
			json_array_append_new(j, json_pack("[f, f, I]", hist_floor(b),
							   hist_floor(b + 1),
							   (json_int_t)h->count[b]));
	free(h);
	return j;
}

static json_t *ratios_to_json(const struct results *r, const struct figure *f)
{
	json_t *j = json_object();
	struct ratio q;

	for (int i = 0; i < r->contender_count; i++) {
		const char *peer = r->contenders[i];
		const struct figure *p = results_find(r, f->kind->name, peer, &f->point);
		if (!strcmp(peer, r->ours) || !p || !ratio_of(f, p, &q))
			continue;
		json_object_set_new(j, peer,
				    json_pack("{s:f, s:f, s:f, s:f, s:f, s:I}", "median", q.median,
					      "low", q.low, "high", q.high, "min", q.min, "max",
					      q.max, "rounds", (json_int_t)q.rounds));
	}
	return j;
}

static json_t *figure_to_json(const struct results *r, const struct figure *f)
{
	char key[64];
	json_t *j = json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:I}", "kind", f->kind->name, "title",
			      f->kind->title, "unit", f->kind->unit, "higher_is_better",
			      (int)f->higher, "contender", f->contender, "point",
			      point_to_json(&f->point), "samples", (json_int_t)f->stats.n);
	const char *unit = f->kind->unit;

	for (int i = 0; i < STATISTICS; i++)
		json_object_set_new(j, key_of(statistics[i].name, unit, key, sizeof(key)),
				    json_real(*statistic(&f->stats, i)));
	json_object_set_new(j, key_of("rounds", unit, key, sizeof(key)),
			    values_to_json(&f->rounds));
	json_object_set_new(j, key_of("histogram", unit, key, sizeof(key)), hist_to_json(f));
	json_object_set_new(j, "percentiles", json_string(percentile_words[f->binned]));
	if (f->connections)
		json_object_set_new(j, "connections", json_integer(f->connections));
	if (!strcmp(f->contender, r->ours))
		json_object_set_new(j, "ratios", ratios_to_json(r, f));
	return j;
}

static json_t *figures_to_json(const struct results *r)
{
	json_t *j = json_array();
	for (int i = 0; i < r->figure_count; i++)
		if (r->figures[i].stats.n)
			json_array_append_new(j, figure_to_json(r, &r->figures[i]));
	return j;
}

static json_t *out_to_json(const struct results *r)
{
	json_t *j = json_array();
	for (int i = 0; i < r->out_count; i++) {
		const struct left_out *o = &r->out[i];
		json_array_append_new(
			j,
			json_pack("{s:s, s:s, s:o}", "contender", o->contender, "reason", o->reason,
				  "point", o->everywhere ? json_null() : point_to_json(&o->point)));
	}
	return j;
}

json_t *results_to_json(const struct results *r)
{
	json_t *hosts = json_array(), *contenders = json_array();
	char why[256] = "";
	bool comparable = results_comparable(r, why, sizeof(why));

	for (int i = 0; i < r->host_count; i++)
		json_array_append_new(hosts, host_to_json(&r->hosts[i]));
	for (int i = 0; i < r->contender_count; i++)
		json_array_append_new(contenders, json_string(r->contenders[i]));
	return json_pack(
		"{s:i, s:s, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:O, s:s, s:o, s:o, s:{s:b, s:o}, "
		"s:o}",
		"schema", (int)RESULTS_SCHEMA, "tool", TOOL, "version", r->version, "build",
		r->build, "test", r->test, "started", r->started, "complete", r->stopped[0] == '\0',
		"stopped", r->stopped[0] ? json_string(r->stopped) : json_null(), "hosts", hosts,
		"parameters", r->parameters, "ours", r->ours, "contenders", contenders, "left_out",
		out_to_json(r), "absolute", "comparable", (int)comparable, "reason",
		comparable ? json_null() : json_string(why), "figures", figures_to_json(r));
}

/* --- back --- */

struct reader {
	struct results *r;
	char *why;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int wrong(const struct reader *in, const char *format,
						       ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(in->why, in->size, format, args);
	va_end(args);
	return -1;
}

/* A string of the object; NULL: not one, or longer than @most. */
static const char *word_in(const json_t *j, const char *key, size_t most)
{
	const char *text = json_string_value(json_object_get(j, key));
	return text && strlen(text) <= most ? text : NULL;
}

static int copy_word(const struct reader *in, const json_t *j, const char *key, char *to,
		     size_t size)
{
	const char *text = word_in(j, key, size - 1);
	if (!text)
		return wrong(in, "'%s' is not there, not a text or too long", key);
	memcpy(to, text, strlen(text) + 1);
	return 0;
}

static int read_axis(const struct reader *in, const json_t *j, const char *key, json_int_t most,
		     json_int_t *ret)
{
	const json_t *v = json_object_get(j, key);
	*ret = json_integer_value(v);
	if (v && (!json_is_integer(v) || *ret < 1 || *ret > most))
		return wrong(in, "a point's '%s' is not a number from 1", key);
	return 0;
}

static int read_point(const struct reader *in, const json_t *j, struct point *ret)
{
	json_int_t size, open, threads, nics;
	const char *mode = word_in(j, "mode", WORD_MAX);

	if (!json_is_object(j))
		return wrong(in, "a point is not an object");
	if (read_axis(in, j, "size", 1LL << 40, &size) ||
	    read_axis(in, j, "open", INT_MAX, &open) ||
	    read_axis(in, j, "threads", INT_MAX, &threads) ||
	    read_axis(in, j, "nics", INT_MAX, &nics))
		return -1;
	if (json_object_get(j, "mode") && !mode)
		return wrong(in, "a point's 'mode' is not a word");
	*ret = (struct point){.size = (size_t)size,
			      .open = (int)open,
			      .threads = (int)threads,
			      .nics = (int)nics,
			      .mode = mode ? results_word(in->r, mode) : NULL};
	return mode && !ret->mode ? wrong(in, "no memory") : 0;
}

/* Units become parts of keys. */
static bool is_name(const char *text)
{
	return text && *text && strlen(text) < 32 &&
	       text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_- ")] == '\0';
}

static struct figure_kind *new_kind(struct results *r, const char *name, const char *title,
				    const char *unit, bool higher)
{
	struct figure_kind *k = results_own(r, malloc(sizeof(*k)));
	if (!k)
		return NULL;
	*k = (struct figure_kind){.name = results_word(r, name),
				  .title = results_word(r, title),
				  .unit = results_word(r, unit),
				  .higher_is_better = higher};
	return k->name && k->title && k->unit ? k : NULL;
}

static const struct figure_kind *read_kind(const struct reader *in, const json_t *j)
{
	const char *name = word_in(j, "kind", 31), *unit = word_in(j, "unit", 31),
		   *title = word_in(j, "title", WORD_MAX);
	const json_t *higher = json_object_get(j, "higher_is_better");
	const struct figure_kind *k;

	if (!is_name(name) || !is_name(unit) || !title || !json_is_boolean(higher)) {
		wrong(in, "a figure has no kind, title, unit or direction");
		return NULL;
	}
	for (int i = 0; i < in->r->figure_count; i++) {
		k = in->r->figures[i].kind;
		if (strcmp(k->name, name) != 0)
			continue;
		if (!strcmp(k->unit, unit) && k->higher_is_better == json_is_true(higher))
			return k;
		wrong(in, "'%s' has two units or directions", name);
		return NULL;
	}
	k = new_kind(in->r, name, title, unit, json_is_true(higher));
	if (!k)
		wrong(in, "no memory");
	return k;
}

static int read_number(const struct reader *in, const json_t *j, double *ret)
{
	if (!json_is_number(j) || !isfinite(json_number_value(j)))
		return wrong(in, "a figure is not a number");
	*ret = json_number_value(j);
	return 0;
}

static int read_rounds(const struct reader *in, const json_t *j, struct figure *f)
{
	double v = 0;
	if (!json_is_array(j) || json_array_size(j) > ROUNDS_MAX)
		return wrong(in, "the rounds of '%s' are not a list", f->kind->name);
	for (size_t i = 0; i < json_array_size(j); i++) {
		if (read_number(in, json_array_get(j, i), &v))
			return -1;
		if (samples_add(&f->rounds, v))
			return wrong(in, "no memory");
	}
	return 0;
}

static int read_hist(const struct reader *in, const json_t *j, struct figure *f)
{
	uint64_t n = 0;

	if (!json_is_array(j) || json_array_size(j) > HIST_BUCKETS)
		return wrong(in, "the histogram of '%s' is not a list", f->kind->name);
	f->merged = calloc(1, sizeof(*f->merged));
	if (!f->merged)
		return wrong(in, "no memory");
	for (size_t i = 0; i < json_array_size(j); i++) {
		const json_t *bucket = json_array_get(j, i), *count = json_array_get(bucket, 2);
		double from = 0, to = 0;
		if (read_number(in, json_array_get(bucket, 0), &from) ||
		    read_number(in, json_array_get(bucket, 1), &to))
			return -1;
		if (!json_is_integer(count) || json_integer_value(count) < 1 || !(from < to) ||
		    json_integer_value(count) > LLONG_MAX / HIST_BUCKETS)
			return wrong(in, "a bucket of '%s' is not [from, to, count]",
				     f->kind->name);
		hist_add(f->merged, from / 2 + to / 2, (uint64_t)json_integer_value(count));
		n += (uint64_t)json_integer_value(count);
	}
	if (n != f->stats.n)
		return wrong(in, "the histogram of '%s' does not hold its %zu samples",
			     f->kind->name, f->stats.n);
	return 0;
}

static int read_statistics(const struct reader *in, const json_t *j, struct figure *f)
{
	const json_t *n = json_object_get(j, "samples");
	char key[64];

	if (!json_is_integer(n) || json_integer_value(n) < 1)
		return wrong(in, "'%s' has no samples", f->kind->name);
	f->stats.n = (size_t)json_integer_value(n);
	for (int i = 0; i < STATISTICS; i++) {
		key_of(statistics[i].name, f->kind->unit, key, sizeof(key));
		if (read_number(in, json_object_get(j, key), statistic(&f->stats, i)))
			return wrong(in, "'%s' of '%s' is not a number", key, f->kind->name);
	}
	if (!(f->stats.min <= f->stats.typical && f->stats.typical <= f->stats.max))
		return wrong(in, "the least, median and largest of '%s' are not in order",
			     f->kind->name);
	return 0;
}

static bool takes_part(const struct results *r, const char *contender)
{
	for (int i = 0; i < r->contender_count; i++)
		if (!strcmp(r->contenders[i], contender))
			return true;
	return false;
}

static bool said(const json_t *j, const char *word)
{
	return json_is_string(j) && !strcmp(json_string_value(j), word);
}

/* What results of before do not have. */
static int read_more(const struct reader *in, const json_t *j, struct figure *f)
{
	const json_t *of = json_object_get(j, "percentiles"),
		     *connections = json_object_get(j, "connections");

	f->binned = said(of, percentile_words[true]);
	if (of && !f->binned && !said(of, percentile_words[false]))
		return wrong(in, "of what the percentiles of '%s' are", f->kind->name);
	f->connections = (long)json_integer_value(connections);
	if (connections && (!json_is_integer(connections) || f->connections < 1))
		return wrong(in, "of how many connections '%s' is", f->kind->name);
	return 0;
}

static int read_figure(const struct reader *in, const json_t *j)
{
	const char *contender = word_in(j, "contender", 23);
	const struct figure_kind *kind = read_kind(in, j);
	struct point point;
	char key[64];

	if (!kind || read_point(in, json_object_get(j, "point"), &point))
		return -1;
	if (!contender || !takes_part(in->r, contender))
		return wrong(in, "a figure of '%s' is of none of the contenders", kind->name);
	if (results_find(in->r, kind->name, contender, &point))
		return wrong(in, "'%s' of '%s' stands there twice", kind->name, contender);
	struct figure *f = results_figure(in->r, kind, contender, &point);
	if (!f)
		return wrong(in, "no memory");
	if (read_statistics(in, j, f) || read_more(in, j, f) ||
	    read_rounds(in, json_object_get(j, key_of("rounds", kind->unit, key, sizeof(key))), f))
		return -1;
	return read_hist(in, json_object_get(j, key_of("histogram", kind->unit, key, sizeof(key))),
			 f);
}

static int read_figures(const struct reader *in, const json_t *j)
{
	if (!json_is_array(j) || json_array_size(j) > FIGURES_MAX)
		return wrong(in, "'figures' is not a list of at most %d", FIGURES_MAX);
	for (size_t i = 0; i < json_array_size(j); i++)
		if (read_figure(in, json_array_get(j, i)))
			return -1;
	return 0;
}

static int read_contenders(const struct reader *in, const json_t *j)
{
	struct results *r = in->r;

	if (!json_is_array(j) || json_array_size(j) > PEERS_MAX + 1)
		return wrong(in, "'contenders' is not a list of at most %d", PEERS_MAX + 1);
	for (size_t i = 0; i < json_array_size(j); i++) {
		const char *name = json_string_value(json_array_get(j, i));
		if (!name || strlen(name) >= sizeof(r->contenders[0]) || takes_part(r, name))
			return wrong(in, "the name of a contender is wrong");
		memcpy(r->contenders[r->contender_count++], name, strlen(name) + 1);
	}
	return 0;
}

static int read_out(const struct reader *in, const json_t *j)
{
	struct point p;

	if (!json_is_array(j) || json_array_size(j) > OUT_MAX)
		return wrong(in, "'left_out' is not a list");
	for (size_t i = 0; i < json_array_size(j); i++) {
		const json_t *one = json_array_get(j, i), *at = json_object_get(one, "point");
		const char *contender = word_in(one, "contender", 23),
			   *reason = word_in(one, "reason", WORD_MAX);
		if (!contender || !reason)
			return wrong(in, "who was left out, or why, is not told");
		if (!json_is_null(at) && read_point(in, at, &p))
			return -1;
		if (results_leave_out(in->r, contender, json_is_null(at) ? NULL : &p, reason))
			return wrong(in, "no memory");
	}
	return 0;
}

static int read_hosts(const struct reader *in, const json_t *j)
{
	if (!json_is_array(j) || json_array_size(j) > HOSTS_MAX)
		return wrong(in, "'hosts' is not a list of at most %d", HOSTS_MAX);
	for (size_t i = 0; i < json_array_size(j); i++)
		if (host_from_json(&in->r->hosts[in->r->host_count++], json_array_get(j, i)))
			return wrong(in, "host %zu is not told as it should be", i + 1);
	return 0;
}

static int read_plain(const struct reader *in, const json_t *j)
{
	return plain_json(j) ? 0 : wrong(in, "there are control characters in its texts");
}

static int read_head(const struct reader *in, const json_t *j)
{
	struct results *r = in->r;
	const char *tool = word_in(j, "tool", WORD_MAX);
	const json_t *schema = json_object_get(j, "schema"),
		     *stopped = json_object_get(j, "stopped");
	json_t *parameters = json_object_get(j, "parameters");

	if (!tool || strcmp(tool, TOOL) != 0 || !json_is_integer(schema))
		return wrong(in, "not a result of wsd bench");
	if (json_integer_value(schema) > RESULTS_SCHEMA || json_integer_value(schema) < 1)
		return wrong(in, "schema %lld is %s than this program, which knows %d",
			     (long long)json_integer_value(schema),
			     json_integer_value(schema) < 1 ? "older" : "newer", RESULTS_SCHEMA);
	r->build[0] = '\0'; /* results of before do not say */
	if (json_object_get(j, "build") && copy_word(in, j, "build", r->build, sizeof(r->build)))
		return -1;
	if (copy_word(in, j, "version", r->version, sizeof(r->version)) ||
	    copy_word(in, j, "test", r->test, sizeof(r->test)) ||
	    copy_word(in, j, "started", r->started, sizeof(r->started)) ||
	    copy_word(in, j, "ours", r->ours, sizeof(r->ours)))
		return -1;
	if (!json_is_null(stopped) && copy_word(in, j, "stopped", r->stopped, sizeof(r->stopped)))
		return -1;
	if (!json_is_object(parameters))
		return wrong(in, "'parameters' is not an object");
	json_decref(r->parameters);
	r->parameters = json_deep_copy(parameters);
	return r->parameters ? 0 : wrong(in, "no memory");
}

struct results *results_from_json(const json_t *j, char *why, size_t size)
{
	struct reader in = {.r = results_new(), .why = why, .size = size};

	if (!in.r) {
		wrong(&in, "no memory");
		return NULL;
	}
	if (read_plain(&in, j) || read_head(&in, j) ||
	    read_hosts(&in, json_object_get(j, "hosts")) ||
	    read_contenders(&in, json_object_get(j, "contenders")) ||
	    read_out(&in, json_object_get(j, "left_out")) ||
	    read_figures(&in, json_object_get(j, "figures"))) {
		results_free(in.r);
		return NULL;
	}
	return in.r;
}

struct results *results_read(const char *file, char *why, size_t size)
{
	char inside[256];
	json_error_t e;
	FILE *f = fopen(file, "re");

	if (!f) {
		snprintf(why, size, "%s: %s", file, strerror(errno));
		return NULL;
	}
	int first = getc(f);
	if (first == EOF && ferror(f)) { /* a folder */
		snprintf(why, size, "%s: %s", file, strerror(errno));
		fclose(f);
		return NULL;
	}
	ungetc(first, f);
	json_t *j = json_loadf(f, JSON_REJECT_DUPLICATES, &e);
	fclose(f);
	if (!j) {
		plain_make(e.text); /* it quotes the file */
		snprintf(why, size, "%s: line %d: %s", file, e.line, e.text);
		return NULL;
	}
	struct results *r = results_from_json(j, inside, sizeof(inside));
	if (!r)
		snprintf(why, size, "%s: %s", file, inside);
	json_decref(j);
	return r;
}
