/* SPDX-License-Identifier: MIT
 *
 * The error map [PROV-INIT-8 PROV-SOCKET-5 PROV-BIND-24 PROV-LISTEN-6
 * PROV-CONNECT-7 PROV-ACCEPT-9 PROV-ACCEPT-11]. Constant data, no locks.
 */
#include "errmap.h"

#include <errno.h>
#include <wsd/errors.h>

static const struct errmap_row rows[] = {
	{EO_STARTUP, 0, WSASYSNOTREADY, "rdma_cm cannot be opened; tried again by the switch"},

	{EO_SOCKET, EMFILE, WSAEMFILE, "as many sockets as the configuration allows"},
	{EO_SOCKET, ENOMEM, WSAENOBUFS, "no memory for the socket"},
	{EO_SOCKET, ESHUTDOWN, WSAENETDOWN, "the last WSPCleanup is under way, or no startup"},
	{EO_SOCKET, 0, WSAENOBUFS, "nothing else is expected of making a socket"},

	{EO_BIND, EADDRNOTAVAIL, WSAEADDRNOTAVAIL, "the address left the interface just now"},
	{EO_BIND, EACCES, WSAEADDRNOTAVAIL, "a low port, which this user may not have"},
	{EO_BIND, EPERM, WSAEADDRNOTAVAIL, "a low port, which this user may not have"},
	{EO_BIND, EINVAL, WSAEADDRNOTAVAIL, "an address that rdma_cm does not bind"},
	{EO_BIND, ENOMEM, WSAENOBUFS, "no memory in the kernel or here"},
	{EO_BIND, ENOBUFS, WSAENOBUFS, "no buffers in the kernel"},
	{EO_BIND, ENOSPC, WSAENOBUFS, "the kernel's table of ids is full"},
	{EO_BIND, EAGAIN, WSAENOBUFS, "a limit of this user"},
	{EO_BIND, EMFILE, WSAENOBUFS, "no descriptor to open the device or rdma_cm"},
	{EO_BIND, ENFILE, WSAENOBUFS, "no descriptor in the whole system"},
	{EO_BIND, ENODEV, WSAENETDOWN, "the device went away, or cannot be opened"},
	{EO_BIND, 0, WSAENETDOWN, "rdma_cm failed"},

	{EO_LISTEN, ENOMEM, WSAENOBUFS, "no memory in the kernel or here"},
	{EO_LISTEN, ENOBUFS, WSAENOBUFS, "no buffers in the kernel"},
	{EO_LISTEN, ENOSPC, WSAENOBUFS, "the kernel's table of ids is full"},
	{EO_LISTEN, EAGAIN, WSAENOBUFS, "a limit of this user"},
	{EO_LISTEN, EMFILE, WSAEMFILE, "no descriptor to open the device again"},
	{EO_LISTEN, ENFILE, WSAEMFILE, "no descriptor in the whole system"},
	{EO_LISTEN, 0, WSAENETDOWN, "the device, or the address, is gone"},

	{EO_CONNECT, ENOMEM, WSAENOBUFS, "no memory, here, in the kernel or pinned"},
	{EO_CONNECT, ENOBUFS, WSAENOBUFS, "no buffers in the kernel"},
	{EO_CONNECT, ENOSPC, WSAENOBUFS, "the kernel's or the device's table is full"},
	{EO_CONNECT, EAGAIN, WSAENOBUFS, "a limit of this user"},
	{EO_CONNECT, EMFILE, WSAENOBUFS, "no descriptor for the completion channel"},
	{EO_CONNECT, ENFILE, WSAENOBUFS, "no descriptor in the whole system"},
	{EO_CONNECT, EADDRINUSE, WSAENOBUFS, "all source ports are someone's who does not share"},
	{EO_CONNECT, EADDRNOTAVAIL, WSAENETDOWN, "the local address left the interface"},
	{EO_CONNECT, ENODEV, WSAENETDOWN, "the device went away"},
	{EO_CONNECT, EIO, WSAENETDOWN, "the device is being removed"},
	{EO_CONNECT, 0, WSAETIMEDOUT, "no way there over the SAN: TCP/IP is to try"},

	{EO_ACCEPT, ENOMEM, WSAENOBUFS, "no memory, here, in the kernel or pinned"},
	{EO_ACCEPT, ENOBUFS, WSAENOBUFS, "no buffers in the kernel"},
	{EO_ACCEPT, ENOSPC, WSAENOBUFS, "the kernel's or the device's table is full"},
	{EO_ACCEPT, EAGAIN, WSAENOBUFS, "a limit of this user"},
	{EO_ACCEPT, EMFILE, WSAEMFILE, "as many sockets or descriptors as there may be"},
	{EO_ACCEPT, ENFILE, WSAEMFILE, "no descriptor in the whole system"},
	{EO_ACCEPT, ENODEV, WSAENETDOWN, "the device went away"},
	{EO_ACCEPT, EIO, WSAENETDOWN, "the device is being removed"},
	{EO_ACCEPT, ESHUTDOWN, WSAENETDOWN, "the last WSPCleanup is under way"},
	{EO_ACCEPT, 0, WSAEACCES, "the peer gave up meanwhile: the offer has expired"},
	{EO_REGISTER, EFAULT, WSAEFAULT, "not all of the buffer is there, or it is not writable"},
	{EO_REGISTER, EINVAL, WSAEFAULT, "not memory that a NIC can reach"},
	{EO_REGISTER, 0, WSAENOBUFS, "pinned memory, or the device's table, is short"},

	{EO_TRANSFER, ENOMEM, WSAENOBUFS, "no room in the queue pair"},
	{EO_TRANSFER, 0, WSAENETDOWN, "the device went away"},
};

int errmap(enum errmap_op op, int err)
{
	if (!err)
		return 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].op == op && (rows[i].err == -err || !rows[i].err))
			return rows[i].code;
	return WSAENETDOWN;
}

const struct errmap_row *errmap_rows(size_t *ret_count)
{
	*ret_count = sizeof(rows) / sizeof(rows[0]);
	return rows;
}
