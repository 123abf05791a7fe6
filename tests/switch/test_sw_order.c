/* SPDX-License-Identifier: MIT
 *
 * SW-INIT-1 whole: what the switch does by itself between its calls of providers (starting TCP/IP,
 * reading the catalogue, building the table, watching) is wrapped (-Wl,--wrap) and written into the
 * same log as the scripted providers' calls, so that one list shows the order of all ten steps.
 */
#include "sw.h"

#include "addrs.h"
#include "catalog.h"
#include "san_priv.h"
#include "subnets.h"
#include "tcpip.h"

#include <sys/inotify.h>

static void say(const char *text)
{
	pthread_mutex_lock(&bed.calls.lock);
	cr_assert_lt(bed.calls.count, SCRIPTED_LINES);
	snprintf(bed.calls.lines[bed.calls.count++], SCRIPTED_TEXT, "%s", text);
	pthread_mutex_unlock(&bed.calls.lock);
}

int __real_tcpip_WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
			      LPWSPUPCALLTABLEEX up, LPWSPPROC_TABLE table);
int __wrap_tcpip_WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
			      LPWSPUPCALLTABLEEX up, LPWSPPROC_TABLE table);
int __real_catalog_read(const char *dir, struct catalog **ret);
int __wrap_catalog_read(const char *dir, struct catalog **ret);
const struct catalog_entry *__real_catalog_find(const struct catalog *c, const GUID *id);
const struct catalog_entry *__wrap_catalog_find(const struct catalog *c, const GUID *id);
int __real_subnets_build(const struct subnets_source *sources, size_t n_sources,
			 const struct addrs_row *rows, size_t n_rows,
			 bool (*use_autoconf)(void *arg, const char *ifname), void *arg,
			 struct subnets **ret, struct subnets_doubts *doubts);
int __wrap_subnets_build(const struct subnets_source *sources, size_t n_sources,
			 const struct addrs_row *rows, size_t n_rows,
			 bool (*use_autoconf)(void *arg, const char *ifname), void *arg,
			 struct subnets **ret, struct subnets_doubts *doubts);
int __real_addrs_monitor_open(void);
int __wrap_addrs_monitor_open(void);
int __real_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask);
int __real_san_service_start(struct san *san);
int __wrap_san_service_start(struct san *san);

int __wrap_tcpip_WSPStartupEx(WORD version, LPWSPDATA data, LPWSAPROTOCOL_INFOW info,
			      LPWSPUPCALLTABLEEX up, LPWSPPROC_TABLE table)
{
	int code = __real_tcpip_WSPStartupEx(version, data, info, up, table);
	say(code ? "TCP/IP does not start" : "1 TCP/IP is started");
	return code;
}

int __wrap_catalog_read(const char *dir, struct catalog **ret)
{
	int err = __real_catalog_read(dir, ret);
	say(err ? "the list cannot be read" : "2 the list is read");
	return err;
}

const struct catalog_entry *__wrap_catalog_find(const struct catalog *c, const GUID *id)
{
	char line[SCRIPTED_TEXT];
	const struct catalog_entry *e = __real_catalog_find(c, id);
	snprintf(line, sizeof(line), "3 the entry of %s is looked up", e ? e->label : "none");
	say(line);
	return e;
}

int __wrap_subnets_build(const struct subnets_source *sources, size_t n_sources,
			 const struct addrs_row *rows, size_t n_rows,
			 bool (*use_autoconf)(void *arg, const char *ifname), void *arg,
			 struct subnets **ret, struct subnets_doubts *doubts)
{
	char line[SCRIPTED_TEXT];
	int err = __real_subnets_build(sources, n_sources, rows, n_rows, use_autoconf, arg, ret,
				       doubts);
	snprintf(line, sizeof(line), "8 the table is built: %zu rows",
		 err ? 0 : subnets_count(*ret));
	say(line);
	return err;
}

int __wrap_addrs_monitor_open(void)
{
	int fd = __real_addrs_monitor_open();
	say(fd < 0 ? "addresses cannot be watched" : "9 addresses are watched");
	return fd;
}

int __wrap_inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	int wd = __real_inotify_add_watch(fd, path, mask);
	say(wd < 0 ? "the catalogue cannot be watched" : "9 the catalogue is watched");
	return wd;
}

int __wrap_san_service_start(struct san *san)
{
	unsigned before = wsd_check_threads();
	int err = __real_san_service_start(san);
	say(wsd_check_threads() > before ? "10 the service thread is started" : "10 it runs");
	return err;
}

/*
 * The registrations of step 9 stand before step 2: watch first, ask then. A change between the
 * provider's answer (6) and a later registration would be seen by nobody.
 */
#define BEGINNING                                                                       \
	"1 TCP/IP is started", "9 addresses are watched", "9 the catalogue is watched", \
		"2 the list is read"

Test(order, SW_INIT_01_every_step_with_two_providers)
{
	BED(2);
	usual_addresses();
	bed_clear(&bed);
	bed_start(&bed);
	bed_expect(&bed, BEGINNING, "3 the entry of a is looked up", INIT("a", "3"),
		   "3 the entry of b is looked up", INIT("b", "1"), "8 the table is built: 4 rows");
	bed_expect_quiet(&bed, 50); /* 10 is put off until it is needed */
	SOCKET s = bed_bound("10.77.0.1", BED_PORT);
	bed_expect_quiet(&bed, 0);
	cr_assert_eq(wsd_listen(s, 5), 0);
	bed_expect(&bed, "10 the service thread is started", COMPANION("a", "2", "10.77.0.1:5150"));
	SOCKET other = bed_listener("10.77.1.1", BED_PORT);
	bed_expect(&bed, "10 it runs", COMPANION("b", "2", "10.77.1.1:5150"));
	bed_close(other);
	bed_close(s);
	bed_clear(&bed);
	bed_stop(&bed);
	bed_expect(&bed, STOP("a"), STOP("b"));
	BED_END();
}

Test(order, SW_INIT_01_every_step_without_a_provider)
{
	BED(0);
	bed_clear(&bed);
	bed_start(&bed);
	bed_expect(&bed, BEGINNING, "8 the table is built: 0 rows");
	stopped();
	BED_END();
}

/* Nothing of it happens a second time, and all of it with the first startup after the last
 * cleanup. */
Test(order, SW_INIT_01_once_a_lifetime)
{
	BED(1);
	usual_addresses();
	bed_clear(&bed);
	bed_start(&bed);
	bed_expect(&bed, BEGINNING, "3 the entry of a is looked up", INIT("a", "3"),
		   "8 the table is built: 3 rows");
	bed_start(&bed);
	bed_stop(&bed);
	bed_expect_quiet(&bed, 0);
	bed_stop(&bed);
	bed_expect(&bed, STOP("a"));
	bed_start(&bed);
	bed_expect(&bed, BEGINNING, "3 the entry of a is looked up", INIT("a", "3"),
		   "8 the table is built: 3 rows");
	stopped();
	BED_END();
}

/* A provider that is dropped at one step has no later ones, and the other one has them all. */
Test(order, SW_INIT_02_a_provider_that_fails_leaves_the_order)
{
	BED(2);
	usual_addresses();
	bed_fail(&bed, 0, "WSPSocket", "", WSAENOBUFS);
	bed_clear(&bed);
	bed_start(&bed);
	bed_expect(&bed, BEGINNING, "3 the entry of a is looked up",
		   "a WSPStartupEx(2.2, TCP/IP) = 0", "a WSPSocket() = WSAENOBUFS",
		   "a WSPCleanup() = 0", "3 the entry of b is looked up", INIT("b", "1"),
		   "8 the table is built: 1 rows");
	bed_heal(&bed, 0);
	stopped();
	BED_END();
}
