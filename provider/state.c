/* SPDX-License-Identifier: MIT
 *
 * The state table of provider.md part 5 as data, and the only writers of a socket's state. No locks
 * of its own: callers hold sock->call.
 */
#include "state.h"

#include "prov.h"

#define NO(code_)               \
	{                       \
		.code = (code_) \
	}
#define GO(state_)                 \
	{                          \
		.to = (state_) + 1 \
	}
#define OK                \
	{                 \
		.code = 0 \
	}
#define REASON                             \
	{                                  \
		.code = SOCK_STORED_REASON \
	}

const struct sock_step sock_steps[SS_COUNT][SC_COUNT] =
	{
		[SS_CREATED] =
			{
				[SC_BIND] = GO(SS_BOUND),
				[SC_LISTEN] = NO(WSAEINVAL),
				[SC_CONNECT] = NO(WSAEINVAL),
				[SC_ACCEPT] = NO(WSAEINVAL),
				[SC_TRANSFER] = NO(WSAENOTCONN),
				[SC_REGISTER] = NO(WSAENOTCONN),
				[SC_DEREGISTER] = NO(WSAEINVAL),
				[SC_DUPLICATE] = NO(WSAEINVAL),
				[SC_QUERY] = OK,
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_BOUND] =
			{
				[SC_BIND] = NO(WSAEINVAL),
				[SC_LISTEN] = GO(SS_LISTENING),
				[SC_CONNECT] = GO(SS_CONNECTING),
				[SC_ACCEPT] = NO(WSAEINVAL),
				[SC_TRANSFER] = NO(WSAENOTCONN),
				[SC_REGISTER] = NO(WSAENOTCONN),
				[SC_DEREGISTER] = NO(WSAEINVAL),
				[SC_DUPLICATE] = NO(WSAEINVAL),
				[SC_QUERY] = OK,
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_LISTENING] =
			{
				[SC_BIND] = NO(WSAEINVAL),
				[SC_LISTEN] = OK, /* a new backlog */
				[SC_CONNECT] = NO(WSAEINVAL),
				[SC_ACCEPT] = OK,
				[SC_TRANSFER] = NO(WSAENOTCONN),
				[SC_REGISTER] = NO(WSAENOTCONN),
				[SC_DEREGISTER] = NO(WSAEINVAL),
				[SC_DUPLICATE] = GO(SS_HANDED_OVER),
				[SC_QUERY] = OK,
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_CONNECTING] =
			{
				[SC_BIND] = NO(WSAEINVAL),
				[SC_LISTEN] = NO(WSAEINVAL),
				[SC_CONNECT] = NO(WSAEALREADY),
				[SC_ACCEPT] = NO(WSAEINVAL),
				[SC_TRANSFER] = NO(WSAENOTCONN),
				[SC_REGISTER] = NO(WSAENOTCONN),
				[SC_DEREGISTER] = NO(WSAEINVAL),
				[SC_DUPLICATE] = NO(WSAEINVAL),
				[SC_QUERY] = OK,
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_CONNECTED] =
			{
				[SC_BIND] = NO(WSAEINVAL),
				[SC_LISTEN] = NO(WSAEISCONN),
				[SC_CONNECT] = NO(WSAEISCONN),
				[SC_ACCEPT] = NO(WSAEINVAL),
				[SC_TRANSFER] = OK,
				[SC_REGISTER] = OK,
				[SC_DEREGISTER] = OK,
				[SC_DUPLICATE] = GO(SS_HANDED_OVER),
				[SC_QUERY] = OK,
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_BROKEN] =
			{
				[SC_BIND] = NO(WSAEINVAL),
				[SC_LISTEN] = NO(WSAEISCONN),
				[SC_CONNECT] = NO(WSAEISCONN),
				[SC_ACCEPT] = NO(WSAEINVAL),
				[SC_TRANSFER] = REASON,
				[SC_REGISTER] = NO(WSAENOTCONN),
				[SC_DEREGISTER] = OK,
				[SC_DUPLICATE] = NO(WSAEINVAL),
				[SC_QUERY] = OK,
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_HANDED_OVER] =
			{
				[SC_BIND] = NO(WSAEINVAL),
				[SC_LISTEN] = NO(WSAEINVAL),
				[SC_CONNECT] = NO(WSAEINVAL),
				[SC_ACCEPT] = NO(WSAEINVAL),
				[SC_TRANSFER] = NO(WSAEINVAL),
				[SC_REGISTER] = NO(WSAEINVAL),
				[SC_DEREGISTER] = NO(WSAEINVAL),
				[SC_DUPLICATE] = NO(WSAEINVAL),
				[SC_QUERY] = NO(WSAEINVAL),
				[SC_CLOSE] = GO(SS_CLOSED),
			},
		[SS_CLOSED] =
			{
				[SC_BIND] = NO(WSAENOTSOCK),
				[SC_LISTEN] = NO(WSAENOTSOCK),
				[SC_CONNECT] = NO(WSAENOTSOCK),
				[SC_ACCEPT] = NO(WSAENOTSOCK),
				[SC_TRANSFER] = NO(WSAENOTSOCK),
				[SC_REGISTER] = NO(WSAENOTSOCK),
				[SC_DEREGISTER] = NO(WSAENOTSOCK),
				[SC_DUPLICATE] = NO(WSAENOTSOCK),
				[SC_QUERY] = NO(WSAENOTSOCK),
				[SC_CLOSE] = NO(WSAENOTSOCK),
			},
};

static const char *const state_names[] = {
	[SS_CREATED] = "CREATED",         [SS_BOUND] = "BOUND",
	[SS_LISTENING] = "LISTENING",     [SS_CONNECTING] = "CONNECTING",
	[SS_CONNECTED] = "CONNECTED",     [SS_BROKEN] = "BROKEN",
	[SS_HANDED_OVER] = "HANDED-OVER", [SS_CLOSED] = "CLOSED",
};
_Static_assert(sizeof(state_names) / sizeof(state_names[0]) == SS_COUNT, "name every state");

static const char *const call_names[] = {
	[SC_BIND] = "Bind",
	[SC_LISTEN] = "Listen",
	[SC_CONNECT] = "Connect",
	[SC_ACCEPT] = "Accept",
	[SC_TRANSFER] = "Transfer",
	[SC_REGISTER] = "Register",
	[SC_DEREGISTER] = "Deregister",
	[SC_DUPLICATE] = "Duplicate",
	[SC_QUERY] = "Query",
	[SC_CLOSE] = "Close",
};
_Static_assert(sizeof(call_names) / sizeof(call_names[0]) == SC_COUNT, "name every call");

void sock_move(struct sock *s, enum sock_call call)
{
	s->state = sock_next(s->state, call);
}

enum sock_state sock_after(enum sock_state state, enum sock_news news)
{
	static const struct {
		enum sock_state from, to;
	} turns[SN_COUNT] = {
		[SN_ACCEPTED] = {SS_CREATED, SS_CONNECTED},
		[SN_ESTABLISHED] = {SS_CONNECTING, SS_CONNECTED},
		[SN_FAILED] = {SS_CONNECTING, SS_BOUND},
		[SN_LOST] = {SS_CONNECTED, SS_BROKEN},
	};
	return turns[news].from == state ? turns[news].to : SS_COUNT;
}

bool sock_turn(struct sock *s, enum sock_news news)
{
	enum sock_state to = sock_after(s->state, news);
	if (to != SS_COUNT)
		s->state = to;
	return to != SS_COUNT;
}

const char *sock_state_name(enum sock_state state)
{
	return state_names[state];
}

const char *sock_call_name(enum sock_call call)
{
	return call_names[call];
}
