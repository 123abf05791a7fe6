/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the SAN side only: san.c (life, listeners), companion.c, service.c (the
 * thread), hotplug.c (changes).
 *
 * Locks, outermost first: socket.lock > start_lock > view_lock. view_lock is held for a pointer
 * copy only. The service thread takes socket locks while it holds none.
 */
#ifndef WSD_SWITCH_SAN_PRIV_H
#define WSD_SWITCH_SAN_PRIV_H

#include "neigh.h"
#include "provider.h"
#include "reactor.h"
#include "san.h"
#include "subnets.h"

#include <pthread.h>

/* A SAN socket that listens in an application socket's name. */
struct companion {
	struct companion *next;
	struct san_provider *provider;
	uint32_t addr_be; /* 0: the wildcard [SW-WILD-1] */
	SOCKET desc;      /* the provider's, for downcalls */
	SOCKET handle;    /* the switch's, for upcalls */
	bool more;        /* requests were left for the next turn */
};

/* sw_socket.san; guarded by the socket's lock, but for the counter. */
struct san_listener {
	struct companion *companions; /* in the order they were made */
	struct companion first;       /* room for one: most listeners have no more; its provider is
					 NULL while it is free */
	unsigned count;
	bool active;          /* san_listen was called; before, only shadows are noted */
	uint32_t *shadows_be; /* addresses that specific listeners own [SW-WILD-5] */
	size_t n_shadows;
};

enum { SAN_QUESTIONS = 3 };      /* that follow a change [SW-PNP-2] */
enum { SAN_NAME_CHAINS = 1024 }; /* a power of two */

/* A registered provider that did not start; tried again when its entry changes. */
struct failed_entry {
	GUID id;
	struct timespec changed;
	int code;
};

enum { SAN_WATCH_ADDRESSES, SAN_WATCH_DEVICES, SAN_WATCH_CATALOG, SAN_WATCHES };

struct san {
	struct sw_process *process;
	char catalog_dir[4096];

	/* Changed by san_start, then by the service thread (or, before it runs, under start_lock).
	 */
	struct catalog *catalog;
	bool catalog_due; /* it could not be read for want of memory or descriptors */
	struct san_provider **providers; /* in order of registration */
	size_t n_providers;
	struct san_provider **retired; /* removed; still serve companions [SW-PNP-3] */
	size_t n_retired;
	struct failed_entry *failed;
	size_t n_failed;

	pthread_mutex_t view_lock; /* the pointer `view` */
	struct subnets *view;
	atomic_uint viewing; /* who has a view, be it an old one, and may make a companion of it */

	/* The service thread's part. */
	pthread_mutex_t start_lock; /* starting it, and the refresh before */
	atomic_bool running;
	struct reactor *reactor;
	struct reactor_watch watches[SAN_WATCHES];
	struct reactor_timer requery;
	struct reactor_job late;              /* listeners that came_late */
	struct reactor_job ready;             /* upcalls: events of SAN sockets */
	int addrs_fd, devices_fd, catalog_fd; /* -1: cannot be watched */
	_Atomic uint32_t address_epoch;       /* one more before addrs_fd is emptied */
	uint64_t requery_ns[SAN_QUESTIONS];   /* when to ask again [SW-PNP-2]; 0: not */
	bool came_late; /* a start failed: there are listeners that nobody served [start_lock] */

	pthread_mutex_t memory_lock; /* the providers that keep memory registered */
	struct san_provider **caching;
	size_t n_caching;
	_Atomic(struct memwatch *) memwatch; /* made when it is first needed */

	struct negcache negcache; /* hosts that did not answer [SW-FALLBACK-6] */
	struct neigh neigh;
	pthread_mutex_t conns_lock; /* the list of connections; a leaf */
	pthread_cond_t conns_gone;  /* the list is empty */
	struct san_conn *conns;
	struct san_conn *named[SAN_NAME_CHAINS]; /* those that a process may have but once */

	struct san *abandoned; /* by the parent of a fork: kept reachable, never touched */
};

/* The table in force, with a reference; until it is given back no provider in it is stopped. */
struct subnets *san_view(struct san *san);
void san_view_put(struct san *san, struct subnets *view);

/* companion.c. All: caller holds s->lock. */
/* Bring s's companions in line with @view: close those that have no place, make those that lack
 * [SW-LISTEN-2, -3, -5, -6; SW-WILD-1, -2, -5]. */
void san_reconcile(struct san *san, struct sw_socket *s, struct subnets *view);
void san_close_companions(struct sw_socket *s);
void san_forget_companions(struct san_listener *l); /* their memory */
struct companion *san_find_companion(const struct sw_socket *s, SOCKET handle);
/* Step 3 of SW-BIND-4. Return a WSA code. */
int san_forward_options(const struct san_provider *p, SOCKET desc, const struct sw_socket *s);

/* san_memory.c: a provider that has started, one that will be stopped */
void san_memory_join(struct san *san, struct san_provider *p);
void san_memory_leave(struct san *san, const struct san_provider *p);

/* service.c */
int san_service_start(struct san *san); /* 0 or -errno; nothing if it runs */
void san_service_stop(struct san *san);

/* san_conn.c: sessions get a moment to end by themselves. Sockets are closed already. */
void san_conns_stop(struct san *san);

/* san_connect.c: FD_CONNECT, perhaps. The caller holds no lock. */
void san_connect_event(struct sw_socket *s, SOCKET handle);

/* san_accept.c: requests wait on a companion. The caller holds no lock. */
void san_accept_event(struct san *san, struct sw_socket *s, SOCKET handle);
void san_accept_drop(struct san *san, const struct sw_socket *s);

/* hotplug.c */
/* What a look at the world found changed. */
enum { SAN_ADDRESSES = 1, SAN_DEVICES = 2, SAN_CATALOG = 4 };
void san_watch_open(struct san *san);
void san_watch_close(struct san *san);
/* Which of the watched descriptors had something to say; empties them. */
unsigned san_watch_drain(struct san *san);
/* Take changes in. @apply: to the listeners, too; without it only the table is made anew. */
void san_refresh(struct san *san, unsigned changes, bool apply);
/* Bring all listeners in line with the table. The caller holds no lock. */
void san_apply(struct san *san);
/* Read the catalogue and start what is new. Return 0; -ENOMEM, -EMFILE, -ENFILE: nothing changed.
 */
int san_load_catalog(struct san *san, bool *ret_changed);
int san_build_view(struct san *san, bool *ret_doubtful);
/* Providers removed that nobody uses any more. */
void san_drop_retired(struct san *san, bool all);

#endif
