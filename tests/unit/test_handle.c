/* SPDX-License-Identifier: MIT
 *
 * The handle table. [WS-SOCKET-4, WS-STARTUP-4]
 */
#include "check.h"
#include "handle.h"

#include <errno.h>
#include <pthread.h>

static void drop(struct handles *t, struct handle_slot *slot)
{
	cr_assert(handle_put(slot));
	handles_recycle(t, slot);
}

Test(handle, WS_SOCKET_4_look_up_and_removal)
{
	WSD_TEST_BEGIN();
	struct handles t = HANDLES_INITIALIZER;
	struct handle_slot *slot;
	uint32_t v;
	int object;
	cr_assert_eq(handles_add(&t, HANDLE_SOCKET, &object, &slot, &v), 0);
	cr_assert_eq(handles_find(&t, HANDLE_SOCKET, v), &object);
	cr_assert_not(handle_put(slot));
	cr_assert_null(handles_find(&t, HANDLE_EVENT, v), "another kind");
	static const uint64_t strange[] = {0, 1, 4, 0xdeadbeef, UINT64_MAX, (uint64_t)1 << 40};
	for (size_t i = 0; i < sizeof(strange) / sizeof(strange[0]); i++) {
		cr_assert_null(handles_find(&t, HANDLE_SOCKET, strange[i]));
		cr_assert_null(handles_remove(&t, HANDLE_SOCKET, strange[i]));
		cr_assert_null(handles_find(&t, HANDLE_SOCKET, v + strange[i] + (i == 0)));
	}
	cr_assert_eq(handles_find(&t, HANDLE_SOCKET, v), &object);
	cr_assert_eq(handles_remove(&t, HANDLE_SOCKET, v), &object);
	cr_assert_null(handles_remove(&t, HANDLE_SOCKET, v), "one of two callers gets it");
	cr_assert_null(handles_find(&t, HANDLE_SOCKET, v));
	cr_assert_not(handle_put(slot), "the reference of find is still there");
	cr_assert(handles_in_use(&t));
	drop(&t, slot);
	cr_assert_not(handles_in_use(&t));
	handles_destroy(&t);
	WSD_TEST_END();
}

Test(handle, WS_SOCKET_4_values_are_never_descriptors_and_come_back_late)
{
	WSD_TEST_BEGIN();
	struct handles t = HANDLES_INITIALIZER;
	struct handle_slot *slot;
	uint32_t v, first = 0;
	int object;
	for (int i = 0; i < 100000; i++) {
		cr_assert_eq(
			handles_add(&t, i % 2 ? HANDLE_EVENT : HANDLE_SOCKET, &object, &slot, &v),
			0);
		cr_assert_geq(v, 1u << 29);
		cr_assert_leq(v, INT32_MAX);
		cr_assert_eq(v % 4, 0);
		cr_assert_neq(v, first, "after %d", i);
		first = i ? first : v;
		handles_remove(&t, i % 2 ? HANDLE_EVENT : HANDLE_SOCKET, v);
		drop(&t, slot);
	}
	handles_destroy(&t);
	WSD_TEST_END();
}

Test(handle, WS_SOCKET_4_full_table)
{
	WSD_TEST_BEGIN();
	struct handles t = HANDLES_INITIALIZER;
	struct handle_slot *slot;
	uint32_t v, last = 0;
	int object, r;
	unsigned n = 0;
	while ((r = handles_add(&t, HANDLE_SOCKET, &object, &slot, &v)) == 0) {
		n++;
		last = v;
	}
	cr_assert_eq(r, -ENOSPC);
	cr_assert_eq(n, HANDLE_MAX);
	unsigned at = 0, seen = 0;
	for (; handles_next(&t, HANDLE_SOCKET, &at); seen++)
		;
	cr_assert_eq(seen, n);
	handles_remove(&t, HANDLE_SOCKET, last);
	cr_assert_eq(handles_add(&t, HANDLE_SOCKET, &object, &slot, &v), -ENOSPC,
		     "it is still referenced");
	handles_destroy(&t);
	WSD_TEST_END();
}

static unsigned dropped[3];

static void count(enum handle_kind kind, void *object)
{
	dropped[kind]++;
}

Test(handle, WS_STARTUP_6_empty_after_fork)
{
	WSD_TEST_BEGIN();
	struct handles t = HANDLES_INITIALIZER;
	struct handle_slot *slot;
	uint32_t v[3];
	int object;
	for (int i = 0; i < 3; i++)
		handles_add(&t, i ? HANDLE_SOCKET : HANDLE_EVENT, &object, &slot, &v[i]);
	handles_remove(&t, HANDLE_SOCKET, v[2]); /* closed, but somebody is inside */
	pthread_mutex_lock(&t.lock);             /* and somebody was in the table */
	handles_after_fork(&t, count);
	cr_assert_eq(dropped[HANDLE_EVENT], 1);
	cr_assert_eq(dropped[HANDLE_SOCKET], 2);
	for (int i = 0; i < 3; i++)
		cr_assert_null(handles_find(&t, i ? HANDLE_SOCKET : HANDLE_EVENT, v[i]));
	cr_assert_not(handles_in_use(&t));
	cr_assert_eq(handles_add(&t, HANDLE_SOCKET, &object, &slot, &v[0]), 0);
	handles_destroy(&t);
	WSD_TEST_END();
}

/* ---- threads: whoever removes frees, nobody sees a freed object ---- */

struct thing {
	struct handle_slot *slot;
	_Atomic unsigned alive; /* 0xa11fe while it lives */
};

struct race {
	struct handles t;
	_Atomic uint32_t current;
	atomic_bool stop;
	atomic_int bad, made;
};

static void put(struct race *r, struct thing *x)
{
	if (!handle_put(x->slot))
		return;
	struct handle_slot *slot = x->slot;
	x->alive = 0;
	free(x);
	handles_recycle(&r->t, slot);
}

static void *race_thread(void *arg)
{
	struct race *r = arg;
	unsigned seed = (unsigned)(uintptr_t)&seed;
	while (!atomic_load(&r->stop)) {
		uint32_t v = atomic_load(&r->current);
		struct thing *x;
		if (rand_r(&seed) % 8) {
			x = handles_find(&r->t, HANDLE_SOCKET, v);
			if (x && x->alive != 0xa11fe)
				atomic_fetch_add(&r->bad, 1);
			if (x)
				put(r, x);
			continue;
		}
		x = handles_remove(&r->t, HANDLE_SOCKET, v);
		if (x)
			put(r, x);
		x = malloc(sizeof(*x));
		x->alive = 0xa11fe;
		if (handles_add(&r->t, HANDLE_SOCKET, x, &x->slot, &v) < 0)
			atomic_fetch_add(&r->bad, 1);
		atomic_fetch_add(&r->made, 1);
		uint32_t old = atomic_exchange(&r->current, v);
		x = handles_remove(&r->t, HANDLE_SOCKET, old);
		if (x)
			put(r, x);
	}
	return NULL;
}

Test(handle, WS_SOCKET_4_threads_find_and_remove)
{
	WSD_TEST_BEGIN();
	struct race r = {.t = HANDLES_INITIALIZER};
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, race_thread, &r);
	cr_assert(WSD_UNTIL(atomic_load(&r.made) > 20000, 20000));
	atomic_store(&r.stop, true);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	cr_assert_eq(r.bad, 0);
	struct thing *x = handles_remove(&r.t, HANDLE_SOCKET, r.current);
	if (x)
		put(&r, x);
	cr_assert_not(handles_in_use(&r.t));
	handles_destroy(&r.t);
	WSD_TEST_END();
}
