/* SPDX-License-Identifier: MIT
 *
 * cmd_sockets.c - `wsd sockets`: asks running programs for their sockets, through the control
 * socket that each opens with its first listen or connection (switch-sim/control.h). Looks only.
 */
#include "ask.h"
#include "control.h"
#include "wsd.h"

#include <argp.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct sockets {
	bool json, all;
	long pid;     /* 0: every program */
	json_t *list; /* the answer, one object a socket */
	unsigned asked, failed;
};

/* ---- asking ---- */

static json_t *program_of(pid_t pid)
{
	char text[64];
	ask_program(pid, text, sizeof(text));
	return json_string(text);
}

/* Return: 0 after the end was said; -errno. */
static int gather(struct sockets *q, int fd, const struct ucred *who)
{
	char text[CONTROL_MESSAGE_MAX];
	for (;;) {
		ssize_t n = ask_answer(fd, text, sizeof(text));
		if (n <= 0)
			return n ? (errno == EAGAIN ? -ETIMEDOUT : -errno) : -ECONNRESET;
		json_t *one = json_loadb(text, (size_t)n, 0, NULL);
		const char *error = json_string_value(json_object_get(one, "error"));
		bool end = json_is_true(json_object_get(one, "end"));
		int err = !one || !json_is_object(one)       ? -EPROTO
			  : !error                           ? 0
			  : strstr(error, "to another user") ? -EACCES
							     : -EBUSY;
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

static void ask(void *arg, const char *name)
{
	struct sockets *q = arg;
	struct ucred who = {0};
	int fd = ask_name(name, "sockets", &who);
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
	wsd_complain("process %ld does not answer: %s", who.pid ? (long)who.pid : ask_pid(name),
		     err == -EACCES ? "it belongs to another user" : strerror(-err));
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
		       "A program answers its own user and root, from its first listen or "
		       "connection on. "
		       "Exit status 1 when PID does not answer.",
	};
	struct sockets q = {0};
	int r = wsd_parse(&argp, argc, argv, &q);
	if (r)
		return r;
	q.list = json_array();
	r = q.list ? ask_each(q.pid, ask, &q) : -ENOMEM;
	if (r == -1)
		wsd_complain("cannot read /proc/net/unix: %s", strerror(errno));
	if (!r && q.pid && !q.asked) {
		if (ask_elsewhere(q.pid))
			wsd_complain("process %ld is in another network namespace: nsenter -n -t "
				     "PID wsd sockets",
				     q.pid);
		else
			wsd_complain("process %ld has made no connection, or does not use this "
				     "library",
				     q.pid);
		q.failed++;
	} else if (!r) {
		r = print(&q);
	}
	json_decref(q.list);
	return r || q.failed ? WSD_EXIT_FAIL : WSD_EXIT_OK;
}
