/* SPDX-License-Identifier: MIT
 *
 * The tool wsd where there is no RDMA: usage, output for people and programs, exit statuses, the
 * catalogue in `wsd check`.
 */
#include "check.h"
#include "run_tool.h"

#include <jansson.h>
#include <sys/stat.h>

static void expect(const char *before, const char *arguments, int status, const char *text)
{
	RUN_TOOL_SAYS(before, arguments, status, text);
}

Test(wsd_tool, usage)
{
	WSD_TEST_BEGIN();
	expect("", "--help", 0, "  nics  ");
	expect("", "-h", 0, "  nics  ");
	expect("", "nics -h", 0, "--watch");
	expect("", "--version", 0, "wsd (wsdirect) ");
	expect("", "", 2, "Usage: wsd");
	expect("", "--nonsense", 2, "unrecognized option");
	expect("", "nonsense", 2, "there is no command 'nonsense'");
	expect("", "nics --nonsense", 2, "wsd nics: unrecognized option");
	expect("", "nics more", 2, "too many arguments");
	expect("", "nics --help", 0, "--watch");
	expect("", "check more", 2, "too many arguments");
	expect("", "broker more", 2, "too many arguments");
	expect("", "names --json more", 2, "too many arguments");
	expect("", "check --help", 0, "remedy");
	for (const char *const *a =
		     (const char *const[]){"nics", "check", "names", "ports show", NULL};
	     *a; a++)
		expect("WSD_CONFIG=/nonexistent/x", *a, 1,
		       "cannot read the configuration /nonexistent/x: No such file");
	expect("WSD_CONFIG=/dev", "names", 1, "cannot read the configuration /dev: it is no file");
	WSD_TEST_END();
}

Test(wsd_tool, diagram_says_what_is_wrong)
{
	WSD_TEST_BEGIN();
	expect("", "diagram", 2, "which trace?");
	expect("", "diagram x.jsonl", 2, "-o FILE with the ending .svg or .html is needed");
	expect("", "diagram -o x.pdf x.jsonl", 2,
	       "-o FILE with the ending .svg or .html is needed");
	expect("", "diagram -o /tmp/x.svg /none/x", 2, "cannot read /none/x: No such file");
	expect("", "diagram -o /tmp/x.svg /tmp", 2, "cannot read /tmp: Is a directory");
	expect("echo nonsense |", "diagram -o /tmp/x.svg -", 2, "- has no record of a trace");
	WSD_TEST_END();
}

Test(wsd_tool, SW_SUBNET_04_explain_without_a_provider)
{
	WSD_TEST_BEGIN();
	expect("WSD_CATALOG=/nonexistent", "explain 10.77.0.1:80", 0,
	       "10.77.0.1:80: TCP/IP (no-provider): ");
	expect("WSD_CATALOG=/nonexistent", "explain --json 10.77.0.1", 0, "\"no-provider\"");
	expect("", "explain", 2, "to which address?");
	expect("", "explain 1.2.3.4:0", 2, "'1.2.3.4:0' is no IPv4 address");
	expect("", "explain 1.2.3.4:65536", 2, "is no IPv4 address");
	expect("", "explain 1.2.3.4:80x", 2, "is no IPv4 address");
	expect("", "explain ::1", 2, "is no IPv4 address");
	expect("", "explain --from nowhere 1.2.3.4", 2, "'nowhere' is no IPv4 address");
	WSD_TEST_END();
}

Test(wsd_tool, ports_set_takes_each_word_once)
{
	WSD_TEST_BEGIN();
	expect("", "ports set tcp4 start=20000 num=1000 num=2000", 2, "'num=2000' is out of place");
	expect("", "ports set tcp4 start=20000 start=20000 num=1000", 2,
	       "'start=20000' is out of place");
	expect("", "ports set tcp4 start=0 num=1000", 2, "'start=0' is out of place");
	expect("", "ports set tcp4 start=20000", 2, "set needs");
	expect("", "ports set tcp4 start=20000 num=1000 --json", 2, "--json is for show");
	expect("WSD_BROKER_NAME=wsd.test.ports WSD_CONFIG=/dev/null",
	       "ports set tcp4 start=20000 num=1000", 1,
	       "put `dynamicport.tcp4 = 20000,1000` into /dev/null");
	WSD_TEST_END();
}

/* A network namespace of its own has no RDMA interface, whatever this machine has. */
Test(wsd_tool, nics_for_people_and_programs)
{
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "nics --json");
	json_t *all = json_loads(r->text, 0, NULL);

	cr_assert_eq(r->status, 0, "%s", r->text);
	cr_assert_not_null(all, "%s", r->text);
	cr_assert_eq(json_integer_value(json_object_get(all, "schema")), 1);
	cr_assert(json_is_array(json_object_get(all, "ports")));
	if (!json_array_size(json_object_get(all, "ports")))
		expect("", "nics", 0, "no RDMA device");
	else
		expect("", "nics", 0, "DEVICE/PORT");
	json_decref(all);
	free(r);
	expect("", "nics >/dev/full", 1, ""); /* and stderr is full as well */
	expect("", "nics --help >/dev/full", 1, "");
	expect("", "--version >/dev/full", 1, "");
	expect("", "bench --help >/dev/full", 1, "");
	expect("", "bench bind --help >/dev/full", 1, "");
	expect("", "bench bind --version >/dev/full", 1, "");
	expect("", "run --help >/dev/full", 1, "");
	WSD_TEST_END();
}

/* Goes on until nobody reads any more. */
Test(wsd_tool, watching_ends_with_its_reader)
{
	WSD_TEST_BEGIN();
	struct run *r = run_tool("timeout 10", "nics --watch --json | head -n 1");
	json_t *line = json_loads(r->text, 0, NULL);

	cr_assert_eq(r->status, 0);
	cr_assert_not_null(line, "%s", r->text);
	cr_assert_eq(json_integer_value(json_object_get(line, "generation")), 1);
	json_decref(line);
	free(r);
	WSD_TEST_END();
}

static void put(const char *dir, const char *name, const void *data, size_t size)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "we");

	cr_assert_not_null(f, "%s", path);
	fwrite(data, 1, size, f);
	fclose(f);
}

/* The first @size bytes of a file. */
static void put_head(const char *dir, const char *name, const char *from, size_t size)
{
	char *data = malloc(size);
	FILE *f = fopen(from, "re");

	cr_assert(data && f && fread(data, 1, size, f) == size);
	fclose(f);
	put(dir, name, data, size);
	free(data);
}

Test(wsd_tool, check_names_what_is_wrong_with_the_provider)
{
	static const unsigned char id[] = {0x4e, 0x9f, 0x1d, 0x6f, 0x52, 0x3b, 0x5e, 0x4c,
					   0x9d, 0x0a, 0x77, 0xc1, 0xe2, 0xb5, 0xa8, 0xd3};
	static const char entry[] =
		"id = {6f1d9f4e-3b52-4c5e-9d0a-77c1e2b5a8d3}\nname = x\nmodule = m.so\n"
		"flags = PFL_HIDDEN\n";
	WSD_TEST_BEGIN();
	char dir[] = "/tmp/wsd-check-XXXXXX", before[64], path[128];

	cr_assert_not_null(mkdtemp(dir));
	snprintf(before, sizeof(before), "WSD_CATALOG=%s", dir);
	expect(before, "check", 1, "no SAN provider is in the catalogue");
	put(dir, "tcp-on-san", id, sizeof(id));
	expect(before, "check", 1, "provider 1 of the list has no usable entry");
	put(dir, "x.provider", entry, sizeof(entry) - 1);
	expect(before, "check", 1, "m.so: cannot open shared object file");
	put(dir, "m.so", "garbage", 7);
	expect(before, "check", 1, "fail  provider x:");
	put_head(dir, "m.so", WSD_PROVIDER_MODULE, 4096);
	expect(before, "check", 1, "m.so: the file is cut short");
	snprintf(path, sizeof(path), "%s/m.so", dir);
	unlink(path);
	cr_assert_eq(symlink(WSD_OTHER_MODULE, path), 0);
	expect(before, "check", 1, "has no WSPStartupEx");
	unlink(path);
	cr_assert_eq(symlink(WSD_PROVIDER_MODULE, path), 0);
	struct run *r = run_tool(before, "check");

	cr_assert_not_null(strstr(r->text, "ok    provider x loads"), "%s", r->text);
	cr_assert_not_null(strstr(r->text, "ok    catalogue: /tmp/wsd-check-"), "%s", r->text);
	cr_assert_null(strstr(r->text, "info  "), "%s", r->text);
	free(r);
	unlink(path);
	put(dir, "odd.provider", "id = nonsense\n", 14);
	expect(before, "check", 1, "/odd.provider describes no usable provider -> WSD_LOG=stderr");
	put(dir, "tcp-on-san", id, 0);
	expect(before, "check", 1, "/x.provider is not on the list tcp-on-san -> ");
	snprintf(path, sizeof(path), "%s/odd.provider", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/x.provider", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/tcp-on-san", dir);
	unlink(path);
	cr_assert_eq(rmdir(dir), 0);
	WSD_TEST_END();
}

Test(wsd_tool, check_finds_the_provider_of_the_build)
{
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "check");

	cr_assert_not_null(strstr(r->text, "ok    provider wsd-rdma loads"), "%s", r->text);
	cr_assert_not_null(strstr(r->text, "ok    configuration: /"), "%s", r->text);
	for (char *line = strtok(r->text, "\n"); line; line = strtok(NULL, "\n"))
		cr_assert(!strncmp(line, "ok    ", 6) ||
				  (strstr(line, " -> ") &&
				   (!strncmp(line, "fail  ", 6) || !strncmp(line, "warn  ", 6))),
			  "no remedy: %s", line);
	free(r);
	WSD_TEST_END();
}

/* modprobe is no remedy where the kernel has no such module. */
Test(wsd_tool, check_names_a_remedy_that_this_kernel_has)
{
	static const char find[] =
		"grep -qs '/ib_uverbs[.]ko[^:]*:' /lib/modules/$(uname -r)/modules.dep";
	bool there = access("/sys/module/ib_uverbs", F_OK) == 0 ||
		     access("/sys/class/infiniband_verbs", F_OK) == 0;

	WSD_TEST_BEGIN();
	if (there) {
		struct run *r = run_tool("", "check");

		cr_assert_not_null(strstr(r->text, "ok    kernel module ib_uverbs is there"));
		free(r);
	} else if (system(find) == 0) {
		expect("", "check", 1, "module ib_uverbs is not loaded -> modprobe ib_uverbs");
	} else {
		expect("", "check", 1,
		       "this kernel has no module ib_uverbs -> scripts/soft-roce brings a guest");
	}
	WSD_TEST_END();
}
