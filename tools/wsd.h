/* SPDX-License-Identifier: MIT
 *
 * What the subcommands of `wsd` share. A new one is a file cmd_NAME.c with one function, a line
 * here, a row of the table in wsd.c and a file name in meson.build.
 */
#ifndef WSD_TOOLS_WSD_H
#define WSD_TOOLS_WSD_H

#include <stdbool.h>

/* Exit statuses: 0 done, 1 the answer is no or something failed, 2 wrong usage. */
enum { WSD_EXIT_OK, WSD_EXIT_FAIL, WSD_EXIT_USAGE };

struct wsd_command {
	const char *name;
	const char *help; /* one line of `wsd --help` */
	int (*run)(int argc,
		   char **argv); /* argv[0] is "wsd NAME": for argp_parse(); the exit status */
};

int cmd_nics(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_names(int argc, char **argv);
int cmd_ports(int argc, char **argv);
int cmd_sockets(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_decode(int argc, char **argv);
int cmd_broker(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_diagram(int argc, char **argv);
int cmd_matrix(int argc, char **argv);
int cmd_trace(int argc, char **argv);

/* argp_parse() for a subcommand: wrong usage ends the program with WSD_EXIT_USAGE. 0 if all is
 * well. */
struct argp;
struct argp_state;
int wsd_parse(const struct argp *argp, int argc, char **argv, void *input);

/* The parser of a subcommand that has switches only: @input of wsd_parse is an array of them that
 * ends with {0}. */
struct wsd_switch {
	int key;
	bool *set;
};
int wsd_parse_switch(int key, char *arg, struct argp_state *state);

/* conf_load(); what cannot be read is complained about. */
struct conf;
int wsd_conf_load(struct conf **ret_conf);

/* Says "wsd: ..." on stderr. */
__attribute__((format(printf, 1, 2))) void wsd_complain(const char *format, ...);

/* Goes on as @program (below the build folder's tools, or in libexec/wsdirect); the exit status if
 * that fails, which is complained about. */
int wsd_become(const char *program, char **argv);

#endif
