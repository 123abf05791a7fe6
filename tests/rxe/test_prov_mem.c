/* SPDX-License-Identifier: MIT
 *
 * Registrations: arguments, handles, exact rights, what another program reaches with raw verbs, the
 * cache and its callback. PROV-MEM-1 to 14.
 */
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "prov_pair.h"

#define BEGIN(cache)  \
	pp_up(cache); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	pp_down()

enum { SIZE = 1 << 18, DESC = 32 };

static HANDLE reg(SOCKET s, void *buf, DWORD len, DWORD flags, int *code)
{
	*code = -1;
	return pp_ext.reg(s, buf, len, flags, code);
}

static int reg_rdma(SOCKET s, void *buf, DWORD len, DWORD flags, char *desc)
{
	DWORD room = DESC;
	int code = -1;
	memset(desc, 0, DESC);
	int r = pp_ext.reg_rdma(s, buf, len, flags, desc, &room, &code);
	cr_assert((r == 0) == (code == 0));
	return code;
}

static int dereg_rdma(SOCKET s, char *desc)
{
	int code = -1;
	int r = pp_ext.dereg_rdma(s, desc, DESC, &code);
	cr_assert((r == 0) == (code == 0));
	return code;
}

Test(mem, PROV_MEM_01_connected_sockets_and_known_flags)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	char *mem = pp_mem(SIZE), desc[DESC];
	int code;
	SOCKET s = ph_socket();
	cr_assert_null(reg(s, mem, 4096, MEM_READ, &code));
	cr_assert_eq(code, WSAENOTCONN);
	cr_assert_eq(reg_rdma(s, mem, 4096, MEM_READ, desc), WSAENOTCONN);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()) + ph_listen(s, 1), 0);
	cr_assert_null(reg(s, mem, 4096, MEM_READ, &code));
	cr_assert_eq(code, WSAENOTCONN);
	cr_assert_eq(pp_dereg(s, (HANDLE)1), WSAEINVAL);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_null(reg(s, mem, 4096, MEM_READ, &code));
	cr_assert_eq(code, WSAENOTSOCK); /* [PROV-MEM-2] */
	cr_assert_eq(reg_rdma(s, mem, 4096, MEM_READ, desc), WSAENOTSOCK);
	cr_assert_eq(pp_dereg(s, (HANDLE)1), WSAENOTSOCK);
	static const DWORD bad[] = {0, 4, 7, 0x80000001};
	for (int i = 0; i < 4; i++) {
		cr_assert_null(reg(p.a, mem, 4096, bad[i], &code));
		cr_assert_eq(code, WSAEINVAL);
		cr_assert_eq(reg_rdma(p.a, mem, 4096, bad[i], desc), WSAEINVAL);
	}
	for (DWORD flags = MEM_READ; flags <= MEM_READWRITE; flags++) {
		cr_assert_eq(pp_dereg(p.a, pp_reg(p.a, mem, 4096, flags)), 0);
		cr_assert_eq(reg_rdma(p.a, mem, 4096, flags, desc), 0);
		cr_assert_eq(dereg_rdma(p.a, desc), 0);
	}
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

Test(mem, PROV_MEM_02_a_buffer_that_is_not_all_there)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	char *mem = pp_mem(3 * 4096), desc[DESC];
	int code;
	munmap(mem + 4096, 4096);
	mprotect(mem + 8192, 4096, PROT_READ);
	const struct {
		void *buf;
		DWORD len, flags;
	} bad[] = {
		{NULL, 4096, MEM_READ},        {mem, 0, MEM_READ},
		{mem, 8192, MEM_READ},         {mem + 4096, 1, MEM_READWRITE},
		{mem + 8192, 4096, MEM_WRITE}, {(void *)(uintptr_t)-4096, 8192, MEM_READ},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_null(reg(p.a, bad[i].buf, bad[i].len, bad[i].flags, &code));
		cr_assert_eq(code, WSAEFAULT, "row %zu: %d", i, code);
		/* [PROV-MEM-5] */
		cr_assert_eq(reg_rdma(p.a, bad[i].buf, bad[i].len, bad[i].flags, desc), WSAEFAULT,
			     "row %zu", i);
	}
	pp_close(&p);
	munmap(mem, 4096);
	munmap(mem + 8192, 4096);
	END();
}

Test(mem, PROV_MEM_03_a_handle_is_of_its_socket_and_counted)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	pp_first_messages(&p);
	char *mem = pp_mem(SIZE);
	HANDLE one = pp_reg(p.a, mem, 4096, MEM_READ), two = pp_reg(p.a, mem, 4096, MEM_READ),
	       other = pp_reg(p.b, mem, 4096, MEM_READWRITE);
	/* [PROV-MEM-4]: unknown. */
	cr_assert_eq(pp_dereg(p.b, one), WSAEINVAL);
	cr_assert_eq(pp_dereg(p.a, other), WSAEINVAL);
	cr_assert_eq(pp_dereg(p.a, NULL), WSAEINVAL);
	cr_assert_eq(pp_dereg(p.a, mem), WSAEINVAL);
	cr_assert_eq(pp_dereg(p.a, (HANDLE)((uintptr_t)one + (1 << 20))), WSAEINVAL);
	cr_assert_eq(pp_dereg(p.a, one), 0);
	/* The second registration still stands. */
	struct pp_op s = {0}, r = {0};
	cr_assert_eq(pp_recv(p.b, &r, mem + 100, 10, true), WSA_IO_PENDING);
	cr_assert_eq(pp_send(p.a, &s, mem, 4, true), WSA_IO_PENDING);
	cr_assert_eq(pp_wait(p.b, &r), 0);
	cr_assert_eq(pp_wait(p.a, &s), 0);
	cr_assert_eq(pp_dereg(p.a, two), 0);
	cr_assert_eq(pp_dereg(p.a, two), WSAEINVAL);
	cr_assert_eq(pp_send(p.a, &s, mem, 4, true), WSAEFAULT);
	HANDLE again = pp_reg(p.a, mem, 4096, MEM_READ);
	cr_assert_neq(again, one, "a stale handle means something again");
	cr_assert_eq(pp_dereg(p.a, one), WSAEINVAL);
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

Test(mem, PROV_MEM_04_in_use_by_a_transfer)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	pp_first_messages(&p);
	char *mem = pp_mem(SIZE);
	HANDLE in = pp_reg(p.b, mem, 4096, MEM_WRITE), out = pp_reg(p.a, mem, 4096, MEM_READ);
	static struct pp_op r[40], s;
	for (int i = 0; i < 40; i++)
		cr_assert_eq(pp_recv(p.b, &r[i], mem, 10, true), WSA_IO_PENDING);
	cr_assert_eq(pp_dereg(p.b, in), WSAEINVAL);
	for (int i = 0; i < 40; i++) {
		cr_assert_eq(pp_dereg(p.b, in), WSAEINVAL, "with %d receives", 40 - i);
		cr_assert_eq(pp_send(p.a, &s, mem, 4, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(p.b, &r[i]), 0);
		cr_assert_eq(pp_wait(p.a, &s), 0);
	}
	cr_assert_eq(pp_dereg(p.b, in), 0);
	cr_assert_eq(pp_dereg(p.a, out), 0);
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

Test(mem, PROV_MEM_05_the_descriptors_length)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	char *mem = pp_mem(SIZE), desc[64];
	int code;
	for (DWORD room = 0; room < DESC; room += 31) {
		DWORD len = room;
		memset(desc, 7, sizeof(desc));
		cr_assert_eq(
			pp_ext.reg_rdma(p.a, mem, 4096, MEM_READ, room ? desc : NULL, &len, &code),
			SOCKET_ERROR);
		cr_assert_eq(code, WSAEFAULT);
		cr_assert_eq(len, DESC);
		cr_assert_eq(desc[0], 7);
	}
	DWORD len = sizeof(desc);
	cr_assert_eq(pp_ext.reg_rdma(p.a, NULL, 4096, MEM_READ, desc, &len, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEFAULT);
	cr_assert_eq(len, sizeof(desc), "unchanged: it was not the length");
	cr_assert_eq(pp_ext.reg_rdma(p.a, mem, 4096, MEM_READ, desc, NULL, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEFAULT);
	cr_assert_eq(pp_ext.reg_rdma(p.a, mem, 4096, MEM_READ, desc, &len, &code), 0);
	cr_assert_eq(len, DESC);
	cr_assert_eq(pp_ext.dereg_rdma(p.a, desc, DESC - 1, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEINVAL);
	desc[20] ^= 1;
	cr_assert_eq(dereg_rdma(p.a, desc), WSAEINVAL);
	desc[20] ^= 1;
	cr_assert_eq(dereg_rdma(p.b, desc), WSAEINVAL, "of the other socket");
	cr_assert_eq(dereg_rdma(p.a, desc), 0);
	cr_assert_eq(dereg_rdma(p.a, desc), WSAEINVAL);
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

static bool holds(const char *desc, uint64_t value, size_t size)
{
	for (size_t i = 0; i + size <= DESC; i++) {
		uint64_t le = 0, be = 0;
		for (size_t k = 0; k < size; k++) {
			le |= (uint64_t)(unsigned char)desc[i + k] << (8 * k);
			be = be << 8 | (unsigned char)desc[i + k];
		}
		if (le == value || be == value)
			return true;
	}
	return false;
}

Test(mem, PROV_MEM_06_a_descriptor_tells_nothing_of_this_process)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	char *mem = pp_mem(SIZE), desc[DESC], copy[DESC];
	cr_assert_eq(reg_rdma(p.a, mem + 100, 5000, MEM_READWRITE, desc), 0);
	cr_assert_not(holds(desc, (uintptr_t)mem + 100, 8), "the buffer's address");
	cr_assert(holds(desc, 5000, 4), "its length");
	/* Position-independent: a copy is as good. */
	memcpy(copy, desc, DESC);
	cr_assert_eq(dereg_rdma(p.a, copy), 0);
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

/* What the connection's own peer may do, and not: a fresh connection for each, since a refusal by
 * the NIC breaks it. */
static const struct {
	DWORD flags;
	bool read;
	bool gone; /* deregistered before */
	int beyond;
	bool ok;
} access_rows[] = {
	{MEM_READ, true, false, 0, true},       {MEM_READ, false, false, 0, false},
	{MEM_WRITE, false, false, 0, true},     {MEM_WRITE, true, false, 0, false},
	{MEM_READWRITE, true, false, 0, true},  {MEM_READWRITE, false, false, 0, true},
	{MEM_READ, true, true, 0, false},       {MEM_READWRITE, false, true, 0, false},
	{MEM_READWRITE, true, false, 1, false}, {MEM_READWRITE, false, false, -1, false},
};

/* Clauses: PROV-MEM-9, PROV-RDMA-3 */
Test(mem, PROV_MEM_07_rights_are_exact_at_the_nic, .timeout = 200)
{
	BEGIN(true);
	unsigned short port = ph_port();
	SOCKET listener = ph_listener(PH_SAN0, port, 5);
	char *mem = pp_mem(SIZE), desc[DESC];
	for (size_t i = 0; i < sizeof(access_rows) / sizeof(access_rows[0]); i++) {
		struct pp_raw raw;
		struct pp_op r = {0};
		SOCKET s = pp_raw_connect(&raw, listener, PH_SAN0, port);
		pp_reg(s, mem, SIZE, MEM_READWRITE); /* local rights give the peer none */
		cr_assert_eq(reg_rdma(s, mem + 4096, 4096, access_rows[i].flags, desc), 0);
		cr_assert_eq(pp_recv(s, &r, mem + 65536, 64, false), WSA_IO_PENDING);
		if (access_rows[i].gone)
			cr_assert_eq(dereg_rdma(s, desc), 0);
		memset(mem, 'm', SIZE);
		memset(raw.buf, 'r', PP_RAW_SIZE);
		int status = pp_raw_rdma(&raw, access_rows[i].read,
					 pp_desc_address(desc) + (uint64_t)access_rows[i].beyond,
					 pp_desc_rkey(desc), 4096);
		cr_assert_eq(status == IBV_WC_SUCCESS, access_rows[i].ok, "row %zu: %s", i,
			     ibv_wc_status_str((enum ibv_wc_status)status));
		bool wrote = memchr(mem, 'r', SIZE), got = memchr(raw.buf, 'm', PP_RAW_SIZE);
		cr_assert_eq(wrote, access_rows[i].ok && !access_rows[i].read, "row %zu", i);
		cr_assert_eq(got, access_rows[i].ok && access_rows[i].read, "row %zu", i);
		if (!access_rows[i].ok)
			cr_assert_neq(pp_told_code(&r), 0, "it cost the peer its connection");
		cr_assert_eq(ph_close(s), 0);
		pp_raw_close(&raw);
	}
	cr_assert_eq(ph_close(listener), 0);
	pp_unmap(mem, SIZE);
	END();
}

/* A second connection that knows the key, and the next one on the same endpoint. */
Test(mem, PROV_MEM_08_another_connections_key_is_nothing, .timeout = 200)
{
	BEGIN(true);
	unsigned short port = ph_port();
	SOCKET listener = ph_listener(PH_SAN0, port, 5);
	char *mem = pp_mem(SIZE), desc[DESC];
	for (int recycled = 0; recycled < 2; recycled++) {
		for (int read = 0; read < 2; read++) {
			struct pp_raw first, second;
			memset(mem, 'm', SIZE);
			SOCKET s = pp_raw_connect(&first, listener, PH_SAN0, port);
			cr_assert_eq(reg_rdma(s, mem, 4096, MEM_READWRITE, desc), 0);
			memset(first.buf, 'm', 64);
			cr_assert_eq(pp_raw_rdma(&first, read, pp_desc_address(desc),
						 pp_desc_rkey(desc), 64),
				     IBV_WC_SUCCESS);
			if (recycled) {
				cr_assert_eq(ph_close(s), 0); /* with the memory still exposed */
				pp_raw_close(&first);
				usleep(100000);
			}
			SOCKET t = pp_raw_connect(&second, listener, PH_SAN0, port);
			memset(second.buf, 'x', 64);
			int status = pp_raw_rdma(&second, read, pp_desc_address(desc),
						 pp_desc_rkey(desc), 64);
			cr_assert_neq(status, IBV_WC_SUCCESS);
			cr_assert_neq(status, -1);
			cr_assert_eq(mem[0], 'm', "written by a stranger");
			cr_assert_eq(second.buf[0], 'x', "read by a stranger");
			if (!recycled) {
				/* The owner does not notice. */
				cr_assert_eq(pp_raw_rdma(&first, read, pp_desc_address(desc),
							 pp_desc_rkey(desc), 64),
					     IBV_WC_SUCCESS);
				cr_assert_eq(ph_close(s), 0);
				pp_raw_close(&first);
			}
			cr_assert_eq(ph_close(t), 0);
			pp_raw_close(&second);
		}
	}
	cr_assert_eq(ph_close(listener), 0);
	pp_unmap(mem, SIZE);
	END();
}

static int forget(void *addr, size_t size)
{
	int code = -1;
	int r = pp_ext.forget(addr, size, &code);
	cr_assert((r == 0) == (code == 0));
	return code;
}

Test(mem, PROV_MEM_11_the_callback_drops_what_overlaps)
{
	BEGIN(true);
	cr_assert_not_null(*(void **)&pp_ext.forget, "no cache on this machine");
	struct pp_pair p = pp_pair();
	char *mem = pp_mem(SIZE);
	cr_assert_eq(forget(mem, SIZE), WSAEINVAL, "never cached");
	cr_assert_eq(forget(mem, 0), WSAEINVAL);
	HANDLE h = pp_reg(p.a, mem + 4096, 8192, MEM_READ);
	cr_assert_eq(forget(mem + 8192, 1), WSAEFAULT, "in use");
	cr_assert_eq(pp_dereg(p.a, h), 0);
	cr_assert_eq(forget(mem, SIZE), WSAEINVAL, "not cached: its mapping had changed");
	/* Cached now: overlapped by one byte at either end, wholly inside, around. */
	static const struct {
		size_t at, len;
		int code;
	} rows[] = {
		{0, 4096, WSAEINVAL},           {0, 4097, 0},  {4096 + 8191, 1, 0},
		{4096 + 8192, 4096, WSAEINVAL}, {8192, 16, 0}, {0, SIZE, 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(pp_dereg(p.a, pp_reg(p.a, mem + 4096, 8192, MEM_READ)), 0);
		cr_assert_eq(forget(mem + rows[i].at, rows[i].len), rows[i].code, "row %zu", i);
		if (!rows[i].code)
			cr_assert_eq(forget(mem, SIZE), WSAEINVAL, "row %zu left something", i);
	}
	/* Of all connections at once, and of endpoints that have none. */
	cr_assert_eq(pp_dereg(p.a, pp_reg(p.a, mem, 4096, MEM_READ)), 0);
	cr_assert_eq(pp_dereg(p.b, pp_reg(p.b, mem, 4096, MEM_WRITE)), 0);
	pp_reg(p.b, mem + 65536, 4096, MEM_WRITE);
	pp_close(&p);
	usleep(100000);
	cr_assert_eq(forget(mem + 65536, 4096), 0);
	cr_assert_eq(forget(mem, 4096), 0);
	cr_assert_eq(forget(mem, SIZE), WSAEINVAL);
	pp_unmap(mem, SIZE);
	END();
}

/* The memory behind an address changes between two registrations of it. */
Test(mem, PROV_MEM_10_cached_memory_is_the_memory_that_is_there)
{
	BEGIN(true);
	struct pp_pair p = pp_pair();
	pp_first_messages(&p);
	char *mem = pp_mem(SIZE), *in = pp_mem(4096);
	pp_reg(p.b, in, 4096, MEM_WRITE);
	for (int i = 0; i < 5; i++) {
		struct pp_op s = {0}, r = {0};
		memset(mem, 'a' + i, 4096);
		HANDLE h = pp_reg(p.a, mem, 4096, MEM_READ);
		cr_assert_eq(pp_recv(p.b, &r, in, 4096, true), WSA_IO_PENDING);
		cr_assert_eq(pp_send(p.a, &s, mem, 4096, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(p.b, &r), 0);
		cr_assert_eq(in[4095], 'a' + i);
		cr_assert_eq(pp_wait(p.a, &s), 0);
		cr_assert_eq(pp_dereg(p.a, h), 0);
		if (i % 2 == 0)
			continue; /* and the cached one is used */
		cr_assert_eq(forget(mem, 4096), 0);
		cr_assert_eq(mmap(mem, 4096, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			     mem);
	}
	pp_close(&p);
	pp_unmap(mem, SIZE);
	pp_unmap(in, 4096);
	END();
}

Test(mem, PROV_MEM_12_no_cache_until_the_switch_can_tell_of_changes)
{
	BEGIN(false); /* the callback's pointer is not taken */
	struct pp_pair p = pp_pair();
	char *mem = pp_mem(SIZE);
	cr_assert_eq(pp_dereg(p.a, pp_reg(p.a, mem, 4096, MEM_READ)), 0);
	GUID guid = WSAID_MEMORYREGISTRATIONCACHECALLBACK;
	void *f = NULL;
	DWORD got;
	int code = -1;
	ph.proc.lpWSPIoctl(INVALID_SOCKET, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof(guid),
			   &f, sizeof(f), &got, NULL, NULL, NULL, &code);
	cr_assert_eq(code, 0);
	*(void **)&pp_ext.forget = f;
	cr_assert_eq(forget(mem, SIZE), WSAEINVAL, "cached, though nobody would have told");
	cr_assert_eq(pp_dereg(p.a, pp_reg(p.a, mem, 4096, MEM_READ)), 0);
	cr_assert_eq(forget(mem, SIZE), 0);
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}

Test(mem, PROV_MEM_12_a_cache_that_is_turned_off_has_no_callback)
{
	setenv("WSD_RDMA_CACHE_ENTRIES", "0", 1);
	BEGIN(false);
	GUID guid = WSAID_MEMORYREGISTRATIONCACHECALLBACK;
	void *f = NULL;
	DWORD got;
	int code = -1;
	ph.proc.lpWSPIoctl(INVALID_SOCKET, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof(guid),
			   &f, sizeof(f), &got, NULL, NULL, NULL, &code);
	cr_assert_eq(code, WSAEOPNOTSUPP);
	END();
}

/* Clauses: PROV-MEM-13 */
Test(mem, PROV_MEM_09_nothing_stays_reachable_after_close)
{
	BEGIN(true);
	unsigned short port = ph_port();
	SOCKET listener = ph_listener(PH_SAN0, port, 5);
	struct pp_raw raw;
	char *mem = pp_mem(SIZE), desc[DESC];
	SOCKET s = pp_raw_connect(&raw, listener, PH_SAN0, port);
	struct pp_op w[40] = {{{0}}};
	pp_reg(s, mem, SIZE, MEM_READWRITE);
	cr_assert_eq(reg_rdma(s, mem, 4096, MEM_READWRITE, desc), 0);
	/* Transfers outstanding that never end by themselves, beyond the queue. */
	for (int i = 0; i < 40; i++)
		cr_assert_eq(pp_send(s, &w[i], mem, 64, true), WSA_IO_PENDING);
	cr_assert_eq(ph_close(s), 0);
	memset(mem, 'm', SIZE);
	memset(raw.buf, 'r', 4096);
	cr_assert_neq(pp_raw_rdma(&raw, false, pp_desc_address(desc), pp_desc_rkey(desc), 4096),
		      IBV_WC_SUCCESS);
	cr_assert_null(memchr(mem, 'r', SIZE));
	pp_raw_close(&raw);
	cr_assert_eq(ph_close(listener), 0);
	pp_unmap(mem, SIZE);
	END();
}

/* A child has nothing, and its end takes nothing away. */
Test(mem, PROV_MEM_14_a_fork)
{
	BEGIN(false);
	struct pp_pair p = pp_pair();
	pp_first_messages(&p);
	char *mem = pp_mem(SIZE);
	pp_reg(p.a, mem, SIZE, MEM_READWRITE);
	HANDLE h = pp_reg(p.b, mem, SIZE, MEM_READWRITE);
	pid_t pid = fork();
	if (!pid) {
		struct pp_op op = {.ov.hEvent = (HANDLE)1};
		WSABUF b = {4, mem};
		DWORD n;
		int c1 = 0, c2 = 0, c3 = 0;
		ph.proc.lpWSPSend(p.a, &b, 1, &n, 0, &op.ov, NULL, NULL, &c1);
		pp_ext.reg(p.a, mem, 4096, MEM_READ, &c2);
		pp_ext.dereg(p.b, h, &c3);
		_exit(c1 == WSAENOTSOCK && c2 == WSAENOTSOCK && c3 == WSAENOTSOCK ? 0 : 1);
	}
	int status = -1;
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	struct pp_op s = {0}, r = {0};
	cr_assert_eq(pp_recv(p.b, &r, mem + 4096, 64, false), WSA_IO_PENDING);
	cr_assert_eq(pp_send(p.a, &s, mem, 64, false), WSA_IO_PENDING);
	cr_assert_eq(pp_told_code(&r), 0);
	cr_assert_eq(pp_told_code(&s), 0);
	pp_close(&p);
	pp_unmap(mem, SIZE);
	END();
}
