/* SPDX-License-Identifier: MIT */
/*
 * test_names.c: who holds which name: one process and many, users, ranks, shadows and put-off
 * binds.
 */
#include "names.h"
#include "names_scene.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <wsd/errors.h>

enum { BOOK_NAME_MAX = 48 };

/* What callbacks of this process have said. */
static struct heard {
	pthread_mutex_t lock;
	char text[1024];
	struct names *names;
	uint64_t release; /* to be released from inside takeover() */
} heard = {.lock = PTHREAD_MUTEX_INITIALIZER};

__attribute__((format(printf, 1, 2))) static void hear(const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	pthread_mutex_lock(&heard.lock);
	snprintf(heard.text + strlen(heard.text), sizeof(heard.text) - strlen(heard.text), "%s;",
		 line);
	pthread_mutex_unlock(&heard.lock);
}

static void on_takeover(void *ctx, uint64_t id, uint64_t cookie)
{
	hear("takeover %d", (int)cookie);
	if (heard.release) {
		names_release(heard.names, heard.release);
		heard.release = 0;
	}
}

static void on_shadow(void *ctx, uint64_t id, uint64_t cookie, const uint8_t (*addr)[4],
		      size_t count)
{
	hear("shadow %d %zu %d", (int)cookie, count, count ? addr[0][3] : 0);
}

static void on_retry(void *ctx, uint64_t id, uint64_t cookie)
{
	hear("retry %d", (int)cookie);
}

static const struct names_ops ops = {on_takeover, on_shadow, on_retry};

static bool heard_is(const char *text)
{
	pthread_mutex_lock(&heard.lock);
	bool same = strcmp(heard.text, text) == 0;
	pthread_mutex_unlock(&heard.lock);
	return same;
}

static struct names *open_book(const struct lab *lab)
{
	struct names_config cfg = {.broker_name = lab->book};
	struct names *n = NULL;

	heard.text[0] = '\0';
	cr_assert_eq(names_open(&cfg, &ops, NULL, &n), 0);
	heard.names = n;
	return n;
}

static struct names_request tcp4(enum names_mode mode, uint8_t last, uint16_t port)
{
	struct names_request req = {.proto = NAMES_TCP4, .mode = mode, .port = port};

	if (last)
		memcpy(req.addr, (uint8_t[]){10, 77, 0, last}, 4);
	return req;
}

static uint64_t take(struct names *n, struct names_request req, uint64_t cookie)
{
	uint64_t id = 0;
	uint16_t port = 0;
	int r = names_bind(n, &req, cookie, &id, &port);

	cr_assert_eq(r, 0, "bind %u: %d", req.port, r);
	return id;
}

Test(names, WS_REUSE_2_bind_in_the_brokers_process)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	struct names_request req = tcp4(NAMES_DEFAULT, 1, 5150);
	uint64_t id = take(n, req, 1), other = 77;
	uint16_t port = 78;
	cr_expect_eq(names_bind(n, &req, 2, &other, &port), WSAEADDRINUSE);
	cr_expect(other == 77 && port == 78, "a failed bind touches nothing");
	req.mode = NAMES_REUSE;
	cr_expect_eq(names_bind(n, &req, 2, &other, &port), WSAEACCES);
	names_release(n, id + 1); /* nobody's */
	names_release(n, 0);
	names_release(n, UINT64_MAX);
	cr_expect_eq(names_bind(n, &req, 2, &other, &port), WSAEACCES, "still held");
	names_release(n, id);
	cr_expect_eq(names_bind(n, &req, 2, &other, &port), 0);
	cr_expect_eq(port, 5150);
	cr_expect_eq(names_bind(n, &(struct names_request){.proto = NAMES_PROTO_COUNT}, 2, &other,
				&port),
		     WSAEINVAL);
	cr_expect_eq(
		names_bind(n, &(struct names_request){.mode = NAMES_MODE_COUNT}, 2, &other, &port),
		WSAEINVAL);
	bool head;
	cr_expect_eq(names_listen(n, id, &head, NULL), WSAEINVAL, "that one was released");
	names_close(n);
	LAB_END();
}

Test(names, WS_REUSE_2_opening_and_closing_without_asking_costs_nothing)
{
	LAB_BEGIN();
	names_close(NULL);
	struct names *n = open_book(&lab);
	unsigned fds = wsd_check_fds(), threads = wsd_check_threads();
	names_close(n);
	cr_expect_eq(wsd_check_fds(), fds);
	cr_expect_eq(wsd_check_threads(), threads);
	char name[BOOK_NAME_MAX + 2];
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	struct names_config cfg = {.broker_name = name};
	cr_expect_eq(names_open(&cfg, &ops, NULL, &n), -ENAMETOOLONG);
	LAB_END();
}

Test(names, SW_SHARE_2_and_3_rank_within_one_process)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	uint64_t id[4];
	bool head = false;
	for (unsigned i = 0; i < 4; i++)
		id[i] = take(n, tcp4(NAMES_REUSE, 1, 5150), i);
	/* the order of listen, not of bind */
	static const unsigned order[] = {2, 0, 3, 1};
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(names_listen(n, id[order[i]], &head, NULL), 0);
		cr_expect_eq(head, i == 0);
	}
	cr_expect_eq(names_listen(n, id[2], &head, NULL), 0);
	cr_expect(head, "again: nothing changes");
	names_release(n, id[0]); /* not the head: nobody is told */
	names_release(n, id[2]);
	cr_expect(WSD_UNTIL(heard_is("takeover 3;"), 2000), "%s", heard.text);
	cr_expect_eq(names_listen(n, id[1], &head, NULL), 0);
	cr_expect_not(head);
	heard.release = id[3]; /* from inside the callback */
	names_release(n, id[3]);
	cr_expect(WSD_UNTIL(heard_is("takeover 3;takeover 1;"), 2000), "%s", heard.text);
	names_close(n);
	LAB_END();
}

Test(names, SW_SHARE_2_different_names_have_ranks_of_their_own)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	bool head;
	static const struct {
		uint8_t last;
		uint16_t port;
	} name[] = {{0, 5150}, {1, 5150}, {2, 5150}, {1, 5151}};
	for (unsigned i = 0; i < 4; i++) {
		uint64_t id = take(n, tcp4(NAMES_REUSE, name[i].last, name[i].port), i);
		cr_expect_eq(names_listen(n, id, &head, NULL), 0);
		cr_expect(head);
	}
	names_close(n);
	LAB_END();
}

Test(names, SW_WILD_5_wildcard_listener_is_told_of_specific_ones)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	struct names_shadow list = {0};
	bool head;
	uint64_t before = take(n, tcp4(NAMES_REUSE, 7, 5150), 1);
	cr_expect_eq(names_listen(n, before, &head, NULL), 0);
	uint64_t other_port = take(n, tcp4(NAMES_REUSE, 8, 5151), 2);
	cr_expect_eq(names_listen(n, other_port, &head, NULL), 0);
	uint64_t wild = take(n, tcp4(NAMES_REUSE, 0, 5150), 3);
	cr_expect_eq(names_listen(n, wild, &head, &list), 0);
	cr_assert_eq(list.count, 1);
	cr_expect_eq(list.addr[0][3], 7);
	free(list.addr);
	uint64_t bound = take(n, tcp4(NAMES_REUSE, 9, 5150), 4); /* bound, not listening */
	names_release(n, before);
	cr_expect(WSD_UNTIL(heard_is("shadow 3 0 0;"), 2000), "%s", heard.text);
	cr_expect_eq(names_listen(n, bound, &head, NULL), 0);
	cr_expect(WSD_UNTIL(heard_is("shadow 3 0 0;shadow 3 1 9;"), 2000), "%s", heard.text);
	/* a second wildcard hears nothing until it is its turn, and then everything */
	uint64_t second = take(n, tcp4(NAMES_REUSE, 0, 5150), 5);
	cr_expect_eq(names_listen(n, second, &head, &list), 0);
	cr_expect(!head && list.count == 0);
	names_release(n, wild);
	cr_expect(WSD_UNTIL(heard_is("shadow 3 0 0;shadow 3 1 9;shadow 5 1 9;takeover 5;"), 2000),
		  "%s", heard.text);
	names_close(n);
	LAB_END();
}

/* Whoever is put off has no companion: the wildcard keeps its own until that changes. */
Test(names, SW_WILD_5_a_listener_that_waits_for_the_kernel_owns_nothing)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	struct names_shadow list = {0};
	bool head;
	uint64_t waits = take(n, tcp4(NAMES_REUSE, 7, 5150), 1);
	uint64_t next = take(n, tcp4(NAMES_REUSE, 7, 5150), 2);
	uint64_t leaves = take(n, tcp4(NAMES_REUSE, 8, 5150), 3);
	names_defer(n, waits);
	cr_expect_eq(names_listen(n, waits, &head, NULL), 0);
	uint64_t wild = take(n, tcp4(NAMES_REUSE, 0, 5150), 4);
	cr_expect_eq(names_listen(n, wild, &head, &list), 0);
	cr_expect_eq(list.count, 0);
	free(list.addr);
	names_release(n, leaves);
	cr_expect(WSD_UNTIL(heard_is("retry 1;shadow 4 1 7;"), 2000), "%s", heard.text);
	names_defer(n, waits); /* in vain */
	cr_expect(WSD_UNTIL(heard_is("retry 1;shadow 4 1 7;shadow 4 0 0;"), 2000), "%s",
		  heard.text);
	/* the next in rank does not wait */
	cr_expect_eq(names_listen(n, next, &head, NULL), 0);
	heard.text[0] = '\0';
	names_release(n, waits);
	cr_expect(WSD_UNTIL(heard_is("shadow 4 1 7;takeover 2;"), 2000), "%s", heard.text);
	names_close(n);
	LAB_END();
}

Test(names, SW_WILD_5_dual_stack_listener_is_told_of_ipv4_ones)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	struct names_shadow list = {0};
	bool head;
	struct names_request dual = {
		.proto = NAMES_TCP6, .mode = NAMES_REUSE, .port = 5150, .dual = true};
	uint64_t four = take(n, tcp4(NAMES_REUSE, 7, 5150), 1);
	cr_expect_eq(names_listen(n, four, &head, NULL), 0);
	uint64_t six = take(n, dual, 2);
	cr_expect_eq(names_listen(n, six, &head, &list), 0);
	cr_assert_eq(list.count, 1);
	free(list.addr);
	names_release(n, four);
	cr_expect(WSD_UNTIL(heard_is("shadow 2 0 0;"), 2000), "%s", heard.text);
	names_close(n);
	LAB_END();
}

Test(names, WS_REUSE_13_put_off_bind_is_told_when_somebody_leaves_the_port)
{
	LAB_BEGIN();
	struct names *n = open_book(&lab);
	uint64_t first = take(n, tcp4(NAMES_REUSE, 0, 5150), 1);
	uint64_t second = take(n, tcp4(NAMES_REUSE, 1, 5150), 2);
	uint64_t third = take(n, tcp4(NAMES_REUSE, 2, 5150), 3);
	uint64_t elsewhere = take(n, tcp4(NAMES_REUSE, 2, 5151), 4);
	names_defer(n, second);
	names_release(n, elsewhere); /* another port */
	names_release(n, first);
	cr_expect(WSD_UNTIL(heard_is("retry 2;"), 2000), "%s", heard.text);
	names_defer(n, third); /* somebody has left since its bind */
	cr_expect(WSD_UNTIL(heard_is("retry 2;retry 3;"), 2000), "%s", heard.text);
	names_defer(n, third);
	names_defer(n, third);
	names_release(n, second);
	cr_expect(WSD_UNTIL(heard_is("retry 2;retry 3;retry 3;"), 2000), "%s", heard.text);
	names_defer(n, third);
	names_release(n, third); /* itself */
	names_close(n);
	LAB_END();
}

Test(names, SW_SHARE_2_and_3_rank_across_processes)
{
	LAB_BEGIN();
	for (int i = 0; i < 4; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 5150*", "bind 1 tcp4 reuse 10.77.0.1 5150");
	}
	static const int order[] = {2, 0, 3, 1};
	for (int i = 0; i < 4; i++)
		lab_check(&lab, order[i], i ? "listen 0 0" : "listen 0 1", "listen 1");
	lab_check(&lab, 2, "done", "release 1"); /* closesocket */
	lab_expect_event(&lab, 0, "takeover 1");
	lab_signal(&lab, 0, SIGKILL); /* it keeps the book, too */
	lab_wait_dead(&lab, 0);
	lab_expect_event(&lab, 3, "takeover 1");
	lab_end(&lab, 3); /* WSACleanup, or exit */
	lab_expect_event(&lab, 1, "takeover 1");
	for (int i = 1; i < 3; i++)
		cr_expect_not(lab_has_event(&lab, i, "takeover 1"), "told once");
	LAB_END();
}

Test(names, SW_WILD_5_across_processes_and_keepers)
{
	LAB_BEGIN();
	for (int i = 0; i < 3; i++)
		lab_start(&lab, i, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 reuse 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5150*", "bind 2 tcp4 reuse * 5150");
	lab_check(&lab, 2, "bind 0 5150*", "bind 3 tcp4 reuse 10.77.1.1 5150");
	lab_check(&lab, 0, "listen 0 1", "listen 1");
	lab_check(&lab, 1, "listen 0 1 10.77.0.1", "listen 2");
	lab_check(&lab, 2, "listen 0 1", "listen 3");
	char two[64] = "shadow 2 10.77.1.1 10.77.0.1", other[64] = "shadow 2 10.77.0.1 10.77.1.1";
	cr_expect(WSD_UNTIL(lab_has_event(&lab, 1, two) || lab_has_event(&lab, 1, other), 2000),
		  "%s", lab.proc[1].events);
	lab_signal(&lab, 0, SIGKILL);
	lab_expect_event(&lab, 1, "shadow 2 10.77.1.1");
	lab_check(&lab, 2, "done", "release 3");
	lab_expect_event(&lab, 1, "shadow 2");
	lab_wait_dead(&lab, 0);
	LAB_END();
}

Test(names, WS_REUSE_13_put_off_bind_across_processes_and_keepers)
{
	LAB_BEGIN();
	for (int i = 0; i < 3; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 5150*", "bind %d tcp4 reuse 10.77.%d.1 5150", i, i);
	}
	lab_check(&lab, 1, "done", "defer 1");
	lab_check(&lab, 2, "done", "defer 2");
	lab_check(&lab, 2, "bind 0 5160*",
		  "bind 5 tcp4 def 10.77.0.1 5160"); /* the defers have arrived */
	lab_check(&lab, 1, "bind 0 5161*", "bind 5 tcp4 def 10.77.0.1 5161");
	lab_signal(&lab, 0, SIGKILL); /* the keeper, and the one who was in the way */
	lab_wait_dead(&lab, 0);
	lab_expect_event(&lab, 1, "retry 1");
	lab_expect_event(&lab, 2, "retry 2");
	LAB_END();
}

Test(names, WS_REUSE_3_users_are_told_apart_by_the_kernel)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to be two users");
	LAB_BEGIN();
	lab_start(&lab, 0, "user=1001", NULL);
	lab_start(&lab, 1, "user=1001", NULL);
	lab_start(&lab, 2, "user=1002", NULL);
	lab_start(&lab, 3, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 def * 5150");
	lab_check(&lab, 2, "bind 10013 *", "bind 1 tcp4 def 10.77.0.1 5150");
	lab_check(&lab, 3, "bind 10013 *", "bind 1 tcp4 def 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5150*", "bind 1 tcp4 def 10.77.0.1 5150");
	/* the next keeper knows who is who */
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_check(&lab, 2, "bind 10013 *", "bind 1 tcp4 def 10.77.1.1 5150");
	lab_check(&lab, 1, "bind 0 5150*", "bind 2 tcp4 def 10.77.1.1 5150");
	lab_check(&lab, 3, "list 0 3 *", "list 0");
	LAB_END();
}

Test(names, WS_REUSE_2_ids_of_others_cannot_be_used)
{
	LAB_BEGIN();
	char id[64];
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_start(&lab, 2, NULL, NULL);
	for (int i = 0; i < 3; i++)
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
	/* of the keeper and of a client, by a client; of a client by the keeper's process */
	static const int who[][2] = {{0, 1}, {2, 1}, {1, 0}};
	for (int i = 0; i < 3; i++) {
		lab_tell(&lab, who[i][0], "id 1");
		lab_answer(&lab, who[i][0], id, sizeof(id));
		lab_check(&lab, who[i][1], "done", "steal 0 %s", id + 3);
		lab_check(&lab, who[i][1], "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 515%d",
			  who[i][0]);
	}
	LAB_END();
}

Test(names, WS_REUSE_13_list_shows_everything)
{
	LAB_BEGIN();
	char room[4096], expect[256];
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_start(&lab, 2, "guest", NULL);
	lab_check(&lab, 2, "list -2 0 *", "list 0"); /* ENOENT: nobody keeps a book */
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 reuse 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5150*", "bind 1 tcp4 reuse 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5151*", "bind 2 udp6 excl ::1 5151");
	lab_check(&lab, 1, "listen 0 1", "listen 1");
	lab_check(&lab, 0, "listen 0 0", "listen 1");
	lab_check(&lab, 1, "done", "note 1 3");
	lab_check(&lab, 1, "bind 0 5152*", "bind 3 tcp4 def * 5152"); /* the note has arrived */
	lab_tell(&lab, 2, "list 0");
	lab_answer(&lab, 2, room, sizeof(room));
	snprintf(expect, sizeof(expect),
		 "list 0 4 tcp4 10.77.0.1:5150 reuse pid=%d uid=%d rank=1 n=3;"
		 "tcp4 10.77.0.1:5150 reuse pid=%d uid=%d rank=2 n=0;",
		 (int)lab.proc[1].pid, (int)geteuid(), (int)lab.proc[0].pid, (int)geteuid());
	cr_expect_eq(strncmp(room, expect, strlen(expect)), 0, "%s", room);
	cr_expect(strstr(room, "udp6 ::1:5151 excl"), "%s", room);
	/* a guest holds nothing and keeps nothing */
	lab_check(&lab, 2, "bind 10022 *", "bind 1 tcp4 def 10.77.0.1 5160");
	lab_end(&lab, 0);
	lab_end(&lab, 1);
	lab_check(&lab, 2, "list -2 0 *", "list 0");
	LAB_END();
}
