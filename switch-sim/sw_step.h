/* SPDX-License-Identifier: MIT */
/*
 * sw_step.h: the steps of SW-SHARE-3 on either side, beside the calls of a SAN provider, at which a
 * test kills or stops the process (tests/switch/test_sw_takeover.c). Nothing in the product.
 */
#ifndef WSD_SWITCH_SW_STEP_H
#define WSD_SWITCH_SW_STEP_H

#define SW_STEPS(X)                                                             \
	X(companion_closed) /* closing head: the kernel's socket still there */ \
	X(kernel_closed)    /* the name still held */                           \
	X(name_released)                                                        \
	X(takeover_told)    /* successor: nothing done */                       \
	X(kernel_listening) /* no companion */                                  \
	X(companions_up)    /* not noted */                                     \
	X(listener_noted)

enum sw_step {
#define SW_STEP_ENUM(name) SW_STEP_##name,
	SW_STEPS(SW_STEP_ENUM)
#undef SW_STEP_ENUM
		SW_STEP_COUNT
};

#ifdef SW_TEST_STEPS
void sw_test_step(enum sw_step step); /* the test's own */
#define SW_STEP(name) sw_test_step(SW_STEP_##name)
#else
#define SW_STEP(name) ((void)0)
#endif

#endif
