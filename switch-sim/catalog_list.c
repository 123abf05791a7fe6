/* SPDX-License-Identifier: MIT
 *
 * The list of "TCP on SAN" provider ids: a file of 16-byte ids in memory order, as the binary
 * registry value on Windows [PROV-INIT-11, SW-INIT-1.2]. Rewritten by rename, so that a reader sees
 * the old list or the new one. No locks.
 */
#include "catalog_priv.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 4096 }; /* ids; a longer file is a mistake */

_Static_assert(sizeof(GUID) == 16, "the list holds 16 bytes for each id");

static bool holds(const GUID *list, size_t n, const GUID *id)
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(&list[i], id, sizeof(*id)))
			return true;
	return false;
}

static ssize_t read_whole(int fd, char *to, size_t room)
{
	size_t size = 0;
	while (size < room) {
		ssize_t n = read(fd, to + size, room - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	return (ssize_t)size;
}

/* Bytes read or -errno. O_NONBLOCK: opening a pipe would keep WSAStartup waiting for ever. */
static ssize_t read_file(const char *path, char *to, size_t room)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	ssize_t size = fstat(fd, &st) ? -errno : 0;
	if (!size && !S_ISREG(st.st_mode)) {
		wsd_log(WSD_LOG_ERROR, "catalogue: %s is not a regular file: not read", path);
	} else if (!size) {
		size = read_whole(fd, to, room);
	}
	close(fd);
	return size;
}

int catalog_list_read(const char *dir, GUID **ret_list, size_t *ret_n)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", dir, CATALOG_LIST_NAME);
	GUID *list = malloc(LIST_MAX * sizeof(*list));
	GUID *file = malloc(LIST_MAX * sizeof(*file));
	if (!list || !file) {
		free(list);
		free(file);
		return -ENOMEM;
	}
	ssize_t size = read_file(path, (char *)file, LIST_MAX * sizeof(*file));
	if (size < 0) {
		wsd_log(WSD_LOG_ERROR, "catalogue: cannot read %s: %s", path, strerror((int)-size));
		if (catalog_not_now((int)-size)) {
			free(list);
			free(file);
			return (int)size;
		}
		size = 0;
	}
	if ((size_t)size % sizeof(GUID))
		wsd_log(WSD_LOG_WARNING,
			"catalogue: %s has %zd bytes, no multiple of 16: the last %zu are ignored",
			path, size, (size_t)size % sizeof(GUID));
	size_t n = 0;
	for (size_t i = 0; i < (size_t)size / sizeof(GUID); i++)
		if (!holds(list, n, &file[i]))
			list[n++] = file[i];
	free(file);
	*ret_list = list;
	*ret_n = n;
	return 0;
}

static int list_write(const char *dir, const GUID *list, size_t n)
{
	char path[PATH_MAX], fresh[PATH_MAX];
	snprintf(path, sizeof(path), "%s/%s", dir, CATALOG_LIST_NAME);
	int len = snprintf(fresh, sizeof(fresh), "%s/.%s.XXXXXX", dir, CATALOG_LIST_NAME);
	if (len < 0 || (size_t)len >= sizeof(fresh))
		return -ENAMETOOLONG;
	int fd = mkostemp(fresh, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t size = n * sizeof(*list);
	int err = 0;
	if (fchmod(fd, 0644) || (size && write(fd, list, size) != (ssize_t)size) || fsync(fd))
		err = errno ? -errno : -EIO;
	close(fd);
	if (!err && rename(fresh, path))
		err = -errno;
	if (err)
		unlink(fresh);
	return err;
}

int catalog_list_add(const char *dir, const GUID *id)
{
	GUID *list = NULL;
	size_t n = 0;
	int err = catalog_list_read(dir, &list, &n);
	if (!err && !holds(list, n, id)) {
		if (n == LIST_MAX) {
			err = -ENOSPC;
		} else {
			list[n++] = *id;
			err = list_write(dir, list, n);
		}
	}
	free(list);
	return err;
}

int catalog_list_remove(const char *dir, const GUID *id)
{
	GUID *list = NULL;
	size_t n = 0, kept = 0;
	int err = catalog_list_read(dir, &list, &n);
	for (size_t i = 0; !err && i < n; i++)
		if (memcmp(&list[i], id, sizeof(*id)) != 0)
			list[kept++] = list[i];
	if (!err && kept != n)
		err = list_write(dir, list, kept);
	free(list);
	return err;
}
