/* SPDX-License-Identifier: MIT
 *
 * See actor.h. The first thread reads what the director says; calls are made by threads of the
 * actor's own, so that one that blocks keeps nobody else from being told something.
 *
 * Lock: one, around the list of threads and their tasks; not held over a call.
 */
#include "actor.h"
#include "calls.h"
#include "scenario.h"
#include "text_json.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct hand {
	char name[NAME_SIZE];
	json_t *task; /* NULL: none */
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int fd;
	struct hand hands[ACTOR_THREADS];
	size_t n_hands;
} actor = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER, .fd = -1};

static void answer(const char *thread, const char *key, const char *text)
{
	json_t *o = json_pack("{s:s, s:s}", "thread", thread, key, text);
	char *packet = o ? json_dumps(o, JSON_COMPACT) : NULL;
	/* a director that is gone takes us along */
	if (!packet || send(actor.fd, packet, strlen(packet), MSG_NOSIGNAL) < 0)
		_exit(1);
	free(packet);
	json_decref(o);
}

/* The director wants to know when it is under way: which thread it is to look at. */
static void tell_begun(const struct hand *h)
{
	char key[48], tid[16];
	snprintf(key, sizeof(key), "%s begun", h->name);
	snprintf(tid, sizeof(tid), "%d", (int)gettid());
	answer(key, "result", tid);
}

static void make_call(const struct hand *h, const json_t *task)
{
	char result[CALLS_RESULT];
	struct call c = {
		.name = json_string_value(json_object_get(task, "call")),
		.variable = json_string_value(json_object_get(task, "variable")),
	};
	const json_t *args = json_object_get(task, "args");
	char *texts[CALLS_ARGS] = {NULL};
	for (size_t i = 0; i < json_array_size(args) && i < CALLS_ARGS; i++)
		c.args[c.n_args++] = texts[i] = text_of_json(json_array_get(args, i));
	if (json_is_true(json_object_get(task, "begin")))
		tell_begun(h);
	bool made = calls_make(&c, result, sizeof(result));
	answer(h->name, made ? "result" : "wrong", result);
	for (size_t i = 0; i < CALLS_ARGS; i++)
		free(texts[i]);
}

static void *work(void *arg)
{
	struct hand *h = arg;
	for (;;) {
		pthread_mutex_lock(&actor.lock);
		while (!h->task)
			pthread_cond_wait(&actor.cond, &actor.lock);
		json_t *task = h->task;
		pthread_mutex_unlock(&actor.lock);
		make_call(h, task);
		/* the director gives the next one only after the answer, so nothing is lost here */
		pthread_mutex_lock(&actor.lock);
		if (h->task == task)
			h->task = NULL;
		pthread_mutex_unlock(&actor.lock);
		json_decref(task);
	}
	return NULL;
}

/* The thread of this name, made if it is new. NULL: too many. Call with the lock held. */
static struct hand *find_hand(const char *name)
{
	pthread_t thread;
	for (size_t i = 0; i < actor.n_hands; i++)
		if (!strcmp(actor.hands[i].name, name))
			return &actor.hands[i];
	if (actor.n_hands == ACTOR_THREADS)
		return NULL;
	struct hand *h = &actor.hands[actor.n_hands];
	snprintf(h->name, sizeof(h->name), "%s", name);
	if (pthread_create(&thread, NULL, work, h))
		return NULL;
	pthread_detach(thread);
	actor.n_hands++;
	return h;
}

static void give(json_t *message)
{
	const char *name = json_string_value(json_object_get(message, "thread"));
	pthread_mutex_lock(&actor.lock);
	struct hand *h = find_hand(name);
	if (h) {
		h->task = json_incref(message);
		pthread_cond_broadcast(&actor.cond);
	}
	pthread_mutex_unlock(&actor.lock);
	if (!h)
		answer(name, "wrong", "a process has at most 16 threads");
}

static void hear(json_t *message)
{
	const char *what = json_string_value(json_object_get(message, "do"));
	if (!strcmp(what, "call")) {
		give(message);
	} else if (!strcmp(what, "provider")) {
		const char *wrong = actor_provider(message);
		answer("", wrong ? "wrong" : "result", wrong ? wrong : "0");
	} else {
		_exit(0);
	}
}

void actor_live(int fd)
{
	static char packet[ACTOR_MESSAGE];
	actor.fd = fd;
	for (;;) {
		ssize_t n = recv(fd, packet, sizeof(packet), 0);
		if (n < 0 && errno == EINTR)
			continue;
		json_t *message = n > 0 ? json_loadb(packet, (size_t)n, 0, NULL) : NULL;
		if (!message)
			_exit(n == 0 ? 0 : 1);
		hear(message);
		json_decref(message);
	}
}
