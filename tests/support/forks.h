/* SPDX-License-Identifier: MIT
 *
 * A fork for a child that goes on without exec. The allocator of gcc 12's ASan does not survive a
 * fork while another thread is inside it: a child then waits for ever in one of its first calls of
 * malloc. So under ASan wsd_fork() waits until the other threads sleep. Header only; call it from
 * the main thread.
 */
#ifndef WSD_TESTS_FORKS_H
#define WSD_TESTS_FORKS_H

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WSD_CHECK_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define WSD_CHECK_ASAN 1
#endif

enum {
	WSD_FORK_REST_LOOKS = 3, /* in a row */
	WSD_FORK_TRIES = 40000,
	WSD_FORK_LOOK_US = 500,
};

/* True if every other thread of the process sleeps. */
__attribute__((unused)) static bool wsd_fork_asleep(void)
{
	DIR *d = opendir("/proc/self/task");
	bool asleep = true;
	if (!d)
		return false;
	for (struct dirent *e; asleep && (e = readdir(d));) {
		char path[64], line[256] = "";
		if (e->d_name[0] == '.' || strtol(e->d_name, NULL, 10) == (long)getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%.16s/stat", e->d_name);
		FILE *f = fopen(path, "re");
		if (!f)
			continue; /* it has ended */
		const char *state = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		asleep = state && state[1] == ' ' && state[2] == 'S';
		fclose(f);
	}
	closedir(d);
	return asleep;
}

/* As fork(); under ASan ends the program when the other threads do not come to rest. */
__attribute__((unused)) static pid_t wsd_fork(void)
{
#ifdef WSD_CHECK_ASAN
	int at_rest = 0;
	for (int i = 0; at_rest < WSD_FORK_REST_LOOKS; i++) {
		if (i == WSD_FORK_TRIES) {
			fprintf(stderr, "wsd_fork: other threads do not come to rest\n");
			abort();
		}
		at_rest = wsd_fork_asleep() ? at_rest + 1 : 0;
		if (at_rest < WSD_FORK_REST_LOOKS)
			usleep(WSD_FORK_LOOK_US);
	}
#endif
	return fork();
}

#endif
