/* SPDX-License-Identifier: MIT
 *
 * `wsd trace` of this process, and what it has shown so far.
 */
#ifndef WSD_TESTS_WATCHER_H
#define WSD_TESTS_WATCHER_H

#include "check.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct watcher {
	FILE *out;
	int pid;
	char text[65536];
	size_t len;
};

static void watch_begin(struct watcher *w, const char *options)
{
	char command[512];
	snprintf(command, sizeof(command), "echo $$; exec '%s' trace %s %d 2>&1", WSD_TOOL, options,
		 (int)getpid());
	*w = (struct watcher){.out = popen(command, "re")};
	cr_assert_not_null(w->out);
	setvbuf(w->out, NULL, _IONBF, 0);
	cr_assert_eq(fscanf(w->out, "%d", &w->pid), 1);
	cr_assert_eq(fgetc(w->out), '\n');
}

/* Reads until @words are there, calling @act (which makes records) now and then. */
__attribute__((unused)) static void watch_until(struct watcher *w, const char *words,
						void (*act)(const void *), const void *p)
{
	for (int left = WSD_PATIENCE_MS; !strstr(w->text, words); left -= 20) {
		struct pollfd f = {.fd = fileno(w->out), .events = POLLIN};
		cr_assert_gt(left, 0, "no '%s' in: %s", words, w->text);
		if (act)
			act(p);
		if (poll(&f, 1, 20) <= 0)
			continue;
		ssize_t n = read(f.fd, w->text + w->len, sizeof(w->text) - 1 - w->len);
		cr_assert_gt(n, 0, "it has ended: %s", w->text);
		w->len += (size_t)n;
		w->text[w->len] = '\0';
	}
}

static void watch_end(struct watcher *w)
{
	kill(w->pid, SIGINT);
	cr_assert_eq(WTERMSIG(pclose(w->out)), SIGINT);
}

#endif
