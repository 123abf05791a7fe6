/* SPDX-License-Identifier: MIT
 *
 * bench.c - what the verbs share. No state.
 */
#include "bench.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void bench_complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("wsd bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

double bench_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

void bench_version(void)
{
	puts("wsd bench (wsdirect) " WSD_VERSION);
}

void bench_signals(sigset_t *ret)
{
	struct sigaction hup;

	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
	/* blocked it would come through a signalfd though it is ignored */
	if (sigaction(SIGHUP, NULL, &hup) || hup.sa_handler != SIG_IGN)
		sigaddset(ret, SIGHUP);
}

static void interrupted(int number)
{
	static const char text[] = "wsd bench: interrupted\n";
	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(BENCH_FAIL); /* nobody to tell */
	_exit(BENCH_FAIL);
}

/* Those that are ignored stay so. */
static void handle(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler}, old;
	sigset_t set;

	bench_signals(&set);
	for (int i = 1; i < NSIG; i++)
		if (sigismember(&set, i) == 1 && !sigaction(i, NULL, &old) &&
		    old.sa_handler != SIG_IGN)
			sigaction(i, &action, NULL);
}

void bench_heed(void)
{
	handle(interrupted);
}

void bench_unheed(void)
{
	handle(SIG_DFL);
}
