# SPDX-License-Identifier: MIT
"""Commands in a guest that is up: status, streams, signals, environment, files, users."""

import json
import os
import re
import shutil
import signal
import subprocess
import time

from support import (MAIN, SCRIPT, TREE, Skip, check, copy_of_tree, equal, folder, guest, need_up, note, nothing_left, shell, soft_roce, start,
                     status, wait_for)


def test_up_starts_a_guest_and_is_quiet_the_second_time():
    first = need_up()
    check(b"host a is up" in first.err, first)
    again = need_up()
    equal(again.err, b"")
    check(again.seconds < 3, again)
    for words in (["--memory", "777"], ["--share", "/usr"], ["--bare"]):
        other = soft_roce("up", *words)
        check(other.status == 125 and words[0].encode() in other.err, other)


def test_exec_of_true_takes_less_than_a_second():
    seconds = [guest("true").seconds for _ in range(7)]
    for value in seconds[1:]:
        note("exec true", value)
    check(sorted(seconds)[3] < 1, seconds)


def test_status_is_the_commands():
    for wanted in (0, 1, 7, 125, 255):
        shell(f"exit {wanted}", expect=wanted)
    shell("kill -KILL $$", expect=137)
    shell("kill -TERM $$", expect=143)
    result = guest("/no/such/program", expect=127)
    check(b"/no/such/program" in result.err, result)
    guest("/etc/passwd", expect=126)


def test_stdout_and_stderr_are_kept_apart():
    result = shell("echo out; echo err >&2; printf more")
    equal((result.out, result.err), (b"out\nmore", b"err\n"))


def test_output_streams():
    proc = start("exec", "--", "sh", "-c", "echo one; sleep 3; echo two")
    equal(proc.stdout.readline(), b"one\n")
    first = time.monotonic()
    equal(proc.stdout.readline(), b"two\n")
    check(time.monotonic() - first > 1.5, "the first line came late")
    equal(proc.wait(), 0)


def test_streams_carry_any_bytes_and_end():
    data = os.urandom(1 << 20) + bytes(range(256))
    result = guest("cat", stdin=data)
    check(result.out == data, f"{len(result.out)} bytes came back of {len(data)}")
    result = shell("cat >&2", stdin=data)
    check(result.err == data, f"{len(result.err)} bytes came back of {len(data)}")
    equal(guest("cat").out, b"")
    equal(guest("cat", stdin=data, options=["--no-stdin"]).out, b"")


def test_a_reader_that_is_slow_or_gone_hinders_nobody():
    slow = start("exec", "--", "cat", "/dev/zero")
    shell("i=0; while [ $i -lt 300 ]; do echo a line of output; i=$((i + 1)); done")
    check(slow.poll() is None, "it ended")
    slow.stdout.close()  # as `| head` does
    equal(slow.wait(30), 128 + signal.SIGPIPE)


def test_eight_at_once_run_side_by_side():
    procs = [start("exec", "--", "sh", "-c", f"echo {i}; date +%s%N; sleep 4; date +%s%N; exit {i}") for i in range(8)]
    begins, ends = [], []
    for i, proc in enumerate(procs):
        out, err = proc.communicate(timeout=60)
        equal((proc.returncode, err), (i, b""))
        name, begin, end = out.split()
        equal(int(name), i)
        begins.append(int(begin))
        ends.append(int(end))
    check(max(begins) < min(ends), f"they did not overlap: {begins} {ends}")


def test_what_a_command_leaves_behind_stays_unless_reaped():
    pid = shell("setsid sleep 1000 >/dev/null 2>&1 & echo $!").out.decode().strip()
    shell(f"kill -0 {pid} && kill {pid}")
    pid = shell("setsid sleep 1000 >/dev/null 2>&1 & echo $!", options=["--reap"]).out.decode().strip()
    wait_for(lambda: soft_roce("exec", "--", "sh", "-c", f"kill -0 {pid}").status, "it is gone", 10)


def test_end_is_not_delayed_by_a_left_process_that_holds_the_streams():
    result = shell("(sleep 30; echo late) & echo early")
    equal(result.out, b"early\n")
    check(result.seconds < 10, result)


def test_what_a_left_process_writes_is_read_and_thrown_away():
    """Nobody reads it any more, but it must not die of it."""
    pid = shell("(for i in 1 2 3 4 5 6; do sleep 0.5; echo late || exit 1; echo late >&2 || exit 1; done; exec sleep 1000) & echo $!").out
    pid = pid.decode().strip()
    wait_for(lambda: "sleep" == shell(f"cat /proc/{pid}/comm").out.decode().strip()
             and "1000" in shell(f"tr '\\0' ' ' </proc/{pid}/cmdline").out.decode(), "it has written all and lives", 30)
    shell(f"kill {pid}")


def kill_client(number):
    """Start something that forks, kill its client, return (client's status, are the guest's processes gone)."""
    proc = start("exec", "--", "sh", "-c", "setsid sleep 2000 & echo $! $$; wait")
    pids = proc.stdout.readline().decode().split()
    proc.send_signal(number)
    code = proc.wait(30)
    wait_for(lambda: soft_roce("exec", "--", "sh", "-c", f"kill -0 {pids[1]}").status, "the command is gone", 10)
    return code, pids


def test_a_killed_client_takes_its_command_along():
    code, pids = kill_client(signal.SIGKILL)
    equal(code, -signal.SIGKILL)
    wait_for(lambda: soft_roce("exec", "--", "sh", "-c", f"kill -0 {pids[0]}").status, "its child is gone", 10)


def test_signals_reach_the_command():
    code, pids = kill_client(signal.SIGTERM)
    equal(code, 128 + signal.SIGTERM)
    shell(f"kill {pids[0]} 2>/dev/null || true")
    proc = start("exec", "--", "sh", "-c", "trap 'echo got it; exit 3' INT; echo ready; while :; do sleep 0.1; done")
    equal(proc.stdout.readline(), b"ready\n")
    proc.send_signal(signal.SIGINT)
    equal((proc.stdout.readline(), proc.wait(30)), (b"got it\n", 3))


def test_a_second_interrupt_kills_what_ignores_the_first():
    proc = start("exec", "--", "sh", "-c", "trap '' INT; echo $$; while :; do sleep 1; done")
    pid = proc.stdout.readline().decode().strip()
    proc.send_signal(signal.SIGINT)
    time.sleep(0.3)  # two at once may arrive as one
    proc.send_signal(signal.SIGINT)
    equal(proc.wait(30), 130)
    wait_for(lambda: soft_roce("exec", "--", "sh", "-c", f"kill -0 {pid}").status, "it is gone", 10)


def test_environment_is_what_was_promised():
    env = {"WSD_X": "a b", "CRITERION_Y": "c", "ASAN_OPTIONS": "d=1:e=2", "UBSAN_OPTIONS": "u=1", "LSAN_OPTIONS": "l=1",
           "OTHER": "no", "GIVEN": "given", "WSD_BOOT_TIMEOUT": "90"}
    result = guest("env", env=env, options=["--env", "GIVEN", "--env", "SET=x=y z", "--env", "NOT_SET_HERE"])
    lines = result.out.decode().splitlines()
    for wanted in ("WSD_X=a b", "CRITERION_Y=c", "ASAN_OPTIONS=d=1:e=2", "UBSAN_OPTIONS=u=1", "LSAN_OPTIONS=l=1",
                   "GIVEN=given", "SET=x=y z", "HOME=/tmp", "USER=root"):
        check(wanted in lines, f"{wanted} is not in {lines}")
    for name in ("OTHER", "NOT_SET_HERE", "WSD_BOOT_TIMEOUT"):
        check(not [line for line in lines if line.startswith(name + "=")], lines)


def test_arguments_arrive_as_they_are():
    words = ["", "a b", "$HOME", "'", "\"", "*", "--", "-x", "\n", "é", "\\"]
    result = guest("printf", r"%s\0", *words)
    equal(result.out.decode().split("\0")[:-1], words)


def test_folder_is_the_callers():
    equal(guest("pwd").out.decode().strip(), TREE)
    equal(guest("pwd", cwd=os.path.join(TREE, "scripts")).out.decode().strip(), os.path.join(TREE, "scripts"))
    equal(guest("pwd", options=["--cwd", "/usr"]).out, b"/usr\n")
    hidden = folder()
    result = guest("true", cwd=hidden, expect=125)
    check(hidden.encode() in result.err, result)


def test_users():
    result = shell("id -u; id -g; id -G; ulimit -l; ulimit -Hl; ulimit -n", options=["--user", "nobody"])
    equal(result.out.split(), [b"65534", b"65534", b"65534", b"8192", b"8192", b"1024"])
    equal(shell("id -u; id -g", options=["--user", "1234:77"]).out.split(), [b"1234", b"77"])
    equal(shell("ulimit -n; ulimit -c").out.split(), [b"1048576", b"0"])
    shell("test -r /dev/infiniband/rdma_cm && test -w /dev/infiniband/uverbs0", options=["--user", "nobody"])
    soft_roce_fails("exec", "--user", "no-such-user", "--", "true", status=125)


def soft_roce_fails(*words, status):
    result = soft_roce(*words)
    equal(result.status, status, f"{words} {result}")
    check(result.err, "it did not say why")
    return result


def test_terminal():
    result = shell("tty; test -t 0 && test -t 1 && test -t 2; stty -echo; read -r line; echo \"<$line>\"", stdin=b"hello\n",
                   options=["--tty"])
    check(b"/dev/pts/" in result.out and b"<hello>" in result.out, result)
    equal(result.err, b"")


def compile_program(path, text):
    source = path + ".c"
    with open(source, "w", encoding="ascii") as f:
        f.write('#include <stdio.h>\n#include <unistd.h>\n'
                f'int main(int c, char **v) {{ puts("{text}"); fflush(stdout); return c > 1 ? (int)sleep(1000) : 0; }}\n')
    subprocess.run(["gcc", "-o", path, source], check=True)


def run_version(program, version):
    """Build a program that says its version, see the guest run that one, and leave it running there."""
    compile_program(program, f"version {version} " + "x" * 3000 * version)
    running = start("exec", "--cwd", "/", "--", program, "stay")
    equal(running.stdout.readline().split()[1], str(version).encode())
    return running


def test_programs_rebuilt_outside_run_inside():
    program = os.path.join(folder(parent=os.path.join(TREE, ".soft-roce")), "program")
    for version in range(5):
        run_version(program, version).kill()


def test_programs_rebuilt_while_the_old_one_runs_are_the_new_ones_inside():
    program = os.path.join(folder(parent=os.path.join(TREE, ".soft-roce")), "program")
    for round_ in range(2):
        running = [run_version(program, version) for version in range(3)]
        check(all(proc.poll() is None for proc in running), "an old one ended")
        # There is no fourth view: it is said.
        compile_program(program, "version 9")
        result = guest("true")
        check(b"rebuilt" in result.err, result)
        for proc in running:
            proc.kill()
            proc.wait()
        compile_program(program, f"version {round_}")
        wait_for(lambda: not guest("true").err, "the views are free again", 20)
        equal(guest(program, options=["--cwd", "/"]).out.split()[1], str(round_).encode())


def test_programs_rebuilt_elsewhere_run_inside():
    home = os.path.expanduser("~")
    top = "/" + home.split("/")[1]
    if top in ("/", "/tmp", "/usr", "/var", "/etc", "/run", "/dev"):
        raise Skip("the home folder is a system folder")
    program = os.path.join(folder(parent=home), "program")
    for version in range(3):
        compile_program(program, f"version {version} " + "x" * 3000 * version)
        equal(guest(program, options=["--cwd", "/"]).out.split()[1], str(version).encode())


def test_work_tree_is_shared_both_ways_and_the_rest_is_not():
    where = folder(parent=os.path.join(TREE, ".soft-roce"))
    shell(f"echo from inside > '{where}/file'")
    with open(os.path.join(where, "file"), encoding="ascii") as f:
        equal(f.read(), "from inside\n")
    name = "/tmp/wsd-inside-only"
    shell(f"echo x > {name}; echo x > /etc/wsd-inside-only; test -e {name}")
    check(not os.path.exists(name) and not os.path.exists("/etc/wsd-inside-only"), "the guest wrote into the host")
    shell(f"touch '{os.path.expanduser('~')}/wsd-inside-only'", expect=1)


def test_modules_come_by_modprobe():
    shell("for m in veth dummy 8021q bridge sch_netem; do modprobe $m && test -d /sys/module/$m || exit 1; done")


def test_topology_is_the_standard_one():
    row = status()["a"]
    equal(row["state"], "up")
    check(row["pid"] and row["kernel"] and row["uptime"] >= 0, row)
    nics = {n["interface"]: (n["rdma"], n["rdma_state"], n["addresses"]) for n in row["interfaces"]}
    equal(nics, {"san0": ("rxe0", "active", ["10.77.0.1/24"]), "san1": ("rxe1", "active", ["10.77.1.1/24"]),
                 "san2": ("rxe2", "active", ["10.77.2.1/24", "10.77.2.101/24"]), "lan0": (None, None, ["10.78.0.1/24"])})
    text = soft_roce("status").out.decode()
    check(re.search(r"san2 +up +rxe2 +active +10\.77\.2\.1/24 10\.77\.2\.101/24", text), text)
    equal(shell("hostname; cat /sys/class/net/lo/operstate; ip -o link show lo | grep -c UP").out.split()[::2], [b"host-a", b"1"])


def test_exec_inside_the_guest_runs_there():
    # The script itself finds that its machine has RDMA.
    result = guest(SCRIPT, "exec", "--", "sh", "-c", "hostname; exit 5", expect=5)
    equal(result.out, b"host-a\n")
    guest(SCRIPT, "exec", "--host", "b", "--", "true", expect=125)


def test_wrong_usage_is_told():
    for words in (["fly"], ["exec"], ["exec", "--"], ["up", "c"], ["up", "--memory", "much"], ["up", "--hosts", "a,c"],
                  ["status", "--yaml"], ["exec", "--host"], ["exec", "--host", "c", "--", "true"], []):
        done = subprocess.run([SCRIPT, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        equal(done.returncode, 2, words)
        check(b"--help" in done.stderr, done.stderr)
    for words in (["--help"], ["up", "--help"], ["exec", "--help"], ["down", "-h"]):
        done = subprocess.run([SCRIPT, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False)
        check(done.returncode == 0 and b"usage:" in done.stdout and not done.stderr, done)
    equal(subprocess.run([SCRIPT, "exec", "--instance", "../x", "--", "true"], capture_output=True, check=False).returncode, 2)


def test_numbers_and_folders_are_checked_before_anything_starts():
    for words, status, text in ((["--memory", "10"], 2, b"--memory 10: must be a number from 256 to"),
                                (["--memory", "much"], 2, b"--memory much: must be a number"),
                                (["--cpus", "0"], 2, b"--cpus 0: must be a number from 1 to"),
                                (["--share", "/nosuch"], 125, b"--share /nosuch: there is no such folder")):
        result = soft_roce("up", *words, instance="selftest-none")
        check(result.status == status and text in result.err and result.seconds < 5, (words, result))


def test_the_environment_chooses_for_every_command():
    def run(choice, *words):
        return subprocess.run([SCRIPT, *words], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                              env={**os.environ, "WSD_SOFT_ROCE": choice})

    for words in (["up"], ["down"], ["status"], ["exec", "--", "true"], ["prepare"]):
        done = run("bogus", *words)
        equal((done.returncode, b"WSD_SOFT_ROCE=bogus" in done.stderr), (125, True), words)
    if subprocess.run(["/sbin/modprobe", "-n", "-q", "rdma_rxe"], check=False).returncode:  # else it would come up here
        for words in (["up"], ["exec", "--", "true"]):
            done = run("native", *words)
            check(done.returncode == 125 and b"using a guest" not in done.stderr, (words, done))


def test_up_restores_what_a_host_has_lost():
    shell("rdma link delete rxe1; ip address delete 10.77.2.101/24 dev san2; ip link set lan0 down")
    result = need_up()
    for words in (b"link add rxe1 type rxe netdev san1", b"address add 10.77.2.101/24 dev san2", b"link set lan0 up"):
        check(words in result.err, result)
    test_topology_is_the_standard_one()
    equal(need_up().err, b"")


def demo_with(program, **kw):
    """The scenes of scripts/demo, with a stand-in for soft-roce: a command's output matters, not where it runs."""
    tree = copy_of_tree("tree")
    script = os.path.join(tree, "scripts/soft-roce")
    with open(script, "w", encoding="ascii") as f:
        f.write(f'#!/bin/bash\nexec -a "$0: stand-in" {program}\n')
    return tree, subprocess.Popen(["python3", os.path.join(tree, "scripts/lib/demo.py")], cwd=tree, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)


def none_left_in(tree):
    def left():
        return subprocess.run(["pgrep", "-f", f"{tree}/scripts/soft-roce: stand-in"], stdout=subprocess.PIPE, check=False).stdout

    wait_for(lambda: not left(), "no process of the demo", 10)


def test_demo_ends_when_nobody_reads_it():
    for count in (1, 9):  # in a line of its own, in a program's
        tree, proc = demo_with("yes a line")
        for _ in range(count):
            proc.stdout.readline()
        proc.stdout.close()
        equal(proc.wait(20), 1)
        none_left_in(tree)
        equal(proc.stderr.read(), b"demo: nobody reads the output any more\n")


def test_an_interrupted_demo_says_so_in_a_line():
    tree, proc = demo_with("bash -c 'echo ready; read -t 1000 <> <(:)'")
    while proc.stdout.readline().split()[-1:] != [b"ready"]:
        pass
    proc.send_signal(signal.SIGINT)
    equal(proc.wait(20), 130)
    none_left_in(tree)
    equal(proc.stderr.read(), b"demo: interrupted\n")


def test_missing_programs_are_named():
    where = folder()
    for name in ("bash", "python3", "dirname", "readlink", "dpkg-query", "sed", "sort", "comm", "tr", "id", "echo"):
        path = shutil.which(name)
        if path:
            os.symlink(path, os.path.join(where, name))
    result = soft_roce("up", instance="selftest-none", env={"PATH": where})
    if os.path.exists("/usr/sbin/qemu-system-x86_64"):
        raise Skip("QEMU lies where no PATH can hide it")
    equal(result.status, 3 if b"missing" in result.err else result.status)
    check(result.status in (3, 125) and result.err, result)


def test_unknown_package_group_is_refused():
    script = os.path.join(TREE, "scripts/lib/packages.sh")
    done = subprocess.run(["bash", script, "--check", "nonsense"], capture_output=True, check=False)
    check(done.returncode not in (0, 3) and b"nonsense" in done.stderr, done)
    done = subprocess.run(["bash", script, "--check", "guest"], capture_output=True, check=False)
    equal((done.returncode, done.stderr), (0, b""))


def addresses(name):
    row = [row for row in json.loads(guest("ip", "-j", "-4", "address", "show", "dev", name).out) if row][0]
    return sorted(f"{a['local']}/{a['prefixlen']}" for a in row["addr_info"])  # secondary ones come last


def test_link_local_addresses_come_and_go():
    before = [addresses(f"san{i}") for i in range(3)]
    equal(soft_roce("link-local").out, b"san0 169.254.100.1\nsan1 169.254.101.1\nsan2 169.254.102.1\n")
    equal([addresses(f"san{i}") for i in range(3)], [was + [f"169.254.10{i}.1/16"] for i, was in enumerate(before)])
    equal(soft_roce("link-local").status, 0)  # they are there already
    # another one is not ours to take away
    shell("ip address add 169.254.7.7/16 dev san1")
    equal(soft_roce("link-local", "--off", "san1").out, b"")
    equal(addresses("san1"), before[1] + ["169.254.7.7/16"])
    equal(addresses("san0"), before[0] + ["169.254.100.1/16"])
    shell("ip address delete 169.254.7.7/16 dev san1")
    equal(guest(SCRIPT, "link-local", "san1").out, b"san1 169.254.101.1\n")  # from inside
    for _ in range(2):
        equal(soft_roce("link-local", "--off").status, 0)
        equal([addresses(f"san{i}") for i in range(3)], before)
    for words in (["lan0"], ["san7"], ["--off", "eth0"]):
        other = soft_roce("link-local", *words)
        check(other.status == 2 and words[-1].encode() in other.err, other)


def test_down_leaves_nothing():
    with open(os.path.join(TREE, ".soft-roce", MAIN, "sockets"), encoding="utf-8") as f:
        sockets = f.read().strip()
    check(os.path.isdir(sockets), sockets)
    equal(soft_roce("down").status, 0)
    nothing_left(MAIN)
    check(not os.path.exists(sockets), f"{sockets} is still there")
    equal(status()["a"]["state"], "down")
    equal(soft_roce("down").status, 0)
