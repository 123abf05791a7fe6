/* SPDX-License-Identifier: MIT
 *
 * What a fork leaves of the provider: in the child nothing of the parent's works or is harmed, and
 * nothing of it is kept alive [PROV-MEM-14]. Takes the start lock, every process object's lock with
 * its gate, and the handle table's, in this order.
 *
 * Children close their copies: a copy of rdma_cm keeps a dead parent's listeners in the kernel, one
 * of a device's keeps others from deleting the device. But librdmacm in the child still knows the
 * numbers of its devices, and closes them at exit: so these stay taken, by a file that is nobody's.
 */
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include <utlist.h>

#include "conn.h"

int hollow_open(void)
{
	/* one that needs no path first: there may be no /dev in a process's root */
	int fd = memfd_create("wsd-rdma", MFD_CLOEXEC);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fd < 0 ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : fd;
}

/* @null takes the place of @fd; what cannot be had must at least not be kept. */
static void replace(int fd, int null)
{
	if (null < 0 || dup3(null, fd, O_CLOEXEC) < 0)
		close(fd);
}

/*
 * A device without anchor has no protection domain: librdmacm in the child would have to make one
 * for its first bind, which takes a device that answers. After the last cleanup (README) and on its
 * way there such a device is left to the child.
 */
static void hollow_devices(const struct prov *p)
{
	int null = p->devs ? hollow_open() : -1;
	for (const struct dev *d = p->devs; d; d = d->next) {
		if (p != prov_process.live && !d->anchor)
			continue;
		replace(d->cmd_fd, null);
		replace(d->async_fd, null);
	}
	if (null >= 0)
		close(null);
}

static void fork_prepare(void)
{
	wsd_lock(&prov_process.lock);
	for (struct prov *p = prov_process.all; p; p = p->next) {
		wsd_lock(&p->lock);
		gate_close_locked(p);
	}
	htable_fork_prepare(&prov_process.handles);
}

static void fork_parent(void)
{
	htable_fork_parent(&prov_process.handles);
	for (struct prov *p = prov_process.all; p; p = p->next) {
		gate_open_locked(p);
		wsd_unlock(&p->lock);
	}
	wsd_unlock(&prov_process.lock);
}

static void close_all(struct prov *p)
{
	int fds[] = {p->channel ? p->channel->fd : -1, p->timer_fd, p->wake_fd, p->epoll_fd};
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	/* Nothing is asked of libibverbs: these are the parent's in the kernel, too. */
	for (const struct endpoint *ep = p->endpoints; ep; ep = ep->anext)
		close(ep->channel->fd);
	for (const struct dev *d = p->devs; d; d = d->next) {
		if (!d->own)
			continue;
		close(d->own->cmd_fd);
		close(d->own->async_fd);
	}
	nic_monitor_after_fork(p->nic);
}

static void fork_child(void)
{
	for (struct prov *p = prov_process.all; p; p = p->next) {
		close_all(p); /* first: there may be no other numbers left */
		hollow_devices(p);
		wsd_unlock(&p->lock);
	}
	/* the parent's picture: kept reachable, never touched */
	DL_CONCAT(prov_process.abandoned, prov_process.all);
	prov_process.all = prov_process.live = NULL;
	htable_fork_child(&prov_process.handles);
	prov_process.forked = true;
	wsd_unlock(&prov_process.lock);
}

bool fork_watch_locked(void)
{
	if (!prov_process.fork_watched)
		prov_process.fork_watched = !pthread_atfork(fork_prepare, fork_parent, fork_child);
	return prov_process.fork_watched;
}
