/* SPDX-License-Identifier: MIT
 *
 * counts.c - see counts.h. No state.
 */
#include "counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MAX = 8192 };

const char *const counts_names[COUNTS] = {"copied", "work_requests", "rdma_reads", "rdma_writes",
					  "messages_sent"};

static int ask(void)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "wsd-control.%d", getpid());
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	if (!connect(fd, (struct sockaddr *)&a,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) &&
	    send(fd, "sockets", 7, 0) == 7)
		return fd;
	close(fd);
	return -1;
}

/* The value of a key that is a string. */
static void word(const char *text, const char *key, char *ret, size_t size)
{
	const char *at = strstr(text, key), *end = at ? strchr(at + strlen(key), '"') : NULL;
	if (end)
		snprintf(ret, size, "%.*s", (int)(end - at - (long)strlen(key)), at + strlen(key));
}

int counts_read(uint64_t sums[COUNTS], char *why, size_t size)
{
	char text[ANSWER_MAX], key[32];
	int fd = ask(), san = 0;
	ssize_t got = -1;
	memset(sums, 0, COUNTS * sizeof(*sums));
	while (fd >= 0 && (got = recv(fd, text, sizeof(text) - 1, 0)) > 0) {
		text[got] = '\0';
		if (strstr(text, "\"end\":true"))
			break;
		if (strstr(text, "\"transport\":\"TCP") && san >= 0) {
			snprintf(why, size, "a connection goes over TCP/IP");
			word(text, "\"why\":\"", why, size);
			san = -1;
		}
		if (san < 0 || !strstr(text, "\"transport\":\"SAN\""))
			continue;
		san++;
		for (int i = 0; i < COUNTS; i++) {
			snprintf(key, sizeof(key), "\"%s\":", counts_names[i]);
			const char *at = strstr(text, key);
			if (at)
				sums[i] += strtoull(at + strlen(key), NULL, 10);
		}
	}
	if (got <= 0)
		snprintf(why, size, "the library does not answer");
	if (fd >= 0)
		close(fd);
	return got > 0 ? san : -1;
}

/* Bytes of a line of /proc/self/status. */
static double status_bytes(const char *text, const char *key)
{
	const char *at = strstr(text, key);
	return at ? (double)strtol(at + strlen(key), NULL, 10) * 1024 : 0;
}

void usage_read(struct usage *u)
{
	char text[4096] = "";
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	FILE *f = fopen("/proc/self/status", "re");
	if (f) {
		size_t n = fread(text, 1, sizeof(text) - 1, f);
		text[n] = '\0';
		fclose(f);
	}
	u->cpu_ns = (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
	u->pinned = status_bytes(text, "VmPin:");
	u->resident = status_bytes(text, "VmRSS:");
}
