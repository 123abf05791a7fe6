/* SPDX-License-Identifier: MIT
 *
 * Accepting: one queue per listener for connections of both kinds, in order of arrival.
 * [WS-ACCEPT, SW-ACCEPT]
 */
#ifndef WSD_SWITCH_ACCEPT_H
#define WSD_SWITCH_ACCEPT_H

#include "socket.h"

struct sw_accept {
	void *addr; /* the application's, checked here */
	int *addrlen;
	LPCONDITIONPROC condition; /* or NULL [WS-ACCEPT-4] */
	DWORD_PTR data;
};

/* Return a WSA code. */
int sw_accept(struct sw_process *p, SOCKET handle, const struct sw_accept *how, SOCKET *ret);

/* AcceptEx: WSA_IO_PENDING, or why not [WS-ACCEPT-6]. */
struct sw_accept_ex {
	void *buffer;
	DWORD data_len, local_len, remote_len;
	LPWSAOVERLAPPED overlapped;
};
int sw_accept_ex(struct sw_process *p, SOCKET listening, SOCKET accepting,
		 const struct sw_accept_ex *how);

/**
 * accept_ready - whether an accept would find a connection now
 * @fd: if not NULL, what to poll for the next one; fd->fd = -1: s->waiters tells
 * Caller holds s->lock; s listens.
 */
bool accept_ready(struct sw_socket *s, struct pollfd *fd);

/* SO_UPDATE_ACCEPT_CONTEXT: s has its names, and @listener's options [WS-NAME-5]. No lock held.
 * WSA code. */
int accept_update_context(struct sw_socket *s, SOCKET listener);

/* This thread is inside a condition function: most calls are WSAEINPROGRESS [WS-BIND-4]. */
bool accept_in_condition(void);

/* The listener's turn has come: it is in kernel LISTEN from now on. Caller holds s->lock. */
void accept_listening(struct sw_socket *s);

/* @s, which an AcceptEx of @listener was to fill, is being closed. No lock held. */
void accept_ex_withdraw(struct sw_socket *listener, struct sw_socket *s);

/* The listener is being closed: the state is SW_CLOSED already, the caller holds no lock. Nobody
 * accepts any more when it returns; connections that wait are closed. */
void accept_stop(struct sw_socket *s);

/* The memory, at the end of the record or after a fork. */
void accept_free(struct sw_socket *s);

#endif
