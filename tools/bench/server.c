/* SPDX-License-Identifier: MIT
 *
 * server.c - the server's own process: it hears the client, starts an agent for each contender, and
 * hands questions on. It has no thread and starts no contender itself, so that it may fork at any
 * time; and while an agent thinks it watches the client, whose death ends everything.
 */
#include "server.h"

#include "agent.h"
#include "bench.h"
#include "control.h"
#include "host.h"
#include "nic.h"
#include "run.h"
#include "tools_run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKLOG = 512,
	GREET_S = 10, /* for a client to say who it is */
};

struct server {
	const struct options *o;
	bool quiet, patient; /* says nothing; waits for its client's first word for ever */
	int listening;
	struct control *client;
	bool met, bidden; /* it said who it is; it said goodbye */
	struct sockaddr_in here;
	struct agent agents[PEERS_MAX + 1];
	int count;
};

__attribute__((format(printf, 2, 3))) static void say(const struct server *s, const char *format,
						      ...)
{
	va_list args;
	if (s->quiet)
		return;
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

static json_t *error_text(const char *text)
{
	return json_pack("{s:s}", "error", text);
}

static const char *address_text(const struct sockaddr_in *a, char text[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &a->sin_addr, text, INET_ADDRSTRLEN);
}

/* ---- where ---- */

static bool has_rdma(struct in_addr a)
{
	struct nic_snapshot *snap;
	if (nic_discover(&snap))
		return false;
	bool found = nic_snapshot_find(snap, a.s_addr);
	nic_snapshot_unref(snap);
	return found;
}

/* Where contenders listen: on the device that was asked for; else where the client came to, unless
 * only another address has RDMA. */
static struct sockaddr_in data_address(const struct server *s)
{
	struct sockaddr_in a = control_here(s->client);
	if (s->o->device || (!has_rdma(a.sin_addr) && has_rdma(s->o->address.sin_addr)))
		a = s->o->address;
	a.sin_port = 0;
	return a;
}

/* An address that no RDMA device has; 127.0.0.1 only does for a client on this host. false: none.
 */
static bool without_rdma(const struct server *s, struct sockaddr_in *ret)
{
	struct sockaddr_in peer = control_peer(s->client), here = control_here(s->client);
	struct ifaddrs *all = NULL;
	bool found = false;
	if (getifaddrs(&all))
		return false;
	for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		struct sockaddr_in a;
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP) ||
		    i->ifa_flags & IFF_LOOPBACK)
			continue;
		memcpy(&a, i->ifa_addr, sizeof(a));
		found = !has_rdma(a.sin_addr);
		if (found)
			*ret = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = a.sin_addr};
	}
	freeifaddrs(all);
	if (found || peer.sin_addr.s_addr != here.sin_addr.s_addr)
		return found;
	*ret = (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	return true;
}

/* ---- agents ---- */

static int start_agent(struct server *s, struct agent *a, const json_t *terms, char *why,
		       size_t size)
{
	const struct options *o = s->o;
	struct agent_terms t = {
		.here = s->here,
		.cold = json_is_true(json_object_get(terms, "cold")),
		.plain = json_is_true(json_object_get(terms, "plain")),
		.patient = json_is_true(json_object_get(terms, "patient")),
		.backlog = BACKLOG,
	};
	if (json_is_true(json_object_get(terms, "elsewhere")) && !without_rdma(s, &t.here)) {
		snprintf(why, size, "the server has no address without RDMA");
		return -1;
	}
	/* with --local the client has the first of them */
	for (int i = o->here && o->pin.n > 1 ? 1 : 0; i < o->pin.n && t.cpu_count < 32; i++)
		t.cpus[t.cpu_count++] = (int)o->pin.v[i];
	int fds[2 + PEERS_MAX + 2] = {control_fd(s->client), s->listening}, n = 2;
	for (int i = 0; i < s->count; i++)
		if (s->agents[i].control)
			fds[n++] = control_fd(s->agents[i].control);
	fds[n] = -1;
	return agent_start(a, &t, fds, why, size);
}

static struct agent *find(struct server *s, const json_t *q)
{
	const char *name = json_string_value(json_object_get(q, "contender"));
	for (int i = 0; name && i < s->count; i++)
		if (!strcmp(s->agents[i].who->name, name))
			return &s->agents[i];
	return NULL;
}

static json_t *place_of(const struct agent *a)
{
	return json_pack("{s:b, s:I, s:i}", "ok", 1, "address",
			 (json_int_t)ntohl(a->at.sin_addr.s_addr), "port",
			 (int)ntohs(a->at.sin_port));
}

static json_t *restart(struct server *s, struct agent *a, const json_t *q)
{
	char why[160] = "";
	agent_end(a);
	return start_agent(s, a, json_object_get(q, "terms"), why, sizeof(why)) ? error_text(why)
										: place_of(a);
}

/* ---- who speaks ---- */

/* A second client hears at once that it is one too many. What it says is not waited for. */
static void turn_away(const struct server *s)
{
	struct control *other = control_accept(s->listening);
	if (!other)
		return;
	control_send(other, error_text("the server is busy with another client"));
	control_close(other);
}

/* Until the client has said something or has hung up, or @fd (-1: none) can be read; what happened
 * to them. Until the client is met nobody else is turned away, for it may be none. */
static void await(const struct server *s, short events, int fd, struct pollfd p[3])
{
	do {
		p[0] = (struct pollfd){.fd = control_fd(s->client), .events = events};
		p[1] = (struct pollfd){.fd = fd, .events = POLLIN};
		p[2] = (struct pollfd){.fd = s->met ? s->listening : -1, .events = POLLIN};
		if (poll(p, 3, -1) < 0)
			p[0].revents = p[1].revents = p[2].revents = 0;
		if (p[2].revents)
			turn_away(s);
	} while (!p[0].revents && !p[1].revents);
}

/* What the client says next; NULL: it has gone. */
static json_t *hear(const struct server *s)
{
	struct pollfd p[3];
	if (s->met && !control_pending(s->client))
		await(s, POLLIN, -1, p);
	return control_recv(s->client);
}

/* The agent's answer; NULL: the client has gone meanwhile. */
static json_t *relay(struct server *s, struct agent *a, const json_t *q)
{
	char text[160];
	if (!a->control)
		return error_text("it does not run at the server");
	struct pollfd p[3];
	if (!control_send(a->control, json_incref((json_t *)(uintptr_t)q))) {
		await(s, POLLRDHUP, control_fd(a->control), p);
		if (!p[1].revents && p[0].revents)
			return NULL;
		json_t *answer = control_recv(a->control);
		if (answer)
			return answer;
	}
	agent_obituary(a, text, sizeof(text));
	return error_text(text);
}

/* ---- what the client asks ---- */

static json_t *meet(struct server *s, const json_t *names)
{
	const json_t *terms = json_object_get(names, "terms");
	json_t *j, *found = json_object();
	size_t i;
	json_array_foreach(json_object_get(names, "contenders"), i, j)
	{
		const struct contender *who =
			json_is_string(j) ? contender_find(json_string_value(j)) : NULL;
		char why[160] = "the server was built without it";
		if (!json_is_string(j))
			continue;
		struct agent *a = who && s->count <= PEERS_MAX ? &s->agents[s->count] : NULL;
		if (a)
			*a = (struct agent){.who = who};
		if (a && !start_agent(s, a, terms, why, sizeof(why))) {
			s->count++;
			json_object_set_new(found, who->name, place_of(a));
			continue;
		}
		say(s, "%s is left out: %s", json_string_value(j), why);
		json_object_set_new(found, json_string_value(j),
				    json_pack("{s:s}", "missing", why));
	}
	struct host h;
	host_look(&h, "server", &s->here);
	return json_pack("{s:b, s:o, s:o}", "ok", 1, "host", host_to_json(&h), "contenders", found);
}

static json_t *greet(struct server *s, const json_t *q)
{
	char text[160], from[INET_ADDRSTRLEN];
	int protocol = -1;
	const char *version = "", *test = "";
	if (s->met)
		return error_text("the server has met its client already");
	json_unpack((json_t *)(uintptr_t)q, "{s?i, s?s, s?s}", "wsd_bench", &protocol, "version",
		    &version, "test", &test);
	if (protocol != CONTROL_VERSION || strcmp(version, WSD_VERSION) != 0) {
		snprintf(text, sizeof(text),
			 "the server is wsd bench %s (protocol %d), the client %s (protocol %d)",
			 WSD_VERSION, CONTROL_VERSION, version[0] ? version : "is none", protocol);
		return error_text(text);
	}
	if (strcmp(test, s->o->test->name) != 0) {
		snprintf(text, sizeof(text), "the server runs `wsd bench %s`, the client `%s`",
			 s->o->test->name, test);
		return error_text(text);
	}
	struct sockaddr_in peer = control_peer(s->client);
	say(s, "serving %s", address_text(&peer, from));
	s->met = true;
	control_patience(s->client, 0);
	s->here = data_address(s);
	return meet(s, q);
}

/* NULL: the client has gone. */
static json_t *answer(struct server *s, const json_t *q)
{
	const char *op = json_string_value(json_object_get(q, "op"));
	if (!op)
		return error_text("a question without a name");
	if (!strcmp(op, "greet"))
		return greet(s, q);
	if (!s->met)
		return error_text("who are you?");
	if (!strcmp(op, "end")) {
		s->bidden = true;
		return json_pack("{s:b}", "ok", 1);
	}
	struct agent *a = find(s, q);
	if (!a)
		return error_text("the server does not have this contender");
	if (!strcmp(op, "restart"))
		return restart(s, a, q);
	if (!strcmp(op, "tool"))
		return tools_serve(a->who->name, &s->here, q);
	if (!strcmp(op, "tool_end")) {
		tools_end();
		return json_pack("{s:b}", "ok", 1);
	}
	return relay(s, a, q);
}

/* One client: 0 when it said goodbye, 1 when it went away, -1 when it was none of ours. */
static int serve(struct server *s)
{
	json_t *q;
	s->met = s->bidden = false;
	if (!s->patient)
		control_patience(s->client, GREET_S);
	while (!s->bidden && (q = hear(s))) {
		json_t *a = answer(s, q);
		json_decref(q);
		if (!a || control_send(s->client, a))
			break;
		if (!s->met) /* it was told why */
			return say(s, "a client was turned away"), -1;
	}
	for (int i = 0; i < s->count; i++) {
		if (!s->bidden && s->agents[i].pid > 0)
			kill(s->agents[i].pid, SIGKILL); /* nobody closes its connections */
		agent_end(&s->agents[i]);
	}
	tools_end();
	s->count = 0;
	if (s->bidden)
		return say(s, "done"), 0;
	if (s->met)
		return 1;
	return say(s, "somebody came who says nothing, or not in our language"), -1;
}

static int serve_one(struct server *s)
{
	for (;;) {
		s->client = control_accept(s->listening);
		if (!s->client && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (!s->client) {
			bench_complain("cannot wait for a client: %s", strerror(errno));
			return BENCH_FAIL;
		}
		int r = serve(s);
		control_close(s->client);
		if (r > 0 && !s->quiet)
			bench_complain("the client went away in the middle");
		if (r >= 0)
			return r ? BENCH_FAIL : BENCH_OK;
	}
}

static int listen_at(struct sockaddr_in at, unsigned port)
{
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	at.sin_port = htons((uint16_t)port);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, 4))
		return fd;
	int err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* -icount: time leaps while all wait for a page of a program. */
static bool counts_instructions(const struct options *o)
{
	struct host h;
	host_look(&h, "server", &o->address);
	return h.icount == 1;
}

int server_run(const struct options *o)
{
	struct server s = {.o = o, .patient = counts_instructions(o)};
	struct sockaddr_in any = {.sin_family = AF_INET};
	char text[INET_ADDRSTRLEN];
	s.listening = listen_at(any, o->port);
	if (s.listening < 0) {
		bench_complain("cannot listen on port %u: %s", o->port, strerror(errno));
		return BENCH_FAIL;
	}
	say(&s, "wsd bench %s: waiting for a client at %s, port %u", o->test->name,
	    address_text(&o->address, text), o->port);
	int r = serve_one(&s);
	close(s.listening);
	return r;
}

pid_t server_spawn(const struct options *o)
{
	struct server s = {.o = o, .quiet = true, .patient = true};
	pid_t parent = getpid();
	s.listening = listen_at(o->address, o->port);
	if (s.listening < 0)
		return -1;
	fflush(NULL);
	pid_t pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* the client's, which tells what it has first, and then ends us */
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		_exit(getppid() == parent ? serve_one(&s) : BENCH_FAIL);
	}
	int err = errno;
	close(s.listening);
	errno = err;
	return pid;
}
