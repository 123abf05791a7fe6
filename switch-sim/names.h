/* SPDX-License-Identifier: MIT */
/*
 * names.h: who holds which name on this host, for the switch and for the tools.
 *
 * One network namespace has one book of names. Some process on it keeps the book (the broker);
 * which one is not the caller's concern. docs/names.md tells how it works and why nothing is lost
 * when a process is killed or stopped. Clauses: WS-PORT-1..7, WS-REUSE-1..13 (the decision),
 * SW-SHARE-2, SW-SHARE-3, SW-WILD-5.
 *
 * Locks: names takes only its own, and holds none of them while it calls back. The caller may hold
 * its socket's lock over any call here (and should: then a callback that takes this lock sees what
 * the call has done).
 */
#ifndef WSD_SWITCH_NAMES_H
#define WSD_SWITCH_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum names_proto { NAMES_TCP4, NAMES_TCP6, NAMES_UDP4, NAMES_UDP6, NAMES_PROTO_COUNT };
enum names_mode { NAMES_DEFAULT, NAMES_REUSE, NAMES_EXCLUSIVE, NAMES_MODE_COUNT };

/* A dynamic port range, as netsh gives it: first port and number of ports. count 0: not given, take
 * the default. */
struct names_range {
	uint32_t start;
	uint32_t count;
};

/* Filled by the switch from its configuration; zero is the default of every field. Strings are
 * copied. */
struct names_config {
	const char
		*broker_name; /* abstract name of the book; NULL: WSD_BROKER_NAME, or the default */
	bool legacy_reuse;    /* WS-REUSE-4 instead of WS-REUSE-2 and -3 */
	bool legacy_ports;    /* 1025-5000, or up to max_user_port (WS-PORT-2) */
	uint32_t max_user_port;                      /* WS-PORT-3 (a): 5000-65534; 0: not given */
	struct names_range range[NAMES_PROTO_COUNT]; /* WS-PORT-3 (b) */
	bool guest; /* for tools: look and set only; never keeps the book, holds no name */
};
/* reuse profile and ranges are the host's: the process that opens the book first sets them, later
 * ones only look. */

/*
 * A name somebody wants. Byte order: addr is network order (IPv4 in the first 4 bytes; all zero is
 * the wildcard), port is host order, 0 = choose one from the dynamic range. A v4-mapped IPv6
 * address is taken as the IPv4 name.
 */
struct names_request {
	enum names_proto proto;
	enum names_mode mode;
	uint8_t addr[16];
	uint32_t scope;
	uint16_t port;
	bool dual; /* AF_INET6 with IPV6_V6ONLY = 0 (WS-REUSE-8); counts for the wildcard only */
	bool scalability; /* SO_PORT_SCALABILITY (WS-PORT-5); counts with a specific address and
			     port 0 only */
};

/*
 * Called on a thread of names' own, one call at a time, no lock held; never after names_close has
 * returned, and never on the thread that is inside names_close. Any names_ call but names_close may
 * be made from inside. id is the one that names_bind gave, cookie the caller's own: an event may be
 * under way while the name is being released, so look the socket up by cookie, lock it, and compare
 * its id; when it differs there is nothing to do. Every event says how things are now and may come
 * twice.
 */
struct names_ops {
	/* You are now first in rank on your name: kernel listen, then companions (SW-SHARE-3). Not
	 * sent to a listener to whom names_listen said so already. A wildcard listener gets
	 * shadow() first. */
	void (*takeover)(void *ctx, uint64_t id, uint64_t cookie);
	/* SW-WILD-5, for a wildcard listener that is first in rank: these IPv4 addresses have
	 * listeners of their own on this port now: no companion there; on all others there may be
	 * one. The list is complete, in no order, borrowed for the call. */
	void (*shadow)(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4],
		       size_t count);
	/* Somebody on the port left since names_defer: try the kernel bind again (WS-REUSE-13), and
	 * if it fails call names_defer again. Or it is the time that names_again asked for. */
	void (*retry)(void *ctx, uint64_t id, uint64_t cookie);
};

struct names;

/**
 * names_open - a handle on the host's book of names. Nothing is asked and no thread started before
 * the first call.
 * @cfg: borrowed; NULL: defaults. A value out of its range is logged and the default taken
 * (WS-PORT-3).
 * @ops: borrowed until names_close; NULL for a guest
 * Return: 0, -ENOMEM, -ENAMETOOLONG (broker_name).
 */
int names_open(const struct names_config *cfg, const struct names_ops *ops, void *ctx,
	       struct names **ret);

/**
 * names_serve - join now, and keep the book from now on, whoever kept it before; for `wsd broker`
 * Return: 0, -EPROTO (the present keeper is of another protocol version), -ETIMEDOUT, -ENOMEM or
 * another -errno.
 */
int names_serve(struct names *n);

/* The abstract name of the book; lives as long as @n. */
const char *names_book_name(const struct names *n);

/* All names of this process are released, threads joined, descriptors closed. NULL is fine. */
void names_close(struct names *n);

/**
 * names_bind - take a name
 * @cookie: comes back in callbacks
 * Return: 0, WSAEADDRINUSE or WSAEACCES (the tables of WS-REUSE), WSAENOBUFS (no dynamic port is
 * free, no memory, or nobody answered within a second: then a log line names the process in the
 * way), WSAEINVAL (not a name). On failure nothing has changed.
 */
int names_bind(struct names *n, const struct names_request *req, uint64_t cookie, uint64_t *ret_id,
	       uint16_t *ret_port);

/* Give the name back. Never waits for anybody. An unknown id is ignored. */
void names_release(struct names *n, uint64_t id);

/* Addresses that a wildcard listener must leave alone (SW-WILD-5). addr is the caller's to free().
 */
struct names_shadow {
	uint8_t (*addr)[4];
	size_t count;
};

/**
 * names_listen - the holder listens from now on: it takes its place in the rank of its name
 * (SW-SHARE-2)
 * @ret_head:   true: first in rank, go on with the kernel's listen; false: takeover() will tell
 * @ret_shadow: filled for a wildcard that is first in rank, else empty; may be NULL
 * Calling it again changes nothing and answers how things are.
 * Return: 0, WSAEINVAL (id is not ours), WSAENOBUFS (as names_bind).
 */
int names_listen(struct names *n, uint64_t id, bool *ret_head, struct names_shadow *ret_shadow);

/* A listen that came to nothing after all: the holder leaves the rank and keeps the name; the next
 * one takes over. Never waits for anybody. An unknown id is ignored. */
void names_unlisten(struct names *n, uint64_t id);

/* The kernel bind is put off: retry() once when somebody has left the port since names_bind or the
 * last retry(). */
void names_defer(struct names *n, uint64_t id);

/* retry() once, in a quarter of a second: for a failure that no event of names will end. */
void names_again(struct names *n, uint64_t id, uint64_t cookie);

/* How many companions the holder has now, for `wsd names`. */
void names_note(struct names *n, uint64_t id, unsigned companions);

/* One held name, as names_list shows it. */
struct names_entry {
	enum names_proto proto;
	enum names_mode mode;
	uint8_t addr[16];
	uint32_t scope;
	uint16_t port;
	bool dual;
	bool deferred;
	pid_t pid; /* as the broker sees it; 0: unknown (a process of another pid namespace) */
	char comm[16];
	uid_t uid;
	bool same_user; /* as this process, as far as the broker can tell; false for a guest */
	unsigned rank;  /* 0: does not listen; 1: head */
	unsigned companions;
};

/**
 * names_list - every name held on this host, sorted by protocol, port, address, rank
 * @each: called on this thread; the entry is borrowed
 * Return: 0, -ENOENT (nobody keeps a book; only a guest gets this), -EPROTO (another protocol
 * version), -ETIMEDOUT (no answer), -ENOMEM.
 */
int names_list(struct names *n, void (*each)(void *arg, const struct names_entry *e), void *arg);

/* This process is not the effective user any more that it was when it joined, which the book goes
 * by.
 */
bool names_user_changed(struct names *n);

/* The dynamic ranges in force. Return: as names_list. */
int names_ports_get(struct names *n, struct names_range ret[NAMES_PROTO_COUNT]);

/**
 * names_ports_set - change one range, for every process at once (WS-PORT-3)
 * Return: 0, -EINVAL (count < 255, start < 1025, start + count > 65536), -EACCES (neither root nor
 * the broker's user), else as names_list. On failure the range is as before.
 */
int names_ports_set(struct names *n, enum names_proto proto, struct names_range range);

/* True if the range is legal (WS-PORT-3). */
bool names_range_legal(struct names_range range);

/*
 * Around fork(), for the switch's pthread_atfork handlers. The child is a stranger:
 * names_fork_child drops everything that it inherited, releases nothing of the parent's, and leaves
 * *n a fresh handle, as after names_open, that holds no name.
 */
void names_fork_prepare(struct names *n);
void names_fork_parent(struct names *n);
void names_fork_child(struct names *n);

#endif
