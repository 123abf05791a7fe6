/* SPDX-License-Identifier: MIT
 *
 * role_main.c - the processes of role.h: `wsd-bench --role KIND CONTENDER ADDRESS PORT FLAGS`. The
 * main thread hears, an heir's other one waits for its turn.
 */
#include "role.h"

#include "bench.h"
#include "run.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 16, TRY_AGAIN_US = 100 };

struct part {
	const struct contender *who;
	struct sockaddr_in at;
	unsigned flags;
	struct bound *b;
};

static void say(const char *word, double at)
{
	printf("%s %.0f\n", word, at);
	fflush(stdout);
}

static int fail(const char *step, const char *why)
{
	printf("%s: %s\n", step, why[0] ? why : strerror(errno));
	fflush(stdout);
	return BENCH_FAIL;
}

/* NULL, or the step that failed, with errno. */
static const char *take_name(struct part *p)
{
	const struct name_ops *ops = p->who->names;
	const char *failed = NULL;
	if (ops->make(&p->b))
		return "socket";
	if (ops->bind(p->b, &p->at, p->flags))
		failed = "bind";
	else if (ops->listen(p->b, BACKLOG))
		failed = "listen";
	if (!failed)
		return NULL;
	int error = errno;
	ops->close(p->b);
	p->b = NULL;
	errno = error;
	return failed;
}

static int hold(struct part *p)
{
	char line[32];
	const char *failed = take_name(p);
	if (failed)
		return fail(failed, "");
	say("ready", bench_now_ns());
	while (fgets(line, sizeof(line), stdin)) {
		if (strcmp(line, "close\n") != 0 || !p->b)
			continue;
		double before = bench_now_ns();
		p->who->names->close(p->b);
		p->b = NULL;
		say("closed", before);
	}
	if (p->b)
		p->who->names->close(p->b);
	p->who->stop();
	return BENCH_OK;
}

static void *turn(void *arg)
{
	struct part *p = arg;
	while (!p->b) {
		const char *failed = take_name(p);
		if (failed && errno != EADDRINUSE) {
			fail(failed, "");
			return NULL;
		}
		if (failed)
			usleep(TRY_AGAIN_US);
	}
	if (!(p->flags & BIND_SHARE))
		say("listening", bench_now_ns());
	if (p->who->names->serve(p->b))
		fail("serve", "");
	else
		say("served", bench_now_ns());
	return NULL;
}

/* Its other thread may wait for ever: the kernel takes what it has. */
static int inherit(struct part *p)
{
	pthread_t thread;
	char byte;
	const char *failed = p->flags & BIND_SHARE ? take_name(p) : NULL;
	if (failed)
		return fail(failed, "");
	say("ready", bench_now_ns());
	errno = pthread_create(&thread, NULL, turn, p);
	if (errno)
		return fail("thread", "");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	_exit(BENCH_OK);
}

int role_main(int argc, char **argv)
{
	struct part p = {.at = {.sin_family = AF_INET}};
	char why[160] = "";
	if (argc != 7 || !(p.who = contender_find(argv[3])) || !p.who->names ||
	    inet_pton(AF_INET, argv[4], &p.at.sin_addr) != 1)
		return BENCH_USAGE;
	p.at.sin_port = htons((uint16_t)atoi(argv[5]));
	p.flags = (unsigned)atoi(argv[6]);
	if (p.who->start(&p.at, why, sizeof(why)))
		return fail(p.who->name, why);
	return atoi(argv[2]) == ROLE_HOLDER ? hold(&p) : inherit(&p);
}
