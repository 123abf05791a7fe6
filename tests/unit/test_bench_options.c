/* SPDX-License-Identifier: MIT
 *
 * The command line of a test of wsd bench: what it gives, and what is refused with which words.
 * WSD_TOOL is bench_options_tool.
 */
#include "check.h"
#include "run_tool.h"

static void says(const char *before, const char *arguments, int status, const char *text)
{
	struct run *r = run_tool(before, arguments);
	cr_assert_eq(r->status, status, "%s: %d, %s", arguments, r->status, r->text);
	cr_assert_not_null(strstr(r->text, text), "%s: '%s' instead of '%s'", arguments, r->text,
			   text);
	free(r);
}

Test(bench_options, a_command_line_is_understood)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *arguments, *text;
	} rows[] = {
		{"names", "{\"address\":\"\",\"beside\":[\"raw\",\"tcp\"],\"iterations\":100,"
			  "\"layer\":\"switch\",\"repeat\":5,\"warmup\":1} "
			  "port=18515 here=0 count=0\n"},
		{"lat", "\"beside\":[\"raw\",\"raw-cm\",\"tcp\"]"},
		{"lat", "\"size\":[64]"},
		{"lat", "\"open\":[0]"},
		{"lat", "\"backlog\":128"},
		{"bw", "\"size\":[65536]"},
		{"bw", "\"threads\":[1]"},
		{"wide", "\"beside\":[\"tcp\"]"},
		{"lat -a", "\"size\":[2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768,"
			   "65536,131072,262144,524288,1048576,"
			   "2097152,4194304,8388608]"},
		{"lat -s 64,4k,1M", "\"size\":[64,4096,1048576]"},
		{"lat --open=0,100,5000", "\"open\":[0,100,5000]"},
		{"lat -n 7", "\"iterations\":7"},
		{"lat -D 0.5", "\"duration_s\":0.5"},
		{"lat -p 4000", "port=4000"},
		{"lat --repeat 3 --warmup 0", "\"repeat\":3,"},
		{"lat -d rxe0 -i 1", "\"device\":\"rxe0\""},
		{"lat --layer provider", "\"layer\":\"provider\""},
		{"lat --layer provider --beside switch,raw", "\"beside\":[\"switch\",\"raw\"]"},
		{"lat --beside none", "\"beside\":[]"},
		{"lat --local", "here=1"},
		{"lat -FHU --warm", " warm histogram unsorted F"},
		{"lat -U", " histogram unsorted"},
		{"bw -b --report_gbits somehost", "\"server\":\"somehost\""},
		{"bw -b", "\"both_ways\":true"},
		{"bw --report_gbits --output=bandwidth", " gbits"},
		{"lat --out_json_file=x.json", " json"},
		{"lat --out_json", " json"},
		{"lat --pin 0", "\"pin\":[0]"},
		{"lat host -n 5", "\"iterations\":5"},
		{"lat -h", "--iters=N"},
		{"lat --help", "Without SERVER it is the server"},
		{"lat '-?'", "Without SERVER"},
		{"lat --usage", "[SERVER]"},
		{"lat -V", "wsd bench (wsdirect) "},
		{"wide -h", "--nics=LIST"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		says("", rows[i].arguments, 0, rows[i].text);
	says("SLURM_PROCID=0", "lat a b c", 0, "count=3");
	WSD_TEST_END();
}

Test(bench_options, help_shows_what_the_test_knows_only)
{
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "names --help");
	static const char *const gone[] = {
		"--size", "--all",   "--open",         "--threads", "--nics",     "--duration",
		"--cold", "--local", "--report_gbits", "--qp",      "--gid-index"};
	cr_assert_eq(r->status, 0);
	for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		cr_assert_null(strstr(r->text, gone[i]), "%s in %s", gone[i], r->text);
	cr_assert_not_null(strstr(r->text, "--repeat=N"));
	cr_assert_not_null(strstr(r->text, "--beside=LIST"));
	free(r);
	WSD_TEST_END();
}

/* Of their values those that the test takes. argp's lines are cut at words. */
Test(bench_options, help_offers_what_works)
{
	static const struct {
		const char *arguments, *text;
		bool there;
	} rows[] = {
		{"names --help", "out of provider, raw, tcp; or none (default: all but provider)",
		 true},
		{"names --help", "--layer", false},
		{"wide --help", "out of tcp; or none (default: all)", true},
		{"lat --help", "out of provider, raw, raw-cm, tcp; or none", true},
		{"lat --help", "with --layer provider switch", true},
		{"lat --help", "at the first point: latency -U", true},
		{"bw --help", "at the first point: bandwidth --report_gbits", true},
		{"still --help", "--output", false},
		{"still --help", "--repeat", false},
		{"still --help", "--iters", false},
		{"still --repeat 7", "\"repeat\":1,\"warmup\":0", true},
		{"still", "\"open\":[100]", true},
	};
	char command[160];
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(command, sizeof(command), "%s | tr -s ' \n' '  '", rows[i].arguments);
		struct run *r = run_tool("", command);
		cr_expect_eq(strstr(r->text, rows[i].text) != NULL, rows[i].there, "%s: '%s': %s",
			     rows[i].arguments, rows[i].text, r->text);
		free(r);
	}
	WSD_TEST_END();
}

Test(bench_options, what_makes_no_sense_is_refused_by_name)
{
	WSD_TEST_BEGIN();
	static const struct {
		const char *arguments, *text;
	} rows[] = {
		{"lat -q 4", "wsd bench lat: -q (--qp): this benchmark has no queue pairs of its "
			     "own to multiply\n"},
		{"bw -q 4", "of its own to multiply: use --threads\n"},
		{"lat --qp=4", "-q (--qp): this benchmark has no queue pairs"},
		{"lat -x 1", "-x (--gid-index): the GID follows from the IP address"},
		{"lat -R", "-R (--rdma_cm): every connection here is made by rdma_cm"},
		{"lat -c UD", "reliable connections (RC) only"},
		{"lat -e", "always wait for events"},
		{"lat -m 1024", "rdma_cm chooses the path's MTU"},
		{"lat -r 1", "-r (--rx-depth)"},
		{"lat -t 1", "-t (--tx-depth)"},
		{"lat -I 1", "-I (--inline_size)"},
		{"lat -C", "-C (--report-cycles)"},
		{"lat -z", "-z (--com_rdma_cm)"},
		{"names -s 64",
		 "wsd bench names: -s (--size): makes no sense for 'names': it sends no messages"},
		{"names -a", "-a (--all): makes no sense for 'names'"},
		{"lat -b", "-b (--bidirectional): makes no sense for 'lat': it has no direction"},
		{"names --open 5", "--open: makes no sense for 'names'"},
		{"names --threads 5",
		 "--threads: makes no sense for 'names': it is measured from one thread"},
		{"lat --nics 2", "--nics: makes no sense for 'lat'"},
		{"names --cold", "--cold: makes no sense for 'names'"},
		{"names --warm", "--warm: makes no sense for 'names'"},
		{"names --backlog 5", "--backlog: makes no sense for 'names'"},
		{"names -D 5", "-D (--duration): makes no sense for 'names'"},
		{"names --local", "--local: makes no sense for 'names': it has one end only"},
		{"lat --report_gbits",
		 "--report_gbits: makes no sense for 'lat': it reports no bandwidth"},
		{"names --layer provider", "--layer: makes no sense for 'names': only the switch"},
		{"names server", "'names' has one end only"},
		{"lat a b", "several servers (a, b) make sense only under srun or mpirun"},
		{"lat --local a", "--local starts the server itself: leave 'a' out"},
		{"lat -a -s 64", "-a and -s: either"},
		{"lat -n 5 -D 5", "-n and -D: a batch ends"},
		{"lat -i 1", "-i (--ib-port): of which device?"},
		{"lat -d rxe0 --address 127.0.0.1", "--address and -d"},
		{"lat --beside switch", "--beside: 'switch' is what is measured"},
		{"lat --layer provider --beside provider", "'provider' is what is measured"},
		{"lat --beside provider --layer provider", "'provider' is what is measured"},
		{"lat --beside nobody",
		 "--beside: there is no 'nobody'; there are: switch, provider, raw, raw-cm, tcp"},
		{"lat --beside raw,raw", "'raw' stands there twice"},
		{"lat --beside raw,", "there is no ''"},
		{"names --beside raw-cm", "'raw-cm' cannot do what 'names' measures"},
		{"wide --beside raw", "'raw' cannot do what 'wide' measures"},
		{"lat --layer kernel", "'kernel' is neither switch nor provider"},
		{"lat --output=bandwidth", "--output: 'lat' measures no bandwidth"},
		{"lat --output=message_rate", "--output: 'lat' measures no message_rate"},
		{"lat --output=color", "'color' is none of"},
		{"lat --output=latency --out_json", "both want the standard output"},
		{"lat -n 0", "-n (--iters): 0 is not from 1 to 1000000000"},
		{"lat -n many", "-n (--iters): 'many' is not a number"},
		{"lat -n -5", "'-5' is not a number"},
		{"lat -n 5x", "'5x' is not a number"},
		{"lat -n 99999999999999999999", "is not a number"},
		{"lat -n 9999999999g", "is not a number"},
		{"lat -D 0", "0 is not from 0.001"},
		{"lat -D nan", "nan is not from 0.001"},
		{"lat -D x", "not a number of seconds"},
		{"lat -p 0", "-p (--port): 0 is not from 1 to 65000"},
		{"lat -p 65535", "65535 is not from 1 to 65000"},
		{"lat --repeat 0", "--repeat: 0 is not from 1"},
		{"lat -s 0", "-s (--size): 0 is not from 1 to 1073741824"},
		{"lat -s 64,", "'64,' is not a list of numbers"},
		{"lat -s ,64", "is not a list of numbers"},
		{"lat -s 64,64", "64 stands there twice"},
		{"lat -s ''", "is not a list of numbers"},
		{"lat --open "
		 "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,"
		 "31,32,33",
		 "at most 32 values"},
		{"lat --address 1.2.3", "'1.2.3' is not an IPv4 address"},
		{"lat --address 0.0.0.0", "is not an IPv4 address of this host"},
		{"lat --pin 8000", "--pin: there is no processor 8000 here"},
		{"lat -d ''", "-d (--ib-dev): it needs a value"},
		{"lat ''", "a server needs a name"},
		{"lat --bogus", "unrecognized option"},
		{"nothing", "there is no test 'nothing'"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		says("unset SLURM_PROCID OMPI_COMM_WORLD_RANK PMI_RANK PMIX_RANK;",
		     rows[i].arguments, 2, rows[i].text);
	WSD_TEST_END();
}

Test(bench_options, the_place_is_found_or_said_to_be_missing)
{
	WSD_TEST_BEGIN();
	says("PLACE=1", "lat --address 127.0.0.1", 0, "\"address\":\"127.0.0.1\"");
	says("PLACE=1", "lat 127.0.0.1", 0, "\"address\":\"127.0.0.1\"");
	says("PLACE=1", "names", 0, "\"address\":\"");
	says("PLACE=1", "wide", 0, "\"nics\":[1");
	says("PLACE=1", "lat --address 192.0.2.1", 1,
	     "no place: --address: 192.0.2.1: no interface of this host has it");
	says("PLACE=1", "lat -d nosuch0", 1, "'nosuch0'");
	says("PLACE=1", "lat no-such-host.invalid", 1, "no place: server 'no-such-host.invalid': ");
	WSD_TEST_END();
}
