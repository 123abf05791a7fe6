/* SPDX-License-Identifier: MIT
 *
 * test_refuse.c - a bind that must fail, by each reason that Winsock knows, on one socket that
 * stays. Who holds the name listens there, since Linux lets a name be bound twice otherwise.
 *
 * The switch asks whoever keeps the book of names: this process itself, if it is the first. So for
 * "taken by another" the other process comes first and keeps a book of the test's own.
 */
#include "names_held.h"
#include "role.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct figure_kind kinds[] = {{"refusal", "a bind that is refused", "ns", false},
					   {NULL}};

enum holder { NOBODY, US, ANOTHER, OURSELVES };

static const struct mode {
	const char *name;
	enum holder holder;
	unsigned held, asked;
	const char *address; /* instead of ours */
} modes[] = {
	{"taken here", US, 0, 0, NULL},
	{"taken by another process", ANOTHER, 0, 0, NULL},
	{"shared over default", US, 0, BIND_SHARE, NULL},
	{"shared over exclusive", US, BIND_EXCLUSIVE, BIND_SHARE, NULL},
	{"exclusive over shared", US, BIND_SHARE, BIND_EXCLUSIVE, NULL},
	{"not an address of this host", NOBODY, 0, 0, "192.0.2.77"}, /* TEST-NET-1 */
	{"bound already", OURSELVES, 0, 0, NULL},
};

enum { MODES = sizeof(modes) / sizeof(modes[0]), BACKLOG = 16 };

struct refusal {
	const struct mode *mode;
	struct sockaddr_in name;
	struct bound *holder, *asking;
	struct role other;
	struct knob book;
	char book_name[40];
	bool own_book;
};

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	(void)o, (void)why, (void)size;
	for (int i = 0; i < MODES && i < max; i++)
		ret[i] = (struct point){.mode = modes[i].name};
	return MODES < max ? MODES : max;
}

/* ---- who holds the name ---- */

static int hold_here(struct refusal *f, const struct name_ops *ops, char *why, size_t size)
{
	if (ops->make(&f->holder))
		return names_fail(why, size, "socket of the holder");
	if (ops->bind(f->holder, &f->name, f->mode->held)) {
		if (errno == EOPNOTSUPP)
			snprintf(why, size, "does not know this kind of sharing");
		else
			names_fail(why, size, "bind of the holder");
		return -1;
	}
	return ops->listen(f->holder, BACKLOG) ? names_fail(why, size, "listen of the holder") : 0;
}

static int hold_there(struct refusal *f, const struct run *r, const struct contestant *c, char *why,
		      size_t size)
{
	bool again = c->who == &contend_switch;
	if (again) {
		c->who->stop();
		snprintf(f->book_name, sizeof(f->book_name), "wsd-bench-%d", (int)getpid());
		f->book = (struct knob){"WSD_BROKER_NAME", f->book_name, NULL};
		knobs_set(&f->book, 1);
		f->own_book = true;
	}
	int err = role_start(&f->other, ROLE_HOLDER, c->who, &f->name, f->mode->held, why, size);
	if (again && c->who->start(&r->o->address, why, size))
		err = -1;
	return err;
}

static int ask_first(struct refusal *f, const struct name_ops *ops, char *why, size_t size)
{
	if (ops->make(&f->asking))
		return names_fail(why, size, "socket");
	if (f->mode->holder == OURSELVES && ops->bind(f->asking, &f->name, 0))
		return names_fail(why, size, "bind");
	if (!ops->bind(f->asking, &f->name, f->mode->asked)) {
		snprintf(why, size, "does not refuse it");
		return -1;
	}
	if (errno != EOPNOTSUPP)
		return 0;
	snprintf(why, size, "does not know this kind of sharing");
	return -1;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	struct refusal *f = c->state;
	char why[160];
	(void)p;
	if (f->asking)
		c->who->names->close(f->asking);
	if (f->holder)
		c->who->names->close(f->holder);
	role_end(&f->other);
	if (f->own_book) {
		c->who->stop();
		knobs_restore(&f->book, 1);
		c->who->start(&r->o->address, why, sizeof(why));
	}
	free(f);
	c->state = NULL;
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	struct refusal *f = calloc(1, sizeof(*f));
	int err = 0;
	if (!f)
		return -1;
	c->state = f;
	for (int i = 0; i < MODES; i++)
		if (!strcmp(modes[i].name, p->mode))
			f->mode = &modes[i];
	f->name = names_own(r, c, (int)(f->mode - modes));
	if (f->mode->address)
		inet_pton(AF_INET, f->mode->address, &f->name.sin_addr);
	if (f->mode->holder == US)
		err = hold_here(f, c->who->names, why, size);
	else if (f->mode->holder == ANOTHER)
		err = hold_there(f, r, c, why, size);
	if (!err)
		err = ask_first(f, c->who->names, why, size);
	if (err)
		finish(r, c, p);
	return err;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const struct refusal *f = b->contestant->state;
	const struct name_ops *ops = b->contestant->who->names;
	for (long i = 0; !batch_over(b, i); i++) {
		double begun = bench_now_ns();
		int r = ops->bind(f->asking, &f->name, f->mode->asked);
		batch_sample(b, 0, bench_now_ns() - begun);
		if (!r) {
			snprintf(why, size, "a bind was not refused");
			return -1;
		}
	}
	return 0;
}

const struct test test_refuse = {
	.name = "refuse",
	.help = "A bind that is refused, by each reason",
	.options = OPT_DURATION | OPT_PROVIDER,
	.iterations = 1000,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
};
