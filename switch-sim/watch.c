/* SPDX-License-Identifier: MIT
 *
 * The descriptors that tell of changes: TCP/IP's addresses [SW-INIT-1.9, SW-PNP-1], RDMA devices
 * (kernel events: a provider sends no notification, PROV-IOCTL-3), the catalogue's directory
 * [SW-PNP-3]. No locks. One that cannot be had is logged and done without.
 */
#include "san_priv.h"

#include "log.h"

#include <errno.h>
#include <linux/netlink.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KERNEL_EVENTS = 1 }; /* the multicast group of kernel events; group 2 is udev's */

static int open_devices(void)
{
	int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
	if (fd < 0)
		return -errno;
	struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS};
	if (bind(fd, (struct sockaddr *)&self, sizeof(self)) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int open_catalog(const char *dir)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (inotify_add_watch(fd, dir,
			      IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
				      IN_ONLYDIR) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int checked(int fd, enum wsd_log_level level, const char *what)
{
	if (fd >= 0)
		return fd;
	wsd_log(level, "changes of %s are not seen: %s", what, strerror(-fd));
	return -1;
}

void san_watch_open(struct san *san)
{
	san->addrs_fd = checked(addrs_monitor_open(), WSD_LOG_ERROR, "addresses");
	san->devices_fd = checked(open_devices(), WSD_LOG_INFO, "RDMA devices");
	san->catalog_fd = checked(open_catalog(san->catalog_dir), WSD_LOG_INFO, "the catalogue");
}

void san_watch_close(struct san *san)
{
	int *fds[] = {&san->addrs_fd, &san->devices_fd, &san->catalog_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

static bool readable(int fd)
{
	char c;
	return fd >= 0 && (recv(fd, &c, 1, MSG_PEEK | MSG_TRUNC) >= 0 || errno == ENOBUFS);
}

/* Most kernel events are about something else. */
static bool drain_devices(int fd)
{
	static const char mark[] = "SUBSYSTEM=infiniband";
	char message[4096];
	bool ours = false;
	for (;;) {
		ssize_t n = recv(fd, message, sizeof(message), 0);
		if (n >= 0)
			ours |= memmem(message, (size_t)n, mark, sizeof(mark) - 1) != NULL;
		else if (errno == ENOBUFS)
			ours = true; /* events were lost: it may have been one of ours */
		else if (errno != EINTR)
			return ours;
	}
}

static bool concerns_catalog(const struct inotify_event *e)
{
	size_t n = e->len ? strlen(e->name) : 0, suffix = strlen(CATALOG_SUFFIX);
	if (e->mask & IN_Q_OVERFLOW)
		return true;
	return n && (!strcmp(e->name, CATALOG_LIST_NAME) ||
		     (n > suffix && !strcmp(e->name + n - suffix, CATALOG_SUFFIX)));
}

static bool drain_catalog(int fd)
{
	_Alignas(struct inotify_event) char buffer[4096];
	bool ours = false;
	for (;;) {
		ssize_t n = read(fd, buffer, sizeof(buffer));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return ours;
		for (char *at = buffer; at < buffer + n;) {
			const struct inotify_event *e = (const struct inotify_event *)at;
			ours |= concerns_catalog(e);
			at += sizeof(*e) + e->len;
		}
	}
}

bool san_address_change_waits(const struct san *san)
{
	return san->addrs_fd < 0 || readable(san->addrs_fd);
}

uint32_t san_address_epoch(const struct san *san)
{
	return atomic_load(&san->address_epoch) | 1U << 31;
}

uint32_t san_address_epoch_now(const struct san *san)
{
	bool doubtful = !atomic_load(&san->running) && san_address_change_waits(san);
	return doubtful ? 0 : san_address_epoch(san);
}

unsigned san_watch_drain(struct san *san)
{
	unsigned changes = 0;
	if (readable(san->addrs_fd)) {
		atomic_fetch_add(&san->address_epoch, 1);
		addrs_drain(san->addrs_fd);
		changes |= SAN_ADDRESSES;
	}
	if (san->devices_fd >= 0 && drain_devices(san->devices_fd))
		changes |= SAN_DEVICES;
	if (san->catalog_fd >= 0 && drain_catalog(san->catalog_fd))
		changes |= SAN_CATALOG;
	return changes;
}
