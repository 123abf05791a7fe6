/* SPDX-License-Identifier: MIT */
/*
 * discover.c - one look: facts, join, GIDs, snapshot; again as long as the tables change meanwhile.
 * No state, no locks.
 */
#include "nic_priv.h"
#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Dumps that the kernel marks as torn; each try starts afresh. */
#define MAX_TRIES 16
/* Looks of nic_discover() until nothing changes during one. A monitor needs none of this: it looks
 * again anyhow. */
#define MAX_QUIET_TRIES 4

static int remember_ports(struct nic_memory *memory, const struct nic_facts *f)
{
	struct nic_rdma_port *copy = calloc(f->n_ports ? f->n_ports : 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	if (f->n_ports)
		memcpy(copy, f->ports, f->n_ports * sizeof(*copy));
	free(memory->ports);
	memory->ports = copy;
	memory->n_ports = f->n_ports;
	return 0;
}

static int read_facts(struct nic_memory *memory, int how, struct nic_facts *ret)
{
	const struct nic_rdma_port *known = how & NIC_LOOK_QUICK ? memory->ports : NULL;
	struct nic_facts f;
	int r = nic_facts_read(known, memory->n_ports, &f);

	if (r)
		return r;
	r = remember_ports(memory, &f);
	if (r)
		nic_facts_clear(&f);
	else
		*ret = f;
	return r;
}

static int look_once(struct nic_memory *memory, int how, struct nic_snapshot **ret,
		     bool *ret_unsettled)
{
	struct nic_facts facts;
	struct nic_draft draft;
	bool unsettled;
	int r = read_facts(memory, how, &facts);

	if (r)
		return r;
	r = nic_join(&facts, &draft);
	nic_facts_clear(&facts);
	if (r)
		return r;
	r = nic_gids_confirm(&draft, &memory->hints, how & NIC_LOOK_THOROUGH);
	unsettled = draft.unsettled;
	if (!r)
		r = nic_snapshot_seal(&draft, ret);
	if (r)
		nic_draft_clear(&draft);
	else
		*ret_unsettled = unsettled;
	return r;
}

int nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret, bool *ret_unsettled)
{
	int r = -EAGAIN;

	for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++)
		r = look_once(memory, how, ret, ret_unsettled);
	return r;
}

void nic_memory_clear(struct nic_memory *memory)
{
	free(memory->hints.v);
	free(memory->ports);
	*memory = (struct nic_memory){0};
}

int nic_rtnl_events_open(void)
{
	return nic_nl_open(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR, SOCK_NONBLOCK);
}

bool nic_rtnl_events_take(int fd)
{
	char buf[64]; /* longer ones are cut: only that they came matters */
	bool some = false;

	for (;;) {
		if (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
			some = true;
		else if (errno != EINTR)
			return some;
	}
}

int nic_discover(struct nic_snapshot **ret)
{
	struct nic_memory memory = {0};
	struct nic_snapshot *s = NULL;
	int fd = nic_rtnl_events_open(), r = 0;
	bool unsettled;

	if (fd < 0)
		return fd;
	for (int i = 0; i < MAX_QUIET_TRIES && !r; i++) {
		nic_snapshot_unref(s);
		s = NULL;
		nic_rtnl_events_take(fd);
		r = nic_look(&memory, NIC_LOOK_THOROUGH, &s, &unsettled);
		if (!r && !nic_rtnl_events_take(fd))
			break;
	}
	nic_memory_clear(&memory);
	close(fd);
	if (!r)
		*ret = s;
	return r;
}
