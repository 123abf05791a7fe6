/* SPDX-License-Identifier: MIT
 *
 * measure.c - the verb of every test: who and where, the run, what is told of it.
 */
#include "bench.h"

#include "control.h"
#include "host.h"
#include "keeper.h"
#include "measure.h"
#include "output.h"
#include "ranks.h"
#include "results.h"
#include "run.h"
#include "server.h"
#include "show.h"
#include "whole.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SERVER_WAIT_S = 10,
	GREET_S = 60, /* for the server's answer, which has begun all contenders by then */
	/* -icount: a minute passes at once while all wait for a page of a program. */
	LEAPING_MS = 100000000,
};

static struct results *begin_results(const struct options *o)
{
	struct results *res = results_new();
	time_t now = time(NULL);
	struct tm tm;
	if (!res)
		return NULL;
	gmtime_r(&now, &tm);
	strftime(res->started, sizeof(res->started), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(res->test, sizeof(res->test), "%s", o->test->name);
	json_decref(res->parameters);
	res->parameters = options_to_json(o);
	host_look(&res->hosts[res->host_count++], o->test->two_ends ? "client" : "here",
		  &o->address);
	return res;
}

static void warn_of_cpu(const struct options *o, const struct host *h)
{
	if (!o->no_cpu_warning && h->governor[0] && strcmp(h->governor, "performance") != 0)
		bench_complain("the processors' frequency is governed by '%s', times will vary "
			       "(-F: no such warning)",
			       h->governor);
}

/* A real host often runs several programs: no error, but another figure. */
static void look_for_keeper(const struct options *o, struct results *res)
{
	if (o->test->two_ends)
		return;
	bool elsewhere = keeper_elsewhere();
	json_object_set_new(res->parameters, "names_kept_elsewhere", json_boolean(elsewhere));
	if (elsewhere)
		bench_complain(
			"another process keeps the names of this host: each bind of ours is a "
			"message to it, and costs several times as much as without");
}

static int write_json(const struct options *o, const struct results *res)
{
	json_t *j = results_to_json(res);
	char *text = j ? json_dumps(j, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
	int err = text ? 0 : -ENOMEM;
	if (!err && o->json_file)
		err = whole_write(o->json_file, text, strlen(text));
	else if (!err)
		err = puts(text) < 0 ? -EIO : 0;
	if (err)
		bench_complain("cannot write %s: %s", o->json_file ? o->json_file : "JSON",
			       strerror(-err));
	free(text);
	json_decref(j);
	return err;
}

/* Asked before hours are spent on it. */
static bool can_write(const char *path)
{
	char dir[4096];
	if (!path)
		return true;
	if (snprintf(dir, sizeof(dir), "%s", path) >= (int)sizeof(dir))
		errno = ENAMETOOLONG;
	else if (!access(dirname(dir), W_OK | X_OK))
		return true;
	bench_complain("cannot write %s: %s", path, strerror(errno));
	return false;
}

void measure_keep(const struct options *o, struct results *so_far)
{
	if (!results_close(so_far))
		write_json(o, so_far);
}

/* Whether our own layer was measured at all. */
static bool ours_there(const struct results *res)
{
	for (int i = 0; i < res->figure_count; i++)
		if (!strcmp(res->figures[i].contender, res->ours) && res->figures[i].stats.n)
			return true;
	return false;
}

int measure_tell(const struct options *o, struct results *res, bool parameters)
{
	bool only_json = o->json && !o->json_file;
	if (results_close(res)) {
		bench_complain("no memory");
		return BENCH_FAIL;
	}
	/* the file first: nobody may be left to read the rest, and then SIGPIPE is the end */
	int err = o->json_file ? write_json(o, res) : 0;
	if (parameters && !o->output && !only_json)
		show_parameters(stdout, o, res);
	if (o->output)
		show_bare(stdout, o, res);
	else if (!only_json)
		show_results(stdout, o, res);
	if (only_json)
		err = write_json(o, res);
	if (err)
		return BENCH_FAIL;
	if (output_push())
		return BENCH_FAIL;
	if (res->stopped[0])
		bench_complain("cut short: %s", res->stopped);
	return res->stopped[0] || !ours_there(res) ? BENCH_FAIL : BENCH_OK;
}

/* Says hello to the server; whom it cannot meet is left out. */
static int greet(struct run *r, char *why, size_t size)
{
	bool before[PEERS_MAX + 1];
	for (int i = 0; i < r->count; i++)
		before[i] = r->contestants[i].left_out[0] != '\0';
	if (server_greet(r, why, size))
		return -1;
	for (int i = 0; i < r->count; i++)
		if (!before[i] && r->contestants[i].left_out[0] &&
		    results_leave_out(r->results, r->contestants[i].who->name, NULL,
				      r->contestants[i].left_out))
			abort();
	return 0;
}

/* --local, before there is a thread or a device: the server is a fork. */
static int start_server(const struct options *o, pid_t *ret_child)
{
	if (!o->test->two_ends || !o->here)
		return 0;
	*ret_child = server_spawn(o);
	if (*ret_child >= 0)
		return 0;
	bench_complain("the server cannot be started: %s", strerror(errno));
	return -1;
}

/* Nothing is measured yet that would have to be told: a signal ends this process, whoever hangs. */
static int reach_server(struct run *r, char *why, size_t size)
{
	const struct options *o = r->o;
	char here[INET_ADDRSTRLEN];
	const char *name = o->here ? here : o->servers[0];
	inet_ntop(AF_INET, &o->address.sin_addr, here, sizeof(here));
	run_unblock();
	r->control = control_connect(name, o->port, SERVER_WAIT_S, why, size);
	if (r->control && !r->patience_ms)
		control_patience(r->control, GREET_S);
	int status = r->control ? greet(r, why, size) : -1;
	if (!status)
		control_patience(r->control, 0);
	run_block();
	return status;
}

static int told(struct run *r)
{
	if (!r->ranks)
		return measure_tell(r->o, r->results, false);
	char why[160] = "no memory";
	if (!results_close(r->results) &&
	    !ranks_bring(r->ranks, r->results, true, why, sizeof(why)))
		return BENCH_OK;
	bench_complain("client %d: %s", r->ranks->client, why);
	return BENCH_FAIL;
}

static int measure(struct run *r, pid_t *ret_child)
{
	const struct options *o = r->o;
	char why[160] = "";
	bool stuck = false;
	if (start_server(o, ret_child))
		return BENCH_FAIL;
	if (run_start(r)) {
		bench_complain("nobody can take part");
		return show_results(stderr, o, r->results), BENCH_FAIL;
	}
	if (o->test->two_ends && reach_server(r, why, sizeof(why))) {
		bench_complain("%s", why);
		return BENCH_FAIL;
	}
	if (!r->ranks && !o->output && (!o->json || o->json_file))
		show_parameters(stdout, o, r->results);
	fflush(stdout);
	run_points(r, &stuck);
	int status = told(r);
	if (stuck) { /* somebody's thread may be anywhere */
		if (*ret_child > 0)
			kill(*ret_child, SIGKILL);
		_exit(status);
	}
	return status;
}

int measure_run(struct options *o, struct ranks *ranks)
{
	struct run r = {.o = o, .ranks = ranks};
	pid_t child = -1;
	char why[160] = "";
	if (options_place(o, why, sizeof(why))) {
		bench_complain("%s", why);
		return BENCH_FAIL;
	}
	run_block();
	r.results = begin_results(o);
	if (!r.results) {
		bench_complain("no memory");
		return BENCH_FAIL;
	}
	warn_of_cpu(o, &r.results->hosts[0]);
	look_for_keeper(o, r.results);
	if (r.results->hosts[0].icount == 1)
		r.patience_ms = LEAPING_MS;
	int status = measure(&r, &child);
	run_stop(&r);
	if (child > 0 && !r.control)
		kill(child, SIGKILL); /* it waits for a client */
	server_farewell(&r);
	if (child > 0)
		waitpid(child, NULL, 0);
	results_free(r.results);
	return status;
}

int bench_test(const struct test *test, int argc, char **argv)
{
	static struct options o;
	struct ranks ranks;
	options_parse(&o, argc, argv);
	bench_heed();
	if (test->two_ends && !o.here && ranks_look(&ranks))
		return measure_ranked(&o, &ranks);
	if (!can_write(o.json_file))
		return BENCH_FAIL;
	if (o.count > 1) {
		bench_complain("several servers need several clients: start it by srun or mpirun");
		return BENCH_USAGE;
	}
	if (!test->two_ends || o.count || o.here)
		return measure_run(&o, NULL);
	char why[160] = "";
	if (!options_place(&o, why, sizeof(why)))
		return server_run(&o);
	bench_complain("%s", why);
	return BENCH_FAIL;
}
