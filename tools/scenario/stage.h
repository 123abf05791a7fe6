/* SPDX-License-Identifier: MIT
 *
 * Where a scenario plays: a network namespace with its NICs, or one for each of its hosts, whose
 * NICs hang on one Ethernet (a bridge in a namespace that nobody else is in); a folder with a
 * catalogue and the providers' modules, and the configuration, as environment of the processes. All
 * of it is the scenario's own and goes with it.
 */
#ifndef WSD_SCENARIO_STAGE_H
#define WSD_SCENARIO_STAGE_H

#include "scenario.h"

#include <jansson.h>

enum { STAGE_HOSTS = 8, STAGE_NICS = 16, STAGE_ADDRS = 64, STAGE_PROVIDERS = 8, STAGE_PATH = 256 };

struct stage_host {
	char name[NAME_SIZE];
	int fd; /* its network namespace */
};

struct stage_nic {
	char name[NAME_SIZE];
	const struct stage_host *host;
};

struct stage_addr {
	char text[16];
	int length;
	char nic[NAME_SIZE];
};

struct stage_provider {
	char name[NAME_SIZE];
	char id[40];
	char module[STAGE_PATH];
	json_t *nics; /* an array of names, or of addresses: what it serves */
	json_t *past; /* what processes that start later have to be told, in order */
};

struct stage {
	char dir[STAGE_PATH - 64];
	char trace[STAGE_PATH];
	bool real; /* the machine's own NICs and the provider over RDMA */
	struct stage_host hosts[STAGE_HOSTS + 1]; /* the first has no name: where we are */
	size_t n_hosts;
	int ethernet; /* the namespace of the bridge; -1: no other hosts */
	struct stage_nic nics[STAGE_NICS];
	size_t n_nics;
	struct stage_addr addrs[STAGE_ADDRS];
	size_t n_addrs;
	struct stage_provider providers[STAGE_PROVIDERS];
	size_t n_providers;
};

/* Why a scenario cannot go on: a sentence. */
struct stage_error {
	char text[256];
	bool cannot; /* this machine does not let us: the scenario is skipped */
};

/* @dir: an empty folder, which the caller removes. False with @e filled. */
bool stage_make(struct stage *s, const char *dir, bool real, struct stage_error *e);
void stage_free(struct stage *s);
/* Processes of other users will come: they read the folder and write the trace. */
bool stage_share(struct stage *s, struct stage_error *e);

/* A host more: before the first NIC. */
bool stage_add_host(struct stage *s, const char *name, struct stage_error *e);
/* The folder by which scripted providers of several hosts meet. False: there is one host. */
bool stage_net(const struct stage *s, char *ret, size_t size);
/* Of this name; NULL: the first. NULL with @e filled: there is none. */
const struct stage_host *stage_host(const struct stage *s, const char *name, struct stage_error *e);
bool stage_nic(struct stage *s, const struct statement *st, struct stage_error *e);
bool stage_set(struct stage *s, const char *key, const char *value, struct stage_error *e);

/* The provider of this name; NULL: none. */
struct stage_provider *stage_find(struct stage *s, const char *name);
/* A new one: its modules and its entry in the catalogue; installed. */
struct stage_provider *stage_provide(struct stage *s, const char *name, struct stage_error *e);
/* Puts it into the list of registered providers, or takes it out. */
bool stage_install(struct stage *s, const struct stage_provider *p, bool install,
		   struct stage_error *e);
/* The addresses that these NICs of @host have, and those of @words that are addresses and that no
 * other host has: an array of texts. */
json_t *stage_addresses(const struct stage *s, const json_t *words, const struct stage_host *host);
/* All these are addresses or NICs that there are. */
bool stage_knows(const struct stage *s, const json_t *words, struct stage_error *e);

#endif
