/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the wrapping provider only.
 */
#ifndef WSD_SWITCH_TRACE_PRIV_H
#define WSD_SWITCH_TRACE_PRIV_H

#include "provider.h"
#include "trace.h"

/* One wrapped provider. Constant while it is used, so its functions take no lock. */
struct wrapped {
	bool used;
	const struct trace_point *trace; /* the process's */
	char who[32];
	WSPPROC_TABLE inner;
	WSPUPCALLTABLEEX inner_up;
	void (*extensions[SAN_EXTENSION_COUNT])(void);
};

/* Hidden: found without the table of addresses. */
#define HIDDEN __attribute__((visibility("hidden")))
HIDDEN extern struct wrapped wsd_trace_sets[TRACE_WRAPPED_MAX];
HIDDEN extern const WSPPROC_TABLE wsd_trace_tables[TRACE_WRAPPED_MAX];
HIDDEN extern const WSPUPCALLTABLEEX wsd_trace_upcalls[TRACE_WRAPPED_MAX];

#define UNPACK(...) __VA_ARGS__

/* For each set: X(number). The numbers are spelt out because they become part of function names. */
#define FOR_EACH_SET(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/* For each recorded function rec_CALL(set, args) and each set: door_SET_CALL, a function of the
 * table's own type that knows its set. @w in @inner is the set. Doors are in front of every
 * provider, looked at or not, so that somebody who comes later sees its calls: unlooked at they
 * cost some loads and a jump, which is why what one more argument costs is in show_SET_CALL. */
#define DOOR(n, type, call, params, args, inner)                             \
	static __attribute__((noinline, cold)) type show_##n##_##call params \
	{                                                                    \
		return rec_##call(&wsd_trace_sets[n], UNPACK args);          \
	}                                                                    \
	static type door_##n##_##call params                                 \
	{                                                                    \
		const struct wrapped *w = &wsd_trace_sets[n];                \
		if (__builtin_expect(trace_now(w->trace) == NULL, 1))        \
			return inner args;                                   \
		return show_##n##_##call args;                               \
	}
#define DOORS(type, call, params, args, inner)    \
	DOOR(0, type, call, params, args, inner)  \
	DOOR(1, type, call, params, args, inner)  \
	DOOR(2, type, call, params, args, inner)  \
	DOOR(3, type, call, params, args, inner)  \
	DOOR(4, type, call, params, args, inner)  \
	DOOR(5, type, call, params, args, inner)  \
	DOOR(6, type, call, params, args, inner)  \
	DOOR(7, type, call, params, args, inner)  \
	DOOR(8, type, call, params, args, inner)  \
	DOOR(9, type, call, params, args, inner)  \
	DOOR(10, type, call, params, args, inner) \
	DOOR(11, type, call, params, args, inner) \
	DOOR(12, type, call, params, args, inner) \
	DOOR(13, type, call, params, args, inner) \
	DOOR(14, type, call, params, args, inner) \
	DOOR(15, type, call, params, args, inner)

#endif
