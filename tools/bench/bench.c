/* SPDX-License-Identifier: MIT
 *
 * bench.c - what the verbs share. No state.
 */
#include "bench.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

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
