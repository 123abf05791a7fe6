/* SPDX-License-Identifier: MIT
 *
 * cmd_names.c - `wsd names`: who holds which name in this network namespace. Looks only: holds
 * nothing, keeps nothing, and works while the keeper of the names is stopped.
 */
#include "book.h"
#include "wsd.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

static const char *const option_name[NAMES_MODE_COUNT] = {
	[NAMES_DEFAULT] = "default",
	[NAMES_REUSE] = "reuse",
	[NAMES_EXCLUSIVE] = "exclusive",
};

static bool is_v6(const struct names_entry *e)
{
	return e->proto == NAMES_TCP6 || e->proto == NAMES_UDP6;
}

/* "10.77.0.1", "fe80::1%san0" */
static void addr_text(const struct names_entry *e, char *buf, size_t size)
{
	char ip[INET6_ADDRSTRLEN], ifname[IF_NAMESIZE];

	inet_ntop(is_v6(e) ? AF_INET6 : AF_INET, e->addr, ip, sizeof(ip));
	if (e->scope && if_indextoname(e->scope, ifname))
		snprintf(buf, size, "%s%%%s", ip, ifname);
	else if (e->scope)
		snprintf(buf, size, "%s%%%u", ip, e->scope);
	else
		snprintf(buf, size, "%s", ip);
}

static void user_text(uid_t uid, char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw)
		snprintf(buf, size, "%s", pw->pw_name);
	else
		snprintf(buf, size, "%u", (unsigned)uid);
}

/* A process says its name itself: nothing of it may reach the terminal as anything but text. */
static void comm_text(const struct names_entry *e, char buf[sizeof(e->comm)])
{
	memcpy(buf, e->comm, sizeof(e->comm));
	for (char *c = buf; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

#define ROW "%-5s %-32s %-23s %-10s %-10s %-5s %s\n"

static void print_entry(void *arg, const struct names_entry *e)
{
	char addr[80], name[96], comm[sizeof(e->comm)], process[48], user[32];
	char rank[16] = "-", companions[16] = "-";
	bool *any = arg;

	if (!*any)
		printf(ROW, "PROTO", "NAME", "PROCESS", "USER", "OPTION", "RANK", "COMPANIONS");
	*any = true;
	addr_text(e, addr, sizeof(addr));
	snprintf(name, sizeof(name), is_v6(e) ? "[%s]:%u%s%s" : "%s:%u%s%s", addr, e->port,
		 e->dual ? " dual" : "", e->deferred ? " waiting" : "");
	comm_text(e, comm);
	if (e->pid)
		snprintf(process, sizeof(process), "%d %s", (int)e->pid, comm);
	else
		snprintf(process, sizeof(process), "? %s", comm);
	user_text(e->uid, user, sizeof(user));
	if (e->rank) {
		snprintf(rank, sizeof(rank), "%u", e->rank);
		snprintf(companions, sizeof(companions), "%u", e->companions);
	}
	printf(ROW, book_proto_name[e->proto], name, process, user, option_name[e->mode], rank,
	       companions);
}

static void json_entry(void *arg, const struct names_entry *e)
{
	char addr[INET6_ADDRSTRLEN], comm[sizeof(e->comm)];
	const struct passwd *pw = getpwuid(e->uid);
	json_t **list = arg, *one;

	inet_ntop(is_v6(e) ? AF_INET6 : AF_INET, e->addr, addr, sizeof(addr));
	comm_text(e, comm);
	one = json_pack("{s:s, s:s, s:i, s:i, s:b, s:o, s:s, s:I, s:s?, s:s, s:o, s:i, s:b}",
			"protocol", book_proto_name[e->proto], "address", addr, "scope",
			(int)e->scope, "port", (int)e->port, "dual", e->dual, "pid",
			e->pid ? json_integer(e->pid) : json_null(), "process", comm, "uid",
			(json_int_t)e->uid, "user", pw ? pw->pw_name : NULL, "option",
			option_name[e->mode], "rank", e->rank ? json_integer(e->rank) : json_null(),
			"companions", (int)e->companions, "waiting", e->deferred);
	if (*list && (!one || json_array_append_new(*list, one))) {
		json_decref(*list);
		*list = NULL;
	}
}

static int print_json(struct names *n)
{
	json_t *list = json_array();
	int r = names_list(n, json_entry, &list);

	if (r == -ENOENT)
		r = 0; /* nobody holds anything */
	json_t *all = r || !list ? NULL : json_pack("{s:i, s:O}", "schema", 1, "names", list);
	json_decref(list);
	if (r)
		return r;
	if (!all)
		return -ENOMEM;
	r = json_dumpf(all, stdout, JSON_INDENT(2)) ? -EIO : 0;
	putchar('\n');
	json_decref(all);
	return r;
}

static int print_table(struct names *n)
{
	bool any = false;
	int r = names_list(n, print_entry, &any);

	if (r == -ENOENT)
		r = 0;
	if (r == 0 && !any)
		puts("no name is held");
	return r;
}

int cmd_names(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "For programs: one JSON object", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = wsd_parse_switch,
		.doc = "Shows who holds which name in this network namespace: protocol, address "
		       "and port, "
		       "process, user, option, place in the rank of listeners, companions on "
		       "SANs.\v"
		       "A process of another pid namespace has no number here (?). RANK 1 gets the "
		       "requests; - does not listen. \"dual\" holds its port in IPv4, too; "
		       "\"waiting\" has "
		       "put its kernel bind off until another leaves the port.",
	};
	bool json = false;
	struct wsd_switch switches[] = {{'j', &json}, {0}};
	struct book_handle b = {0};
	int r = wsd_parse(&argp, argc, argv, switches);

	if (r)
		return r;
	if (book_handle_open(true, &b))
		return WSD_EXIT_FAIL;
	r = json ? print_json(b.names) : print_table(b.names);
	if (r)
		wsd_complain("cannot list the names: %s", book_error(r));
	book_handle_close(&b);
	return r ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
