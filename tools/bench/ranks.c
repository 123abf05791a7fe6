/* SPDX-License-Identifier: MIT
 *
 * ranks.c - see ranks.h: the environment, the role, the side of all but the coordinator. The
 * coordinator's is coordinate.c.
 */
#include "ranks.h"

#include "bench.h"
#include "control.h"
#include "results.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
	COORDINATOR_WAIT_S = 60,
	JOIN_S = 90,    /* for the answer, which comes when all have joined */
	PART_S = 10,    /* between the parts of a line */
	PATIENCE_S = 60 /* more than a job that did not come back takes to be given up */
};

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
	*r = (struct ranks){
		.local = -1, .server = -1, .client = -1, .signals = -1, .patience_s = PATIENCE_S};
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

/* ---- a client, or another server ---- */

int ranks_join(struct ranks *r, const struct options *o, char *why, size_t size)
{
	char host[65] = "";
	sigset_t set;
	bench_signals(&set);
	gethostname(host, sizeof(host) - 1);
	r->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	r->coordinator =
		control_connect(o->servers[0], ranks_port(o), COORDINATOR_WAIT_S, why, size);
	if (!r->coordinator)
		return -1;
	control_patience(r->coordinator, JOIN_S);
	json_t *a = control_ask(
		r->coordinator,
		json_pack("{s:i, s:i, s:s}", "join", r->rank, "server", r->server, "host", host),
		why, size);
	if (!a)
		return -1;
	r->client = (int)json_integer_value(json_object_get(a, "client"));
	snprintf(r->chief, sizeof(r->chief), "rank %d on %.60s",
		 (int)json_integer_value(json_object_get(a, "rank")), o->servers[0]);
	json_decref(a);
	control_patience(r->coordinator, PART_S);
	return 0;
}

void ranks_leave(struct ranks *r)
{
	control_close(r->coordinator);
	if (r->signals >= 0)
		close(r->signals);
	r->coordinator = NULL;
	r->signals = -1;
}

static int fail(struct ranks *r, const char *what, char *why, size_t size)
{
	snprintf(why, size, "the coordinator (%s) %s", r->chief, what);
	return -1;
}

/* Something can be read. 0, or -1 with a text. */
static int await(struct ranks *r, char *why, size_t size)
{
	struct pollfd p[] = {{.fd = control_fd(r->coordinator), .events = POLLIN},
			     {.fd = r->signals, .events = POLLIN}};
	struct signalfd_siginfo info;
	char text[60];
	int n = 1;
	if (!control_pending(r->coordinator))
		while ((n = poll(p, 2, r->patience_s * 1000)) < 0 && errno == EINTR)
			continue;
	if (p[1].revents && read(r->signals, &info, sizeof(info)) == sizeof(info)) {
		snprintf(why, size, "interrupted");
		return -1;
	}
	snprintf(text, sizeof(text), "has said nothing for %d s", r->patience_s);
	return n > 0 ? 0 : fail(r, text, why, size);
}

/* Its next word that is not only there to be heard; a run that was called off is remembered. 1: it
 * says to go on, 0: that the run was called off; or -1 with a text. */
static int hear(struct ranks *r, char *why, size_t size)
{
	for (;;) {
		if (await(r, why, size))
			return -1;
		json_t *j = control_recv(r->coordinator);
		if (!j)
			return fail(r, "went away", why, size);
		const char *off = json_string_value(json_object_get(j, "off"));
		bool ok = json_is_true(json_object_get(j, "ok"));
		if (off)
			snprintf(r->off, sizeof(r->off), "%s", off);
		json_decref(j);
		if (ok || off)
			return ok;
	}
}

int ranks_wait(struct ranks *r, const char *key, int ms, char *why, size_t size)
{
	if (!r->off[0] &&
	    control_send(r->coordinator, json_pack("{s:s, s:i}", "wait", key, "ms", ms)))
		return fail(r, "went away", why, size);
	int go = r->off[0] ? 0 : hear(r, why, size);
	if (!go)
		snprintf(why, size, "%s", r->off);
	return go > 0 ? 0 : -1;
}

bool ranks_off(struct ranks *r, char *why, size_t size)
{
	struct pollfd p = {.fd = control_fd(r->coordinator), .events = POLLIN};
	if (!r->off[0] && (control_pending(r->coordinator) || poll(&p, 1, 0) > 0) &&
	    hear(r, why, size) < 0)
		return true;
	snprintf(why, size, "%s", r->off);
	return r->off[0] != '\0';
}

int ranks_bring(struct ranks *r, const struct results *res, bool last, char *why, size_t size)
{
	int go = 0;
	if (control_send(r->coordinator,
			 json_pack("{s:o, s:b}", "results", results_to_json(res), "last", last)))
		return last && r->off[0] ? 0 : fail(r, "went away", why, size);
	while (!go)
		go = hear(r, why, size);
	/* one that has called the run off may not wait for these */
	return go > 0 || (last && r->off[0]) ? 0 : -1;
}

bool ranks_done(struct ranks *r, int ms)
{
	struct pollfd p = {.fd = control_fd(r->coordinator), .events = POLLIN};
	json_t *j = NULL;
	while (control_pending(r->coordinator) || poll(&p, 1, ms) > 0) {
		j = control_recv(r->coordinator);
		if (!j)
			return true;
		json_decref(j);
	}
	return false;
}
