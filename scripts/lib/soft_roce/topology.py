# SPDX-License-Identifier: MIT
"""The standard topology, which `soft-roce --help` shows, on every host N (a = 1, b = 2)."""

import json

HOSTS = ("a", "b")
# interface, rxe device or None, addresses with %d for the host's number
NICS = (
    ("san0", "rxe0", ("10.77.0.%d/24",)),
    ("san1", "rxe1", ("10.77.1.%d/24",)),
    ("san2", "rxe2", ("10.77.2.%d/24", "10.77.2.10%d/24")),
    ("lan0", None, ("10.78.0.%d/24",)),
)
RDMA_NICS = tuple(name for name, rxe, _ in NICS if rxe)


def host_number(host):
    return HOSTS.index(host) + 1


def mac(net, host):
    return f"52:54:00:77:{net:02x}:{host_number(host):02x}"


def ip_batch(host, make_links=False):
    """Input of `ip -batch -`. A link made here is a veth with a silent other end: a LAN with nobody else on it."""
    lines = []
    for name, _, addresses in NICS:
        if make_links:
            lines += [f"link add {name} type veth peer name {name}-peer",
                      f"link set {name}-peer addrgenmode none",
                      f"link set {name}-peer up"]
        lines += [f"address add {a % host_number(host)} dev {name}" for a in addresses]
        lines.append(f"link set {name} up")
    return "\n".join(lines) + "\n"


def link_local(host, names, off):
    """A shell script that gives a link-local address to each of these interfaces, or takes ours away; it says which."""
    lines = ["PATH=$PATH:/usr/sbin:/sbin"]
    for name in names:
        address = f"169.254.10{RDMA_NICS.index(name)}.{host_number(host)}"
        # without promotion the kernel takes away the others of 169.254/16, too
        promote = f"/proc/sys/net/ipv4/conf/{name}/promote_secondaries"
        lines.append(f"was=$(cat {promote}); echo 1 >{promote}; ip address flush dev {name} to {address}/32; echo $was >{promote}"
                     if off else f"ip address replace {address}/16 dev {name}; echo {name} {address}")
    return "\n".join(lines)


def rdma_batch():
    """Input of `rdma -b -`."""
    return "".join(f"link add {rxe} type rxe netdev {name}\n" for name, rxe, _ in NICS if rxe)


def describe(ip_json, rdma_json):
    """What `ip -j addr` and `rdma -j link` say, as one row per interface of ours."""
    by_netdev = {row.get("netdev"): row for row in json.loads(rdma_json or "[]")}
    rows = []
    for link in json.loads(ip_json or "[]"):
        name = link.get("ifname")
        if name not in {n for n, _, _ in NICS}:
            continue
        rdma = by_netdev.get(name, {})
        rows.append({"interface": name,
                     "state": link.get("operstate", "?").lower(),
                     "enabled": "UP" in link.get("flags", ()),  # the kernel tells `state` up to a second later
                     "addresses": [f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", [])
                                   if a.get("family") == "inet"],
                     "rdma": rdma.get("ifname"),
                     "rdma_state": rdma.get("state", "").lower() or None})
    return sorted(rows, key=lambda row: row["interface"] != "lan0" and row["interface"] or "z")


def missing(host, rows):
    """What @rows (see describe) lack, as lines for `ip -batch` and for `rdma -b`."""
    by_name = {row["interface"]: row for row in rows}
    ip, rdma = [], []
    for name, rxe, addresses in NICS:
        row = by_name.get(name, {"enabled": False, "addresses": (), "rdma": None})
        ip += [f"address add {a} dev {name}" for a in (a % host_number(host) for a in addresses) if a not in row["addresses"]]
        if not row["enabled"]:
            ip.append(f"link set {name} up")
        if rxe and not row["rdma"]:
            rdma.append(f"link add {rxe} type rxe netdev {name}")
    return ip, rdma
