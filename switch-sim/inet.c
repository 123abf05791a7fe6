/* SPDX-License-Identifier: MIT
 *
 * Addresses as text and back.
 */
#include "inet.h"
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ULONG inet_parse_old(const char *text)
{
	struct in_addr a;
	if (!strcmp(text, " ")) /* Windows: a single blank is 0.0.0.0, nothing is an error */
		return WSD_INADDR_ANY;
	return inet_aton(text, &a) ? a.s_addr : WSD_INADDR_NONE;
}

size_t inet_bytes(int af)
{
	return af == WSD_AF_INET    ? sizeof(struct in_addr)
	       : af == WSD_AF_INET6 ? sizeof(struct in6_addr)
				    : 0;
}

int inet_parse(int af, const char *text, void *ret)
{
	int family = af == WSD_AF_INET || af == WSD_AF_INET6 ? address_family_to_linux(af) : -1;
	return family < 0 ? -1 : inet_pton(family, text, ret);
}

const char *inet_print(int af, const void *addr, char *text, size_t size, int *ret_code)
{
	int family = af == WSD_AF_INET || af == WSD_AF_INET6 ? address_family_to_linux(af) : -1;
	if (family < 0) {
		*ret_code = WSAEAFNOSUPPORT;
		return NULL;
	}
	socklen_t room = size > UINT32_MAX ? UINT32_MAX : (socklen_t)size;
	const char *r = text ? inet_ntop(family, addr, text, room) : NULL;
	*ret_code = r ? 0 : WSA_INVALID_PARAMETER;
	return r;
}

/* Decimal digits alone, at most @max. */
static bool parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoul(text, &end, 10);
	return !errno && !*end && *ret <= max;
}

static int parse_name4(char *text, SOCKADDR_IN *ret)
{
	unsigned long port = 0;
	char *colon = strchr(text, ':');
	if (colon) {
		*colon = '\0';
		if (!parse_number(colon + 1, 65535, &port))
			return WSAEINVAL;
	}
	if (inet_pton(AF_INET, text, &ret->sin_addr) != 1)
		return WSAEINVAL;
	ret->sin_port = htons((uint16_t)port);
	return 0;
}

static int parse_name6(char *text, SOCKADDR_IN6 *ret)
{
	unsigned long port = 0, scope = 0;
	if (*text == '[') {
		char *close = strchr(++text, ']');
		if (!close || (close[1] && close[1] != ':'))
			return WSAEINVAL;
		if (close[1] && !parse_number(close + 2, 65535, &port))
			return WSAEINVAL;
		*close = '\0';
	}
	char *percent = strchr(text, '%');
	if (percent) {
		*percent = '\0';
		if (!parse_number(percent + 1, UINT32_MAX, &scope))
			return WSAEINVAL;
	}
	if (inet_pton(AF_INET6, text, &ret->sin6_addr) != 1)
		return WSAEINVAL;
	ret->sin6_port = htons((uint16_t)port);
	ret->sin6_scope_id = (ULONG)scope;
	return 0;
}

int inet_parse_name(int af, const char *text, struct wsd_sockaddr_storage *ret, int *ret_len)
{
	char copy[INET_TEXT_MAX];
	struct wsd_sockaddr_storage name = {.ss_family = (ADDRESS_FAMILY)af};
	if (strlen(text) >= sizeof(copy))
		return WSAEINVAL;
	memcpy(copy, text, strlen(text) + 1);
	int code = af == WSD_AF_INET    ? parse_name4(copy, (SOCKADDR_IN *)&name)
		   : af == WSD_AF_INET6 ? parse_name6(copy, (SOCKADDR_IN6 *)&name)
					: WSAEINVAL;
	if (!code) {
		*ret = name;
		*ret_len = address_size(af);
	}
	return code;
}

int inet_print_name(const struct wsd_sockaddr_storage *name, int len, char *text, size_t size)
{
	char addr[INET6_ADDRSTRLEN], scope[16] = "";
	const SOCKADDR_IN6 *six = (const SOCKADDR_IN6 *)name;
	unsigned port = address_port(name);
	int need;
	if ((name->ss_family != WSD_AF_INET && name->ss_family != WSD_AF_INET6) ||
	    len < address_size(name->ss_family))
		return WSAEINVAL;
	if (name->ss_family == WSD_AF_INET) {
		inet_ntop(AF_INET, &((const SOCKADDR_IN *)name)->sin_addr, addr, sizeof(addr));
		need = port ? snprintf(text, size, "%s:%u", addr, port)
			    : snprintf(text, size, "%s", addr);
	} else {
		inet_ntop(AF_INET6, &six->sin6_addr, addr, sizeof(addr));
		if (six->sin6_scope_id)
			snprintf(scope, sizeof(scope), "%%%u", six->sin6_scope_id);
		need = port ? snprintf(text, size, "[%s%s]:%u", addr, scope, port)
			    : snprintf(text, size, "%s%s", addr, scope);
	}
	return (size_t)need < size ? 0 : WSAEFAULT;
}
