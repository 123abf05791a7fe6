/* SPDX-License-Identifier: MIT
 *
 * Several hosts: a run under srun or mpirun. Each process finds its rank in the environment and its
 * role by the servers that are named on the command line: on a host that has the address of a
 * server the first process serves (the second one if the host is named twice), all others are
 * clients. The process that serves the first name is the coordinator: clients wait for each other
 * there before each batch and bring it their results. No clock of one host is compared with
 * another's.
 */
#ifndef WSD_BENCH_RANKS_H
#define WSD_BENCH_RANKS_H

#include "options.h"

struct results;

struct ranks {
	int rank, size;       /* of the launcher; size 0 or 1: there is none */
	int local;            /* among those on this host; -1: the launcher does not say */
	int server;           /* index of the server that this one is; -1: a client */
	int client;           /* index among the clients is not known before ranks_join(); -1 */
	int clients;          /* how many */
	const char *launcher; /* "Slurm", "Open MPI", "PMI" */
	struct control *coordinator; /* a client's connection to it */
};

/* Reads the environment; false: not under a launcher. */
bool ranks_look(struct ranks *r);

/* Finds the role. 0, or -1 with a text: a name that cannot be resolved, no host has it, more
 * servers on a host than processes. */
int ranks_role(struct ranks *r, const struct options *o, char *why, size_t size);

/* A client: joins the coordinator; tells which server is its own (o->servers[client mod count]). 0,
 * or -1 with a text. */
int ranks_join(struct ranks *r, const struct options *o, char *why, size_t size);
/* A client: waits until all clients have come to the same @key. 0, or -1: the coordinator is gone.
 */
int ranks_wait(struct ranks *r, const char *key);
/* A client: brings its results. */
int ranks_bring(struct ranks *r, const struct results *res);

/* The coordinator, in a thread or process of its own: meets the clients, lets them wait for each
 * other, and merges their results. What a client that went away leaves behind is named in the
 * merged results. NULL with a text. */
struct results *ranks_coordinate(const struct ranks *r, const struct options *o, char *why,
				 size_t size);

/* The port of the coordinator. */
unsigned ranks_port(const struct options *o);

#endif
