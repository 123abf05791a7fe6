/* SPDX-License-Identifier: MIT */
/*
 * names_lab.h: starts names_helper processes and talks to them. No state of its own: threads may
 * each have a lab.
 */
#ifndef WSD_TESTS_NAMES_LAB_H
#define WSD_TESTS_NAMES_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { LAB_PROCS = 8, LAB_PATIENCE_MS = 20000 /* only a hang waits so long */ };

struct lab_proc {
	pid_t pid;
	int in, out;
	char buffer[8192]; /* read, not yet a line */
	size_t filled;
	char events[8192]; /* lines without "! " */
};

struct lab {
	char book[48]; /* a book of its own for each lab */
	struct lab_proc proc[LAB_PROCS];
	char failure[512]; /* the first thing that went wrong; empty: nothing did */
};

void lab_open(struct lab *lab, const char *what);
void lab_close(struct lab *lab); /* kills who is left */

/* The first failure stays. */
__attribute__((format(printf, 2, 3))) void lab_fail(struct lab *lab, const char *format, ...);

/* Start number @i; @arg1, @arg2: of names_helper, NULL: none. */
void lab_start(struct lab *lab, int i, const char *arg1, const char *arg2);

/* Send a command, without waiting for its answer. */
__attribute__((format(printf, 3, 4))) void lab_tell(struct lab *lab, int i, const char *format,
						    ...);

/* The next answer of @i; "" after a failure. Valid until the next call. */
const char *lab_answer(struct lab *lab, int i, char *room, size_t size);

/* Command and answer must be @expect, or begin with it up to a '*'. */
__attribute__((format(printf, 4, 5))) void lab_check(struct lab *lab, int i, const char *expect,
						     const char *format, ...);

/* The line comes, or came, among the events of @i. It is taken out. */
void lab_expect_event(struct lab *lab, int i, const char *event);
bool lab_has_event(struct lab *lab, int i, const char *event);

void lab_signal(struct lab *lab, int i, int sig);
void lab_wait_stopped(struct lab *lab, int i);
void lab_wait_dead(struct lab *lab, int i); /* and clear its place */
void lab_end(struct lab *lab, int i);       /* orderly: end of input */

#endif
