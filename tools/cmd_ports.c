/* SPDX-License-Identifier: MIT
 *
 * cmd_ports.c - `wsd ports show | set`: the dynamic port ranges, as netsh shows and sets them
 * [WS-PORT-3]. A change holds at once for every process of this network namespace.
 */
#include "book.h"
#include "conf.h"
#include "wsd.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ports_options {
	const char *verb;
	int proto; /* -1: not given */
	struct names_range range;
	bool json;
};

/* "start=49152"; false: not that, or not a number, or 0, or not the first of them */
static bool parse_number(const char *arg, const char *key, uint32_t *ret)
{
	size_t len = strlen(key);
	char *end;

	if (strncmp(arg, key, len) != 0 || arg[len] != '=')
		return false;
	errno = 0;
	unsigned long value = strtoul(arg + len + 1, &end, 10);
	if (errno || end == arg + len + 1 || *end || value > UINT32_MAX || arg[len + 1] == '-')
		return false;
	if (*ret || !value)
		return false;
	*ret = (uint32_t)value;
	return true;
}

static int find_proto(const char *word)
{
	for (int p = 0; p < NAMES_PROTO_COUNT; p++)
		if (strcmp(book_proto_name[p], word) == 0)
			return p;
	return -1;
}

static error_t parse_word(struct ports_options *o, char *arg, struct argp_state *state)
{
	if (!o->verb) {
		o->verb = arg;
		if (strcmp(arg, "show") != 0 && strcmp(arg, "set") != 0)
			argp_error(state, "'%s' is neither show nor set", arg);
		return 0;
	}
	if (strcmp(o->verb, "set") == 0 && o->proto < 0) {
		o->proto = find_proto(arg);
		if (o->proto < 0)
			argp_error(state, "'%s' is none of tcp4, tcp6, udp4, udp6", arg);
		return 0;
	}
	if (strcmp(o->verb, "set") != 0 || (!parse_number(arg, "start", &o->range.start) &&
					    !parse_number(arg, "num", &o->range.count)))
		argp_error(state, "'%s' is out of place", arg);
	return 0;
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct ports_options *o = state->input;

	switch (key) {
	case 'j':
		o->json = true;
		return 0;
	case ARGP_KEY_ARG:
		return parse_word(o, arg, state);
	case ARGP_KEY_END:
		if (!o->verb)
			argp_error(state, "show or set?");
		else if (strcmp(o->verb, "set") == 0 &&
			 (o->proto < 0 || !o->range.start || !o->range.count))
			argp_error(state, "set needs a protocol, start=PORT and num=COUNT");
		else if (strcmp(o->verb, "set") == 0 && o->json)
			argp_error(state, "--json is for show");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int print_ranges(const struct names_range range[NAMES_PROTO_COUNT], bool kept, bool json)
{
	if (!json) {
		printf("%-10s %-10s %s\n", "PROTOCOL", "START", "NUMBER OF PORTS");
		for (int p = 0; p < NAMES_PROTO_COUNT; p++)
			printf("%-10s %-10u %u\n", book_proto_name[p], range[p].start,
			       range[p].count);
		if (!kept)
			puts("(of the configuration: no process keeps names on this host now)");
		return 0;
	}
	json_t *all = json_pack("{s:i, s:b}", "schema", 1, "kept", kept);
	for (int p = 0; all && p < NAMES_PROTO_COUNT; p++)
		if (json_object_set_new(all, book_proto_name[p],
					json_pack("{s:i, s:i}", "start", (int)range[p].start, "num",
						  (int)range[p].count))) {
			json_decref(all);
			all = NULL;
		}
	if (!all)
		return -ENOMEM;
	int r = json_dumpf(all, stdout, JSON_INDENT(2)) ? -EIO : 0;
	putchar('\n');
	json_decref(all);
	return r;
}

static int show(const struct book_handle *b, bool json)
{
	struct names_range range[NAMES_PROTO_COUNT];
	int r = names_ports_get(b->names, range);

	if (r == -ENOENT)
		return print_ranges(b->range, false, json);
	return r ? r : print_ranges(range, true, json);
}

static int set(const struct book_handle *b, const struct ports_options *o)
{
	int r = names_ports_set(b->names, (enum names_proto)o->proto, o->range);

	if (r == -EINVAL)
		wsd_complain("start=%u num=%u is no legal range: at least 255 ports, start at "
			     "least 1025, "
			     "start + num at most 65536; nothing has changed",
			     o->range.start, o->range.count);
	else if (r == -ENOENT)
		wsd_complain("%s, so there is nothing to change; for those to come put "
			     "`dynamicport.%s = "
			     "%u,%u` into %s",
			     book_error(r), book_proto_name[o->proto], o->range.start,
			     o->range.count, conf_file());
	else if (r)
		wsd_complain("cannot set the range: %s", book_error(r));
	return r;
}

int cmd_ports(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "With show, for programs: one JSON object", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse_option,
		.args_doc = "show\nset tcp4|tcp6|udp4|udp6 start=PORT num=COUNT",
		.doc = "Shows or sets the ranges from which port 0 is served.\v"
		       "A range has at least 255 ports, starts at 1025 or above and ends at 65535 "
		       "or below. "
		       "A change holds at once for every process, and as long as any process "
		       "holds names or wsd broker runs; root and "
		       "the user of the process that keeps the names may make it.",
	};
	struct ports_options o = {.proto = -1};
	struct book_handle b = {0};
	int r = wsd_parse(&argp, argc, argv, &o);

	if (r)
		return r;
	if (book_handle_open(true, &b))
		return WSD_EXIT_FAIL;
	if (strcmp(o.verb, "set") == 0) {
		r = set(&b, &o);
	} else {
		r = show(&b, o.json);
		if (r)
			wsd_complain("cannot show the ranges: %s", book_error(r));
	}
	book_handle_close(&b);
	return r ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
