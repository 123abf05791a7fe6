/* SPDX-License-Identifier: MIT
 *
 * One session, and bytes that say what the peer sends, what the provider completes and what the
 * application does. Whatever it is: no memory error, one `up`, one `ended`, every request over,
 * nothing that a provider must not see. One thread; no locks.
 */
#include "log.h"
#include "session_pair.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A line for each broken rule would be all that this program does. */
void wsd_log(enum wsd_log_level level, const char *format, ...)
{
}

enum { JOBS = 8, ROOM = 40000, STEPS = 300 };

struct input {
	const uint8_t *at;
	size_t left;
};

struct world {
	struct pair p;
	struct pair_end *e;
	struct pair_request jobs[JOBS];
	bool used[JOBS];
	uint32_t seq;
	bool closed;
	uint8_t memory[JOBS][ROOM];
};

static uint32_t number(struct input *in, unsigned bytes)
{
	uint32_t v = 0;
	while (bytes--) {
		v = v << 8 | (in->left ? *in->at : 0);
		if (in->left) {
			in->at++;
			in->left--;
		}
	}
	return v;
}

static uint32_t some(struct input *in, uint8_t *to, uint32_t n)
{
	if (n > in->left)
		n = (uint32_t)in->left;
	memcpy(to, in->at, n);
	in->at += n;
	in->left -= n;
	return n;
}

/* Bytes as they come. */
static void raw_message(struct world *w, struct input *in)
{
	uint8_t bytes[512];
	uint32_t n = some(in, bytes, number(in, 1) * 2);
	if (n)
		pair_inject(w->e, bytes, n);
}

/* Fields out of the input; the header is right, so that what lies behind it is reached. */
static void message(struct world *w, struct input *in)
{
	static const uint8_t opcodes[] = {
		SM_HELLO,      SM_HELLO_ACK, SM_HELLO_NAK, SM_DATA,       SM_DATA_OOB,
		SM_SRC_AVAIL,  SM_READ_DONE, SM_WRITE_REQ, SM_SINK_AVAIL, SM_WRITE_DONE,
		SM_XFER_ABORT, SM_CREDIT,    SM_BUFFERS,   SM_NOP,        SM_SHUT_SEND,
		SM_DISC_DATA,  SM_SUSPEND,   SM_PING,      SM_PONG,       SM_ABORT,
	};
	uint8_t bytes[2048], payload[256], descriptor[PAIR_DESCRIPTOR];
	struct sm_message m = {.opcode = opcodes[number(in, 1) % sizeof(opcodes)]};
	m.flags = number(in, 1) & 15;
	m.credits = number(in, 1);
	m.seq = w->seq;
	m.xid = number(in, 1) & 7;
	m.total = number(in, 3);
	m.bytes = number(in, 3);
	m.offset = number(in, 2);
	m.code = number(in, 1);
	m.count = 4 + (number(in, 1) & 31);
	m.size = 256 + number(in, 2);
	pair_descriptor((uint32_t)(m.opcode == SM_SINK_AVAIL ? m.bytes : m.total), descriptor);
	m.descriptor = descriptor;
	m.descriptor_length = PAIR_DESCRIPTOR;
	m.payload = payload;
	m.payload_length = some(in, payload, number(in, 1));
	if (m.opcode == SM_DATA_OOB)
		m.payload_length = 1, payload[0] = 'u';
	if (m.opcode == SM_HELLO || m.opcode == SM_HELLO_ACK)
		m.payload_length = 0;
	m.hello = (struct sm_hello){
		.version_min = SM_VERSION,
		.version_max = SM_VERSION,
		.descriptor_length = PAIR_DESCRIPTOR,
		.features = m.flags,
		.buffers = m.count,
		.buffer_size = m.size,
		.max_message = 65536,
		.max_rdma = 1 << 20,
	};
	uint32_t n = sm_encode(&m, bytes, sizeof(bytes));
	if (n && pair_inject(w->e, bytes, n))
		w->seq++;
}

static void request(struct world *w, struct input *in)
{
	static const DWORD flags[] = {0, 0, WSD_MSG_OOB, WSD_MSG_PEEK, WSD_MSG_WAITALL};
	enum sw_op op = number(in, 1) & 1 ? SW_OP_SEND : SW_OP_RECV;
	uint32_t i = 0, n = number(in, 2) % ROOM;
	while (i < JOBS && w->used[i])
		i++;
	if (i == JOBS || w->closed)
		return;
	struct pair_request *q = &w->jobs[i];
	pair_request(q, op, w->memory[i], n, flags[number(in, 1) % 5]);
	uint32_t first = number(in, 2);
	if (first < n) { /* in two pieces */
		q->bufs[1] = (WSABUF){.len = n - first, .buf = q->bufs[0].buf + first};
		q->bufs[0].len = first;
		q->r.count = 2;
	}
	q->r.nonblocking = number(in, 1) & 1;
	w->used[i] = true;
	bool over = pair_submit(w->e, q);
	if (over != (q->r.over && !q->finished) || (q->r.nonblocking && !over))
		abort();
	if (over)
		w->used[i] = false;
}

static void cancel(struct world *w, struct input *in)
{
	uint32_t i = number(in, 1) % JOBS;
	if (w->used[i] && session_cancel(w->e->ss, &w->jobs[i].r, WSA_OPERATION_ABORTED))
		w->used[i] = false;
}

/* Empties the wire: messages vanish, RDMA ends with @code. */
static void carry(struct world *w, int code)
{
	uint8_t bytes[8192];
	struct sm_message m;
	for (;;) {
		uint32_t n = pair_take(w->e, bytes, sizeof(bytes));
		if (n && sm_decode(bytes, n, &m) != SM_FINE)
			abort(); /* what we send is right in any case */
		if (!n && !pair_rdma(w->e, code))
			return;
	}
}

static void step(struct world *w, struct input *in)
{
	switch (number(in, 1) % 16) {
	case 0:
		raw_message(w, in);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		message(w, in);
		pair_run(&w->p);
		break;
	case 5:
		message(w, in);
		break;
	case 6:
	case 7:
		request(w, in);
		break;
	case 8:
		cancel(w, in);
		break;
	case 9:
		carry(w, number(in, 1) & 7 ? 0 : WSAECONNABORTED);
		break;
	case 10:
		pair_run(&w->p);
		break;
	case 11:
		pair_time(&w->p, number(in, 2));
		break;
	case 12:
		session_shutdown(w->e->ss, (int)(number(in, 1) % 3));
		break;
	case 13:
		session_ready(w->e->ss, SW_READY_ALL);
		session_readable(w->e->ss);
		session_at_mark(w->e->ss);
		break;
	case 14:
		w->e->fail_register = (int)(number(in, 1) % 8) - 1;
		break;
	default:
		session_close(w->e->ss, number(in, 1) & 1 ? 5000 : 0);
		w->closed = true;
		break;
	}
	for (unsigned i = 0; i < JOBS; i++)
		if (w->used[i] && w->jobs[i].finished) {
			if (w->jobs[i].finished != 1 || !w->jobs[i].r.over)
				abort();
			w->used[i] = false;
		}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct world w;
	struct input in = {data, size};
	memset(&w, 0, offsetof(struct world, memory));
	uint32_t how = number(&in, 1);
	struct pair_options o = {
		.alone = true,
		.responder = how & 1,
		.no_read = how & 2,
	};
	o.config[0].oob_inline = how & 4;
	o.config[0].threshold = how & 8 ? 1000 : 0;
	o.config[0].rcvbuf = how & 16 ? 500 : 0;
	o.config[0].sndbuf = how & 32 ? 500 : 0;
	pair_new(&w.p, &o);
	w.e = &w.p.end[0];
	for (int i = 0; i < STEPS && in.left; i++)
		step(&w, &in);
	w.e->fail_register = -1;
	session_close(w.e->ss, 0);
	pair_run(&w.p);
	for (unsigned i = 0; i < JOBS; i++)
		if (w.used[i] && !w.jobs[i].finished)
			abort(); /* a request that never ends */
	pair_free(&w.p);
	return 0;
}
