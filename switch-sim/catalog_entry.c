/* SPDX-License-Identifier: MIT
 *
 * One file of the catalogue: `key = value` lines that describe a provider [PROV-INIT-11]. A line
 * that cannot be understood makes the whole entry unusable, and the log names file and line. Pure
 * functions, no locks.
 */
#include "catalog_priv.h"

#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

struct flag {
	const char *name;
	DWORD value;
};

#define FLAG(name)          \
	{                   \
#name, name \
	}

static const struct flag provider_flags[] = {
	FLAG(PFL_MULTIPLE_PROTO_ENTRIES), FLAG(PFL_RECOMMENDED_PROTO_ENTRY), FLAG(PFL_HIDDEN),
	FLAG(PFL_MATCHES_PROTOCOL_ZERO),  FLAG(PFL_NETWORKDIRECT_PROVIDER),
};

static const struct flag service_flags[] = {
	FLAG(XP1_CONNECTIONLESS),
	FLAG(XP1_GUARANTEED_DELIVERY),
	FLAG(XP1_GUARANTEED_ORDER),
	FLAG(XP1_MESSAGE_ORIENTED),
	FLAG(XP1_PSEUDO_STREAM),
	FLAG(XP1_GRACEFUL_CLOSE),
	FLAG(XP1_EXPEDITED_DATA),
	FLAG(XP1_CONNECT_DATA),
	FLAG(XP1_DISCONNECT_DATA),
	FLAG(XP1_SUPPORT_BROADCAST),
	FLAG(XP1_SUPPORT_MULTIPOINT),
	FLAG(XP1_MULTIPOINT_CONTROL_PLANE),
	FLAG(XP1_MULTIPOINT_DATA_PLANE),
	FLAG(XP1_QOS_SUPPORTED),
	FLAG(XP1_INTERRUPT),
	FLAG(XP1_UNI_SEND),
	FLAG(XP1_UNI_RECV),
	FLAG(XP1_IFS_HANDLES),
	FLAG(XP1_PARTIAL_MESSAGE),
	FLAG(XP1_SAN_SUPPORT_SDP),
};

/* What one line of an entry may set. */
struct parse {
	const char *dir;
	struct catalog_entry *entry;
	bool has_id, has_name;
};

static int parse_flags(const char *value, const struct flag *flags, size_t n, DWORD *ret)
{
	DWORD sum = 0;
	while (*value) {
		size_t len = strcspn(value, " \t,|");
		if (len && isdigit((unsigned char)*value)) {
			char *end;
			unsigned long number = strtoul(value, &end, 0);
			if (end != value + len || number > UINT32_MAX)
				return -EINVAL;
			sum |= (DWORD)number;
		} else if (len) {
			size_t i = 0;
			while (i < n && (strlen(flags[i].name) != len ||
					 strncasecmp(flags[i].name, value, len) != 0))
				i++;
			if (i == n)
				return -EINVAL;
			sum |= flags[i].value;
		}
		value += len;
		value += strspn(value, " \t,|");
	}
	*ret = sum;
	return 0;
}

/* One code point of UTF-8; 0xFFFD for what is none. */
static uint32_t next_point(const unsigned char **s)
{
	static const struct {
		unsigned char mask, lead, more;
		uint32_t min;
	} forms[] = {{0x80, 0x00, 0, 0},
		     {0xe0, 0xc0, 1, 0x80},
		     {0xf0, 0xe0, 2, 0x800},
		     {0xf8, 0xf0, 3, 0x10000}};
	unsigned char c = *(*s)++;
	for (size_t i = 0; i < COUNT(forms); i++) {
		if ((c & forms[i].mask) != forms[i].lead)
			continue;
		uint32_t point = c & (unsigned char)~forms[i].mask;
		for (unsigned k = 0; k < forms[i].more; k++) {
			if ((**s & 0xc0) != 0x80)
				return 0xfffd;
			point = point << 6 | (*(*s)++ & 0x3f);
		}
		if (point < forms[i].min || point > 0x10ffff || (point & ~0x7ffu) == 0xd800)
			return 0xfffd;
		return point;
	}
	return 0xfffd;
}

static int set_name(struct parse *p, const char *value)
{
	WCHAR *to = p->entry->info.szProtocol;
	size_t n = 0;
	for (const unsigned char *s = (const unsigned char *)value; *s;) {
		uint32_t point = next_point(&s);
		if (n + 2 > WSAPROTOCOL_LEN)
			return -EINVAL;
		if (point < 0x10000) {
			to[n++] = (WCHAR)point;
		} else {
			to[n++] = (WCHAR)(0xd800 + ((point - 0x10000) >> 10));
			to[n++] = (WCHAR)(0xdc00 + ((point - 0x10000) & 0x3ff));
		}
	}
	to[n] = 0;
	p->has_name = n > 0;
	return n ? 0 : -EINVAL;
}

static int set_id(struct parse *p, const char *value)
{
	p->has_id = true;
	return catalog_parse_guid(value, &p->entry->info.ProviderId);
}

static int set_module(struct parse *p, const char *value)
{
	char *path = NULL;
	if (!*value)
		return -EINVAL;
	int n = *value == '/' ? asprintf(&path, "%s", value)
			      : asprintf(&path, "%s/%s", p->dir, value);
	if (n < 0)
		return -ENOMEM;
	free(p->entry->module);
	p->entry->module = path;
	return n < PATH_MAX ? 0 : -EINVAL;
}

static int set_flags(struct parse *p, const char *value)
{
	return parse_flags(value, provider_flags, COUNT(provider_flags),
			   &p->entry->info.dwProviderFlags);
}

static int set_services(struct parse *p, const char *value)
{
	return parse_flags(value, service_flags, COUNT(service_flags),
			   &p->entry->info.dwServiceFlags1);
}

static int set_version(struct parse *p, const char *value)
{
	char *end;
	long version = strtol(value, &end, 10);
	if (*end || end == value || version < 0 || version > INT_MAX)
		return -EINVAL;
	p->entry->info.iVersion = (int)version;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct parse *p, const char *value);
} keys[] = {
	{"id", set_id},       {"name", set_name},         {"module", set_module},
	{"flags", set_flags}, {"services", set_services}, {"version", set_version},
};

static char *trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;
	char *end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return s;
}

static int parse_line(struct parse *p, const char *path, unsigned number, char *line)
{
	char *s = trim(line);
	if (!*s || *s == '#')
		return 0;
	char *eq = strchr(s, '=');
	if (!eq) {
		wsd_log(WSD_LOG_ERROR, "catalogue: %s:%u: no '=' in: %s", path, number, s);
		return -EINVAL;
	}
	*eq = '\0';
	char *key = trim(s), *value = trim(eq + 1);
	for (size_t i = 0; i < COUNT(keys); i++) {
		if (strcasecmp(keys[i].key, key) != 0)
			continue;
		int err = keys[i].set(p, value);
		if (err == -EINVAL)
			wsd_log(WSD_LOG_ERROR, "catalogue: %s:%u: not a value for %s: %s", path,
				number, key, value);
		return err;
	}
	wsd_log(WSD_LOG_ERROR, "catalogue: %s:%u: no such key: %s", path, number, key);
	return -EINVAL;
}

static int check(const struct parse *p, const char *path)
{
	const WSAPROTOCOL_INFOW *info = &p->entry->info;
	const char *missing = !p->has_id          ? "id"
			      : !p->has_name      ? "name"
			      : !p->entry->module ? "module"
						  : NULL;
	if (missing) {
		wsd_log(WSD_LOG_ERROR, "catalogue: %s: %s is missing", path, missing);
		return -EINVAL;
	}
	if ((info->dwProviderFlags & PFL_HIDDEN) && (info->dwServiceFlags1 & XP1_CONNECTIONLESS)) {
		wsd_log(WSD_LOG_ERROR,
			"catalogue: %s: XP1_CONNECTIONLESS does not go with PFL_HIDDEN: a SAN "
			"provider is never connectionless [PROV-INIT-11]",
			path);
		return -EINVAL;
	}
	return 0;
}

int catalog_parse_entry(const char *dir, const char *path, char *text, struct catalog_entry *ret)
{
	struct parse p = {.dir = dir, .entry = ret};
	ret->module = NULL;
	ret->info = (WSAPROTOCOL_INFOW){
		.iVersion = 2,
		.iAddressFamily = WSD_AF_INET,
		.iMaxSockAddr = sizeof(struct wsd_sockaddr_in),
		.iMinSockAddr = sizeof(struct wsd_sockaddr_in),
		.iSocketType = WSD_SOCK_STREAM,
		.iProtocol = WSD_IPPROTO_TCP,
		.ProtocolChain = {.ChainLen = 1},
	};
	int err = 0;
	unsigned number = 0;
	for (char *line = text, *next; line && !err; line = next) {
		number++;
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		err = parse_line(&p, path, number, line);
	}
	if (!err)
		err = check(&p, path);
	if (err) {
		free(ret->module);
		ret->module = NULL;
	}
	return err;
}

int catalog_parse_guid(const char *text, GUID *ret)
{
	/* digits at fixed places; nothing else is accepted */
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
	char hex[33];
	size_t n = strlen(text), digits = 0;
	if (n == sizeof(shape) - 1 + 2 && text[0] == '{' && text[n - 1] == '}') {
		text++;
		n -= 2;
	}
	if (n != sizeof(shape) - 1)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		if (shape[i] == '-' ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
			return -EINVAL;
		if (shape[i] != '-')
			hex[digits++] = text[i];
	}
	hex[digits] = '\0';
	unsigned bytes[8];
	if (sscanf(hex + 16, "%2x%2x%2x%2x%2x%2x%2x%2x", &bytes[0], &bytes[1], &bytes[2], &bytes[3],
		   &bytes[4], &bytes[5], &bytes[6], &bytes[7]) != 8)
		return -EINVAL;
	unsigned data1, data2, data3;
	if (sscanf(hex, "%8x%4x%4x", &data1, &data2, &data3) != 3)
		return -EINVAL;
	ret->Data1 = data1;
	ret->Data2 = (uint16_t)data2;
	ret->Data3 = (uint16_t)data3;
	for (int i = 0; i < 8; i++)
		ret->Data4[i] = (uint8_t)bytes[i];
	return 0;
}
