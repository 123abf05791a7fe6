/*
 * SPDX-License-Identifier: MIT
 *
 * view.c - keeps the shared folders fresh for new commands.
 *
 * Linux drops what it knows of a 9p file (cache=none) when the last user of the file goes. While a
 * program runs, its path leads to the inode and pages of then, even if the host has replaced the
 * file: a rebuilt library would be seen half old, half new. So before a command starts we look at
 * what running programs have mapped; if one of these files has been replaced, the folder is mounted
 * once more, over itself, from a spare tag of the same export. What runs keeps the old view.
 */
#include "guest.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define SHARES_MAX 16

struct share {
	char tag[16];
	char path[PATH_MAX];
	int views; /* mounts of it, one over the other */
};

static struct share shares[SHARES_MAX];
static size_t share_count;

const char *view_add(const char *tag, const char *path)
{
	struct share *s = &shares[share_count];

	if (share_count == SHARES_MAX || strlen(path) >= sizeof(s->path))
		return "too many shared folders, or too long a path";
	snprintf(s->tag, sizeof(s->tag), "%s", tag);
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->views = 1;
	share_count++;
	return NULL;
}

int view_mount(const char *tag, const char *target)
{
	char spare[32];

	for (int i = 0; i < VIEW_TAGS; i++) {
		snprintf(spare, sizeof(spare), "%s.%d", tag, i);
		if (!mount(spare, target, "9p", 0, P9_OPTIONS "cache=none"))
			return 0;
		if (errno != EBUSY)
			break;
	}
	return -errno;
}

/* The inode number that the host gives now: from a listing, which is never cached. */
static bool replaced(const char *path, unsigned long ino)
{
	char dir[PATH_MAX];
	const char *name = strrchr(path, '/') + 1;
	bool changed = false;
	struct dirent *de;
	DIR *d;

	snprintf(dir, sizeof(dir), "%.*s", (int)(name - path), path);
	d = opendir(dir);
	while (d && (de = readdir(d))) {
		if (!strcmp(de->d_name, name)) {
			changed = de->d_ino != ino;
			break;
		}
	}
	if (d)
		closedir(d);
	return changed;
}

/* The maps of one process: "from-to perms offset major:minor inode path". */
static bool maps_replaced(const char *pid, dev_t dev, char *last, size_t size)
{
	char path[64], line[PATH_MAX + 128];
	bool found = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned int maj, min;
		unsigned long ino;
		int at = 0;

		if (sscanf(line, "%*s %*s %*s %x:%x %lu %n", &maj, &min, &ino, &at) < 3 || !at ||
		    makedev(maj, min) != dev || line[at] != '/')
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line + at, last)) /* the parts of one file follow each other */
			continue;
		snprintf(last, size, "%s", line + at);
		found = replaced(last, ino);
	}
	if (f)
		fclose(f);
	return found;
}

static bool is_stale(const struct share *s)
{
	static char last[PATH_MAX + 128];
	bool stale = false;
	struct dirent *de;
	struct stat st;
	DIR *d;

	if (stat(s->path, &st))
		return false;
	last[0] = '\0';
	d = opendir("/proc");
	while (d && !stale && (de = readdir(d)))
		if (isdigit((unsigned char)de->d_name[0]) && strcmp(de->d_name, "1") != 0)
			stale = maps_replaced(de->d_name, st.st_dev, last, sizeof(last));
	if (d)
		closedir(d);
	return stale;
}

/* Return NULL, or a sentence for the command's user. */
const char *view_refresh(void)
{
	static char text[PATH_MAX + 200];

	for (size_t i = 0; i < share_count; i++) {
		struct share *s = &shares[i];

		while (s->views > 1 && !umount2(s->path, 0)) /* nobody uses it any more */
			s->views--;
		if (!is_stale(s))
			continue;
		if (!view_mount(s->tag, s->path)) {
			s->views++;
		} else {
			snprintf(text, sizeof(text),
				 "soft-roce: programs below %s were rebuilt while older ones still "
				 "run, too often: "
				 "end those, or files may be seen as they were\n",
				 s->path);
			return text;
		}
	}
	return NULL;
}
