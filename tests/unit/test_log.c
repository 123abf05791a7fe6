/* SPDX-License-Identifier: MIT
 *
 * The log: where lines go, and that a first line at a bad time does not silence those after it.
 */
#include "log.h"
#include "scarce.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[] = "/tmp/wsd-log-XXXXXX";

static void begin(void)
{
	int fd = mkstemp(path);
	cr_assert_geq(fd, 0);
	close(fd);
}

/* Does the file hold this? */
static bool holds(const char *text)
{
	char all[4096] = "";
	FILE *f = fopen(path, "re");
	cr_assert_not_null(f);
	size_t n = fread(all, 1, sizeof(all) - 1, f);
	fclose(f);
	all[n] = '\0';
	return strstr(all, text);
}

Test(log, a_line_goes_to_the_file)
{
	begin();
	setenv("WSD_LOG", path, 1);
	wsd_log(WSD_LOG_INFO, "one %d", 1);
	wsd_log(WSD_LOG_DEBUG, "below the level");
	cr_assert(holds(" info: one 1\n"));
	cr_assert_not(holds("below"));
	unlink(path);
}

/* It must not hold up the program; who comes to read gets what is said from then on. */
Test(log, a_fifo_without_a_reader, .timeout = 10)
{
	char line[256] = "";
	begin();
	unlink(path);
	cr_assert_eq(mkfifo(path, 0600), 0);
	setenv("WSD_LOG", path, 1);
	wsd_log(WSD_LOG_ERROR, "nobody hears this");
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	wsd_log(WSD_LOG_ERROR, "one");
	cr_assert_gt(read(fd, line, sizeof(line) - 1), 0);
	cr_assert(strstr(line, "one\n"));
	close(fd);
	unlink(path);
}

Test(log, no_descriptors_at_the_first_line_and_a_file)
{
	begin();
	setenv("WSD_LOG", path, 1);
	no_descriptors(true);
	wsd_log(WSD_LOG_ERROR, "lost");
	no_descriptors(false);
	wsd_log(WSD_LOG_ERROR, "two");
	cr_assert(holds("two\n"));
	unlink(path);
}

Test(log, no_descriptors_at_the_first_line_and_standard_error)
{
	begin();
	int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), before = dup(STDERR_FILENO);
	cr_assert_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
	setenv("WSD_LOG", "stderr", 1);
	setenv("WSD_LOG_LEVEL", "loud", 1);
	no_descriptors(true);
	wsd_log(WSD_LOG_ERROR, "one");
	no_descriptors(false);
	wsd_log(WSD_LOG_ERROR, "two");
	dup2(before, STDERR_FILENO);
	close(before);
	close(file);
	cr_assert(holds("WSD_LOG_LEVEL = loud is none of its values"));
	cr_assert(holds("one\n"));
	cr_assert(holds("two\n"));
	unlink(path);
}
