/* SPDX-License-Identifier: MIT
 *
 * Parses a command line of wsd bench as the program does, with tests and contenders of its own, and
 * prints what it understood: for test_bench_options.
 */
#include "contender.h"
#include "options.h"
#include "run.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const struct name_ops some_names;
static const struct conn_ops some_conns;
static const struct contender contenders[] = {
	{.name = "switch", .names = &some_names, .conns = &some_conns},
	{.name = "provider", .names = &some_names, .conns = &some_conns},
	{.name = "raw", .names = &some_names, .conns = &some_conns},
	{.name = "raw-cm", .conns = &some_conns},
	{.name = "tcp", .names = &some_names, .conns = &some_conns},
};

const struct contender *contender_at(int i)
{
	return i >= 0 && i < 5 ? &contenders[i] : NULL;
}

const struct contender *contender_find(const char *name)
{
	for (int i = 0; i < 5; i++)
		if (!strcmp(contenders[i].name, name))
			return &contenders[i];
	return NULL;
}

static bool takes_tcp(const struct contender *who)
{
	return !strcmp(who->name, "tcp") || !strcmp(who->name, "switch");
}

static const struct figure_kind times[] = {{"cycle", "a cycle", "ns", false}, {NULL}};
static const struct figure_kind flows[] = {{"bw", "bandwidth", "bytes_per_s", true}, {NULL}};
static const struct figure_kind sizes[] = {{"pinned", "memory", "bytes", false}, {NULL}};
static const struct test tests[] = {
	{.name = "names", .help = "one end, nothing to choose", .iterations = 100, .kinds = times},
	{.name = "lat",
	 .help = "two ends",
	 .two_ends = true,
	 .iterations = 1000,
	 .kinds = times,
	 .options = OPT_SIZE | OPT_OPEN | OPT_COLD | OPT_DURATION | OPT_BACKLOG | OPT_PROVIDER},
	{.name = "bw",
	 .help = "flows",
	 .two_ends = true,
	 .iterations = 10,
	 .kinds = flows,
	 .options = OPT_SIZE | OPT_BOTH | OPT_THREADS | OPT_DURATION | OPT_GBITS | OPT_PROVIDER},
	{.name = "wide",
	 .help = "NICs",
	 .iterations = 10,
	 .kinds = times,
	 .options = OPT_NICS,
	 .takes = takes_tcp},
	{.name = "still",
	 .help = "measured once",
	 .two_ends = true,
	 .iterations = 1,
	 .open = 100,
	 .once = true,
	 .kinds = sizes,
	 .options = OPT_OPEN | OPT_PROVIDER},
};
enum { TESTS = sizeof(tests) / sizeof(tests[0]) };

const struct test *test_find(const char *name)
{
	for (int i = 0; i < TESTS; i++)
		if (!strcmp(tests[i].name, name))
			return &tests[i];
	return NULL;
}

int main(int argc, char **argv)
{
	struct options o;
	char why[256];

	options_parse(&o, argc, argv);
	if (getenv("PLACE") && options_place(&o, why, sizeof(why))) {
		printf("no place: %s\n", why);
		return 1;
	}
	json_t *j = options_to_json(&o);
	json_dumpf(j, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(j);
	printf(" port=%u here=%d count=%d%s%s%s%s%s%s%s\n", o.port, o.here, o.count,
	       o.cold ? " cold" : "", o.warm ? " warm" : "", o.histogram ? " histogram" : "",
	       o.unsorted ? " unsorted" : "", o.gbits ? " gbits" : "", o.json ? " json" : "",
	       o.no_cpu_warning ? " F" : "");
	return 0;
}
