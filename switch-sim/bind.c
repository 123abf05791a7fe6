/* SPDX-License-Identifier: MIT
 *
 * bind and getsockname. `names` decides who may have the name; the kernel bind follows, or is put
 * off where Linux refuses what Winsock allows; no SAN provider is called [SW-BIND-2, WS-REUSE-13].
 *
 * Locks: s->lock, held over naming_bind and the TCP/IP provider's WSPBind.
 */
#include "bind.h"
#include "accept.h"
#include "address.h"
#include "addrs.h"
#include "log.h"
#include "usermem.h"
#include "names_book.h"
#include "names_sums.h"
#include "netevents.h"
#include "san.h"
#include "tcpip.h"
#include "naming.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_MAX_BYTES = 128, /* a longer namelen is no name [WS-BIND-2] */
	FAMILY_BYTES = 2,
	KERNEL_TRIES = 3,
};

/* ---- what the kernel thinks ---- */

enum { LOCAL_SLOTS = 64, LOCAL_WAYS = 4 };

static _Atomic uint64_t *local_way(struct sw_process *p, uint32_t addr_be, unsigned way)
{
	return &p->local[((addr_be * 2654435761u >> 26) + way) % LOCAL_SLOTS];
}

static uint64_t local_mark(uint32_t epoch, uint32_t addr_be)
{
	return (uint64_t)epoch << 32 | addr_be;
}

/* Is the address one of this host's? Remembered per process until an address changes, so that
 * neither a bind nor the refusal of a taken name has to make a socket to find out. */
static bool known_local(struct sw_process *p, uint32_t epoch, uint32_t addr_be)
{
	for (unsigned way = 0; way < LOCAL_WAYS; way++)
		if (atomic_load_explicit(local_way(p, addr_be, way), memory_order_relaxed) ==
		    local_mark(epoch, addr_be))
			return true;
	return false;
}

/* @epoch: from before the bind. What is of another epoch is forgotten first. */
static void remember_local(struct sw_socket *s, uint32_t epoch)
{
	struct sw_process *p = s->process;
	uint32_t four;
	if (!epoch || !address_ipv4(&s->local, &four) || !four || known_local(p, epoch, four))
		return;
	_Atomic uint64_t *at = local_way(p, four, 0);
	for (unsigned way = LOCAL_WAYS; way-- > 0;)
		if (atomic_load(local_way(p, four, way)) >> 32 != epoch)
			at = local_way(p, four, way);
	atomic_store(at, local_mark(epoch, four));
}

int bind_kernel(struct sw_socket *s)
{
	INT error = 0;
	int r = s->process->tcpip.lpWSPBind(s->tcp, (const struct wsd_sockaddr *)&s->local,
					    s->local_len, &error);
	if (r)
		return error;
	s->kernel_bound = true;
	if (s->type == WSD_SOCK_STREAM) /* it was no broadcast address */
		remember_local(s, s->address_epoch);
	return 0;
}

/* A name was refused; but is the address one at all? "address" comes before "in use" [WS-ERR-3]. */
static int refused(struct sw_socket *s, const struct wsd_sockaddr_storage *name, int len, int code)
{
	struct san *san = s->process->san;
	uint32_t four;
	if (address_is_wildcard(name) ||
	    (address_ipv4(name, &four) && !san_address_change_waits(san) &&
	     known_local(s->process, san_address_epoch(san), four)))
		return code;
	int probe = tcpip_probe_address((const struct wsd_sockaddr *)name, len);
	return probe == WSAEADDRNOTAVAIL ? probe : code;
}

/* ---- names ---- */

static void describe(const struct sw_socket *s, struct names_request *req)
{
	bool six = s->af == WSD_AF_INET6, udp = s->type == WSD_SOCK_DGRAM;
	const SOCKADDR_IN6 *a6 = (const SOCKADDR_IN6 *)&s->local;
	*req = (struct names_request){
		.proto = udp ? (six ? NAMES_UDP6 : NAMES_UDP4) : (six ? NAMES_TCP6 : NAMES_TCP4),
		.mode = s->options.exclusive ? NAMES_EXCLUSIVE
			: s->options.reuse   ? NAMES_REUSE
					     : NAMES_DEFAULT,
		.port = (uint16_t)address_port(&s->local),
		.scope = six ? a6->sin6_scope_id : 0,
		.dual = six && !s->options.v6only,
		.scalability = s->options.port_scalability,
	};
	if (six)
		memcpy(req->addr, &a6->sin6_addr, 16);
	else
		memcpy(req->addr, &((const SOCKADDR_IN *)&s->local)->sin_addr, 4);
}

struct search {
	const struct names_request *req;
	unsigned holders;
	bool found; /* another user */
};

static bool is_six(enum names_proto proto)
{
	return proto == NAMES_TCP6 || proto == NAMES_UDP6;
}

/* Would the kernel see one in the way of the other: the same address, or one takes them all? */
static bool overlaps(const struct names_request *req, const struct names_entry *e)
{
	bool wild = names_is_wild(req->addr), other_wild = names_is_wild(e->addr);
	if (req->proto == e->proto)
		return wild || other_wild || !memcmp(req->addr, e->addr, sizeof(e->addr));
	return names_v4_of(req->proto) == names_v4_of(e->proto) &&
	       ((is_six(req->proto) && req->dual) || (is_six(e->proto) && e->dual));
}

/* The book knows the user that a process was when it joined; the kernel, whose socket it is. */
static bool changed_user(pid_t pid)
{
	char path[32], line[128];
	unsigned user = geteuid();
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = pid > 0 ? fopen(path, "re") : NULL;
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Uid: %*u %u", &user) == 1)
			break;
	if (f)
		fclose(f);
	return user != geteuid();
}

/* We are among the holders. */
static void look_for_holder(void *arg, const struct names_entry *e)
{
	struct search *search = arg;
	if (e->port != search->req->port || e->deferred || !overlaps(search->req, e))
		return;
	search->holders++;
	search->found |= !e->same_user || changed_user(e->pid);
}

bool bind_in_way(struct sw_socket *s)
{
	struct names_request req; /* normal, as the entries are */
	describe(s, &req);
	book_normalise(&req);
	struct search search = {.req = &req};
	if (names_list(s->process->names, look_for_holder, &search) < 0)
		return false;
	return search.found || (names_user_changed(s->process->names) && search.holders > 1);
}

/*
 * The kernel's bind for a name that `names` granted. WSAEADDRINUSE when a foreign program has it;
 * when another holder in the book is in the way it is put off [WS-REUSE-13]. A holder that leaves
 * closes its kernel socket first: whoever has gone from the book in between is not in the way any
 * more.
 */
static int bind_granted(struct sw_socket *s, bool chosen)
{
	int code = bind_kernel(s);
	for (int i = 0; code == WSAEADDRINUSE && chosen && i < KERNEL_TRIES; i++) {
		if (bind_in_way(s)) {
			naming_defer(s->process, s->name_id);
			return 0;
		}
		code = bind_kernel(s);
	}
	return code;
}

/* Dynamic ports that a foreign program turned out to have: kept until another is found, so that
 * none is tried twice. */
struct kept {
	uint64_t *id;
	size_t count, room;
};

static bool keep(struct kept *k, uint64_t id)
{
	if (k->count == k->room) {
		size_t room = k->room ? 2 * k->room : 16;
		uint64_t *grown = realloc(k->id, room * sizeof(*grown));
		if (!grown)
			return false;
		k->id = grown;
		k->room = room;
	}
	k->id[k->count++] = id;
	return true;
}

/* Take the name in s->local, then the kernel's. s->local gets the port. */
static int take_name(struct sw_socket *s)
{
	struct names_request req;
	struct kept foreign = {0};
	uint16_t port;
	int code;
	describe(s, &req);
	s->exclusive = req.mode == NAMES_EXCLUSIVE;
	for (;;) {
		code = naming_bind(s->process, &req, sw_socket_handle(s), &s->name_id, &port);
		if (code) {
			code = refused(s, &s->local, s->local_len, code);
			break;
		}
		address_set_port(&s->local, port);
		code = bind_granted(s, req.port);
		if (!code)
			break;
		if (code != WSAEADDRINUSE || req.port) {
			naming_release(s->process, s->name_id);
			break;
		}
		if (!keep(&foreign, s->name_id)) {
			naming_release(s->process, s->name_id);
			code = WSAENOBUFS;
			break;
		}
	}
	while (foreign.count)
		naming_release(s->process, foreign.id[--foreign.count]);
	free(foreign.id);
	return code;
}

static int bind_inet(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	if (s->type == WSD_SOCK_RAW) /* no ports, hence no names [WS-SOCKET-3] */
		return bind_kernel(s);
	if (atomic_fetch_add(&p->bound, 1) >= p->settings.socket_limit) {
		atomic_fetch_sub(&p->bound, 1);
		return WSAENOBUFS;
	}
	int code = take_name(s);
	if (code)
		atomic_fetch_sub(&p->bound, 1);
	s->named = !code;
	return code;
}

/* ---- bind ---- */

/* The steps "pointer and length" and "family" of WS-ERR-3; @ret has what was there, the tail cut.
 */
static int read_name(const struct sw_socket *s, const void *name, int namelen,
		     struct wsd_sockaddr_storage *ret, int *ret_len)
{
	int least = address_size(s->af), room = least;
	if (s->af == WSD_AF_UNIX)
		room = (int)sizeof(SOCKADDR_UN);
	if (!name || namelen < least || namelen < FAMILY_BYTES)
		return WSAEFAULT;
	if (s->af != WSD_AF_UNIX && namelen > NAME_MAX_BYTES)
		return WSAEFAULT;
	*ret_len = namelen < room ? namelen : room;
	memset(ret, 0, sizeof(*ret));
	if (memory_read(ret, name, (size_t)*ret_len) < 0)
		return WSAEFAULT;
	if (ret->ss_family != s->af) /* [DUAL] */
		return s->process->settings.profile == SW_PROFILE_OBSERVED ? WSAEAFNOSUPPORT
									   : WSAEFAULT;
	if (s->af == WSD_AF_INET)
		memset(((SOCKADDR_IN *)ret)->sin_zero, 0, sizeof(((SOCKADDR_IN *)ret)->sin_zero));
	return 0;
}

static int check_unix(const struct wsd_sockaddr_storage *name, int len, int namelen)
{
	const SOCKADDR_UN *un = (const SOCKADDR_UN *)name;
	size_t room = (size_t)len - offsetof(SOCKADDR_UN, sun_path);
	size_t path = strnlen(un->sun_path, room);
	if (path == 0) /* Linux would choose a name */
		return WSAEADDRNOTAVAIL;
	return path == sizeof(un->sun_path) && namelen > len ? WSAENAMETOOLONG : 0;
}

/* What Linux would let through or say otherwise [WS-BIND-4]. */
static int check_address(struct sw_socket *s, const struct wsd_sockaddr_storage *name)
{
	uint32_t four;
	bool is_four = address_ipv4(name, &four);
	if (s->type == WSD_SOCK_RAW && s->protocol == WSD_IPPROTO_TCP)
		return WSAEACCES; /* WS-SOCKET-3 */
	if (s->af == WSD_AF_INET6 && is_four && s->options.v6only)
		return WSAEADDRNOTAVAIL;
	if (address_is_multicast(name))
		return WSAEADDRNOTAVAIL;
	s->address_epoch = san_address_epoch_now(s->process->san);
	/* a stream has no broadcast at all; Linux would take it */
	bool forbidden =
		s->type == WSD_SOCK_STREAM || (s->type == WSD_SOCK_DGRAM && !s->options.broadcast);
	if (!forbidden || !is_four || !four || known_local(s->process, s->address_epoch, four))
		return 0;
	int broadcast = addrs_is_broadcast(four);
	if (broadcast < 0) {
		wsd_log(WSD_LOG_ERROR, "the addresses of this host cannot be read: %s",
			strerror(-broadcast));
		return WSAENOBUFS;
	}
	if (!broadcast)
		return 0;
	return s->type == WSD_SOCK_STREAM ? WSAEADDRNOTAVAIL : WSAEACCES;
}

static int bind_locked(struct sw_socket *s, const void *name, int namelen)
{
	struct wsd_sockaddr_storage local;
	int len, code = read_name(s, name, namelen, &local, &len);
	if (code)
		return code;
	if (s->state != SW_CREATED || s->accepting || s->shut_send || s->shut_receive)
		return s->state == SW_CLOSED ? WSAENOTSOCK : WSAEINVAL;
	code = s->af == WSD_AF_UNIX ? check_unix(&local, len, namelen) : check_address(s, &local);
	if (code)
		return code;
	if (sw_fault_nobufs(s->process, "bind"))
		return WSAENOBUFS;
	s->local = local;
	s->local_len = len;
	code = s->af == WSD_AF_UNIX ? bind_kernel(s) : bind_inet(s);
	if (!code)
		s->state = SW_BOUND;
	return code;
}

int bind_implicit(struct sw_socket *s)
{
	memset(&s->local, 0, sizeof(s->local));
	s->local.ss_family = (ADDRESS_FAMILY)s->af;
	s->local_len = address_size(s->af);
	if (s->af == WSD_AF_UNIX)
		return WSAEINVAL; /* no name can be chosen for it */
	if (sw_fault_nobufs(s->process, "bind"))
		return WSAENOBUFS;
	int code = bind_inet(s);
	if (!code)
		s->state = SW_BOUND;
	return code;
}

int sw_bind(struct sw_process *p, SOCKET handle, const void *name, int namelen)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = accept_in_condition() ? WSAEINPROGRESS : WSAENETDOWN; /* WS-BIND-4 */
	if (!accept_in_condition() && !sw_fault_netdown(p, "bind")) {
		pthread_mutex_lock(&s->lock);
		code = bind_locked(s, name, namelen);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}

/* The old name is kept until there is another, so that the same port is not chosen again. */
int bind_other_port(struct sw_socket *s)
{
	struct sw_process *p = s->process;
	struct wsd_sockaddr_storage local = s->local;
	uint64_t id = s->name_id;
	SOCKET old = s->tcp;
	INT error = 0;
	sw_fds_begin();
	SOCKET fresh = p->tcpip.lpWSPSocket(s->af, s->type, s->protocol, NULL, 0,
					    WSA_FLAG_OVERLAPPED, &error);
	if (fresh != INVALID_SOCKET)
		s->tcp = fresh;
	sw_fds_end();
	if (fresh == INVALID_SOCKET)
		return error;
	netevents_unwatch(s);
	tcpip_copy_options(old, fresh);
	address_set_port(&s->local, 0);
	int code = take_name(s);
	if (!code)
		naming_release(p, id);
	sw_fds_begin();
	if (code) { /* as before */
		s->tcp = old;
		old = fresh;
		s->local = local;
		s->name_id = id;
	}
	p->tcpip.lpWSPCloseSocket(old, &error);
	sw_fds_end();
	netevents_watch(s);
	return code;
}

/* ---- getsockname [WS-NAME-1 to 4, -8] ---- */

static int getsockname_locked(const struct sw_socket *s, void *name, int *namelen)
{
	int room;
	if (!name || !namelen || memory_read(&room, namelen, sizeof(room)) < 0)
		return WSAEFAULT;
	if (s->state == SW_CLOSED)
		return WSAENOTSOCK;
	bool unbound = s->state == SW_CREATED || s->accepted_ex; /* WS-NAME-5 */
	if (room < (unbound ? address_size(s->af) : s->local_len))
		return WSAEFAULT;
	if (unbound)
		return WSAEINVAL;
	if (memory_write(namelen, &s->local_len, sizeof(s->local_len)) < 0)
		return WSAEFAULT;
	if (memory_write(name, &s->local, (size_t)s->local_len) == 0)
		return 0;
	memory_write(namelen, &room, sizeof(room)); /* a failed call changes nothing */
	return WSAEFAULT;
}

int sw_getsockname(struct sw_process *p, SOCKET handle, void *name, int *namelen)
{
	struct sw_socket *s = sw_socket_find(p, handle);
	if (!s)
		return WSAENOTSOCK;
	int code = WSAENETDOWN;
	if (!sw_fault_netdown(p, "getsockname")) {
		pthread_mutex_lock(&s->lock);
		code = getsockname_locked(s, name, namelen);
		pthread_mutex_unlock(&s->lock);
	}
	sw_socket_put(s);
	return code;
}
