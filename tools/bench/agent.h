/* SPDX-License-Identifier: MIT
 *
 * The server's end of one contender: a process of its own, so that neither its threads nor its
 * memory are another's, and that one which is stuck can be ended. The server asks it over a pair of
 * sockets what the client asked the server.
 */
#ifndef WSD_BENCH_AGENT_H
#define WSD_BENCH_AGENT_H

#include "contender.h"
#include "control.h"

#include <sys/types.h>

/* What a contender is started with. */
struct agent_terms {
	struct sockaddr_in here; /* port 0 */
	bool cold;               /* nothing is recycled */
	bool plain;              /* a kernel TCP listener in its place */
	bool patient;            /* a SAN that is slow is no SAN that is away */
	int backlog;
	int cpus[32], cpu_count;
};

struct agent {
	const struct contender *who;
	pid_t pid; /* 0: none */
	struct control *control;
	struct sockaddr_in at; /* where it listens */
};

/* Starts one; 0 once it listens, or -1 with what is missing. @close: descriptors that are not its
 * business, ends with -1. */
int agent_start(struct agent *a, const struct agent_terms *terms, const int *close, char *why,
		size_t size);
/* Ends it: asks it to, and kills it when it does not. Fine for one that was not started. */
void agent_end(struct agent *a);
/* What it died of; it is waited for. */
void agent_obituary(struct agent *a, char *text, size_t size);

/* Environment of this process for @terms: before a contender is started. */
void agent_environment(bool cold, bool patient);

/* What this process has: {"cpu_ns", "pinned", "resident", "copied", ...}. */
json_t *agent_measure(void);

#endif
