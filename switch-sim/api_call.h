/* SPDX-License-Identifier: MIT
 *
 * The frame of every exported call: initialised?, the trace, the last error. The one place where
 * WSA codes become SOCKET_ERROR and a last error [WS-ERR-1, -2]. No locks.
 */
#ifndef WSD_SWITCH_API_CALL_H
#define WSD_SWITCH_API_CALL_H

#include "lasterror.h"
#include "process.h"
#include "trace.h"

#include <wsd/api.h>

/* The process object as `p`, or WSANOTINITIALISED and return @failure: before any other check
 * [WS-STARTUP-5]. */
#define API_PROCESS(failure)                      \
	struct sw_process *p = sw_enter();        \
	if (!p) {                                 \
		lasterror_set(WSANOTINITIALISED); \
		return failure;                   \
	}

/* The same, with a span for API_TRACE and api_leave. */
#define API_ENTER(failure)      \
	struct trace_span span; \
	span.trace = NULL;      \
	API_PROCESS(failure)

/* The arguments are made into text only when somebody wants it. */
#define API_TRACE(call, ...)                                                              \
	do {                                                                              \
		struct trace *t_ = trace_now(&p->trace);                                  \
		if (__builtin_expect(t_ != NULL, 0))                                      \
			trace_enter(t_, &span, TRACE_APPLICATION, "", call, __VA_ARGS__); \
	} while (0)

#define API_S               trace_number(s, TRACE_TEXT)
#define API_NAME(name, len) trace_name((const struct wsd_sockaddr *)(name), len, TRACE_TEXT)

/* Ends a call on a socket: a success sets the last error to 0 [WS-ERR-2]. */
static inline int api_leave(struct sw_process *p, struct trace_span *span, int code)
{
	if (__builtin_expect(span->trace != NULL, 0))
		trace_leave(span, code ? SOCKET_ERROR : 0, code, "%s", "");
	sw_leave(p);
	lasterror_set((DWORD)code);
	return code ? SOCKET_ERROR : 0;
}

/* A look-up may take long and needs nothing of ours but the trace: without one it must not hold up
 * WSACleanup. Return: what api_resolved() gets. */
static inline struct sw_process *api_let_go(struct sw_process *p, const struct trace_span *span)
{
	if (span->trace)
		return p;
	sw_leave(p);
	return NULL;
}

/* Ends a look-up: the result is the code, and the last error too. */
static inline INT api_resolved(struct sw_process *p, struct trace_span *span, int code)
{
	if (p) {
		trace_leave(span, code, code, "%s", "");
		sw_leave(p);
	}
	lasterror_set((DWORD)code);
	return code;
}

#endif
