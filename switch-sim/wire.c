/* SPDX-License-Identifier: MIT
 *
 * The codec of a session's messages: a table of opcodes, a table of fields each [SW-SESSION-6, -7,
 * -8]. Pure; no locks.
 */
#include "wire.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum sm_tail {
	TAIL_NONE,       /* nothing follows the fields */
	TAIL_DATA,       /* the stream's bytes */
	TAIL_BYTE,       /* one of them */
	TAIL_DESCRIPTOR, /* a descriptor fills the rest */
	TAIL_SOURCE,     /* a descriptor of descriptor_length, then inline_length bytes */
	TAIL_INLINE,     /* inline_length bytes */
	TAIL_USER,       /* user_length bytes of a HELLO, then what later versions add */
};

/* An integer of @width bytes at @at of the body, or bytes as they are; @member is where it lies in
 * struct sm_message, @size its bytes there. */
struct sm_field {
	const char *name;
	uint16_t member;
	uint8_t at, width, size;
	bool raw;
};

#define FIELD(text, where, bytes, what)                          \
	{                                                        \
		.name = (text), .at = (where), .width = (bytes), \
		.member = offsetof(struct sm_message, what),     \
		.size = sizeof(((struct sm_message *)0)->what)   \
	}
#define BLOB(text, where, what)                                             \
	{                                                                   \
		.name = (text), .at = (where), .width = 16,                 \
		.member = offsetof(struct sm_message, what),                \
		.size = sizeof(((struct sm_message *)0)->what), .raw = true \
	}

static const struct sm_field hello_fields[] = {
	FIELD("min", 0, 1, hello.version_min),
	FIELD("max", 1, 1, hello.version_max),
	FIELD("descriptor", 2, 2, hello.descriptor_length),
	FIELD("features", 4, 4, hello.features),
	FIELD("buffers", 8, 4, hello.buffers),
	FIELD("size", 12, 4, hello.buffer_size),
	FIELD("max-message", 16, 4, hello.max_message),
	FIELD("max-rdma", 20, 4, hello.max_rdma),
	FIELD("threshold", 24, 4, hello.threshold),
	FIELD("session", 28, 8, hello.session_id),
	BLOB("local", 36, hello.local),
	BLOB("remote", 52, hello.remote),
	BLOB("provider", 68, hello.provider),
	FIELD("user", 84, 2, user_length),
};
static const struct sm_field nak_fields[] = {FIELD("reason", 0, 2, code)};
static const struct sm_field oob_fields[] = {FIELD("mark", 0, 8, offset)};
static const struct sm_field source_fields[] = {
	FIELD("total", 0, 8, total),
	FIELD("inline", 8, 4, inline_length),
	FIELD("descriptor", 12, 2, descriptor_length),
};
static const struct sm_field request_fields[] = {
	FIELD("total", 0, 8, total),
	FIELD("inline", 8, 4, inline_length),
};
static const struct sm_field sink_fields[] = {
	FIELD("offset", 0, 8, offset),
	FIELD("bytes", 8, 8, bytes),
};
static const struct sm_field done_fields[] = {FIELD("bytes", 0, 8, bytes)};
static const struct sm_field code_fields[] = {FIELD("code", 0, 4, code)};
static const struct sm_field buffers_fields[] = {
	FIELD("count", 0, 4, count),
	FIELD("size", 4, 4, size),
};

/* clang-format off */
#define OP(op, lo, hi, when, credits, tail, fields) \
	[SM_##op] = {SM_##op, #op, (lo), (hi), (when), (credits), (tail), sizeof(fields) / sizeof((fields)[0]), fields}
#define BARE(op, hi, when, credits, tail) \
	[SM_##op] = {SM_##op, #op, 0, (hi), (when), (credits), (tail), 0, NULL}

enum { D = SM_DESCRIPTOR_MAX, HELLO_MAX = SM_NEGOTIATION_MAX - SM_HEADER };

/* Credits: 4 for what brings the stream on, 2 for what ends transfers, 1 for what must always get
 * through [SW-FLOW-12; docs/wire.md tells why there are three steps]. */
static const struct sm_op table[SM_SKIP] = {
	OP(HELLO,     SM_HELLO_BODY, HELLO_MAX, SM_AT_START, 0, TAIL_USER, hello_fields),
	OP(HELLO_ACK, SM_HELLO_BODY, HELLO_MAX, SM_AT_START, 1, TAIL_USER, hello_fields),
	OP(HELLO_NAK, 2, HELLO_MAX,             SM_AT_START, 1, TAIL_NONE, nak_fields),
	BARE(DATA,       SM_BODY_MAX,           SM_WHEN_UP,  4, TAIL_DATA),
	OP(DATA_OOB,   9, 9,                    SM_WHEN_UP,  2, TAIL_BYTE, oob_fields),
	OP(SRC_AVAIL,  15, SM_BODY_MAX,         SM_WHEN_UP,  4, TAIL_SOURCE, source_fields),
	OP(READ_DONE,  8, 8,                    SM_WHEN_UP,  2, TAIL_NONE, done_fields),
	OP(WRITE_REQ,  12, SM_BODY_MAX,         SM_WHEN_UP,  4, TAIL_INLINE, request_fields),
	OP(SINK_AVAIL, 17, 16 + D,              SM_WHEN_UP,  2, TAIL_DESCRIPTOR, sink_fields),
	OP(WRITE_DONE, 8, 8,                    SM_WHEN_UP,  2, TAIL_NONE, done_fields),
	OP(XFER_ABORT, 4, 4,                    SM_WHEN_UP,  1, TAIL_NONE, code_fields),
	BARE(CREDIT,     0,                     SM_WHEN_UP,  1, TAIL_NONE),
	OP(BUFFERS,    8, 8,                    SM_WHEN_UP,  1, TAIL_NONE, buffers_fields),
	BARE(NOP,        0,                     SM_WHEN_UP,  1, TAIL_NONE),
	BARE(SHUT_SEND,  0,                     SM_WHEN_UP,  1, TAIL_NONE),
	BARE(DISC_DATA,  SM_BODY_MAX,           SM_WHEN_UP,  2, TAIL_DATA),
	BARE(SUSPEND,    0,                     SM_WHEN_SUSP, 2, TAIL_NONE),
	BARE(SUSPEND_ACK, 0,                    SM_WHEN_SUSP, 1, TAIL_NONE),
	BARE(RESUME,     0,                     SM_WHEN_SUSP, 2, TAIL_NONE),
	BARE(PING,       0,                     SM_WHEN_UP,  2, TAIL_NONE),
	BARE(PONG,       0,                     SM_WHEN_UP,  2, TAIL_NONE),
	OP(ABORT,      4, 4, SM_AT_START | SM_WHEN_UP,       1, TAIL_NONE, code_fields),
};
/* clang-format on */

const struct sm_op *sm_op(uint8_t opcode)
{
	const struct sm_op *op = opcode < SM_SKIP ? &table[opcode] : NULL;
	return op && op->opcode ? op : NULL;
}

const char *sm_fault_text(enum sm_fault f)
{
	static const char *const texts[SM_FAULT_COUNT] = {
		[SM_FINE] = "nothing is wrong",
		[SM_SHORT] = "shorter than a header",
		[SM_NO_MAGIC] = "the magic number is wrong",
		[SM_BAD_VERSION] = "another major version",
		[SM_BAD_LENGTH] = "the body is not as long as the header says",
		[SM_TOO_LONG] = "a negotiation message above 256 bytes",
		[SM_UNKNOWN] = "unknown opcode",
		[SM_SKIPPED] = "an opcode of a later version, skipped",
		[SM_BAD_BODY] = "the body is too short or too long for its opcode",
		[SM_BAD_PART] = "a part of the body does not fit it",
		[SM_BAD_VALUE] = "a field is out of its range",
	};
	return (unsigned)f < SM_FAULT_COUNT && texts[f] ? texts[f] : "unknown fault";
}

static uint64_t get(const uint8_t *p, unsigned width)
{
	uint64_t v = 0;
	while (width--)
		v = v << 8 | *p++;
	return v;
}

static void put(uint8_t *p, unsigned width, uint64_t v)
{
	while (width--) {
		p[width] = (uint8_t)v;
		v >>= 8;
	}
}

static void get_field(const struct sm_field *f, const uint8_t *body, struct sm_message *m)
{
	char *member = (char *)m + f->member;
	uint64_t wide = f->raw ? 0 : get(body + f->at, f->width);
	uint32_t narrow = (uint32_t)wide;
	if (f->raw)
		memcpy(member, body + f->at, f->width);
	else if (f->size == sizeof(wide))
		memcpy(member, &wide, sizeof(wide));
	else
		memcpy(member, &narrow, sizeof(narrow));
}

static uint64_t member_of(const struct sm_field *f, const struct sm_message *m)
{
	uint64_t wide;
	uint32_t narrow;
	if (f->size == sizeof(wide)) {
		memcpy(&wide, (const char *)m + f->member, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, (const char *)m + f->member, sizeof(narrow));
	return narrow;
}

/* Bytes of the body before the tail. */
static uint32_t fixed(const struct sm_op *op)
{
	if (op->tail == TAIL_USER)
		return SM_HELLO_BODY;
	const struct sm_field *last = op->n_fields ? &op->fields[op->n_fields - 1] : NULL;
	return last ? last->at + (uint32_t)last->width : 0;
}

/* Part the tail, @room bytes at @p. False: the parts do not fit. */
static bool get_tail(const struct sm_op *op, const uint8_t *p, uint32_t room, struct sm_message *m)
{
	switch ((enum sm_tail)op->tail) {
	case TAIL_NONE:
		return true; /* the table's max says whether there may be more */
	case TAIL_DATA:
	case TAIL_BYTE:
		m->payload_length = room;
		break;
	case TAIL_DESCRIPTOR:
		m->descriptor_length = room;
		m->descriptor = p;
		return true;
	case TAIL_SOURCE:
		if (m->descriptor_length > room || room - m->descriptor_length != m->inline_length)
			return false;
		m->descriptor = p;
		p += m->descriptor_length;
		m->payload_length = m->inline_length;
		break;
	case TAIL_INLINE:
		if (room != m->inline_length)
			return false;
		m->payload_length = room;
		break;
	case TAIL_USER:
		if (m->user_length > room)
			return false;
		m->payload_length = m->user_length;
		break;
	}
	m->payload = p;
	return true;
}

static bool between(uint32_t value, uint32_t low, uint32_t high)
{
	return value >= low && value <= high;
}

/* Ranges that hold whatever was negotiated. */
static bool values_fine(const struct sm_message *m)
{
	const struct sm_hello *h = &m->hello;
	switch (m->opcode) {
	case SM_HELLO:
	case SM_HELLO_ACK:
		return h->version_min <= h->version_max &&
		       h->descriptor_length <= SM_DESCRIPTOR_MAX &&
		       between(h->buffers, SM_BUFFERS_MIN, SM_BUFFERS_MAX) &&
		       between(h->buffer_size, SM_SIZE_MIN, SM_SIZE_MAX);
	case SM_BUFFERS:
		return between(m->count, SM_BUFFERS_MIN, SM_BUFFERS_MAX) &&
		       between(m->size, SM_SIZE_MIN, SM_SIZE_MAX);
	case SM_SRC_AVAIL:
		return m->xid && m->total > m->inline_length &&
		       between(m->descriptor_length, 1, SM_DESCRIPTOR_MAX) &&
		       m->total - m->inline_length <= UINT32_MAX;
	case SM_WRITE_REQ:
		return m->xid && m->total > m->inline_length &&
		       m->total - m->inline_length <= UINT32_MAX;
	case SM_SINK_AVAIL:
		return m->xid && m->bytes && m->bytes <= UINT32_MAX && m->offset <= UINT32_MAX;
	case SM_READ_DONE:
	case SM_WRITE_DONE:
	case SM_XFER_ABORT:
		return m->xid != 0;
	default:
		return true;
	}
}

static bool negotiates(uint32_t opcode)
{
	return opcode >= SM_HELLO && opcode <= SM_HELLO_NAK;
}

enum sm_fault sm_decode(const void *message, size_t length, struct sm_message *ret)
{
	const uint8_t *p = message;
	if (length < SM_HEADER)
		return SM_SHORT;
	if (get(p, 2) != SM_MAGIC)
		return SM_NO_MAGIC;
	struct sm_message *m = ret;
	uint8_t opcode = p[3];
	/* of known sizes, for the compiler; what is in front is set below */
	memset(&m->total, 0,
	       offsetof(struct sm_message, hello) - offsetof(struct sm_message, total));
	if (negotiates(opcode))
		memset(&m->hello, 0, sizeof(m->hello));
	m->version = p[2];
	m->opcode = opcode;
	m->flags = (uint32_t)get(p + 4, 2);
	m->credits = (uint32_t)get(p + 6, 2);
	m->seq = (uint32_t)get(p + 8, 4);
	m->xid = (uint32_t)get(p + 12, 4);
	m->length = (uint32_t)get(p + 16, 4);
	/* the negotiation finds a version; after it there is but one major */
	if (m->version >> 4 != SM_VERSION >> 4 && !negotiates(m->opcode))
		return SM_BAD_VERSION;
	if (m->length != length - SM_HEADER)
		return SM_BAD_LENGTH;
	if (negotiates(m->opcode) && length > SM_NEGOTIATION_MAX)
		return SM_TOO_LONG;
	const struct sm_op *op = sm_op((uint8_t)m->opcode);
	if (!op)
		return m->opcode >= SM_SKIP ? SM_SKIPPED : SM_UNKNOWN;
	if (m->length < op->min || m->length > op->max)
		return SM_BAD_BODY;
	const uint8_t *body = p + SM_HEADER;
	for (unsigned i = 0; i < op->n_fields; i++)
		get_field(&op->fields[i], body, m);
	uint32_t head = fixed(op);
	if (!get_tail(op, body + head, m->length - head, m))
		return SM_BAD_PART;
	if (!values_fine(m))
		return SM_BAD_VALUE;
	return SM_FINE;
}

bool sm_decode_front(const void *message, size_t have, struct sm_message *ret)
{
	const uint8_t *p = message;
	if (have < SM_HEADER || get(p, 2) != SM_MAGIC)
		return false;
	*ret = (struct sm_message){
		.version = p[2],
		.opcode = p[3],
		.flags = (uint32_t)get(p + 4, 2),
		.credits = (uint32_t)get(p + 6, 2),
		.seq = (uint32_t)get(p + 8, 4),
		.xid = (uint32_t)get(p + 12, 4),
		.length = (uint32_t)get(p + 16, 4),
	};
	const struct sm_op *op = sm_op((uint8_t)ret->opcode);
	for (unsigned i = 0; op && i < op->n_fields; i++)
		if (op->fields[i].at + op->fields[i].width <= have - SM_HEADER)
			get_field(&op->fields[i], p + SM_HEADER, ret);
	return true;
}

void sm_put_header(void *buffer, uint8_t opcode, unsigned flags, uint32_t credits, uint32_t seq,
		   uint32_t xid, uint32_t length)
{
	/* native words: the compiler turns these into byte swaps and plain stores */
	struct {
		uint16_t magic;
		uint8_t version, opcode;
		uint16_t flags, credits;
		uint32_t seq, xid, length, reserved;
	} h = {
		.magic = htobe16(SM_MAGIC),
		.version = SM_VERSION,
		.opcode = opcode,
		.flags = htobe16((uint16_t)flags),
		.credits = htobe16((uint16_t)credits),
		.seq = htobe32(seq),
		.xid = htobe32(xid),
		.length = htobe32(length),
	};
	_Static_assert(sizeof(h) == SM_HEADER, "the header has no holes");
	memcpy(buffer, &h, sizeof(h));
}

uint32_t sm_encode(const struct sm_message *m, void *buffer, size_t room)
{
	const struct sm_op *op = sm_op((uint8_t)m->opcode);
	uint8_t *body = (uint8_t *)buffer + SM_HEADER;
	struct sm_message f = *m;
	if (!op)
		return 0;
	bool described = op->tail == TAIL_SOURCE || op->tail == TAIL_DESCRIPTOR;
	bool carries = op->tail != TAIL_NONE && op->tail != TAIL_DESCRIPTOR;
	f.inline_length = f.user_length = carries ? m->payload_length : 0;
	f.descriptor_length = described ? m->descriptor_length : 0;
	uint32_t head = fixed(op);
	uint64_t length = (uint64_t)head + f.descriptor_length + (carries ? m->payload_length : 0);
	if (length < op->min || length > op->max || room < SM_HEADER || length > room - SM_HEADER)
		return 0;
	/* the payload first: it may lie in the buffer */
	if (carries && m->payload_length)
		memmove(body + head + f.descriptor_length, m->payload, m->payload_length);
	memset(body, 0, head);
	for (unsigned i = 0; i < op->n_fields; i++) {
		const struct sm_field *field = &op->fields[i];
		if (field->raw)
			memcpy(body + field->at, (const char *)m + field->member, field->width);
		else
			put(body + field->at, field->width, member_of(field, &f));
	}
	if (f.descriptor_length)
		memcpy(body + head, m->descriptor, f.descriptor_length);
	unsigned flags = m->flags & ~(unsigned)SM_INLINE;
	if ((op->tail == TAIL_SOURCE || op->tail == TAIL_INLINE) && f.inline_length)
		flags |= SM_INLINE;
	sm_put_header(buffer, op->opcode, flags, m->credits, m->seq, m->xid, (uint32_t)length);
	return SM_HEADER + (uint32_t)length;
}

struct text {
	char *at;
	size_t room;
	int length;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t used = (size_t)t->length < t->room ? (size_t)t->length : t->room;
	int n = vsnprintf(t->at + used, t->room - used, format, args);
	va_end(args);
	t->length += n > 0 ? n : 0;
}

static void add_blob(struct text *t, const struct sm_field *f, const uint8_t *p)
{
	add(t, " %s=", f->name);
	if (f->at < 68) { /* a name: family, port, address */
		add(t, "%u.%u.%u.%u:%u", p[4], p[5], p[6], p[7], (unsigned)get(p + 2, 2));
		return;
	}
	for (unsigned i = 0; i < f->width; i++)
		add(t, "%02x", p[i]);
}

int sm_print(char *text, size_t room, const struct sm_message *m, size_t have)
{
	static const char *const flags[] = {"push", "last", "oob", "inline"};
	const struct sm_op *op = sm_op((uint8_t)m->opcode);
	struct text t = {text, room, 0};
	bool cut = false;
	if (op)
		add(&t, "%s", op->name);
	else
		add(&t, "opcode %02x", m->opcode);
	add(&t, " seq=%u", m->seq);
	if (m->credits)
		add(&t, " credits=%u", m->credits);
	if (m->xid)
		add(&t, " xid=%u", m->xid);
	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (m->flags & 1u << i)
			add(&t, " %s", flags[i]);
	for (unsigned i = 0; op && i < op->n_fields; i++) {
		const struct sm_field *f = &op->fields[i];
		if ((size_t)SM_HEADER + f->at + f->width > have)
			cut = true;
		else if (f->raw)
			add_blob(&t, f, (const uint8_t *)m + f->member);
		else
			add(&t, " %s=%llu", f->name, (unsigned long long)member_of(f, m));
	}
	add(&t, " body=%u%s", m->length, cut ? " (the rest of it is not in the trace)" : "");
	return t.length;
}
