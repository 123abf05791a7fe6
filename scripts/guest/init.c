/*
 * SPDX-License-Identifier: MIT
 *
 * init.c - makes a system of the booted kernel: modules from the initrd, the host's file tree by
 * 9p, the work tree read-write in its place, limits and names. No fork: one costs 70 ms under TCG.
 */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#define ROOT "/newroot"

static char error_text[PATH_MAX + 200];

struct mount_row {
	const char *type, *source, *target, *options;
	unsigned long flags;
};

static const struct mount_row early[] = {
	{"proc", "proc", "/proc", NULL, 0},
	{"sysfs", "sysfs", "/sys", NULL, 0},
	{"devtmpfs", "dev", "/dev", NULL, 0},
};

/*
 * The lower root may be cached (system files do not change under a running guest, and every exec
 * reads them); /fresh is the same tree without a cache, for all that people build in.
 */
static const struct mount_row root_rows[] = {
	{"9p", "hostroot", "/ro", P9_OPTIONS "cache=loose", MS_RDONLY},
	{"9p", "fresh", "/fresh", P9_OPTIONS "cache=none", MS_RDONLY},
	{"tmpfs", "tmpfs", "/rw", NULL, 0},
};

static const struct mount_row late[] = {
	{"proc", "proc", ROOT "/proc", NULL, 0},
	{"sysfs", "sysfs", ROOT "/sys", NULL, 0},
	{"devtmpfs", "dev", ROOT "/dev", NULL, 0},
	{"devpts", "devpts", ROOT "/dev/pts", "ptmxmode=0666,mode=0620,gid=5", 0},
	{"tmpfs", "shm", ROOT "/dev/shm", "mode=1777", 0},
	{"tmpfs", "run", ROOT "/run", "mode=0755", 0},
	{"tmpfs", "tmp", ROOT "/tmp", "mode=1777", 0},
	{"cgroup2", "cgroup", ROOT "/sys/fs/cgroup", NULL, 0},
	{"debugfs", "debugfs", ROOT "/sys/kernel/debug", NULL, 0},
	{"tracefs", "tracefs", ROOT "/sys/kernel/tracing", NULL, 0},
};

/* Top-level folders of the host that are the system: copied on write, private to the guest. */
static const char *const system_dirs[] = {
	"bin",        "boot", "dev", "etc",  "lib", "lib32", "lib64", "libx32",
	"lost+found", "proc", "run", "sbin", "sys", "tmp",   "usr",   "var",
};

static const char *fail(const char *what, const char *path)
{
	snprintf(error_text, sizeof(error_text), "%s %s: %s", what, path, strerror(errno));
	return error_text;
}

static const char *mount_rows(const struct mount_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		mkdir(rows[i].target, 0755);
		if (mount(rows[i].source, rows[i].target, rows[i].type, rows[i].flags,
			  rows[i].options))
			return fail("mount", rows[i].target);
	}
	return NULL;
}

static void make_path(const char *path)
{
	char part[PATH_MAX];

	for (const char *p = path + 1; (p = strchr(p, '/')); p++) {
		snprintf(part, sizeof(part), "%.*s", (int)(p - path), path);
		mkdir(part, 0755);
	}
	mkdir(path, 0755);
}

void boot_early(void)
{
	const char *error = mount_rows(early, sizeof(early) / sizeof(*early));
	int console = open("/dev/console", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd < 3 && console >= 0; fd++)
		dup2(console, fd);
	if (error)
		say("%s", error);
}

/* @list names a file of module files in /mods, one a line, in the order of their dependencies. */
const char *boot_modules(const char *list)
{
	FILE *f = fopen(list, "re");
	char name[200], path[256];

	if (!f)
		return fail("read", list);
	error_text[0] = '\0';
	while (fgets(name, sizeof(name), f)) {
		int fd;

		name[strcspn(name, "\n")] = '\0';
		snprintf(path, sizeof(path), "/mods/%s", name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
			fail("load module", name);
		if (fd >= 0)
			close(fd);
	}
	fclose(f);
	return error_text[0] ? error_text : NULL;
}

static bool is_system_dir(const char *name)
{
	for (size_t i = 0; i < sizeof(system_dirs) / sizeof(*system_dirs); i++)
		if (!strcmp(name, system_dirs[i]))
			return true;
	return false;
}

/* Everything at the top that is not the system is shown as it is on the host, now. */
static const char *bind_fresh(void)
{
	DIR *dir = opendir("/ro");
	struct dirent *de;
	char from[300], to[300];
	struct stat st;

	if (!dir)
		return fail("read", "/");
	while ((de = readdir(dir))) {
		if (de->d_name[0] == '.' || is_system_dir(de->d_name))
			continue;
		snprintf(from, sizeof(from), "/fresh/%s", de->d_name);
		snprintf(to, sizeof(to), ROOT "/%s", de->d_name);
		if (lstat(from, &st) || !S_ISDIR(st.st_mode))
			continue;
		if (mount(from, to, NULL, MS_BIND, NULL))
			say("%s", fail("bind", to));
	}
	closedir(dir);
	return NULL;
}

static const char *mount_share(const char *tag, const char *path)
{
	char target[PATH_MAX + 16];

	snprintf(target, sizeof(target), ROOT "%s", path);
	make_path(target);
	/* cache=none: with a cache, programs rebuilt outside crashed inside */
	if (view_mount(tag, target))
		return fail("mount", path);
	return view_add(tag, path);
}

static const char *bind_modules(const char *dir)
{
	char from[PATH_MAX + 16], to[200];
	struct utsname un;

	uname(&un);
	snprintf(from, sizeof(from), "/ro%s", dir);
	snprintf(to, sizeof(to), ROOT "/lib/modules/%s", un.release);
	make_path(to);
	return mount(from, to, NULL, MS_BIND, NULL) ? fail("bind", dir) : NULL;
}

static void make_dev_links(void)
{
	static const char *const links[][2] = {
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			say("%s", fail("link", links[i][1]));
}

/* Interfaces get their names by MAC address 52:54:00:77:<net>:<host>; 3 is the one without RDMA. */
static void name_interfaces(void)
{
	static const char *const names[] = {"san0", "san1", "san2", "lan0"};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *p = all; p && p->if_index; p++) {
		struct ifreq req = {0};
		const unsigned char *mac = (const unsigned char *)req.ifr_hwaddr.sa_data;

		strncpy(req.ifr_name, p->if_name, IFNAMSIZ - 1);
		if (ioctl(fd, SIOCGIFHWADDR, &req) || memcmp(mac, "\x52\x54\x00\x77", 4) != 0 ||
		    mac[4] >= 4)
			continue;
		strncpy(req.ifr_newname, names[mac[4]], IFNAMSIZ - 1);
		if (ioctl(fd, SIOCSIFNAME, &req))
			say("%s", fail("name", p->if_name));
	}
	if_freenameindex(all);
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};

	ioctl(fd, SIOCSIFFLAGS, &lo);
	close(fd);
}

static void set_up(const char *host)
{
	char name[16];
	FILE *hosts;

	snprintf(name, sizeof(name), "host-%s", host);
	sethostname(name, strlen(name));
	snprintf(name, sizeof(name), "%s\n", host);
	write_file("/run/wsd-host", name);
	write_file("/proc/sys/kernel/core_pattern", "\n");
	write_file("/proc/sys/fs/nr_open", "1048576\n");
	mkdir("/run/lock", 01777);
	chmod("/run/lock", 01777);
	hosts = fopen("/etc/hosts", "ae");
	if (hosts) {
		fputs("10.77.0.1 host-a\n10.77.0.2 host-b\n", hosts);
		fclose(hosts);
	}
	name_interfaces();
}

static const char *one_setting(const char *key, size_t key_len, const char *value)
{
	if (!strncmp(key, "moddir", key_len))
		return bind_modules(value);
	if (!strncmp(key, "rdma", key_len))
		return boot_modules("/mods/rdma");
	if (!strncmp(key, "share", 5)) {
		char tag[16];

		snprintf(tag, sizeof(tag), "%.*s", (int)key_len, key);
		return mount_share(tag, value);
	}
	return NULL;
}

/* @config: "host=a", then "rdma=1", "moddir=PATH", "share0=PATH", ... in the order to be done. */
const char *boot_system(const char *config, size_t len)
{
	const char *error, *host = "a";

	error = mount_rows(root_rows, sizeof(root_rows) / sizeof(*root_rows));
	if (error)
		return error;
	mkdir("/rw/upper", 0755);
	mkdir("/rw/work", 0755);
	mkdir(ROOT, 0755);
	if (mount("overlay", ROOT, "overlay", 0,
		  "lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work"))
		return fail("mount", "overlay");
	error = bind_fresh();
	if (!error)
		error = mount_rows(late, sizeof(late) / sizeof(*late));
	for (const char *p = config; !error && p < config + len; p += strlen(p) + 1) {
		const char *value = strchr(p, '=');

		if (!value)
			continue;
		if (!strncmp(p, "host=", 5))
			host = value + 1;
		else
			error = one_setting(p, (size_t)(value - p), value + 1);
	}
	if (error)
		return error;
	if (chdir(ROOT) || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		return fail("move to", ROOT);
	make_dev_links();
	set_up(host);
	return NULL;
}
