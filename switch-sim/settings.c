/* SPDX-License-Identifier: MIT
 *
 * Configuration keys of the application side. An illegal value is logged and the default stands.
 */
#include "settings.h"
#include "conf.h"
#include "log.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The place of the value of @key in @words, which ends with NULL; the first word is the default. */
static int choice(const struct conf *conf, const char *key, const char *const *words)
{
	const char *value = conf_get(conf, key);
	if (!value)
		return 0;
	for (int i = 0; words[i]; i++)
		if (!strcasecmp(words[i], value))
			return i;
	wsd_log(WSD_LOG_WARNING, "%s: %s = %s is none of its values; taking %s",
		conf_origin(conf, key), key, value, words[0]);
	return 0;
}

void settings_read(const struct conf *conf, struct sw_settings *ret)
{
	static const char *const profiles[] = {"documented", "observed", NULL};
	static const char *const wildcards[] = {"vista", "legacy", NULL};
	*ret = (struct sw_settings){
		.profile = (enum sw_profile)choice(conf, "profile", profiles),
		.wildcard = (enum sw_wildcard)choice(conf, "wildcard", wildcards),
		.socket_limit = (unsigned)conf_long(conf, "limit.sockets", INT_MAX, 0, INT_MAX),
		.startup_limit = (unsigned)conf_long(conf, "limit.startups", INT_MAX, 0, INT_MAX),
		.san_ms = (unsigned)conf_long(conf, "connect.san_ms", 1000, 0, 600000),
		.session = {.threshold =
				    (uint32_t)conf_long(conf, "session.threshold", 0, 0, INT_MAX),
			    .idle_buffers = 5,
			    .idle_size = 816, /* five of them in a page */
			    .full_buffers = 12,
			    .full_size = 4160, /* 4 KiB of data with its header */
			    .sndbuf = 65536,
			    .rcvbuf = 65536,
			    .no_rdma_read = conf_bool(conf, "session.no_rdma_read", false),
			    .spin_us =
				    (unsigned)conf_long(conf, "session.spin_us", 20, 0, 1000000)},
		.faults = conf_get(conf, "fault.netdown") || conf_get(conf, "fault.nobufs"),
	};
}

/* "start,count" [WS-PORT-3 (b)] */
static void read_range(const struct conf *conf, const char *key, struct names_range *ret)
{
	const char *value = conf_get(conf, key);
	if (!value)
		return;
	char *end;
	unsigned long start = strtoul(value, &end, 10), count = 0;
	if (end != value && *end == ',') {
		const char *second = end + 1;
		count = strtoul(second, &end, 10);
		if (end == second)
			count = 0;
	}
	struct names_range r = {(uint32_t)start, (uint32_t)count};
	if (*end || start > 65535 || count > 65535 || !names_range_legal(r))
		wsd_log(WSD_LOG_WARNING, "%s: %s = %s is no legal range; taking the default",
			conf_origin(conf, key), key, value);
	else
		*ret = r;
}

void settings_names(const struct conf *conf, struct names_config *ret)
{
	static const char *const reuse[] = {"enhanced", "legacy", NULL};
	static const char *const keys[NAMES_PROTO_COUNT] = {
		[NAMES_TCP4] = "dynamicport.tcp4",
		[NAMES_TCP6] = "dynamicport.tcp6",
		[NAMES_UDP4] = "dynamicport.udp4",
		[NAMES_UDP6] = "dynamicport.udp6",
	};
	*ret = (struct names_config){
		.broker_name = conf_get(conf, "broker.name"),
		.legacy_reuse = choice(conf, "reuse", reuse) == 1,
		.legacy_ports = conf_bool(conf, "dynamicport.legacy", false),
		.max_user_port = (uint32_t)conf_long(conf, "MaxUserPort", 0, 5000, 65534),
	};
	for (int i = 0; i < NAMES_PROTO_COUNT; i++)
		read_range(conf, keys[i], &ret->range[i]);
}
