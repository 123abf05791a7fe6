/* SPDX-License-Identifier: MIT */
/*
 * test_reuse.c: the reuse tables, cell by cell, asked of a book: 72 cells, each with the first
 * holder bound and with it listening; the expectations are the specification's table, typed once
 * more.
 */
#include "check.h"
#include "names_book.h"
#include "reuse.h"

#include <arpa/inet.h>
#include <wsd/errors.h>

enum { UID1 = 1000, UID2 = 2000 };

static bool deaf(void *ctx, uint32_t index, enum book_event event)
{
	return true;
}

struct desk {
	struct table *table;
	int fd;
	struct book *book;
	uint64_t serial;
};

static void desk_open(struct desk *d, bool legacy)
{
	memset(d, 0, sizeof(*d));
	cr_assert_eq(table_create(&d->table, &d->fd), 0);
	d->table->legacy = legacy;
	for (int p = 0; p < NAMES_PROTO_COUNT; p++)
		d->table->range[p] = UINT64_C(49152) << 32 | 16384;
	d->table->client[0].present = d->table->client[1].present = 1;
	d->table->clients = 2;
	cr_assert_eq(book_create(d->table, d->fd, deaf, NULL, &d->book), 0);
}

static void desk_close(struct desk *d)
{
	book_destroy(d->book);
	table_unmap(d->table);
	close(d->fd);
}

static struct names_request name_of(enum names_proto proto, const char *addr, enum names_mode mode)
{
	struct names_request req = {.proto = proto, .mode = mode, .port = 5150};

	cr_assert_eq(inet_pton(proto % 2 ? AF_INET6 : AF_INET, addr, req.addr), 1);
	return req;
}

/* The code, and with success the index in *ret_index (unless NULL). */
static int take(struct desk *d, struct names_request req, uint32_t uid, uint32_t *ret_index)
{
	struct book_holder who = {.client = uid == UID2, .uid = uid, .serial = ++d->serial};
	uint32_t index = 0;
	int r = book_bind(d->book, &req, &who, &index);

	if (ret_index)
		*ret_index = index;
	return r;
}

static const char *const column[6] = {"Def W", "Def S", "REUSE W", "REUSE S", "EXCL W", "EXCL S"};

/* . OK, I INUSE, A ACCESS; rows and columns as in winsock.md part 6 */
static const char same_user[6][7] = {"I.A.I.", ".I.AII", "I...I.", ".I..II", "IAAAIA", ".I.AII"};
static const char other_user[6][7] = {"IAAAIA", ".I.AII", "IA..IA", ".I..II", "IAAAIA", ".I.AII"};
static const char legacy_rule[6][7] = {"II..II", "II..II", "II..II", "II..II", "IIAAII", "IIAAII"};

static struct names_request cell_name(int i)
{
	return name_of(NAMES_TCP4, i % 2 ? "10.77.0.1" : "0.0.0.0", (enum names_mode)(i / 2));
}

static int code_of(char c)
{
	return c == '.' ? 0 : c == 'I' ? WSAEADDRINUSE : WSAEACCES;
}

static void check_cells(const char table[6][7], uint32_t second_user, bool legacy, bool listening)
{
	for (int first = 0; first < 6; first++)
		for (int second = 0; second < 6; second++) {
			struct desk d;
			uint32_t index;
			desk_open(&d, legacy);
			cr_assert_eq(take(&d, cell_name(first), UID1, &index), 0);
			if (listening)
				book_listen(d.book, index);
			int r = take(&d, cell_name(second), second_user, NULL);
			cr_expect_eq(r, code_of(table[first][second]), "%s then %s%s: %d",
				     column[first], column[second],
				     listening ? ", first listening" : "", r);
			desk_close(&d);
		}
}

Test(reuse, WS_REUSE_2_same_user_36_cells_bound_and_listening)
{
	WSD_TEST_BEGIN();
	check_cells(same_user, UID1, false, false);
	check_cells(same_user, UID1, false, true);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_3_other_user_36_cells_bound_and_listening)
{
	WSD_TEST_BEGIN();
	check_cells(other_user, UID2, false, false);
	check_cells(other_user, UID2, false, true);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_4_legacy_36_cells_either_user)
{
	WSD_TEST_BEGIN();
	check_cells(legacy_rule, UID1, true, false);
	check_cells(legacy_rule, UID2, true, true);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_5_two_specific_addresses_never_conflict)
{
	WSD_TEST_BEGIN();
	for (int legacy = 0; legacy < 2; legacy++)
		for (int first = 0; first < NAMES_MODE_COUNT; first++)
			for (int second = 0; second < NAMES_MODE_COUNT; second++) {
				struct desk d;
				desk_open(&d, legacy);
				cr_expect_eq(take(&d,
						  name_of(NAMES_TCP4, "10.77.0.1",
							  (enum names_mode)first),
						  UID1, NULL),
					     0);
				cr_expect_eq(take(&d,
						  name_of(NAMES_TCP4, "10.77.1.1",
							  (enum names_mode)second),
						  UID2, NULL),
					     0);
				desk_close(&d);
			}
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_5_protocols_and_ports_are_apart)
{
	WSD_TEST_BEGIN();
	struct desk d;
	desk_open(&d, false);
	struct names_request other = name_of(NAMES_TCP4, "10.77.0.1", NAMES_EXCLUSIVE);
	cr_expect_eq(take(&d, other, UID1, NULL), 0);
	other.proto = NAMES_UDP4;
	cr_expect_eq(take(&d, other, UID1, NULL), 0);
	other.port++;
	cr_expect_eq(take(&d, other, UID1, NULL), 0);
	cr_expect_eq(take(&d, other, UID1, NULL), WSAEADDRINUSE);
	/* the same link-local address on two interfaces is two addresses */
	struct names_request local = name_of(NAMES_TCP6, "fe80::1", NAMES_EXCLUSIVE);
	local.scope = 1;
	cr_expect_eq(take(&d, local, UID1, NULL), 0);
	local.scope = 2;
	cr_expect_eq(take(&d, local, UID1, NULL), 0);
	cr_expect_eq(take(&d, local, UID1, NULL), WSAEADDRINUSE);
	desk_close(&d);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_6_newcomer_is_tested_against_each_and_INUSE_wins)
{
	WSD_TEST_BEGIN();
	struct desk d;
	desk_open(&d, false);
	/* Def W says ACCESS to REUSE W, and OK to REUSE S; Def S says ACCESS to REUSE S */
	cr_expect_eq(take(&d, name_of(NAMES_TCP4, "0.0.0.0", NAMES_DEFAULT), UID1, NULL), 0);
	cr_expect_eq(take(&d, name_of(NAMES_TCP4, "10.77.0.1", NAMES_DEFAULT), UID1, NULL), 0);
	cr_expect_eq(take(&d, name_of(NAMES_TCP4, "10.77.0.1", NAMES_REUSE), UID1, NULL), WSAEACCES,
		     "one holder says OK, one ACCESS");
	cr_expect_eq(take(&d, name_of(NAMES_TCP4, "0.0.0.0", NAMES_EXCLUSIVE), UID1, NULL),
		     WSAEADDRINUSE);
	/* other user: Def W says ACCESS to EXCL S, Def S says INUSE */
	cr_expect_eq(take(&d, name_of(NAMES_TCP4, "10.77.0.1", NAMES_EXCLUSIVE), UID2, NULL),
		     WSAEADDRINUSE, "ACCESS and INUSE: INUSE");
	cr_expect_eq(take(&d, name_of(NAMES_TCP4, "10.77.1.1", NAMES_EXCLUSIVE), UID2, NULL),
		     WSAEACCES, "ACCESS alone");
	desk_close(&d);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_6_every_user_of_a_shared_name_counts)
{
	WSD_TEST_BEGIN();
	struct desk d;
	uint32_t mine, theirs;
	desk_open(&d, false);
	struct names_request wild = name_of(NAMES_TCP4, "0.0.0.0", NAMES_REUSE);
	struct names_request specific = name_of(NAMES_TCP4, "10.77.0.1", NAMES_DEFAULT);
	cr_expect_eq(take(&d, wild, UID1, &mine), 0);
	cr_expect_eq(take(&d, wild, UID2, &theirs), 0);
	cr_expect_eq(take(&d, specific, UID1, NULL), WSAEACCES, "the other user's wildcard");
	cr_expect_eq(take(&d, specific, UID2, NULL), WSAEACCES, "the first user's wildcard");
	book_release(d.book, mine);
	cr_expect_eq(take(&d, specific, UID1, NULL), WSAEACCES);
	cr_expect_eq(take(&d, specific, UID2, NULL), 0);
	book_release(d.book, theirs);
	desk_close(&d);
	WSD_TEST_END();
}

struct dual_row {
	const char *first_addr, *second_addr;
	enum names_mode first, second;
	bool first_v6, second_v6; /* and dual-stack */
	int code;
};

static const struct dual_row dual_rows[] = {
	/* observed on Windows */
	{"::", "127.0.0.1", NAMES_EXCLUSIVE, NAMES_DEFAULT, true, false, WSAEACCES},
	{"::", "127.0.0.1", NAMES_EXCLUSIVE, NAMES_REUSE, true, false, WSAEACCES},
	{"::", "0.0.0.0", NAMES_EXCLUSIVE, NAMES_DEFAULT, true, false, WSAEACCES},
	{"::", "0.0.0.0", NAMES_EXCLUSIVE, NAMES_REUSE, true, false, WSAEACCES},
	{"127.0.0.1", "::", NAMES_DEFAULT, NAMES_EXCLUSIVE, false, true, WSAEADDRINUSE},
	{"::", "0.0.0.0", NAMES_DEFAULT, NAMES_DEFAULT, true, false, 0},
	{"::", "0.0.0.0", NAMES_DEFAULT, NAMES_EXCLUSIVE, true, false, 0},
	{"::ffff:0.0.0.0", "0.0.0.0", NAMES_DEFAULT, NAMES_DEFAULT, true, false, WSAEADDRINUSE},
	{"::1", "127.0.0.1", NAMES_DEFAULT, NAMES_DEFAULT, true, false, 0},
	{"::1", "127.0.0.1", NAMES_EXCLUSIVE, NAMES_EXCLUSIVE, true, false, 0},
	{"::1", "127.0.0.1", NAMES_REUSE, NAMES_REUSE, true, false, 0},
	/* by the table, one family each */
	{"::ffff:10.77.0.1", "10.77.0.1", NAMES_DEFAULT, NAMES_DEFAULT, true, false, WSAEADDRINUSE},
	{"10.77.0.1", "::ffff:10.77.0.1", NAMES_REUSE, NAMES_REUSE, false, true, 0},
	{"0.0.0.0", "::", NAMES_DEFAULT, NAMES_DEFAULT, false, true, WSAEADDRINUSE},
	{"0.0.0.0", "::", NAMES_REUSE, NAMES_REUSE, false, true, 0},
	{"::", "::", NAMES_DEFAULT, NAMES_DEFAULT, true, true, WSAEADDRINUSE},
	{"::", "::", NAMES_REUSE, NAMES_REUSE, true, true, 0},
	{"::", "127.0.0.1", NAMES_DEFAULT, NAMES_DEFAULT, true, false, 0},
};

Test(reuse, WS_REUSE_8_dual_stack_is_checked_on_both)
{
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(dual_rows) / sizeof(dual_rows[0]); i++) {
		const struct dual_row *row = &dual_rows[i];
		struct desk d;
		desk_open(&d, false);
		struct names_request first = name_of(row->first_v6 ? NAMES_TCP6 : NAMES_TCP4,
						     row->first_addr, row->first);
		struct names_request second = name_of(row->second_v6 ? NAMES_TCP6 : NAMES_TCP4,
						      row->second_addr, row->second);
		first.dual = row->first_v6;
		second.dual = row->second_v6;
		cr_assert_eq(take(&d, first, UID1, NULL), 0);
		int r = take(&d, second, UID1, NULL);
		cr_expect_eq(r, row->code, "%s mode %d, then %s mode %d: %d", row->first_addr,
			     row->first, row->second_addr, row->second, r);
		desk_close(&d);
	}
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_8_v6only_meets_nobody_in_ipv4_and_a_dual_one_leaves_both)
{
	WSD_TEST_BEGIN();
	struct desk d;
	uint32_t index;
	desk_open(&d, false);
	struct names_request six = name_of(NAMES_TCP6, "::", NAMES_EXCLUSIVE);
	cr_expect_eq(take(&d, six, UID1, &index), 0);
	struct names_request four = name_of(NAMES_TCP4, "0.0.0.0", NAMES_EXCLUSIVE);
	uint32_t other;
	cr_expect_eq(take(&d, four, UID1, &other), 0);
	book_release(d.book, other);
	book_release(d.book, index);
	six.dual = true;
	cr_expect_eq(take(&d, six, UID1, &index), 0);
	cr_expect_eq(take(&d, four, UID1, &other), WSAEACCES);
	book_release(d.book, index);
	cr_expect_eq(take(&d, four, UID1, &other), 0);
	desk_close(&d);
	WSD_TEST_END();
}

Test(reuse, WS_REUSE_2_a_refusal_changes_nothing)
{
	WSD_TEST_BEGIN();
	struct desk d;
	uint32_t index;
	desk_open(&d, false);
	cr_expect_eq(take(&d, cell_name(0), UID1, &index), 0);
	uint32_t names = d.table->names;
	for (int i = 0; i < 1000; i++)
		cr_expect_eq(take(&d, cell_name(0), UID1, NULL), WSAEADDRINUSE);
	cr_expect_eq(d.table->names, names);
	book_release(d.book, index);
	cr_expect_eq(take(&d, cell_name(4), UID1, NULL), 0, "nobody is left to refuse it");
	desk_close(&d);
	WSD_TEST_END();
}

/* Random takes and leaves against the plain rule: ask every holder. */
Test(reuse, WS_REUSE_6_sums_say_what_asking_every_holder_says)
{
	WSD_TEST_BEGIN();
	static const char *const addr[] = {"0.0.0.0", "10.77.0.1", "10.77.1.1"};
	struct held {
		struct names_request req;
		uint32_t uid, index;
	} held[64];
	int count = 0;
	struct desk d;
	desk_open(&d, false);
	unsigned dice = 1;
	for (int step = 0; step < 20000; step++) {
		dice = dice * 1103515245 + 12345;
		unsigned roll = dice >> 8;
		if (count == 64 || (count && roll % 3 == 0)) {
			int i = (int)(roll / 7 % (unsigned)count);
			book_release(d.book, held[i].index);
			held[i] = held[--count];
			continue;
		}
		struct held h = {
			name_of(NAMES_TCP4, addr[roll / 3 % 3], (enum names_mode)(roll / 9 % 3)),
			roll / 27 % 4 + UID1, 0};
		h.req.port = (uint16_t)(5000 + roll / 108 % 2);
		enum reuse_verdict worst = REUSE_OK;
		for (int i = 0; i < count; i++) {
			bool first_wild = !held[i].req.addr[0], second_wild = !h.req.addr[0];
			if (held[i].req.port != h.req.port ||
			    (!first_wild && !second_wild &&
			     memcmp(held[i].req.addr, h.req.addr, 4) != 0))
				continue;
			enum reuse_verdict v = reuse_judge(
				false, held[i].uid == h.uid ? REUSE_SAME_USER : REUSE_OTHER_USER,
				(struct reuse_name){first_wild ? REUSE_WILD : REUSE_SPECIFIC,
						    held[i].req.mode},
				(struct reuse_name){second_wild ? REUSE_WILD : REUSE_SPECIFIC,
						    h.req.mode});
			worst = v > worst ? v : worst;
		}
		struct book_holder who = {.client = 0, .uid = h.uid, .serial = (uint64_t)step + 1};
		int r = book_bind(d.book, &h.req, &who, &h.index);
		cr_assert_eq(r, reuse_error(worst), "step %d: %d instead of %d", step, r,
			     reuse_error(worst));
		if (r == 0)
			held[count++] = h;
	}
	desk_close(&d);
	WSD_TEST_END();
}
