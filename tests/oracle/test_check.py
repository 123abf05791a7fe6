#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of `check` in a folder of their own, printed as TAP: what it lets pass, and what it refuses. Usage: test_check.py [NAME...]

In the tool's place is a script that prints what the test says.
"""
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import runner  # noqa: E402

SOURCE = "process app\napp s = socket()\napp listen(s, 5)\napp getsockname(s)\n"
OURS = "2: app s = socket() = ok\n3: app listen(s, 5) = WSAEINVAL\n4: app getsockname(s) = 127.0.0.1:49152\n"
WINES = "# Wine's\n2: app s = socket() = ok\n3: app listen(s, 5) = 0\n4: app getsockname(s) = 127.0.0.1:port1\n"
WAIVER = "x:3 WSAEINVAL 0 WS-LISTEN-1 ours not bound\n"


def check(files, status, said, play="x.wsd"):
    """`check` of @play, or (None) of the folder, in which are @files: it ends with @status, and says exactly the lines @said."""
    with tempfile.TemporaryDirectory(prefix="wsd-check-") as name:
        folder = pathlib.Path(name)
        tool = folder / "tool"
        tool.write_text(files.pop("tool", f"#!/bin/sh\n[ \"$1 $2\" = 'run --transcript' ] && cat <<'END'\n{OURS}END\n"))
        tool.chmod(0o755)
        for path, text in files.items():
            (folder / path).write_text(text)
        args = [str(tool), str(folder / play)] if play else [name]
        run = subprocess.run([str(HERE / "check"), *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=60)
    told = [line.replace(name, "FOLDER") for line in run.stdout.splitlines() if line]
    runner.check((run.returncode, told) == (status, said), f"expected {status} {said}, seen {run.returncode} {told}")


def folder(**files):
    """What all have, with @files more or otherwise (x_wsd: x.wsd); None takes a file away."""
    usual = {"x.wsd": SOURCE, "x.transcript": WINES, "waivers": "# none\n\n" + WAIVER}
    usual.update({path.replace("_", "."): text for path, text in files.items()})
    return {path: text for path, text in usual.items() if text is not None}


# ---- of a scenario ----

def test_a_difference_with_a_waiver():
    check(folder(), 0, [])


def test_a_difference_without_a_waiver():
    check(folder(waivers=""), 1, ["x.wsd:3: ours WSAEINVAL, Wine 0, and no waiver"])


def test_a_waiver_of_another_result():
    check(folder(waivers=WAIVER.replace("WSAEINVAL", "WSAEFAULT")), 1, ["x.wsd:3: ours WSAEINVAL, Wine 0, but the waiver is for WSAEFAULT"])


def test_a_waiver_that_matches_nothing():
    same = WINES.replace("listen(s, 5) = 0", "listen(s, 5) = WSAEINVAL")
    check(folder(x_transcript=same, waivers=WAIVER.replace(" 0 ", " WSAEINVAL ")), 1, ["x.wsd:3: a waiver, and no difference"])


def test_a_waiver_of_what_wine_does_not_answer_any_more():
    other = WINES.replace("listen(s, 5) = 0", "listen(s, 5) = WSAEOPNOTSUPP")
    for play in ("x.wsd", None):
        check(folder(x_transcript=other), 1, ["waivers:3: Wine's result at x:3 is not 0"], play=play)


def test_a_waiver_of_a_line_that_is_none():
    for line in ("4444", "03"):
        check(folder(waivers=WAIVER.replace(":3", ":" + line)), 1, [f"waivers:1: Wine's result at x:{line} is not 0"], play=None)


def test_a_waiver_of_a_result_with_blanks():
    wines = WINES.replace("listen(s, 5) = 0", 'listen(s, 5) = "so it \\" is"')
    check(folder(x_transcript=wines, waivers=WAIVER.replace(" 0 ", ' "so it \\" is" ')), 0, [])


def test_waivers_of_other_scenarios_do_not_matter():
    check(folder(y_wsd="", waivers=WAIVER + "y:1 0 1 WS-LISTEN-1 ours another file's\n"), 0, [])


def test_a_scenario_that_was_changed():
    old = WINES.replace("socket()", "socket(AF_INET, SOCK_STREAM, 0)")
    check(folder(x_transcript=old), 1, ["the scenario has changed since its transcript was recorded: scripts/oracle renews it"])
    check(folder(x_transcript=WINES + "5: app closesocket(s) = 0\n"), 1,
          ["the scenario has changed since its transcript was recorded: scripts/oracle renews it"])


def test_a_scenario_that_has_not_been_recorded():
    check(folder(x_transcript=None), 1, ["x.transcript: there is none: scripts/oracle records it"])


def test_a_scenario_that_is_gone():
    check(folder(x_wsd=None, waivers="", tool="#!/bin/sh\necho no file >&2\nexit 2\n"), 2, ["no file"])


def test_a_machine_that_cannot_play():
    check(folder(tool="#!/bin/sh\necho no network namespace >&2\nexit 77\n"), 77, ["no network namespace"])


# ---- of waivers, whatever is checked ----

def refuses(waivers, said):
    check(folder(waivers=waivers), 1, [said])
    check(folder(waivers=waivers), 1, [said], play=None)


def test_a_waiver_without_who_is_right():
    said = "waivers:1: expected once: FILE:LINE OUR-RESULT WINES-RESULT CLAUSE ours|limit REASON"
    refuses(WAIVER.replace(" ours", ""), said)
    refuses(WAIVER.replace(" 0 ", " "), said)
    for who in ("theirs", "open"):
        refuses(WAIVER.replace("ours", who), said)


def test_a_waiver_without_a_reason():
    refuses(WAIVER.replace(" not bound", ""), "waivers:1: expected once: FILE:LINE OUR-RESULT WINES-RESULT CLAUSE ours|limit REASON")


def test_a_waiver_without_a_line():
    refuses(WAIVER.replace(":3", ""), "waivers:1: expected once: FILE:LINE OUR-RESULT WINES-RESULT CLAUSE ours|limit REASON")


def test_two_waivers_of_a_line():
    refuses(WAIVER + WAIVER, "waivers:2: expected once: FILE:LINE OUR-RESULT WINES-RESULT CLAUSE ours|limit REASON")


def test_a_waiver_of_a_clause_that_is_none():
    refuses(WAIVER.replace("WS-LISTEN-1", "WS-LISTEN-99"), "waivers:1: there is no clause WS-LISTEN-99")


def test_a_waiver_of_a_scenario_that_is_none():
    refuses(WAIVER + WAIVER.replace("x", "y"), "waivers:2: there is no scenario y")


# ---- of the folder ----

def test_a_folder_in_order():
    check(folder(), 0, [], play=None)


def test_a_transcript_whose_scenario_is_gone():
    check(folder(y_transcript=WINES), 1, ["y.transcript: there is no scenario any more"], play=None)


def test_a_scenario_without_a_transcript():
    check(folder(y_wsd=SOURCE, a_wsd=SOURCE), 1, ["a.wsd: there is no transcript: scripts/oracle records it",
                                                 "y.wsd: there is no transcript: scripts/oracle records it"], play=None)


def test_a_folder_without_waivers():
    check(folder(waivers=None), 1, ["[Errno 2] No such file or directory: 'FOLDER/waivers'"], play=None)


def main(words):
    tests = runner.tests_of(globals())
    return runner.run("oracle", runner.choose(words, tests, __doc__))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
