/* SPDX-License-Identifier: MIT
 *
 * WSPSocket on soft-RoCE, and what every call says to a bad descriptor. PROV-SOCKET-1 to 8.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "prov_harness.h"

enum { MANY = 50000, STORM_THREADS = 8, STORM_ROUNDS = 400 };

#define BEGIN()  \
	ph_up(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

static SOCKET make(int af, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP g, DWORD flags,
		   int *code)
{
	*code = -1;
	SOCKET s = ph.proc.lpWSPSocket(af, type, protocol, info, g, flags, code);
	cr_assert((s == INVALID_SOCKET) == (*code != 0), "%#lx with code %d", (unsigned long)s,
		  *code);
	return s;
}

Test(socket, PROV_SOCKET_01_what_the_switch_passes)
{
	BEGIN();
	int code;
	SOCKET s = make(2, 1, 6, NULL, 0, 1, &code);
	cr_assert_eq(code, 0);
	cr_assert_eq(ph_close(s), 0);
	s = make(2, 1, 6, &ph.tcp, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT, &code);
	cr_assert_eq(code, 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(socket, PROV_SOCKET_02_the_upcall)
{
	BEGIN();
	int code;
	SOCKET s = make(2, 1, 6, NULL, 0, 1, &code), t;
	cr_assert_eq(ph.creates, 1);
	cr_assert_eq(ph.last_entry, PH_CATALOG_ENTRY);
	DWORD_PTR context = ph.last_context;
	WSAPROTOCOL_INFOW info = ph.tcp;
	info.dwCatalogEntryId = 99;
	t = make(2, 1, 6, &info, 0, 1, &code);
	cr_assert_eq(ph.last_entry, 99);
	cr_assert_neq(ph.last_context, context, "the context tells sockets apart");
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_close(t), 0);
	END();
}

Test(socket, PROV_SOCKET_02_the_upcall_fails)
{
	BEGIN();
	static const int codes[] = {WSAEMFILE, WSAENOBUFS, WSAENETDOWN, 12345};
	int code;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		atomic_store(&ph.create_code, codes[i]);
		make(2, 1, 6, NULL, 0, 1, &code);
		cr_assert_eq(code, codes[i]);
	}
	atomic_store(&ph.create_code, 0);
	ph.create_silent = true;
	make(2, 1, 6, NULL, 0, 1, &code);
	cr_assert_eq(code, WSAENOBUFS);
	ph.create_silent = false;
	cr_assert_eq(ph.closes, 0, "a handle that never was is not closed");
	SOCKET s = ph_socket();
	cr_assert_eq(ph_close(s), 0);
	END();
}

static void use_others(void *arg)
{
	/* Any function may be called from inside [PROV-OVL-3]. */
	SOCKET other = *(SOCKET *)arg;
	ph.create_hook = NULL;
	cr_assert_eq(ph_listen(other, 7), 0);
	SOCKET s = ph_listener(PH_SAN0, ph_port(), 1);
	cr_assert_eq(ph_close(s), 0);
	int code;
	cr_assert_eq(ph.proc.lpWSPBind((SOCKET)ph.last_context + 1, NULL, 0, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAENOTSOCK);
}

Test(socket, PROV_SOCKET_02_no_lock_is_held_over_the_upcall)
{
	BEGIN();
	SOCKET other = ph_listener(PH_SAN0, ph_port(), 5);
	ph.hook_arg = &other;
	ph.create_hook = use_others;
	SOCKET s = ph_socket();
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph_close(other), 0);
	END();
}

Test(socket, PROV_SOCKET_03_two_descriptors)
{
	BEGIN();
	SOCKET s = ph_socket(), theirs = ph.last_handle;
	cr_assert_neq(s, theirs);
	cr_assert_eq(ph_listen(theirs, 5), WSAENOTSOCK, "a downcall with the switch's handle");
	cr_assert_eq(ph_close(theirs), WSAENOTSOCK);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph.wrong, 0, "an upcall with the provider's descriptor");
	END();
}

typedef int (*one_call)(SOCKET s, int *code);

static int call_bind(SOCKET s, int *code)
{
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, 5555);
	return ph.proc.lpWSPBind(s, (struct wsd_sockaddr *)&in, sizeof(in), code);
}

static int call_listen(SOCKET s, int *code)
{
	return ph.proc.lpWSPListen(s, 5, code);
}

static int call_close(SOCKET s, int *code)
{
	return ph.proc.lpWSPCloseSocket(s, code);
}

static int call_select(SOCKET s, int *code)
{
	struct ph_event e = {0};
	return ph.proc.lpWSPEventSelect(s, &e, FD_ACCEPT, code);
}

static int call_enum(SOCKET s, int *code)
{
	WSANETWORKEVENTS events;
	return ph.proc.lpWSPEnumNetworkEvents(s, NULL, &events, code);
}

static int call_getsockopt(SOCKET s, int *code)
{
	int value, len = sizeof(value);
	return ph.proc.lpWSPGetSockOpt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&value, &len, code);
}

static int call_setsockopt(SOCKET s, int *code)
{
	int value = 1;
	return ph.proc.lpWSPSetSockOpt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&value,
				       sizeof(value), code);
}

static int call_ioctl(SOCKET s, int *code)
{
	char out[512];
	DWORD n;
	return ph.proc.lpWSPIoctl(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, out, sizeof(out), &n, NULL,
				  NULL, NULL, code);
}

static int call_qos(SOCKET s, int *code)
{
	return ph.proc.lpWSPGetQOSByName(s, NULL, NULL, code) ? 0 : SOCKET_ERROR;
}

static int call_accept(SOCKET s, int *code)
{
	return ph.proc.lpWSPAccept(s, NULL, NULL, NULL, 0, code) == INVALID_SOCKET ? SOCKET_ERROR
										   : 0;
}

static int call_connect(SOCKET s, int *code)
{
	struct wsd_sockaddr_in in = ph_addr(PH_SAN0, 5555);
	return ph.proc.lpWSPConnect(s, (struct wsd_sockaddr *)&in, sizeof(in), NULL, NULL, NULL,
				    NULL, code);
}

static int call_send(SOCKET s, int *code)
{
	return ph.proc.lpWSPSend(s, NULL, 0, NULL, 0, NULL, NULL, NULL, code);
}

static int call_recv(SOCKET s, int *code)
{
	return ph.proc.lpWSPRecv(s, NULL, 0, NULL, NULL, NULL, NULL, NULL, code);
}

static int call_result(SOCKET s, int *code)
{
	return ph.proc.lpWSPGetOverlappedResult(s, NULL, NULL, FALSE, NULL, code) ? 0
										  : SOCKET_ERROR;
}

static int call_duplicate(SOCKET s, int *code)
{
	return ph.proc.lpWSPDuplicateSocket(s, 1, NULL, code);
}

static int call_getpeername(SOCKET s, int *code)
{
	return ph.proc.lpWSPGetPeerName(s, NULL, NULL, code);
}

static int call_shutdown(SOCKET s, int *code)
{
	return ph.proc.lpWSPShutdown(s, 0, code);
}

static const struct {
	const char *name;
	one_call call;
	bool later; /* WSAEOPNOTSUPP until it is built, or never called */
} calls[] = {
	{"Bind", call_bind, false},
	{"Listen", call_listen, false},
	{"CloseSocket", call_close, false},
	{"EventSelect", call_select, false},
	{"EnumNetworkEvents", call_enum, false},
	{"GetSockOpt", call_getsockopt, false},
	{"SetSockOpt", call_setsockopt, false},
	{"Ioctl", call_ioctl, false},
	{"GetQOSByName", call_qos, true},
	{"Accept", call_accept, false},
	{"Connect", call_connect, false},
	{"Send", call_send, false},
	{"Recv", call_recv, false},
	{"GetOverlappedResult", call_result, false},
	{"DuplicateSocket", call_duplicate, true},
	{"GetPeerName", call_getpeername, true},
	{"Shutdown", call_shutdown, true},
};

enum { CALLS = sizeof(calls) / sizeof(calls[0]) };

Test(socket, PROV_SOCKET_04_bad_descriptors_in_every_call)
{
	BEGIN();
	SOCKET s = ph_socket(), stale = ph_socket();
	cr_assert_eq(ph_close(stale), 0);
	const SOCKET bad[] = {INVALID_SOCKET, 0,  1,     3,          s + 1,
			      s - 1,          ~s, stale, (SOCKET)&s, ph.last_handle};
	for (size_t i = 0; i < CALLS; i++) {
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
			int code = -1;
			cr_assert_eq(calls[i].call(bad[k], &code), SOCKET_ERROR);
			cr_assert_eq(code, WSAENOTSOCK, "%s, row %zu: %d", calls[i].name, k, code);
			cr_assert_eq(calls[i].call(bad[k], NULL), SOCKET_ERROR);
		}
	}
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(socket, PROV_SOCKET_04_calls_that_are_refused_change_nothing)
{
	BEGIN();
	SOCKET s = ph_socket();
	for (size_t i = 0; i < CALLS; i++) {
		int code = -1;
		if (!calls[i].later)
			continue;
		cr_assert_eq(calls[i].call(s, &code), SOCKET_ERROR);
		cr_assert_eq(code, WSAEOPNOTSUPP, "%s: %d", calls[i].name, code);
	}
	int code = -1;
	cr_assert_eq(ph.proc.lpWSPCancelBlockingCall(&code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEOPNOTSUPP);
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(socket, PROV_SOCKET_05_errors)
{
	BEGIN();
	static const struct {
		int af, type, protocol;
		GROUP g;
		DWORD flags;
		int code;
	} rows[] = {
		{WSD_AF_INET6, 1, 6, 0, 1, WSAEAFNOSUPPORT},
		{WSD_AF_UNSPEC, 1, 6, 0, 1, WSAEAFNOSUPPORT},
		{10, 9, 9, 9, 0, WSAEAFNOSUPPORT},
		{2, 2, 17, 0, 1, WSAESOCKTNOSUPPORT},
		{2, 3, 6, 0, 1, WSAESOCKTNOSUPPORT},
		{2, 0, 6, 0, 1, WSAESOCKTNOSUPPORT},
		{2, 99, 99, 9, 0, WSAESOCKTNOSUPPORT},
		{2, 2, 6, 0, 1, WSAEPROTOTYPE},
		{2, 1, 17, 0, 1, WSAEPROTOTYPE},
		{2, 1, 0, 0, 1, WSAEPROTONOSUPPORT},
		{2, 1, 99, 9, 0, WSAEPROTONOSUPPORT},
		{2, 1, 6, 1, 1, WSAEINVAL},
		{2, 1, 6, 0, 0, WSAEINVAL},
		{2, 1, 6, 0, 1 | WSA_FLAG_MULTIPOINT_C_LEAF, WSAEINVAL},
		{2, 1, 6, 0, 0xffffffff, WSAEINVAL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int code;
		make(rows[i].af, rows[i].type, rows[i].protocol, NULL, rows[i].g, rows[i].flags,
		     &code);
		cr_assert_eq(code, rows[i].code, "row %zu: %d", i, code);
	}
	cr_assert_eq(ph.creates, 0, "no upcall for a bad argument");
	cr_assert_eq(ph.proc.lpWSPSocket(9, 9, 9, NULL, 0, 0, NULL), INVALID_SOCKET);
	END();
}

Test(socket, PROV_SOCKET_05_all_handles_used)
{
	setenv("WSD_RDMA_MAX_SOCKETS", "3", 1);
	BEGIN();
	SOCKET s[3];
	int code;
	for (int i = 0; i < 3; i++)
		s[i] = ph_socket();
	make(2, 1, 6, NULL, 0, 1, &code);
	cr_assert_eq(code, WSAEMFILE);
	cr_assert_eq(ph_close(s[1]), 0);
	s[1] = ph_socket();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(ph_close(s[i]), 0);
	END();
}

Test(socket, PROV_SOCKET_05_before_startup_and_after_cleanup)
{
	ph_up();
	LPWSPSOCKET make_socket = ph.proc.lpWSPSocket;
	cr_assert_eq(ph_cleanup(), 0);
	int code = -1;
	cr_assert_eq(make_socket(2, 1, 6, NULL, 0, 1, &code), INVALID_SOCKET);
	cr_assert_eq(code, WSAENETDOWN);
	ph_unload();
}

Test(socket, PROV_SOCKET_06_what_failed_closes_cleanly)
{
	BEGIN();
	SOCKET s = ph_socket();
	cr_assert_eq(ph_bind(s, "1.2.3.4", 5), WSAEADDRNOTAVAIL);
	int code;
	cr_assert_eq(ph.proc.lpWSPSetSockOpt(s, 1, 1, NULL, 0, &code), SOCKET_ERROR);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph.creates, 1);
	cr_assert_eq(ph.closes, 1);
	END();
}

Test(socket, PROV_SOCKET_07_a_value_that_names_no_duplicated_socket)
{
	BEGIN();
	WSAPROTOCOL_INFOW info = ph.tcp;
	int code;
	info.dwProviderReserved = 77;
	make(2, 1, 6, &info, 0, 1, &code);
	cr_assert_eq(code, WSAEINVAL);
	cr_assert_eq(ph.creates, 0);
	END();
}

Test(socket, PROV_SOCKET_08_an_unbound_socket_answers_the_address_query)
{
	BEGIN();
	int code = -1;
	SOCKET s = ph_socket();
	cr_assert_eq(call_ioctl(s, &code), 0);
	cr_assert_eq(code, 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(socket, PROV_CLOSE_06_fifty_thousand_sockets, .timeout = 120)
{
	BEGIN();
	SOCKET *s = calloc(MANY, sizeof(*s));
	for (int i = 0; i < MANY; i++)
		s[i] = ph_socket();
	for (int i = 0; i < MANY; i += 2)
		cr_assert_eq(ph_close(s[i]), 0);
	for (int i = 0; i < MANY; i += 1000)
		cr_assert_eq(ph_close(s[i]), WSAENOTSOCK, "%d", i);
	for (int i = 1; i < MANY; i += 2)
		cr_assert_eq(ph_close(s[i]), 0);
	cr_assert_eq(ph.creates, MANY);
	cr_assert_eq(ph.closes, MANY);
	free(s);
	END();
}

static void *storm(void *arg)
{
	for (int i = 0; i < STORM_ROUNDS; i++) {
		int code;
		SOCKET s = ph.proc.lpWSPSocket(2, 1, 6, NULL, 0, 1, &code);
		if (s == INVALID_SOCKET || call_ioctl(s, &code) || call_close(s, &code) ||
		    call_close(s, &code) == 0)
			return arg;
	}
	return NULL;
}

Test(socket, PROV_SOCKET_04_many_threads, .timeout = 120)
{
	BEGIN();
	pthread_t threads[STORM_THREADS];
	for (int i = 0; i < STORM_THREADS; i++)
		pthread_create(&threads[i], NULL, storm, &ph);
	for (int i = 0; i < STORM_THREADS; i++) {
		void *bad;
		pthread_join(threads[i], &bad);
		cr_assert_null(bad);
	}
	cr_assert_eq(ph.closes, STORM_THREADS * STORM_ROUNDS);
	END();
}
