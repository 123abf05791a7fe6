/* SPDX-License-Identifier: MIT
 *
 * host.c - what a run ran on, out of /proc and /sys, and the word of scripts/soft-roce on the
 * kernel's command line. No state, no locks; no device is opened.
 */
#include "host.h"

#include "nic.h"

#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define CPU0 "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"

__attribute__((format(printf, 3, 4))) static void say(char *to, size_t size, const char *format,
						      ...)
{
	va_list args;
	va_start(args, format);
	if (vsnprintf(to, size, format, args) < 0)
		to[0] = '\0';
	va_end(args);
}
#define SAY(field, ...) say(field, sizeof(field), __VA_ARGS__)

/* The first line of a file, without blanks at its end; "" when there is none. */
static void first_line(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");

	text[0] = '\0';
	if (!f)
		return;
	if (!fgets(text, (int)size, f))
		text[0] = '\0';
	fclose(f);
	size_t n = strcspn(text, "\n");
	while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
		n--;
	text[n] = '\0';
}

static void look_cpu(struct host *h)
{
	char line[256];
	FILE *f = fopen("/proc/cpuinfo", "re");

	while (f && !h->cpu[0] && fgets(line, sizeof(line), f))
		if (!strncmp(line, "model name", 10) || !strncmp(line, "cpu\t", 4)) {
			const char *value = strchr(line, ':');
			value = value ? value + 1 + strspn(value + 1, " ") : "";
			SAY(h->cpu, "%.*s", (int)strcspn(value, "\n"), value);
		}
	if (f)
		fclose(f);
	if (!h->cpu[0])
		SAY(h->cpu, "%s", h->machine);
	h->cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	first_line(CPU0, h->governor, sizeof(h->governor));
}

/* The value of WORD=VALUE on the kernel's command line; false: it is not there. */
static bool kernel_word(const char *word, char *value, size_t size)
{
	char line[4096];
	const char *at = line;
	size_t n = strlen(word);

	first_line("/proc/cmdline", line, sizeof(line));
	while ((at = strstr(at, word))) {
		if ((at == line || at[-1] == ' ') && at[n] == '=') {
			at += n + 1;
			say(value, size, "%.*s", (int)strcspn(at, " "), at);
			return true;
		}
		at += n;
	}
	return false;
}

/* What the hypervisor calls itself: 12 letters of cpuid's leaf 0x40000000. "": no hypervisor, or
 * another kind of processor. */
static void hypervisor_letters(char letters[13])
{
	memset(letters, 0, 13);
#if defined(__x86_64__) || defined(__i386__)
	unsigned a, b, c, d;
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1U << 31))
		return;
	__cpuid(0x40000000, a, b, c, d);
	memcpy(letters, &b, 4);
	memcpy(letters + 4, &c, 4);
	memcpy(letters + 8, &d, 4);
	for (int i = 0; i < 12; i++) /* some answer with nothing that can be read */
		if (letters[i] && (letters[i] < ' ' || letters[i] > '~'))
			letters[i] = '?';
	if (!letters[0])
		memcpy(letters, "unnamed", sizeof("unnamed"));
#endif
}

static const struct {
	const char *letters, *name;
	int icount;
} hypervisors[] = {
	{"TCGTCGTCGTCG", "QEMU, software emulation", -1},
	{"KVMKVMKVM", "KVM", 0},
	{"Linux KVM Hv", "KVM", 0},
	{"Microsoft Hv", "Hyper-V", 0},
	{"VMwareVMware", "VMware", 0},
	{"XenVMMXenVMM", "Xen", 0},
	{"bhyve bhyve ", "bhyve", 0},
	{"ACRNACRNACRN", "ACRN", 0},
};

/* A guest of which cpuid says nothing: the names of the machine. */
static void guest_by_dmi(struct host *h)
{
	static const char *const files[] = {
		"/sys/class/dmi/id/sys_vendor", "/sys/class/dmi/id/product_name",
		"/proc/device-tree/hypervisor/compatible", "/sys/hypervisor/type"};
	static const char *const vendors[] = {"QEMU",       "KVM",
					      "VMware",     "Xen",
					      "xen",        "bhyve",
					      "OpenStack",  "Google Compute Engine",
					      "Amazon EC2", "Virtual Machine",
					      "VirtualBox"};
	char line[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		first_line(files[i], line, sizeof(line));
		for (size_t k = 0; k < sizeof(vendors) / sizeof(vendors[0]); k++)
			if (strstr(line, vendors[k])) {
				SAY(h->guest, "%s", line);
				h->icount = -1;
				return;
			}
	}
}

static void look_guest(struct host *h)
{
	char letters[13], value[8];

	hypervisor_letters(letters);
	if (letters[0])
		SAY(h->guest, "hypervisor '%s'", letters);
	for (size_t i = 0; i < sizeof(hypervisors) / sizeof(hypervisors[0]); i++)
		if (!strcmp(hypervisors[i].letters, letters)) {
			SAY(h->guest, "%s", hypervisors[i].name);
			h->icount = hypervisors[i].icount;
		}
	if (!letters[0])
		guest_by_dmi(h);
	/* only QEMU's emulation can count instructions; whether it does, a guest cannot see */
	if (kernel_word("wsd.icount", value, sizeof(value)))
		h->icount = !strcmp(value, "1");
	kernel_word("wsd.qemu", h->qemu, sizeof(h->qemu));
}

/* --- the RDMA side --- */

/* rdma-core puts its version behind the library's own: libibverbs.so.1.14.44.0 is of 44.0. */
static int find_verbs(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct host *h = arg;
	char path[PATH_MAX];
	int major, minor, n = 0;

	if (!strstr(info->dlpi_name, "/libibverbs.so") || !realpath(info->dlpi_name, path))
		return 0;
	const char *version = strstr(path, ".so.");
	if (version && sscanf(version, ".so.%*d.%*d.%d.%d%n", &major, &minor, &n) == 2 && n &&
	    !version[n])
		SAY(h->rdma_core, "%d.%d", major, minor);
	return 1;
}

static void driver_of(struct host *h)
{
	char path[160], to[PATH_MAX], text[64];

	/* software devices hang below whatever their interface hangs, so they are told first */
	say(path, sizeof(path), "/sys/class/infiniband/%s/node_desc", h->device);
	first_line(path, text, sizeof(text));
	say(path, sizeof(path), "/sys/class/infiniband/%s/parent", h->device);
	if (!access(path, F_OK) || !strncmp(text, "rxe", 3)) {
		SAY(h->driver, "rdma_rxe");
	} else if (!strncmp(text, "Software iWARP", 14)) {
		SAY(h->driver, "siw");
	} else {
		say(path, sizeof(path), "/sys/class/infiniband/%s/device/driver", h->device);
		if (realpath(path, to))
			SAY(h->driver, "%s", strrchr(to, '/') + 1);
		return;
	}
	h->soft = true;
}

static void look_device(struct host *h, const struct nic_port *port)
{
	char path[160];

	SAY(h->device, "%s", port->device);
	SAY(h->netdev, "%s", port->netdev);
	h->mtu = (int)(port->path_mtu ? port->path_mtu : port->mtu);
	driver_of(h);
	say(path, sizeof(path), "/sys/class/infiniband/%s/fw_ver", h->device);
	first_line(path, h->firmware, sizeof(h->firmware));
	say(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/link_layer", h->device,
	    port->port_num);
	first_line(path, h->link, sizeof(h->link));
	say(path, sizeof(path), "/sys/class/infiniband/%s/ports/%u/rate", h->device,
	    port->port_num);
	first_line(path, h->rate, sizeof(h->rate));
}

void host_look(struct host *h, const char *role, const struct sockaddr_in *at)
{
	struct nic_snapshot *nics;
	struct utsname u;

	*h = (struct host){0};
	SAY(h->role, "%s", role);
	if (!uname(&u)) {
		SAY(h->name, "%s", u.nodename);
		SAY(h->kernel, "%s", u.release);
		SAY(h->machine, "%s", u.machine);
	}
	look_cpu(h);
	look_guest(h);
	dl_iterate_phdr(find_verbs, h);
	if (!at || nic_discover(&nics))
		return;
	const struct nic_addr *a = nic_snapshot_find(nics, at->sin_addr.s_addr);
	if (a)
		look_device(h, nic_snapshot_port(nics, a->port_index));
	nic_snapshot_unref(nics);
}

/* --- JSON --- */

json_t *host_to_json(const struct host *h)
{
	json_t *device = json_null();
	if (h->device[0])
		device = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:b}", "name", h->device,
				   "driver", h->driver, "firmware", h->firmware, "link_layer",
				   h->link, "rate", h->rate, "netdev", h->netdev, "mtu_bytes",
				   h->mtu, "soft", (int)h->soft);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:s, s:o, s:s, s:s, s:s, s:o}", "role",
			 h->role, "name", h->name, "kernel", h->kernel, "machine", h->machine,
			 "cpu", h->cpu, "cpus", h->cpus, "guest", h->guest, "icount",
			 h->icount < 0 ? json_null() : json_boolean(h->icount), "governor",
			 h->governor, "rdma_core", h->rdma_core, "qemu", h->qemu, "device", device);
}

struct word {
	const char *key;
	char *to;
	size_t size;
};
#define WORD(key, field)                  \
	{                                 \
		key, field, sizeof(field) \
	}

/* All must be there and fit. */
static int read_words(const json_t *j, const struct word *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_object_get(j, words[i].key));
		if (!text || strlen(text) >= words[i].size)
			return -1;
		memcpy(words[i].to, text, strlen(text) + 1);
	}
	return 0;
}

static int read_count(const json_t *j, const char *key, int *ret)
{
	const json_t *v = json_object_get(j, key);
	json_int_t n = json_integer_value(v);
	if (!json_is_integer(v) || n < 0 || n > INT_MAX)
		return -1;
	*ret = (int)n;
	return 0;
}

static int device_from_json(struct host *h, const json_t *j)
{
	const struct word words[] = {WORD("name", h->device),       WORD("driver", h->driver),
				     WORD("firmware", h->firmware), WORD("link_layer", h->link),
				     WORD("rate", h->rate),         WORD("netdev", h->netdev)};
	const json_t *soft = json_object_get(j, "soft");

	if (json_is_null(j))
		return 0;
	if (!json_is_boolean(soft) || read_count(j, "mtu_bytes", &h->mtu) ||
	    read_words(j, words, sizeof(words) / sizeof(words[0])) || !h->device[0])
		return -1;
	h->soft = json_is_true(soft);
	return 0;
}

int host_from_json(struct host *h, const json_t *j)
{
	struct host got = {0};
	const struct word words[] = {
		WORD("role", got.role),         WORD("name", got.name),
		WORD("kernel", got.kernel),     WORD("machine", got.machine),
		WORD("cpu", got.cpu),           WORD("guest", got.guest),
		WORD("governor", got.governor), WORD("rdma_core", got.rdma_core),
		WORD("qemu", got.qemu)};
	const json_t *icount = json_object_get(j, "icount");

	if (read_words(j, words, sizeof(words) / sizeof(words[0])) ||
	    read_count(j, "cpus", &got.cpus) ||
	    !(json_is_boolean(icount) || json_is_null(icount)) ||
	    device_from_json(&got, json_object_get(j, "device")))
		return -1;
	got.icount = json_is_null(icount) ? -1 : json_is_true(icount);
	*h = got;
	return 0;
}
