/* SPDX-License-Identifier: MIT */
/*
 * sysfs.c - reads single attributes below /sys/class/infiniband. Descriptors are open for the time
 * of a read: nothing here keeps a device from going away. No state, no locks.
 */
#include "sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOT      "/sys/class/infiniband"
#define PATH_SIZE 192

/* Reads a short file into @buf, without the newline at its end. */
static int read_text(int dir, const char *path, char *buf, size_t size)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	r = n < 0 ? -errno : 0;
	close(fd);
	if (r)
		return r;
	if (n && buf[n - 1] == '\n')
		n--;
	buf[n] = 0;
	return 0;
}

bool nic_sysfs_available(void)
{
	return access(ROOT, R_OK | X_OK) == 0;
}

bool nic_sysfs_is_software(const char *device)
{
	char path[PATH_SIZE], target[512];
	ssize_t n;

	snprintf(path, sizeof(path), ROOT "/%s", device);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return strstr(target, "/devices/virtual/") != NULL;
}

enum nic_link_layer nic_sysfs_link_layer(const char *device, unsigned port,
					 enum nic_link_layer otherwise)
{
	char path[PATH_SIZE], word[32];

	snprintf(path, sizeof(path), ROOT "/%s/ports/%u/link_layer", device, port);
	if (read_text(AT_FDCWD, path, word, sizeof(word)) < 0)
		return otherwise;
	if (!strcmp(word, "InfiniBand"))
		return NIC_LL_INFINIBAND;
	/* Ethernet is RoCE or iWARP, and those two are not mixed within a device */
	if (!strcmp(word, "Ethernet") && otherwise == NIC_LL_INFINIBAND)
		return NIC_LL_ROCE;
	return otherwise;
}

int nic_gid_parse(const char *text, uint8_t ret[NIC_GID_SIZE])
{
	uint8_t gid[NIC_GID_SIZE];
	unsigned long group;
	char *end;

	for (int i = 0; i < NIC_GID_SIZE / 2; i++) {
		group = strtoul(text, &end, 16);
		if (end == text || end - text > 4 || *end != (i == NIC_GID_SIZE / 2 - 1 ? 0 : ':'))
			return -EBADMSG;
		gid[2 * i] = (uint8_t)(group >> 8);
		gid[2 * i + 1] = (uint8_t)group;
		text = end + 1;
	}
	memcpy(ret, gid, sizeof(gid));
	return 0;
}

int nic_sysfs_gids_open(const char *device, unsigned port)
{
	char path[PATH_SIZE];
	int fd;

	snprintf(path, sizeof(path), ROOT "/%s/ports/%u/gids", device, port);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int nic_sysfs_gid_at(int gids_fd, unsigned slot, uint8_t ret[NIC_GID_SIZE])
{
	char name[16], text[64];
	int r;

	snprintf(name, sizeof(name), "%u", slot);
	r = read_text(gids_fd, name, text, sizeof(text));
	if (r == -EINVAL) { /* how some kernels answer for an empty slot */
		memset(ret, 0, NIC_GID_SIZE);
		return 0;
	}
	return r ? r : nic_gid_parse(text, ret);
}

int nic_sysfs_gid(const char *device, unsigned port, unsigned slot, uint8_t ret[NIC_GID_SIZE])
{
	int fd = nic_sysfs_gids_open(device, port), r;

	if (fd < 0)
		return fd;
	r = nic_sysfs_gid_at(fd, slot, ret);
	close(fd);
	return r;
}

int nic_sysfs_gid_ndev(const char *device, unsigned port, unsigned slot, char ret[NIC_IFNAME_SIZE])
{
	char path[PATH_SIZE], name[64];
	int r;

	snprintf(path, sizeof(path), ROOT "/%s/ports/%u/gid_attrs/ndevs/%u", device, port, slot);
	r = read_text(AT_FDCWD, path, name, sizeof(name));
	if (r)
		return r;
	if (strlen(name) >= NIC_IFNAME_SIZE)
		return -EBADMSG;
	memcpy(ret, name, strlen(name) + 1);
	return 0;
}
