/* SPDX-License-Identifier: MIT
 *
 * A run: each point of the test, round by round, the contenders in turn (A B C A B C). The batches
 * run on a thread of their own, so that the main one can see the server go away, hear Ctrl-C and
 * show progress; after either, what has been measured so far is still told.
 */
#ifndef WSD_BENCH_RUN_H
#define WSD_BENCH_RUN_H

#include "bench.h"
#include "contender.h"
#include "figures.h"
#include "options.h"

#include <stdatomic.h>

struct control;
struct ranks;
struct results;
struct run;

/* One contender in this run. */
struct contestant {
	const struct contender *who;
	void *state;           /* the test's, between prepare() and finish() */
	struct sockaddr_in to; /* two ends: where the server listens for it */
	char left_out[160];    /* why it does not take part (any more); "" while it does */
	bool started;          /* run_stop() is to stop it */
	int silences;          /* how often it had to be ended; left out of all the second time */
};

enum { KINDS_MAX = 12, POINTS_MAX = 256 }; /* figures of one test; points of a run */

/* Where a batch puts what it measured. */
struct batch {
	struct run *run;
	struct contestant *contestant;
	const struct point *point;
	long iterations;                  /* how many; with -D: as many as fit until batch_over() */
	double until;                     /* the runner's: -D's end by bench_now_ns(), or 0 */
	long connections[KINDS_MAX];      /* batch_mean() */
	bool no_number;                   /* the runner's: a sample was none */
	struct samples staged[KINDS_MAX]; /* the runner's: counted once the batch is over */
};
/* Adds a sample to the figure that is the @kind-th of the test's kinds. Not from several threads at
 * once: threads of a test collect into struct samples and batch_samples() adds those. */
void batch_sample(struct batch *b, int kind, double value);
/* The sample is the mean of so many @connections, which were measured together. */
void batch_mean(struct batch *b, int kind, double value, long connections);
void batch_samples(struct batch *b, int kind, const struct samples *s);
/* Whether to stop after @done iterations: by -n or by -D, or because the run was stopped. Looks at
 * the clock only with -D. Any thread. */
bool batch_over(const struct batch *b, long done);

struct test {
	const char *name, *help; /* help: one line of `wsd bench --help` */
	bool two_ends;
	unsigned options; /* OPT_* */
	long iterations;  /* default of -n */
	long open;        /* default of --open */
	bool once; /* each contender is measured once for a point, whatever -n and --repeat say */
	const struct figure_kind *kinds; /* ends with a NULL name; the first one is the headline */
	/* The points that these options ask for, at most @max; their number, or -1 with a text. */
	int (*points)(const struct options *o, struct point *ret, int max, char *why, size_t size);
	/* A contestant for a point, once, before the rounds; batch: one of a round; finish: always
	 * after a prepare() that returned 0. 0, or -1 with errno or a text in @why: the contestant
	 * is left out of this point. NULL prepare and finish: nothing to do. */
	int (*prepare)(struct run *r, struct contestant *c, const struct point *p, char *why,
		       size_t size);
	int (*batch)(struct batch *b, char *why, size_t size);
	void (*finish)(struct run *r, struct contestant *c, const struct point *p);
	/* Which contenders make sense; NULL: those with the operations (names or conns). */
	bool (*takes)(const struct contender *who);
};

extern const struct test test_bind, test_listen, test_refuse, test_wildcard, test_takeover,
	test_ports, test_connect, test_lat, test_bw, test_rate, test_memory, test_fallback;
/* By name; NULL: none. test_at(i) lists all. */
const struct test *test_find(const char *name);
const struct test *test_at(int i);

struct run {
	const struct options *o;
	struct results *results;
	struct control *control; /* two ends: to the server; else NULL */
	struct ranks *ranks;     /* one of several clients; else NULL */
	struct contestant contestants[PEERS_MAX + 1];
	int count;
	int patience_ms;      /* what a batch may take beside its iterations; 0: a minute */
	atomic_bool stopping; /* the runner's */
};

/* Starts our layer and its peers; who cannot take part is left out in @r->results. 0, or -1 when
 * nobody is left. stop ends those who still take part. */
int run_start(struct run *r);
void run_stop(struct run *r);

/* Runs all points and fills r->results; prints nothing but progress on a terminal. 0 done, -1: it
 * was cut short (r->results->stopped says why). bench_signals() must be blocked (run_block()):
 * they end the run. A batch that does not come back leaves its thread behind: then *@ret_stuck, and
 * the process must end by _exit(). */
int run_points(struct run *r, bool *ret_stuck);
void run_block(void);
void run_unblock(void);

/* Starts @n threads that begin together, waits for them. 0, or -1 with errno when one could not be
 * started (none ran then) or -1 when one's function returned something else than 0. Pins the i-th
 * to the i-th processor of
 * --pin, if given. */
int bench_threads(const struct options *o, int n, int (*fn)(int i, void *arg), void *arg);

#endif
