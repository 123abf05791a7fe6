/* SPDX-License-Identifier: MIT
 *
 * The ranks of wsd bench among themselves: who waits goes on with all, who is silent or goes away
 * is named, what was brought is not lost; and a coordinator that says nothing is not waited for.
 */
#include "check.h"
#include "bench.h"
#include "control.h"
#include "ranks.h"
#include "results.h"
#include "run.h"

#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

/* ---- a coordinator and its clients, a thread each ---- */

static char *servers[] = {(char *)(uintptr_t) "127.0.0.1"};
static struct options options = {.servers = servers, .count = 1};
static struct ranks ranks[3]; /* the first serves */

static const struct figure_kind kind = {"rate", "rate", "per_s", true};
static const struct point points[] = {{.size = 1}, {.size = 2}};

static struct results *results_of(int n, double value)
{
	struct results *r = results_new();
	cr_assert_not_null(r);
	snprintf(r->test, sizeof(r->test), "rate");
	snprintf(r->ours, sizeof(r->ours), "switch");
	snprintf(r->contenders[r->contender_count++], sizeof(r->contenders[0]), "switch");
	for (int i = 0; i < n; i++) {
		struct figure *f = results_figure(r, &kind, "switch", &points[i]);
		cr_assert(f && !samples_add(&f->all, value) && !figure_round(f, 0));
	}
	cr_assert_eq(results_close(r), 0);
	return r;
}

static void bring(struct ranks *r, int n, double value, const char *stopped)
{
	char why[160] = "";
	struct results *res = results_of(n, value);
	snprintf(res->stopped, sizeof(res->stopped), "%s", stopped);
	cr_assert_eq(ranks_bring(r, res, stopped[0], why, sizeof(why)), 0, "%s", why);
	results_free(res);
}

/* What the coordinator has given to be kept. */
static int kept, kept_figures;
static bool kept_stopped;

static void keep(void *arg, struct results *so_far)
{
	kept++;
	kept_figures = so_far->figure_count;
	kept_stopped = so_far->stopped[0];
}

static const struct ranks_keeper keeper = {keep, NULL};

struct coordinator {
	pthread_t thread;
	struct results *results;
	char why[160];
};

static void *coordinate(void *arg)
{
	struct coordinator *c = arg;
	c->results = ranks_coordinate(&ranks[0], &options, &keeper, c->why, sizeof(c->why));
	return NULL;
}

static void *join_one(void *arg)
{
	char why[160] = "";
	cr_assert_eq(ranks_join(arg, &options, why, sizeof(why)), 0, "%s", why);
	return NULL;
}

/* Both clients have joined; @port: one for each test. */
static void begin(struct coordinator *c, unsigned port)
{
	pthread_t t[2];
	options.port = port;
	*c = (struct coordinator){.why = ""};
	for (int i = 0; i < 3; i++)
		ranks[i] = (struct ranks){.rank = i,
					  .size = 3,
					  .server = i ? -1 : 0,
					  .clients = 2,
					  .signals = -1,
					  .patience_s = i ? 60 : 2};
	cr_assert_eq(pthread_create(&c->thread, NULL, coordinate, c), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pthread_create(&t[i], NULL, join_one, &ranks[i + 1]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	cr_assert(ranks[1].client == 0 && ranks[2].client == 1, "in the order of their ranks");
}

static void end(struct coordinator *c)
{
	results_free(c->results);
	ranks_leave(&ranks[1]);
	ranks_leave(&ranks[2]);
}

static void *wait_one(void *arg)
{
	char why[160] = "";
	cr_assert_eq(ranks_wait(arg, "a place", 1000, why, sizeof(why)), 0, "%s", why);
	return NULL;
}

static void both_wait(void)
{
	pthread_t t;
	cr_assert_eq(pthread_create(&t, NULL, wait_one, &ranks[2]), 0);
	wait_one(&ranks[1]);
	pthread_join(t, NULL);
}

static double rate_of(const struct coordinator *c, int point)
{
	struct figure *f = results_find(c->results, "rate", "switch", &points[point]);
	return f ? f->stats.avg : 0;
}

Test(bench_ranks_unit, what_all_have_brought_is_told_when_one_goes_away)
{
	WSD_TEST_BEGIN();
	struct coordinator c;
	char why[160] = "";
	begin(&c, 23050);
	both_wait();
	bring(&ranks[1], 1, 10, "");
	cr_assert_eq(kept, 0, "not of all yet");
	bring(&ranks[2], 1, 5, "");
	both_wait();
	cr_assert_eq(kept, 1);
	cr_assert_eq(kept_figures, 1);
	cr_assert(kept_stopped);
	ranks_leave(&ranks[2]);
	cr_assert_eq(ranks_wait(&ranks[1], "the next", 1000, why, sizeof(why)), -1);
	cr_assert_not_null(strstr(why, "client 1 (rank 2 on "), "%s", why);
	bring(&ranks[1], 2, 10, why);
	pthread_join(c.thread, NULL);
	cr_assert_not_null(c.results, "%s", c.why);
	cr_assert_str_eq(c.results->stopped, why);
	cr_assert_eq(rate_of(&c, 0), 15, "the point that both have measured");
	cr_assert_eq(rate_of(&c, 1), 0, "and no other");
	end(&c);
	WSD_TEST_END();
}

Test(bench_ranks_unit, one_that_says_nothing_is_named)
{
	WSD_TEST_BEGIN();
	struct coordinator c;
	char why[160] = "";
	begin(&c, 23054);
	both_wait();
	long long began = wsd_check_now_ms();
	cr_assert_eq(ranks_wait(&ranks[2], "the next", 1000, why, sizeof(why)), -1);
	cr_assert_not_null(strstr(why, "client 0 (rank 1 on "), "%s", why);
	cr_assert_not_null(strstr(why, ") has said nothing for 3 s"), "%s", why);
	cr_assert_geq(wsd_check_now_ms() - began, 2900, "what it asked for, and the patience");
	bring(&ranks[2], 1, 1, why);
	pthread_join(c.thread, NULL);
	cr_assert_not_null(c.results, "%s", c.why);
	cr_assert_str_eq(c.results->stopped, why);
	end(&c);
	WSD_TEST_END();
}

Test(bench_ranks_unit, one_that_stops_early_stops_all)
{
	WSD_TEST_BEGIN();
	struct coordinator c;
	char why[160] = "";
	begin(&c, 23058);
	both_wait();
	bring(&ranks[2], 1, 1, "the server went away");
	while (!ranks_off(&ranks[1], why, sizeof(why)))
		usleep(1000);
	cr_assert_not_null(strstr(why, "): the server went away"), "%s", why);
	bring(&ranks[1], 1, 2, why);
	pthread_join(c.thread, NULL);
	cr_assert_eq(rate_of(&c, 0), 3);
	cr_assert_str_eq(c.results->stopped, why);
	end(&c);
	WSD_TEST_END();
}

/* ---- a coordinator that is played ---- */

static int play(struct ranks *r)
{
	int fd[2];
	sigset_t set;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	bench_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	*r = (struct ranks){.coordinator = control_new(fd[0]),
			    .signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
			    .patience_s = 1,
			    .chief = "rank 0 on alpha"};
	cr_assert_not_null(r->coordinator);
	return fd[1];
}

static void says(int fd, const char *text)
{
	cr_assert_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

Test(bench_ranks_unit, a_coordinator_that_says_nothing_or_goes_away_is_named)
{
	WSD_TEST_BEGIN();
	struct ranks r;
	char why[160] = "";
	int fd = play(&r);
	cr_assert_not(ranks_off(&r, why, sizeof(why)));
	cr_assert_eq(ranks_wait(&r, "here", 1, why, sizeof(why)), -1);
	cr_assert_str_eq(why, "the coordinator (rank 0 on alpha) has said nothing for 1 s");
	struct results *res = results_of(1, 1);
	cr_assert_eq(ranks_bring(&r, res, true, why, sizeof(why)), -1);
	cr_assert_not_null(strstr(why, "has said nothing"), "%s", why);
	cr_assert_not(ranks_done(&r, 10));
	close(fd);
	cr_assert(ranks_off(&r, why, sizeof(why)));
	cr_assert_str_eq(why, "the coordinator (rank 0 on alpha) went away");
	cr_assert_eq(ranks_bring(&r, res, true, why, sizeof(why)), -1);
	cr_assert_not_null(strstr(why, "went away"), "%s", why);
	cr_assert(ranks_done(&r, 10));
	results_free(res);
	ranks_leave(&r);
	WSD_TEST_END();
}

Test(bench_ranks_unit, a_signal_ends_every_wait)
{
	WSD_TEST_BEGIN();
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	struct ranks r;
	char why[160] = "";
	int fd = play(&r);
	r.patience_s = 1000;
	for (int i = 0; i < 3; i++) {
		kill(getpid(), signals[i]);
		cr_assert_eq(ranks_wait(&r, "here", 1, why, sizeof(why)), -1);
		cr_assert_str_eq(why, "interrupted");
	}
	struct results *res = results_of(1, 1);
	kill(getpid(), SIGTERM);
	cr_assert_eq(ranks_bring(&r, res, true, why, sizeof(why)), -1);
	cr_assert_str_eq(why, "interrupted");
	results_free(res);
	close(fd);
	ranks_leave(&r);
	WSD_TEST_END();
}

Test(bench_ranks_unit, words_that_come_in_between)
{
	WSD_TEST_BEGIN();
	struct ranks r;
	char why[160] = "";
	int fd = play(&r);
	struct results *res = results_of(1, 1);
	says(fd, "{\"wait\":true}\n{\"wait\":true}\n{\"ok\":true}\n");
	cr_assert_eq(ranks_wait(&r, "here", 1, why, sizeof(why)), 0, "%s", why);
	says(fd, "{\"off\":\"somebody died\"}\n{\"ok\":true}\n");
	cr_assert_eq(ranks_bring(&r, res, false, why, sizeof(why)), 0, "%s", why);
	cr_assert(ranks_off(&r, why, sizeof(why)));
	cr_assert_str_eq(why, "somebody died");
	cr_assert_eq(ranks_wait(&r, "there", 1, why, sizeof(why)), -1, "without a word");
	cr_assert_str_eq(why, "somebody died");
	close(fd);
	cr_assert_eq(ranks_bring(&r, res, false, why, sizeof(why)), -1);
	cr_assert_eq(ranks_bring(&r, res, true, why, sizeof(why)), 0, "it wants no more");
	results_free(res);
	ranks_leave(&r);
	WSD_TEST_END();
}
