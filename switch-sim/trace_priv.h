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
	struct trace *trace;
	char who[32];
	WSPPROC_TABLE inner;
	WSPUPCALLTABLEEX inner_up;
	void (*extensions[SAN_EXTENSION_COUNT])(void);
};

#define UNPACK(...) __VA_ARGS__

/* For each set: X(number). The numbers are spelt out because they become part of function names. */
#define FOR_EACH_SET(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

/* For each recorded function rec_CALL(set, args) and each set: door_SET_CALL, a function of the
 * table's own type that knows its set. */
#define DOOR(n, type, call, params, args)                           \
	static type door_##n##_##call params                        \
	{                                                           \
		return rec_##call(&wsd_trace_sets[n], UNPACK args); \
	}
#define DOORS(type, call, params, args)    \
	DOOR(0, type, call, params, args)  \
	DOOR(1, type, call, params, args)  \
	DOOR(2, type, call, params, args)  \
	DOOR(3, type, call, params, args)  \
	DOOR(4, type, call, params, args)  \
	DOOR(5, type, call, params, args)  \
	DOOR(6, type, call, params, args)  \
	DOOR(7, type, call, params, args)  \
	DOOR(8, type, call, params, args)  \
	DOOR(9, type, call, params, args)  \
	DOOR(10, type, call, params, args) \
	DOOR(11, type, call, params, args) \
	DOOR(12, type, call, params, args) \
	DOOR(13, type, call, params, args) \
	DOOR(14, type, call, params, args) \
	DOOR(15, type, call, params, args)

extern struct wrapped wsd_trace_sets[TRACE_WRAPPED_MAX];
extern const WSPPROC_TABLE wsd_trace_tables[TRACE_WRAPPED_MAX];
extern const WSPUPCALLTABLEEX wsd_trace_upcalls[TRACE_WRAPPED_MAX];

#endif
