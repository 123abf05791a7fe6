/* SPDX-License-Identifier: MIT
 *
 * A bare librdmacm client, without wsdirect: it knocks at ADDRESS PORT and says what came back. A
 * second host uses it to show that a listener is really on the wire.
 *
 * Exit status: 0 connected, 1 refused by the listener, 3 nobody listens there, 4 unreachable or no
 * device, 5 no answer (a listener has queued the request, or it was lost: only the other side can
 * tell), 2 usage.
 */
#include <rdma/rdma_cma.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
	INVALID_SERVICE_ID = 8,     /* reject status of the CM itself: no listener on that port */
	DUMMY_QP_NUMBER = 0x100000, /* no data flows: a queue pair is not needed to knock */
};

static double now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The next event within the time, or -1; *ret_status is its status, *tag whether our tag is in it.
 */
static int next_event(struct rdma_event_channel *channel, int wait_ms, int *ret_status,
		      int *ret_tag)
{
	struct pollfd p = {.fd = channel->fd, .events = POLLIN};
	struct rdma_cm_event *event;
	if (poll(&p, 1, wait_ms) <= 0 || rdma_get_cm_event(channel, &event))
		return -1;
	int kind = (int)event->event;
	const char *data = event->param.conn.private_data;
	*ret_status = event->status;
	*ret_tag = event->event == RDMA_CM_EVENT_REJECTED && data &&
		   event->param.conn.private_data_len >= 3 && !memcmp(data, "WSD", 3);
	rdma_ack_cm_event(event);
	return kind;
}

static int knock(struct rdma_event_channel *channel, struct rdma_cm_id *id, struct sockaddr_in *to,
		 int wait_ms)
{
	struct rdma_conn_param param = {
		/* unlike any other's, or the listener's host takes it for a stale one */
		.qp_num = DUMMY_QP_NUMBER + ((unsigned)getpid() & 0xffff) * 16,
		.retry_count = 3,
		.responder_resources = 1,
		.initiator_depth = 1};
	int status = 0, tag = 0;
	double start = now_ms();
	if (rdma_resolve_addr(id, NULL, (struct sockaddr *)to, 2000) ||
	    next_event(channel, 3000, &status, &tag) != RDMA_CM_EVENT_ADDR_RESOLVED) {
		printf("no RDMA path: address not resolved (%d)\n", status);
		return 4;
	}
	if (rdma_resolve_route(id, 2000) ||
	    next_event(channel, 3000, &status, &tag) != RDMA_CM_EVENT_ROUTE_RESOLVED) {
		printf("no RDMA path: route not resolved (%d)\n", status);
		return 4;
	}
	printf("address and route resolved over %s after %.1f ms\n",
	       ibv_get_device_name(id->verbs->device), now_ms() - start);
	start = now_ms();
	if (rdma_connect(id, &param)) {
		printf("rdma_connect failed: %s\n", strerror(errno));
		return 4;
	}
	int kind = next_event(channel, wait_ms, &status, &tag);
	double took = now_ms() - start;
	if (kind < 0) {
		printf("no answer within %d ms\n", wait_ms);
		return 5;
	}
	if (kind == RDMA_CM_EVENT_REJECTED && status == INVALID_SERVICE_ID) {
		printf("refused after %.1f ms, status %d: nobody listens on that port\n", took,
		       status);
		return 3;
	}
	if (kind == RDMA_CM_EVENT_REJECTED) {
		printf("refused after %.1f ms, status %d, %s\n", took, status,
		       tag ? "with the tag of wsdirect: by a Windows Sockets listener"
			   : "without our tag: not by a Windows Sockets listener");
		return 1;
	}
	printf("event %s, status %d, after %.1f ms\n",
	       rdma_event_str((enum rdma_cm_event_type)kind), status, took);
	return kind == RDMA_CM_EVENT_ESTABLISHED || kind == RDMA_CM_EVENT_CONNECT_RESPONSE ? 0 : 4;
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = {.sin_family = AF_INET};
	if (argc < 3 || argc > 4 || inet_pton(AF_INET, argv[1], &to.sin_addr) != 1) {
		fputs("usage: demo-cmclient ADDRESS PORT [WAIT_MS]\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	to.sin_port = htons((uint16_t)atoi(argv[2]));
	printf("knocking at %s:%u\n", argv[1], ntohs(to.sin_port));
	struct rdma_event_channel *channel = rdma_create_event_channel();
	struct rdma_cm_id *id;
	if (!channel || rdma_create_id(channel, &id, NULL, RDMA_PS_TCP)) {
		printf("no RDMA here: %s\n", strerror(errno));
		if (channel)
			rdma_destroy_event_channel(channel);
		return 4;
	}
	int result = knock(channel, id, &to, argc > 3 ? atoi(argv[3]) : 1000);
	rdma_destroy_id(id);
	rdma_destroy_event_channel(channel);
	return result;
}
