/* SPDX-License-Identifier: MIT */
/*
 * broker.c: the keeper's connections: newcomers, guests, participants; their asks and their ends.
 * Under `lock`; nothing here waits for anybody: who does not read is told later, who talks garbage
 * is cut off.
 */
#include "broker.h"

#include <errno.h>
#include <log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROUND = 16, CALL_TRIES = 4, CROWD = 16 };

int broker_open(struct names *n)
{
	n->peer_of = calloc(TABLE_CLIENTS, sizeof(*n->peer_of));
	if (!n->peer_of)
		return -ENOMEM;
	n->slot_hint = n->strangers = n->uncalled = 0;
	n->own_lag = false;
	return 0;
}

static void peer_close(struct names *n, struct peer *p)
{
	service_unwatch(n, p->ask);
	wire_close(&p->ask);
	if (p->event >= 0)
		service_unwatch(n, p->event);
	wire_close(&p->event);
	if (p->slot != TABLE_NOBODY)
		n->peer_of[p->slot] = 0;
	else
		n->strangers--;
	p->slot = TABLE_NOBODY;
	p->guest = false;
	p->generation++;
	service_reserve(n);
}

void broker_close(struct names *n)
{
	for (uint32_t i = 0; i < n->peers; i++)
		if (n->peer[i].ask >= 0)
			peer_close(n, &n->peer[i]);
	free(n->peer);
	n->peer = NULL;
	n->peers = n->peers_max = 0;
	free(n->peer_of);
	n->peer_of = NULL;
	book_destroy(n->book);
	n->book = NULL;
	table_unmap(n->table);
	n->table = NULL;
}

static struct peer *peer_at(struct names *n, uint32_t index, uint32_t generation)
{
	if (n->role != ROLE_KEEPER || index >= n->peers || n->peer[index].ask < 0)
		return NULL;
	return (n->peer[index].generation & 0xffffff) == generation ? &n->peer[index] : NULL;
}

/* A place for a connection; NULL: no memory. */
static struct peer *peer_new(struct names *n, int ask)
{
	uint32_t i = 0;

	while (i < n->peers && n->peer[i].ask >= 0)
		i++;
	if (i == n->peers_max) {
		uint32_t max = i ? 2 * i : 16;
		struct peer *more = realloc(n->peer, max * sizeof(*more));
		if (!more)
			return NULL;
		n->peer = more;
		n->peers_max = max;
	}
	struct peer *p = &n->peer[i];
	uint32_t generation = i < n->peers ? p->generation : 0;
	if (i == n->peers)
		n->peers++;
	*p = (struct peer){.ask = ask,
			   .event = -1,
			   .generation = generation,
			   .slot = TABLE_NOBODY,
			   .since = wire_now_ms()};
	return p;
}

static void client_gone(struct names *n, uint32_t slot)
{
	struct table_client *c = &n->table->client[slot];

	wsd_log(WSD_LOG_DEBUG, "names: pid %d (%s) is gone", c->pid, c->comm);
	book_release_client(n->book, slot);
	c->present = 0;
}

static int call(struct names *n, uint32_t slot);
static int beacon_connect(const struct names *n, uint32_t slot);

/*
 * A connection can end while its process lives: it had no memory for our call, or a crowd at its
 * beacon was in the way. Its beacon tells, if it is its own; it is called again, at once the first
 * time.
 */
static bool still_lives(struct names *n, uint32_t slot, bool at_once)
{
	struct wire_peer who;
	int fd = beacon_connect(n, slot), r = fd < 0 ? fd : wire_peer(fd, &who);

	wire_close(&fd);
	if (r == 0 && who.pid != n->table->client[slot].pid)
		return false;
	if (r == 0)
		r = at_once ? call(n, slot) : -EAGAIN;
	if (r == -ECONNREFUSED)
		return false;
	if (r == 0) {
		book_tell_again(n->book, slot);
	} else {
		n->uncalled++;
		n->recall_at = wire_now_ms() + RECALL_MS;
	}
	return true;
}

static void peer_gone(struct names *n, struct peer *p, bool for_good)
{
	bool at_once = !p->called || wire_now_ms() - p->since >= RECALL_MS;
	uint32_t slot = p->slot;

	NAMES_STEP(hangup_seen);
	/* A client hangs up on us, too, when a new keeper has called it. */
	if (!ring_is_keeper(n))
		return;
	peer_close(n, p);
	if (slot != TABLE_NOBODY && (for_good || !still_lives(n, slot, at_once)))
		client_gone(n, slot);
	ring_is_keeper(n);
}

static void cut_off(struct names *n, struct peer *p, const char *why)
{
	wsd_log(WSD_LOG_WARNING, "names: pid %d (uid %u) is cut off: %s", p->cred.pid, p->cred.uid,
		why);
	peer_gone(n, p, true);
}

static void drop_oldest_stranger(struct names *n)
{
	struct peer *oldest = NULL;

	for (uint32_t i = 0; i < n->peers; i++) {
		struct peer *p = &n->peer[i];
		if (p->ask >= 0 && p->slot == TABLE_NOBODY && (!oldest || p->since < oldest->since))
			oldest = p;
	}
	if (oldest)
		cut_off(n, oldest, "silent, and others wait");
}

/* No descriptor left for newcomers: somebody else may have. Meanwhile do not spin on the listener.
 */
static void yield_book(struct names *n)
{
	struct wire_event e = {.head = wire_head(WIRE_EVENT), .kind = EVENT_YIELD};

	service_starve(n);
	for (uint32_t i = 0; i < n->peers; i++)
		if (n->peer[i].ask >= 0 && n->peer[i].event >= 0 &&
		    wire_send(n->peer[i].event, &e, NULL, 0) == 0)
			return;
	wsd_log(WSD_LOG_ERROR, "names: no descriptor left for another process that wants a name");
}

static int accept_one(struct names *n)
{
	int fd = accept4(n->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE) && service_spend(n))
		fd = accept4(n->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

void broker_accept(struct names *n)
{
	for (int i = 0; i < ROUND && n->role == ROLE_KEEPER; i++) {
		int fd = accept_one(n);
		if (fd == -EMFILE || fd == -ENFILE)
			yield_book(n);
		if (fd < 0)
			return;
		NAMES_STEP(accepted);
		if (n->strangers >= STRANGERS)
			drop_oldest_stranger(n);
		/* Deposed? Then it is for another to answer: closed, the newcomer comes again. */
		struct peer *p = ring_is_keeper(n) ? peer_new(n, fd) : NULL;
		if (!p) {
			close(fd);
			continue;
		}
		n->strangers++;
		if (wire_peer(fd, &p->cred) < 0 ||
		    service_watch(n, fd, WATCH_PEER_ASK, p->generation, (uint32_t)(p - n->peer)) <
			    0)
			peer_close(n, p);
	}
}

void broker_alarm(struct names *n)
{
	int fd;

	while ((fd = accept4(n->alarm, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		close(fd);
}

static uint32_t free_slot(struct names *n)
{
	uint32_t clients = n->table->clients;

	for (uint32_t i = 0; i < clients; i++) {
		uint32_t slot = (n->slot_hint + i) % clients;
		if (!n->table->client[slot].present) {
			n->slot_hint = slot + 1;
			return slot;
		}
	}
	return clients < TABLE_CLIENTS ? clients : TABLE_NOBODY;
}

static void refuse(struct names *n, struct peer *p, int status, const char *why)
{
	struct wire_refuse refusal = {wire_head(WIRE_REFUSE), status, (uint32_t)getpid()};

	wire_send(p->ask, &refusal, NULL, 0);
	cut_off(n, p, why);
}

static struct wire_welcome welcome_for(const struct names *n, uint32_t slot)
{
	struct wire_welcome w = {.head = wire_head(WIRE_WELCOME),
				 .slot = slot,
				 .place = n->place,
				 .token = n->token};

	memcpy(w.secret, n->fence->secret, sizeof(w.secret));
	return w;
}

/*
 * The event connection of @slot, and what the other side needs. -errno: nothing was sent. The
 * public sockets go to newcomers only: in a call they would lie unread with a process that is
 * stopped, and keep the place taken after the last who can run has left.
 */
static int welcome(struct names *n, struct peer *p, uint32_t slot, bool newcomer)
{
	struct wire_welcome w = welcome_for(n, slot);
	int pair[2], type = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;

	if (socketpair(AF_UNIX, type, 0, pair) < 0 &&
	    ((errno != EMFILE && errno != ENFILE) || !service_spend(n) ||
	     socketpair(AF_UNIX, type, 0, pair) < 0))
		return -errno;
	int fds[WIRE_FDS] = {n->table_fd, pair[1], newcomer ? n->listener : n->fence_fd,
			     newcomer ? n->alarm : n->fence_fd, n->fence_fd};
	int r = wire_send(p->ask, &w, fds, WIRE_FDS);
	close(pair[1]);
	if (r == 0)
		r = service_watch(n, pair[0], WATCH_PEER_EVENT, p->generation,
				  (uint32_t)(p - n->peer));
	if (r < 0) {
		close(pair[0]);
		return r;
	}
	p->event = pair[0];
	p->slot = slot;
	n->peer_of[slot] = (uint32_t)(p - n->peer) + 1;
	return 0;
}

static void hello_guest(struct names *n, struct peer *p)
{
	struct wire_welcome w = {
		.head = wire_head(WIRE_WELCOME), .slot = TABLE_NOBODY, .token = n->token};

	p->guest = true; /* and stays a stranger: it has what it came for */
	if (wire_send(p->ask, &w, &n->table_fd, 1) < 0)
		cut_off(n, p, "a guest that does not listen");
}

/* Who it is, as we see it: a keeper in another user or pid namespace saw other numbers. */
static void note_peer(const struct names *n, struct table_client *c, const struct peer *p)
{
	c->uid = p->cred.uid;
	c->alone = p->cred.uid == n->nobody;
	c->pid = p->cred.pid;
}

/* One process with many connections must not use up the descriptors of the application that we are
 * in: it may have them as long as a quarter of ours is left. */
static bool is_crowd(const struct names *n, const struct peer *p)
{
	struct rlimit files;
	uint32_t participants = 0, of_its = 0;

	for (uint32_t i = 0; i < n->peers; i++) {
		bool joined = n->peer[i].ask >= 0 && n->peer[i].slot != TABLE_NOBODY;
		participants += joined;
		of_its += joined && n->peer[i].cred.pid == p->cred.pid;
	}
	return of_its >= CROWD && !getrlimit(RLIMIT_NOFILE, &files) &&
	       2 * (rlim_t)participants >= files.rlim_cur - files.rlim_cur / 4;
}

static void hello(struct names *n, struct peer *p, const struct wire_hello *h)
{
	if (h->flags & HELLO_GUEST) {
		hello_guest(n, p);
		return;
	}
	if (is_crowd(n, p)) {
		refuse(n, p, -EUSERS, "too many connections of one process");
		return;
	}
	uint32_t slot = free_slot(n);
	if (slot == TABLE_NOBODY) {
		refuse(n, p, -EUSERS, "too many processes");
		return;
	}
	int r = table_reserve_client(n->table, n->table_fd, slot);
	if (r < 0) {
		refuse(n, p, r, "no memory for another process");
		return;
	}
	struct table_client *c = &n->table->client[slot];
	note_peer(n, c, p);
	memcpy(c->beacon, h->beacon, sizeof(c->beacon));
	table_comm(c->comm, h->comm);
	atomic_store_explicit(&c->present, 1, memory_order_release);
	NAMES_STEP(client_noted);
	if (!ring_is_keeper(n))
		return; /* the connection is closed; the newcomer asks again */
	NAMES_STEP(client_checked);
	n->strangers--;
	r = welcome(n, p, slot, true);
	NAMES_STEP(welcome_sent);
	if (r < 0) {
		n->strangers++;
		c->present = 0;
		peer_close(n, p);
		if (r == -EMFILE || r == -ENFILE)
			yield_book(n);
	}
}

/* A participant that we called runs, and is not where we are. If it cannot be told now, it stays
 * where it is, and newcomers who come to it must wait a little. */
static void send_place(struct names *n, struct peer *p)
{
	struct wire_welcome w = welcome_for(n, p->slot);
	int fds[WIRE_FDS] = {n->fence_fd, n->fence_fd, n->listener, n->alarm, n->fence_fd};

	if (ring_is_keeper(n))
		wire_send(p->event, &w, fds, WIRE_FDS);
}

static void answer(struct names *n, struct peer *p, const struct wire_ask *ask)
{
	struct wire_answer ret;
	bool question = ask->op < OP_QUESTIONS;
	uint32_t slot = p->slot;

	NAMES_STEP(request_read);
	if (broker_answer(n, slot, p->cred.uid, ask, question ? &ret : NULL) < 0) {
		ring_deposed(n);
		return;
	}
	NAMES_STEP(bind_checked);
	if (question) {
		int r = wire_send(p->ask, &ret, NULL, 0);
		NAMES_STEP(answer_sent);
		if (r == -EAGAIN)
			cut_off(n, p, "asks without reading answers");
	} else if (++p->dealt % WIRE_ACK_EVERY == 0) {
		struct wire_event e = {.head = wire_head(WIRE_EVENT), .kind = EVENT_ACK};
		e.shadows = p->dealt;
		broker_send_event(n, slot, &e);
	}
}

void broker_ask_ready(struct names *n, uint32_t index, uint32_t generation)
{
	struct peer *p = peer_at(n, index, generation);
	union wire_any m;

	if (!p)
		return;
	int r = wire_recv(p->ask, &m, NULL, NULL);
	if (r == -EAGAIN)
		return;
	if (r == -EPROTONOSUPPORT)
		refuse(n, p, r, "it speaks another version");
	else if (r == -EPROTO)
		cut_off(n, p, "garbage");
	else if (r < 0)
		peer_gone(n, p, false);
	else if (m.head.type == WIRE_HELLO && p->slot == TABLE_NOBODY && !p->guest)
		hello(n, p, &m.hello);
	else if (m.head.type == WIRE_ASK && m.ask.op == OP_PLACE && p->slot != TABLE_NOBODY)
		send_place(n, p);
	else if (m.head.type == WIRE_ASK && m.ask.op < OP_PLACE &&
		 (p->slot != TABLE_NOBODY || (p->guest && m.ask.op == OP_PORTS)))
		answer(n, p, &m.ask);
	else
		cut_off(n, p, "a message out of place");
}

static void watch_room(struct names *n, struct peer *p, bool room)
{
	struct epoll_event e = {
		.events = room ? EPOLLIN | EPOLLOUT : EPOLLIN,
		.data.u64 = (uint64_t)WATCH_PEER_EVENT << 56 |
			    (uint64_t)(p->generation & 0xffffff) << 32 | (uint32_t)(p - n->peer),
	};
	epoll_ctl(n->epoll, EPOLL_CTL_MOD, p->event, &e);
}

bool broker_send_event(struct names *n, uint32_t slot, const struct wire_event *e)
{
	struct peer *p = n->peer_of[slot] ? &n->peer[n->peer_of[slot] - 1] : NULL;

	if (!p || p->lagging)
		return false;
	int r = wire_send(p->event, e, NULL, 0);
	if (r == -EAGAIN) {
		p->lagging = true;
		watch_room(n, p, true);
	}
	return r == 0; /* with another error it has hung up, and hears it from the next keeper if it
			  lives */
}

void broker_event_ready(struct names *n, uint32_t index, uint32_t generation, uint32_t what)
{
	struct peer *p = peer_at(n, index, generation);
	struct wire_head pong = wire_head(WIRE_PONG);
	union wire_any m;

	if (!p)
		return;
	if (what & EPOLLOUT && p->lagging) {
		p->lagging = false;
		watch_room(n, p, false);
		book_tell_again(n->book, p->slot);
	}
	if (!(what & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	int r = wire_recv(p->event, &m, NULL, NULL);
	if (r == 0 && m.head.type == WIRE_PING) {
		if (ring_is_keeper(n))
			wire_send(p->event, &pong, NULL, 0);
	} else if (r == 0 || r == -EPROTO || r == -EPROTONOSUPPORT) {
		cut_off(n, p, "garbage");
	} else if (r != -EAGAIN) {
		peer_gone(n, p, false);
	}
}

static int beacon_connect(const struct names *n, uint32_t slot)
{
	const struct table_client *c = &n->table->client[slot];
	char suffix[40] = ".p.";

	for (size_t i = 0; i < sizeof(c->beacon); i++)
		snprintf(suffix + 3 + 2 * i, 3, "%02x", c->beacon[i]);
	return wire_connect(n->book_name, suffix);
}

static int call_once(struct names *n, uint32_t slot)
{
	int fd = beacon_connect(n, slot);
	if (fd < 0)
		return fd;
	struct peer *p = peer_new(n, fd);
	if (!p) {
		close(fd);
		return -ENOMEM;
	}
	n->strangers++;
	int r = wire_peer(fd, &p->cred);
	if (r == 0)
		r = service_watch(n, fd, WATCH_PEER_ASK, p->generation, (uint32_t)(p - n->peer));
	if (r == 0) {
		n->strangers--;
		r = welcome(n, p, slot, false);
		n->strangers += r < 0;
	}
	p->called = true;
	if (r < 0)
		peer_close(n, p);
	else
		n->table->client[slot].pid = p->cred.pid;
	return r;
}

/* Reach the participant of @slot by its beacon. -ECONNREFUSED: it is dead. Only that it refuses
 * says so: a connection that ends before we have spoken may have been crowded out. */
static int call(struct names *n, uint32_t slot)
{
	int r = -EPIPE;

	for (int i = 0; i < CALL_TRIES && (r == -EPIPE || r == -ECONNRESET); i++)
		r = call_once(n, slot);
	return r == -EPIPE || r == -ECONNRESET ? -EAGAIN : r;
}

static bool is_want(int error)
{
	return error == -EMFILE || error == -ENFILE || error == -ENOMEM;
}

int broker_call_all(struct names *n)
{
	bool first = true;

	n->uncalled = 0;
	n->recall_at = wire_now_ms() + RECALL_MS;
	for (uint32_t slot = 0; slot < n->table->clients; slot++) {
		struct table_client *c = &n->table->client[slot];
		if (!c->present || slot == n->slot)
			continue;
		int r = call(n, slot);
		if (is_want(r) && service_spend(n))
			r = call(n, slot);
		if (is_want(r))
			return r; /* whoever is not called must not find us serving */
		if (r == 0) {
			note_peer(n, c, &n->peer[n->peer_of[slot] - 1]);
		} else if (r == -ECONNREFUSED) {
			c->present = 0;
		} else if (r < 0) {
			/* Its queue is full of others. It lives, so its names stay held. */
			wsd_log(WSD_LOG_WARNING, "names: cannot call pid %d (%s): %s", c->pid,
				c->comm, strerror(-r));
			n->uncalled++;
			c->alone = 1; /* its uid is what our predecessor saw */
		}
		if (first)
			NAMES_STEP(claim_called_one);
		first = false;
	}
	return 0;
}

void broker_recall(struct names *n)
{
	n->uncalled = 0;
	n->recall_at = wire_now_ms() + RECALL_MS;
	for (uint32_t slot = 0; slot < n->table->clients; slot++) {
		if (!n->table->client[slot].present || slot == n->slot || n->peer_of[slot])
			continue;
		int r = call(n, slot);
		if (r == -ECONNREFUSED)
			client_gone(n, slot);
		else if (r < 0)
			n->uncalled++;
		else
			book_tell_again(n->book, slot); /* and its names stay counted as they are */
	}
}

/* Names of the dead go; the others are of the users whom we see. */
void broker_adopt_names(struct names *n)
{
	for (uint32_t i = 0; i < n->table->names; i++) {
		struct table_name *name = &n->table->name[i];
		if (!name->held)
			continue;
		const struct table_client *c = &n->table->client[name->client];
		if (!c->present)
			name->held = 0;
		name->uid = c->uid;
		if (c->alone)
			name->flags |= NAME_ALONE;
		else
			name->flags &= (uint16_t)~NAME_ALONE;
	}
}
