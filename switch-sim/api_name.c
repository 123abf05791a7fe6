/* SPDX-License-Identifier: MIT
 *
 * The exported calls on names of hosts and on addresses as text. What lasts until a thread's next
 * call is in that thread's own memory.
 */
#include "api_call.h"
#include "api_text.h"
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

enum { HOST_ADDRESSES = 32, ERROR_TEXT = 64, SERVICE_MAX = 256 };

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

/* @ret is the application's. */
static int look_up(const char *node, const char *service, const ADDRINFOA *hints, ADDRINFOA **ret)
{
	ADDRINFOA *list;
	if (!ret)
		return WSAEFAULT;
	int code = resolver_lookup(node, service, hints, &list);
	if (code || memory_write(ret, &list, sizeof(void *)) == 0)
		return code;
	resolver_free(list);
	return WSAEFAULT;
}

static int look_up_wide(const char *node, const char *service, const ADDRINFOW *hints,
			ADDRINFOW **ret)
{
	ADDRINFOW *list;
	if (!ret)
		return WSAEFAULT;
	int code = resolver_lookup_wide(node, service, hints, &list);
	if (code || memory_write(ret, &list, sizeof(void *)) == 0)
		return code;
	resolver_free_wide(list);
	return WSAEFAULT;
}

static const char *shown(const char *text)
{
	return text ? text : "NULL";
}

INT wsd_getaddrinfo(const char *node, const char *service, const ADDRINFOA *hints, ADDRINFOA **ret)
{
	char host[WSD_NI_MAXHOST], port[SERVICE_MAX];
	API_ENTER(WSANOTINITIALISED);
	int code = api_text_in(host, sizeof(host), node, WSAHOST_NOT_FOUND, &node);
	int second = api_text_in(port, sizeof(port), service, WSATYPE_NOT_FOUND, &service);
	API_TRACE("getaddrinfo", "node=%s, service=%s", shown(node), shown(service));
	code = code ? code : second;
	p = api_let_go(p, &span);
	return api_resolved(p, &span, code ? code : look_up(node, service, hints, ret));
}

INT wsd_GetAddrInfoW(PCWSTR node, PCWSTR service, const ADDRINFOW *hints, ADDRINFOW **ret)
{
	char host[3 * WSD_NI_MAXHOST], port[3 * SERVICE_MAX];
	const char *node8, *service8;
	API_ENTER(WSANOTINITIALISED);
	int code = api_wide_in(host, sizeof(host), node, WSAHOST_NOT_FOUND, &node8);
	int second = api_wide_in(port, sizeof(port), service, WSATYPE_NOT_FOUND, &service8);
	API_TRACE("GetAddrInfoW", "node=%s, service=%s", shown(node8), shown(service8));
	code = code ? code : second;
	p = api_let_go(p, &span);
	return api_resolved(p, &span, code ? code : look_up_wide(node8, service8, hints, ret));
}

void wsd_freeaddrinfo(PADDRINFOA list)
{
	resolver_free(list);
}

void wsd_FreeAddrInfoW(PADDRINFOW list)
{
	resolver_free_wide(list);
}

/* Both texts or none: @out has room for them. */
static int give_two(const void *a, size_t a_size, void *out_a, const void *b, size_t b_size,
		    void *out_b)
{
	if (memory_probe(out_a, a_size) < 0 || memory_probe(out_b, b_size) < 0)
		return WSAEFAULT;
	memory_write(out_a, a, a_size);
	memory_write(out_b, b, b_size);
	return 0;
}

/* Room for text of the resolver's, if the application has any. */
static DWORD least(DWORD room, DWORD most)
{
	return room < most ? room : most;
}

static int names_narrow(const SOCKADDR *name, INT namelen, char *node, DWORD node_size,
			char *service, DWORD service_size, INT flags)
{
	char host[WSD_NI_MAXHOST] = "", port[WSD_NI_MAXSERV] = "";
	node_size = node ? least(node_size, sizeof(host)) : 0;
	service_size = service ? least(service_size, sizeof(port)) : 0;
	int code = resolver_names(name, namelen, node_size ? host : NULL, node_size,
				  service_size ? port : NULL, service_size, flags);
	return code ? code
		    : give_two(host, node_size ? strlen(host) + 1 : 0, node, port,
			       service_size ? strlen(port) + 1 : 0, service);
}

INT wsd_getnameinfo(const SOCKADDR *name, INT namelen, char *node, DWORD node_size, char *service,
		    DWORD service_size, INT flags)
{
	API_ENTER(WSANOTINITIALISED);
	API_TRACE("getnameinfo", "name=%s, flags=0x%x", API_NAME(name, namelen), (unsigned)flags);
	p = api_let_go(p, &span);
	return api_resolved(
		p, &span,
		names_narrow(name, namelen, node, node_size, service, service_size, flags));
}

static int names_wide(const SOCKADDR *name, INT namelen, WCHAR *node, DWORD node_size,
		      WCHAR *service, DWORD service_size, INT flags)
{
	char host[WSD_NI_MAXHOST] = "", port[WSD_NI_MAXSERV] = "";
	WCHAR host16[WSD_NI_MAXHOST], port16[WSD_NI_MAXSERV];
	bool hosts = node && node_size, ports = service && service_size;
	int code = resolver_names(name, namelen, hosts ? host : NULL, hosts ? sizeof(host) : 0,
				  ports ? port : NULL, ports ? sizeof(port) : 0, flags);
	if (code)
		return code;
	size_t host_units = utf8_to_utf16(host, host16, WSD_NI_MAXHOST);
	size_t port_units = utf8_to_utf16(port, port16, WSD_NI_MAXSERV);
	if ((hosts && host_units > node_size) || (ports && port_units > service_size))
		return WSAEFAULT;
	return give_two(host16, hosts ? host_units * sizeof(*host16) : 0, node, port16,
			ports ? port_units * sizeof(*port16) : 0, service);
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
	char text[WSD_NI_MAXHOST];
	API_ENTER(NULL);
	int code = api_text_in(text, sizeof(text), name, WSAHOST_NOT_FOUND, &name);
	API_TRACE("gethostbyname", "name=%s", name ? name : "NULL");
	p = api_let_go(p, &span);
	if (!code)
		code = resolver_ipv4(name, own.address, HOST_ADDRESSES, &n, &official);
	if (api_resolved(p, &span, code))
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
	char copy[INET_TEXT_MAX];
	if (api_text_in(copy, sizeof(copy), text, WSAEINVAL, &text) == 0 && text)
		return inet_parse_old(text);
	return WSD_INADDR_NONE;
}

char *wsd_inet_ntoa(struct wsd_in_addr in)
{
	inet_ntop(AF_INET, &in, own.dotted, sizeof(own.dotted));
	return own.dotted;
}

/* @code: of reading @text. What is too long for an address is none. */
static INT text_to_address(INT af, int code, const char *text, void *ret)
{
	unsigned char addr[sizeof(IN6_ADDR)];
	int r = -1;
	if (code == WSAEFAULT || !text || !ret) {
		code = WSAEFAULT;
	} else {
		r = inet_parse(af, code ? "" : text, addr);
		code = r < 0 ? WSAEAFNOSUPPORT : 0;
	}
	if (r == 1 && memory_write(ret, addr, inet_bytes(af)) < 0) {
		code = WSAEFAULT;
		r = -1;
	}
	if (r < 0)
		lasterror_set((DWORD)code);
	return r;
}

INT wsd_inet_pton(INT af, const char *text, void *ret)
{
	char copy[INET_TEXT_MAX];
	int code = api_text_in(copy, sizeof(copy), text, WSAEINVAL, &text);
	return text_to_address(af, code, text, ret);
}

INT wsd_InetPtonW(INT af, PCWSTR text, void *ret)
{
	char copy[INET_TEXT_MAX];
	const char *text8;
	int code = api_wide_in(copy, sizeof(copy), text, WSAEINVAL, &text8);
	return text_to_address(af, code, text8, ret);
}

/* The text, as far as it has room in @size units at @out. */
static int address_to_text(INT af, const void *addr, const void *out, size_t size,
			   char text[INET_TEXT_MAX])
{
	unsigned char copy[sizeof(IN6_ADDR)];
	size_t bytes = inet_bytes(af);
	int code;
	if (!bytes)
		return addr ? WSAEAFNOSUPPORT : WSA_INVALID_PARAMETER;
	if (!addr || !out)
		return WSA_INVALID_PARAMETER;
	if (memory_read(copy, addr, bytes) < 0)
		return WSAEFAULT;
	inet_print(af, copy, text, INET_TEXT_MAX, &code);
	return strlen(text) < size ? 0 : WSA_INVALID_PARAMETER;
}

const char *wsd_inet_ntop(INT af, const void *addr, char *out, size_t size)
{
	char text[INET_TEXT_MAX];
	int code = address_to_text(af, addr, out, size, text);
	if (!code && memory_write(out, text, strlen(text) + 1) < 0)
		code = WSAEFAULT;
	if (code)
		lasterror_set((DWORD)code);
	return code ? NULL : out;
}

PCWSTR wsd_InetNtopW(INT af, const void *addr, PWSTR out, size_t size)
{
	char text[INET_TEXT_MAX];
	WCHAR wide[INET_TEXT_MAX];
	int code = address_to_text(af, addr, out, size, text);
	size_t units = code ? 0 : utf8_to_utf16(text, wide, INET_TEXT_MAX);
	if (!code && memory_write(out, wide, units * sizeof(*wide)) < 0)
		code = WSAEFAULT;
	if (code)
		lasterror_set((DWORD)code);
	return code ? NULL : out;
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
	char copy[INET_TEXT_MAX];
	const char *given;
	API_ENTER(SOCKET_ERROR);
	int code = api_text_in(copy, sizeof(copy), text, WSAEINVAL, &given);
	return api_leave(p, &span, code ? code : parse_name(given, af, name, namelen));
}

INT wsd_WSAStringToAddressW(LPWSTR text, INT af, LPWSAPROTOCOL_INFOW info, LPSOCKADDR name,
			    LPINT namelen)
{
	char copy[INET_TEXT_MAX];
	const char *given;
	API_ENTER(SOCKET_ERROR);
	int code = api_wide_in(copy, sizeof(copy), text, WSAEINVAL, &given);
	return api_leave(p, &span, code ? code : parse_name(given, af, name, namelen));
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
