/* SPDX-License-Identifier: MIT
 *
 * PROV-BIND-17: link-local addresses, which scripts/soft-roce puts on an interface and takes away,
 * IPAutoconfigurationEnabled, and interfaces without any address.
 */
#include <fcntl.h>
#include <jansson.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "lost.h"
#include "nl_do.h"
#include "prov_harness.h"

#define LINK_LOCAL "169.254.101.1" /* scripts/soft-roce link-local san1 */

enum {
	SHOWS_MS = 2000,
	SEEN_MS = 200,     /* PROV-BIND-17 */
	SURELY_MS = 60000, /* the script is in Python, which takes seconds here */
	ROUNDS = 5,
};

static int link_local(bool on)
{
	const char *const put[] = {WSD_TEST_SOFT_ROCE, "link-local", "san1", NULL};
	const char *const take[] = {WSD_TEST_SOFT_ROCE, "link-local", "--off", "san1", NULL};
	return ph_run(on ? put : take, SURELY_MS);
}

static void clear_leftovers(void)
{
	do_addr(RTM_DELADDR, "san1", LINK_LOCAL, 16);
	PH_RUN("ip", "addr", "replace", "10.77.1.1/24", "dev", "san1");
}

TestSuite(autoconf, .init = clear_leftovers, .fini = clear_leftovers, .timeout = 200);

/* ---- what the provider makes of it ---- */

static int bind_link_local(const char *general, const char *interface)
{
	if (general)
		setenv("WSD_IPAUTOCONFIGURATIONENABLED", general, 1);
	if (interface)
		setenv("WSD_IPAUTOCONFIGURATIONENABLED_SAN1", interface, 1);
	ph_up();
	SOCKET s = ph_socket();
	int code = ph_bind(s, LINK_LOCAL, ph_port());
	cr_assert_eq(ph_close(s), 0);
	ph_down();
	unsetenv("WSD_IPAUTOCONFIGURATIONENABLED");
	unsetenv("WSD_IPAUTOCONFIGURATIONENABLED_SAN1");
	return code;
}

Test(autoconf, PROV_BIND_17_IPAutoconfigurationEnabled)
{
	cr_assert_eq(do_addr(RTM_NEWADDR, "san1", LINK_LOCAL, 16), 0); /* as the script does */
	usleep(SEEN_MS * 1000); /* the GID; nothing below could succeed before */
	int codes[] = {
		bind_link_local(NULL, NULL), bind_link_local("0", NULL), bind_link_local("1", NULL),
		bind_link_local("0", "1"),   bind_link_local("1", "0"),  bind_link_local("7", NULL),
	};
	cr_assert_eq(do_addr(RTM_DELADDR, "san1", LINK_LOCAL, 16), 0);
	static const int want[] = {0, WSAEADDRNOTAVAIL, 0, 0, WSAEADDRNOTAVAIL, 0};
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		cr_assert_eq(codes[i], want[i], "row %zu: %d", i, codes[i]);
	cr_assert_eq(bind_link_local(NULL, NULL), WSAEADDRNOTAVAIL, "it is taken away");
}

Test(autoconf, PROV_BIND_17_an_interface_without_an_address_contributes_nothing)
{
	ph_up();
	WSD_TEST_BEGIN();
	cr_assert_eq(PH_RUN("ip", "addr", "del", "10.77.1.1/24", "dev", "san1"), 0);
	SOCKET s;
	bool refused =
		WSD_UNTIL((s = ph_socket(), ph_bind(s, PH_SAN1, ph_port())) == WSAEADDRNOTAVAIL ||
				  (ph_close(s), false),
			  SHOWS_MS);
	int added = PH_RUN("ip", "addr", "replace", "10.77.1.1/24", "dev", "san1");
	cr_assert_eq(added, 0);
	cr_assert(refused);
	cr_assert(WSD_UNTIL(ph_bind(s, PH_SAN1, ph_port()) == 0, SHOWS_MS));
	cr_assert_eq(ph_close(s), 0);
	WSD_TEST_END();
	ph_down();
}

/* ---- wsd nics --watch --json ---- */

static struct tool {
	pid_t pid;
	int out, kernel; /* its lines; the kernel's own news of addresses */
	char said[262144];
	size_t n;
} tool;

static void watch_begin(void)
{
	int fds[2];
	struct sockaddr_nl self = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_IPV4_IFADDR};
	cr_assert_eq(pipe2(fds, O_CLOEXEC), 0);
	tool.pid = fork();
	if (tool.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
		dup2(fds[1], STDOUT_FILENO);
		execl(WSD_TOOL, "wsd", "nics", "--watch", "--json", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	tool.out = fds[0];
	tool.kernel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	cr_assert_eq(bind(tool.kernel, (struct sockaddr *)&self, sizeof(self)), 0);
}

static void watch_end(void)
{
	kill(tool.pid, SIGTERM);
	waitpid(tool.pid, NULL, 0);
	close(tool.out);
	close(tool.kernel);
}

/* Whether this line shows the address, as one that is used. */
static bool shown(const char *line)
{
	json_t *all = json_loads(line, 0, NULL), *port, *addr;
	size_t i, k;
	bool found = false;
	cr_assert_not_null(all, "not JSON: %s", line);
	json_array_foreach(json_object_get(all, "ports"), i, port)
		json_array_foreach(json_object_get(port, "addresses"), k, addr) found |=
		!strcmp(json_string_value(json_object_get(addr, "address")), LINK_LOCAL) &&
		json_is_true(json_object_get(addr, "usable")) &&
		json_is_true(json_object_get(addr, "autoconfigured"));
	json_decref(all);
	return found;
}

/* Takes what the tool has said; true if its last whole line is as wanted. */
static bool take_lines(bool on)
{
	ssize_t got = read(tool.out, tool.said + tool.n, sizeof(tool.said) - 1 - tool.n);
	cr_assert_gt(got, 0, "wsd nics --watch has ended");
	tool.n += (size_t)got;
	tool.said[tool.n] = '\0';
	char *end = strrchr(tool.said, '\n');
	if (!end)
		return false;
	*end = '\0';
	char *start = strrchr(tool.said, '\n');
	bool as_wanted = shown(start ? start + 1 : tool.said) == on;
	tool.n -= (size_t)(end + 1 - tool.said);
	memmove(tool.said, end + 1, tool.n + 1);
	return as_wanted;
}

static bool kernel_tells(bool on)
{
	_Alignas(struct nlmsghdr) char message[4096];
	bool found = false;
	uint32_t want = inet_addr(LINK_LOCAL);
	for (ssize_t n; (n = recv(tool.kernel, message, sizeof(message), 0)) > 0;)
		for (struct nlmsghdr *h = (void *)message; NLMSG_OK(h, (unsigned)n);
		     h = NLMSG_NEXT(h, n))
			found |= h->nlmsg_type == (on ? RTM_NEWADDR : RTM_DELADDR) &&
				 memmem(h, h->nlmsg_len, &want, sizeof(want));
	return found;
}

/* From the kernel's news that the address is there (@on) or gone to the tool's line, in ms. */
static double seen_after(bool on)
{
	struct pollfd p[] = {{tool.kernel, POLLIN, 0}, {tool.out, POLLIN, 0}};
	double told = 0, seen = 0, end = now_ms() + SURELY_MS;
	while ((told == 0 || seen == 0) && now_ms() < end) {
		poll(p, 2, 100);
		if ((p[0].revents & POLLIN) && kernel_tells(on))
			told = now_ms();
		if ((p[1].revents & POLLIN) && take_lines(on))
			seen = now_ms();
	}
	cr_assert(told > 0, "the address has not %s", on ? "come" : "gone");
	cr_assert(seen > 0, "wsd nics --watch does not show it");
	if (seen < told)
		return 0; /* both were there when we looked */
	double lost = seen - told < SEEN_MS ? 0 : lost_between(told, seen);
	cr_assert_lt(seen - told - lost, SEEN_MS, "%s: seen after %.1f ms (%.1f lost)",
		     on ? "come" : "gone", seen - told, lost);
	return seen - told;
}

/* The script itself puts the address there, so its own slowness is not measured: the kernel tells
 * when the address came. */
static double by_script(bool on)
{
	pid_t pid = fork();
	if (pid == 0)
		_exit(link_local(on));
	double ms = seen_after(on);
	int status = -1;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	return ms;
}

Test(autoconf, PROV_BIND_17_shows_in_wsd_nics_within_200_ms_and_can_be_bound)
{
	watch_begin();
	cr_assert(WSD_UNTIL(take_lines(false), SURELY_MS)); /* the table to begin with */
	lost_begin();
	measured("%-28s %.1f ms\n", "nics --watch, by the script", by_script(true));
	ph_up();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, LINK_LOCAL, ph_port()), 0);
	cr_assert_eq(ph_listen(s, 5), 0);
	cr_assert_eq(ph_close(s), 0);
	ph_down();
	measured("%-28s %.1f ms\n", "nics --watch, taken away", by_script(false));
	for (int i = 0; i < ROUNDS; i++) {
		cr_assert_eq(do_addr(RTM_NEWADDR, "san1", LINK_LOCAL, 16), 0);
		measured("%-28s %.1f ms\n", "nics --watch, come", seen_after(true));
		cr_assert_eq(do_addr(RTM_DELADDR, "san1", LINK_LOCAL, 16), 0);
		measured("%-28s %.1f ms\n", "nics --watch, gone", seen_after(false));
	}
	lost_end();
	watch_end();
}
