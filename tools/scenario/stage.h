/* SPDX-License-Identifier: MIT
 *
 * Where a scenario plays: a network namespace with its NICs, a folder with a catalogue and the
 * providers' modules, and the configuration, as environment of the processes. All of it is the
 * scenario's own and goes with it.
 */
#ifndef WSD_SCENARIO_STAGE_H
#define WSD_SCENARIO_STAGE_H

#include "scenario.h"

#include <jansson.h>

enum { STAGE_NICS = 16, STAGE_ADDRS = 64, STAGE_PROVIDERS = 8, STAGE_PATH = 256 };

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
	char nics[STAGE_NICS][NAME_SIZE];
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

bool stage_nic(struct stage *s, const struct statement *st, struct stage_error *e);
bool stage_set(struct stage *s, const char *key, const char *value, struct stage_error *e);

/* The provider of this name; NULL: none. */
struct stage_provider *stage_find(struct stage *s, const char *name);
/* A new one: its modules and its entry in the catalogue; installed. */
struct stage_provider *stage_provide(struct stage *s, const char *name, struct stage_error *e);
/* Puts it into the list of registered providers, or takes it out. */
bool stage_install(struct stage *s, const struct stage_provider *p, bool install,
		   struct stage_error *e);
/* The addresses of these NICs (or addresses themselves): an array of texts. NULL: @e. */
json_t *stage_addresses(struct stage *s, const json_t *words, struct stage_error *e);

#endif
