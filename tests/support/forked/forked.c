/* SPDX-License-Identifier: MIT
 *
 * Runs the tests of a program one after the other, each in a fork, and says TAP as Criterion does.
 * See criterion/criterion.h here. One thread.
 *
 *   --filter GLOB   of suite/name          other arguments are Criterion's, and ignored
 */
#include "criterion/criterion.h"

#include <dlfcn.h>
#include <errno.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TEXT = 1024,
	SKIPPED = 77,
	FAILED = 1,
	SLOWNESS = 6,   /* of an emulated machine */
	TIMEOUT_S = 20, /* of a test that says nothing */
};

static struct forked_test *tests, **tests_end = &tests;
static char *text; /* what the test that runs has to say: shared with its process */

void forked_add(struct forked_test *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

void forked_fail(const char *file, int line, const char *what, const char *format, ...)
{
	va_list args;
	int n = snprintf(text, TEXT, "%s:%d: Assertion failed: %.300s:", file, line, what);
	va_start(args, format);
	vsnprintf(text + n, (size_t)(TEXT - n), format, args);
	va_end(args);
	_exit(FAILED);
}

void forked_skip(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(text, TEXT, format, args);
	va_end(args);
	_exit(SKIPPED);
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Its status as waitpid() says it. */
static int run(const struct forked_test *t)
{
	int status = 0;
	unsigned seconds = (t->timeout > TIMEOUT_S ? t->timeout : TIMEOUT_S) * SLOWNESS;
	sigset_t child, before;
	struct timespec rest = {.tv_sec = seconds};
	text[0] = '\0';
	fflush(NULL);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &before);
	pid_t pid = fork();
	if (!pid) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		t->run();
		exit(0);
	}
	int r = sigtimedwait(&child, NULL, &rest);
	if (r < 0) {
		snprintf(text, TEXT, "no end within %u s", seconds);
		kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return status;
}

static bool tell(const struct forked_test *t, int status, double seconds)
{
	bool skipped = WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED;
	bool fine = skipped || (WIFEXITED(status) && !WEXITSTATUS(status));
	printf("%s - %s::%s", fine ? "ok" : "not ok", t->suite, t->name);
	if (skipped)
		printf("  # SKIP%s", text);
	printf("  (%.2fs)\n", seconds);
	if (!fine && !text[0] && WIFSIGNALED(status))
		snprintf(text, TEXT, "ended by signal %d", WTERMSIG(status));
	if (!fine)
		printf("  ---\n  failures:\n  - %s\n  ...\n",
		       text[0] ? text : "ended early; see standard error");
	fflush(stdout);
	return fine;
}

int main(int argc, char **argv)
{
	const char *filter = "*", *load = getenv("WSD_TEST_PRELOAD");
	char name[256];
	int n = 0, bad = 0;
	for (int i = 1; i + 1 < argc; i++)
		if (!strcmp(argv[i], "--filter"))
			filter = argv[i + 1];
	text = mmap(NULL, TEXT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (text == MAP_FAILED)
		return 2;
	/* what each test would load is there already */
	if (load && !dlopen(load, RTLD_NOW | RTLD_LOCAL))
		fprintf(stderr, "%s\n", dlerror());
	printf("TAP version 13\n");
	for (struct forked_test *t = tests; t; t = t->next) {
		snprintf(name, sizeof(name), "%s/%s", t->suite, t->name);
		if (fnmatch(filter, name, 0) != 0)
			continue;
		double start = now_s();
		int status = run(t);
		bad += !tell(t, status, now_s() - start);
		n++;
	}
	printf("1..%d\n", n);
	return bad ? 1 : 0;
}
