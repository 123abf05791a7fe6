/*
 * SPDX-License-Identifier: MIT
 *
 * exec.c - the commands that run in the guest: starts them, carries their streams within the
 * credit that the other side gave, and tells how they ended. Each has a cgroup of its own, so that
 * all of it can be killed, whatever it forked.
 */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define CHUNK         32768
#define PORT_OUT_HIGH (1u << 20) /* above this, take no more output from commands */

struct stream {
	int fd; /* -1: closed */
	enum wire_type type;
	int left; /* bytes still to be taken after the command's end; -1: it has not ended */
};

struct command {
	struct command *next;
	uint32_t chan;
	pid_t pid;
	uint32_t flags;
	bool exited;
	int status;
	int64_t credit; /* of output */
	struct stream out, err;
	int in;
	bool in_eof; /* close `in` once the buffer is written */
	size_t in_len;
	unsigned char in_buf[WIRE_IN_WINDOW];
	char cgroup[48];
};

static struct command *commands;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* A process of its own reads what is still written, so that who writes lives on. */
static void drain(int fd)
{
	static char buf[4096];

	if (fork())
		return; /* without one, the writer learns that nobody reads */
	dup2(fd, STDIN_FILENO);
	close_range(STDIN_FILENO + 1, ~0U, 0);
	fcntl(STDIN_FILENO, F_SETFL, 0);
	while (read(STDIN_FILENO, buf, sizeof(buf)) > 0)
		;
	_exit(0);
}

/* Of a command that has ended: what it left behind may hold the other end. */
static void let_go(const struct command *c, struct stream *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	if (!(c->flags & (EXEC_REAP | EXEC_TTY)) && poll(&p, 1, 0) >= 0 && !(p.revents & POLLHUP))
		drain(s->fd);
	close_fd(&s->fd);
}

static struct command *find(uint32_t chan)
{
	struct command *c = commands;

	while (c && c->chan != chan)
		c = c->next;
	return c;
}

size_t command_count(void)
{
	size_t n = 0;

	for (struct command *c = commands; c; c = c->next)
		n++;
	return n;
}

static void kill_all(const struct command *c)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/cgroup.kill", c->cgroup);
	write_file(path, "1");
	if (!c->exited) /* it may be so young that it has not entered yet */
		kill(c->pid, SIGKILL);
}

/* The fds of one command; theirs[] go to the child and are closed here. */
static int open_streams(struct command *c, int theirs[3])
{
	int p[2];

	if (c->flags & EXEC_TTY) {
		char name[64];
		int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);

		if (master < 0 || grantpt(master) || unlockpt(master) ||
		    ptsname_r(master, name, sizeof(name)))
			return -1;
		theirs[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
		theirs[1] = fcntl(theirs[0], F_DUPFD_CLOEXEC, 3);
		theirs[2] = fcntl(theirs[0], F_DUPFD_CLOEXEC, 3);
		c->out.fd = master;
		c->in = fcntl(master, F_DUPFD_CLOEXEC, 3);
		return theirs[0] < 0 || c->in < 0 ? -1 : 0;
	}
	if (pipe2(p, O_CLOEXEC))
		return -1;
	theirs[0] = p[0];
	c->in = p[1];
	if (pipe2(p, O_CLOEXEC))
		return -1;
	c->out.fd = p[0];
	theirs[1] = p[1];
	if (pipe2(p, O_CLOEXEC))
		return -1;
	c->err.fd = p[0];
	theirs[2] = p[1];
	fcntl(c->in, F_SETFL, O_NONBLOCK);
	fcntl(c->out.fd, F_SETFL, O_NONBLOCK);
	fcntl(c->err.fd, F_SETFL, O_NONBLOCK);
	return 0;
}

/* Cut the payload into strings; argv and env point into it. Return false if it is malformed. */
static bool parse(const char *p, const char *end, struct child *child)
{
	const struct wire_exec *req = child->req;
	size_t argc = req->argc, envc = req->envc;

	if (end <= p || end[-1] || !argc || argc > WIRE_MAX_FRAME || envc > WIRE_MAX_FRAME)
		return false;
	child->argv = calloc(argc + envc + 2, sizeof(char *));
	child->env = child->argv + argc + 1;
	child->cwd = p;
	for (size_t i = 0; i < argc + envc; i++) {
		p += strlen(p) + 1;
		if (p >= end)
			return false;
		(i < argc ? child->argv : child->env - argc)[i] = (char *)p;
	}
	return true;
}

static pid_t fork_child(struct command *c, struct child *child)
{
	int theirs[3] = {-1, -1, -1};
	char procs[80];
	pid_t pid = -1;

	snprintf(c->cgroup, sizeof(c->cgroup), "/sys/fs/cgroup/exec%u", c->chan);
	mkdir(c->cgroup, 0755);
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", c->cgroup);
	child->cgroup = procs;
	if (!open_streams(c, theirs)) {
		if (c->flags & EXEC_TTY) {
			struct winsize ws = {.ws_row = child->req->rows,
					     .ws_col = child->req->cols};

			ioctl(c->out.fd, TIOCSWINSZ, &ws);
		}
		child->in = theirs[0];
		child->out = theirs[1];
		child->err = theirs[2];
		pid = fork();
		if (!pid)
			child_run(child);
	}
	for (int i = 0; i < 3; i++)
		close_fd(&theirs[i]);
	child->cgroup = NULL; /* it was this function's */
	return pid;
}

static void release(struct command *c)
{
	close_fd(&c->in);
	close_fd(&c->out.fd);
	close_fd(&c->err.fd);
	rmdir(c->cgroup); /* stays while something left behind still runs in it */
	free(c);
}

void command_start(struct port *port, uint32_t chan, const void *payload, size_t len)
{
	struct child child = {.req = payload};
	const char *text = "malformed request";
	struct command *c = calloc(1, sizeof(*c));

	c->chan = chan;
	c->credit = WIRE_OUT_WINDOW;
	c->in = -1;
	c->out = (struct stream){.fd = -1, .type = WIRE_STDOUT, .left = -1};
	c->err = (struct stream){.fd = -1, .type = WIRE_STDERR, .left = -1};
	if (len > sizeof(*child.req) &&
	    parse((const char *)(child.req + 1), (const char *)payload + len, &child)) {
		const char *warning = view_refresh();

		if (warning)
			port_send(port, chan, WIRE_STDERR, warning, strlen(warning));
		c->flags = child.req->flags;
		c->pid = fork_child(c, &child);
		text = c->pid < 0 ? strerror(errno) : NULL;
	}
	free(child.argv);
	if (text) {
		port_send(port, chan, WIRE_FAILED, text, strlen(text));
		release(c);
		return;
	}
	c->next = commands;
	commands = c;
}

static void write_in(struct port *port, struct command *c)
{
	ssize_t n = c->in_len ? write(c->in, c->in_buf, c->in_len) : 0;

	if (n < 0 && errno != EAGAIN) {
		port_send(port, c->chan, WIRE_STDIN_CLOSED, NULL, 0);
		close_fd(&c->in);
		c->in_len = 0;
		return;
	}
	if (n > 0) {
		const uint32_t credit = (uint32_t)n;

		memmove(c->in_buf, c->in_buf + n, c->in_len - (size_t)n);
		c->in_len -= (size_t)n;
		port_send(port, c->chan, WIRE_CREDIT, &credit, sizeof(credit));
	}
	if (!c->in_len && c->in_eof) {
		if (c->flags & EXEC_TTY)
			(void)!write(c->in, "\4", 1);
		close_fd(&c->in);
	}
}

void command_frame(struct port *port, const struct wire_head *head, const void *data)
{
	struct command *c = find(head->chan);
	uint32_t number = 0;

	if (!c)
		return; /* it ended while the frame was under way */
	if (head->len >= sizeof(number))
		memcpy(&number, data, sizeof(number));
	if (head->type == WIRE_STDIN && c->in >= 0 && head->len <= sizeof(c->in_buf) - c->in_len) {
		memcpy(c->in_buf + c->in_len, data, head->len);
		c->in_len += head->len;
		write_in(port, c);
	} else if (head->type == WIRE_STDIN_EOF && c->in >= 0) {
		c->in_eof = true;
		write_in(port, c);
	} else if (head->type == WIRE_SIGNAL && !c->exited) {
		if (kill(-c->pid, (int)number)) /* before its setsid() */
			kill(c->pid, (int)number);
	} else if (head->type == WIRE_WINSIZE && (c->flags & EXEC_TTY)) {
		const uint16_t *size = data;
		struct winsize ws = {.ws_row = size[0], .ws_col = size[1]};

		ioctl(c->out.fd, TIOCSWINSZ, &ws);
	} else if (head->type == WIRE_CREDIT) {
		c->credit += number;
	} else if (head->type == WIRE_HANGUP) {
		kill_all(c);
		c->credit = INT32_MAX; /* nobody listens: let it drain and end */
	}
}

/* After the command's end only what was in the pipe then: what it left behind may write on. */
static void read_out(struct port *port, struct command *c, struct stream *s)
{
	static unsigned char buf[CHUNK];
	size_t want = sizeof(buf);
	ssize_t n;

	if (s->left >= 0 && (size_t)s->left < want)
		want = (size_t)s->left;
	if ((int64_t)want > c->credit)
		want = (size_t)c->credit;
	n = read(s->fd, buf, want);
	if (n < 0 && errno == EAGAIN && s->left < 0)
		return;
	if (n <= 0) { /* on a terminal the end is EIO */
		close_fd(&s->fd);
		return;
	}
	port_send(port, c->chan, s->type, buf, (size_t)n);
	c->credit -= n;
	if (s->left >= 0) {
		s->left -= (int)n;
		if (!s->left)
			let_go(c, s);
	}
}

static struct pollfd want(int fd, short events, bool yes)
{
	return (struct pollfd){.fd = yes ? fd : -1, .events = events};
}

size_t command_poll_set(const struct port *port, struct pollfd *fds)
{
	size_t n = 0;

	for (struct command *c = commands; c; c = c->next) {
		bool room = c->credit > 0 && port->out_len < PORT_OUT_HIGH;

		fds[n++] = want(c->in, POLLOUT, c->in_len > 0);
		fds[n++] = want(c->out.fd, POLLIN, room);
		fds[n++] = want(c->err.fd, POLLIN, room);
	}
	return n;
}

static void end_command(struct port *port, struct command *c)
{
	const uint32_t status = (uint32_t)c->status;

	if (c->flags & EXEC_REAP)
		kill_all(c);
	port_send(port, c->chan, WIRE_EXIT, &status, sizeof(status));
	for (struct command **p = &commands; *p; p = &(*p)->next) {
		if (*p == c) {
			*p = c->next;
			break;
		}
	}
	release(c);
}

static void end_finished(struct port *port)
{
	for (struct command *c = commands, *next; c; c = next) {
		next = c->next;
		if (c->exited && c->out.fd < 0 && c->err.fd < 0)
			end_command(port, c);
	}
}

void command_poll_done(struct port *port, const struct pollfd *fds)
{
	size_t n = 0;

	for (struct command *c = commands; c; c = c->next, n += 3) {
		if (fds[n].revents && c->in >= 0)
			write_in(port, c);
		if (fds[n + 1].revents && c->out.fd >= 0)
			read_out(port, c, &c->out);
		if (fds[n + 2].revents && c->err.fd >= 0)
			read_out(port, c, &c->err);
	}
	end_finished(port);
}

static void mark_exited(struct command *c, int status)
{
	struct stream *both[] = {&c->out, &c->err};

	c->exited = true;
	c->status = status;
	for (size_t i = 0; i < 2; i++) {
		int left = 0;

		if (both[i]->fd < 0 || (c->flags & EXEC_TTY))
			continue; /* the terminal is hung up now and gives EIO at its end */
		ioctl(both[i]->fd, FIONREAD, &left);
		both[i]->left = left;
		if (!left)
			let_go(c, both[i]);
	}
}

/* Every orphan of the guest ends here too. */
void command_reap(struct port *port)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct command *c = commands;

		while (c && (c->pid != pid || c->exited))
			c = c->next;
		if (c)
			mark_exited(c, status);
	}
	end_finished(port);
}
