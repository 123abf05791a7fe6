/* SPDX-License-Identifier: MIT
 *
 * The threads that this library runs beside the application's.
 */
#ifndef WSD_NIC_THREAD_H
#define WSD_NIC_THREAD_H

#include <pthread.h>

/**
 * wsd_thread_start - runs @run(@arg) in a thread of ours, to be joined or detached by the caller
 *
 * The thread takes no signal: those are for the application's threads. Its stack is small, and not
 * what ulimit -s says: 8 MiB can come as huge pages, and clearing the first one is time that a
 * takeover waits for. For the same reason it allocates once at its start: the C library maps an
 * arena for a thread's first allocation. 0, -ENOMEM, or -errno of pthread_create, and nothing runs.
 */
int wsd_thread_start(pthread_t *ret, void *(*run)(void *), void *arg);

#endif
