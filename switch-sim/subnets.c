/* SPDX-License-Identifier: MIT
 *
 * The subnet table [SW-SUBNET-1 to -6]. Immutable after subnets_build; only the reference count
 * changes. No locks.
 */
#include "subnets.h"

#include "log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct part {
	struct san_provider *provider;
	size_t first, count; /* its rows */
};

struct subnets {
	atomic_uint refs;
	size_t n_rows, n_parts, n_buckets; /* n_buckets is a power of two */
	struct subnets_row *rows;
	struct part *parts;
	uint32_t *buckets; /* index of a row + 1; 0: free; open addressing by local address */
};

static bool in_net(uint32_t addr_be, uint32_t net, unsigned prefix_len)
{
	uint32_t mask = prefix_len ? UINT32_MAX << (32 - prefix_len) : 0;
	return ((ntohl(addr_be) ^ net) & mask) == 0;
}

static const struct addrs_row *find_tcpip(const struct addrs_row *rows, size_t n, uint32_t addr_be)
{
	for (size_t i = 0; i < n; i++)
		if (rows[i].addr_be == addr_be)
			return &rows[i];
	return NULL;
}

static size_t bucket_of(const struct subnets *t, uint32_t addr_be)
{
	return (addr_be * 2654435769u >> 7) & (t->n_buckets - 1);
}

static void enter_row(struct subnets *t, size_t i)
{
	size_t b = bucket_of(t, t->rows[i].addr_be);
	while (t->buckets[b]) {
		if (t->rows[t->buckets[b] - 1].addr_be == t->rows[i].addr_be)
			return; /* registered first wins */
		b = (b + 1) & (t->n_buckets - 1);
	}
	t->buckets[b] = (uint32_t)i + 1;
}

static bool part_has(const struct subnets *t, const struct part *p, uint32_t addr_be)
{
	for (size_t i = p->first; i < p->first + p->count; i++)
		if (t->rows[i].addr_be == addr_be)
			return true;
	return false;
}

struct build {
	const struct addrs_row *tcpip;
	size_t n_tcpip;
	bool (*use_autoconf)(void *arg, const char *ifname);
	void *arg;
	struct subnets_doubts doubts;
};

static void add_address(struct subnets *t, struct part *p, struct build *b, const char *label,
			uint32_t addr_be)
{
	char text[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &addr_be, text, sizeof(text));
	if (in_net(addr_be, 0x7f000000, 8) || !addr_be) {
		b->doubts.loopback++;
		wsd_log(WSD_LOG_WARNING, "%s lists %s, which is TCP/IP's [SW-SUBNET-4]", label,
			text);
		return;
	}
	const struct addrs_row *a = find_tcpip(b->tcpip, b->n_tcpip, addr_be);
	if (!a) {
		b->doubts.unknown++;
		wsd_log(WSD_LOG_INFO, "%s lists %s, which TCP/IP does not have (now)", label, text);
		return;
	}
	if (in_net(addr_be, 0xa9fe0000, 16) && b->use_autoconf &&
	    !b->use_autoconf(b->arg, a->ifname)) {
		b->doubts.autoconf++;
		wsd_log(WSD_LOG_INFO, "%s of %s is not used: autoconfiguration is off [SW-WILD-4]",
			text, a->ifname);
		return;
	}
	if (part_has(t, p, addr_be))
		return;
	unsigned prefix = a->prefix_len > 32 ? 32 : a->prefix_len;
	uint32_t mask = prefix ? UINT32_MAX << (32 - prefix) : 0;
	t->rows[t->n_rows++] = (struct subnets_row){
		.addr_be = addr_be,
		.network_be = addr_be & htonl(mask),
		.prefix_len = (uint8_t)prefix,
		.ifindex = a->ifindex,
		.provider = p->provider,
	};
	p->count++;
}

static struct subnets *allocate(size_t n_parts, size_t max_rows)
{
	struct subnets *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->n_buckets = 8;
	while (t->n_buckets < max_rows * 2)
		t->n_buckets *= 2;
	t->rows = calloc(max_rows + 1, sizeof(*t->rows));
	t->parts = calloc(n_parts + 1, sizeof(*t->parts));
	t->buckets = calloc(t->n_buckets, sizeof(*t->buckets));
	atomic_init(&t->refs, 1);
	if (t->rows && t->parts && t->buckets)
		return t;
	subnets_put(t);
	return NULL;
}

int subnets_build(const struct subnets_source *sources, size_t n_sources,
		  const struct addrs_row *tcpip, size_t n_tcpip,
		  bool (*use_autoconf)(void *arg, const char *ifname), void *arg,
		  struct subnets **ret, struct subnets_doubts *ret_doubts)
{
	struct build b = {tcpip, n_tcpip, use_autoconf, arg, {0}};
	size_t max_rows = 0;
	for (size_t i = 0; i < n_sources; i++)
		max_rows += sources[i].count;
	struct subnets *t = allocate(n_sources, max_rows);
	if (!t)
		return -ENOMEM;
	for (size_t i = 0; i < n_sources; i++) {
		struct part *p = &t->parts[t->n_parts++];
		*p = (struct part){sources[i].provider, t->n_rows, 0};
		for (size_t k = 0; k < sources[i].count; k++)
			add_address(t, p, &b, sources[i].label, sources[i].addrs_be[k]);
	}
	for (size_t i = 0; i < t->n_rows; i++)
		enter_row(t, i);
	*ret = t;
	if (ret_doubts)
		*ret_doubts = b.doubts;
	return 0;
}

struct subnets *subnets_ref(struct subnets *t)
{
	atomic_fetch_add(&t->refs, 1);
	return t;
}

void subnets_put(struct subnets *t)
{
	if (!t || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	free(t->rows);
	free(t->parts);
	free(t->buckets);
	free(t);
}

const struct subnets_row *subnets_local(const struct subnets *t, uint32_t addr_be)
{
	for (size_t b = bucket_of(t, addr_be); t->buckets[b]; b = (b + 1) & (t->n_buckets - 1))
		if (t->rows[t->buckets[b] - 1].addr_be == addr_be)
			return &t->rows[t->buckets[b] - 1];
	return NULL;
}

const struct subnets_row *subnets_route(const struct subnets *t, uint32_t dest_be,
					uint32_t bound_be)
{
	const struct subnets_row *best = NULL;
	if (in_net(dest_be, 0x7f000000, 8)) /* [SW-SUBNET-4] */
		return NULL;
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct subnets_row *r = &t->rows[i];
		if (bound_be && r->addr_be != bound_be) /* [SW-SUBNET-3] */
			continue;
		/* rows stand in order of registration, so a later one must be strictly better */
		if (in_net(dest_be, ntohl(r->network_be), r->prefix_len) &&
		    (!best || r->prefix_len > best->prefix_len))
			best = r;
	}
	return best;
}

size_t subnets_providers(const struct subnets *t)
{
	return t->n_parts;
}

struct san_provider *subnets_provider(const struct subnets *t, size_t i)
{
	return t->parts[i].provider;
}

bool subnets_has_provider(const struct subnets *t, const struct san_provider *provider)
{
	for (size_t i = 0; i < t->n_parts; i++)
		if (t->parts[i].provider == provider)
			return true;
	return false;
}

const struct subnets_row *subnets_rows(const struct subnets *t, size_t i, size_t *ret_count)
{
	*ret_count = t->parts[i].count;
	return &t->rows[t->parts[i].first];
}

size_t subnets_count(const struct subnets *t)
{
	return t->n_rows;
}
