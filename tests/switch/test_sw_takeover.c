/* SPDX-License-Identifier: MIT
 *
 * SW-SHARE-3 with a process that is killed or stopped at every step of it. H, S and T listen on one
 * name, in this order; H closes its socket or is killed, S takes over, T is the third. The victim
 * ends or stops right before a call of the provider is dealt with, or right behind another step.
 *
 * A victim that is killed: the next of those who live has kernel LISTEN and the companion within a
 * second; of H that is S, of S it is T.
 *
 * A victim that is stopped is alive, and Winsock knows no other rule: what it holds stays held, its
 * place in the rank too. So nobody goes on in its place; what can be had meanwhile is:
 *
 *   victim, stopped at          kernel connect  companion
 *   H  (listening)              yes, H's        H's
 *   H  WSPCloseSocket           yes, H's        H's, not yet closed
 *   H  companion_closed         yes, H's        none
 *   H  kernel_closed            refused         none: H still holds the name
 *   H  name_released            yes, S's        S's, within a second
 *   S  takeover_told            refused         none: S holds the first place
 *   S  kernel_listening         yes, S's        none
 *   S  WSPSocket                yes, S's        none
 *   S  WSPBind                  yes, S's        none
 *   S  WSPListen                yes, S's        none
 *   S  WSPEventSelect           yes, S's        none: no event would be told
 *   S  companions_up            yes, S's        S's
 *   S  listener_noted           yes, S's        S's
 *
 * In each cell the other processes go on: their own listeners answer, they open and close further
 * ones. When the stopped one continues, it does what it was at, and S serves (H, if it only
 * listened); when it is killed instead, the next serves. Then there is one kernel listener and one
 * companion, no more, and the rank behind is as it was: closed one after the other, each hands on.
 */
#include "names_lab.h"
#include "sw.h"
#include "takeover.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum who { H, S, T, NOBODY };
enum { PROCS = 3, SHARED = 1, OWN = 0, FRESH = 2 /* numbers of sockets */ };
enum { SECOND_MS = 1000, PORT_FIRST = 20000, PORTS_A_SCENE = 10, AT_ONCE = 4 };

enum ending { KILLED, STOPPED, STOPPED_THEN_KILLED, ENDINGS };
static const char *const ending_name[] = {"killed", "stopped", "stopped, then killed"};

/* The table above. */
static const struct row {
	enum who victim;
	const char *step; /* "": at none, it just listens */
	bool tcp;         /* while it is stopped */
	enum who san;
} rows[] = {
	{H, "", true, H},
	{H, "WSPCloseSocket", true, H},
	{H, "companion_closed", true, NOBODY},
	{H, "kernel_closed", false, NOBODY},
	{H, "name_released", true, S},
	{S, "takeover_told", false, NOBODY},
	{S, "kernel_listening", true, NOBODY},
	{S, "WSPSocket", true, NOBODY},
	{S, "WSPBind", true, NOBODY},
	{S, "WSPListen", true, NOBODY},
	{S, "WSPEventSelect", true, NOBODY},
	{S, "companions_up", true, S},
	{S, "listener_noted", true, S},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

struct scene {
	const struct row *row;
	enum ending ending;
	bool by_death; /* the head is killed instead of closing; for victim S */
	enum who keeper;
	unsigned port; /* of the shared name; those that follow are for others */
	struct lab lab;
	void *control[PROCS];
};

/* ---- looking ---- */

static bool answers(unsigned port)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	socklen_t len = sizeof(error);
	inet_pton(AF_INET, TAKEOVER_ADDR, &a.sin_addr);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno != EINPROGRESS)
		error = errno;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	if (!error &&
	    (poll(&p, 1, SECOND_MS) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0))
		error = ETIMEDOUT;
	close(fd);
	return !error;
}

static int kernel_listeners(unsigned port)
{
	enum { LISTEN_STATE = 10 };
	FILE *f = fopen("/proc/thread-self/net/tcp", "re");
	char line[256];
	int count = 0;
	while (f && fgets(line, sizeof(line), f)) {
		unsigned at, state;
		count += sscanf(line, "%*d: %*8x:%4x %*s %2x", &at, &state) == 2 && at == port &&
			 state == LISTEN_STATE;
	}
	if (f)
		fclose(f);
	return count;
}

/* Companions on the name that a process has, also one that is stopped. @any: half made ones, too */
static int companions(const struct scene *s, enum who who, bool any)
{
	struct scripted_socket *sockets = malloc(sizeof(*sockets) * SCRIPTED_SOCKETS);
	size_t size = sizeof(*sockets) * SCRIPTED_SOCKETS;
	struct iovec here = {sockets, size},
		     there = {(char *)s->control[who] + offsetof(struct scripted, sockets), size};
	pid_t pid = s->lab.proc[who].pid;
	int count = 0;
	bool read = pid && process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
	for (int i = 0; read && i < SCRIPTED_SOCKETS; i++) {
		const struct scripted_socket *c = &sockets[i];
		if (c->live && c->name.sin_port == htons((uint16_t)s->port))
			count += any || (c->listening && c->selected == FD_ACCEPT);
	}
	free(sockets);
	return count;
}

static bool san_is(const struct scene *s, enum who who)
{
	for (int i = 0; i < PROCS; i++)
		if (companions(s, (enum who)i, false) != (i == (int)who))
			return false;
	return true;
}

static bool served(const struct scene *s, bool tcp, enum who san)
{
	return san_is(s, san) && kernel_listeners(s->port) == tcp && answers(s->port) == tcp;
}

static void expect_served(struct scene *s, bool tcp, enum who san, const char *when)
{
	if (s->lab.failure[0] || WSD_UNTIL(served(s, tcp, san), SECOND_MS))
		return;
	lab_fail(&s->lab, "%s: kernel connect %s (%d listeners), companions of H, S, T: %d %d %d",
		 when, answers(s->port) ? "succeeds" : "is refused", kernel_listeners(s->port),
		 companions(s, H, false), companions(s, S, false), companions(s, T, false));
}

/* ---- playing ---- */

static void lab_begin(struct scene *s)
{
	static const enum who order[PROCS][PROCS] = {{H, S, T}, {S, H, T}, {T, H, S}};
	char room[64];
	Dl_info module;
	lab_open(&s->lab, "takeover");
	if (!dladdr(bed.p[0], &module))
		lab_fail(&s->lab, "where is the module?");
	for (int i = 0; i < PROCS; i++) { /* whoever is the first keeps the book */
		enum who who = order[s->keeper][i];
		lab_start(&s->lab, who, module.dli_fname, NULL);
		lab_check(&s->lab, who, "open 0", "open %d %u", OWN, s->port + 1 + who);
		lab_tell(&s->lab, who, "control");
		if (sscanf(lab_answer(&s->lab, who, room, sizeof(room)), "control %p",
			   &s->control[who]) != 1)
			lab_fail(&s->lab, "no control");
	}
	for (int i = H; i <= T; i++) {
		lab_check(&s->lab, i, "open 0", "open %d %u", SHARED, s->port);
		lab_check(&s->lab, i, "done", "clear");
	}
	expect_served(s, true, H, "at first");
}

static bool runs(const struct scene *s, enum who who)
{
	return s->lab.proc[who].pid && (who != s->row->victim || s->ending == KILLED);
}

/* The others do what they did before. */
static void check_others(struct scene *s)
{
	for (int i = H; i <= T; i++) {
		if (!runs(s, (enum who)i) || s->lab.failure[0])
			continue;
		if (!answers(s->port + 1 + (unsigned)i))
			lab_fail(&s->lab, "%d's own listener is gone", i);
		lab_check(&s->lab, i, "open 0", "open %d %u", FRESH, s->port + 4);
		/* the one before may still be in front of it: a release is not waited for */
		if (!s->lab.failure[0] && !WSD_UNTIL(answers(s->port + 4), SECOND_MS))
			lab_fail(&s->lab, "%d's new listener does not answer", i);
		lab_check(&s->lab, i, "close 0", "close %d", FRESH);
	}
}

static void trigger(struct scene *s)
{
	const struct row *r = s->row;
	if (*r->step)
		lab_check(&s->lab, r->victim, "done", "step 0 %s %s", r->step,
			  s->ending == KILLED ? "kill" : "stop");
	if (!*r->step) {
		lab_signal(&s->lab, H, s->ending == KILLED ? SIGKILL : SIGSTOP);
	} else if (s->by_death) {
		lab_signal(&s->lab, H, SIGKILL);
		lab_wait_dead(&s->lab, H);
	} else {
		lab_tell(&s->lab, H, "close %d", SHARED);
	}
	if (s->ending == KILLED)
		lab_wait_dead(&s->lab, r->victim);
	else
		lab_wait_stopped(&s->lab, r->victim);
}

static void expect_closed(struct scene *s)
{
	char room[64];
	if (strcmp(lab_answer(&s->lab, H, room, sizeof(room)), "close 0") != 0)
		lab_fail(&s->lab, "H said %s", room);
}

/* Who serves in the end. */
static enum who end_it(struct scene *s)
{
	const struct row *r = s->row;
	if (s->ending == STOPPED) {
		lab_signal(&s->lab, r->victim, SIGCONT);
		if (*r->step && r->victim == H)
			expect_closed(s);
		return *r->step ? S : H;
	}
	if (s->ending == STOPPED_THEN_KILLED) {
		lab_signal(&s->lab, r->victim, SIGKILL);
		lab_wait_dead(&s->lab, r->victim);
	}
	return r->victim == H ? S : T;
}

/* From @first on, who closes hands on to the next; nothing half made is left anywhere. */
static void hand_on(struct scene *s, enum who first)
{
	for (int server = first; server <= T; server++) {
		expect_served(s, true, (enum who)server, "in the end");
		for (int i = H; i <= T; i++)
			if (!s->lab.failure[0] && companions(s, (enum who)i, true) != (i == server))
				lab_fail(&s->lab, "%d serves, %d has %d companions", server, i,
					 companions(s, (enum who)i, true));
		lab_check(&s->lab, server, "close 0", "close %d", SHARED);
	}
	expect_served(s, false, NOBODY, "after all");
}

static void play(struct scene *s)
{
	lab_begin(s);
	trigger(s);
	if (s->row->victim == S && !s->by_death)
		expect_closed(s);
	if (s->ending != KILLED) {
		expect_served(s, s->row->tcp, s->row->san, "while it is stopped");
		check_others(s);
		if (!s->lab.failure[0] && !served(s, s->row->tcp, s->row->san))
			lab_fail(&s->lab, "it did not stay so while the victim was stopped");
	}
	enum who server = end_it(s);
	expect_served(s, true, server, "afterwards");
	s->ending = KILLED; /* whoever is there runs */
	check_others(s);
	hand_on(s, server);
	for (int i = H; i <= T; i++)
		if (s->lab.proc[i].pid)
			lab_end(&s->lab, i);
	lab_close(&s->lab);
}

struct stage {
	atomic_int next;
	int count;
	struct scene *scene;
};

static void *work(void *arg)
{
	struct stage *stage = arg;
	for (int i; (i = stage->next++) < stage->count;)
		play(&stage->scene[i]);
	return NULL;
}

static void add(struct stage *stage, const struct row *row, enum ending ending, bool by_death,
		enum who keeper)
{
	stage->scene[stage->count] =
		(struct scene){.row = row,
			       .ending = ending,
			       .by_death = by_death,
			       .keeper = keeper,
			       .port = PORT_FIRST + PORTS_A_SCENE * (unsigned)stage->count};
	stage->count++;
}

/* Side by side, for they mostly wait. */
static void play_all(enum ending ending)
{
	enum { VARIANTS = 3, REPORTED = 6 };
	struct scene *scenes = calloc((size_t)ROWS * VARIANTS, sizeof(*scenes));
	struct stage stage = {.scene = scenes};
	pthread_t thread[AT_ONCE];
	char report[4096] = "";
	int failed = 0;
	for (int i = 0; i < ROWS; i++) {
		add(&stage, &rows[i], ending, false, T);
		if (ending != STOPPED_THEN_KILLED)
			add(&stage, &rows[i], ending, false, rows[i].victim);
		if (ending != STOPPED_THEN_KILLED && rows[i].victim == S)
			add(&stage, &rows[i], ending, true, T);
	}
	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < AT_ONCE; i++)
		pthread_create(&thread[i], NULL, work, &stage);
	for (int i = 0; i < AT_ONCE; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < stage.count; i++) {
		const struct scene *s = &scenes[i];
		if (s->lab.failure[0] && failed++ < REPORTED)
			snprintf(report + strlen(report), sizeof(report) - strlen(report),
				 "\n  %c %s at \"%s\"%s, %c keeps the book: %s",
				 "HST"[s->row->victim], ending_name[ending], s -> row -> step,
				 s -> by_death ? " after H was killed" : "", "HST"[s->keeper],
				 s -> lab.failure);
	}
	int count = stage.count;
	free(scenes);
	cr_assert_eq(failed, 0, "%d of %d scenes:%s", failed, count, report);
}

#define TAKEOVER(ending)                                            \
	do {                                                        \
		BED(1);                                             \
		bed_addrs(&bed, 0, TAKEOVER_ADDR, NULL); /* ours */ \
		play_all(ending);                                   \
		BED_END();                                          \
	} while (0)

Test(takeover, SW_SHARE_3_head_and_successor_killed_at_every_step, .timeout = 180)
{
	TAKEOVER(KILLED);
}

Test(takeover, SW_SHARE_3_head_and_successor_stopped_at_every_step, .timeout = 180)
{
	TAKEOVER(STOPPED);
}

Test(takeover, SW_SHARE_3_head_and_successor_stopped_at_every_step_and_killed, .timeout = 180)
{
	TAKEOVER(STOPPED_THEN_KILLED);
}

/* ---- the table is complete ---- */

static void steps_of(enum who victim, char *ret, size_t size)
{
	snprintf(ret, size, "passed");
	for (int i = 0; i < ROWS; i++)
		if (rows[i].victim == victim && *rows[i].step)
			snprintf(ret + strlen(ret), size - strlen(ret), " %s", rows[i].step);
}

static bool passed_is(struct scene *s, enum who who, const char *steps, char *room, size_t size)
{
	lab_tell(&s->lab, who, "passed");
	return strcmp(lab_answer(&s->lab, who, room, size), steps) == 0 || s->lab.failure[0];
}

/* Nothing happens on either side, and no call is made, that has no row; nor in another order. */
Test(takeover, SW_SHARE_3_every_step_has_a_row, .timeout = 60)
{
	BED(1);
	static struct scene s = {.row = &rows[0], .keeper = T, .port = PORT_FIRST};
	char steps[1024], room[1024] = "";
	signal(SIGPIPE, SIG_IGN);
	lab_begin(&s);
	lab_check(&s.lab, H, "close 0", "close %d", SHARED);
	expect_served(&s, true, S, "after the close");
	for (int who = H; who <= S; who++) {
		steps_of((enum who)who, steps, sizeof(steps));
		cr_expect(WSD_UNTIL(passed_is(&s, (enum who)who, steps, room, sizeof(room)),
				    SECOND_MS),
			  "%c %s, and not %s", "HS"[who], room, steps);
		for (int i = 0; who == S && i < SW_STEP_COUNT; i++) {
			char both[2048];
			steps_of(H, both, sizeof(both));
			snprintf(both + strlen(both), sizeof(both) - strlen(both), " %s ", steps);
			cr_expect(strstr(both, takeover_step_name[i]), "%s", takeover_step_name[i]);
		}
	}
	for (int i = H; i <= T; i++)
		lab_end(&s.lab, i);
	lab_close(&s.lab);
	cr_assert_str_empty(s.lab.failure, "%s", s.lab.failure);
	BED_END();
}
