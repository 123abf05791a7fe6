/* SPDX-License-Identifier: MIT
 *
 * coordinate.c - ranks_coordinate(): one loop over the clients' connections. A client is waiting,
 * or at work, or has brought its results, or is gone; when nobody is at work, those who wait go on.
 */
#include "ranks.h"

#include "control.h"
#include "results.h"
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	JOIN_S = 60,
	SAY_S = 10, /* for whoever has come to say who it is */
};

struct client {
	struct control *c;
	int rank;
	char host[65];
	enum { AT_WORK, WAITING, DONE, GONE } is;
};

struct meeting {
	struct client *client;
	int count, expected;
	struct results *merged;
	char lost[160]; /* who went away, or what could not be merged */
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

static int answer(struct client *k, json_t *j)
{
	if (!control_send(k->c, j))
		return 0;
	k->is = GONE;
	return -1;
}

/* Takes in one client; who does not speak as one is sent away. */
static void take_in(struct meeting *m, int listening)
{
	struct client *k = &m->client[m->count];
	k->c = control_accept(listening);
	if (k->c)
		control_patience(k->c, SAY_S);
	json_t *j = k->c ? control_recv(k->c) : NULL, *rank = json_object_get(j, "join");
	const char *host = json_string_value(json_object_get(j, "host"));
	if (json_is_integer(rank) && host) {
		k->rank = (int)json_integer_value(rank);
		snprintf(k->host, sizeof(k->host), "%s", host);
		k->is = AT_WORK;
		control_patience(k->c, 0);
		m->count++;
	} else if (k->c) {
		control_close(k->c);
	}
	json_decref(j);
}

static int by_rank(const void *a, const void *b)
{
	return ((const struct client *)a)->rank - ((const struct client *)b)->rank;
}

static int gather(struct meeting *m, unsigned port, char *why, size_t size)
{
	double until = bench_now_ns() + JOIN_S * 1e9;
	struct pollfd p = {.fd = listen_at(port), .events = POLLIN};
	if (p.fd < 0) {
		snprintf(why, size, "port %u of the coordinator: %s", port, strerror(errno));
		return -1;
	}
	while (m->count < m->expected && bench_now_ns() < until)
		if (poll(&p, 1, 1000) > 0)
			take_in(m, p.fd);
	close(p.fd);
	if (m->count < m->expected) {
		snprintf(why, size, "%d of %d clients came within %d s", m->count, m->expected,
			 JOIN_S);
		return -1;
	}
	qsort(m->client, (size_t)m->count, sizeof(*m->client), by_rank);
	for (int i = 0; i < m->count; i++)
		answer(&m->client[i], json_pack("{s:b, s:i}", "ok", 1, "client", i));
	return 0;
}

static void gone(struct meeting *m, struct client *k)
{
	k->is = GONE;
	if (!m->lost[0])
		snprintf(m->lost, sizeof(m->lost), "client %d on %s went away",
			 (int)(k - m->client), k->host);
}

static void merge(struct meeting *m, struct client *k, const json_t *j)
{
	char why[120];
	struct results *res = results_from_json(j, why, sizeof(why));
	int bad = !res;
	if (res) {
		for (int i = 0; i < res->host_count; i++)
			if (!strcmp(res->hosts[i].role, "client"))
				snprintf(res->hosts[i].role, sizeof(res->hosts[i].role),
					 "client %d", (int)(k - m->client) % 1000);
		if (!m->merged) {
			m->merged = res;
		} else {
			bad = results_merge(m->merged, res, why, sizeof(why));
			results_free(res);
		}
	}
	if (bad && !m->lost[0])
		snprintf(m->lost, sizeof(m->lost), "client %d's results: %s", (int)(k - m->client),
			 why);
}

static void hear(struct meeting *m, struct client *k)
{
	json_t *j = control_recv(k->c);
	if (!j) {
		gone(m, k);
		return;
	}
	json_t *results = json_object_get(j, "results");
	if (results) {
		merge(m, k, results);
		if (!answer(k, json_pack("{s:b}", "ok", 1)))
			k->is = DONE;
	} else {
		k->is = WAITING;
	}
	json_decref(j);
}

/* Those who wait go on when nobody is at work. */
static void let_go(struct meeting *m)
{
	for (int i = 0; i < m->count; i++)
		if (m->client[i].is == AT_WORK)
			return;
	for (int i = 0; i < m->count; i++)
		if (m->client[i].is == WAITING) {
			m->client[i].is = AT_WORK;
			if (answer(&m->client[i], json_pack("{s:b}", "ok", 1)))
				gone(m, &m->client[i]);
		}
}

/* One turn of the loop; false: nobody is left. */
static bool turn(struct meeting *m, struct pollfd *p)
{
	int left = 0;
	for (int i = 0; i < m->count; i++) {
		bool in = m->client[i].is == AT_WORK || m->client[i].is == WAITING;
		p[i] = (struct pollfd){.fd = in ? control_fd(m->client[i].c) : -1,
				       .events = POLLIN};
		left += in;
	}
	if (!left || (poll(p, (nfds_t)m->count, -1) < 0 && errno != EINTR))
		return false;
	for (int i = 0; i < m->count; i++)
		if (p[i].fd >= 0 && p[i].revents)
			hear(m, &m->client[i]);
	let_go(m);
	return true;
}

struct results *ranks_coordinate(const struct ranks *r, const struct options *o, char *why,
				 size_t size)
{
	struct meeting m = {.expected = r->clients};
	size_t n = (size_t)r->clients;
	struct pollfd *p = calloc(n, sizeof(*p));
	m.client = calloc(n + 1, sizeof(*m.client));
	if (!p || !m.client)
		snprintf(why, size, "no memory");
	else if (!gather(&m, ranks_port(o), why, size))
		while (turn(&m, p))
			continue;
	for (int i = 0; i < m.count; i++)
		control_close(m.client[i].c);
	free(p);
	free(m.client);
	if (m.merged && m.lost[0])
		snprintf(m.merged->stopped, sizeof(m.merged->stopped), "%s", m.lost);
	else if (!m.merged && m.lost[0])
		snprintf(why, size, "%s", m.lost);
	return m.merged;
}
