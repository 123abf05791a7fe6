/* SPDX-License-Identifier: MIT
 *
 * main.c - wsd-bench, which `wsd bench` runs: a test, or one of the verbs that work on results. No
 * state.
 */
#include "bench.h"

#include "output.h"
#include "role.h"
#include "run.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct verb {
	const char *name, *help;
	int (*run)(int argc, char **argv); /* argv[0] is "wsd bench NAME" */
} verbs[] = {
	{"compare", "Two results: which figures moved, and is one worse", bench_compare},
	{"report", "Draws results: HTML, SVG or Markdown, several runs side by side", bench_report},
	{NULL, NULL, NULL},
};

static int usage(FILE *f)
{
	fputs("Usage: wsd bench TEST [OPTION...] [SERVER]\n"
	      "Measures bind, listen, connection set-up and data, beside raw librdmacm, rsockets "
	      "and "
	      "kernel TCP.\n\nTests:\n",
	      f);
	for (int i = 0; test_at(i); i++)
		fprintf(f, "  %-10s %s\n", test_at(i)->name, test_at(i)->help);
	fputs("\nWhat to do with results:\n", f);
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(f, "  %-10s %s\n", v->name, v->help);
	fputs("\n`wsd bench TEST --help` tells more of each.\n", f);
	return f == stdout ? BENCH_OK : BENCH_USAGE;
}

/* Of those that were closed none becomes a descriptor of the run's own: printing fails instead. */
static void fill_standard(void)
{
	int fd;
	while ((fd = open("/dev/null", O_RDONLY)) >= 0 && fd <= STDERR_FILENO)
		;
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	static char name[64];
	fill_standard();
	output_watch("wsd bench");
	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "-?"))
		return usage(stdout);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		bench_version();
		return BENCH_OK;
	}
	if (!strcmp(argv[1], "--role"))
		return role_main(argc, argv);
	snprintf(name, sizeof(name), "wsd bench %s", argv[1]);
	for (const struct verb *v = verbs; v->name; v++)
		if (!strcmp(v->name, argv[1])) {
			argv[1] = name;
			return v->run(argc - 1, argv + 1);
		}
	const struct test *test = test_find(argv[1]);
	if (!test) {
		fprintf(stderr, "wsd bench: there is no test '%s'\n", argv[1]);
		return usage(stderr);
	}
	return bench_test(test, argc, argv);
}
