/* SPDX-License-Identifier: MIT
 *
 * The record behind one application handle. The TCP/IP provider's socket is the application's
 * socket for life; companions on SANs hang on it and are never visible [SW-BIND-1, -7].
 */
#ifndef WSD_SWITCH_SOCKET_H
#define WSD_SWITCH_SOCKET_H

#include "process.h"
#include "waiter.h"

#include <stdint.h>

struct handle_slot;
struct san_listener;
struct sw_transport;
struct acceptor;
struct connector;
struct tcp_io;
struct netevents;
struct session;
struct name_hold;
struct retired;

enum sw_state {
	SW_CREATED,
	SW_BOUND,
	SW_LISTENING,  /* the application listens; whether this socket is first in rank: head */
	SW_CONNECTING, /* a connect has not ended: connector */
	SW_CONNECTED,  /* also when the connection is lost meanwhile, or shut down */
	SW_CLOSED,
	SW_STATE_COUNT
};

/* Options whose values are the application's, never the kernel's. Booleans are 0 or 1. */
struct sw_options {
	int32_t reuse;     /* SO_REUSEADDR */
	int32_t exclusive; /* SO_EXCLUSIVEADDRUSE */
	int32_t broadcast; /* SO_BROADCAST */
	int32_t port_scalability;
	int32_t v6only; /* default 1 */
	int32_t debug;  /* SO_DEBUG: forwarded to companions [SW-BIND-4.3] */
	bool debug_set;
	int32_t group_priority; /* SO_GROUP_PRIORITY: forwarded */
	bool group_priority_set;
	bool nonblocking;
	bool kernel_set;             /* something was set that the kernel's socket keeps */
	int32_t linger;              /* struct wsd_linger, both halves */
	int32_t sndbuf, rcvbuf;      /* -1: not set, the kernel's counts */
	uint32_t sndtimeo, rcvtimeo; /* milliseconds */
	int32_t conditional_accept, pause_accept;
	int32_t kept[9]; /* those without effect here, by their row in options.c */
};

struct sw_socket {
	struct sw_process *process;
	struct handle_slot *slot; /* the references, and the application's handle */
	pthread_mutex_t lock;     /* everything below; held over TCP/IP downcalls and san_* calls */
	SOCKET tcp;               /* the TCP/IP provider's descriptor */
	int af, type, protocol;
	enum sw_state state;
	struct sw_options options;
	struct wsd_sockaddr_storage local; /* cached name; valid from SW_BOUND on [WS-NAME-8] */
	int local_len;
	uint32_t address_epoch; /* of the host's addresses, before this one was looked at */
	bool named;             /* a name is held in `names`: name_id */
	bool exclusive;         /* so, and EXCLUSIVE */
	uint64_t name_id;
	bool kernel_bound; /* false while the kernel bind is put off [WS-REUSE-13] */
	bool kernel_listening;
	bool head;   /* first in rank on its name: kernel LISTEN and companions are its */
	bool fallen; /* its turn came and failed: out of the rank, and tried again */
	int backlog; /* of the first listen; a second changes nothing [WS-LISTEN-3] */
	struct san_listener *san; /* the SAN side's part; NULL when it has none */
	/* What waits, and who [waiter.h]; wake-ups need no s->lock. */
	struct waiter_list waiters;
	_Atomic(struct netevents *) netevents; /* WSAEventSelect; made once, lives with s */
	struct acceptor *acceptor;             /* listener: connections ready for accept */
	struct connector *connector;           /* a connect under way, and what the last one left */
	struct sw_socket *next_ready;          /* in an acceptor's queue */
	struct sw_socket *accepting;           /* the listener whose AcceptEx is to fill it */
	struct name_hold *hold;                /* a name shared with a listener [WS-REUSE-11] */
	/* From SW_CONNECTED on constant, but for shut_*: */
	const struct sw_transport *transport; /* NULL: not connected */
	int tcp_reason;                       /* why not the SAN: enum sw_reason [reason.h] */
	_Atomic(struct session *) session;    /* of transport_san, which reads it without s->lock */
	struct san_conn *attempt;             /* a connect on the SAN under way: san_connect.c's */
	bool san_reports;                     /* its end is on the way to connect_san_done */
	_Atomic(struct tcp_io *) tcp_io;      /* requests pending on TCP/IP; made once */
	struct retired *retired;              /* of connections before [disconnect.h] */
	struct wsd_sockaddr_storage peer;
	int peer_len; /* 0: none */
	bool shut_send, shut_receive;
	bool accepted_ex;      /* from AcceptEx, before SO_UPDATE_ACCEPT_CONTEXT [WS-NAME-5] */
	uint64_t connected_ns; /* CLOCK_MONOTONIC, for SO_CONNECT_TIME */
	int error;             /* SO_ERROR's shadow [WS-CONNECT-8] */
	struct sw_socket *abandoned; /* of a fork, in the child */
};

struct sw_name {
	struct wsd_sockaddr_storage addr;
	int len;
};

/* Return a WSA code. */
int sw_socket_create(struct sw_process *p, int af, int type, int protocol, DWORD flags,
		     SOCKET *ret);

/**
 * sw_socket_adopt - a connection of @listener's as a socket of its own, connected over TCP/IP
 * @tcp: the kernel's; the caller's still when this fails
 * Options, mode and events are the listener's [WS-ACCEPT-3]. Caller holds listener->lock, and is
 * inside sw_fds_begin. Return: a WSA code; *ret with a reference for the caller.
 */
int sw_socket_adopt(struct sw_socket *listener, SOCKET tcp, const struct sw_name *local,
		    const struct sw_name *peer, struct sw_socket **ret);

/* What makes a connection, out of the record that it came in. */
struct sw_parts {
	SOCKET tcp;
	struct session *session;
	const struct sw_transport *transport;
	struct sw_options options;
	struct sw_name local, peer;
	int tcp_reason;
	uint64_t connected_ns;
	struct name_hold *hold;
};

/* Ends the record of a connection that nobody has seen, and keeps the connection. False: it was
 * closed before. The caller's reference stays its own; locks s->lock. */
bool sw_socket_take_apart(struct sw_socket *s, struct sw_parts *ret);

int sw_socket_close(struct sw_process *p, SOCKET handle);
void sw_socket_close_all(struct sw_process *p);

/* In the child after fork: its copy of the descriptor and the memory, without any lock. */
void sw_socket_after_fork(struct sw_socket *s);

/* References. Look-up of a stale, foreign or zero handle gives NULL (WSAENOTSOCK). */
struct sw_socket *sw_socket_find(struct sw_process *p, SOCKET s);
SOCKET sw_socket_handle(const struct sw_socket *s);
struct sw_socket *sw_socket_ref(struct sw_socket *s);
void sw_socket_put(struct sw_socket *s); /* NULL is fine */

/* Call @fn for every live socket, a reference held; for hot-plug [SW-LISTEN-5, -6]. */
void sw_socket_each(struct sw_process *p, void (*fn)(struct sw_socket *s, void *arg), void *arg);

#endif
