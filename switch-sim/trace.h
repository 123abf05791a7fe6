/* SPDX-License-Identifier: MIT
 *
 * The trace: each application call and, indented under it, what the switch called on a provider and
 * what the provider called back; with arguments, result and microseconds. Text and JSON lines.
 *
 * Downcalls and upcalls are recorded by a provider that wraps another one (trace_wrap); nothing in
 * the traced code knows. Application calls are recorded by the exported functions.
 * WSD_TRACE=FILE|stderr (text), WSD_TRACE_JSON=FILE|stderr (JSON lines); either or both.
 * docs/trace.md. A running process can be looked on (`wsd trace PID`, probes).
 *
 * Locks: only wrapping and unwrapping take one. Each record is one write(2) to a file opened for
 * appending, so records of several threads and processes never mix and survive a kill.
 */
#ifndef WSD_SWITCH_TRACE_H
#define WSD_SWITCH_TRACE_H

#include "probes.h"
#include "process.h"

#include <stdatomic.h>
#include <stdint.h>

struct conf;
struct trace;

enum trace_layer {
	TRACE_APPLICATION, /* a Winsock call of the program */
	TRACE_SWITCH,      /* something the switch did by itself: takeover, hot-plug, names */
	TRACE_DOWNCALL,    /* switch -> provider */
	TRACE_UPCALL,      /* provider -> switch */
	TRACE_NAMES,       /* switch -> the names of the host */
	TRACE_LAYER_COUNT
};

/* On the caller's stack from trace_enter to trace_leave, on one thread. The fields are trace's. */
struct trace_span {
	struct trace *trace; /* NULL: off */
	struct trace_span *outer;
	enum trace_layer layer;
	unsigned depth;
	bool opened;     /* a nested record came: the opening line is written */
	const char *who; /* provider's name; "" for application calls */
	const char *call;
	uint64_t start_ns;
	uint64_t seq;
	char args[256]; /* "s=0x110004, name=10.77.0.1:5150, namelen=16" */
};

/* Also where nobody asked (yet): trace_wanted() tells. -errno if a file cannot be opened;
 * *ret_trace is left alone then. */
int trace_open(const struct conf *conf, struct trace **ret_trace);
/* Does a file, or who looks on, want records? */
bool trace_wanted(const struct trace *t);
void trace_close(struct trace *t); /* NULL is fine; no wrapped provider may be called any more */

/* What to record to; NULL: nobody looks. */
static inline struct trace *trace_now(const struct trace_point *p)
{
	struct trace *t = atomic_load_explicit(&p->wanted, memory_order_acquire);
	return __builtin_expect(!t && probes_wanted(), 0) ? p->kept : t;
}

/*
 * Who looks on from now on: each record is one message on @fd, a socket of type SOCK_SEQPACKET,
 * which is duplicated; before them comes @greeting. What finds no room is lost, and told of with
 * the next that does. One at a time; by one thread.
 * Return: 0, -EBUSY: somebody does already, -ENOMEM: there is no trace, or -errno.
 */
int trace_tap(struct trace *t, int fd, bool json, const char *greeting);
/* Tells who looks on what was lost, where no later record has. Now and then, by that thread. */
void trace_tap_losses(struct trace *t);
void trace_untap(struct trace *t); /* he looks away */

/*
 * Both cost one comparison when @t is NULL. Nesting is per thread. The text of @format is a list
 * "key=value, key=value"; no value holds ", ". Values that are handles: trace_number. Both keep
 * errno.
 */
__attribute__((format(printf, 6, 7))) void trace_enter(struct trace *t, struct trace_span *span,
						       enum trace_layer layer, const char *who,
						       const char *call, const char *format, ...);
/* @error is 0 or a WSA code; @result what the call returned; @format what it gave back ("%s", ""
 * for nothing). */
__attribute__((format(printf, 4, 5))) void trace_leave(struct trace_span *span, long long result,
						       int error, const char *format, ...);

/* Texts for arguments; each writes into @text and returns it. */
/* "10.77.0.1:5150", "[::1]:80", "NULL", "(unreadable)", "family 77", "(short: 4 bytes)" */
const char *trace_name(const struct wsd_sockaddr *name, int namelen, char *text, size_t size);
/* Handles and descriptors: decimal below 0x10000, hexadecimal from there, "INVALID" for all ones.
 */
const char *trace_number(uint64_t number, char *text, size_t size);
const char *trace_guid(const GUID *guid, char *text, size_t size); /* by name if it has one */
const char *trace_events(long mask, char *text, size_t size);      /* "FD_ACCEPT|FD_CONNECT" */
const char *trace_option(int level, int option, char *text,
			 size_t size); /* "SOL_SOCKET/SO_DEBUG" */
const char *trace_ioctl(uint32_t code, char *text, size_t size);
const char *trace_family(int af, char *text, size_t size);
const char *trace_type(int type, char *text, size_t size);
const char *trace_protocol(int protocol, char *text, size_t size);
/* The first bytes of a message in hexadecimal, as wsd decode takes them. */
const char *trace_hex(const void *data, size_t len, char *text, size_t size);
const char *trace_int(const void *value, int len, char *text, size_t size); /* an option's value */

/* Room that is enough for each of them. */
#define TRACE_TEXT ((char[72]){0}), 72

/**
 * trace_wrap - put the recording provider in front of @inner
 * It records while somebody wants records at @point, now or later.
 * @outer receives a table of the same shape whose functions record and pass on; @upcalls is wrapped
 * too and the result given in *ret_upcalls. At most TRACE_WRAPPED_MAX providers at a time (a
 * function table has no room for a context, so each wrapped provider has its own set of functions).
 * Return: 0, or -ENOSPC (then @outer is @inner: the provider works, unrecorded).
 */
enum { TRACE_WRAPPED_MAX = 16 };
int trace_wrap(const struct trace_point *point, const char *who, const WSPPROC_TABLE *inner,
	       WSPPROC_TABLE *outer, const WSPUPCALLTABLEEX *upcalls,
	       const WSPUPCALLTABLEEX **ret_upcalls);

/*
 * The same in two steps, for a provider whose table is known only after it got its upcalls:
 * trace_wrap_begin gives a set (>= 0) or -ENOSPC, trace_wrap_table fills @outer, which may be
 * @inner. trace_unwrap gives the set back when neither side can call any more. A negative set is
 * fine.
 */
int trace_wrap_begin(const struct trace_point *point, const char *who,
		     const WSPUPCALLTABLEEX *upcalls, const WSPUPCALLTABLEEX **ret_upcalls);
void trace_wrap_table(int set, const WSPPROC_TABLE *inner, WSPPROC_TABLE *outer);
void trace_unwrap(int set);
/* An extension function of the wrapped provider (@which: enum san_extension): the one to call
 * instead; @inner itself when the set is negative. */
void (*trace_wrap_extension(int set, unsigned which, void (*inner)(void)))(void);
/* In the child after fork: no provider is wrapped. san_after_fork calls it. */
void trace_after_fork(void);

#endif
