/* SPDX-License-Identifier: MIT
 *
 * test_ports.c - bind to port 0 while some of the range that it is chosen from is held. Each holds
 * the range that it chooses from, and the result says which and how much:
 *
 *   switch    a range of the test's own, in a book of names of the test's own
 *   tcp       a range of its own in a network namespace of its own, if that is allowed
 *   raw and rsockets, which share one space of ports, the host's range (their NIC is in one
 *             namespace, this host's)
 *
 * State: the ports held for the last two, and how many use them.
 */
#include "names_held.h"
#include "results.h"
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum kind { BIND, CYCLE };
static const struct figure_kind kinds[] = {
	[BIND] = {"bind", "bind to port 0", "ns", false},
	[CYCLE] = {"cycle", "socket + bind to port 0 + close", "ns", false},
	{NULL}};

static const struct share {
	const char *mode;
	int percent;
} shares[] = {{"0 % used", 0}, {"50 % used", 50}, {"99 % used", 99}};

enum {
	SHARES = sizeof(shares) / sizeof(shares[0]),
	OWN_FIRST = 20000, /* the test's own ranges */
	OWN_COUNT = 1000,
	KNOBS = 2,
};

static const char range_file[] = "/proc/sys/net/ipv4/ip_local_port_range";

/* ip_local_port_range is the host's: held once, for both who choose from it. */
static struct {
	struct held held;
	int users;
	bool started; /* contend_raw, by us */
} cm;

struct span {
	struct sockaddr_in any; /* port 0 */
	struct held held;
	struct knob knobs[KNOBS];
	char book[40], range[24];
	bool knobs_are_set, uses_cm;
	int home, away; /* network namespaces, -1: none of its own */
};

static int points(const struct options *o, struct point *ret, int max, char *why, size_t size)
{
	(void)o, (void)why, (void)size;
	for (int i = 0; i < SHARES && i < max; i++)
		ret[i] = (struct point){.mode = shares[i].mode};
	return SHARES < max ? SHARES : max;
}

static int read_range(int *ret_first, int *ret_count)
{
	int first, last;
	FILE *f = fopen(range_file, "re");
	bool read = f && fscanf(f, "%d %d", &first, &last) == 2 && last >= first;
	if (f)
		fclose(f);
	if (!read)
		return -1;
	*ret_first = first;
	*ret_count = last - first + 1;
	return 0;
}

/* ---- a network namespace of the thread's own ---- */

static int lo_up(void)
{
	struct ifreq lo = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -1 : ioctl(fd, SIOCSIFFLAGS, &lo);
	if (fd >= 0)
		close(fd);
	return r;
}

static int set_range(void)
{
	FILE *f = fopen(range_file, "we");
	int r = f ? fprintf(f, "%d %d\n", OWN_FIRST, OWN_FIRST + OWN_COUNT - 1) : -1;
	if (f && fclose(f))
		r = -1;
	return r < 0 ? -1 : 0;
}

static int open_namespace(void)
{
	return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static void go(int fd)
{
	if (fd >= 0 && setns(fd, CLONE_NEWNET))
		abort(); /* the thread would go on in the wrong one */
}

/* The thread is back in its own when this returns. */
static void make_namespace(struct span *s)
{
	s->home = open_namespace();
	if (s->home < 0 || unshare(CLONE_NEWNET))
		return;
	if (!lo_up() && !set_range())
		s->away = open_namespace();
	go(s->home);
}

/* ---- holding ---- */

static int hold(struct held *h, const struct sockaddr_in *any, int n, char *why, size_t size)
{
	if (held_room(h, n))
		return names_fail(why, size, "ports held beside");
	while (h->count < n)
		if (held_add(h, any)) {
			snprintf(why, size, "only %d of %d ports could be held: %s", h->count, n,
				 strerror(errno));
			return -1;
		}
	return 0;
}

static void say_held(struct run *r, const struct contestant *c, const struct point *p, int n,
		     int count, const char *where)
{
	char text[128];
	json_t *all = json_object_get(r->results->parameters, "held"), *mine;
	if (!all) {
		all = json_object();
		json_object_set_new(r->results->parameters, "held", all);
	}
	mine = json_object_get(all, c->who->name);
	if (!mine) {
		mine = json_object();
		json_object_set_new(all, c->who->name, mine);
	}
	snprintf(text, sizeof(text), "%d of %d ports, %s", n, count, where);
	json_object_set_new(mine, p->mode, json_string(text));
}

static void cm_leave(void)
{
	if (--cm.users)
		return;
	held_drop(&cm.held);
	if (cm.started)
		contend_raw.stop();
	cm.started = false;
}

static bool raw_takes_part(const struct run *r)
{
	for (int i = 0; i < r->count; i++)
		if (r->contestants[i].who == &contend_raw && r->contestants[i].started)
			return true;
	return false;
}

static int cm_join(struct span *s, const struct run *r, int n, char *why, size_t size)
{
	if (!cm.users++) {
		cm.held.ops = contend_raw.names;
		if (!raw_takes_part(r)) {
			if (contend_raw.start(&r->o->address, why, size)) {
				cm.users = 0;
				return -1;
			}
			cm.started = true;
		}
	}
	s->uses_cm = true;
	return hold(&cm.held, &s->any, n, why, size);
}

static int own_book(struct span *s, const struct run *r, const struct contestant *c, char *why,
		    size_t size)
{
	snprintf(s->book, sizeof(s->book), "wsd-bench-%d", (int)getpid());
	snprintf(s->range, sizeof(s->range), "%d,%d", OWN_FIRST, OWN_COUNT);
	s->knobs[0] = (struct knob){"WSD_BROKER_NAME", s->book, NULL};
	s->knobs[1] = (struct knob){"WSD_DYNAMICPORT_TCP4", s->range, NULL};
	c->who->stop();
	knobs_set(s->knobs, KNOBS);
	s->knobs_are_set = true;
	return c->who->start(&r->o->address, why, size);
}

/* ---- a point ---- */

static void finish(struct run *r, struct contestant *c, const struct point *p)
{
	struct span *s = c->state;
	char why[160];
	(void)p;
	held_drop(&s->held);
	if (s->uses_cm)
		cm_leave();
	if (s->knobs_are_set) {
		c->who->stop();
		knobs_restore(s->knobs, KNOBS);
		c->who->start(&r->o->address, why, sizeof(why));
	}
	if (s->home >= 0)
		close(s->home);
	if (s->away >= 0)
		close(s->away);
	free(s);
	c->state = NULL;
}

static int hold_in_kernel(struct span *s, struct run *r, struct contestant *c,
			  const struct point *p, int percent, char *why, size_t size)
{
	int first, count;
	bool is_cm = c->who != &contend_tcp;
	if (!is_cm)
		make_namespace(s);
	if (s->away >= 0) {
		s->any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		go(s->away);
	}
	int err = read_range(&first, &count);
	if (err)
		names_fail(why, size, range_file);
	int n = err ? 0 : (int)((long)count * percent / 100);
	if (!err)
		err = is_cm ? cm_join(s, r, n, why, size) : hold(&s->held, &s->any, n, why, size);
	if (s->away >= 0)
		go(s->home);
	if (!err)
		say_held(r, c, p, n, count,
			 s->away >= 0 ? "in a network namespace of its own" : "this host's");
	return err;
}

static int set_up(struct span *s, struct run *r, struct contestant *c, const struct point *p,
		  char *why, size_t size)
{
	int percent = 0, n;
	for (int i = 0; i < SHARES; i++)
		if (!strcmp(shares[i].mode, p->mode))
			percent = shares[i].percent;
	s->any = r->o->address;
	s->any.sin_port = 0;
	s->held.ops = c->who->names;
	if (c->who != &contend_switch)
		return hold_in_kernel(s, r, c, p, percent, why, size);
	n = OWN_COUNT * percent / 100;
	if (own_book(s, r, c, why, size) || hold(&s->held, &s->any, n, why, size))
		return -1;
	say_held(r, c, p, n, OWN_COUNT, "in a book of names of its own");
	return 0;
}

static int prepare(struct run *r, struct contestant *c, const struct point *p, char *why,
		   size_t size)
{
	struct span *s = calloc(1, sizeof(*s));
	if (!s)
		return -1;
	s->home = s->away = -1;
	c->state = s;
	if (!set_up(s, r, c, p, why, size))
		return 0;
	finish(r, c, p);
	return -1;
}

static int batch(struct batch *b, char *why, size_t size)
{
	const struct span *s = b->contestant->state;
	const struct name_ops *ops = b->contestant->who->names;
	int r = 0;
	go(s->away);
	for (long i = 0; !r && !batch_over(b, i); i++) {
		struct bound *x;
		double t0 = bench_now_ns();
		if (ops->make(&x)) {
			r = names_fail(why, size, "socket");
			break;
		}
		double t1 = bench_now_ns();
		if (ops->bind(x, &s->any, 0))
			r = names_fail(why, size, "bind");
		double t2 = bench_now_ns();
		ops->close(x);
		batch_sample(b, BIND, t2 - t1);
		batch_sample(b, CYCLE, bench_now_ns() - t0);
	}
	if (s->away >= 0)
		go(s->home);
	return r;
}

/* The provider chooses no ports [PROV-BIND-16]. */
static bool takes(const struct contender *who)
{
	return who->names && who != &contend_provider;
}

const struct test test_ports = {
	.name = "ports",
	.help = "Port 0, with 0, 50 and 99 % of its range held",
	.options = OPT_DURATION,
	.iterations = 100,
	.kinds = kinds,
	.points = points,
	.prepare = prepare,
	.batch = batch,
	.finish = finish,
	.takes = takes,
};
