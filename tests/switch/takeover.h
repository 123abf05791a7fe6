/* SPDX-License-Identifier: MIT
 *
 * What test_sw_takeover.c and its helper processes share: the names of the steps. A step of
 * sw_step.h has its own name, a call of the SAN provider the call's.
 */
#ifndef WSD_TESTS_TAKEOVER_H
#define WSD_TESTS_TAKEOVER_H

#include "sw_step.h"

#define TAKEOVER_ADDR "10.77.0.1"

__attribute__((unused)) static const char *const takeover_step_name[] = {
#define TAKEOVER_STEP_NAME(name) #name,
	SW_STEPS(TAKEOVER_STEP_NAME)
#undef TAKEOVER_STEP_NAME
};

#endif
