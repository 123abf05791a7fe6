/* SPDX-License-Identifier: MIT
 *
 * A socket in words: the record that wsd sockets shows. Takes s->lock.
 */
#include "control.h"

#include "reason.h"
#include "san.h"
#include "session.h"
#include "tcpip.h"
#include "trace.h"
#include "transport.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const state_words[] = {
	[SW_CREATED] = "created",       [SW_BOUND] = "bound",         [SW_LISTENING] = "listening",
	[SW_CONNECTING] = "connecting", [SW_CONNECTED] = "connected", [SW_CLOSED] = "closing",
};
_Static_assert(sizeof(state_words) / sizeof(state_words[0]) == SW_STATE_COUNT, "word every state");

/* What is added to the text, in order; what has no room is left out. */
struct text {
	char *at;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(t->at + t->len, t->size - t->len, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < t->size - t->len)
		t->len += (size_t)n;
}

static void add_name(struct text *t, const char *key, const struct wsd_sockaddr_storage *name,
		     int len)
{
	if (len)
		add(t, ",\"%s\":\"%s\"", key,
		    trace_name((const struct wsd_sockaddr *)name, len, TRACE_TEXT));
}

static void add_session(struct text *t, struct session *ss)
{
	struct session_stats n;
	session_get_stats(ss, &n);
	add(t,
	    ",\"bytes_sent\":%" PRIu64 ",\"bytes_received\":%" PRIu64 ",\"messages_sent\":%" PRIu64
	    ",\"messages_received\":%" PRIu64 ",\"rdma_reads\":%" PRIu64 ",\"rdma_writes\":%" PRIu64
	    ",\"rdma_bytes\":%" PRIu64 ",\"copied\":%" PRIu64 ",\"work_requests\":%" PRIu64
	    ",\"credits\":%u,\"buffers\":%u",
	    n.bytes_sent, n.bytes_received, n.messages_sent, n.messages_received, n.rdma_reads,
	    n.rdma_writes, n.rdma_bytes, n.copied, n.work_requests, n.credits, n.buffers);
}

static void add_tcp(struct text *t, const struct sw_socket *s)
{
	uint64_t sent, received;
	enum sw_reason reason = (enum sw_reason)s->tcp_reason;
	if (reason != SW_REASON_NONE)
		add(t, ",\"reason\":\"%s\",\"why\":\"%s\"", sw_reason_code(reason),
		    sw_reason_text(reason));
	if (s->type == WSD_SOCK_STREAM && tcpip_traffic(s->tcp, &sent, &received) == 0)
		add(t, ",\"bytes_sent\":%" PRIu64 ",\"bytes_received\":%" PRIu64, sent, received);
}

int control_describe(struct sw_socket *s, char *text, size_t size)
{
	struct text t = {text, size - 1, 0}; /* room for the brace */
	pthread_mutex_lock(&s->lock);
	add(&t, "{\"handle\":%llu,\"state\":\"%s\",\"protocol\":\"%s\"",
	    (unsigned long long)sw_socket_handle(s), state_words[s->state],
	    s->af == WSD_AF_UNIX         ? "unix"
	    : s->type == WSD_SOCK_STREAM ? (s->af == WSD_AF_INET6 ? "tcp6" : "tcp")
	    : s->type == WSD_SOCK_DGRAM  ? (s->af == WSD_AF_INET6 ? "udp6" : "udp")
					 : "raw");
	add_name(&t, "local", &s->local, s->local_len);
	add_name(&t, "peer", &s->peer, s->peer_len);
	if (s->transport)
		add(&t, ",\"transport\":\"%s\"", s->transport->name);
	if (s->state == SW_LISTENING)
		add(&t, ",\"companions\":%u", san_companions(s));
	if (s->session)
		add_session(&t, s->session);
	else if (s->transport)
		add_tcp(&t, s);
	pthread_mutex_unlock(&s->lock);
	text[t.len++] = '}';
	text[t.len] = '\0';
	return (int)t.len;
}
