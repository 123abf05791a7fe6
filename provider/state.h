/* SPDX-License-Identifier: MIT
 *
 * The states of a SAN socket and what each call does in each of them: provider.md part 5 as data.
 */
#ifndef WSD_PROVIDER_STATE_H
#define WSD_PROVIDER_STATE_H

#include <stdbool.h>

struct sock;

enum sock_state {
	SS_CREATED,
	SS_BOUND,
	SS_LISTENING,
	SS_CONNECTING,
	SS_CONNECTED,
	SS_BROKEN,      /* the peer reset it, or the transport failed */
	SS_HANDED_OVER, /* after WSPDuplicateSocket */
	SS_CLOSED,
	SS_COUNT
};

enum sock_call {
	SC_BIND,
	SC_LISTEN,
	SC_CONNECT,
	SC_ACCEPT,
	SC_TRANSFER, /* Send, Recv, RDMA */
	SC_REGISTER,
	SC_DEREGISTER,
	SC_DUPLICATE,
	SC_QUERY, /* EventSelect, Enum, SockOpt, Ioctl */
	SC_CLOSE,
	SC_COUNT
};

/* A code that is none: SS_BROKEN answers transfers with the reason stored in the socket. */
#define SOCK_STORED_REASON (-1)

struct sock_step {
	int code;         /* 0: legal; a WSA code; or SOCK_STORED_REASON */
	unsigned char to; /* the next state + 1; 0: it stays */
};

/* What happens to a socket without a call. */
enum sock_news {
	SN_ACCEPTED,    /* made by WSPAccept */
	SN_ESTABLISHED, /* a connect has succeeded */
	SN_FAILED,      /* a connect has failed: as before it */
	SN_LOST,        /* reset by the peer, or the transport failed */
	SN_COUNT
};

extern const struct sock_step sock_steps[SS_COUNT][SC_COUNT];

static inline int sock_check(enum sock_state state, enum sock_call call)
{
	return sock_steps[state][call].code;
}

/* The state after the call succeeded; meaningful for legal calls. */
static inline enum sock_state sock_next(enum sock_state state, enum sock_call call)
{
	int to = sock_steps[state][call].to;
	return to ? (enum sock_state)(to - 1) : state;
}

/* The state after @news, or SS_COUNT where it means nothing. */
enum sock_state sock_after(enum sock_state state, enum sock_news news);

/* The only writers of s->state. Caller holds s->call, the call was legal and has succeeded. */
void sock_move(struct sock *s, enum sock_call call);
/* False, and nothing has changed, where @news means nothing. Caller holds s->call. */
bool sock_turn(struct sock *s, enum sock_news news);

const char *sock_state_name(enum sock_state state);
const char *sock_call_name(enum sock_call call);

#endif
