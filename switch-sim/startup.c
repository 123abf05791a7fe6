/* SPDX-License-Identifier: MIT
 *
 * The process object: WSAStartup and WSACleanup, the gate that every call passes, fork.
 * [WS-STARTUP-1 to 6, SW-INIT-1, SW-INIT-6]
 *
 * Locks: process.startup, then process.lock, which is given up over provider calls; the gate is one
 * atomic word, so that a call costs two atomic additions and a teardown can wait for the calls that
 * are under way.
 */
#include "api_call.h"
#include "process.h"
#include "conf.h"
#include "control.h"
#include "event.h"
#include "handle.h"
#include "linger.h"
#include "listen.h"
#include "log.h"
#include "usermem.h"
#include "names.h"
#include "protocols.h"
#include "reactor.h"
#include "san.h"
#include "settings.h"
#include "socket.h"
#include "tcp_io.h"
#include "tcpip.h"
#include "trace.h"
#include "waiter.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENT_TURNS = 100, TURNS_MAX = PATIENT_TURNS + 10000 };

#define GATE_OPEN ((uint64_t)1 << 63)

static struct {
	_Atomic uint64_t gate; /* GATE_OPEN, and the number of calls inside */
	pthread_mutex_t idle_lock;
	pthread_cond_t idle; /* the gate is closed and the last call has left */
	struct sw_process process;
	struct handles handles;
} global = {
	.idle_lock = PTHREAD_MUTEX_INITIALIZER,
	.idle = PTHREAD_COND_INITIALIZER,
	.process = {.startup = PTHREAD_MUTEX_INITIALIZER,
		    .lock = PTHREAD_MUTEX_INITIALIZER,
		    .reactor_lock = PTHREAD_MUTEX_INITIALIZER,
		    .drain_lock = PTHREAD_MUTEX_INITIALIZER,
		    .drained = WAITER_LIST_INITIALIZER,
		    .close_lock = PTHREAD_MUTEX_INITIALIZER},
	.handles = HANDLES_INITIALIZER,
};

struct handles *sw_handles(void)
{
	return &global.handles;
}

struct sw_process *sw_enter(void)
{
	if (atomic_fetch_add_explicit(&global.gate, 1, memory_order_acquire) & GATE_OPEN)
		return &global.process;
	sw_leave(&global.process);
	return NULL;
}

void sw_leave(struct sw_process *p)
{
	if (atomic_fetch_sub_explicit(&global.gate, 1, memory_order_release) != 1)
		return;
	pthread_mutex_lock(&global.idle_lock);
	pthread_cond_broadcast(&global.idle);
	pthread_mutex_unlock(&global.idle_lock);
}

static void wait_until_idle(void)
{
	pthread_mutex_lock(&global.idle_lock);
	while (atomic_load_explicit(&global.gate, memory_order_acquire) != 0)
		pthread_cond_wait(&global.idle, &global.idle_lock);
	pthread_mutex_unlock(&global.idle_lock);
}

bool sw_fault_named(const struct sw_process *p, const char *knob, const char *call)
{
	return conf_has_word(p->conf, knob, call);
}

/* ---- fork [WS-STARTUP-6] ---- */

void sw_fds_begin(void)
{
	struct sw_process *p = &global.process;
	atomic_fetch_add(&p->fds_changing, 1);
	while (atomic_load(&p->forking) && !pthread_equal(p->forker, pthread_self())) {
		atomic_fetch_sub(&p->fds_changing, 1);
		pthread_mutex_lock(&p->lock); /* the fork is over */
		atomic_fetch_add(&p->fds_changing, 1);
		pthread_mutex_unlock(&p->lock);
	}
}

void sw_fds_end(void)
{
	atomic_fetch_sub(&global.process.fds_changing, 1);
}

/*
 * They need a system call's time. A thread with a real-time policy must sleep to let them. Whoever
 * takes a second (a trace into a pipe that nobody empties) does not hold up the fork for ever.
 */
static void wait_for_fds(struct sw_process *p)
{
	static const struct timespec pause = {.tv_nsec = 50000};
	for (unsigned turn = 0; atomic_load(&p->fds_changing) && turn < TURNS_MAX; turn++)
		if (turn < PATIENT_TURNS)
			sched_yield();
		else
			nanosleep(&pause, NULL);
}

static void before_fork(void)
{
	struct sw_process *p = &global.process;
	pthread_mutex_lock(&p->lock);
	p->forker = pthread_self();
	atomic_store(&p->forking, true);
	wait_for_fds(p);
	if (p->names)
		names_fork_prepare(p->names);
}

static void after_fork_parent(void)
{
	struct sw_process *p = &global.process;
	atomic_store(&p->forked, true);
	if (p->names)
		names_fork_parent(p->names);
	atomic_store(&p->forking, false);
	pthread_mutex_unlock(&p->lock);
}

/* The child's copies of the descriptors go at once, so that it neither listens for the parent nor
 * keeps a name alive that the parent gives up. No lock: whoever held one is not here. */
static void drop(enum handle_kind kind, void *object)
{
	if (kind == HANDLE_SOCKET)
		sw_socket_after_fork(object);
	else
		event_after_fork(object);
}

static void after_fork_child(void)
{
	struct sw_process *p = &global.process;
	if (p->names)
		names_fork_child(p->names);
	handles_after_fork(&global.handles, drop);
	linger_after_fork(p);
	reactor_after_fork(atomic_load(&p->reactor_fds));
	control_after_fork(p->control);
	waiter_after_fork();
	san_after_fork(p->san);
	names_close(p->names);
	trace_close(p->trace.kept);
	conf_free(p->conf);
	*p = (struct sw_process){.startup = PTHREAD_MUTEX_INITIALIZER,
				 .lock = PTHREAD_MUTEX_INITIALIZER,
				 .reactor_lock = PTHREAD_MUTEX_INITIALIZER,
				 .drain_lock = PTHREAD_MUTEX_INITIALIZER,
				 .drained = WAITER_LIST_INITIALIZER,
				 .close_lock = PTHREAD_MUTEX_INITIALIZER};
	pthread_mutex_init(&global.idle_lock, NULL);
	pthread_cond_init(&global.idle, NULL);
	atomic_store(&global.gate, 0);
}

/* Before main: who registers earlier is asked later when a fork begins, and what the application's
 * handlers wait for must not be held by a thread that waits for ours. */
__attribute__((constructor)) static void install_fork_handlers(void)
{
	pthread_atfork(before_fork, after_fork_parent, after_fork_child);
}

/* ---- starting [SW-INIT-1] ---- */

static int start_tcpip(struct sw_process *p)
{
	WSPDATA data;
	const WSPUPCALLTABLEEX *upcalls = san_upcalls();
	WSPUPCALLTABLEEX given;
	p->tcpip_info = *protocols_tcp4();
	p->tcpip_set = trace_wrap_begin(&p->trace, "TCP/IP", upcalls, &upcalls);
	given = *upcalls;
	int r = tcpip_WSPStartupEx(0x0202, &data, &p->tcpip_info, &given, &p->tcpip);
	if (!r)
		trace_wrap_table(p->tcpip_set, &p->tcpip, &p->tcpip);
	return r;
}

static int start_names(struct sw_process *p)
{
	struct names_config cfg;
	settings_names(p->conf, &cfg);
	int r = names_open(&cfg, &listen_names_ops, p, &p->names);
	if (r < 0)
		wsd_log(WSD_LOG_ERROR, "the book of names cannot be opened: %s", strerror(-r));
	return r < 0 ? WSASYSNOTREADY : 0;
}

static int start_san(struct sw_process *p)
{
	struct san *san = NULL;
	pthread_mutex_unlock(&p->lock);
	int r = san_start(p, &san);
	pthread_mutex_lock(&p->lock);
	p->san = san;
	if (r < 0)
		wsd_log(WSD_LOG_ERROR, "the SAN side cannot start: %s", strerror(-r));
	return r < 0 ? WSASYSNOTREADY : 0;
}

static void read_configuration(struct sw_process *p)
{
	settings_read(p->conf, &p->settings);
	struct trace *t = NULL;
	int r = trace_open(p->conf, &t);
	if (r < 0)
		wsd_log(WSD_LOG_WARNING, "no trace: %s", strerror(-r));
	p->trace.kept = t;
	atomic_store(&p->trace.wanted, trace_wanted(t) ? t : NULL);
}

/* Everything that start() made; also after a start that got half-way. With the lock held. */
static void stop(struct sw_process *p)
{
	INT error;
	struct san *san = p->san;
	if (p->tcpip.lpWSPCleanup)
		p->tcpip.lpWSPCleanup(&error);
	p->san = NULL;
	pthread_mutex_unlock(&p->lock);
	control_stop(p->control);
	p->control = NULL;
	atomic_store(&p->control_tried, false);
	san_stop(san);
	tcp_io_cleanup(p);
	reactor_stop(atomic_load(&p->reactor));
	waiter_cleanup();
	pthread_mutex_lock(&p->lock);
	names_close(p->names);
	p->names = NULL;
	trace_unwrap(p->tcpip_set);
	p->tcpip_set = -1;
	memset(&p->tcpip, 0, sizeof(p->tcpip));
}

static void close_trace(struct sw_process *p)
{
	atomic_store(&p->trace.wanted, NULL);
	trace_close(p->trace.kept);
	conf_free(p->conf);
	p->trace.kept = NULL;
	p->conf = NULL;
}

static int start(struct sw_process *p)
{
	int (*const steps[])(struct sw_process * p) = {start_tcpip, start_names, start_san};
	int code = 0;
	p->handles = &global.handles;
	p->tcpip_set = -1;
	atomic_store(&p->bound, 0);
	for (size_t i = 0; !code && i < sizeof(steps) / sizeof(steps[0]); i++)
		code = steps[i](p);
	if (code)
		stop(p);
	else
		atomic_fetch_or_explicit(&global.gate, GATE_OPEN, memory_order_release);
	return code;
}

/* The highest of 1.0, 1.1, 2.0, 2.1, 2.2 that is not above what was asked for [WS-STARTUP-2]. */
static WORD negotiate(WORD asked)
{
	unsigned major = asked & 0xff, minor = asked >> 8;
	if (major > 2)
		return 0x0202;
	unsigned most = major == 1 ? 1 : 2;
	return (WORD)(major | (minor < most ? minor : most) << 8);
}

static void describe(WORD asked, WSADATA *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->wVersion = negotiate(asked);
	ret->wHighVersion = 0x0202;
	if ((asked & 0xff) < 2) { /* meaningful in version 1 only */
		ret->iMaxSockets = 32767;
		ret->iMaxUdpDg = 65467;
	}
	snprintf(ret->szDescription, sizeof(ret->szDescription), "wsdirect %s",
		 WSDIRECT_VERSION_STRING);
	snprintf(ret->szSystemStatus, sizeof(ret->szSystemStatus), "Running");
}

/* With the lock held; the trace is open if one is wanted. */
static int startup_locked(struct sw_process *p, WORD version, LPWSADATA data)
{
	WSADATA described;
	if (p->startups >= p->settings.startup_limit)
		return WSAEPROCLIM;
	int code = p->startups ? 0 : start(p);
	if (code)
		return code;
	describe(version, &described);
	p->startups++;
	if (memory_write(data, &described, sizeof(described)) < 0) {
		p->startups--;
		code = WSAEFAULT;
		if (!p->startups) {
			atomic_fetch_and(&global.gate, ~GATE_OPEN);
			wait_until_idle();
			stop(p);
		}
	}
	return code;
}

int sw_startup(WORD version, LPWSADATA data)
{
	struct sw_process *p = &global.process;
	struct trace_span span;
	int code = 0;
	if ((version & 0xff) == 0)
		return WSAVERNOTSUPPORTED;
	if (!data)
		return WSAEFAULT;
	pthread_mutex_lock(&p->startup);
	pthread_mutex_lock(&p->lock);
	if (!p->startups) {
		int r = conf_load(&p->conf);
		code = r < 0 ? WSASYSNOTREADY : 0;
		if (!code) {
			conf_report(p->conf);
			read_configuration(p);
		}
	}
	trace_enter(trace_now(&p->trace), &span, TRACE_APPLICATION, "", "WSAStartup",
		    "version=%u.%u", version & 0xff, version >> 8);
	if (!code)
		code = startup_locked(p, version, data);
	trace_leave(&span, code, code, "%s", "");
	if (!p->startups)
		close_trace(p);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_unlock(&p->startup);
	return code;
}

int sw_cleanup(void)
{
	struct sw_process *p = &global.process;
	struct trace_span span;
	pthread_mutex_lock(&p->startup);
	if (!p->startups) {
		pthread_mutex_unlock(&p->startup);
		return WSANOTINITIALISED;
	}
	trace_enter(trace_now(&p->trace), &span, TRACE_APPLICATION, "", "WSACleanup", "%s", "");
	bool last = p->startups == 1;
	if (last) {
		atomic_fetch_and(&global.gate, ~GATE_OPEN);
		sw_socket_close_all(p); /* wakes calls that wait */
		wait_until_idle();
		sw_socket_close_all(p); /* those that such calls have just made */
		linger_cleanup(p);
	}
	pthread_mutex_lock(&p->lock);
	if (last)
		stop(p);
	p->startups--;
	trace_leave(&span, 0, 0, "%s", "");
	if (last)
		close_trace(p);
	pthread_mutex_unlock(&p->lock);
	pthread_mutex_unlock(&p->startup);
	return 0;
}

/* The library is being unloaded, or the process ends: the table's memory. Sockets that are still
 * open belong to threads that may still run; the kernel takes them. */
__attribute__((destructor)) static void unload(void)
{
	if (!(atomic_load(&global.gate) & GATE_OPEN) && !handles_in_use(&global.handles))
		handles_destroy(&global.handles);
}
