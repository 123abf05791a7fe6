# SPDX-License-Identifier: MIT
"""The QEMU command line of one guest. scripts/README.md has the reasons: q35 and an uncompressed PVH kernel boot fast
and reliably, microvm does not; datagram sockets make a network 20 times faster than a TCP one."""

import re
import subprocess

import topology

VIEW_TAGS = 3  # guest/guest.h says the same, guest/view.c what for


def escaped(path):
    return path.replace(",", ",,")


def version():
    """QEMU's, such as 7.2.22; empty when it does not say."""
    try:
        text = subprocess.run(["qemu-system-x86_64", "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              timeout=20).stdout.decode(errors="replace")
    except (OSError, subprocess.TimeoutExpired):
        return ""
    found = re.search(r"version ([0-9][0-9.]*)", text)
    return found.group(1) if found else ""


def told(config):
    """What a guest cannot see for itself and who measures in it must know; the kernel leaves words with a dot alone."""
    return f"wsd.icount={int(config['icount'])}" + (f" wsd.qemu={config['qemu']}" if config["qemu"] else "")


def command(config, agent_fd, monitor_fd):
    """@config: what `up` decided (see guest.py); the descriptors, inherited by QEMU: our ends of the agent's port and of
    its monitor."""
    host = config["host"]
    kvm = config["accel"] == "kvm"
    if config["icount"]:
        accel = ["-accel", "tcg,thread=single", "-icount", "shift=3,align=off,sleep=off", "-smp", "1"]
    else:
        accel = ["-accel", "kvm" if kvm else "tcg,thread=multi", "-smp", str(config["cpus"])]
    argv = ["qemu-system-x86_64", "-name", f"wsd-{host}", "-nodefaults", "-no-user-config", "-machine", "q35", *accel,
            "-cpu", "host" if kvm else "max", "-m", f"{config['memory']}M", "-display", "none", "-nic", "none",
            "-no-reboot", "-kernel", config["vmlinux"], "-initrd", config["initrd"],
            "-append", "console=ttyS0 panic=-1 oops=panic mitigations=off " + told(config),
            "-serial", f"file:{config['console']}",
            "-chardev", f"socket,id=monitor,fd={monitor_fd}", "-mon", "chardev=monitor,mode=readline",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,fd={agent_fd}",
            "-device", "virtserialport,chardev=agent,name=wsd-agent"]
    exports = [("hostroot", "/", True, ["hostroot"]), ("fresh", "/", True, ["fresh"])]
    exports += [(f"share{i}", path, False, [f"share{i}.{n}" for n in range(VIEW_TAGS)])
                for i, path in enumerate(config["shares"])]
    for export, path, readonly, tags in exports:
        argv += ["-fsdev", f"local,id={export},path={escaped(path)},security_model=none,multidevs=remap"
                 + (",readonly=on" if readonly else "")]
        for tag in tags:
            argv += ["-device", f"virtio-9p-pci,fsdev={export},mount_tag={tag}"]
    if not config["bare"]:
        argv += nics(host, config["sockets"])
    return argv


def nics(host, folder):
    (other,) = [h for h in topology.HOSTS if h != host]
    argv = []
    for net, (name, _, _) in enumerate(topology.NICS):
        local, remote = escaped(f"{folder}/{name}.{host}"), escaped(f"{folder}/{name}.{other}")
        argv += ["-netdev", f"dgram,id={name},local.type=unix,local.path={local},remote.type=unix,remote.path={remote}",
                 "-device", f"virtio-net-pci,netdev={name},mac={topology.mac(net, host)},romfile="]
    return argv


def socket_files(host, folder):
    """What lies in the sockets' folder for this guest."""
    return [f"{folder}/{name}.{host}" for name, _, _ in topology.NICS] + [f"{folder}/{host}.sock"]
