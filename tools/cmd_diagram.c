/* SPDX-License-Identifier: MIT
 *
 * cmd_diagram.c - `wsd diagram`: a sequence diagram of traces. No state.
 */
#include "diagram.h"
#include "wsd.h"

#include <argp.h>

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct diagram_job *a = state->input;
	switch (key) {
	case 'o':
		a->output = arg;
		return 0;
	case 't':
		a->title = arg;
		return 0;
	case 'a':
		a->all = true;
		return 0;
	case ARGP_KEY_ARGS:
		a->traces = state->argv + state->next;
		a->count = state->argc - state->next;
		return 0;
	case ARGP_KEY_END:
		if (!a->count)
			argp_error(state, "which trace?");
		if (!a->output || !diagram_can_write(a->output))
			argp_error(state, "-o FILE with the ending .svg or .html is needed");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_diagram(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"output", 'o', "FILE", 0, "Draw into FILE: .svg, or .html, which can be searched",
		 0},
		{"all", 'a', NULL, 0, "Also what is called inside of WSAStartup and WSACleanup", 0},
		{"title", 't', "TEXT", 0, "What stands above it", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "TRACE.jsonl...",
		.doc = "Draws what programs, the switch and the providers called, as "
		       "WSD_TRACE_JSON has "
		       "written it; - is standard input.\v"
		       "Exit status 1 when FILE cannot be written, 2 when a trace has no record.",
	};
	struct diagram_job a = {.program = "wsd diagram"};
	int r = wsd_parse(&argp, argc, argv, &a);
	return r ? r : diagram_make(&a);
}
