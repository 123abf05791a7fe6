/* SPDX-License-Identifier: MIT
 *
 * See ask.h. No state.
 */
#include "ask.h"

#include "control.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The names in /proc/net/unix that are control sockets; @at is behind the "@". */
static bool next_name(FILE *f, char *name, size_t size)
{
	char line[512];
	while (fgets(line, sizeof(line), f)) {
		char *at = strstr(line, " @" CONTROL_PREFIX);
		/* the listening one; accepted ones bear the name, too */
		unsigned flags = 0;
		if (!at || sscanf(line, "%*s %*s %*s %x", &flags) != 1 || !(flags & 0x10000))
			continue;
		at[strcspn(at, "\n")] = '\0';
		snprintf(name, size, "%s", at + 2);
		return true;
	}
	return false;
}

long ask_pid(const char *name)
{
	return strtol(name + strlen(CONTROL_PREFIX), NULL, 10);
}

/* The table may change between two reads of it and show a line twice: each name counts once. */
int ask_each(long pid, void (*call)(void *arg, const char *name), void *arg)
{
	char name[128];
	json_t *names = json_object();
	FILE *f = fopen("/proc/net/unix", "re");
	if (!f || !names) {
		int err = f ? ENOMEM : errno;
		json_decref(names);
		if (f)
			fclose(f);
		errno = err;
		return -1;
	}
	while (next_name(f, name, sizeof(name)))
		if (!pid || ask_pid(name) == pid)
			json_object_set_new(names, name, json_true());
	fclose(f);
	/* that table may lose a line, too; the usual name of one process is known without it */
	snprintf(name, sizeof(name), CONTROL_PREFIX "%ld", pid);
	if (pid)
		json_object_set_new(names, name, json_true());
	const char *key;
	json_t *value;
	json_object_foreach(names, key, value) call(arg, key);
	json_decref(names);
	return 0;
}

int ask_name(const char *name, const char *request, struct ucred *ret_who)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval patience = {ASK_ANSWER_MS / 1000, 0};
	socklen_t cred_len = sizeof(*ret_who);
	size_t n = strlen(name), asked = strlen(request);
	if (n > sizeof(a.sun_path) - 1)
		return -ENAMETOOLONG;
	memcpy(a.sun_path + 1, name, n);
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* a program that is stopped must not stop us */
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) &&
	    !connect(fd, (struct sockaddr *)&a, len) &&
	    !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, ret_who, &cred_len) &&
	    (send(fd, request, asked, MSG_NOSIGNAL) == (ssize_t)asked || errno == EPIPE))
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

/* That it hung up with our request unread comes before what it had said. */
ssize_t ask_answer(int fd, char *text, size_t size)
{
	ssize_t n = recv(fd, text, size, 0);
	return n < 0 && errno == ECONNRESET ? recv(fd, text, size, 0) : n;
}

bool ask_elsewhere(long pid)
{
	char path[64];
	struct stat theirs, ours;
	snprintf(path, sizeof(path), "/proc/%ld/ns/net", pid);
	return !stat(path, &theirs) && !stat("/proc/self/ns/net", &ours) &&
	       theirs.st_ino != ours.st_ino;
}

void ask_program(pid_t pid, char *text, size_t size)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	text[0] = '\0';
	if (f) {
		if (!fgets(text, (int)size, f))
			text[0] = '\0';
		fclose(f);
	}
	for (char *c = text; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = *c == '\n' && !c[1] ? '\0' : '?';
}
