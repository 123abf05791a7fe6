/* SPDX-License-Identifier: MIT
 *
 * How long a takeover takes: from the head's closesocket(), or its SIGKILL, to the return of the
 * last step in the successor (WSPEventSelect on its companion), as the successor's own trace
 * records it. A plain program, not a test.
 *
 * Three processes: this one looks at the clock; the head and the successor are this program again.
 */
#include <wsd/abi.h>
#include <wsd/api.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	PORT = 4900,
	ROUNDS = 15,
	PATIENCE_US = 10000000, /* a takeover that takes longer is a failure */
};

static const char *const trace_path = "/tmp/wsd-takeover.jsonl";

static double now_us(void)
{
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t); /* the clock of the trace */
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
	fprintf(stderr, "takeover: %s failed: %d\n", what, wsd_WSAGetLastError());
	exit(1);
}

/* The other role: listens on the shared name, says so, and obeys: a byte on standard input closes
 * the socket and answers with the time just before, the end of input ends it. */
static int listener(const char *address)
{
	WSADATA data;
	int one = 1;
	char byte = 'r';
	struct wsd_sockaddr_in name = {.sin_family = WSD_AF_INET, .sin_port = htons(PORT)};
	inet_pton(AF_INET, address, &name.sin_addr);
	if (wsd_WSAStartup(0x0202, &data))
		die("WSAStartup");
	SOCKET s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	if (s == INVALID_SOCKET ||
	    wsd_setsockopt(s, WSD_SOL_SOCKET, WSD_SO_REUSEADDR, (char *)&one, sizeof(one)) ||
	    wsd_bind(s, (struct wsd_sockaddr *)&name, sizeof(name)) || wsd_listen(s, 5))
		die("listener");
	if (write(STDOUT_FILENO, &byte, 1) != 1)
		return 1;
	if (read(STDIN_FILENO, &byte, 1) == 1) {
		double start = now_us();
		wsd_closesocket(s);
		if (write(STDOUT_FILENO, &start, sizeof(start)) != sizeof(start))
			return 1;
		while (read(STDIN_FILENO, &byte, 1) > 0)
			continue;
	}
	wsd_WSACleanup();
	return 0;
}

struct role {
	pid_t pid;
	int to, from;
};

static struct role start(const char *self, const char *address, bool traced)
{
	int there[2], back[2];
	char ready;
	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		die("pipe");
	pid_t pid = fork();
	if (pid == 0) {
		dup2(there[0], STDIN_FILENO);
		dup2(back[1], STDOUT_FILENO);
		if (traced)
			setenv("WSD_TRACE_JSON", trace_path, 1);
		execl(self, self, "--listener", address, (char *)NULL);
		_exit(127);
	}
	close(there[0]);
	close(back[1]);
	if (pid < 0 || read(back[0], &ready, 1) != 1)
		die("a listener's start");
	return (struct role){pid, there[1], back[0]};
}

static void end(struct role *r)
{
	int status;
	close(r->to);
	close(r->from);
	waitpid(r->pid, &status, 0);
}

/* When the successor's last step returned; 0: not yet. Looks at what is new since the last call:
 * the guest has one processor, and this program is not to be in the successor's way. */
static double last_step(FILE *f)
{
	char line[4096];
	double at = 0, took = 0, done = 0;
	clearerr(f);
	while (fgets(line, sizeof(line), f)) {
		const char *us = strstr(line, "\"us\":");
		if (strstr(line, "\"call\":\"WSPEventSelect\"") && us &&
		    sscanf(line, "{\"t_us\":%lf", &at) == 1 && sscanf(us, "\"us\":%lf", &took) == 1)
			done = at + took;
	}
	return done;
}

static double one_takeover(const char *self, const char *address, bool kill_it)
{
	double begun = 0, done = 0;
	unlink(trace_path);
	struct role head = start(self, address, false), next = start(self, address, true);
	FILE *trace = fopen(trace_path, "re");
	if (!trace || fseek(trace, 0, SEEK_END))
		die("the trace");
	if (kill_it) {
		begun = now_us();
		kill(head.pid, SIGKILL);
	} else if (write(head.to, "c", 1) != 1 ||
		   read(head.from, &begun, sizeof(begun)) != sizeof(begun)) {
		die("closing the head");
	}
	while ((done = last_step(trace)) == 0 && now_us() < begun + PATIENCE_US)
		usleep(2000);
	fclose(trace);
	end(&head);
	end(&next);
	if (done == 0)
		die("the takeover");
	return done - begun;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--listener"))
		return listener(argv[2]);
	const char *address = argc > 1 ? argv[1] : "10.77.0.1";
	printf("takeover of a shared name on %s, ms, %d rounds\n", address, ROUNDS);
	for (int kill_it = 0; kill_it < 2; kill_it++) {
		double ms[ROUNDS];
		for (int i = 0; i < ROUNDS; i++)
			ms[i] = one_takeover("/proc/self/exe", address, kill_it) / 1e3;
		qsort(ms, ROUNDS, sizeof(*ms), by_value);
		printf("  from %-14s median %7.2f   worst %7.2f   at most 50\n",
		       kill_it ? "SIGKILL" : "closesocket()", ms[ROUNDS / 2], ms[ROUNDS - 1]);
	}
	unlink(trace_path);
	return 0;
}
