# SPDX-License-Identifier: MIT
"""The side of `exec` and `shell` on the host: streams, signals, terminal, exit status."""

import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import tty

import wire
from common import OWN_ERROR, Failure, say

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
OUR_OWN = ("WSD_ACCEL", "WSD_SOFT_ROCE", "WSD_BOOT_TIMEOUT", "WSD_HANG_TIMEOUT")  # settings of this script
PASSED_PREFIXES = ("WSD_", "CRITERION_", "LC_")
PASSED = ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "TSAN_OPTIONS", "TERM", "LANG", "TZ", "NO_COLOR")
BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def environment(extra, user="root"):
    """What a command in the guest gets: little of its own, what tests and sanitizers need, what was asked for."""
    env = {"PATH": BASE_PATH, "HOME": "/tmp", "USER": user, "LOGNAME": user, "SHELL": "/bin/bash"}
    env.update((k, v) for k, v in os.environ.items() if k in PASSED or (k.startswith(PASSED_PREFIXES) and k not in OUR_OWN))
    for setting in extra:
        name, equals, value = setting.partition("=")
        if equals:
            env[name] = value
        elif name in os.environ:
            env[name] = os.environ[name]
    return [f"{k}={v}" for k, v in env.items()]


def window():
    try:
        rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
        return rows, cols
    except OSError:
        return 24, 80


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.connect(path)
    except OSError:
        sock.close()
        return None
    return sock


class Session:
    def __init__(self, sock, with_stdin, on_tty):
        self.sock, self.on_tty = sock, on_tty
        self.reader = wire.Reader()
        self.stdin_open = with_stdin
        self.in_credit = wire.IN_WINDOW
        self.interrupts = 0
        self.sending, self.waiting = False, []  # a signal handler must not write into the middle of a frame
        self.outputs = {wire.STDOUT: 1, wire.STDERR: 2}
        self.status = None

    def send(self, data):
        self.waiting.append(data)
        if self.sending:
            return
        self.sending = True
        try:
            while self.waiting:
                self.sock.sendall(self.waiting.pop(0))
        except OSError:
            pass  # the other side has gone; its last words are still to be read
        finally:
            self.sending = False

    def on_signal(self, number, _):
        if number in (signal.SIGINT, signal.SIGTERM):
            self.interrupts += 1
        if self.interrupts > 1:  # the first did not help: hang up, which kills all of the command
            os._exit(128 + number)
        self.send(wire.number(wire.SIGNAL, 0, number))

    def on_resize(self, *_):
        self.send(wire.frame(wire.WINSIZE, 0, struct.pack("<HH", *window())))

    def reads_stdin(self):
        if not self.stdin_open or self.in_credit <= 0:
            return False
        try:  # a background job of an interactive shell would be stopped by a read
            return os.tcgetpgrp(0) == os.getpgrp()
        except OSError:
            return True

    def read_stdin(self):
        try:
            data = os.read(0, min(self.in_credit, 32768))
        except OSError:
            data = b""
        if data:
            self.in_credit -= len(data)
            self.send(wire.frame(wire.STDIN, 0, data))
        else:
            self.stdin_open = False
            self.send(wire.frame(wire.STDIN_EOF))

    def write_out(self, kind, data):
        fd = self.outputs.get(kind)
        view = memoryview(data)
        while fd is not None and view:
            try:
                view = view[os.write(fd, view):]
            except BlockingIOError:
                select.select([], [fd], [])
            except BrokenPipeError:
                # As if the command itself had written into the closed pipe.
                self.outputs[kind] = None
                self.send(wire.number(wire.SIGNAL, 0, signal.SIGPIPE))
                return
            except OSError as e:
                raise Failure(f"cannot write the command's output: {e.strerror}") from e

    def on_frame(self, kind, data):
        if kind in (wire.STDOUT, wire.STDERR):
            self.write_out(kind, data)
        elif kind == wire.CREDIT:
            self.in_credit += wire.NUMBER.unpack(data)[0]
        elif kind == wire.STDIN_CLOSED:
            self.stdin_open = False
        elif kind == wire.EXIT:
            status = wire.NUMBER.unpack(data)[0]
            self.status = 128 + (status & 0x7F) if status & 0x7F else status >> 8 & 0xFF
        elif kind == wire.FAILED:
            raise Failure(data.decode(errors="replace"))

    def run(self):
        if not self.stdin_open:
            self.send(wire.frame(wire.STDIN_EOF))
        for number in FORWARDED:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self.on_signal)
        if self.on_tty:
            signal.signal(signal.SIGWINCH, self.on_resize)
        while self.status is None:
            with_stdin = self.reads_stdin()
            readable = self.wait(with_stdin)
            if with_stdin and 0 in readable:
                self.read_stdin()
            if self.sock.fileno() in readable:
                data = self.sock.recv(1 << 18)
                if not data:
                    raise Failure("the guest's supervisor has gone")
                for kind, _, payload in self.reader.feed(data):
                    self.on_frame(kind, payload)
        return self.status

    def wait(self, with_stdin):
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        if with_stdin:
            poll.register(0, select.POLLIN)
        try:
            # In the background of an interactive shell: look again now and then whether stdin is ours.
            return {fd for fd, _ in poll.poll(500 if self.stdin_open and not with_stdin else None)}
        except InterruptedError:
            return set()


def execute(sock, argv, *, cwd, env, uid=0, gid=0, on_tty=False, with_stdin=True, reap=False):
    """Run a command through a connected supervisor; return its exit status."""
    rows, cols = window()
    flags = (wire.TTY if on_tty else 0) | (wire.REAP if reap else 0)
    payload = wire.pack_exec(argv, cwd, env, uid, gid, flags, rows, cols)
    if len(payload) > wire.MAX_FRAME:
        raise Failure("the argument list is too long")
    session = Session(sock, with_stdin, on_tty)
    session.send(wire.frame(wire.EXECUTE, 0, payload))
    saved = termios.tcgetattr(0) if on_tty and os.isatty(0) else None
    try:
        if saved:
            tty.setraw(0)
        return session.run()
    finally:
        if saved:
            termios.tcsetattr(0, termios.TCSADRAIN, saved)


def capture(sock, argv, text=b""):
    """Run a short command that reads @text and return (status, output)."""
    sock.settimeout(30)
    sock.sendall(wire.frame(wire.EXECUTE, 0, wire.pack_exec(argv, "/", [f"PATH={BASE_PATH}"]))
                 + (wire.frame(wire.STDIN, 0, text) if text else b"") + wire.frame(wire.STDIN_EOF))
    reader, out = wire.Reader(), b""
    while True:
        data = sock.recv(1 << 18)
        if not data:
            return OWN_ERROR, out
        for kind, _, payload in reader.feed(data):
            if kind == wire.STDOUT:
                out += payload
            elif kind == wire.FAILED:
                say(payload.decode(errors="replace"))
                return OWN_ERROR, out
            elif kind == wire.EXIT:
                return wire.NUMBER.unpack(payload)[0], out


def control(sock, word, timeout=5):
    """Ask the supervisor itself; returns its answer, or None if it only hangs up."""
    sock.settimeout(timeout)
    sock.sendall(wire.frame(wire.CONTROL, 0, word))
    reader = wire.Reader()
    while True:
        data = sock.recv(1 << 16)
        if not data:
            return None
        for kind, _, payload in reader.feed(data):
            if kind == wire.CONTROL:
                return payload
            if kind == wire.FAILED:
                return None


if __name__ == "__main__":
    sys.exit("not a program")
