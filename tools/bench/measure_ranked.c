/* SPDX-License-Identifier: MIT
 *
 * measure_ranked.c - a run under srun or mpirun: what each process does. A server serves each of
 * its clients by a process of its own, at a port that client and server know without asking.
 */
#include "measure.h"

#include "bench.h"
#include "ranks.h"
#include "results.h"
#include "run.h"
#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PART_STEP_US = 50000,
	PART_S = 30, /* for clients that have brought all to say goodbye */
};

/* Of client @k; the coordinator's port is before them. */
static unsigned client_port(const struct options *o, int k)
{
	return ranks_port(o) + 1 + (unsigned)k;
}

/* The address of this host that clients know it by. */
static int own_address(struct options *o, const char *name, char *why, size_t size)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found;
	if (o->address.sin_family)
		return 0;
	int e = getaddrinfo(name, NULL, &hints, &found);
	if (e) {
		snprintf(why, size, "%s: %s", name, gai_strerror(e));
		return -1;
	}
	memcpy(&o->address, found->ai_addr, sizeof(o->address));
	o->address.sin_port = 0;
	freeaddrinfo(found);
	return 0;
}

/* For one client: a process that ends with it, and with its parent. */
static pid_t serve(const struct options *o, int client)
{
	pid_t parent = getpid(), pid = fork();
	if (pid)
		return pid;
	struct options own = *o;
	bench_unheed();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(BENCH_FAIL);
	own.port = client_port(o, client);
	own.count = 0;
	exit(server_run(&own));
}

static void keep(void *arg, struct results *so_far)
{
	measure_keep(arg, so_far);
}

static int coordinate(struct options *o, const struct ranks *ranks)
{
	char why[160] = "";
	const struct ranks_keeper keeper = {keep, o};
	struct results *res =
		ranks_coordinate(ranks, o, o->json_file ? &keeper : NULL, why, sizeof(why));
	if (!res) {
		bench_complain("%s", why);
		return BENCH_FAIL;
	}
	int status = measure_tell(o, res, true);
	results_free(res);
	return status;
}

/* How many of them still run; who ended badly makes @status bad. */
static int still_there(pid_t *child, int n, int *status)
{
	int left = 0, one;
	for (int k = 0; k < n; k++) {
		if (child[k] <= 0)
			continue;
		left++;
		if (waitpid(child[k], &one, WNOHANG) != child[k])
			continue;
		child[k] = 0;
		left--;
		if (one)
			*status = BENCH_FAIL;
	}
	return left;
}

/* Waits for the servers of single clients, until @until; the rest is killed. */
static int part(pid_t *child, int n, double until, int status)
{
	while (still_there(child, n, &status) && bench_now_ns() < until)
		usleep(PART_STEP_US);
	for (int k = 0; k < n; k++)
		if (child[k] > 0) {
			if (status == BENCH_OK)
				bench_complain("the server of client %d does not end", k);
			status = BENCH_FAIL;
			kill(child[k], SIGKILL);
		}
	return status;
}

/* A server other than the coordinator: as long as that is there. */
static int accompany(struct options *o, struct ranks *ranks, pid_t *child)
{
	char why[160] = "";
	int status = BENCH_OK;
	if (ranks_join(ranks, o, why, sizeof(why))) {
		bench_complain("rank %d: %s", ranks->rank, why);
		return part(child, ranks->clients, 0, BENCH_FAIL);
	}
	while (!ranks_done(ranks, PART_STEP_US / 1000))
		still_there(child, ranks->clients, &status);
	ranks_leave(ranks);
	return part(child, ranks->clients, bench_now_ns() + PART_S * 1e9, status);
}

static int be_server(struct options *o, struct ranks *ranks)
{
	pid_t *child = calloc((size_t)ranks->clients, sizeof(*child));
	char why[160] = "no memory";
	int status;
	if (!child || own_address(o, o->servers[ranks->server], why, sizeof(why))) {
		bench_complain("%s", why);
		free(child);
		return BENCH_FAIL;
	}
	for (int k = ranks->server; k < ranks->clients; k += o->count)
		child[k] = serve(o, k);
	if (ranks->server) {
		status = accompany(o, ranks, child);
	} else {
		status = coordinate(o, ranks);
		run_unblock();
		/* who never came, or was cut off, is not waited for */
		double until = status == BENCH_OK ? bench_now_ns() + PART_S * 1e9 : 0;
		status = part(child, ranks->clients, until, status);
	}
	free(child);
	return status;
}

int measure_ranked(struct options *o, struct ranks *ranks)
{
	char why[160] = "";
	static char *server[1];
	if (ranks_role(ranks, o, why, sizeof(why))) {
		if (ranks->rank == 0)
			bench_complain("%s", why);
		return BENCH_FAIL;
	}
	if (ranks->server >= 0)
		return be_server(o, ranks);
	if (ranks_join(ranks, o, why, sizeof(why))) {
		bench_complain("rank %d: %s", ranks->rank, why);
		ranks_leave(ranks);
		return BENCH_FAIL;
	}
	o->port = client_port(o, ranks->client);
	server[0] = o->servers[ranks->client % o->count];
	o->servers = server;
	o->count = 1;
	int status = measure_run(o, ranks);
	ranks_leave(ranks);
	return status;
}
