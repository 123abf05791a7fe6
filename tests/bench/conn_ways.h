/* SPDX-License-Identifier: MIT
 *
 * The ways to have a connection that are measured beside each other: bare librdmacm, the library
 * over the SAN, rsockets, kernel TCP.
 */
#ifndef WSD_BENCH_CONN_WAYS_H
#define WSD_BENCH_CONN_WAYS_H

#include <netinet/in.h>
#include <stddef.h>

struct end; /* one end of a connection; a way's own */

struct way {
	const char *name;
	/* Listens on @at; once. Return 0 or -1. */
	int (*start)(const struct sockaddr_in *at);
	void (*stop)(void);
	/* A new connection, both ends; @size: the largest message. */
	int (*open)(size_t size, struct end **client, struct end **server);
	/* @n of them, all under way at once; NULL: the way cannot. */
	int (*flight)(int n, struct end **clients, struct end **servers);
	void (*close)(struct end *client, struct end *server);
	int (*send)(struct end *e, const char *data, size_t n);
	/* Exactly @n bytes. */
	int (*recv)(struct end *e, char *data, size_t n);
};

enum { WAY_RAW, WAY_RAW_CM, WAY_SWITCH, WAY_RSOCKETS, WAY_TCP, WAY_COUNT };
extern const struct way ways[WAY_COUNT];

#endif
