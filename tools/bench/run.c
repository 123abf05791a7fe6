/* SPDX-License-Identifier: MIT
 *
 * run.c - see run.h.
 */
#include "run.h"

#include "bench.h"
#include "control.h"
#include "progress.h"
#include "ranks.h"
#include "results.h"
#include "worker.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	JOB_MS = 60000,      /* what a job may take beside */
	ITERATION_MS = 100,  /* each of its iterations, and each connection held */
	BYTES_PER_MS = 1049, /* and the bytes of its messages: 1 MiB/s */
	COME_BACK_MS = 3000, /* what a job may take to see that the run was stopped */
};

static void mask(int how)
{
	sigset_t set;
	bench_signals(&set);
	pthread_sigmask(how, &set, NULL);
}

void run_block(void)
{
	mask(SIG_BLOCK);
}

void run_unblock(void)
{
	mask(SIG_UNBLOCK);
}

/* ---- batches ---- */

void batch_sample(struct batch *b, int kind, double value)
{
	if (!isfinite(value))
		b->no_number = true;
	else if (samples_add(&b->staged[kind], value))
		abort();
}

void batch_mean(struct batch *b, int kind, double value, long connections)
{
	batch_sample(b, kind, value);
	b->connections[kind] = connections;
}

void batch_samples(struct batch *b, int kind, const struct samples *s)
{
	for (size_t i = 0; i < s->n; i++)
		batch_sample(b, kind, s->v[i]);
}

bool batch_over(const struct batch *b, long done)
{
	if (atomic_load_explicit(&b->run->stopping, memory_order_relaxed))
		return true;
	return b->until > 0 ? bench_now_ns() >= b->until : done >= b->iterations;
}

/* ---- jobs: what the worker does ---- */

struct job {
	struct batch batch;
	const struct test *test;
	char why[160];
};

/* errno is the worker's own: its text is made here. */
static int job_end(struct job *j, int r)
{
	if (r && !j->why[0])
		snprintf(j->why, sizeof(j->why), "%s", strerror(errno ? errno : EIO));
	return r;
}

static int job_prepare(void *arg)
{
	struct job *j = arg;
	struct batch *b = &j->batch;
	errno = 0;
	if (!j->test->prepare)
		return 0;
	return job_end(j,
		       j->test->prepare(b->run, b->contestant, b->point, j->why, sizeof(j->why)));
}

static int job_batch(void *arg)
{
	struct job *j = arg;
	struct batch *b = &j->batch;
	const struct options *o = b->run->o;
	b->until = o->duration_s > 0 ? bench_now_ns() + o->duration_s * 1e9 : 0;
	errno = 0;
	int r = j->test->batch(b, j->why, sizeof(j->why));
	if (!r && b->no_number)
		snprintf(j->why, sizeof(j->why), "what was measured is no number");
	return job_end(j, r || b->no_number ? -1 : 0);
}

static int job_finish(void *arg)
{
	struct job *j = arg;
	if (j->test->finish)
		j->test->finish(j->batch.run, j->batch.contestant, j->batch.point);
	return 0;
}

static void job_free(struct job *j)
{
	for (int k = 0; k < KINDS_MAX; k++)
		samples_free(&j->batch.staged[k]);
	free(j);
}

/* ---- the loop ---- */

struct loop {
	struct run *run;
	const struct test *test;
	struct worker *worker;
	struct progress progress;
	bool stuck;              /* a thread was left behind */
	bool out[PEERS_MAX + 1]; /* of this point */
	const struct point *point;
};

static struct worker *new_worker(const struct run *r)
{
	return worker_new(r->control ? control_fd(r->control) : -1,
			  r->o->pin.n ? (int)r->o->pin.v[0] : -1);
}

static void stop_run(struct loop *l, const char *why)
{
	struct results *res = l->run->results;
	atomic_store(&l->run->stopping, true);
	if (!res->stopped[0])
		snprintf(res->stopped, sizeof(res->stopped), "%s", why);
}

static bool stopped(const struct loop *l)
{
	return atomic_load(&l->run->stopping);
}

static void leave_out(struct loop *l, struct contestant *c, const struct point *p, const char *why)
{
	l->out[c - l->run->contestants] = true;
	if (!p)
		snprintf(c->left_out, sizeof(c->left_out), "%s", why);
	if (results_leave_out(l->run->results, c->who->name, p, why))
		abort();
}

static int job_timeout_ms(const struct loop *l)
{
	const struct options *o = l->run->o;
	double n = o->iterations ? (double)o->iterations : (double)l->test->iterations;
	const struct point *p = l->point;
	double ms = (l->run->patience_ms ? l->run->patience_ms : JOB_MS) + o->duration_s * 2000 +
		    ITERATION_MS * (n + (p ? p->open : 0)) +
		    2 * n * (p ? (double)p->size : 0) / BYTES_PER_MS;
	return ms < 1e9 ? (int)ms : (int)1e9;
}

/* The job did not come back in time. Alone on this host the others go on without it; with two ends
 * nobody knows what the server is at. */
static void late(struct loop *l, struct job *j)
{
	char text[160];
	snprintf(text, sizeof(text), "%s did not come back within %d s",
		 j->batch.contestant->who->name, job_timeout_ms(l) / 1000);
	leave_out(l, j->batch.contestant, NULL, text);
	if (l->run->control)
		stop_run(l, text);
}

/* The thread is left behind with the job. */
static int abandon(struct loop *l)
{
	l->stuck = true;
	worker_free(l->worker);
	l->worker = new_worker(l->run);
	if (!l->worker)
		stop_run(l, "no thread could be started");
	return -1;
}

/* Does a job and waits for it. 0 or what it returned; -1 also when it was left behind (then @j is
 * its, for ever). A run that was stopped gives it a moment to come back. */
static int do_job(struct loop *l, struct job *j, int (*fn)(void *arg), bool *ret_left)
{
	int r = -1, timeout = job_timeout_ms(l);
	bool hurried = false;
	char why[160];
	*ret_left = false;
	worker_do(l->worker, fn, j);
	for (;;) {
		enum worker_news news = worker_wait(l->worker, timeout, &r);
		if (news == WORKER_DONE)
			return r;
		if (news == WORKER_LATE || (news == WORKER_INTERRUPTED && hurried)) {
			if (!stopped(l))
				late(l, j);
			*ret_left = true;
			return abandon(l);
		}
		if (news == WORKER_INTERRUPTED)
			stop_run(l, "interrupted");
		if (news == WORKER_HUNG_UP)
			stop_run(l, "the server went away");
		if (l->run->ranks && !stopped(l) && ranks_off(l->run->ranks, why, sizeof(why)))
			stop_run(l, why);
		if (stopped(l) && !hurried) {
			hurried = true;
			timeout = COME_BACK_MS;
			worker_hurry(l->worker);
		}
		progress_show(&l->progress);
	}
}

/* A job for one contestant; a failing one is left out, of this point or, stuck, of all. Samples
 * count if @count. */
static void run_job(struct loop *l, struct contestant *c, int (*fn)(void *arg), bool count)
{
	struct job *j = calloc(1, sizeof(*j));
	bool left;
	if (!j)
		abort();
	const struct options *o = l->run->o;
	j->test = l->test;
	j->batch =
		(struct batch){.run = l->run,
			       .contestant = c,
			       .point = l->point,
			       .iterations = o->iterations ? o->iterations : l->test->iterations};
	int r = do_job(l, j, fn, &left);
	if (left)
		return;
	if (r && !stopped(l))
		leave_out(l, c, c->silences > 1 ? NULL : l->point, j->why);
	for (int k = 0; count && !r && l->test->kinds[k].name; k++) {
		struct figure *f =
			results_figure(l->run->results, &l->test->kinds[k], c->who->name, l->point);
		if (!f)
			abort();
		size_t first = f->all.n;
		f->connections = j->batch.connections[k];
		for (size_t i = 0; i < j->batch.staged[k].n; i++)
			if (samples_add(&f->all, j->batch.staged[k].v[i]))
				abort();
		if (figure_round(f, first))
			abort();
	}
	job_free(j);
}

/* One of several clients waits for the others, so that all measure the same at once. All come here
 * for each contestant, also for one that this client leaves out. */
static void meet(struct loop *l, int contestant, int round)
{
	char key[200], where[128], why[160];
	if (!l->run->ranks || stopped(l))
		return;
	point_text(l->point, where, sizeof(where));
	snprintf(key, sizeof(key), "%s, round %d, contestant %d", where, round, contestant);
	if (ranks_wait(l->run->ranks, key, job_timeout_ms(l), why, sizeof(why)))
		stop_run(l, why);
}

/* One of several clients brings what it has, so that it is not lost with it: when all are done with
 * the point, for nobody is to be disturbed. */
static void bring(struct loop *l)
{
	struct results *res = l->run->results;
	char why[160];
	meet(l, 0, l->run->o->repeat);
	if (!l->run->ranks || stopped(l))
		return;
	if (results_close(res))
		abort();
	if (ranks_bring(l->run->ranks, res, false, why, sizeof(why)))
		stop_run(l, why);
}

static void run_point(struct loop *l)
{
	struct run *r = l->run;
	bool prepared[PEERS_MAX + 1] = {false};
	char where[128];
	point_text(l->point, where, sizeof(where));
	l->progress.where = where;
	for (int i = 0; i < r->count && !stopped(l); i++) {
		l->out[i] = r->contestants[i].left_out[0] != '\0';
		meet(l, i, -1 - r->o->warmup);
		if (l->out[i] || stopped(l))
			continue;
		l->progress.what = r->contestants[i].who->name;
		run_job(l, &r->contestants[i], job_prepare, false);
		prepared[i] = !l->out[i] && !stopped(l);
	}
	for (int round = -r->o->warmup; round < r->o->repeat; round++)
		for (int i = 0; i < r->count && !stopped(l); i++) {
			meet(l, i, round);
			if (prepared[i] && !l->out[i] && !stopped(l)) {
				l->progress.what = r->contestants[i].who->name;
				run_job(l, &r->contestants[i], job_batch, round >= 0);
			}
			l->progress.done++;
		}
	for (int i = 0; i < r->count && l->worker && !l->stuck; i++)
		if (prepared[i] && !r->contestants[i].left_out[0])
			run_job(l, &r->contestants[i], job_finish, false);
	l->progress.where = "";
}

int run_points(struct run *r, bool *ret_stuck)
{
	static struct point points[POINTS_MAX];
	struct loop l = {.run = r, .test = r->o->test};
	char why[160] = "";
	*ret_stuck = false;
	int n = l.test->points(r->o, points, POINTS_MAX, why, sizeof(why));
	l.worker = n < 0 ? NULL : new_worker(r);
	if (!l.worker) {
		stop_run(&l, n < 0 ? why : strerror(errno));
		return -1;
	}
	progress_begin(&l.progress, (long)n * (r->o->repeat + r->o->warmup) * r->count);
	for (int i = 0; i < n && !stopped(&l); i++) {
		l.point = &points[i];
		run_point(&l);
		if (i + 1 < n) /* the last ones are brought with all */
			bring(&l);
	}
	progress_end(&l.progress);
	worker_free(l.worker);
	*ret_stuck = l.stuck;
	return stopped(&l) ? -1 : 0;
}

/* ---- who takes part ---- */

static bool takes(const struct test *t, const struct contender *who)
{
	if (t->takes)
		return t->takes(who);
	return t->two_ends ? who->conns != NULL : who->names != NULL;
}

static const char *missing(struct run *r, struct contestant *c, char *why, size_t size)
{
	if (!c->who)
		return "this program was built without it";
	if (!takes(r->o->test, c->who))
		return "does not know this test";
	c->started = !c->who->start(&r->o->address, why, size);
	return c->started ? NULL : why[0] ? why : strerror(errno);
}

static void add(struct run *r, const char *name)
{
	struct results *res = r->results;
	struct contestant *c = &r->contestants[r->count++];
	char why[160] = "";
	*c = (struct contestant){.who = contender_find(name)};
	const char *reason = missing(r, c, why, sizeof(why));
	if (!reason) {
		snprintf(res->contenders[res->contender_count++], sizeof(res->contenders[0]), "%s",
			 name);
		return;
	}
	snprintf(c->left_out, sizeof(c->left_out), "%s", reason);
	if (results_leave_out(res, name, NULL, reason))
		abort();
}

int run_start(struct run *r)
{
	const char *ours = r->o->layer == LAYER_PROVIDER ? "provider" : "switch";
	snprintf(r->results->ours, sizeof(r->results->ours), "%s", ours);
	add(r, ours);
	for (int i = 0; i < r->o->peers; i++)
		add(r, r->o->beside[i]);
	return r->results->contender_count ? 0 : -1;
}

void run_stop(struct run *r)
{
	for (int i = r->count - 1; i >= 0; i--)
		if (r->contestants[i].started)
			r->contestants[i].who->stop();
}
