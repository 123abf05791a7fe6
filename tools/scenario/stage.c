/* SPDX-License-Identifier: MIT
 *
 * See stage.h. The director's only thread.
 */
#include "stage.h"
#include "catalog.h"
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
	if (!done || rename(fresh, path))
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
	*s = (struct stage){.real = real};
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	snprintf(s->trace, sizeof(s->trace), "%s/trace", dir);
	snprintf(catalog, sizeof(catalog), "%s/catalog", dir);
	if (real && !has_rdma()) {
		e->cannot = true;
		return fail(e, "no RDMA device here, so nothing for --real");
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
	for (size_t i = 0; i < s->n_providers; i++) {
		json_decref(s->providers[i].nics);
		json_decref(s->providers[i].past);
	}
}

bool stage_set(struct stage *s, const char *key, const char *value, struct stage_error *e)
{
	char name[80] = "WSD_";
	size_t len = strlen(name);
	for (const char *c = key; *c && len < sizeof(name) - 1; c++)
		name[len++] = (char)(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : '_');
	name[len] = '\0';
	return setenv(name, value, 1) ? fail(e, "cannot set %s", key) : true;
}

/* ---- NICs ---- */

static bool has_nic(const struct stage *s, const char *name)
{
	for (size_t i = 0; i < s->n_nics; i++)
		if (!strcmp(s->nics[i], name))
			return true;
	return false;
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
		if (strcmp(a->nic, nic) || strncmp(a->text, word, len) || word[len] != '/')
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
		if (!strcmp(s->nics[i], nic))
			memmove(s->nics[i], s->nics[--s->n_nics], sizeof(s->nics[i]));
}

static bool make_nic(struct stage *s, const char *name, struct stage_error *e)
{
	if (has_nic(s, name))
		return fail(e, "there is a NIC %s already", name);
	if (s->n_nics == STAGE_NICS)
		return fail(e, "a scenario has at most %d NICs", STAGE_NICS);
	int err = s->real ? 0 : netbed_add_link(name);
	if (err)
		return fail(e, "cannot make the NIC %s: %s", name, strerror(-err));
	snprintf(s->nics[s->n_nics++], sizeof(s->nics[0]), "%s", name);
	return true;
}

bool stage_nic(struct stage *s, const struct statement *st, struct stage_error *e)
{
	int err = 0;
	if (st->verb == VERB_HAS ? !make_nic(s, st->name, e) : !has_nic(s, st->name))
		return e->text[0] ? false : fail(e, "there is no NIC %s", st->name);
	e->cannot = s->real && st->verb != VERB_HAS;
	if (e->cannot)
		return fail(e, "the machine's own NICs are not changed");
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

json_t *stage_addresses(struct stage *s, const json_t *words, struct stage_error *e)
{
	json_t *addrs = json_array();
	for (size_t w = 0; w < json_array_size(words); w++) {
		const char *word = json_string_value(json_array_get(words, w));
		if (parse_is_address(word)) {
			json_array_append_new(addrs, json_string(word));
			continue;
		}
		if (!has_nic(s, word) && e) {
			fail(e, "there is no NIC %s", word);
			json_decref(addrs);
			return NULL;
		}
		for (size_t i = 0; i < s->n_addrs; i++)
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
