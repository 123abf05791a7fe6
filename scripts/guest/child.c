/*
 * SPDX-License-Identifier: MIT
 *
 * child.c - the new process of a command, from fork to exec: session, terminal, limits, user,
 * folder. What fails here goes to the command's standard error; the status says which kind.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STATUS_OURS = 125, STATUS_CANNOT_RUN = 126, STATUS_NOT_FOUND = 127 };

__attribute__((noreturn)) static void give_up(int status, const char *what, const char *name)
{
	dprintf(STDERR_FILENO, "soft-roce: %s %s: %s\n", what, name, strerror(errno));
	_exit(status);
}

static void set_limits(bool root)
{
	/* Root opens 50,000 sockets without asking; others have what a login on Debian has. */
	const struct rlimit files = {root ? 1048576 : 1024, root ? 1048576 : 524288};
	const struct rlimit core = {0, RLIM_INFINITY};

	setrlimit(RLIMIT_NOFILE, &files);
	setrlimit(RLIMIT_CORE, &core);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_streams(const struct child *c)
{
	setsid();
	if (c->req->flags & EXEC_TTY)
		ioctl(c->in, TIOCSCTTY, 0);
	/* The three are above 2: the agent keeps its console on 0 to 2. */
	if (dup2(c->in, 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0)
		_exit(STATUS_OURS);
}

static void become(const struct wire_exec *req)
{
	if (!req->uid && !req->gid)
		return;
	if (setgroups(1, &req->gid) || setgid(req->gid) || setuid(req->uid))
		give_up(STATUS_OURS, "become", "that user");
}

void child_run(const struct child *c)
{
	int cg;

	set_streams(c);
	cg = open(c->cgroup, O_WRONLY | O_CLOEXEC);
	if (cg >= 0 && write(cg, "0", 1) < 0)
		give_up(STATUS_OURS, "enter", c->cgroup);
	setpriority(PRIO_PROCESS, 0, 0);
	umask(022);
	reset_signals();
	set_limits(!c->req->uid);
	become(c->req);
	if (chdir(c->cwd))
		give_up(STATUS_OURS, "in the guest, the folder", c->cwd);
	clearenv();
	environ = c->env;
	execvp(c->argv[0], c->argv);
	if (errno == ENOENT || errno == ENOTDIR)
		give_up(STATUS_NOT_FOUND, "cannot run", c->argv[0]);
	give_up(STATUS_CANNOT_RUN, "cannot run", c->argv[0]);
}
