/* SPDX-License-Identifier: MIT
 *
 * How threads of this library are made. No locks.
 */
#include "thread.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

enum { STACK_SIZE = 512 << 10 }; /* below the size of a huge page */

struct start {
	void *(*run)(void *);
	void *arg;
};

static void *begin(void *arg)
{
	struct start s = *(struct start *)arg;
	free(arg);
	void *volatile first = malloc(1); /* volatile: or the compiler leaves both out */
	free(first);
	return s.run(s.arg);
}

int wsd_thread_start(pthread_t *ret, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;
	sigset_t all, before;
	struct start *s = malloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct start){run, arg};
	int err = pthread_attr_init(&attr);
	if (err) {
		free(s);
		return -err;
	}
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(ret, &attr, begin, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (err)
		free(s);
	return -err;
}
