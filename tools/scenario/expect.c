/* SPDX-License-Identifier: MIT
 *
 * See expect.h. No state.
 */
#include "expect.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

void bindings_free(struct bindings *b)
{
	for (size_t i = 0; i < b->n; i++) {
		free(b->at[i].key);
		free(b->at[i].value);
	}
	free(b->at);
	*b = (struct bindings){0};
}

static const char *bound(const struct bindings *b, const char *key)
{
	for (size_t i = 0; i < b->n; i++)
		if (!strcmp(b->at[i].key, key))
			return b->at[i].value;
	return NULL;
}

static bool bind_value(struct bindings *b, const char *key, const char *value)
{
	struct pair *at = realloc(b->at, (b->n + 1) * sizeof(*at));
	if (!at)
		return false;
	b->at = at;
	struct pair fresh = {strdup(key), strdup(value)};
	if (!fresh.key || !fresh.value) {
		free(fresh.key);
		free(fresh.value);
		return false;
	}
	at[b->n++] = fresh;
	return true;
}

/* ---- which records ---- */

static bool is_listed(const struct words *words, const char *who)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strcmp(words->at[i], who))
			return true;
	return false;
}

static bool wants_upcalls(const struct statement *s)
{
	for (size_t i = 0; i < s->n_patterns; i++)
		if (s->patterns[i].upcall)
			return true;
	return false;
}

static bool concerns(const struct statement *s, bool upcalls, const struct record *r)
{
	bool of_switch = !strcmp(r->layer, "switch");
	const char *who = of_switch ? "switch" : r->who;
	bool of_names = !strcmp(r->layer, "names");
	if (!of_switch && !of_names && strcmp(r->layer, "downcall") != 0 &&
	    !(upcalls && !strcmp(r->layer, "upcall")))
		return false;
	return s->words.count ? is_listed(&s->words, who)
			      : !of_switch && !of_names && strcmp(who, "TCP/IP") != 0;
}

struct record **expect_select(struct watch *w, const struct statement *s, pid_t pid, size_t *ret_n)
{
	bool upcalls = wants_upcalls(s);
	struct record **records = calloc(w->n + 1, sizeof(*records));
	*ret_n = 0;
	for (size_t i = 0; records && i < w->n; i++) {
		struct record *r = &w->records[i];
		if (r->pid == pid && !r->seen && concerns(s, upcalls, r))
			records[(*ret_n)++] = r;
	}
	return records;
}

/* ---- fitting ---- */

/* A value as it is known meanwhile: "$A" is bound where it is met first. */
static bool value_fits(struct bindings *b, const char *pattern, const char *value)
{
	if (*pattern != '$')
		return fnmatch(pattern, value, 0) == 0;
	const char *known = bound(b, pattern);
	return known ? !strcmp(known, value) : bind_value(b, pattern, value);
}

static void result_text(const struct record *r, char *text, size_t size)
{
	if (r->error)
		snprintf(text, size, "%s", r->error);
	else /* as the trace writes handles */
		snprintf(text, size, r->result < 0x10000 ? "%lld" : "0x%llx", r->result);
}

static const char *arg_of(const struct record *r, const char *key)
{
	const char *value = json_string_value(json_object_get(r->args, key));
	if (!value)
		value = json_string_value(json_object_get(json_object_get(r->object, "out"), key));
	return value;
}

static bool is_same_call(const struct pattern *p, const struct record *r)
{
	const char *who = !strcmp(r->layer, "switch") ? "switch" : r->who;
	return !strcmp(p->who, who) && !strcmp(p->call, r->call) &&
	       p->upcall == !strcmp(r->layer, "upcall");
}

static bool one_fits(const struct pattern *p, const struct record *r, struct bindings *b)
{
	char result[64];
	if (!is_same_call(p, r))
		return false;
	result_text(r, result, sizeof(result));
	bool fine = !r->error || !strcmp(r->error, "WSA_IO_PENDING");
	if (p->result ? !value_fits(b, p->result, result) : !fine)
		return false;
	for (size_t i = 0; i < p->n_args; i++) {
		const char *value = arg_of(r, p->args[i].key);
		if (!value || !value_fits(b, p->args[i].value, value))
			return false;
	}
	return true;
}

/* What a try has bound is taken back when it fails. */
static void unbind(struct bindings *b, size_t n)
{
	while (b->n > n) {
		b->n--;
		free(b->at[b->n].key);
		free(b->at[b->n].value);
	}
}

static bool try_one(const struct pattern *p, const struct record *r, struct bindings *b)
{
	size_t before = b->n;
	if (one_fits(p, r, b))
		return true;
	unbind(b, before);
	return false;
}

static bool fits_exactly(const struct statement *s, struct record **records, size_t n,
			 struct bindings *b, size_t *ret_used)
{
	for (size_t i = 0; i < n && i < s->n_patterns; i++)
		if (!try_one(&s->patterns[i], records[i], b))
			return false;
	*ret_used = n;
	return n == s->n_patterns;
}

static bool fits_in_order(const struct statement *s, struct record **records, size_t n,
			  struct bindings *b, size_t *ret_used)
{
	size_t found = 0;
	*ret_used = 0;
	for (size_t i = 0; i < n && found < s->n_patterns; i++)
		if (try_one(&s->patterns[found], records[i], b)) {
			found++;
			*ret_used = i + 1;
		}
	return found == s->n_patterns;
}

static bool fits_none(const struct statement *s, struct record **records, size_t n,
		      struct bindings *b, size_t *ret_used)
{
	*ret_used = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < s->n_patterns; j++)
			if (try_one(&s->patterns[j], records[i], b))
				return false;
	return true;
}

bool expect_fits(const struct statement *s, struct record **records, size_t n, struct bindings *b)
{
	size_t before = b->n, used = 0;
	bool fits = (s->verb == VERB_EXACTLY ? fits_exactly
		     : s->verb == VERB_ORDER ? fits_in_order
					     : fits_none)(s, records, n, b, &used);
	if (!fits) {
		unbind(b, before);
		return false;
	}
	for (size_t i = 0; i < used; i++)
		records[i]->seen = true;
	return true;
}

/* ---- as text ---- */

void expect_pattern(const struct pattern *p, char *text, size_t size)
{
	size_t len =
		(size_t)snprintf(text, size, "%s%s %s", p->who, p->upcall ? " up" : "", p->call);
	for (size_t i = 0; i < p->n_args && len < size; i++)
		len += (size_t)snprintf(text + len, size - len, "%s%s=%s", i ? ", " : "(",
					p->args[i].key, p->args[i].value);
	if (p->n_args && len < size)
		len += (size_t)snprintf(text + len, size - len, ")");
	if (p->result && len < size)
		snprintf(text + len, size - len, " = %s", p->result);
}

/* Arguments that a block of expectations does without. */
static bool is_dull(const char *key, const char *value)
{
	static const char *const dull[] = {
		"namelen", "event",   "optlen",  "overlapped", "group",  "buffers",
		"data",    "af",      "type",    "protocol",   "wait",   "out",
		"flags",   "context", "catalog", "handle",     "length", "buffer",
	};
	for (size_t i = 0; i < sizeof(dull) / sizeof(dull[0]); i++)
		if (!strcmp(dull[i], key))
			return true;
	/* input of an ioctl: only what says more than its size */
	return !strcmp(key, "in") && !strchr(value, ':');
}

/* The name of a provider's socket: "$a1"; the value itself where it has none. */
static const char *socket_name(struct bindings *b, bool grow, const char *who, const char *value,
			       char *text, size_t size)
{
	size_t len = strlen(who) + 1, count = 1;
	for (size_t i = 0; i < b->n; i++) {
		bool same = !strncmp(b->at[i].key + 1, who, len - 1);
		if (same && !strcmp(b->at[i].value, value))
			return b->at[i].key;
		count += same;
	}
	if (!grow || !strcmp(value, "INVALID"))
		return value;
	snprintf(text, size, "$%s%zu", who, count);
	return bind_value(b, text, value) ? text : value;
}

static bool makes_socket(const char *call)
{
	return !strcmp(call, "WSPSocket") || !strcmp(call, "WSPAccept");
}

void expect_line(const struct record *r, struct bindings *b, bool grow, char *text, size_t size)
{
	char result[64], name[40];
	const char *key, *sep = "(", *who = !strcmp(r->layer, "switch") ? "switch" : r->who;
	json_t *value;
	size_t len = (size_t)snprintf(text, size, "%s%s %s", who,
				      strcmp(r->layer, "upcall") ? "" : " up", r->call);
	json_object_foreach(r->args, key, value)
	{
		const char *v = json_string_value(value);
		if (!v || is_dull(key, v) || len >= size)
			continue;
		const char *star = !strcmp(key, "in") ? strchr(v, ':') + 1 : v;
		if (!strcmp(key, "s"))
			star = socket_name(b, grow, r->who, v, name, sizeof(name));
		const char *mark = strpbrk(star, "(){}=, #") ? "\"" : "";
		len += (size_t)snprintf(text + len, size - len, "%s%s=%s%s%s%s", sep, key, mark,
					!strcmp(key, "in") ? "*:" : "", star, mark);
		sep = ", ";
	}
	result_text(r, result, sizeof(result));
	const char *shown = !r->error && makes_socket(r->call)
				    ? socket_name(b, grow, r->who, result, name, sizeof(name))
				    : result;
	if (len < size)
		snprintf(text + len, size - len, "%s = %s", *sep == '(' ? "" : ")", shown);
}

static void show_line(FILE *to, bool wrong, const struct pattern *p, const struct record *r,
		      struct bindings *b)
{
	char left[256] = "", right[256] = "";
	if (p)
		expect_pattern(p, left, sizeof(left));
	if (r)
		expect_line(r, b, false, right, sizeof(right));
	fprintf(to, "    %s %-58s %s %s\n", wrong ? "!" : " ", left, wrong ? "|" : " ", right);
}

/* The pattern that stands beside record @i; *@at: the first one that has no record yet. */
static const struct pattern *beside(const struct statement *s, const struct record *r, size_t *at,
				    struct bindings *b, bool *ret_fits)
{
	*ret_fits = false;
	if (s->verb == VERB_NOT) {
		for (size_t i = 0; i < s->n_patterns && !*ret_fits; i++)
			if ((*ret_fits = try_one(&s->patterns[i], r, b)))
				return &s->patterns[i];
		return NULL;
	}
	if (*at == s->n_patterns)
		return NULL;
	*ret_fits = try_one(&s->patterns[*at], r, b);
	return *ret_fits || s->verb == VERB_EXACTLY ? &s->patterns[(*at)++] : NULL;
}

/* The same call, the last one: it differs by an argument or in its result. */
static const struct record *nearest(const struct pattern *p, struct record **records, size_t n)
{
	while (n-- > 0)
		if (is_same_call(p, records[n]))
			return records[n];
	return NULL;
}

void expect_show(FILE *to, const struct statement *s, struct record **records, size_t n,
		 const struct bindings *b)
{
	struct bindings copy = {0};
	size_t at = 0;
	for (size_t i = 0; i < b->n; i++)
		bind_value(&copy, b->at[i].key, b->at[i].value);
	fprintf(to, "      %-58s   %s\n", s->verb == VERB_NOT ? "not expected" : "expected",
		"seen");
	for (size_t i = 0; i < n; i++) {
		bool fits;
		const struct pattern *p = beside(s, records[i], &at, &copy, &fits);
		/* others may stand between unless it is exactly these */
		show_line(to, s->verb == VERB_EXACTLY ? !fits : s->verb == VERB_NOT && fits, p,
			  records[i], &copy);
	}
	for (; s->verb != VERB_NOT && at < s->n_patterns; at++)
		show_line(to, true, &s->patterns[at], nearest(&s->patterns[at], records, n), &copy);
	bindings_free(&copy);
}
