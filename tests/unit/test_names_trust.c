/* SPDX-License-Identifier: MIT
 *
 * What a local process that means harm can do to the book of names, and what it cannot: sentence by
 * sentence of "Whom one has to trust" in docs/names.md.
 */
#include "names_book.h"
#include "names_scene.h"
#include "names_wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <wsd/errors.h>

enum { PATIENCE_MS = 20000 };

/* A hand-made process: what anybody gets who says hello. */
struct stranger {
	int ask;
	int fds[WIRE_FDS];
	unsigned count;
	struct wire_welcome welcome;
};

static int connected(const struct lab *lab)
{
	int fd = -EAGAIN;

	WSD_UNTIL((fd = wire_connect(lab->book, NULL)) >= 0, PATIENCE_MS);
	cr_assert_geq(fd, 0);
	return fd;
}

/* 0, or what the refusal says. */
static int say_hello(const struct lab *lab, uint32_t flags, const char *comm, struct stranger *ret)
{
	struct wire_hello hello = {.head = wire_head(WIRE_HELLO), .flags = flags};
	union wire_any m;

	snprintf(hello.comm, sizeof(hello.comm), "%s", comm);
	*ret = (struct stranger){.ask = connected(lab)};
	cr_assert_eq(wire_send(ret->ask, &hello, NULL, 0), 0);
	cr_assert(wire_wait(ret->ask, wsd_check_now_ms() + PATIENCE_MS));
	cr_assert_eq(wire_recv(ret->ask, &m, ret->fds, &ret->count), 0);
	ret->welcome = m.welcome;
	return m.head.type == WIRE_REFUSE ? m.refuse.status : 0;
}

static void goodbye(struct stranger *s)
{
	while (s->count)
		close(s->fds[--s->count]);
	wire_close(&s->ask);
}

static bool is_cut_off(int fd)
{
	union wire_any m;
	int64_t deadline = wsd_check_now_ms() + PATIENCE_MS;
	int r = 0;

	while (r == 0 && wire_wait(fd, deadline))
		r = wire_recv(fd, &m, NULL, NULL);
	return r == -ECONNRESET || r == -EPIPE;
}

/* Two that hold names, the first keeps the book. */
#define HONEST()                                                           \
	lab_start(&lab, 0, NULL, NULL);                                    \
	lab_start(&lab, 1, NULL, NULL);                                    \
	lab_check(&lab, 0, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 5150"); \
	lab_check(&lab, 1, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 5151")

/* ---- "A client cannot write the table." ---- */

static void check_read_only(int fd)
{
	struct stat st;
	char path[40], byte = 1;

	cr_assert_eq(fstat(fd, &st), 0);
	size_t size = (size_t)st.st_size;
	cr_expect_lt(write(fd, &byte, 1), 0);
	cr_expect_lt(pwrite(fd, &byte, 1, 4096), 0);
	cr_expect_lt(ftruncate(fd, 0), 0);
	cr_expect_lt(ftruncate(fd, st.st_size + 4096), 0);
	cr_expect_lt(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0);
	cr_expect_lt(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096), 0);
	cr_expect_lt(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	cr_expect_eq(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	cr_assert_neq(map, MAP_FAILED);
	cr_expect_lt(mprotect(map, size, PROT_READ | PROT_WRITE), 0);
	munmap(map, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR | O_CLOEXEC);
	if (again < 0)
		return;
	cr_expect_eq(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
	cr_expect_lt(write(again, &byte, 1), 0);
	close(again);
}

Test(names_trust, WS_REUSE_13_nobody_but_the_keeper_writes_the_table)
{
	LAB_BEGIN();
	struct stranger guest, member;
	HONEST();
	cr_assert_eq(say_hello(&lab, HELLO_GUEST, "guest", &guest), 0);
	cr_assert_eq(say_hello(&lab, 0, "member", &member), 0);
	cr_assert_eq(guest.count, 1, "a guest gets the table and nothing else");
	cr_assert_eq(member.count, WIRE_FDS);
	check_read_only(guest.fds[0]);
	check_read_only(member.fds[0]);
	/* by the secret a participant knows its keeper: no guest may */
	static const uint8_t none[sizeof(guest.welcome.secret)];
	cr_expect_eq(memcmp(guest.welcome.secret, none, sizeof(none)), 0);
	cr_expect_neq(memcmp(member.welcome.secret, none, sizeof(none)), 0);
	/* the fence is for all to write; that it cannot be taken away from under them is sealed */
	cr_expect_lt(ftruncate(member.fds[4], 0), 0);
	goodbye(&guest);
	goodbye(&member);
	lab_check(&lab, 1, "list 0 2 *", "list 0");
	LAB_END();
}

/* ---- "Garbage ... ends its own connection only." ---- */

Test(names_trust, WS_REUSE_13_a_guest_may_only_ask_for_ranges)
{
	LAB_BEGIN();
	struct stranger s;
	HONEST();
	for (uint32_t op = 0; op <= OP_COUNT; op++) {
		struct wire_ask ask = {.head = wire_head(WIRE_ASK),
				       .op = op,
				       .port = 5999,
				       .value = 1000,
				       .count = 1};
		cr_assert_eq(say_hello(&lab, HELLO_GUEST, "guest", &s), 0);
		cr_assert_eq(wire_send(s.ask, &ask, NULL, 0), 0);
		if (op == OP_PORTS) { /* it is answered: no */
			union wire_any m;
			cr_assert(wire_wait(s.ask, wsd_check_now_ms() + PATIENCE_MS));
			cr_assert_eq(wire_recv(s.ask, &m, NULL, NULL), 0);
			cr_expect_neq(m.answer.status, 0);
		} else {
			cr_expect(is_cut_off(s.ask), "op %u", op);
		}
		goodbye(&s);
	}
	lab_check(&lab, 1, "list 0 2 *", "list 0");
	LAB_END();
}

static int open_files(pid_t pid)
{
	char path[32];
	int n = -2; /* . and .. */
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	cr_assert_not_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Who keeps the book is an application with descriptors of its own to open. */
static void check_crowd(uint32_t flags, int most)
{
	enum { LIMIT = 256, TRIES = 600 };
	LAB_BEGIN();
	static struct stranger s[TRIES];
	struct rlimit before, low = {LIMIT, LIMIT};
	HONEST();
	cr_assert_eq(prlimit(lab.proc[0].pid, RLIMIT_NOFILE, &low, &before), 0);
	int in = 0, held = 0;
	for (; held < TRIES; held++)
		in += say_hello(&lab, flags, "one of many", &s[held]) == 0;
	int room = LIMIT - open_files(lab.proc[0].pid);
	cr_expect_geq(room, LIMIT / 8, "%d descriptors are left", room);
	cr_expect_leq(in, most);
	lab_start(&lab, 2, NULL, NULL); /* and others come in */
	lab_check(&lab, 2, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 5153");
	lab_check(&lab, 0, "list 0 3 *", "list 0");
	while (held)
		goodbye(&s[--held]);
	LAB_END();
}

Test(names_trust, WS_REUSE_13_one_process_as_many_guests, .timeout = 60)
{
	check_crowd(HELLO_GUEST, 600);
}

Test(names_trust, WS_REUSE_13_one_process_as_many_participants, .timeout = 60)
{
	check_crowd(0, 96);
}

Test(names_trust, WS_REUSE_13_garbage_on_the_event_connection_ends_its_own_client_only)
{
	LAB_BEGIN();
	struct stranger s;
	HONEST();
	for (int type = 0; type <= WIRE_TYPE_COUNT; type++) {
		struct wire_ask junk = {.head = wire_head((enum wire_type)type)};
		if (type == WIRE_PING)
			continue;
		cr_assert_eq(say_hello(&lab, 0, "member", &s), 0);
		cr_assert_eq(send(s.fds[1], &junk, sizeof(junk), MSG_NOSIGNAL),
			     (ssize_t)sizeof(junk));
		cr_expect(is_cut_off(s.ask), "type %d", type);
		goodbye(&s);
	}
	lab_check(&lab, 1, "list 0 2 *", "list 0");
	LAB_END();
}

/* ---- "A client cannot ... release names for another": by way of its beacon ---- */

enum { BEACONS = 8, SILENT = 40 /* more than a participant keeps open */ };

/* Everybody can read where the beacons of a book are. */
static int beacons(const struct lab *lab, char suffix[BEACONS][48])
{
	char line[512], begin[64];
	int count = 0, len = snprintf(begin, sizeof(begin), "@%s.p.", lab->book);
	FILE *f = fopen("/proc/net/unix", "re");

	while (f && fgets(line, sizeof(line), f) && count < BEACONS) {
		const char *at = strstr(line, begin);
		unsigned long flags = 0;
		bool listens = sscanf(line, "%*s %*s %*s %lx", &flags) == 1 && flags & 0x10000;
		if (at && listens)
			snprintf(suffix[count++], 48, ".p.%.32s", at + len);
	}
	if (f)
		fclose(f);
	return count;
}

static void crowd(const struct lab *lab, char suffix[BEACONS][48], int count, int *fd)
{
	for (int i = 0; i < count; i++)
		for (int k = 0; k < SILENT; k++)
			*fd++ = wire_connect(lab->book, suffix[i]);
}

/* Whoever crowds a beacon must not push a keeper's call out, for that would look like the end of a
 * process that lives: its names would be had by others. */
Test(names_trust, SW_SHARE_3_a_crowd_at_the_beacon_keeps_no_call_out, .timeout = 60)
{
	LAB_BEGIN();
	char suffix[BEACONS][48], room[64];
	static int fd[2 * BEACONS * SILENT];
	for (int i = 0; i < 3; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
	}
	int count = beacons(&lab, suffix), half = count * SILENT;
	cr_assert_eq(count, 3);
	crowd(&lab, suffix, count, fd);
	lab_check(&lab, 1, "bind 0 *", "bind 2 tcp4 excl 10.77.0.1 5160"); /* it has seen them */
	lab_signal(&lab, 1, SIGSTOP), lab_wait_stopped(&lab, 1);
	lab_check(&lab, 2, "serve 0", "serve"); /* calls the stopped one, who does not hear it */
	crowd(&lab, suffix, count, fd + half);
	lab_signal(&lab, 1, SIGCONT);
	for (int64_t end = wsd_check_now_ms() + 600; wsd_check_now_ms() < end; usleep(2000))
		lab_check(&lab, 2, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5151");
	lab_check(&lab, 1, "bind 0 *", "bind 3 tcp4 excl 10.77.0.1 5161");
	lab_tell(&lab, 2, "list 0");
	cr_expect_eq(strncmp(lab_answer(&lab, 2, room, sizeof(room)), "list 0 5 ", 9), 0, "%s",
		     room);
	for (int i = 0; i < 2 * half; i++)
		wire_close(&fd[i]);
	LAB_END();
}

/* The same, and the newest book lies unread behind the crowd when its keeper is gone. */
Test(names_trust, SW_SHARE_3_a_crowd_at_the_beacon_hides_no_book, .timeout = 60)
{
	LAB_BEGIN();
	char suffix[BEACONS][48];
	static int fd[4 * BEACONS * SILENT];
	for (int i = 0; i < 4; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 515%d", i);
	}
	lab_signal(&lab, 1, SIGSTOP), lab_wait_stopped(&lab, 1);
	int count = beacons(&lab, suffix), half = count * SILENT;
	cr_assert_eq(count, 4);
	for (int i = 0; i < 3; i++)
		crowd(&lab, suffix, count, fd + i * half);
	lab_check(&lab, 2, "serve 0", "serve");
	lab_check(&lab, 2, "bind 0 *", "bind 2 tcp4 excl 10.77.0.1 5160");
	lab_check(&lab, 3, "bind 0 *", "bind 2 tcp4 excl 10.77.0.1 5161");
	crowd(&lab, suffix, count, fd + 3 * half);
	lab_signal(&lab, 0, SIGSTOP), lab_wait_stopped(&lab, 0);
	lab_signal(&lab, 3, SIGSTOP), lab_wait_stopped(&lab, 3);
	lab_signal(&lab, 2, SIGSTOP), lab_wait_stopped(&lab, 2);
	lab_signal(&lab, 1, SIGCONT);
	lab_check(&lab, 1, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5160");
	lab_check(&lab, 1, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5161");
	lab_check(&lab, 1, "bind 0 *", "bind 9 tcp4 excl 10.77.0.1 5162");
	for (int i = 0; i < 4 * half; i++)
		wire_close(&fd[i]);
	LAB_END();
}

static int accepted(int beacon)
{
	int fd = -1;

	cr_assert(wire_wait(beacon, wsd_check_now_ms() + PATIENCE_MS));
	fd = accept4(beacon, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	cr_assert_geq(fd, 0);
	return fd;
}

/* A connection's end is not a process's: as long as its beacon listens it is called again. */
Test(names_trust, SW_SHARE_3_who_hangs_up_and_lives_is_called_again, .timeout = 60)
{
	LAB_BEGIN();
	struct wire_hello hello = {.head = wire_head(WIRE_HELLO), .comm = "member"};
	struct wire_ask ask = {.head = wire_head(WIRE_ASK),
			       .op = OP_BIND,
			       .id = 1,
			       .port = 5170,
			       .mode = NAMES_EXCLUSIVE,
			       .addr = {10, 77, 0, 1}};
	union wire_any m;
	int fds[WIRE_FDS];
	HONEST();
	int beacon = wire_bind(lab.book, ".p.000102030405060708090a0b0c0d0e0f");
	cr_assert_geq(beacon, 0);
	cr_assert_eq(listen(beacon, 4), 0);
	for (int i = 0; i < 16; i++)
		hello.beacon[i] = (uint8_t)i;
	int fd = connected(&lab);
	cr_assert_eq(wire_send(fd, &hello, NULL, 0), 0);
	cr_assert_eq(wire_send(fd, &ask, NULL, 0), 0);
	for (int round = 0; round < 3; round++) {
		bool answered = round > 0; /* first the welcome, then the answer; later the call */
		do {
			unsigned count = 0;
			cr_assert(wire_wait(fd, wsd_check_now_ms() + PATIENCE_MS));
			cr_assert_eq(wire_recv(fd, &m, fds, &count), 0);
			answered = answered || m.head.type == WIRE_ANSWER;
			cr_expect(m.head.type == WIRE_ANSWER ? m.answer.status == 0
							     : m.head.type == WIRE_WELCOME);
			while (count)
				close(fds[--count]);
		} while (!answered);
		close(fd); /* the event connection is closed as well */
		do {       /* the keeper may look whether we live before it calls */
			fd = accepted(beacon);
			cr_assert(wire_wait(fd, wsd_check_now_ms() + PATIENCE_MS));
			if (recv(fd, &m, 1, MSG_PEEK) > 0)
				break;
			close(fd);
		} while (true);
		lab_check(&lab, 1, "bind 10048 *", "bind 9 tcp4 excl 10.77.0.1 5170");
	}
	close(beacon);
	close(fd);
	check_freed(&lab, 1, 5170);
	LAB_END();
}

/* A call needs the book's secret. Whoever does not have it is not believed, and nothing is lost. */
Test(names_trust, SW_SHARE_3_a_forged_call_is_not_believed, .timeout = 60)
{
	LAB_BEGIN();
	char suffix[BEACONS][48];
	struct stranger guest;
	HONEST();
	int count = beacons(&lab, suffix);
	cr_assert_eq(count, 2);
	cr_assert_eq(say_hello(&lab, HELLO_GUEST, "guest", &guest), 0);
	for (int i = 0; i < count; i++)
		for (uint32_t slot = 0; slot < 2; slot++) {
			struct wire_welcome w = guest.welcome; /* the right token, no secret */
			int fds[WIRE_FDS], fd = wire_connect(lab.book, suffix[i]);
			w.slot = slot;
			for (int k = 0; k < WIRE_FDS; k++)
				fds[k] = guest.fds[0];
			cr_assert_eq(wire_send(fd, &w, fds, WIRE_FDS), 0);
			cr_expect(is_cut_off(fd));
			close(fd);
		}
	goodbye(&guest);
	lab_check(&lab, 1, "bind 0 *", "bind 2 tcp4 excl 10.77.0.1 5152");
	lab_check(&lab, 0, "list 0 3 *", "list 0");
	LAB_END();
}

/* ---- "A process has at most 262,144 names, a host 1,048,576 names and 4,096 processes." ---- */

static bool deaf(void *ctx, uint32_t index, enum book_event event)
{
	return true;
}

static int take(struct book *book, uint32_t client, uint32_t i)
{
	struct book_holder who = {.client = client, .uid = 1, .serial = i + 1};
	struct names_request req = {.proto = NAMES_TCP4, .mode = NAMES_EXCLUSIVE};
	uint32_t index;

	req.addr[0] = 10;
	req.addr[1] = (uint8_t)client;
	req.addr[2] = (uint8_t)(i >> 15);
	req.port = (uint16_t)(1024 + (i & 0x7fff));
	return book_bind(book, &req, &who, &index);
}

Test(names_trust, WS_REUSE_13_one_process_cannot_take_all_names, .timeout = 60)
{
	WSD_TEST_BEGIN();
	struct table *t;
	struct book *book;
	int fd;
	cr_assert_eq(table_create(&t, &fd), 0);
	cr_assert_eq(book_create(t, fd, deaf, NULL, &book), 0);
	for (uint32_t i = 0; i < TABLE_NAMES_PER_CLIENT; i++)
		cr_assert_eq(take(book, 1, i), 0, "%u", i);
	cr_expect_eq(take(book, 1, TABLE_NAMES_PER_CLIENT), WSAENOBUFS);
	cr_expect_eq(take(book, 2, 0), 0);
	book_release_client(book, 1);
	cr_expect_eq(take(book, 1, 0), 0);
	book_destroy(book);
	table_unmap(t);
	close(fd);
	WSD_TEST_END();
}

Test(names_trust, WS_REUSE_13_processes_beyond_the_last_are_refused_in_words, .timeout = 120)
{
	enum { FDS = 3 * TABLE_CLIENTS + 200, HERE_ALREADY = 2 };
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_max < FDS)
		cr_skip_test("RLIMIT_NOFILE is too low for so many processes");
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	LAB_BEGIN();
	static struct stranger s[TABLE_CLIENTS];
	HONEST();
	int n = 0;
	for (; n < TABLE_CLIENTS - HERE_ALREADY; n++) {
		cr_assert_eq(say_hello(&lab, 0, "one of many", &s[n]), 0, "%d", n);
		for (unsigned k = 0; k < WIRE_FDS; k++)
			if (k != 1) /* the event connection: without it, it is gone */
				wire_close(&s[n].fds[k]);
		s[n].fds[0] = s[n].fds[1];
		s[n].count = 1;
	}
	cr_expect_eq(say_hello(&lab, 0, "one too many", &s[n]), -EUSERS);
	goodbye(&s[n]);
	lab_check(&lab, 1, "bind 0 *", "bind 2 tcp4 excl 10.77.0.1 5152");
	lab_check(&lab, 0, "list 0 3 *", "list 0");
	while (n)
		goodbye(&s[--n]);
	lab_start(&lab, 2, NULL, NULL);
	lab_check(&lab, 2, "bind 0 *", "bind 1 tcp4 excl 10.77.0.1 5153");
	LAB_END();
}
