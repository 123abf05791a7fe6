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
#include <sys/socket.h>
#include <unistd.h>

/* Dumps that the kernel marks as torn; each try starts afresh. */
#define MAX_TRIES 16
/* Looks of nic_discover() until nothing changes during one. A monitor needs none of this: it looks
 * again anyhow. */
#define MAX_QUIET_TRIES 4

static int look_once(struct nic_gid_hints *hints, bool thorough, struct nic_snapshot **ret,
		     bool *ret_unsettled)
{
	struct nic_facts facts;
	struct nic_draft draft;
	bool unsettled;
	int r = nic_facts_read(&facts);

	if (r)
		return r;
	r = nic_join(&facts, &draft);
	nic_facts_clear(&facts);
	if (r)
		return r;
	r = nic_gids_confirm(&draft, hints, thorough);
	unsettled = draft.unsettled;
	if (!r)
		r = nic_snapshot_seal(&draft, ret);
	if (r)
		nic_draft_clear(&draft);
	else
		*ret_unsettled = unsettled;
	return r;
}

int nic_look(struct nic_gid_hints *hints, bool thorough, struct nic_snapshot **ret,
	     bool *ret_unsettled)
{
	int r = -EAGAIN;

	for (int i = 0; i < MAX_TRIES && r == -EAGAIN; i++)
		r = look_once(hints, thorough, ret, ret_unsettled);
	return r;
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
	struct nic_gid_hints hints = {0};
	struct nic_snapshot *s = NULL;
	int fd = nic_rtnl_events_open(), r = 0;
	bool unsettled;

	if (fd < 0)
		return fd;
	for (int i = 0; i < MAX_QUIET_TRIES && !r; i++) {
		nic_snapshot_unref(s);
		s = NULL;
		nic_rtnl_events_take(fd);
		r = nic_look(&hints, true, &s, &unsettled);
		if (!r && !nic_rtnl_events_take(fd))
			break;
	}
	free(hints.v);
	close(fd);
	if (!r)
		*ret = s;
	return r;
}
