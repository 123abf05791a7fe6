/* SPDX-License-Identifier: MIT
 *
 * Services, protocols and hosts by name and number, against libc's answers on this machine, which
 * may have no such data at all. [WS-NAME-9, WS-ERR-2]
 */
#include "ws.h"

#include <netdb.h>
#include <pthread.h>
#include <sys/mman.h>

static void same_service(const struct wsd_servent *ours, const struct servent *theirs)
{
	int code = wsd_WSAGetLastError();
	cr_assert_eq(!ours, !theirs);
	if (!ours) {
		cr_assert_eq(code, WSANO_DATA);
		return;
	}
	cr_assert_eq(code, 0);
	cr_assert_str_eq(ours->s_name, theirs->s_name);
	cr_assert_str_eq(ours->s_proto, theirs->s_proto);
	cr_assert_eq(ours->s_port, (short)theirs->s_port);
	size_t i = 0;
	for (; theirs->s_aliases[i]; i++)
		cr_assert_str_eq(ours->s_aliases[i], theirs->s_aliases[i]);
	cr_assert_null(ours->s_aliases[i]);
}

Test(database, WS_NAME_9_services)
{
	static const struct {
		const char *name, *proto;
	} rows[] = {{"http", "tcp"},   {"http", NULL},       {"domain", "udp"}, {"syslog", "tcp"},
		    {"nobody", "tcp"}, {"http", "nonesuch"}, {"", NULL},        {"www", "tcp"}};
	WS_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		same_service(wsd_getservbyname(rows[i].name, rows[i].proto),
			     getservbyname(rows[i].name, rows[i].proto));
	static const int ports[] = {80, 53, 514, 0, 65535};
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		int be = htons((uint16_t)ports[i]);
		same_service(wsd_getservbyport(be, NULL), getservbyport(be, NULL));
		same_service(wsd_getservbyport(be, "udp"), getservbyport(be, "udp"));
		/* what a short holds, widened with its sign */
		same_service(wsd_getservbyport((short)be, NULL), getservbyport(be, NULL));
	}
	WS_END();
}

static void same_protocol(const struct wsd_protoent *ours, const struct protoent *theirs)
{
	int code = wsd_WSAGetLastError();
	cr_assert_eq(!ours, !theirs);
	if (!ours) {
		cr_assert_eq(code, WSANO_DATA);
		return;
	}
	cr_assert_eq(code, 0);
	cr_assert_str_eq(ours->p_name, theirs->p_name);
	cr_assert_eq(ours->p_proto, theirs->p_proto);
	size_t i = 0;
	for (; theirs->p_aliases[i]; i++)
		cr_assert_str_eq(ours->p_aliases[i], theirs->p_aliases[i]);
	cr_assert_null(ours->p_aliases[i]);
}

Test(database, WS_NAME_9_protocols)
{
	static const char *const names[] = {"tcp", "udp", "TCP", "ipv6-icmp", "nonesuch", ""};
	static const int numbers[] = {6, 17, 0, 58, -1, 255, 100000};
	WS_BEGIN();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		same_protocol(wsd_getprotobyname(names[i]), getprotobyname(names[i]));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		same_protocol(wsd_getprotobynumber(numbers[i]), getprotobynumber(numbers[i]));
	WS_END();
}

Test(database, WS_NAME_9_a_host_by_its_address)
{
	WS_BEGIN();
	unsigned char four[4] = {127, 0, 0, 1}, six[16] = {[15] = 1}, none[4] = {203, 0, 113, 1};
	/* the name is this machine's affair; whether there is one, libc says */
	struct {
		void *addr;
		int len, type, linux_;
	} rows[] = {{four, 4, WSD_AF_INET, AF_INET}, {six, 16, WSD_AF_INET6, AF_INET6}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wsd_hostent *h = wsd_gethostbyaddr(rows[i].addr, rows[i].len, rows[i].type);
		int code = wsd_WSAGetLastError();
		struct hostent *theirs =
			gethostbyaddr(rows[i].addr, (socklen_t)rows[i].len, rows[i].linux_);
		cr_assert_eq(!h, !theirs);
		if (!h) {
			cr_assert(code == WSAHOST_NOT_FOUND || code == WSATRY_AGAIN, "%d", code);
			continue;
		}
		cr_assert_eq(code, 0);
		cr_assert_str_eq(h->h_name, theirs->h_name);
		cr_assert_eq(h->h_addrtype, rows[i].type);
		cr_assert_eq(h->h_length, rows[i].len);
		cr_assert_eq(memcmp(h->h_addr_list[0], rows[i].addr, (size_t)rows[i].len), 0);
		cr_assert_null(h->h_addr_list[1]);
		cr_assert_null(h->h_aliases[0]);
	}
	static const struct {
		int len, type, code;
	} bad[] = {{3, WSD_AF_INET, WSAEFAULT},  {15, WSD_AF_INET6, WSAEFAULT},
		   {-1, WSD_AF_INET, WSAEFAULT}, {4, WSD_AF_UNIX, WSAEAFNOSUPPORT},
		   {4, 99, WSAEAFNOSUPPORT},     {0, WSD_AF_UNSPEC, WSAEAFNOSUPPORT}};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_null(wsd_gethostbyaddr((char *)none, bad[i].len, bad[i].type));
		cr_assert_eq(wsd_WSAGetLastError(), bad[i].code);
	}
	cr_assert_null(wsd_gethostbyaddr(NULL, 4, WSD_AF_INET));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	cr_assert_null(wsd_gethostbyaddr((char *)1, 4, WSD_AF_INET));
	cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT);
	WS_END();
}

#define FAULT(call)                                                    \
	do {                                                           \
		cr_assert_null(call, #call);                           \
		cr_assert_eq(wsd_WSAGetLastError(), WSAEFAULT, #call); \
	} while (0)

Test(database, WS_NAME_9_bad_pointers_and_long_names)
{
	WS_BEGIN();
	char *bad = (char *)1, longer[300];
	FAULT(wsd_getservbyname(NULL, NULL));
	FAULT(wsd_getservbyname(bad, NULL));
	FAULT(wsd_getservbyname("http", bad));
	FAULT(wsd_getservbyport(80, bad));
	FAULT(wsd_getprotobyname(NULL));
	FAULT(wsd_getprotobyname(bad));
	memset(longer, 'a', sizeof(longer));
	cr_assert_null(wsd_getservbyname(longer, NULL));
	cr_assert_eq(wsd_WSAGetLastError(), WSANO_DATA);
	/* a name that ends with the last byte of its page, nothing behind it */
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(page, MAP_FAILED);
	cr_assert_eq(munmap(page + 4096, 4096), 0);
	strcpy(page + 4096 - 4, "tcp");
	same_protocol(wsd_getprotobyname(page + 4096 - 4), getprotobyname("tcp"));
	page[4095] = 'p';
	FAULT(wsd_getprotobyname(page + 4096 - 4));
	munmap(page, 4096);
	WS_END();
}

static void *asks_for_another(void *unused)
{
	wsd_getservbyname("domain", "udp");
	wsd_getprotobyname("udp");
	return unused;
}

Test(database, WS_NAME_9_the_memory_is_the_threads)
{
	WS_BEGIN();
	struct wsd_servent *s = wsd_getservbyname("http", "tcp");
	struct wsd_protoent *p = wsd_getprotobyname("tcp");
	pthread_t t;
	cr_assert_eq(pthread_create(&t, NULL, asks_for_another, NULL), 0);
	pthread_join(t, NULL);
	/* nor do the other calls of this thread take it */
	wsd_getservbyport(htons(53), NULL);
	wsd_getprotobynumber(17);
	wsd_WSASetLastError(s ? 0 : WSANO_DATA);
	same_service(s, getservbyname("http", "tcp"));
	wsd_WSASetLastError(p ? 0 : WSANO_DATA);
	same_protocol(p, getprotobyname("tcp"));
	WS_END();
}

Test(database, WS_NAME_9_the_hosts_name_in_UTF16)
{
	WS_BEGIN();
	char name[256];
	WCHAR wide[256];
	WS_OK(wsd_gethostname(name, sizeof(name)));
	WS_OK(wsd_GetHostNameW(wide, 256));
	int n = (int)strlen(name);
	for (int i = 0; i <= n; i++)
		cr_assert_eq(wide[i], (unsigned char)name[i]);
	WS_OK(wsd_GetHostNameW(wide, n + 1));
	memset(wide, 0x55, sizeof(wide));
	WS_IS(wsd_GetHostNameW(wide, n), WSAEFAULT);
	cr_assert_eq(wide[0], 0x5555);
	WS_IS(wsd_GetHostNameW(wide, -1), WSAEFAULT);
	WS_IS(wsd_GetHostNameW(NULL, 256), WSAEFAULT);
	WS_IS(wsd_GetHostNameW((WCHAR *)1, 256), WSAEFAULT);
	WS_END();
}
