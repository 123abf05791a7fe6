/* SPDX-License-Identifier: MIT
 *
 * See stage.h. The director's only thread.
 */
#include "stage.h"
#include "catalog.h"
#include "conf.h"
#include "netbed.h"
#include "parse.h"
#include "place.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static bool fail(struct stage_error *e, const char *format,
						       ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(e->text, sizeof(e->text), format, args);
	va_end(args);
	return false;
}

/* ---- files ---- */

static bool write_file(const char *path, const void *data, size_t size, struct stage_error *e)
{
	char fresh[STAGE_PATH + 8];
	snprintf(fresh, sizeof(fresh), "%s~", path);
	int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool done = fd >= 0 && write(fd, data, size) == (ssize_t)size;
	if (fd >= 0 && close(fd))
		done = false;
	/* whoever watches the folder sees one change, and a whole file */
	e->cannot = !done || rename(fresh, path);
	if (e->cannot)
		return fail(e, "cannot write %s: %s", path, strerror(errno));
	return true;
}

static bool copy_file(const char *from, const char *to, struct stage_error *e)
{
	struct stat st;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	bool done = in >= 0 && out >= 0 && !fstat(in, &st);
	for (off_t left = done ? st.st_size : 0; done && left > 0;) {
		ssize_t n = sendfile(out, in, NULL, (size_t)left);
		done = n > 0;
		left -= n;
	}
	e->cannot = !done;
	if (!done)
		fail(e, "cannot copy %s: %s", from, strerror(errno));
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return done;
}

/* One that belongs to this program. */
static bool copy_own(const char *built, const char *folder, const char *to, struct stage_error *e)
{
	char from[PATH_MAX];
	return place_find(built, folder, from, sizeof(from)) ? copy_file(from, to, e)
							     : fail(e, "there is no %s", from);
}

/* ---- the stage ---- */

/* What the caller's shell has set is no part of a scenario; but where to log is. */
static void clear_environment(void)
{
	for (size_t i = 0; environ[i];) {
		char name[128] = "";
		size_t len = strcspn(environ[i], "=");
		if (len < sizeof(name)) /* none of ours is longer */
			memcpy(name, environ[i], len);
		bool ours = !strncmp(name, "WSD_", 4) && strncmp(name, "WSD_LOG", 7) != 0;
		if (ours || !strncmp(name, "LOOP_", 5))
			unsetenv(name); /* the next one moves up */
		else
			i++;
	}
}

static bool has_rdma(void)
{
	DIR *d = opendir("/sys/class/infiniband");
	bool found = false;
	for (struct dirent *e; d && !found && (e = readdir(d));)
		found = e->d_name[0] != '.';
	if (d)
		closedir(d);
	return found;
}

bool stage_make(struct stage *s, const char *dir, bool real, struct stage_error *e)
{
	char catalog[STAGE_PATH];
	*s = (struct stage){.real = real, .ethernet = -1, .n_hosts = 1, .hosts = {{.fd = -1}}};
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	snprintf(s->trace, sizeof(s->trace), "%s/trace", dir);
	snprintf(catalog, sizeof(catalog), "%s/catalog", dir);
	if (real && !has_rdma()) {
		e->cannot = true;
		return fail(
			e,
			"no RDMA device here, so nothing for --real (scripts/soft-roce has some)");
	}
	if (!real && !netbed_enter()) {
		e->cannot = true;
		return fail(e, "no network namespace of one's own (root, or user namespaces)");
	}
	if (mkdir(catalog, 0755) || !write_file(s->trace, "", 0, e))
		return fail(e, "cannot make %s: %s", catalog, strerror(errno));
	clear_environment();
	setenv("WSD_CATALOG", catalog, 1);
	setenv("WSD_CONFIG", "/dev/null", 1);
	setenv("WSD_TRACE_JSON", s->trace, 1);
	setenv("WSD_LOG_LEVEL", "error", 0);
	/* a busy machine is no reason for TCP/IP */
	setenv("WSD_CONNECT_SAN_MS", "20000", 1);
	return true;
}

bool stage_share(struct stage *s, struct stage_error *e)
{
	return chmod(s->dir, 0755) || chmod(s->trace, 0666)
		       ? fail(e, "cannot share %s: %s", s->dir, strerror(errno))
		       : true;
}

void stage_free(struct stage *s)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		if (s->hosts[i].fd >= 0)
			close(s->hosts[i].fd);
	if (s->ethernet >= 0)
		close(s->ethernet);
	for (size_t i = 0; i < s->n_providers; i++) {
		json_decref(s->providers[i].nics);
		json_decref(s->providers[i].past);
	}
}

bool stage_set(struct stage *s, const char *key, const char *value, struct stage_error *e)
{
	char name[80] = "WSD_";
	size_t len = strlen(name);
	if (!conf_known_key(key))
		return fail(e, "there is no key %s (wsd(7))", key);
	for (const char *c = key; *c && len < sizeof(name) - 1; c++)
		name[len++] = (char)(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : '_');
	name[len] = '\0';
	return setenv(name, value, 1) ? fail(e, "cannot set %s", key) : true;
}

/* ---- hosts ---- */

/* Longer than a NIC's name in a scenario can be, so that no cable is called so. */
static const char bridge[] = "wsd-ethernet-00";

bool stage_net(const struct stage *s, char *ret, size_t size)
{
	snprintf(ret, size, "%s/net", s->dir);
	return s->ethernet >= 0;
}

/* What others need: where the first is, an Ethernet, a net of the scripted providers. */
static bool make_ethernet(struct stage *s, struct stage_error *e)
{
	char net[STAGE_PATH];
	s->hosts[0].fd = netbed_here();
	s->ethernet = s->hosts[0].fd < 0 ? -1 : netbed_fresh();
	int err = s->hosts[0].fd < 0 ? s->hosts[0].fd : s->ethernet < 0 ? s->ethernet : 0;
	if (!err && !(err = netbed_go(s->ethernet))) {
		err = netbed_add_link(bridge);
		int back = netbed_go(s->hosts[0].fd);
		err = err ? err : back;
	}
	if (!err && stage_net(s, net, sizeof(net)) && (mkdir(net, 0777) || chmod(net, 0777)))
		err = -errno;
	return err ? fail(e, "no further host: %s", strerror(-err)) : true;
}

const struct stage_host *stage_host(const struct stage *s, const char *name, struct stage_error *e)
{
	for (size_t i = 0; i < s->n_hosts; i++)
		if (!strcmp(s->hosts[i].name, name ? name : ""))
			return &s->hosts[i];
	fail(e, "there is no host '%s'", name);
	return NULL;
}

bool stage_add_host(struct stage *s, const char *name, struct stage_error *e)
{
	struct stage_error ignored;
	e->cannot = s->real;
	if (s->real)
		return fail(e, "other hosts are only made for scripted providers");
	if (s->n_nics)
		return fail(e, "hosts come before the first NIC");
	if (stage_host(s, name, &ignored))
		return fail(e, "there is a host '%s' already", name);
	if (s->n_hosts > STAGE_HOSTS)
		return fail(e, "a scenario has at most %d hosts", STAGE_HOSTS);
	if (s->ethernet < 0 && !make_ethernet(s, e))
		return false;
	struct stage_host *h = &s->hosts[s->n_hosts];
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->fd = netbed_fresh();
	if (h->fd < 0)
		return fail(e, "no further host: %s", strerror(-h->fd));
	s->n_hosts++;
	return true;
}

/* ---- NICs ---- */

static const struct stage_nic *find_nic(const struct stage *s, const char *name)
{
	for (size_t i = 0; i < s->n_nics; i++)
		if (!strcmp(s->nics[i].name, name))
			return &s->nics[i];
	return NULL;
}

static bool gain(struct stage *s, const char *nic, const char *word, struct stage_error *e)
{
	struct stage_addr a = {.length = atoi(strchr(word, '/') + 1)};
	snprintf(a.text, sizeof(a.text), "%.*s", (int)strcspn(word, "/"), word);
	snprintf(a.nic, sizeof(a.nic), "%.15s", nic);
	if (s->n_addrs == STAGE_ADDRS)
		return fail(e, "a scenario has at most %d addresses", STAGE_ADDRS);
	int err = netbed_add_addr(nic, a.text, a.length);
	if (err && !(s->real && err == -EEXIST))
		return fail(e, "%s cannot have %s: %s", nic, word, strerror(-err));
	s->addrs[s->n_addrs++] = a;
	return true;
}

static bool lose(struct stage *s, const char *nic, const char *word, struct stage_error *e)
{
	for (size_t i = 0; i < s->n_addrs; i++) {
		struct stage_addr *a = &s->addrs[i];
		size_t len = strlen(a->text);
		if (strcmp(a->nic, nic) != 0 || strncmp(a->text, word, len) != 0 ||
		    word[len] != '/')
			continue;
		int err = netbed_del_addr(nic, a->text, a->length);
		*a = s->addrs[--s->n_addrs];
		return err ? fail(e, "%s cannot lose %s: %s", nic, word, strerror(-err)) : true;
	}
	return fail(e, "%s has no address %s", nic, word);
}

static void forget_nic(struct stage *s, const char *nic)
{
	for (size_t i = s->n_addrs; i-- > 0;)
		if (!strcmp(s->addrs[i].nic, nic))
			s->addrs[i] = s->addrs[--s->n_addrs];
	for (size_t i = s->n_nics; i-- > 0;)
		if (!strcmp(s->nics[i].name, nic))
			s->nics[i] = s->nics[--s->n_nics];
}

static bool make_nic(struct stage *s, const char *name, const char *on, struct stage_error *e)
{
	const struct stage_host *host = stage_host(s, on, e);
	if (!host)
		return false;
	if (find_nic(s, name))
		return fail(e, "there is a NIC %s already", name);
	if (s->n_nics == STAGE_NICS)
		return fail(e, "a scenario has at most %d NICs", STAGE_NICS);
	int err = 0;
	if (s->ethernet >= 0 && !(err = netbed_go(s->ethernet))) {
		err = netbed_add_cable(host->fd, name, bridge);
		int there = netbed_go(host->fd);
		err = err ? err : there ? there : netbed_set_link(name, true);
	} else if (!s->real && !err) {
		err = netbed_add_link(name);
	}
	s->nics[s->n_nics] = (struct stage_nic){.host = host};
	snprintf(s->nics[s->n_nics].name, NAME_SIZE, "%s", name);
	s->n_nics += !err;
	return err ? fail(e, "cannot make the NIC %s: %s", name, strerror(-err)) : true;
}

/* On its own host, to which the caller has gone. */
static bool change_nic(struct stage *s, const struct statement *st, struct stage_error *e)
{
	int err = 0;
	if (st->verb == VERB_DOWN || st->verb == VERB_UP)
		err = netbed_set_link(st->name, st->verb == VERB_UP);
	else if (st->verb == VERB_VANISHES)
		err = netbed_del_link(st->name);
	if (err)
		return fail(e, "%s: %s", st->name, strerror(-err));
	if (st->verb == VERB_VANISHES)
		forget_nic(s, st->name);
	for (size_t i = 0; i < st->words.count; i++)
		if (!(st->verb == VERB_LOSES ? lose : gain)(s, st->name, st->words.at[i], e))
			return false;
	return true;
}

bool stage_nic(struct stage *s, const struct statement *st, struct stage_error *e)
{
	e->cannot = s->real && st->verb != VERB_HAS;
	if (e->cannot)
		return fail(e, "the machine's own NICs are not changed");
	bool done = st->verb != VERB_HAS || make_nic(s, st->name, st->host, e);
	const struct stage_nic *nic = find_nic(s, st->name);
	if (done && !nic)
		done = fail(e, "there is no NIC %s", st->name);
	int err = done && s->ethernet >= 0 ? netbed_go(nic->host->fd) : 0;
	done = done && !err && change_nic(s, st, e);
	if (s->ethernet >= 0 && (err || (err = netbed_go(s->hosts[0].fd))))
		done = fail(e, "%s: %s", st->name, strerror(-err));
	return done;
}

/* Which host has it; NULL: none. */
static const struct stage_host *owner_of(const struct stage *s, const char *addr)
{
	for (size_t i = 0; i < s->n_addrs; i++)
		if (!strcmp(s->addrs[i].text, addr))
			return find_nic(s, s->addrs[i].nic)->host;
	return NULL;
}

bool stage_knows(const struct stage *s, const json_t *words, struct stage_error *e)
{
	for (size_t w = 0; w < json_array_size(words); w++) {
		const char *word = json_string_value(json_array_get(words, w));
		if (!parse_is_address(word) && !find_nic(s, word))
			return fail(e, "there is no NIC %s", word);
	}
	return true;
}

json_t *stage_addresses(const struct stage *s, const json_t *words, const struct stage_host *host)
{
	json_t *addrs = json_array();
	for (size_t w = 0; w < json_array_size(words); w++) {
		const char *word = json_string_value(json_array_get(words, w));
		const struct stage_nic *nic = find_nic(s, word);
		const struct stage_host *owner = owner_of(s, word);
		if (parse_is_address(word) && (!owner || owner == host))
			json_array_append_new(addrs, json_string(word));
		for (size_t i = 0; nic && nic->host == host && i < s->n_addrs; i++)
			if (!strcmp(s->addrs[i].nic, word))
				json_array_append_new(addrs, json_string(s->addrs[i].text));
	}
	return addrs;
}

/* ---- providers ---- */

struct stage_provider *stage_find(struct stage *s, const char *name)
{
	for (size_t i = 0; i < s->n_providers; i++)
		if (!strcmp(s->providers[i].name, name))
			return &s->providers[i];
	return NULL;
}

static bool make_entry(struct stage *s, const struct stage_provider *p, struct stage_error *e)
{
	char path[STAGE_PATH + 32], text[1024];
	snprintf(path, sizeof(path), "%s/catalog/%s.provider", s->dir, p->name);
	int n = snprintf(text, sizeof(text),
			 "# made by wsd run\nid = %s\nname = %s\nmodule = %s\n"
			 "flags = PFL_HIDDEN\nservices = XP1_GUARANTEED_DELIVERY "
			 "XP1_GUARANTEED_ORDER XP1_MESSAGE_ORIENTED\n",
			 p->id, p->name, p->module);
	return write_file(path, text, (size_t)n, e);
}

bool stage_install(struct stage *s, const struct stage_provider *p, bool install,
		   struct stage_error *e)
{
	GUID id;
	char dir[STAGE_PATH];
	snprintf(dir, sizeof(dir), "%s/catalog", s->dir);
	int err = catalog_parse_guid(p->id, &id);
	if (!err)
		err = (install ? catalog_list_add : catalog_list_remove)(dir, &id);
	return err ? fail(e, "cannot change the list of providers: %s", strerror(-err)) : true;
}

struct stage_provider *stage_provide(struct stage *s, const char *name, struct stage_error *e)
{
	char under[STAGE_PATH + 16], dir[sizeof(s->dir)];
	struct stage_provider *p = &s->providers[s->n_providers];
	if (s->n_providers == STAGE_PROVIDERS) {
		fail(e, "a scenario has at most %d providers", STAGE_PROVIDERS);
		return NULL;
	}
	*p = (struct stage_provider){.past = json_array()};
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->id, sizeof(p->id), "{5c21000%zu-77aa-4bd1-9c1e-0123456789ab}", s->n_providers);
	memcpy(dir, s->dir, sizeof(dir));
	snprintf(p->module, sizeof(p->module), "%s/%s.so", dir, name);
	snprintf(under, sizeof(under), "%s/%s.under.so", dir, name);
	if (!copy_own(s->real ? "../../provider/wsd-rdma.so" : "../loop/loop.so",
		      s->real ? WSD_PROVIDERDIR : WSD_LIBEXECDIR "/wsdirect", under, e) ||
	    !copy_own("script.so", WSD_LIBEXECDIR "/wsdirect", p->module, e)) {
		json_decref(p->past);
		return NULL;
	}
	s->n_providers++;
	return make_entry(s, p, e) && stage_install(s, p, true, e) ? p : NULL;
}
