/* SPDX-License-Identifier: MIT
 *
 * options_place.c - where a run takes place: the address of this end. No state; opens no device.
 */
#include "options.h"

#include "nic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct place {
	struct options *o;
	const struct nic_snapshot *nics; /* NULL: cannot be read */
	char *why;
	size_t size;
};

/* The source address that the kernel would take towards @name. 0 or negative errno. */
static int route_to(const struct place *p, const char *name, struct in_addr *ret)
{
	struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_DGRAM}, *found;
	struct sockaddr_in here;
	socklen_t len = sizeof(here);

	int e = getaddrinfo(name, NULL, &hints, &found);
	if (e) {
		snprintf(p->why, p->size, "server '%s': %s", name,
			 e == EAI_SYSTEM ? strerror(errno) : gai_strerror(e));
		return -EADDRNOTAVAIL;
	}
	struct sockaddr_in to;
	memcpy(&to, found->ai_addr, sizeof(to));
	freeaddrinfo(found);
	to.sin_port = htons(DEFAULT_PORT); /* nothing is sent */
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)) ||
				getsockname(s, (struct sockaddr *)&here, &len)
			? -errno
			: 0;
	if (s >= 0)
		close(s);
	if (r)
		snprintf(p->why, p->size, "no way to the server '%s': %s", name, strerror(-r));
	else
		*ret = here.sin_addr;
	return r;
}

/* --- by device --- */

static void device_names(const struct nic_snapshot *s, char *text, size_t size)
{
	const struct nic_port *port;
	const char *last = "";
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; (port = nic_snapshot_port(s, i)) && used < size; i++) {
		if (strcmp(port->device, last) != 0)
			used += (size_t)snprintf(text + used, size - used, "%s%s",
						 *last ? ", " : "", port->device);
		last = port->device;
	}
}

/* Why there is no address on the device that was asked for. */
static int no_address(const struct place *p)
{
	const struct options *o = p->o;
	const struct nic_port *port = NULL, *seen = NULL;
	bool device = false;
	char names[200];

	for (size_t i = 0; (port = nic_snapshot_port(p->nics, i)); i++) {
		if (strcmp(port->device, o->device) != 0)
			continue;
		device = true;
		if (!o->ib_port || port->port_num == (unsigned)o->ib_port)
			seen = seen ? seen : port;
	}
	device_names(p->nics, names, sizeof(names));
	if (!device)
		snprintf(p->why, p->size, "there is no RDMA device '%s' here; there %s%s",
			 o->device, *names ? "are: " : "is none", names);
	else if (!seen)
		snprintf(p->why, p->size, "the device '%s' has no port %d", o->device, o->ib_port);
	else
		snprintf(p->why, p->size, "port %u of '%s' cannot be used: %s", seen->port_num,
			 o->device, nic_reason_text(seen->reason));
	return -ENODEV;
}

static bool is_of_device(const struct place *p, const struct nic_addr *a)
{
	const struct options *o = p->o;
	const struct nic_port *port = nic_snapshot_port(p->nics, a->port_index);
	return a->usable && port && !strcmp(port->device, o->device) &&
	       (!o->ib_port || port->port_num == (unsigned)o->ib_port);
}

/* The address towards the server where the device has several, else its first. */
static int by_device(const struct place *p, struct in_addr *ret)
{
	struct in_addr towards = {0};
	const struct nic_addr *a, *first = NULL;

	if (!p->nics) {
		snprintf(p->why, p->size, "'%s': the RDMA devices of this host cannot be read",
			 p->o->device);
		return -ENODEV;
	}
	if (p->o->count) {
		int r = route_to(p, p->o->servers[0], &towards);
		if (r)
			return r;
	}
	for (size_t i = 0; (a = nic_snapshot_addr(p->nics, i)); i++) {
		if (!is_of_device(p, a))
			continue;
		if (!first || a->addr_be == towards.s_addr)
			first = a;
	}
	if (!first)
		return no_address(p);
	ret->s_addr = first->addr_be;
	return 0;
}

/* --- by nothing --- */

static void any_interface(struct in_addr *ret)
{
	struct ifaddrs *all, *i;

	ret->s_addr = htonl(INADDR_LOOPBACK);
	if (getifaddrs(&all))
		return;
	for (i = all; i; i = i->ifa_next) {
		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
		    (i->ifa_flags & IFF_LOOPBACK) || !(i->ifa_flags & IFF_UP))
			continue;
		struct sockaddr_in a;
		memcpy(&a, i->ifa_addr, sizeof(a));
		*ret = a.sin_addr;
		break;
	}
	freeifaddrs(all);
}

static void any_nic(const struct place *p, struct in_addr *ret)
{
	const struct nic_addr *a;
	for (size_t i = 0; p->nics && (a = nic_snapshot_addr(p->nics, i)); i++)
		if (a->usable) {
			ret->s_addr = a->addr_be;
			return;
		}
	any_interface(ret);
}

/* --address: it must be one of ours. */
static int given(const struct place *p, const struct in_addr *a)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr = *a};
	char text[INET_ADDRSTRLEN];
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r = s < 0 || bind(s, (struct sockaddr *)&name, sizeof(name)) ? -errno : 0;

	if (s >= 0)
		close(s);
	inet_ntop(AF_INET, a, text, sizeof(text));
	if (r)
		snprintf(p->why, p->size, "--address: %s: %s", text,
			 r == -EADDRNOTAVAIL ? "no interface of this host has it" : strerror(-r));
	return r;
}

/* 1, 2, ... up to the ports that have a usable address. */
static void all_nics(const struct place *p)
{
	const struct nic_port *port;
	struct list *l = &p->o->nics;

	for (size_t i = 0; p->nics && (port = nic_snapshot_port(p->nics, i)); i++)
		if (port->usable && l->n < LIST_MAX) {
			l->v[l->n] = (size_t)l->n + 1;
			l->n++;
		}
	if (!l->n)
		*l = (struct list){1, {1}};
}

int options_place(struct options *o, char *why, size_t size)
{
	struct place p = {.o = o, .why = why, .size = size};
	struct nic_snapshot *nics;
	struct in_addr a = o->address.sin_addr;
	int r = 0;

	if (!nic_discover(&nics))
		p.nics = nics;
	if (o->address.sin_family)
		r = given(&p, &a);
	else if (o->device)
		r = by_device(&p, &a);
	else if (o->count)
		r = route_to(&p, o->servers[0], &a);
	else
		any_nic(&p, &a);
	if (!r) {
		o->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = a};
		if (!o->nics.n)
			all_nics(&p);
	}
	nic_snapshot_unref(p.nics);
	return r;
}
