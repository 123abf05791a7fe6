/* SPDX-License-Identifier: MIT
 *
 * The switch's handles and events for SAN sockets, and the upcall table that works on them.
 *
 * An upcall brings no context, so this table belongs to the process, not to a struct san. It has
 * one lock, the innermost of the switch but the trace's and the reactor's; no call-out is made
 * under it.
 *
 * A SAN socket's event is part of its handle: setting it costs no descriptor, and queues the socket
 * for the service thread. The SPI's WSAEVENT is opaque, so providers cannot tell.
 */
#ifndef WSD_SWITCH_UPCALLS_H
#define WSD_SWITCH_UPCALLS_H

#include <stdbool.h>
#include <wsd/abi.h>

struct reactor;
struct reactor_job;
struct sw_socket;
struct catalog;

/**
 * upcalls_socket - WSPSocket with the handle that the provider asks for meanwhile [SW-BIND-4.1]
 * @owner: whom its event queues for the service thread, with the handle; borrowed until
 * upcalls_detach; NULL: nobody
 * @ret_desc: the provider's descriptor, for downcalls; @ret_handle: the switch's, for upcalls
 * Return: 0 or the provider's code; WSAEINVALIDPROVIDER if it returned a socket without having
 * asked for a handle (the socket is closed again).
 */
int upcalls_socket(const WSPPROC_TABLE *provider, WSAPROTOCOL_INFOW *info, struct sw_socket *owner,
		   SOCKET *ret_desc, SOCKET *ret_handle);

/**
 * upcalls_accept - WSPAccept with the handle that the provider asks for meanwhile [SW-ACCEPT-2]
 * As upcalls_socket, without an owner.
 */
int upcalls_accept(const WSPPROC_TABLE *provider, SOCKET desc, struct wsd_sockaddr *peer,
		   int *peer_len, LPCONDITIONPROC condition, DWORD_PTR data, SOCKET *ret_desc,
		   SOCKET *ret_handle);

/* The event of a handle. */
WSAEVENT upcalls_event(SOCKET handle);

/* From now on the handle's event does nothing. */
void upcalls_detach(SOCKET handle);

/* The next socket whose event was set, with a reference to its owner (sw_socket_put). False: none.
 */
bool upcalls_take_ready(struct sw_socket **ret_owner, SOCKET *ret_handle);

/* Set the event of a handle by hand. */
void upcalls_again(SOCKET handle);

/* Who hears of a connected socket's completions, on the thread of the upcall and with no lock held;
 * `closed`, from WPUCloseSocketHandle, is the last call. Kept by reference. */
struct upcall_sink {
	void (*complete)(void *ctx, LPWSAOVERLAPPED overlapped, int code, uint32_t bytes);
	void (*closed)(void *ctx);
};

/* @sink NULL: nobody from now on; a call may be under way. False: no such handle. */
bool upcalls_set_sink(SOCKET handle, const struct upcall_sink *sink, void *ctx);

/* Reset by hand an event that the provider left set after it failed. */
void upcalls_reset(SOCKET handle);

/* What is posted when a socket is queued; NULL: nobody listens, nothing is posted after this. */
void upcalls_wake(struct reactor *r, struct reactor_job *j);

/* Drop those of providers that are gone; logs how many. */
void upcalls_sweep(void);

/* Where WPUGetProviderPath looks; borrowed, NULL to forget. */
void upcalls_catalog(const struct catalog *c);

/* In the child after fork: nothing of the parent's is valid [WS-STARTUP-6]. */
void upcalls_after_fork(void);

#endif
