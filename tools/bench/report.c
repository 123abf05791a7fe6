/* SPDX-License-Identifier: MIT
 *
 * report.c - `wsd bench report`: reads results, and writes what report_FORMAT.c makes of them. No
 * state but argp's.
 */
#include "report.h"

#include "bench.h"
#include "whole.h"

#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct format {
	const char *name; /* and the ending */
	void (*write)(FILE *f, const struct report *r);
} formats[] = {{"html", report_html}, {"svg", report_svg}, {"md", report_md}};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

struct asked {
	const char *output; /* "-": standard output */
	const struct format *format;
	const char *files[RUNS_MAX];
	int count;
};

static const struct format *format_of(const char *name)
{
	for (int i = 0; i < FORMATS; i++)
		if (!strcmp(formats[i].name, name))
			return &formats[i];
	return NULL;
}

/* By the ending of what is to be written, where no format is given. */
static void settle(struct asked *a, struct argp_state *state)
{
	if (!a->count)
		argp_error(state, "which results? Name the files that --out_json_file wrote");
	if (!a->output && !a->format)
		argp_error(state, "where to? -o FILE with the ending .html, .svg or .md");
	if (!a->output)
		a->output = "-";
	if (a->format)
		return;
	if (!strcmp(a->output, "-"))
		argp_error(state, "-o - needs --format html, svg or md");
	const char *name = strrchr(a->output, '/'), *dot = strrchr(name ? name : a->output, '.');
	a->format = dot ? format_of(dot + 1) : NULL;
	if (!a->format)
		argp_error(state,
			   "'%s' has none of the endings .html, .svg and .md (or give --format)",
			   a->output);
}

static error_t take(int key, char *arg, struct argp_state *state)
{
	struct asked *a = state->input;
	switch (key) {
	case 'o':
		if (!*arg)
			argp_error(state, "-o needs the name of a file, or -");
		a->output = arg;
		return 0;
	case 'f':
		a->format = format_of(arg);
		if (!a->format)
			argp_error(state, "there is no format '%s': html, svg and md are", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (a->count == RUNS_MAX)
			argp_error(state, "more than %d results", RUNS_MAX);
		a->files[a->count++] = arg;
		return 0;
	case ARGP_KEY_END:
		settle(a, state);
		return 0;
	case 'h':
	case '?':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		return 0;
	case 'V':
		bench_version();
		exit(BENCH_OK);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* ---- reading ---- */

static bool measured_something(const struct results *r)
{
	for (int i = 0; i < r->figure_count; i++)
		if (r->figures[i].stats.n)
			return true;
	return false;
}

static struct results *read_one(const char *file)
{
	char why[400] = "";
	struct results *r = results_read(file, why, sizeof(why));
	if (!r) {
		bool named = !strncmp(why, file, strlen(file));
		bench_complain("%s%s%s", named ? "" : file, named ? "" : ": ", why);
		return NULL;
	}
	if (results_close(r)) {
		bench_complain("%s: %s", file, strerror(ENOMEM));
	} else if (!measured_something(r)) {
		bench_complain("%s: nothing was measured%s%s", file, *r->stopped ? ": " : "",
			       r->stopped);
	} else {
		return r;
	}
	results_free(r);
	return NULL;
}

/* ---- writing ---- */

static int write_report(const struct asked *a, const struct report *r)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	if (!f)
		return -errno;
	a->format->write(f, r);
	int err = ferror(f) ? -ENOMEM : 0;
	if (fclose(f))
		err = -ENOMEM;
	if (!err)
		err = strcmp(a->output, "-") != 0 ? whole_write(a->output, text, size)
						  : whole_print(stdout, text, size);
	free(text);
	return err;
}

static int report(const struct asked *a, struct report *r)
{
	struct results *read[RUNS_MAX];
	int err = 0, n = 0;
	for (int i = 0; i < a->count; i++) { /* all, so that each that is wrong is named */
		struct results *one = read_one(a->files[i]);
		if (!one)
			continue;
		read[n] = one;
		r->runs[n++] = (struct report_run){.results = one, .file = a->files[i]};
	}
	r->run_count = n;
	bool complete = n == a->count;
	if (complete)
		err = report_plan(r);
	if (complete && !err)
		err = write_report(a, r);
	if (err)
		bench_complain("%s: %s", a->output, strerror(-err));
	report_free(r);
	while (n)
		results_free(read[--n]);
	return complete && !err ? BENCH_OK : BENCH_FAIL;
}

int bench_report(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"output", 'o', "FILE", 0,
		 "Write to FILE; its ending, .html, .svg or .md, tells the format", 1},
		{"format", 'f', "FORMAT", 0,
		 "html, svg or md, whatever the ending; without -o to standard output", 1},
		{"help", 'h', NULL, 0, "Show this", -1},
		{NULL, '?', NULL, OPTION_ALIAS | OPTION_HIDDEN, NULL, -1},
		{"version", 'V', NULL, 0, "Print the version", -1},
		{0},
	};
	static const struct argp argp = {.options = options,
					 .parser = take,
					 .args_doc = "FILE...",
					 .doc = "Draws the results of runs (--out_json_file of a "
						"test), several side by side."};
	struct asked a = {0};
	struct report *r = calloc(1, sizeof(*r));
	argp_err_exit_status = BENCH_USAGE;
	if (!r || argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &a)) {
		bench_complain("%s", strerror(ENOMEM));
		free(r);
		return BENCH_FAIL;
	}
	int status = report(&a, r);
	free(r);
	return status;
}
