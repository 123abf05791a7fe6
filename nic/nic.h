/* SPDX-License-Identifier: MIT */
/*
 * nic.h - which RDMA ports carry which IPv4 addresses, now.
 *
 * A snapshot is immutable and reference counted; a monitor makes a new one when the kernel says
 * that something changed. Nothing here opens an RDMA device: whoever has one open keeps others from
 * deleting it [PROV-IOCTL-3]. Sources: rdma netlink, rtnetlink, kobject uevents, the GIDs in sysfs.
 */
#ifndef NIC_NIC_H
#define NIC_NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NIC_IFNAME_SIZE 16 /* IFNAMSIZ, terminating zero included */
#define NIC_DEVICE_SIZE 64 /* IB_DEVICE_NAME_MAX, terminating zero included */

/* The values of enum ib_port_state of the kernel. */
enum nic_port_state {
	NIC_STATE_NOP,
	NIC_STATE_DOWN,
	NIC_STATE_INIT,
	NIC_STATE_ARMED,
	NIC_STATE_ACTIVE,
	NIC_STATE_ACTIVE_DEFER,
	NIC_STATE_COUNT
};

enum nic_link_layer { NIC_LL_UNKNOWN, NIC_LL_INFINIBAND, NIC_LL_ROCE, NIC_LL_IWARP, NIC_LL_COUNT };

/* Why a port or an address cannot be used. NIC_OK is 0; the texts are in nic_reason_text(). */
enum nic_unusable_reason {
	NIC_OK,
	NIC_NO_NETDEV,   /* no network interface of this namespace belongs to the port */
	NIC_NETDEV_DOWN, /* the network interface is administratively down */
	NIC_PORT_DOWN,   /* the RDMA port is not active (or the interface has no carrier) */
	NIC_NO_ADDRESS,  /* port only: its interfaces have no IPv4 address [PROV-BIND-17] */
	NIC_LOOPBACK, /* 127/8 or an address on lo: rdma_cm makes a wildcard of it [PROV-BIND-11] */
	NIC_ADDR_TENTATIVE, /* duplicate address detection is running, or has failed */
	NIC_UPPER,  /* a bridge, bond or macvlan is between it and a port that cannot serve those */
	NIC_NO_GID, /* the device has no GID for the address (yet) */
	NIC_UNSUPPORTED, /* neither InfiniBand, RoCE nor iWARP (usNIC, OPA without IPoIB, ...) */
	NIC_REASON_COUNT
};

/* One port of one RDMA device. Also there when it is not usable: then reason says why. */
struct nic_port {
	char device[NIC_DEVICE_SIZE]; /* "rxe0" */
	char netdev[NIC_IFNAME_SIZE]; /* "san0"; empty when there is none */
	uint32_t device_index; /* the kernel's: a device that went and came again has another */
	unsigned port_num;     /* from 1 */
	unsigned ifindex;      /* of netdev; 0 when there is none */
	enum nic_port_state state;
	enum nic_link_layer ll;
	unsigned mtu;        /* of netdev, octets; 0 without netdev */
	unsigned path_mtu;   /* what an RDMA packet may carry by that MTU, octets; 0 if not known */
	unsigned addr_count; /* addresses of the snapshot that belong to this port, usable or not */
	bool usable;         /* at least one of them is usable */
	enum nic_unusable_reason reason; /* NIC_OK exactly if usable */
};

/* One IPv4 address that sits on a port, directly or through a VLAN, partition or bond above it. */
struct nic_addr {
	uint32_t addr_be;
	uint8_t prefix_len;
	bool autoconf;  /* 169.254/16: the owner of the configuration decides [PROV-BIND-17] */
	bool secondary; /* the kernel's flag: not the first of its subnet */
	bool usable;    /* rdma_cm would take it now */
	enum nic_unusable_reason reason; /* NIC_OK exactly if usable */
	unsigned ifindex; /* the interface that has the address: the VLAN, not its parent */
	char ifname[NIC_IFNAME_SIZE]; /* its name */
	unsigned port_index;          /* for nic_snapshot_port() */
};

struct nic_snapshot;
struct nic_monitor;

/* References. Both take NULL; ref returns its argument. Any thread. */
const struct nic_snapshot *nic_snapshot_ref(const struct nic_snapshot *s);
void nic_snapshot_unref(const struct nic_snapshot *s);

/*
 * Contents. What is returned lives as long as the snapshot. Ports are in order of device name
 * (numbers in it by value: rxe2 before rxe10) and port; addresses in order of their value as
 * numbers, usable ones first among equals. An index beyond the end gives NULL.
 */
size_t nic_snapshot_ports(const struct nic_snapshot *s);
const struct nic_port *nic_snapshot_port(const struct nic_snapshot *s, size_t i);
size_t nic_snapshot_addrs(const struct nic_snapshot *s);
const struct nic_addr *nic_snapshot_addr(const struct nic_snapshot *s, size_t i);

/* The usable address of this value, or NULL. O(log n). 0.0.0.0 and 127/8 are never found. */
const struct nic_addr *nic_snapshot_find(const struct nic_snapshot *s, uint32_t addr_be);

/* Counts the changes of one monitor, from 1. Of nic_discover(): 1. */
uint64_t nic_snapshot_generation(const struct nic_snapshot *s);

/* Whether both say the same (generations apart). */
bool nic_snapshot_equal(const struct nic_snapshot *a, const struct nic_snapshot *b);

/* Words for people: "the interface is down"; never NULL, for any value. */
const char *nic_reason_text(enum nic_unusable_reason reason);
/* A name for programs: "netdev-down". */
const char *nic_reason_name(enum nic_unusable_reason reason);
const char *nic_state_name(enum nic_port_state state);
const char *nic_link_layer_name(enum nic_link_layer ll);

/**
 * nic_discover - look once
 * Return: 0, also when there is no RDMA at all (then the snapshot is empty), or -ENOMEM, -EMFILE,
 * -ENFILE, -EAGAIN (the tables changed under every one of many attempts), or what netlink said.
 */
int nic_discover(struct nic_snapshot **ret);

/**
 * nic_monitor_create - look, and watch from now on
 * Return: as nic_discover(). The monitor has no thread: its owner waits on nic_monitor_fd().
 */
int nic_monitor_create(struct nic_monitor **ret);

/* An epoll descriptor, CLOEXEC, readable when nic_monitor_dispatch() has work. Do not read from it.
 */
int nic_monitor_fd(const struct nic_monitor *m);

/**
 * nic_monitor_dispatch - take in what happened; never waits for an event
 * @ret_changed: whether nic_monitor_snapshot() now gives a new one; may be NULL; set on success
 * only
 *
 * For one thread at a time. Events are gathered for some 10 ms before the monitor looks, so most
 * calls change nothing. On failure the old snapshot stays and the monitor tries again by itself.
 * Return: 0, or as nic_discover().
 */
int nic_monitor_dispatch(struct nic_monitor *m, bool *ret_changed);

/* Look now, without waiting for an event. The thread and the results are those of dispatch. */
int nic_monitor_refresh(struct nic_monitor *m, bool *ret_changed);

/* A reference to the latest snapshot, never NULL. Any thread; never waits for a discovery. */
const struct nic_snapshot *nic_monitor_snapshot(struct nic_monitor *m);

/*
 * In the child of a fork: closes the child's copies of the descriptors and touches nothing else, so
 * that neither a lock nor a record that another thread had in its hands matters, and the parent's
 * monitor, which shares the epoll instance, goes on. Descriptors that a look opens for its own time
 * are not among them: who forks waits until nic_monitor_dispatch() is not running. No other
 * function may be called for this monitor in the child; its memory stays. NULL is fine.
 */
void nic_monitor_after_fork(struct nic_monitor *m);

/* No other call may be running. Snapshots that were taken stay valid. NULL is fine. */
void nic_monitor_destroy(struct nic_monitor *m);

#ifdef __cplusplus
}
#endif
#endif
