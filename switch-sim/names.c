/* SPDX-License-Identifier: MIT */
/*
 * names.c: the face of names.h: asks the book when it is ours, by a function call, and its keeper
 * when it is not, by a message and for a second at most. Lock: `lock`, never over a wait.
 */
#include "names_priv.h"

#include "ports.h"

#include <errno.h>
#include <log.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wsd/errors.h>

enum { ASK_TRIES = 4, STOPPED_MS = 100, AGAIN_MS = 250 };

static void init_conditions(struct names *n)
{
	pthread_condattr_t monotonic;

	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&n->changed, &monotonic);
	pthread_cond_init(&n->called, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

/* As a handle that has not joined yet. */
static void reset(struct names *n)
{
	n->role = ROLE_NONE;
	n->busy = false;
	n->listener = n->alarm = n->fence_fd = n->beacon = n->table_fd = -1;
	n->ask_fd = n->event_fd = n->asking = n->zombie = n->epoll = n->wake = -1;
	for (int i = 0; i < CALLS; i++)
		n->calls[i] = -1;
	for (int i = 0; i < RESERVE_FDS; i++)
		n->reserve[i] = -1;
	n->token = n->departed = n->watched = 0;
	n->watched_since = n->unfit_until = n->pinged = 0;
	n->suspect = n->lost = n->yielded = n->serving = n->stop = n->calling = false;
	n->pending_count = n->pending_sent = 0;
	n->events_end = &n->events;
	n->later_end = &n->later;
}

int names_open(const struct names_config *cfg, const struct names_ops *ops, void *ctx,
	       struct names **ret)
{
	static const struct names_config defaults;
	const char *name;

	if (!cfg)
		cfg = &defaults;
	name = cfg->broker_name ? cfg->broker_name : secure_getenv("WSD_BROKER_NAME");
	if (!name || !*name)
		name = "wsdirect.names";
	if (strlen(name) > WIRE_NAME_MAX)
		return -ENAMETOOLONG;
	struct names *n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	memcpy(n->book_name, name, strlen(name) + 1);
	n->legacy_reuse = cfg->legacy_reuse;
	n->guest = cfg->guest;
	n->ops = ops;
	n->ctx = ctx;
	ports_defaults(cfg, n->range);
	pthread_mutex_init(&n->lock, NULL);
	init_conditions(n);
	reset(n);
	*ret = n;
	return 0;
}

const char *names_book_name(const struct names *n)
{
	return n->book_name;
}

void names_close(struct names *n)
{
	if (!n)
		return;
	service_stop(n);
	events_stop(n);
	pthread_mutex_lock(&n->lock);
	ring_leave(n);
	pthread_mutex_unlock(&n->lock);
	free(n->pending);
	pthread_cond_destroy(&n->changed);
	pthread_cond_destroy(&n->called);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

struct timespec names_at_ms(int64_t ms)
{
	return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

/* Under `lock`: wait until role or connection change, @ms at most and not beyond the deadline. */
void names_wait(struct names *n, int64_t ms, int64_t deadline)
{
	int64_t until = wire_now_ms() + ms;
	struct timespec t = names_at_ms(until < deadline ? until : deadline);

	pthread_cond_timedwait(&n->changed, &n->lock, &t);
}

bool names_busy_begin(struct names *n, int64_t deadline)
{
	while (n->busy && wire_now_ms() < deadline)
		names_wait(n, WAIT_MS, deadline);
	if (n->busy)
		return false;
	n->busy = true;
	return true;
}

void names_busy_end(struct names *n)
{
	n->busy = false;
	pthread_cond_broadcast(&n->changed);
}

/* Under `lock`, which is left while waiting. 0; -EAGAIN: the connection has gone, ask again;
 * -ETIMEDOUT. */
static int await_answer(struct names *n, uint32_t seq, uint32_t sent, struct wire_answer *ret,
			int64_t deadline)
{
	unsigned connection = n->connection;
	union wire_any m;

	for (;;) {
		int fd = n->asking = n->ask_fd;
		int64_t patience = wire_now_ms() + SUSPECT_MS;
		pthread_mutex_unlock(&n->lock);
		bool readable = wire_wait(fd, patience < deadline ? patience : deadline);
		pthread_mutex_lock(&n->lock);
		n->asking = -1;
		wire_close(&n->zombie);
		if (connection != n->connection)
			return -EAGAIN;
		if (!readable) {
			n->suspect = true;
			service_wake(n);
			if (wire_now_ms() >= deadline)
				return -ETIMEDOUT;
			continue;
		}
		int r = wire_recv(fd, &m, NULL, NULL);
		if (r == -EAGAIN)
			continue;
		if (r < 0) {
			n->lost = true;
			service_wake(n);
			return -EAGAIN;
		}
		if (m.head.type == WIRE_ANSWER && m.answer.seq == seq) {
			NAMES_STEP(answer_read);
			oneway_done(n, sent);
			memcpy(ret, &m.answer, wire_size(&m));
			return 0;
		}
	}
}

/* Busy, and under `lock`. 0, -EAGAIN, -ETIMEDOUT. */
static int ask_keeper(struct names *n, struct wire_ask *ask, struct wire_answer *ret,
		      int64_t deadline)
{
	if (n->ask_fd < 0 || n->lost || !oneway_flush(n)) {
		names_wait(n, 20, deadline);
		return -EAGAIN;
	}
	ask->seq = ++n->seq;
	uint32_t sent = n->sent_total;
	int r = wire_send(n->ask_fd, ask, NULL, 0);
	if (r < 0) {
		n->lost = n->lost || r != -EAGAIN;
		n->suspect = true;
		service_wake(n);
		names_wait(n, 20, deadline);
		return -EAGAIN;
	}
	NAMES_STEP(request_sent);
	r = await_answer(n, ask->seq, sent, ret, deadline);
	ask->flags |= ASK_AGAIN; /* whoever is asked next must know that it may have been granted */
	return r;
}

static void say_nobody(const struct names *n)
{
	char comm[16] = "?";
	int32_t pid = rescue_culprit(n, n->keeper_pid, comm);

	if (pid)
		wsd_log(WSD_LOG_ERROR,
			"names: no answer within %d ms; pid %d (%s), which has a part in the names "
			"of this host (abstract socket @%s), is stopped, and nobody else who has "
			"answers",
			WAIT_MS, pid, comm, n->book_name);
	else
		wsd_log(WSD_LOG_ERROR,
			"names: no answer within %d ms from anybody who has a part in the names of "
			"this host (abstract socket @%s); pid %d opened them",
			WAIT_MS, n->book_name, n->keeper_pid);
}

static void say_stuck(struct names *n, int error)
{
	if (error != -ETIMEDOUT)
		wsd_log(WSD_LOG_ERROR, "names: cannot ask for names: %s", strerror(-error));
	else if (n->role == ROLE_NONE)
		say_nobody(n);
	else
		wsd_log(WSD_LOG_ERROR, "names: no answer within %d ms from pid %d (%s)", WAIT_MS,
			n->keeper_pid, n->keeper_comm);
}

/* Ours to answer: 0 with @ret; -EAGAIN: it is not, or no longer. Under `lock`. */
static int answer_self(struct names *n, struct wire_ask *ask, struct wire_answer *ret)
{
	if (n->role != ROLE_KEEPER)
		return -EAGAIN;
	if (broker_answer(n, n->slot, n->uid, ask, ret) == 0)
		return 0;
	ring_deposed(n);
	ask->flags |= ASK_AGAIN;
	return -EAGAIN;
}

/* Busy, and under `lock`: keep asking, whoever the keeper is, until the deadline. */
static int ask_until(struct names *n, struct wire_ask *ask, struct wire_answer *ret,
		     int64_t deadline)
{
	pthread_mutex_unlock(&n->lock);
	int r = ring_join(n, deadline);
	pthread_mutex_lock(&n->lock);
	if (r < 0)
		return r;
	while ((r = answer_self(n, ask, ret)) == -EAGAIN && wire_now_ms() < deadline)
		if (n->role == ROLE_CLIENT && (r = ask_keeper(n, ask, ret, deadline)) != -EAGAIN)
			break;
	return r == -EAGAIN ? -ETIMEDOUT : r;
}

/* The question failed, and the answer may yet be given: take it back. */
static void take_back(struct names *n, const struct wire_ask *ask)
{
	if (n->role != ROLE_NONE && ask->op == OP_BIND)
		oneway_add(n, OP_RELEASE, table_id(TABLE_INDEX_UNKNOWN, ask->id), 0);
	if (n->role != ROLE_NONE && ask->op == OP_LISTEN)
		oneway_add(n, OP_UNLISTEN, ask->id, 0);
}

static int question(struct names *n, struct wire_ask *ask, struct wire_answer *ret)
{
	int64_t start;
	int r, again = ASK_TRIES;

	pthread_mutex_lock(&n->lock);
	do {
		start = wire_now_ms();
		r = -ETIMEDOUT;
		if (names_busy_begin(n, start + WAIT_MS)) {
			r = ask_until(n, ask, ret, start + WAIT_MS);
			names_busy_end(n);
		}
		/* It took much longer than we wait: it was we who were stopped. */
	} while (r == -ETIMEDOUT && wire_now_ms() - start > WAIT_MS + STOPPED_MS && --again);
	if (r < 0) {
		say_stuck(n, r);
		take_back(n, ask);
	}
	pthread_mutex_unlock(&n->lock);
	return r;
}

/* By a function call if the book is ours, else by asking. 0 with @ret, -errno. */
static int ask_either(struct names *n, struct wire_ask *ask, struct wire_answer *ret)
{
	pthread_mutex_lock(&n->lock);
	if (ask->op == OP_BIND)
		ask->id = ++n->serial;
	int r = answer_self(n, ask, ret);
	pthread_mutex_unlock(&n->lock);
	return r == -EAGAIN ? question(n, ask, ret) : r;
}

static void oneway(struct names *n, uint32_t op, uint64_t id, uint32_t value)
{
	struct pending p = {op, value, id};
	struct wire_ask ask = oneway_ask(&p);

	pthread_mutex_lock(&n->lock);
	if (n->role != ROLE_NONE && answer_self(n, &ask, NULL) < 0)
		oneway_add(n, op, id, value);
	pthread_mutex_unlock(&n->lock);
}

int names_bind(struct names *n, const struct names_request *req, uint64_t cookie, uint64_t *ret_id,
	       uint16_t *ret_port)
{
	struct wire_answer answer;
	answer.status = 0;
	struct wire_ask ask = {
		.head = {WIRE_MAGIC, WIRE_VERSION, WIRE_ASK},
		.op = OP_BIND,
		.cookie = cookie,
		.scope = req->scope,
		.port = req->port,
		.proto = (uint8_t)req->proto,
		.mode = (uint8_t)req->mode,
		.flags = (req->dual ? ASK_DUAL : 0) | (req->scalability ? ASK_SCALABILITY : 0),
	};

	if (n->guest || (unsigned)req->proto >= NAMES_PROTO_COUNT ||
	    (unsigned)req->mode >= NAMES_MODE_COUNT)
		return WSAEINVAL;
	memcpy(ask.addr, req->addr, sizeof(ask.addr));
	if (ask_either(n, &ask, &answer) < 0)
		return WSAENOBUFS;
	if (answer.status == 0) {
		*ret_id = answer.id;
		*ret_port = answer.port;
	}
	return answer.status;
}

int names_listen(struct names *n, uint64_t id, bool *ret_head, struct names_shadow *ret_shadow)
{
	struct wire_answer answer;
	answer.status = 0;
	struct wire_ask ask = {.head = wire_head(WIRE_ASK), .op = OP_LISTEN, .id = id};
	struct names_shadow shadow = {0};

	if (n->guest)
		return WSAEINVAL;
	if (ask_either(n, &ask, &answer) < 0)
		return WSAENOBUFS;
	if (answer.status != 0)
		return answer.status;
	if (ret_shadow && answer.shadows) {
		shadow.count = answer.shadows;
		shadow.addr = malloc(shadow.count * sizeof(*shadow.addr));
		if (!shadow.addr) {
			oneway(n, OP_UNLISTEN, id, 0);
			return WSAENOBUFS;
		}
		memcpy(shadow.addr, answer.shadow, shadow.count * sizeof(*shadow.addr));
	}
	if (!answer.is_head) {
		/* Its turn may come any time, and is not to wait for a thread; if there is none
		 * now, the event starts it. */
		pthread_mutex_lock(&n->lock);
		events_start(n);
		pthread_mutex_unlock(&n->lock);
	}
	*ret_head = answer.is_head;
	if (ret_shadow)
		*ret_shadow = shadow;
	return 0;
}

int names_ports_set(struct names *n, enum names_proto proto, struct names_range range)
{
	struct wire_answer answer;
	answer.status = 0;
	struct wire_ask ask = {
		.head = wire_head(WIRE_ASK),
		.op = OP_PORTS,
		.proto = (uint8_t)proto,
		.value = range.start,
		.count = range.count,
	};

	if ((unsigned)proto >= NAMES_PROTO_COUNT || !names_range_legal(range))
		return -EINVAL;
	int r = n->guest ? guest_ask(n, &ask, &answer) : ask_either(n, &ask, &answer);
	return r < 0 ? r : answer.status;
}

void names_release(struct names *n, uint64_t id)
{
	oneway(n, OP_RELEASE, id, 0);
}

void names_unlisten(struct names *n, uint64_t id)
{
	if (!n->guest)
		oneway(n, OP_UNLISTEN, id, 0);
}

void names_defer(struct names *n, uint64_t id)
{
	oneway(n, OP_DEFER, id, 0);
}

void names_again(struct names *n, uint64_t id, uint64_t cookie)
{
	pthread_mutex_lock(&n->lock);
	bool queued = events_later(n, id, cookie, wire_now_ms() + AGAIN_MS);
	pthread_mutex_unlock(&n->lock);
	if (!queued)
		wsd_log(WSD_LOG_ERROR, "names: no memory to try again for a listener");
}

void names_note(struct names *n, uint64_t id, unsigned companions)
{
	oneway(n, OP_NOTE, id, companions);
}

int names_serve(struct names *n)
{
	int64_t deadline = wire_now_ms() + WAIT_MS;

	pthread_mutex_lock(&n->lock);
	bool busy = names_busy_begin(n, deadline);
	pthread_mutex_unlock(&n->lock);
	if (!busy)
		return -ETIMEDOUT;
	int r = ring_join(n, deadline);
	pthread_mutex_lock(&n->lock);
	unsigned terms = n->terms;
	while (r == 0 && n->role != ROLE_KEEPER && terms == n->terms) {
		n->yielded = true;
		service_wake(n);
		names_wait(n, SUSPECT_MS, deadline);
		if (terms == n->terms && wire_now_ms() >= deadline)
			r = -ETIMEDOUT;
	}
	names_busy_end(n);
	pthread_mutex_unlock(&n->lock);
	return r;
}

void names_fork_prepare(struct names *n)
{
	pthread_mutex_lock(&n->lock);
	while (!names_busy_begin(n, INT64_MAX)) /* whoever is busy ends within a second */
		;
}

void names_fork_parent(struct names *n)
{
	names_busy_end(n);
	pthread_mutex_unlock(&n->lock);
}

void names_fork_child(struct names *n)
{
	/* The threads are not here, and all sockets are the parent's: closing our copies says
	 * nothing to anybody. */
	int epoll = n->epoll;

	n->epoll = -1; /* shared with the parent: nothing may be taken off it */
	ring_leave(n);
	wire_close(&epoll);
	wire_close(&n->wake);
	events_drop(n);
	/* Those who waited are not here, so the conditions begin anew. The lock is ours, by
	 * names_fork_prepare, and is given back: made anew while held it would stay held for
	 * ThreadSanitizer, which then sees double locks and wrong unlocks. */
	init_conditions(n);
	reset(n);
	pthread_mutex_unlock(&n->lock);
}
