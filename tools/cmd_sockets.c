/* SPDX-License-Identifier: MIT
 *
 * cmd_sockets.c - `wsd sockets`: asks running programs for their sockets, through the control
 * socket that each opens with its first connection (switch-sim/control.h). Looks only.
 */
#include "control.h"
#include "wsd.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MS = 2000 };

struct sockets {
	bool json, all;
	long pid;     /* 0: every program */
	json_t *list; /* the answer, one object a socket */
	unsigned asked, failed;
};

/* ---- asking ---- */

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

static int call(const char *name, struct ucred *ret_who)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct timeval patience = {ANSWER_MS / 1000, 0};
	socklen_t cred_len = sizeof(*ret_who);
	size_t n = strlen(name);
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
	    send(fd, "sockets", 7, MSG_NOSIGNAL) == 7)
		return fd;
	int err = -errno;
	close(fd);
	return err;
}

static json_t *program_of(pid_t pid)
{
	char path[64], comm[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	FILE *f = fopen(path, "re");
	if (f) {
		if (!fgets(comm, sizeof(comm), f))
			comm[0] = '\0';
		fclose(f);
	}
	for (char *c = comm; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = *c == '\n' && !c[1] ? '\0' : '?';
	return json_string(comm);
}

/* Return: 0 after the end was said; -errno. */
static int gather(struct sockets *q, int fd, const struct ucred *who)
{
	char text[CONTROL_MESSAGE_MAX];
	for (;;) {
		ssize_t n = recv(fd, text, sizeof(text), 0);
		if (n <= 0)
			return n ? (errno == EAGAIN ? -ETIMEDOUT : -errno) : -ECONNRESET;
		json_t *one = json_loadb(text, (size_t)n, 0, NULL);
		const char *error = json_string_value(json_object_get(one, "error"));
		bool end = json_is_true(json_object_get(one, "end"));
		int err = !one || !json_is_object(one) ? -EPROTO : error ? -EACCES : 0;
		if (err || end) {
			json_decref(one);
			return err;
		}
		if (json_object_set_new(one, "pid", json_integer(who->pid)) ||
		    json_object_set_new(one, "uid", json_integer(who->uid)) ||
		    json_object_set_new(one, "program", program_of(who->pid)) ||
		    json_array_append_new(q->list, one))
			return -ENOMEM;
	}
}

static void ask(struct sockets *q, const char *name)
{
	struct ucred who = {0};
	int fd = call(name, &who);
	int err = fd < 0 ? fd : gather(q, fd, &who);
	if (fd >= 0)
		close(fd);
	if (err == -ECONNREFUSED)
		return; /* it has just ended */
	q->asked++;
	/* of all programs, those of other users are not ours to see */
	if (!err || (err == -EACCES && !q->pid))
		return;
	q->failed++;
	wsd_complain("process %ld does not answer: %s",
		     who.pid ? (long)who.pid : strtol(name + strlen(CONTROL_PREFIX), NULL, 10),
		     err == -EACCES ? "it belongs to another user" : strerror(-err));
}

/* The table may change between two reads of it and show a line twice: each name counts once. */
static int ask_all(struct sockets *q)
{
	char name[128];
	json_t *names = json_object();
	FILE *f = fopen("/proc/net/unix", "re");
	if (!f || !names) {
		wsd_complain("cannot read /proc/net/unix: %s", strerror(errno));
		json_decref(names);
		if (f)
			fclose(f);
		return -1;
	}
	while (next_name(f, name, sizeof(name)))
		if (!q->pid || strtol(name + strlen(CONTROL_PREFIX), NULL, 10) == q->pid)
			json_object_set_new(names, name, json_true());
	fclose(f);
	/* that table may lose a line, too; the usual name of one process is known without it */
	snprintf(name, sizeof(name), CONTROL_PREFIX "%ld", q->pid);
	if (q->pid)
		json_object_set_new(names, name, json_true());
	const char *key;
	json_t *value;
	json_object_foreach(names, key, value) ask(q, key);
	json_decref(names);
	return 0;
}

/* ---- showing ---- */

static const char *text_of(const json_t *one, const char *key)
{
	const char *s = json_string_value(json_object_get(one, key));
	return s ? s : "-";
}

static long long number_of(const json_t *one, const char *key)
{
	return json_integer_value(json_object_get(one, key));
}

#define ROW "%-22s %-5s %-11s %-9s %-22s %-22s %12s %12s %s\n"

static void print_socket(const json_t *one)
{
	char process[64], sent[24] = "-", received[24] = "-", more[256] = "";
	snprintf(process, sizeof(process), "%lld %.14s", number_of(one, "pid"),
		 text_of(one, "program"));
	if (json_object_get(one, "bytes_sent")) {
		snprintf(sent, sizeof(sent), "%lld", number_of(one, "bytes_sent"));
		snprintf(received, sizeof(received), "%lld", number_of(one, "bytes_received"));
	}
	if (json_object_get(one, "messages_sent"))
		snprintf(more, sizeof(more),
			 "messages %lld/%lld, RDMA %lld reads %lld writes %lld bytes, credits "
			 "%lld of %lld",
			 number_of(one, "messages_sent"), number_of(one, "messages_received"),
			 number_of(one, "rdma_reads"), number_of(one, "rdma_writes"),
			 number_of(one, "rdma_bytes"), number_of(one, "credits"),
			 number_of(one, "buffers"));
	else if (json_object_get(one, "reason"))
		snprintf(more, sizeof(more), "%s: %s", text_of(one, "reason"), text_of(one, "why"));
	else if (json_object_get(one, "companions"))
		snprintf(more, sizeof(more), "companions on SANs: %lld",
			 number_of(one, "companions"));
	printf(ROW, process, text_of(one, "protocol"), text_of(one, "state"),
	       text_of(one, "transport"), text_of(one, "local"), text_of(one, "peer"), sent,
	       received, more);
}

static bool shown(const struct sockets *q, const json_t *one)
{
	return q->all || json_object_get(one, "transport") ||
	       !strcmp(text_of(one, "state"), "connecting") ||
	       !strcmp(text_of(one, "state"), "listening");
}

static int print(struct sockets *q)
{
	size_t i;
	json_t *one, *rows = json_array();
	json_array_foreach(q->list, i,
			   one) if (shown(q, one) && json_array_append(rows, one)) return -ENOMEM;
	if (q->json) {
		json_t *all = json_pack("{s:i, s:o}", "schema", 1, "sockets", rows);
		int err = !all || json_dumpf(all, stdout, JSON_INDENT(2)) ? -EIO : 0;
		putchar('\n');
		json_decref(all);
		return err;
	}
	if (json_array_size(rows))
		printf(ROW, "PROCESS", "PROTO", "STATE", "TRANSPORT", "LOCAL", "PEER", "SENT",
		       "RECEIVED", "");
	else
		puts("no connection");
	json_array_foreach(rows, i, one) print_socket(one);
	json_decref(rows);
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct sockets *q = state->input;
	char *end;
	switch (key) {
	case 'j':
		q->json = true;
		return 0;
	case 'a':
		q->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (q->pid)
			argp_error(state, "too many arguments");
		q->pid = strtol(arg, &end, 10);
		if (*end || q->pid <= 0)
			argp_error(state, "'%s' is no process number", arg);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

int cmd_sockets(int argc, char **argv)
{
	static const struct argp_option options[] = {
		{"json", 'j', NULL, 0, "For programs: one JSON object", 0},
		{"all", 'a', NULL, 0, "Sockets that neither listen nor are connected, too", 0},
		{0},
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "[PID]",
		.doc = "Shows the connections and listeners of running programs on this host, one "
		       "line each: names, transport, and for TCP/IP the reason; bytes sent and "
		       "received; on a SAN the rest, which --json has, too.\v"
		       "  messages S/R  of the session protocol, sent and received\n"
		       "  RDMA          reads and writes that this end has made, and the bytes "
		       "that "
		       "either end has moved by RDMA\n"
		       "  credits       how many messages may be sent now, and of how many receive "
		       "buffers this end has\n"
		       "  copied        (JSON) bytes that the library has copied\n"
		       "  work_requests (JSON) requests that the switch has given to the provider\n"
		       "\n"
		       "A program answers its own user and root, from its first connection on: a "
		       "listener is not seen before it has had one (wsd names shows it). "
		       "Exit status 1 when PID does not answer.",
	};
	struct sockets q = {0};
	int r = wsd_parse(&argp, argc, argv, &q);
	if (r)
		return r;
	q.list = json_array();
	r = q.list ? ask_all(&q) : -ENOMEM;
	if (!r && q.pid && !q.asked) {
		wsd_complain("process %ld has made no connection, or does not use this library",
			     q.pid);
		q.failed++;
	} else if (!r) {
		r = print(&q);
	}
	json_decref(q.list);
	return r || q.failed ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
