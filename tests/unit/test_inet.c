/* SPDX-License-Identifier: MIT
 *
 * Addresses between Winsock's shape and the kernel's, as text, and UTF-16. [WS-NAME-9]
 */
#include "check.h"
#include "address.h"
#include "inet.h"
#include "utf16.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/un.h>

Test(inet, WS_NAME_9_addresses_there_and_back)
{
	WSD_TEST_BEGIN();
	struct sockaddr_storage linux_;
	struct wsd_sockaddr_storage back;
	socklen_t len;
	int size;
	SOCKADDR_IN four = {.sin_family = WSD_AF_INET,
			    .sin_port = htons(80),
			    .sin_addr = {{.s_addr = 0x0100007f}}};
	cr_assert_eq(address_to_linux(&four, sizeof(four), &linux_, &len), 0);
	cr_assert_eq(linux_.ss_family, AF_INET);
	cr_assert_eq(len, sizeof(struct sockaddr_in));
	cr_assert_eq(address_from_linux((struct sockaddr *)&linux_, len, &back, &size), 0);
	cr_assert_eq(size, sizeof(four));
	cr_assert_eq(memcmp(&back, &four, sizeof(four)), 0);
	SOCKADDR_IN6 six = {
		.sin6_family = WSD_AF_INET6, .sin6_port = htons(80), .sin6_scope_id = 7};
	six.sin6_addr.u.Byte[15] = 1;
	cr_assert_eq(address_to_linux(&six, sizeof(six), &linux_, &len), 0);
	cr_assert_eq(linux_.ss_family, AF_INET6);
	cr_assert_eq(address_from_linux((struct sockaddr *)&linux_, len, &back, &size), 0);
	cr_assert_eq(memcmp(&back, &six, sizeof(six)), 0);
	SOCKADDR_UN un = {.sun_family = WSD_AF_UNIX, .sun_path = "/tmp/x"};
	cr_assert_eq(address_to_linux(&un, sizeof(un), &linux_, &len), 0);
	cr_assert_eq(len, offsetof(struct sockaddr_un, sun_path) + 7);
	cr_assert_str_eq(((struct sockaddr_un *)&linux_)->sun_path, "/tmp/x");
	/* a path that fills its place has no NUL, and is not read beyond */
	memset(un.sun_path, 'x', sizeof(un.sun_path));
	cr_assert_eq(address_to_linux(&un, sizeof(un), &linux_, &len), 0);
	cr_assert_eq(len, sizeof(struct sockaddr_un));
	four.sin_family = 77;
	cr_assert_eq(address_to_linux(&four, sizeof(four), &linux_, &len), -EAFNOSUPPORT);
	WSD_TEST_END();
}

Test(inet, WS_NAME_9_what_an_address_is)
{
	static const struct {
		int af;
		const char *text;
		bool wildcard, multicast, four;
	} rows[] = {
		{WSD_AF_INET, "0.0.0.0", true, false, true},
		{WSD_AF_INET, "10.1.2.3", false, false, true},
		{WSD_AF_INET, "224.0.0.1", false, true, true},
		{WSD_AF_INET, "239.255.255.255", false, true, true},
		{WSD_AF_INET6, "::", true, false, false},
		{WSD_AF_INET6, "::ffff:0.0.0.0", true, false, true},
		{WSD_AF_INET6, "::ffff:10.1.2.3", false, false, true},
		{WSD_AF_INET6, "ff02::1", false, true, false},
		{WSD_AF_INET6, "::1", false, false, false},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct wsd_sockaddr_storage a;
		int len;
		uint32_t be;
		cr_assert_eq(inet_parse_name(rows[i].af, rows[i].text, &a, &len), 0);
		cr_assert_eq(address_is_wildcard(&a), rows[i].wildcard, "%s", rows[i].text);
		cr_assert_eq(address_is_multicast(&a), rows[i].multicast, "%s", rows[i].text);
		cr_assert_eq(address_ipv4(&a, &be), rows[i].four, "%s", rows[i].text);
		address_set_port(&a, 4711);
		cr_assert_eq(address_port(&a), 4711);
	}
	WSD_TEST_END();
}

Test(inet, WS_NAME_9_utf16_and_utf8)
{
	static const struct {
		const WCHAR *wide;
		const char *narrow;
	} rows[] = {
		{u"", ""},
		{u"plain", "plain"},
		{u"\u00e9\u20ac", "\xc3\xa9\xe2\x82\xac"},
		{u"\U0001F600", "\xf0\x9f\x98\x80"},
	};
	WSD_TEST_BEGIN();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char narrow[32];
		WCHAR wide[32];
		size_t n = utf16_to_utf8(rows[i].wide, narrow, sizeof(narrow));
		cr_assert_eq(n, strlen(rows[i].narrow) + 1);
		cr_assert_str_eq(narrow, rows[i].narrow);
		n = utf8_to_utf16(rows[i].narrow, wide, 32);
		cr_assert_eq(memcmp(wide, rows[i].wide, n * 2), 0);
		WCHAR *dup = utf8_dup_utf16(rows[i].narrow);
		cr_assert_eq(memcmp(dup, rows[i].wide, n * 2), 0);
		free(dup);
	}
	/* what is broken becomes U+FFFD, and what does not fit is left out whole */
	char narrow[8];
	WCHAR wide[8];
	utf16_to_utf8((const WCHAR[]){0xd800, 'x', 0}, narrow, sizeof(narrow));
	cr_assert_str_eq(narrow, "\xef\xbf\xbdx");
	utf8_to_utf16("\xff\xc3", wide, 8);
	cr_assert_eq(wide[0], 0xfffd);
	cr_assert_eq(wide[1], 0xfffd);
	utf8_to_utf16("\xc0\x80", wide, 8); /* an overlong NUL */
	cr_assert_eq(wide[0], 0xfffd);
	cr_assert_eq(utf16_to_utf8(u"a\u20acb", narrow, 4), 6);
	cr_assert_str_eq(narrow, "a");
	cr_assert_null(utf8_dup_utf16(NULL));
	WSD_TEST_END();
}
