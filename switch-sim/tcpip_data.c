/* SPDX-License-Identifier: MIT
 *
 * The TCP/IP provider: moving data [WS-DATA-1 to 4]. Each call is one attempt that never waits: a
 * stream moves what the kernel takes or has, a datagram goes whole or not at all.
 */
#include "tcpip_data.h"
#include "address.h"
#include "errmap.h"
#include "quiet.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

enum { IOV_INLINE = 16, COPY_BYTES = 16384 };

static const struct {
	DWORD winsock;
	int linux_flag;
} flag_rows[] = {
	{WSD_MSG_OOB, MSG_OOB},
	{WSD_MSG_PEEK, MSG_PEEK},
	{WSD_MSG_DONTROUTE, MSG_DONTROUTE},
	{TCPIP_MORE, MSG_MORE},
};

static int flags_to_linux(DWORD flags)
{
	int r = MSG_DONTWAIT | MSG_NOSIGNAL;
	for (size_t i = 0; i < sizeof(flag_rows) / sizeof(flag_rows[0]); i++)
		if (flags & flag_rows[i].winsock)
			r |= flag_rows[i].linux_flag;
	return r;
}

/* The kernel's form of the buffers, in @few or allocated. Return: 0 or an errno. */
static int make_iov(const struct tcpip_message *m, struct iovec *few, struct msghdr *h)
{
	if (m->count > IOV_MAX)
		return EMSGSIZE;
	h->msg_iov = few;
	if (m->count > IOV_INLINE) {
		h->msg_iov = calloc(m->count, sizeof(*h->msg_iov));
		if (!h->msg_iov)
			return ENOMEM;
	}
	h->msg_iovlen = m->count;
	for (DWORD i = 0; i < m->count; i++)
		h->msg_iov[i] = (struct iovec){m->buffers[i].buf, m->buffers[i].len};
	return 0;
}

static void drop_iov(struct msghdr *h, const struct iovec *few)
{
	if (h->msg_iov != few)
		free(h->msg_iov);
}

/* ---- sending ---- */

static int send_error(const struct tcpip_message *m, int error)
{
	return errmap(m->name_len ? ERRMAP_SENDTO : ERRMAP_SEND, error, ERRMAP_ANY_STATE);
}

static void count_all(struct tcpip_message *m)
{
	m->moved = 0;
	for (DWORD i = 0; i < m->count; i++)
		m->moved += m->buffers[i].len;
}

int tcpip_sendmsg(SOCKET s, struct tcpip_message *m)
{
	struct iovec few[IOV_INLINE];
	struct sockaddr_storage name;
	_Alignas(struct cmsghdr) char control[TCPIP_CONTROL_MAX];
	struct msghdr h = {.msg_control = control, .msg_controllen = sizeof(control)};
	int r = 0;
	if (m->name_len) {
		r = -address_to_linux(m->name, m->name_len, &name, &h.msg_namelen);
		h.msg_name = &name;
	}
	if (!r)
		r = -tcpip_control_to_linux(m->control, m->control_len, &h);
	if (!r)
		r = make_iov(m, few, &h);
	if (r)
		return send_error(m, r);
	ssize_t n;
	do
		n = sendmsg((int)s, &h, flags_to_linux(m->flags));
	while (n < 0 && errno == EINTR);
	r = n < 0 ? errno : 0;
	drop_iov(&h, few);
	if (!r) {
		m->moved = (DWORD)n;
		return 0;
	}
	int code = send_error(m, r);
	if (!code) /* dropped on purpose */
		count_all(m);
	return code;
}

static int send_by(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		   const struct wsd_sockaddr *to, int to_len, LPINT error)
{
	struct wsd_sockaddr_storage name;
	struct tcpip_message m = {
		.buffers = buffers, .count = count, .flags = flags, .name = &name};
	if (to) {
		m.name_len = to_len < (int)sizeof(name) ? to_len : (int)sizeof(name);
		memcpy(&name, to, (size_t)m.name_len);
	}
	*error = tcpip_sendmsg(s, &m);
	if (*error)
		return SOCKET_ERROR;
	*sent = m.moved;
	return 0;
}

int tcpip_WSPSend(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
		  LPWSATHREADID thread, LPINT error)
{
	return send_by(s, buffers, count, sent, flags, NULL, 0, error);
}

int tcpip_WSPSendTo(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		    const struct wsd_sockaddr *to, int to_len, LPWSAOVERLAPPED overlapped,
		    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread, LPINT error)
{
	return send_by(s, buffers, count, sent, flags, to, to_len, error);
}

/* ---- receiving ---- */

/* What came with the data, into @m. */
static int take_extras(struct tcpip_message *m, struct msghdr *h)
{
	m->flags = (h->msg_flags & MSG_OOB ? WSD_MSG_OOB : 0) |
		   (h->msg_flags & MSG_TRUNC ? WSD_MSG_TRUNC : 0) |
		   (h->msg_flags & MSG_CTRUNC ? WSD_MSG_CTRUNC : 0);
	if (m->name && (!h->msg_namelen ||
			address_from_linux(h->msg_name, h->msg_namelen, m->name, &m->name_len) < 0))
		m->name_len = 0;
	int r = tcpip_control_from_linux(h, m->control, &m->control_len);
	if (r == -ENOSPC)
		m->flags |= WSD_MSG_CTRUNC;
	else if (r < 0)
		return -r;
	return h->msg_flags & MSG_TRUNC ? EMSGSIZE : 0;
}

int tcpip_recvmsg(SOCKET s, struct tcpip_message *m)
{
	struct iovec few[IOV_INLINE];
	struct sockaddr_storage name;
	_Alignas(struct cmsghdr) char control[TCPIP_CONTROL_MAX];
	struct msghdr h = {0};
	if (m->name) {
		h.msg_name = &name;
		h.msg_namelen = sizeof(name);
	}
	if (m->control) {
		h.msg_control = control;
		h.msg_controllen = sizeof(control);
	}
	int r = make_iov(m, few, &h);
	if (r)
		return errmap(ERRMAP_RECV, r, ERRMAP_ANY_STATE);
	ssize_t n;
	do
		n = recvmsg((int)s, &h, flags_to_linux(m->flags) | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	r = n < 0 ? errno : 0;
	drop_iov(&h, few);
	if (r)
		return errmap(ERRMAP_RECV, r, ERRMAP_ANY_STATE);
	m->moved = (DWORD)n;
	return errmap(ERRMAP_RECV, take_extras(m, &h), ERRMAP_ANY_STATE);
}

static int receive_by(SOCKET s, struct tcpip_message *m, LPDWORD received, LPDWORD flags,
		      LPINT error)
{
	*error = tcpip_recvmsg(s, m);
	if (*error && *error != WSAEMSGSIZE)
		return SOCKET_ERROR;
	*received = m->moved;
	*flags = m->flags;
	return *error ? SOCKET_ERROR : 0;
}

int tcpip_WSPRecv(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
		  LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
		  LPWSATHREADID thread, LPINT error)
{
	struct tcpip_message m = {.buffers = buffers, .count = count, .flags = *flags};
	return receive_by(s, &m, received, flags, error);
}

int tcpip_WSPRecvFrom(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
		      struct wsd_sockaddr *from, LPINT from_len, LPWSAOVERLAPPED overlapped,
		      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine, LPWSATHREADID thread, LPINT error)
{
	struct wsd_sockaddr_storage name;
	struct tcpip_message m = {.buffers = buffers,
				  .count = count,
				  .flags = *flags,
				  .name = from && from_len ? &name : NULL};
	int r = receive_by(s, &m, received, flags, error);
	if (m.name && (!r || *error == WSAEMSGSIZE)) {
		int room = *from_len;
		*from_len = m.name_len;
		memcpy(from, &name, (size_t)(m.name_len < room ? m.name_len : room));
	}
	return r;
}

/* ---- files ---- */

/* Files that have no pages to send from, e.g. of procfs. What the socket does not take is read
 * again the next time. Return: bytes or -errno. */
static ssize_t copy_file(SOCKET s, int file, uint64_t offset, uint64_t length, bool more)
{
	char bytes[COPY_BYTES];
	ssize_t n =
		pread(file, bytes, length < sizeof(bytes) ? length : sizeof(bytes), (off_t)offset);
	if (n > 0)
		n = send((int)s, bytes, (size_t)n,
			 MSG_DONTWAIT | MSG_NOSIGNAL | (more ? MSG_MORE : 0));
	return n < 0 ? -errno : n;
}

int tcpip_sendfile(SOCKET s, int file, uint64_t offset, uint64_t length, bool more, DWORD *ret_sent)
{
	struct quiet guard; /* sendfile(2) has no MSG_NOSIGNAL */
	off_t at = (off_t)offset;
	ssize_t n;
	quiet_begin(&guard);
	do
		n = sendfile((int)s, file, &at, length < INT_MAX ? length : INT_MAX);
	while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : n;
	quiet_end(&guard);
	if (n == -EINVAL || n == -ENOSYS)
		n = copy_file(s, file, offset, length, more);
	if (n < 0)
		return errmap(ERRMAP_SEND, (int)-n, ERRMAP_ANY_STATE);
	*ret_sent = (DWORD)n;
	return 0;
}
