/* SPDX-License-Identifier: MIT
 *
 * The verbs of `wsd bench`, one file each. argv[0] is "wsd bench NAME", for argp_parse().
 */
#ifndef WSD_BENCH_H
#define WSD_BENCH_H

#include <signal.h>

struct test;

/* Exit statuses: 0 done, 1 the answer is no or something failed, 2 wrong usage. */
enum { BENCH_OK, BENCH_FAIL, BENCH_USAGE };

/* Runs a test, or its server; argv[1] is its name. */
int bench_test(const struct test *test, int argc, char **argv);
int bench_report(int argc, char **argv);
int bench_compare(int argc, char **argv);

/* Says "wsd bench: ..." on stderr. */
__attribute__((format(printf, 1, 2))) void bench_complain(const char *format, ...);

/* Monotonic, in ns. */
double bench_now_ns(void);

/* For -V. */
void bench_version(void);

/* The signals that end a run, which then tells what it has: SIGINT, SIGTERM, and SIGHUP unless it
 * is ignored (nohup). */
void bench_signals(sigset_t *ret);
/* Where they are not blocked they end the program with a word and BENCH_FAIL; unheeded they do what
 * they always do, for a child whose parent has the word. */
void bench_heed(void);
void bench_unheed(void);

#endif
