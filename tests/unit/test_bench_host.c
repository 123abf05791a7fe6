/* SPDX-License-Identifier: MIT
 *
 * What a run of wsd bench ran on, and its JSON. WSD_BENCH_HOST in the environment prints it.
 */
#include "check.h"

#include "host.h"

#include <sys/utsname.h>

Test(bench_host, this_machine_and_back_from_json)
{
	WSD_TEST_BEGIN();
	struct host *h = malloc(sizeof(*h)), *back = malloc(sizeof(*back));
	struct utsname u;
	cr_assert(h && back);

	host_look(h, "here", NULL);
	cr_assert_eq(uname(&u), 0);
	cr_assert_str_eq(h->role, "here");
	cr_assert_str_eq(h->kernel, u.release);
	cr_assert_geq(h->cpus, 1);
	cr_assert_str_neq(h->cpu, "");
	cr_assert_str_eq(h->device, "", "no address, no device");
	cr_assert(h->icount >= -1 && h->icount <= 1);
	json_t *j = host_to_json(h);
	cr_assert_not_null(j);
	memset(back, 0xff, sizeof(*back));
	cr_assert_eq(host_from_json(back, j), 0);
	cr_assert_str_eq(back->name, h->name);
	cr_assert_str_eq(back->guest, h->guest);
	cr_assert_eq(back->icount, h->icount);
	cr_assert_str_eq(back->device, "");
	json_decref(j);
	free(h);
	free(back);
	WSD_TEST_END();
}

Test(bench_host, a_device_and_what_is_damaged)
{
	WSD_TEST_BEGIN();
	struct host h = {.role = "server",
			 .cpus = 4,
			 .icount = -1,
			 .device = "mlx5_0",
			 .driver = "mlx5_core",
			 .firmware = "20.31",
			 .link = "InfiniBand",
			 .rate = "100 Gb/sec (4X EDR)",
			 .netdev = "ib0",
			 .mtu = 4096},
		    back = {.cpus = 77};
	static const char *const strings[] = {"role",  "name",     "kernel",    "machine", "cpu",
					      "guest", "governor", "rdma_core", "qemu"};
	json_t *j = host_to_json(&h);

	cr_assert(json_is_null(json_object_get(j, "icount")));
	cr_assert_eq(host_from_json(&back, j), 0);
	cr_assert_str_eq(back.rate, h.rate);
	cr_assert_eq(back.mtu, 4096);
	cr_assert_not(back.soft);
	back = (struct host){.cpus = 77};
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		json_t *copy = json_deep_copy(j);
		char longer[256];
		memset(longer, 'x', sizeof(longer) - 1);
		longer[255] = '\0';
		json_object_set_new(copy, strings[i], json_integer(5));
		cr_assert_eq(host_from_json(&back, copy), -1, "%s is a number", strings[i]);
		json_object_set_new(copy, strings[i], json_string(longer));
		cr_assert_eq(host_from_json(&back, copy), -1, "%s is too long", strings[i]);
		json_object_del(copy, strings[i]);
		cr_assert_eq(host_from_json(&back, copy), -1, "%s is missing", strings[i]);
		json_decref(copy);
	}
	json_object_set_new(json_object_get(j, "device"), "mtu_bytes", json_integer(-1));
	cr_assert_eq(host_from_json(&back, j), -1);
	json_object_set_new(j, "device", json_null());
	json_object_set_new(j, "icount", json_string("yes"));
	cr_assert_eq(host_from_json(&back, j), -1);
	json_object_set_new(j, "icount", json_true());
	json_object_set_new(j, "cpus", json_integer(1LL << 40));
	cr_assert_eq(host_from_json(&back, j), -1);
	cr_assert_eq(host_from_json(&back, NULL), -1);
	cr_assert_eq(back.cpus, 77, "untouched");
	json_decref(j);
	WSD_TEST_END();
}
