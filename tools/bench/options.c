/* SPDX-License-Identifier: MIT
 *
 * options.c - the command line of a test: one table of options, each with its range, what it needs
 * of a test and what is said when it makes no sense. State: none but argp's.
 */
#include "options.h"

#include "options_priv.h"
#include "run.h"

#include <argp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	KEY_ADDRESS = 0x100,
	KEY_LOCAL,
	KEY_REPEAT,
	KEY_WARMUP,
	KEY_OPEN,
	KEY_THREADS,
	KEY_NICS,
	KEY_COLD,
	KEY_WARM,
	KEY_BACKLOG,
	KEY_PIN,
	KEY_LAYER,
	KEY_BESIDE,
	KEY_GBITS,
	KEY_JSON,
	KEY_JSON_FILE,
	KEY_OUTPUT,
	KEY_USAGE,
};

#define FIELD(name) offsetof(struct options, name)

static const struct option_row rows[] = {
	{'d', "ib-dev", "DEV", "Use the RDMA device DEV (default: the first that fits)", TAKE_WORD,
	 FIELD(device), 0, 0, 0, 1, NULL},
	{'i', "ib-port", "PORT", "Use port PORT of the device (default: any)", TAKE_INT,
	 FIELD(ib_port), 1, 255, 0, 1, NULL},
	{'p', "port", "PORT",
	 "Two ends: where client and server meet; one end: the names that are bound have the next "
	 "ones (default 18515)",
	 TAKE_UNSIGNED, FIELD(port), 1, 65000, 0, 1, NULL},
	{KEY_ADDRESS, "address", "IP", "Use this address of this host", TAKE_ADDRESS, 0, 0, 0, 0, 1,
	 NULL},
	{KEY_LOCAL, "local", NULL, "Start the server as well, on this host", TAKE_FLAG, FIELD(here),
	 0, 0, OPT_TWO_ENDS, 1, "it has one end only and needs no server"},

	{'n', "iters", "N", "Measure N times in a batch", TAKE_LONG, FIELD(iterations), 1,
	 1000000000, 0, 2, NULL},
	{'D', "duration", "S", "Measure for S seconds a batch, in place of -n", TAKE_SECONDS,
	 FIELD(duration_s), 0, 0, OPT_DURATION, 2,
	 "a batch of it is counted, not timed: give its length by -n"},
	{KEY_REPEAT, "repeat", "N", "Rounds that count (default 5)", TAKE_INT, FIELD(repeat), 1,
	 10000, 0, 2, NULL},
	{KEY_WARMUP, "warmup", "N", "Rounds before them (default 1)", TAKE_INT, FIELD(warmup), 0,
	 10000, 0, 2, NULL},
	{'s', "size", "LIST", "Bytes of a message: 64 or 64,4k,1m", TAKE_LIST, FIELD(sizes), 1,
	 1 << 30, OPT_SIZE, 2, "it sends no messages of a chosen size"},
	{'a', "all", NULL, "All sizes from 2 to 2^23", TAKE_ALL, 0, 0, 0, OPT_SIZE, 2,
	 "it sends no messages of a chosen size"},
	{'b', "bidirectional", NULL, "Send both ways at once", TAKE_FLAG, FIELD(both_ways), 0, 0,
	 OPT_BOTH, 2, "it has no direction to double"},
	{KEY_OPEN, "open", "LIST",
	 "With so many connections (names) held beside (default 0; memory: of so many the mean, "
	 "default 100)",
	 TAKE_LIST, FIELD(open), 0, 10000000, OPT_OPEN, 2, "it holds nothing beside"},
	{KEY_THREADS, "threads", "LIST", "With so many threads (default 1)", TAKE_LIST,
	 FIELD(threads), 1, 1024, OPT_THREADS, 2, "it is measured from one thread only"},
	{KEY_NICS, "nics", "LIST", "Over so many NICs (default: 1 up to all)", TAKE_LIST,
	 FIELD(nics), 1, 1024, OPT_NICS, 2, "it uses one NIC only (choose it by -d)"},
	{KEY_COLD, "cold", NULL, "Connections without a kept queue pair only", TAKE_FLAG,
	 FIELD(cold), 0, 0, OPT_COLD, 2, "it does not tell cold connections from warm ones"},
	{KEY_WARM, "warm", NULL, "Connections with a kept queue pair only", TAKE_FLAG, FIELD(warm),
	 0, 0, OPT_COLD, 2, "it does not tell cold connections from warm ones"},
	{KEY_BACKLOG, "backlog", "N", "The backlog of listeners (default 128)", TAKE_INT,
	 FIELD(backlog), 1, 65535, OPT_BACKLOG, 2, "its backlog is of no effect"},
	{KEY_PIN, "pin", "LIST", "Keep the measuring threads on these processors", TAKE_LIST,
	 FIELD(pin), 0, 8191, 0, 2, NULL},

	{KEY_LAYER, "layer", "NAME", "Measure the library at its 'switch' (default) or 'provider'",
	 TAKE_LAYER, 0, 0, 0, 0, 3, NULL},
	{KEY_BESIDE, "beside", "LIST", NULL, TAKE_BESIDE, 0, 0, 0, 0, 3, NULL},

	{'F', "CPU-freq", NULL, "Do not warn about the CPU's frequency governor", TAKE_FLAG,
	 FIELD(no_cpu_warning), 0, 0, 0, 4, NULL},
	{'H', "report-histogram", NULL, "Print the histograms", TAKE_FLAG, FIELD(histogram), 0, 0,
	 0, 4, NULL},
	{'U', "report-unsorted", NULL, "Print all samples as they came (with -H)", TAKE_FLAG,
	 FIELD(unsorted), 0, 0, 0, 4, NULL},
	{KEY_GBITS, "report_gbits", NULL, "Bandwidth in Gb/s, not MiB/s", TAKE_FLAG, FIELD(gbits),
	 0, 0, OPT_GBITS, 4, "it reports no bandwidth"},
	{KEY_JSON, "out_json", NULL, "Print JSON instead of tables", TAKE_FLAG, FIELD(json), 0, 0,
	 0, 4, NULL},
	{KEY_JSON_FILE, "out_json_file", "FILE", "Write JSON to FILE, besides the tables",
	 TAKE_WORD, FIELD(json_file), 0, 0, 0, 4, NULL},
	{KEY_OUTPUT, "output", "WHAT", NULL, TAKE_WORD, FIELD(output), 0, 0, 0, 4, NULL},

	{'h', "help", NULL, "Show this", TAKE_HELP, 0, 0, 0, 0, -1, NULL},
	{'?', NULL, NULL, NULL, TAKE_HELP, 0, 0, 0, 0, -1, NULL},
	{KEY_USAGE, "usage", NULL, "Show the options in short", TAKE_USAGE, 0, 0, 0, 0, -1, NULL},
	{'V', "version", NULL, "Print the version", TAKE_VERSION, 0, 0, 0, 0, -1, NULL},

	/* perftest's that make no sense for any test here */
	{'q', "qp", "N", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "this benchmark has no queue pairs of its own to multiply"},
	{'R', "rdma_cm", NULL, NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "every connection here is made by rdma_cm: leave it out"},
	{'z', "com_rdma_cm", NULL, NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "the ends meet over TCP: leave it out"},
	{'x', "gid-index", "INDEX", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "the GID follows from the IP address: use --address"},
	{'c', "connection", "TYPE", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "sockets have reliable connections (RC) only"},
	{'e', "events", NULL, NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "sockets always wait for events: leave it out"},
	{'m', "mtu", "SIZE", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "rdma_cm chooses the path's MTU: set that of the interface"},
	{'r', "rx-depth", "N", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "the depth of queues is the library's own"},
	{'t', "tx-depth", "N", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "the depth of queues is the library's own"},
	{'I', "inline_size", "SIZE", NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "what is sent inline is the library's own choice"},
	{'C', "report-cycles", NULL, NULL, TAKE_NEVER, 0, 0, 0, OPT_NEVER, 5,
	 "times are in seconds: cycles of a clock that changes say nothing"},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* --- a command line --- */

static bool knows(const struct test *test, const struct option_row *row)
{
	if (row->needs == OPT_TWO_ENDS)
		return test->two_ends;
	return !(row->needs & ~test->options);
}

void options_refuse(const struct parsing *p, const struct option_row *row, const char *why)
{
	if (row->key > ' ' && row->key < 0x7f)
		argp_error(p->state, "-%c (--%s): %s", row->key, row->name, why);
	else
		argp_error(p->state, "--%s: %s", row->name, why);
}

static void unfit(const struct parsing *p, const struct option_row *row)
{
	char why[256];
	bool threads = row->key == 'q' && (p->o->test->options & OPT_THREADS);
	if (row->needs == OPT_NEVER)
		snprintf(why, sizeof(why), "%s%s", row->unfit, threads ? ": use --threads" : "");
	else
		snprintf(why, sizeof(why), "makes no sense for '%s': %s", p->o->test->name,
			 row->unfit);
	options_refuse(p, row, why);
}

static error_t parse_one(int key, char *arg, struct argp_state *state)
{
	struct parsing *p = state->input;

	p->state = state;
	if (key == ARGP_KEY_ARG) {
		if (!p->o->test->two_ends)
			argp_error(state, "'%s' has one end only: no server, so what is '%s'?",
				   p->o->test->name, arg);
		p->o->servers = state->argv + state->next - 1;
		p->o->count = state->argc - state->next + 1;
		state->next = state->argc;
		return 0;
	}
	if (key == ARGP_KEY_END) {
		options_finish(p);
		return 0;
	}
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].key != key)
			continue;
		if (!knows(p->o->test, &rows[i]))
			unfit(p, &rows[i]);
		else
			options_take(p, &rows[i], arg);
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

/* Not shown is what would be refused, or of no effect, whatever its value. */
static bool is_shown(const struct test *test, const struct option_row *row)
{
	char ignored[200];
	if (!knows(test, row))
		return false;
	switch (row->key) {
	case KEY_LAYER:
		return test->options & OPT_PROVIDER;
	case KEY_OUTPUT:
		return options_outputs(test, ignored, sizeof(ignored)) > 0;
	case 'n':
	case KEY_REPEAT:
	case KEY_WARMUP:
		return !test->once;
	default:
		return true;
	}
}

/* Its text in --help: values are those that the test takes. */
static const char *doc_of(const struct test *test, const struct option_row *row)
{
	static char beside[320], outputs[200];
	if (row->key == KEY_BESIDE) {
		options_peers(test, beside, sizeof(beside));
		return beside;
	}
	if (row->key == KEY_OUTPUT && options_outputs(test, outputs, sizeof(outputs)))
		return outputs;
	return row->doc;
}

/* What a test does not know is hidden, not gone: argp would only say "unrecognized". */
static void describe(const struct test *test, struct argp_option *ret)
{
	size_t n = 0;
	for (int group = 1; group <= 5; group++) {
		static const char *const titles[] = {
			"Where:", "How much:", "Who:", "What is printed:"};
		if (group <= 4)
			ret[n++] = (struct argp_option){.doc = titles[group - 1], .group = group};
		for (size_t i = 0; i < ROWS; i++)
			if (rows[i].group == group)
				ret[n++] = (struct argp_option){
					rows[i].name,
					rows[i].key,
					rows[i].arg,
					is_shown(test, &rows[i]) ? 0 : OPTION_HIDDEN,
					doc_of(test, &rows[i]),
					group};
	}
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].group < 0)
			ret[n++] = (struct argp_option){
				rows[i].name, rows[i].key,
				rows[i].arg,  rows[i].name ? 0 : OPTION_ALIAS | OPTION_HIDDEN,
				rows[i].doc,  -1};
	ret[n] = (struct argp_option){0};
}

static void defaults(struct options *o, const struct test *test)
{
	*o = (struct options){
		.test = test,
		.port = DEFAULT_PORT,
		.repeat = 5,
		.warmup = 1,
		.iterations = test->iterations,
		.backlog = 128,
		.open = {1, {(size_t)test->open}},
		.threads = {1, {1}},
	};
	if (test->options & OPT_SIZE)
		o->sizes = (struct list){1, {strcmp(test->name, "bw") ? 64 : 65536}};
}

void options_parse(struct options *o, int argc, char **argv)
{
	static struct argp_option table[ROWS + 8];
	static char name[64], doc[256];
	const struct test *test = argc > 1 ? test_find(argv[1]) : NULL;
	struct parsing p = {.o = o};

	if (!test) {
		fprintf(stderr, "wsd bench: there is no test '%s'\n", argc > 1 ? argv[1] : "");
		exit(2);
	}
	defaults(o, test);
	describe(test, table);
	snprintf(name, sizeof(name), "wsd bench %s", test->name);
	snprintf(doc, sizeof(doc), "%s%s", test->help,
		 test->two_ends ? "\vWithout SERVER it is the server, which takes the measuring "
				  "options from its client."
				: "");
	struct argp argp = {.options = table,
			    .parser = parse_one,
			    .args_doc = test->two_ends ? "[SERVER]" : NULL,
			    .doc = doc};
	argp_err_exit_status = 2; /* BENCH_USAGE */
	argv[1] = name;
	error_t e = argp_parse(&argp, argc - 1, argv + 1, ARGP_NO_HELP, NULL, &p);
	if (e) {
		fprintf(stderr, "wsd bench: %s\n", strerror(e));
		exit(2);
	}
}
