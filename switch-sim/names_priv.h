/* SPDX-License-Identifier: MIT */
/*
 * names_priv.h: the inside of a `struct names`, shared by names.c, names_ring.c, names_events.c,
 * names_list.c and broker.c.
 *
 * Words: the *book* is the table of names_table.h and its index; the process that writes it is the
 * *keeper* (the broker), the others that may have to go on from it are *participants*. The *fence*
 * is one shared word that says who is the keeper; the *beacon* is a listening socket that each
 * participant has, by which a new keeper calls it.
 *
 * Locks: `lock` guards every field and is never held over a wait or a callback. Questions to
 * another process, and joining, are one at a time: whoever does so is *busy* (names_busy_begin),
 * for a second at most.
 */
#ifndef WSD_SWITCH_NAMES_PRIV_H
#define WSD_SWITCH_NAMES_PRIV_H

#include "names.h"
#include "names_book.h"
#include "names_step.h"
#include "names_table.h"
#include "names_wire.h"

#include <pthread.h>

enum {
	WAIT_MS = 1000,   /* a bind waits no longer (docs/names.md) */
	SUSPECT_MS = 200, /* unanswered for so long: is the keeper stopped? */
	FLUSH_MS = 10,    /* between tries to say what the keeper's full queue did not take */
	PING_MS = 120,    /* it does not answer this either: it is */
	WELCOME_MS = 250, /* a newcomer raises the alarm after that, and asks again */
	SILENT_MS = 120,  /* at a place that was silent before */
	CALL_MS = 250,    /* somebody else took over and has not called us: it is stopped, too */
	CREATE_MS = 200, /* an abstract name that is bound but deaf for so long belongs to a stopped
			    process */
	RESCUE_MS = 450, /* nobody answers newcomers: a live participant would have taken over */
	UNFIT_MS = 1000, /* we could not take over (memory, descriptors): let others try first */
	RECALL_MS = 250, /* participants that could not be called, for want of descriptors */
	STRANGERS = 64,  /* connections that have not said hello; the oldest goes */
	CALLS = 32,      /* connections on our beacon; of those that have not spoken one goes */
	RESERVE_FDS = 6, /* for a newcomer or a call, when our process has used all of its own */
	STARVED_MS = 100, /* not even those: look again after that */
};

struct fence {
	uint32_t magic, version;
	_Atomic uint64_t word; /* the keeper's token: turn << 32 | random */
	uint64_t book;         /* to tell which table belongs to it */
	uint8_t secret[16];
};

enum role { ROLE_NONE, ROLE_CLIENT, ROLE_KEEPER };

/* A connection to us as the keeper. */
struct peer {
	int ask, event;      /* event: -1 for a guest or a stranger */
	uint32_t generation; /* of this place in the array */
	uint32_t slot;       /* in the table; TABLE_NOBODY: stranger or guest */
	struct wire_peer cred;
	bool guest, lagging;
	bool called;    /* by its beacon; else it came to us */
	uint32_t dealt; /* asks without an answer, since the connection was made */
	int64_t since;
};

/* Something to call back about; one for each id. */
struct event_item {
	struct event_item *next;
	uint64_t id, cookie;
	unsigned kinds; /* 1 << enum book_event */
	int64_t due_ms; /* of those for later */
	size_t shadows;
	uint8_t (*shadow)[4];
};

/* An ask without an answer that the keeper may not have dealt with. */
struct pending {
	uint32_t op, value;
	uint64_t id;
};

struct names {
	pthread_mutex_t lock;
	bool busy;              /* somebody asks, or joins */
	pthread_cond_t changed; /* role or connection */

	/* constant after names_open */
	char book_name[WIRE_NAME_MAX + 1];
	bool legacy_reuse, guest;
	struct names_range range[NAMES_PROTO_COUNT];
	const struct names_ops *ops;
	void *ctx;

	enum role role;
	unsigned turn;             /* counts changes of role */
	unsigned terms;            /* counts how often we became the keeper */
	uint32_t uid, slot, place; /* place: of the public sockets, by ring_book_name */
	uint64_t serial;           /* the last given to a bind */

	/* what a participant has */
	int listener, alarm, fence_fd, beacon, table_fd;
	struct fence *fence;
	uint8_t beacon_id[16];
	uint64_t
		token; /* keeper: ours; client: of the keeper that we are connected with, 0: none */
	uint64_t departed; /* token of a keeper that hung up or did not answer */
	uint64_t watched;  /* token of another that took over, but has not called us */
	int64_t watched_since, unfit_until;
	int calls[CALLS];
	unsigned call_turn; /* which of them goes next */

	/* client: the keeper's connections */
	int ask_fd, event_fd;
	unsigned connection; /* counts them */
	int asking, zombie;  /* descriptor that a caller waits on; it closes it when it has become
				the zombie */
	uint32_t seq;
	bool suspect, lost, yielded;
	int64_t pinged; /* 0: no ping is out */
	int32_t keeper_pid;
	char keeper_comm[16];

	/* asks without an answer: pending[0..count) in order, the first `sent` of them sent on this
	 * connection */
	struct pending *pending;
	size_t pending_count, pending_max, pending_sent;
	uint32_t sent_total, done_total; /* on this connection */

	/* keeper */
	struct table *table;
	struct book *book;
	struct peer *peer;
	uint32_t peers, peers_max;
	uint32_t *peer_of; /* by slot: index + 1 */
	uint64_t nobody;   /* names_nobody(), since we made the table */
	uint32_t slot_hint, strangers, uncalled;
	int64_t recall_at;
	bool own_lag;

	/* the service thread */
	int epoll, wake;
	pthread_t service;
	bool serving, stop;
	int64_t starved_until;
	int reserve[RESERVE_FDS];

	/* the thread that calls back */
	pthread_cond_t called;
	pthread_t caller;
	bool calling;
	struct event_item *events, **events_end;
	struct event_item *later, **later_end; /* by their time */
};

/* names_ring.c: taking over, being deposed. Caller holds `lock`. */
bool ring_is_keeper(struct names *n); /* false also when it just turns out that we no longer are */
void ring_deposed(struct names *n);
void ring_disconnect(struct names *n, bool departed);
void ring_claim(struct names *n, uint64_t from);
void ring_tick(struct names *n);
int64_t ring_next(const struct names *n); /* when ring_tick has something to do, INT64_MAX: never */
void ring_leave(struct names *n);         /* close all that joining opened; threads are gone */
void ring_enter_role(struct names *n, enum role role);
int ring_make_table(struct names *n, uint64_t token, const struct table *base);
uint64_t ring_next_token(uint64_t after);
void ring_random(void *to, size_t size);

/* names_join.c. Caller is busy, does not hold `lock`. 0, -EPROTO, -EUSERS, -ETIMEDOUT, another
 * -errno */
int ring_join(struct names *n, int64_t deadline);

/* names_rescue.c: the newest table of our book, and its fence, among what stopped processes have
 * open. No lock taken. */
struct rescue {
	int table, fence;
	uint64_t token, book; /* of the table */
	bool all;             /* every process that takes part in the book was looked into */
};
int rescue_find(const struct names *n, struct rescue *ret); /* 0, -ENOENT */
void rescue_drop(struct rescue *r);
/* For the log: who is stopped; @opener if it is. 0: nobody that we know of. */
int32_t rescue_culprit(const struct names *n, int32_t opener, char ret_comm[16]);

/* names_user.c: the uid that stands for every user whom this user namespace has no number for;
 * UINT64_MAX: there is no such user. No lock. */
uint64_t names_nobody(void);

/* names_hello.c: one connection to the keeper by its public name. No lock. */
struct hello {
	int fd;
	unsigned fds;
	int got[WIRE_FDS];
	struct wire_welcome welcome;
};
void ring_book_name(const struct names *n, unsigned place, char ret[WIRE_NAME_MAX + 8]);
int hello_say(struct names *n, int fd, const char *name, int64_t patience, struct hello *ret);
void hello_drop(struct hello *h);
void names_comm(char ret[16]); /* of this process */

/* names_service.c: the thread that listens to all descriptors. */
enum watch {
	WATCH_WAKE,
	WATCH_LISTENER,
	WATCH_ALARM,
	WATCH_BEACON,
	WATCH_CALL,
	WATCH_EVENT,
	WATCH_PEER_ASK,
	WATCH_PEER_EVENT,
	WATCH_COUNT
};
int service_start(struct names *n);
void service_stop(struct names *n); /* no lock */
int service_watch(struct names *n, int fd, enum watch kind, uint32_t generation, uint32_t index);
void service_unwatch(struct names *n, int fd);
void service_wake(struct names *n);
void service_reserve(struct names *n); /* fill it as far as may be */
bool service_spend(struct names *n);   /* false: there was none */
void service_recover(struct names *n); /* from that */
void service_starve(struct names *n);  /* be deaf for a while to what takes descriptors */

/* names_call.c: what a participant does with its beacon and its event connection. */
void call_beacon_ready(struct names *n);
void call_ready(struct names *n, uint32_t index, uint32_t generation);
void call_event_ready(struct names *n);
void call_last_events(struct names *n); /* before the event connection is closed */
void call_newest(struct names *n,
		 uint64_t before); /* table_fd: of the newest call older than that */
int call_adopt(struct names *n, const struct wire_welcome *w, int fd, int event_fd, int table_fd);
void call_close_all(struct names *n);

/* broker.c: the keeper's side. */
int broker_open(struct names *n);     /* table and slot are set */
void broker_close(struct names *n);   /* peers, book, the writable table */
int broker_call_all(struct names *n); /* 0, -EMFILE, -ENOMEM: not all could be called */
void broker_recall(struct names *n);
void broker_adopt_names(struct names *n); /* after broker_call_all */
int broker_answer(struct names *n, uint32_t slot, uint32_t uid, const struct wire_ask *ask,
		  struct wire_answer *ret); /* 0, -ESTALE: deposed */
bool broker_tell(void *ctx, uint32_t index, enum book_event event);
void broker_accept(struct names *n);
void broker_alarm(struct names *n);
void broker_ask_ready(struct names *n, uint32_t index, uint32_t generation);
void broker_event_ready(struct names *n, uint32_t index, uint32_t generation, uint32_t what);

/* names_oneway.c: asks without an answer. */
void oneway_add(struct names *n, uint32_t op, uint64_t id, uint32_t value);
bool oneway_flush(struct names *n);                /* false: the keeper does not read */
void oneway_done(struct names *n, uint32_t total); /* dealt with, on this connection */
void oneway_apply(struct names *n);                /* we are the keeper now */
struct wire_ask oneway_ask(const struct pending *p);

/* names_list.c: a guest's question. No lock. 0, -ENOENT, -EPROTO, -ETIMEDOUT, -errno */
int guest_ask(struct names *n, const struct wire_ask *ask, struct wire_answer *ret);

/* names_events.c */
bool events_push(struct names *n, uint64_t id, uint64_t cookie, enum book_event kind,
		 const uint8_t (*shadow)[4], size_t count); /* false: no memory or no thread */
bool events_later(struct names *n, uint64_t id, uint64_t cookie,
		  int64_t due_ms);  /* a retry; the same */
bool events_start(struct names *n); /* the thread, if it does not run; @lock */
void events_stop(struct names *n);  /* no lock */
void events_drop(struct names *n);

struct timespec names_at_ms(int64_t ms); /* names.c */

/* names.c. Under `lock`: wait until role or connection change, @ms at most and not beyond the
 * deadline. */
/* Become busy, once nobody else is. False: not before the deadline. The lock is the caller's,
 * before and after. */
bool names_busy_begin(struct names *n, int64_t deadline);
void names_busy_end(struct names *n);
void names_wait(struct names *n, int64_t ms, int64_t deadline);

static inline bool fence_is(const struct names *n, uint64_t token)
{
	/* what we stored before is seen by whoever replaces the word after this load
	 * (docs/names.md) */
	atomic_thread_fence(memory_order_seq_cst);
	return atomic_load(&n->fence->word) == token;
}

#endif
