/* SPDX-License-Identifier: MIT
 *
 * Who holds which of the sets of recording functions. One lock, for taking and giving back; the
 * recording functions themselves take none.
 *
 * The sets are file-scope because a function of WSPPROC_TABLE gets no context: the function itself
 * has to know whose call it is.
 */
#include "trace_priv.h"

#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct wrapped wsd_trace_sets[TRACE_WRAPPED_MAX];

static pthread_mutex_t sets_lock = PTHREAD_MUTEX_INITIALIZER;

int trace_wrap_begin(const struct trace_point *point, const char *who,
		     const WSPUPCALLTABLEEX *upcalls, const WSPUPCALLTABLEEX **ret_upcalls)
{
	int set = -ENOSPC;
	*ret_upcalls = upcalls;
	pthread_mutex_lock(&sets_lock);
	for (int i = 0; i < TRACE_WRAPPED_MAX && set < 0; i++)
		if (!wsd_trace_sets[i].used)
			set = i;
	if (set >= 0) {
		/* not cleared: a provider that was stopped may still have an upcall under way */
		struct wrapped *w = &wsd_trace_sets[set];
		w->used = true;
		w->trace = point;
		snprintf(w->who, sizeof(w->who), "%s", who);
		w->inner_up = *upcalls;
		*ret_upcalls = &wsd_trace_upcalls[set];
	}
	pthread_mutex_unlock(&sets_lock);
	if (set < 0 && trace_now(point))
		wsd_log(WSD_LOG_WARNING, "trace: %d providers are recorded already; %s is not",
			TRACE_WRAPPED_MAX, who);
	return set;
}

void trace_wrap_table(int set, const WSPPROC_TABLE *inner, WSPPROC_TABLE *outer)
{
	typedef void (*slot)(void);
	enum { SLOTS = sizeof(WSPPROC_TABLE) / sizeof(slot) };
	if (set < 0) {
		*outer = *inner;
		return;
	}
	wsd_trace_sets[set].inner = *inner;
	/* a slot that the provider leaves empty stays empty */
	slot in[SLOTS], out[SLOTS];
	memcpy(in, inner, sizeof(in));
	memcpy(out, &wsd_trace_tables[set], sizeof(out));
	for (int i = 0; i < SLOTS; i++)
		if (!in[i])
			out[i] = NULL;
	memcpy(outer, out, sizeof(out));
}

void trace_unwrap(int set)
{
	if (set < 0)
		return;
	pthread_mutex_lock(&sets_lock);
	wsd_trace_sets[set].used = false;
	pthread_mutex_unlock(&sets_lock);
}

int trace_wrap(const struct trace_point *point, const char *who, const WSPPROC_TABLE *inner,
	       WSPPROC_TABLE *outer, const WSPUPCALLTABLEEX *upcalls,
	       const WSPUPCALLTABLEEX **ret_upcalls)
{
	int set = trace_wrap_begin(point, who, upcalls, ret_upcalls);
	trace_wrap_table(set, inner, outer);
	return set < 0 ? set : 0;
}

void trace_after_fork(void)
{
	/* another thread of the parent may have held the lock */
	pthread_mutex_init(&sets_lock, NULL);
	for (int i = 0; i < TRACE_WRAPPED_MAX; i++)
		wsd_trace_sets[i].used = false;
}
