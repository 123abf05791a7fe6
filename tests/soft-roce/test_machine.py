# SPDX-License-Identifier: MIT
"""Other machines than the usual one: two hosts, one processor with -icount, this machine itself, odd places and users."""

import os
import re
import shutil
import signal
import subprocess

from support import (SCRIPT, Skip, check, copy_of_tree, equal, folder, guest, need_up, nothing_left, note, processes, shell,
                     soft_roce, start, status, wait_for)

TWO, BARE = "selftest-two", "selftest-bare"


def test_two_hosts_reach_each_other():
    note("up a b", need_up("a", "b", instance=TWO).seconds)
    rows = status(TWO)
    equal([(h, rows[h]["state"]) for h in "ab"], [("a", "up"), ("b", "up")])
    for server, client, address in (("b", "a", "10.77.0.2"), ("a", "b", "10.77.1.1"), ("b", "a", "10.77.2.2"),
                                    ("b", "a", "10.77.2.102"), ("a", "b", "10.77.2.101")):
        ping(server, client, address)
    shell("echo hello | timeout 20 bash -c 'cat > /dev/tcp/10.78.0.2/1' 2>&1 | grep -q refused", instance=TWO)


def ping(server, client, address):
    listening = start("exec", "--host", server, "--", "rping", "-s", "-a", address, "-C", "3", instance=TWO)
    wait_for(lambda: b"rping" in guest("rdma", "resource", "show", "cm_id", instance=TWO, options=["--host", server]).out,
             f"a listener on {address}", 20)
    result = guest("timeout", "30", "rping", "-c", "-a", address, "-C", "3", "-v", instance=TWO, options=["--host", client])
    check(result.out.count(b"ping data") == 3, result)
    equal(listening.wait(30), 0)


def test_one_host_of_two_goes_down_alone():
    equal(soft_roce("down", "b", instance=TWO).status, 0)
    rows = status(TWO)
    equal([(h, rows[h]["state"]) for h in "ab"], [("a", "up"), ("b", "down")])
    equal(soft_roce("down", instance=TWO).status, 0)
    nothing_left(TWO)


def test_this_machine_itself():
    """Inside a guest without NICs and RDMA modules, which is a machine whose kernel has rxe."""
    equal(soft_roce("up", "--bare", instance=BARE).status, 0)
    run = {"instance": BARE}
    equal(shell("ls /sys/class/net /sys/class/infiniband 2>/dev/null", **run, expect=2).out.split()[1:], [b"lo"])
    result = guest(SCRIPT, "exec", "--", "sh", "-c", "echo here; exit 4", **run, expect=4)
    check(b"starting it" in result.err and result.out == b"here\n", result)
    text = guest(SCRIPT, "status", **run).out.decode()
    for words in (("san0", "rxe0", "10.77.0.1/24"), ("san2", "rxe2", "10.77.2.1/24 10.77.2.101/24"), ("lan0", "10.78.0.1/24")):
        check(any(all(w in line for w in words) for line in text.splitlines()), text)
    shell("rping -s -a 10.77.2.101 -C 2 & sleep 2; timeout 20 rping -c -a 10.77.2.101 -C 2", **run)
    equal(shell(f"'{SCRIPT}' exec --user nobody -- id -u", **run).out, b"65534\n")
    guest(SCRIPT, "up", **run)
    guest(SCRIPT, "down", **run)
    shell("ls -A /sys/class/infiniband | grep . && exit 1; ls /sys/class/net | grep -v '^lo$' && exit 1; exit 0", **run)


def test_this_machine_is_left_alone_where_names_are_taken():
    run = {"instance": BARE}
    result = shell(f"ip link add san1 type dummy; '{SCRIPT}' up; echo $?; ip link show san1; ip link show san0", **run, expect=1)
    check(b"san1" in result.err and result.out.startswith(b"125\n"), result)
    shell("ip link del san1", **run)


def test_a_half_made_topology_is_completed():
    run = {"instance": BARE}
    shell(f"'{SCRIPT}' up && ip link del san1", **run)
    guest(SCRIPT, "up", **run)
    shell("test -d /sys/class/net/san1 && test -d /sys/class/infiniband/rxe1", **run)
    guest(SCRIPT, "down", **run)
    equal(soft_roce("down", instance=BARE).status, 0)


def test_icount():
    words = {"instance": "selftest", "options": ["--icount"]}
    result = soft_roce("up", "--icount")
    equal(result.status, 0, result)
    note("up --icount", result.seconds)
    equal(guest("nproc", **words).out, b"1\n")
    said = guest("cat", "/proc/cmdline", **words).out.decode().split()  # what `wsd bench` tells of where it ran
    check("wsd.icount=1" in said and any(re.fullmatch(r"wsd\.qemu=\d[\d.]*", w) for w in said), said)
    row = [r for r in status("selftest-icount").values() if r["host"] == "a"][0]
    check(row["icount"] and row["cpus"] == 1, row)
    # Sleeping costs no time: the clock is the count of instructions.
    check(guest("sleep", "30", **words).seconds < 15, "the guest slept in real time")

    def stopped():
        with open(f"/proc/{row['pid']}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0] == "T"

    wait_for(stopped, "an idle guest is stopped", 20)
    note("exec true, icount", guest("true", **words).seconds)
    equal(soft_roce("down", "--icount").status, 0)
    nothing_left("selftest-icount")


def test_any_path_and_a_deleted_checkout():
    tree = copy_of_tree("a path, with 'odd' \"signs\" %s and spaces=1")
    script = os.path.join(tree, "scripts/soft-roce")
    result = guest("pwd", script=script, cwd=tree)
    equal(result.out.decode(), tree + "\n")
    check(b"starting it" in result.err, result)
    shell("echo content > file && test -x scripts/soft-roce", script=script, cwd=tree)
    check(os.path.exists(os.path.join(tree, "file")), "the tree is not shared")
    check(len(processes("selftest", tree)) == 2, processes("selftest", tree))
    shutil.rmtree(tree)
    nothing_left("selftest", tree)


def test_a_user_who_is_not_root():
    if os.geteuid():
        raise Skip("runs as such a user anyway")
    tree = copy_of_tree("tree")
    home = folder()
    cache = os.path.join(home, ".cache/wsdirect")
    os.makedirs(cache)
    ours = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "wsdirect")
    version = os.readlink(os.path.join(ours, "current"))
    shutil.copytree(os.path.join(ours, version), os.path.join(cache, version))
    os.symlink(version, os.path.join(cache, "current"))
    subprocess.run(["chown", "-R", "nobody:nogroup", home, os.path.dirname(tree)], check=True)
    kw = {"script": os.path.join(tree, "scripts/soft-roce"), "cwd": tree,
          "prefix": ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", f"HOME={home}"],
          "env": {"XDG_CACHE_HOME": "", "XDG_RUNTIME_DIR": ""}}
    result = soft_roce("exec", "--", "sh", "-c", "id -u; echo x > file; ls /sys/class/infiniband", **kw)
    equal((result.status, result.out.split()), (0, [b"0", b"rxe0", b"rxe1", b"rxe2"]), result)
    equal(os.stat(os.path.join(tree, "file")).st_uid, 65534)
    equal(soft_roce("down", **kw).status, 0)
    nothing_left("selftest", tree)


def test_up_needs_no_network_once_cached():
    where = folder()
    for name in ("apt-get", "apt-cache"):
        with open(os.path.join(where, name), "w", encoding="ascii") as f:
            f.write("#!/bin/sh\necho no network >&2\nexit 100\n")
        os.chmod(os.path.join(where, name), 0o755)
    tree = copy_of_tree("tree")
    script = os.path.join(tree, "scripts/soft-roce")
    env = {"PATH": where + ":" + os.environ["PATH"]}
    equal(soft_roce("up", script=script, env=env).status, 0)
    equal(soft_roce("down", script=script).status, 0)
    # And without a cache it says what it lacks.
    result = soft_roce("up", script=script, env={**env, "XDG_CACHE_HOME": folder()})
    check(result.status == 125 and b"linux-image-amd64" in result.err, result)


def test_an_interrupted_preparation_is_made_good():
    cache = folder()
    tree = copy_of_tree("tree")
    script = os.path.join(tree, "scripts/soft-roce")
    env = {"XDG_CACHE_HOME": cache}
    proc = start("prepare", script=script, env=env)
    made = os.path.join(cache, "wsdirect")
    wait_for(lambda: proc.poll() is not None or any(n.startswith("making-") for n in os.listdir(made) if os.path.isdir(made))
             if os.path.isdir(made) else False, "it works on the image")
    proc.send_signal(signal.SIGKILL)
    proc.communicate()
    if proc.returncode != -signal.SIGKILL:
        raise Skip("the image cannot be had here")
    both = [start("prepare", script=script, env=env) for _ in range(2)]
    for each in both:
        out, err = each.communicate(timeout=200)
        if b"cannot" in err or b"could not" in err:
            raise Skip("the image cannot be had here")
        equal(each.returncode, 0, (out, err))
    check(not [n for n in os.listdir(made) if n.startswith("making-")], os.listdir(made))
