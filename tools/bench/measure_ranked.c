/* SPDX-License-Identifier: MIT
 *
 * measure_ranked.c - a run under srun or mpirun: what each process does. A server serves each of
 * its clients by a process of its own, at a port that client and server know without asking.
 */
#include "measure.h"

#include "bench.h"
#include "control.h"
#include "ranks.h"
#include "results.h"
#include "server.h"
#include "show.h"

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
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(BENCH_FAIL);
	own.port = client_port(o, client);
	own.count = 0;
	exit(server_run(&own));
}

static int coordinate(struct options *o, const struct ranks *ranks)
{
	char why[160] = "";
	struct results *res = ranks_coordinate(ranks, o, why, sizeof(why));
	if (!res) {
		bench_complain("%s", why);
		return BENCH_FAIL;
	}
	if (!o->output && (!o->json || o->json_file))
		show_parameters(stdout, o, res);
	int status = measure_tell(o, res);
	results_free(res);
	return status;
}

static int be_server(struct options *o, const struct ranks *ranks)
{
	pid_t *child = calloc((size_t)ranks->clients, sizeof(*child));
	char why[160] = "no memory";
	int status = BENCH_OK, one;
	if (!child || own_address(o, o->servers[ranks->server], why, sizeof(why))) {
		bench_complain("%s", why);
		free(child);
		return BENCH_FAIL;
	}
	for (int k = ranks->server; k < ranks->clients; k += o->count)
		child[k] = serve(o, k);
	if (ranks->server == 0)
		status = coordinate(o, ranks);
	for (int k = 0; k < ranks->clients; k++) {
		if (child[k] <= 0)
			continue;
		if (status != BENCH_OK) /* who never came is not waited for */
			kill(child[k], SIGTERM);
		if (waitpid(child[k], &one, 0) == child[k] && one)
			status = BENCH_FAIL;
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
		return BENCH_FAIL;
	}
	o->port = client_port(o, ranks->client);
	server[0] = o->servers[ranks->client % o->count];
	o->servers = server;
	o->count = 1;
	int status = measure_run(o, ranks);
	control_close(ranks->coordinator);
	return status;
}
