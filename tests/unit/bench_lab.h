/* SPDX-License-Identifier: MIT
 *
 * Results of wsd bench made by hand, for tests of what is done with them.
 */
#ifndef WSD_TESTS_BENCH_LAB_H
#define WSD_TESTS_BENCH_LAB_H

#include "check.h"

#include "results.h"

#include <math.h>

static const struct figure_kind lab_kinds[] = {
	{"round_trip", "there and back", "ns", false},
	{"bandwidth", "bandwidth", "bytes_per_s", true},
	{"rate", "messages", "per_s", true},
	{"memory", "memory of an idle connection", "bytes", false},
};

/* Rounds of three samples: @median a little less and a little more. */
__attribute__((unused)) static void lab_figure(struct results *r, int kind, const char *who,
					       const struct point *p, const double *medians,
					       int rounds)
{
	struct figure *f = results_figure(r, &lab_kinds[kind], who, p);
	cr_assert_not_null(f);
	for (int i = 0; i < rounds; i++) {
		size_t first = f->all.n;
		cr_assert_eq(samples_add(&f->all, medians[i] * 1.5), 0);
		cr_assert_eq(samples_add(&f->all, medians[i]), 0);
		cr_assert_eq(samples_add(&f->all, medians[i] * 0.5), 0);
		cr_assert_eq(figure_round(f, first), 0);
	}
}

__attribute__((unused)) static struct host *lab_host(struct results *r, const char *role)
{
	struct host *h = &r->hosts[r->host_count++];
	*h = (struct host){.name = "a",
			   .kernel = "6.1.0",
			   .machine = "x86_64",
			   .cpu = "Some CPU",
			   .cpus = 2,
			   .guest = "QEMU, software emulation",
			   .icount = 1,
			   .device = "rxe0",
			   .driver = "rdma_rxe",
			   .link = "Ethernet",
			   .rate = "2.5 Gb/sec (1X SDR)",
			   .netdev = "san0",
			   .mtu = 1024,
			   .soft = true,
			   .rdma_core = "44.0",
			   .qemu = "7.2.22"};
	snprintf(h->role, sizeof(h->role), "%s", role);
	return h;
}

/* Without figures and hosts: of switch, beside @names but the first. */
__attribute__((unused)) static struct results *lab_empty(const char *test, const char *started,
							 const char *const *names, int n)
{
	struct results *r = results_new();
	cr_assert_not_null(r);
	snprintf(r->test, sizeof(r->test), "%s", test);
	snprintf(r->started, sizeof(r->started), "%s", started);
	snprintf(r->ours, sizeof(r->ours), "switch");
	for (int i = 0; i < n; i++)
		snprintf(r->contenders[r->contender_count++], sizeof(r->contenders[0]), "%s",
			 names[i]);
	return r;
}

/* A lat of switch beside raw and tcp at two points, on one soft-RoCE host, not closed. */
__attribute__((unused)) static struct results *lab_results(double ours)
{
	static const struct point points[] = {{.size = 64},
					      {.size = 4096, .threads = 2, .mode = "warm"}};
	static const char *const names[] = {"switch", "raw", "tcp"};
	const double of[] = {ours, 1000, 500};
	struct results *r = lab_empty("lat", "2026-11-22T22:00:00Z", names, 3);

	json_object_set_new(r->parameters, "repeat", json_integer(5));
	lab_host(r, "here");
	for (int k = 0; k < 2; k++)
		for (int i = 0; i < 3; i++) {
			/* within 2 % of each other */
			const double medians[] = {of[i], of[i] * 1.01, of[i] * 0.99, of[i] * 1.02,
						  of[i] * 0.98};
			lab_figure(r, 0, names[i], &points[k], medians, 5);
		}
	cr_assert_eq(results_leave_out(r, "rsockets", NULL, "librdmacm has none"), 0);
	cr_assert_eq(results_leave_out(r, "raw-cm", &points[1], "no room"), 0);
	return r;
}

__attribute__((unused)) static void lab_near(const char *what, double is, double should, double off)
{
	cr_assert(fabs(is - should) <= off * fmax(1, fabs(should)), "%s: %.12g, not %.12g", what,
		  is, should);
}

#endif
