/* SPDX-License-Identifier: MIT
 *
 * getaddrinfo and getnameinfo over libc's. What differs: numbers of families and flags, order of
 * members, codes, and that Windows gives one entry for each address where Linux gives one for each
 * kind of socket.
 */
#include "resolver.h"
#include "address.h"
#include "usermem.h"
#include "utf16.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct {
	int linux_, code;
	const char *text;
} errors[] = {
	{EAI_NONAME, WSAHOST_NOT_FOUND, "No such host is known."},
	{EAI_NODATA, WSANO_DATA, "The name has no address of the kind asked for."},
	{EAI_AGAIN, WSATRY_AGAIN, "The name could not be looked up now; try again."},
	{EAI_FAIL, WSANO_RECOVERY, "The look-up failed for good."},
	{EAI_FAMILY, WSAEAFNOSUPPORT, "The address family is not supported."},
	{EAI_ADDRFAMILY, WSANO_DATA, "The name has no address of the kind asked for."},
	{EAI_SOCKTYPE, WSAESOCKTNOSUPPORT, "The socket type is not supported."},
	{EAI_SERVICE, WSATYPE_NOT_FOUND, "The service is not known for this socket type."},
	{EAI_BADFLAGS, WSAEINVAL, "An argument is invalid."},
	{EAI_MEMORY, WSA_NOT_ENOUGH_MEMORY, "Not enough memory."},
	{EAI_OVERFLOW, WSAEFAULT, "A buffer is too small."},
};

static const struct {
	int winsock, linux_;
} ai_flags[] =
	{
		{WSD_AI_PASSIVE, AI_PASSIVE},
		{WSD_AI_CANONNAME, AI_CANONNAME},
		{WSD_AI_NUMERICHOST, AI_NUMERICHOST},
		{WSD_AI_NUMERICSERV, AI_NUMERICSERV},
		{WSD_AI_ALL, AI_ALL},
		{WSD_AI_ADDRCONFIG, AI_ADDRCONFIG},
		{WSD_AI_V4MAPPED, AI_V4MAPPED},
		{AI_NON_AUTHORITATIVE, 0},
		{AI_SECURE, 0},
		{AI_RETURN_PREFERRED_NAMES, 0},
		{AI_FQDN, AI_CANONNAME},
},
  ni_flags[] = {
	  {WSD_NI_NOFQDN, NI_NOFQDN},     {WSD_NI_NUMERICHOST, NI_NUMERICHOST},
	  {WSD_NI_NAMEREQD, NI_NAMEREQD}, {WSD_NI_NUMERICSERV, NI_NUMERICSERV},
	  {WSD_NI_DGRAM, NI_DGRAM},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int error_code(int linux_)
{
	if (!linux_)
		return 0;
	for (size_t i = 0; i < COUNT(errors); i++)
		if (errors[i].linux_ == linux_)
			return errors[i].code;
	return linux_ == EAI_SYSTEM && errno == ENOMEM ? WSA_NOT_ENOUGH_MEMORY : WSANO_RECOVERY;
}

const char *resolver_error(int code)
{
	for (size_t i = 0; i < COUNT(errors); i++)
		if (errors[i].code == code)
			return errors[i].text;
	return code ? "Unknown error." : "Success.";
}

/* ---- look-up ---- */

static int read_hints(const ADDRINFOA *in, struct addrinfo *out)
{
	memset(out, 0, sizeof(*out));
	int flags = in->ai_flags;
	for (size_t i = 0; i < COUNT(ai_flags); i++) {
		if (flags & ai_flags[i].winsock)
			out->ai_flags |= ai_flags[i].linux_;
		flags &= ~ai_flags[i].winsock;
	}
	if (flags || in->ai_addrlen || in->ai_canonname || in->ai_addr || in->ai_next)
		return WSAEINVAL;
	if (in->ai_socktype < 0 || in->ai_socktype > WSD_SOCK_RAW)
		return WSAESOCKTNOSUPPORT;
	out->ai_family =
		in->ai_family == WSD_AF_UNSPEC ? AF_UNSPEC : address_family_to_linux(in->ai_family);
	if (out->ai_family < 0 || out->ai_family == AF_UNIX)
		return WSAEAFNOSUPPORT;
	out->ai_socktype = in->ai_socktype;
	out->ai_protocol = in->ai_protocol;
	return 0;
}

static ADDRINFOA *convert_one(const struct addrinfo *in, const ADDRINFOA *hints)
{
	struct wsd_sockaddr_storage name;
	int len;
	if (address_from_linux(in->ai_addr, in->ai_addrlen, &name, &len) < 0)
		return NULL;
	ADDRINFOA *out = calloc(1, sizeof(*out) + (size_t)len);
	if (!out)
		return NULL;
	out->ai_flags = hints->ai_flags;
	out->ai_family = name.ss_family;
	out->ai_socktype = hints->ai_socktype; /* 0 stays 0: "any" */
	out->ai_protocol = hints->ai_protocol;
	out->ai_addrlen = (size_t)len;
	out->ai_addr = (struct wsd_sockaddr *)(out + 1);
	memcpy(out->ai_addr, &name, (size_t)len);
	if (in->ai_canonname && !(out->ai_canonname = strdup(in->ai_canonname))) {
		free(out);
		return NULL;
	}
	return out;
}

static int convert(const struct addrinfo *in, const ADDRINFOA *hints, ADDRINFOA **ret)
{
	ADDRINFOA *list = NULL, **end = &list;
	for (; in; in = in->ai_next) {
		*end = convert_one(in, hints);
		if (!*end) {
			resolver_free(list);
			return WSA_NOT_ENOUGH_MEMORY;
		}
		end = &(*end)->ai_next;
	}
	*ret = list;
	return 0;
}

/* "" is this host [REF getaddrinfo]; without a type one look-up by stream is enough, as the caller
 * gets one entry for each address. A service that only UDP knows is asked for again. */
/* glibc takes a number modulo 65536 */
static bool beyond_ports(const char *service)
{
	char *end;
	errno = 0;
	unsigned long port = strtoul(service, &end, 10);
	return isdigit((unsigned char)*service) && !*end && (errno || port > UINT16_MAX);
}

static int ask(const char *node, const char *service, struct addrinfo *hints, struct addrinfo **ret)
{
	char own[WSD_NI_MAXHOST];
	if (node && !*node) {
		if (gethostname(own, sizeof(own)) < 0)
			return EAI_FAIL;
		own[sizeof(own) - 1] = '\0';
		node = own;
	}
	if (service && !*service)
		service = "0";
	if (service && beyond_ports(service))
		return EAI_SERVICE;
	bool any = !hints->ai_socktype && !hints->ai_protocol;
	if (any)
		hints->ai_socktype = SOCK_STREAM;
	int r = getaddrinfo(node, service, hints, ret);
	if (any && r == EAI_SERVICE) {
		hints->ai_socktype = SOCK_DGRAM;
		r = getaddrinfo(node, service, hints, ret);
	}
	return r;
}

int resolver_lookup(const char *node, const char *service, const ADDRINFOA *hints, ADDRINFOA **ret)
{
	ADDRINFOA wanted = {0};
	struct addrinfo linux_hints, *found = NULL;
	if (!ret)
		return WSAEFAULT;
	if (!node && !service)
		return WSAHOST_NOT_FOUND;
	if (hints && memory_read(&wanted, hints, sizeof(wanted)) < 0)
		return WSAEFAULT;
	int code = read_hints(&wanted, &linux_hints);
	if (code)
		return code;
	code = error_code(ask(node, service, &linux_hints, &found));
	if (code)
		return code;
	code = convert(found, &wanted, ret);
	freeaddrinfo(found);
	return code;
}

void resolver_free(ADDRINFOA *list)
{
	while (list) {
		ADDRINFOA *next = list->ai_next;
		free(list->ai_canonname);
		free(list);
		list = next;
	}
}

/* ---- in UTF-16: the same list with the one string converted ---- */

static int widen(ADDRINFOA *list, ADDRINFOW **ret)
{
	_Static_assert(sizeof(ADDRINFOA) == sizeof(ADDRINFOW), "the same members");
	for (ADDRINFOA *a = list; a; a = a->ai_next) {
		WCHAR *name = utf8_dup_utf16(a->ai_canonname);
		if (a->ai_canonname && !name) {
			resolver_free(list); /* free() does not care what a string is */
			return WSA_NOT_ENOUGH_MEMORY;
		}
		free(a->ai_canonname);
		a->ai_canonname = (char *)name;
	}
	*ret = (ADDRINFOW *)list;
	return 0;
}

int resolver_lookup_wide(const char *node, const char *service, const ADDRINFOW *hints,
			 ADDRINFOW **ret)
{
	ADDRINFOA *list = NULL;
	int code = resolver_lookup(node, service, (const ADDRINFOA *)hints, &list);
	return code ? code : widen(list, ret);
}

void resolver_free_wide(ADDRINFOW *list)
{
	resolver_free((ADDRINFOA *)list);
}

/* ---- the other way ---- */

int resolver_names(const void *name, int namelen, char *node, DWORD node_size, char *service,
		   DWORD service_size, int flags)
{
	struct wsd_sockaddr_storage given;
	struct sockaddr_storage a;
	socklen_t len;
	int linux_flags = 0;
	ADDRESS_FAMILY family;
	if (!name || namelen < (int)sizeof(family) ||
	    memory_read(&family, name, sizeof(family)) < 0)
		return WSAEFAULT;
	if (family != WSD_AF_INET && family != WSD_AF_INET6)
		return WSAEAFNOSUPPORT;
	int size = address_size(family);
	if (namelen < size || memory_read(&given, name, (size_t)size) < 0)
		return WSAEFAULT;
	for (size_t i = 0; i < COUNT(ni_flags); i++) {
		if (flags & ni_flags[i].winsock)
			linux_flags |= ni_flags[i].linux_;
		flags &= ~ni_flags[i].winsock;
	}
	if (flags)
		return WSAEINVAL;
	if ((!node || !node_size) && (!service || !service_size))
		return WSAHOST_NOT_FOUND;
	address_to_linux(&given, size, &a, &len);
	return error_code(getnameinfo((struct sockaddr *)&a, len, node, node ? node_size : 0,
				      service, service ? service_size : 0, linux_flags));
}

int resolver_ipv4(const char *name, ULONG *ret, unsigned max, unsigned *ret_count, char **ret_name)
{
	ADDRINFOA hints = {.ai_flags = WSD_AI_CANONNAME, .ai_family = WSD_AF_INET}, *list = NULL;
	unsigned n = 0;
	int code = resolver_lookup(name ? name : "", NULL, &hints, &list);
	if (code)
		return code;
	const char *official = list ? list->ai_canonname : NULL;
	*ret_name = strdup(official ? official : name ? name : "");
	for (ADDRINFOA *a = list; a && n < max; a = a->ai_next)
		ret[n++] = ((SOCKADDR_IN *)(void *)a->ai_addr)->sin_addr.s_addr;
	resolver_free(list);
	*ret_count = n;
	return *ret_name ? 0 : WSA_NOT_ENOUGH_MEMORY;
}
