/* SPDX-License-Identifier: MIT
 *
 * WSPStartupEx and WSPCleanup: the one process object and its references. Takes the start lock, the
 * outermost one. PROV-INIT-1 to 10.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>
#include <wsd/version.h>

#include "conn.h"
#include "log.h"
#include "memory.h"
#include "wsp.h"

struct prov_process prov_process = {
	.lock = WSD_LOCK_INITIALIZER,
	.handles = HTABLE_INITIALIZER,
};

static const WSPPROC_TABLE proc_table = {
	.lpWSPAccept = prov_WSPAccept,
	.lpWSPAddressToString = refuse_WSPAddressToString,
	.lpWSPAsyncSelect = refuse_WSPAsyncSelect,
	.lpWSPBind = prov_WSPBind,
	.lpWSPCancelBlockingCall = refuse_WSPCancelBlockingCall,
	.lpWSPCleanup = prov_WSPCleanup,
	.lpWSPCloseSocket = prov_WSPCloseSocket,
	.lpWSPConnect = prov_WSPConnect,
	.lpWSPDuplicateSocket = refuse_WSPDuplicateSocket,
	.lpWSPEnumNetworkEvents = prov_WSPEnumNetworkEvents,
	.lpWSPEventSelect = prov_WSPEventSelect,
	.lpWSPGetOverlappedResult = prov_WSPGetOverlappedResult,
	.lpWSPGetPeerName = refuse_WSPGetPeerName,
	.lpWSPGetSockName = refuse_WSPGetSockName,
	.lpWSPGetSockOpt = prov_WSPGetSockOpt,
	.lpWSPGetQOSByName = prov_WSPGetQOSByName,
	.lpWSPIoctl = prov_WSPIoctl,
	.lpWSPJoinLeaf = refuse_WSPJoinLeaf,
	.lpWSPListen = prov_WSPListen,
	.lpWSPRecv = prov_WSPRecv,
	.lpWSPRecvDisconnect = refuse_WSPRecvDisconnect,
	.lpWSPRecvFrom = refuse_WSPRecvFrom,
	.lpWSPSelect = refuse_WSPSelect,
	.lpWSPSend = prov_WSPSend,
	.lpWSPSendDisconnect = refuse_WSPSendDisconnect,
	.lpWSPSendTo = refuse_WSPSendTo,
	.lpWSPSetSockOpt = prov_WSPSetSockOpt,
	.lpWSPShutdown = refuse_WSPShutdown,
	.lpWSPSocket = prov_WSPSocket,
	.lpWSPStringToAddress = refuse_WSPStringToAddress,
};

struct prov *prov_get(struct sock **ret_spare)
{
	wsd_lock(&prov_process.lock);
	struct prov *p = prov_process.live;
	struct sock *spare = p ? prov_process.spares : NULL;
	if (p)
		atomic_fetch_add(&p->refs, 1);
	if (spare) {
		prov_process.spares = spare->spare;
		prov_process.spare_count--;
	}
	*ret_spare = spare;
	wsd_unlock(&prov_process.lock);
	return p;
}

struct prov *prov_live(void)
{
	wsd_lock(&prov_process.lock);
	struct prov *p = prov_process.live;
	if (p)
		atomic_fetch_add(&p->refs, 1);
	wsd_unlock(&prov_process.lock);
	return p;
}

void prov_wait_locked(struct prov *p)
{
	p->waiters++;
	pthread_mutex_lock(&p->changed);
	uint64_t seen = p->changes;
	wsd_unlock(&p->lock);
	while (p->changes == seen)
		pthread_cond_wait(&p->cond, &p->changed);
	pthread_mutex_unlock(&p->changed);
	wsd_lock(&p->lock);
	p->waiters--;
}

void prov_wake_locked(struct prov *p)
{
	if (!p->waiters)
		return;
	pthread_mutex_lock(&p->changed);
	p->changes++;
	pthread_cond_broadcast(&p->cond);
	pthread_mutex_unlock(&p->changed);
}

/* From here on a fork has nothing to do for it. Caller holds the start lock. */
static void prov_close_locked(struct prov *p)
{
	if (p->prev)
		DL_DELETE(prov_process.all, p);
	if (p->channel)
		rdma_destroy_event_channel(p->channel);
	nic_monitor_destroy(p->nic);
	int fds[] = {p->timer_fd, p->wake_fd, p->epoll_fd};
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void prov_release(struct prov *p)
{
	nic_snapshot_unref(p->snap);
	for (struct name *n = p->spare_names, *next; n; n = next) {
		next = n->hnext;
		free(n);
	}
	free(p->buckets);
	pthread_cond_destroy(&p->cond);
	pthread_mutex_destroy(&p->changed);
	pthread_mutex_destroy(&p->dev_op);
	pthread_mutex_destroy(&p->memory_lock);
	pthread_cond_destroy(&p->given_back);
	pthread_mutex_destroy(&p->lent_lock);
	pthread_mutex_destroy(&p->serve);
	conf_free(p->conf);
	free(p);
}

/* The end of a process object that nobody uses any more. */
static void prov_free(struct prov *p)
{
	dev_free_all(p);
	wsd_lock(&prov_process.lock);
	prov_close_locked(p);
	wsd_unlock(&prov_process.lock);
	prov_release(p);
}

void prov_put(struct prov *p)
{
	if (atomic_fetch_sub(&p->refs, 1) == 1)
		prov_free(p);
}

/*
 * rdma_cm itself, or 0 while there is no device: librdmacm gives no channel then, and one is made
 * when the first device comes [PROV-INIT-8].
 */
static int open_rdma_cm(struct prov *p)
{
	p->channel = rdma_create_event_channel();
	if (p->channel)
		return 0;
	int err = errno;
	if (err == ENOMEM || err == EMFILE || err == ENFILE)
		return -err;
	int fd = open("/dev/infiniband/rdma_cm", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		err = errno;
		if (err == ENOENT)
			wsd_log(WSD_LOG_INFO, "provider: no RDMA on this machine: there is no "
					      "/dev/infiniband/rdma_cm");
		return -err;
	}
	close(fd);
	if (err != ENODEV)
		return -err;
	wsd_log(WSD_LOG_INFO, "provider: no RDMA device yet");
	return 0;
}

/* cm.source_ports: FIRST-LAST. Processes begin in different places. */
static void read_ports(struct prov *p)
{
	const char *text = conf_get(p->conf, "cm.source_ports");
	unsigned first = PROV_PORT_FIRST, last = PROV_PORT_LAST;
	int end = 0;
	if (text && (sscanf(text, "%u-%u%n", &first, &last, &end) != 2 || text[end] || !first ||
		     first > last || last > UINT16_MAX)) {
		wsd_log(WSD_LOG_WARNING, "cm.source_ports = %s: not FIRST-LAST", text);
		first = PROV_PORT_FIRST;
		last = PROV_PORT_LAST;
	}
	p->port_first = (uint16_t)first;
	p->port_last = (uint16_t)last;
	atomic_init(&p->next_port, (unsigned)getpid() * 61u % (last - first + 1));
}

/* Caller holds the start lock. */
static int prov_create(const WSPUPCALLTABLEEX *up, const WSAPROTOCOL_INFOW *tcp, struct prov **ret)
{
	struct prov *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	/* Before any thread or resource that could make an upcall [PROV-INIT-5]. */
	p->up = *up;
	p->tcp = *tcp;
	p->epoll_fd = p->wake_fd = p->timer_fd = -1;
	atomic_init(&p->refs, 1);
	wsd_lock_init(&p->lock);
	pthread_mutex_init(&p->changed, NULL);
	pthread_mutex_init(&p->dev_op, NULL);
	pthread_mutex_init(&p->memory_lock, NULL);
	pthread_mutex_init(&p->serve, NULL);
	pthread_mutex_init(&p->lent_lock, NULL);
	pthread_cond_init(&p->given_back, NULL);
	pthread_cond_init(&p->cond, NULL);
	int err = conf_load(&p->conf);
	if (!err) {
		p->wildcard_available = conf_bool(p->conf, "rdma.wildcard_available", false);
		p->max_backlog = (unsigned)conf_long(p->conf, "rdma.max_backlog", PROV_BACKLOG_MAX,
						     1, 65535);
		p->threshold = (uint32_t)conf_long(p->conf, "rdma.threshold", PROV_THRESHOLD, 0,
						   INT32_MAX);
		p->max_endpoints = (unsigned)conf_long(p->conf, "rdma.endpoints", PROV_ENDPOINTS, 0,
						       INT32_MAX);
		p->rest_ms = (int)conf_long(p->conf, "rdma.rest_ms", PROV_REST_MS, 0, 3600 * 1000);
		p->connect_ms =
			(int)conf_long(p->conf, "connect.san_ms", PROV_CONNECT_MS, 0, 600 * 1000);
		if (!p->connect_ms) /* the switch does not ask then; who does, has the default */
			p->connect_ms = PROV_CONNECT_MS;
		read_ports(p);
		memory_start(p);
		err = open_rdma_cm(p);
	}
	if (!err)
		err = nic_monitor_create(&p->nic);
	if (!err) {
		p->snap = nic_monitor_snapshot(p->nic);
		err = cm_thread_start(p);
	}
	if (err) {
		prov_close_locked(p);
		prov_release(p);
		return err;
	}
	DL_APPEND(prov_process.all, p);
	*ret = p;
	return 0;
}

static void fill(LPWSPDATA data, LPWSPPROC_TABLE table)
{
	static const char16_t description[] =
		u"wsdirect: SAN provider over librdmacm " WSDIRECT_VERSION_STRING;
	_Static_assert(sizeof(description) <= sizeof(data->szDescription), "PROV-INIT-3");
	memset(data, 0, sizeof(*data));
	data->wVersion = PROV_VERSION;
	data->wHighVersion = PROV_VERSION;
	memcpy(data->szDescription, description, sizeof(description));
	*table = proc_table;
}

/* What the provider will call must be there: a NULL would crash it later [PROV-INIT-8]. */
static bool upcalls_complete(const WSPUPCALLTABLEEX *up)
{
	return up->lpWPUCreateSocketHandle && up->lpWPUCloseSocketHandle && up->lpWPUSetEvent &&
	       up->lpWPUResetEvent && up->lpWPUCompleteOverlappedRequest;
}

int WSPAPI WSPStartupEx(WORD wVersionRequested, LPWSPDATA lpWSPData,
			LPWSAPROTOCOL_INFOW lpProtocolInfo, LPWSPUPCALLTABLEEX lpUpcallTable,
			LPWSPPROC_TABLE lpProcTable)
{
	unsigned major = wVersionRequested & 0xff, minor = wVersionRequested >> 8;
	if (major < 2 || (major == 2 && minor < 2))
		return WSAVERNOTSUPPORTED;
	if (!lpWSPData || !lpProcTable || !lpProtocolInfo || !lpUpcallTable ||
	    !upcalls_complete(lpUpcallTable))
		return WSAEFAULT;

	int code = 0;
	wsd_lock(&prov_process.lock);
	struct prov *p = prov_process.live;
	if (!fork_watch_locked()) {
		code = WSASYSNOTREADY;
	} else if (!p) {
		int err = prov_create(lpUpcallTable, lpProtocolInfo, &p);
		if (err) {
			code = errmap(EO_STARTUP, err);
			if (err != -ENOENT) /* open_rdma_cm or conf_load has said it */
				wsd_log(WSD_LOG_ERROR, "provider: cannot start: %s",
					strerror(-err));
		}
	}
	if (!code) {
		long max = conf_long(p->conf, "rdma.max_startups", PROV_STARTUPS_MAX, 1, INT32_MAX);
		if (p->startups >= (unsigned long)max) {
			code = WSAEPROCLIM;
		} else {
			if (!prov_process.live)
				htable_open(&prov_process.handles,
					    (uint32_t)conf_long(p->conf, "rdma.max_sockets",
								PROV_SOCKETS_MAX, 1, HTABLE_MAX));
			prov_process.live = p;
			p->startups++;
			fill(lpWSPData, lpProcTable);
		}
	}
	wsd_unlock(&prov_process.lock);
	return code;
}

static bool is_of(const void *obj, const void *arg)
{
	return ((const struct sock *)obj)->p == arg;
}

int WSPAPI prov_WSPCleanup(LPINT lpErrno)
{
	wsd_lock(&prov_process.lock);
	struct prov *p = prov_process.live;
	if (!p) {
		wsd_unlock(&prov_process.lock);
		return sock_fail(lpErrno, WSANOTINITIALISED);
	}
	bool last = --p->startups == 0;
	if (last) {
		prov_process.live = NULL;
		atomic_store(&p->closing, true); /* a WSPSocket that is under way fails now */
		htable_close(&prov_process.handles);
	}
	wsd_unlock(&prov_process.lock);
	if (last) {
		struct sock *s;
		uint32_t cursor = 0;
		while ((s = htable_take(&prov_process.handles, &cursor, is_of, p)))
			sock_close(s); /* [PROV-INIT-10] */
		htable_trim(&prov_process.handles);
		cm_thread_stop(p);
		cm_run_kicks(p);
		stall_look(p); /* they are closed: only references are left */
		conn_part_all(p);
		prov_put(p);
		wsd_lock(&prov_process.lock);
		if (!prov_process.live)
			sock_free_spares_locked();
		wsd_unlock(&prov_process.lock);
	}
	return sock_fail(lpErrno, 0);
}
