# SPDX-License-Identifier: MIT
"""The two guests, a and b, and programs on them. main() of `run` says which instance and which build."""

import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True

from runner import TREE, check  # noqa: E402

SOFT_ROCE = os.path.join(TREE, "scripts/soft-roce")
BUILD = os.path.join(TREE, "build-test")
GUESTS = ["--qemu"]  # native would be one machine only
DEADLINE = 90  # for what must happen at all: emulation is slow, and sanitizers make it slower
PATIENT = {"WSD_CONNECT_SAN_MS": "20000"}  # a busy machine must not look like a peer that is not there


def on(host, *argv, status=0, timeout=DEADLINE, env=None):
    """Run to the end on a host; its output."""
    done = subprocess.run([SOFT_ROCE, "exec", *GUESTS, "--host", host, "--", *argv], cwd=TREE, text=True, timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}, check=False)
    check(status is None or done.returncode == status, f"{host}: {argv}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Talker:
    """A talker on a host, its lines as they come."""

    program, running = "tests/wire/talker", []  # below the build folder

    def __init__(self, host, *words, env=None):
        self.host, self.words, self.lines = host, words, []
        self.pid, self.news = None, threading.Condition()
        self.process = subprocess.Popen(
            [SOFT_ROCE, "exec", *GUESTS, "--host", host, "--", "sh", "-c", 'echo "pid $$"; exec "$@" 2>&1', "sh",
             os.path.join(BUILD, self.program), *map(str, words)], cwd=TREE, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(PATIENT if env is None else env)})
        Talker.running.append(self)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                if line.startswith("pid "):
                    self.pid = line[4:].strip()
                else:
                    self.lines.append(line.rstrip("\n"))
                self.news.notify_all()
        with self.news:
            self.lines.append(None)
            self.news.notify_all()

    def expect(self, pattern, count=1, timeout=DEADLINE):
        """The count-th line that matches, waited for."""
        end = time.monotonic() + timeout
        with self.news:
            while True:
                found = [m for line in self.lines if line is not None and (m := re.search(pattern, line))]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                check(left > 0 and None not in self.lines, f"{self}: no {pattern!r}")
                self.news.wait(left)

    def signal(self, name):
        on(self.host, "kill", f"-{name}", self.pid)

    def finish(self, status=0, timeout=DEADLINE):
        got = self.process.wait(timeout)
        if self in Talker.running:
            Talker.running.remove(self)
        check(status is None or got == status, f"{self}: status {got}")

    def __repr__(self):
        return f"{self.host}: {self.program} {self.words}: {self.lines[-30:]}"
