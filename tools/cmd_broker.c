/* SPDX-License-Identifier: MIT
 *
 * cmd_broker.c - `wsd broker`: keeps the names of this network namespace in the foreground, for
 * hosts where that should have a user of its own. When it ends, a process that holds names goes on.
 */
#include "book.h"
#include "wsd.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { AGAIN_S = 5 };

/* Until SIGINT or SIGTERM. While we were stopped another took over: take it back. If that cannot be
 * done now, it is no reason to end: then nobody would take it back later. */
static void keep(const struct book_handle *b, const sigset_t *ends)
{
	const struct timespec again = {.tv_sec = AGAIN_S};
	int signal, before = 0;

	do {
		int r = names_serve(b->names);
		if (r && r != before)
			wsd_complain("cannot take the names back, will try again: %s",
				     book_error(r));
		before = r;
		signal = sigtimedwait(ends, NULL, &again);
	} while (signal < 0 || signal == SIGCONT);
}

int cmd_broker(int argc, char **argv)
{
	static const struct argp argp = {
		.parser = wsd_parse_switch,
		.doc = "Keeps the names of this network namespace, in the foreground, until SIGINT "
		       "or "
		       "SIGTERM.\v"
		       "Nobody needs to run it: the first process that wants a name keeps the "
		       "book, and "
		       "another goes on when it ends. It is for hosts where one user is to do it.",
	};
	struct book_handle b = {0};
	sigset_t ends;
	int r = wsd_parse(&argp, argc, argv, NULL);

	if (r)
		return r;
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGCONT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	if (book_handle_open(false, &b))
		return WSD_EXIT_FAIL;
	r = names_serve(b.names);
	if (r == 0) {
		printf("keeping the names of this network namespace (@%s)\n", b.name);
		if (fflush(stdout) == 0)
			keep(&b, &ends);
	}
	if (r)
		wsd_complain("cannot keep the names: %s", book_error(r));
	book_handle_close(&b);
	return r ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
