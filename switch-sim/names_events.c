/* SPDX-License-Identifier: MIT */
/*
 * names_events.c: calls the switch back, on a thread that exists from the first event on. One entry
 * for each name: a later state of a name replaces an earlier one. `lock` for the queue; none is
 * held over a callback.
 */
#include "names_priv.h"
#include "thread.h"

#include <stdlib.h>
#include <string.h>

static void item_free(struct event_item *e)
{
	if (e)
		free(e->shadow);
	free(e);
}

static void call_back(struct names *n, const struct event_item *e)
{
	/* A wildcard's list comes before it makes companions. */
	if (e->kinds & 1U << BOOK_SHADOW)
		n->ops->shadow(n->ctx, e->id, e->cookie, (const uint8_t(*)[4])e->shadow,
			       e->shadows);
	if (e->kinds & 1U << BOOK_TAKEOVER)
		n->ops->takeover(n->ctx, e->id, e->cookie);
	if (e->kinds & 1U << BOOK_RETRY)
		n->ops->retry(n->ctx, e->id, e->cookie);
}

static void *run(void *arg)
{
	struct names *n = arg;

	pthread_setname_np(pthread_self(), "wsd-events");
	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct event_item *e = n->events;
		if (!e) {
			pthread_cond_wait(&n->called, &n->lock);
			continue;
		}
		n->events = e->next;
		if (!n->events)
			n->events_end = &n->events;
		pthread_mutex_unlock(&n->lock);
		call_back(n, e);
		item_free(e);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

static bool start(struct names *n)
{
	if (n->calling)
		return true;
	n->calling = wsd_thread_start(&n->caller, run, n) == 0;
	return n->calling;
}

static struct event_item *find_or_add(struct names *n, uint64_t id)
{
	struct event_item *e = n->events;

	while (e && e->id != id)
		e = e->next;
	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->id = id;
	*n->events_end = e;
	n->events_end = &e->next;
	return e;
}

bool events_push(struct names *n, uint64_t id, uint64_t cookie, enum book_event kind,
		 const uint8_t (*shadow)[4], size_t count)
{
	uint8_t(*copy)[4] = NULL;

	if (!start(n))
		return false;
	if (kind == BOOK_SHADOW && count) {
		copy = malloc(count * sizeof(*copy));
		if (!copy)
			return false;
		memcpy(copy, shadow, count * sizeof(*copy));
	}
	struct event_item *e = find_or_add(n, id);
	if (!e) {
		free(copy);
		return false;
	}
	e->cookie = cookie;
	e->kinds |= 1U << kind;
	if (kind == BOOK_SHADOW) {
		free(e->shadow);
		e->shadow = copy;
		e->shadows = count;
	}
	pthread_cond_signal(&n->called);
	return true;
}

void events_drop(struct names *n)
{
	while (n->events) {
		struct event_item *e = n->events;
		n->events = e->next;
		item_free(e);
	}
	n->events_end = &n->events;
}

void events_stop(struct names *n)
{
	pthread_mutex_lock(&n->lock);
	bool calling = n->calling;
	n->stop = true;
	pthread_cond_signal(&n->called);
	pthread_mutex_unlock(&n->lock);
	if (calling)
		pthread_join(n->caller, NULL);
	n->calling = false;
	events_drop(n);
}
