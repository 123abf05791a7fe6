/* SPDX-License-Identifier: MIT
 *
 * The session of one SAN connection: negotiation, credits, messages, RDMA transfers, urgent data,
 * the end [switch.md parts 9 to 12; docs/wire.md]. It knows the provider's table of calls and
 * nothing of handles, names, TCP/IP or the application's calls; transport_san.c stands between.
 *
 * Completions come by WPUCompleteOverlappedRequest, on the provider's thread or on a thread that
 * polls: upcalls.c hands them to session_complete(), which only queues them; whoever holds the
 * session drains the queue, and who finds it free becomes its holder. So a provider may complete
 * from inside any downcall, and no lock is held that an upcall takes.
 *
 * Lock: the session's own, held over downcalls into the provider, and over ops->up and ops->ready,
 * which take leaf locks only. A finish() may run inside an upcall, for whose end a thread that
 * closes the SAN socket waits with this lock held: so it must not enter the session.
 */
#ifndef WSD_SWITCH_SESSION_H
#define WSD_SWITCH_SESSION_H

#include "provider.h"
#include "request.h"
#include "session_config.h"
#include "waiter.h"

struct session;
struct reactor;

/* The connected SAN socket beneath. */
struct session_link {
	struct san_provider *provider;
	SOCKET desc;   /* for downcalls */
	SOCKET handle; /* for upcalls */
	struct wsd_sockaddr_in local, peer;
};

struct session_ops {
	/* The negotiation has ended: 0, or WSA code with the session unusable (close it). Once, and
	 * before `ended`. */
	void (*up)(void *ctx, int code);
	/* Conditions that became true: SW_READY_*; @code for CLOSE. */
	void (*ready)(void *ctx, unsigned bits, int code);
	/* After session_close(): the stream has ended both ways or time is up, the SAN socket is
	 * closed, no callback follows: session_free may be called. Once. */
	void (*ended)(void *ctx);
};

/* What wsd sockets shows, and tests assert. */
struct session_stats {
	uint64_t bytes_sent, bytes_received;
	uint64_t messages_sent, messages_received;
	uint64_t rdma_reads, rdma_writes, rdma_bytes;
	uint64_t copied;           /* bytes that user space copied */
	uint64_t work_requests;    /* downcalls that move data */
	uint32_t credits, buffers; /* now */
};

/**
 * session_create - begin on a connected SAN socket: buffers, receives, and as initiator the HELLO
 * The session closes link->desc in the end, whatever happens; on failure here it is left to the
 * caller. Time-outs (10 s without HELLO: SW-ACCEPT-7) by @reactor's timers.
 * `up` may come before this returns (*ret is set before); later failures are told by it.
 * Return: 0, or a WSA code.
 */
int session_create(const struct session_link *link, bool initiator,
		   const struct session_config *config, const struct session_ops *ops, void *ctx,
		   struct reactor *reactor, struct session **ret);

/* @ctx of session_create. */
void *session_context(const struct session *ss);

/* From upcalls.c; any thread, any time until WPUCloseSocketHandle. */
void session_complete(struct session *ss, LPWSAOVERLAPPED overlapped, int code, uint32_t bytes);

/* As struct sw_transport; see there. */
bool session_submit(struct session *ss, struct sw_request *r);
bool session_cancel(struct session *ss, struct sw_request *r, int code);
/* The plain cases of both, without a request: all @n bytes are sent, as one message, or nothing has
 * happened; as many bytes as are there, or 0. What stands in the way is for session_submit. */
bool session_send_now(struct session *ss, const void *at, uint32_t n);
uint32_t session_receive_now(struct session *ss, void *to, uint32_t room);
/* Harvest completions for at most @spin_us, and once at least, until @r is over (r may be NULL:
 * until any event). True: so it is. */
bool session_poll(struct session *ss, const struct sw_request *r, unsigned spin_us);
/* This thread will sleep for @r (or NULL): *ret_fd becomes readable with the next completion, or is
 * -1 when the provider has no such thing and its own thread serves. False: look again first.
 * Balanced by session_attended. */
bool session_attend(struct session *ss, const struct sw_request *r, int *ret_fd);
void session_attended(struct session *ss);
/* The same at the end of a sleep for @r, and session_poll of it with one look; when it is over,
 * also session_quit, where @others(@ctx) is asked with the session's lock held: by then nobody who
 * has begun to wait before it can take us for one who looks. True: @r is over. */
bool session_woken(struct session *ss, const struct sw_request *r, bool (*others)(void *ctx),
		   void *ctx);
/* What is worth a try before a sleep for @r: to look for as long as is configured, and to give the
 * processor away once. True: @r is over, and so is session_quit, if it has to be; @others as there
 * and in session_woken. */
bool session_spin(struct session *ss, const struct sw_request *r, bool (*others)(void *ctx),
		  void *ctx);
/* A call that may have slept is over. The provider's thread attends at once if something pends that
 * nobody's call waits for, or if @others do wait who do not look themselves: none of them is late
 * because this thread had looked. Else it does a moment later; the next call may come first. */
void session_quit(struct session *ss, bool others);
/* Nobody of this session's callers will look for a while: the provider's thread attends again. */
void session_detach(struct session *ss);
unsigned session_ready(struct session *ss, unsigned want);
int session_shutdown(struct session *ss, int how);
uint32_t session_readable(struct session *ss);
bool session_at_mark(struct session *ss);
/* Are bytes not sent, or not fetched, that a call was told are? The caller may hold s->lock. */
bool session_unsent(struct session *ss);
/* The SAN socket's option, one that is forwarded [SW-OPT-1]. WSA code; WSAENOTCONN: it is closed.
 */
int session_get_option(struct session *ss, int name, char *value, int *len);
int session_set_option(struct session *ss, int name, const char *value, int len);
const struct san_provider *session_provider(const struct session *ss);
int session_error(struct session *ss); /* why it is lost; 0: it is not */
void session_set_buffers(struct session *ss, uint32_t sndbuf, uint32_t rcvbuf, bool oob_inline);
void session_keepalive(struct session *ss, uint32_t idle_ms, uint32_t interval_ms, unsigned count);
void session_get_stats(struct session *ss, struct session_stats *ret); /* s->lock may be held */

/**
 * session_close - the end [SW-CLOSE-2]: what is queued is sent, then SHUT_SEND, within @linger_ms
 * (0: abortive, at once); then it waits for the peer's, at most 30 s. Pending requests end with
 * WSA_OPERATION_ABORTED. ops->ended comes, perhaps before this returns. The caller holds no lock
 * that a finish() or ops->up takes: WSPCloseSocket waits for upcalls that run.
 */
void session_close(struct session *ss, uint32_t linger_ms);
/* After session_close: the peer has everything, or never will; told by `ready` with CLOSE. */
bool session_delivered(struct session *ss);
/* After `ended`, also within it. Nobody else uses the session any more. NULL is fine. */
void session_free(struct session *ss);

#endif
