/* SPDX-License-Identifier: MIT
 *
 * The configuration: parsing, precedence of the environment, limits.
 */
#include "conf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
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
