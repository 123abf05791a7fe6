/* SPDX-License-Identifier: MIT */
/*
 * names_ring.c: who keeps the book: joining, taking over from a keeper that is dead or stopped, and
 * being deposed. docs/names.md argues each step. Lock: the caller's `lock`.
 */
#include "names_priv.h"

#include <errno.h>
#include <log.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

void ring_random(void *to, size_t size)
{
	/* Before the kernel's pool is ready a clash is still unlikely, and a clash only costs a
	 * retry. */
	if (getrandom(to, size, GRND_NONBLOCK) != (ssize_t)size)
		for (size_t i = 0; i < size; i++)
			((uint8_t *)to)[i] =
				(uint8_t)(wire_now_ms() >> i % 8 ^ getpid() ^ (int)i * 7);
}

uint64_t ring_next_token(uint64_t after)
{
	uint32_t low;

	ring_random(&low, sizeof(low));
	return ((after >> 32) + 1) << 32 | low;
}

/* We go on from a book that never knew us: rescue. */
static bool is_outside(const struct names *n)
{
	return n->slot == TABLE_NOBODY;
}

/* A table in place of the present one: empty, or with all that @base holds. */
int ring_make_table(struct names *n, uint64_t token, const struct table *base)
{
	struct table *t;
	int fd;
	int r = table_create(&t, &fd);

	if (r == 0 && base)
		r = table_copy(t, fd, base);
	else if (r < 0)
		return r;
	bool outside = base && is_outside(n);
	if (r == 0 && outside)
		for (n->slot = 0; n->slot < t->clients && t->client[n->slot].present;)
			n->slot++;
	if (r == 0 && n->slot >= TABLE_CLIENTS)
		r = -EUSERS;
	if (r == 0)
		r = table_reserve_client(t, fd, n->slot);
	if (r == 0 && outside) {
		memcpy(t->client[n->slot].beacon, n->beacon_id, sizeof(n->beacon_id));
		t->client[n->slot].present = 1;
	}
	if (r == 0 && base &&
	    (!t->client[n->slot].present ||
	     memcmp(t->client[n->slot].beacon, n->beacon_id, sizeof(n->beacon_id)) != 0))
		r = -EPROTO; /* we are not in it: whoever wrote it was no friend */
	if (r < 0) {
		table_unmap(t);
		close(fd);
		return r;
	}
	if (!base) {
		t->legacy = n->legacy_reuse;
		for (int p = 0; p < NAMES_PROTO_COUNT; p++)
			t->range[p] = (uint64_t)n->range[p].start << 32 | n->range[p].count;
	}
	struct table_client *me = &t->client[n->slot];
	me->uid = n->uid;
	n->nobody = names_nobody();
	me->alone = n->uid == n->nobody;
	me->pid = getpid();
	memcpy(me->beacon, n->beacon_id, sizeof(me->beacon));
	names_comm(me->comm);
	me->present = 1;
	t->book = n->fence->book;
	memcpy(t->book_name, n->book_name, sizeof(n->book_name));
	t->token = token;
	t->keeper = n->slot;
	t->keeper_uid = n->uid;
	wire_close(&n->table_fd);
	n->table = t;
	n->table_fd = fd;
	return 0;
}

void ring_enter_role(struct names *n, enum role role)
{
	n->role = role;
	n->turn++;
	n->terms += role == ROLE_KEEPER;
	n->departed = n->watched = 0;
	pthread_cond_broadcast(&n->changed);
}

bool ring_is_keeper(struct names *n)
{
	if (n->role == ROLE_KEEPER && !fence_is(n, n->token))
		ring_deposed(n);
	return n->role == ROLE_KEEPER;
}

void ring_deposed(struct names *n)
{
	NAMES_STEP(deposed);
	wsd_log(WSD_LOG_INFO, "names: another process keeps the names of this host now");
	service_unwatch(n, n->listener);
	broker_close(n);
	n->token = 0;
	ring_enter_role(n, ROLE_CLIENT);
	service_wake(n);
}

void ring_disconnect(struct names *n, bool departed)
{
	if (departed)
		n->departed = n->token;
	n->token = 0;
	if (n->event_fd >= 0) {
		service_unwatch(n, n->event_fd);
		call_last_events(n);
	}
	wire_close(&n->event_fd);
	if (n->ask_fd >= 0 && n->ask_fd == n->asking) {
		shutdown(n->ask_fd,
			 SHUT_RDWR); /* wakes the caller that waits on it; it closes it */
		n->zombie = n->ask_fd;
		n->ask_fd = -1;
	}
	wire_close(&n->ask_fd);
	n->connection++;
	n->pending_sent = 0;
	n->sent_total = n->done_total = 0;
	n->suspect = n->lost = n->yielded = false;
	n->pinged = 0;
	n->watched = 0;
}

/* From @base to a book of our own that everybody alive knows of. Only then we serve. */
static int take_book(struct names *n, uint64_t token, const struct table *base)
{
	int r = ring_make_table(n, token, base);

	if (r < 0)
		return r;
	NAMES_STEP(claim_copied);
	n->token = token;
	r = broker_open(n);
	if (r == 0) {
		r = broker_call_all(n);
		broker_adopt_names(n);
	}
	if (r == 0)
		r = book_create(n->table, n->table_fd, broker_tell, n, &n->book);
	NAMES_STEP(claim_called);
	if (r == 0)
		r = service_watch(n, n->listener, WATCH_LISTENER, 0, 0);
	if (r == 0 && !fence_is(n, token)) {
		service_unwatch(n, n->listener);
		r = -ESTALE;
	}
	if (r < 0) {
		broker_close(n);
		n->token = 0;
		return r;
	}
	ring_enter_role(n, ROLE_KEEPER);
	broker_alarm(n);
	oneway_apply(n);
	if (n->role == ROLE_KEEPER)
		book_tell_again(n->book, TABLE_NOBODY);
	return 0;
}

/*
 * From outside, and after the claim: the newest table that anybody has open. It will do if it is
 * that of the keeper we replaced. If that one is gone and has taken its table along, the newest is
 * as good for all who live, provided that we have seen what each of them has (docs/names.md).
 */
static int newest_outside(struct names *n, uint64_t from)
{
	struct rescue found;
	int r = rescue_find(n, &found);

	if (r == 0 && found.book == n->fence->book && (found.all || found.token == from)) {
		wire_close(&n->table_fd);
		n->table_fd = found.table;
		found.table = -1;
	} else {
		r = -ESTALE;
	}
	rescue_drop(&found);
	return r;
}

void ring_claim(struct names *n, uint64_t from)
{
	const struct table *base = NULL;
	uint64_t token = ring_next_token(from), expected = from;

	if (wire_now_ms() < n->unfit_until)
		return;
	NAMES_STEP(claim_before);
	if (!atomic_compare_exchange_strong(&n->fence->word, &expected, token))
		return; /* somebody was faster: it will call */
	NAMES_STEP(claimed);
	ring_disconnect(n, false);
	/* Calls that came before our claim may bring a newer book than the one we know
	 * (docs/names.md). */
	call_newest(n, token);
	int r = is_outside(n) ? newest_outside(n, from) : 0;
	int keep = r < 0 ? -1 : dup(n->table_fd);
	if (r == 0)
		r = keep < 0 ? wire_failure() : table_map(keep, &base);
	if (r == 0) {
		r = take_book(n, token, base);
		table_unmap(base);
	}
	if (r < 0 && keep >= 0) { /* what we made was not served from */
		wire_close(&n->table_fd);
		n->table_fd = keep;
	} else {
		wire_close(&keep);
	}
	if (r == 0) {
		wsd_log(WSD_LOG_INFO, "names: this process keeps the names of this host now");
	} else if (r != -ESTALE) {
		wsd_log(WSD_LOG_WARNING, "names: cannot keep the names of this host: %s",
			strerror(-r));
		n->unfit_until = wire_now_ms() + UNFIT_MS;
	}
}

/* Without a keeper: claim at once what our own one left; give anybody else who claims the time to
 * call. */
static void orphan(struct names *n)
{
	uint64_t word = atomic_load(&n->fence->word);
	int64_t now = wire_now_ms();

	if (word == n->departed) {
		ring_claim(n, word);
	} else if (word != n->watched || n->watched_since == 0) {
		n->watched = word;
		n->watched_since = now;
	} else if (now - n->watched_since >= CALL_MS) {
		ring_claim(n, word);
		n->watched_since = now;
	}
}

/*
 * A keeper that does not answer may be merely slow: as long as it is not deposed it would take our
 * hanging up for our death. So claim first, and hang up when the word has changed.
 */
static void replace_keeper(struct names *n)
{
	ring_claim(n, n->token);
	if (n->role == ROLE_CLIENT && n->event_fd >= 0 && !fence_is(n, n->token))
		ring_disconnect(n, false);
}

static void tick_client(struct names *n)
{
	int64_t now = wire_now_ms();

	if (n->lost)
		ring_disconnect(n, true);
	if (n->event_fd >= 0 && n->yielded) {
		n->yielded = false;
		replace_keeper(n);
	} else if (n->event_fd >= 0 && n->pinged && now - n->pinged >= PING_MS) {
		wsd_log(WSD_LOG_WARNING, "names: pid %d (%s) keeps the names but does not answer",
			n->keeper_pid, n->keeper_comm);
		n->pinged = 0;
		replace_keeper(n);
	} else if (n->event_fd >= 0 && n->suspect && !n->pinged) {
		struct wire_head ping = wire_head(WIRE_PING);
		n->suspect = false;
		n->pinged = now;
		int r = wire_send(n->event_fd, &ping, NULL, 0);
		if (r < 0 && r != -EAGAIN)
			ring_disconnect(n, true);
	}
	if (n->event_fd >= 0 && n->pending_sent < n->pending_count)
		oneway_flush(n);
	if (n->event_fd < 0 && n->role == ROLE_CLIENT)
		orphan(n);
}

void ring_tick(struct names *n)
{
	int64_t now = wire_now_ms();

	if (n->starved_until && now >= n->starved_until)
		service_recover(n);
	if (n->role == ROLE_CLIENT)
		tick_client(n);
	if (!ring_is_keeper(n))
		return;
	if (n->own_lag) {
		n->own_lag = false;
		book_tell_again(n->book, n->slot);
	}
	if (n->uncalled && now >= n->recall_at)
		broker_recall(n);
}

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_of_role(const struct names *n)
{
	int64_t next = INT64_MAX;

	if (n->role == ROLE_CLIENT && n->event_fd < 0) {
		next = n->watched_since && n->watched ? n->watched_since + CALL_MS : 0;
		return next > n->unfit_until ? next : n->unfit_until;
	}
	if (n->role == ROLE_CLIENT) {
		if (n->lost || n->yielded || (n->suspect && !n->pinged))
			return 0;
		if (n->pending_sent < n->pending_count) /* its queue was full */
			next = wire_now_ms() + FLUSH_MS;
		return n->pinged ? sooner(next, n->pinged + PING_MS) : next;
	}
	if (n->role != ROLE_KEEPER)
		return next;
	if (n->own_lag)
		next = sooner(next, wire_now_ms() + RECALL_MS);
	if (n->uncalled)
		next = sooner(next, n->recall_at);
	return next;
}

int64_t ring_next(const struct names *n)
{
	int64_t next = next_of_role(n);

	return n->starved_until ? sooner(next, n->starved_until) : next;
}

void ring_leave(struct names *n)
{
	call_close_all(n);
	/* The beacon first: a keeper that is told of our end by the others must not find us alive.
	 */
	wire_close(&n->beacon);
	wire_close(&n->ask_fd);
	wire_close(&n->event_fd);
	if (n->asking < 0)
		wire_close(&n->zombie);
	broker_close(n);
	service_spend(n);
	n->starved_until = 0;
	wire_close(&n->table_fd);
	wire_close(&n->listener);
	wire_close(&n->alarm);
	if (n->fence)
		munmap(n->fence, sizeof(*n->fence));
	n->fence = NULL;
	wire_close(&n->fence_fd);
	n->role = ROLE_NONE;
	n->turn++;
}
