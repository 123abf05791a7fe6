/* SPDX-License-Identifier: MIT
 *
 * WSPRdmaWrite and WSPRdmaRead between two sockets of one provider. PROV-RDMA-1 to 6, PROV-DATA-6.
 */
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "prov_pair.h"

#define BEGIN()       \
	pp_up(false); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	pp_down()

enum { SIZE = 1 << 20, DESC = 32, SEGMENTS = 40 };

struct bed {
	struct pp_pair p;
	char *near, *far; /* of a, registered as @h; of b, exposed by @desc */
	HANDLE h;
	char desc[DESC];
};

static struct bed bed_up(DWORD flags)
{
	struct bed b = {.p = pp_pair(), .near = pp_mem(SIZE), .far = pp_mem(SIZE)};
	pp_first_messages(&b.p);
	b.h = pp_reg(b.p.a, b.near, SIZE, MEM_READWRITE);
	DWORD len = DESC;
	int code = -1;
	pp_ext.reg_rdma(b.p.b, b.far, SIZE, flags, b.desc, &len, &code);
	cr_assert_eq(code, 0);
	return b;
}

static void bed_down(struct bed *b)
{
	pp_close(&b->p);
	pp_unmap(b->near, SIZE);
	pp_unmap(b->far, SIZE);
}

static void fill(char *at, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++)
		at[i] = (char)(seed + i * 7 + (i >> 9));
}

Test(rdma, PROV_RDMA_01_both_ways_at_an_offset)
{
	BEGIN();
	struct bed b = bed_up(MEM_READWRITE);
	long long writes = pp_counter("rcvd_pkts"), reads;
	for (int read = 0; read < 2; read++) {
		for (int silent = 0; silent < 2; silent++) {
			struct pp_op op = {0};
			char *from = read ? b.far + 5000 : b.near + 100;
			char *to = read ? b.near + 100 : b.far + 5000;
			memset(b.near, 0, SIZE);
			memset(b.far, 0, SIZE);
			fill(from, 70000, 3);
			WSABUFEX v = {70000, b.near + 100, b.h};
			cr_assert_eq(pp_rdma(b.p.a, read, &op, &v, 1, b.desc, 5000, silent),
				     WSA_IO_PENDING);
			cr_assert_eq(silent ? pp_wait(b.p.a, &op) : pp_told_code(&op), 0);
			cr_assert_eq(op.bytes, 70000);
			cr_assert_eq(memcmp(from, to, 70000), 0);
			cr_assert(!to[-1] && !to[70000]);
		}
	}
	reads = pp_counter("rcvd_pkts");
	cr_assert(writes < 0 || reads > writes, "the device's counter has not moved");
	cr_assert_eq(atomic_load(&pp_told), 2, "the peer is not told");
	bed_down(&b);
	END();
}

Test(rdma, PROV_RDMA_02_what_cannot_be_is_refused_and_harmless)
{
	BEGIN();
	struct bed b = bed_up(MEM_READ);
	struct pp_op op = {0};
	WSABUFEX v = {100, b.near, b.h};
	HANDLE ro = pp_reg(b.p.a, b.near, 4096, MEM_READ),
	       wo = pp_reg(b.p.a, b.near, 4096, MEM_WRITE);
	HANDLE other = pp_reg(b.p.b, b.near, SIZE, MEM_READWRITE);
	DWORD n;
	int code;
#define READ(len, flags) \
	(pp_ext.read(b.p.a, &v, 1, b.desc, len, 0, &n, flags, &op.ov, NULL, NULL, &code), code)
	cr_assert_eq(READ(DESC - 1, 0), WSAEINVAL);
	cr_assert_eq(READ(DESC + 1, 0), WSAEINVAL);
	cr_assert_eq(READ(0, 0), WSAEINVAL);
	cr_assert_eq(READ(DESC, 1), WSAEINVAL);
	pp_ext.read(b.p.a, &v, 1, NULL, DESC, 0, &n, 0, &op.ov, NULL, NULL, &code);
	cr_assert_eq(code, WSAEINVAL);
	pp_ext.read(b.p.a, &v, 1, b.desc, DESC, 0, &n, 0, NULL, NULL, NULL, &code);
	cr_assert_eq(code, WSAEINVAL);
	pp_ext.read(b.p.a, NULL, 1, b.desc, DESC, 0, &n, 0, &op.ov, NULL, NULL, &code);
	cr_assert_eq(code, WSAEFAULT);
	for (int i = 0; i < DESC; i++) {
		b.desc[i] ^= 0x10;
		cr_assert_eq(pp_rdma(b.p.a, true, &op, &v, 1, b.desc, 0, true), WSAEINVAL,
			     "byte %d", i);
		b.desc[i] ^= 0x10;
	}
	cr_assert_eq(pp_rdma(b.p.a, true, &op, &v, 1, b.desc, SIZE - 99, true), WSAEINVAL);
	cr_assert_eq(pp_rdma(b.p.a, true, &op, &v, 1, b.desc, UINT32_MAX, true), WSAEINVAL);
	cr_assert_eq(pp_rdma(b.p.a, false, &op, &v, 1, b.desc, 0, true), WSAEINVAL, "read-only");
	const WSABUFEX bad[] = {
		{100, b.near, NULL},    {100, b.near, other}, {100, b.near + SIZE - 99, b.h},
		{100, b.near - 1, b.h}, {100, b.near, ro},    {5000, b.near, wo},
		{100, b.near, b.near},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(pp_rdma(b.p.a, true, &op, &bad[i], 1, b.desc, 0, true), WSAEFAULT,
			     "row %zu", i);
	cr_assert_eq(pp_dereg(b.p.a, ro) + pp_dereg(b.p.a, wo), 0, "nothing is in use");
	cr_assert_neq(op.ov.Internal, WSS_OPERATION_IN_PROGRESS);
	/* The connection lives; at the very end of the buffer it is right. */
	cr_assert_eq(pp_rdma(b.p.a, true, &op, &v, 1, b.desc, SIZE - 100, true), WSA_IO_PENDING);
	cr_assert_eq(pp_wait(b.p.a, &op), 0);
	WSABUFEX none = {0, NULL, b.h};
	cr_assert_eq(pp_rdma(b.p.a, true, &op, &none, 0, b.desc, SIZE, true), WSA_IO_PENDING);
	cr_assert_eq(pp_wait(b.p.a, &op), 0);
	cr_assert_eq(op.bytes, 0);
	bed_down(&b);
	END();
}

Test(rdma, PROV_RDMA_03_refused_by_the_peers_nic)
{
	BEGIN();
	for (int read = 0; read < 2; read++) {
		struct bed b = bed_up(MEM_READWRITE);
		struct pp_op op = {0}, r = {0};
		WSABUFEX v = {100, b.near, b.h};
		int code = -1;
		memset(b.far, 'f', SIZE);
		memset(b.near, 'n', SIZE);
		cr_assert_eq(pp_ext.dereg_rdma(b.p.b, b.desc, DESC, &code), 0);
		cr_assert_eq(pp_recv(b.p.a, &r, b.near + 4096, 10, false), WSA_IO_PENDING);
		cr_assert_eq(pp_rdma(b.p.a, read, &op, &v, 1, b.desc, 0, false), WSA_IO_PENDING);
		cr_assert_eq(pp_told_code(&op), WSAECONNABORTED);
		cr_assert_eq(op.bytes, 0);
		cr_assert_eq(pp_told_code(&r), WSAECONNABORTED);
		cr_assert_eq(pp_rdma(b.p.a, read, &op, &v, 1, b.desc, 0, true), WSAECONNABORTED);
		cr_assert_null(memchr(b.far, 'n', SIZE));
		cr_assert_null(memchr(b.near, 'f', SIZE));
		bed_down(&b);
	}
	END();
}

/* More segments than a request takes, and more operations than the queue; in one order. */
Test(rdma, PROV_RDMA_04_many_segments, .timeout = 200)
{
	BEGIN();
	struct bed b = bed_up(MEM_READWRITE);
	WSABUFEX v[SEGMENTS];
	static struct pp_op ops[20];
	for (int read = 0; read < 2; read++) {
		DWORD total = 0;
		memset(b.near, 0, SIZE);
		memset(b.far, 0, SIZE);
		for (int i = 0; i < SEGMENTS; i++) {
			v[i] = (WSABUFEX){(ULONG)(i * 13 % 700), b.near + i * 1000, b.h};
			fill(b.near + i * 1000, read ? 0 : v[i].len, (unsigned)i);
			total += v[i].len;
		}
		fill(b.far, read ? SIZE : 0, 9);
		for (int i = 0; i < 20; i++)
			cr_assert_eq(pp_rdma(b.p.a, read, &ops[i], v, SEGMENTS, b.desc,
					     read ? 0 : (DWORD)i * total, i % 2),
				     WSA_IO_PENDING);
		for (int i = 0; i < 20; i++) {
			cr_assert_eq(i % 2 ? pp_wait(b.p.a, &ops[i]) : pp_told_code(&ops[i]), 0);
			cr_assert_eq(ops[i].bytes, total);
		}
		for (int k = 0; k < (read ? 1 : 20); k++) {
			const char *far = b.far + (DWORD)k * total;
			for (int i = 0; i < SEGMENTS; far += v[i++].len)
				cr_assert_eq(memcmp(far, v[i].buf, v[i].len), 0, "segment %d", i);
		}
	}
	cr_assert_eq(pp_dereg(b.p.a, b.h), 0);
	bed_down(&b);
	END();
}

Test(rdma, PROV_RDMA_05_reads_can_be_turned_off)
{
	setenv("WSD_RDMA_READ", "no", 1);
	BEGIN();
	cr_assert_null(*(void **)&pp_ext.read);
	struct bed b = bed_up(MEM_WRITE);
	struct pp_op op = {0};
	WSABUFEX v = {100, b.near, b.h};
	cr_assert_eq(pp_rdma(b.p.a, false, &op, &v, 1, b.desc, 0, true), WSA_IO_PENDING);
	cr_assert_eq(pp_wait(b.p.a, &op), 0);
	bed_down(&b);
	END();
}

Test(rdma, PROV_RDMA_06_without_a_connection)
{
	BEGIN();
	SOCKET s = ph_socket();
	struct pp_op op = {0};
	WSABUFEX v = {0, NULL, NULL};
	char desc[DESC] = {0};
	cr_assert_eq(pp_rdma(s, false, &op, &v, 1, desc, 0, true), WSAENOTCONN);
	cr_assert_eq(pp_rdma(s, true, &op, &v, 1, desc, 0, true), WSAENOTCONN);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(pp_rdma(s, true, &op, &v, 1, desc, 0, true), WSAENOTSOCK);
	END();
}

/* A send behind a write finds its data placed; one behind a read waits for it. */
Test(rdma, PROV_DATA_06_a_send_behind_rdma, .timeout = 200)
{
	BEGIN();
	struct bed b = bed_up(MEM_READWRITE);
	pp_reg(b.p.b, b.near, SIZE, MEM_READWRITE);
	for (unsigned i = 1; i <= 20; i++) {
		struct pp_op op = {0}, s = {0}, r = {0};
		bool read = i % 2;
		WSABUFEX v = {60000, b.near + 4096, b.h};
		memset(read ? b.far : b.near + 4096, (int)i, 60000);
		cr_assert_eq(pp_recv(b.p.b, &r, b.near + SIZE - 64, 64, true), WSA_IO_PENDING);
		cr_assert_eq(pp_rdma(b.p.a, read, &op, &v, 1, b.desc, 0, true), WSA_IO_PENDING);
		cr_assert_eq(pp_send(b.p.a, &s, b.near, 8, true), WSA_IO_PENDING);
		cr_assert_eq(pp_wait(b.p.b, &r), 0);
		/* The message is there: so are the data. */
		const char *to = read ? b.near + 4096 : b.far;
		cr_assert(to[0] == (char)i && to[59999] == (char)i, "round %u", i);
		cr_assert_eq(pp_wait(b.p.a, &s), 0);
		cr_assert_neq(op.ov.Internal, WSS_OPERATION_IN_PROGRESS,
			      "the send completed before what was posted before it");
		cr_assert_eq(pp_wait(b.p.a, &op), 0);
	}
	bed_down(&b);
	END();
}
