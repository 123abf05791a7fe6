/* SPDX-License-Identifier: MIT
 *
 * wsd-matrix, the program behind `wsd matrix`: measures the tables of who may share a port, as a
 * Winsock program of two processes.
 */
#include "cells.h"
#include "measure.h"
#include "output.h"

#include "conf.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EXIT_AGREES, EXIT_DIFFERS, EXIT_WRONG };
enum { KEY_USER = 0x100, KEY_ADDRESS };

const char *argp_program_version = "wsd matrix (wsdirect) " WSD_VERSION;

struct arguments {
	long user_b; /* -1: not asked for */
	const char *address;
	enum form { AS_TEXT, AS_SVG, AS_JSON, FORMS } form;
};

static void read_user(struct arguments *a, const char *arg, struct argp_state *state)
{
	char *end;
	a->user_b = strtol(arg, &end, 10);
	if (end == arg || *end || a->user_b < 0 || a->user_b > 0xfffffffeL)
		argp_error(state, "--user-b: '%s' is no user number", arg);
	if ((uid_t)a->user_b == geteuid())
		argp_error(state, "--user-b: %s is who you are: name another user", arg);
	if (geteuid() != 0)
		argp_error(state, "--user-b: only root may be another user");
}

static void read_form(struct arguments *a, const char *arg, struct argp_state *state)
{
	static const char *const names[FORMS] = {"text", "svg", "json"};
	for (a->form = 0; a->form < FORMS; a->form++)
		if (!strcmp(arg, names[a->form]))
			return;
	argp_error(state, "there is no format '%s': text, svg and json are", arg);
}

/* As the kernel sees it; anything else would only measure that it is not. */
static bool is_ours(struct in_addr address)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = address};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ours = fd >= 0 && !IN_MULTICAST(ntohl(address.s_addr)) &&
		    bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;
	if (fd >= 0)
		close(fd);
	/* it lets a broadcast address be bound, too; to send there takes leave */
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	in.sin_port = htons(9);
	bool broadcast =
		fd >= 0 && connect(fd, (struct sockaddr *)&in, sizeof(in)) && errno == EACCES;
	if (fd >= 0)
		close(fd);
	return ours && !broadcast;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;
	struct in_addr address;
	switch (key) {
	case KEY_USER:
		read_user(a, arg, state);
		return 0;
	case 'f':
		read_form(a, arg, state);
		return 0;
	case KEY_ADDRESS:
		if (inet_pton(AF_INET, arg, &address) != 1 || !address.s_addr)
			argp_error(state, "'%s' is no address of IPv4", arg);
		else if (!is_ours(address))
			argp_error(state, "'%s' is no address of this host", arg);
		a->address = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "too many arguments");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{"user-b", KEY_USER, "UID", 0, "Measure as well with a second process of this user (root)",
	 0},
	{"format", 'f', "FORMAT", 0, "text (as usual), svg or json", 0},
	{"address", KEY_ADDRESS, "ADDRESS", 0, "The specific address (127.0.0.1)", 0},
	{0},
};
static const struct argp argp = {
	.options = options,
	.parser = parse,
	.doc = "Measures who may share a port: sockets with and without SO_REUSEADDR and "
	       "SO_EXCLUSIVEADDRUSE, bound to the wildcard and to an address, the second in "
	       "another "
	       "process. Beside it Microsoft's tables, and what Wine answers; what differs is "
	       "marked.\v"
	       "With the configuration reuse = legacy the table of before Windows Server 2003 is "
	       "measured.\n\n"
	       "Exit status: 0 all is as in Microsoft's table, 1 something is not or could not be "
	       "measured, 2 wrong usage."};

static bool is_legacy(void)
{
	struct conf *conf;
	if (conf_load(&conf))
		return false;
	const char *value = conf_get(conf, "reuse");
	bool legacy = value && !strcmp(value, "legacy");
	conf_free(conf);
	return legacy;
}

/* Both children before this process has anything of the library. */
static int measure_all(const struct arguments *a, struct matrix *m)
{
	bool legacy = is_legacy();
	int count = a->user_b >= 0 ? 2 : 1;
	struct second *second[2] = {NULL, NULL};
	for (int i = 0; i < count; i++) {
		m[i].table = legacy ? MATRIX_LEGACY : i ? MATRIX_OTHER_USER : MATRIX_SAME_USER;
		m[i].user_b = i ? a->user_b : -1;
		snprintf(m[i].address, sizeof(m[i].address), "%s", a->address);
		second[i] = second_start(m[i].user_b, m[i].why, sizeof(m[i].why));
	}
	int code = cells_start();
	for (int i = 0; i < count; i++) {
		char name[24];
		if (code)
			snprintf(m[i].why, sizeof(m[i].why), "WSAStartup: %s",
				 matrix_word(code, name));
		measure(&m[i], second[i]);
	}
	if (!code)
		cells_stop();
	for (int i = count - 1; i >= 0;
	     i--) /* the later has a copy of the earlier one's connection */
		second_end(second[i]);
	return count;
}

int main(int argc, char **argv)
{
	static struct matrix m[2];
	struct arguments a = {.user_b = -1, .address = "127.0.0.1"};
	int left = 0;
	output_watch("wsd matrix");
	argp_err_exit_status = EXIT_WRONG;
	if (argp_parse(&argp, argc, argv, 0, NULL, &a))
		return EXIT_WRONG;
	int count = measure_all(&a, m);
	if (a.form == AS_TEXT)
		matrix_text(stdout, m, count);
	else if (a.form == AS_SVG)
		matrix_svg(stdout, m, count);
	else if (matrix_json(stdout, m, count))
		return EXIT_DIFFERS;
	for (int i = 0; i < count; i++) {
		struct matrix_sums s = matrix_sum(&m[i]);
		left += s.cells - s.as_microsoft;
		if (m[i].why[0])
			fprintf(stderr, "wsd matrix: not measured: %s\n", m[i].why);
	}
	return left ? EXIT_DIFFERS : EXIT_AGREES;
}
