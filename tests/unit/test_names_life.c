/* SPDX-License-Identifier: MIT */
/*
 * test_names_life.c: the book of names when its processes stop, die, fork, run out of descriptors,
 * live in other namespaces, talk garbage or another version.
 */
#include "names_scene.h"
#include "names_wire.h"

#include <errno.h>

Test(names_life, SW_SHARE_3_stopped_client_then_killed_broker_and_again)
{
	LAB_BEGIN();
	for (int i = 0; i < 4; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
	}
	lab_signal(&lab, 1, SIGSTOP), lab_wait_stopped(&lab, 1);
	lab_signal(&lab, 0, SIGKILL);
	lab_wait_dead(&lab, 0);
	lab_check(&lab, 2, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5151");
	lab_check(&lab, 2, "serve 0", "serve");
	lab_signal(&lab, 2, SIGKILL);
	lab_wait_dead(&lab, 2);
	lab_check(&lab, 3, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5151");
	check_freed(&lab, 3, 5150);
	check_freed(&lab, 3, 5152);
	lab_signal(&lab, 1, SIGKILL); /* stopped, then killed: free at last */
	lab_wait_dead(&lab, 1);
	check_freed(&lab, 3, 5151);
	LAB_END();
}

/* What the last keeper had told, but was not read yet, is not lost with its connection. */
Test(names_life, SW_SHARE_3_unread_events_outlive_their_keeper)
{
	LAB_BEGIN();
	enum { MANY = 150 };
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	for (int i = 1; i <= MANY; i++)
		for (int who = 0; who < 2; who++) {
			lab_check(&lab, who, "bind 0 *", "bind %d tcp4 reuse 10.77.0.1 %d", i,
				  5000 + i);
			lab_check(&lab, who, who ? "listen 0 0" : "listen 0 1", "listen %d", i);
		}
	lab_signal(&lab, 1, SIGSTOP), lab_wait_stopped(&lab, 1);
	for (int i = 1; i <= MANY; i++)
		lab_check(&lab, 0, "done", "release %d", i);
	lab_start(&lab, 2, NULL, NULL);
	lab_check(&lab, 2, "serve 0", "serve");
	lab_signal(&lab, 1, SIGCONT);
	for (int i = 1; i <= MANY; i++) {
		char event[32];
		snprintf(event, sizeof(event), "takeover %d", i);
		lab_expect_event(&lab, 1, event);
	}
	LAB_END();
}

/* What a stopped process was sent counts, though its sender is stopped and the next keeper died
 * before it could call. */
Test(names_life, SW_SHARE_3_unread_call_has_the_newest_book)
{
	LAB_BEGIN();
	for (int i = 0; i < 4; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
	}
	lab_signal(&lab, 2, SIGSTOP), lab_wait_stopped(&lab, 2);
	lab_check(&lab, 1, "serve 0", "serve");
	lab_check(&lab, 1, "bind 0 5160*", "bind 2 tcp4 excl 10.77.0.1 5160");
	lab_check(&lab, 3, "bind 0 5161*", "bind 2 tcp4 excl 10.77.0.1 5161");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_signal(&lab, 1, SIGSTOP), lab_wait_stopped(&lab, 1);
	lab_check(&lab, 3, "done", "step 0 claimed kill");
	lab_tell(&lab, 3, "serve");
	lab_wait_dead(&lab, 3);
	lab_signal(&lab, 2, SIGCONT);
	lab_check(&lab, 2, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5160");
	lab_check(&lab, 2, "bind 0 5162*", "bind 2 tcp4 excl 10.77.0.1 5162");
	check_freed(&lab, 2, 5161);
	lab_signal(&lab, 0, SIGCONT);
	lab_signal(&lab, 1, SIGCONT);
	lab_check(&lab, 1, "bind 10048 *", "bind 3 tcp4 excl 10.77.0.1 5162");
	lab_check(&lab, 0, "bind 10048 *", "bind 3 tcp4 excl 10.77.0.1 5160");
	LAB_END();
}

Test(names_life, WS_REUSE_13_other_pid_namespaces_show_as_unknown)
{
	if (geteuid() != 0)
		cr_skip_test("needs root, to make a pid namespace");
	LAB_BEGIN();
	char room[4096];
	lab_start(&lab, 0, "pidns", NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	lab_check(&lab, 1, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5150");
	lab_tell(&lab, 1, "list 0");
	lab_answer(&lab, 1, room, sizeof(room));
	cr_expect(strstr(room, ":5151 excl pid=0 "), "%s", room);
	lab_check(&lab, 1, "serve 0", "serve");
	lab_check(&lab, 0, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 5151");
	lab_end(&lab, 0);
	LAB_END();
}

Test(names_life, WS_REUSE_13_child_of_fork_is_a_stranger)
{
	LAB_BEGIN();
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
		/* the child of the keeper, then of a client: may have what is free, may not have
		 * its parent's */
		lab_check(&lab, i, "fork 0", "fork 2 tcp4 excl 10.77.0.1 5160");
		lab_check(&lab, i, "fork 10048", "fork 2 tcp4 excl 10.77.0.1 515%d", i);
		lab_check(&lab, i, "bind 10048 *", "bind 2 tcp4 excl 10.77.0.1 515%d", i);
		lab_check(&lab, i, "bind 0 5160*", "bind 3 tcp4 excl 10.77.0.1 5160");
		lab_check(&lab, i, "done", "release 3");
	}
	/* a child that lives on keeps nothing of a parent that is gone */
	lab_start(&lab, 2, NULL, NULL);
	lab_check(&lab, 2, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	for (int i = 0; i < 2; i++) {
		lab_check(&lab, i, "done", "orphan 0");
		lab_signal(&lab, i, SIGKILL);
		lab_wait_dead(&lab, i);
		check_freed(&lab, 2, 5150 + (unsigned)i);
	}
	LAB_END();
}

Test(names_life, WS_REUSE_13_fifty_thousand_names_outlive_their_keeper, .timeout = 60)
{
	LAB_BEGIN();
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 0, "flood 0 *", "flood 5000 50000");
	lab_check(&lab, 1, "bind 0 4000*", "bind 1 tcp4 def 10.77.0.1 4000");
	lab_check(&lab, 1, "list 0 50001 *", "list 0");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_check(&lab, 1, "bind 10048 *", "bind 2 tcp4 def 10.77.3.1 17499");
	lab_check(&lab, 1, "bind 0 17500*", "bind 2 tcp4 def 10.77.3.1 17500");
	lab_check(&lab, 1, "list 0 50002 *", "list 0");
	lab_signal(&lab, 0, SIGKILL);
	lab_wait_dead(&lab, 0);
	lab_check(&lab, 1, "done", "release 1");
	check_freed(&lab, 1, 5000);
	LAB_END();
}

Test(names_life, WS_REUSE_13_releases_of_a_client_reach_the_next_keeper, .timeout = 60)
{
	LAB_BEGIN();
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 0, "bind 0 4000*", "bind 1 tcp4 def 10.77.0.1 4000");
	lab_check(&lab, 1, "flood 0 *", "flood 5000 2000");
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0); /* none of these reaches it */
	for (int i = 0; i < 2000; i++)
		lab_check(&lab, 1, "done", "release %d", 1000 + i);
	lab_check(&lab, 1, "bind 0 5000*", "bind 1 tcp4 excl * 5000");
	lab_check(&lab, 1, "list 0 2 *", "list 0");
	lab_signal(&lab, 0, SIGCONT);
	lab_check(&lab, 0, "list 0 2 *", "list 0");
	lab_check(&lab, 0, "bind 0 5001*", "bind 2 tcp4 excl * 5001");
	LAB_END();
}

Test(names_life, WS_REUSE_13_keeper_without_descriptors_yields, .timeout = 60)
{
	LAB_BEGIN();
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 4000*", "bind 1 tcp4 def 10.77.0.1 4000");
	lab_check(&lab, 0, "done", "starve 0");
	for (int i = 1; i < 6; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 500%d", i);
	}
	lab_check(&lab, 5, "bind 10048 *", "bind 2 tcp4 def 10.77.0.1 4000");
	lab_check(&lab, 0, "bind 0 4001*", "bind 2 tcp4 def 10.77.0.1 4001");
	LAB_END();
}

/* A hand-made connection to the keeper. */
static int raw_connect(const struct lab *lab)
{
	int fd = wire_connect(lab->book, NULL);
	cr_assert_geq(fd, 0);
	return fd;
}

/* True if the keeper hangs up on @fd. */
static bool is_cut_off(int fd)
{
	union wire_any m;
	long long deadline = wsd_check_now_ms() + WSD_PATIENCE_MS;

	while (wire_wait(fd, deadline)) {
		int r = wire_recv(fd, &m, NULL, NULL);
		if (r == -ECONNRESET || r == -EPIPE)
			return true;
		if (r == -EAGAIN)
			return false;
	}
	return false;
}

static void send_raw(int fd, const void *data, size_t size)
{
	cr_assert_eq(send(fd, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

Test(names_life, WS_REUSE_13_garbage_closes_only_its_client)
{
	LAB_BEGIN();
	union wire_any m;
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 0, "bind 0 4000*", "bind 1 tcp4 def 10.77.0.1 4000");
	lab_check(&lab, 1, "bind 0 4001*", "bind 1 tcp4 def 10.77.0.1 4001");
	for (size_t size = 1; size <= sizeof(m) + 64; size = size * 2 + 1) {
		char junk[sizeof(m) + 128];
		int fd = raw_connect(&lab);
		memset(junk, (int)size, sizeof(junk));
		send_raw(fd, junk, size);
		cr_expect(is_cut_off(fd), "%zu bytes of junk", size);
		close(fd);
	}
	static const struct {
		uint16_t type;
		size_t size;
	} rows[] = {
		{WIRE_HELLO, sizeof(struct wire_hello) - 1},
		{WIRE_HELLO, sizeof(struct wire_hello) + 1},
		{WIRE_WELCOME, sizeof(struct wire_welcome)},
		{WIRE_ASK, sizeof(struct wire_ask)},
		{WIRE_ANSWER, 32},
		{WIRE_EVENT, 32},
		{0, 8},
		{WIRE_TYPE_COUNT, 8},
		{WIRE_PING, 8},
		{WIRE_REFUSE, sizeof(struct wire_refuse)},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = raw_connect(&lab);
		memset(&m, 0xff, sizeof(m));
		m.head = wire_head((enum wire_type)rows[i].type);
		send_raw(fd, &m, rows[i].size);
		cr_expect(is_cut_off(fd), "type %d, %zu bytes", rows[i].type, rows[i].size);
		close(fd);
	}
	/* a participant by the book that then asks for nonsense: only it goes */
	int fd = raw_connect(&lab), fds[WIRE_FDS];
	unsigned count = 0;
	m.hello = (struct wire_hello){.head = wire_head(WIRE_HELLO)};
	send_raw(fd, &m, sizeof(m.hello));
	cr_assert(wire_wait(fd, wsd_check_now_ms() + WSD_PATIENCE_MS));
	cr_assert_eq(wire_recv(fd, &m, fds, &count), 0);
	m.ask = (struct wire_ask){.head = wire_head(WIRE_ASK), .op = OP_COUNT};
	send_raw(fd, &m, sizeof(m.ask));
	cr_expect(is_cut_off(fd));
	while (count)
		close(fds[--count]);
	close(fd);
	lab_check(&lab, 1, "bind 10048 *", "bind 2 tcp4 def 10.77.0.1 4000");
	lab_check(&lab, 1, "list 0 2 *", "list 0");
	LAB_END();
}

Test(names_life, WS_REUSE_13_silent_connections_do_not_keep_others_out)
{
	LAB_BEGIN();
	int fd[300];
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 4000*", "bind 1 tcp4 def 10.77.0.1 4000");
	for (int i = 0; i < 300; i++)
		fd[i] = raw_connect(&lab);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 1, "bind 0 4001*", "bind 1 tcp4 def 10.77.0.1 4001");
	for (int i = 0; i < 300; i++)
		close(fd[i]);
	/* a client that asks and asks and never reads */
	int rude = raw_connect(&lab);
	union wire_any m = {.hello = {.head = wire_head(WIRE_HELLO)}};
	send_raw(rude, &m, sizeof(m.hello));
	m.ask = (struct wire_ask){.head = wire_head(WIRE_ASK), .op = OP_BIND, .proto = 9};
	int sent = 0, r = 0;
	for (; sent < 1000000 && (r == 0 || r == -EAGAIN); sent++)
		r = wire_send(rude, &m.ask, NULL, 0);
	cr_expect_lt(sent, 1000000, "it is cut off");
	close(rude);
	lab_check(&lab, 1, "bind 0 4002*", "bind 1 tcp4 def 10.77.0.1 4002");
	LAB_END();
}

Test(names_life, WS_REUSE_13_another_version_is_refused_in_words)
{
	LAB_BEGIN();
	union wire_any m;
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 4000*", "bind 1 tcp4 def 10.77.0.1 4000");
	/* a newer library comes to our keeper */
	int fd = raw_connect(&lab);
	m.hello = (struct wire_hello){.head = wire_head(WIRE_HELLO)};
	m.head.version = WIRE_VERSION + 1;
	send_raw(fd, &m, sizeof(m.hello));
	cr_assert(wire_wait(fd, wsd_check_now_ms() + WSD_PATIENCE_MS));
	cr_assert_eq(wire_recv(fd, &m, NULL, NULL), 0);
	cr_expect_eq(m.head.type, WIRE_REFUSE);
	cr_expect_eq(m.head.version, WIRE_VERSION, "it says what it speaks");
	cr_expect_eq(m.refuse.status, -EPROTONOSUPPORT);
	cr_expect_eq(m.refuse.pid, (unsigned)lab.proc[0].pid);
	cr_expect(is_cut_off(fd));
	close(fd);
	lab_end(&lab, 0);

	/* we come to a keeper of a newer version */
	int listener = wire_bind(lab.book, NULL);
	cr_assert_geq(listener, 0);
	cr_assert_eq(listen(listener, 4), 0);
	lab_start(&lab, 1, NULL, NULL);
	lab_tell(&lab, 1, "bind 1 tcp4 def 10.77.0.1 4000");
	cr_assert(wire_wait(listener, wsd_check_now_ms() + WSD_PATIENCE_MS));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	cr_assert(wire_wait(fd, wsd_check_now_ms() + WSD_PATIENCE_MS));
	cr_assert_eq(wire_recv(fd, &m, NULL, NULL), 0);
	m.refuse = (struct wire_refuse){
		.head = wire_head(WIRE_REFUSE), .status = -EPROTONOSUPPORT, .pid = 1};
	m.head.version = WIRE_VERSION + 1;
	send_raw(fd, &m, sizeof(m.refuse));
	char room[64];
	long long start = wsd_check_now_ms();
	cr_expect_eq(strncmp(lab_answer(&lab, 1, room, sizeof(room)), "bind 10055 ", 11), 0, "%s",
		     room);
	cr_expect_lt(wsd_check_now_ms() - start, 900, "it does not wait for what cannot come");
	close(fd);
	close(listener);
	LAB_END();
}

Test(names_life, WS_REUSE_13_two_that_start_at_once_share_one_book)
{
	LAB_BEGIN();
	for (int round = 0; round < 20; round++) {
		char room[64];
		int wins = 0;
		for (int i = 0; i < 4; i++)
			lab_start(&lab, i, NULL, NULL);
		for (int i = 0; i < 4; i++)
			lab_tell(&lab, i, "bind 1 tcp4 excl 10.77.0.1 5150");
		for (int i = 0; i < 4; i++)
			wins += strncmp(lab_answer(&lab, i, room, sizeof(room)), "bind 0 ", 7) == 0;
		cr_expect_eq(wins, 1, "round %d: %d have the name", round, wins);
		for (int i = 0; i < 4; i++)
			lab_signal(&lab, i, SIGKILL);
		for (int i = 0; i < 4; i++)
			lab_wait_dead(&lab, i);
	}
	LAB_END();
}
