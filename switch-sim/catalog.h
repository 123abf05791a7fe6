/* SPDX-License-Identifier: MIT
 *
 * The catalogue of service providers: a directory with one file for each provider and the list of
 * "TCP on SAN" provider ids [PROV-INIT-11, SW-INIT-1, SW-INIT-7]. docs/catalogue.md has the format.
 * What has been read is immutable; no locks.
 */
#ifndef WSD_SWITCH_CATALOG_H
#define WSD_SWITCH_CATALOG_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <wsd/abi.h>

struct conf;

#define CATALOG_SUFFIX    ".provider"
#define CATALOG_LIST_NAME "tcp-on-san"

enum { CATALOG_LABEL_MAX = 32 };

struct catalog_entry {
	char label[CATALOG_LABEL_MAX]; /* the file's name without its suffix: "wsd-rdma" */
	char *module;                  /* absolute */
	WSAPROTOCOL_INFOW info;
	struct timespec changed; /* of the file: a touched entry is a new one [SW-PNP-3] */
};

struct catalog {
	struct catalog_entry *entries; /* by file name */
	size_t n_entries;
	GUID *list; /* "TCP on SAN", in the order of registration, each id once */
	size_t n_list;
};

/**
 * catalog_dir - where the catalogue is
 * `catalog` of the configuration (WSD_CATALOG); else that of the build tree this library lies in;
 * else the installed one. Return 0 or -ENAMETOOLONG.
 */
int catalog_dir(const struct conf *conf, char *dir, size_t size);

/**
 * catalog_read - read @dir
 * Entries and ids that cannot be used are logged, with file and reason, and left out; a missing
 * directory or list is an empty one. Return: 0, or -ENOMEM, -EMFILE, -ENFILE: not now.
 */
int catalog_read(const char *dir, struct catalog **ret);
void catalog_free(struct catalog *c); /* NULL is fine */

const struct catalog_entry *catalog_find(const struct catalog *c, const GUID *id);

/* The switch's own entries, in front of all others: TCP/IPv4, UDP/IPv4, TCP/IPv6, UDP/IPv6. The
 * first is what the TCP/IP provider is. NULL beyond the last. */
const WSAPROTOCOL_INFOW *catalog_builtin(size_t i);

/**
 * catalog_protocols - what WSAEnumProtocols (@hidden false) and WSCEnumProtocols (true) show
 * @conf: says where the catalogue is. @ret_rows is the caller's (free). Return: as
 * catalog_read.
 */
int catalog_protocols(const struct conf *conf, bool hidden, WSAPROTOCOL_INFOW **ret_rows,
		      size_t *ret_count);

/* Add an id to, or take it from, the list in @dir; atomically. Adding twice changes nothing.
 * Return 0 or -errno. */
int catalog_list_add(const char *dir, const GUID *id);
int catalog_list_remove(const char *dir, const GUID *id);

/* "{C0B422F5-F58C-11D1-AD6C-00C04FA34A2D}", braces optional. Return 0 or -EINVAL. */
int catalog_parse_guid(const char *text, GUID *ret);

#endif
