/* SPDX-License-Identifier: MIT */
/*
 * names_events.c: calls the switch back, on a thread that exists from the first event on, or from
 * the first listener on that waits for its turn. One entry for each name: a later state of a name
 * replaces an earlier one. `lock` for the queue; none is held over a callback.
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

static struct event_item *take_first(struct event_item **list, struct event_item ***end)
{
	struct event_item *e = *list;

	*list = e->next;
	if (!*list)
		*end = list;
	return e;
}

/* The next to call back about, or NULL after a wait. */
static struct event_item *next_item(struct names *n)
{
	if (n->events)
		return take_first(&n->events, &n->events_end);
	if (!n->later) {
		pthread_cond_wait(&n->called, &n->lock);
	} else if (n->later->due_ms > wire_now_ms()) {
		struct timespec t = names_at_ms(n->later->due_ms);
		pthread_cond_timedwait(&n->called, &n->lock, &t);
	} else {
		return take_first(&n->later, &n->later_end);
	}
	return NULL;
}

static void *run(void *arg)
{
	struct names *n = arg;

	pthread_setname_np(pthread_self(), "wsd-events");
	pthread_mutex_lock(&n->lock);
	while (!n->stop) {
		struct event_item *e = next_item(n);
		if (!e)
			continue;
		pthread_mutex_unlock(&n->lock);
		call_back(n, e);
		item_free(e);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

bool events_start(struct names *n)
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

	if (!events_start(n))
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

bool events_later(struct names *n, uint64_t id, uint64_t cookie, int64_t due_ms)
{
	struct event_item *e = n->later;

	while (e && (e->id != id || e->cookie != cookie))
		e = e->next;
	if (e) /* it comes soon enough */
		return true;
	e = events_start(n) ? calloc(1, sizeof(*e)) : NULL;
	if (!e)
		return false;
	*e = (struct event_item){
		.id = id, .cookie = cookie, .kinds = 1U << BOOK_RETRY, .due_ms = due_ms};
	*n->later_end = e;
	n->later_end = &e->next;
	pthread_cond_signal(&n->called);
	return true;
}

void events_drop(struct names *n)
{
	while (n->events)
		item_free(take_first(&n->events, &n->events_end));
	while (n->later)
		item_free(take_first(&n->later, &n->later_end));
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
