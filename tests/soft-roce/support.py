# SPDX-License-Identifier: MIT
"""What the tests of scripts/soft-roce share: running the script, waiting for a condition, finding processes."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(1, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

import runner  # noqa: E402
from runner import TREE, Skip, check  # noqa: E402,F401

SCRIPT = os.path.join(TREE, "scripts/soft-roce")
MAIN = "selftest"  # the instance that most tests share
DEADLINE = 60  # for what must happen at all; a busy machine is slow

_seconds = {}
_folders = []


def note(what, seconds):
    """A figure for the report at the end."""
    _seconds.setdefault(what, []).append(seconds)


def figures():
    return [f"{what}: median {statistics.median(all_):.2f} s, {min(all_):.2f} to {max(all_):.2f} s, {len(all_)} times"
            for what, all_ in sorted(_seconds.items())]


class Result:
    def __init__(self, done, seconds):
        self.status, self.seconds = done.returncode, seconds
        self.out, self.err = done.stdout, done.stderr

    def __repr__(self):
        return f"status {self.status} after {self.seconds:.1f} s, out {self.out[-600:]!r}, err {self.err[-1500:]!r}"


def argv(verb, *words, instance=MAIN, script=SCRIPT):
    return [script, verb, "--instance", instance, "--qemu", *words]


def soft_roce(verb, *words, instance=MAIN, script=SCRIPT, stdin=b"", env=None, cwd=TREE, timeout=150, prefix=()):
    """Run the script to its end."""
    began = time.monotonic()
    done = subprocess.run([*prefix, *argv(verb, *words, instance=instance, script=script)], input=stdin, cwd=cwd,
                          env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)
    return Result(done, time.monotonic() - began)


def guest(*words, expect=0, **kw):
    """Run a command in the guest and check its status."""
    result = soft_roce("exec", *kw.pop("options", ()), "--", *words, **kw)
    check(result.status == expect, f"{words}: {result}")
    return result


def shell(text, **kw):
    return guest("sh", "-c", text, **kw)


def start(verb, *words, instance=MAIN, script=SCRIPT, env=None, **kw):
    """Run the script beside us."""
    kw.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen(argv(verb, *words, instance=instance, script=script), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, cwd=TREE, env={**os.environ, **(env or {})}, **kw)


def need_up(*hosts, instance=MAIN):
    result = soft_roce("up", *(hosts or ("a",)), instance=instance)
    check(result.status == 0, f"up: {result}")
    return result


def status(instance=MAIN, script=SCRIPT):
    """By host."""
    result = soft_roce("status", "--json", instance=instance, script=script)
    rows = {row["host"]: row for row in json.loads(result.out)}
    check(result.status == (0 if any(row["state"] == "up" for row in rows.values()) else 1), f"status: {result}")
    return rows


def equal(got, wanted, what=""):
    check(got == wanted, f"{what} got {got!r}, wanted {wanted!r}")


def wait_for(condition, what, deadline=DEADLINE):
    """Until @condition() is true; its value."""
    until = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < until, f"not within {deadline} s: {what}")
        time.sleep(0.05)


def processes(instance, tree=TREE):
    """The supervisors and QEMUs of an instance: both have its state folder in their arguments."""
    mark = f"{tree}/.soft-roce/{instance}/".replace(",", ",,").encode(), f"{tree}/.soft-roce/{instance}/".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as f:
                line = f.read()
            with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as f:
                state = f.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if any(m in line for m in mark) and state not in "ZX":
            found.append((int(name), line.split(b"\0")[0].decode()))
    return found


def nothing_left(instance, tree=TREE):
    wait_for(lambda: not processes(instance, tree), f"no process of instance {instance}", 15)


def folder(prefix="wsd-test-", parent=None):
    path = tempfile.mkdtemp(prefix=prefix, dir=parent)
    _folders.append(path)
    return path


def copy_of_tree(name):
    """Another checkout: what git knows of this one, in a folder of that name."""
    to = os.path.join(folder(), name)
    os.makedirs(os.path.join(to, ".git"))
    for part in ("scripts",):
        shutil.copytree(os.path.join(TREE, part), os.path.join(to, part), ignore=shutil.ignore_patterns("__pycache__"))
    return to


def own_instances():
    """(name, state folder) of each that the tests have made."""
    state = os.path.join(TREE, ".soft-roce")
    names = os.listdir(state) if os.path.isdir(state) else []
    return [(name, os.path.join(state, name)) for name in names if name.startswith("selftest")]


def keep_consoles(where):
    runner.keep_consoles([state for _, state in own_instances()], where)


def clean_up():
    for name, state in own_instances():
        soft_roce("down", instance=name)
        shutil.rmtree(state, ignore_errors=True)
    for path in _folders:
        shutil.rmtree(path, ignore_errors=True)
