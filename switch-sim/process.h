/* SPDX-License-Identifier: MIT
 *
 * The process object: what one lifetime between the first WSAStartup and the last WSACleanup owns.
 *
 * It is the only global mutable state of libwsdirect (with the per-thread last error). Everything
 * is reached from it; nothing below it is file-scope.
 *
 * Lock order of the switch, outermost first (each is optional, none is held over an upcall, a
 * callback of `names`, or a downcall into a provider unless stated at the lock itself):
 *   process.lock > socket.lock > san's lock > names' lock > handle table's lock > trace's lock
 */
#ifndef WSD_SWITCH_PROCESS_H
#define WSD_SWITCH_PROCESS_H

#include "session_config.h"
#include "waiter.h"

#include <wsd/abi.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct conf;
struct names;
struct reactor;
struct san;
struct control;
struct trace;
/* Where a process's trace stands; trace_now() looks. */
struct trace_point {
	_Atomic(struct trace *) wanted; /* NULL when nobody wants records */
	struct trace *kept;             /* the same, wanted or not */
};
struct handles;
struct tcp_io;
struct lingering;

/* Which documented behaviour wins where the documents and Windows differ ([DUAL] clauses). */
enum sw_profile { SW_PROFILE_DOCUMENTED, SW_PROFILE_OBSERVED };

enum sw_wildcard { SW_WILDCARD_VISTA, SW_WILDCARD_LEGACY };

/* Settled at the first WSAStartup out of the configuration; constant afterwards. */
struct sw_settings {
	enum sw_profile profile;
	enum sw_wildcard wildcard; /* SW-WILD-1, -2 */
	unsigned socket_limit;  /* limit.sockets: bound sockets of the process; WSAENOBUFS beyond */
	unsigned startup_limit; /* limit.startups: WSAEPROCLIM beyond it */
	bool faults;            /* a fault knob is set at all */
	unsigned
		san_ms; /* connect.san_ms: the SAN's share of a connect; 0: no SAN [SW-CONNECT-4] */
	struct session_config session; /* without what the socket says */
};

struct sw_process {
	pthread_mutex_t startup; /* one WSAStartup or WSACleanup at a time; taken before `lock` */
	/* What is below that changes: not over a provider's calls, so that a fork, which takes it,
	 * waits for no provider that waits for the fork. */
	pthread_mutex_t lock;
	atomic_uint fds_changing; /* calls between sw_fds_begin and sw_fds_end */
	atomic_bool forking;      /* `lock` is held over a fork */
	pthread_t forker;         /* who forks then */
	unsigned startups;
	atomic_bool forked; /* some child may still have copies of our descriptors */
	atomic_uint bound;  /* sockets that hold a name, against settings.socket_limit */
	/* IPv4 addresses that a bind has found to be this host's, each with san_address_epoch() */
	_Atomic uint64_t local[64];
	atomic_int open_type; /* SO_OPENTYPE: kept, without effect */
	struct conf *conf;
	struct sw_settings settings;
	struct trace_point trace;
	struct handles *handles; /* SOCKET -> struct sw_socket, generation-checked */
	struct names *names;
	struct san *san;
	struct control *control; /* from the first listen or connection on */
	atomic_bool control_tried;
	pthread_mutex_t reactor_lock;          /* starting it; a leaf but for a fork's wait */
	_Atomic(struct reactor *) reactor;     /* the service thread; NULL: not needed so far */
	_Atomic(struct reactor *) reactor_fds; /* the same, as long as its descriptors are open */
	pthread_mutex_t drain_lock; /* the list of closed sockets that still send [tcp_io.h] */
	struct tcp_io *drains;
	struct waiter_list drained; /* one has left it */
	pthread_mutex_t close_lock; /* connections that end, and keep a name [linger.h] */
	struct lingering *lingering;
	WSPPROC_TABLE tcpip; /* the TCP/IP provider's table, wrapped by the trace when it is on */
	int tcpip_set;       /* of trace_wrap_begin; negative: unwrapped */
	WSAPROTOCOL_INFOW tcpip_info;
};

/**
 * sw_enter - every exported call but WSAStartup begins with it
 * Return: the process object, kept alive until sw_leave; NULL: not initialised (WSANOTINITIALISED),
 *         also in a forked child until its own WSAStartup [WS-STARTUP-5, -6].
 */
struct sw_process *sw_enter(void);
void sw_leave(struct sw_process *p);

/* Around making a descriptor and noting its number, and around closing it and forgetting the
 * number: no fork comes in between, or the child would keep one that it does not know of, or close
 * what the number means by then. Nothing that waits may be done inside. Locks: process.lock for
 * moments. */
void sw_fds_begin(void);
void sw_fds_end(void);

/* WSAStartup and WSACleanup; return a WSA code. @data as the application gave it. */
int sw_startup(WORD version, LPWSADATA data);
int sw_cleanup(void);

/* The table of handles, which outlives WSACleanup (events need no WSAStartup). */
struct handles *sw_handles(void);

/* True if the fault knob `fault.netdown` (or `fault.nobufs`) names @call, e.g. "bind" [WS-BIND-4].
 */
bool sw_fault_named(const struct sw_process *p, const char *knob, const char *call);

static inline bool sw_fault_netdown(const struct sw_process *p, const char *call)
{
	return __builtin_expect(p->settings.faults, 0) && sw_fault_named(p, "fault.netdown", call);
}

static inline bool sw_fault_nobufs(const struct sw_process *p, const char *call)
{
	return __builtin_expect(p->settings.faults, 0) && sw_fault_named(p, "fault.nobufs", call);
}

#endif
