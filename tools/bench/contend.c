/* SPDX-License-Identifier: MIT
 *
 * contend.c - see contend.h. The anchor's lock is held over calls of librdmacm.
 */
#include "contend.h"

#include "nic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
	int code, error;
} codes[] = {
	{WSAEACCES, EACCES},
	{WSAEADDRINUSE, EADDRINUSE},
	{WSAEADDRNOTAVAIL, EADDRNOTAVAIL},
	{WSAEAFNOSUPPORT, EAFNOSUPPORT},
	{WSAEALREADY, EALREADY},
	{WSAECONNABORTED, ECONNABORTED},
	{WSAECONNREFUSED, ECONNREFUSED},
	{WSAECONNRESET, ECONNRESET},
	{WSAEFAULT, EFAULT},
	{WSAEHOSTUNREACH, EHOSTUNREACH},
	{WSAEINPROGRESS, EINPROGRESS},
	{WSAEINTR, ECANCELED}, /* the socket was closed by another thread */
	{WSAEINVAL, EINVAL},
	{WSAEISCONN, EISCONN},
	{WSAEMFILE, EMFILE},
	{WSAENETDOWN, ENETDOWN},
	{WSAENETUNREACH, ENETUNREACH},
	{WSAENOBUFS, ENOBUFS},
	{WSAENOTCONN, ENOTCONN},
	{WSAENOTSOCK, ECANCELED},
	{WSAEOPNOTSUPP, EOPNOTSUPP},
	{WSAESHUTDOWN, EPIPE},
	{WSAETIMEDOUT, ETIMEDOUT},
	{WSAEWOULDBLOCK, EAGAIN},
	{WSA_OPERATION_ABORTED, ECANCELED},
};

int contend_errno(int code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return codes[i].error;
	return EPROTO;
}

int contend_result(int code)
{
	if (!code)
		return 0;
	errno = contend_errno(code);
	return -1;
}

struct wsd_sockaddr_in contend_winsock_name(const struct sockaddr_in *name)
{
	struct wsd_sockaddr_in w;
	memset(&w, 0, sizeof(w));
	w.sin_family = WSD_AF_INET;
	w.sin_port = name->sin_port;
	w.sin_addr.s_addr = name->sin_addr.s_addr;
	return w;
}

struct sockaddr_in contend_socket_name(const struct wsd_sockaddr_in *name)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = name->sin_port,
				    .sin_addr.s_addr = name->sin_addr.s_addr};
}

int contend_give_up(void *memory, int fd)
{
	int err = errno;
	free(memory);
	if (fd >= 0)
		close(fd);
	errno = err;
	return -1;
}

void contend_poke(const struct sockaddr_in *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (fd < 0)
		return;
	/* on this host it is done when the call returns */
	(void)!connect(fd, (const struct sockaddr *)at, sizeof(*at));
	close(fd);
}

/* ---- RDMA ---- */

static struct {
	pthread_mutex_t lock;
	int users;
	struct rdma_event_channel *channel;
	struct rdma_cm_id *id;
} anchor = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* Whether a port serves the address, and if not why. */
static int served(const struct sockaddr_in *here, char *why, size_t size)
{
	const struct nic_snapshot *snap;
	char text[INET_ADDRSTRLEN] = "";
	int err = nic_discover((struct nic_snapshot **)&snap);

	inet_ntop(AF_INET, &here->sin_addr, text, sizeof(text));
	if (err) {
		snprintf(why, size, "cannot look for RDMA devices: %s", strerror(-err));
		return -1;
	}
	bool found = nic_snapshot_find(snap, here->sin_addr.s_addr);
	if (!found) {
		if (nic_snapshot_ports(snap))
			snprintf(why, size, "no RDMA device has the address %s", text);
		else
			snprintf(why, size, "there is no RDMA device on this host");
		const struct nic_addr *a;
		for (size_t i = 0; (a = nic_snapshot_addr(snap, i)); i++)
			if (a->addr_be == here->sin_addr.s_addr)
				snprintf(why, size, "RDMA cannot use the address %s: %s", text,
					 nic_reason_text(a->reason));
	}
	nic_snapshot_unref(snap);
	return found ? 0 : -1;
}

static void drop_anchor(void)
{
	if (anchor.id)
		rdma_destroy_id(anchor.id);
	if (anchor.channel)
		rdma_destroy_event_channel(anchor.channel);
	anchor.id = NULL;
	anchor.channel = NULL;
}

static int make_anchor(const struct sockaddr_in *here, char *why, size_t size)
{
	struct sockaddr_in at = *here;
	at.sin_port = 0;
	anchor.channel = rdma_create_event_channel();
	if (!anchor.channel) {
		snprintf(why, size, "cannot use rdma_cm: %s", strerror(errno));
		return -1;
	}
	/* no name of ours lives in the port space of UDP */
	if (rdma_create_id(anchor.channel, &anchor.id, NULL, RDMA_PS_UDP) ||
	    rdma_bind_addr(anchor.id, (struct sockaddr *)&at)) {
		snprintf(why, size, "cannot bind an id of rdma_cm: %s", strerror(errno));
		drop_anchor();
		return -1;
	}
	return 0;
}

int contend_rdma(const struct sockaddr_in *here, char *why, size_t size)
{
	int r = 0;
	if (served(here, why, size))
		return -1;
	pthread_mutex_lock(&anchor.lock);
	if (!anchor.users)
		r = make_anchor(here, why, size);
	anchor.users += !r;
	pthread_mutex_unlock(&anchor.lock);
	return r;
}

void contend_rdma_done(void)
{
	pthread_mutex_lock(&anchor.lock);
	if (!--anchor.users)
		drop_anchor();
	pthread_mutex_unlock(&anchor.lock);
}
