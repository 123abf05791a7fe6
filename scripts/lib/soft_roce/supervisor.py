# SPDX-License-Identifier: MIT
"""One process per guest: it starts QEMU, carries the commands of all clients over the agent's port, and notices when
the guest dies, hangs, or is no longer wanted. QEMU never outlives it (PR_SET_PDEATHSIG), and until the guest is ready
it does not outlive the `up` that started it."""

import errno
import json
import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback

import qemu
import topology
import wire
from common import Lock, Failure, boot_id, die_with_parent, start_time, write_atomically

PING_EVERY = 2.0
PAUSE_AFTER = 1.0  # an idle guest under -icount would use a whole processor
TAIL_LINES = 12
CAUSE = re.compile(r"Kernel panic|BUG:|Oops|soft lockup|Out of memory")


def tail(path, lines=TAIL_LINES):
    try:
        with open(path, "rb") as f:
            f.seek(0, os.SEEK_END)
            f.seek(max(0, f.tell() - 16384))
            text = f.read().decode(errors="replace")
    except OSError:
        return ""
    every = [line.rstrip() for line in text.splitlines() if line.strip()]
    kept = every[-lines:]
    causes = [line for line in every[:-lines] if CAUSE.search(line)]
    return "".join(f"\n  | {line}" for line in (*causes[-2:], *kept))


class Ended(Exception):
    """The guest's life is over; the text says why, or is empty when it was asked for."""


class TooLate(Ended):
    """It did not boot in time: slow, or stuck. A second attempt may do better."""


class Peer:
    """A buffered, non-blocking connection."""

    def __init__(self, sock):
        sock.setblocking(False)
        self.sock, self.out, self.reader = sock, bytearray(), wire.Reader()

    def receive(self):
        """The frames that have arrived, or None at the end."""
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return []
        except OSError:
            return None
        return self.reader.feed(data) if data else None

    def flush(self):
        """Return how many bytes went out."""
        sent = 0
        try:
            while self.out:
                n = self.sock.send(self.out[:1 << 17])
                del self.out[:n]
                sent += n
        except BlockingIOError:
            pass
        except OSError as e:
            if e.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            self.out.clear()  # its end is read soon
        return sent


class Client(Peer):
    """One `exec`: its frames carry channel 0 on its side, `chan` on the guest's."""

    def __init__(self, sock):
        super().__init__(sock)
        self.chan = None
        self.owed = 0  # output bytes not yet credited to the guest


class Setup:
    """A command of our own, run while the guest is set up."""

    def __init__(self, argv, text):
        self.argv, self.text, self.words = argv, text, b""


class Supervisor:
    def __init__(self, config, notify):
        self.config, self.notify = config, notify
        self.host = config["host"]
        self.ready = False
        self.began = time.monotonic()
        self.selector = selectors.DefaultSelector()
        self.channels, self.clients, self.next_chan = {}, set(), 1
        self.setups = []
        self.ping_sent = self.last_ping = None
        self.paused, self.idle_since = False, time.monotonic()
        self.info = {"host": self.host, "state": "booting", "pid": os.getpid(), "start": start_time(os.getpid()),
                     "boot": boot_id(), "since": time.time(),
                     **{k: config[k] for k in ("kernel", "console", "accel", "memory", "cpus", "icount", "bare", "shares",
                                               "sockets")}}
        stat = os.stat(config["tree"])
        self.tree_id = (stat.st_dev, stat.st_ino)
        self.listener = self.qemu = self.agent = self.monitor = None

    def save(self, **more):
        self.info.update(more)
        if os.path.isdir(self.config["state"]):  # else: deleted with its checkout
            write_atomically(os.path.join(self.config["state"], self.host + ".json"), json.dumps(self.info, indent=1) + "\n")

    # --- start and end ---

    def start(self):
        for path in qemu.socket_files(self.host, self.config["sockets"]):
            if os.path.lexists(path):
                os.unlink(path)
        if os.path.exists(self.config["console"]):  # a guest that died may be started anew at once: keep its last words
            os.replace(self.config["console"], self.config["console"] + ".old")
        open(self.config["console"], "wb").close()
        ours, theirs = socket.socketpair()
        self.monitor, monitor = socket.socketpair()
        argv = qemu.command(self.config, theirs.fileno(), monitor.fileno())
        self.info["command"] = argv
        try:
            self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno(), monitor.fileno()],
                                         preexec_fn=die_with_parent)
        except OSError as e:
            raise Ended(f"cannot start {argv[0]}: {e.strerror}") from e
        theirs.close()
        monitor.close()
        self.agent = Peer(ours)
        self.save(qemu_pid=self.qemu.pid, qemu_start=start_time(self.qemu.pid))
        self.watch(ours, self.on_agent)
        self.watch(os.pidfd_open(self.qemu.pid), self.on_qemu_end)
        self.watch(self.notify, self.on_notify)

    def watch(self, what, call):
        self.selector.register(what, selectors.EVENT_READ, call)

    def finish(self, reason, again=False):
        """Tell everybody, leave no process and no socket."""
        if self.qemu and self.qemu.poll() is None:
            self.qemu.kill()
            try:
                self.qemu.wait(10)
            except subprocess.TimeoutExpired:  # stuck in the kernel, as with a KVM that hangs: it goes when it can
                print(f"QEMU {self.qemu.pid} does not end", flush=True)
        told = "it was shut down"
        if reason:
            told = f"{reason}; the end of its console, {self.config['console']}:" + (tail(self.config["console"]) or "\n  | (empty)")
        for client in list(self.clients):
            client.sock.setblocking(True)
            client.sock.settimeout(1)
            try:
                client.sock.sendall(bytes(client.out) + wire.frame(wire.FAILED, 0, told.encode()))
            except OSError:
                pass
            client.sock.close()
        for path in qemu.socket_files(self.host, self.config["sockets"]):
            if os.path.lexists(path):
                os.unlink(path)
        if not os.path.isdir(self.config["state"]):  # no `down` will come to tidy up
            try:
                os.rmdir(self.config["sockets"])
            except OSError:
                pass  # the other guest's are there too
        self.save(state="dead" if reason else "down", reason=reason or None)
        if not self.ready:
            self.tell({"failed": told if reason else "interrupted", "again": again})
        print(f"ended: {reason or 'asked to'}", flush=True)

    def tell(self, message):
        try:
            self.notify.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            pass

    # --- the loop ---

    def loop(self):
        while True:
            for key, mask in self.selector.select(0.5):
                key.data(key.fileobj, mask)
            self.agent_flush()
            self.check_time()

    def check_time(self):
        now = time.monotonic()
        if not self.ready:
            if now - self.began > self.config["boot_timeout"]:
                raise TooLate(f"guest {self.host} was not ready after {self.config['boot_timeout']} s{self.where()}")
            return
        if self.channels or self.clients:
            self.idle_since = now
        elif self.config["icount"] and not self.paused and now - self.idle_since > PAUSE_AFTER and not self.ping_sent:
            self.qemu.send_signal(signal.SIGSTOP)
            self.paused = True
        if self.last_ping and now - self.last_ping < PING_EVERY:
            return
        self.check_wanted()
        if self.paused:
            return
        if self.ping_sent and now - self.ping_sent > self.config["hang_timeout"]:
            raise Ended(f"guest {self.host} hangs: no answer for {self.config['hang_timeout']} s")
        self.last_ping = now
        if not self.ping_sent:
            self.ping_sent = now
            self.agent.out += wire.frame(wire.PING)

    def where(self):
        """What QEMU has used and where its processors stand: a slow machine and a stuck guest look alike from outside.
        The registers go to the log, the rest is returned."""
        ticks = os.sysconf("SC_CLK_TCK")
        with open(f"/proc/{self.qemu.pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        load = os.getloadavg()[0]
        words = b""
        try:
            self.monitor.settimeout(2)
            self.monitor.sendall(b"info status\ninfo registers -a\n")
            while True:
                words += self.monitor.recv(65536)
        except OSError:  # the time-out: it has said all
            pass
        print(re.sub(r"(?m)^\(qemu\).*\n?", "", words.decode(errors="replace")), flush=True)  # an echo, key by key
        at = re.findall(rb"RIP=([0-9a-f]+)", words)
        return (f" (QEMU used {(int(fields[11]) + int(fields[12])) / ticks:.1f} s of processor time, load {load:.1f}"
                + (f", its processors stood at {b' '.join(at).decode()}" if at else ", its monitor is silent") + ")")

    def check_wanted(self):
        try:
            stat = os.stat(self.config["tree"])
            wanted = (stat.st_dev, stat.st_ino) == self.tree_id and os.path.isdir(self.config["state"])
        except OSError:
            wanted = False
        if not wanted:
            print("the checkout is gone", flush=True)
            raise Ended("")

    def on_qemu_end(self, *_):
        status = self.qemu.wait()
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        words = "" if not status else tail(self.config["log"], 3)
        raise Ended(f"guest {self.host} died: QEMU {how}{words}")

    def on_notify(self, *_):
        try:
            data = self.notify.recv(100)
        except OSError:
            data = b""
        if not data:
            if not self.ready:
                raise Ended("")
            self.selector.unregister(self.notify)
            self.notify.close()

    # --- the guest ---

    def agent_flush(self):
        self.agent.flush()
        self.selector.modify(self.agent.sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if self.agent.out else 0),
                             self.on_agent)

    def on_agent(self, *_):
        frames = self.agent.receive()
        if frames is None:
            try:
                self.qemu.wait(2)
            except subprocess.TimeoutExpired:
                self.qemu.kill()
            self.on_qemu_end()
        for kind, chan, data in frames:
            if kind == wire.HELLO:
                self.agent.out += wire.frame(wire.CONFIG, 0, self.guest_config())
            elif kind == wire.READY:
                self.start_setups()
            elif kind == wire.FAILED and not chan:
                raise Ended(f"guest {self.host} could not be set up: {data.decode(errors='replace')}")
            elif kind == wire.PONG:
                self.ping_sent = None
            else:
                self.on_channel(kind, chan, data)

    def guest_config(self):
        lines = [f"host={self.host}"]
        if not self.config["bare"]:
            lines.append("rdma=1")
        lines.append(f"moddir={self.config['modules']}")
        lines += [f"share{i}={path}" for i, path in enumerate(self.config["shares"])]
        return b"".join(os.fsencode(line) + b"\0" for line in lines)

    def on_channel(self, kind, chan, data):
        target = self.channels.get(chan)
        if isinstance(target, Setup):
            self.on_setup(target, kind, chan, data)
        elif target:
            if kind in (wire.EXIT, wire.FAILED):
                del self.channels[chan]
                target.chan = None
            elif kind in (wire.STDOUT, wire.STDERR):
                target.owed += len(data)
            target.out += wire.frame(kind, 0, data)
            self.client_flush(target)
        elif kind in (wire.STDOUT, wire.STDERR):
            pass  # its client has gone; the agent has been told

    def open_channel(self, target, payload):
        if self.paused:
            self.qemu.send_signal(signal.SIGCONT)
            self.paused = False
        chan, self.next_chan = self.next_chan, self.next_chan + 1
        self.channels[chan] = target
        self.agent.out += wire.frame(wire.EXECUTE, chan, payload)
        return chan

    def start_setups(self):
        if not self.config["bare"]:
            self.setups = [Setup(["ip", "-batch", "-"], topology.ip_batch(self.host)),
                           Setup(["rdma", "-b", "-"], topology.rdma_batch())]
        self.next_setup()

    def next_setup(self):
        if not self.setups:
            self.become_ready()
            return
        setup = self.setups.pop(0)
        chan = self.open_channel(setup, wire.pack_exec(setup.argv, "/", ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]))
        self.agent.out += wire.frame(wire.STDIN, chan, setup.text.encode()) + wire.frame(wire.STDIN_EOF, chan)

    def on_setup(self, setup, kind, chan, data):
        if kind in (wire.STDOUT, wire.STDERR):
            setup.words += data
        elif kind in (wire.EXIT, wire.FAILED):
            del self.channels[chan]
            if kind == wire.FAILED or data != wire.NUMBER.pack(0):
                raise Ended(f"guest {self.host} could not be set up: {setup.argv[0]}: {setup.words.decode(errors='replace').strip()}")
            self.next_setup()

    def become_ready(self):
        self.listener = socket.socket(socket.AF_UNIX)
        path = os.path.join(self.config["sockets"], self.host + ".sock")
        self.listener.bind(path)
        os.chmod(path, 0o600)
        self.listener.listen(128)
        self.listener.setblocking(False)
        self.watch(self.listener, self.on_connect)
        self.ready = True
        seconds = round(time.monotonic() - self.began, 1)
        self.save(state="up", socket=path, boot_seconds=seconds)
        self.tell({"ready": seconds})

    # --- clients ---

    def on_connect(self, *_):
        try:
            sock, _ = self.listener.accept()
        except OSError:
            return
        client = Client(sock)
        self.clients.add(client)
        self.watch(sock, lambda _, mask: self.on_client(client, mask))

    def drop(self, client):
        if client not in self.clients:
            return
        self.clients.discard(client)
        self.selector.unregister(client.sock)
        client.sock.close()
        if client.chan is not None:
            # Nobody is left to hear of it: the command goes too. The channel stays until the agent is done.
            self.agent.out += wire.frame(wire.HANGUP, client.chan)
            self.channels.pop(client.chan, None)

    def client_flush(self, client):
        sent = client.flush()
        if client.chan is not None and client.owed:
            done = client.owed if not client.out else min(sent, client.owed)
            if done:
                client.owed -= done
                self.agent.out += wire.number(wire.CREDIT, client.chan, done)
        if client in self.clients:
            self.selector.modify(client.sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if client.out else 0),
                                 self.selector.get_key(client.sock).data)

    def on_client(self, client, mask):
        if client not in self.clients:
            return
        if mask & selectors.EVENT_WRITE:
            self.client_flush(client)
        if not mask & selectors.EVENT_READ:
            return
        try:
            frames = client.receive()
        except ValueError:
            frames = None
        if frames is None:
            self.drop(client)
            return
        for kind, _, data in frames:
            if kind == wire.CONTROL and data == b"down":
                raise Ended("")
            if kind == wire.CONTROL:
                client.out += wire.frame(wire.CONTROL, 0, json.dumps(self.info).encode())
                self.client_flush(client)
            elif kind == wire.EXECUTE and client.chan is None:
                client.chan = self.open_channel(client, data)
            elif kind in (wire.STDIN, wire.STDIN_EOF, wire.SIGNAL, wire.WINSIZE) and client.chan is not None:
                self.agent.out += wire.frame(kind, client.chan, data)


def main(fd):
    notify = socket.socket(fileno=int(fd))
    notify.setblocking(True)
    text = b""
    while not text.endswith(b"\n"):
        data = notify.recv(65536)
        if not data:
            return 1
        text += data
    config = json.loads(text)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def on_term(*_):
        raise Ended("")

    signal.signal(signal.SIGTERM, on_term)
    if os.path.exists(config["log"]):
        os.replace(config["log"], config["log"] + ".old")
    with open(config["log"], "wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        # Held for life: who can take it knows that no supervisor is left.
        with Lock(os.path.join(config["state"], config["host"] + ".lock"), timeout=10):
            supervisor, again = Supervisor(config, notify), False
            try:
                supervisor.start()
                supervisor.loop()
            except Ended as e:
                reason, again = str(e), isinstance(e, TooLate)
            except Exception as e:  # a mistake of ours must not leave the clients without a word
                traceback.print_exc()
                reason = f"guest {config['host']} was ended, its supervisor failed: {e!r}"
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            supervisor.finish(reason, again)
    except Failure as e:
        notify.sendall(json.dumps({"failed": str(e)}).encode() + b"\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
