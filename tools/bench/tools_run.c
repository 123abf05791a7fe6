/* SPDX-License-Identifier: MIT
 *
 * tools_run.c - see tools_run.h. A program's output is read whole; its table's last row counts.
 */
#include "tools_run.h"

#include "bench.h"
#include "nic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ARGS_MAX = 32,
	OUTPUT_MAX = 16384,
	LISTEN_MS = 10000,
	RSTREAM_MS = 500,
	STEP_MS = 20,
	LOOK_MS = 100,       /* how soon a run that is to end is noticed */
	REAP_MS = 3000,      /* for one that was killed: the kernel may hold its queue pair */
	BEGIN_MS = 30000,    /* a run: to start, to connect, to tell what was, */
	ITERATION_MS = 20,   /* each of its messages, */
	BYTES_PER_MS = 1049, /* and their bytes: 1 MiB/s */
};

/* ---- its command line ---- */

struct command {
	char *argv[ARGS_MAX];
	int n;
	char words[ARGS_MAX][64];
};

static void add(struct command *c, const char *word)
{
	snprintf(c->words[c->n], sizeof(c->words[0]), "%s", word);
	c->argv[c->n] = c->words[c->n];
	c->argv[++c->n] = NULL;
}

static void add_number(struct command *c, const char *option, long value)
{
	char text[24];
	snprintf(text, sizeof(text), "%ld", value);
	add(c, option);
	add(c, text);
}

static void device_of(const struct sockaddr_in *here, char name[64], unsigned *ret_port)
{
	struct nic_snapshot *snap;
	name[0] = '\0';
	if (nic_discover(&snap))
		return;
	const struct nic_addr *a = nic_snapshot_find(snap, here->sin_addr.s_addr);
	const struct nic_port *p = a ? nic_snapshot_port(snap, a->port_index) : NULL;
	if (p) {
		snprintf(name, 64, "%s", p->device);
		*ret_port = p->port_num;
	}
	nic_snapshot_unref(snap);
}

/* perftest: its usual event mode; messages, not what the program thinks best. */
static void perftest(struct command *c, const struct tool_job *j, const struct sockaddr_in *here)
{
	char device[64];
	unsigned port = 1;
	device_of(here, device, &port);
	add(c, j->stream ? "ib_write_bw" : "ib_send_lat");
	add(c, "-d");
	add(c, device);
	add_number(c, "-i", (long)port);
	add(c, "-F");
	add_number(c, "-s", (long)j->size);
	add_number(c, "-n", j->iterations > 5 ? j->iterations : 5); /* its least */
	add_number(c, "-p", j->port);
	if (!j->stream)
		add(c, "-e");
	if (j->both)
		add(c, "-b");
}

/* rstream, blocking; -C: messages of a transfer, -I: transfers. */
static void rstream(struct command *c, const struct tool_job *j, const struct sockaddr_in *here)
{
	(void)here;
	add(c, "rstream");
	add(c, "-T");
	add(c, "b");
	add_number(c, "-S", (long)j->size);
	add_number(c, "-I", j->stream ? 1 : j->iterations);
	add_number(c, "-C", j->stream ? j->iterations : 1);
	add_number(c, "-p", j->port);
}

/* ---- what it says ---- */

/* The numbers of the last line that begins with @want of them. */
static int last_numbers(const char *text, double *ret, int want)
{
	int found = 0;
	for (const char *line = text; line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
		double v[16];
		const char *at = line;
		int n = 0;
		for (char *end; n < want; n++, at = end) {
			v[n] = strtod(at, &end);
			if (end == at)
				break;
		}
		if (n < want)
			continue;
		memcpy(ret, v, (size_t)n * sizeof(*v));
		found = n;
	}
	return found;
}

/* Latency: bytes, iterations, min, max, typical (us, one way), ...; bandwidth: bytes, iterations,
 * peak, average (MB of 2^20 a second), messages. */
static int perftest_says(const struct tool_job *j, const char *text, double *ret)
{
	double v[16];
	if (last_numbers(text, v, j->stream ? 5 : 9) == 0)
		return -1;
	*ret = j->stream ? v[3] * (1 << 20) : 2 * v[4] * 1000;
	return 0;
}

/* name bytes xfers iters total time Gb/sec usec/xfer */
static int rstream_says(const struct tool_job *j, const char *text, double *ret)
{
	double seconds, gb, us;
	bool found = false;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (sscanf(line, "%*s %*s %*s %*s %*s %lfs %lf %lf", &seconds, &gb, &us) == 3) {
			*ret = j->stream ? gb * 1e9 / 8 : 2 * us * 1000;
			found = true;
		}
		if (!*line)
			break;
	}
	return found ? 0 : -1;
}

static const struct tool {
	const char *contender, *programs[2];
	void (*command)(struct command *, const struct tool_job *, const struct sockaddr_in *);
	int (*says)(const struct tool_job *, const char *text, double *ret);
	const char *client; /* the option before the server's address */
	bool hidden;        /* its listener is not in /proc/net/tcp */
	bool one_way;       /* it does not know both directions */
} tools[] = {
	{"perftest", {"ib_send_lat", "ib_write_bw"}, perftest, perftest_says, NULL, false, false},
	{"rstream", {"rstream", NULL}, rstream, rstream_says, "-s", true, true},
};

static const struct tool *tool_find(const char *contender)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (!strcmp(tools[i].contender, contender))
			return &tools[i];
	return NULL;
}

static bool in_path(const char *program)
{
	const char *path = getenv("PATH");
	char file[512];
	for (const char *at = path ? path : "/usr/bin:/bin"; at; at = strchr(at, ':')) {
		at += *at == ':';
		snprintf(file, sizeof(file), "%.*s/%s", (int)strcspn(at, ":"), at, program);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}

int tool_there(const char *contender, char *why, size_t size)
{
	const struct tool *t = tool_find(contender);
	for (int i = 0; t && i < 2 && t->programs[i]; i++)
		if (!in_path(t->programs[i])) {
			snprintf(why, size, "the program %s is not installed", t->programs[i]);
			return -1;
		}
	return t ? 0 : -1;
}

/* ---- its processes ---- */

static pid_t server;

static pid_t start_client(char *const *argv, int out)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	int err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	errno = err;
	return err ? -1 : pid;
}

static int free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
				getsockname(fd, (struct sockaddr *)&a, &len)
			? -1
			: ntohs(a.sin_port);
	if (fd >= 0)
		close(fd);
	return r;
}

static bool listens(int port)
{
	static const char *const files[] = {"/proc/net/tcp", "/proc/net/tcp6"};
	char line[512], want[16];
	bool found = false;
	snprintf(want, sizeof(want), ":%04X ", (unsigned)port);
	for (int i = 0; i < 2; i++) {
		FILE *f = fopen(files[i], "re");
		while (f && !found && fgets(line, sizeof(line), f)) {
			const char *local = strchr(line, ':');
			local = local ? strstr(local + 1, want) : NULL;
			const char *state = local ? strchr(local + 6, ' ') : NULL;
			found = state && !strncmp(state, " 0A ", 4);
		}
		if (f)
			fclose(f);
	}
	return found;
}

/* The server's end must not outlive us, whatever we die of: it would wait for ever. We have no
 * other thread then (server.c), so fork() is safe; the client, which has, ends its own end. */
static pid_t start_server(char *const *argv)
{
	pid_t us = getpid(), pid = fork();
	if (pid)
		return pid;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != us)
		_exit(127);
	execvp(argv[0], argv);
	_exit(127);
}

/* One that does not die is left behind. */
static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	for (int left = REAP_MS; left > 0 && !waitpid(pid, NULL, WNOHANG); left -= STEP_MS)
		usleep(STEP_MS * 1000);
}

void tools_end(void)
{
	if (server > 0)
		reap(server);
	server = 0;
}

json_t *tools_serve(const char *contender, const struct sockaddr_in *here, const json_t *question)
{
	const struct tool *t = tool_find(contender);
	struct tool_job j = {.port = free_port()};
	struct command c = {.n = 0};
	json_int_t size = 64, n = 1;
	int stream = 0, both = 0, left = 1;
	if (!t || j.port < 0 ||
	    json_unpack((json_t *)(uintptr_t)question, "{s:I, s:I, s:b, s:b}", "size", &size,
			"iterations", &n, "stream", &stream, "both", &both))
		return json_pack("{s:s}", "error", "the server does not know this tool");
	j.stream = stream;
	j.both = both;
	j.size = (size_t)size;
	j.iterations = (long)n;
	tools_end();
	t->command(&c, &j, here);
	server = start_server(c.argv);
	if (server < 0)
		return json_pack("{s:s}", "error", strerror(errno));
	if (t->hidden)
		usleep(RSTREAM_MS * 1000);
	for (left = LISTEN_MS; !t->hidden && left > 0 && !listens(j.port); left -= STEP_MS)
		usleep(STEP_MS * 1000);
	if (left > 0 && !waitpid(server, NULL, WNOHANG))
		return json_pack("{s:b, s:i}", "ok", 1, "port", j.port);
	tools_end();
	return json_pack("{s:s}", "error", "the tool does not come up at the server");
}

int tool_limit_ms(const struct tool_job *j)
{
	double n = (double)j->iterations;
	double ms = BEGIN_MS + n * ITERATION_MS + 2 * n * (double)j->size / BYTES_PER_MS;
	return ms < 1e9 ? (int)ms : (int)1e9;
}

static bool over(const struct tool_job *j, double until)
{
	return bench_now_ns() >= until || (j->end && atomic_load(j->end));
}

/* All that it prints until it closes its output. false: the limit came first, or the end. */
static bool gather(int fd, const struct tool_job *j, double until, char *text)
{
	size_t len = 0;
	text[0] = '\0';
	while (!over(j, until)) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, LOOK_MS) <= 0)
			continue;
		ssize_t got = read(fd, text + len, OUTPUT_MAX - 1 - len);
		if (got <= 0)
			return true;
		len += (size_t)got;
		text[len] = '\0';
	}
	return false;
}

/* TOOL_DONE: it has ended by itself, with this status. */
static enum tool_end output_of(char *const *argv, const struct tool_job *j, char *text, int *ret)
{
	double until = bench_now_ns() + j->limit_ms * 1e6;
	int out[2];
	if (pipe2(out, O_CLOEXEC))
		return TOOL_FAILED;
	pid_t pid = start_client(argv, out[1]);
	close(out[1]);
	bool ended = pid > 0 && gather(out[0], j, until, text);
	close(out[0]);
	if (pid < 0)
		return TOOL_FAILED;
	while (ended && !waitpid(pid, ret, WNOHANG)) {
		usleep(STEP_MS * 1000);
		ended = !over(j, until);
	}
	if (ended)
		return TOOL_DONE;
	reap(pid);
	return TOOL_SILENT;
}

enum tool_end tool_run(const struct tool_job *j, const struct sockaddr_in *here,
		       const struct sockaddr_in *to, double *ret, char *why, size_t size)
{
	static char text[OUTPUT_MAX];
	const struct tool *t = tool_find(j->contender);
	struct command c = {.n = 0};
	char address[INET_ADDRSTRLEN];
	int status = 0;
	inet_ntop(AF_INET, &to->sin_addr, address, sizeof(address));
	t->command(&c, j, here);
	if (t->client)
		add(&c, t->client);
	add(&c, address);
	enum tool_end end = output_of(c.argv, j, text, &status);
	if (end == TOOL_DONE && status)
		end = TOOL_FAILED;
	if (end == TOOL_SILENT)
		snprintf(why, size, "%s told nothing within %d s", c.argv[0], j->limit_ms / 1000);
	else if (WIFSIGNALED(status))
		snprintf(why, size, "%s died: %s", c.argv[0], strsignal(WTERMSIG(status)));
	else if (end == TOOL_FAILED)
		snprintf(why, size, "%s ends with status %d", c.argv[0],
			 status ? WEXITSTATUS(status) : -1);
	if (end != TOOL_DONE)
		return end;
	if (t->says(j, text, ret)) {
		snprintf(why, size, "%s says nothing that is understood", c.argv[0]);
		return TOOL_FAILED;
	}
	if (isfinite(*ret) && *ret > 0)
		return TOOL_DONE;
	snprintf(why, size, "%s cannot tell its clock's rate, the machine is too busy", c.argv[0]);
	return TOOL_NO_NUMBER;
}
