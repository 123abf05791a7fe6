/* SPDX-License-Identifier: MIT
 *
 * Options and extension calls: what is recorded, replayed, forwarded to providers and what never is
 * [SW-BIND-3, -4, SW-OPT-1 to -4].
 */
#include "sw.h"

#include <stdlib.h>

static void set_int(SOCKET s, int option, int32_t value)
{
	cr_assert_eq(wsd_setsockopt(s, WSD_SOL_SOCKET, option, (char *)&value, sizeof(value)), 0,
		     "option %x: %d", (unsigned)option, wsd_WSAGetLastError());
}

Test(bind, SW_BIND_03_options_are_recorded_and_replayed_between_bind_and_listen)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_socket();
	set_int(s, WSD_SO_DEBUG, 1);
	set_int(s, WSD_SO_KEEPALIVE, 1); /* not one that is forwarded */
	bed_expect_quiet(&bed, 0);
	struct wsd_sockaddr_in in = {.sin_family = WSD_AF_INET, .sin_port = 0x1e14};
	in.sin_addr.s_addr = bed.p[0]->addrs_be[0];
	cr_assert_eq(wsd_bind(s, (struct wsd_sockaddr *)&in, sizeof(in)), 0);
	cr_assert_eq(wsd_listen(s, 5), 0);
	bed_expect(&bed, "a WSPSocket() = 2", "a WSPBind(2, 10.77.0.1:5150) = 0",
		   "a WSPSetSockOpt(2, SO_DEBUG, 1) = 0", "a WSPListen(2, 5) = 0",
		   "a WSPEventSelect(2, FD_ACCEPT) = 0");
	bed_close(s);
	stopped();
	BED_END();
}

Test(bind, SW_BIND_04_an_option_that_the_provider_refuses)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	static const struct {
		int error;
		bool companion;
	} rows[] = {{WSAENOPROTOOPT, true}, {WSAENETDOWN, false}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bed_fail(&bed, 0, "WSPSetSockOpt", "", rows[i].error);
		SOCKET s = bed_bound("10.77.0.1", BED_PORT);
		set_int(s, WSD_SO_DEBUG, 1);
		cr_assert_eq(wsd_listen(s, 5), 0);
		cr_assert_eq(bed_count(&bed, "WSPEventSelect"), rows[i].companion);
		cr_assert_eq(bed_count(&bed, "WSPCloseSocket"), !rows[i].companion);
		bed_close(s);
		bed_heal(&bed, 0);
		bed_clear(&bed);
	}
	stopped();
	BED_END();
}

Test(opt, SW_OPT_01_an_option_set_later_reaches_the_companions)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", "10.77.2.1", NULL);
	started();
	SOCKET s = bed_listener("0.0.0.0", BED_PORT);
	bed_clear(&bed);
	set_int(s, WSD_SO_DEBUG, 1);
	bed_expect(&bed, "a WSPSetSockOpt(2, SO_DEBUG, 1) = 0",
		   "a WSPSetSockOpt(3, SO_DEBUG, 1) = 0");
	set_int(s, WSD_SO_KEEPALIVE, 1);
	bed_expect_quiet(&bed, 0);
	bed_close(s);
	stopped();
	BED_END();
}

Test(opt, SW_OPT_01_priority_only_to_a_provider_with_quality_of_service)
{
	BED(2);
	bed_install(&bed, 1, NULL, "services = XP1_QOS_SUPPORTED\n");
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	bed_addrs(&bed, 1, "10.77.1.1", NULL);
	started();
	SOCKET s = bed_bound("0.0.0.0", BED_PORT);
	set_int(s, SO_GROUP_PRIORITY, 3);
	cr_assert_eq(wsd_listen(s, 5), 0);
	cr_assert_eq(bed_count(&bed, "a WSPSetSockOpt"), 0);
	cr_assert_eq(bed_count(&bed, "b WSPSetSockOpt(2, SO_GROUP_PRIORITY, 3)"), 1);
	bed_close(s);
	stopped();
	BED_END();
}

Test(opt, SW_OPT_01_a_forwarded_get_is_answered_by_the_companion)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	int32_t value = 0;
	int len = sizeof(value);
	bed_clear(&bed);
	cr_assert_eq(wsd_getsockopt(s, WSD_SOL_SOCKET, WSD_SO_DEBUG, (char *)&value, &len), 0, "%d",
		     wsd_WSAGetLastError());
	cr_assert_eq(value, 4242);
	bed_expect(&bed, "a WSPGetSockOpt(2, 0x1) = 0");
	bed_close(s);
	stopped();
	BED_END();
}

Test(opt, SW_OPT_01_the_sizes_of_rdma_are_the_companions)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	static const int sizes[] = {SO_MAX_RDMA_SIZE, SO_RDMA_THRESHOLD_SIZE};
	SOCKET san = bed_listener("10.77.0.1", BED_PORT), tcp = bed_bound("127.0.0.1", BED_PORT);
	bed_clear(&bed);
	for (size_t i = 0; i < 2; i++) {
		int32_t value = 0;
		int len = sizeof(value);
		cr_assert_eq(wsd_getsockopt(san, WSD_SOL_SOCKET, sizes[i], (char *)&value, &len),
			     0);
		cr_assert_eq(value, 4242);
		cr_assert_eq(wsd_getsockopt(tcp, WSD_SOL_SOCKET, sizes[i], (char *)&value, &len),
			     SOCKET_ERROR);
		cr_assert_eq(wsd_WSAGetLastError(), WSAENOPROTOOPT);
	}
	bed_expect(&bed, "a WSPGetSockOpt(2, 0x700d) = 0", "a WSPGetSockOpt(2, 0x700e) = 0");
	bed_close(tcp);
	bed_close(san);
	stopped();
	BED_END();
}

/* What is emulated for connections comes with connections. */
Test(opt, SW_OPT_03_the_message_size_is_that_of_tcp)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	int32_t value = -1;
	int len = sizeof(value);
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	bed_clear(&bed);
	cr_assert_eq(wsd_getsockopt(s, WSD_SOL_SOCKET, SO_MAX_MSG_SIZE, (char *)&value, &len), 0);
	cr_assert_eq(value, 0, "a stream has no messages");
	cr_assert_eq(bed_count(&bed, "WSPGetSockOpt"), 0);
	bed_close(s);
	stopped();
	BED_END();
}

Test(opt, SW_OPT_02_quality_of_service_is_not_forwarded_to_a_provider_without_it)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	SOCKET s = bed_listener("10.77.0.1", BED_PORT);
	static const DWORD codes[] = {SIO_GET_QOS, SIO_SET_QOS, SIO_GET_GROUP_QOS,
				      SIO_SET_GROUP_QOS, SIO_GET_EXTENSION_FUNCTION_POINTER};
	QOS qos;
	DWORD bytes = 0;
	memset(&qos, 0, sizeof(qos));
	bed_clear(&bed);
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		cr_assert_eq(wsd_WSAIoctl(s, codes[i], &qos, sizeof(qos), &qos, sizeof(qos), &bytes,
					  NULL, NULL),
			     SOCKET_ERROR, "code %zu", i);
	bed_expect_quiet(&bed, 0);
	bed_close(s);
	stopped();
	BED_END();
}

/* ---- SW-OPT-4: Microsoft's extensions are the switch's own business ---- */

/* Their names are asked for at the switch, so no provider may hear of them; that they become
 * WSPSend, WSPAccept and RDMA comes with connections, and until then they say so. */
Test(opt, SW_OPT_04_no_provider_hears_of_AcceptEx_TransmitFile_and_GetAcceptExSockaddrs)
{
	BED(1);
	bed_addrs(&bed, 0, "10.77.0.1", NULL);
	started();
	static const GUID ids[] = {WSAID_TRANSMITFILE, WSAID_ACCEPTEX, WSAID_GETACCEPTEXSOCKADDRS};
	SOCKET s = bed_listener("10.77.0.1", BED_PORT), accepting = bed_socket();
	WSAOVERLAPPED o, file;
	char buffer[128] = {0};
	DWORD bytes = 0;
	memset(&o, 0, sizeof(o));
	memset(&file, 0, sizeof(file));
	bed_clear(&bed);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		GUID id = ids[i];
		void *function = buffer;
		cr_assert_eq(wsd_WSAIoctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id),
					  &function, sizeof(function), &bytes, NULL, NULL),
			     0);
		cr_assert_eq(bytes, sizeof(function));
		cr_assert_neq(function, buffer);
	}
	cr_assert_not(wsd_AcceptEx(s, accepting, buffer, 0, 32, 32, &bytes, &o));
	cr_assert_eq(wsd_WSAGetLastError(), WSA_IO_PENDING);
	cr_assert_not(wsd_TransmitFile(s, NULL, 0, 0, &file, NULL, 0));
	cr_assert_eq(wsd_WSAGetLastError(), WSAENOTCONN);
	bed_expect_quiet(&bed, 0);
	bed_close(accepting);
	cr_assert_eq(o.Internal, WSA_OPERATION_ABORTED);
	bed_close(s);
	bed_expect(&bed, CLOSED("a", "2"));
	stopped();
	BED_END();
}

/* Done in the switch alone: two names in AcceptEx's buffer, behind the data. */
Test(opt, SW_OPT_04_GetAcceptExSockaddrs_takes_the_names_out_of_the_buffer)
{
	BED(1);
	started();
	enum { DATA = 8, ROOM = sizeof(struct wsd_sockaddr_in) + 16 };
	_Alignas(8) char buffer[DATA + 2 * ROOM] = {0};
	struct wsd_sockaddr_in names[2] = {{.sin_family = WSD_AF_INET, .sin_port = 1},
					   {.sin_family = WSD_AF_INET, .sin_port = 2}};
	struct wsd_sockaddr *got[2] = {NULL, NULL};
	int sizes[2] = {-1, -1};
	for (int i = 0; i < 2; i++)
		memcpy(buffer + DATA + i * ROOM, &names[i], sizeof(names[i]));
	wsd_GetAcceptExSockaddrs(buffer, DATA, ROOM, ROOM, &got[0], &sizes[0], &got[1], &sizes[1]);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq((void *)got[i], (void *)(buffer + DATA + i * ROOM));
		cr_assert_eq(sizes[i], (int)sizeof(names[i]));
	}
	bed_expect_quiet(&bed, 0);
	stopped();
	BED_END();
}
