/* SPDX-License-Identifier: MIT
 *
 * USDT probes, for bpftrace, perf, systemtap and gdb (docs/trace.md): wsdirect:call_begin and
 * wsdirect:call_end. Their semaphores say whether anybody is attached; without one a call costs a
 * look at them, and nothing is made into text.
 */
#ifndef WSD_SWITCH_PROBES_H
#define WSD_SWITCH_PROBES_H

#include <stdbool.h>

#ifdef HAVE_SDT
/* counted by who attaches, in our memory */
__attribute__((visibility("hidden"))) extern volatile unsigned short wsdirect_call_begin_semaphore,
	wsdirect_call_end_semaphore;

static inline bool probes_wanted(void)
{
	return wsdirect_call_begin_semaphore | wsdirect_call_end_semaphore;
}
#else
static inline bool probes_wanted(void)
{
	return false;
}
#endif

#endif
