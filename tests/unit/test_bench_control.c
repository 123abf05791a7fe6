/* SPDX-License-Identifier: MIT
 *
 * The control connection of wsd bench: lines that come in pieces, that are too long or are none,
 * and an end that goes away.
 */
#include "check.h"

#include "control.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One end, and the other's descriptor. */
static struct control *pair(int *ret_other)
{
	int fd[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	struct control *c = control_new(fd[0]);
	cr_assert_not_null(c);
	*ret_other = fd[1];
	return c;
}

static void put(int fd, const char *text, size_t n)
{
	cr_assert_eq(send(fd, text, n, MSG_NOSIGNAL), (ssize_t)n);
}
#define PUT(fd, text) put(fd, text, strlen(text))

static void expect_number(struct control *c, const char *key, int value)
{
	json_t *j = control_recv(c);
	cr_assert_not_null(j, "%s: %s", key, strerror(errno));
	cr_assert_eq(json_integer_value(json_object_get(j, key)), value, "%s", key);
	json_decref(j);
}

/* What one thread sends late, in two pieces. */
struct late {
	int fd;
	const char *text;
	size_t at;
};

static void *send_late(void *arg)
{
	struct late *l = arg;
	put(l->fd, l->text, l->at);
	put(l->fd, l->text + l->at, strlen(l->text) - l->at);
	return NULL;
}

Test(bench_control, lines_split_at_any_byte)
{
	WSD_TEST_BEGIN();
	static const char text[] = "{\"a\":1}\n{\"b\":\"\\u00e4{}\\\\\",\"a\":2}\n";
	for (size_t at = 0; at <= sizeof(text) - 1; at++) {
		int other;
		struct control *c = pair(&other);
		struct late l = {other, text, at};
		pthread_t t;
		cr_assert_eq(pthread_create(&t, NULL, send_late, &l), 0);
		expect_number(c, "a", 1);
		expect_number(c, "a", 2);
		cr_assert_not(control_pending(c), "split at %zu", at);
		pthread_join(t, NULL);
		close(other);
		control_close(c);
	}
	WSD_TEST_END();
}

Test(bench_control, a_line_that_was_read_ahead_is_told_of)
{
	WSD_TEST_BEGIN();
	int other;
	struct control *c = pair(&other);
	PUT(other, "{\"a\":1}\n{\"a\":2}\n{\"a\"");
	expect_number(c, "a", 1);
	cr_assert(control_pending(c));
	expect_number(c, "a", 2);
	cr_assert_not(control_pending(c), "half a line is none");
	close(other);
	cr_assert_null(control_recv(c));
	cr_assert_eq(errno, EPIPE, "hung up in the middle of a line");
	control_close(c);
	WSD_TEST_END();
}

Test(bench_control, what_is_no_object_is_refused_and_loses_nothing)
{
	static const char *const lines[] = {
		"\n", "nonsense\n", "[1]\n", "{\"a\":1\n", "{\"a\":1,\"a\":2}\n", "7\n",
		/* a terminal would obey */
		"{\"a\":\"\\u001b[2J\"}\n", "{\"a\":[{\"b\":\"\\u009b2J\"}]}\n",
		"{\"a\\u007f\":1}\n"};
	WSD_TEST_BEGIN();
	int other;
	struct control *c = pair(&other);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		PUT(other, lines[i]);
		PUT(other, "{\"a\":5}\n");
		errno = 0;
		cr_assert_null(control_recv(c), "line %zu", i);
		cr_assert_eq(errno, EPROTO, "line %zu", i);
		expect_number(c, "a", 5);
	}
	close(other);
	control_close(c);
	WSD_TEST_END();
}

static void *send_for_ever(void *arg)
{
	static char much[1 << 20];
	memset(much, 'x', sizeof(much));
	while (send(*(int *)arg, much, sizeof(much), MSG_NOSIGNAL) > 0)
		;
	return NULL;
}

Test(bench_control, a_line_without_an_end_is_refused)
{
	WSD_TEST_BEGIN();
	int other;
	pthread_t t;
	struct control *c = pair(&other);
	cr_assert_eq(pthread_create(&t, NULL, send_for_ever, &other), 0);
	cr_assert_null(control_recv(c));
	cr_assert_eq(errno, EPROTO);
	control_close(c); /* which ends the thread */
	pthread_join(t, NULL);
	close(other);
	WSD_TEST_END();
}

Test(bench_control, an_answer_an_error_and_an_end)
{
	WSD_TEST_BEGIN();
	int other;
	char why[160] = "", question[64] = "";
	struct control *c = pair(&other);
	PUT(other, "{\"ok\":true,\"x\":3}\n");
	json_t *j = control_ask(c, json_pack("{s:s}", "op", "one"), why, sizeof(why));
	cr_assert_not_null(j, "%s", why);
	cr_assert_eq(json_integer_value(json_object_get(j, "x")), 3);
	json_decref(j);
	cr_assert_gt(recv(other, question, sizeof(question) - 1, 0), 0);
	cr_assert_str_eq(question, "{\"op\":\"one\"}\n");
	PUT(other, "{\"error\":\"no such thing\"}\n");
	cr_assert_null(control_ask(c, json_object(), why, sizeof(why)));
	cr_assert_str_eq(why, "no such thing");
	close(other);
	cr_assert_null(control_ask(c, json_object(), why, sizeof(why)));
	cr_assert_str_eq(why, "the other end went away");
	control_close(c);
	WSD_TEST_END();
}

Test(bench_control, nobody_there_is_said_with_the_name)
{
	WSD_TEST_BEGIN();
	char why[160] = "";
	cr_assert_null(control_connect("127.0.0.1", 1, 0, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "no server at 127.0.0.1 port 1"), "%s", why);
	cr_assert_null(control_connect("nobody.invalid", 1, 0, why, sizeof(why)));
	cr_assert_not_null(strstr(why, "nobody.invalid"), "%s", why);
	WSD_TEST_END();
}

Test(bench_control, patience_ends)
{
	WSD_TEST_BEGIN();
	int other;
	struct control *c = pair(&other);
	long long start = wsd_check_now_ms();
	control_patience(c, 1);
	cr_assert_null(control_recv(c));
	cr_assert_eq(errno, EAGAIN, "%s", strerror(errno));
	cr_assert_geq(wsd_check_now_ms() - start, 900);
	PUT(other, "{\"a\":1}\n{\"a\":2}\n");
	expect_number(c, "a", 1);
	control_patience(c, 0);
	expect_number(c, "a", 2);
	struct timeval limit;
	socklen_t len = sizeof(limit);
	cr_assert_eq(getsockopt(control_fd(c), SOL_SOCKET, SO_RCVTIMEO, &limit, &len), 0);
	cr_assert_eq(limit.tv_sec, 0);
	control_close(c);
	close(other);
	WSD_TEST_END();
}

/* One that has turned us away does not read what we say. */
Test(bench_control, the_last_word_of_who_has_hung_up_is_heard)
{
	char why[160] = "";
	WSD_TEST_BEGIN();
	int other;
	struct control *c = pair(&other);
	PUT(other, "{\"error\":\"busy\"}\n");
	close(other);
	cr_assert_null(control_ask(c, json_pack("{s:i}", "a", 1), why, sizeof(why)));
	cr_assert_str_eq(why, "busy");
	cr_assert_null(control_ask(c, json_pack("{s:i}", "a", 1), why, sizeof(why)));
	cr_assert_str_eq(why, "the other end went away");
	control_close(c);
	WSD_TEST_END();
}

Test(bench_control, who_says_nothing_is_not_waited_for_beyond_patience)
{
	char why[160] = "";
	WSD_TEST_BEGIN();
	int other;
	struct control *c = pair(&other);
	control_patience(c, 1);
	cr_assert_null(control_ask(c, json_pack("{s:i}", "a", 1), why, sizeof(why)));
	cr_assert_str_eq(why, "the other end says nothing");
	close(other);
	control_close(c);
	WSD_TEST_END();
}
