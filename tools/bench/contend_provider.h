/* SPDX-License-Identifier: MIT
 *
 * The provider as a contender, in three parts: contend_provider.c owns the module and its upcalls,
 * contend_provider_conn.c sockets that listen and connect, contend_provider_data.c what goes over a
 * connection.
 */
#ifndef WSD_BENCH_CONTEND_PROVIDER_H
#define WSD_BENCH_CONTEND_PROVIDER_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <wsd/abi.h>
#include <wsd/attend.h>

/* What a switch gets from a provider. */
struct provider_calls {
	WSPPROC_TABLE table;
	LPFN_WSPREGISTERMEMORY reg;
	LPFN_WSPDEREGISTERMEMORY dereg;
	struct sockaddr_in here;
	LPFN_WSDATTEND attend; /* NULL: it has a thread of its own for completions, always */
};
/* Valid from start to stop. */
const struct provider_calls *provider_calls(void);

/* A WSAEVENT of ours. */
struct provider_event {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool set;
	bool interrupted; /* by us: nobody need wait any more */
};
void provider_event_init(struct provider_event *e);
void provider_event_free(struct provider_event *e);

enum {
	PROVIDER_DEPTH = 64, /* messages under way, at most */
	PROVIDER_SPARE = 4,  /* receives for those that only bring credits */
	PROVIDER_RECVS = PROVIDER_DEPTH + PROVIDER_SPARE,
	PROVIDER_SENDS = 96,
	PROVIDER_BUFFERS = 4, /* of the caller's: registered on sight */
};

struct conn;

struct provider_op {
	WSAOVERLAPPED ov; /* first: an upcall brings its address */
	struct conn *conn;
	unsigned slot;
};

struct conn {
	SOCKET s;
	/* The rest is contend_provider_data.c's. */
	bool attended; /* completions are asked for; else the provider's thread brings them */
	size_t size;
	unsigned depth;
	char *memory; /* depth + PROVIDER_SPARE receives of `size` */
	struct {
		const void *at;
		size_t n;
		HANDLE handle;
	} sources[PROVIDER_BUFFERS];
	pthread_mutex_t lock; /* around what follows; not held while asleep, nor in upcalls */
	pthread_cond_t changed;
	bool asleep; /* a thread waits for the descriptor */
	bool broken;
	bool greeted;         /* the peer's first message, which says that it is ready */
	unsigned credits;     /* messages that the peer has room for */
	unsigned owed;        /* room that the peer was not told of */
	unsigned sent;        /* a ring of sends */
	unsigned first, came; /* receives that nobody has taken: a ring */
	unsigned taken[PROVIDER_RECVS];
	size_t lengths[PROVIDER_RECVS];
	struct provider_op receives[PROVIDER_RECVS], sends[PROVIDER_SENDS];
};

/* @s is connected: receives for messages of up to @size bytes, and the peer is told that they are
 * there; with 0 only the end is waited for. 0, or -1 with errno; provider_disconnected() after
 * both, when the socket is closed. */
int provider_connected(struct conn *c, SOCKET s, size_t size);
void provider_disconnected(struct conn *c);
int provider_send(struct conn *c, const void *data, size_t n);
int provider_recv(struct conn *c, void *data, size_t n);

/* Upcalls. */
int WSPAPI provider_completed(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD code, DWORD bytes,
			      LPINT err);
BOOL WSPAPI provider_event_set(WSAEVENT event, LPINT err);
BOOL WSPAPI provider_event_reset(WSAEVENT event, LPINT err);

#endif
