/* SPDX-License-Identifier: MIT */
/*
 * test_ports.c: the dynamic ranges: what is legal, what is chosen, when there is nothing left.
 */
#include "check.h"
#include "names_book.h"
#include "names_lab.h"
#include "ports.h"

#include <wsd/errors.h>

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

static void desk_open(struct desk *d, uint32_t start, uint32_t count)
{
	memset(d, 0, sizeof(*d));
	cr_assert_eq(table_create(&d->table, &d->fd), 0);
	for (int p = 0; p < NAMES_PROTO_COUNT; p++)
		d->table->range[p] = (uint64_t)start << 32 | count;
	cr_assert_eq(book_create(d->table, d->fd, deaf, NULL, &d->book), 0);
}

static void desk_close(struct desk *d)
{
	book_destroy(d->book);
	table_unmap(d->table);
	close(d->fd);
}

/* A port, or minus the code. @last: last byte of 10.77.0.x, 0: the wildcard. */
static int take(struct desk *d, enum names_proto proto, uint8_t last, uint16_t port, unsigned flags,
		enum names_mode mode, uint32_t *ret_index)
{
	struct names_request req = {.proto = proto, .mode = mode, .port = port};
	struct book_holder who = {.serial = ++d->serial};
	uint32_t index;

	req.scalability = flags & 1;
	req.dual = flags & 2;
	if (last)
		memcpy(req.addr, (uint8_t[]){10, 77, 0, last}, 4);
	int r = book_bind(d->book, &req, &who, &index);
	if (r)
		return -r;
	if (ret_index)
		*ret_index = index;
	return d->table->name[index].port;
}

Test(ports, WS_PORT_2_default_and_legacy_ranges)
{
	WSD_TEST_BEGIN();
	struct names_config cfg = {0};
	struct names_range r[NAMES_PROTO_COUNT];
	ports_defaults(&cfg, r);
	for (int p = 0; p < NAMES_PROTO_COUNT; p++)
		cr_expect(r[p].start == 49152 && r[p].start + r[p].count - 1 == 65535);
	cfg.legacy_ports = true;
	ports_defaults(&cfg, r);
	for (int p = 0; p < NAMES_PROTO_COUNT; p++)
		cr_expect(r[p].start == 1025 && r[p].start + r[p].count - 1 == 5000);
	WSD_TEST_END();
}

Test(ports, WS_PORT_3_MaxUserPort_moves_the_legacy_end)
{
	WSD_TEST_BEGIN();
	static const struct {
		uint32_t value, end;
	} rows[] = {{5000, 5000}, {65534, 65534}, {20000, 20000},
		    {4999, 5000}, {65535, 5000},  {1, 5000}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct names_config cfg = {.legacy_ports = true, .max_user_port = rows[i].value};
		struct names_range r[NAMES_PROTO_COUNT];
		ports_defaults(&cfg, r);
		cr_expect(r[0].start == 1025 && r[0].start + r[0].count - 1 == rows[i].end,
			  "MaxUserPort %u: %u,%u", rows[i].value, r[0].start, r[0].count);
		cfg.legacy_ports = false;
		ports_defaults(&cfg, r);
		cr_expect(r[0].start == 49152 && r[0].count == 16384,
			  "only the legacy range has it");
	}
	WSD_TEST_END();
}

Test(ports, WS_PORT_3_illegal_ranges_are_rejected_and_the_default_is_kept)
{
	WSD_TEST_BEGIN();
	static const struct {
		struct names_range range;
		bool legal;
	} rows[] = {
		{{1025, 255}, true},
		{{1024, 255}, false},
		{{1025, 254}, false},
		{{49152, 16384}, true},
		{{49152, 16385}, false},
		{{65281, 255}, true},
		{{65282, 255}, false},
		{{1025, 64511}, true},
		{{0, 1000}, false},
		{{40000, 0}, false},
		{{UINT32_MAX, 255}, false},
		{{2000, UINT32_MAX}, false},
		{{UINT32_MAX - 100, 300}, false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct names_config cfg = {0};
		struct names_range r[NAMES_PROTO_COUNT];
		cr_expect_eq(names_range_legal(rows[i].range), rows[i].legal, "%u,%u",
			     rows[i].range.start, rows[i].range.count);
		cfg.range[NAMES_UDP4] = rows[i].range;
		ports_defaults(&cfg, r);
		cr_expect_eq(r[NAMES_UDP4].start, rows[i].legal ? rows[i].range.start : 49152);
		cr_expect_eq(r[NAMES_TCP4].start, 49152, "the four ranges are apart");
	}
	WSD_TEST_END();
}

Test(ports, WS_PORT_2_and_6_every_port_of_the_range_once_then_WSAENOBUFS)
{
	WSD_TEST_BEGIN();
	struct desk d;
	static bool seen[65536];
	desk_open(&d, 50001, 300);
	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < 300; i++) {
		int port = take(&d, NAMES_TCP4, 1, 0, 0, NAMES_DEFAULT, NULL);
		cr_assert(port >= 50001 && port <= 50300, "%d", port);
		cr_assert(!seen[port], "%d given twice", port);
		seen[port] = true;
	}
	cr_expect_eq(take(&d, NAMES_TCP4, 1, 0, 0, NAMES_DEFAULT, NULL), -WSAENOBUFS);
	cr_expect_eq(take(&d, NAMES_TCP4, 2, 0, 0, NAMES_REUSE, NULL), -WSAENOBUFS, "WS-PORT-4");
	cr_expect_eq(take(&d, NAMES_TCP4, 1, 49000, 0, NAMES_DEFAULT, NULL), 49000,
		     "explicit ports go on");
	cr_expect_gt(take(&d, NAMES_UDP4, 1, 0, 0, NAMES_DEFAULT, NULL), 0, "another protocol");
	cr_expect_gt(take(&d, NAMES_TCP6, 1, 0, 0, NAMES_DEFAULT, NULL), 0, "another family");
	desk_close(&d);
	WSD_TEST_END();
}

Test(ports, WS_PORT_6_start_is_random_and_a_released_port_comes_again)
{
	WSD_TEST_BEGIN();
	struct desk d;
	uint32_t index = 0;
	int different = 0, port = 0, last = 0;
	desk_open(&d, 49152, 16384);
	for (int i = 0; i < 20; i++) {
		port = take(&d, NAMES_TCP4, 1, 0, 0, NAMES_DEFAULT, &index);
		book_release(d.book, index);
		different += port != last;
		last = port;
	}
	cr_expect_gt(different, 10, "20 starts, %d different", different);
	desk_close(&d);
	desk_open(&d, 50000, 255);
	for (int i = 0; i < 255; i++)
		port = take(&d, NAMES_TCP4, 1, 0, 0, NAMES_DEFAULT, &index);
	book_release(d.book, index);
	cr_expect_eq(take(&d, NAMES_TCP4, 1, 0, 0, NAMES_DEFAULT, NULL), port, "the only one left");
	desk_close(&d);
	WSD_TEST_END();
}

Test(ports, WS_PORT_4_never_a_port_that_anybody_holds_on_any_address)
{
	WSD_TEST_BEGIN();
	struct desk d;
	desk_open(&d, 50000, 255);
	/* all but 50100, on changing addresses, wildcard and dual among them */
	for (int i = 0; i < 255; i++) {
		if (i == 100)
			continue;
		int r;
		if (i % 5 == 4) /* a dual-stack wildcard holds it in IPv4, too */
			r = take(&d, NAMES_TCP6, 0, (uint16_t)(50000 + i), 2, NAMES_REUSE, NULL);
		else
			r = take(&d, NAMES_TCP4, (uint8_t)(i % 4), (uint16_t)(50000 + i), 0,
				 NAMES_REUSE, NULL);
		cr_assert_gt(r, 0);
	}
	cr_expect_eq(take(&d, NAMES_TCP4, 200, 0, 0, NAMES_REUSE, NULL), 50100);
	cr_expect_eq(take(&d, NAMES_TCP4, 200, 0, 0, NAMES_REUSE, NULL), -WSAENOBUFS);
	cr_expect_eq(take(&d, NAMES_TCP6, 0, 0, 2, NAMES_REUSE, NULL), -WSAENOBUFS,
		     "dual needs both");
	cr_expect_gt(take(&d, NAMES_TCP6, 0, 0, 0, NAMES_REUSE, NULL), 0, "IPv6 alone");
	desk_close(&d);
	WSD_TEST_END();
}

Test(ports, WS_PORT_5_scalability_gives_a_range_for_each_address)
{
	WSD_TEST_BEGIN();
	struct desk d;
	desk_open(&d, 50000, 255);
	cr_assert_gt(take(&d, NAMES_TCP4, 0, 50007, 0, NAMES_REUSE, NULL), 0);
	for (int address = 1; address <= 3; address++) {
		for (int i = 0; i < 254; i++) {
			int port =
				take(&d, NAMES_TCP4, (uint8_t)address, 0, 1, NAMES_DEFAULT, NULL);
			cr_assert_gt(port, 0, "address %d, %d-th", address, i);
			cr_assert_neq(port, 50007, "a wildcard holds it on every address");
		}
		cr_expect_eq(take(&d, NAMES_TCP4, (uint8_t)address, 0, 1, NAMES_DEFAULT, NULL),
			     -WSAENOBUFS);
	}
	cr_expect_eq(take(&d, NAMES_TCP4, 9, 0, 0, NAMES_DEFAULT, NULL), -WSAENOBUFS,
		     "without the option there is none left");
	cr_expect_eq(take(&d, NAMES_TCP4, 0, 0, 1, NAMES_DEFAULT, NULL), -WSAENOBUFS,
		     "the option counts with a specific address only");
	cr_expect_gt(take(&d, NAMES_TCP4, 9, 0, 1, NAMES_DEFAULT, NULL), 0);
	desk_close(&d);
	WSD_TEST_END();
}

Test(ports, WS_PORT_7_fixed_port_inside_the_range)
{
	WSD_TEST_BEGIN();
	struct desk d;
	desk_open(&d, 49152, 16384);
	cr_expect_eq(take(&d, NAMES_TCP4, 1, 49152, 0, NAMES_DEFAULT, NULL), 49152);
	cr_expect_eq(take(&d, NAMES_TCP4, 1, 65535, 0, NAMES_DEFAULT, NULL), 65535);
	desk_close(&d);
	WSD_TEST_END();
}

Test(ports, WS_PORT_3_set_counts_at_once_in_every_process)
{
	WSD_TEST_BEGIN();
	struct lab lab;
	lab_open(&lab, "ports");
	lab_start(&lab, 0, NULL, NULL);
	lab_start(&lab, 1, NULL, NULL);
	lab_start(&lab, 2, "guest", NULL);
	lab_check(&lab, 2, "ports -2", "ports 0 tcp4"); /* ENOENT: no book is kept */
	lab_check(&lab, 2, "ports -2", "ports 0 tcp4 40000 255");
	lab_check(&lab, 0, "bind 0 *", "bind 1 tcp4 def 10.77.0.1 0");
	lab_check(&lab, 1, "bind 0 *", "bind 1 tcp4 def 10.77.0.1 0");
	lab_check(&lab, 1, "ports 0 49152,16384", "ports 0 tcp4");
	/* by a guest: 1, then by a participant: 2; both effective in the keeper and in the
	 * participant */
	lab_check(&lab, 2, "ports 0", "ports 0 tcp4 40000 255");
	for (int i = 0; i < 2; i++) {
		lab_check(&lab, i, "ports 0 40000,255", "ports 0 tcp4");
		lab_check(&lab, i, "bind 0 40*", "bind 2 tcp4 def 10.77.0.1 0");
	}
	lab_check(&lab, 1, "ports 0", "ports 0 tcp4 41000 255");
	for (int i = 0; i < 2; i++)
		lab_check(&lab, i, "bind 0 41*", "bind 3 tcp4 def 10.77.0.1 0");
	/* EINVAL, and as before */
	lab_check(&lab, 2, "ports -22", "ports 0 tcp4 1000 255");
	lab_check(&lab, 0, "ports -22", "ports 0 tcp4 40000 254");
	lab_check(&lab, 2, "ports 0 41000,255", "ports 0 tcp4");
	lab_check(&lab, 2, "ports 0 49152,16384", "ports 0 udp6");
	/* a new keeper has the same ranges */
	lab_end(&lab, 0);
	lab_check(&lab, 1, "bind 0 41*", "bind 4 tcp4 def 10.77.0.1 0");
	lab_close(&lab);
	cr_assert_str_empty(lab.failure, "%s", lab.failure);
	WSD_TEST_END();
}

Test(ports, WS_PORT_3_only_root_and_the_keepers_user_may_set)
{
	WSD_TEST_BEGIN();
	if (geteuid() != 0)
		cr_skip_test("needs root, to be two users");
	struct lab lab;
	lab_open(&lab, "ports");
	lab_start(&lab, 0, "user=1001", NULL);
	lab_start(&lab, 1, "user=1002", NULL);
	lab_start(&lab, 2, "user=1001", "guest");
	lab_start(&lab, 3, "guest", NULL);
	lab_check(&lab, 0, "bind 0 *", "bind 1 tcp4 def 10.77.0.1 0");
	lab_check(&lab, 1, "ports -13", "ports 0 tcp4 40000 255"); /* EACCES */
	lab_check(&lab, 1, "ports 0 49152,16384", "ports 0 tcp4");
	lab_check(&lab, 2, "ports 0", "ports 0 tcp4 40000 255");
	lab_check(&lab, 3, "ports 0", "ports 0 tcp4 41000 255");
	lab_close(&lab);
	cr_assert_str_empty(lab.failure, "%s", lab.failure);
	WSD_TEST_END();
}
