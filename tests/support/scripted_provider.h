/* SPDX-License-Identifier: MIT
 *
 * The scripted provider: a SAN provider module for tests of the switch. It writes down each call it
 * gets and answers from a script; it carries no data. Two copies of the module (scripted-a.so and
 * scripted-b.so) are two providers.
 *
 * A test opens the module before WSAStartup does (same file, so same state), finds
 * `scripted_control` in it, and reads and writes it directly; scripted_lock guards what the
 * switch's threads may use at the same time.
 */
#ifndef WSD_TESTS_SCRIPTED_PROVIDER_H
#define WSD_TESTS_SCRIPTED_PROVIDER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <wsd/abi.h>

enum {
	SCRIPTED_LINES = 1024,
	SCRIPTED_TEXT = 120,
	SCRIPTED_RULES = 8,
	SCRIPTED_ADDRS = 64,
	SCRIPTED_SOCKETS = 1024,
	SCRIPTED_REQUESTS = 128,
};

/* What all copies write to, in the order of the calls; the test's. */
struct scripted_log {
	pthread_mutex_t lock;
	unsigned count;
	const char *ignore; /* lines that hold this are left out; NULL: none */
	char lines[SCRIPTED_LINES][SCRIPTED_TEXT]; /* "a WSPBind(1, 10.77.0.1:5150) = 0" */
};

/* "The calls of this name whose arguments hold this text fail with this code." */
struct scripted_rule {
	char call[40];  /* "WSPBind", "SIO_ADDRESS_LIST_QUERY", "WSPRdmaRead" (its GUID) */
	char match[40]; /* part of the line; "": any */
	int error;      /* 0: the rule is off */
	unsigned after; /* let so many pass first */
};

struct scripted_socket {
	bool live, bound, listening;
	SOCKET handle; /* the switch's */
	WSAEVENT event;
	long selected, recorded;
	struct wsd_sockaddr_in name;
	int backlog;
	bool connecting;
	int connect_code;
	struct wsd_sockaddr_in peers[SCRIPTED_REQUESTS]; /* requests that wait for WSPAccept */
	unsigned n_peers;
};

struct scripted {
	pthread_mutex_t lock;
	char name[8]; /* what the lines begin with */
	struct scripted_log *log;
	WORD version;         /* that WSPDATA tells; 0: 2.2 */
	char empty_slot[40];  /* this slot of the table stays NULL */
	bool no_handle;       /* WSPSocket asks the switch for no handle */
	bool connect_at_once; /* WSPConnect says 0 */
	bool connect_tells;   /* and FD_CONNECT has come before */
	bool sticky_event;    /* WSPEnumNetworkEvents does not reset the event */
	struct scripted_rule rules[SCRIPTED_RULES];
	uint32_t addrs_be[SCRIPTED_ADDRS]; /* the answer to SIO_ADDRESS_LIST_QUERY */
	unsigned n_addrs;

	/* what happened */
	unsigned startups, cleanups;
	unsigned handles_made, handles_returned;
	unsigned stale; /* calls with a descriptor that is none (any more), or after the cleanup */
	struct scripted_socket sockets[SCRIPTED_SOCKETS]; /* [descriptor] */
	unsigned n_sockets;
	WSPUPCALLTABLEEX upcalls;
	WSAPROTOCOL_INFOW info;

	/* called before each call is answered, with no lock held; may be NULL */
	void (*hook)(struct scripted *p, const char *call, void *arg);
	void *hook_arg;
	/* record events on a socket and set its event, as an arriving request would */
	void (*signal)(struct scripted *p, SOCKET desc, long events);
	/* a request of a peer (dotted, port) arrives at a listener */
	void (*request)(struct scripted *p, SOCKET desc, const char *peer, unsigned short port);
	/* WSPConnect, which says WSAEWOULDBLOCK unless the script knows better, ends with this */
	void (*connected)(struct scripted *p, SOCKET desc, int code);
};

/* The symbol to look up in the module. */
#define SCRIPTED_CONTROL "scripted_control"

#endif
