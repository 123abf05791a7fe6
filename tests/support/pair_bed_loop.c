/* SPDX-License-Identifier: MIT
 *
 * The loop provider's SAN, in a namespace of the test's own.
 */
#include "bed.h"
#include "loop_provider.h"
#include "pair_bed.h"
#include "stream_pair.h"

#include <dlfcn.h>

static struct {
	struct bed bed;
	struct loop_control *loop;
} san;

bool pair_san_make(void)
{
	if (!bed_make(&san.bed, 0))
		return false;
	bed_install(&san.bed, 0, LOOP_MODULE, "");
	bed_register(&san.bed, 0);
	setenv("LOOP_ADDRS", "10.77.0.1,10.77.1.1", 1);
	setenv("LOOP_LOST", PAIR_SILENT, 1);
	setenv("LOOP_CONNECT_MS", "20000", 1);
	void *module = dlopen(LOOP_MODULE, RTLD_NOW | RTLD_LOCAL);
	cr_assert_not_null(module, "%s", dlerror());
	san.loop = dlsym(module, LOOP_CONTROL);
	return true;
}

void pair_san_free(void)
{
	if (!san.loop) /* it was not made: a test without a connection */
		return;
	cr_assert_eq(atomic_load(&san.loop->sockets), 0, "SAN sockets are left");
	cr_assert_eq(atomic_load(&san.loop->stale), 0);
	bed_free(&san.bed);
}

long long pair_san_traffic(void)
{
	return (long long)atomic_load(&san.loop->messages);
}
