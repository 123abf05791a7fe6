/* SPDX-License-Identifier: MIT */
/*
 * test_broker.c: a process that is killed or stopped, at every step of the protocol, loses nothing
 * for the others: what is held stays held, what is free can be had, within a second. The second is
 * the library's own limit: a bind that waits longer fails, so each "bind 0" below says that it was
 * kept. Scenes run side by side, they mostly wait.
 */
#include "check.h"
#include "names_lab.h"
#include "names_step.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Processes of a scene. C joins late; N is a newcomer after the event. */
enum { K, A, B, C, N };

enum trigger {
	FIRST,      /* K is alone, and binds for the first time */
	JOIN,       /* C binds for the first time */
	BIND,       /* A binds */
	OWN_BIND,   /* K binds */
	LISTEN,     /* A listens */
	OWN_LISTEN, /* K listens */
	RELEASE,    /* A releases the head of a shared name */
	OWN_RELEASE,
	DEATH, /* C is killed */
	SERVE, /* A takes the book over */
};

struct scene {
	enum names_step step;
	int victim;
	enum trigger trigger;
	int skip; /* how often the step is passed before */
};

#define SCENE(step, ...)                       \
	{                                      \
		NAMES_STEP_##step, __VA_ARGS__ \
	}
static const struct scene scenes[] = {
	SCENE(join_bound, K, FIRST),
	SCENE(join_ready, K, FIRST),
	SCENE(join_listening, K, FIRST),
	SCENE(hello_sent, C, JOIN),
	SCENE(welcome_read, C, JOIN),
	SCENE(accepted, K, JOIN),
	SCENE(client_noted, K, JOIN),
	SCENE(client_checked, K, JOIN),
	SCENE(welcome_sent, K, JOIN),
	SCENE(request_sent, A, BIND),
	SCENE(request_read, K, BIND),
	SCENE(bind_filled, K, BIND),
	SCENE(bind_held, K, BIND),
	SCENE(bind_checked, K, BIND),
	SCENE(answer_sent, K, BIND),
	SCENE(answer_read, A, BIND),
	SCENE(bind_filled, K, OWN_BIND),
	SCENE(bind_held, K, OWN_BIND),
	SCENE(listen_ranked, K, LISTEN),
	SCENE(answer_sent, K, LISTEN),
	SCENE(listen_ranked, K, OWN_LISTEN),
	SCENE(release_sent, A, RELEASE),
	SCENE(release_cleared, K, RELEASE),
	SCENE(release_told, K, RELEASE),
	SCENE(release_cleared, K, OWN_RELEASE),
	SCENE(release_told, K, OWN_RELEASE),
	SCENE(hangup_seen, K, DEATH),
	SCENE(release_cleared, K, DEATH),
	SCENE(claim_before, A, SERVE),
	SCENE(claimed, A, SERVE),
	SCENE(claim_copied, A, SERVE),
	SCENE(claim_called_one, A, SERVE),
	SCENE(claim_called, A, SERVE),
	SCENE(call_read, B, SERVE),
	SCENE(deposed, K, SERVE),
};
enum { SCENES = sizeof(scenes) / sizeof(scenes[0]), AT_ONCE = 6 };

static const char *const step_name[] = {
#define STEP_NAME(name) #name,
	NAMES_STEPS(STEP_NAME)
#undef STEP_NAME
};

/* Names: 5001 K, 5002 A, 5003 B, 5004 C, all exclusive; 5010 shared by A (head) and B, 5011 by K
 * (head) and B. */
static void cast(struct lab *lab, const struct scene *s)
{
	lab_start(lab, K, NULL, NULL);
	lab_start(lab, A, NULL, NULL);
	lab_start(lab, B, NULL, NULL);
	lab_start(lab, C, NULL, NULL);
	if (s->trigger == FIRST)
		return;
	lab_check(lab, K, "bind 0 5001*", "bind 1 tcp4 excl 10.77.0.1 5001");
	lab_check(lab, A, "bind 0 5002*", "bind 1 tcp4 excl 10.77.0.1 5002");
	lab_check(lab, B, "bind 0 5003*", "bind 1 tcp4 excl 10.77.0.1 5003");
	lab_check(lab, A, "bind 0 5010*", "bind 2 tcp4 reuse 10.77.0.1 5010");
	lab_check(lab, B, "bind 0 5010*", "bind 2 tcp4 reuse 10.77.0.1 5010");
	lab_check(lab, K, "bind 0 5011*", "bind 3 tcp4 reuse 10.77.0.1 5011");
	lab_check(lab, B, "bind 0 5011*", "bind 3 tcp4 reuse 10.77.0.1 5011");
	lab_check(lab, A, "bind 0 5012*", "bind 4 tcp4 excl 10.77.0.1 5012");
	lab_check(lab, K, "bind 0 5013*", "bind 4 tcp4 excl 10.77.0.1 5013");
	if (s->trigger == DEATH)
		lab_check(lab, C, "bind 0 5004*", "bind 1 tcp4 excl 10.77.0.1 5004");
	lab_check(lab, A, "listen 0 1", "listen 2");
	lab_check(lab, B, "listen 0 0", "listen 2");
	lab_check(lab, K, "listen 0 1", "listen 3");
	lab_check(lab, B, "listen 0 0", "listen 3");
}

static const struct {
	int who;
	const char *command;
} trigger_of[] = {
	[FIRST] = {K, "bind 1 tcp4 excl 10.77.0.1 5001"},
	[JOIN] = {C, "bind 1 tcp4 excl 10.77.0.1 5004"},
	[BIND] = {A, "bind 5 tcp4 excl 10.77.0.1 5020"},
	[OWN_BIND] = {K, "bind 5 tcp4 excl 10.77.0.1 5020"},
	[LISTEN] = {A, "listen 4"},
	[OWN_LISTEN] = {K, "listen 4"},
	[RELEASE] = {A, "release 2"},
	[OWN_RELEASE] = {K, "release 3"},
	[SERVE] = {A, "serve"},
};

static bool kept(const struct scene *s, int who, bool stop)
{
	return s->trigger != FIRST && (stop || s->victim != who);
}

/* From process @who: everything that is held cannot be had. */
static void check_held(struct lab *lab, const struct scene *s, int who, bool stop)
{
	if (kept(s, K, stop))
		lab_check(lab, who, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5001");
	if (kept(s, A, stop))
		lab_check(lab, who, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5002");
	if (kept(s, B, stop))
		lab_check(lab, who, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5003");
}

/* What the dead held is free again. A hang-up may take a moment to be seen: a second, on a quiet
 * machine. */
static void check_freed(struct lab *lab, int who, unsigned port)
{
	char room[256];
	long long deadline = wsd_check_now_ms() + WSD_PATIENCE_MS;

	do {
		lab_tell(lab, who, "bind 8 tcp4 excl 10.77.0.1 %u", port);
		lab_answer(lab, who, room, sizeof(room));
	} while (!lab->failure[0] && strncmp(room, "bind 0 ", 7) != 0 &&
		 wsd_check_now_ms() < deadline);
	if (!lab->failure[0] && strncmp(room, "bind 0 ", 7) != 0)
		lab_fail(lab, "%u is not free: %s", port, room);
	lab_check(lab, who, "done", "release 8");
}

static int heir_check(const struct scene *s)
{
	return s->trigger != FIRST;
}

/* B is told when it has come to the head of a name whose head is gone. */
static void check_heir(struct lab *lab, const struct scene *s, bool stop)
{
	if (!heir_check(s) || s->victim == B)
		return;
	if ((!stop && s->victim == A) || s->trigger == RELEASE)
		lab_expect_event(lab, B, "takeover 2");
	if ((!stop && s->victim == K) || s->trigger == OWN_RELEASE)
		if (!(stop &&
		      s->trigger == OWN_RELEASE)) /* a stopped one may not have released yet */
			lab_expect_event(lab, B, "takeover 3");
}

/* After SIGCONT the victim goes on: whatever it was told it holds, it holds, and nobody else. */
static void check_continued(struct lab *lab, const struct scene *s)
{
	char room[256] = "";
	int asker = s->trigger == DEATH ? -1 : trigger_of[s->trigger].who;

	lab_signal(lab, s->victim, SIGCONT);
	if (asker >= 0 && asker == s->victim)
		lab_answer(lab, asker, room, sizeof(room));
	if (!lab->failure[0] && s->trigger == OWN_RELEASE)
		lab_expect_event(lab, B, "takeover 3");
	if (s->trigger == SERVE && strcmp(room, "") != 0 && strncmp(room, "serve", 5) != 0)
		lab_fail(lab, "serve said %s", room);
	/* it takes part again */
	lab_check(lab, s->victim, "bind 0 5030*", "bind 7 tcp4 excl 10.77.0.1 5030");
	lab_check(lab, N, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5030");
	if (kept(s, s->victim, true))
		check_held(lab, s, N, true);
	lab_check(lab, s->victim, "done", "release 7");
	check_freed(lab, N, 5030);
	if (s->trigger == OWN_BIND && strncmp(room, "bind 0", 6) == 0)
		lab_check(lab, N, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5020");
	if (s->trigger == FIRST)
		lab_check(lab, s->victim,
			  strncmp(room, "bind 0", 6) == 0 ? "bind 10048 *" : "bind 0*",
			  "bind 6 tcp4 excl 10.77.0.1 5001");
}

/* The one who asked, when it was not the victim, is served by the next keeper. */
static void check_asker(struct lab *lab, const struct scene *s, bool stop)
{
	char room[256];
	int asker = s->trigger == DEATH ? -1 : trigger_of[s->trigger].who;
	static const char *const expect[] = {
		[FIRST] = "bind 0*", [JOIN] = "bind 0*",      [BIND] = "bind 0*",
		[OWN_BIND] = "*",    [LISTEN] = "listen 0 1", [OWN_LISTEN] = "*",
		[RELEASE] = "done",  [OWN_RELEASE] = "*",     [SERVE] = "serve 0",
	};

	if (asker < 0 || asker == s->victim)
		return;
	lab_answer(lab, asker, room, sizeof(room));
	size_t len = strcspn(expect[s->trigger], "*");
	if (!lab->failure[0] && strncmp(room, expect[s->trigger], len) != 0)
		lab_fail(lab, "the asker was told \"%s\"", room);
}

static void play(struct lab *lab, const struct scene *s, bool stop)
{
	int other = s->victim == B ? A : B;

	cast(lab, s);
	lab_check(lab, s->victim, "done", "step %d %s %s", s->skip, step_name[s->step],
		  stop ? "stop" : "kill");
	if (s->trigger == DEATH)
		lab_signal(lab, C, SIGKILL);
	else
		lab_tell(lab, trigger_of[s->trigger].who, "%s", trigger_of[s->trigger].command);
	if (stop)
		lab_wait_stopped(lab, s->victim);
	else
		lab_wait_dead(lab, s->victim);

	check_asker(lab, s, stop);
	/* a participant, then a newcomer, each within its second */
	lab_check(lab, other, "bind 0 5040*", "bind 6 tcp4 excl 10.77.0.1 5040");
	check_held(lab, s, other, stop);
	lab_start(lab, N, NULL, NULL);
	lab_check(lab, N, "bind 0 5041*", "bind 1 tcp4 excl 10.77.0.1 5041");
	check_held(lab, s, N, stop);
	if (!stop && s->trigger != FIRST && s->victim <= B)
		check_freed(lab, N, 5001 + (unsigned)s->victim);
	if (s->trigger == DEATH)
		check_freed(lab, N, 5004);
	if (s->trigger == BIND && s->victim == K)
		lab_check(lab, N, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5020");
	check_heir(lab, s, stop);
	if (stop)
		check_continued(lab, s);
}

struct stage {
	bool stop;
	atomic_int next;
	struct lab lab[SCENES];
};

static void *work(void *arg)
{
	struct stage *stage = arg;
	int i;

	while ((i = stage->next++) < SCENES) {
		lab_open(&stage->lab[i], "broker");
		play(&stage->lab[i], &scenes[i], stage->stop);
		lab_close(&stage->lab[i]);
	}
	return NULL;
}

static void play_all(bool stop)
{
	struct stage *stage = calloc(1, sizeof(*stage));
	pthread_t thread[AT_ONCE];
	int failed = 0;
	char report[4096] = "";

	stage->stop = stop;
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < AT_ONCE; i++)
		pthread_create(&thread[i], NULL, work, stage);
	for (int i = 0; i < AT_ONCE; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < SCENES; i++)
		if (stage->lab[i].failure[0] && ++failed < 8)
			snprintf(report + strlen(report), sizeof(report) - strlen(report),
				 "\n  %s at %s, trigger %d: %s", stop ? "stopped" : "killed",
				 step_name[scenes[i].step], scenes[i].trigger,
				 stage->lab[i].failure);
	free(stage);
	cr_assert_eq(failed, 0, "%d of %d scenes:%s", failed, SCENES, report);
}

Test(broker, SW_SHARE_3_killed_at_every_step, .timeout = 120)
{
	WSD_TEST_BEGIN();
	play_all(false);
	WSD_TEST_END();
}

Test(broker, SW_SHARE_3_stopped_at_every_step, .timeout = 120)
{
	WSD_TEST_BEGIN();
	play_all(true);
	WSD_TEST_END();
}

Test(broker, SW_SHARE_3_every_step_has_a_scene)
{
	bool has[NAMES_STEP_COUNT] = {false};

	for (int i = 0; i < SCENES; i++)
		has[scenes[i].step] = true;
	for (int i = 0; i < NAMES_STEP_COUNT; i++)
		cr_expect(has[i], "%s", step_name[i]);
}
