# SPDX-License-Identifier: MIT
"""The guests of one checkout and instance: start, find, stop, describe."""

import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import client
import image
import qemu
import topology
from common import LIB, SCRIPTS, Failure, Lock, boot_id, say, start_time, work_tree

DEFAULT_MEMORY = 2048
NEEDED = ("qemu-system-x86_64", "gcc", "strip", "depmod", "modprobe", "ip", "rdma")


class Instance:
    def __init__(self, name):
        self.name = name
        self.tree = work_tree()
        self.root = os.path.join(self.tree, ".soft-roce")
        self.state = os.path.join(self.root, name)

    def path(self, name):
        return os.path.join(self.state, name)

    def lock(self):
        return Lock(self.path("up.lock"), waiting="waiting for another soft-roce up or down of this checkout")

    def make(self):
        try:
            os.makedirs(self.state, mode=0o755, exist_ok=True)
        except OSError as e:
            raise Failure(f"cannot keep the guest's state in {self.state}: {e.strerror}") from e

    def info(self, host):
        """What is known of a guest; "state" is what is true now."""
        try:
            with open(self.path(host + ".json"), encoding="utf-8") as f:
                info = json.load(f)
        except (OSError, ValueError):
            return {"host": host, "state": "down"}
        if info["state"] in ("up", "booting"):
            if info["boot"] != boot_id() or start_time(info["pid"]) != info["start"]:
                info.update(state="dead", reason="its supervisor was killed")
        return info

    def connect(self, host):
        info = self.info(host)
        return client.connect(info["socket"]) if info["state"] == "up" else None

    def running(self):
        return [host for host in topology.HOSTS if self.info(host)["state"] in ("up", "booting")]


def check_packages(install):
    """Ask packages.sh only if a program is missing: it takes longer than an exec."""
    if all(shutil.which(image.tool(name)) or os.path.exists(image.tool(name)) for name in NEEDED):
        return
    script = os.path.join(SCRIPTS, "lib", "packages.sh")
    status = subprocess.run(["bash", script, *(["--install"] if install else ["--check"]), "guest"], check=False).returncode
    if status:
        raise SystemExit(status)


def sockets_folder(instance):
    """Socket paths are limited to 107 bytes, checkouts lie anywhere: a short private folder, noted in the state."""
    note = instance.path("sockets")
    try:
        with open(note, encoding="utf-8") as f:
            folder = f.read().strip()
        stat = os.lstat(folder)
        if stat.st_uid == os.geteuid() and stat.st_mode & 0o777 == 0o700:
            return folder
    except OSError:
        pass
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"
    if not os.access(base, os.W_OK) or len(base) > 80:
        base = "/tmp"
    folder = tempfile.mkdtemp(prefix="wsd-", dir=base)
    with open(note, "w", encoding="utf-8") as f:
        f.write(folder + "\n")
    return folder


def seconds(name, default):
    """A time from the environment. The defaults are long: under emulation on a busy machine much takes seconds."""
    text = os.environ.get(name, "")
    if text and not (text.isdigit() and int(text)):
        raise Failure(f"{name}={text}: not a number of seconds")
    return int(text or default)


def default_cpus():
    return min(2, len(os.sched_getaffinity(0)))


def start(instance, host, options, kernel, initrd):
    """Start the supervisor; return the socket on which it says how the boot went."""
    config = {"host": host, "tree": instance.tree, "state": instance.state, "sockets": sockets_folder(instance),
              "console": instance.path(host + ".console"), "log": instance.path(host + ".log"),
              "vmlinux": kernel.vmlinux, "kernel": kernel.version, "modules": kernel.modules, "initrd": initrd,
              "accel": "tcg" if options.icount else image.accelerator(boot_id()),
              "memory": options.memory or DEFAULT_MEMORY, "cpus": 1 if options.icount else options.cpus or default_cpus(),
              "icount": options.icount, "qemu": qemu.version(), "bare": options.bare,
              "boot_timeout": seconds("WSD_BOOT_TIMEOUT", 90), "hang_timeout": seconds("WSD_HANG_TIMEOUT", 40),
              "shares": [os.path.realpath(path) for path in (instance.tree, *options.share)]}
    ours, theirs = socket.socketpair()
    argv = [sys.executable, "-E", "-s", "-S", *pycache_option(), os.path.join(LIB, "supervisor.py"), str(theirs.fileno()),
            f"{instance.state}/{host}"]  # the last is for who reads `ps`
    # It lives on when we end; until the guest is ready, our end of the socket is what keeps it.
    subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], start_new_session=True, cwd="/")
    theirs.close()
    ours.sendall(json.dumps(config).encode() + b"\n")
    return ours


def pycache_option():
    return ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else ["-B"]


class TooLate(Failure):
    """All that failed was not ready in time."""


def wait_ready(host, notify):
    text = b""
    while not text.endswith(b"\n"):
        data = notify.recv(65536)
        if not data:
            raise Failure(f"the supervisor of guest {host} ended")
        text += data
    notify.close()
    answer = json.loads(text)
    if answer.get("again"):
        raise TooLate(answer["failed"])
    if "failed" in answer:
        raise Failure(answer["failed"])
    return answer["ready"]


def up(instance, hosts, options):
    """Bring guests up; those that are up stay. Interrupted at any point, it leaves none half up."""
    instance.make()
    with instance.lock():
        missing = [host for host in hosts if not alive(instance, host)]
        for host in set(hosts) - set(missing):
            check_same(instance.info(host), options)
            if not instance.info(host)["bare"]:
                restore(instance, host)
        if not missing:
            return
        check_packages(options.install)
        kernel = image.ensure()
        initrd = image.initrd(kernel, instance.root)
        for host in missing:
            info = instance.info(host)
            if info["state"] == "dead":
                say(f"host {host} died earlier: {info['reason']}; its console is kept as {info['console']}.old")
        try:
            boot(instance, missing, options, kernel, initrd)
        except Failure as e:
            if not os.environ.get("WSD_ACCEL") and image.accelerator(boot_id()) == "kvm":
                # The probe liked it, a kernel does not: seen where virtualization is nested.
                say(f"{e}\nsoft-roce: trying again without KVM")
                image.remember_accelerator(boot_id(), "tcg")
            elif isinstance(e, TooLate):  # seen once in some hundred boots under emulation
                say(f"{e}\nsoft-roce: trying once more")
            else:
                raise
            boot(instance, [host for host in missing if not alive(instance, host)], options, kernel, initrd)


def boot(instance, hosts, options, kernel, initrd):
    """Start guests side by side and wait for all. If one fails the others stay as they are."""
    began = time.monotonic()
    wait_ended(instance, hosts, 10)
    notifies = {host: start(instance, host, options, kernel, initrd) for host in hosts}
    failures, again = [], True
    try:
        for host, notify in notifies.items():
            try:
                wait_ready(host, notify)
                say(f"host {host} is up after {time.monotonic() - began:.1f} s")
            except Failure as e:
                failures.append(str(e))
                again = again and isinstance(e, TooLate)
    except KeyboardInterrupt:
        for notify in notifies.values():
            notify.close()
        wait_ended(instance, hosts, 5)
        raise
    if failures:
        raise (TooLate if again else Failure)("\n".join(failures))


def check_same(info, options):
    """A guest that is up cannot be changed: refuse to pass it off as what was asked for."""
    wanted = {"memory": options.memory, "cpus": options.cpus, "bare": options.bare}
    differs = [f"--{name}" for name, value in wanted.items() if value and info[name] != value]
    differs += [f"--share {path}" for path in options.share if os.path.realpath(path) not in info["shares"]]
    if differs:
        raise Failure(f"host {info['host']} is up without {', '.join(differs)}: take it down first")


def look(instance, host):
    """The interfaces of a guest that is up; None if it is not any more."""
    outputs = []
    for argv in (["ip", "-j", "address"], ["rdma", "-j", "link"]):
        sock = instance.connect(host)
        if not sock:
            return None
        with sock:
            outputs.append(client.capture(sock, argv)[1].decode())
    return topology.describe(*outputs)


def restore(instance, host):
    """Somebody may have deleted a device, taken an address away or set an interface down: make that good."""
    lacks = topology.missing(host, look(instance, host) or [])
    for command, lines in zip(("ip -batch -", "rdma -b -"), lacks):
        sock = instance.connect(host) if lines else None
        if not sock:
            continue
        with sock:
            status, words = client.capture(sock, ["sh", "-c", f"exec {command} 2>&1"], "".join(f"{line}\n" for line in lines).encode())
        if status:
            raise Failure(f"host {host} has lost part of its topology ({'; '.join(lines)}) and cannot have it back "
                          f"({words.decode().strip()}): take the host down first")
    if any(lacks):
        say(f"host {host} is up; restored what it had lost: {'; '.join([*lacks[0], *lacks[1]])}")


def alive(instance, host):
    """Whether the guest's supervisor answers; one that does not is taken away."""
    sock = instance.connect(host)
    if sock:
        try:
            if client.control(sock, b"info"):
                return True
        except OSError:
            pass
        say(f"host {host}: its supervisor does not answer; ending it")
        end(instance, host)
    return False


def wait_ended(instance, hosts, seconds):
    """Until no supervisor holds its lock. Return whether that came true."""
    until = time.monotonic() + seconds
    for host in hosts:
        lock = Lock(instance.path(host + ".lock"))
        while not lock.try_take():
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        os.close(lock.fd)
    return True


def same_process(info, which):
    pid = info.get(which)
    begun = info.get("start" if which == "pid" else "qemu_start")
    return pid and info.get("boot") == boot_id() and begun is not None and start_time(pid) == begun


def end(instance, host):
    info = instance.info(host)
    sock = instance.connect(host)
    patience = 5 if sock else 0.5
    if sock:
        try:
            client.control(sock, b"down", timeout=3)
        except OSError:
            patience = 0.1  # it does not answer
        sock.close()
    if not wait_ended(instance, [host], patience):
        for which, number in (("pid", signal.SIGTERM), ("pid", signal.SIGKILL)):
            if same_process(info, which):
                os.kill(info[which], number)
            if wait_ended(instance, [host], 3):
                break
    # QEMU goes with its supervisor; look all the same.
    until = time.monotonic() + 5
    while same_process(info, "qemu_pid") and time.monotonic() < until:
        os.kill(info["qemu_pid"], signal.SIGKILL)
        time.sleep(0.02)
    if same_process(info, "qemu_pid") or not wait_ended(instance, [host], 1):
        raise Failure(f"host {host}: its processes cannot be ended")


def instances():
    """The names of all instances of this checkout that have ever been up."""
    root = Instance("default").root
    try:
        return sorted(name for name in os.listdir(root) if os.path.exists(os.path.join(root, name, "up.lock")))
    except OSError:
        return []


def down(instance, hosts):
    if not os.path.isdir(instance.state):
        return
    with instance.lock():
        for host in hosts:
            was = instance.info(host)["state"]
            end(instance, host)
            for path in glob.glob(glob.escape(instance.path(host)) + ".json"):
                os.unlink(path)
            if was in ("up", "booting"):
                say(f"host {host} is down")
        if not instance.running() and os.path.exists(instance.path("sockets")):
            shutil.rmtree(sockets_folder(instance), ignore_errors=True)
            os.unlink(instance.path("sockets"))


def status(instance, host):
    info = instance.info(host)
    row = {"host": host, "mode": "guest", "instance": instance.name, "state": info["state"]}
    if info["state"] == "down":
        return row
    row.update({k: info.get(k) for k in ("reason", "kernel", "accel", "icount", "memory", "cpus", "console", "boot_seconds")})
    if info["state"] == "up":
        row.update(pid=info.get("qemu_pid"), uptime=round(time.time() - info["since"]))
        interfaces = look(instance, host)
        if interfaces is None:
            row["state"] = "dead"
            return row
        row["interfaces"] = interfaces
    return row


def shares(instance, host, folder):
    """Whether a folder of this machine is the same one inside."""
    roots = instance.info(host).get("shares") or []
    return any(folder == root or folder.startswith(root.rstrip("/") + "/") for root in roots)


def prepare(instance, refresh, install):
    check_packages(install)
    instance.make()
    with instance.lock():
        kernel = image.ensure(refresh)
        image.initrd(kernel, instance.root)
    return kernel
