/* SPDX-License-Identifier: MIT
 *
 * whole.c - see whole.h. No state.
 */
#include "whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int whole_print(FILE *f, const char *text, size_t size)
{
	errno = 0;
	if (fwrite(text, 1, size, f) != size || fflush(f))
		return errno ? -errno : -EIO;
	return 0;
}

/* Into a file beside @path that then takes its name; with the rights that a new file would have, or
 * those of the one it replaces. */
static int replace(const char *path, const struct stat *old, const char *text, size_t size)
{
	char *beside;
	mode_t mask = umask(0);
	umask(mask);
	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	int fd = mkostemp(beside, O_CLOEXEC), err;
	if (fd < 0) {
		err = -errno;
		free(beside);
		return err;
	}
	FILE *f = fdopen(fd, "w");
	err = f ? whole_print(f, text, size) : -errno;
	if (!err && fchmod(fd, old ? old->st_mode & 0777 : 0666 & ~mask))
		err = -errno;
	if (f ? fclose(f) : close(fd))
		err = err ? err : -errno;
	if (!err && rename(beside, path))
		err = -errno;
	if (err)
		unlink(beside);
	free(beside);
	return err;
}

/* What is no ordinary file (a pipe, /dev/null) cannot be replaced and is written to. */
static int write_special(const char *path, const char *text, size_t size)
{
	FILE *f = fopen(path, "we");
	if (!f)
		return -errno;
	int err = whole_print(f, text, size);
	if (fclose(f) && !err)
		err = -errno;
	return err;
}

int whole_write(const char *path, const char *text, size_t size)
{
	struct stat st;
	if (stat(path, &st))
		return errno == ENOENT ? replace(path, NULL, text, size) : -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return write_special(path, text, size);
	/* a name that may be replaced, but not a file that may be written */
	if (access(path, W_OK))
		return -errno;
	char *real = realpath(path, NULL); /* a link stays one */
	int err = real ? replace(real, &st, text, size) : -errno;
	free(real);
	return err;
}
