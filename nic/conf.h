/* SPDX-License-Identifier: MIT
 *
 * The configuration: one file of `key = value` lines plus WSD_* variables; see wsd(7) for the keys.
 *
 * It stands in the lowest folder because the provider and the switch read the same file, as on
 * Windows both read the same registry. A loaded configuration is immutable: any thread may read it.
 */
#ifndef WSD_NIC_CONF_H
#define WSD_NIC_CONF_H

#include <stdbool.h>
#include <stddef.h>

struct conf;

/**
 * conf_load - read the file named by WSD_CONFIG, or the system's wsdirect.conf
 *
 * A missing system file is an empty configuration. The environment wins over the file: the key
 * `rdma.threshold` is overridden by WSD_RDMA_THRESHOLD. In set-user-id programs the environment is
 * ignored (it names modules to load). Lines that cannot be read are logged and skipped.
 * Return: 0 with @ret_conf set; -ENOMEM; -errno of open(2)/read(2) if WSD_CONFIG names a file that
 * cannot be read, which is logged.
 */
int conf_load(struct conf **ret_conf);

/* Parse @text (not kept) instead of a file; for tests and tools. The environment wins here too. */
int conf_parse(const char *text, struct conf **ret_conf);

void conf_free(struct conf *c); /* NULL is fine */

/* The file that conf_load reads, which need not be there; as long as the environment stays. */
const char *conf_file(void);

/* The value of @key, borrowed until conf_free, or NULL. */
const char *conf_get(const struct conf *c, const char *key);
/* False: a key that nothing reads. Those of other programs have another prefix. */
bool conf_known_key(const char *key);

/* Where the value of @key comes from, for messages: the file's path or "environment". */
const char *conf_origin(const struct conf *c, const char *key);

/* Log the keys and variables that nothing of wsdirect reads: they are typing errors. Keys of other
 * providers (`acme.depth`) are theirs. For whoever reads the file first in a process. */
void conf_report(const struct conf *c);

/* yes/no, true/false, on/off, 1/0; anything else is logged and @fallback. */
bool conf_bool(const struct conf *c, const char *key, bool fallback);

/* A decimal or 0x number within [min, max]; anything else is logged and @fallback. */
long conf_long(const struct conf *c, const char *key, long fallback, long min, long max);

/* Whether 169.254/16 addresses of @ifname are used: IPAutoconfigurationEnabled.@ifname, else
 * IPAutoconfigurationEnabled, else yes [PROV-BIND-17]. */
bool conf_autoconf(const struct conf *c, const char *ifname);

/* True if @word stands in the comma- or blank-separated list at @key. */
bool conf_has_word(const struct conf *c, const char *key, const char *word);

#endif
