/* SPDX-License-Identifier: MIT
 *
 * The statements of a scenario by recursive descent: one function for each kind of statement, found
 * by its first word in the table at the end. What a line is made of stands in parse_parts.c.
 */
#include "parse.h"
#include "vocabulary.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- statements that begin with a word of their own ---- */

static bool is_clause(const char *text)
{
	static const char capitals[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", digits[] = "0123456789";
	size_t part = strspn(text, capitals), family = 0, number = 0;
	if (part && text[part] == '-')
		family = strspn(text + part + 1, capitals);
	if (family && text[part + 1 + family] == '-')
		number = strspn(text + part + family + 2, digits);
	return number && !text[part + family + 2 + number];
}

static int parse_clause(struct parser *p, struct statement *s)
{
	s->kind = ST_CLAUSE;
	for (const struct token *t = p->at; t->kind == TOKEN_WORD; t++)
		if (!is_clause(t->text))
			return parse_expected(p, t, "a clause, as SW-WILD-2");
	return parse_words(p, &s->words, "a clause, as SW-WILD-2");
}

static int parse_needs(struct parser *p, struct statement *s)
{
	static const struct choice needs[] = {{"root", 0}, {"net", 0}, {"scripted", 0}, {0}};
	int ignored;
	s->kind = ST_NEEDS;
	for (const struct token *t = p->at; t->kind == TOKEN_WORD; t++) {
		struct parser look = *p;
		look.at = t;
		int r = parse_choice(&look, needs, &ignored);
		if (r)
			return r;
	}
	return parse_words(p, &s->words, "root, net or scripted");
}

static int parse_timeout(struct parser *p, struct statement *s)
{
	s->kind = ST_TIMEOUT;
	return parse_duration(p, &s->number);
}

static int parse_set(struct parser *p, struct statement *s)
{
	s->kind = ST_SET;
	int r = parse_word(p, &s->name, "a key of the configuration, as connect.san_ms");
	if (!r)
		r = parse_mark(p, "=");
	return r ? r : parse_word(p, &s->text, "its value");
}

static int parse_host(struct parser *p, struct statement *s)
{
	s->kind = ST_HOST;
	return parse_name(p, &s->name, "the host's name");
}

static int parse_on(struct parser *p, struct statement *s)
{
	p->at++;
	return parse_name(p, &s->host, "a host");
}

static int parse_nic(struct parser *p, struct statement *s)
{
	static const struct choice verbs[] = {
		{"gains", VERB_GAINS},
		{"loses", VERB_LOSES},
		{"down", VERB_DOWN},
		{"up", VERB_UP},
		{"vanishes", VERB_VANISHES},
		{"on", VERB_HAS},
		{0},
	};
	int verb = VERB_HAS;
	s->kind = ST_NIC;
	int r = parse_name(p, &s->name, "the interface's name");
	if (!r && parse_at_word(p, "on"))
		r = parse_on(p, s);
	else if (!r && p->at->kind == TOKEN_WORD && isalpha((unsigned char)p->at->text[0]))
		r = parse_choice(p, verbs, &verb);
	s->verb = (enum verb)verb;
	if (r || verb == VERB_DOWN || verb == VERB_UP || verb == VERB_VANISHES)
		return r;
	if (verb == VERB_HAS && p->at->kind != TOKEN_WORD)
		return 0; /* without an address */
	/* whoever names its host again wants to change one */
	const char *what =
		s->host ? "an address with its length, as 10.77.0.1/24 (a NIC that is there "
			  "is changed without 'on')"
			: "an address with its length, as 10.77.0.1/24";
	for (const struct token *t = p->at; t->kind == TOKEN_WORD; t++)
		if (!parse_is_address(t->text) || !strchr(t->text, '/'))
			return parse_expected(p, t, what);
	return parse_words(p, &s->words, what);
}

/* "WSPBind(name=10.77.0.1:5150) with WSAENETDOWN after 1 times 2" */
static int parse_fails(struct parser *p, struct statement *s)
{
	s->patterns = calloc(1, sizeof(*s->patterns));
	if (!s->patterns)
		return -ENOMEM;
	s->n_patterns = 1;
	s->patterns->place = p->at->place;
	int r = parse_word(p, &s->patterns->call, "a function of the SPI, as WSPBind");
	if (!r && !vocabulary_fails(s->patterns->call))
		r = parse_expected(p, p->at - 1, "a function that can fail so, as WSPBind");
	if (!r)
		r = parse_pairs(p, s->patterns, vocabulary_fails_by);
	if (!r)
		r = parse_keyword(p, "with");
	if (!r)
		r = parse_code(p, &s->code);
	s->number = 0;
	if (!r && parse_at_word(p, "after")) {
		p->at++;
		r = parse_number(p, &s->number, "after how many calls");
	}
	if (!r && parse_at_word(p, "times")) {
		const struct token *at = ++p->at;
		r = parse_number(p, &s->times, "how many times");
		if (!r && s->times < 1)
			r = parse_expected(p, at, "how many times, from 1");
	}
	return r;
}

static int parse_endpoint(struct parser *p, char **ret, const char *what)
{
	if (p->at->kind != TOKEN_WORD || !parse_is_endpoint(p->at->text))
		return parse_expected(p, p->at, what);
	return parse_word(p, ret, what);
}

/* Each process would ask: so one has to be named. */
static int parse_request(struct parser *p, struct statement *s)
{
	if (!s->thread)
		return parse_expected(p, p->at - 1, "'in' and the process that asks, then request");
	int r = parse_endpoint(p, &s->text, "who asks, as 10.77.0.9:4000");
	return r ? r : parse_endpoint(p, &s->call, "whom, as 10.77.0.1:5150");
}

static int parse_provider(struct parser *p, struct statement *s)
{
	static const struct choice verbs[] = {
		{"serves", VERB_SERVES},
		{"fails", VERB_FAILS},
		{"works", VERB_WORKS},
		{"refuses", VERB_REFUSES},
		{"silent", VERB_SILENT},
		{"loses", VERB_LOST},
		{"cuts", VERB_CUTS},
		{"request", VERB_REQUEST},
		{"wildcard", VERB_WILDCARD},
		{"no-read", VERB_NO_READ},
		{"installed", VERB_INSTALLED},
		{"removed", VERB_REMOVED},
		{0},
	};
	int verb = VERB_SERVES;
	s->kind = ST_PROVIDER;
	/* `calls of` means others by these */
	bool taken = parse_at_word(p, "switch") || parse_at_word(p, "names");
	int r = taken ? parse_expected(p, p->at,
				       "a provider's name that is not 'switch' or 'names'")
		      : parse_name(p, &s->name, "the provider's name");
	if (!r && parse_at_word(p, "in")) {
		p->at++;
		r = parse_name(p, &s->thread, "a process");
	}
	if (!r)
		r = parse_choice(p, verbs, &verb);
	s->verb = (enum verb)verb;
	if (r)
		return r;
	if (s->thread && (verb == VERB_SERVES || verb == VERB_INSTALLED || verb == VERB_REMOVED))
		return parse_expected(p, p->at - 1,
				      "what one process's provider does (this is for all)");
	switch (verb) {
	case VERB_SERVES:
		return p->at->kind == TOKEN_LINE ? 0 : parse_words(p, &s->words, "an interface");
	case VERB_FAILS:
		return parse_fails(p, s);
	case VERB_REFUSES:
		r = parse_code(p, &s->code);
		s->flag = !r && parse_at_word(p, "now");
		p->at += s->flag;
		return r;
	case VERB_LOST:
		return parse_words(p, &s->words, "the address of a host that never answers");
	case VERB_REQUEST:
		return parse_request(p, s);
	default:
		return 0;
	}
}

static int parse_process(struct parser *p, struct statement *s)
{
	s->kind = ST_PROCESS;
	s->number = -1;
	int r = parse_name(p, &s->name, "the process's name");
	while (!r && p->at->kind == TOKEN_WORD) {
		if (parse_at_word(p, "bare")) {
			s->flag = true;
			p->at++;
		} else if (parse_at_word(p, "user")) {
			p->at++;
			r = parse_number(p, &s->number, "a user's number");
		} else if (parse_at_word(p, "on") && !s->host) {
			r = parse_on(p, s);
		} else {
			r = parse_expected(p, p->at,
					   "on HOST, user N, bare, or the end of the line");
		}
	}
	return r;
}

/* ---- statements that begin with a process ---- */

/* "calls of a, b in order {" */
static int parse_calls(struct parser *p, struct statement *s)
{
	static const struct choice modes[] = {
		{"exactly", VERB_EXACTLY}, {"in", VERB_ORDER}, {"not", VERB_NOT}, {0}};
	int mode = VERB_EXACTLY, r = 0;
	s->kind = ST_CALLS;
	if (parse_at_word(p, "of")) {
		do {
			p->at++;
			r = parse_add_word(p, &s->words, "a provider's name");
		} while (!r && parse_at_mark(p, ","));
	}
	if (!r)
		r = parse_choice(p, modes, &mode);
	s->verb = (enum verb)mode;
	if (!r && mode == VERB_ORDER)
		r = parse_keyword(p, "order");
	return r ? r : parse_block(p, s);
}

static int parse_ends(struct parser *p, struct statement *s)
{
	s->kind = ST_ENDS;
	return parse_result(p, s);
}

static int parse_life(struct parser *p, struct statement *s)
{
	static const struct choice verbs[] = {{"exits", VERB_EXITS},
					      {"killed", VERB_KILLED},
					      {"stops", VERB_STOPS},
					      {"continues", VERB_CONTINUES},
					      {0}};
	int verb = VERB_EXITS;
	s->kind = ST_LIFE;
	int r = parse_choice(p, verbs, &verb);
	s->verb = (enum verb)verb;
	return r;
}

/* "server", "server.t1" */
static int parse_who(struct parser *p, struct statement *s)
{
	const struct token *t = p->at;
	int r = parse_word(p, &s->name, "a statement's first word, or a process");
	char *dot = r ? NULL : strchr(s->name, '.');
	if (dot) {
		*dot = '\0';
		s->thread = strdup(dot + 1);
		if (!s->thread)
			return -ENOMEM;
	}
	if (!r && (!parse_is_name(s->name) || (dot && !parse_is_name(s->thread))))
		r = parse_expected(p, t, "a statement's first word, or a process");
	return r;
}

static int parse_action(struct parser *p, struct statement *s)
{
	static const char *const lives[] = {"exits", "killed", "stops", "continues"};
	int r = parse_who(p, s);
	if (r)
		return r;
	if (p->at->kind != TOKEN_WORD)
		return parse_expected(p, p->at, "what the process does");
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++)
		if (parse_at_word(p, lives[i]))
			return parse_life(p, s);
	if (parse_at_word(p, "calls")) {
		p->at++;
		return parse_calls(p, s);
	}
	if (parse_at_word(p, "ends")) {
		p->at++;
		return parse_ends(p, s);
	}
	return parse_call(p, s);
}

static const struct {
	const char *word;
	int (*parse)(struct parser *p, struct statement *s);
} statements[] = {
	{"clause", parse_clause},     {"needs", parse_needs},     {"timeout", parse_timeout},
	{"set", parse_set},           {"host", parse_host},       {"nic", parse_nic},
	{"provider", parse_provider}, {"process", parse_process},
};

static int parse_statement(struct parser *p, struct statement *s)
{
	s->place = p->at->place;
	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++)
		if (parse_at_word(p, statements[i].word)) {
			p->at++;
			return statements[i].parse(p, s);
		}
	return parse_action(p, s);
}

static int parse_all(struct parser *p, struct scenario *sc)
{
	struct statement **last = &sc->statements;
	while (p->at->kind != TOKEN_END) {
		struct statement *s = calloc(1, sizeof(*s));
		if (!s)
			return -ENOMEM;
		*last = s;
		last = &s->next;
		int r = parse_statement(p, s);
		if (!r && p->at->kind != TOKEN_LINE)
			r = parse_expected(p, p->at, "the end of the line");
		if (r)
			return r;
		p->at++;
	}
	return 0;
}

int scenario_parse(const char *path, const char *source, struct scenario **ret,
		   struct scenario_error *error)
{
	struct tokens tokens;
	struct scenario *sc = calloc(1, sizeof(*sc));
	int r = sc ? tokens_cut(source, &tokens, error) : -ENOMEM;

	if (!r) {
		struct parser p = {.at = tokens.at, .error = error};
		sc->path = strdup(path);
		sc->source = strdup(source);
		r = sc->path && sc->source ? parse_all(&p, sc) : -ENOMEM;
		tokens_free(&tokens);
	}
	if (r) {
		scenario_free(sc);
		return r;
	}
	*ret = sc;
	return 0;
}

enum { FILE_MAX = 1 << 20 };

static int read_all(int fd, char **ret, size_t *ret_size)
{
	size_t size = 0, room = 16384;
	char *text = malloc(room);
	ssize_t n = 1;
	while (text && n > 0 && size <= FILE_MAX) {
		n = read(fd, text + size, room - size - 1);
		if (n > 0)
			size += (size_t)n;
		if (size + 1 == room) {
			char *more = realloc(text, room *= 2);
			if (!more)
				free(text);
			text = more;
		}
	}
	if (!text)
		return -ENOMEM;
	if (n < 0 || size > FILE_MAX) {
		int err = n < 0 ? errno : EFBIG;
		free(text);
		return -err;
	}
	text[size] = '\0';
	*ret = text;
	*ret_size = size;
	return 0;
}

/* What is behind it would not be seen. */
static int has_zero(const char *source, struct scenario_error *error)
{
	error->place = (struct place){1, 1};
	for (; *source; source++)
		error->place = *source == '\n'
				       ? (struct place){error->place.line + 1, 1}
				       : (struct place){error->place.line, error->place.column + 1};
	snprintf(error->text, sizeof(error->text), "this character is none of a text file");
	return -EINVAL;
}

int scenario_read(const char *path, struct scenario **ret, struct scenario_error *error)
{
	char *source = NULL;
	size_t size = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = read_all(fd, &source, &size);
	close(fd);
	if (!r && strlen(source) < size)
		r = has_zero(source, error);
	if (!r)
		r = scenario_parse(path, source, ret, error);
	free(source);
	return r;
}

static void pattern_free(struct pattern *p)
{
	for (size_t i = 0; i < p->n_args; i++) {
		free(p->args[i].key);
		free(p->args[i].value);
	}
	free(p->args);
	free(p->who);
	free(p->call);
	free(p->result);
}

static void statement_free(struct statement *s)
{
	for (size_t i = 0; i < s->words.count; i++)
		free(s->words.at[i]);
	for (size_t i = 0; i < s->n_patterns; i++)
		pattern_free(&s->patterns[i]);
	free(s->words.at);
	free(s->patterns);
	free(s->name);
	free(s->thread);
	free(s->call);
	free(s->text);
	free(s->variable);
	free(s->result);
	free(s->host);
	free(s);
}

void scenario_free(struct scenario *sc)
{
	for (struct statement *s = sc ? sc->statements : NULL, *next; s; s = next) {
		next = s->next;
		statement_free(s);
	}
	if (sc) {
		free(sc->path);
		free(sc->source);
	}
	free(sc);
}
