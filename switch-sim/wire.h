/* SPDX-License-Identifier: MIT
 *
 * The messages of a session as bytes [SW-SESSION-6 to -9; docs/wire.md]: one table of opcodes that
 * encodes, decodes, judges and prints. Pure functions; no locks, no memory, no state.
 */
#ifndef WSD_SWITCH_WIRE_H
#define WSD_SWITCH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SM_MAGIC = 0x5753,
	SM_VERSION = 0x10, /* major << 4 | minor */
	SM_HEADER = 24,
	SM_HELLO_BODY = 100,      /* without the user's data */
	SM_NEGOTIATION_MAX = 256, /* with header [SW-SESSION-3] */
	SM_DESCRIPTOR_MAX = 64,   /* what we take of a provider's */
	SM_USER_MAX = SM_NEGOTIATION_MAX - SM_HEADER - SM_HELLO_BODY,
	SM_BUFFERS_MIN = 4,    /* SW-FLOW-12 */
	SM_BUFFERS_MAX = 4096, /* nobody needs more */
	SM_SIZE_MIN = 256,     /* of a receive buffer */
	SM_SIZE_MAX = 1 << 20, /* so that no sum overflows */
	SM_BODY_MAX = SM_SIZE_MAX - SM_HEADER,
	SM_SKIP = 0x80, /* unknown opcodes from here on are skipped [SW-SESSION-7] */
};

enum sm_opcode {
	SM_HELLO = 0x01,
	SM_HELLO_ACK = 0x02,
	SM_HELLO_NAK = 0x03,
	SM_DATA = 0x10,
	SM_DATA_OOB = 0x11,
	SM_SRC_AVAIL = 0x20,
	SM_READ_DONE = 0x21,
	SM_WRITE_REQ = 0x22,
	SM_SINK_AVAIL = 0x23,
	SM_WRITE_DONE = 0x24,
	SM_XFER_ABORT = 0x25,
	SM_CREDIT = 0x30,
	SM_BUFFERS = 0x31,
	SM_NOP = 0x32,
	SM_SHUT_SEND = 0x40,
	SM_DISC_DATA = 0x41,
	SM_SUSPEND = 0x50,
	SM_SUSPEND_ACK = 0x51,
	SM_RESUME = 0x52,
	SM_PING = 0x60,
	SM_PONG = 0x61,
	SM_ABORT = 0x7f,
};

enum { SM_PUSH = 1, SM_LAST = 2, SM_OOB = 4, SM_INLINE = 8 }; /* header flags */

/* HELLO features. */
enum {
	SM_CAN_RDMA_READ = 1,
	SM_CAN_RDMA_WRITE = 2,
	SM_CAN_SUSPEND = 4,
	SM_CAN_URGENT = 8,
};

/* HELLO_NAK reasons [SW-SESSION-9]. */
enum { SM_NAK_VERSION = 1, SM_NAK_NAMES = 2, SM_NAK_RESOURCES = 3, SM_NAK_NOT_LISTENING = 4 };

/* When a message may come. */
enum sm_when {
	SM_AT_START = 1 << 0,  /* before the negotiation has ended */
	SM_WHEN_UP = 1 << 1,   /* after it */
	SM_WHEN_SUSP = 1 << 2, /* after it, and both offered SM_CAN_SUSPEND */
};

struct sm_op {
	uint8_t opcode;
	const char *name;
	uint32_t min, max; /* bytes of the body */
	uint8_t when;      /* enum sm_when */
	uint8_t credits;   /* what the sender must have; 0: it costs none, else it costs 1 */
	uint8_t tail;      /* what follows the fields: enum sm_tail, the codec's */
	uint8_t n_fields;
	const struct sm_field *fields;
};

/* NULL: unknown. */
const struct sm_op *sm_op(uint8_t opcode);

struct sm_hello {
	uint32_t version_min, version_max, descriptor_length, features;
	uint32_t buffers, buffer_size, max_message, max_rdma, threshold;
	uint64_t session_id;
	uint8_t local[16], remote[16]; /* sockaddr_in as it lies in memory */
	uint8_t provider[16];
};

/* A message taken apart; what its opcode does not have is zero, but `hello`, which only the
 * messages of the negotiation have. Pointers go into the message. */
struct sm_message {
	uint32_t version, opcode, flags, credits, seq, xid, length;
	uint64_t total, offset, bytes;
	uint32_t inline_length, descriptor_length, user_length, code, size, count;
	const uint8_t *descriptor;
	const uint8_t *payload; /* data, inline bytes, the user's data of a HELLO */
	uint32_t payload_length;
	struct sm_hello hello;
};

/* Why a message is refused; 0: it is not. */
enum sm_fault {
	SM_FINE,
	SM_SHORT, /* no whole header */
	SM_NO_MAGIC,
	SM_BAD_VERSION,
	SM_BAD_LENGTH, /* the header's length is not what follows */
	SM_TOO_LONG,   /* a negotiation message above 256 bytes [SW-SESSION-3] */
	SM_UNKNOWN,    /* an opcode below 0x80 that nobody defined */
	SM_SKIPPED,    /* one above: to be skipped, no mistake */
	SM_BAD_BODY,   /* too short or too long for its opcode */
	SM_BAD_PART,   /* a part is longer than the body, or does not fill it */
	SM_BAD_VALUE,  /* a field out of its range */
	SM_FAULT_COUNT
};

const char *sm_fault_text(enum sm_fault f);

/**
 * sm_decode - take one message apart and judge what needs no state
 * On SM_SKIPPED the header's fields are set; on another fault @ret is not to be used.
 */
enum sm_fault sm_decode(const void *message, size_t length, struct sm_message *ret);

/* For reading traces: header and fields out of the first @have bytes, with no judgement. False: it
 * does not begin as a message does. */
bool sm_decode_front(const void *message, size_t have, struct sm_message *ret);

/**
 * sm_encode - the bytes of @m; version, length and the lengths of parts are filled in
 * m->payload may be where it goes in @buffer already. Return: bytes, or 0 when @room is too small,
 * the opcode is unknown or a part is too long.
 */
uint32_t sm_encode(const struct sm_message *m, void *buffer, size_t room);

/* The header alone; the body lies behind it already. The hot path's half of sm_encode. */
void sm_put_header(void *buffer, uint8_t opcode, unsigned flags, uint32_t credits, uint32_t seq,
		   uint32_t xid, uint32_t length);

/* One line for people: name, flags, fields; of those only what lies in the message's first @have
 * bytes, and whether any is left out. Return what snprintf would. */
int sm_print(char *text, size_t room, const struct sm_message *m, size_t have);

#endif
