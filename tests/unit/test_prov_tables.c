/* SPDX-License-Identifier: MIT
 *
 * The provider's data without RDMA: descriptors, the state table, the error map, private data, and
 * what the module exports.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <wsd/abi.h>

#include "check.h"
#include "cmdata.h"
#include "errmap.h"
#include "handle.h"
#include "state.h"

enum { MANY = 50000, STORM_THREADS = 4, STORM_ROUNDS = 5000 };

struct object {
	int refs;
	uint64_t value;
};

static void ref(void *obj)
{
	((struct object *)obj)->refs++;
}

static uint64_t put(struct htable *t, struct object *o)
{
	struct hslot *slot = NULL;
	cr_assert_eq(htable_reserve(t, &slot), 0);
	o->value = slot->value;
	htable_publish(slot, o);
	return o->value;
}

static bool any(const void *obj, const void *arg)
{
	return true;
}

static void empty(struct htable *t)
{
	uint32_t cursor = 0;
	while (htable_take(t, &cursor, any, NULL))
		;
	htable_trim(t);
}

Test(prov_handle, PROV_SOCKET_04_stale_and_unknown_values_find_nothing)
{
	WSD_TEST_BEGIN();
	struct htable t = HTABLE_INITIALIZER;
	struct object a = {0}, b = {0};
	htable_open(&t, 10);
	uint64_t va = put(&t, &a);
	cr_assert_eq(htable_get(&t, va, ref), &a);
	cr_assert_eq(a.refs, 1);
	const uint64_t wrong[] = {0,
				  1,
				  va + 1,
				  va - 1,
				  va ^ 1u << 23,
				  va << 1,
				  UINT64_MAX,
				  va + HTABLE_MAX,
				  UINT64_MAX - 1,
				  va | 1ull << 63,
				  HTABLE_MAX - 1,
				  1ull << 32};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_assert_null(htable_get(&t, wrong[i], ref), "row %zu", i);
		cr_assert_null(htable_remove(&t, wrong[i]), "row %zu", i);
	}
	cr_assert_eq(htable_remove(&t, va), &a);
	cr_assert_null(htable_remove(&t, va), "removed twice");
	uint64_t vb = put(&t, &b); /* the same slot */
	cr_assert_eq(va & (HTABLE_MAX - 1), vb & (HTABLE_MAX - 1));
	cr_assert_neq(va, vb);
	cr_assert_null(htable_get(&t, va, ref));
	cr_assert_eq(htable_get(&t, vb, ref), &b);
	empty(&t);
	WSD_TEST_END();
}

Test(prov_handle, PROV_SOCKET_04_a_reserved_value_finds_nothing_yet)
{
	WSD_TEST_BEGIN();
	struct htable t = HTABLE_INITIALIZER;
	struct hslot *slot;
	htable_open(&t, 10);
	cr_assert_eq(htable_reserve(&t, &slot), 0);
	cr_assert_null(htable_get(&t, slot->value, ref));
	cr_assert_null(htable_remove(&t, slot->value));
	htable_release(&t, slot);
	cr_assert_eq(t.used, 0);
	htable_trim(&t);
	WSD_TEST_END();
}

Test(prov_handle, PROV_CLOSE_06_no_value_comes_twice_also_after_a_restart)
{
	WSD_TEST_BEGIN();
	struct htable t = HTABLE_INITIALIZER;
	struct object o;
	uint64_t last = 0;
	for (int start = 0; start < 3; start++) {
		htable_open(&t, 10);
		for (int i = 0; i < 1000; i++) {
			uint64_t v = put(&t, &o);
			cr_assert_gt(v, last);
			cr_assert_neq((SOCKET)v, INVALID_SOCKET);
			last = v;
			htable_remove(&t, v);
		}
		htable_close(&t);
		htable_trim(&t);
		cr_assert_null(htable_get(&t, last, ref));
	}
	WSD_TEST_END();
}

Test(prov_handle, PROV_SOCKET_05_the_limit_is_EMFILE_and_a_closed_table_takes_none)
{
	WSD_TEST_BEGIN();
	struct htable t = HTABLE_INITIALIZER;
	struct object o[2];
	struct hslot *slot;
	cr_assert_eq(htable_reserve(&t, &slot), -ESHUTDOWN);
	htable_open(&t, 2);
	put(&t, &o[0]);
	uint64_t v = put(&t, &o[1]);
	cr_assert_eq(htable_reserve(&t, &slot), -EMFILE);
	htable_remove(&t, v);
	put(&t, &o[1]);
	htable_close(&t);
	cr_assert_eq(htable_reserve(&t, &slot), -ESHUTDOWN);
	empty(&t);
	WSD_TEST_END();
}

Test(prov_handle, PROV_SOCKET_04_fifty_thousand)
{
	WSD_TEST_BEGIN();
	struct htable t = HTABLE_INITIALIZER;
	struct object *o = calloc(MANY, sizeof(*o));
	htable_open(&t, MANY);
	for (size_t i = 0; i < MANY; i++)
		put(&t, &o[i]);
	for (size_t i = 0; i < MANY; i += 2)
		cr_assert_eq(htable_remove(&t, o[i].value), &o[i]);
	for (size_t i = 0; i < MANY; i++)
		cr_assert_eq(htable_get(&t, o[i].value, ref), i % 2 ? &o[i] : NULL, "%zu", i);
	uint32_t chunks = t.chunk_count;
	for (size_t i = 0; i < MANY; i += 2)
		put(&t, &o[i]);
	cr_assert_eq(t.chunk_count, chunks, "freed slots are not used again");
	empty(&t);
	cr_assert_eq(t.used, 0);
	free(o);
	WSD_TEST_END();
}

static void *storm(void *arg)
{
	struct htable *t = arg;
	struct object o = {0};
	for (int i = 0; i < STORM_ROUNDS; i++) {
		uint64_t v = put(t, &o);
		if (htable_get(t, v, ref) != &o || htable_remove(t, v) != &o)
			return t;
	}
	return o.refs == STORM_ROUNDS ? NULL : t;
}

Test(prov_handle, PROV_SOCKET_04_many_threads)
{
	WSD_TEST_BEGIN();
	struct htable t = HTABLE_INITIALIZER;
	pthread_t threads[STORM_THREADS];
	htable_open(&t, 100);
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_create(&threads[i], NULL, storm, &t);
	for (int i = 0; i < STORM_THREADS; i++) {
		void *result;
		pthread_join(threads[i], &result);
		cr_assert_null(result);
	}
	cr_assert_eq(t.used, 0);
	htable_trim(&t);
	WSD_TEST_END();
}

/* provider.md part 5, in its order of columns; 0 = legal. */
static const struct {
	enum sock_call call;
	int code[SS_COUNT];
} part5[] = {
	{SC_BIND,
	 {0, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAENOTSOCK}},
	{SC_LISTEN, {WSAEINVAL, 0, 0, WSAEINVAL, WSAEISCONN, WSAEISCONN, WSAEINVAL, WSAENOTSOCK}},
	{SC_CONNECT,
	 {WSAEINVAL, 0, WSAEINVAL, WSAEALREADY, WSAEISCONN, WSAEISCONN, WSAEINVAL, WSAENOTSOCK}},
	{SC_ACCEPT,
	 {WSAEINVAL, WSAEINVAL, 0, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAENOTSOCK}},
	{SC_TRANSFER,
	 {WSAENOTCONN, WSAENOTCONN, WSAENOTCONN, WSAENOTCONN, 0, SOCK_STORED_REASON, WSAEINVAL,
	  WSAENOTSOCK}},
	{SC_REGISTER,
	 {WSAENOTCONN, WSAENOTCONN, WSAENOTCONN, WSAENOTCONN, 0, WSAENOTCONN, WSAEINVAL,
	  WSAENOTSOCK}},
	{SC_DEREGISTER, {WSAEINVAL, WSAEINVAL, WSAEINVAL, WSAEINVAL, 0, 0, WSAEINVAL, WSAENOTSOCK}},
	{SC_DUPLICATE, {WSAEINVAL, WSAEINVAL, 0, WSAEINVAL, 0, WSAEINVAL, WSAEINVAL, WSAENOTSOCK}},
	{SC_QUERY, {0, 0, 0, 0, 0, 0, WSAEINVAL, WSAENOTSOCK}},
	{SC_CLOSE, {0, 0, 0, 0, 0, 0, 0, WSAENOTSOCK}},
};

/* Clauses: PROV-BIND-2, PROV-BIND-3, PROV-LISTEN-1 */
Test(prov_state, every_call_in_every_state_as_part_5)
{
	WSD_TEST_BEGIN();
	size_t rows = sizeof(part5) / sizeof(part5[0]);
	cr_assert_eq(rows, SC_COUNT);
	for (size_t i = 0; i < rows; i++)
		for (int state = 0; state < SS_COUNT; state++)
			cr_assert_eq(sock_check((enum sock_state)state, part5[i].call),
				     part5[i].code[state], "%s in %s: %d",
				     sock_call_name(part5[i].call),
				     sock_state_name((enum sock_state)state),
				     sock_check((enum sock_state)state, part5[i].call));
	WSD_TEST_END();
}

Test(prov_state, moves)
{
	WSD_TEST_BEGIN();
	static const struct {
		enum sock_state from;
		enum sock_call call;
		enum sock_state to;
	} moves[] = {
		{SS_CREATED, SC_BIND, SS_BOUND},
		{SS_BOUND, SC_LISTEN, SS_LISTENING},
		{SS_LISTENING, SC_LISTEN, SS_LISTENING},
		{SS_BOUND, SC_CONNECT, SS_CONNECTING},
		{SS_LISTENING, SC_ACCEPT, SS_LISTENING},
		{SS_LISTENING, SC_DUPLICATE, SS_HANDED_OVER},
		{SS_CONNECTED, SC_DUPLICATE, SS_HANDED_OVER},
		{SS_CREATED, SC_QUERY, SS_CREATED},
		{SS_BROKEN, SC_DEREGISTER, SS_BROKEN},
	};
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		cr_assert_eq(sock_next(moves[i].from, moves[i].call), moves[i].to, "row %zu", i);
	for (int state = 0; state < SS_CLOSED; state++)
		cr_assert_eq(sock_next((enum sock_state)state, SC_CLOSE), SS_CLOSED);
	WSD_TEST_END();
}

/* The COMPLETE lists; 0 ends a row. WSAENOTSOCK and what is checked before rdma_cm are not mapped.
 */
static const int allowed[EO_COUNT][10] = {
	[EO_STARTUP] = {WSASYSNOTREADY, WSAVERNOTSUPPORTED, WSAEPROCLIM, WSAEFAULT},
	[EO_SOCKET] = {WSAENETDOWN, WSAEAFNOSUPPORT, WSAEMFILE, WSAENOBUFS, WSAEPROTONOSUPPORT,
		       WSAEPROTOTYPE, WSAESOCKTNOSUPPORT, WSAEINVAL},
	[EO_BIND] = {WSAENETDOWN, WSAEADDRNOTAVAIL, WSAEFAULT, WSAEINVAL, WSAENOBUFS, WSAENOTSOCK},
	[EO_LISTEN] = {WSAENETDOWN, WSAEINVAL, WSAEISCONN, WSAEMFILE, WSAENOBUFS, WSAENOTSOCK},
	[EO_CONNECT] = {WSAENETDOWN, WSAENOBUFS, WSAETIMEDOUT},
	[EO_ACCEPT] = {WSAENETDOWN, WSAEMFILE, WSAENOBUFS, WSAEACCES},
	[EO_REGISTER] = {WSAENOBUFS, WSAEFAULT},
	[EO_TRANSFER] = {WSAENOBUFS, WSAENETDOWN},
};

static bool is_allowed(enum errmap_op op, int code)
{
	for (int i = 0; i < 10 && allowed[op][i]; i++)
		if (allowed[op][i] == code)
			return true;
	return false;
}

/* Clauses: PROV-INIT-8, PROV-SOCKET-5, PROV-BIND-19, PROV-BIND-20, PROV-LISTEN-6 */
Test(prov_errmap, PROV_BIND_24_only_codes_of_the_lists_for_any_errno)
{
	WSD_TEST_BEGIN();
	for (int op = 0; op < EO_COUNT; op++) {
		cr_assert_eq(errmap((enum errmap_op)op, 0), 0);
		for (int err = 1; err < 200; err++)
			cr_assert(is_allowed((enum errmap_op)op, errmap((enum errmap_op)op, -err)),
				  "operation %d, errno %d: %d", op, err,
				  errmap((enum errmap_op)op, -err));
	}
	WSD_TEST_END();
}

Test(prov_errmap, each_row_has_a_reason_and_is_reached)
{
	WSD_TEST_BEGIN();
	size_t n;
	const struct errmap_row *rows = errmap_rows(&n);
	bool last[EO_COUNT] = {false};
	for (size_t i = 0; i < n; i++) {
		cr_assert(rows[i].reason && *rows[i].reason, "row %zu", i);
		cr_assert(!last[rows[i].op], "row %zu stands behind the fallback", i);
		last[rows[i].op] = !rows[i].err;
		if (rows[i].err)
			cr_assert_eq(errmap(rows[i].op, -rows[i].err), rows[i].code, "row %zu", i);
	}
	for (int op = 0; op < EO_COUNT; op++)
		cr_assert(last[op], "operation %d has no fallback", op);
	cr_assert_eq(errmap(EO_BIND, -EADDRNOTAVAIL), WSAEADDRNOTAVAIL);
	cr_assert_eq(errmap(EO_BIND, -EINVAL), WSAEADDRNOTAVAIL);
	cr_assert_eq(errmap(EO_BIND, -EACCES), WSAEADDRNOTAVAIL);
	cr_assert_eq(errmap(EO_BIND, -ENODEV), WSAENETDOWN);
	cr_assert_eq(errmap(EO_BIND, -ENOMEM), WSAENOBUFS);
	cr_assert_eq(errmap(EO_LISTEN, -ENODEV), WSAENETDOWN);
	cr_assert_eq(errmap(EO_LISTEN, -EMFILE), WSAEMFILE);
	WSD_TEST_END();
}

static const struct cmdata_request names = {.src_addr_be = 0x0100000a,
					    .src_port_be = 0x1234,
					    .dst_addr_be = 0x0200000a,
					    .dst_port_be = 0x5678};

Test(prov_cmdata, PROV_BIND_23_a_request_carries_both_names_in_56_bytes)
{
	WSD_TEST_BEGIN();
	uint8_t data[CMDATA_REQUEST_MAX] = {0};
	struct cmdata_request back = {0};
	cmdata_put_request(data, &names);
	static const uint8_t picture[] = {'W', 'S', 'D',  1,    20,   1,    0,  0, 10, 0,
					  0,   1,   0x34, 0x12, 0x78, 0x56, 10, 0, 0,  2};
	cr_assert_arr_eq(data, picture, sizeof(picture));
	/* The transport always reports its maximum. */
	cr_assert_eq(cmdata_get_request(data, sizeof(data), &back), CMDATA_OURS);
	cr_assert_arr_eq((uint8_t *)&back, (const uint8_t *)&names, sizeof(names));
	cr_assert_eq(cmdata_get_request(data, 20, &back), CMDATA_OURS);
	WSD_TEST_END();
}

/* Clauses: PROV-BIND-23, PROV-ACCEPT-12 */
Test(prov_cmdata, foreign_and_garbled_requests)
{
	WSD_TEST_BEGIN();
	static const struct {
		int at, value; /* one byte changed */
		size_t len;
		enum cmdata_verdict verdict;
	} rows[] = {
		{0, 'X', 56, CMDATA_FOREIGN}, {2, 'd', 56, CMDATA_FOREIGN},
		{0, 'W', 2, CMDATA_FOREIGN},  {0, 'W', 0, CMDATA_FOREIGN},
		{0, 'W', 19, CMDATA_GARBLED}, {0, 'W', 3, CMDATA_GARBLED},
		{3, 0, 56, CMDATA_GARBLED},   {4, 19, 56, CMDATA_GARBLED},
		{4, 21, 56, CMDATA_GARBLED},  {4, 57, 56, CMDATA_GARBLED},
		{5, 2, 56, CMDATA_GARBLED},   {3, 2, 56, CMDATA_OURS},
		{7, 9, 56, CMDATA_OURS},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t data[CMDATA_REQUEST_MAX] = {0};
		struct cmdata_request back;
		memset(&back, 0xaa, sizeof(back));
		cmdata_put_request(data, &names);
		data[rows[i].at] = (uint8_t)rows[i].value;
		cr_assert_eq(cmdata_get_request(data, rows[i].len, &back), rows[i].verdict,
			     "row %zu", i);
		if (rows[i].verdict != CMDATA_OURS)
			cr_assert_eq(back.src_addr_be, 0xaaaaaaaa, "row %zu", i);
	}
	/* A later version may be longer. */
	uint8_t later[CMDATA_REQUEST_MAX] = {0};
	struct cmdata_request back;
	cmdata_put_request(later, &names);
	later[3] = 2;
	later[4] = 40;
	cr_assert_eq(cmdata_get_request(later, sizeof(later), &back), CMDATA_OURS);
	cr_assert_eq(back.dst_port_be, names.dst_port_be);
	cr_assert_eq(cmdata_get_request(NULL, 0, &back), CMDATA_FOREIGN);
	WSD_TEST_END();
}

Test(prov_cmdata, PROV_LISTEN_03_the_tag_of_a_refusal)
{
	WSD_TEST_BEGIN();
	uint8_t data[148] = {0};
	enum cmdata_reason reason = 0;
	cr_assert_eq(cmdata_get_reject(data, sizeof(data), &reason), CMDATA_FOREIGN);
	cmdata_put_reject(data, CMDATA_BACKLOG);
	cr_assert_eq(cmdata_get_reject(data, sizeof(data), &reason), CMDATA_OURS);
	cr_assert_eq(reason, CMDATA_BACKLOG);
	cmdata_put_reject(data, CMDATA_REFUSED);
	cr_assert_eq(cmdata_get_reject(data, sizeof(data), &reason), CMDATA_OURS);
	cr_assert_eq(reason, CMDATA_REFUSED);
	data[6] = 77;
	cr_assert_eq(cmdata_get_reject(data, sizeof(data), &reason), CMDATA_GARBLED);
	cr_assert_eq(reason, CMDATA_REFUSED);
	WSD_TEST_END();
}

Test(prov_module, PROV_INIT_01_exports_WSPStartupEx_alone)
{
	WSD_TEST_BEGIN();
	char line[256], found[1024] = "";
	int n = 0;
	FILE *nm = popen("nm -D --defined-only " WSD_TEST_PROVIDER_PATH, "re");
	cr_assert_not_null(nm);
	while (fgets(line, sizeof(line), nm)) {
		n++;
		strncat(found, line, sizeof(found) - strlen(found) - 1);
	}
	cr_assert_eq(pclose(nm), 0);
	cr_assert_eq(n, 1, "%s", found);
	cr_assert(strstr(found, " T WSPStartupEx\n"), "%s", found);
	WSD_TEST_END();
}
