/* SPDX-License-Identifier: MIT
 *
 * The loop provider: registrations, their rights, descriptors, extension functions [provider.md
 * part 10]. Lock: loop.h.
 */
#include "loop.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>
#include <wsd/attend.h>

enum { DESCRIPTOR_VERSION = 1 };

static uint32_t sum_of(const struct loop_descriptor *d)
{
	struct loop_descriptor copy = *d;
	uint32_t words[sizeof(copy) / sizeof(uint32_t)], sum = 0x9e3779b9;
	copy.sum = 0;
	memcpy(words, &copy, sizeof(copy));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum = (sum ^ words[i]) * 0x01000193;
	return sum;
}

bool loop_descriptor_sound(const struct loop_descriptor *d)
{
	return d->version == DESCRIPTOR_VERSION && !d->zero && d->sum == sum_of(d);
}

void loop_memory_free(struct loop_socket *s)
{
	while (s->memory) {
		struct loop_memory *m = s->memory;
		s->memory = m->next;
		atomic_fetch_sub(&loop_control.registrations, 1);
		free(m);
	}
}

static bool covers(const struct loop_memory *m, const char *addr, uint32_t len, DWORD flags)
{
	return !m->remote && (m->flags & flags) == flags && addr >= m->addr &&
	       addr + len <= m->addr + m->len;
}

struct loop_memory *loop_memory_cover(const struct loop_socket *s, const char *addr, uint32_t len,
				      DWORD flags)
{
	for (struct loop_memory *m = s->memory; m; m = m->next)
		if (covers(m, addr, len, flags))
			return m;
	return NULL;
}

static struct loop_memory **place_of(struct loop_socket *s, uint32_t id, bool remote)
{
	struct loop_memory **at = &s->memory;
	while (*at && ((*at)->id != id || (*at)->remote != remote))
		at = &(*at)->next;
	return at;
}

/* A handle is the registration's number, so that a stale or foreign one is known as such. */
struct loop_memory *loop_memory_handle(const struct loop_socket *s, HANDLE handle, const char *addr,
				       uint32_t len, DWORD flags)
{
	for (struct loop_memory *m = s->memory; m; m = m->next)
		if ((uintptr_t)handle == m->id && covers(m, addr, len, flags))
			return m;
	return NULL;
}

char *loop_memory_target(const struct loop_socket *s, const struct loop_descriptor *d,
			 uint64_t offset, uint64_t bytes, DWORD flags)
{
	for (const struct loop_memory *m = s->memory; m; m = m->next)
		if (m->remote && m->id == d->id && m->key == d->key &&
		    (uintptr_t)m->addr == d->addr && m->len == d->len &&
		    (m->flags & flags) == flags && offset <= m->len && bytes <= m->len - offset)
			return m->addr + offset;
	return NULL;
}

/* mincore() knows what is mapped. */
static bool is_mapped(const char *addr, uint64_t len)
{
	unsigned char pages[4096];
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)addr & ~(page - 1);
	uintptr_t end = (uintptr_t)addr + len;
	for (; at < end; at += sizeof(pages) * page) {
		uintptr_t part = end - at < sizeof(pages) * page ? end - at : sizeof(pages) * page;
		if (mincore((void *)at, part, pages))
			return false;
	}
	return true;
}

static int enroll(struct loop_socket *s, char *addr, DWORD len, DWORD flags, bool remote,
		  struct loop_memory **ret)
{
	int code = loop_state_code(s, LC_REGISTER);
	if (code)
		return code;
	if (!flags || flags & ~(DWORD)MEM_READWRITE)
		return WSAEINVAL;
	if (!addr || !len || !is_mapped(addr, len))
		return WSAEFAULT;
	struct loop_memory *m = calloc(1, sizeof(*m));
	if (!m)
		return WSAENOBUFS;
	*m = (struct loop_memory){.next = s->memory,
				  .addr = addr,
				  .len = len,
				  .flags = flags,
				  .remote = remote,
				  .id = ++loop.memory_ids};
	if (getrandom(&m->key, sizeof(m->key), 0) != sizeof(m->key))
		m->key = loop_now_ns();
	s->memory = m;
	atomic_fetch_add(&loop_control.registrations, 1);
	*ret = m;
	return 0;
}

static int withdraw(struct loop_socket *s, uint32_t id, uint64_t key, bool remote)
{
	int code = loop_state_code(s, LC_DEREGISTER);
	struct loop_memory **at = place_of(s, id, remote), *m = *at;
	if (code || !m || m->users || (remote && m->key != key)) /* [PROV-MEM-4] */
		return WSAEINVAL;
	*at = m->next;
	atomic_fetch_sub(&loop_control.registrations, 1);
	free(m);
	return 0;
}

static HANDLE WSPAPI register_memory(SOCKET desc, PVOID buffer, DWORD len, DWORD flags, LPINT error)
{
	struct loop_memory *m = NULL;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = s ? enroll(s, buffer, len, flags, false, &m) : WSAENOTSOCK;
	HANDLE handle = code ? NULL : (HANDLE)(uintptr_t)m->id;
	loop_done(error, code);
	return handle;
}

static int WSPAPI deregister_memory(SOCKET desc, HANDLE handle, LPINT error)
{
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s)
		return loop_done(error, WSAENOTSOCK);
	if ((uintptr_t)handle > UINT32_MAX)
		return loop_done(error, WSAEINVAL);
	return loop_done(error, withdraw(s, (uint32_t)(uintptr_t)handle, 0, false));
}

static int WSPAPI register_rdma(SOCKET desc, PVOID buffer, DWORD len, DWORD flags, LPVOID ret,
				LPDWORD ret_len, LPINT error)
{
	struct loop_memory *m = NULL;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	int code = s ? 0 : WSAENOTSOCK;
	if (!code && (!ret_len || *ret_len < sizeof(struct loop_descriptor) || !ret)) {
		if (ret_len)
			*ret_len = sizeof(struct loop_descriptor); /* [PROV-MEM-5] */
		code = WSAEFAULT;
	}
	if (!code)
		code = enroll(s, buffer, len, flags, true, &m);
	if (!code) {
		struct loop_descriptor d = {.version = DESCRIPTOR_VERSION,
					    .id = m->id,
					    .addr = (uintptr_t)m->addr,
					    .len = m->len,
					    .key = m->key};
		d.sum = sum_of(&d);
		memcpy(ret, &d, sizeof(d));
		*ret_len = sizeof(d);
	}
	return loop_done(error, code);
}

static int WSPAPI deregister_rdma(SOCKET desc, LPVOID descriptor, DWORD len, LPINT error)
{
	struct loop_descriptor d;
	pthread_mutex_lock(&loop.lock);
	struct loop_socket *s = loop_find(desc);
	if (!s)
		return loop_done(error, WSAENOTSOCK);
	if (!descriptor || len != sizeof(d))
		return loop_done(error, WSAEINVAL);
	memcpy(&d, descriptor, sizeof(d));
	return loop_done(error,
			 loop_descriptor_sound(&d) ? withdraw(s, d.id, d.key, true) : WSAEINVAL);
}

int loop_extension(const GUID *id, void (**ret)(void))
{
	typedef void (*function)(void);
	const struct loop_options *o = &loop_control.options;
	const struct {
		GUID id;
		function f;
		bool offered;
	} rows[] = {
		{WSAID_REGISTERMEMORY, (function)register_memory, true},
		{WSAID_DEREGISTERMEMORY, (function)deregister_memory, true},
		{WSAID_REGISTERRDMAMEMORY, (function)register_rdma, true},
		{WSAID_DEREGISTERRDMAMEMORY, (function)deregister_rdma, true},
		{WSAID_RDMAWRITE, (function)loop_rdma_write, true},
		{WSAID_RDMAREAD, (function)loop_rdma_read, !o->no_read},
		{WSAID_MEMORYREGISTRATIONCACHECALLBACK, NULL, false},
		{WSAID_WSDATTEND, (function)loop_attend, o->attend},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (memcmp(&rows[i].id, id, sizeof(*id)) != 0)
			continue;
		if (!rows[i].offered)
			return WSAEOPNOTSUPP;
		*ret = rows[i].f;
		return 0;
	}
	return WSAEINVAL;
}
