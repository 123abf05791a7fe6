/* SPDX-License-Identifier: MIT
 *
 * cmd_trace.c - `wsd trace`: starts a program with its trace on, or looks on a running one through
 * its control socket. State: none; who hangs up is noticed by the program.
 */
#include "ask.h"
#include "control.h"
#include "output.h"
#include "wsd.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { NOT_RUN = 127 }; /* as env(1) and others say */

struct watcher {
	bool json;
	const char *file; /* NULL: stderr of a command, stdout for a process */
	char **command;   /* ends with NULL */
	long pid;         /* 0: the command is started */
	bool found;       /* the process answers; */
	int fd;           /* it is listened to, or -1 */
	bool failed;
};

/* ---- a program that is started ---- */

/* Known by its whole name: the program may change its folder. */
static int whole_name(const char *file, char path[PATH_MAX])
{
	char here[PATH_MAX] = "";
	if (file[0] != '/' && !getcwd(here, sizeof(here)))
		return -1;
	if (snprintf(path, PATH_MAX, "%s%s%s", here, *here ? "/" : "", file) < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* The file is begun anew. */
static int place(const struct watcher *w, char path[PATH_MAX])
{
	if (!w->file) {
		snprintf(path, PATH_MAX, "stderr");
		return 0;
	}
	int fd = open(w->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0600);
	if (fd >= 0 && !close(fd) && !whole_name(w->file, path))
		return 0;
	wsd_complain("cannot write %s: %s", w->file, strerror(errno));
	return -1;
}

static bool is_program(const char *file)
{
	struct stat st;
	if (stat(file, &st) || access(file, X_OK))
		return false;
	errno = EACCES;
	return S_ISREG(st.st_mode);
}

/* As execvp() looks for it: so that what cannot begin does not empty the trace of another. */
static bool can_run(const char *command)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];
	if (strchr(command, '/'))
		return is_program(command);
	const char *at = path ? path : "/bin:/usr/bin";
	for (;;) { /* an empty part is where we are, the last one, too */
		int len = (int)strcspn(at, ":");
		int n = snprintf(file, sizeof(file), "%.*s%s%s", len, at, len ? "/" : "./",
				 command);
		if (n < (int)sizeof(file) && is_program(file))
			return true;
		at += len;
		if (!*at++)
			break;
	}
	errno = ENOENT;
	return false;
}

static int start(const struct watcher *w)
{
	char path[PATH_MAX];
	if (!can_run(w->command[0])) {
		wsd_complain("cannot run %s: %s", w->command[0], strerror(errno));
		return NOT_RUN;
	}
	if (place(w, path))
		return WSD_EXIT_FAIL;
	setenv(w->json ? "WSD_TRACE_JSON" : "WSD_TRACE", path, 1);
	unsetenv(w->json ? "WSD_TRACE" : "WSD_TRACE_JSON");
	execvp(w->command[0], w->command);
	wsd_complain("cannot run %s: %s", w->command[0], strerror(errno));
	return NOT_RUN;
}

/* ---- a process that runs ---- */

static void complain(struct watcher *w, const char *words)
{
	wsd_complain("process %ld: %s", w->pid, words);
	w->failed = true;
}

/* The first answer: it says yes, or why not. */
static int hear_yes(struct watcher *w, int fd)
{
	static const char error[] = "{\"error\":\"";
	char text[CONTROL_MESSAGE_MAX];
	ssize_t n = ask_answer(fd, text, sizeof(text) - 1);
	if (n <= 0) {
		complain(w, n < 0 && errno == EAGAIN ? "it does not answer; is it stopped?"
						     : "it has ended");
		return -1;
	}
	text[n] = '\0';
	if (strncmp(text, error, sizeof(error) - 1) != 0)
		return 0;
	text[strcspn(text, "}") - 1] = '\0'; /* its last quotation mark */
	complain(w, text + sizeof(error) - 1);
	return -1;
}

static void call(void *arg, const char *name)
{
	struct watcher *w = arg;
	struct ucred who;
	if (w->found)
		return;
	int fd = ask_name(name, w->json ? "trace json" : "trace", &who);
	if (fd < 0 || who.pid != w->pid) { /* a name of another pid namespace, or none */
		if (fd >= 0)
			close(fd);
		return;
	}
	w->found = true;
	if (hear_yes(w, fd))
		close(fd);
	else
		w->fd = fd;
}

/* Until the process ends, or we do. */
static void show(const struct watcher *w)
{
	const struct timeval for_ever = {0};
	char text[CONTROL_MESSAGE_MAX];
	ssize_t n;
	setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof(for_ever));
	while ((n = recv(w->fd, text, sizeof(text), 0)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0 && (fwrite(text, 1, (size_t)n, stdout) != (size_t)n || output_push()))
			return;
}

static int look_on(struct watcher *w)
{
	char program[64];
	if (ask_each(w->pid, call, w)) {
		wsd_complain("cannot read /proc/net/unix: %s", strerror(errno));
		return WSD_EXIT_FAIL;
	}
	if (!w->found && ask_elsewhere(w->pid))
		complain(w, "it is in another network namespace: nsenter -n -t PID wsd trace PID");
	else if (!w->found)
		complain(w, "it has no listener and no connection, or does not use this library");
	if (w->failed)
		return WSD_EXIT_FAIL;
	if (w->file && !freopen(w->file, "we", stdout)) { /* not before: it is emptied */
		wsd_complain("cannot write %s: %s", w->file, strerror(errno));
		close(w->fd);
		return WSD_EXIT_FAIL;
	}
	ask_program((pid_t)w->pid, program, sizeof(program));
	if (!w->json)
		printf("# process %ld, %s\n", w->pid, program);
	output_push();
	show(w);
	close(w->fd);
	return WSD_EXIT_OK;
}

/* ---- the command line ---- */

static long process_number(const char *text)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);
	return end == text || *end ? 0 : errno || n > INT_MAX ? -1 : n;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct watcher *w = state->input;
	switch (key) {
	case 'j':
		w->json = true;
		return 0;
	case 'o':
		w->file = arg;
		return 0;
	case ARGP_KEY_ARG:
		w->command = state->argv + state->next - 1;
		w->pid = process_number(arg);
		if (w->pid < 0 || (w->pid && state->next < state->argc) || (!w->pid && !*arg))
			argp_error(state, "'%s': a process number, or a command?", arg);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which process, or command?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_trace(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "For programs: JSON lines", 0},
		{"output", 'o', "FILE", 0, "Write there", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "PID\nCOMMAND [ARG...]",
		.doc = "Shows the calls of a program that uses the library, as WSD_TRACE does.\v"
		       "COMMAND is started with its trace on; it is shown on standard error, "
		       "the providers' calls beneath the program's own. Of PID, which runs "
		       "already, "
		       "they are shown on standard output, from its first "
		       "listen or connection on; what cannot be shown fast enough is left out, "
		       "with a note, "
		       "so that it is not held up. It answers its own user and root, one at a "
		       "time.\n"
		       "\nExit status: that of COMMAND, 127 when it cannot be run; of PID 0 when "
		       "it has ended, 1 when it does "
		       "not "
		       "answer.",
	};
	struct watcher w = {.fd = -1};
	error_t e = argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &w);
	if (e) {
		wsd_complain("%s", strerror(e));
		return WSD_EXIT_FAIL;
	}
	return w.pid ? look_on(&w) : start(&w);
}
