/* SPDX-License-Identifier: MIT
 *
 * Several hosts: a run under srun or mpirun. Each process finds its rank in the environment and its
 * role by the servers that are named on the command line: on a host that has the address of a
 * server the first process serves (the second one if the host is named twice), all others are
 * clients. The process that serves the first name is the coordinator: clients wait for each other
 * there before each batch and bring it their results after each point. A client says how long it
 * may be silent, the coordinator speaks every few seconds to who waits. No clock of one host is
 * compared with another's.
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
	struct control *coordinator; /* the connection to it */
	int signals;                 /* a signalfd, with the connection */
	int patience_s;              /* who says nothing for so long after its time is given up */
	char chief[80];              /* the coordinator for people: "rank 0 on alpha" */
	char off[160];               /* why the coordinator has called the run off; "" */
};

/* Reads the environment; false: not under a launcher. */
bool ranks_look(struct ranks *r);

/* Finds the role. 0, or -1 with a text: a name that cannot be resolved, no host has it, more
 * servers on a host than processes. */
int ranks_role(struct ranks *r, const struct options *o, char *why, size_t size);

/* A client, or a server other than the coordinator: joins the coordinator; a client learns which
 * server is its own (o->servers[client mod count]). 0, or -1 with a text. */
int ranks_join(struct ranks *r, const struct options *o, char *why, size_t size);
void ranks_leave(struct ranks *r);

/* A client: waits until all clients have come to the same @key; after that it will speak again
 * within @ms. 0, or -1 with a text: a signal came (bench_signals(), blocked), the coordinator has
 * called the run off, is gone, or says nothing. */
int ranks_wait(struct ranks *r, const char *key, int ms, char *why, size_t size);
/* Whether the run has been called off meanwhile, with the reason. Does not wait. */
bool ranks_off(struct ranks *r, char *why, size_t size);
/* A client: brings all its results so far (closed), or its @last. 0, or -1 with a text. */
int ranks_bring(struct ranks *r, const struct results *res, bool last, char *why, size_t size);

/* A server other than the coordinator: whether that has hung up. Waits, @ms at most. */
bool ranks_done(struct ranks *r, int ms);

/* What all clients have brought so far, each time that it is a point more, while others wait. */
struct ranks_keeper {
	void (*keep)(void *arg,
		     struct results *so_far); /* borrowed; not closed; `stopped` says so */
	void *arg;
};

/* The coordinator: meets the others, lets the clients wait for each other, and merges their
 * results. Whoever goes away, says nothing, or stops early ends the run for all: what every client
 * has brought is merged, and the first reason is in `stopped`. A signal does the same at once.
 * bench_signals() are blocked when this returns. @keeper may be NULL. NULL with a text. */
struct results *ranks_coordinate(const struct ranks *r, const struct options *o,
				 const struct ranks_keeper *keeper, char *why, size_t size);

/* The port of the coordinator. */
unsigned ranks_port(const struct options *o);

#endif
