/* SPDX-License-Identifier: MIT
 *
 * Users of one network namespace whom the keeper of the book sees from a user namespace of its own:
 * those it has no number for are all 65534 there, and still not one user.
 */
#include "names_scene.h"

#include <grp.h>
#include <sched.h>
#include <sys/wait.h>

/* Has to be tried: kernels and containers forbid it in many ways. */
static bool user_namespaces(void)
{
	int status = -1;
	pid_t child = wsd_fork();

	if (child == 0)
		_exit(setuid(1001) == 0 && unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	waitpid(child, &status, 0);
	return status == 0;
}

#define USERS_BEGIN()                                                                     \
	if (geteuid() != 0 || !user_namespaces())                                         \
		cr_skip_test("needs root and user namespaces, to be users nobody knows"); \
	LAB_BEGIN()

/* Wildcard and specific, both with the default option: OK for one user, ACCESS for two. */
#define WILD     "bind 1 tcp4 def * 7777"
#define SPECIFIC "bind 2 tcp4 def 127.0.0.1 7777"

Test(names_users, WS_REUSE_3_users_that_the_keeper_cannot_tell_apart_are_not_one)
{
	USERS_BEGIN();
	lab_start(&lab, 0, "userns", NULL);
	lab_check(&lab, 0, "bind 0 *", "bind 9 tcp4 excl 10.77.0.1 4000");
	lab_start(&lab, 1, "user=1001", NULL);
	lab_start(&lab, 2, "user=1002", NULL);
	lab_start(&lab, 3, "user=1001", NULL);
	lab_check(&lab, 1, "bind 0 7777*", WILD);
	lab_check(&lab, 2, "bind 10013 *", SPECIFIC);
	lab_check(&lab, 3, "bind 10013 *", SPECIFIC); /* the safe side: it may be another */
	lab_check(&lab, 0, "bind 10013 *", SPECIFIC); /* it does not even know itself */
	lab_check(&lab, 1, "bind 0 7777*", SPECIFIC); /* one process is one user */
	lab_check(&lab, 1, "done", "release 1");
	lab_check(&lab, 1, "done", "release 2");
	lab_check(&lab, 2, "bind 0 7777*", WILD);
	lab_check(&lab, 1, "bind 10013 *", SPECIFIC);
	LAB_END();
}

Test(names_users, WS_REUSE_3_users_with_a_number_are_told_apart)
{
	USERS_BEGIN();
	/* in its own user namespace it is user 0, as is whoever starts there later */
	lab_start(&lab, 0, "user=1001", "userroot");
	lab_check(&lab, 0, "bind 0 7777*", WILD);
	lab_start(&lab, 1, "user=1001", NULL);
	lab_start(&lab, 2, "user=1002", NULL);
	lab_start(&lab, 3, NULL, NULL);
	lab_start(&lab, 4, "user=1001", "userns");
	lab_check(&lab, 2, "bind 10013 *", SPECIFIC);
	lab_check(&lab, 3, "bind 10013 *", SPECIFIC);
	lab_check(&lab, 1, "bind 0 7777*", SPECIFIC);
	lab_check(&lab, 1, "done", "release 2");
	lab_check(&lab, 4, "bind 0 7777*", SPECIFIC);
	LAB_END();
}

/* Numbers are a keeper's own: the next one reads nothing from those that it finds. */
Test(names_users, WS_REUSE_3_users_stay_apart_when_the_keeper_changes)
{
	USERS_BEGIN();
	lab_start(&lab, 0, "user=1001", "userroot");
	lab_check(&lab, 0, "bind 0 7777*", WILD); /* by user 0, as it says */
	lab_start(&lab, 1, NULL, NULL);
	lab_start(&lab, 2, "user=1001", NULL);
	lab_start(&lab, 3, "userns", NULL);
	lab_check(&lab, 1, "serve 0", "serve");
	lab_check(&lab, 1, "bind 10013 *", SPECIFIC);
	lab_check(&lab, 2, "bind 0 7777*", SPECIFIC);
	lab_check(&lab, 2, "done", "release 2");
	lab_check(&lab, 3, "serve 0", "serve");
	lab_check(&lab, 2, "bind 10013 *", SPECIFIC);
	lab_check(&lab, 0, "bind 0 7777*", SPECIFIC);
	lab_check(&lab, 0, "done", "release 2");
	lab_signal(&lab, 3, SIGKILL);
	lab_wait_dead(&lab, 3);
	lab_check(&lab, 1, "serve 0", "serve");
	lab_check(&lab, 2, "bind 0 7777*", SPECIFIC);
	lab_check(&lab, 1, "bind 10048 *", SPECIFIC);
	LAB_END();
}

/* "The broker's user" may set ranges; nobody is that by having no number. */
Test(names_users, WS_PORT_3_a_user_without_a_number_sets_no_range)
{
	USERS_BEGIN();
	lab_start(&lab, 0, "user=1001", "userns");
	lab_check(&lab, 0, "bind 0 *", "bind 9 tcp4 excl 10.77.0.1 4000");
	lab_start(&lab, 1, "user=1002", NULL);
	lab_start(&lab, 2, "user=1002", "guest");
	lab_start(&lab, 3, "guest", NULL); /* root of another namespace is nobody there, too */
	for (int i = 1; i <= 3; i++)
		lab_check(&lab, i, "ports -13", "ports 0 tcp4 20000 1000");
	lab_check(&lab, 0, "ports 0", "ports 0 tcp4 20000 1000");
	lab_check(&lab, 2, "ports 0 20000,1000", "ports 0 tcp4");
	LAB_END();
}
