/* SPDX-License-Identifier: MIT
 *
 * `wsd decode`: messages of sessions out of captures of the wire, traces and hexadecimal text; and
 * files that are damaged [docs/wire.md].
 */
#include "check.h"
#include "run_tool.h"
#include "wire.h"

#include <arpa/inet.h>

/* A capture in the making. */
struct file {
	char path[64];
	uint8_t bytes[1 << 16];
	size_t len;
};

static void put(struct file *f, const void *from, size_t n)
{
	cr_assert_leq(f->len + n, sizeof(f->bytes));
	memcpy(f->bytes + f->len, from, n);
	f->len += n;
}

static void put32(struct file *f, uint32_t v)
{
	put(f, &v, 4);
}

static void begin(struct file *f)
{
	f->len = 0;
	snprintf(f->path, sizeof(f->path), "/tmp/wsd-decode.%d", (int)getpid());
	put32(f, 0xa1b2c3d4);
	put32(f, 2 | 4 << 16);
	put32(f, 0);
	put32(f, 0);
	put32(f, 65535);
	put32(f, 1); /* Ethernet */
}

static void save(const struct file *f)
{
	FILE *out = fopen(f->path, "we");
	cr_assert_not_null(out);
	cr_assert_eq(fwrite(f->bytes, 1, f->len, out), f->len);
	fclose(out);
}

/* One RoCE v2 packet from 10.77.0.1 to 10.77.0.2. */
static void put_packet(struct file *f, uint8_t opcode, uint32_t psn, const void *data, size_t n)
{
	static const uint8_t ethernet[14] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0};
	size_t pad = -n & 3, udp = 8 + 12 + n + pad + 4, ip = 20 + udp;
	uint8_t ipv4[20] = {0x45,        0,  (uint8_t)(ip >> 8),
			    (uint8_t)ip, 0,  0,
			    0x40,        0,  64,
			    17,          0,  0,
			    10,          77, 0,
			    1,           10, 77,
			    0,           2};
	uint8_t head[8] = {0xc0, 0, 4791 >> 8, (uint8_t)4791, (uint8_t)(udp >> 8), (uint8_t)udp};
	uint8_t bth[12] = {opcode,
			   (uint8_t)(pad << 4),
			   0xff,
			   0xff,
			   0,
			   0,
			   0,
			   17,
			   0,
			   (uint8_t)(psn >> 16),
			   (uint8_t)(psn >> 8),
			   (uint8_t)psn};
	put32(f, 100 + psn);
	put32(f, 0);
	put32(f, (uint32_t)(14 + ip));
	put32(f, (uint32_t)(14 + ip));
	put(f, ethernet, 14);
	put(f, ipv4, 20);
	put(f, head, 8);
	put(f, bth, 12);
	put(f, data, n);
	put(f, "\0\0\0\0\0\0\0", pad + 4);
}

static uint32_t data_message(uint8_t *out, size_t room, uint32_t seq, uint32_t n)
{
	static uint8_t payload[8192];
	struct sm_message m = {.opcode = SM_DATA,
			       .seq = seq,
			       .credits = 2,
			       .payload = payload,
			       .payload_length = n};
	uint32_t len = sm_encode(&m, out, room);
	cr_assert_neq(len, 0u);
	return len;
}

static struct run *decode(const struct file *f, const char *options)
{
	char arguments[128];
	save(f);
	snprintf(arguments, sizeof(arguments), "decode %s %s", options, f->path);
	struct run *r = run_tool("", arguments);
	unlink(f->path);
	return r;
}

#define HAS(r, what)     cr_assert_not_null(strstr((r)->text, what), "no '%s' in\n%s", what, (r)->text)
#define HAS_NOT(r, what) cr_assert_null(strstr((r)->text, what), "'%s' in\n%s", what, (r)->text)

static struct file f;

Test(wsd_decode, SW_SESSION_06_messages_of_one_and_of_many_packets)
{
	WSD_TEST_BEGIN();
	uint8_t m[8192];
	uint32_t n = data_message(m, sizeof(m), 1, 5);
	begin(&f);
	put_packet(&f, 0x04, 1, m, n);
	n = data_message(m, sizeof(m), 2, 3000);
	put_packet(&f, 0x00, 2, m, 1024);
	put_packet(&f, 0x01, 3, m + 1024, 1024);
	put_packet(&f, 0x02, 4, m + 2048, n - 2048);
	struct run *r = decode(&f, "");
	cr_assert_eq(r->status, 0, "%s", r->text);
	HAS(r, "10.77.0.1 > 10.77.0.2 qp 17 DATA seq=1 credits=2 body=5");
	HAS(r, "DATA seq=2 credits=2 body=3000");
	free(r);
	WSD_TEST_END();
}

Test(wsd_decode, SW_SESSION_06_repeats_and_gaps)
{
	WSD_TEST_BEGIN();
	uint8_t m[8192];
	uint32_t n = data_message(m, sizeof(m), 1, 5);
	begin(&f);
	put_packet(&f, 0x04, 1, m, n);
	put_packet(&f, 0x04, 1, m, n); /* sent again */
	n = data_message(m, sizeof(m), 2, 3000);
	put_packet(&f, 0x00, 2, m, 1024);
	put_packet(&f, 0x02, 4, m + 2048, n - 2048); /* the middle is missing */
	struct run *r = decode(&f, "");
	char *first = strstr(r->text, "DATA seq=1");
	cr_assert_not_null(first);
	cr_assert_null(strstr(first + 1, "DATA seq=1"), "a repeat is shown once\n%s", r->text);
	HAS(r, "whose other packets are not in the file");
	free(r);
	r = decode(&f, "--all");
	HAS(r, "[again]");
	free(r);
	WSD_TEST_END();
}

Test(wsd_decode, SW_FLOW_14_what_is_wrong_is_said)
{
	WSD_TEST_BEGIN();
	uint8_t m[256];
	uint32_t n = data_message(m, sizeof(m), 1, 5);
	begin(&f);
	m[19]++; /* the body's length */
	put_packet(&f, 0x04, 1, m, n);
	put_packet(&f, 0x04, 2, "hello", 5);
	struct run *r = decode(&f, "");
	cr_assert_eq(r->status, 1);
	HAS(r, "[wrong: ");
	HAS(r, "no message of a session");
	free(r);
	WSD_TEST_END();
}

Test(wsd_decode, SW_SESSION_06_RDMA_only_when_asked)
{
	WSD_TEST_BEGIN();
	uint8_t reth[16] = {0}, m[64];
	reth[14] = 4; /* 1,024 bytes */
	uint32_t n = data_message(m, sizeof(m), 1, 5);
	begin(&f);
	put_packet(&f, 0x0c, 1, reth, sizeof(reth));
	put_packet(&f, 0x04, 2, m, n);
	struct run *r = decode(&f, "");
	HAS_NOT(r, "RDMA");
	free(r);
	r = decode(&f, "-a");
	HAS(r, "RDMA read of 1024 bytes");
	free(r);
	WSD_TEST_END();
}

Test(wsd_decode, SW_SESSION_06_traces_and_hexadecimal)
{
	WSD_TEST_BEGIN();
	uint8_t m[256];
	char hex[600], line[1024];
	uint32_t n = data_message(m, sizeof(m), 7, 40);
	for (uint32_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", m[i]);
	begin(&f);
	f.len = 0;
	snprintf(line, sizeof(line), "%s\n", hex);
	put(&f, line, strlen(line));
	snprintf(line, sizeof(line),
		 "   0.002727 4711/4711     wsd-rdma WSPSend(s=0x10002, buffers=1, bytes=%u, "
		 "data=%.64s, flags=0x0, overlapped=0x7f) = -1 WSA_IO_PENDING  [3 us]\n",
		 n, hex);
	put(&f, line, strlen(line));
	snprintf(line, sizeof(line),
		 "{\"t_us\":1700000000002727,\"pid\":4711,\"call\":\"WSPSend\",\"args\":{\"s\":"
		 "\"0x10003\",\"bytes\":\"%u\",\"data\":\"%.64s\"}}\n",
		 n, hex);
	put(&f, line, strlen(line));
	struct run *r = decode(&f, "");
	cr_assert_eq(r->status, 0, "%s", r->text);
	HAS(r, "message DATA seq=7");
	HAS(r, "0.002727 4711/4711 socket 0x10002 sent DATA seq=7 credits=2 body=40");
	HAS(r, "pid 4711 socket 0x10003 sent DATA seq=7");
	free(r);
	WSD_TEST_END();
}

Test(wsd_decode, usage_and_files_that_are_none)
{
	WSD_TEST_BEGIN();
	struct run *r = run_tool("", "decode");
	cr_assert_eq(r->status, 2);
	free(r);
	r = run_tool("", "decode /nonexistent");
	cr_assert_eq(r->status, 1);
	HAS(r, "cannot read /nonexistent: No such file");
	free(r);
	r = run_tool("", "decode /dev/null");
	cr_assert_eq(r->status, 1);
	HAS(r, "has no message of a session");
	free(r);
	r = run_tool("echo nothing |", "decode -");
	cr_assert_eq(r->status, 1);
	free(r);
	WSD_TEST_END();
}

/* Damage anywhere ends in a message and a status, never in a crash. */
Test(wsd_decode, SW_FLOW_14_damaged_captures, .timeout = 60)
{
	WSD_TEST_BEGIN();
	static struct file whole;
	uint8_t m[8192];
	unsigned seed = 4711;
	begin(&whole);
	uint32_t n = data_message(m, sizeof(m), 1, 1500);
	put_packet(&whole, 0x00, 1, m, 1024);
	put_packet(&whole, 0x02, 2, m + 1024, n - 1024);
	for (int i = 0; i < 60; i++) {
		f = whole;
		if (i % 2)
			f.len = 4 + (size_t)rand_r(&seed) % (whole.len - 4);
		for (int k = 0; k < 4; k++)
			f.bytes[4 + (size_t)rand_r(&seed) % (f.len - 3)] = (uint8_t)rand_r(&seed);
		struct run *r = decode(&f, "--all");
		cr_assert(r->status == 0 || r->status == 1, "status %d\n%s", r->status, r->text);
		free(r);
	}
	WSD_TEST_END();
}
