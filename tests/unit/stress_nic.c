/* SPDX-License-Identifier: MIT
 *
 * Readers take, read and drop snapshots while the monitor makes new ones as fast as it can. A plain
 * main(), because Criterion cannot start under the thread sanitizer. Each snapshot must be whole:
 * every address of it is of one look. Some looks last until every reader has taken many snapshots
 * meanwhile: so no reader waits for a look.
 */
#include "nic_build.h"
#include "tsan.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

enum {
	READERS = 4,
	LOOKS = 400,
	ADDRS = 64,
	SLOW_EVERY = 50,
	TAKEN_MEANWHILE = 100,
	DEADLINE_S = 20
};

static unsigned round_no; /* of the monitor's thread */
static atomic_bool stop;
static atomic_uint errors;
static atomic_uint taken[READERS];
static atomic_bool running; /* the readers do */

int __wrap_nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret,
		    bool *ret_unsettled);

/* A look that ends only when each reader has gone on; a reader that waits for it is an error. */
static void last_until_all_went_on(void)
{
	unsigned from[READERS];
	time_t end = time(NULL) + DEADLINE_S;

	for (int i = 0; i < READERS; i++)
		from[i] = atomic_load(&taken[i]);
	for (int i = 0; i < READERS; i++)
		while (atomic_load(&taken[i]) - from[i] < TAKEN_MEANWHILE) {
			if (time(NULL) > end) {
				atomic_fetch_add(&errors, 1);
				return;
			}
			sched_yield();
		}
}

/* All addresses of look n are 10.(n).x.y. */
int __wrap_nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret,
		    bool *ret_unsettled)
{
	struct build *b = build_new();
	char addr[32];

	round_no++;
	if (atomic_load(&running) && round_no % SLOW_EVERY == 0)
		last_until_all_went_on();
	build_link(b, 2, "san0");
	build_port(b, "rxe0", 1, 2);
	for (unsigned i = 0; i < 1 + round_no % ADDRS; i++) {
		snprintf(addr, sizeof(addr), "10.%u.%u.%u", round_no % 250, i, 1 + round_no / 250);
		build_addr(b, 2, addr);
	}
	*ret = build_snapshot(b);
	*ret_unsettled = false;
	free(b);
	return *ret ? 0 : -12;
}

static void check(const struct nic_snapshot *s)
{
	const struct nic_addr *a, *first = nic_snapshot_addr(s, 0);
	size_t n = nic_snapshot_addrs(s);

	if (nic_snapshot_ports(s) != 1 || nic_snapshot_port(s, 0)->addr_count != n || !first)
		atomic_fetch_add(&errors, 1);
	for (size_t i = 0; (a = nic_snapshot_addr(s, i)); i++)
		if (((a->addr_be ^ first->addr_be) & htonl(0xffff00ff)) ||
		    nic_snapshot_find(s, a->addr_be) != a)
			atomic_fetch_add(&errors, 1);
}

struct reader {
	struct nic_monitor *m;
	atomic_uint *taken;
	pthread_t thread;
};

static void *reader(void *arg)
{
	struct reader *r = arg;
	const struct nic_snapshot *s, *kept = NULL;
	uint64_t last = 0;

	for (unsigned i = 0; !atomic_load(&stop); i++) {
		s = nic_monitor_snapshot(r->m);
		check(s);
		if (nic_snapshot_generation(s) < last) /* never back */
			atomic_fetch_add(&errors, 1);
		last = nic_snapshot_generation(s);
		if (i % 7 == 0) { /* some are held for long */
			nic_snapshot_unref(kept);
			kept = nic_snapshot_ref(s);
		}
		nic_snapshot_unref(s);
		atomic_fetch_add(r->taken, 1);
	}
	check(kept);
	nic_snapshot_unref(kept);
	return NULL;
}

int main(int argc, char **argv)
{
	struct reader readers[READERS];
	unsigned changes = 0, total = 0;
	struct nic_monitor *m;
	bool changed;

	wsd_tsan_places(argv);
	if (nic_monitor_create(&m))
		return 1;
	for (int i = 0; i < READERS; i++) {
		readers[i].m = m;
		readers[i].taken = &taken[i];
		if (pthread_create(&readers[i].thread, NULL, reader, &readers[i]))
			return 1;
	}
	atomic_store(&running, true);
	for (int i = 0; i < LOOKS; i++)
		if (nic_monitor_refresh(m, &changed) == 0)
			changes += changed;
	atomic_store(&stop, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		total += atomic_load(&taken[i]);
	}
	nic_monitor_destroy(m);
	printf("%u changes, %u snapshots taken meanwhile, %u errors\n", changes, total, errors);
	return errors || changes != LOOKS;
}
