# SPDX-License-Identifier: MIT
"""Soft-RoCE on this machine itself, where its kernel has it and we may: the standard topology as host a.

The interfaces belong to the machine, not to a checkout: who has called `up` is noted in /run, and the last `down`
takes away what was made. What was there before (in one of our guests, say) is used and left alone."""

import hashlib
import os
import platform
import shutil
import subprocess
import time

import topology
from common import Failure, Lock, say, work_tree
from image import tool

STATE = "/run/wsd-soft-roce"
GUEST_MARK = "/run/wsd-host"  # written by the agent of our guests
MODULES = ("rdma_rxe", "rdma_ucm", "ib_uverbs")
OPTIONAL_MODULES = ("crc32_generic", "veth")


def present():
    """Whether the topology is there and usable for this user."""
    return (all(os.path.exists(f"/sys/class/net/{name}") for name, _, _ in topology.NICS)
            and all(os.path.exists(f"/sys/class/infiniband/{rxe}") for _, rxe, _ in topology.NICS if rxe)
            and os.access("/dev/infiniband/rdma_cm", os.R_OK | os.W_OK))


def host():
    """Which host this machine is."""
    try:
        with open(GUEST_MARK, encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return "a"


def in_guest():
    return os.path.exists(GUEST_MARK)


def possible():
    """Whether this kernel has rxe and we may load it: no more is known before trying."""
    if os.geteuid():
        return False
    if os.path.isdir("/sys/module/rdma_rxe"):
        return True
    modprobe = tool("modprobe")
    return bool(shutil.which(modprobe)) and all(
        not subprocess.run([modprobe, "-n", "-q", name], check=False, stderr=subprocess.DEVNULL).returncode for name in MODULES)


def batch(argv, text):
    done = subprocess.run([tool(argv[0]), *argv[1:]], input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode:
        raise Failure(f"{argv[0]}: {done.stdout.strip()}")


def user_note():
    """The mark of this checkout among those that want the topology up."""
    tree = work_tree()
    return os.path.join(STATE, "user-" + hashlib.sha256(tree.encode()).hexdigest()[:16]), tree


def lock():
    os.makedirs(STATE, mode=0o755, exist_ok=True)
    return Lock(os.path.join(STATE, "lock"), waiting="waiting for another soft-roce up or down on this machine")


def note_user():
    path, tree = user_note()
    with open(path, "w", encoding="utf-8") as f:
        f.write(tree)


def up():
    """Return only when the topology is there; a failed attempt is taken back."""
    if os.geteuid():
        if present():
            return
        raise Failure("soft-RoCE on this machine needs root")
    with lock():
        if present():
            note_user()
            return
        began = time.monotonic()
        clash = [name for name, _, _ in topology.NICS if os.path.exists(f"/sys/class/net/{name}")]
        made = os.path.join(STATE, "made")
        if clash and not os.path.exists(made):
            raise Failure(f"this machine has interfaces of these names that are not ours: {' '.join(clash)}")
        remove()  # what a killed attempt left
        for name in OPTIONAL_MODULES:
            subprocess.run([tool("modprobe"), "-q", name], check=False, stderr=subprocess.DEVNULL)
        for name in MODULES:
            done = subprocess.run([tool("modprobe"), name], check=False, stderr=subprocess.PIPE, text=True)
            if done.returncode:
                raise Failure(f"module {name}: {done.stderr.strip()}")
        with open(made, "w", encoding="ascii"):
            pass
        try:
            batch(["ip", "-batch", "-"], topology.ip_batch(host(), make_links=True))
            batch(["rdma", "-b", "-"], topology.rdma_batch())
            if not present():  # rxe works in the first network namespace only, and elsewhere fails in silence
                raise Failure("the rxe devices did not appear in this network namespace")
        except Failure:
            remove()
            os.unlink(made)
            raise
        note_user()
    say(f"soft-RoCE is up on this machine after {time.monotonic() - began:.1f} s")


def remove():
    """Take away our interfaces; their rxe devices go with them."""
    for name, rxe, _ in topology.NICS:
        if rxe and os.path.exists(f"/sys/class/infiniband/{rxe}"):
            done = subprocess.run([tool("rdma"), "link", "delete", rxe], check=False, stderr=subprocess.PIPE, timeout=60,
                                  text=True)
            if done.returncode:
                say(f"cannot delete {rxe}: {done.stderr.strip()}")
        if os.path.exists(f"/sys/class/net/{name}"):
            subprocess.run([tool("ip"), "link", "delete", name], check=False, timeout=60)


def others():
    """The other checkouts that want the topology, those that still exist."""
    ours, _ = user_note()
    found = []
    for name in os.listdir(STATE):
        path = os.path.join(STATE, name)
        if not name.startswith("user-") or path == ours:
            continue
        with open(path, encoding="utf-8") as f:
            tree = f.read()
        if os.path.isdir(tree):
            found.append(tree)
        else:
            os.unlink(path)
    return found


def down():
    if os.geteuid() or not os.path.isdir(STATE):
        return
    with lock():
        ours, _ = user_note()
        if os.path.exists(ours):
            os.unlink(ours)
        made = os.path.join(STATE, "made")
        if not os.path.exists(made):
            return
        still = others()
        if still:
            say(f"soft-RoCE stays up on this machine, in use by {', '.join(still)}")
            return
        try:
            remove()
        except subprocess.TimeoutExpired as e:
            raise Failure("a device cannot be deleted: a process has it open (see `rdma resource show`)") from e
        os.unlink(made)
    say("soft-RoCE is down on this machine")


def mine():
    """Whether `down` of this checkout has something to do here."""
    return os.path.exists(os.path.join(STATE, "made"))


def status():
    row = {"host": host(), "mode": "native", "state": "up" if present() else "down", "kernel": platform.release()}
    if row["state"] == "up":
        outputs = [subprocess.run([tool(argv[0]), *argv[1:]], stdout=subprocess.PIPE, check=False, text=True).stdout
                   for argv in (["ip", "-j", "address"], ["rdma", "-j", "link"])]
        row["interfaces"] = topology.describe(*outputs)
    return row


def execute(argv, *, cwd=None, env=(), uid=0, gid=0):
    """Become the command. It is this machine: environment and folder are the caller's."""
    for setting in env:
        name, equals, value = setting.partition("=")
        if equals:
            os.environ[name] = value
    if uid or gid:
        os.setgroups([gid])
        os.setgid(gid)
        os.setuid(uid)
    try:
        if cwd:
            os.chdir(cwd)
        os.execvp(argv[0], argv)
    except OSError as e:
        say(f"cannot run {argv[0]}: {e.strerror}")
        return 127 if isinstance(e, (FileNotFoundError, NotADirectoryError)) else 126
