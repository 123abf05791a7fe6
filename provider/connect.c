/* SPDX-License-Identifier: MIT
 *
 * WSPConnect: asks rdma_cm to resolve the peer and returns; the event thread takes the next steps
 * and reports the result by FD_CONNECT. Takes sock->call by sock_enter(), prov->lock for moments.
 * PROV-CONNECT-1 to 11, PROV-BIND-15, PROV-BIND-21, PROV-BIND-23.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cmdata.h"
#include "conn.h"
#include "wsp.h"

enum {
	STALE_CONN = 10,   /* status of a reject: the peer's CM still has our queue pair's number */
	NOT_AVAIL_MAX = 8, /* source ports tried when each is a stranger's wildcard's */
};

/* Pointer, length, family [PROV-CONNECT-4]. */
static int read_name(const struct wsd_sockaddr *name, int namelen, struct wsd_sockaddr_in *ret)
{
	struct wsd_sockaddr_in in;
	if (!name || namelen < (int)sizeof(in))
		return WSAEFAULT;
	memcpy(&in, name, sizeof(in)); /* it need not be aligned */
	if (in.sin_family != WSD_AF_INET)
		return WSAEAFNOSUPPORT;
	*ret = in;
	return 0;
}

/* No host at all, or none that rdma_cm should be asked for: 127/8 would be a wildcard's peer. */
static int check_peer(const struct wsd_sockaddr_in *peer)
{
	uint32_t addr = ntohl(peer->sin_addr.s_addr);
	if (!addr || !peer->sin_port)
		return WSAEADDRNOTAVAIL;
	return addr >> 24 == 127 || addr >> 28 >= 14 ? WSAETIMEDOUT : 0;
}

/* A wildcard socket's address is that of the NIC that the route leaves by [PROV-BIND-15]. */
static int route_source(const struct wsd_sockaddr_in *peer, uint32_t *ret_addr_be)
{
	struct sockaddr_in to = {AF_INET, peer->sin_port, {peer->sin_addr.s_addr}, {0}}, from = {0};
	socklen_t len = sizeof(from);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int err = connect(fd, (struct sockaddr *)&to, sizeof(to)) ||
				  getsockname(fd, (struct sockaddr *)&from, &len)
			  ? -errno
			  : 0;
	close(fd);
	if (!err)
		*ret_addr_be = from.sin_addr.s_addr;
	return err;
}

/*
 * From a port of the pool, by REUSEADDR as often as one likes; only a stranger who listens there is
 * in the way [PROV-BIND-23]. The call itself waits for nothing.
 */
static int resolve(struct prov *p, const struct conn *c, struct rdma_cm_id *id)
{
	struct sockaddr_in src = {.sin_family = AF_INET}, dst = {.sin_family = AF_INET};
	unsigned span = p->port_last - p->port_first + 1u, unavailable = 0;
	int one = 1, err = 0;
	src.sin_addr.s_addr = c->local.sin_addr.s_addr;
	dst.sin_addr.s_addr = c->peer.sin_addr.s_addr;
	dst.sin_port = c->peer.sin_port;
	if (rdma_set_option(id, RDMA_OPTION_ID, RDMA_OPTION_ID_REUSEADDR, &one, sizeof(one)))
		return -errno;
	for (unsigned i = 0; i < span; i++) {
		unsigned at = atomic_fetch_add(&p->next_port, 1) % span;
		src.sin_port = htons((uint16_t)(p->port_first + at));
		if (!rdma_resolve_addr(id, (struct sockaddr *)&src, (struct sockaddr *)&dst,
				       p->connect_ms))
			return 0;
		err = -errno;
		if (err != -EADDRINUSE && (err != -EADDRNOTAVAIL || ++unavailable == NOT_AVAIL_MAX))
			break;
	}
	return err;
}

/* The device of the socket's name, counted; NULL if it has none (now). */
static struct dev *known_device(struct sock *s)
{
	struct prov *p = s->p;
	wsd_lock(&p->lock);
	struct dev *d = NULL;
	if (!s->wildcard && s->uses && s->uses->n->dev)
		d = dev_count_locked(p, s->uses->n->dev->verbs);
	wsd_unlock(&p->lock);
	return d;
}

static void release_device(struct prov *p, struct dev *d)
{
	wsd_lock(&p->lock);
	dev_release_locked(d);
	wsd_unlock(&p->lock);
}

static int make_id(struct prov *p, struct rdma_cm_id **ret)
{
	struct rdma_event_channel *channel;
	wsd_lock(&p->lock);
	int err = gate_enter_channel_locked(p, &channel);
	wsd_unlock(&p->lock);
	if (err)
		return err;
	if (rdma_create_id(channel, ret, NULL, RDMA_PS_TCP))
		err = -errno;
	wsd_lock(&p->lock);
	gate_leave_locked(p);
	wsd_unlock(&p->lock);
	return err;
}

/* The first step; c->local and c->peer are set. The socket is CONNECTING, or will be. */
static int begin(struct conn *c)
{
	struct prov *p = c->s->p;
	struct rdma_cm_id *id;
	int err = make_id(p, &id);
	if (err)
		return err;
	conn_begin(c, id, known_device(c->s));
	/* Here and not when it is needed: for that the event thread would stand still. */
	if (c->dev)
		err = conn_give_endpoint(c);
	if (!err)
		err = resolve(p, c, id);
	if (err)
		conn_end(c, true);
	else
		conn_time(c, &p->attempts, p->connect_ms);
	return err;
}

static int start(struct sock *s, const struct wsd_sockaddr_in *peer)
{
	struct prov *p = s->p;
	struct wsd_sockaddr_in local = s->local;
	struct conn *c;
	int err = 0;
	if (s->wildcard)
		err = route_source(peer, &local.sin_addr.s_addr);
	if (!err)
		err = conn_make(s, &c);
	if (err)
		return errmap(EO_CONNECT, err);
	c->local = local;
	c->peer = *peer;
	c->retried = false;
	wsd_lock(&p->lock);
	s->connect_unreported = false; /* of an attempt before this one */
	s->record &= ~FD_CONNECT;
	wsd_unlock(&p->lock);
	return errmap(EO_CONNECT, begin(c));
}

int WSPAPI prov_WSPConnect(SOCKET descriptor, const struct wsd_sockaddr *name, int namelen,
			   LPWSABUF lpCallerData, LPWSABUF lpCalleeData, LPQOS lpSQOS, LPQOS lpGQOS,
			   LPINT lpErrno)
{
	struct wsd_sockaddr_in peer;
	struct sock *s;
	int code = sock_enter(descriptor, SC_COUNT, &s);
	if (code)
		return sock_fail(lpErrno, code);
	code = read_name(name, namelen, &peer);
	if (!code)
		code = sock_check(s->state, SC_CONNECT);
	if (!code && lpCallerData)
		code = WSAEPROTONOSUPPORT;
	if (!code)
		code = check_peer(&peer);
	if (!code)
		code = start(s, &peer);
	if (!code) {
		if (lpCalleeData)
			lpCalleeData->len = 0;
		sock_move(s, SC_CONNECT);
		code = WSAEWOULDBLOCK;
	}
	sock_leave(s);
	return sock_fail(lpErrno, code);
}

/* ---- the event thread, under s->call ---- */

/* The address is resolved, so the device is known. */
static int ask_route(struct conn *c)
{
	struct prov *p = c->s->p;
	if (c->dev && c->dev->verbs != c->id->verbs) {
		struct endpoint *ep = conn_take_endpoint(c);
		if (ep)
			endpoint_put(ep, true);
		release_device(p, c->dev);
		c->dev = NULL;
	}
	if (!c->dev) {
		wsd_lock(&p->lock);
		gate_enter_locked(p);
		wsd_unlock(&p->lock);
		int err = dev_take(p, c->id, c->local.sin_addr.s_addr, &c->dev);
		wsd_lock(&p->lock);
		gate_leave_locked(p);
		wsd_unlock(&p->lock);
		if (err)
			return err;
	}
	return rdma_resolve_route(c->id, p->connect_ms) ? -errno : 0;
}

static int ask_peer(struct conn *c)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT};
	int mask, err = c->ep ? 0 : conn_give_endpoint(c);
	if (!err && rdma_init_qp_attr(c->id, &attr, &mask))
		err = -errno;
	if (!err)
		err = conn_open(c, &attr, mask);
	if (err)
		return err;
	const struct cmdata_request names = {
		.src_addr_be = c->local.sin_addr.s_addr,
		.dst_addr_be = c->peer.sin_addr.s_addr,
		.src_port_be = c->local.sin_port,
		.dst_port_be = c->peer.sin_port,
	};
	uint8_t data[CMDATA_REQUEST_SIZE];
	cmdata_put_request(data, &names);
	struct rdma_conn_param param = {
		.private_data = data,
		.private_data_len = sizeof(data),
		.responder_resources = c->dev->reads,
		.initiator_depth = c->dev->reads,
		.retry_count = 6, /* as endpoint_ready() sets it */
		.rnr_retry_count = 7,
		.qp_num = c->ep->qp->qp_num,
	};
	return rdma_connect(c->id, &param) ? -errno : 0;
}

static int establish(struct conn *c)
{
	int err = endpoint_ready(c->ep, c->id);
	if (!err && rdma_establish(c->id))
		err = -errno;
	if (err)
		return err;
	c->established = true;
	conn_up(c);
	return 0;
}

/* -1: it goes on; else the result. */
static int step(struct conn *c, const struct conn_news *news)
{
	int err = 0;
	switch ((int)news->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
		err = ask_route(c);
		return err ? errmap(EO_CONNECT, err) : -1;
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		err = ask_peer(c);
		return err ? errmap(EO_CONNECT, err) : -1;
	case RDMA_CM_EVENT_CONNECT_RESPONSE:
		return errmap(EO_CONNECT, establish(c));
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		return WSAENETDOWN;
	case RDMA_CM_EVENT_REJECTED:
		if (news->status == STALE_CONN && !c->retried) {
			c->retried = true;
			conn_end(c, false);
			err = begin(c);
			return err ? errmap(EO_CONNECT, err) : -1;
		}
		return news->refused ? WSAECONNREFUSED : WSAETIMEDOUT;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
		/* Whatever else: no guarantee that TCP/IP would fail, too [PROV-CONNECT-5]. */
		return news->status == -ENOMEM ? WSAENOBUFS : WSAETIMEDOUT;
	default:
		return -1;
	}
}

/* Record first, set second [PROV-CONNECT-3 PROV-EVENT-4]. True: to be set. */
static bool record(struct sock *s, int code, WSAEVENT *ret_event, struct upcall *u)
{
	struct prov *p = s->p;
	wsd_lock(&p->lock);
	s->connect_code = code;
	s->connect_unreported = true;
	bool set = s->mask & FD_CONNECT;
	if (set) {
		s->record |= FD_CONNECT;
		*ret_event = s->event;
		upcall_begin(p, s, u);
	}
	wsd_unlock(&p->lock);
	return set;
}

bool connect_step(struct conn *c, const struct conn_news *news, WSAEVENT *ret_event,
		  struct upcall *u)
{
	int code = step(c, news);
	if (code < 0)
		return false;
	if (code) /* a number that the peer may have taken down must not come back too soon */
		conn_end(c, news->event != RDMA_CM_EVENT_UNREACHABLE);
	else
		conn_untime(c);
	sock_turn(c->s, code ? SN_FAILED : SN_ESTABLISHED);
	return record(c->s, code, ret_event, u);
}
