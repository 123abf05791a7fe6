/* SPDX-License-Identifier: MIT */
/*
 * names_scene.h: what tests with several processes of names begin, end and check with.
 */
#ifndef WSD_TESTS_NAMES_SCENE_H
#define WSD_TESTS_NAMES_SCENE_H

#include "check.h"
#include "names_lab.h"

#include <signal.h>

#define LAB_BEGIN()               \
	WSD_TEST_BEGIN();         \
	struct lab lab;           \
	signal(SIGPIPE, SIG_IGN); \
	lab_open(&lab, "names")
#define LAB_END()                                            \
	lab_close(&lab);                                     \
	cr_assert_str_empty(lab.failure, "%s", lab.failure); \
	WSD_TEST_END()

/* What a dead process held can be had within a second of its end. */
__attribute__((unused)) static void check_freed(struct lab *lab, int who, unsigned port)
{
	char room[64] = "";

	bool free =
		WSD_UNTIL((lab_tell(lab, who, "bind 99 tcp4 excl 10.77.0.1 %u", port),
			   strncmp(lab_answer(lab, who, room, sizeof(room)), "bind 0 ", 7) == 0),
			  1000);
	if (!free)
		lab_fail(lab, "%u is not free: %s", port, room);
}

#endif
