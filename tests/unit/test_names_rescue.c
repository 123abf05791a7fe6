/* SPDX-License-Identifier: MIT */
/*
 * test_names_rescue.c: the book of names when all who take part in it are stopped, and a newcomer
 * has to find it in /proc.
 */
#include "names_scene.h"
#include "names_wire.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

Test(names_rescue, SW_SHARE_3_lone_broker_stopped_and_a_newcomer)
{
	LAB_BEGIN();
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_check(&lab, 1, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5150");
	/* the next one finds the new place, and the first, continued, goes there, too */
	lab_start(&lab, 2, NULL, NULL);
	lab_check(&lab, 2, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(&lab, 2, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_signal(&lab, 0, SIGCONT);
	lab_check(&lab, 0, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5151");
	lab_check(&lab, 0, "bind 0 5152*", "bind 2 tcp4 excl 10.77.0.1 5152");
	lab_check(&lab, 2, "list 0 3 *", "list 0");
	lab_signal(&lab, 1, SIGKILL);
	lab_wait_dead(&lab, 1);
	lab_start(&lab, 3, NULL, NULL);
	lab_check(&lab, 3, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(&lab, 3, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5152");
	check_freed(&lab, 3, 5151);
	LAB_END();
}

Test(names_rescue, SW_SHARE_3_all_stopped_and_a_newcomer)
{
	LAB_BEGIN();
	for (int i = 0; i < 3; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
	}
	for (int i = 0; i < 3; i++)
		lab_signal(&lab, i, SIGSTOP), lab_wait_stopped(&lab, i);
	lab_start(&lab, 4, "guest", NULL);
	lab_check(&lab, 4, "list 0 3 *", "list 0"); /* it can be seen who is in the way */
	lab_start(&lab, 3, NULL, NULL);
	lab_check(&lab, 3, "bind 0 5160*", "bind 1 tcp4 excl 10.77.0.1 5160");
	for (int i = 0; i < 3; i++)
		lab_check(&lab, 3, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 515%d", i);
	for (int i = 0; i < 3; i++)
		lab_signal(&lab, i, SIGCONT);
	for (int i = 0; i < 3; i++) {
		lab_check(&lab, i, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5160");
		lab_check(&lab, i, "bind 0 *", "bind 2 tcp4 excl 10.77.0.1 517%d", i);
	}
	lab_check(&lab, 4, "list 0 7 *", "list 0");
	LAB_END();
}

/* Leave in an orderly way or not at all. */
static void leave(struct lab *lab, int who, bool killed)
{
	if (killed) {
		lab_signal(lab, who, SIGKILL);
		lab_wait_dead(lab, who);
	} else {
		lab_end(lab, who);
	}
}

static bool is_deaf(const char *name)
{
	int fd = wire_connect(name, NULL);
	bool deaf = fd == -ECONNREFUSED;

	wire_close(&fd);
	return deaf;
}

/* Each of many rescuers leaves before the next comes, and takes its table along: there are more of
 * them than places, and the only one who is left never runs. */
static void scene_rescuers_leave(struct lab *lab, int variant)
{
	lab_start(lab, 0, NULL, NULL);
	lab_check(lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(lab, 0, SIGSTOP), lab_wait_stopped(lab, 0);
	for (int i = 0; i < 5; i++) {
		lab_start(lab, 1, NULL, NULL);
		lab_check(lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
		lab_check(lab, 1, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5150");
		if (i % 3 == 1)
			lab_check(lab, 1, "done", "release 1");
		leave(lab, 1, i % 3 == 2);
	}
	lab_start(lab, 2, NULL, NULL);
	lab_check(lab, 2, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_signal(lab, 0, SIGCONT);
	lab_check(lab, 0, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5151");
	lab_check(lab, 0, "bind 0 5152*", "bind 2 tcp4 excl 10.77.0.1 5152");
	lab_check(lab, 2, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5150");
	lab_check(lab, 2, "list 0 3 *", "list 0");
	/* it goes where the keeper is: no newcomer waits at the old place */
	if (!WSD_UNTIL(is_deaf(lab->book), 2000))
		lab_fail(lab, "the old place is still there");
	lab_end(lab, 2);
	lab_start(lab, 1, NULL, NULL);
	lab_check(lab, 1, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5152");
	check_freed(lab, 1, 5151);
}

/* The rescuer leaves its place and the book to one who joined, and that one leaves, too. */
static void scene_heirs_leave(struct lab *lab, int variant)
{
	lab_start(lab, 0, NULL, NULL);
	lab_check(lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(lab, 0, SIGSTOP), lab_wait_stopped(lab, 0);
	for (int i = 0; i < 4; i++) {
		lab_start(lab, 1, NULL, NULL);
		lab_check(lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
		lab_start(lab, 2, NULL, NULL);
		lab_check(lab, 2, "bind 0 5152*", "bind 1 tcp4 excl 10.77.0.1 5152");
		leave(lab, 1, i % 2);
		check_freed(lab, 2, 5151);
		lab_check(lab, 2, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5150");
		leave(lab, 2, i % 2);
	}
	lab_start(lab, 1, NULL, NULL);
	lab_check(lab, 1, "bind 0 5152*", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_signal(lab, 0, SIGCONT);
	lab_check(lab, 0, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5152");
	lab_check(lab, 1, "list 0 2 *", "list 0");
}

static void scene_successor_leaves(struct lab *lab, int killed)
{
	lab_start(lab, 0, NULL, NULL);
	lab_check(lab, 0, "bind 0 5150*", "bind 1 tcp4 reuse 10.77.0.1 5150");
	lab_check(lab, 0, "listen 0 1", "listen 1");
	lab_start(lab, 1, NULL, NULL);
	lab_check(lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_signal(lab, 0, SIGSTOP), lab_wait_stopped(lab, 0);
	lab_check(lab, 1, "bind 0 5152*", "bind 2 tcp4 excl 10.77.0.1 5152");
	leave(lab, 1, killed);
	lab_start(lab, 2, NULL, NULL);
	lab_check(lab, 2, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(lab, 2, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_check(lab, 2, "bind 0 5152*", "bind 2 tcp4 excl 10.77.0.1 5152");
	/* a rank goes on, and its head is still the one that does not run */
	lab_check(lab, 2, "bind 0 5150*", "bind 3 tcp4 reuse 10.77.0.1 5150");
	lab_check(lab, 2, "listen 0 0", "listen 3");
	lab_signal(lab, 0, SIGCONT);
	lab_check(lab, 0, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5152");
	lab_check(lab, 0, "done", "release 1");
	lab_expect_event(lab, 2, "takeover 3");
}

/* A newcomer that was let in by a keeper whose table is gone must not go on from that table. */
static void scene_welcome_too_late(struct lab *lab, int i)
{
	static const char *const steps[] = {"hello_sent", "welcome_read"};

	lab_start(lab, 0, NULL, NULL);
	lab_check(lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(lab, 0, SIGSTOP), lab_wait_stopped(lab, 0);
	lab_start(lab, 1, NULL, NULL);
	lab_check(lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_start(lab, 2, NULL, NULL);
	/* first it asks the one that does not answer */
	lab_check(lab, 2, "done", "step %d %s stop", i ? 0 : 1, steps[i]);
	lab_tell(lab, 2, "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_wait_stopped(lab, 2);
	usleep(50000); /* the welcome is there */
	lab_signal(lab, 1, SIGKILL);
	lab_wait_dead(lab, 1);
	lab_start(lab, 3, NULL, NULL);
	lab_check(lab, 3, "bind 0 5152*", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_signal(lab, 2, SIGCONT);
	char room[64] = "";
	if (strncmp(lab_answer(lab, 2, room, sizeof(room)), "bind 10048 ", 11) != 0)
		lab_fail(lab, "%s: %s", steps[i], room);
	lab_check(lab, 2, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(lab, 2, "list 0 2 *", "list 0");
}

struct scene {
	void (*play)(struct lab *lab, int variant);
	int variant;
	char failure[sizeof(((struct lab *)0)->failure)];
};

static void *play_scene(void *arg)
{
	struct scene *s = arg;
	struct lab lab;

	lab_open(&lab, "names");
	s->play(&lab, s->variant);
	lab_close(&lab);
	memcpy(s->failure, lab.failure, sizeof(s->failure));
	return NULL;
}

/* Side by side, for they mostly wait. */
Test(names_rescue, SW_SHARE_3_who_knows_the_newest_book_leaves, .timeout = 60)
{
	static struct scene scenes[] = {
		{scene_rescuers_leave, 0},   {scene_heirs_leave, 0},
		{scene_successor_leaves, 0}, {scene_successor_leaves, 1},
		{scene_welcome_too_late, 0}, {scene_welcome_too_late, 1},
	};
	enum { COUNT = sizeof(scenes) / sizeof(scenes[0]) };
	pthread_t thread[COUNT];
	WSD_TEST_BEGIN();
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < COUNT; i++)
		cr_assert_eq(pthread_create(&thread[i], NULL, play_scene, &scenes[i]), 0);
	for (int i = 0; i < COUNT; i++) {
		pthread_join(thread[i], NULL);
		cr_expect_str_empty(scenes[i].failure, "%d: %s", i, scenes[i].failure);
	}
	WSD_TEST_END();
}

/* A process of another network namespace has a book of the same name, and it is not ours. */
Test(names_rescue, WS_REUSE_13_rescue_leaves_other_network_namespaces_alone)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to make a network namespace");
	LAB_BEGIN();
	lab_start(&lab, 0, "netns", NULL);
	lab_check(&lab, 0, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 1, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_start(&lab, 2, "netns", NULL);
	lab_check(&lab, 2, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_signal(&lab, 1, SIGSTOP), lab_wait_stopped(&lab, 1);
	lab_start(&lab, 3, NULL, NULL);
	lab_check(&lab, 3, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(&lab, 3, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	for (int i = 0; i < 3; i += 2)
		lab_check(&lab, i, "list 0 1 *", "list 0");
	LAB_END();
}

/* What a rescuer may not look into may hold any name: the table that it can see is not enough. The
 * log names the process that is in the way, not the one that made the public socket. */
Test(names_rescue, SW_SHARE_3_no_rescue_past_a_process_that_cannot_be_seen, .timeout = 60)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be two users");
	LAB_BEGIN();
	char path[] = "/tmp/wsd-log-XXXXXX", text[16384] = "", pid[32];
	int fd = mkstemp(path);
	chmod(path, 0666);
	setenv("WSD_LOG", path, 1);
	lab_start(&lab, 0, "user=1001", NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_start(&lab, 1, "user=1001", NULL);
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_start(&lab, 2, "user=1002", NULL);
	lab_check(&lab, 2, "bind 0 5152*", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_signal(&lab, 2, SIGSTOP), lab_wait_stopped(&lab, 2);
	lab_end(&lab, 1);
	lab_signal(&lab, 0, SIGKILL); /* whoever opened a place is gone */
	lab_wait_dead(&lab, 0);
	lab_start(&lab, 0, "user=1001", NULL);
	lab_check(&lab, 0, "bind 10055 *", "bind 1 tcp4 excl 10.77.0.1 5152");
	cr_expect_gt(read(fd, text, sizeof(text) - 1), 0);
	snprintf(pid, sizeof(pid), "pid %d ", (int)lab.proc[2].pid);
	cr_expect(strstr(text, pid), "no %s in: %s", pid, text);
	lab_start(&lab, 3, NULL, NULL); /* root may */
	lab_check(&lab, 3, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_check(&lab, 0, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_end(&lab, 3);
	lab_signal(&lab, 2, SIGCONT);
	lab_check(&lab, 2, "bind 0 5153*", "bind 2 tcp4 excl 10.77.0.1 5153");
	unsetenv("WSD_LOG");
	close(fd);
	LAB_END();
	unlink(path); /* whoever ended last may have opened it anew */
}

/* As before, but one that can be seen has an old table, and the one that cannot has the newest. */
Test(names_rescue, SW_SHARE_3_no_rescue_from_an_old_table_past_a_hidden_process)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be two users");
	LAB_BEGIN();
	lab_start(&lab, 0, "user=1001", NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_start(&lab, 1, "user=1001", NULL);
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_start(&lab, 2, "user=1002", NULL);
	lab_check(&lab, 2, "bind 0 5152*", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_signal(&lab, 2, SIGSTOP), lab_wait_stopped(&lab, 2);
	lab_end(&lab, 1);
	lab_start(&lab, 3, "user=1001", NULL);
	lab_check(&lab, 3, "bind 10055 *", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_signal(&lab, 2, SIGKILL); /* nobody is hidden any longer */
	lab_wait_dead(&lab, 2);
	lab_check(&lab, 3, "bind 0 5152*", "bind 1 tcp4 excl 10.77.0.1 5152");
	lab_check(&lab, 3, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5150");
	lab_signal(&lab, 0, SIGCONT);
	lab_check(&lab, 0, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5152");
	LAB_END();
}

Test(names_rescue, SW_SHARE_3_other_users_stopped_broker_is_named_in_the_log)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be two users");
	LAB_BEGIN();
	char path[] = "/tmp/wsd-log-XXXXXX", text[8192] = "", pid[32];
	int fd = mkstemp(path);
	chmod(path, 0666);
	setenv("WSD_LOG", path, 1);
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, "user=1001", NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	/* it may not look into root's process: refused, within the second and a bit */
	long long start = wsd_check_now_ms();
	lab_check(&lab, 1, "bind 10055 *", "bind 1 tcp4 excl 10.77.0.1 5151");
	cr_expect_lt(wsd_check_now_ms() - start, 1500);
	cr_expect_gt(read(fd, text, sizeof(text) - 1), 0);
	snprintf(pid, sizeof(pid), "pid %d", (int)lab.proc[0].pid);
	cr_expect(strstr(text, pid), "no %s in: %s", pid, text);
	lab_signal(&lab, 0, SIGCONT);
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	unsetenv("WSD_LOG");
	close(fd);
	LAB_END();
	unlink(path); /* whoever ended last may have opened it anew */
}
