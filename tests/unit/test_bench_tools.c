/* SPDX-License-Identifier: MIT
 *
 * The reference programs of wsd bench, played by scripts: what they say is understood, and one that
 * hangs, tells no number or is not wanted any more ends.
 */
#include "check.h"
#include "tools_run.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

static char dir[64];

/* A program of this name does @script; its arguments are $*. */
static void play(const char *name, const char *script)
{
	char file[128];
	if (!dir[0]) {
		snprintf(dir, sizeof(dir), "/tmp/wsd-test-tools-XXXXXX");
		cr_assert_not_null(mkdtemp(dir));
		char path[4096];
		snprintf(path, sizeof(path), "%s:/usr/bin:/bin", dir);
		setenv("PATH", path, 1);
	}
	snprintf(file, sizeof(file), "%s/%s", dir, name);
	FILE *f = fopen(file, "we");
	cr_assert_not_null(f);
	fprintf(f, "#!/bin/sh\necho $$ >>%s/pids\n%s\n", dir, script);
	fclose(f);
	chmod(file, 0700);
}

/* None of those that were started is left. */
static void all_ended(void)
{
	char file[128], line[32];
	snprintf(file, sizeof(file), "%s/pids", dir);
	FILE *f = fopen(file, "re");
	cr_assert_not_null(f, "nothing was started");
	while (fgets(line, sizeof(line), f))
		cr_assert_neq(kill((pid_t)atoi(line), 0), 0, "process %s is there", line);
	fclose(f);
	snprintf(file, sizeof(file), "rm -r %s", dir);
	cr_assert_eq(system(file), 0);
}

static enum tool_end run(const char *contender, int limit_ms, const atomic_bool *end, double *ret,
			 char why[160])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct tool_job j = {.contender = contender,
			     .size = 64,
			     .iterations = 10,
			     .port = 1,
			     .limit_ms = limit_ms,
			     .end = end};
	why[0] = '\0';
	return tool_run(&j, &at, &at, ret, why, 160);
}

Test(bench_tools, what_they_say_and_do_not_say)
{
	static const struct {
		const char *name, *program, *script;
		enum tool_end end;
		double ns;
		const char *why;
	} rows[] = {
		{"perftest", "ib_send_lat", "printf '#bytes\n64 10 1 9 2.5 2 0.1 3 4\n'", TOOL_DONE,
		 5000, ""},
		/* perftest, when the rate of its clock cannot be measured */
		{"perftest", "ib_send_lat", "echo 64 10 inf inf inf inf -nan inf inf",
		 TOOL_NO_NUMBER, 0, "ib_send_lat cannot tell its clock's rate"},
		{"perftest", "ib_send_lat", "echo 64 10 0 0 0 0 0 0 0", TOOL_NO_NUMBER, 0, "clock"},
		{"perftest", "ib_send_lat", "echo no device", TOOL_FAILED, 0, "understood"},
		{"perftest", "ib_send_lat", "exit 3", TOOL_FAILED, 0, "ends with status 3"},
		{"perftest", "ib_send_lat", "kill -9 $$", TOOL_FAILED, 0, "died: Killed"},
		{"rstream", "rstream", "echo 64_lat 64 1 10 1k 0.1s 0.2 3.5", TOOL_DONE, 7000, ""},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char why[160];
		double ns = 0;
		play(rows[i].program, rows[i].script);
		cr_assert_eq(run(rows[i].name, 20000, NULL, &ns, why), rows[i].end, "row %zu: %s",
			     i, why);
		if (rows[i].end == TOOL_DONE)
			cr_assert_float_eq(ns, rows[i].ns, 1, "row %zu: %f", i, ns);
		cr_assert_not_null(strstr(why, rows[i].why), "row %zu: %s", i, why);
	}
	all_ended();
	WSD_TEST_END();
}

Test(bench_tools, one_that_hangs_is_ended_at_its_limit)
{
	static const char *const scripts[] = {"exec sleep 1000",
					      "echo half a word; exec sleep 1000",
					      "exec >&-; exec sleep 1000"};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		char why[160];
		double ns;
		play("ib_send_lat", scripts[i]);
		long long began = wsd_check_now_ms();
		cr_assert_eq(run("perftest", 1000, NULL, &ns, why), TOOL_SILENT, "%s", why);
		cr_assert_str_eq(why, "ib_send_lat told nothing within 1 s");
		cr_assert_geq(wsd_check_now_ms() - began, 990);
	}
	all_ended();
	WSD_TEST_END();
}

static void *end_soon(void *arg)
{
	usleep(300000);
	atomic_store((atomic_bool *)arg, true);
	return NULL;
}

Test(bench_tools, one_that_is_not_wanted_any_more_is_ended_at_once)
{
	WSD_TEST_BEGIN();
	atomic_bool end = false;
	char why[160];
	double ns;
	pthread_t t;
	play("ib_send_lat", "exec sleep 1000");
	cr_assert_eq(pthread_create(&t, NULL, end_soon, &end), 0);
	cr_assert_eq(run("perftest", 100000, &end, &ns, why), TOOL_SILENT, "%s", why);
	pthread_join(t, NULL);
	all_ended();
	WSD_TEST_END();
}

Test(bench_tools, the_server_ends_its_end)
{
	WSD_TEST_BEGIN();
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	play("rstream", "exec sleep 1000");
	for (int i = 0; i < 2; i++) { /* another run ends the one before */
		json_t *q = json_pack("{s:i, s:i, s:b, s:b}", "size", 64, "iterations", 10,
				      "stream", 0, "both", 0);
		json_t *a = tools_serve("rstream", &at, q);
		cr_assert(json_is_true(json_object_get(a, "ok")));
		cr_assert_gt(json_integer_value(json_object_get(a, "port")), 0);
		json_decref(q);
		json_decref(a);
	}
	tools_end();
	tools_end();
	all_ended();
	WSD_TEST_END();
}

Test(bench_tools, the_limit_follows_from_what_is_to_be_done)
{
	struct tool_job few = {.size = 64, .iterations = 10}, many = few, large = few, all = few;
	many.iterations = 1000;
	large.size = 8 << 20;
	all.size = 1UL << 40;
	all.iterations = 1L << 40;
	cr_assert(tool_limit_ms(&few) >= 30000 && tool_limit_ms(&few) < 31000);
	cr_assert(tool_limit_ms(&many) >= 50000 && tool_limit_ms(&many) < 51000);
	cr_assert_gt(tool_limit_ms(&large), 30000 + 10 * 8 * 1000, "1 MiB/s is no hang");
	cr_assert_eq(tool_limit_ms(&all), 1000000000);
}
