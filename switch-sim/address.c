/* SPDX-License-Identifier: MIT
 *
 * Conversion of socket addresses. The structures agree but for the value of the family; AF_UNIX
 * paths are always NUL-terminated towards the kernel.
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

static const struct family {
	int winsock, linux_;
	int size; /* both sides; AF_UNIX: an empty path */
} families[] = {
	{WSD_AF_INET, AF_INET, sizeof(SOCKADDR_IN)},
	{WSD_AF_INET6, AF_INET6, sizeof(SOCKADDR_IN6)},
	{WSD_AF_UNIX, AF_UNIX, offsetof(SOCKADDR_UN, sun_path)},
};

static const struct family *find(int winsock, int linux_)
{
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		if (families[i].winsock == winsock || families[i].linux_ == linux_)
			return &families[i];
	return NULL;
}

int address_family_to_linux(int af)
{
	const struct family *f = find(af, -1);
	return f ? f->linux_ : -1;
}

int address_family_from_linux(int af)
{
	const struct family *f = find(-1, af);
	return f ? f->winsock : -1;
}

int address_size(int af)
{
	const struct family *f = find(af, -1);
	return f ? f->size : 0;
}

int address_to_linux(const void *name, int len, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	ADDRESS_FAMILY af;
	memcpy(&af, name, sizeof(af));
	const struct family *f = find(af, -1);
	if (!f)
		return -EAFNOSUPPORT;
	memset(ret, 0, sizeof(*ret));
	size_t n = (size_t)f->size;
	if (f->linux_ == AF_UNIX) {
		size_t path = (size_t)len - offsetof(SOCKADDR_UN, sun_path);
		if (path > sizeof(((struct sockaddr_un *)0)->sun_path))
			path = sizeof(((struct sockaddr_un *)0)->sun_path);
		path = strnlen((const char *)name + offsetof(SOCKADDR_UN, sun_path), path);
		n = offsetof(struct sockaddr_un, sun_path) + path;
	}
	memcpy(ret, name, n);
	ret->ss_family = (sa_family_t)f->linux_;
	if (f->linux_ == AF_UNIX && n < sizeof(struct sockaddr_un))
		n++; /* the NUL */
	*ret_len = (socklen_t)n;
	return 0;
}

int address_from_linux(const struct sockaddr *name, socklen_t len, struct wsd_sockaddr_storage *ret,
		       int *ret_len)
{
	const struct family *f = len >= sizeof(sa_family_t) ? find(-1, name->sa_family) : NULL;
	if (!f)
		return -EAFNOSUPPORT;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, name, len < sizeof(*ret) ? len : sizeof(*ret));
	ret->ss_family = (ADDRESS_FAMILY)f->winsock;
	*ret_len = f->linux_ == AF_UNIX ? (int)sizeof(SOCKADDR_UN) : f->size;
	return 0;
}

unsigned address_port(const struct wsd_sockaddr_storage *a)
{
	return ntohs(((const SOCKADDR_IN *)a)->sin_port); /* the same place in both families */
}

void address_set_port(struct wsd_sockaddr_storage *a, unsigned port)
{
	((SOCKADDR_IN *)a)->sin_port = htons((uint16_t)port);
}

bool address_ipv4(const struct wsd_sockaddr_storage *a, uint32_t *ret_be)
{
	const SOCKADDR_IN6 *six = (const SOCKADDR_IN6 *)a;
	if (a->ss_family == WSD_AF_INET)
		*ret_be = ((const SOCKADDR_IN *)a)->sin_addr.s_addr;
	else if (a->ss_family == WSD_AF_INET6 &&
		 IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)&six->sin6_addr))
		memcpy(ret_be, &six->sin6_addr.u.Byte[12], sizeof(*ret_be));
	else
		return false;
	return true;
}

bool address_is_wildcard(const struct wsd_sockaddr_storage *a)
{
	uint32_t four;
	if (address_ipv4(a, &four))
		return four == 0;
	return a->ss_family == WSD_AF_INET6 &&
	       IN6_IS_ADDR_UNSPECIFIED(
		       (const struct in6_addr *)&((const SOCKADDR_IN6 *)a)->sin6_addr);
}

bool address_is_multicast(const struct wsd_sockaddr_storage *a)
{
	uint32_t four;
	if (address_ipv4(a, &four))
		return IN_MULTICAST(ntohl(four));
	return a->ss_family == WSD_AF_INET6 &&
	       ((const SOCKADDR_IN6 *)a)->sin6_addr.u.Byte[0] == 0xff;
}
