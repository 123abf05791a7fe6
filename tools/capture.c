/* SPDX-License-Identifier: MIT
 *
 * capture.c - pcap and pcapng, link layers, IP, UDP port 4791, the InfiniBand transport headers
 * behind it, and messages out of packets. Everything in the file is doubted: each step checks what
 * is left.
 */
#include "capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
	PACKET_MAX = 1 << 18,
	FLOWS = 4096, /* directions of queue pairs that are followed at a time */
	MESSAGE_MAX = 1 << 24,
	ROCE_PORT = 4791,
	BTH = 12,
	RETH = 16,
	IMMEDIATE = 4,
	ICRC = 4,
	LINKS_MAX = 64, /* interfaces of a pcapng file */
};

/* Link types of the file format. */
enum { LINK_ETHERNET = 1, LINK_RAW = 101, LINK_SLL = 113, LINK_SLL2 = 276 };

struct flow {
	char from[64], to[64];
	uint32_t qp, next_psn;
	bool used, started, broken, skipping;
	uint8_t *data;
	size_t length, room;
};

struct reader {
	void (*fn)(void *ctx, const struct capture_message *m);
	void *ctx;
	double first, now;
	bool any;
	struct flow *flows;
};

static uint32_t be(const uint8_t *p, unsigned n)
{
	uint32_t v = 0;
	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* ---- messages out of packets ---- */

enum part { ONLY, FIRST, MIDDLE, LAST };

/* The opcodes of reliable connections that carry what we look for; the rest is passed over. */
static const struct {
	uint8_t opcode;
	enum capture_kind kind;
	enum part part;
	uint8_t extra; /* bytes between the base header and the payload */
} opcodes[] = {
	{0x00, CAPTURE_SEND, FIRST, 0},        {0x01, CAPTURE_SEND, MIDDLE, 0},
	{0x02, CAPTURE_SEND, LAST, 0},         {0x03, CAPTURE_SEND, LAST, IMMEDIATE},
	{0x04, CAPTURE_SEND, ONLY, 0},         {0x05, CAPTURE_SEND, ONLY, IMMEDIATE},
	{0x16, CAPTURE_SEND, LAST, IMMEDIATE}, /* with invalidate */
	{0x17, CAPTURE_SEND, ONLY, IMMEDIATE}, {0x06, CAPTURE_WRITE, FIRST, RETH},
	{0x0a, CAPTURE_WRITE, ONLY, RETH},     {0x0b, CAPTURE_WRITE, ONLY, RETH + IMMEDIATE},
	{0x0c, CAPTURE_READ, ONLY, RETH},
};

static struct flow *find_flow(struct reader *r, const char *from, const char *to, uint32_t qp)
{
	uint32_t h = qp * 2654435761u;
	for (const char *c = from; *c; c++)
		h = h * 31 + (uint8_t)*c;
	for (unsigned i = 0; i < FLOWS; i++) {
		struct flow *f = &r->flows[(h + i) % FLOWS];
		if (!f->used) {
			f->used = true;
			f->qp = qp;
			snprintf(f->from, sizeof(f->from), "%s", from);
			snprintf(f->to, sizeof(f->to), "%s", to);
			return f;
		}
		if (f->qp == qp && !strcmp(f->from, from) && !strcmp(f->to, to))
			return f;
	}
	return NULL;
}

static bool append(struct flow *f, const uint8_t *data, size_t n)
{
	if (f->length + n > MESSAGE_MAX)
		return false;
	if (f->length + n > f->room) {
		size_t room = (f->length + n) * 2;
		uint8_t *grown = realloc(f->data, room);
		if (!grown)
			return false;
		f->data = grown;
		f->room = room;
	}
	if (n)
		memcpy(f->data + f->length, data, n);
	f->length += n;
	return true;
}

static void give(struct reader *r, const struct flow *f, enum capture_kind kind, size_t length,
		 bool again)
{
	struct capture_message m = {
		.kind = kind,
		.time = r->now - r->first,
		.qp = f->qp,
		.data = kind == CAPTURE_SEND ? f->data : NULL,
		.length = length,
		.broken = kind == CAPTURE_SEND && f->broken,
		.again = again,
	};
	memcpy(m.from, f->from, sizeof(m.from));
	memcpy(m.to, f->to, sizeof(m.to));
	r->fn(r->ctx, &m);
}

static void take_send(struct reader *r, struct flow *f, enum part part, const uint8_t *data,
		      size_t n, bool again)
{
	if (part == FIRST || part == ONLY) {
		f->length = 0;
		f->broken = false;
	}
	if (!append(f, data, n))
		f->broken = true;
	if (part == LAST || part == ONLY)
		give(r, f, CAPTURE_SEND, f->length, again);
}

/* From the base transport header on, the trailing checksum included. */
static void take_transport(struct reader *r, const char *from, const char *to, const uint8_t *p,
			   size_t n)
{
	if (n < BTH + ICRC)
		return;
	size_t at = 0;
	while (at < sizeof(opcodes) / sizeof(opcodes[0]) && opcodes[at].opcode != p[0])
		at++;
	struct flow *f = find_flow(r, from, to, be(p + 5, 3));
	if (!f)
		return;
	uint32_t psn = be(p + 9, 3);
	bool request = p[0] <= 0x0c || p[0] == 0x16 || p[0] == 0x17;
	if (!request)
		return; /* acknowledgements and read responses count the other side's numbers */
	/* numbers below the next one are repeats; above it some are missing in the file */
	bool again = f->started && ((psn - f->next_psn) & 0xffffff) >= 0x800000;
	if (f->started && !again && psn != f->next_psn)
		f->broken = true;
	if (!again) {
		f->next_psn = (psn + 1) & 0xffffff;
		f->started = true;
	}
	if (at == sizeof(opcodes) / sizeof(opcodes[0]))
		return;
	size_t extra = opcodes[at].extra, pad = p[1] >> 4 & 3;
	if (n < BTH + extra + pad + ICRC)
		return;
	if (opcodes[at].kind == CAPTURE_SEND) {
		take_send(r, f, opcodes[at].part, p + BTH + extra, n - BTH - extra - pad - ICRC,
			  again);
		return;
	}
	uint32_t length = be(p + BTH + 12, 4);
	if (opcodes[at].kind == CAPTURE_READ && !again && length) {
		/* its responses take numbers, too: how many hangs on the path's MTU */
		f->started = false;
	}
	give(r, f, opcodes[at].kind, length, again);
}

/* ---- packets ---- */

static void take_udp(struct reader *r, const char *from, const char *to, const uint8_t *p, size_t n)
{
	if (n < 8 || be(p + 2, 2) != ROCE_PORT)
		return;
	size_t length = be(p + 4, 2);
	if (length >= 8 && length <= n)
		take_transport(r, from, to, p + 8, length - 8);
}

static void take_ip(struct reader *r, const uint8_t *p, size_t n)
{
	char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN];
	if (n >= 20 && p[0] >> 4 == 4) {
		size_t head = (size_t)(p[0] & 15) * 4, total = be(p + 2, 2);
		/* a fragment is not put together: RoCE never fragments */
		if (p[9] != IPPROTO_UDP || head < 20 || total < head || total > n ||
		    (be(p + 6, 2) & 0x3fff))
			return;
		inet_ntop(AF_INET, p + 12, from, sizeof(from));
		inet_ntop(AF_INET, p + 16, to, sizeof(to));
		take_udp(r, from, to, p + head, total - head);
	} else if (n >= 40 && p[0] >> 4 == 6 && p[6] == IPPROTO_UDP) {
		size_t total = be(p + 4, 2);
		if (total > n - 40)
			return;
		inet_ntop(AF_INET6, p + 8, from, sizeof(from));
		inet_ntop(AF_INET6, p + 24, to, sizeof(to));
		take_udp(r, from, to, p + 40, total);
	}
}

static void take_ethernet(struct reader *r, const uint8_t *p, size_t n)
{
	size_t at = 12;
	while (n >= at + 4 && (be(p + at, 2) == 0x8100 || be(p + at, 2) == 0x88a8))
		at += 4; /* VLAN tags */
	if (n >= at + 2)
		take_ip(r, p + at + 2, n - at - 2);
}

static void take_packet(struct reader *r, uint32_t link, const uint8_t *p, size_t n, double when)
{
	if (!r->any)
		r->first = when;
	r->any = true;
	r->now = when;
	if (link == LINK_ETHERNET)
		take_ethernet(r, p, n);
	else if (link == LINK_RAW)
		take_ip(r, p, n);
	else if (link == LINK_SLL && n > 16)
		take_ip(r, p + 16, n - 16);
	else if (link == LINK_SLL2 && n > 20)
		take_ip(r, p + 20, n - 20);
}

/* ---- files ---- */

static uint32_t get32(const uint8_t *p, bool swapped)
{
	uint32_t v;
	memcpy(&v, p, 4);
	return swapped ? __builtin_bswap32(v) : v;
}

static uint16_t get16(const uint8_t *p, bool swapped)
{
	uint16_t v;
	memcpy(&v, p, 2);
	return swapped ? __builtin_bswap16(v) : v;
}

/* 0 whole, 1 the end, -ENODATA in the middle, -EIO. */
static int get_bytes(FILE *f, void *to, size_t n)
{
	size_t got = fread(to, 1, n, f);
	if (got == n)
		return 0;
	return ferror(f) ? -EIO : got ? -ENODATA : 1;
}

static int read_pcap(struct reader *r, FILE *f, bool swapped, bool nanoseconds, uint8_t *room)
{
	uint8_t head[20];
	int err = get_bytes(f, head, sizeof(head));
	if (err)
		return err < 0 ? err : -ENODATA;
	uint32_t link = get32(head + 16, swapped) & 0xffff;
	while (!(err = get_bytes(f, head, 16))) {
		uint32_t n = get32(head + 8, swapped);
		double when =
			get32(head, swapped) + get32(head + 4, swapped) / (nanoseconds ? 1e9 : 1e6);
		if (n > PACKET_MAX || (n && get_bytes(f, room, n)))
			return ferror(f) ? -EIO : -ENODATA;
		take_packet(r, link, room, n, when);
	}
	return err < 0 ? err : 0;
}

struct ng {
	bool swapped;
	unsigned links;
	uint16_t link[LINKS_MAX];
	double unit[LINKS_MAX]; /* seconds of one tick */
};

/* Option 9, if_tsresol: a power of 10, or of 2 with the top bit. */
static double tick(const struct ng *g, const uint8_t *p, size_t n)
{
	for (size_t at = 8; at + 4 <= n;) {
		uint16_t code = get16(p + at, g->swapped), len = get16(p + at + 2, g->swapped);
		if (!code || at + 4 + len > n)
			break;
		if (code == 9 && len >= 1) {
			double unit = 1;
			for (unsigned i = p[at + 4] & 0x7f; i && i < 64; i--)
				unit /= p[at + 4] & 0x80 ? 2 : 10;
			return unit;
		}
		at += 4 + ((len + 3u) & ~3u);
	}
	return 1e-6;
}

static void take_block(struct reader *r, struct ng *g, uint32_t type, const uint8_t *p, size_t n)
{
	if (type == 1 && n >= 8 && g->links < LINKS_MAX) { /* an interface */
		g->unit[g->links] = tick(g, p, n);
		g->link[g->links++] = get16(p, g->swapped);
	} else if (type == 6 && n >= 20) { /* an enhanced packet */
		uint32_t of = get32(p, g->swapped), have = get32(p + 12, g->swapped);
		if (of >= g->links || have > n - 20)
			return;
		uint64_t ticks =
			(uint64_t)get32(p + 4, g->swapped) << 32 | get32(p + 8, g->swapped);
		take_packet(r, g->link[of], p + 20, have, (double)ticks * g->unit[of]);
	}
}

static int read_pcapng(struct reader *r, FILE *f, uint8_t *room)
{
	struct ng g = {0};
	uint8_t head[8];
	int err;
	while (!(err = get_bytes(f, head, 8))) {
		uint32_t type = get32(head, g.swapped);
		uint32_t first = 0, length = get32(head + 4, g.swapped);
		if (type == 0x0a0d0d0a) { /* a section; its third word tells the byte order */
			if (get_bytes(f, room, 4))
				return -ENODATA;
			g = (struct ng){.swapped = get32(room, false) != 0x1a2b3c4d};
			length = get32(head + 4, g.swapped);
			first = 4;
		}
		if (length < 12 || length % 4 || length > PACKET_MAX)
			return -ENODATA;
		if (length - 8 > first && get_bytes(f, room + first, length - 8 - first))
			return ferror(f) ? -EIO : -ENODATA;
		take_block(r, &g, type, room, length - 12);
	}
	return err < 0 ? err : 0;
}

static const struct {
	uint32_t magic;
	bool nanoseconds, ng;
} magics[] = {
	{0xa1b2c3d4, false, false},
	{0xa1b23c4d, true, false},
	{0x0a0d0d0a, false, true},
};

/* The row, or -1. */
static int find_magic(FILE *f, bool *ret_swapped)
{
	uint32_t word;
	long at = ftell(f);
	if (at < 0 || fread(&word, 4, 1, f) != 1)
		word = 0;
	if (at >= 0 && fseek(f, at, SEEK_SET))
		return -1;
	for (int i = 0; i < 3; i++) {
		*ret_swapped = word != magics[i].magic;
		if (word == magics[i].magic || word == __builtin_bswap32(magics[i].magic))
			return i;
	}
	return -1;
}

bool capture_known(FILE *f)
{
	bool swapped;
	return find_magic(f, &swapped) >= 0;
}

int capture_read(FILE *f, void (*fn)(void *ctx, const struct capture_message *m), void *ctx)
{
	bool swapped;
	int row = find_magic(f, &swapped);
	if (row < 0)
		return -EINVAL;
	struct reader r = {.fn = fn, .ctx = ctx, .flows = calloc(FLOWS, sizeof(struct flow))};
	uint8_t *room = malloc(PACKET_MAX);
	int err = r.flows && room ? 0 : -ENOMEM;
	if (!err && magics[row].ng)
		err = read_pcapng(&r, f, room);
	else if (!err)
		err = fseek(f, 4, SEEK_CUR)
			      ? -EIO
			      : read_pcap(&r, f, swapped, magics[row].nanoseconds, room);
	for (unsigned i = 0; r.flows && i < FLOWS; i++)
		free(r.flows[i].data);
	free(r.flows);
	free(room);
	return err;
}
