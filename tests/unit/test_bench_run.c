/* SPDX-License-Identifier: MIT
 *
 * The runner of wsd bench, with contenders and a test made up here: whose turn it is, who is left
 * out, and what is told when a run is cut short.
 */
#include "check.h"
#include "control.h"
#include "ranks.h"
#include "results.h"
#include "run.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* What the runner asks of modules that are not here. */
struct control {
	int fd;
};

int control_fd(const struct control *c)
{
	return c->fd;
}

static int ranks_waited;
static char ranks_keys[64][200];
static int ranks_end = 6, ranks_brought;
static atomic_bool called_off;
int ranks_wait(struct ranks *r, const char *key, int ms, char *why, size_t size)
{
	cr_assert_gt(ms, 0);
	snprintf(ranks_keys[ranks_waited % 64], sizeof(ranks_keys[0]), "%s", key);
	snprintf(why, size, "the coordinator went away");
	return ranks_waited++ >= ranks_end ? -1 : 0;
}

bool ranks_off(struct ranks *r, char *why, size_t size)
{
	snprintf(why, size, "somebody died");
	return atomic_load(&called_off);
}

int ranks_bring(struct ranks *r, const struct results *res, bool last, char *why, size_t size)
{
	cr_assert_not(last);
	cr_assert_eq(res->figures[0].stats.n, 6, "closed");
	ranks_brought++;
	return 0;
}

/* ---- the contenders: ours, two peers, one that cannot start ---- */

static int stopped[3];

static int start_ok(const struct sockaddr_in *here, char *why, size_t size)
{
	return 0;
}

static int start_not(const struct sockaddr_in *here, char *why, size_t size)
{
	snprintf(why, size, "no such thing on this host");
	return -1;
}

static void stop_a(void)
{
	stopped[0]++;
}

static void stop_b(void)
{
	stopped[1]++;
}

static void stop_c(void)
{
	stopped[2]++;
}

static const struct name_ops names = {0};
static const struct contender contenders[] = {
	{"switch", "", start_ok, stop_a, &names, NULL},
	{"b", "", start_ok, stop_b, &names, NULL},
	{"c", "", start_ok, stop_c, &names, NULL},
	{"absent", "", start_not, NULL, &names, NULL},
	{"deaf", "", start_ok, NULL, NULL, NULL},
};

const struct contender *contender_find(const char *name)
{
	for (size_t i = 0; i < sizeof(contenders) / sizeof(contenders[0]); i++)
		if (!strcmp(contenders[i].name, name))
			return &contenders[i];
	return NULL;
}

/* ---- the test: writes down whose turn it was; misbehaves as it is told ---- */

static char turns[512];
static enum {
	WELL,
	FAILS,
	HANGS,
	SLOW,
	PREPARE_FAILS,
	NO_NUMBER,
	SILENT,
} how_c,
	how_all;
static int prepared, finished;
static atomic_bool release; /* never: the thread stays behind */

static void turn(const char *who)
{
	strncat(turns, who, sizeof(turns) - strlen(turns) - 1);
}

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	if (max < 2 || o->open.n < 2) {
		snprintf(why, size, "no points");
		return -1;
	}
	for (int i = 0; i < o->open.n; i++)
		ret[i] = (struct point){.open = (int)o->open.v[i]};
	return o->open.n;
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	if (how_c == PREPARE_FAILS && !strcmp(c->who->name, "c") && p->open == 2) {
		errno = ENOBUFS;
		return -1;
	}
	prepared++;
	return 0;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const char *name = b->contestant->who->name;
	turn(name);
	for (long n = 0; how_all == SLOW && !batch_over(b, n); n++) {
		batch_sample(b, 0, 1);
		usleep(1000);
	}
	if (!strcmp(name, "c")) {
		if (how_c == NO_NUMBER)
			batch_sample(b, 0, INFINITY);
		if (how_c == SILENT) {
			b->contestant->silences++;
			return -1;
		}
		if (how_c == FAILS) {
			batch_sample(b, 0, 1);
			snprintf(why, size, "c has had enough");
			return -1;
		}
		while (how_c == HANGS && !atomic_load(&release))
			usleep(1000);
		for (long n = 0; how_c == SLOW && !batch_over(b, n); n++)
			usleep(1000);
	}
	for (long n = 0; !batch_over(b, n); n++)
		batch_sample(b, 0, b->point->open * 10 + (double)n);
	batch_sample(b, 1, strlen(turns));
	return 0;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	finished++;
}

static const struct figure_kind kinds[] = {
	{"cycle", "a cycle", "ns", false}, {"turn", "whose turn", "ratio", false}, {NULL}};
static const struct test made_up = {.name = "made_up",
				    .help = "",
				    .iterations = 3,
				    .kinds = kinds,
				    .points = points,
				    .prepare = prepare,
				    .batch = batch,
				    .finish = finish};

const struct test *test_find(const char *name)
{
	return &made_up;
}

const struct test *test_at(int i)
{
	return i ? NULL : &made_up;
}

const struct contender *contender_at(int i)
{
	return i < 3 ? &contenders[i] : NULL;
}

/* A run of ours, b and a third, which has begun. */
struct bed {
	struct options o;
	struct run r;
	bool stuck;
};

static void begin(struct bed *bed, const char *third)
{
	*bed = (struct bed){.o = {.test = &made_up,
				  .repeat = 2,
				  .warmup = 1,
				  .open = {2, {1, 2}},
				  .beside = {"b", third},
				  .peers = 2}};
	bed->r.o = &bed->o;
	bed->r.results = results_new();
	cr_assert_not_null(bed->r.results);
	run_block();
	cr_assert_eq(run_start(&bed->r), 0);
}

static int go(struct bed *bed)
{
	return run_points(&bed->r, &bed->stuck);
}

static void end(struct bed *bed)
{
	run_stop(&bed->r);
	results_free(bed->r.results);
}

static size_t samples_of(const struct bed *bed, const char *kind, const char *who, int open)
{
	struct point p = {.open = open};
	struct figure *f = results_find(bed->r.results, kind, who, &p);
	return f ? f->all.n : 0;
}

Test(bench_run, contenders_take_turns_and_the_warm_up_does_not_count)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	begin(&bed, "c");
	cr_assert_str_eq(bed.r.results->ours, "switch");
	cr_assert_eq(go(&bed), 0);
	cr_assert_not(bed.stuck);
	cr_assert_str_eq(turns, "switchbcswitchbcswitchbc"
				"switchbcswitchbcswitchbc");
	cr_assert_eq(prepared, 6);
	cr_assert_eq(finished, 6);
	cr_assert_eq(samples_of(&bed, "cycle", "b", 1), 6, "two rounds of three");
	struct point at = {.open = 2};
	struct figure *f = results_find(bed.r.results, "cycle", "c", &at);
	cr_assert_eq(f->rounds.n, 2);
	cr_assert_eq(f->rounds.v[0], 21, "the median of 20, 21, 22");
	end(&bed);
	cr_assert(stopped[0] == 1 && stopped[1] == 1 && stopped[2] == 1);
	WSD_TEST_END();
}

Test(bench_run, who_cannot_take_part_is_named_with_the_reason)
{
	static const struct {
		const char *name, *reason;
	} rows[] = {{"absent", "no such thing on this host"},
		    {"deaf", "does not know this test"},
		    {"nobody", "this program was built without it"}};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < 3; i++) {
		struct bed bed;
		begin(&bed, rows[i].name);
		cr_assert_eq(bed.r.results->out_count, 1);
		cr_assert_str_eq(bed.r.results->out[0].contender, rows[i].name);
		cr_assert_str_eq(bed.r.results->out[0].reason, rows[i].reason);
		cr_assert(bed.r.results->out[0].everywhere);
		cr_assert_eq(go(&bed), 0);
		cr_assert_eq(bed.r.results->out_count, 1);
		cr_assert_eq(samples_of(&bed, "cycle", "b", 2), 6);
		end(&bed);
	}
	WSD_TEST_END();
}

Test(bench_run, a_batch_that_fails_leaves_its_contender_out_of_the_point)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	how_c = FAILS;
	begin(&bed, "c");
	cr_assert_eq(go(&bed), 0, "the others go on");
	cr_assert_eq(bed.r.results->out_count, 2, "once a point");
	cr_assert_str_eq(bed.r.results->out[0].reason, "c has had enough");
	cr_assert_not(bed.r.results->out[0].everywhere);
	cr_assert_eq(samples_of(&bed, "cycle", "c", 1), 0, "half a batch does not count");
	cr_assert_eq(samples_of(&bed, "cycle", "b", 2), 6);
	cr_assert_eq(finished, 6, "also of the one that failed");
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, a_figure_that_is_no_number_leaves_its_contender_out_of_the_point)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	how_c = NO_NUMBER;
	begin(&bed, "c");
	cr_assert_eq(go(&bed), 0, "the others go on");
	cr_assert_eq(bed.r.results->out_count, 2, "once a point");
	cr_assert_str_eq(bed.r.results->out[1].reason, "what was measured is no number");
	cr_assert_eq(samples_of(&bed, "cycle", "c", 1), 0);
	cr_assert_eq(samples_of(&bed, "cycle", "b", 2), 6);
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, who_had_to_be_ended_twice_is_left_out_of_all)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	how_c = SILENT;
	begin(&bed, "c");
	bed.o.open = (struct list){3, {1, 2, 3}};
	cr_assert_eq(go(&bed), 0, "the others go on");
	cr_assert_eq(bed.r.results->out_count, 2);
	cr_assert_not(bed.r.results->out[0].everywhere);
	cr_assert(bed.r.results->out[1].everywhere);
	cr_assert_eq(samples_of(&bed, "cycle", "b", 3), 6);
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, a_preparation_that_fails_says_errno_and_the_other_points_go_on)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	how_c = PREPARE_FAILS;
	begin(&bed, "c");
	cr_assert_eq(go(&bed), 0);
	cr_assert_eq(bed.r.results->out_count, 1);
	cr_assert_str_eq(bed.r.results->out[0].reason, strerror(ENOBUFS));
	cr_assert_eq(bed.r.results->out[0].point.open, 2);
	cr_assert_eq(samples_of(&bed, "cycle", "c", 1), 6);
	cr_assert_eq(prepared, 5);
	cr_assert_eq(finished, 5, "what was not prepared is not finished");
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, a_run_that_is_interrupted_begins_nothing_more)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	begin(&bed, "c");
	kill(getpid(), SIGINT); /* blocked: news for the runner */
	cr_assert_eq(go(&bed), -1);
	cr_assert_str_eq(bed.r.results->stopped, "interrupted");
	cr_assert_not(bed.stuck);
	cr_assert_eq(samples_of(&bed, "cycle", "c", 2), 0, "the rest is not begun");
	end(&bed);
	WSD_TEST_END();
}

static void *interrupt_soon(void *arg)
{
	while (!turns[0])
		usleep(1000);
	kill(getpid(), *(int *)arg);
	return NULL;
}

static void ends_in_the_middle(int signal)
{
	struct bed bed;
	pthread_t t;
	begin(&bed, "c");
	pthread_create(&t, NULL, interrupt_soon, &signal);
	how_all = SLOW;
	bed.o.warmup = 0;
	bed.o.duration_s = 3600;
	cr_assert_eq(go(&bed), -1);
	pthread_join(t, NULL);
	cr_assert_str_eq(bed.r.results->stopped, "interrupted");
	cr_assert_not(bed.stuck);
	cr_assert_str_eq(turns, "switch");
	cr_assert_gt(samples_of(&bed, "cycle", "switch", 1), 0);
	end(&bed);
}

Test(bench_run, SIGTERM_in_the_middle_of_a_batch_ends_it_and_its_samples_count)
{
	WSD_TEST_BEGIN();
	ends_in_the_middle(SIGTERM);
	WSD_TEST_END();
}

Test(bench_run, SIGHUP_is_no_worse_than_SIGTERM)
{
	WSD_TEST_BEGIN();
	ends_in_the_middle(SIGHUP);
	WSD_TEST_END();
}

Test(bench_run, a_SIGHUP_that_is_ignored_ends_nothing)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	signal(SIGHUP, SIG_IGN); /* nohup */
	begin(&bed, "c");
	kill(getpid(), SIGHUP);
	cr_assert_eq(go(&bed), 0);
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, a_batch_that_hangs_is_left_behind_and_the_others_go_on)
{
	struct bed bed;
	how_c = HANGS;
	begin(&bed, "c");
	bed.r.patience_ms = 50;
	cr_assert_eq(go(&bed), 0);
	cr_assert(bed.stuck, "the process must end by _exit()");
	cr_assert_eq(bed.r.results->out_count, 1, "once, for all points");
	cr_assert(bed.r.results->out[0].everywhere);
	cr_assert_not_null(strstr(bed.r.results->out[0].reason, "c did not come back within"));
	cr_assert_eq(samples_of(&bed, "cycle", "c", 1), 0);
	cr_assert_eq(samples_of(&bed, "cycle", "b", 1), 6);
	cr_assert_eq(samples_of(&bed, "cycle", "b", 2), 6);
	results_free(bed.r.results);
}

Test(bench_run, a_server_that_goes_away_ends_the_run)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct control control = {pair[0]};
	begin(&bed, "c");
	bed.r.control = &control;
	how_c = SLOW;
	bed.o.iterations = 1000000;
	how_all = SLOW;
	close(pair[1]);
	cr_assert_eq(go(&bed), -1);
	cr_assert_str_eq(bed.r.results->stopped, "the server went away");
	cr_assert_not(bed.stuck);
	end(&bed);
	close(pair[0]);
	WSD_TEST_END();
}

Test(bench_run, with_two_ends_a_batch_that_hangs_ends_the_run)
{
	struct bed bed;
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	struct control control = {pair[0]};
	how_c = HANGS;
	begin(&bed, "c");
	bed.r.control = &control;
	bed.r.patience_ms = 50;
	cr_assert_eq(go(&bed), -1);
	cr_assert(bed.stuck);
	cr_assert_not_null(strstr(bed.r.results->stopped, "c did not come back within"));
	cr_assert_str_eq(turns, "switchbc", "nobody knows what the server is at");
	results_free(bed.r.results);
}

Test(bench_run, several_clients_wait_for_each_other_before_each_batch)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	begin(&bed, "absent");
	bed.r.ranks = (struct ranks *)&bed; /* only looked at by ranks_wait() */
	cr_assert_eq(go(&bed), -1);
	cr_assert_str_eq(bed.r.results->stopped, "the coordinator went away");
	cr_assert_eq(ranks_waited, 7);
	cr_assert_str_eq(turns, "switchb", "the seventh wait failed");
	cr_assert_not_null(strstr(ranks_keys[2], "contestant 2"), "also for who is left out here");
	cr_assert_str_neq(ranks_keys[3], ranks_keys[6]);
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, one_of_several_clients_brings_its_results_after_each_point)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	begin(&bed, "c");
	bed.r.ranks = (struct ranks *)&bed;
	ranks_end = 1000;
	cr_assert_eq(go(&bed), 0);
	cr_assert_eq(ranks_brought, 1, "but after the last one, when all is brought");
	cr_assert_eq(ranks_waited, 2 * 4 * 3 + 1, "together, too");
	cr_assert_eq(samples_of(&bed, "cycle", "c", 2), 6);
	end(&bed);
	WSD_TEST_END();
}

static void *call_off_soon(void *arg)
{
	while (!turns[0])
		usleep(1000);
	atomic_store(&called_off, true);
	return NULL;
}

Test(bench_run, a_run_that_is_called_off_ends_in_the_middle_of_a_batch)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	pthread_t t;
	begin(&bed, "c");
	bed.r.ranks = (struct ranks *)&bed;
	how_all = SLOW;
	bed.o.duration_s = 3600;
	pthread_create(&t, NULL, call_off_soon, NULL);
	cr_assert_eq(go(&bed), -1);
	pthread_join(t, NULL);
	cr_assert_not(bed.stuck);
	cr_assert_str_eq(bed.r.results->stopped, "somebody died");
	end(&bed);
	WSD_TEST_END();
}

Test(bench_run, without_points_nothing_is_run)
{
	WSD_TEST_BEGIN();
	struct bed bed;
	begin(&bed, "c");
	bed.o.open.n = 1;
	cr_assert_eq(go(&bed), -1);
	cr_assert_str_eq(bed.r.results->stopped, "no points");
	cr_assert_str_eq(turns, "");
	end(&bed);
	WSD_TEST_END();
}
