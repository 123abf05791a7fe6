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
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>

/* counted by who attaches, in our memory */
extern volatile unsigned short wsdirect_call_begin_semaphore, wsdirect_call_end_semaphore;

static inline bool probes_wanted(void)
{
	return wsdirect_call_begin_semaphore | wsdirect_call_end_semaphore;
}

#define PROBE_CALL_BEGIN(layer, who, call, args, seq) \
	STAP_PROBE5(wsdirect, call_begin, layer, who, call, args, seq)
#define PROBE_CALL_END(layer, who, call, result, error, ns, gave) \
	STAP_PROBE7(wsdirect, call_end, layer, who, call, result, error, ns, gave)
#else
static inline bool probes_wanted(void)
{
	return false;
}
#define PROBE_CALL_BEGIN(layer, who, call, args, seq)
#define PROBE_CALL_END(layer, who, call, result, error, ns, gave)
#endif

#endif
