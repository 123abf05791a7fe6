/* SPDX-License-Identifier: MIT
 *
 * The configuration: parsing, precedence of the environment, limits.
 */
#include "conf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

Test(conf, last_of_equal_keys_wins_and_comments_are_skipped)
{
	struct conf *c = NULL;
	cr_assert_eq(
		conf_parse("# a comment\nwildcard = vista\n\n  Wildcard=legacy  \nnonsense\n = 3\n",
			   &c),
		0);
	cr_assert_str_eq(conf_get(c, "wildcard"), "legacy");
	cr_assert_null(conf_get(c, "nonsense"));
	cr_assert_null(conf_get(c, "absent"));
	conf_free(c);
}

Test(conf, environment_beats_the_file)
{
	struct conf *c = NULL;
	setenv("WSD_CONNECT_SAN_MS", "250", 1);
	cr_assert_eq(conf_parse("connect.san_ms = 1000\n", &c), 0);
	unsetenv("WSD_CONNECT_SAN_MS"); /* read at load only */
	cr_assert_eq(conf_long(c, "connect.san_ms", 1, 0, 10000), 250);
	conf_free(c);
}

Test(conf, illegal_numbers_and_booleans_give_the_fallback)
{
	struct conf *c = NULL;
	cr_assert_eq(conf_parse("a=5x\nb=70000\nc=maybe\nd=on\ne=0x10\nf=\n", &c), 0);
	cr_assert_eq(conf_long(c, "a", 7, 0, 100), 7);
	cr_assert_eq(conf_long(c, "b", 7, 0, 65535), 7);
	cr_assert_eq(conf_long(c, "e", 7, 0, 100), 16);
	cr_assert_eq(conf_long(c, "f", 7, 0, 100), 7);
	cr_assert(conf_bool(c, "c", true));
	cr_assert_not(conf_bool(c, "c", false));
	cr_assert(conf_bool(c, "d", false));
	conf_free(c);
}

Test(conf, words_of_a_list)
{
	struct conf *c = NULL;
	cr_assert_eq(conf_parse("fault.netdown = bind, listen\n", &c), 0);
	cr_assert(conf_has_word(c, "fault.netdown", "bind"));
	cr_assert(conf_has_word(c, "fault.netdown", "listen"));
	cr_assert_not(conf_has_word(c, "fault.netdown", "lis"));
	cr_assert_not(conf_has_word(c, "absent", "bind"));
	conf_free(c);
}

Test(conf, a_named_file_that_cannot_be_read_is_an_error)
{
	struct conf *c = NULL;
	setenv("WSD_CONFIG", "/nonexistent/wsdirect.conf", 1);
	cr_assert_lt(conf_load(&c), 0);
	cr_assert_null(c);
	char path[] = "/tmp/wsd-conf-XXXXXX";
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, "a = b", 5), 5);
	close(fd);
	setenv("WSD_CONFIG", path, 1);
	cr_assert_eq(conf_load(&c), 0);
	unlink(path);
	cr_assert_str_eq(conf_get(c, "a"), "b");
	conf_free(c);
}

/* What is logged from now on: in @text, after read_log. Once for each test. */
static int log_fd;

static void log_to_file(void)
{
	char path[] = "/tmp/wsd-conf-log-XXXXXX";
	log_fd = mkstemp(path);
	cr_assert_geq(log_fd, 0);
	setenv("WSD_LOG", path, 1);
	unsetenv("WSD_LOG_LEVEL");
	/* it is opened at the first line */
	struct conf *c = NULL;
	cr_assert_eq(conf_parse("no equals sign\n", &c), 0);
	conf_free(c);
	unlink(path);
}

static const char *read_log(void)
{
	static char text[8192];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);
	cr_assert_gt(n, 0);
	text[n] = '\0';
	return text;
}

Test(conf, what_cannot_be_used_is_logged)
{
	struct conf *c = NULL;
	log_to_file();
	cr_assert_eq(conf_parse("rdma.max_backlog = many\nrdma.wildcard_available = maybe\n", &c),
		     0);
	conf_long(c, "rdma.max_backlog", 5, 1, 10);
	conf_bool(c, "rdma.wildcard_available", false);
	cr_expect(strstr(read_log(),
			 "configuration: rdma.max_backlog = many is no number from 1 to 10"),
		  "%s", read_log());
	cr_expect(strstr(read_log(), "rdma.wildcard_available = maybe is neither yes nor no"), "%s",
		  read_log());
	conf_free(c);
	setenv("WSD_CONFIG", "/nonexistent/wsdirect.conf", 1);
	cr_assert_lt(conf_load(&c), 0);
	cr_expect(strstr(read_log(), "/nonexistent/wsdirect.conf"), "%s", read_log());
}

Test(conf, a_warning_says_where_the_value_is_from)
{
	static const char text[] = "no equals sign\nrdma.max_backlog = many\nwildcrad = vista\n";
	char path[] = "/tmp/wsd-conf-XXXXXX", line[160];
	struct conf *c = NULL;
	log_to_file();
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	cr_assert_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	setenv("WSD_CONFIG", path, 1);
	setenv("WSD_RDMA_THRESHOLD", "few", 1);
	cr_assert_eq(conf_load(&c), 0);
	unlink(path);
	conf_report(c);
	conf_long(c, "rdma.max_backlog", 5, 1, 10);
	conf_long(c, "rdma.threshold", 5, 1, 10);
	conf_free(c);
	const char *const rest[] = {"line 1 has no '='", "rdma.max_backlog = many is no number",
				    "nothing reads wildcrad"};
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
		snprintf(line, sizeof(line), "%s: %s", path, rest[i]);
		cr_expect(strstr(read_log(), line), "no '%s' in %s", line, read_log());
	}
	cr_expect(strstr(read_log(), "environment: rdma.threshold = few is no number"), "%s",
		  read_log());
}

Test(conf, a_named_file_that_is_none_does_not_hang, .timeout = 10)
{
	struct conf *c = NULL;
	char dir[] = "/tmp/wsd-conf-XXXXXX", path[64];
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	cr_assert_eq(mkfifo(path, 0600), 0);
	setenv("WSD_CONFIG", path, 1);
	cr_expect_eq(conf_load(&c), -EINVAL);
	setenv("WSD_CONFIG", dir, 1);
	cr_expect_eq(conf_load(&c), -EINVAL);
	setenv("WSD_CONFIG", "/dev/null", 1);
	cr_expect_eq(conf_load(&c), 0);
	conf_free(c);
	unlink(path);
	rmdir(dir);
}

Test(conf, keys_that_nothing_reads_are_named)
{
	struct conf *c = NULL;
	log_to_file();
	setenv("WSD_WILDCRAD", "legacy", 1);
	setenv("WSD_TEST_LONG", "1", 1);
	cr_assert_eq(conf_parse("Wildcard = vista\nnonsense = 3\nrdma.depth = 4\nacme.depth = 5\n"
				"IPAutoconfigurationEnabled.san0 = 0\n",
				&c),
		     0);
	conf_report(c);
	const char *text = read_log();
	cr_expect(strstr(text, "nothing reads nonsense"), "%s", text);
	cr_expect(strstr(text, "nothing reads rdma.depth"), "%s", text);
	cr_expect(strstr(text, "nothing reads the variable WSD_WILDCRAD"), "%s", text);
	cr_expect_not(strstr(text, "acme"), "%s", text);
	cr_expect_not(strstr(text, "reads Wildcard"), "%s", text);
	cr_expect_not(strstr(text, "IPAuto"), "%s", text);
	cr_expect_not(strstr(text, "WSD_TEST"), "%s", text);
	conf_free(c);
}

Test(conf, autoconfiguration_of_one_interface_or_of_all)
{
	struct conf *c = NULL;
	cr_assert_eq(conf_parse("IPAutoconfigurationEnabled = 0\n"
				"IPAutoconfigurationEnabled.san1 = 1\n"
				"IPAutoconfigurationEnabled.san2 = no\n"
				"IPAutoconfigurationEnabled.san3 = 0x2\n",
				&c),
		     0);
	cr_expect_not(conf_autoconf(c, "san0"));
	cr_expect(conf_autoconf(c, "san1"));
	cr_expect_not(conf_autoconf(c, "san2"));
	cr_expect(conf_autoconf(c, "san3"));
	conf_free(c);
	cr_assert_eq(conf_parse("", &c), 0);
	cr_expect(conf_autoconf(c, "san0"));
	conf_free(c);
}
