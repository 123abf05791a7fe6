/* SPDX-License-Identifier: MIT
 *
 * What the server's end of a contender does with the connections that it accepts: threads of its
 * own, one duty at a time (and what is held beside it).
 */
#ifndef WSD_BENCH_DUTY_H
#define WSD_BENCH_DUTY_H

#include "contender.h"

enum duty_kind {
	DUTY_ECHO,  /* sends back each message of `size` bytes */
	DUTY_SINK,  /* receives; one byte back for each `window` messages */
	DUTY_BOTH,  /* the same, and sends as many messages from the first one on; then the byte */
	DUTY_CHURN, /* waits for the end of each connection and closes it */
	DUTY_HOLD,  /* accepts `count` connections, then no more, and keeps them */
	DUTY_KINDS,
};
extern const char *const duty_names[DUTY_KINDS];

struct duty_plan {
	enum duty_kind kind;
	const struct conn_ops *ops;
	struct listener *listener;
	size_t size;
	long window, count;
	int threads; /* churn: how many wait for ends */
	bool reset;  /* what has ended is closed by conn_ops.reset, if there is one */
};

struct duty;

/* NULL with errno. */
struct duty *duty_start(const struct duty_plan *plan);
/* Until @n more than when it was last asked have been closed (hold: accepted). 0, or -1 with a
 * text. */
int duty_wait(struct duty *r, long n, int timeout_ms, char *why, size_t size);
/* Interrupts the accepting thread and waits until all connections but held ones, which it closes,
 * have been ended by their peers. -1: they were not, and everything is left as it is; only the
 * process can end. */
int duty_stop(struct duty *r, int timeout_ms);

#endif
