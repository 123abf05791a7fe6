/* SPDX-License-Identifier: MIT
 *
 * test_takeover.c - how long a name is without a listener when its listener closes, or is killed,
 * and another process is waiting to listen there.
 *
 * The switch has a rank of listeners [SW-SHARE-2, -3]: the other process listens already, and its
 * trace says when the last step of the takeover was done. Nobody else knows ranks: there the other
 * process tries until it can listen. Both processes of a takeover of the switch have a book of
 * names of their own, so that the one that goes is the one that keeps it.
 *
 * Each takeover is made twice: undisturbed, and with a client that asks for a connection.
 */
#include "names_held.h"
#include "role.h"

#include "nic.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum kind { LISTENING, SERVED };
static const struct figure_kind kinds[] = {
	[LISTENING] = {"listening", "from the end of the listener to its successor listening", "ns",
		       false},
	[SERVED] = {"served", "from the end of the listener to its successor's first request", "ns",
		    false},
	{NULL}};

static const char by_close[] = "close", by_kill[] = "SIGKILL";

enum {
	PATIENCE_MS = 10000, /* a takeover that takes longer is a failure */
	LOOK_US = 2000,      /* at the trace: not in the successor's way */
	KNOCK_AGAIN_US = 200,
	ANSWER_US = 500,
	KNOBS = 2,
};

struct takeover {
	struct batch *batch;
	struct sockaddr_in at;
	bool ranks, san;
	struct role head, heir;
	char trace[64], book[48];
	FILE *steps;  /* the trace, from the takeover on; NULL: none */
	double begun; /* the end of the head begins */
};

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	(void)o, (void)max, (void)why, (void)size;
	ret[0] = (struct point){.mode = by_close};
	ret[1] = (struct point){.mode = by_kill};
	return 2;
}

static bool has_rdma(const struct sockaddr_in *here)
{
	struct nic_snapshot *snap;
	bool found = !nic_discover(&snap);
	if (found) {
		found = nic_snapshot_find(snap, here->sin_addr.s_addr);
		nic_snapshot_unref(snap);
	}
	return found;
}

/* ---- the processes ---- */

static int start_roles(struct takeover *t, char *why, size_t size)
{
	const struct contender *who = t->batch->contestant->who;
	unsigned flags = t->ranks ? BIND_SHARE : 0;
	static int number;
	snprintf(t->book, sizeof(t->book), "wsd-bench-%d-%d", (int)getpid(), number++);
	struct knob knobs[KNOBS] = {{"WSD_BROKER_NAME", t->book, NULL},
				    {"WSD_TRACE_JSON", t->trace, NULL}};
	knobs_set(knobs, 1);
	int err = role_start(&t->head, ROLE_HOLDER, who, &t->at, flags, why, size);
	knobs_restore(knobs, 1);
	if (err)
		return -1;
	knobs_set(knobs, t->ranks ? KNOBS : 1);
	err = role_start(&t->heir, ROLE_HEIR, who, &t->at, flags, why, size);
	knobs_restore(knobs, t->ranks ? KNOBS : 1);
	return err;
}

static int end_head(struct takeover *t, char *why, size_t size)
{
	if (t->batch->point->mode == by_kill) {
		t->begun = bench_now_ns();
		role_kill(&t->head);
		return 0;
	}
	if (role_say(&t->head, "close"))
		return names_fail(why, size, "the listener that is to close");
	return role_hear(&t->head, "closed", &t->begun, why, size);
}

/* ---- when it listens ---- */

/* The trace has the host's time of day. */
static double monotonic_ns(double real_us)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	return bench_now_ns() - ((double)t.tv_sec * 1e9 + (double)t.tv_nsec - real_us * 1e3);
}

/* When the successor's last step returned; 0: not yet. Looks at what is new since the last call. */
static double last_step(const struct takeover *t)
{
	FILE *f = t->steps;
	const char *call = t->san ? "\"call\":\"WSPEventSelect\"" : "\"call\":\"WSPListen\"";
	char line[4096];
	double at = 0, took = 0, done = 0;
	clearerr(f);
	while (fgets(line, sizeof(line), f)) {
		const char *us = strstr(line, "\"us\":");
		if (strstr(line, call) && us && sscanf(line, "{\"t_us\":%lf", &at) == 1 &&
		    sscanf(us, "\"us\":%lf", &took) == 1)
			done = at + took;
	}
	return done > 0 ? monotonic_ns(done) : 0;
}

static bool late(const struct takeover *t)
{
	int ms = t->batch->run->patience_ms;
	return bench_now_ns() > t->begun + (ms > PATIENCE_MS ? ms : PATIENCE_MS) * 1e6;
}

static int hear_trace(const struct takeover *t, double *ret, char *why, size_t size)
{
	while ((*ret = last_step(t)) <= t->begun && !late(t))
		usleep(LOOK_US);
	if (*ret > t->begun)
		return 0;
	snprintf(why, size, "no takeover within %d s", PATIENCE_MS / 1000);
	return -1;
}

static int listening(struct takeover *t, double *ret, char *why, size_t size)
{
	return t->ranks ? hear_trace(t, ret, why, size)
			: role_hear(&t->heir, "listening", ret, why, size);
}

/* ---- when it serves ---- */

static bool spoke_soon(const struct takeover *t)
{
	static const struct timespec soon = {.tv_nsec = ANSWER_US * 1000};
	struct pollfd p = {.fd = t->heir.fd, .events = POLLIN};
	return ppoll(&p, 1, &soon, NULL) == 1;
}

/* Asks until somebody answers; whether it is refused does not matter. Who tries has said that it
 * listens before it says that it has served. */
static int served(struct takeover *t, double *ret, char *why, size_t size)
{
	const struct conn_ops *ops = t->batch->contestant->who->conns;
	double listens;
	bool heard = t->ranks;
	while (!late(t)) {
		struct conn *c;
		if (!ops->connect(&t->at, 0, &c))
			ops->close(c);
		else
			usleep(KNOCK_AGAIN_US);
		while (role_spoke(&t->heir) || spoke_soon(t)) {
			if (heard)
				return role_hear(&t->heir, "served", ret, why, size);
			if (role_hear(&t->heir, "listening", &listens, why, size))
				return -1;
			heard = true;
		}
	}
	snprintf(why, size, "no request was served within %d s", PATIENCE_MS / 1000);
	return -1;
}

/* ---- a takeover ---- */

/* A file in memory, which both processes open: nothing is left, whatever ends this one. */
static int make_trace(struct takeover *t)
{
	int fd = memfd_create("wsd-bench-trace", MFD_CLOEXEC);
	snprintf(t->trace, sizeof(t->trace), "/proc/%d/fd/%d", (int)getpid(), fd);
	return fd;
}

/* What the successor has done so far is not read: that would be in its way later. */
static int open_trace(struct takeover *t, char *why, size_t size)
{
	if (!t->ranks)
		return 0;
	t->steps = fopen(t->trace, "re");
	return t->steps && !fseek(t->steps, 0, SEEK_END)
		       ? 0
		       : names_fail(why, size, "the successor's trace");
}

static int one(struct batch *b, enum kind kind, char *why, size_t size)
{
	struct takeover t = {.batch = b,
			     .at = names_own(b->run, b->contestant, kind),
			     .ranks = b->contestant->who == &contend_switch,
			     .san = has_rdma(&b->run->o->address)};
	double at = 0;
	int fd = t.ranks ? make_trace(&t) : -1;
	int err = t.ranks && fd < 0 ? names_fail(why, size, "the trace") : 0;
	if (!err)
		err = start_roles(&t, why, size);
	if (!err)
		err = open_trace(&t, why, size);
	if (!err)
		err = end_head(&t, why, size);
	if (!err)
		err = kind == SERVED ? served(&t, &at, why, size) : listening(&t, &at, why, size);
	if (!err)
		batch_sample(b, kind, at - t.begun);
	role_end(&t.head);
	role_end(&t.heir);
	if (t.steps)
		fclose(t.steps);
	if (fd >= 0)
		close(fd);
	return err;
}

static int batch(struct batch *b, char *why, size_t size)
{
	for (long i = 0; !batch_over(b, i); i++) {
		if (one(b, LISTENING, why, size))
			return -1;
		if (b->contestant->who->conns && one(b, SERVED, why, size))
			return -1;
	}
	return 0;
}

static bool takes(const struct contender *who)
{
	return who->names && who->names->serve;
}

const struct test test_takeover = {
	.name = "takeover",
	.help = "From the end of a listener to the next one's",
	.iterations = 3,
	.kinds = kinds,
	.points = points,
	.batch = batch,
	.takes = takes,
};
