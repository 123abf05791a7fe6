/* SPDX-License-Identifier: MIT
 *
 * cmd_nics.c - `wsd nics`: each RDMA device and port with its IPv4 addresses, and whether the
 * switch would use them. Opens no device, so that one can be deleted while --watch runs
 * [PROV-IOCTL-3].
 */
#include "output.h"
#include "wsd.h"

#include "conf.h"
#include "nic.h"
#include "nic_use.h"

#include <argp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct nics_options {
	bool watch, json;
	struct conf *conf;
};

/* "10.77.0.1/24" */
static const char *addr_text(const struct nic_addr *a, char *buf, size_t size)
{
	char ip[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &a->addr_be, ip, sizeof(ip));
	snprintf(buf, size, "%s/%u", ip, a->prefix_len);
	return buf;
}

/* "12:34:56.789", local time, or an ISO date for programs. */
static const char *time_text(char *buf, size_t size, bool iso)
{
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	if (iso)
		gmtime_r(&now.tv_sec, &tm);
	else
		localtime_r(&now.tv_sec, &tm);
	n = strftime(buf, size, iso ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%03ld%s", now.tv_nsec / 1000000, iso ? "Z" : "");
	return buf;
}

/* A line of the table: an address, or a port that has none. */
struct row {
	char key[NIC_DEVICE_SIZE + NIC_IFNAME_SIZE + 48]; /* whose line it is */
	char text[320];
};

struct rows {
	struct row *v;
	size_t n;
};

#define ROW_FORMAT "%-12s %-10s %-7s %-10s %-18s %s"

static void fill_row(struct row *r, const struct nic_port *p, const struct nic_addr *a,
		     const struct nic_use *use)
{
	const char *netdev = a ? a->ifname : p->ifindex ? p->netdev : "-";
	char addr[32] = "-", device[NIC_DEVICE_SIZE + 12];

	if (a)
		addr_text(a, addr, sizeof(addr));
	snprintf(device, sizeof(device), "%s/%u", p->device, p->port_num);
	snprintf(r->key, sizeof(r->key), "%s %s %s", device, a ? a->ifname : "", addr);
	snprintf(r->text, sizeof(r->text), ROW_FORMAT "%s", device, nic_link_layer_name(p->ll),
		 nic_state_name(p->state), netdev, addr,
		 use->used ? "yes" : "no: ", use->used ? "" : use->text);
}

static int make_rows(const struct nic_snapshot *s, const struct conf *c, struct rows *ret)
{
	struct rows rows = {
		.v = calloc(nic_snapshot_ports(s) + nic_snapshot_addrs(s) + 1, sizeof(*rows.v))};
	const struct nic_port *p;
	const struct nic_addr *a;
	struct nic_use use;

	if (!rows.v)
		return -ENOMEM;
	for (size_t i = 0; (p = nic_snapshot_port(s, i)); i++) {
		use = nic_use_port(c, s, i);
		if (!p->addr_count)
			fill_row(&rows.v[rows.n++], p, NULL, &use);
		for (size_t k = 0; (a = nic_snapshot_addr(s, k)); k++) {
			use = nic_use(c, a);
			if (a->port_index == i)
				fill_row(&rows.v[rows.n++], p, a, &use);
		}
	}
	*ret = rows;
	return 0;
}

static void print_table(const struct rows *rows)
{
	if (!rows->n) {
		puts("no RDMA device");
		return;
	}
	printf(ROW_FORMAT "\n", "DEVICE/PORT", "KIND", "STATE", "NETDEV", "ADDRESS", "USED");
	for (size_t i = 0; i < rows->n; i++)
		puts(rows->v[i].text);
}

static const struct row *find_row(const struct rows *rows, const char *key)
{
	for (size_t i = 0; i < rows->n; i++)
		if (!strcmp(rows->v[i].key, key))
			return &rows->v[i];
	return NULL;
}

/* With --watch: what went (-), came (+) or is different now (!), with the time. */
static void print_changes(const struct rows *old, const struct rows *new)
{
	const struct row *was;
	char when[40];

	time_text(when, sizeof(when), false);
	for (size_t i = 0; i < old->n; i++)
		if (!find_row(new, old->v[i].key))
			printf("%s - %s\n", when, old->v[i].text);
	for (size_t i = 0; i < new->n; i++) {
		was = find_row(old, new->v[i].key);
		if (!was || strcmp(was->text, new->v[i].text) != 0)
			printf("%s %c %s\n", when, was ? '!' : '+', new->v[i].text);
	}
}

static json_t *addr_json(const struct conf *c, const struct nic_addr *a)
{
	struct nic_use use = nic_use(c, a);
	char ip[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &a->addr_be, ip, sizeof(ip));
	return json_pack("{s:s, s:i, s:s, s:b, s:b, s:b, s:s}", "address", ip, "prefix",
			 (int)a->prefix_len, "netdev", a->ifname, "autoconfigured", a->autoconf,
			 "secondary", a->secondary, "usable", use.used, "reason", use.name);
}

static json_t *port_json(const struct conf *c, const struct nic_snapshot *s, size_t i)
{
	const struct nic_port *p = nic_snapshot_port(s, i);
	struct nic_use use = nic_use_port(c, s, i);
	json_t *addrs = json_array();
	const struct nic_addr *a;

	for (size_t k = 0; addrs && (a = nic_snapshot_addr(s, k)); k++)
		if (a->port_index == i && json_array_append_new(addrs, addr_json(c, a))) {
			json_decref(addrs);
			return NULL;
		}
	return json_pack("{s:s, s:i, s:s, s:s, s:s?, s:i, s:i, s:b, s:s, s:o}", "device", p->device,
			 "port", (int)p->port_num, "link_layer", nic_link_layer_name(p->ll),
			 "state", nic_state_name(p->state), "netdev", p->ifindex ? p->netdev : NULL,
			 "mtu", (int)p->mtu, "path_mtu", (int)p->path_mtu, "usable", use.used,
			 "reason", use.name, "addresses", addrs);
}

/* One object; with --watch it is one line, for each change. */
static int print_json(const struct nic_snapshot *s, const struct nics_options *o)
{
	json_t *ports = json_array(), *all;
	char when[40];
	int r;

	for (size_t i = 0; ports && i < nic_snapshot_ports(s); i++)
		if (json_array_append_new(ports, port_json(o->conf, s, i))) {
			json_decref(ports);
			ports = NULL;
		}
	all = json_pack("{s:i, s:s, s:I, s:o}", "schema", 1, "time",
			time_text(when, sizeof(when), true), "generation",
			(json_int_t)nic_snapshot_generation(s), "ports", ports);
	if (!all)
		return -ENOMEM;
	r = json_dumpf(all, stdout, o->watch ? JSON_COMPACT : JSON_INDENT(2));
	putchar('\n');
	json_decref(all);
	return r ? -EIO : 0;
}

static int show_text(const struct nic_snapshot *s, const struct conf *c, struct rows *shown)
{
	struct rows rows;
	int r = make_rows(s, c, &rows);

	if (r)
		return r;
	if (shown->v)
		print_changes(shown, &rows);
	else
		print_table(&rows);
	free(shown->v);
	*shown = rows;
	return 0;
}

static int show(const struct nic_snapshot *s, const struct nics_options *o, struct rows *shown)
{
	return o->json ? print_json(s, o) : show_text(s, o->conf, shown);
}

static int look_once(const struct nics_options *o)
{
	struct rows shown = {0};
	struct nic_snapshot *s;
	int r = nic_discover(&s);

	if (r)
		return r;
	r = show(s, o, &shown);
	free(shown.v);
	nic_snapshot_unref(s);
	return r;
}

/* Until the reader of our output goes away, or a signal ends us. */
static int follow(struct nic_monitor *m, const struct nics_options *o, struct rows *shown)
{
	struct pollfd fds[] = {{nic_monitor_fd(m), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
	const struct nic_snapshot *s;
	bool changed = true;
	int r;

	for (;;) {
		if (changed) {
			s = nic_monitor_snapshot(m);
			r = show(s, o, shown);
			nic_snapshot_unref(s);
			if (r || output_push())
				return r ? r : -EIO;
		}
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[1].revents & (POLLERR | POLLHUP))
			return 0;
		changed = false;
		r = nic_monitor_dispatch(m, &changed);
		if (r) /* it tries again by itself */
			wsd_complain("cannot look at the RDMA devices: %s", strerror(-r));
	}
}

static int watch(const struct nics_options *o)
{
	struct rows shown = {0};
	struct nic_monitor *m;
	int r = nic_monitor_create(&m);

	if (r)
		return r;
	r = follow(m, o, &shown);
	free(shown.v);
	nic_monitor_destroy(m);
	return r;
}

int cmd_nics(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"watch", 'w', NULL, 0, "Go on and show changes as they come", 0},
		{"json", 'j', NULL, 0,
		 "For programs: one JSON object; with --watch one line for each change", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = wsd_parse_switch,
		.doc = "Shows each port of each RDMA device with its IPv4 addresses, and whether "
		       "the switch would "
		       "use them.\vWith --watch, changes are marked + (came), - (went) and ! (is "
		       "different now).",
	};
	struct nics_options o = {0};
	struct wsd_switch switches[] = {{'w', &o.watch}, {'j', &o.json}, {0}};
	int r = wsd_parse(&argp, argc, argv, switches);

	if (r)
		return r;
	if (wsd_conf_load(&o.conf))
		return WSD_EXIT_FAIL;
	r = o.watch ? watch(&o) : look_once(&o);
	if (r)
		wsd_complain("cannot look at the RDMA devices: %s", strerror(-r));
	conf_free(o.conf);
	return r ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
