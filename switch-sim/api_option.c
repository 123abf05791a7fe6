/* SPDX-License-Identifier: MIT
 *
 * The exported calls on options, control codes and protocols.
 */
#include "api_call.h"
#include "conf.h"
#include "ioctl.h"
#include "usermem.h"
#include "options.h"
#include "protocols.h"

int wsd_setsockopt(SOCKET s, int level, int name, const char *value, int len)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("setsockopt", "s=%s, option=%s, value=%s", API_S,
		  trace_option(level, name, TRACE_TEXT), trace_int(value, len, TRACE_TEXT));
	return api_leave(p, &span, sw_setsockopt(p, s, level, name, value, len));
}

int wsd_getsockopt(SOCKET s, int level, int name, char *value, int *len)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("getsockopt", "s=%s, option=%s", API_S, trace_option(level, name, TRACE_TEXT));
	int code = sw_getsockopt(p, s, level, name, value, len);
	if (__builtin_expect(span.trace != NULL, 0) && !code) {
		trace_leave(&span, 0, 0, "value=%s", trace_int(value, *len, TRACE_TEXT));
		span.trace = NULL;
	}
	return api_leave(p, &span, code);
}

int wsd_ioctlsocket(SOCKET s, LONG cmd, ULONG *value)
{
	API_ENTER(SOCKET_ERROR);
	API_TRACE("ioctlsocket", "s=%s, cmd=%s", API_S, trace_ioctl((uint32_t)cmd, TRACE_TEXT));
	return api_leave(p, &span, sw_ioctlsocket(p, s, cmd, value));
}

int wsd_WSAIoctl(SOCKET s, DWORD code, LPVOID in, DWORD in_len, LPVOID out, DWORD out_len,
		 LPDWORD ret_len, LPWSAOVERLAPPED overlapped,
		 LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
	struct sw_ioctl call = {code, in, in_len, out, out_len, ret_len, overlapped, routine};
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSAIoctl", "s=%s, code=%s, out_len=%u", API_S, trace_ioctl(code, TRACE_TEXT),
		  out_len);
	return api_leave(p, &span, sw_ioctl(p, s, &call));
}

static int enum_protocols(bool wide, const INT *wanted, void *buffer, DWORD *length)
{
	int count = 0;
	API_ENTER(SOCKET_ERROR);
	API_TRACE("WSAEnumProtocols", "%s", "");
	int code = protocols_enum(p->conf, false, wide, wanted, buffer, length, &count);
	if (span.trace)
		trace_leave(&span, code ? SOCKET_ERROR : count, code, "%s", "");
	sw_leave(p);
	if (code)
		lasterror_set((DWORD)code);
	return code ? SOCKET_ERROR : count;
}

int wsd_WSAEnumProtocolsA(LPINT wanted, LPWSAPROTOCOL_INFOA buffer, LPDWORD length)
{
	return enum_protocols(false, wanted, buffer, length);
}

int wsd_WSAEnumProtocolsW(LPINT wanted, LPWSAPROTOCOL_INFOW buffer, LPDWORD length)
{
	return enum_protocols(true, wanted, buffer, length);
}

/* Needs no WSAStartup, so it reads the configuration for itself. */
int wsd_WSCEnumProtocols(LPINT wanted, LPWSAPROTOCOL_INFOW buffer, LPDWORD length, LPINT error)
{
	struct conf *conf = NULL;
	int count = 0;
	int code = conf_load(&conf) < 0
			   ? WSAENOBUFS
			   : protocols_enum(conf, true, true, wanted, buffer, length, &count);
	conf_free(conf);
	if (error && memory_write(error, &code, sizeof(code)) < 0)
		code = WSAEFAULT;
	if (code)
		lasterror_set((DWORD)code);
	return code ? SOCKET_ERROR : count;
}
