/* SPDX-License-Identifier: MIT
 *
 * Runs a shell command and gathers what it says on stdout and stderr, for tests of the tool.
 * WSD_TOOL is its path.
 */
#ifndef WSD_TESTS_RUN_TOOL_H
#define WSD_TESTS_RUN_TOOL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

struct run {
	int status; /* the exit status, or 128 + signal */
	char text[65536];
};

/* `BEFORE wsd ARGUMENTS`: @before sets the environment, for one. */
__attribute__((unused)) static struct run *run_tool(const char *before, const char *arguments)
{
	struct run *r = calloc(1, sizeof(*r));
	char command[4096];
	size_t n;
	FILE *f;
	int w;

	snprintf(command, sizeof(command), "%s '%s' %s 2>&1", before, WSD_TOOL, arguments);
	f = r ? popen(command, "re") : NULL;
	if (!f)
		abort();
	n = fread(r->text, 1, sizeof(r->text) - 1, f);
	r->text[n] = 0;
	w = pclose(f);
	r->status = WIFEXITED(w) ? WEXITSTATUS(w) : 128 + WTERMSIG(w);
	return r;
}

/* Runs it; the exit status has to be @status, and @text has to be among what it says. A macro, for
 * who includes this without Criterion. */
#define RUN_TOOL_SAYS(before, arguments, want, words)                                              \
	do {                                                                                       \
		struct run *r_ = run_tool(before, arguments);                                      \
		cr_assert_eq(r_->status, want, "%s wsd %s: exit status %d\n%s", before, arguments, \
			     r_->status, r_->text);                                                \
		cr_assert_not_null(strstr(r_->text, words), "%s wsd %s: no '%s' in\n%s", before,   \
				   arguments, words, r_->text);                                    \
		free(r_);                                                                          \
	} while (0)

#endif
