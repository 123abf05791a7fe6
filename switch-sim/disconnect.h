/* SPDX-License-Identifier: MIT
 *
 * DisconnectEx: a connection ends, and its socket may serve again.
 */
#ifndef WSD_SWITCH_DISCONNECT_H
#define WSD_SWITCH_DISCONNECT_H

#include "socket.h"

/* @overlapped: the application's, or NULL. Return: 0, WSA_IO_PENDING or another WSA code. */
int sw_disconnect(struct sw_process *p, SOCKET handle, LPWSAOVERLAPPED overlapped, DWORD flags,
		  DWORD reserved);

/* The end of DisconnectEx, or of TransmitFile, with TF_REUSE_SOCKET: judged and done. The caller
 * has a reference, and holds no lock. WSA code. */
int disconnect_reuse(struct sw_socket *s);

/* What connections before have left goes, if nobody else can be looking at it. The caller has a
 * reference, and holds no lock. */
void disconnect_tidy(struct sw_socket *s);

/* The memory that reused sockets have left, at the end of the record or after a fork. */
void disconnect_free(struct sw_socket *s);
void disconnect_after_fork(struct sw_socket *s);

#endif
