/* SPDX-License-Identifier: MIT
 *
 * A mutex whose uncontended lock and unlock are a few instructions in place: for the locks that
 * each call on a socket takes, where glibc's cost more than what they guard. No owner, no fairness,
 * not recursive, nothing to destroy. Under ThreadSanitizer it is glibc's, so that the order of
 * locks is watched.
 */
#ifndef WSD_NIC_LOCK_H
#define WSD_NIC_LOCK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#if defined(__SANITIZE_THREAD__)
#define WSD_LOCK_PTHREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define WSD_LOCK_PTHREAD 1
#endif
#endif

#ifdef WSD_LOCK_PTHREAD

struct wsd_lock {
	pthread_mutex_t mutex;
};
#define WSD_LOCK_INITIALIZER              \
	{                                 \
		PTHREAD_MUTEX_INITIALIZER \
	}

static inline void wsd_lock_init(struct wsd_lock *l)
{
	pthread_mutex_init(&l->mutex, NULL);
}

static inline bool wsd_trylock(struct wsd_lock *l)
{
	return pthread_mutex_trylock(&l->mutex) == 0;
}

static inline void wsd_lock(struct wsd_lock *l)
{
	pthread_mutex_lock(&l->mutex);
}

static inline void wsd_unlock(struct wsd_lock *l)
{
	pthread_mutex_unlock(&l->mutex);
}

#else

/* 0: free; 1: held; 2: held, and somebody may sleep for it. */
struct wsd_lock {
	_Atomic int word;
};
#define WSD_LOCK_INITIALIZER \
	{                    \
		0            \
	}

/* lock.c */
void wsd_lock_wait(struct wsd_lock *l);
void wsd_lock_wake(struct wsd_lock *l);

static inline void wsd_lock_init(struct wsd_lock *l)
{
	atomic_init(&l->word, 0);
}

/* Both ends in one order with all else that is so: who leaves looks once more for what came, and
 * who came and found it taken relies on it [session.c]. */
static inline bool wsd_trylock(struct wsd_lock *l)
{
	int none = 0;
	return atomic_compare_exchange_strong(&l->word, &none, 1);
}

static inline void wsd_lock(struct wsd_lock *l)
{
	if (__builtin_expect(!wsd_trylock(l), 0))
		wsd_lock_wait(l);
}

static inline void wsd_unlock(struct wsd_lock *l)
{
	if (__builtin_expect(atomic_exchange(&l->word, 0) == 2, 0))
		wsd_lock_wake(l);
}

#endif

#endif
