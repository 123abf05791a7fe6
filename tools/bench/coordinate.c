/* SPDX-License-Identifier: MIT
 *
 * coordinate.c - ranks_coordinate(): one loop over the others' connections. A client is waiting, or
 * at work, or has brought its last results, or is gone; when nobody is at work, those who wait go
 * on. Once the run is called off, all are told, and have a moment to bring what they have; not
 * after a signal.
 */
#include "ranks.h"

#include "bench.h"
#include "control.h"
#include "results.h"
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	JOIN_S = 60,
	SAY_S = 10,       /* for whoever has come to say who it is, and between parts of a line */
	FIRST_MS = 60000, /* what a client may do before it waits first */
	TICK_MS = 200,    /* how soon the loop sees that a time has passed */
	CHEER_MS = 5000,  /* between words to who waits */
	COME_HOME_MS = 8000, /* after a call-off, for what was measured last */
};

struct member {
	struct control *c;
	int rank, server; /* server -1: a client */
	char host[65];
	enum { AT_WORK, WAITING, DONE, GONE } is;
	double ms, until; /* how long it may say nothing at work, by its own word; and to when */
	json_t *results;  /* the last that it brought */
	int times;        /* that it brought some */
};

struct meeting {
	const struct ranks *r;
	struct member *member; /* clients first, by rank; then servers */
	int count, expected, clients, signals;
	double cheered, end; /* when those who wait were last spoken to; when the loop ends, or 0 */
	char off[160];       /* why the run was called off; "": it was not */
	const struct ranks_keeper *keeper;
	int kept; /* points */
};

static int listen_at(unsigned port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!bind(fd, (struct sockaddr *)&at, sizeof(at)) && !listen(fd, SOMAXCONN))
		return fd;
	int err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* ---- who is there ---- */

/* Takes in one; who does not speak as one of ours is sent away. */
static void take_in(struct meeting *m, int listening)
{
	struct member *k = &m->member[m->count];
	k->c = control_accept(listening);
	if (k->c)
		control_patience(k->c, SAY_S);
	json_t *j = k->c ? control_recv(k->c) : NULL;
	const char *host = NULL;
	if (j && !json_unpack(j, "{s:i, s:i, s:s}", "join", &k->rank, "server", &k->server, "host",
			      &host)) {
		snprintf(k->host, sizeof(k->host), "%s", host);
		k->is = AT_WORK;
		m->count++;
	} else {
		control_close(k->c);
	}
	json_decref(j);
}

static int in_order(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	if ((x->server < 0) != (y->server < 0))
		return x->server < 0 ? -1 : 1;
	return x->rank - y->rank;
}

/* "rank 3, rank 5": those who have not come. */
static void missing(const struct meeting *m, char *text, size_t size)
{
	text[0] = '\0';
	for (int rank = 0; rank < m->r->size; rank++) {
		size_t used = strlen(text);
		bool there = rank == m->r->rank;
		for (int i = 0; i < m->count && !there; i++)
			there = m->member[i].rank == rank;
		if (there)
			continue;
		if (used > size / 2) {
			snprintf(text + used, size - used, ", ...");
			return;
		}
		snprintf(text + used, size - used, "%srank %d", used ? ", " : "", rank);
	}
}

static int gather(struct meeting *m, unsigned port, char *why, size_t size)
{
	double until = bench_now_ns() + JOIN_S * 1e9;
	struct pollfd p = {.fd = listen_at(port), .events = POLLIN};
	char who[80];
	if (p.fd < 0) {
		snprintf(why, size, "port %u of the coordinator: %s", port, strerror(errno));
		return -1;
	}
	while (m->count < m->expected && bench_now_ns() < until)
		if (poll(&p, 1, 1000) > 0)
			take_in(m, p.fd);
	close(p.fd);
	if (m->count < m->expected) {
		missing(m, who, sizeof(who));
		snprintf(why, size, "%d of %d processes came within %d s, not %s", m->count,
			 m->expected, JOIN_S, who);
		return -1;
	}
	qsort(m->member, (size_t)m->count, sizeof(*m->member), in_order);
	for (int i = 0; i < m->count; i++)
		m->clients += m->member[i].server < 0;
	if (m->clients == m->r->clients)
		return 0;
	snprintf(why, size, "%d of %d servers are there: no process runs on the others' hosts",
		 m->r->size - m->clients, m->r->size - m->r->clients);
	return -1;
}

static const char *name_of(const struct meeting *m, const struct member *k, char text[120])
{
	if (k->server < 0)
		snprintf(text, 120, "client %d (rank %d on %s)", (int)(k - m->member), k->rank,
			 k->host);
	else
		snprintf(text, 120, "server %d (rank %d on %s)", k->server, k->rank, k->host);
	return text;
}

/* ---- the end of a run ---- */

static bool is_in(const struct member *k)
{
	return k->is == AT_WORK || k->is == WAITING;
}

/* For the first reason only. */
static void call_off(struct meeting *m, const char *why, int home_ms)
{
	if (m->off[0])
		return;
	snprintf(m->off, sizeof(m->off), "%s", why);
	m->end = bench_now_ns() + home_ms * 1e6;
	for (int i = 0; i < m->clients; i++)
		if (is_in(&m->member[i])) {
			m->member[i].is = AT_WORK;
			control_send(m->member[i].c, json_pack("{s:s}", "off", m->off));
		}
}

static void gone(struct meeting *m, struct member *k, const char *how)
{
	char who[120], text[160];
	k->is = GONE;
	snprintf(text, sizeof(text), "%s %s", name_of(m, k, who), how);
	call_off(m, text, COME_HOME_MS);
}

static void answer(struct meeting *m, struct member *k, json_t *j)
{
	if (control_send(k->c, j))
		gone(m, k, "went away");
}

/* ---- what they say ---- */

static void at_work(const struct meeting *m, struct member *k)
{
	k->is = AT_WORK;
	k->until = bench_now_ns() + k->ms * 1e6 + m->r->patience_s * 1e9;
}

static void take_results(struct meeting *m, struct member *k, const json_t *j)
{
	json_t *results = json_object_get(j, "results");
	const char *stopped = json_string_value(json_object_get(results, "stopped"));
	bool last = json_is_true(json_object_get(j, "last"));
	char who[120], text[160];
	json_decref(k->results);
	k->results = json_incref(results);
	k->times++;
	at_work(m, k);
	answer(m, k, json_pack("{s:b}", "ok", 1));
	if (last && k->is != GONE)
		k->is = DONE;
	if (!last || !stopped)
		return;
	snprintf(text, sizeof(text), "%s: %s", name_of(m, k, who), stopped);
	call_off(m, text, COME_HOME_MS);
}

static void hear(struct meeting *m, struct member *k)
{
	json_t *j = control_recv(k->c);
	if (!j) {
		gone(m, k, errno == EAGAIN ? "says half a word only" : "went away");
		return;
	}
	if (json_object_get(j, "results")) {
		take_results(m, k, j);
	} else if (!m->off[0]) { /* else it has been told that it need not wait */
		k->ms = json_number_value(json_object_get(j, "ms"));
		k->is = WAITING;
	}
	json_decref(j);
}

/* Those who wait go on when nobody is at work; else they hear that we are there. */
static void let_go(struct meeting *m)
{
	bool go = true, cheer = bench_now_ns() - m->cheered > CHEER_MS * 1e6;
	for (int i = 0; i < m->clients; i++)
		go &= m->member[i].is != AT_WORK;
	for (int i = 0; i < m->clients && (go || cheer); i++) {
		struct member *k = &m->member[i];
		if (k->is != WAITING)
			continue;
		if (go)
			at_work(m, k);
		answer(m, k, json_pack("{s:b}", go ? "ok" : "wait", 1));
	}
	if (go || cheer)
		m->cheered = bench_now_ns();
}

static void look_for_silent(struct meeting *m)
{
	char text[60];
	for (int i = 0; i < m->clients; i++) {
		struct member *k = &m->member[i];
		if (k->is != AT_WORK || m->off[0] || bench_now_ns() < k->until)
			continue;
		snprintf(text, sizeof(text), "has said nothing for %.0f s",
			 k->ms / 1e3 + m->r->patience_s);
		gone(m, k, text);
	}
}

/* ---- the loop ---- */

static struct results *merge_all(struct meeting *m, char *why, size_t size);

/* A launcher may kill without leaving a moment to write anything. */
static void keep(struct meeting *m)
{
	int points = m->clients ? m->member[0].times : 0;
	char why[160];
	for (int i = 0; i < m->clients; i++)
		points = m->member[i].times < points ? m->member[i].times : points;
	if (!m->keeper || points <= m->kept || m->off[0])
		return;
	m->kept = points;
	struct results *so_far = merge_all(m, why, sizeof(why));
	m->off[0] = '\0'; /* what cannot be merged is told when all has come */
	if (!so_far)
		return;
	snprintf(so_far->stopped, sizeof(so_far->stopped),
		 "the run had not ended when this was written");
	m->keeper->keep(m->keeper->arg, so_far);
	results_free(so_far);
}

/* One turn; false: it is over. */
static bool turn(struct meeting *m, struct pollfd *p)
{
	struct signalfd_siginfo info;
	int left = 0;
	for (int i = 0; i < m->count; i++) {
		p[i] = (struct pollfd){.fd = is_in(&m->member[i]) ? control_fd(m->member[i].c) : -1,
				       .events = POLLIN};
		left += i < m->clients && p[i].fd >= 0;
	}
	p[m->count] = (struct pollfd){.fd = m->signals, .events = POLLIN};
	if (!left || (m->end > 0 && bench_now_ns() > m->end))
		return false;
	if (poll(p, (nfds_t)m->count + 1, TICK_MS) < 0)
		return errno == EINTR;
	for (int i = 0; i < m->count; i++)
		if (p[i].revents && is_in(&m->member[i]))
			hear(m, &m->member[i]);
	if (p[m->count].revents && read(m->signals, &info, sizeof(info)) == sizeof(info)) {
		/* mpirun may kill at any moment now: what is here is told at once */
		call_off(m, "interrupted", 0);
		return false;
	}
	let_go(m);
	keep(m);
	look_for_silent(m);
	return true;
}

static void meet(struct meeting *m, struct pollfd *p)
{
	sigset_t set;
	bench_signals(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	m->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	for (int i = 0; i < m->count; i++) {
		struct member *k = &m->member[i];
		k->ms = FIRST_MS;
		at_work(m, k);
		answer(m, k,
		       json_pack("{s:b, s:i, s:i}", "ok", 1, "client", k->server < 0 ? i : -1,
				 "rank", m->r->rank));
	}
	while (turn(m, p))
		continue;
	close(m->signals);
}

/* ---- what they brought ---- */

/* A client that has brought nothing has measured nothing: no figure is of all then. */
static struct results *brought(const struct meeting *m, int i, const struct results *like,
			       char *why, size_t size)
{
	struct results *res = m->member[i].results
				      ? results_from_json(m->member[i].results, why, size)
				      : results_new();
	if (!m->member[i].results && res) {
		snprintf(res->test, sizeof(res->test), "%s", like->test);
		snprintf(res->ours, sizeof(res->ours), "%s", like->ours);
	}
	for (int h = 0; res && h < res->host_count; h++)
		if (!strcmp(res->hosts[h].role, "client"))
			snprintf(res->hosts[h].role, sizeof(res->hosts[h].role), "client %d",
				 i % 1000);
	return res;
}

/* NULL with a text: nobody has brought anything. */
static struct results *merge_all(struct meeting *m, char *why, size_t size)
{
	char text[120] = "no memory", who[120];
	int first = 0;
	while (first < m->clients && !m->member[first].results)
		first++;
	struct results *merged =
		first < m->clients ? brought(m, first, NULL, text, sizeof(text)) : NULL;
	for (int i = 0; i < m->clients && merged; i++) {
		struct results *res = i == first ? NULL : brought(m, i, merged, text, sizeof(text));
		if (i == first)
			continue;
		if ((!res || results_merge(merged, res, text, sizeof(text))) && !m->off[0])
			snprintf(m->off, sizeof(m->off), "%.80s: %.70s",
				 name_of(m, &m->member[i], who), text);
		results_free(res);
	}
	if (merged && m->off[0])
		snprintf(merged->stopped, sizeof(merged->stopped), "%s", m->off);
	if (!merged)
		snprintf(why, size, "%s", first == m->clients && m->off[0] ? m->off : text);
	return merged;
}

struct results *ranks_coordinate(const struct ranks *r, const struct options *o,
				 const struct ranks_keeper *keeper, char *why, size_t size)
{
	struct meeting m = {.r = r, .expected = r->size - 1, .keeper = keeper};
	struct results *merged = NULL;
	size_t n = (size_t)m.expected + 1;
	struct pollfd *p = calloc(n, sizeof(*p));
	m.member = calloc(n, sizeof(*m.member));
	if (!p || !m.member) {
		snprintf(why, size, "no memory");
	} else if (!gather(&m, ranks_port(o), why, size)) {
		meet(&m, p);
		merged = merge_all(&m, why, size);
	}
	for (int i = 0; i < m.count; i++) {
		control_close(m.member[i].c);
		json_decref(m.member[i].results);
	}
	free(p);
	free(m.member);
	return merged;
}
