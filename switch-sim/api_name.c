/* SPDX-License-Identifier: MIT
 *
 * The exported calls on names of hosts and on addresses as text. What lasts until a thread's next
 * call is in that thread's own memory.
 */
#include "api_call.h"
#include "address.h"
#include "inet.h"
#include "usermem.h"
#include "resolver.h"
#include "socket.h"
#include "utf16.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HOST_ADDRESSES = 32, ERROR_TEXT = 64 };

/* What gethostbyname, inet_ntoa and gai_strerror point to. */
static _Thread_local struct {
	struct wsd_hostent host;
	char name[WSD_NI_MAXHOST];
	ULONG address[HOST_ADDRESSES];
	char *list[HOST_ADDRESSES + 1];
	char *no_alias[1];
	char dotted[INET_ADDRSTRLEN];
	char error[ERROR_TEXT];
	WCHAR error_wide[ERROR_TEXT];
} own;

INT wsd_getaddrinfo(const char *node, const char *service, const ADDRINFOA *hints, ADDRINFOA **ret)
{
	API_ENTER(WSANOTINITIALISED);
	API_TRACE("getaddrinfo", "node=%s, service=%s", node ? node : "NULL",
		  service ? service : "NULL");
	p = api_let_go(p, &span);
	return api_resolved(p, &span, resolver_lookup(node, service, hints, ret));
}

INT wsd_GetAddrInfoW(PCWSTR node, PCWSTR service, const ADDRINFOW *hints, ADDRINFOW **ret)
{
	API_ENTER(WSANOTINITIALISED);
	API_TRACE("GetAddrInfoW", "%s", "");
	p = api_let_go(p, &span);
	return api_resolved(p, &span, resolver_lookup_wide(node, service, hints, ret));
}

void wsd_freeaddrinfo(PADDRINFOA list)
{
	resolver_free(list);
}

void wsd_FreeAddrInfoW(PADDRINFOW list)
{
	resolver_free_wide(list);
}

INT wsd_getnameinfo(const SOCKADDR *name, INT namelen, char *node, DWORD node_size, char *service,
		    DWORD service_size, INT flags)
{
	API_ENTER(WSANOTINITIALISED);
	API_TRACE("getnameinfo", "name=%s, flags=0x%x", API_NAME(name, namelen), (unsigned)flags);
	return api_resolved(
		p, &span,
		resolver_names(name, namelen, node, node_size, service, service_size, flags));
}

static int names_wide(const SOCKADDR *name, INT namelen, WCHAR *node, DWORD node_size,
		      WCHAR *service, DWORD service_size, INT flags)
{
	char node8[WSD_NI_MAXHOST] = "", service8[WSD_NI_MAXSERV] = "";
	int code = resolver_names(name, namelen, node ? node8 : NULL, node_size ? sizeof(node8) : 0,
				  service ? service8 : NULL, service_size ? sizeof(service8) : 0,
				  flags);
	if (code)
		return code;
	if ((node && node_size && utf8_to_utf16(node8, NULL, 0) > node_size) ||
	    (service && service_size && utf8_to_utf16(service8, NULL, 0) > service_size))
		return WSAEFAULT;
	if (node)
		utf8_to_utf16(node8, node, node_size);
	if (service)
		utf8_to_utf16(service8, service, service_size);
	return 0;
}

INT wsd_GetNameInfoW(const SOCKADDR *name, INT namelen, WCHAR *node, DWORD node_size,
		     WCHAR *service, DWORD service_size, INT flags)
{
	API_ENTER(WSANOTINITIALISED);
	API_TRACE("GetNameInfoW", "name=%s, flags=0x%x", API_NAME(name, namelen), (unsigned)flags);
	p = api_let_go(p, &span);
	return api_resolved(
		p, &span, names_wide(name, namelen, node, node_size, service, service_size, flags));
}

char *wsd_gai_strerrorA(int code)
{
	snprintf(own.error, sizeof(own.error), "%s", resolver_error(code));
	return own.error;
}

WCHAR *wsd_gai_strerrorW(int code)
{
	utf8_to_utf16(resolver_error(code), own.error_wide, ERROR_TEXT);
	return own.error_wide;
}

static int own_name(char text[WSD_NI_MAXHOST])
{
	if (gethostname(text, WSD_NI_MAXHOST) < 0)
		return WSAENETDOWN;
	text[WSD_NI_MAXHOST - 1] = '\0';
	return 0;
}

int wsd_gethostname(char *name, int namelen)
{
	char text[WSD_NI_MAXHOST];
	API_ENTER(SOCKET_ERROR);
	API_TRACE("gethostname", "namelen=%d", namelen);
	int code = own_name(text);
	if (!code && (!name || namelen < 0 || strlen(text) >= (size_t)namelen ||
		      memory_write(name, text, strlen(text) + 1) < 0))
		code = WSAEFAULT;
	return api_leave(p, &span, code);
}

int wsd_GetHostNameW(PWSTR name, int namelen)
{
	char text[WSD_NI_MAXHOST];
	WCHAR wide[WSD_NI_MAXHOST];
	API_ENTER(SOCKET_ERROR);
	API_TRACE("GetHostNameW", "namelen=%d", namelen);
	int code = own_name(text);
	size_t units = code ? 0 : utf8_to_utf16(text, wide, WSD_NI_MAXHOST);
	if (!code && (!name || namelen < 0 || units > (size_t)namelen ||
		      memory_write(name, wide, units * sizeof(*wide)) < 0))
		code = WSAEFAULT;
	return api_leave(p, &span, code);
}

struct wsd_hostent *wsd_gethostbyname(const char *name)
{
	unsigned n = 0;
	char *official = NULL;
	API_ENTER(NULL);
	API_TRACE("gethostbyname", "name=%s", name ? name : "NULL");
	p = api_let_go(p, &span);
	if (api_resolved(p, &span, resolver_ipv4(name, own.address, HOST_ADDRESSES, &n, &official)))
		return NULL;
	snprintf(own.name, sizeof(own.name), "%s", official);
	free(official);
	for (unsigned i = 0; i < n; i++)
		own.list[i] = (char *)&own.address[i];
	own.list[n] = NULL;
	own.host = (struct wsd_hostent){own.name, own.no_alias, WSD_AF_INET, 4, own.list};
	return &own.host;
}

/* ---- addresses as text ---- */

ULONG wsd_inet_addr(const char *text)
{
	return text ? inet_parse_old(text) : WSD_INADDR_NONE;
}

char *wsd_inet_ntoa(struct wsd_in_addr in)
{
	inet_ntop(AF_INET, &in, own.dotted, sizeof(own.dotted));
	return own.dotted;
}

INT wsd_inet_pton(INT af, const char *text, void *ret)
{
	int r = text && ret ? inet_parse(af, text, ret) : -1;
	if (r < 0)
		lasterror_set(text && ret ? WSAEAFNOSUPPORT : WSAEFAULT);
	return r;
}

INT wsd_InetPtonW(INT af, PCWSTR text, void *ret)
{
	char text8[INET_TEXT_MAX];
	if (!text || !ret)
		return wsd_inet_pton(af, NULL, ret);
	if (utf16_to_utf8(text, text8, sizeof(text8)) > sizeof(text8))
		text8[0] = '\0'; /* too long to be an address */
	return wsd_inet_pton(af, text8, ret);
}

const char *wsd_inet_ntop(INT af, const void *addr, char *text, size_t size)
{
	int code = WSA_INVALID_PARAMETER;
	const char *r = addr ? inet_print(af, addr, text, size, &code) : NULL;
	if (!r)
		lasterror_set((DWORD)code);
	return r;
}

PCWSTR wsd_InetNtopW(INT af, const void *addr, PWSTR text, size_t size)
{
	char text8[INET_TEXT_MAX];
	if (!wsd_inet_ntop(af, addr, text8, sizeof(text8)))
		return NULL;
	if (!text || utf8_to_utf16(text8, NULL, 0) > size) {
		lasterror_set(WSA_INVALID_PARAMETER);
		return NULL;
	}
	utf8_to_utf16(text8, text, size);
	return text;
}

/* ---- names as text ---- */

static int parse_name(const char *text, INT af, LPSOCKADDR name, LPINT namelen)
{
	struct wsd_sockaddr_storage a;
	int room, len;
	if (!text || !name || !namelen || memory_read(&room, namelen, sizeof(room)) < 0)
		return WSAEFAULT;
	int code = inet_parse_name(af, text, &a, &len);
	if (code)
		return code;
	if (memory_write(namelen, &len, sizeof(len)) < 0 || room < len)
		return WSAEFAULT; /* and says how much it needs */
	if (memory_write(name, &a, (size_t)len) == 0)
		return 0;
	memory_write(namelen, &room, sizeof(room)); /* a failed call changes nothing */
	return WSAEFAULT;
}

INT wsd_WSAStringToAddressA(LPSTR text, INT af, LPWSAPROTOCOL_INFOA info, LPSOCKADDR name,
			    LPINT namelen)
{
	API_ENTER(SOCKET_ERROR);
	return api_leave(p, &span, parse_name(text, af, name, namelen));
}

INT wsd_WSAStringToAddressW(LPWSTR text, INT af, LPWSAPROTOCOL_INFOW info, LPSOCKADDR name,
			    LPINT namelen)
{
	char text8[INET_TEXT_MAX];
	API_ENTER(SOCKET_ERROR);
	if (text && utf16_to_utf8(text, text8, sizeof(text8)) > sizeof(text8))
		return api_leave(p, &span, WSAEINVAL);
	return api_leave(p, &span, parse_name(text ? text8 : NULL, af, name, namelen));
}

static int print_name(const SOCKADDR *name, DWORD namelen, char *text8)
{
	struct wsd_sockaddr_storage a = {0};
	ADDRESS_FAMILY af;
	if (!name || namelen < sizeof(af) || memory_read(&af, name, sizeof(af)) < 0)
		return WSAEFAULT;
	int size = af == WSD_AF_INET || af == WSD_AF_INET6 ? address_size(af) : 0;
	if (!size || namelen < (DWORD)size)
		return WSAEINVAL;
	if (memory_read(&a, name, (size_t)size) < 0)
		return WSAEFAULT;
	return inet_print_name(&a, size, text8, INET_TEXT_MAX);
}

/* @need units of @width bytes, from @text, for a caller who has *@length units of room. */
static int give_text(const void *text, DWORD need, size_t width, void *out, DWORD *length)
{
	DWORD room;
	if (!out || !length || memory_read(&room, length, sizeof(room)) < 0 ||
	    memory_write(length, &need, sizeof(need)) < 0 || room < need)
		return WSAEFAULT; /* and says how much it needs */
	if (memory_write(out, text, need * width) == 0)
		return 0;
	memory_write(length, &room, sizeof(room)); /* a failed call changes nothing */
	return WSAEFAULT;
}

INT wsd_WSAAddressToStringA(LPSOCKADDR name, DWORD namelen, LPWSAPROTOCOL_INFOA info, LPSTR text,
			    LPDWORD length)
{
	char text8[INET_TEXT_MAX];
	API_ENTER(SOCKET_ERROR);
	int code = print_name(name, namelen, text8);
	if (!code)
		code = give_text(text8, (DWORD)strlen(text8) + 1, 1, text, length);
	return api_leave(p, &span, code);
}

INT wsd_WSAAddressToStringW(LPSOCKADDR name, DWORD namelen, LPWSAPROTOCOL_INFOW info, LPWSTR text,
			    LPDWORD length)
{
	char text8[INET_TEXT_MAX];
	WCHAR wide[INET_TEXT_MAX];
	API_ENTER(SOCKET_ERROR);
	int code = print_name(name, namelen, text8);
	if (!code)
		code = give_text(wide, (DWORD)utf8_to_utf16(text8, wide, INET_TEXT_MAX),
				 sizeof(*wide), text, length);
	return api_leave(p, &span, code);
}

/* ---- byte order ---- */

USHORT wsd_htons(USHORT v)
{
	return htons(v);
}

USHORT wsd_ntohs(USHORT v)
{
	return ntohs(v);
}

ULONG wsd_htonl(ULONG v)
{
	return htonl(v);
}

ULONG wsd_ntohl(ULONG v)
{
	return ntohl(v);
}

static int give_number(SOCKET s, const void *value, size_t size, void *out)
{
	API_ENTER(SOCKET_ERROR);
	struct sw_socket *found = sw_socket_find(p, s);
	sw_socket_put(found);
	int code = !found                                       ? WSAENOTSOCK
		   : !out || memory_write(out, value, size) < 0 ? WSAEFAULT
								: 0;
	return api_leave(p, &span, code);
}

int wsd_WSAHtons(SOCKET s, USHORT v, USHORT *out)
{
	return give_number(s, &(USHORT){htons(v)}, sizeof(v), out);
}

int wsd_WSANtohs(SOCKET s, USHORT v, USHORT *out)
{
	return give_number(s, &(USHORT){ntohs(v)}, sizeof(v), out);
}

int wsd_WSAHtonl(SOCKET s, ULONG v, ULONG *out)
{
	return give_number(s, &(ULONG){htonl(v)}, sizeof(v), out);
}

int wsd_WSANtohl(SOCKET s, ULONG v, ULONG *out)
{
	return give_number(s, &(ULONG){ntohl(v)}, sizeof(v), out);
}
