/* SPDX-License-Identifier: MIT */
/*
 * nic_priv.h - how nic/ is cut inside.
 *
 * facts.c reads the kernel's tables (struct nic_facts), join.c makes a draft of them by pure
 * computation, gids.c strikes out what the device has no GID for, snapshot.c seals the draft.
 * discover.c runs these in order.
 */
#ifndef NIC_NIC_PRIV_H
#define NIC_NIC_PRIV_H

#include "nic.h"

#include <stdatomic.h>

#define NIC_HWADDR_SIZE 32 /* MAX_ADDR_LEN of the kernel */
#define NIC_GID_SIZE    16

/* What lies above what: only kinds through which an address of the upper can reach the lower's
 * port. */
enum nic_link_kind { NIC_KIND_PLAIN, NIC_KIND_VLAN, NIC_KIND_CHILD, NIC_KIND_MASTER };

struct nic_link {
	unsigned ifindex;
	unsigned flags; /* IFF_ */
	unsigned mtu;
	unsigned lower;  /* interface below, of this namespace; 0 if none */
	unsigned master; /* 0 if none */
	uint16_t type;   /* ARPHRD_ */
	enum nic_link_kind kind;
	uint8_t hwaddr_len;
	uint8_t hwaddr[NIC_HWADDR_SIZE];
	char name[NIC_IFNAME_SIZE];
};

struct nic_ifaddr {
	unsigned ifindex;
	uint32_t addr_be;
	uint32_t flags; /* IFA_F_ */
	uint8_t prefix_len;
};

struct nic_rdma_port {
	char device[NIC_DEVICE_SIZE];
	uint32_t device_index;
	unsigned port_num;
	unsigned ifindex; /* as rdma netlink says; 0 for InfiniBand */
	enum nic_port_state state;
	enum nic_link_layer ll;
	unsigned link_flags; /* of its interface when it was asked for: IFF_UP and IFF_LOWER_UP */
	bool software;       /* no hardware behind the device: rxe, siw */
	uint8_t gid0[NIC_GID_SIZE]; /* InfiniBand only */
};

struct nic_facts {
	struct nic_rdma_port *ports;
	struct nic_link *links;
	struct nic_ifaddr *addrs;
	size_t n_ports, n_links, n_addrs;
};

/* An address on a port, before it is certain that the port takes it. */
struct nic_cand {
	struct nic_addr a;
	bool needs_gid;  /* usable if the port's table has its GID */
	bool check_ndev; /* the GID alone does not tell: it must be this interface's */
};

struct nic_draft {
	struct nic_port *ports;
	struct nic_cand *cands; /* in order of port_index */
	size_t n_ports, n_cands, cap_cands;
	bool unsettled; /* the sources disagree in a way that they soon will not: look again */
};

/* Where a GID was last time: an index to look at first, nothing to rely upon. */
struct nic_gid_hint {
	uint32_t device_index;
	unsigned port_num;
	unsigned ifindex;
	uint32_t addr_be;
	unsigned slot;
};

struct nic_gid_hints {
	struct nic_gid_hint *v; /* sorted */
	size_t n;
};

struct nic_snapshot {
	atomic_uint refs;
	uint64_t generation;
	struct nic_port *ports;
	struct nic_addr *addrs;
	size_t n_ports, n_addrs;
};

/* What one look leaves for the next. All zero at first; belongs to the caller. */
struct nic_memory {
	struct nic_gid_hints hints;
	struct nic_rdma_port *ports; /* as they were last read */
	size_t n_ports;
};

/* How to look. */
enum {
	NIC_LOOK_THOROUGH = 1, /* read GID tables to their end for what is missing */
	NIC_LOOK_QUICK =
		2, /* ask only for ports that are new or whose interface went up or down: asking for
		      one takes 0.3 ms in an emulated guest, most of a look with many devices */
};

/*
 * facts.c. @known: ports that need not be asked for while nothing about them has changed; NULL: ask
 * for all. -EAGAIN: the tables changed while they were read.
 */
int nic_facts_read(const struct nic_rdma_port *known, size_t n_known, struct nic_facts *ret);
/* Its half that has no RDMA in it: fills links and addrs, which must be empty. */
int nic_facts_read_links(struct nic_facts *f);
void nic_facts_clear(struct nic_facts *f);

/* join.c. Sorts the arrays of @f; leaves their contents alone. */
int nic_join(struct nic_facts *f, struct nic_draft *ret);
void nic_draft_clear(struct nic_draft *d);

/*
 * gids.c. Sets NIC_NO_GID and @d->unsettled. @hints is read and replaced; @thorough: look through
 * tables to their end for what is missing, not only through their filled beginning.
 */
int nic_gids_confirm(struct nic_draft *d, struct nic_gid_hints *hints, bool thorough);

/* snapshot.c. Takes what the draft holds, on success only. */
int nic_snapshot_seal(struct nic_draft *d, struct nic_snapshot **ret);

/* discover.c: all of the above in order, -EAGAIN tried again. @how: NIC_LOOK_. */
int nic_look(struct nic_memory *memory, int how, struct nic_snapshot **ret, bool *ret_unsettled);
void nic_memory_clear(struct nic_memory *memory);
/* A socket that rtnetlink tells of changed links and IPv4 addresses. */
int nic_rtnl_events_open(void);
/* Takes in what it was told; whether that was anything. */
bool nic_rtnl_events_take(int fd);

#endif
