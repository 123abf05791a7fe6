/* SPDX-License-Identifier: MIT
 *
 * The calls of a scenario's process, made by a program for Windows: what tools/scenario/calls.c
 * does, built against the real headers. Told and telling as actor_relay.c says: the first thread
 * reads, each call is made by the thread that the line names. One that blocks goes with the
 * process.
 */
#include "calls.h"

#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS = 16, LINE = 16384 };

struct hand {
	char name[32];
	HANDLE told;     /* an event */
	char line[LINE]; /* its task; not touched while it is at work, for it is told nothing then
			  */
};

static struct hand hands[THREADS];
static CRITICAL_SECTION output;

static void answer(const char *thread, const char *key, const char *text)
{
	EnterCriticalSection(&output);
	printf("%s\t%s\t%s\n", thread, key, text);
	fflush(stdout);
	LeaveCriticalSection(&output);
}

static void make_call(struct hand *h)
{
	char result[CALLS_RESULT];
	struct call c = {0};
	char *at = h->line;
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
	answer(h->name, made ? "result" : "wrong", c.name ? result : "no call");
}

static DWORD WINAPI work(void *arg)
{
	struct hand *h = arg;
	while (WaitForSingleObject(h->told, INFINITE) == WAIT_OBJECT_0)
		make_call(h);
	return 0;
}

/* The thread of this name, made if it is new. NULL: too many. */
static struct hand *find_hand(const char *name)
{
	for (size_t i = 0; i < THREADS; i++) {
		struct hand *h = &hands[i];
		if (!strcmp(h->name, name))
			return h;
		if (h->told)
			continue;
		snprintf(h->name, sizeof(h->name), "%s", name);
		h->told = CreateEventA(NULL, FALSE, FALSE, NULL);
		return h->told && CreateThread(NULL, 0, work, h, 0, NULL) ? h : NULL;
	}
	return NULL;
}

int main(void)
{
	static char line[LINE];
	InitializeCriticalSection(&output);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		char *task = strchr(line, '\t');
		if (!task) {
			answer(line, "wrong", "no call");
			continue;
		}
		*task++ = '\0';
		struct hand *h = find_hand(line);
		if (!h) {
			answer(line, "wrong", "a process has at most 16 threads");
			continue;
		}
		snprintf(h->line, sizeof(h->line), "%s", task);
		SetEvent(h->told);
	}
	ExitProcess(0);
}
