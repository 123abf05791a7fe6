/* SPDX-License-Identifier: MIT
 *
 * The slow half of lock.h: sleeping for a lock, and waking one sleeper. No locks of its own.
 */
#include "lock.h"

#ifndef WSD_LOCK_PTHREAD

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

/* errno is the caller's. */
static void futex(struct wsd_lock *l, int what, int value)
{
	int saved = errno;
	syscall(SYS_futex, &l->word, what | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
	errno = saved;
}

/* Whoever has slept marks it as slept for: there may be others. */
void wsd_lock_wait(struct wsd_lock *l)
{
	while (atomic_exchange(&l->word, 2))
		futex(l, FUTEX_WAIT, 2);
}

/* It may be gone by now: then nobody sleeps there, and the kernel finds nobody. */
void wsd_lock_wake(struct wsd_lock *l)
{
	futex(l, FUTEX_WAKE, 1);
}

#endif
