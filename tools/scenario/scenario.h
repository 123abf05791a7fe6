/* SPDX-License-Identifier: MIT
 *
 * A scenario as it was read: a list of statements, each with its place in the file. What a
 * statement means stands in wsd-scenario(5). Made by scenario_parse, unchanged from then on.
 */
#ifndef WSD_SCENARIO_H
#define WSD_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>

enum { NAME_SIZE = 16 }; /* of a NIC, provider, process, thread, with its end */

struct place {
	unsigned line, column; /* from 1 */
};

/* A list of texts. */
struct words {
	char **at;
	size_t count;
};

enum statement_kind {
	ST_CLAUSE,   /* words: clauses */
	ST_NEEDS,    /* words: what this machine must be able to do */
	ST_TIMEOUT,  /* number: milliseconds */
	ST_SET,      /* name = text, of the configuration */
	ST_HOST,     /* name */
	ST_NIC,      /* name, verb, host, words: addresses */
	ST_PROVIDER, /* name, verb, words, text, number; thread: the one process it is for */
	ST_PROCESS,  /* name; host; number: user, -1 its own; flag: bare */
	ST_LIFE,     /* name, verb: exits, killed, stops, continues */
	ST_CALL,     /* who, thread; verb begins or eventually or none; call, words: arguments */
	ST_ENDS,     /* who, thread */
	ST_CALLS,    /* name: process; words: whose calls; verb: exactly, order, not; patterns */
	ST_KIND_COUNT
};

enum verb {
	VERB_NONE,
	/* nic */
	VERB_HAS,
	VERB_GAINS,
	VERB_LOSES,
	VERB_DOWN,
	VERB_UP,
	VERB_VANISHES,
	/* provider */
	VERB_SERVES,
	VERB_FAILS,
	VERB_WORKS,
	VERB_REFUSES,
	VERB_SILENT,
	VERB_LOST,
	VERB_CUTS,
	VERB_REQUEST,
	VERB_WILDCARD,
	VERB_NO_READ,
	VERB_INSTALLED,
	VERB_REMOVED,
	/* process */
	VERB_EXITS,
	VERB_KILLED,
	VERB_STOPS,
	VERB_CONTINUES,
	/* call */
	VERB_BEGINS,
	VERB_EVENTUALLY,
	/* calls */
	VERB_EXACTLY,
	VERB_ORDER,
	VERB_NOT,
};

struct pair {
	char *key, *value;
};

/* One line of a block: a call that is expected. */
struct pattern {
	struct place place;
	char *who; /* provider, or "TCP/IP", or "switch" */
	bool upcall;
	char *call;
	struct pair *args; /* those that matter */
	size_t n_args;
	char *result; /* NULL: any success */
};

struct statement {
	struct statement *next;
	enum statement_kind kind;
	struct place place;
	struct place result_place; /* behind a call: where " = result" begins */
	struct place open, close;  /* of a block: its braces */
	enum verb verb;
	char *name, *thread, *call, *text;
	char *host;     /* NULL: the one that has no name */
	char *variable; /* that a call's result goes to */
	char *result;   /* that is expected; NULL: any success */
	long number;
	long times; /* of `fails`: so many calls; 0: all */
	int code;   /* WSAENETDOWN and its like */
	bool flag;
	struct words words;
	struct pattern *patterns;
	size_t n_patterns;
};

struct scenario {
	char *path;
	char *source; /* the file's text */
	struct statement *statements;
};

/* What is wrong with a file: one sentence, and where. */
struct scenario_error {
	struct place place;
	char text[400];
};

/**
 * scenario_parse - read a scenario
 * @source: its text; a copy is kept
 * Return: 0; -EINVAL with @error filled; -ENOMEM.
 */
int scenario_parse(const char *path, const char *source, struct scenario **ret,
		   struct scenario_error *error);
/* The same from a file: also -errno of open(2) and read(2). */
int scenario_read(const char *path, struct scenario **ret, struct scenario_error *error);
void scenario_free(struct scenario *s); /* NULL is fine */

#endif
