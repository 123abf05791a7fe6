/* SPDX-License-Identifier: MIT */
/*
 * broker_answer.c: what the keeper does with an ask, its own process's or another's. Under `lock`;
 * no system call but for events to others. Clauses: those of names_book.h, WS-PORT-3.
 */
#include "broker.h"

#include <errno.h>
#include <log.h>
#include <string.h>
#include <wsd/errors.h>

struct deal {
	struct names *n;
	uint32_t slot, uid;
	const struct wire_ask *ask;
	struct wire_answer *ret; /* NULL for an ask without a question */
};

static void granted(const struct deal *d, uint32_t index)
{
	const struct table_name *name = &d->n->table->name[index];

	d->ret->id = table_id(index, name->serial);
	d->ret->port = name->port;
}

static int op_bind(const struct deal *d)
{
	const struct wire_ask *a = d->ask;
	struct names_request req = {
		.proto = (enum names_proto)a->proto,
		.mode = (enum names_mode)a->mode,
		.scope = a->scope,
		.port = a->port,
		.dual = a->flags & ASK_DUAL,
		.scalability = a->flags & ASK_SCALABILITY,
	};
	struct book_holder who = {d->slot, d->uid, a->id & TABLE_SERIAL_MAX, a->cookie,
				  d->n->table->client[d->slot].alone};
	uint32_t index;

	memcpy(req.addr, a->addr, sizeof(req.addr));
	if (a->flags & ASK_AGAIN) {
		index = book_find(d->n->book, d->slot, table_id(TABLE_INDEX_UNKNOWN, who.serial));
		if (index != TABLE_NOBODY) {
			granted(d, index);
			return 0;
		}
	}
	int r = book_bind(d->n->book, &req, &who, &index);
	if (r == 0)
		granted(d, index);
	return r;
}

static int op_listen(const struct deal *d)
{
	uint32_t index = book_find(d->n->book, d->slot, d->ask->id);

	if (index == TABLE_NOBODY)
		return WSAEINVAL;
	book_listen(d->n->book, index);
	d->ret->is_head = book_is_head(d->n->book, index);
	if (d->ret->is_head)
		d->ret->shadows =
			(uint32_t)book_shadow(d->n->book, index, d->ret->shadow, WIRE_SHADOWS);
	return 0;
}

static int op_ports(const struct deal *d)
{
	struct names_range range = {d->ask->value, d->ask->count};

	/* A uid that stands for many is no proof of being the keeper's user. */
	bool keeper = d->slot == d->n->slot ||
		      (d->uid == d->n->table->keeper_uid && d->uid != d->n->nobody);
	if (d->uid != 0 && !keeper)
		return -EACCES;
	if (!names_range_legal(range) || d->ask->proto >= NAMES_PROTO_COUNT)
		return -EINVAL;
	d->n->table->range[d->ask->proto] = (uint64_t)range.start << 32 | range.count;
	return 0;
}

static int op_release(const struct deal *d)
{
	uint32_t index = book_find(d->n->book, d->slot, d->ask->id);

	if (index != TABLE_NOBODY)
		book_release(d->n->book, index);
	return 0;
}

static int op_unlisten(const struct deal *d)
{
	uint32_t index = book_find(d->n->book, d->slot, d->ask->id);

	if (index != TABLE_NOBODY)
		book_unlisten(d->n->book, index);
	return 0;
}

static int op_defer(const struct deal *d)
{
	uint32_t index = book_find(d->n->book, d->slot, d->ask->id);

	if (index != TABLE_NOBODY)
		book_defer(d->n->book, index);
	return 0;
}

static int op_note(const struct deal *d)
{
	uint32_t index = book_find(d->n->book, d->slot, d->ask->id);
	uint32_t count = d->ask->value < UINT16_MAX ? d->ask->value : UINT16_MAX;

	if (index != TABLE_NOBODY)
		d->n->table->name[index].companions = (uint16_t)count;
	return 0;
}

int broker_answer(struct names *n, uint32_t slot, uint32_t uid, const struct wire_ask *ask,
		  struct wire_answer *ret)
{
	static int (*const deal[OP_PLACE])(const struct deal *) = {
		[OP_BIND] = op_bind,       [OP_LISTEN] = op_listen,     [OP_PORTS] = op_ports,
		[OP_RELEASE] = op_release, [OP_UNLISTEN] = op_unlisten, [OP_DEFER] = op_defer,
		[OP_NOTE] = op_note,
	};
	struct deal d = {n, slot, uid, ask, ret};

	if (!fence_is(n, n->token))
		return -ESTALE;
	if (ret) {
		ret->head = wire_head(WIRE_ANSWER);
		ret->seq = ask->seq;
		ret->id = 0;
		ret->port = 0;
		ret->is_head = 0;
		ret->spare = 0;
		ret->shadows = 0;
	}
	int status = deal[ask->op](&d);
	if (ret)
		ret->status = status;
	/* A refusal has changed nothing. A change counts if we were not deposed before it could be
	 * seen: else whoever deposed us may have overlooked it, and must be asked (docs/names.md).
	 */
	if (status == 0 && !fence_is(n, n->token))
		return -ESTALE;
	return 0;
}

static bool tell_own(struct names *n, uint32_t index, enum book_event event, uint8_t (*shadow)[4],
		     size_t count)
{
	const struct table_name *name = &n->table->name[index];
	bool told = events_push(n, table_id(index, name->serial), name->cookie, event,
				(const uint8_t(*)[4])shadow, count);

	if (!told) {
		n->own_lag = true;
		service_wake(n);
	}
	return told;
}

bool broker_tell(void *ctx, uint32_t index, enum book_event event)
{
	static const enum wire_event_kind kind[] = {
		[BOOK_TAKEOVER] = EVENT_TAKEOVER,
		[BOOK_SHADOW] = EVENT_SHADOW,
		[BOOK_RETRY] = EVENT_RETRY,
	};
	struct names *n = ctx;
	const struct table_name *name = &n->table->name[index];
	struct wire_event e;

	e.shadows = 0;
	if (event == BOOK_SHADOW)
		e.shadows = (uint32_t)book_shadow(n->book, index, e.shadow, WIRE_SHADOWS);
	if (e.shadows == WIRE_SHADOWS)
		wsd_log(WSD_LOG_WARNING,
			"names: port %u has listeners on more than %d addresses; the wildcard's "
			"companions meet them",
			name->port, WIRE_SHADOWS);
	if (name->client == n->slot)
		return tell_own(n, index, event, e.shadow, e.shadows);
	e.head = wire_head(WIRE_EVENT);
	e.kind = kind[event];
	e.id = table_id(index, name->serial);
	e.cookie = name->cookie;
	return broker_send_event(n, name->client, &e);
}
