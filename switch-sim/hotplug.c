/* SPDX-License-Identifier: MIT
 *
 * Taking in what changes: addresses, RDMA devices, the catalogue [switch.md part 15, SW-LISTEN-5,
 * SW-LISTEN-6]. Called by one thread at a time (san_priv.h). Holds no lock over a downcall but the
 * lock of the socket whose companions it sets right.
 */
#include "san_priv.h"

#include "conf.h"
#include "log.h"
#include "names.h"
#include "trace.h"
#include "upcalls.h"
#include "wsaname.h"
#include "naming.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wsd/abi.h>

/*
 * When to ask again after a change [SW-PNP-2]. The last question comes later than the last look
 * that a provider's monitor of NICs takes after an event (1.6 s, nic/monitor.c).
 */
static const uint64_t requery_after_ns[SAN_QUESTIONS] = {100000000, 1000000000, 2000000000};

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the catalogue ---- */

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_entry(const GUID *id, const struct timespec *changed,
		       const struct catalog_entry *e)
{
	return !memcmp(id, &e->info.ProviderId, sizeof(*id)) && same_time(changed, &e->changed);
}

static struct san_provider *take_running(struct san *san, const struct catalog_entry *e)
{
	for (size_t i = 0; i < san->n_providers; i++) {
		struct san_provider *p = san->providers[i];
		if (p && same_entry(&p->info.ProviderId, &p->changed, e)) {
			san->providers[i] = NULL;
			return p;
		}
	}
	return NULL;
}

static bool has_failed(const struct san *san, const struct catalog_entry *e)
{
	for (size_t i = 0; i < san->n_failed; i++)
		if (same_entry(&san->failed[i].id, &san->failed[i].changed, e))
			return true;
	return false;
}

/* A registered id and the entry that may be used for it [SW-INIT-1.3]. */
static const struct catalog_entry *usable(const struct catalog *c, const GUID *id)
{
	char text[64];
	const struct catalog_entry *e = catalog_find(c, id);
	if (!e) {
		wsd_log(WSD_LOG_WARNING, "catalogue: %s is on the TCP on SAN list but has no entry",
			trace_guid(id, text, sizeof(text)));
		return NULL;
	}
	if (!(e->info.dwProviderFlags & PFL_HIDDEN)) {
		wsd_log(WSD_LOG_WARNING,
			"catalogue: %s is on the TCP on SAN list but is not PFL_HIDDEN: not used",
			e->label);
		return NULL;
	}
	return e;
}

/* What a reading of the catalogue becomes, before anything is put in force. */
struct loading {
	struct san_provider **providers;
	struct failed_entry *failed;
	size_t n_providers, n_failed;
	bool changed;
};

static void bring_up(struct san *san, const struct catalog_entry *e, struct loading *l)
{
	struct san_provider *p = take_running(san, e);
	if (!p && has_failed(san, e)) {
		for (size_t i = 0; i < san->n_failed; i++)
			if (same_entry(&san->failed[i].id, &san->failed[i].changed, e))
				l->failed[l->n_failed++] = san->failed[i];
		return;
	}
	if (!p) {
		l->changed = true;
		int code =
			san_provider_start(&san->process->trace, &san->process->tcpip_info, e, &p);
		if (code) {
			l->failed[l->n_failed++] =
				(struct failed_entry){e->info.ProviderId, e->changed, code};
			return;
		}
		san_memory_join(san, p);
		if (atomic_load(&san->running))
			san_provider_serve(p, san->reactor);
		wsd_log(WSD_LOG_INFO, "provider %s is in use: %s", p->label, e->module);
	}
	l->providers[l->n_providers++] = p;
}

/* The ones that are running and not registered any more [SW-PNP-3]. */
static void retire_rest(struct san *san, struct san_provider **retired, struct loading *l)
{
	for (size_t i = 0; i < san->n_retired; i++)
		retired[i] = san->retired[i];
	free(san->retired);
	san->retired = retired;
	for (size_t i = 0; i < san->n_providers; i++) {
		if (!san->providers[i])
			continue;
		wsd_log(WSD_LOG_INFO, "provider %s is not registered any more",
			san->providers[i]->label);
		retired[san->n_retired++] = san->providers[i];
		l->changed = true;
	}
}

int san_load_catalog(struct san *san, bool *ret_changed)
{
	struct catalog *c = NULL;
	int err = catalog_read(san->catalog_dir, &c);
	san->catalog_due = true;
	if (err)
		return err;
	struct loading l = {.n_providers = 0};
	l.providers = calloc(c->n_list + 1, sizeof(struct san_provider *));
	l.failed = calloc(c->n_list + 1, sizeof(*l.failed));
	struct san_provider **retired =
		calloc(san->n_retired + san->n_providers + 1, sizeof(struct san_provider *));
	if (!l.providers || !l.failed || !retired) {
		free(l.providers);
		free(l.failed);
		free(retired);
		catalog_free(c);
		return -ENOMEM;
	}
	upcalls_catalog(c);
	for (size_t i = 0; i < c->n_list; i++) {
		const struct catalog_entry *e = usable(c, &c->list[i]);
		if (e)
			bring_up(san, e, &l);
	}
	if (san->n_providers || san->n_retired)
		retire_rest(san, retired, &l);
	else
		free(retired);
	san->catalog_due = false;
	free(san->providers);
	free(san->failed);
	catalog_free(san->catalog);
	san->catalog = c;
	san->providers = l.providers;
	san->n_providers = l.n_providers;
	san->failed = l.failed;
	san->n_failed = l.n_failed;
	if (ret_changed)
		*ret_changed = l.changed;
	return 0;
}

void san_drop_retired(struct san *san, bool all)
{
	size_t kept = 0;
	for (size_t i = 0; i < san->n_retired; i++) {
		struct san_provider *p = san->retired[i];
		/* a listen that began before may be about to make one */
		if (!all && (atomic_load(&san->viewing) || atomic_load(&p->companions))) {
			san->retired[kept++] = p;
			continue;
		}
		san_memory_leave(san, p);
		san_provider_stop(p);
	}
	san->n_retired = kept;
}

/* ---- the table ---- */

/* The interface's own value wins over the global one [SW-WILD-4]. */
static bool use_autoconf(void *arg, const char *ifname)
{
	const struct sw_process *p = arg;
	return conf_autoconf(p->conf, ifname);
}

int san_build_view(struct san *san, bool *ret_doubtful)
{
	struct addrs_row *rows = NULL;
	size_t n = 0;
	int err = addrs_list(&rows, &n);
	if (err && (san->view || err == -ENOMEM || err == -EMFILE))
		return err; /* the table in force stands */
	if (err)
		wsd_log(WSD_LOG_ERROR, "the addresses of TCP/IP cannot be read: %s",
			strerror(-err));
	struct subnets_source *sources = calloc(san->n_providers + 1, sizeof(*sources));
	struct subnets *view = NULL;
	struct subnets_doubts doubts = {0};
	for (size_t i = 0; sources && i < san->n_providers; i++) {
		const struct san_provider *p = san->providers[i];
		sources[i] = (struct subnets_source){san->providers[i], p->label, p->addrs_be,
						     p->n_addrs};
	}
	err = sources ? subnets_build(sources, san->n_providers, rows, n, use_autoconf,
				      san->process, &view, &doubts)
		      : -ENOMEM;
	free(sources);
	free(rows);
	if (err)
		return err;
	pthread_mutex_lock(&san->view_lock);
	struct subnets *old = san->view;
	san->view = view;
	pthread_mutex_unlock(&san->view_lock);
	subnets_put(old);
	if (ret_doubtful)
		*ret_doubtful = doubts.unknown;
	return 0;
}

/*
 * A change of addresses, links or devices is always followed by all questions, also if TCP/IP and
 * the providers seem to agree: their news come at different times, so that now both may be telling
 * what was before. An interface that goes down keeps its address at TCP/IP, and one that comes up
 * does not get a new one, so nothing here would look doubtful at any time.
 */
static void schedule(struct san *san, unsigned changes, bool doubtful, bool failed)
{
	uint64_t now = now_ns();
	if ((changes & (SAN_ADDRESSES | SAN_DEVICES)) || (changes && doubtful))
		for (int i = 0; i < SAN_QUESTIONS; i++)
			san->requery_ns[i] = now + requery_after_ns[i];
	else if (failed) /* what happened must not be forgotten: until it has been taken in */
		san->requery_ns[SAN_QUESTIONS - 1] = now + requery_after_ns[1];
}

static bool query_all(struct san *san)
{
	bool failed = false;
	for (size_t i = 0; i < san->n_providers; i++) {
		int code = san_provider_query(san->providers[i]);
		if (!code)
			continue;
		failed = true;
		wsd_log(WSD_LOG_WARNING,
			"provider %s: SIO_ADDRESS_LIST_QUERY: %s; its last answer stands",
			san->providers[i]->label, wsaname(code) ? wsaname(code) : "error");
	}
	return failed;
}

/* Providers that were not ready may be now [PROV-INIT-8]. */
static bool forget_not_ready(struct san *san)
{
	size_t kept = 0;
	for (size_t i = 0; i < san->n_failed; i++)
		if (san->failed[i].code != WSASYSNOTREADY)
			san->failed[kept++] = san->failed[i];
	bool any = kept != san->n_failed;
	san->n_failed = kept;
	return any;
}

static void apply_to(struct sw_socket *s, void *arg)
{
	struct san *san = arg;
	pthread_mutex_lock(&s->lock);
	if (s->san && s->san->active) {
		struct subnets *view = san_view(san);
		unsigned before = s->san->count;
		san_reconcile(san, s, view);
		san_view_put(san, view);
		if (s->named && s->san->count != before) /* for `wsd names` */
			naming_note(s->process, s->name_id, s->san->count);
	}
	pthread_mutex_unlock(&s->lock);
}

void san_apply(struct san *san)
{
	sw_socket_each(san->process, apply_to, san);
}

static const char *reason(unsigned changes)
{
	if (changes & SAN_CATALOG)
		return "catalogue";
	if (changes & SAN_DEVICES)
		return "devices";
	return changes & SAN_ADDRESSES ? "addresses" : "question again";
}

void san_refresh(struct san *san, unsigned changes, bool apply)
{
	struct trace_span span;
	bool doubtful = false, doubts = false;
	trace_enter(trace_now(&san->process->trace), &span, TRACE_SWITCH, "", "hotplug",
		    "changed=%s", reason(changes));
	int err = 0;
	if (changes != SAN_CATALOG)
		doubtful = query_all(san);
	if ((changes & SAN_CATALOG) || san->catalog_due ||
	    ((changes & (SAN_ADDRESSES | SAN_DEVICES)) && forget_not_ready(san)))
		err = san_load_catalog(san, NULL);
	if (!err)
		err = san_build_view(san, &doubts);
	if (err)
		wsd_log(changes ? WSD_LOG_ERROR : WSD_LOG_DEBUG,
			"a change could not be taken in (yet): %s", strerror(-err));
	if (apply)
		san_apply(san);
	if (!err) /* else they stand in the view still */
		san_drop_retired(san, false);
	schedule(san, changes, doubtful || doubts || err || san->n_retired, err != 0);
	trace_leave(&span, err ? -1 : (long long)subnets_count(san->view), 0, "%s", "");
}
