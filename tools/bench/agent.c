/* SPDX-License-Identifier: MIT
 *
 * agent.c - see agent.h. Forked from a server that has started no contender and no thread. Locks:
 * none; the agent's own thread only answers.
 */
#include "agent.h"

#include "bench.h"
#include "counts.h"
#include "duty.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	END_MS = 3000,       /* what an agent may take to end */
	STOP_MS = 10000,     /* and connections, when their clients have closed them */
	WAIT_MS = 30000,     /* for ends that must come, */
	WAIT_EACH_MS = 1000, /* and for each of them */
	WAIT_MOST_MS = 600000,
};

#define NO_ENDPOINTS "WSD_RDMA_ENDPOINTS"
#define SAN_MS       "WSD_CONNECT_SAN_MS"

void agent_environment(bool cold, bool patient)
{
	static char kept[64];
	static bool known;
	const char *value = getenv(NO_ENDPOINTS);
	if (!known) {
		snprintf(kept, sizeof(kept), "%s", value ? value : "");
		known = true;
	}
	if (cold)
		setenv(NO_ENDPOINTS, "0", 1);
	else if (kept[0])
		setenv(NO_ENDPOINTS, kept, 1);
	else
		unsetenv(NO_ENDPOINTS);
	/* Under -icount time leaps while a page of a program is read from the host. */
	if (patient)
		setenv(SAN_MS, "60000", 0);
}

json_t *agent_measure(void)
{
	struct usage u;
	uint64_t sums[COUNTS];
	char why[160];
	usage_read(&u);
	json_t *j = json_pack("{s:b, s:f, s:f, s:f}", "ok", 1, "cpu_ns", u.cpu_ns, "pinned",
			      u.pinned, "resident", u.resident);
	int san = counts_read(sums, why, sizeof(why));
	json_object_set_new(j, "san", json_integer(san));
	for (int i = 0; i < COUNTS; i++)
		json_object_set_new(j, counts_names[i], json_integer((json_int_t)sums[i]));
	return j;
}

/* ---- inside ---- */

struct self {
	const struct contender *who;
	const struct conn_ops *ops;
	struct listener *listener;
	struct duty *duty, *hold;
	struct control *control;
};

static json_t *error_text(const char *text)
{
	return json_pack("{s:s}", "error", text);
}

static json_t *serve(struct self *s, const json_t *q)
{
	const char *name = "";
	json_int_t size = 0, window = 1, count = 0;
	int threads = 1, kind = 0, reset = 0;
	json_unpack((json_t *)(uintptr_t)q, "{s?s, s?I, s?I, s?I, s?i, s?b}", "duty", &name, "size",
		    &size, "window", &window, "count", &count, "threads", &threads, "reset",
		    &reset);
	while (kind < DUTY_KINDS && strcmp(duty_names[kind], name) != 0)
		kind++;
	if (kind == DUTY_KINDS || size < 0 || window < 1 || count < 0 || threads < 1)
		return error_text("the server does not know this duty");
	struct duty **place = kind == DUTY_HOLD ? &s->hold : &s->duty;
	if (*place)
		return error_text("the server has this duty already");
	struct duty_plan plan = {.kind = (enum duty_kind)kind,
				 .ops = s->ops,
				 .listener = s->listener,
				 .size = (size_t)size,
				 .window = window,
				 .count = count,
				 .threads = threads,
				 .reset = reset};
	*place = duty_start(&plan);
	return *place ? agent_measure() : error_text(strerror(errno));
}

static json_t *wait_for(struct self *s, const json_t *q)
{
	char why[160];
	long n = (long)json_integer_value(json_object_get(q, "n"));
	const char *name = json_string_value(json_object_get(q, "duty"));
	struct duty *r = name && !strcmp(name, duty_names[DUTY_HOLD]) ? s->hold : s->duty;
	double ms = WAIT_MS + (double)n * WAIT_EACH_MS;
	if (!r)
		return error_text("the server has no such duty");
	if (duty_wait(r, n, ms < WAIT_MOST_MS ? (int)ms : WAIT_MOST_MS, why, sizeof(why)))
		return error_text(why);
	return json_pack("{s:b}", "ok", 1); /* clients time it: nothing else is done */
}

static json_t *measure(struct self *s, const json_t *q)
{
	(void)s, (void)q;
	return agent_measure();
}

static json_t *stop(struct self *s, const json_t *q)
{
	(void)q;
	struct duty **all[] = {&s->duty, &s->hold};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!*all[i])
			continue;
		/* who cannot be interrupted is ended with its process */
		if (!s->ops->interrupt || duty_stop(*all[i], STOP_MS))
			return json_pack("{s:b, s:b}", "ok", 1, "stuck", 1);
		*all[i] = NULL;
	}
	return json_pack("{s:b}", "ok", 1);
}

static const struct {
	const char *op;
	json_t *(*answer)(struct self *s, const json_t *question);
} ops[] = {{"serve", serve}, {"wait", wait_for}, {"measure", measure}, {"stop", stop}};

static json_t *answer(struct self *s, const json_t *q)
{
	const char *op = json_string_value(json_object_get(q, "op"));
	for (size_t i = 0; op && i < sizeof(ops) / sizeof(ops[0]); i++)
		if (!strcmp(op, ops[i].op))
			return ops[i].answer(s, q);
	return error_text("the server does not know this question");
}

/* 0 and its name, or -1 with a text. */
static int begin(struct self *s, const struct agent_terms *t, struct sockaddr_in *at, char *why,
		 size_t size)
{
	*at = t->here;
	if (s->who->start(&t->here, why, size))
		return -1;
	if (!s->ops) {
		s->who->stop(); /* a tool: it is there */
		return 0;
	}
	if (!s->ops->listen(at, t->backlog, &s->listener))
		return 0;
	snprintf(why, size, "it cannot listen: %s", strerror(errno));
	s->who->stop();
	return -1;
}

static void pin(const struct agent_terms *t)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int i = 0; i < t->cpu_count; i++)
		CPU_SET((unsigned)t->cpus[i], &set);
	if (t->cpu_count)
		sched_setaffinity(0, sizeof(set), &set);
}

static _Noreturn void run(struct self *s, const struct agent_terms *t)
{
	struct sockaddr_in at;
	char why[160] = "";
	json_t *q;
	pin(t);
	agent_environment(t->cold, t->patient);
	if (begin(s, t, &at, why, sizeof(why))) {
		control_send(s->control, error_text(why[0] ? why : strerror(errno)));
		_exit(1);
	}
	control_send(s->control, json_pack("{s:b, s:I, s:i}", "ok", 1, "address",
					   (json_int_t)ntohl(at.sin_addr.s_addr), "port",
					   (int)ntohs(at.sin_port)));
	while ((q = control_recv(s->control))) {
		json_t *a = answer(s, q);
		json_decref(q);
		if (control_send(s->control, a))
			break;
	}
	if (s->duty || s->hold || !s->ops)
		_exit(0); /* its connections end with it */
	s->ops->unlisten(s->listener);
	s->who->stop();
	_exit(0);
}

/* ---- outside ---- */

static _Noreturn void child(const struct agent *a, const struct agent_terms *t, int fd,
			    const int *close_fds)
{
	struct self s = {.who = a->who, .ops = a->who->conns};
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	bench_unheed();
	signal(SIGINT, SIG_IGN); /* the server's, which ends us */
	for (; close_fds && *close_fds >= 0; close_fds++)
		close(*close_fds);
	s.control = control_new(fd);
	if (t->plain) {
		s.who = &contend_tcp;
		s.ops = contend_tcp.conns;
	}
	if (!s.control)
		_exit(1);
	run(&s, t);
}

int agent_start(struct agent *a, const struct agent_terms *terms, const int *close_fds, char *why,
		size_t size)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
		snprintf(why, size, "%s", strerror(errno));
		return -1;
	}
	fflush(NULL);
	a->pid = fork();
	if (!a->pid) {
		close(pair[0]);
		child(a, terms, pair[1], close_fds);
	}
	int err = errno;
	close(pair[1]);
	a->control = a->pid > 0 ? control_new(pair[0]) : NULL;
	if (a->pid < 0)
		close(pair[0]);
	if (!a->control) {
		snprintf(why, size, "%s", strerror(err));
		agent_end(a);
		return -1;
	}
	json_t *j = control_recv(a->control);
	json_int_t address = 0;
	int port = 0;
	const char *error = json_string_value(json_object_get(j, "error"));
	bool good =
		j && !error && !json_unpack(j, "{s:I, s:i}", "address", &address, "port", &port);
	if (error)
		snprintf(why, size, "%s", error);
	else if (!good)
		agent_obituary(a, why, size);
	json_decref(j);
	a->at = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl((uint32_t)address)};
	if (!good)
		agent_end(a);
	return good ? 0 : -1;
}

void agent_obituary(struct agent *a, char *text, size_t size)
{
	int status = 0;
	if (a->pid <= 0 || waitpid(a->pid, &status, 0) != a->pid)
		snprintf(text, size, "its process at the server is gone");
	else if (WIFSIGNALED(status))
		snprintf(text, size, "its process at the server died: %s",
			 strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "its process at the server ended with status %d",
			 WEXITSTATUS(status));
	a->pid = 0;
	control_close(a->control);
	a->control = NULL;
}

void agent_end(struct agent *a)
{
	if (a->control) {
		struct pollfd p = {.fd = control_fd(a->control), .events = POLLIN};
		shutdown(p.fd, SHUT_WR);
		poll(&p, 1, END_MS); /* readable: its end is closed, the process is gone */
		control_close(a->control);
	}
	if (a->pid > 0) {
		kill(a->pid, SIGKILL);
		waitpid(a->pid, NULL, 0);
	}
	a->control = NULL;
	a->pid = 0;
}
