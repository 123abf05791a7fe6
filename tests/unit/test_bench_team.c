/* SPDX-License-Identifier: MIT
 *
 * Beside the runner of wsd bench: progress on a terminal only, and a test's threads.
 */
#include "check.h"
#include "progress.h"
#include "run.h"

#include <poll.h>
#include <pty.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- progress ---- */

/* What progress writes to the terminal @fd as standard error. The kernel hands it over when it
 * finds the time, so it is read until the line is taken away. */
static size_t progress_on(int fd, int from, char *text, size_t size)
{
	struct progress p;
	int old = dup(STDERR_FILENO);
	dup2(fd, STDERR_FILENO);
	progress_begin(&p, 10);
	p.what = "rsockets";
	p.where = "open 100";
	p.done = 4;
	progress_show(&p);
	progress_end(&p);
	progress_show(&p);
	dup2(old, STDERR_FILENO);
	close(old);
	size_t n = 0;
	text[0] = '\0';
	for (struct pollfd f = {.fd = from, .events = POLLIN};
	     (n <= 4 || strcmp(text + n - 4, "\r\033[K") != 0) &&
	     poll(&f, 1, WSD_PATIENCE_MS) == 1;) {
		ssize_t got = read(from, text + n, size - 1 - n);
		cr_assert_gt(got, 0);
		n += (size_t)got;
		text[n] = '\0';
	}
	return n;
}

Test(bench_team, progress_is_shown_on_a_terminal_and_nowhere_else, .timeout = 60)
{
	WSD_TEST_BEGIN();
	char text[512];
	int master, slave, pair[2];
	cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	cr_assert_gt(progress_on(slave, master, text, sizeof(text)), 0);
	cr_assert_not_null(strstr(text, " 40 %"), "%s", text);
	cr_assert_not_null(strstr(text, "left  rsockets  open 100"), "%s", text);
	cr_assert_str_eq(text + strlen(text) - 4, "\r\033[K", "the line is taken away");
	close(master);
	close(slave);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	shutdown(pair[0], SHUT_RD);
	close(pair[1]);
	struct progress p;
	int old = dup(STDERR_FILENO);
	dup2(pair[0], STDERR_FILENO); /* nobody reads: a write would be a signal */
	progress_begin(&p, 10);
	progress_show(&p);
	progress_end(&p);
	dup2(old, STDERR_FILENO);
	close(old);
	close(pair[0]);
	WSD_TEST_END();
}

Test(bench_team, times_left_are_told_in_two_units_at_most)
{
	static const struct {
		double s;
		const char *text;
	} rows[] = {{0, "0 s"},
		    {12.4, "12 s"},
		    {59.6, "1 min 0 s"},
		    {200, "3 min 20 s"},
		    {7500, "2 h 5 min"}};
	char text[40];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		progress_time(rows[i].s, text, sizeof(text));
		cr_assert_str_eq(text, rows[i].text);
	}
}

/* ---- a team of threads ---- */

static atomic_int together;
static int member(int i, void *arg)
{
	int *seen = arg;
	seen[i]++;
	atomic_fetch_add(&together, 1);
	while (atomic_load(&together) < 4) /* all are there at once, or this hangs */
		usleep(100);
	return i == 2 ? -1 : 0;
}

Test(bench_team, threads_of_a_test_run_at_once_and_one_that_fails_is_heard, .timeout = 60)
{
	WSD_TEST_BEGIN();
	struct options o = {0};
	int seen[4] = {0};
	cr_assert_eq(bench_threads(&o, 4, member, seen), -1);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(seen[i], 1);
	o.pin = (struct list){1, {0}};
	atomic_store(&together, 0);
	cr_assert_eq(bench_threads(&o, 4, member, seen), -1, "pinned to one processor as well");
	WSD_TEST_END();
}
