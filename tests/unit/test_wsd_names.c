/* SPDX-License-Identifier: MIT */
/*
 * test_wsd_names.c: `wsd names`, `wsd ports`, `wsd broker`: what they say, what they answer, and
 * that they keep nothing.
 */
#include "names_scene.h"
#include "names_table.h"
#include "names_wire.h"
#include "run_tool.h"

#include <jansson.h>
#include <spawn.h>
#include <sys/mman.h>

static void expect(const struct lab *lab, const char *arguments, int status, const char *text)
{
	char before[128];
	snprintf(before, sizeof(before), "WSD_BROKER_NAME=%s", lab->book);
	struct run *r = run_tool(before, arguments);

	cr_expect_eq(r->status, status, "wsd %s: exit status %d\n%s", arguments, r->status,
		     r->text);
	cr_expect_not_null(strstr(r->text, text), "wsd %s: no '%s' in\n%s", arguments, text,
			   r->text);
	free(r);
}

static json_t *expect_json(const struct lab *lab, const char *arguments)
{
	char before[128];
	snprintf(before, sizeof(before), "WSD_BROKER_NAME=%s", lab->book);
	struct run *r = run_tool(before, arguments);
	json_t *all = json_loads(r->text, 0, NULL);

	cr_assert_eq(r->status, 0, "%s", r->text);
	cr_assert_not_null(all, "%s", r->text);
	cr_expect_eq(json_integer_value(json_object_get(all, "schema")), 1);
	free(r);
	return all;
}

Test(wsd_names, usage)
{
	LAB_BEGIN();
	expect(&lab, "names --help", 0, "companions");
	expect(&lab, "names more", 2, "too many arguments");
	expect(&lab, "ports --help", 0, "start=PORT num=COUNT");
	expect(&lab, "ports", 2, "show or set?");
	expect(&lab, "ports change", 2, "neither show nor set");
	expect(&lab, "ports show tcp4", 2, "out of place");
	expect(&lab, "ports set", 2, "set needs");
	expect(&lab, "ports set tcp4", 2, "set needs");
	expect(&lab, "ports set tcp5 start=2000 num=300", 2, "none of tcp4");
	expect(&lab, "ports set tcp4 start=x num=300", 2, "out of place");
	expect(&lab, "ports set tcp4 start=-1 num=300", 2, "out of place");
	expect(&lab, "broker --help", 0, "SIGTERM");
	expect(&lab, "broker more", 2, "too many arguments");
	LAB_END();
}

Test(wsd_names, WS_PORT_3_without_a_keeper)
{
	LAB_BEGIN();
	expect(&lab, "names", 0, "no name is held");
	expect(&lab, "ports show", 0, "of the configuration");
	expect(&lab, "ports set tcp4 start=40000 num=300", 1, "dynamicport.tcp4 = 40000,300");
	json_t *all = expect_json(&lab, "names --json");
	cr_expect_eq(json_array_size(json_object_get(all, "names")), 0);
	json_decref(all);
	all = expect_json(&lab, "ports show --json");
	cr_expect(json_is_false(json_object_get(all, "kept")));
	json_decref(all);
	expect(&lab, "names", 0, "no name is held"); /* nobody of the above has become the keeper */
	LAB_END();
}

Test(wsd_names, WS_PORT_3_show_and_set)
{
	LAB_BEGIN();
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 def 10.77.0.1 5150");
	expect(&lab, "ports set tcp4 start=40000 num=255", 0, "");
	expect(&lab, "ports show", 0, "tcp4       40000      255");
	lab_check(&lab, 0, "bind 0 40*", "bind 2 tcp4 def 10.77.0.1 0");
	expect(&lab, "ports set tcp4 start=40000 num=254", 1, "nothing has changed");
	expect(&lab, "ports set udp6 start=65281 num=256", 1, "nothing has changed");
	json_t *all = expect_json(&lab, "ports show --json");
	cr_expect_eq(json_integer_value(json_object_get(json_object_get(all, "tcp4"), "start")),
		     40000);
	cr_expect_eq(json_integer_value(json_object_get(json_object_get(all, "udp6"), "num")),
		     16384);
	cr_expect(json_is_true(json_object_get(all, "kept")));
	json_decref(all);
	LAB_END();
}

Test(wsd_names, SW_SHARE_2_names_with_rank_and_companions)
{
	LAB_BEGIN();
	char room[64];
	for (int i = 0; i < 2; i++) {
		lab_start(&lab, i, NULL, NULL);
		lab_check(&lab, i, "bind 0 5150*", "bind 1 tcp4 reuse 10.77.0.1 5150");
	}
	lab_check(&lab, 1, "listen 0 1", "listen 1");
	lab_check(&lab, 0, "listen 0 0", "listen 1");
	lab_check(&lab, 1, "done", "note 1 3");
	lab_check(&lab, 1, "bind 0 5151*", "bind 2 tcp6 excl * 5151 dual");
	snprintf(room, sizeof(room), "%d names_helper", (int)lab.proc[1].pid);
	expect(&lab, "names", 0, room);
	expect(&lab, "names", 0, "[::]:5151 dual");
	json_t *all = expect_json(&lab, "names --json"), *list = json_object_get(all, "names");
	cr_assert_eq(json_array_size(list), 3);
	for (int i = 0; i < 2; i++) {
		json_t *one = json_array_get(list, (size_t)i);
		cr_expect_str_eq(json_string_value(json_object_get(one, "address")), "10.77.0.1");
		cr_expect_eq(json_integer_value(json_object_get(one, "port")), 5150);
		cr_expect_str_eq(json_string_value(json_object_get(one, "option")), "reuse");
		cr_expect_eq(json_integer_value(json_object_get(one, "rank")), i + 1);
		cr_expect_eq(json_integer_value(json_object_get(one, "companions")), i ? 0 : 3);
		cr_expect_eq(json_integer_value(json_object_get(one, "pid")), lab.proc[1 - i].pid);
		cr_expect_eq(json_integer_value(json_object_get(one, "uid")), geteuid());
	}
	json_decref(all);
	/* who is stopped can still be seen */
	for (int i = 0; i < 2; i++)
		lab_signal(&lab, i, SIGSTOP), lab_wait_stopped(&lab, i);
	expect(&lab, "names", 0, "10.77.0.1:5150");
	LAB_END();
}

/* `wsd broker`, when it has said that it keeps the book; @ret_out: its output */
static pid_t start_broker(const struct lab *lab, int *ret_out)
{
	char name[80], *argv[] = {(char *)"wsd", (char *)"broker", NULL};
	char *env[] = {name, NULL}, text[256] = "";
	pid_t pid;
	int out[2];
	cr_assert_eq(pipe(out), 0);
	posix_spawn_file_actions_t actions;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	snprintf(name, sizeof(name), "WSD_BROKER_NAME=%s", lab->book);
	cr_assert_eq(posix_spawn(&pid, WSD_TOOL, &actions, NULL, argv, env), 0);
	posix_spawn_file_actions_destroy(&actions);
	close(out[1]);
	cr_assert_gt(read(out[0], text, sizeof(text) - 1), 0);
	cr_expect_not_null(strstr(text, lab->book), "%s", text);
	*ret_out = out[0];
	return pid;
}

/* Says hello by hand; what it gets. */
static int hello(const struct lab *lab, uint32_t flags, const char *comm, int fds[WIRE_FDS],
		 unsigned *ret_count)
{
	struct wire_hello hello = {.head = wire_head(WIRE_HELLO), .flags = flags};
	union wire_any m;
	int fd = wire_connect(lab->book, NULL);
	*ret_count = 0;
	if (fd < 0)
		return fd;
	snprintf(hello.comm, sizeof(hello.comm), "%s", comm);
	if (wire_send(fd, &hello, NULL, 0) == 0 && wire_wait(fd, wsd_check_now_ms() + 5000) &&
	    wire_recv(fd, &m, fds, ret_count) == 0)
		return fd;
	close(fd);
	return -1;
}

static void close_all(int fd, int *fds, unsigned count)
{
	while (count)
		close(fds[--count]);
	close(fd);
}

static int keeper(const struct lab *lab)
{
	const struct table *t;
	int fds[WIRE_FDS], pid = 0;
	unsigned count;
	int fd = hello(lab, HELLO_GUEST, "", fds, &count);
	if (fd < 0)
		return 0;
	if (table_map(fds[0], &t) == 0) {
		pid = t->client[t->keeper].pid;
		table_unmap(t);
	}
	close_all(fd, fds, count);
	return pid;
}

enum { TAKEN_BACK_MS = 5000 + 1000 };

Test(wsd_names, SW_SHARE_3_broker_takes_the_book_back, .timeout = 60)
{
	LAB_BEGIN();
	int out, status;
	lab_start(&lab, 0, NULL, NULL);
	pid_t pid = start_broker(&lab, &out);
	cr_expect_eq(keeper(&lab), pid);
	lab_check(&lab, 0, "serve 0", "serve");
	cr_expect_eq(keeper(&lab), lab.proc[0].pid);
	cr_expect(WSD_UNTIL(keeper(&lab) == pid, TAKEN_BACK_MS));
	kill(pid, SIGTERM);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	close(out);
	LAB_END();
}

/* A participant may depose anybody. It does not end the broker, and when it is gone all is as it
 * was. */
Test(wsd_names, SW_SHARE_3_broker_outlives_one_that_deposes_it, .timeout = 60)
{
	LAB_BEGIN();
	int fds[WIRE_FDS], out, status;
	unsigned count;
	lab_start(&lab, 0, NULL, NULL);
	pid_t pid = start_broker(&lab, &out);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	int fd = hello(&lab, 0, "hostile", fds, &count);
	cr_assert_eq(count, WIRE_FDS);
	uint64_t *fence = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[4], 0);
	cr_assert_neq(fence, MAP_FAILED);
	kill(pid, SIGCONT); /* have it try now */
	for (int64_t end = wsd_check_now_ms() + 2500; wsd_check_now_ms() < end; usleep(200))
		__atomic_fetch_add(&fence[1], UINT64_C(1) << 32 | 1, __ATOMIC_SEQ_CST);
	munmap(fence, 4096);
	close_all(fd, fds, count);
	cr_assert_eq(waitpid(pid, &status, WNOHANG), 0, "it has ended: %x", (unsigned)status);
	kill(pid, SIGCONT);
	cr_expect(WSD_UNTIL(keeper(&lab) == pid, TAKEN_BACK_MS));
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 1, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	kill(pid, SIGTERM);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect_eq(status, 0);
	close(out);
	LAB_END();
}

/* What a process says of itself reaches terminal and log as text, whatever it is. */
Test(wsd_names, WS_REUSE_13_names_of_processes_are_text)
{
	LAB_BEGIN();
	char before[128], path[] = "/tmp/wsd-log-XXXXXX", text[4096] = "";
	int log = mkstemp(path), fds[WIRE_FDS];
	unsigned count;
	setenv("WSD_LOG", path, 1);
	setenv("WSD_LOG_LEVEL", "debug", 1);
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	int fd = hello(&lab, 0, "\033[2J\nroot: x", fds, &count);
	cr_assert_eq(count, WIRE_FDS);
	struct wire_ask ask = {.head = wire_head(WIRE_ASK), .op = OP_BIND, .id = 1, .port = 5170};
	cr_assert_eq(wire_send(fd, &ask, NULL, 0), 0);
	cr_assert(wire_wait(fd, wsd_check_now_ms() + WSD_PATIENCE_MS));
	snprintf(before, sizeof(before), "WSD_BROKER_NAME=%s", lab.book);
	struct run *r = run_tool(before, "names");
	cr_expect_not_null(strstr(r->text, "?[2J?root: x"), "%s", r->text);
	cr_expect_null(strchr(r->text, '\033'));
	free(r);
	close_all(fd, fds, count);
	cr_expect(WSD_UNTIL(pread(log, text, sizeof(text) - 1, 0) > 0 &&
				    strstr(text, "(?[2J?root: x) is gone"),
			    2000),
		  "%s", text);
	unsetenv("WSD_LOG");
	unsetenv("WSD_LOG_LEVEL");
	close(log);
	unlink(path);
	LAB_END();
}

Test(wsd_names, SW_SHARE_3_broker_alone_and_its_end)
{
	LAB_BEGIN();
	int status, out;
	lab_start(&lab, 0, NULL, NULL);
	lab_check(&lab, 0, "bind 0 5150*", "bind 1 tcp4 excl 10.77.0.1 5150");
	/* it takes the book over from one who has it */
	pid_t pid = start_broker(&lab, &out);
	lab_start(&lab, 1, NULL, NULL);
	lab_check(&lab, 1, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	kill(pid, SIGTERM);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
	lab_check(&lab, 1, "bind 10048 *", "bind 1 tcp4 excl 10.77.0.1 5150");
	lab_check(&lab, 1, "bind 0 5151*", "bind 1 tcp4 excl 10.77.0.1 5151");
	close(out);
	LAB_END();
}
