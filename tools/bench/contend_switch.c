/* SPDX-License-Identifier: MIT
 *
 * contend_switch.c - the library as applications have it: Winsock over the switch, with both
 * transports. State: whether it is started.
 */
#include "contend.h"

#include "host.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <wsd/api.h>

struct bound {
	SOCKET s;
};

static bool started;

static int result(int r)
{
	return r ? contend_result(wsd_WSAGetLastError()) : 0;
}

static int switch_make(struct bound **ret)
{
	struct bound *b = malloc(sizeof(*b));
	if (!b)
		return -1;
	b->s = wsd_socket(WSD_AF_INET, WSD_SOCK_STREAM, WSD_IPPROTO_TCP);
	if (b->s == INVALID_SOCKET) {
		free(b);
		return result(-1);
	}
	*ret = b;
	return 0;
}

static int switch_bind(struct bound *b, const struct sockaddr_in *name, unsigned flags)
{
	static const struct {
		unsigned flag;
		int option;
	} rows[] = {{BIND_SHARE, WSD_SO_REUSEADDR}, {BIND_EXCLUSIVE, SO_EXCLUSIVEADDRUSE}};
	struct wsd_sockaddr_in at = contend_winsock_name(name);
	int one = 1;
	for (size_t i = 0; flags && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (flags & rows[i].flag &&
		    wsd_setsockopt(b->s, WSD_SOL_SOCKET, rows[i].option, (char *)&one, sizeof(one)))
			return result(-1);
	return result(wsd_bind(b->s, (struct wsd_sockaddr *)&at, sizeof(at)));
}

static int switch_listen(struct bound *b, int backlog)
{
	return result(wsd_listen(b->s, backlog));
}

static int switch_name(struct bound *b, struct sockaddr_in *ret)
{
	struct wsd_sockaddr_in at;
	int size = sizeof(at);
	if (wsd_getsockname(b->s, (struct wsd_sockaddr *)&at, &size))
		return result(-1);
	*ret = contend_socket_name(&at);
	return 0;
}

static int switch_serve(struct bound *b)
{
	SOCKET s = wsd_accept(b->s, NULL, NULL);
	if (s == INVALID_SOCKET)
		return result(-1);
	wsd_closesocket(s);
	return 0;
}

static int switch_close(struct bound *b)
{
	int r = wsd_closesocket(b->s);
	free(b);
	return result(r);
}

const struct name_ops switch_names = {switch_make, switch_bind,  switch_listen,
				      switch_name, switch_serve, switch_close};

static int start(const struct sockaddr_in *here, char *why, size_t size)
{
	WSADATA data;
	struct host h;
	char module[PATH_MAX];
	/* without RDMA it serves by TCP/IP, which is what users have then; but an RDMA port whose
	 * provider is missing would give figures that look like the SAN's */
	host_look(&h, "", here);
	if (h.device[0] && contend_provider_module(module, sizeof(module), why, size))
		return -1;
	int code = wsd_WSAStartup(0x0202, &data);
	if (code) {
		snprintf(why, size, "WSAStartup fails with %d", code);
		return -1;
	}
	started = true;
	return 0;
}

static void stop(void)
{
	if (started)
		wsd_WSACleanup();
	started = false;
}

const struct contender contend_switch = {
	.name = "switch",
	.title = "wsdirect, Winsock",
	.start = start,
	.stop = stop,
	.names = &switch_names,
	.conns = &switch_conns,
};
