/*
 * SPDX-License-Identifier: MIT
 *
 * main.c - first process of the soft-RoCE guest: boots it, then runs commands for the host over
 * one virtio-serial port (frames: guest.h). One thread, one poll loop.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define PORT_NAME "wsd-agent"

void say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("guest: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		say("cannot write %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static void *grow(void *data, size_t *size, size_t need)
{
	if (need <= *size)
		return data;
	while (*size < need)
		*size = *size ? *size * 2 : 65536;
	data = realloc(data, *size);
	if (!data) {
		say("out of memory");
		abort();
	}
	return data;
}

/* Without udev there is no /dev/virtio-ports: the name is in sysfs only. */
int port_open(struct port *port, const char *name)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	struct dirent *de;
	char path[300], found[64];

	port->fd = -1;
	while (dir && (de = readdir(dir)) && port->fd < 0) {
		FILE *f;

		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", de->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fgets(found, sizeof(found), f)) {
			found[strcspn(found, "\n")] = '\0';
			snprintf(path, sizeof(path), "/dev/%s", de->d_name);
			if (!strcmp(found, name))
				port->fd = open(path, O_RDWR | O_CLOEXEC);
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return port->fd < 0 ? -ENODEV : 0;
}

void port_send(struct port *port, uint32_t chan, enum wire_type type, const void *data, size_t len)
{
	struct wire_head head = {.len = (uint32_t)len, .chan = chan, .type = type};

	port->out = grow(port->out, &port->out_size, port->out_len + sizeof(head) + len);
	memcpy(port->out + port->out_len, &head, sizeof(head));
	if (len)
		memcpy(port->out + port->out_len + sizeof(head), data, len);
	port->out_len += sizeof(head) + len;
}

void port_flush(struct port *port, bool block)
{
	size_t done = 0;

	while (done < port->out_len) {
		ssize_t n = write(port->fd, port->out + done, port->out_len - done);
		struct pollfd pfd = {.fd = port->fd, .events = POLLOUT};

		if (n > 0)
			done += (size_t)n;
		else if (n < 0 && errno == EINTR)
			continue;
		else if (block)
			poll(&pfd, 1, 1000);
		else
			break;
	}
	memmove(port->out, port->out + done, port->out_len - done);
	port->out_len -= done;
}

int port_fill(struct port *port)
{
	ssize_t n;

	port->in = grow(port->in, &port->in_size, port->in_len + 65536);
	n = read(port->fd, port->in + port->in_len, port->in_size - port->in_len);
	if (n > 0)
		port->in_len += (size_t)n;
	return n == 0 ? 0 : 1;
}

const struct wire_head *port_frame(const struct port *port)
{
	const struct wire_head *head = (const void *)port->in;

	if (port->in_len < sizeof(*head))
		return NULL;
	if (head->len > WIRE_MAX_FRAME) {
		say("frame of %u bytes: the stream is out of step", head->len);
		abort();
	}
	return port->in_len < sizeof(*head) + head->len ? NULL : head;
}

void port_next(struct port *port)
{
	const struct wire_head *head = (const void *)port->in;
	size_t used = sizeof(*head) + head->len;

	memmove(port->in, port->in + used, port->in_len - used);
	port->in_len -= used;
}

/* Say hello, wait for the configuration, do what it says. Blocking: nothing else runs yet. */
static void configure(struct port *port)
{
	const uint32_t version = WIRE_VERSION;
	const struct wire_head *head;
	const char *error;

	port_send(port, 0, WIRE_HELLO, &version, sizeof(version));
	port_flush(port, true);
	while (!(head = port_frame(port)) || head->type != WIRE_CONFIG) {
		if (head)
			port_next(port);
		else if (!port_fill(port))
			usleep(20000); /* the host is not there yet */
	}
	error = boot_system((const char *)(head + 1), head->len);
	port_next(port);
	if (error)
		port_send(port, 0, WIRE_FAILED, error, strlen(error));
	else
		port_send(port, 0, WIRE_READY, NULL, 0);
	port_flush(port, true);
}

static void dispatch(struct port *port)
{
	const struct wire_head *head;

	while ((head = port_frame(port))) {
		if (head->type == WIRE_PING)
			port_send(port, 0, WIRE_PONG, head + 1, head->len);
		else if (head->type == WIRE_EXEC)
			command_start(port, head->chan, head + 1, head->len);
		else
			command_frame(port, head, head + 1);
		port_next(port);
	}
}

static void serve(struct port *port, int sigfd)
{
	struct signalfd_siginfo info;
	struct pollfd *fds = NULL;
	size_t size = 0;

	fcntl(port->fd, F_SETFL, O_NONBLOCK);
	for (;;) {
		size_t n;

		fds = grow(fds, &size, (2 + 3 * command_count()) * sizeof(*fds));
		fds[0] = (struct pollfd){.fd = port->fd, .events = POLLIN};
		if (port->out_len)
			fds[0].events |= POLLOUT;
		fds[1] = (struct pollfd){.fd = sigfd, .events = POLLIN};
		n = 2 + command_poll_set(port, fds + 2);
		if (poll(fds, n, -1) < 0)
			continue;
		/* Commands first: the set was made for the commands of now. */
		command_poll_done(port, fds + 2);
		if (fds[1].revents) {
			while (read(sigfd, &info, sizeof(info)) > 0)
				;
			command_reap(port);
		}
		if ((fds[0].revents & (POLLIN | POLLHUP)) && !port_fill(port))
			usleep(20000); /* the supervisor is gone; QEMU is about to follow */
		dispatch(port);
		port_flush(port, false);
	}
}

int main(void)
{
	struct port port = {.fd = -1};
	const char *error;
	sigset_t all;
	int sigfd;

	boot_early();
	error = boot_modules("/mods/core");
	if (error)
		say("%s", error);
	if (port_open(&port, PORT_NAME)) {
		say("no virtio port " PORT_NAME);
		return 1;
	}
	/* Blocked, not ignored: what is ignored would stay so across exec in the commands. */
	sigemptyset(&all);
	sigaddset(&all, SIGCHLD);
	sigaddset(&all, SIGPIPE);
	sigprocmask(SIG_BLOCK, &all, NULL);
	sigdelset(&all, SIGPIPE);
	sigfd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	configure(&port);
	setpriority(PRIO_PROCESS, 0, -10); /* answers while the commands use every processor */
	serve(&port, sigfd);
}
