/* SPDX-License-Identifier: MIT
 *
 * ranks.c - see ranks.h: the environment, the role, a client's side. The coordinator's is
 * coordinate.c.
 */
#include "ranks.h"

#include "control.h"
#include "results.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COORDINATOR_WAIT_S = 60 };

/* What launchers set in the processes that they start. Slurm's SLURM_NTASKS is not among them: a
 * batch script has it, too, though nobody else was started with it. */
static const struct launcher {
	const char *name, *rank, *size, *local;
} launchers[] = {
	{"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"},
	{"Slurm", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"},
	{"Hydra", "PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"},
	{"PMIx", "PMIX_RANK", "PMIX_SIZE", "PMIX_LOCAL_RANK"},
};

static int number(const char *name, int otherwise)
{
	const char *text = getenv(name);
	char *end;
	if (!text || !*text)
		return otherwise;
	long n = strtol(text, &end, 10);
	return *end || n < 0 || n > 1000000 ? otherwise : (int)n;
}

bool ranks_look(struct ranks *r)
{
	*r = (struct ranks){.local = -1, .server = -1, .client = -1};
	for (size_t i = 0; i < sizeof(launchers) / sizeof(launchers[0]); i++) {
		const struct launcher *l = &launchers[i];
		int rank = number(l->rank, -1), size = number(l->size, 0);
		if (rank < 0 || size < 2 || rank >= size)
			continue;
		r->rank = rank;
		r->size = size;
		r->local = number(l->local, -1);
		r->launcher = l->name;
		return true;
	}
	return false;
}

/* 1: the name is an address of this host; 0: of another one; -1 with a text. */
static int is_here(const char *name, char *why, size_t size)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	struct ifaddrs *all;
	int here = 0, e = getaddrinfo(name, NULL, &hints, &found);
	if (e || getifaddrs(&all)) {
		snprintf(why, size, "%s: %s", name, e ? gai_strerror(e) : strerror(errno));
		if (!e)
			freeaddrinfo(found);
		return -1;
	}
	for (struct addrinfo *a = found; a && !here; a = a->ai_next)
		for (struct ifaddrs *i = all; i && !here; i = i->ifa_next)
			here = i->ifa_addr && i->ifa_addr->sa_family == AF_INET &&
			       ((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr ==
				       ((struct sockaddr_in *)a->ai_addr)->sin_addr.s_addr;
	freeifaddrs(all);
	freeaddrinfo(found);
	return here;
}

int ranks_role(struct ranks *r, const struct options *o, char *why, size_t size)
{
	int before = 0;
	if (!o->count) {
		snprintf(why, size, "under %s the servers must be named: the hosts that serve",
			 r->launcher);
		return -1;
	}
	if (r->size <= o->count) {
		snprintf(why, size, "%d processes for %d servers: no client is left", r->size,
			 o->count);
		return -1;
	}
	if (r->local < 0) {
		snprintf(why, size, "%s does not say which process of its host this one is",
			 r->launcher);
		return -1;
	}
	for (int i = 0; i < o->count; i++) {
		int here = is_here(o->servers[i], why, size);
		if (here < 0)
			return -1;
		if (here && before++ == r->local)
			r->server = i;
	}
	r->clients = r->size - o->count;
	return 0;
}

unsigned ranks_port(const struct options *o)
{
	return o->port + 1;
}

/* ---- a client ---- */

int ranks_join(struct ranks *r, const struct options *o, char *why, size_t size)
{
	char host[65] = "";
	gethostname(host, sizeof(host) - 1);
	r->coordinator =
		control_connect(o->servers[0], ranks_port(o), COORDINATOR_WAIT_S, why, size);
	if (!r->coordinator)
		return -1;
	json_t *a = control_ask(r->coordinator,
				json_pack("{s:i, s:s}", "join", r->rank, "host", host), why, size);
	if (!a)
		return -1;
	r->client = (int)json_integer_value(json_object_get(a, "client"));
	json_decref(a);
	return 0;
}

/* A question whose answer says no more than yes. */
static int ask(struct ranks *r, json_t *question)
{
	char why[160];
	json_t *a = control_ask(r->coordinator, question, why, sizeof(why));
	json_decref(a);
	return a ? 0 : -1;
}

int ranks_wait(struct ranks *r, const char *key)
{
	return ask(r, json_pack("{s:s}", "wait", key));
}

int ranks_bring(struct ranks *r, const struct results *res)
{
	return ask(r, json_pack("{s:o}", "results", results_to_json(res)));
}
