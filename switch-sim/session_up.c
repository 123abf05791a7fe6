/* SPDX-License-Identifier: MIT
 *
 * Negotiation: from a connected SAN socket to a session that is up [SW-SESSION-1 to -5, -8, -9].
 * Never a wait: a step at create, the next ones as messages come. Lock: session.lock, held.
 */
#include "session_priv.h"

#include "log.h"

#include <string.h>
#include <unistd.h>

enum { DEFAULT_THRESHOLD = 16384, PROBE = 64 };

/* A DWORD option of the SAN socket; 0: it has none. */
static uint32_t option(struct session *ss, int name)
{
	DWORD value = 0;
	int length = sizeof(value), error = 0;
	if (ss->call->lpWSPGetSockOpt(ss->link.desc, WSD_SOL_SOCKET, name, (char *)&value, &length,
				      &error) != 0)
		return 0;
	return value;
}

int session_get_option(struct session *ss, int name, char *value, int *len)
{
	int error = 0, result = SOCKET_ERROR;
	ss_enter_held(ss);
	if (!ss->desc_closed)
		result = ss->call->lpWSPGetSockOpt(ss->link.desc, WSD_SOL_SOCKET, name, value, len,
						   &error);
	ss_leave_held(ss);
	return result == 0 ? 0 : error ? error : WSAENOTCONN;
}

int session_set_option(struct session *ss, int name, const char *value, int len)
{
	int error = 0, result = SOCKET_ERROR;
	ss_enter_held(ss);
	if (!ss->desc_closed)
		result = ss->call->lpWSPSetSockOpt(ss->link.desc, WSD_SOL_SOCKET, name, value, len,
						   &error);
	ss_leave_held(ss);
	return result == 0 ? 0 : error ? error : WSAENOTCONN;
}

const struct san_provider *session_provider(const struct session *ss)
{
	return ss->link.provider;
}

/* What the provider can do [SW-SESSION-5]; requests never exceed it. */
static int limits(struct session *ss)
{
	struct session_config *c = &ss->config;
	uint32_t message = option(ss, SO_MAX_MSG_SIZE), rdma = option(ss, SO_MAX_RDMA_SIZE);
	uint32_t threshold = option(ss, SO_RDMA_THRESHOLD_SIZE);
	ss->max_message = message ? message : SM_NEGOTIATION_MAX;
	ss->max_rdma = rdma;
	ss->threshold = c->threshold ? c->threshold : threshold ? threshold : DEFAULT_THRESHOLD;
	c->idle_buffers =
		c->idle_buffers < SESSION_BUFFERS_MIN ? SESSION_BUFFERS_MIN : c->idle_buffers;
	c->idle_size = c->idle_size < SM_NEGOTIATION_MAX ? SESSION_IDLE_SIZE : c->idle_size;
	c->full_size = c->full_size ? c->full_size : SESSION_FULL_SIZE;
	c->full_buffers = !c->full_buffers                        ? 12
			  : c->full_buffers < SESSION_BUFFERS_MIN ? SESSION_BUFFERS_MIN
								  : c->full_buffers;
	if (ss->max_message < SM_NEGOTIATION_MAX)
		return WSAEMSGSIZE;
	if (c->idle_size > ss->max_message)
		c->idle_size = ss->max_message;
	if (c->full_size > ss->max_message)
		c->full_size = ss->max_message;
	/* a region is one block of the slab */
	while (c->idle_buffers * c->idle_size > SESSION_BOUNCE &&
	       c->idle_buffers > SESSION_BUFFERS_MIN)
		c->idle_buffers--;
	while (c->full_buffers * c->full_size > SESSION_BOUNCE &&
	       c->full_buffers > SESSION_BUFFERS_MIN)
		c->full_buffers--;
	return 0;
}

/* The length of this provider's descriptors: the call is made to fail [SW-FLOW-7]. */
static void probe_descriptor(struct session *ss)
{
	LPFN_WSPREGISTERRDMAMEMORY expose =
		(LPFN_WSPREGISTERRDMAMEMORY)ss_extension(ss, SAN_REGISTER_RDMA_MEMORY);
	uint8_t nothing[1];
	DWORD length = 0;
	int error = 0;
	if (!expose || !ss->max_rdma || !ss_extension(ss, SAN_RDMA_WRITE))
		return;
	if (expose(ss->link.desc, ss->rx->memory, PROBE, MEM_READ, nothing, &length, &error) ==
		    SOCKET_ERROR &&
	    error == WSAEFAULT && length <= SM_DESCRIPTOR_MAX)
		ss->descriptor_length = length;
}

static bool send_hello(struct session *ss, uint8_t opcode)
{
	struct sm_message m = {.opcode = opcode};
	struct sm_hello *h = &m.hello;
	h->version_min = h->version_max = SM_VERSION;
	h->descriptor_length = ss->descriptor_length;
	h->features = SM_CAN_URGENT | (ss->descriptor_length ? SM_CAN_RDMA_WRITE : 0) |
		      (ss->can_read ? SM_CAN_RDMA_READ : 0);
	h->buffers = ss->rx->count;
	h->buffer_size = ss->rx->size;
	h->max_message = ss->max_message;
	h->max_rdma = ss->max_rdma;
	h->threshold = ss->threshold;
	h->session_id = (uint64_t)(uint32_t)getpid() << 32 | (uint32_t)ss->link.handle;
	memcpy(h->local, &ss->link.local, sizeof(h->local));
	memcpy(h->remote, &ss->link.peer, sizeof(h->remote));
	memcpy(h->provider, &ss->link.provider->info.ProviderId, sizeof(h->provider));
	return ss_send(ss, &m, false);
}

int ss_begin(struct session *ss)
{
	int code = limits(ss);
	if (!code)
		code = ss_regions_open(ss);
	if (code)
		return code;
	probe_descriptor(ss);
	ss->can_read = ss->descriptor_length && !ss->config.no_rdma_read &&
		       ss_extension(ss, SAN_RDMA_READ);
	code = ss_post_all(ss, ss->rx);
	if (code && !ss->posted) {
		ss_regions_close(ss);
		return code;
	}
	/* From here on the provider has our memory: a failure is told by `up`. */
	ss->grant[0] = (struct ss_grant){.credits = 0, .size = SM_NEGOTIATION_MAX};
	if (code || (ss->initiator && !send_hello(ss, SM_HELLO))) {
		ss->tx_broken = code ? code : ss->tx_broken;
		ss_timer(ss, T_BROKEN, 1);
	}
	ss_timer(ss, T_HELLO, SESSION_HELLO_MS);
	return 0;
}

void ss_up(struct session *ss, int code)
{
	if (ss->up_told)
		return;
	ss->up_told = true;
	ss->up_due = true;
	ss->up_code = code;
	ss_timer(ss, T_HELLO, 0);
}

/* Whether the peer means this connection. What a side cannot know (a wildcard) fits. */
static bool fits(const struct wsd_sockaddr_in *ours, const uint8_t theirs[16])
{
	struct wsd_sockaddr_in in;
	memcpy(&in, theirs, sizeof(in));
	return (!ours->sin_addr.s_addr || !in.sin_addr.s_addr ||
		ours->sin_addr.s_addr == in.sin_addr.s_addr) &&
	       (!ours->sin_port || !in.sin_port || ours->sin_port == in.sin_port);
}

/* Take the peer's side of the bargain. 0, or the reason of a HELLO_NAK. */
static int take_hello(struct session *ss, const struct sm_hello *h, uint32_t credits)
{
	if (h->version_max >> 4 < SM_VERSION >> 4 || h->version_min > SM_VERSION)
		return SM_NAK_VERSION;
	if (h->buffers < SESSION_BUFFERS_MIN)
		return SM_NAK_RESOURCES;
	if (!fits(&ss->link.peer, h->local) || !fits(&ss->link.local, h->remote))
		return SM_NAK_NAMES;
	ss->grant[0] = (struct ss_grant){
		.credits = credits,
		.size = h->buffer_size,
		.count = h->buffers,
	};
	ss->their_descriptor_length = h->descriptor_length;
	ss->they_read = h->features & SM_CAN_RDMA_READ;
	if (!h->descriptor_length || !(h->features & SM_CAN_RDMA_WRITE) || !h->max_rdma)
		ss->descriptor_length = 0; /* no RDMA at all */
	if (h->max_rdma < ss->max_rdma)
		ss->max_rdma = h->max_rdma;
	return 0;
}

static void refuse(struct session *ss, int reason)
{
	struct sm_message m = {.opcode = SM_HELLO_NAK, .code = (uint32_t)reason};
	ss->grant[0].credits = 1;
	ss_send(ss, &m, true);
	ss_lost(ss, WSAEOPNOTSUPP);
}

void ss_on_hello(struct session *ss, const struct sm_message *m)
{
	if (ss->initiator) {
		ss_protocol(ss, "a HELLO from the one that was asked");
		return;
	}
	int reason = take_hello(ss, &m->hello, m->hello.buffers);
	if (reason) {
		refuse(ss, reason);
		return;
	}
	/* HELLO_ACK comes after all receives; the one that HELLO came in is posted again by now.
	 * It costs a credit: the initiator's N are what it has, not one more. */
	ss->peer_left = ss->rx->count;
	ss->state = SESSION_UP;
	if (send_hello(ss, SM_HELLO_ACK))
		ss_up(ss, 0);
	else
		ss_lost(ss, ss->tx_broken ? ss->tx_broken : WSAENOBUFS);
}

void ss_on_hello_ack(struct session *ss, const struct sm_message *m)
{
	if (!ss->initiator) {
		ss_protocol(ss, "a HELLO_ACK to one that did not ask");
		return;
	}
	int reason = take_hello(ss, &m->hello, m->hello.buffers);
	if (reason) {
		wsd_log(WSD_LOG_INFO, "session: the HELLO_ACK does not fit (%d)", reason);
		ss_lost(ss, WSAEOPNOTSUPP);
		return;
	}
	ss->peer_left = ss->rx->count - 1;
	ss->state = SESSION_UP;
	ss_up(ss, 0);
}

void ss_on_hello_nak(struct session *ss, const struct sm_message *m)
{
	wsd_log(WSD_LOG_INFO, "session: the peer refuses the negotiation, reason %u", m->code);
	ss_lost(ss, WSAEOPNOTSUPP);
}
