/* SPDX-License-Identifier: MIT
 *
 * The codec of session messages: what goes out comes in again, and what is wrong is told by name.
 */
#include "check.h"
#include "wire.h"

#include <string.h>

static const uint8_t descriptor[40] = {1, 2, 3};
static const uint8_t payload[] = "payload";

static const uint8_t opcodes[] = {
	SM_HELLO,     SM_HELLO_ACK, SM_HELLO_NAK,  SM_DATA,       SM_DATA_OOB,   SM_SRC_AVAIL,
	SM_READ_DONE, SM_WRITE_REQ, SM_SINK_AVAIL, SM_WRITE_DONE, SM_XFER_ABORT, SM_CREDIT,
	SM_BUFFERS,   SM_NOP,       SM_SHUT_SEND,  SM_DISC_DATA,  SM_SUSPEND,    SM_SUSPEND_ACK,
	SM_RESUME,    SM_PING,      SM_PONG,       SM_ABORT,
};

static struct sm_message sample(uint8_t opcode)
{
	struct sm_message m = {
		.opcode = opcode,
		.flags = SM_LAST,
		.credits = 3,
		.seq = 0x01020304,
		.xid = 77,
		.total = 0x12345678,
		.offset = 42,
		.bytes = 4711,
		.code = 10054,
		.size = 4160,
		.count = 12,
		.descriptor = descriptor,
		.descriptor_length = sizeof(descriptor),
		.payload = payload,
		.payload_length = opcode == SM_DATA_OOB ? 1 : sizeof(payload),
	};
	m.hello = (struct sm_hello){
		.version_min = 0x10,
		.version_max = 0x10,
		.descriptor_length = 40,
		.features = 15,
		.buffers = 4,
		.buffer_size = 1024,
		.session_id = UINT64_C(0x1122334455667788),
	};
	memset(m.hello.provider, 0xab, sizeof(m.hello.provider));
	return m;
}

Test(wire, SW_SESSION_07_each_opcode_there_and_back)
{
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(opcodes); i++) {
		uint8_t bytes[512], again[512];
		struct sm_message m = sample(opcodes[i]), back;
		const struct sm_op *op = sm_op(opcodes[i]);
		cr_assert_not_null(op);
		uint32_t n = sm_encode(&m, bytes, sizeof(bytes));
		cr_assert_geq(n, SM_HEADER, "%s", op->name);
		cr_assert_eq(sm_decode(bytes, n, &back), SM_FINE, "%s: %s", op->name,
			     sm_fault_text(sm_decode(bytes, n, &back)));
		cr_expect_eq(back.seq, m.seq);
		cr_expect_eq(back.credits, m.credits);
		cr_expect_eq(back.xid, m.xid);
		cr_assert_eq(sm_encode(&back, again, sizeof(again)), n, "%s", op->name);
		cr_expect_eq(memcmp(bytes, again, n), 0, "%s is not the same again", op->name);
		cr_expect_eq(sm_encode(&m, again, n - 1), 0, "%s: no room", op->name);
		char text[512];
		cr_expect_gt(sm_print(text, sizeof(text), &back, SIZE_MAX), 0);
		cr_expect(strstr(text, op->name));
	}
	WSD_TEST_END();
}

Test(wire, SW_SESSION_06_the_header_byte_by_byte)
{
	WSD_TEST_BEGIN();
	uint8_t h[SM_HEADER];
	sm_put_header(h, SM_DATA, SM_PUSH | SM_LAST, 0x0102, 0x03040506, 0x0708090a, 0x0b0c0d0e);
	static const uint8_t want[SM_HEADER] = {0x57, 0x53, 0x10, 0x10, 0,  3,  1,  2,  3, 4, 5, 6,
						7,    8,    9,    10,   11, 12, 13, 14, 0, 0, 0, 0};
	cr_expect_eq(memcmp(h, want, sizeof(h)), 0);
	WSD_TEST_END();
}

Test(wire, SW_SESSION_03_SW_SESSION_08_HELLO_is_100_bytes_and_at_most_256_with_all)
{
	WSD_TEST_BEGIN();
	uint8_t bytes[512], user[SM_USER_MAX + 1] = {0};
	struct sm_message m = sample(SM_HELLO), back;
	m.payload = user;
	m.payload_length = 0;
	cr_expect_eq(sm_encode(&m, bytes, sizeof(bytes)), SM_HEADER + 100);
	m.payload_length = SM_USER_MAX;
	cr_expect_eq(sm_encode(&m, bytes, sizeof(bytes)), 256);
	cr_expect_eq(sm_decode(bytes, 256, &back), SM_FINE);
	cr_expect_eq(back.payload_length, SM_USER_MAX);
	m.payload_length = SM_USER_MAX + 1;
	cr_expect_eq(sm_encode(&m, bytes, sizeof(bytes)), 0);
	bytes[19]++; /* [SW-SESSION-3] */
	cr_expect_eq(sm_decode(bytes, 257, &back), SM_TOO_LONG);
	WSD_TEST_END();
}

struct wrong {
	uint8_t opcode;
	int at; /* this byte is changed */
	uint8_t value;
	int longer; /* by so many bytes */
	enum sm_fault fault;
};

Test(wire, SW_FLOW_14_what_is_wrong_has_a_name)
{
	WSD_TEST_BEGIN();
	static const struct wrong rows[] = {
		{SM_DATA, 0, 0x56, 0, SM_NO_MAGIC},
		{SM_DATA, 2, 0x20, 0, SM_BAD_VERSION},
		{SM_HELLO, 2, 0x20, 0, SM_FINE}, /* the negotiation is there to find out */
		{SM_DATA, 19, 99, 0, SM_BAD_LENGTH},
		{SM_DATA, 19, 8, 1, SM_BAD_LENGTH},
		{SM_CREDIT, 3, 0x7e, 0, SM_UNKNOWN},
		{SM_CREDIT, 3, 0x80, 0, SM_SKIPPED},
		{SM_CREDIT, 3, SM_READ_DONE, 0, SM_BAD_BODY},
		{SM_READ_DONE, 3, SM_CREDIT, 0, SM_BAD_BODY},
		{SM_READ_DONE, 15, 0, 0, SM_BAD_VALUE}, /* xid 0 */
		{SM_SRC_AVAIL, SM_HEADER + 13, 41, 0, SM_BAD_PART},
		{SM_SRC_AVAIL, SM_HEADER + 11, 9, 0, SM_BAD_PART},
		{SM_SRC_AVAIL, SM_HEADER + 0, 1, 0, SM_BAD_VALUE}, /* too much */
		{SM_WRITE_REQ, SM_HEADER + 11, 9, 0, SM_BAD_PART},
		{SM_BUFFERS, SM_HEADER + 3, 3, 0, SM_BAD_VALUE},
		{SM_BUFFERS, SM_HEADER + 4, 1, 0, SM_BAD_VALUE},
		{SM_HELLO, SM_HEADER + 11, 3, 0, SM_BAD_VALUE},
		{SM_HELLO, SM_HEADER + 0, 0x11, 0, SM_BAD_VALUE}, /* min above max */
		{SM_HELLO, SM_HEADER + 85, 99, 0, SM_BAD_PART},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t bytes[512] = {0};
		struct sm_message m = sample(rows[i].opcode), back;
		uint32_t n = sm_encode(&m, bytes, sizeof(bytes));
		bytes[rows[i].at] = rows[i].value;
		enum sm_fault f = sm_decode(bytes, n + (uint32_t)rows[i].longer, &back);
		cr_expect_eq(f, rows[i].fault, "row %zu: %s, not %s", i, sm_fault_text(f),
			     sm_fault_text(rows[i].fault));
	}
	uint8_t bytes[512];
	struct sm_message m = sample(SM_HELLO), back;
	uint32_t n = sm_encode(&m, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < n; i++)
		cr_expect_neq(sm_decode(bytes, i, &back), SM_FINE, "cut after %u", i);
	WSD_TEST_END();
}
