/* SPDX-License-Identifier: MIT
 *
 * Files of the catalogue that are not what they should be: a module that is cut short, pipes. The
 * process goes on without the provider [SW-INIT-2].
 */
#include "sw.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { STEPS = 24, ENDS = 3 };

static char path[160]; /* of the module in the catalogue */
static bool in_pieces;

/* The first @size bytes of the scripted provider; its whole length if @size is larger. */
static size_t copy_module(size_t size)
{
	Dl_info from;
	cr_assert(dladdr(bed.p[0], &from));
	FILE *in = fopen(from.dli_fname, "re"), *out = fopen(path, "we");
	cr_assert(in && out);
	size_t n = 0;
	for (int c; n < size && (c = getc(in)) != EOF; n++)
		putc(c, out);
	cr_assert_eq(fclose(out), 0);
	(void)fclose(in);
	return n;
}

static void starts_without(const char *said)
{
	alarm(60); /* it must not hang */
	bed_install(&bed, 0, path, "");
	cr_assert_eq(truncate(bed.log, 0), 0);
	bed_start(&bed);
	cr_assert(bed_logged(&bed, said), "not said: %s", said);
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_close(s);
	bed_stop(&bed);
	bed_expect_quiet(&bed, 0);
	alarm(0);
}

Test(module, SW_INIT_02_a_module_that_is_cut_short_anywhere)
{
	BED(1);
	snprintf(path, sizeof(path), "%s/copy.so", bed.catalog);
	size_t whole = copy_module(SIZE_MAX);
	size_t ends[ENDS] = {64, 65, whole - 1};
	for (size_t i = 0; i < ENDS + STEPS; i++) {
		size_t size = i < ENDS ? ends[i] : whole * (i - ENDS + 1) / (STEPS + 1);
		cr_assert_eq(copy_module(size), size);
		starts_without("copy.so: the file is cut short: its ");
	}
	copy_module(whole);
	bed_install(&bed, 0, path, "");
	bed_start(&bed);
	cr_assert(bed_logged(&bed, "provider a is in use"));
	bed_stop(&bed);
	BED_END();
}

/* In place of libc's, for the library, too. */
ssize_t pread(int fd, void *to, size_t size, off_t at)
{
	size_t n = size > 1000 && in_pieces ? size / 2 : size;
	return syscall(SYS_pread64, fd, to, n, at);
}

Test(module, SW_INIT_02_a_file_system_that_reads_in_pieces)
{
	BED(1);
	in_pieces = true;
	bed_start(&bed);
	cr_assert(bed_logged(&bed, "provider a is in use"));
	bed_stop(&bed);
	BED_END();
}

/* Copied in place under a watching process: not used while it is short, used when its entry says
 * that it is there. */
Test(module, SW_PNP_03_a_module_that_is_copied_in_place_while_watched)
{
	BED(0);
	snprintf(path, sizeof(path), "%s/copy.so", bed.catalog);
	size_t whole = copy_module(SIZE_MAX);
	bed_install(&bed, 0, path, "");
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	copy_module(whole / 2);
	bed_register(&bed, 0);
	cr_assert(bed_logged(&bed, "the file is cut short"));
	copy_module(whole);
	bed_install(&bed, 0, path, "# now\n");
	cr_assert(bed_logged(&bed, "provider a is in use"));
	bed_close(s);
	stopped();
	BED_END();
}

Test(module, SW_INIT_02_a_module_that_is_no_file)
{
	BED(1);
	snprintf(path, sizeof(path), "%s/pipe.so", bed.catalog);
	cr_assert_eq(mkfifo(path, 0600), 0);
	starts_without("pipe.so: not a regular file");
	snprintf(path, sizeof(path), "%s", bed.catalog);
	starts_without("not a regular file");
	BED_END();
}

Test(module, SW_INIT_01_a_list_that_is_no_file)
{
	BED(0);
	char list[160];
	snprintf(list, sizeof(list), "%s/tcp-on-san", bed.catalog);
	snprintf(path, sizeof(path), "%s/none.so", bed.catalog);
	cr_assert_eq(mkfifo(list, 0600), 0);
	starts_without("tcp-on-san is not a regular file");
	cr_assert_eq(unlink(list), 0);
	cr_assert_eq(mkdir(list, 0700), 0);
	starts_without("tcp-on-san is not a regular file");
	cr_assert_eq(rmdir(list), 0);
	BED_END();
}
