/* SPDX-License-Identifier: MIT
 *
 * Results of wsd bench as people see them: what stands there, and in how many columns.
 */
#include "bench_lab.h"

#include "run.h"
#include "show.h"

static const struct test lat = {.name = "lat",
				.help = "there and back",
				.two_ends = true,
				.options = OPT_SIZE | OPT_OPEN | OPT_THREADS,
				.kinds = lab_kinds};

static struct options options_of(void)
{
	struct options o = {.test = &lat,
			    .repeat = 5,
			    .warmup = 1,
			    .iterations = 1000,
			    .sizes = {2, {64, 4096}},
			    .open = {1, {0}}};
	return o;
}

static char *told(void (*show)(FILE *f, const struct options *o, const struct results *r),
		  const struct options *o, const struct results *r)
{
	char *text;
	size_t size;
	FILE *f = open_memstream(&text, &size);
	cr_assert_not_null(f);
	show(f, o, r);
	cr_assert_eq(fclose(f), 0);
	return text;
}

static void has(const char *text, const char *what)
{
	cr_assert_not_null(strstr(text, what), "no '%s' in:\n%s", what, text);
}

static void fits(const char *text)
{
	for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
		cr_assert_leq(strcspn(line, "\n"), 100, "%.120s", line);
}

static struct results *closed(void)
{
	struct results *r = lab_results(1100);
	snprintf(r->version, sizeof(r->version), "1.2.3");
	snprintf(r->build, sizeof(r->build), "debug");
	cr_assert_eq(results_close(r), 0);
	return r;
}

Test(bench_show, parameters_come_first)
{
	WSD_TEST_BEGIN();
	struct results *r = closed();
	struct options o = options_of();
	lab_host(r, "server")->device[0] = '\0';
	memset(r->hosts[0].cpu, 'x', sizeof(r->hosts[0].cpu) - 1);
	char *text = told(show_parameters, &o, r);

	fits(text);
	has(text, "wsd bench lat (wsdirect 1.2.3, debug): there and back\n");
	has(text, " measured     switch, beside raw, tcp\n");
	has(text, " left out     rsockets: librdmacm has none\n");
	has(text, "a: Linux 6.1.0");
	has(text, "in a guest (QEMU, software emulation 7.2.22)");
	has(text, "-icount");
	has(text, "   device     rxe0 (rdma_rxe, software), Ethernet, 2.5 Gb/sec (1X SDR), MTU "
		  "1024, san0\n");
	has(text, "none: no RDMA port has this address");
	has(text, " bytes        64, 4096\n");
	has(text,
	    "5 that count, after 1 to warm up; a batch is 1000 iterations; contenders in turn;\n");
	cr_assert_null(strstr(text, "raw-cm"), "left out of one point only: told after");
	free(text);
	o.duration_s = 0.5;
	o.warmup = 0;
	text = told(show_parameters, &o, r);
	has(text, "5 that count; a batch lasts 0.5 s;");
	free(text);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_show, latencies_have_perftests_columns_and_ratios_below)
{
	WSD_TEST_BEGIN();
	struct results *r = closed();
	struct options o = options_of();
	char *text = told(show_results, &o, r);

	fits(text);
	has(text, "\nthere and back, 64 bytes (less is better)\n");
	has(text, "\nthere and back, 4096 bytes, 2 threads, warm (less is better)\n");
	has(text, "#bytes #iterations     t_min     t_max t_typical     t_avg   t_stdev       99%  "
		  "   99.9%\n");
	has(text, "    [usec]    [usec]    [usec]    [usec]    [usec]    [usec]    [usec]\n");
	has(text, "\n switch         64          15     0.539     1.683     1.100     1.100");
	has(text, "\n raw            64          15     0.490     1.530     1.000     1.000");
	has(text, "\n tcp          4096          15     0.245     0.765     0.500     0.500");
	has(text, "\n switch / raw                      1.100       1.100 -   1.100       1.100 -  "
		  " 1.100         5\n");
	has(text, "\n switch / tcp                      2.200");
	has(text, "cannot be compared with another machine's: a software device (rdma_rxe)");
	has(text, " left out     rsockets: librdmacm has none\n");
	has(text, " left out     raw-cm, 4096 bytes, 2 threads, warm: no room\n");
	cr_assert_null(strstr(text, "histogram"));
	free(text);
	r->hosts[0] = (struct host){.role = "here"};
	text = told(show_results, &o, r);
	cr_assert_null(strstr(text, "cannot be compared"));
	free(text);
	snprintf(r->stopped, sizeof(r->stopped), "the server went away");
	text = told(show_results, &o, r);
	has(text, " cut short    the server went away\n");
	free(text);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_show, bandwidth_rates_and_sizes)
{
	WSD_TEST_BEGIN();
	static const struct point p = {.size = 65536};
	static const double flow[] = {100 << 20}, rate[] = {250000}, bytes[] = {12345678};
	static const char *const alone[] = {"switch"};
	struct results *r = lab_empty("bw", "", alone, 1);
	struct options o = options_of();
	lab_figure(r, 1, "switch", &p, flow, 1);
	lab_figure(r, 2, "switch", &p, rate, 1);
	lab_figure(r, 3, "switch", &(struct point){.open = 100}, bytes, 1);
	cr_assert_eq(results_close(r), 0);

	char *text = told(show_results, &o, r);
	fits(text);
	has(text, "\nbandwidth, 65536 bytes (more is better)\n");
	has(text, "       BW peak    BW average    BW typical      BW least       MsgRate\n");
	has(text, "     [MiB/sec]     [MiB/sec]     [MiB/sec]     [MiB/sec]        [Mpps]\n");
	has(text, "  65536           3        150.00        100.00        100.00         50.00     "
		  " 0.001600\n");
	has(text, "       [1/sec]");
	has(text, "        375000        250000");
	has(text, "memory of an idle connection, 100 open (less is better)\n");
	has(text, "        -           3");
	has(text, "[bytes]");
	cr_assert_null(strstr(text, "ratio "), "no peer, no ratio");
	free(text);
	o.gbits = true;
	text = told(show_results, &o, r);
	has(text, "[Gb/sec]");
	has(text, "         1.258         0.839");
	free(text);

	o.output = "bandwidth";
	text = told(show_bare, &o, r);
	cr_assert_str_eq(text, "0.84\n");
	free(text);
	o.gbits = false;
	text = told(show_bare, &o, r);
	cr_assert_str_eq(text, "100.00\n");
	free(text);
	o.output = "message_rate";
	text = told(show_bare, &o, r);
	cr_assert_str_eq(text, "0.250000\n");
	free(text);
	o.output = "latency";
	text = told(show_bare, &o, r);
	cr_assert_str_eq(text, "", "nothing of the kind");
	free(text);
	results_free(r);
	r = closed();
	text = told(show_bare, &o, r);
	cr_assert_str_eq(text, "1.10\n");
	free(text);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_show, means_say_of_how_many_and_percentiles_of_what)
{
	WSD_TEST_BEGIN();
	static const struct point p = {.open = 100};
	struct results *r = closed();
	struct options o = options_of();
	char *text = told(show_results, &o, r);
	cr_assert_null(strstr(text, "histogram"));
	free(text);
	struct figure *f = results_figure(r, &lab_kinds[3], "switch", &p);
	cr_assert_eq(samples_add(&f->all, 24576), 0);
	cr_assert_eq(figure_round(f, 0), 0);
	f->connections = 100;
	f = results_figure(r, &lab_kinds[3], "raw", &p);
	cr_assert_eq(samples_add(&f->all, 16384), 0);
	cr_assert_eq(figure_round(f, 0), 0);
	f->connections = 100;
	r->figures[0].binned = true;
	cr_assert_eq(results_close(r), 0);
	text = told(show_results, &o, r);
	fits(text);
	has(text, "            #bytes connections          each\n");
	has(text, "\n switch          -         100       24576.0\n");
	has(text, "\n switch / raw                      1.500                     -             "
		  "        -         1\n");
	has(text, "\nSamples of several clients were put together as histograms: medians and "
		  "percentiles are read from\nthese, to within 1.6 %.");
	free(text);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_show, histograms_and_samples_when_asked_for)
{
	WSD_TEST_BEGIN();
	struct results *r = results_new();
	struct options o = options_of();
	cr_assert_not_null(r);
	snprintf(r->ours, sizeof(r->ours), "raw");
	snprintf(r->contenders[r->contender_count++], sizeof(r->contenders[0]), "raw");
	struct figure *f = results_figure(r, &lab_kinds[0], "raw", &(struct point){0});
	cr_assert_not_null(f);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(samples_add(&f->all, i < 99 ? 2048 : 1e9), 0);
	cr_assert_eq(figure_round(f, 0), 0);
	cr_assert_eq(results_close(r), 0);

	o.histogram = true;
	char *text = told(show_results, &o, r);
	fits(text);
	has(text, " histogram of raw [usec]\n");
	has(text, "         2.048 -       2.080          99 "
		  "################################################\n");
	has(text, "           1 #\n");
	int rows = 0;
	for (const char *at = text; (at = strstr(at, " - ")); at += 3)
		rows++;
	cr_assert_leq(rows, 24);
	free(text);
	o.unsorted = true;
	text = told(show_results, &o, r);
	has(text, " samples of raw\n#, usec\n1, 2.048\n2, 2.048\n");
	has(text, "\n100, 1e+06\n");
	free(text);
	f->merged = calloc(1, sizeof(*f->merged));
	text = told(show_results, &o, r);
	has(text, "not kept");
	free(text);
	results_free(r);
	WSD_TEST_END();
}

Test(bench_show, nothing_measured_is_said)
{
	WSD_TEST_BEGIN();
	struct results *r = results_new();
	struct options o = options_of();
	cr_assert(r &&
		  !results_leave_out(
			  r, "switch", NULL,
			  "there is no RDMA here, and the reason for that is told in a line which "
			  "is far longer than what fits into one line"));
	char *text = told(show_results, &o, r);
	fits(text);
	has(text, "Nothing was measured.");
	has(text, "left out     switch: there is no RDMA here");
	free(text);
	text = told(show_parameters, &o, r);
	has(text, "measured     nobody");
	free(text);
	results_free(r);
	WSD_TEST_END();
}
