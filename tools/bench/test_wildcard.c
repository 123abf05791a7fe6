/* SPDX-License-Identifier: MIT
 *
 * test_wildcard.c - a listener on 0.0.0.0 beside one listener for each address that it covers.
 *
 * The switch listens on 0.0.0.0 in one of two modes [SW-WILD-1, -2], which it reads when it starts.
 * In vista mode an address with a listener of its own is none of the wildcard's [SW-WILD-5]: that
 * is how k NICs out of more are had. Nobody else can leave out a NIC.
 */
#include "names_held.h"
#include "role.h"

#include "nic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { CYCLE, SINGLES, RATIO };
static const struct figure_kind kinds[] = {
	[CYCLE] = {"cycle", "socket + bind + listen + close on 0.0.0.0", "ns", false},
	[SINGLES] = {"singles", "socket + bind + listen + close on each address in turn", "ns",
		     false},
	[RATIO] = {"ratio", "0.0.0.0 / each address", "ratio", false},
	{NULL}};

static const char vista[] = "vista", legacy[] = "legacy";

enum { ADDRESSES_MAX = 64, KNOBS = 2 };

struct wild {
	struct sockaddr_in any, single[ADDRESSES_MAX];
	int count;            /* of single */
	struct held shadowed; /* listeners on the NICs beyond */
	struct knob knobs[KNOBS];
	bool knobs_are_set;
};

/* In legacy mode there is no way to have fewer than all: only the most that was asked for. */
static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	int n = 0, most = 0;
	(void)why, (void)size;
	for (int i = 0; i < o->nics.n && n < max - 1; i++) {
		ret[n++] = (struct point){.nics = (int)o->nics.v[i], .mode = vista};
		most = (int)o->nics.v[i] > most ? (int)o->nics.v[i] : most;
	}
	if (!n)
		ret[n++] = (struct point){.mode = vista};
	ret[n++] = (struct point){.nics = most, .mode = legacy};
	return n;
}

/* ---- addresses ---- */

/* Whether the address's port is among the first @nics that have any; @ret_all: how many have. */
static bool covered(const struct nic_snapshot *snap, const struct nic_addr *a, int nics,
		    int *ret_all)
{
	const struct nic_port *p;
	int before = 0, rank = -1;
	for (size_t i = 0; (p = nic_snapshot_port(snap, i)); i++) {
		if (!p->usable)
			continue;
		if (a && i == a->port_index)
			rank = before;
		before++;
	}
	*ret_all = before;
	return rank >= 0 && rank < nics;
}

/* Fills @w->single with the addresses of the first @nics NICs, @rest with the others'. */
static int look(struct wild *w, const struct run *r, int nics, struct in_addr *rest, int *ret_rest,
		int *ret_all)
{
	struct nic_snapshot *snap;
	const struct nic_addr *a;
	int err = nic_discover(&snap);
	*ret_rest = *ret_all = 0;
	if (err) {
		errno = -err;
		return -1;
	}
	covered(snap, NULL, nics, ret_all);
	for (size_t i = 0; nics && (a = nic_snapshot_addr(snap, i)); i++) {
		if (!a->usable || w->count == ADDRESSES_MAX || *ret_rest == ADDRESSES_MAX)
			continue;
		if (covered(snap, a, nics, ret_all))
			w->single[w->count++].sin_addr.s_addr = a->addr_be;
		else
			rest[(*ret_rest)++].s_addr = a->addr_be;
	}
	nic_snapshot_unref(snap);
	if (!*ret_all && nics <= 1) { /* no RDMA here: TCP/IP alone */
		w->single[w->count++] = r->o->address;
		*ret_all = 1;
	}
	return 0;
}

/* ---- a point ---- */

static int restart(struct wild *w, const struct run *r, const struct contestant *c,
		   const char *mode, char *why, size_t size)
{
	if (c->who != &contend_switch && c->who != &contend_provider)
		return 0;
	w->knobs[0] = (struct knob){"WSD_WILDCARD", mode, NULL};
	w->knobs[1] =
		(struct knob){"WSD_RDMA_WILDCARD_AVAILABLE", mode == legacy ? "yes" : "no", NULL};
	c->who->stop();
	knobs_set(w->knobs, KNOBS);
	w->knobs_are_set = true;
	return c->who->start(&r->o->address, why, size);
}

/* Listeners of their own on the addresses that are not to be covered. */
static int shadow(struct wild *w, const struct run *r, const struct contestant *c,
		  const struct in_addr *rest, int n, char *why, size_t size)
{
	w->shadowed.ops = c->who->names;
	if (!n)
		return 0;
	if (held_room(&w->shadowed, n))
		return names_fail(why, size, "listeners on the other NICs");
	for (int i = 0; i < n; i++) {
		struct sockaddr_in name = w->any;
		name.sin_addr = rest[i];
		if (held_add(&w->shadowed, &name) ||
		    c->who->names->listen(w->shadowed.names[i], r->o->backlog))
			return names_fail(why, size, "a listener on another NIC");
	}
	return 0;
}

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	struct wild *w = c->state;
	char why[160];
	(void)p;
	held_drop(&w->shadowed);
	if (w->knobs_are_set) {
		c->who->stop();
		knobs_restore(w->knobs, KNOBS);
		c->who->start(&r->o->address, why, sizeof(why));
	}
	free(w);
	c->state = NULL;
}

static int set_up(struct wild *w, struct run *r, struct contestant *c, const struct point *p,
		  char *why, size_t size)
{
	struct in_addr rest[ADDRESSES_MAX];
	int n, all;
	w->any = names_own(r, c, 0);
	w->any.sin_addr.s_addr = INADDR_ANY;
	if (look(w, r, p->nics, rest, &n, &all))
		return names_fail(why, size, "RDMA devices");
	for (int i = 0; i < w->count; i++) {
		w->single[i].sin_family = AF_INET;
		w->single[i].sin_port = names_own(r, c, 1).sin_port;
	}
	if (p->nics > all) {
		snprintf(why, size, "there are only %d NICs", all);
		return -1;
	}
	if (n && (c->who != &contend_switch || p->mode == legacy)) {
		snprintf(why, size, "0.0.0.0 covers all NICs");
		return -1;
	}
	if (c->who == &contend_provider && p->mode != legacy) {
		snprintf(why, size, "takes 0.0.0.0 in legacy mode only");
		return -1;
	}
	return restart(w, r, c, p->mode, why, size) || shadow(w, r, c, rest, n, why, size) ? -1 : 0;
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	c->state = calloc(1, sizeof(struct wild));
	if (!c->state)
		return -1;
	if (!set_up(c->state, r, c, p, why, size))
		return 0;
	finish(r, c, p);
	return -1;
}

/* Its time, or -1 with a text. */
static double cycle(const struct batch *b, const struct sockaddr_in *name, char *why, size_t size)
{
	const struct name_ops *ops = b->contestant->who->names;
	struct bound *x;
	const char *failed = NULL;
	double begun = bench_now_ns();
	if (ops->make(&x))
		return names_fail(why, size, "socket");
	if (ops->bind(x, name, 0))
		failed = "bind";
	else if (ops->listen(x, b->run->o->backlog))
		failed = "listen";
	int error = errno;
	ops->close(x);
	double took = bench_now_ns() - begun;
	errno = error;
	return failed ? names_fail(why, size, failed) : took;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const struct wild *w = b->contestant->state;
	for (long i = 0; !batch_over(b, i); i++) {
		double all = 0, wild = cycle(b, &w->any, why, size);
		if (wild < 0)
			return -1;
		for (int k = 0; k < w->count; k++) {
			double one = cycle(b, &w->single[k], why, size);
			if (one < 0)
				return -1;
			all += one;
		}
		batch_sample(b, CYCLE, wild);
		batch_sample(b, SINGLES, all);
		if (all > 0)
			batch_sample(b, RATIO, wild / all);
	}
	return 0;
}

const struct test test_wildcard = {
	.name = "wildcard",
	.help = "A listener on 0.0.0.0 over k NICs, in both modes",
	.options = OPT_NICS | OPT_BACKLOG | OPT_DURATION | OPT_PROVIDER,
	.iterations = 50,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
};
