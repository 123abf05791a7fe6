/* SPDX-License-Identifier: MIT
 *
 * Companions: the SAN sockets that stand beside a listening socket [SW-BIND-3 to -7, SW-LISTEN-2
 * to -6, SW-WILD-1 to -5, SW-OPT-1]. Everything here runs under the socket's lock, which is held
 * over the downcalls (socket.h); no other lock is taken.
 */
#include "san_priv.h"

#include "log.h"
#include "session.h"
#include "upcalls.h"
#include "wsaname.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wsd/abi.h>

/* Options that can be forwarded, and whether the application has set them [SW-BIND-4.3, SW-OPT-1].
 */
struct forwarded {
	int option;
	bool qos; /* only to a provider with XP1_QOS_SUPPORTED */
	bool settable;
};

static const struct forwarded forwarded[] = {
	{WSD_SO_DEBUG, false, true},      {SO_GROUP_PRIORITY, true, true},
	{SO_GROUP_ID, true, false},       {SO_MAX_MSG_SIZE, false, false},
	{SO_MAX_RDMA_SIZE, false, false}, {SO_RDMA_THRESHOLD_SIZE, false, false},
};

enum { FORWARDED_COUNT = sizeof(forwarded) / sizeof(forwarded[0]) };

static bool recorded(const struct sw_socket *s, int option, int32_t *ret_value)
{
	if (option == WSD_SO_DEBUG && s->options.debug_set)
		*ret_value = s->options.debug;
	else if (option == SO_GROUP_PRIORITY && s->options.group_priority_set)
		*ret_value = s->options.group_priority;
	else
		return false;
	return true;
}

/* Forward one option. WSAENOPROTOOPT only says that the provider does not have it. */
static int forward(const struct san_provider *p, SOCKET desc, const struct forwarded *f,
		   int32_t value)
{
	int error = 0;
	if (!f->settable || (f->qos && !p->qos))
		return 0;
	if (p->table.lpWSPSetSockOpt(desc, WSD_SOL_SOCKET, f->option, (const char *)&value,
				     sizeof(value), &error) == 0 ||
	    error == WSAENOPROTOOPT)
		return 0;
	return error ? error : WSASYSCALLFAILURE;
}

int san_forward_options(const struct san_provider *p, SOCKET desc, const struct sw_socket *s)
{
	int code = 0;
	for (int i = 0; i < FORWARDED_COUNT && !code; i++) {
		int32_t value;
		if (recorded(s, forwarded[i].option, &value))
			code = forward(p, desc, &forwarded[i], value);
	}
	return code;
}

static uint16_t port_be(const struct sw_socket *s)
{
	return ((const struct wsd_sockaddr_in *)&s->local)->sin_port;
}

static const char *target_text(const struct sw_socket *s, uint32_t addr_be, char *text, size_t size)
{
	char dotted[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &addr_be, dotted, sizeof(dotted));
	snprintf(text, size, "%s:%u", dotted, ntohs(port_be(s)));
	return text;
}

/* By pointer: the code is read after the call has been made. */
static int call_code(int result, const int *error)
{
	return result == 0 ? 0 : *error ? *error : WSASYSCALLFAILURE;
}

/* The steps after WSPSocket, in the order of SW-BIND-4 and SW-LISTEN-2. Return 0 or a code and its
 * step. */
static int set_up(const struct companion *c, const struct sw_socket *s, const char **ret_step)
{
	const WSPPROC_TABLE *t = &c->provider->table;
	struct wsd_sockaddr_in name;
	int error = 0;
	memset(&name, 0, sizeof(name));
	name.sin_family = WSD_AF_INET;
	name.sin_port = port_be(s);
	name.sin_addr.s_addr = c->addr_be;
	*ret_step = "WSPBind";
	int code = call_code(
		t->lpWSPBind(c->desc, (const struct wsd_sockaddr *)&name, sizeof(name), &error),
		&error);
	if (code)
		return code;
	*ret_step = "WSPSetSockOpt";
	code = san_forward_options(c->provider, c->desc, s);
	if (code)
		return code;
	*ret_step = "WSPListen";
	code = call_code(t->lpWSPListen(c->desc, s->backlog, &error), &error);
	if (code)
		return code;
	*ret_step = "WSPEventSelect";
	return call_code(t->lpWSPEventSelect(c->desc, upcalls_event(c->handle), FD_ACCEPT, &error),
			 &error);
}

static struct companion *new_companion(struct san_listener *l)
{
	return l->first.provider ? malloc(sizeof(struct companion)) : &l->first;
}

static void free_companion(struct san_listener *l, struct companion *c)
{
	if (c == &l->first)
		c->provider = NULL;
	else
		free(c);
}

void san_forget_companions(struct san_listener *l)
{
	while (l->companions) {
		struct companion *c = l->companions;
		l->companions = c->next;
		free_companion(l, c);
	}
}

static void close_companion(struct san_listener *l, struct companion *c)
{
	int error = 0;
	/* first: an event that comes now finds nobody */
	upcalls_detach(c->handle);
	if (c->provider->table.lpWSPCloseSocket(c->desc, &error) == SOCKET_ERROR)
		wsd_log(WSD_LOG_WARNING, "provider %s: WSPCloseSocket: %s", c->provider->label,
			wsaname(error) ? wsaname(error) : "failed");
	atomic_fetch_sub(&c->provider->companions, 1);
	free_companion(l, c);
}

/* A failure leaves TCP/IP and the other companions as they are [SW-LISTEN-4]. */
static int open_companion(struct sw_socket *s, struct san_provider *p, uint32_t addr_be)
{
	const char *step = "WSPSocket";
	char text[32];
	struct companion *c = new_companion(s->san);
	if (!c) {
		wsd_log(WSD_LOG_ERROR, "no memory for a companion on %s",
			target_text(s, addr_be, text, sizeof(text)));
		return WSA_NOT_ENOUGH_MEMORY;
	}
	*c = (struct companion){.provider = p, .addr_be = addr_be};
	int code = upcalls_socket(&p->table, &p->info, s, &c->desc, &c->handle);
	if (!code) {
		atomic_fetch_add(&p->companions, 1);
		code = set_up(c, s, &step);
		if (!code) {
			struct companion **end = &s->san->companions;
			while (*end)
				end = &(*end)->next;
			*end = c;
			s->san->count++;
			return 0;
		}
		close_companion(s->san, c);
	} else {
		free_companion(s->san, c);
	}
	/* a refused wildcard is not a failure: the caller says what it does about it [SW-WILD-1] */
	bool wildcard_refused = !addr_be && code == WSAEADDRNOTAVAIL && !strcmp(step, "WSPBind");
	const struct wsaname *row = wsaname_find(code);
	if (!wildcard_refused)
		wsd_log(WSD_LOG_WARNING,
			"provider %s: no companion on %s, TCP/IP serves it: %s: %s (%d)%s%s",
			p->label, target_text(s, addr_be, text, sizeof(text)), step,
			row ? row->name : "error", code, row ? ": " : "", row ? row->meaning : "");
	return wildcard_refused ? WSAEADDRNOTAVAIL : WSAEPROVIDERFAILEDINIT;
}

/* ---- which companions a socket should have ---- */

static bool is_shadowed(const struct san_listener *l, uint32_t addr_be)
{
	for (size_t i = 0; i < l->n_shadows; i++)
		if (l->shadows_be[i] == addr_be)
			return true;
	return false;
}

static bool takes_wildcard(const struct san *san, const struct san_provider *p)
{
	return san->process->settings.wildcard == SW_WILDCARD_LEGACY &&
	       !atomic_load(&p->no_wildcard);
}

static bool has_row(const struct subnets *view, const struct san_provider *p, uint32_t addr_be)
{
	for (size_t i = 0; i < subnets_providers(view); i++) {
		size_t n;
		const struct subnets_row *rows = subnets_rows(view, i, &n);
		for (size_t k = 0; k < n && rows[k].provider == p; k++)
			if (rows[k].addr_be == addr_be)
				return true;
	}
	return false;
}

static uint32_t local_be(const struct sw_socket *s)
{
	return ((const struct wsd_sockaddr_in *)&s->local)->sin_addr.s_addr;
}

static bool still_wanted(const struct san *san, const struct sw_socket *s,
			 const struct subnets *view, const struct companion *c)
{
	uint32_t bound_be = local_be(s);
	if (!subnets_has_provider(view, c->provider)) /* [SW-PNP-3] */
		return false;
	if (!c->addr_be)
		return takes_wildcard(san, c->provider);
	if (bound_be) {
		const struct subnets_row *row = subnets_local(view, bound_be);
		return row && row->provider == c->provider;
	}
	return has_row(view, c->provider, c->addr_be) && !is_shadowed(s->san, c->addr_be);
}

struct companion *san_find_companion(const struct sw_socket *s, SOCKET handle)
{
	for (struct companion *c = s->san ? s->san->companions : NULL; c; c = c->next)
		if (c->handle == handle)
			return c;
	return NULL;
}

static bool has_companion(const struct sw_socket *s, const struct san_provider *p, uint32_t addr_be)
{
	for (const struct companion *c = s->san->companions; c; c = c->next)
		if (c->provider == p && c->addr_be == addr_be)
			return true;
	return false;
}

static void want(struct sw_socket *s, struct san_provider *p, uint32_t addr_be)
{
	if (!has_companion(s, p, addr_be))
		open_companion(s, p, addr_be);
}

/* One provider's share of a wildcard listener: one companion, or one for each address. */
static void want_all(struct san *san, struct sw_socket *s, struct subnets *view, size_t i)
{
	struct san_provider *p = subnets_provider(view, i);
	if (takes_wildcard(san, p)) {
		if (has_companion(s, p, 0) || open_companion(s, p, 0) != WSAEADDRNOTAVAIL)
			return;
		atomic_store(&p->no_wildcard, true);
		wsd_log(WSD_LOG_WARNING,
			"provider %s refuses 0.0.0.0 although wildcard is legacy: a companion for "
			"each of its addresses instead [SW-WILD-1]",
			p->label);
	}
	size_t n;
	const struct subnets_row *rows = subnets_rows(view, i, &n);
	for (size_t k = 0; k < n; k++)
		if (!is_shadowed(s->san, rows[k].addr_be))
			want(s, p, rows[k].addr_be);
}

void san_reconcile(struct san *san, struct sw_socket *s, struct subnets *view)
{
	if (s->local.ss_family != WSD_AF_INET) /* SAN sockets are IPv4 [SW-BIND-4.1] */
		return;
	for (struct companion **at = &s->san->companions; *at;) {
		struct companion *c = *at;
		if (still_wanted(san, s, view, c)) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		s->san->count--;
		close_companion(s->san, c);
	}
	uint32_t bound_be = local_be(s);
	if (bound_be) {
		const struct subnets_row *row = subnets_local(view, bound_be);
		if (row)
			want(s, row->provider, bound_be);
		return;
	}
	for (size_t i = 0; i < subnets_providers(view); i++)
		want_all(san, s, view, i);
}

void san_close_companions(struct sw_socket *s)
{
	while (s->san->companions) {
		struct companion *c = s->san->companions;
		s->san->companions = c->next;
		s->san->count--;
		close_companion(s->san, c);
	}
}

/* ---- options [SW-OPT-1] ---- */

static const struct forwarded *find_forwarded(int option)
{
	for (int i = 0; i < FORWARDED_COUNT; i++)
		if (forwarded[i].option == option)
			return &forwarded[i];
	return NULL;
}

bool san_getsockopt(struct san *san, struct sw_socket *s, int option, char *value, int *len,
		    int *ret_error)
{
	const struct forwarded *f = find_forwarded(option);
	const struct companion *c = s->san ? s->san->companions : NULL;
	if (f && s->session) {
		if (f->qos && !session_provider(s->session)->qos)
			return false;
		int code = session_get_option(s->session, option, value, len);
		if (code == WSAENOTCONN || code == WSAENOPROTOOPT)
			return false; /* closed, or no option of its: the record answers */
		*ret_error = code;
		return true;
	}
	while (f && f->qos && c && !c->provider->qos)
		c = c->next;
	if (!f || !c)
		return false;
	int error = 0;
	int result = c->provider->table.lpWSPGetSockOpt(c->desc, WSD_SOL_SOCKET, option, value, len,
							&error);
	*ret_error = call_code(result, &error);
	return true;
}

void san_setsockopt(struct san *san, struct sw_socket *s, int option)
{
	const struct forwarded *f = find_forwarded(option);
	int32_t value;
	if (!f || !f->settable || !recorded(s, option, &value))
		return;
	if (s->session && (!f->qos || session_provider(s->session)->qos))
		session_set_option(s->session, option, (const char *)&value, sizeof(value));
	for (const struct companion *c = s->san ? s->san->companions : NULL; c; c = c->next) {
		int code = forward(c->provider, c->desc, f, value);
		if (code)
			wsd_log(WSD_LOG_WARNING, "provider %s: option 0x%x is not taken over: %s",
				c->provider->label, (unsigned)option,
				wsaname(code) ? wsaname(code) : "error");
	}
}
