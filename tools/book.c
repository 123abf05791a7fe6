/* SPDX-License-Identifier: MIT
 *
 * book.c - opens the book of names for a subcommand. No state.
 */
#include "book.h"
#include "conf.h"
#include "ports.h"
#include "settings.h"
#include "wsd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const book_proto_name[NAMES_PROTO_COUNT] = {
	[NAMES_TCP4] = "tcp4",
	[NAMES_TCP6] = "tcp6",
	[NAMES_UDP4] = "udp4",
	[NAMES_UDP6] = "udp6",
};

/* Nothing is held through the tool, so nobody is ever told anything. */
static void no_takeover(void *ctx, uint64_t id, uint64_t cookie)
{
}

static void no_shadow(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4],
		      size_t count)
{
}

static const struct names_ops no_ops = {no_takeover, no_shadow, no_takeover};

int book_handle_open(bool guest, struct book_handle *ret)
{
	struct names_config cfg;
	int r = wsd_conf_load(&ret->conf);

	if (r)
		return r;
	settings_names(ret->conf, &cfg);
	cfg.guest = guest;
	ports_defaults(&cfg, ret->range);
	r = names_open(&cfg, &no_ops, NULL, &ret->names);
	if (r) {
		wsd_complain("cannot open the book of names: %s", strerror(-r));
		conf_free(ret->conf);
		return r;
	}
	snprintf(ret->name, sizeof(ret->name), "%s", names_book_name(ret->names));
	return 0;
}

void book_handle_close(struct book_handle *b)
{
	names_close(b->names);
	conf_free(b->conf);
}

const char *book_error(int error)
{
	switch (-error) {
	case ENOENT:
		return "no process keeps names on this host now";
	case EPROTO:
		return "the process that keeps the names is of another version of wsdirect";
	case ETIMEDOUT:
		return "the processes that keep the names do not answer; are they stopped?";
	case EACCES:
		return "only root and the user of the process that keeps the names may do this";
	default:
		return strerror(-error);
	}
}
