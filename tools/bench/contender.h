/* SPDX-License-Identifier: MIT
 *
 * Who is measured: the library at either layer, and its peers. A contender is a table of functions;
 * what it cannot do is NULL. Each keeps its own state behind the opaque types and, once started, a
 * process-wide one, which stop() takes away.
 *
 * Functions return 0, or -1 with errno; the library's WSA codes are translated to errno. They may
 * be called from several threads at once, one thread for a connection's receiving and one for its
 * sending side; listen, accept of one listener and start/stop from one thread each.
 */
#ifndef WSD_BENCH_CONTENDER_H
#define WSD_BENCH_CONTENDER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

struct bound;    /* a socket, or id, of the tests of names */
struct listener; /* of the tests of connections */
struct conn;

enum { BIND_SHARE = 1, BIND_EXCLUSIVE = 2 };

/* Names: bind, listen and what goes with them, one call each, so that tests time them apart. */
struct name_ops {
	int (*make)(struct bound **ret);
	/* Port 0: chosen. @flags: BIND_*; EOPNOTSUPP for one that the contender does not know. A
	 * failed bind leaves @b usable. */
	int (*bind)(struct bound *b, const struct sockaddr_in *name, unsigned flags);
	int (*listen)(struct bound *b, int backlog);
	int (*name)(struct bound *b, struct sockaddr_in *ret);
	/* Waits for a first connection request at a listening name and ends it, by turning it away
	 * or by taking and closing it. NULL: cannot. */
	int (*serve)(struct bound *b);
	int (*close)(struct bound *b); /* frees it always */
};

/* Connections. */
struct conn_ops {
	/* @at's port 0: chosen, and told in @at. */
	int (*listen)(struct sockaddr_in *at, int backlog, struct listener **ret);
	void (*unlisten)(struct listener *l);
	/* Waits. A listener that is closed by another thread, or interrupt(), ends it: ECANCELED.
	 */
	int (*accept)(struct listener *l, size_t message, struct conn **ret);
	void (*interrupt)(struct listener *l);
	/* @message: the largest message that will be sent; 0: none. Waits until it is connected. */
	int (*connect)(const struct sockaddr_in *to, size_t message, struct conn **ret);
	int (*send)(struct conn *c, const void *data, size_t n); /* all of it */
	int (*recv)(struct conn *c, void *data, size_t n);       /* exactly @n; EPIPE: the end */
	void (*close)(struct conn *c);
	/* Closes a connection over TCP/IP by a reset, once the peer has ended it. Else the peer's
	 * port is held for a minute (TIME_WAIT), connect() has to look for a free one longer and
	 * longer, and soon there is none. NULL: the contender does not use TCP/IP. */
	void (*reset)(struct conn *c);
	/* Whether this connection is over the fabric (for the switch: not over TCP/IP, with the
	 * reason in @why). NULL: always. */
	bool (*on_san)(struct conn *c, char *why, size_t size);
};

struct contender {
	const char *name;  /* of --beside and the JSON: "switch", "raw" */
	const char *title; /* "bare librdmacm" */
	/* Makes it ready for @here, this host's address, and keeps what must stay open for the
	 * figures to be fair (raw's anchor id). 0, or -1 with what is missing in @why: it is left
	 * out then, and stop() must not be called. After a stop() it may be started again, with
	 * what the environment says then; a stop() of what was stopped does nothing. */
	int (*start)(const struct sockaddr_in *here, char *why, size_t size);
	void (*stop)(void);
	const struct name_ops *names;
	const struct conn_ops *conns;
};

extern const struct contender contend_switch, contend_provider, contend_raw, contend_raw_cm,
	contend_rsockets, contend_tcp, contend_perftest, contend_rstream;

/* By name; NULL: there is none. contender_at(i) for i = 0, 1, ... lists all, NULL behind the last.
 */
const struct contender *contender_find(const char *name);
const struct contender *contender_at(int i);

#endif
