/* SPDX-License-Identifier: MIT
 *
 * The trace: each application call and, indented under it, what the switch called on a provider and
 * what the provider called back; with arguments, result and microseconds. Text and JSON lines.
 *
 * Downcalls and upcalls are recorded by a provider that wraps another one (trace_wrap); nothing in
 * the traced code knows. Application calls are recorded by the exported functions.
 * WSD_TRACE=FILE|stderr (text), WSD_TRACE_JSON=FILE (JSON lines); either or both.
 */
#ifndef WSD_SWITCH_TRACE_H
#define WSD_SWITCH_TRACE_H

#include "process.h"

#include <stdint.h>

struct conf;

enum trace_layer {
	TRACE_APPLICATION, /* a Winsock call of the program */
	TRACE_SWITCH,      /* something the switch did by itself: takeover, hot-plug, names */
	TRACE_DOWNCALL,    /* switch -> provider */
	TRACE_UPCALL,      /* provider -> switch */
	TRACE_LAYER_COUNT
};

struct trace_span {
	struct trace *trace; /* NULL: off */
	enum trace_layer layer;
	const char *who; /* provider's name; "" for application calls */
	const char *call;
	uint64_t start_ns;
	char args[192]; /* "s=0x110004, name=10.77.0.1:5150, namelen=16" */
};

/* NULL in *ret_trace when nobody asked. -errno if the file cannot be opened. */
int trace_open(const struct conf *conf, struct trace **ret_trace);
void trace_close(struct trace *t); /* NULL is fine */

/* Both cost one comparison when @t is NULL. Nesting is per thread. */
__attribute__((format(printf, 6, 7))) void trace_enter(struct trace *t, struct trace_span *span,
						       enum trace_layer layer, const char *who,
						       const char *call, const char *format, ...);
/* @error is 0 or a WSA code; @result what the call returned. */
__attribute__((format(printf, 4, 5))) void trace_leave(struct trace_span *span, long long result,
						       int error, const char *format, ...);

/* "10.77.0.1:5150", "[::1]:80", "NULL", "(unreadable)", "family 77" into @text; returns @text. */
const char *trace_name(const struct wsd_sockaddr *name, int namelen, char *text, size_t size);

/**
 * trace_wrap - put the recording provider in front of @inner
 * @outer receives a table of the same shape whose functions record and pass on; @upcalls is wrapped
 * too and the result given in *ret_upcalls. At most TRACE_WRAPPED_MAX providers at a time (a
 * function table has no room for a context, so each wrapped provider has its own set of functions).
 * Return: 0, or -ENOSPC (then @outer is @inner: the provider works, unrecorded).
 */
enum { TRACE_WRAPPED_MAX = 16 };
int trace_wrap(struct trace *t, const char *who, const WSPPROC_TABLE *inner, WSPPROC_TABLE *outer,
	       const WSPUPCALLTABLEEX *upcalls, const WSPUPCALLTABLEEX **ret_upcalls);

#endif
