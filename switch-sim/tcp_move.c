/* SPDX-License-Identifier: MIT
 *
 * One attempt at one request on TCP/IP, without waiting: through the TCP/IP provider's table, so
 * that the trace has it [WS-DATA-1 to 4].
 */
#include "tcp_io_priv.h"
#include "tcpip_data.h"

#include <poll.h>
#include <sys/socket.h>

enum { WINDOW = 16 };

/* After one of these the connection is gone for good. */
static bool fatal(int code)
{
	static const int codes[] = {WSAECONNRESET, WSAECONNABORTED, WSAENETRESET,
				    WSAETIMEDOUT,  WSAEHOSTUNREACH, WSAENETUNREACH,
				    WSAENETDOWN,   WSAEHOSTDOWN,    WSAECONNREFUSED};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* True: r is over, with @code; the stream's loss is remembered, because Linux tells it once. */
static bool failed(struct tcp_io *io, struct sw_request *r, int code)
{
	int none = 0;
	if (code == WSAEWOULDBLOCK)
		return false;
	if (io->s->type == WSD_SOCK_STREAM && fatal(code)) {
		if (r->op == SW_OP_SEND && code == WSAECONNABORTED && !atomic_load(&io->lost)) {
			atomic_store(&io->after_end, true); /* EPIPE */
			code = WSAECONNRESET;
		}
		atomic_compare_exchange_strong(&io->lost, &none, code);
		code = r->op == SW_OP_SEND ? tcp_send_code(io) : atomic_load(&io->lost);
	}
	r->code = code;
	return true;
}

/* The end of the stream, or a loss that the kernel has told already: it tells once. */
static int end_code(const struct tcp_io *io)
{
	return atomic_load(&io->after_end) ? 0 : atomic_load(&io->lost);
}

/* ---- streams ---- */

/* Of an urgent send only the last byte is urgent, whatever the kernel takes at once. */
static bool send_stream(struct tcp_io *io, struct sw_request *r)
{
	const WSPPROC_TABLE *tcpip = &io->s->process->tcpip;
	do { /* without bytes, too: the connection may be lost */
		WSABUF window[WINDOW];
		DWORD sent = 0, flags = r->flags & (WSD_MSG_OOB | WSD_MSG_DONTROUTE);
		uint64_t bytes = r->total - r->done;
		INT error = 0;
		if ((flags & WSD_MSG_OOB) && bytes != 1) {
			flags &= ~(DWORD)WSD_MSG_OOB;
			bytes -= bytes != 0;
		}
		unsigned n = sw_request_window(r, 0, bytes, window, WINDOW);
		if (tcpip->lpWSPSend(io->fd, window, n, &sent, flags, NULL, NULL, NULL, &error))
			return failed(io, r, error);
		r->done += sent;
	} while (r->done < r->total);
	return true;
}

/* Head, file, tail: whichever r->done has come to. A file that has become shorter ends early. */
static bool send_pieces(struct tcp_io *io, struct sw_request *r)
{
	uint64_t begin = 0;
	for (DWORD i = 0; i < r->n_pieces; begin += r->pieces[i++].length) {
		struct sw_piece *piece = &r->pieces[i];
		while (r->done < begin + piece->length) {
			uint64_t at = r->done - begin, left = piece->length - at;
			WSABUF one = {left < INT32_MAX ? (ULONG)left : INT32_MAX,
				      (CHAR *)(uintptr_t)piece->memory + at};
			DWORD sent = 0;
			bool more = i + 1 < r->n_pieces;
			INT error = 0;
			if (piece->memory)
				io->s->process->tcpip.lpWSPSend(io->fd, &one, 1, &sent,
								more ? TCPIP_MORE : 0, NULL, NULL,
								NULL, &error);
			else
				error = tcpip_sendfile(io->fd, piece->file, piece->offset + at,
						       left, more, &sent);
			if (error)
				return failed(io, r, error);
			if (!sent && !piece->memory) {
				r->total -= left;
				piece->length = at;
			}
			r->done += sent;
		}
	}
	return true;
}

bool tcp_in_line(SOCKET fd)
{
	int on = 0;
	socklen_t len = sizeof(on);
	return getsockopt((int)fd, SOL_SOCKET, SO_OOBINLINE, &on, &len) < 0 || on;
}

/* The kernel has none, for whatever reason: it has one code for all. True: r is over. The caller
 * has the receives' lock; while another thread sends, that one hears of a loss first. */
static bool no_urgent(struct tcp_io *io, struct sw_request *r)
{
	struct tcp_direction *send = &io->direction[SW_OP_SEND];
	struct pollfd p = {.fd = (int)io->fd, .events = POLLRDHUP};
	if (pthread_mutex_trylock(&send->lock))
		return false;
	int lost = tcp_note_loss(io);
	pthread_mutex_unlock(&send->lock);
	if (lost)
		return failed(io, r, lost);
	if (tcp_in_line(io->fd))
		return failed(io, r, WSAEINVAL);
	return poll(&p, 1, 0) == 1; /* the stream has ended: none will come */
}

static bool receive_urgent(struct tcp_io *io, struct sw_request *r)
{
	WSABUF window[WINDOW];
	DWORD got = 0, flags = r->flags & (WSD_MSG_OOB | WSD_MSG_PEEK);
	INT error = 0;
	unsigned n = sw_request_window(r, 0, r->total, window, WINDOW);
	if (!r->total) /* the kernel would throw it away */
		flags |= WSD_MSG_PEEK;
	if (io->s->process->tcpip.lpWSPRecv(io->fd, window, n, &got, &flags, NULL, NULL, NULL,
					    &error)) {
		if (error == WSAEMSGSIZE && !r->total) /* there is one, and no room */
			return true;
		if (error == WSAEINVAL || error == WSAENOTCONN)
			return no_urgent(io, r);
		return failed(io, r, error);
	}
	r->done = got;
	r->ret_flags = WSD_MSG_OOB;
	return true;
}

/* No room: it ends when there is something to read. */
static bool await_data(struct tcp_io *io, struct sw_request *r)
{
	char byte;
	WSABUF one = {1, &byte};
	DWORD got = 0, flags = WSD_MSG_PEEK;
	INT error = 0;
	if (io->s->process->tcpip.lpWSPRecv(io->fd, &one, 1, &got, &flags, NULL, NULL, NULL,
					    &error))
		return failed(io, r, error);
	if (!got && end_code(io))
		return failed(io, r, end_code(io));
	return true;
}

static bool receive_stream(struct tcp_io *io, struct sw_request *r)
{
	const WSPPROC_TABLE *tcpip = &io->s->process->tcpip;
	if (r->flags & WSD_MSG_OOB)
		return receive_urgent(io, r);
	if (!r->total)
		return await_data(io, r);
	for (;;) {
		WSABUF window[WINDOW];
		DWORD got = 0, flags = r->flags & WSD_MSG_PEEK;
		INT error = 0;
		unsigned n = sw_request_window(r, 0, r->total - r->done, window, WINDOW);
		int lost =
			tcpip->lpWSPRecv(io->fd, window, n, &got, &flags, NULL, NULL, NULL, &error)
				? error
			: got ? 0
			      : end_code(io);
		if (lost && !failed(io, r, lost))
			return false;
		if (lost && r->done) /* what has come is not lost with the connection */
			r->code = 0;
		r->done += got;
		if (!got || r->done == r->total || !(r->flags & WSD_MSG_WAITALL))
			return true;
	}
}

/* ---- datagrams ---- */

static void describe(const struct sw_request *r, struct tcpip_message *m)
{
	*m = (struct tcpip_message){
		.buffers = r->buffers,
		.count = r->count,
		.flags = r->flags,
		.control = r->control,
		.control_len = r->control_len,
	};
}

/* Through the table, but with control data, for which it has no slot. */
static int send_once(struct tcp_io *io, struct sw_request *r, DWORD *ret_sent)
{
	const WSPPROC_TABLE *tcpip = &io->s->process->tcpip;
	INT error = 0;
	if (r->control) {
		struct tcpip_message m;
		describe(r, &m);
		m.name = &r->name;
		m.name_len = r->name_len;
		error = tcpip_sendmsg(io->fd, &m);
		*ret_sent = m.moved;
	} else if (r->name_len) {
		tcpip->lpWSPSendTo(io->fd, r->buffers, r->count, ret_sent, r->flags,
				   (struct wsd_sockaddr *)&r->name, r->name_len, NULL, NULL, NULL,
				   &error);
	} else {
		tcpip->lpWSPSend(io->fd, r->buffers, r->count, ret_sent, r->flags, NULL, NULL, NULL,
				 &error);
	}
	return error;
}

/* On Windows the next receive, not the next send, hears that nobody is at the port. */
static bool send_datagram(struct tcp_io *io, struct sw_request *r)
{
	DWORD sent = 0;
	int code = send_once(io, r, &sent);
	if (code == WSAECONNREFUSED) {
		atomic_store(&io->unreachable, true);
		code = send_once(io, r, &sent);
	}
	if (code)
		return failed(io, r, code);
	r->done = sent;
	return true;
}

static bool receive_datagram(struct tcp_io *io, struct sw_request *r)
{
	struct tcpip_message m;
	INT error = 0;
	if (atomic_exchange(&io->unreachable, false)) {
		r->code = WSAECONNRESET;
		return true;
	}
	describe(r, &m);
	m.name = &r->name;
	if (r->control) {
		error = tcpip_recvmsg(io->fd, &m);
	} else {
		m.name_len = sizeof(r->name);
		io->s->process->tcpip.lpWSPRecvFrom(io->fd, r->buffers, r->count, &m.moved,
						    &m.flags, (struct wsd_sockaddr *)&r->name,
						    &m.name_len, NULL, NULL, NULL, &error);
	}
	if (error && error != WSAEMSGSIZE)
		return failed(io, r, error);
	r->code = error; /* a longer datagram's rest is lost, what fits is there */
	r->done = m.moved;
	r->name_len = m.name_len;
	r->control_len = m.control_len;
	r->ret_flags = m.flags | (error ? MSG_PARTIAL : 0);
	return true;
}

bool tcp_attempt(struct tcp_io *io, struct sw_request *r)
{
	static bool (*const moves[2][2])(struct tcp_io *, struct sw_request *) = {
		[SW_OP_SEND] = {send_datagram, send_stream},
		[SW_OP_RECV] = {receive_datagram, receive_stream},
	};
	int lost = atomic_load(&io->lost);
	if (io->fd == INVALID_SOCKET || (io->closed && !tcp_is_rest(r))) {
		r->code = WSA_OPERATION_ABORTED;
		return true;
	}
	if (lost && r->op == SW_OP_SEND) {
		r->code = tcp_send_code(io);
		return true;
	}
	if (r->pieces)
		return send_pieces(io, r);
	return moves[r->op][io->s->type == WSD_SOCK_STREAM](io, r);
}
