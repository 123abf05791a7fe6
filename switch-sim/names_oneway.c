/* SPDX-License-Identifier: MIT */
/*
 * names_oneway.c: asks that get no answer (release, defer, note). They are kept until the keeper is
 * known to have dealt with them, and said again to its successor: each of them may be said twice.
 * Under `lock`.
 */
#include "names_priv.h"

#include <errno.h>
#include <log.h>
#include <stdlib.h>
#include <string.h>

struct wire_ask oneway_ask(const struct pending *p)
{
	return (struct wire_ask){
		.head = wire_head(WIRE_ASK), .op = p->op, .id = p->id, .value = p->value};
}

bool oneway_flush(struct names *n)
{
	while (n->ask_fd >= 0 && n->pending_sent < n->pending_count) {
		struct wire_ask ask = oneway_ask(&n->pending[n->pending_sent]);
		int r = wire_send(n->ask_fd, &ask, NULL, 0);
		if (r < 0) {
			n->lost = n->lost || r != -EAGAIN;
			n->suspect = true;
			service_wake(n);
			return false;
		}
		n->pending_sent++;
		n->sent_total++;
		NAMES_STEP(release_sent);
	}
	return n->ask_fd >= 0;
}

void oneway_add(struct names *n, uint32_t op, uint64_t id, uint32_t value)
{
	if (n->pending_count == n->pending_max) {
		size_t max = n->pending_max ? 2 * n->pending_max : 64;
		struct pending *more = realloc(n->pending, max * sizeof(*more));
		if (!more) {
			wsd_log(WSD_LOG_ERROR, "names: no memory to remember a released name");
			return;
		}
		n->pending = more;
		n->pending_max = max;
	}
	n->pending[n->pending_count++] = (struct pending){op, value, id};
	oneway_flush(n);
}

void oneway_done(struct names *n, uint32_t total)
{
	size_t done = total - n->done_total;

	if (done == 0 || done > n->pending_sent) /* an answer has told us more already */
		return;
	n->done_total = total;
	n->pending_sent -= done;
	n->pending_count -= done;
	memmove(n->pending, n->pending + done, n->pending_count * sizeof(*n->pending));
}

void oneway_apply(struct names *n)
{
	for (size_t i = 0; i < n->pending_count; i++) {
		struct wire_ask ask = oneway_ask(&n->pending[i]);
		if (broker_answer(n, n->slot, n->uid, &ask, NULL) < 0) {
			ring_deposed(n); /* all of them again, to the next */
			return;
		}
	}
	n->pending_count = n->pending_sent = 0;
}
