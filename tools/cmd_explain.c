/* SPDX-License-Identifier: MIT
 *
 * cmd_explain.c - `wsd explain`: which way a connection to an address would go from a new process
 * here, and why. It starts the library, as a program would, and connects to nothing.
 */
#include "process.h"
#include "san_connect.h"
#include "san_priv.h"
#include "wsd.h"

#include <argp.h>
#include <arpa/inet.h>
#include <jansson.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct explain {
	bool json, has_from;
	const char *text;
	struct wsd_sockaddr_in to, from;
};

/* As a program would find it: by getaddrinfo, the first IPv4 address. */
static bool resolve(const char *host, struct wsd_sockaddr_in *ret)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list;
	if (!*host || getaddrinfo(host, NULL, &hints, &list))
		return false;
	memcpy(&ret->sin_addr, &((struct sockaddr_in *)(void *)list->ai_addr)->sin_addr,
	       sizeof(ret->sin_addr));
	freeaddrinfo(list);
	return true;
}

/* ADDR or ADDR:PORT, or the name of a host; the port decides nothing. */
static bool parse_name(const char *text, struct wsd_sockaddr_in *ret)
{
	char address[NI_MAXHOST], *end;
	size_t n = strcspn(text, ":");
	if (n >= sizeof(address))
		return false;
	memcpy(address, text, n);
	address[n] = '\0';
	memset(ret, 0, sizeof(*ret));
	ret->sin_family = WSD_AF_INET;
	if (!resolve(address, ret))
		return false;
	if (!text[n])
		return true;
	unsigned long port = strtoul(text + n + 1, &end, 10);
	ret->sin_port = htons((uint16_t)port);
	return text[n + 1] >= '0' && text[n + 1] <= '9' && !*end && port && port <= 65535;
}

/* What the table says: the row by which it would go, if it is a SAN's. */
static int print(const struct explain *e, enum sw_reason reason, const struct subnets_row *row)
{
	char local[INET_ADDRSTRLEN] = "";
	const char *provider = row ? row->provider->label : "";
	if (row)
		inet_ntop(AF_INET, &row->addr_be, local, sizeof(local));
	if (!e->json) {
		if (row)
			printf("%s: SAN, by provider %s from %s; over TCP/IP after all if nobody "
			       "there "
			       "answers\n",
			       e->text, provider, local);
		else
			printf("%s: TCP/IP (%s): %s\n", e->text, sw_reason_code(reason),
			       sw_reason_text(reason));
		return 0;
	}
	json_t *all = row ? json_pack("{s:i, s:s, s:s, s:s, s:s}", "schema", 1, "to", e->text,
				      "transport", "SAN", "provider", provider, "from", local)
			  : json_pack("{s:i, s:s, s:s, s:s, s:s}", "schema", 1, "to", e->text,
				      "transport", "TCP/IP", "reason", sw_reason_code(reason),
				      "why", sw_reason_text(reason));
	int r = !all || json_dumpf(all, stdout, JSON_INDENT(2)) ? -1 : 0;
	putchar('\n');
	json_decref(all);
	return r;
}

static int explain(const struct explain *e)
{
	WSADATA data;
	int code = sw_startup(0x0202, &data);
	struct sw_process *p = code ? NULL : sw_enter();
	if (!p) {
		wsd_complain("the library does not start: code %d", code);
		return -1;
	}
	uint32_t from_be = e->has_from ? e->from.sin_addr.s_addr : 0;
	enum sw_reason reason = san_explain(p->san, e->has_from ? &e->from : NULL, &e->to);
	struct subnets *view = san_view(p->san);
	const struct subnets_row *row =
		reason == SW_REASON_NONE ? subnets_route(view, e->to.sin_addr.s_addr, from_be)
					 : NULL;
	int r = print(e, reason, row);
	subnets_put(view);
	sw_leave(p);
	sw_cleanup();
	return r;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct explain *e = state->input;
	switch (key) {
	case 'j':
		e->json = true;
		return 0;
	case 'f':
		if (!parse_name(arg, &e->from))
			argp_error(state, "'%s' is no IPv4 address or host", arg);
		e->has_from = true;
		return 0;
	case ARGP_KEY_ARG:
		if (e->text)
			argp_error(state, "too many arguments");
		if (!parse_name(arg, &e->to))
			argp_error(state, "'%s' is no IPv4 address or host, with or without a port",
				   arg);
		e->text = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "to which address?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_explain(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"from", 'f', "ADDR", 0, "The socket is bound to this address", 0},
		{"json", 'j', NULL, 0, "For programs: one JSON object", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "ADDR[:PORT]",
		.doc = "Says which way a connection to an address would go from here, SAN or "
		       "TCP/IP, "
		       "and why; it connects to nothing.\v"
		       "What only the attempt can tell is left open: whether somebody at ADDR "
		       "speaks "
		       "for the port on the SAN, and what a running program remembers of hosts "
		       "that "
		       "did not answer (wsd sockets shows what it decided).",
	};
	struct explain e = {0};
	int r = wsd_parse(&argp, argc, argv, &e);
	return r || explain(&e) ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
