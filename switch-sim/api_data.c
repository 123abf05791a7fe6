/* SPDX-License-Identifier: MIT
 *
 * The exported calls that move data.
 */
#include "api_call.h"
#include "data.h"
#include "overlapped.h"
#include "transmit.h"
#include "usermem.h"

/* Ends a call of the short form: bytes, or SOCKET_ERROR. */
static int leave_count(struct sw_process *p, struct trace_span *span, int code, DWORD moved)
{
	if (__builtin_expect(span->trace != NULL, 0) && !code) {
		trace_leave(span, (long long)moved, 0, "%s", "");
		span->trace = NULL;
	}
	return api_leave(p, span, code) ? SOCKET_ERROR : (int)moved;
}

/* The short form, whose one buffer is in the call. */
static int move_count(struct sw_process *p, SOCKET s, const struct data_call *c,
		      struct trace_span *span)
{
	DWORD moved = 0, flags;
	int code = sw_data(p, s, c, &moved, &flags);
	return leave_count(p, span, code, moved);
}

/* One of the WSA forms: 0, with bytes in the trace. */
static int move(struct sw_process *p, SOCKET s, const struct data_call *c, struct trace_span *span)
{
	DWORD moved = 0, flags;
	int code = sw_data(p, s, c, &moved, &flags);
	if (__builtin_expect(span->trace != NULL, 0) && !code) {
		trace_leave(span, 0, 0, "bytes=%u", moved);
		span->trace = NULL;
	}
	return api_leave(p, span, code);
}

static BOOL leave_bool(struct sw_process *p, struct trace_span *span, int code)
{
	return api_leave(p, span, code) == 0;
}

/* ---- sending ---- */

int wsd_send(SOCKET s, const char *buffer, int len, int flags)
{
	DWORD moved = 0;
	API_ENTER(SOCKET_ERROR);
	API_TRACE("send", "s=%s, len=%d, flags=0x%x", API_S, len, (unsigned)flags);
	int code = sw_data_plain(p, s, "send", SW_OP_SEND, (char *)(uintptr_t)buffer, len, flags,
				 &moved);
	return leave_count(p, &span, code, moved);
}

int wsd_sendto(SOCKET s, const char *buffer, int len, int flags, const struct wsd_sockaddr *to,
	       int to_len)
{
	struct data_call c = {.name = "sendto",
			      .op = SW_OP_SEND,
			      .flags = (DWORD)flags,
			      .sendto = true,
			      .to = to,
			      .to_len = to_len};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("sendto", "s=%s, len=%d, flags=0x%x, to=%s", API_S, len, (unsigned)flags,
		  API_NAME(to, to_len));
	data_one_buffer(&c, buffer, len);
	return move_count(p, s, &c, &span);
}

int wsd_WSASend(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct data_call c = {.name = "WSASend",
			      .op = SW_OP_SEND,
			      .buffers = buffers,
			      .count = count,
			      .flags = flags,
			      .moved_at = sent,
			      .overlapped = overlapped,
			      .routine = routine};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSASend", "s=%s, count=%u, flags=0x%x, overlapped=%p", API_S, count, flags,
		  (void *)overlapped);
	return move(p, s, &c, &span);
}

int wsd_WSASendTo(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD sent, DWORD flags,
		  const struct wsd_sockaddr *to, int to_len, LPWSAOVERLAPPED overlapped,
		  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct data_call c = {.name = "WSASendTo",
			      .op = SW_OP_SEND,
			      .buffers = buffers,
			      .count = count,
			      .flags = flags,
			      .moved_at = sent,
			      .sendto = true,
			      .to = to,
			      .to_len = to_len,
			      .overlapped = overlapped,
			      .routine = routine};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSASendTo", "s=%s, count=%u, flags=0x%x, to=%s, overlapped=%p", API_S, count,
		  flags, API_NAME(to, to_len), (void *)overlapped);
	return move(p, s, &c, &span);
}

int wsd_WSASendMsg(SOCKET s, LPWSAMSG message, DWORD flags, LPDWORD sent,
		   LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct data_call c = {.name = "WSASendMsg",
			      .op = SW_OP_SEND,
			      .by_message = true,
			      .message = message,
			      .flags = flags,
			      .moved_at = sent,
			      .sendto = true,
			      .overlapped = overlapped,
			      .routine = routine};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSASendMsg", "s=%s, flags=0x%x, overlapped=%p", API_S, flags,
		  (void *)overlapped);
	return move(p, s, &c, &span);
}

/* ---- receiving ---- */

int wsd_recv(SOCKET s, char *buffer, int len, int flags)
{
	DWORD moved = 0;
	API_ENTER(SOCKET_ERROR);
	API_TRACE("recv", "s=%s, len=%d, flags=0x%x", API_S, len, (unsigned)flags);
	int code = sw_data_plain(p, s, "recv", SW_OP_RECV, buffer, len, flags, &moved);
	return leave_count(p, &span, code, moved);
}

int wsd_recvfrom(SOCKET s, char *buffer, int len, int flags, struct wsd_sockaddr *from,
		 int *from_len)
{
	struct data_call c = {.name = "recvfrom",
			      .op = SW_OP_RECV,
			      .flags = (DWORD)flags,
			      .from = from,
			      .from_len = from_len};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("recvfrom", "s=%s, len=%d, flags=0x%x", API_S, len, (unsigned)flags);
	data_one_buffer(&c, buffer, len);
	return move_count(p, s, &c, &span);
}

/* WSARecvEx: a datagram that was cut is no failure, but MSG_PARTIAL. */
static int receive_ex(struct sw_process *p, SOCKET s, struct data_call *c, int *flags,
		      DWORD *ret_moved)
{
	DWORD got = 0;
	int value;
	struct sw_socket *found = sw_socket_find(p, s);
	sw_socket_put(found);
	if (!found)
		return WSAENOTSOCK;
	if (!flags)
		return WSAEINVAL;
	if (memory_read(&value, flags, sizeof(value)) < 0)
		return WSAEFAULT;
	c->flags = (DWORD)value;
	int code = sw_data(p, s, c, ret_moved, &got);
	if (code && code != WSAEMSGSIZE)
		return code;
	value = (int)got;
	return memory_write(flags, &value, sizeof(value)) < 0 ? WSAEFAULT : 0;
}

int wsd_WSARecvEx(SOCKET s, char *buffer, int len, int *flags)
{
	struct data_call c = {.name = "WSARecvEx", .op = SW_OP_RECV};
	DWORD moved = 0;
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSARecvEx", "s=%s, len=%d", API_S, len);
	data_one_buffer(&c, buffer, len);
	int code = receive_ex(p, s, &c, flags, &moved);
	return leave_count(p, &span, code, moved);
}

int wsd_WSARecv(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
		LPWSAOVERLAPPED overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	return wsd_WSARecvFrom(s, buffers, count, received, flags, NULL, NULL, overlapped, routine);
}

int wsd_WSARecvFrom(SOCKET s, LPWSABUF buffers, DWORD count, LPDWORD received, LPDWORD flags,
		    struct wsd_sockaddr *from, LPINT from_len, LPWSAOVERLAPPED overlapped,
		    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct data_call c = {.name = from ? "WSARecvFrom" : "WSARecv",
			      .op = SW_OP_RECV,
			      .buffers = buffers,
			      .count = count,
			      .flags_at = flags,
			      .moved_at = received,
			      .from = from,
			      .from_len = from_len,
			      .overlapped = overlapped,
			      .routine = routine};
	API_ENTER(SOCKET_ERROR);
	API_TRACE(c.name, "s=%s, count=%u, overlapped=%p", API_S, count, (void *)overlapped);
	return move(p, s, &c, &span);
}

INT wsd_WSARecvMsg(SOCKET s, LPWSAMSG message, LPDWORD received, LPWSAOVERLAPPED overlapped,
		   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct data_call c = {.name = "WSARecvMsg",
			      .op = SW_OP_RECV,
			      .by_message = true,
			      .message = message,
			      .moved_at = received,
			      .overlapped = overlapped,
			      .routine = routine};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSARecvMsg", "s=%s, overlapped=%p", API_S, (void *)overlapped);
	return move(p, s, &c, &span);
}

BOOL wsd_WSAGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped, LPDWORD transfer, BOOL wait,
				LPDWORD flags)
{
	API_ENTER(FALSE);
	API_TRACE("WSAGetOverlappedResult", "s=%s, overlapped=%p, wait=%d", API_S,
		  (void *)overlapped, wait);
	int code = sw_overlapped_result(p, s, overlapped, transfer, wait != 0, flags);
	return leave_bool(p, &span, code);
}

/* ---- files ---- */

BOOL wsd_TransmitFile(SOCKET s, HANDLE file, DWORD count, DWORD per_send, LPOVERLAPPED overlapped,
		      LPTRANSMIT_FILE_BUFFERS buffers, DWORD flags)
{
	struct transmit_call c = {.name = "TransmitFile",
				  .file = file,
				  .count = count,
				  .buffers = buffers,
				  .flags = flags,
				  .overlapped = overlapped};
	API_ENTER(FALSE);
	API_TRACE("TransmitFile", "s=%s, count=%u, overlapped=%p, flags=0x%x", API_S, count,
		  (void *)overlapped, flags);
	return leave_bool(p, &span, sw_transmit(p, s, &c));
}

BOOL wsd_TransmitPackets(SOCKET s, LPTRANSMIT_PACKETS_ELEMENT packets, DWORD count, DWORD size,
			 LPOVERLAPPED overlapped, DWORD flags)
{
	struct transmit_call c = {.name = "TransmitPackets",
				  .packets = packets,
				  .n_packets = count,
				  .by_packets = true,
				  .flags = flags,
				  .overlapped = overlapped};
	API_ENTER(FALSE);
	API_TRACE("TransmitPackets", "s=%s, count=%u, overlapped=%p, flags=0x%x", API_S, count,
		  (void *)overlapped, flags);
	return leave_bool(p, &span, sw_transmit(p, s, &c));
}
