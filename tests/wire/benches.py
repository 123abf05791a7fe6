# SPDX-License-Identifier: MIT
"""wsd bench between two hosts: its two ends, either of which may die, and many under mpirun."""

import functools
import itertools
import json
import os
import re
import tempfile

import hosts
import runner
from hosts import Talker, on
from runner import TREE, check

LAN_A, LAN_B = "10.78.0.1", "10.78.0.2"
NUMBERS = itertools.count()
BENCH_S = 300  # emulation, sanitizers, and five contenders that come up


class Bench(Talker):
    program = "tools/wsd"

    def __init__(self, host, *words):
        super().__init__(host, "bench", *words)


class Rsh(Talker):
    """Lets mpirun start its daemon on a host."""

    program = os.path.join(TREE, "tests/wire/rsh")  # join() takes an absolute path as it is

    def __init__(self, host, address):
        super().__init__(host, "--serve", 5140, address)


def serve(test, *words):
    s = Bench("a", test, *words)
    s.expect("waiting for a client")
    return s


@functools.cache
def results():
    """A folder that both this machine and the guests see; it goes with this process."""
    return tempfile.TemporaryDirectory(dir=os.path.join(hosts.BUILD, "tests"))


def result_file():
    """A name in it that nobody has."""
    return os.path.join(results().name, f"{next(NUMBERS)}.json")


def read(path):
    with open(path, encoding="utf-8") as f:
        found = json.load(f)
    os.unlink(path)
    return found


def measured(result, kind, contender):
    return [f for f in result["figures"] if f["kind"] == kind and f["contender"] == contender and f["samples"]]


def test_SW_CONNECT_1_wsd_bench_between_two_hosts():
    path, s = result_file(), serve("connect")
    c = Bench("b", "connect", "--warm", "--beside", "raw,tcp", "-n", 4, "--repeat", 2, f"--out_json_file={path}", "10.77.0.1")
    c.finish(timeout=BENCH_S)
    s.finish()
    result = read(path)
    check(result["complete"], f"{result['stopped']}")
    check(sorted(h["name"] for h in result["hosts"]) == ["host-a", "host-b"], f"{result['hosts']}")
    check(all(h["device"]["soft"] for h in result["hosts"]) and not result["absolute"]["comparable"], f"{result['absolute']}")
    for contender in ("switch", "raw", "tcp"):
        check(measured(result, "cycle", contender), f"{contender} has no figure: {result['left_out']}")
    ratio = measured(result, "cycle", "switch")[0]["ratios"]["raw"]
    check(0.1 < ratio["median"] < 20 and ratio["low"] <= ratio["median"] <= ratio["high"], f"{ratio}")


def test_SW_CLOSE_6_wsd_bench_survives_its_server():
    path, s = result_file(), serve("lat")
    c = Bench("b", "lat", "--beside", "tcp", "-n", 20, "--repeat", 10000, f"--out_json_file={path}", "10.77.0.1")
    c.expect("rounds ")
    on("a", "sh", "-c", "while ! ss -tn state established | grep -q 10.77.0.2; do sleep 0.2; done; sleep 5")  # some rounds
    s.signal("KILL")
    c.finish(1, timeout=BENCH_S)
    s.finish(None)
    check(any("the server went away" in (line or "") for line in c.lines), f"{c}")
    result = read(path)
    check(not result["complete"] and measured(result, "round_trip", "tcp"), "what has been measured is told")


def test_SW_CLOSE_6_wsd_bench_survives_its_client():
    s = serve("lat")
    c = Bench("b", "lat", "--beside", "tcp", "-n", 20, "--repeat", 10000, "10.77.0.1")
    s.expect("serving")
    c.expect("rounds ")
    c.signal("KILL")
    c.finish(None)
    s.finish(1, timeout=BENCH_S)


def start_rsh():
    rsh = Rsh("b", LAN_B)
    on("a", "sh", "-c", f"until {TREE}/tests/wire/rsh {LAN_B} true; do sleep 0.3; done")
    return rsh


class Mpirun(Talker):
    program = "/usr/bin/env"


def mpirun(ranks, path, *words):
    """The first ranks are on a, two at most."""
    return Mpirun("a", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "mpirun",
                  "--mca", "plm_rsh_agent", f"{TREE}/tests/wire/rsh", "--mca", "btl", "self,tcp", "--mca", "btl_tcp_if_include", "lan0",
                  "--mca", "oob_tcp_if_include", "lan0", "-x", "WSD_CATALOG", "-x", "WSD_CONNECT_SAN_MS=20000",
                  "--host", f"{LAN_A}:2,{LAN_B}:2", "-np", ranks, os.path.join(hosts.BUILD, "tools/wsd"), "bench", *words,
                  f"--out_json_file={path}")


def test_SW_CONNECT_1_wsd_bench_under_mpirun():
    if on("a", "sh", "-c", "command -v mpirun || true").strip() == "":
        raise runner.Skip("mpirun is not installed (openmpi-bin)")
    path, rsh = result_file(), start_rsh()
    mpirun("4", path, "connect", "--warm", "--beside", "tcp", "-n", "4", "--repeat", "2", "10.77.0.1", "10.77.0.2").finish(timeout=BENCH_S)
    rsh.signal("KILL")
    rsh.finish(None)
    result = read(path)
    check(result["complete"], f"{result['stopped']}")
    clients = [h for h in result["hosts"] if re.match("client", h["role"])]
    check(len(clients) == 2 and len(result["hosts"]) == 4, f"{result['hosts']}")
    for contender in ("switch", "tcp"):
        cycles = measured(result, "connect", contender)
        check(cycles and cycles[0]["samples"] == 16, f"two clients, two rounds of four: {contender}: {cycles}, left out: {result['left_out']}")


def test_SW_CLOSE_6_wsd_bench_under_mpirun_survives_a_rank():
    if on("a", "sh", "-c", "command -v mpirun || true").strip() == "":
        raise runner.Skip("mpirun is not installed (openmpi-bin)")
    path, rsh = result_file(), start_rsh()
    m = mpirun("3", path, "lat", "--beside", "tcp", "-a", "-D", "1", "--repeat", "2", "--warmup", "0", "10.77.0.1")
    # 23 points of 4 s: some have been brought, some not. mpirun may kill the coordinator before that can write: then what it kept counts
    on("a", "sh", "-c", "until pgrep -x wsd-bench; do sleep 0.3; done; sleep 40")
    on("b", "sh", "-c", "kill -9 $(pgrep -x wsd-bench | head -1)")  # the only rank there
    m.finish(None, timeout=BENCH_S)
    rsh.signal("KILL")
    rsh.finish(None)
    check(os.path.exists(path), f"{m}")
    result = read(path)
    check(not result["complete"] and re.search(r"client 1 .rank 2 on host-b. went away|interrupted|had not ended", result["stopped"]), f"{result['stopped']}")
    check(len([f for f in result["figures"] if f["samples"]]) >= 2, f"{result['left_out']}")
