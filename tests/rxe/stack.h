/* SPDX-License-Identifier: MIT
 *
 * For tests of the whole stack on soft-RoCE: libwsdirect over the real provider, and a bare
 * librdmacm client as the other side. Header only.
 */
#ifndef WSD_TESTS_STACK_H
#define WSD_TESTS_STACK_H

#include "peer.h"
#include "rdma_peer.h"

#define SAN0  "10.77.0.1"
#define SAN1  "10.77.1.1"
#define SAN2  "10.77.2.1"
#define SAN2B "10.77.2.101"
#define LAN0  "10.78.0.1"

enum {
	PORT = 6100,
	KNOCKS_MAX = 16,    /* of one test: each may leave an endpoint in the pool */
	QUIET_MS = 150,     /* for what must not happen */
	ANSWER_MS = 2000,   /* each request is answered, within some 30 ms */
	SOON_MS = 5000,     /* fails the test, never decides it */
	SERVED_MS = 20000,  /* likewise; a lost request is sent again after four seconds */
	NOBODY = 1000,      /* an unprivileged user */
	INVALID_SERVICE = 8 /* the CM's own refusal: no listener */
};

__attribute__((unused)) static const char *const sans[] = {SAN0, SAN1, SAN2, SAN2B};

/* Real provider, own book of names. The first bind makes librdmacm open the devices, which it
 * keeps. */
__attribute__((unused)) static void stack_start(void)
{
	setenv("WSD_CATALOG", WSD_TEST_CATALOG, 1);
	ws_start();
}

/* The switch takes a request at once, and waits for a HELLO that a bare librdmacm client never
 * sends; it may also still be on its way. */
__attribute__((unused)) static bool taken(int event)
{
	return event == RDMA_CM_EVENT_CONNECT_RESPONSE || event == RDMA_PEER_NOTHING;
}

/* Somebody takes the request: only a switch does. One that gets no answer at all was lost. */
__attribute__((unused)) static bool served(const char *ip, unsigned port)
{
	int event = RDMA_PEER_NOTHING;
	for (int i = 0; i < 3 && event == RDMA_PEER_NOTHING; i++) {
		struct rdma_peer k;
		memset(&k, 0, sizeof(k));
		event = rdma_peer_connect(&k, ip, ip, (uint16_t)port, NULL, 0)
				? RDMA_PEER_ERROR
				: rdma_peer_wait(&k, ANSWER_MS);
		rdma_peer_close(&k);
	}
	return event == RDMA_CM_EVENT_CONNECT_RESPONSE;
}

/* A client that nobody accepts, in the listener's queue: a switch's, of this process. */
__attribute__((unused)) static SOCKET queued_client(const char *ip, unsigned port)
{
	SOCKET s = ws_tcp();
	SOCKADDR_IN to = ws_in(ip, port);
	WS_OK(wsd_connect(s, (SOCKADDR *)&to, sizeof(to)));
	return s;
}

/* What one knock gets: the reject's status, or 0: it is taken. */
__attribute__((unused)) static int knock(const char *ip, unsigned port)
{
	struct rdma_peer k;
	memset(&k, 0, sizeof(k));
	int err = rdma_peer_connect(&k, ip, ip, (uint16_t)port, NULL, 0);
	int event = err ? RDMA_PEER_ERROR : rdma_peer_wait(&k, ANSWER_MS);
	int status = event == RDMA_CM_EVENT_REJECTED ? k.status : taken(event) ? 0 : -1;
	rdma_peer_close(&k);
	return status;
}

__attribute__((unused)) static SOCKET listener(const char *ip, unsigned port, int backlog)
{
	SOCKET s = ws_tcp();
	WS_OK(ws_bind(s, ip, port));
	WS_OK(wsd_listen(s, backlog));
	return s;
}

__attribute__((unused)) static int command(const char *line)
{
	int status = system(line); /* NOLINT(cert-env33-c): a test's own, constant commands */
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#endif
