/* SPDX-License-Identifier: MIT
 *
 * cmd_check.c - `wsd check`: is this machine ready? One line each, with the remedy. Opens no RDMA
 * device: rights are asked for, not tried.
 */
#include "wsd.h"

#include "catalog.h"
#include "conf.h"
#include "module.h"
#include "nic.h"
#include "nic_use.h"

#include <argp.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#define DEVICES "/dev/infiniband"

/* What Debian gives a user; connections of the provider are made with that in mind. */
#define MEMLOCK_ENOUGH (8UL << 20)
/* An Ethernet MTU that lets 4096-byte RDMA packets through. */
#define MTU_FOR_4096 4200

/* The remedy where the kernel cannot be helped. */
#define GUEST_HAS "scripts/soft-roce brings a guest whose kernel has RDMA"

enum level { OK, INFO, WARN, FAIL };

struct check {
	struct conf *conf;
	struct nic_snapshot *nics; /* NULL: could not be looked at */
	bool failed;
};

/* "fail  what is wrong: ... (remedy)"; without a remedy no parentheses. */
__attribute__((format(printf, 4, 5))) static void say(struct check *c, enum level level,
						      const char *remedy, const char *format, ...)
{
	static const char *const words[] = {
		[OK] = "ok", [INFO] = "info", [WARN] = "warn", [FAIL] = "fail"};
	va_list args;

	printf("%-5s ", words[level]);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	if (remedy && level != OK)
		printf(" -> %s", remedy);
	putchar('\n');
	if (level == FAIL)
		c->failed = true;
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

static void check_conf(struct check *c)
{
	const char *file = conf_file();

	say(c, OK, NULL, "configuration: %s%s", file,
	    exists(file) ? "" : ", which is not there: the defaults");
}

/* Whether modprobe would find it: it stands before a colon of the running kernel's modules.dep. */
static bool loadable(const char *name)
{
	char path[PATH_MAX], file[64], *line = NULL;
	struct utsname kernel;
	bool found = false;
	size_t size = 0;
	FILE *f;

	if (uname(&kernel) < 0)
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", kernel.release);
	snprintf(file, sizeof(file), "/%s.ko", name);
	f = fopen(path, "re");
	if (!f)
		return false;
	while (!found && getline(&line, &size, f) > 0) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, file);
	}
	free(line);
	fclose(f);
	return found;
}

/* A module that is built in has no folder below /sys/module if it has no parameters: what it makes
 * is looked for as well. */
static void check_modules(struct check *c)
{
	static const struct {
		const char *name, *folder, *trace, *remedy;
	} modules[] = {
		{"ib_uverbs", "/sys/module/ib_uverbs", "/sys/class/infiniband_verbs",
		 "modprobe ib_uverbs"},
		{"rdma_ucm", "/sys/module/rdma_ucm", "/sys/class/misc/rdma_cm",
		 "modprobe rdma_ucm"},
	};

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		if (exists(modules[i].folder) || exists(modules[i].trace))
			say(c, OK, NULL, "kernel module %s is there", modules[i].name);
		else if (loadable(modules[i].name))
			say(c, FAIL, modules[i].remedy, "kernel module %s is not loaded",
			    modules[i].name);
		else
			say(c, FAIL, GUEST_HAS, "this kernel has no module %s", modules[i].name);
	}
}

static void check_node(struct check *c, const char *name)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), DEVICES "/%s", name);
	if (access(path, R_OK | W_OK) == 0)
		say(c, OK, NULL, "%s can be opened", path);
	else
		say(c, FAIL,
		    errno == ENOENT ? "let udev make it, or mknod by /sys/class/*/dev"
				    : "a udev rule with MODE=\"0666\" (Debian: package rdma-core), "
				      "or chmod",
		    "%s: %s", path, strerror(errno));
}

static int is_uverbs(const struct dirent *e)
{
	return !strncmp(e->d_name, "uverbs", 6);
}

static void check_nodes(struct check *c)
{
	struct dirent **names;
	int n;

	if (exists("/sys/class/misc/rdma_cm")) /* else the missing module has been told */
		check_node(c, "rdma_cm");
	n = scandir("/sys/class/infiniband_verbs", &names, is_uverbs, versionsort);
	if (n < 0)
		return; /* likewise */
	for (int i = 0; i < n; i++) {
		check_node(c, names[i]->d_name);
		free(names[i]);
	}
	free(names);
}

static void check_memlock(struct check *c)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_MEMLOCK, &r) < 0) {
		say(c, WARN, NULL, "locked memory: %s", strerror(errno));
		return;
	}
	if (geteuid() == 0)
		say(c, OK, NULL, "locked memory: root has no limit");
	else if (r.rlim_cur == RLIM_INFINITY)
		say(c, OK, NULL, "locked memory: no limit");
	else
		say(c, r.rlim_cur >= MEMLOCK_ENOUGH ? OK : WARN,
		    "a line `* - memlock 8192` or more in /etc/security/limits.conf",
		    "locked memory: %lu KiB", (unsigned long)r.rlim_cur >> 10);
}

/* In it %s stands for the interface. */
static const char *remedy_for(enum nic_unusable_reason reason)
{
	static const char *const remedies[] = {
		[NIC_OK] =
			"IPAutoconfigurationEnabled = 1 in the configuration, or another address",
		[NIC_NO_NETDEV] = "modprobe ib_ipoib, or the interface's network namespace",
		[NIC_NETDEV_DOWN] = "ip link set %s up",
		[NIC_PORT_DOWN] = "the cable; for InfiniBand a subnet manager",
		[NIC_NO_ADDRESS] = "ip addr add ADDRESS/PREFIX dev %s",
		[NIC_LOOPBACK] = "an interface other than lo",
		[NIC_ADDR_TENTATIVE] = "wait, or take an address that no other host has",
		[NIC_UPPER] = "put the address on the interface itself or on a VLAN",
		[NIC_NO_GID] = "fewer addresses: the device's GID table may be full",
		[NIC_UNSUPPORTED] = NULL,
	};

	_Static_assert(sizeof(remedies) / sizeof(remedies[0]) == NIC_REASON_COUNT,
		       "a remedy for each reason");
	return (size_t)reason < NIC_REASON_COUNT ? remedies[reason] : NULL;
}

/* One line for a port: what is used of it, or why nothing is. */
static bool check_port(struct check *c, size_t i)
{
	const struct nic_port *p = nic_snapshot_port(c->nics, i);
	struct nic_use use = nic_use_port(c->conf, c->nics, i);
	const char *remedy = remedy_for(p->reason), *hole = remedy ? strstr(remedy, "%s") : NULL;
	const struct nic_addr *a;
	char named[96];
	unsigned used = 0;

	if (hole) {
		snprintf(named, sizeof(named), "%.*s%s%s", (int)(hole - remedy), remedy, p->netdev,
			 hole + 2);
		remedy = named;
	}
	for (size_t k = 0; (a = nic_snapshot_addr(c->nics, k)); k++)
		used += a->port_index == i && nic_use(c->conf, a).used;
	if (use.used)
		say(c, OK, NULL, "%s port %u (%s, %s): %u of %u addresses can be used", p->device,
		    p->port_num, nic_link_layer_name(p->ll), p->netdev, used, p->addr_count);
	else
		say(c, WARN, remedy, "%s port %u (%s%s%s): %s", p->device, p->port_num,
		    nic_link_layer_name(p->ll), p->ifindex ? ", " : "", p->netdev, use.text);
	return use.used;
}

/* Of addresses beside which others of their port are used: check_port has told the rest. */
static void check_gids(struct check *c)
{
	const struct nic_addr *a;
	unsigned there = 0, missing = 0;

	for (size_t i = 0; (a = nic_snapshot_addr(c->nics, i)); i++) {
		there += a->usable;
		missing += a->reason == NIC_NO_GID;
	}
	if (missing)
		say(c, WARN, remedy_for(NIC_NO_GID), "%u addresses have no GID", missing);
	else if (there)
		say(c, OK, NULL, "each address has its GID");
}

static void check_mtu(struct check *c)
{
	const struct nic_port *p;
	char remedy[96];

	for (size_t i = 0; (p = nic_snapshot_port(c->nics, i)); i++) {
		if (!p->usable || p->ll != NIC_LL_ROCE)
			continue;
		snprintf(remedy, sizeof(remedy), "ip link set %s mtu %d, on all hosts and switches",
			 p->netdev, MTU_FOR_4096);
		if (p->path_mtu)
			say(c, p->path_mtu >= 1024 ? OK : WARN, remedy,
			    "%s: MTU %u carries RDMA packets of %u bytes", p->netdev, p->mtu,
			    p->path_mtu);
		else
			say(c, WARN, remedy, "%s: MTU %u is too small for any RDMA packet",
			    p->netdev, p->mtu);
	}
}

static void check_nics(struct check *c)
{
	bool any = false;
	int r = nic_discover(&c->nics);

	if (r) {
		c->nics = NULL;
		say(c, FAIL, NULL, "cannot look at the RDMA devices: %s", strerror(-r));
		return;
	}
	for (size_t i = 0; i < nic_snapshot_ports(c->nics); i++)
		any = check_port(c, i) || any;
	if (!nic_snapshot_ports(c->nics))
		say(c, FAIL,
		    exists("/sys/module/rdma_rxe") || loadable("rdma_rxe")
			    ? "rdma link add rxe0 type rxe netdev INTERFACE, or "
			      "scripts/soft-roce"
			    : GUEST_HAS,
		    "there is no RDMA device");
	else if (!any)
		say(c, FAIL, "the lines above", "no address can be used for RDMA");
	check_gids(c);
	check_mtu(c);
}

/* Loads it as the switch would, and lets it go. */
static void check_module(struct check *c, const struct catalog_entry *e)
{
	char wrong[96];
	const char *why;

	if (!module_check(e->module, wrong, sizeof(wrong))) {
		say(c, FAIL, "install the module anew", "provider %s: %s: %s", e->label, e->module,
		    wrong);
		return;
	}
	void *module = dlopen(e->module, RTLD_NOW | RTLD_LOCAL);
	if (!module) {
		why = dlerror();
		say(c, FAIL, "meson install, or the module's path in the entry", "provider %s: %s",
		    e->label, why ? why : e->module);
		return;
	}
	if (dlsym(module, "WSPStartupEx"))
		say(c, OK, NULL, "provider %s loads: %s", e->label, e->module);
	else
		say(c, FAIL, "another module in the entry", "provider %s: %s has no WSPStartupEx",
		    e->label, e->module);
	dlclose(module);
}

static int is_entry(const struct dirent *e)
{
	size_t n = strlen(e->d_name), suffix = strlen(CATALOG_SUFFIX);

	return e->d_name[0] != '.' && n > suffix && !strcmp(e->d_name + n - suffix, CATALOG_SUFFIX);
}

static bool is_listed(const struct catalog *catalog, const GUID *id)
{
	for (size_t i = 0; i < catalog->n_list; i++)
		if (!memcmp(&catalog->list[i], id, sizeof(*id)))
			return true;
	return false;
}

/* Files of the catalogue that the list does not lead to: perhaps wanted so, perhaps forgotten. */
static void check_unlisted(struct check *c, const char *dir, const struct catalog *catalog)
{
	struct dirent **files;
	int n = scandir(dir, &files, is_entry, alphasort);

	for (int i = 0; i < n; i++) {
		size_t stem = strlen(files[i]->d_name) - strlen(CATALOG_SUFFIX), at = 0;

		while (at < catalog->n_entries &&
		       (strlen(catalog->entries[at].label) != stem ||
			strncmp(catalog->entries[at].label, files[i]->d_name, stem) != 0))
			at++;
		if (at == catalog->n_entries)
			say(c, INFO, "WSD_LOG=stderr wsd check says why",
			    "%s/%s describes no usable provider", dir, files[i]->d_name);
		else if (!is_listed(catalog, &catalog->entries[at].info.ProviderId))
			say(c, INFO, "its id into tcp-on-san, if it is for SANs",
			    "%s/%s is not on the list tcp-on-san", dir, files[i]->d_name);
		free(files[i]);
	}
	if (n >= 0)
		free(files);
}

static void check_provider(struct check *c)
{
	char dir[PATH_MAX];
	const struct catalog_entry *e;
	struct catalog *catalog;
	size_t found = 0;
	int r = catalog_dir(c->conf, dir, sizeof(dir));

	if (!r)
		r = catalog_read(dir, &catalog);
	if (r) {
		say(c, FAIL, NULL, "cannot read the catalogue of providers: %s", strerror(-r));
		return;
	}
	for (size_t i = 0; i < catalog->n_list; i++) {
		e = catalog_find(catalog, &catalog->list[i]);
		if (!e) {
			say(c, WARN, "its entry, or take it off the list tcp-on-san",
			    "provider %zu of the list has no usable entry in %s", i + 1, dir);
			continue;
		}
		found++;
		check_module(c, e);
	}
	if (!found)
		say(c, FAIL, "meson install, or WSD_CATALOG",
		    "no SAN provider is in the catalogue %s", dir);
	else
		say(c, OK, NULL, "catalogue: %s", dir);
	check_unlisted(c, dir, catalog);
	catalog_free(catalog);
}

int cmd_check(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = wsd_parse_switch,
		.doc = "Tells whether this machine is ready for Windows Sockets Direct: ok, warn "
		       "or fail, each with "
		       "its remedy.\vExit status: 0 if nothing failed, 1 otherwise.",
	};
	struct check c = {0};
	int r = wsd_parse(&argp, argc, argv, NULL);

	if (r)
		return r;
	if (wsd_conf_load(&c.conf))
		return WSD_EXIT_FAIL;
	check_conf(&c);
	check_modules(&c);
	check_nodes(&c);
	check_memlock(&c);
	check_nics(&c);
	check_provider(&c);
	nic_snapshot_unref(c.nics);
	conf_free(c.conf);
	return c.failed ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
