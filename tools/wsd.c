/* SPDX-License-Identifier: MIT
 *
 * wsd.c - the command line: finds the subcommand in the table and hands it the rest. No state.
 */
#include "output.h"
#include "wsd.h"

#include "conf.h"

#include <argp.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *argp_program_version = "wsd (wsdirect) " WSD_VERSION;
error_t argp_err_exit_status = WSD_EXIT_USAGE;

static const struct wsd_command commands[] = {
	{"nics", "RDMA ports, their addresses, what the switch would use", cmd_nics},
	{"check", "is this machine ready? One line each, with the remedy", cmd_check},
	{"sockets", "the connections of running programs: SAN or TCP/IP, and why", cmd_sockets},
	{"names", "who holds which name on this host", cmd_names},
	{"ports", "the dynamic port ranges: show, set", cmd_ports},
	{"explain", "SAN or TCP/IP: which way a connection would go, and why", cmd_explain},
	{"decode", "the messages of sessions in words: captures, traces", cmd_decode},
	{"bench",
	 "what bind, listen, connections and data cost, beside raw librdmacm, rsockets, TCP",
	 cmd_bench},
	{"run", "play scenarios: what the switch does in them, call by call", cmd_run},
	{"diagram", "draw traces: who called whom, and with what result", cmd_diagram},
	{"matrix", "who may share a port: measured, beside Microsoft's tables and Wine",
	 cmd_matrix},
	{"trace", "watch the calls of a program that runs, or start one", cmd_trace},
	{"broker", "keep the names of this host, in the foreground", cmd_broker},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

struct choice {
	int argc;
	char **argv;
	const struct wsd_command *command;
};

static const struct wsd_command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static error_t parse_choice(int key, char *arg, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_ARG:
		choice->command = find_command(arg);
		if (!choice->command)
			argp_error(state, "there is no command '%s'", arg);
		/* the rest is the subcommand's, options included */
		choice->argc = state->argc - state->next + 1;
		choice->argv = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The list of commands stands after the options in --help. */
static char *list_commands(int key, const char *text, void *input)
{
	char *list;
	size_t size;
	FILE *f;

	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)(uintptr_t)text;
	f = open_memstream(&list, &size);
	if (!f)
		return NULL;
	fputs("Commands:\n", f);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n`wsd COMMAND --help` tells more of each.", f);
	return fclose(f) ? NULL : list;
}

int wsd_parse(const struct argp *argp, int argc, char **argv, void *input)
{
	error_t e = argp_parse(argp, argc, argv, 0, NULL, input);

	if (e)
		wsd_complain("%s", strerror(e));
	return e ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}

int wsd_parse_switch(int key, char *arg, struct argp_state *state)
{
	if (key == ARGP_KEY_ARG)
		argp_error(state, "too many arguments");
	for (const struct wsd_switch *s = state->input; s && s->key; s++)
		if (s->key == key) {
			*s->set = true;
			return 0;
		}
	return ARGP_ERR_UNKNOWN;
}

int wsd_conf_load(struct conf **ret_conf)
{
	int r = conf_load(ret_conf);

	if (r)
		wsd_complain("cannot read the configuration %s: %s", conf_file(),
			     r == -EINVAL ? "it is no file" : strerror(-r));
	return r;
}

void wsd_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("wsd: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = parse_choice,
		.args_doc = "COMMAND [OPTION...]",
		.doc = "Windows Sockets Direct on Linux: look at it.\v",
		.help_filter = list_commands,
	};
	struct choice choice = {0};
	static char help[] = "--help";
	char name[64];

	output_watch("wsd");
	/* argp knows -? only; our scripts, and everybody's fingers, say -h */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (!strcmp(argv[i], "-h"))
			argv[i] = help;
	/* in order, so that options after the command are not taken here */
	if (argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice))
		return WSD_EXIT_FAIL;
	snprintf(name, sizeof(name), "wsd %s", choice.command->name);
	choice.argv[0] = name;
	return choice.command->run(choice.argc, choice.argv);
}
