/*
 * SPDX-License-Identifier: MIT
 *
 * guest.h - what the parts of the guest's first process share: the frames that it exchanges with
 * the supervisor on the host (scripts/lib/soft_roce/wire.py says the same in Python), the port
 * that carries them, and the table of running commands. One thread, no locks.
 */
#ifndef WSD_GUEST_H
#define WSD_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_VERSION 1

/* A frame: this head, then len bytes. Little endian (x86 on both sides). */
struct wire_head {
	uint32_t len;
	uint32_t chan; /* chosen by the host for each command; 0 is the guest itself */
	uint32_t type;
};

enum wire_type {
	WIRE_HELLO = 1,    /* guest: uint32_t version; modules are loaded */
	WIRE_CONFIG,       /* host: key=value strings, each with its NUL */
	WIRE_READY,        /* guest: the file tree is there; kernel release as text */
	WIRE_FAILED,       /* guest: text; on channel 0 the set-up failed */
	WIRE_PING,         /* host */
	WIRE_PONG,         /* guest */
	WIRE_EXEC,         /* host: struct wire_exec and its strings */
	WIRE_STDIN,        /* host: bytes, at most what was credited */
	WIRE_STDIN_EOF,    /* host */
	WIRE_SIGNAL,       /* host: uint32_t signal for the command's process group */
	WIRE_WINSIZE,      /* host: uint16_t rows, cols */
	WIRE_HANGUP,       /* host: kill the command and all that it started; no answer wanted */
	WIRE_CREDIT,       /* both: uint32_t bytes that the other side may send more */
	WIRE_STDOUT,       /* guest: bytes */
	WIRE_STDERR,       /* guest: bytes */
	WIRE_STDIN_CLOSED, /* guest: the command reads no more */
	WIRE_EXIT,         /* guest: uint32_t status as from wait(); the channel is free again */
};

#define WIRE_OUT_WINDOW                                                                        \
	(256u << 10)               /* bytes of output under way per command, before any credit \
				    */
#define WIRE_IN_WINDOW (64u << 10) /* likewise of input */
#define WIRE_MAX_FRAME (4u << 20)  /* an argument list and environment fit well */

enum { EXEC_TTY = 1, EXEC_REAP = 2 };

/* WIRE_EXEC: then the working directory, argc arguments and envc NAME=VALUE, each with its NUL. */
struct wire_exec {
	uint32_t uid, gid;
	uint32_t flags;
	uint32_t argc, envc;
	uint16_t rows, cols;
};

/* The port: blocking until init is done, then polled. */
struct port {
	int fd;
	unsigned char *in;
	size_t in_len, in_size;
	unsigned char *out;
	size_t out_len, out_size;
};

int port_open(struct port *port, const char *name);
/* Queue a frame; memory is the only limit, and credit keeps that small. */
void port_send(struct port *port, uint32_t chan, enum wire_type type, const void *data, size_t len);
/* Write what the port takes now; with @block all of it. */
void port_flush(struct port *port, bool block);
/* Read what is there. 0 at end of file (the host hung up), else 1. */
int port_fill(struct port *port);
/* The first whole frame in the buffer, or NULL; drop it with port_next. */
const struct wire_head *port_frame(const struct port *port);
void port_next(struct port *port);

/* init.c: from power-on to a usable system. */
void boot_early(void);
/* Both return NULL, or what failed. */
const char *boot_modules(const char *list);
const char *boot_system(const char *config, size_t len);

/* view.c: the folders shared with the host. Each has VIEW_TAGS 9p tags, TAG.0, TAG.1, ... */
#define VIEW_TAGS  3
#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=512000,"
const char *view_add(const char *tag, const char *path);
int view_mount(const char *tag, const char *target);
const char *view_refresh(void);

/* exec.c: commands. */
struct pollfd;
struct command;
void command_start(struct port *port, uint32_t chan, const void *payload, size_t len);
void command_frame(struct port *port, const struct wire_head *head, const void *data);
size_t command_count(void);
/* Fill @fds (three for each command) and return how many. */
size_t command_poll_set(const struct port *port, struct pollfd *fds);
void command_poll_done(struct port *port, const struct pollfd *fds);
void command_reap(struct port *port);
/* child.c: in the new process; does not return. */
struct child {
	const struct wire_exec *req;
	const char *cwd;
	char **argv, **env;
	int in, out, err; /* with EXEC_TTY all three are the terminal */
	const char *cgroup;
};
__attribute__((noreturn)) void child_run(const struct child *c);

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void write_file(const char *path, const char *text);

#endif
