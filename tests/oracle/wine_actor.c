/* SPDX-License-Identifier: MIT
 *
 * The calls of a scenario's process, made by a program for Windows: what tools/scenario/calls.c
 * does, built against the real headers. Told and telling as actor_relay.c says. Its first and only
 * thread.
 */
#include "calls.h"

#include <stdio.h>
#include <string.h>

int main(void)
{
	static char line[16384], result[CALLS_RESULT];
	while (fgets(line, sizeof(line), stdin)) {
		struct call c = {0};
		char *at = line;
		line[strcspn(line, "\r\n")] = '\0';
		for (size_t i = 0; at && i < CALLS_ARGS + 2; i++) {
			char *word = at;
			at = strchr(at, '\t');
			if (at)
				*at++ = '\0';
			if (i == 0)
				c.variable = strcmp(word, "-") != 0 ? word : NULL;
			else if (i == 1)
				c.name = word;
			else
				c.args[c.n_args++] = word;
		}
		bool made = c.name && calls_make(&c, result, sizeof(result));
		printf("%s\t%s\n", made ? "result" : "wrong", c.name ? result : "no call");
		fflush(stdout);
	}
	return 0;
}
