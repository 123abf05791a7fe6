/* SPDX-License-Identifier: MIT
 *
 * The life of the SAN side and its listeners [SW-INIT-1 steps 2 to 9, SW-INIT-6, SW-LISTEN-2].
 * Locks: san_priv.h.
 */
#include "san_priv.h"

#include "conf.h"
#include "log.h"
#include "memwatch.h"
#include "trace.h"
#include "upcalls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wsd/abi.h>

struct subnets *san_view(struct san *san)
{
	pthread_mutex_lock(&san->view_lock);
	struct subnets *view = subnets_ref(san->view);
	atomic_fetch_add(&san->viewing, 1);
	pthread_mutex_unlock(&san->view_lock);
	return view;
}

void san_view_put(struct san *san, struct subnets *view)
{
	subnets_put(view);
	atomic_fetch_sub(&san->viewing, 1);
}

static struct san *allocate(struct sw_process *p)
{
	struct san *san = calloc(1, sizeof(*san));
	if (!san)
		return NULL;
	san->process = p;
	pthread_mutex_init(&san->view_lock, NULL);
	pthread_mutex_init(&san->start_lock, NULL);
	pthread_mutex_init(&san->conns_lock, NULL);
	pthread_cond_init(&san->conns_gone, NULL);
	negcache_init(&san->negcache);
	san->neigh.watch.fd = -1;
	pthread_mutex_init(&san->memory_lock, NULL);
	san->addrs_fd = san->devices_fd = san->catalog_fd = -1;
	return san;
}

static void release(struct san *san)
{
	memwatch_destroy(atomic_load(&san->memwatch));
	san_watch_close(san);
	for (size_t i = 0; i < san->n_providers; i++)
		san_provider_stop(san->providers[i]);
	san_drop_retired(san, true);
	upcalls_catalog(NULL);
	upcalls_sweep();
	subnets_put(san->view);
	catalog_free(san->catalog);
	free(san->providers);
	free(san->retired);
	free(san->failed);
	free(san->caching);
	pthread_mutex_destroy(&san->view_lock);
	pthread_mutex_destroy(&san->start_lock);
	pthread_mutex_destroy(&san->conns_lock);
	pthread_cond_destroy(&san->conns_gone);
	negcache_destroy(&san->negcache);
	pthread_mutex_destroy(&san->memory_lock);
	free(san);
}

int san_start(struct sw_process *p, struct san **ret)
{
	struct san *san = allocate(p);
	if (!san)
		return -ENOMEM;
	int err = catalog_dir(p->conf, san->catalog_dir, sizeof(san->catalog_dir));
	if (err) {
		wsd_log(WSD_LOG_ERROR, "catalogue: the name of its directory is too long");
		san->catalog_dir[0] = '\0';
	}
	/* watch first, ask then: a change in between is seen later, not lost */
	san_watch_open(san);
	err = san_load_catalog(san, NULL);
	if (!err)
		err = san_build_view(san, NULL);
	if (err) {
		release(san);
		return err;
	}
	*ret = san;
	return 0;
}

void san_stop(struct san *san)
{
	if (!san)
		return;
	san_conns_stop(san);
	neigh_stop(&san->neigh);
	san_service_stop(san);
	release(san);
}

/* A record that the parent's threads may have been changing is not touched, only kept reachable. */
void san_after_fork(struct san *san)
{
	static struct san *abandoned;
	upcalls_after_fork();
	trace_after_fork();
	if (!san)
		return;
	const int fds[] = {san->addrs_fd, san->devices_fd, san->catalog_fd, san->neigh.watch.fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	memwatch_after_fork(atomic_load(&san->memwatch));
	san->abandoned = abandoned;
	abandoned = san;
}

/* ---- listeners ---- */

static struct san_listener *listener(struct sw_socket *s)
{
	if (s->san)
		return s->san;
	s->san = malloc(sizeof(*s->san));
	if (s->san)
		*s->san = (struct san_listener){.active = false};
	else
		wsd_log(WSD_LOG_ERROR, "no memory for the SAN side of a listener");
	return s->san;
}

void san_listen(struct san *san, struct sw_socket *s)
{
	if (!listener(s))
		return;
	s->san->active = true;
	int err = san_service_start(san);
	if (err) { /* the next listener tries again, and then this one is served, too */
		wsd_log(WSD_LOG_ERROR, "no service thread, so TCP/IP only: %s", strerror(-err));
		return;
	}
	struct subnets *view = san_view(san);
	san_reconcile(san, s, view);
	san_view_put(san, view);
}

void san_wait_turn(struct san *san)
{
	int err = san_service_start(san);
	if (err) /* its turn tries again */
		wsd_log(WSD_LOG_DEBUG, "no service thread yet: %s", strerror(-err));
}

void san_unlisten(struct san *san, struct sw_socket *s)
{
	if (!s->san)
		return;
	san_close_companions(s);
	san_accept_drop(san, s);
	free(s->san->shadows_be);
	free(s->san);
	s->san = NULL;
}

void san_forget(struct sw_socket *s)
{
	if (!s->san)
		return;
	san_forget_companions(s->san);
	free(s->san->shadows_be);
	free(s->san);
	s->san = NULL;
}

unsigned san_companions(const struct sw_socket *s)
{
	return s->san ? s->san->count : 0;
}

/* ---- addresses that specific listeners own [SW-WILD-5] ---- */

static void apply_shadows(struct san *san, struct sw_socket *s)
{
	if (!s->san->active)
		return;
	struct subnets *view = san_view(san);
	san_reconcile(san, s, view);
	san_view_put(san, view);
}

void san_shadow_all(struct san *san, struct sw_socket *s, const uint8_t (*addrs)[4], size_t count)
{
	if (!count && (!s->san || !s->san->n_shadows))
		return;
	uint32_t *shadows = calloc(count + 1, sizeof(*shadows));
	if (!shadows || !listener(s)) {
		wsd_log(WSD_LOG_ERROR, "no memory for the addresses of specific listeners");
		free(shadows);
		return;
	}
	if (count)
		memcpy(shadows, addrs, count * sizeof(*shadows));
	free(s->san->shadows_be);
	s->san->shadows_be = shadows;
	s->san->n_shadows = count;
	apply_shadows(san, s);
}

void san_shadow(struct san *san, struct sw_socket *s, uint32_t addr_be, bool shadowed)
{
	size_t n = s->san ? s->san->n_shadows : 0, kept = 0;
	uint32_t *list = calloc(n + 1, sizeof(*list));
	if (!list) {
		wsd_log(WSD_LOG_ERROR, "no memory for the addresses of specific listeners");
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (s->san->shadows_be[i] != addr_be)
			list[kept++] = s->san->shadows_be[i];
	if (shadowed)
		list[kept++] = addr_be;
	san_shadow_all(san, s, (const uint8_t(*)[4])list, kept);
	free(list);
}
