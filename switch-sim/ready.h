/* SPDX-License-Identifier: MIT
 *
 * What is true of any socket now, whatever it is: for select, WSAPoll and network events.
 */
#ifndef WSD_SWITCH_READY_H
#define WSD_SWITCH_READY_H

#include "socket.h"

/**
 * sw_ready - which of @want (SW_READY_*) hold now; s is referenced, no lock held
 * SW_READY_GONE comes unasked when the socket is closed. A connect that failed, with none made
 * since, is SW_READY_CONNECT with SW_READY_ERROR; a lost connection has SW_READY_CLOSE instead.
 * @fd: not NULL: what the kernel knows need not have been asked: fd->fd is to be polled, and
 * sw_ready called again, with NULL, when it has revents; -1: s->waiters tells all that will change.
 */
unsigned sw_ready(struct sw_socket *s, unsigned want, struct pollfd *fd);

/**
 * sw_has_data - whether a receive would give bytes or a datagram: not an end, an error or a
 * shutdown
 * @bits: what sw_ready found, with SW_READY_READ, _CLOSE and _ERROR wanted. No lock held.
 */
bool sw_has_data(struct sw_socket *s, unsigned bits);

#endif
