/* SPDX-License-Identifier: MIT
 *
 * The exported calls on the data bases of services, protocols and hosts, by libc's re-entrant ones.
 * What they return lies in the calling thread's own memory, one place for each call. No locks.
 */
#include "api_call.h"
#include "api_text.h"
#include "resolver.h"
#include "usermem.h"

#include <errno.h>
#include <netdb.h>
#include <stdint.h>
#include <string.h>

enum { TEXT_MAX = 4096, TEXT_IN = 256 };

static _Thread_local struct {
	struct wsd_servent entry;
	char text[TEXT_MAX];
} service_by_name, service_by_port;

static _Thread_local struct {
	struct wsd_protoent entry;
	char text[TEXT_MAX];
} protocol_by_name, protocol_by_number;

static _Thread_local struct {
	struct wsd_hostent entry;
	char name[WSD_NI_MAXHOST];
	char address[sizeof(struct wsd_in6_addr)];
	char *list[2];
	char *no_alias[1];
} host_by_address;

/* What a re-entrant call of libc says: nothing found is success without an entry. */
static int outcome(int err, const void *found)
{
	if (!err || err == ENOENT)
		return found ? 0 : WSANO_DATA;
	return err == ENOMEM ? WSA_NOT_ENOUGH_MEMORY : WSANO_RECOVERY;
}

/* What is too long to be a name is none. */
static int name_in(char *to, const char *from, const char **ret_text)
{
	int code = api_text_in(to, TEXT_IN, from, WSANO_DATA, ret_text);
	return code || from ? code : WSAEFAULT;
}

static struct wsd_servent *put_service(struct wsd_servent *to, const struct servent *from)
{
	*to = (struct wsd_servent){from->s_name, from->s_aliases, from->s_proto,
				   (short)from->s_port};
	return to;
}

static struct wsd_protoent *put_protocol(struct wsd_protoent *to, const struct protoent *from)
{
	*to = (struct wsd_protoent){from->p_name, from->p_aliases, (short)from->p_proto};
	return to;
}

struct wsd_servent *wsd_getservbyname(const char *name, const char *proto)
{
	struct servent entry, *found = NULL;
	char text[TEXT_IN], kind[TEXT_IN];
	const char *wanted = NULL;
	API_ENTER(NULL);
	int code = name_in(text, name, &name);
	if (!code)
		code = api_text_in(kind, sizeof(kind), proto, WSANO_DATA, &wanted);
	API_TRACE("getservbyname", "name=%s, proto=%s", name ? name : "NULL",
		  wanted ? wanted : "NULL");
	p = api_let_go(p, &span);
	if (!code) {
		int err = getservbyname_r(text, wanted, &entry, service_by_name.text, TEXT_MAX,
					  &found);
		code = outcome(err, found);
	}
	return api_resolved(p, &span, code) ? NULL : put_service(&service_by_name.entry, found);
}

struct wsd_servent *wsd_getservbyport(int port, const char *proto)
{
	struct servent entry, *found = NULL;
	char kind[TEXT_IN];
	const char *wanted = NULL;
	API_ENTER(NULL);
	int code = api_text_in(kind, sizeof(kind), proto, WSANO_DATA, &wanted);
	API_TRACE("getservbyport", "port=%u, proto=%s", (unsigned)wsd_ntohs((USHORT)port),
		  wanted ? wanted : "NULL");
	p = api_let_go(p, &span);
	if (!code) {
		int err = getservbyport_r((USHORT)port, wanted, &entry, service_by_port.text,
					  TEXT_MAX, &found);
		code = outcome(err, found);
	}
	return api_resolved(p, &span, code) ? NULL : put_service(&service_by_port.entry, found);
}

struct wsd_protoent *wsd_getprotobyname(const char *name)
{
	struct protoent entry, *found = NULL;
	char text[TEXT_IN];
	API_ENTER(NULL);
	int code = name_in(text, name, &name);
	API_TRACE("getprotobyname", "name=%s", name ? name : "NULL");
	p = api_let_go(p, &span);
	if (!code) {
		int err = getprotobyname_r(text, &entry, protocol_by_name.text, TEXT_MAX, &found);
		code = outcome(err, found);
	}
	return api_resolved(p, &span, code) ? NULL : put_protocol(&protocol_by_name.entry, found);
}

struct wsd_protoent *wsd_getprotobynumber(int number)
{
	struct protoent entry, *found = NULL;
	API_ENTER(NULL);
	API_TRACE("getprotobynumber", "number=%d", number);
	p = api_let_go(p, &span);
	int err = getprotobynumber_r(number, &entry, protocol_by_number.text, TEXT_MAX, &found);
	return api_resolved(p, &span, outcome(err, found))
		       ? NULL
		       : put_protocol(&protocol_by_number.entry, found);
}

/* The name of @addr, in host_by_address.name. */
static int name_of(const char *addr, int len, int type)
{
	SOCKADDR_INET a = {.si_family = (ADDRESS_FAMILY)type};
	bool six = type == WSD_AF_INET6;
	int size = six ? (int)sizeof(a.Ipv6.sin6_addr) : (int)sizeof(a.Ipv4.sin_addr);
	if (!addr)
		return WSAEFAULT;
	if (!six && type != WSD_AF_INET)
		return WSAEAFNOSUPPORT;
	if (len < size || memory_read(host_by_address.address, addr, (size_t)size) < 0)
		return WSAEFAULT;
	memcpy(six ? (void *)&a.Ipv6.sin6_addr : (void *)&a.Ipv4.sin_addr, host_by_address.address,
	       (size_t)size);
	return resolver_names(&a, six ? sizeof(a.Ipv6) : sizeof(a.Ipv4), host_by_address.name,
			      sizeof(host_by_address.name), NULL, 0, WSD_NI_NAMEREQD);
}

struct wsd_hostent *wsd_gethostbyaddr(const char *addr, int len, int type)
{
	API_ENTER(NULL);
	API_TRACE("gethostbyaddr", "len=%d, type=%d", len, type);
	p = api_let_go(p, &span);
	if (api_resolved(p, &span, name_of(addr, len, type)))
		return NULL;
	host_by_address.list[0] = host_by_address.address;
	host_by_address.entry = (struct wsd_hostent){
		host_by_address.name, host_by_address.no_alias, (short)type,
		type == WSD_AF_INET6 ? sizeof(struct wsd_in6_addr) : sizeof(struct wsd_in_addr),
		host_by_address.list};
	return &host_by_address.entry;
}
