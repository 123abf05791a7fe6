/* SPDX-License-Identifier: MIT
 *
 * Runs perftest and rstream as pairs of processes on this host and reads what they print. The
 * server's output is thrown away; it ends when its client does.
 */
#include "conn_tools.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 24, SERVER_MS = 300, OUTPUT_MAX = 8192 };

extern char **environ;

static pid_t start(char *const *argv, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (out >= 0)
		posix_spawn_file_actions_adddup2(&actions, out, 1);
	if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Both programs take the server's arguments and the client's own ones behind. */
static int run_pair(char **argv, int n, char *const *client, char *text)
{
	int out[2];
	size_t len = 0;
	ssize_t got;
	argv[n] = NULL;
	pid_t server = start(argv, -1);
	if (server < 0 || pipe2(out, O_CLOEXEC))
		return -1;
	usleep(SERVER_MS * 1000);
	while (*client)
		argv[n++] = *client++;
	argv[n] = NULL;
	pid_t pid = start(argv, out[1]);
	close(out[1]);
	while (pid > 0 && len < OUTPUT_MAX - 1 &&
	       (got = read(out[0], text + len, OUTPUT_MAX - 1 - len)) > 0)
		len += (size_t)got;
	text[len] = '\0';
	close(out[0]);
	int status = -1;
	if (pid > 0)
		waitpid(pid, &status, 0);
	if (status)
		kill(server, SIGTERM);
	waitpid(server, NULL, 0);
	return status ? -1 : 0;
}

/* The numbers of the last line that begins with one. */
static int last_numbers(const char *text, double *ret, int max)
{
	int found = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		char *end;
		double v[16];
		int n = 0;
		const char *at = line;
		while (n < max && n < 16) {
			v[n] = strtod(at, &end);
			if (end == at)
				break;
			at = end;
			n++;
		}
		if (n == max || n >= 5) {
			memcpy(ret, v, (size_t)n * sizeof(*v));
			found = n;
		}
		if (!*line)
			break;
	}
	return found;
}

static int perftest(const char *program, const char *address, size_t size, int count, bool events,
		    double *ret, int want)
{
	static int port = 18600;
	char bytes[24], times[24], at[24], text[OUTPUT_MAX];
	snprintf(bytes, sizeof(bytes), "%zu", size);
	snprintf(times, sizeof(times), "%d", count);
	snprintf(at, sizeof(at), "%d", port++);
	char *argv[ARGS_MAX] = {
		(char *)(size_t)program, "-d", "rxe0", "-F", "-s", bytes, "-n", times, "-p", at};
	int n = 10;
	if (events)
		argv[n++] = "-e";
	char *client[] = {(char *)(size_t)address, NULL};
	if (run_pair(argv, n, client, text))
		return -1;
	return last_numbers(text, ret, want) >= want ? 0 : -1;
}

int tool_send_lat(const char *address, size_t size, int count, struct tool_result *ret)
{
	double v[16]; /* bytes, iterations, min, max, typical, avg, stdev, 99 %, 99.9 %; one way */
	if (perftest("ib_send_lat", address, size, count, true, v, 9))
		return -1;
	*ret = (struct tool_result){2 * v[4], 2 * v[7]};
	return 0;
}

int tool_write_bw(const char *address, size_t size, int count, struct tool_result *ret)
{
	double v[16]; /* bytes, iterations, peak, average (MB/s, of 2^20), messages */
	if (perftest("ib_write_bw", address, size, count, false, v, 5))
		return -1;
	*ret = (struct tool_result){.typical = v[3]};
	return 0;
}

/* name bytes xfers iters total time Gb/sec usec/xfer */
static int rstream(const char *address, size_t size, int count, int transfers, double *ret_gb,
		   double *ret_us)
{
	static int port = 18800;
	char bytes[24], times[24], many[24], at[24], text[OUTPUT_MAX], last[64] = "";
	snprintf(bytes, sizeof(bytes), "%zu", size);
	snprintf(times, sizeof(times), "%d", count);
	snprintf(many, sizeof(many), "%d", transfers);
	snprintf(at, sizeof(at), "%d", port++);
	char *argv[ARGS_MAX] = {"rstream", "-T", "b",  "-S", bytes, "-I",
				times,     "-C", many, "-p", at};
	char *client[] = {"-s", (char *)(size_t)address, NULL};
	if (run_pair(argv, 11, client, text))
		return -1;
	char *line = strrchr(text, '\n');
	while (line && !line[1] && line > text) {
		*line = '\0';
		line = strrchr(text, '\n');
	}
	double ignored;
	return line && sscanf(line, " %63s %*s %*s %*s %*s %lfs %lf %lf", last, &ignored, ret_gb,
			      ret_us) == 4
		       ? 0
		       : -1;
}

int tool_rstream_lat(const char *address, size_t size, int count, struct tool_result *ret)
{
	double gb, us;
	if (rstream(address, size, count, 1, &gb, &us))
		return -1;
	*ret = (struct tool_result){2 * us, 2 * us};
	return 0;
}

int tool_rstream_bw(const char *address, size_t size, int count, struct tool_result *ret)
{
	double gb, us;
	if (rstream(address, size, 1, count, &gb, &us))
		return -1;
	*ret = (struct tool_result){.typical = gb * 1e9 / 8 / (1 << 20)};
	return 0;
}
