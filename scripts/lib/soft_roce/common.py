# SPDX-License-Identifier: MIT
"""What all parts share: our own errors, locks, processes that end with us, and where things are kept."""

import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import time

LIB = os.path.dirname(os.path.abspath(__file__))
SCRIPTS = os.path.dirname(os.path.dirname(LIB))
OWN_ERROR = 125
MISSING = 3


class Failure(Exception):
    """Something that the user is told in one sentence; the script ends with the status."""

    def __init__(self, text, status=OWN_ERROR):
        super().__init__(text)
        self.status = status


def say(text):
    print(f"soft-roce: {text}", file=sys.stderr, flush=True)


def die_with_parent():
    """For preexec_fn: a killed script takes its children along."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def run(argv, what, **kw):
    """Run a helper program; its own words go into the failure."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=die_with_parent, check=False, **kw)
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise Failure(f"{what}: {' '.join(argv[:2])} ended with {done.returncode}"
                      + "".join(f"\n  {line}" for line in words[-8:]))
    return done.stdout


class Lock:
    """An exclusive file lock: released by the kernel when the holder goes, however it goes."""

    def __init__(self, path, waiting=None, timeout=None):
        self.path, self.waiting, self.timeout, self.fd = path, waiting, timeout, None

    def try_take(self):
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self.fd = fd
        return True

    def __enter__(self):
        start, told = time.monotonic(), False
        while not self.try_take():
            if self.timeout is not None and time.monotonic() - start > self.timeout:
                raise Failure(f"{self.path} is held by another process")
            if self.waiting and not told and time.monotonic() - start > 0.5:
                say(self.waiting)
                told = True
            time.sleep(0.03)
        return self

    def __exit__(self, *_):
        os.close(self.fd)
        self.fd = None


def write_atomically(path, data):
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    os.replace(temporary, path)


def cache_dir():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(os.path.abspath(base), "wsdirect")


def work_tree():
    """The top of the checkout that this script belongs to."""
    at = SCRIPTS
    while at != "/":
        if os.path.lexists(os.path.join(at, ".git")):
            return at
        at = os.path.dirname(at)
    return os.path.dirname(SCRIPTS)


def boot_id():
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        return f.read().strip()


def start_time(pid):
    """When a living process started, in ticks: a pid alone may have been given to another one since."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except (OSError, ValueError, IndexError):
        return None
