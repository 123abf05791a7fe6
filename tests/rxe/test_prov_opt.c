/* SPDX-License-Identifier: MIT
 *
 * WSPGetSockOpt, WSPSetSockOpt, WSPGetQOSByName and WSPIoctl. PROV-OPT-1 to 4, PROV-IOCTL-1 to 5.
 */
#include <infiniband/verbs.h>
#include <stdlib.h>
#include <string.h>
#include <wsd/attend.h>
#include <wsd/serve.h>

#include "check.h"
#include "prov_harness.h"

enum { SHOWS_MS = 2000, FOUR_ADDRESSES = 8 + 4 * (16 + 16) };

#define BEGIN()  \
	ph_up(); \
	WSD_TEST_BEGIN()
#define END()           \
	WSD_TEST_END(); \
	ph_down()

static int get(SOCKET s, int level, int name, void *value, int *len)
{
	int code = -1;
	int result = ph.proc.lpWSPGetSockOpt(s, level, name, value, len, &code);
	cr_assert((result == 0) == (code == 0));
	return code;
}

static int set(SOCKET s, int level, int name, const void *value, int len)
{
	int code = -1;
	int result = ph.proc.lpWSPSetSockOpt(s, level, name, value, len, &code);
	cr_assert((result == 0) == (code == 0));
	return code;
}

static uint32_t number(SOCKET s, int name)
{
	uint32_t value = 0xdeadbeef;
	int len = sizeof(value);
	int code = get(s, WSD_SOL_SOCKET, name, &value, &len);
	cr_assert_eq(code, 0, "option %#x: %d", (unsigned)name, code);
	cr_assert_eq(len, 4);
	return value;
}

static uint32_t true_max(const char *device)
{
	uint32_t max = 0;
	struct ibv_device **list = ibv_get_device_list(NULL);
	for (int i = 0; list && list[i]; i++) {
		struct ibv_port_attr port;
		if (strcmp(ibv_get_device_name(list[i]), device) != 0)
			continue;
		struct ibv_context *c = ibv_open_device(list[i]);
		if (c && !ibv_query_port(c, 1, &port))
			max = port.max_msg_sz;
		if (c)
			ibv_close_device(c);
	}
	ibv_free_device_list(list);
	return max;
}

Test(opt, PROV_OPT_01_true_limits_of_the_device)
{
	BEGIN();
	uint32_t max = true_max("rxe0");
	cr_assert_gt(max, 0);
	SOCKET s = ph_socket();
	cr_assert_eq(number(s, SO_MAX_MSG_SIZE), max, "unbound: the least of the known devices");
	cr_assert_eq(ph_bind(s, PH_SAN0, ph_port()), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(number(s, SO_MAX_MSG_SIZE), max);
		cr_assert_eq(number(s, SO_MAX_RDMA_SIZE), max);
		cr_assert_eq(number(s, SO_RDMA_THRESHOLD_SIZE), 16384);
		cr_assert_eq(ph_listen(s, 5), 0);
	}
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(opt, PROV_OPT_01_before_any_device_is_known)
{
	setenv("WSD_RDMA_THRESHOLD", "4096", 1);
	ph_load();
	cr_assert_eq(ph_startup(), 0);
	SOCKET s = ph_socket();
	cr_assert_eq(number(s, SO_MAX_MSG_SIZE), 1 << 20);
	cr_assert_eq(number(s, SO_RDMA_THRESHOLD_SIZE), 4096);
	cr_assert_eq(ph_close(s), 0);
	ph_down();
}

Test(opt, PROV_OPT_01_wildcard_sockets)
{
	setenv("WSD_RDMA_WILDCARD_AVAILABLE", "true", 1);
	BEGIN();
	SOCKET s = ph_listener("0.0.0.0", ph_port(), 5);
	cr_assert_eq(number(s, SO_MAX_MSG_SIZE), true_max("rxe1"));
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(opt, PROV_OPT_02_debug_is_kept)
{
	BEGIN();
	SOCKET s = ph_socket(), t = ph_socket();
	static const uint32_t on[] = {1, 7, 0x80000000};
	cr_assert_eq(number(s, WSD_SO_DEBUG), 0);
	for (size_t i = 0; i < sizeof(on) / sizeof(on[0]); i++) {
		uint32_t off = 0;
		cr_assert_eq(set(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, &on[i], 4), 0);
		cr_assert_eq(number(s, WSD_SO_DEBUG), 1);
		cr_assert_eq(number(t, WSD_SO_DEBUG), 0, "of one socket alone");
		cr_assert_eq(set(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, &off, 4), 0);
		cr_assert_eq(number(s, WSD_SO_DEBUG), 0);
	}
	char longer[9] = {1};
	cr_assert_eq(set(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, longer, 9), 0);
	int len = 9;
	cr_assert_eq(get(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, longer, &len), 0);
	cr_assert_eq(len, 4);
	cr_assert_eq(ph_close(s) + ph_close(t), 0);
	END();
}

Test(opt, PROV_OPT_02_short_lengths)
{
	BEGIN();
	SOCKET s = ph_socket();
	static const int names[] = {WSD_SO_DEBUG, SO_MAX_MSG_SIZE, SO_MAX_RDMA_SIZE,
				    SO_RDMA_THRESHOLD_SIZE};
	static const int lengths[] = {3, 0, -1, INT32_MIN};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (size_t k = 0; k < sizeof(lengths) / sizeof(lengths[0]); k++) {
			uint32_t value = 0x5555;
			int len = lengths[k];
			cr_assert_eq(get(s, WSD_SOL_SOCKET, names[i], &value, &len), WSAEFAULT);
			cr_assert_eq(len, 4, "the size needed");
			cr_assert_eq(value, 0x5555);
			cr_assert_eq(set(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, &value, lengths[k]),
				     WSAEFAULT);
		}
	}
	cr_assert_eq(number(s, WSD_SO_DEBUG), 0, "a failed call changed it");
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(opt, PROV_OPT_03_errors_in_order)
{
	BEGIN();
	SOCKET s = ph_socket();
	uint32_t value = 1;
	int len = 4;
	static const int levels[] = {0, 1, 6, 0x10000, -1};
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		cr_assert_eq(get(s, levels[i], 12345, NULL, NULL), WSAEINVAL);
		cr_assert_eq(set(s, levels[i], 12345, NULL, 0), WSAEINVAL);
	}
	static const int unknown[] = {
		0, 2, WSD_SO_REUSEADDR, WSD_SO_ERROR, SO_GROUP_ID, SO_GROUP_PRIORITY, 12345, -1};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		cr_assert_eq(get(s, WSD_SOL_SOCKET, unknown[i], NULL, NULL), WSAENOPROTOOPT, "%d",
			     unknown[i]);
		cr_assert_eq(set(s, WSD_SOL_SOCKET, unknown[i], NULL, 0), WSAENOPROTOOPT);
	}
	static const int readonly[] = {SO_MAX_MSG_SIZE, SO_MAX_RDMA_SIZE, SO_RDMA_THRESHOLD_SIZE};
	for (size_t i = 0; i < sizeof(readonly) / sizeof(readonly[0]); i++)
		cr_assert_eq(set(s, WSD_SOL_SOCKET, readonly[i], &value, 4), WSAENOPROTOOPT);
	cr_assert_eq(get(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, NULL, &len), WSAEFAULT);
	cr_assert_eq(get(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, &value, NULL), WSAEFAULT);
	cr_assert_eq(set(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, NULL, 4), WSAEFAULT);
	cr_assert_eq(ph.proc.lpWSPGetSockOpt(s, 1, 1, NULL, NULL, NULL), SOCKET_ERROR);
	cr_assert_eq(ph.proc.lpWSPSetSockOpt(s, 1, 1, NULL, 0, NULL), SOCKET_ERROR);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(opt, PROV_OPT_04_no_QoS)
{
	BEGIN();
	SOCKET s = ph_socket();
	char text[] = "guaranteed";
	WSABUF name = {sizeof(text), text};
	QOS qos;
	int code = -1;
	cr_assert_eq(ph.proc.lpWSPGetQOSByName(s, &name, &qos, &code), FALSE);
	cr_assert_eq(code, WSAEOPNOTSUPP);
	cr_assert_eq(ph.proc.lpWSPGetQOSByName(s, NULL, NULL, &code), FALSE);
	cr_assert_eq(code, WSAEOPNOTSUPP);
	cr_assert_eq(ph_close(s), 0);
	cr_assert_eq(ph.proc.lpWSPGetQOSByName(s, &name, &qos, &code), FALSE);
	cr_assert_eq(code, WSAENOTSOCK);
	END();
}

/* ---- WSPIoctl ---- */

static int ioctl_call(SOCKET s, DWORD what, const void *in, DWORD in_size, void *out,
		      DWORD out_size, DWORD *returned)
{
	int code = -1;
	int result = ph.proc.lpWSPIoctl(s, what, (void *)(uintptr_t)in, in_size, out, out_size,
					returned, NULL, NULL, NULL, &code);
	cr_assert((result == 0) == (code == 0));
	return code;
}

static const struct {
	GUID guid;
	int code;
} extension_rows[] = {
	{WSAID_REGISTERMEMORY, 0},
	{WSAID_DEREGISTERMEMORY, 0},
	{WSAID_REGISTERRDMAMEMORY, 0},
	{WSAID_DEREGISTERRDMAMEMORY, 0},
	{WSAID_RDMAWRITE, 0},
	{WSAID_RDMAREAD, 0},
	{WSAID_MEMORYREGISTRATIONCACHECALLBACK, 0},
	{WSAID_WSDATTEND, 0},
	{WSAID_WSDSERVE, 0},
	{{0xc0b422f4, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2d}}, WSAEINVAL},
	{{0xc0b422f5, 0xf58c, 0x11d1, {0xad, 0x6c, 0x00, 0xc0, 0x4f, 0xa3, 0x4a, 0x2e}}, WSAEINVAL},
	{{0}, WSAEINVAL},
};

Test(ioctl, PROV_IOCTL_01_extension_pointers)
{
	BEGIN();
	SOCKET s = ph_socket();
	const SOCKET sockets[] = {s, INVALID_SOCKET, 0, s + 1};
	for (size_t i = 0; i < sizeof(extension_rows) / sizeof(extension_rows[0]); i++) {
		for (size_t k = 0; k < sizeof(sockets) / sizeof(sockets[0]); k++) {
			void *function = NULL;
			DWORD n = 77;
			int code = ioctl_call(sockets[k], SIO_GET_EXTENSION_FUNCTION_POINTER,
					      &extension_rows[i].guid, sizeof(GUID), &function,
					      sizeof(function), &n);
			cr_assert_eq(code, extension_rows[i].code, "row %zu: %d", i, code);
			cr_assert((function != NULL) == (code == 0));
			cr_assert_eq(n, code ? 77 : sizeof(function));
		}
	}
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(ioctl, PROV_IOCTL_01_sizes_and_pointers)
{
	BEGIN();
	GUID guid = WSAID_RDMAWRITE;
	char out[16] = {0};
	DWORD n;
	const DWORD what = SIO_GET_EXTENSION_FUNCTION_POINTER;
	cr_assert_eq(ioctl_call(0, what, NULL, 16, out, 16, &n), WSAEFAULT);
	cr_assert_eq(ioctl_call(0, what, &guid, 15, out, 16, &n), WSAEFAULT);
	cr_assert_eq(ioctl_call(0, what, &guid, 16, NULL, 16, &n), WSAEFAULT);
	cr_assert_eq(ioctl_call(0, what, &guid, 16, out, 7, &n), WSAEFAULT);
	cr_assert_eq(ioctl_call(0, what, &guid, 16, out, 16, NULL), WSAEFAULT);
	cr_assert_eq(ioctl_call(0, what, &guid, 99, out + 1, 8, &n), 0, "at any alignment");
	cr_assert_eq(n, 8);
	END();
}

/* They ask for a socket first, and for a connection. */
Test(ioctl, PROV_IOCTL_01_the_functions_behind_the_pointers)
{
	BEGIN();
	SOCKET s = ph_socket();
	GUID guid = WSAID_REGISTERMEMORY;
	LPFN_WSPREGISTERMEMORY reg = NULL;
	LPFN_WSPDEREGISTERMEMORY dereg = NULL;
	LPFN_WSPRDMAWRITE rdma_write = NULL;
	DWORD n;
	int code = -1;
	const DWORD what = SIO_GET_EXTENSION_FUNCTION_POINTER;
	cr_assert_eq(ioctl_call(s, what, &guid, 16, &reg, 8, &n), 0);
	cr_assert_null(reg(s, &n, 4, MEM_READ, &code));
	cr_assert_eq(code, WSAENOTCONN);
	cr_assert_null(reg(s + 1, &n, 4, MEM_READ, &code));
	cr_assert_eq(code, WSAENOTSOCK);
	guid.Data1 = 0xc0b422f6;
	cr_assert_eq(ioctl_call(s, what, &guid, 16, &dereg, 8, &n), 0);
	cr_assert_eq(dereg(s, NULL, &code), SOCKET_ERROR);
	cr_assert_eq(code, WSAEINVAL);
	guid.Data1 = 0xc0b422f9;
	cr_assert_eq(ioctl_call(s, what, &guid, 16, &rdma_write, 8, &n), 0);
	cr_assert_eq(rdma_write(s, NULL, 0, NULL, 0, 0, NULL, 0, NULL, NULL, NULL, &code),
		     SOCKET_ERROR);
	cr_assert_eq(code, WSAENOTCONN);
	cr_assert_eq(ph_close(s), 0);
	END();
}

static bool listed(SOCKET s, const char *ip, int *ret_count)
{
	union {
		SOCKET_ADDRESS_LIST list;
		char room[4096];
	} out;
	DWORD n = 0;
	bool found = false;
	cr_assert_eq(ioctl_call(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, &out, sizeof(out), &n), 0);
	*ret_count = out.list.iAddressCount;
	cr_assert_eq(n, 8 + (DWORD)*ret_count * 32);
	const SOCKET_ADDRESS *address = out.list.Address; /* more than the declared one */
	for (int i = 0; i < out.list.iAddressCount; i++) {
		const struct wsd_sockaddr_in *in = (void *)address[i].lpSockaddr;
		cr_assert_eq(address[i].iSockaddrLength, 16);
		cr_assert((const char *)in >= out.room && (const char *)(in + 1) <= out.room + n,
			  "not in the caller's buffer");
		cr_assert_eq(in->sin_family, WSD_AF_INET);
		cr_assert_eq(in->sin_port, 0);
		found |= in->sin_addr.s_addr == inet_addr(ip);
	}
	return found;
}

Test(ioctl, PROV_IOCTL_02_the_address_list)
{
	BEGIN();
	SOCKET s = ph_socket();
	int count;
	static const char *const all[] = {PH_SAN0, PH_SAN1, PH_SAN2, PH_SAN2B};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		cr_assert(listed(s, all[i], &count), "%s", all[i]);
	cr_assert_eq(count, 4);
	cr_assert_not(listed(s, PH_LAN0, &count));
	cr_assert_not(listed(s, "127.0.0.1", &count));
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(ioctl, PROV_IOCTL_02_too_small_a_buffer)
{
	BEGIN();
	SOCKET s = ph_socket();
	char *out = malloc(FOUR_ADDRESSES);
	for (DWORD size = 0; size < FOUR_ADDRESSES; size++) {
		DWORD n = 0;
		cr_assert_eq(ioctl_call(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, out, size, &n),
			     WSAEFAULT, "%u", size);
		cr_assert_eq(n, FOUR_ADDRESSES);
	}
	DWORD n = 0;
	cr_assert_eq(ioctl_call(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, NULL, 4096, &n), WSAEFAULT);
	cr_assert_eq(n, FOUR_ADDRESSES);
	cr_assert_eq(ioctl_call(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, out, 4096, NULL), WSAEFAULT);
	cr_assert_eq(ioctl_call(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, out, FOUR_ADDRESSES, &n), 0);
	free(out);
	char *odd = malloc(FOUR_ADDRESSES + 1);
	cr_assert_eq(ioctl_call(s, SIO_ADDRESS_LIST_QUERY, NULL, 0, odd + 1, FOUR_ADDRESSES, &n),
		     0);
	free(odd);
	cr_assert_eq(ph_close(s), 0);
	END();
}

/* Clauses: PROV-IOCTL-4 */
Test(ioctl, PROV_IOCTL_03_always_current)
{
	BEGIN();
	SOCKET s = ph_socket(), old = INVALID_SOCKET;
	int count;
	cr_assert_eq(PH_RUN("ip", "addr", "replace", "10.77.0.99/24", "dev", "san0"), 0);
	bool came = WSD_UNTIL(listed(s, "10.77.0.99", &count), SHOWS_MS);
	unsigned short port = ph_port();
	if (came)
		old = ph_listener("10.77.0.99", port, 5);
	cr_assert_eq(PH_RUN("ip", "addr", "del", "10.77.0.99/24", "dev", "san0"), 0);
	cr_assert(came);
	cr_assert(WSD_UNTIL(!listed(s, "10.77.0.99", &count), SHOWS_MS));
	cr_assert_eq(count, 4);
	cr_assert_eq(ph_bind(s, "10.77.0.99", port), WSAEADDRNOTAVAIL);
	cr_assert_eq(ph_listen(old, 6), 0, "what was bound goes on");
	cr_assert_eq(ph_close(old), 0);
	cr_assert_eq(ph_close(s), 0);
	END();
}

Test(ioctl, PROV_IOCTL_05_other_codes)
{
	BEGIN();
	SOCKET s = ph_socket();
	static const DWORD codes[] = {SIO_GET_QOS,
				      SIO_GET_GROUP_QOS,
				      SIO_SET_QOS,
				      SIO_SET_GROUP_QOS,
				      SIO_ADDRESS_LIST_CHANGE,
				      SIO_FLUSH,
				      0,
				      0xffffffff};
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		DWORD n = 7;
		char out[64];
		cr_assert_eq(ioctl_call(s, codes[i], out, 64, out, 64, &n), WSAEOPNOTSUPP, "%#x",
			     codes[i]);
		cr_assert_eq(ioctl_call(s, codes[i], NULL, 0, NULL, 0, NULL), WSAEOPNOTSUPP);
		cr_assert_eq(ioctl_call(s + 1, codes[i], NULL, 0, NULL, 0, NULL), WSAENOTSOCK);
	}
	cr_assert_eq(ph.proc.lpWSPIoctl(s, 0, NULL, 0, NULL, 0, NULL, NULL, NULL, NULL, NULL),
		     SOCKET_ERROR);
	cr_assert_eq(ph_close(s), 0);
	END();
}
