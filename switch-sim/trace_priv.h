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

extern struct wrapped wsd_trace_sets[TRACE_WRAPPED_MAX];
extern const WSPPROC_TABLE wsd_trace_tables[TRACE_WRAPPED_MAX];
extern const WSPUPCALLTABLEEX wsd_trace_upcalls[TRACE_WRAPPED_MAX];

#endif
