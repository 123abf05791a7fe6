/* SPDX-License-Identifier: MIT
 *
 * bench_samples.c - see bench_samples.h.
 */
#include "bench_samples.h"

#include "bench_lab.h"

#include <stdint.h>

const struct figure_kind made_connect = {"cycle", "connect, accept and close", "ns", false},
			 made_rate = {"rate", "connections a second", "per_s", true},
			 made_bytes = {"pinned", "memory pinned by an idle connection", "bytes",
				       false};
static const struct figure_kind made_bandwidth = {"bandwidth", "bandwidth, one way", "bytes_per_s",
						  true},
				made_latency = {"latency", "half a round trip", "ns", false},
				made_takeover = {
					"takeover",
					"from a close to the next listener's first request", "ns",
					false};

struct results *made_results(const char *test, const char *host, bool soft)
{
	static const char *const names[] = {"switch", "raw", "rsockets", "tcp"};
	struct results *r = lab_empty(test, "2026-11-22T21:04:05Z", names, 4);
	struct host *h = lab_host(r, "here"); /* soft-RoCE in a guest */
	json_object_set_new(r->parameters, "repeat", json_integer(20));
	if (!soft)
		*h = (struct host){.role = "here",
				   .kernel = "6.1.0-28-amd64",
				   .machine = "x86_64",
				   .cpu = "EPYC 7543",
				   .cpus = 32,
				   .icount = -1,
				   .governor = "performance",
				   .device = "mlx5_0",
				   .driver = "mlx5_core",
				   .firmware = "20.38.1002",
				   .link = "InfiniBand",
				   .rate = "200 Gb/s",
				   .netdev = "ib0",
				   .mtu = 4096,
				   .rdma_core = "44.0"};
	snprintf(h->name, sizeof(h->name), "%s", host);
	return r;
}

/* Between 0 and 1; the same sequence on every machine. */
static double next(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return (double)(*state >> 8) / (1 << 24);
}

void made_fill(struct results *r, const struct figure_kind *kind, const char *contender,
	       const struct point *p, double center, int rounds, int each)
{
	struct figure *f = results_figure(r, kind, contender, p);
	uint32_t state = (uint32_t)center + 7;
	cr_assert_not_null(f);
	for (int i = 0; i < rounds; i++) {
		size_t first = f->all.n;
		double drift = 1 + .03 * (next(&state) - .5);
		for (int k = 0; k < each; k++) {
			double u = next(&state), tail = u > .97 ? 1 + (u - .97) * 40 : 1;
			cr_assert_eq(samples_add(&f->all, center * drift * tail *
								  (.94 + .12 * next(&state))),
				     0);
		}
		cr_assert_eq(figure_round(f, first), 0);
	}
}

static const struct {
	const char *name;
	double cold, warm, rate, bytes, latency, bandwidth;
} who[] = {
	{"switch", 212e3, 96e3, 4700, 5200, 2900, 2.9e9},
	{"raw", 198e3, 171e3, 5050, 9400, 2700, 3.0e9},
	{"rsockets", 640e3, 610e3, 1560, 270e3, 4100, 2.1e9},
	{"tcp", 61e3, 58e3, 16400, 2900, 9800, 1.4e9},
};
enum { WHO = sizeof(who) / sizeof(who[0]) };

struct results *made_connect_run(const char *host, bool soft)
{
	static const int open[] = {0, 100, 1000, 5000};
	struct results *r = made_results("connect", host, soft);
	for (int m = 0; m < 2; m++)
		for (int o = 0; o < 4; o++)
			for (int i = 0; i < WHO; i++) {
				struct point p = {.open = open[o], .mode = m ? "warm" : "cold"};
				double slower = i == 2 ? 1 + .1 * o : 1 + .01 * o;
				made_fill(r, &made_connect, who[i].name, &p,
					  (m ? who[i].warm : who[i].cold) * slower, 20, 25);
				made_fill(r, &made_rate, who[i].name, &p,
					  (m ? 1.6 : 1) * who[i].rate / slower, 20, 1);
			}
	cr_assert_eq(results_close(r), 0);
	return r;
}

struct results *made_bw_run(const char *host, bool soft)
{
	struct results *r = made_results("bw", host, soft);
	for (size_t size = 64; size <= 1 << 20; size *= 4)
		for (int i = 0; i < WHO; i++) {
			struct point p = {.size = size};
			double wire = (double)size / 3e9 * 1e9;
			made_fill(r, &made_bandwidth, who[i].name, &p,
				  who[i].bandwidth * (double)size / ((double)size + 6000), 10, 1);
			made_fill(r, &made_latency, who[i].name, &p, who[i].latency + wire, 10, 40);
		}
	cr_assert_eq(results_close(r), 0);
	return r;
}

struct results *made_takeover_run(const char *host, bool soft)
{
	static const double center[] = {2.1e6, 1.9e6, 2.6e6};
	struct results *r = made_results("takeover", host, soft);
	for (int i = 0; i < 3; i++)
		made_fill(r, &made_takeover, who[i].name, &(struct point){.mode = "alone"},
			  center[i], 12, 1);
	results_leave_out(r, "tcp", NULL, "a takeover is of RDMA listeners");
	cr_assert_eq(results_close(r), 0);
	return r;
}

struct results *made_memory_run(const char *host, bool soft)
{
	struct results *r = made_results("memory", host, soft);
	for (int i = 0; i < WHO; i++)
		if (i != 2)
			made_fill(r, &made_bytes, who[i].name, &(struct point){.open = 1000},
				  who[i].bytes, 5, 1);
	results_leave_out(r, "rsockets", &(struct point){.open = 1000},
			  "<librdmacm> has no \"rsockets\" & co.");
	snprintf(r->stopped, sizeof(r->stopped), "interrupted in round 5 of 20");
	cr_assert_eq(results_close(r), 0);
	return r;
}

void made_write(const struct results *r, const char *path)
{
	json_t *j = results_to_json(r);
	cr_assert_not_null(j);
	cr_assert_eq(json_dump_file(j, path, JSON_INDENT(1)), 0);
	json_decref(j);
}
