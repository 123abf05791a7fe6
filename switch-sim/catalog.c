/* SPDX-License-Identifier: MIT
 *
 * The catalogue as a whole: where it is, what it holds, what applications are shown of it
 * [SW-INIT-1.3, SW-INIT-7]. No state, no locks.
 */
#include "catalog_priv.h"

#include "conf.h"
#include "log.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	ENTRY_MAX_BYTES = 16 * 1024, /* a larger file describes no provider */
	/* dwCatalogEntryId of files; the built-in ones are below */
	FIRST_ENTRY_ID = 10000,
	ENTRY_IDS = 1000003,
};

/* meson writes this file into the catalogue of the build tree, so that programs run uninstalled */
#define BUILD_TREE_MARK "build-tree"

#define MSAFD(last)                                                    \
	{                                                              \
		0xe70f1aa0 + (last), 0xab8b, 0x11cf,                   \
		{                                                      \
			0x8c, 0xa3, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92 \
		}                                                      \
	}

#define TCP_SERVICES                                                           \
	(XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER | XP1_GRACEFUL_CLOSE | \
	 XP1_EXPEDITED_DATA | XP1_IFS_HANDLES)
#define UDP_SERVICES                                                         \
	(XP1_CONNECTIONLESS | XP1_MESSAGE_ORIENTED | XP1_SUPPORT_BROADCAST | \
	 XP1_SUPPORT_MULTIPOINT | XP1_IFS_HANDLES)

enum { UDP_MAX_MESSAGE = 65467 };

/* The switch is the first visible TCP entry, so that stream sockets land on it [SW-INIT-7]. */
static const WSAPROTOCOL_INFOW builtin[] = {
	{
		.dwServiceFlags1 = TCP_SERVICES,
		.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO,
		.ProviderId = MSAFD(0),
		.dwCatalogEntryId = 1001,
		.ProtocolChain = {.ChainLen = 1},
		.iVersion = 2,
		.iAddressFamily = WSD_AF_INET,
		.iMaxSockAddr = sizeof(struct wsd_sockaddr_in),
		.iMinSockAddr = sizeof(struct wsd_sockaddr_in),
		.iSocketType = WSD_SOCK_STREAM,
		.iProtocol = WSD_IPPROTO_TCP,
		.szProtocol = u"wsdirect switch [TCP/IP]",
	},
	{
		.dwServiceFlags1 = UDP_SERVICES,
		.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO,
		.ProviderId = MSAFD(0),
		.dwCatalogEntryId = 1002,
		.ProtocolChain = {.ChainLen = 1},
		.iVersion = 2,
		.iAddressFamily = WSD_AF_INET,
		.iMaxSockAddr = sizeof(struct wsd_sockaddr_in),
		.iMinSockAddr = sizeof(struct wsd_sockaddr_in),
		.iSocketType = WSD_SOCK_DGRAM,
		.iProtocol = WSD_IPPROTO_UDP,
		.dwMessageSize = UDP_MAX_MESSAGE,
		.szProtocol = u"wsdirect switch [UDP/IP]",
	},
	{
		.dwServiceFlags1 = TCP_SERVICES,
		.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO,
		.ProviderId = MSAFD(1),
		.dwCatalogEntryId = 1003,
		.ProtocolChain = {.ChainLen = 1},
		.iVersion = 2,
		.iAddressFamily = WSD_AF_INET6,
		.iMaxSockAddr = sizeof(struct wsd_sockaddr_in6),
		.iMinSockAddr = sizeof(struct wsd_sockaddr_in6),
		.iSocketType = WSD_SOCK_STREAM,
		.iProtocol = WSD_IPPROTO_TCP,
		.szProtocol = u"wsdirect switch [TCP/IPv6]",
	},
	{
		.dwServiceFlags1 = UDP_SERVICES,
		.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO,
		.ProviderId = MSAFD(1),
		.dwCatalogEntryId = 1004,
		.ProtocolChain = {.ChainLen = 1},
		.iVersion = 2,
		.iAddressFamily = WSD_AF_INET6,
		.iMaxSockAddr = sizeof(struct wsd_sockaddr_in6),
		.iMinSockAddr = sizeof(struct wsd_sockaddr_in6),
		.iSocketType = WSD_SOCK_DGRAM,
		.iProtocol = WSD_IPPROTO_UDP,
		.dwMessageSize = UDP_MAX_MESSAGE,
		.szProtocol = u"wsdirect switch [UDP/IPv6]",
	},
};

enum { BUILTIN_COUNT = sizeof(builtin) / sizeof(builtin[0]) };

const WSAPROTOCOL_INFOW *catalog_builtin(size_t i)
{
	return i < BUILTIN_COUNT ? &builtin[i] : NULL;
}

/* The library of a build tree has the catalogue beside it or beside its folder, the tools' is below
 * the folder of their own. */
static bool build_tree_dir(char *dir, size_t size)
{
	static const char *const places[] = {"catalog", "switch-sim/catalog"};
	Dl_info self;
	char mark[PATH_MAX], real[PATH_MAX];
	if (!dladdr((const void *)builtin, &self) || !self.dli_fname)
		return false;
	/* of a program it is what it was called, which need not be where it is */
	if (!realpath(self.dli_fname, real) && !realpath("/proc/self/exe", real))
		return false;
	for (int up = 0; up < 2; up++) {
		char *slash = strrchr(real, '/');
		if (!slash)
			return false;
		*slash = '\0';
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			int n = snprintf(dir, size, "%s/%s", real, places[i]);
			if (n < 0 || (size_t)n >= size)
				return false;
			n = snprintf(mark, sizeof(mark), "%s/" BUILD_TREE_MARK, dir);
			if (n > 0 && (size_t)n < sizeof(mark) && access(mark, F_OK) == 0)
				return true;
		}
	}
	return false;
}

int catalog_dir(const struct conf *conf, char *dir, size_t size)
{
	const char *configured = conf_get(conf, "catalog");
	if (!configured || !*configured) {
		if (build_tree_dir(dir, size))
			return 0;
		configured = WSD_CATALOGDIR;
	}
	int n = snprintf(dir, size, "%s", configured);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

bool catalog_not_now(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Return 0; -ENOMEM, -EMFILE, -ENFILE; or -EINVAL: unusable, and logged. */
static int read_entry(const char *dir, const char *name, struct catalog_entry *ret)
{
	char path[PATH_MAX];
	size_t stem = strlen(name) - strlen(CATALOG_SUFFIX);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", dir, name) >= sizeof(path) ||
	    stem >= sizeof(ret->label)) {
		wsd_log(WSD_LOG_ERROR, "catalogue: the name of %s/%s is too long", dir, name);
		return -EINVAL;
	}
	memcpy(ret->label, name, stem);
	ret->label[stem] = '\0';
	char *text = malloc(ENTRY_MAX_BYTES + 1);
	if (!text)
		return -ENOMEM;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 || fstat(fd, &st) ? -1 : read(fd, text, ENTRY_MAX_BYTES + 1);
	int err = n < 0 ? errno : n > ENTRY_MAX_BYTES ? EFBIG : 0;
	if (fd >= 0)
		close(fd);
	if (err) {
		wsd_log(WSD_LOG_ERROR, "catalogue: cannot read %s: %s", path, strerror(err));
		err = catalog_not_now(err) ? -err : -EINVAL;
	} else {
		text[n] = '\0';
		ret->changed = st.st_mtim;
		err = catalog_parse_entry(dir, path, text, ret);
	}
	free(text);
	return err;
}

static int is_entry(const struct dirent *d)
{
	size_t n = strlen(d->d_name), suffix = strlen(CATALOG_SUFFIX);
	return d->d_name[0] != '.' && n > suffix && !strcmp(d->d_name + n - suffix, CATALOG_SUFFIX);
}

/* Two files for one id: the first by name wins. */
static bool is_new(const struct catalog *c, const struct catalog_entry *e)
{
	const struct catalog_entry *other = catalog_find(c, &e->info.ProviderId);
	if (other)
		wsd_log(WSD_LOG_ERROR, "catalogue: %s has the id of %s and is ignored", e->label,
			other->label);
	return !other;
}

/*
 * The entry's number comes from its provider id and not from its place, so that a file which is
 * installed later does not take the number of a provider that runs.
 */
static DWORD entry_number(const struct catalog *c, const struct catalog_entry *e)
{
	const unsigned char *id = (const unsigned char *)&e->info.ProviderId;
	uint32_t hash = 2166136261; /* FNV-1a */
	for (size_t i = 0; i < sizeof(e->info.ProviderId); i++)
		hash = (hash ^ id[i]) * 16777619;
	DWORD number = FIRST_ENTRY_ID + hash % ENTRY_IDS;
	for (size_t i = 0; i < c->n_entries; i++)
		if (c->entries[i].info.dwCatalogEntryId == number) {
			number++;
			i = (size_t)-1; /* from the start again */
		}
	return number;
}

static int read_entries(const char *dir, struct catalog *c)
{
	struct dirent **names = NULL;
	int n = scandir(dir, &names, is_entry, alphasort), err = 0;
	if (n < 0) {
		if (catalog_not_now(errno))
			return -errno;
		wsd_log(errno == ENOENT ? WSD_LOG_INFO : WSD_LOG_ERROR,
			"catalogue: cannot read %s: %s", dir, strerror(errno));
		return 0;
	}
	c->entries = calloc((size_t)n + 1, sizeof(*c->entries));
	if (!c->entries)
		err = -ENOMEM;
	for (int i = 0; i < n; i++) {
		struct catalog_entry *e = c->entries ? &c->entries[c->n_entries] : NULL;
		int bad = err ? err : read_entry(dir, names[i]->d_name, e);
		free(names[i]);
		if (catalog_not_now(-bad))
			err = bad;
		if (bad)
			continue;
		e->info.dwCatalogEntryId = entry_number(c, e);
		if (is_new(c, e)) {
			c->n_entries++;
		} else {
			free(e->module);
			e->module = NULL;
		}
	}
	free(names);
	return err;
}

int catalog_read(const char *dir, struct catalog **ret)
{
	struct catalog *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	int err = read_entries(dir, c);
	if (!err)
		err = catalog_list_read(dir, &c->list, &c->n_list);
	if (err) {
		catalog_free(c);
		return err;
	}
	*ret = c;
	return 0;
}

void catalog_free(struct catalog *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->n_entries; i++)
		free(c->entries[i].module);
	free(c->entries);
	free(c->list);
	free(c);
}

const struct catalog_entry *catalog_find(const struct catalog *c, const GUID *id)
{
	for (size_t i = 0; i < c->n_entries; i++)
		if (!memcmp(&c->entries[i].info.ProviderId, id, sizeof(*id)))
			return &c->entries[i];
	return NULL;
}

int catalog_protocols(const struct conf *conf, bool hidden, WSAPROTOCOL_INFOW **ret_rows,
		      size_t *ret_count)
{
	char dir[PATH_MAX];
	struct catalog *c = NULL;
	size_t n_entries = 0;
	if (!catalog_dir(conf, dir, sizeof(dir))) {
		int err = catalog_read(dir, &c);
		if (err)
			return err;
		n_entries = c->n_entries;
	}
	WSAPROTOCOL_INFOW *rows = malloc((BUILTIN_COUNT + n_entries) * sizeof(*rows));
	if (!rows) {
		catalog_free(c);
		return -ENOMEM;
	}
	memcpy(rows, builtin, sizeof(builtin));
	size_t n = BUILTIN_COUNT;
	for (size_t i = 0; i < n_entries; i++)
		if (hidden || !(c->entries[i].info.dwProviderFlags & PFL_HIDDEN))
			rows[n++] = c->entries[i].info;
	catalog_free(c);
	*ret_rows = rows;
	*ret_count = n;
	return 0;
}
