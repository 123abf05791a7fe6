# SPDX-License-Identifier: MIT
"""What the test programs in Python share: which tests there are, running them as TAP, the JUnit file."""

import os
import shutil
import sys
import time
import traceback
from xml.sax.saxutils import quoteattr

TREE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))


class Skip(Exception):
    """Raised by a test; says why."""


def check(condition, text):
    if not condition:
        raise AssertionError(text)


def tests_of(*scopes):
    """(name, function) in the order of the files; a scope is what vars() gives."""
    return [(name, call) for scope in scopes for name, call in scope.items() if name.startswith("test_") and callable(call)]


def take_options(words, *known):
    """Splits leading `--NAME VALUE` off: ({name: value}, the rest)."""
    given = {}
    while words[1:] and words[0].startswith("--") and words[0][2:] in known:
        given[words[0][2:]] = words[1]
        words = words[2:]
    return given, words


def choose(words, tests, usage):
    """The tests that are named, or all. Ends the program for --list and for a name that is none."""
    if words == ["--list"]:
        print("\n".join(name for name, _ in tests))
        sys.exit(0)
    if set(words) - {name for name, _ in tests}:
        print(usage, file=sys.stderr)
        sys.exit(2)
    return [(name, call) for name, call in tests if not words or name in words]


def keep_consoles(folders, where):
    """What the guests in these folders of .soft-roce said; named after their instance and host."""
    os.makedirs(where, exist_ok=True)
    for folder in folders:
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            if ".console" in name or ".log" in name:
                shutil.copy2(os.path.join(folder, name), os.path.join(where, f"{os.path.basename(folder)}-{name}"))


def _outcome(call):
    try:
        call()
        return "passed", ""
    except Skip as e:
        return "skipped", str(e)
    except Exception:  # a test's failure, whatever it is
        return "failed", traceback.format_exc()


def _junit(path, suite, rows):
    failed, skipped = (sum(row[1] == what for row in rows) for what in ("failed", "skipped"))
    with open(path, "w", encoding="utf-8") as f:
        f.write(f'<testsuite name="{suite}" tests="{len(rows)}" failures="{failed}" skipped="{skipped}">\n')
        for name, outcome, text, seconds in rows:
            inner = {"passed": "", "failed": f"<failure message={quoteattr(text)}/>",
                     "skipped": f"<skipped message={quoteattr(text)}/>"}[outcome]
            f.write(f' <testcase classname="{suite}" name="{name}" time="{seconds:.2f}">{inner}</testcase>\n')
        f.write("</testsuite>\n")


def run(suite, tests, report=None, at_end=None):
    """Runs tests, printed as TAP; the exit status. @at_end is told whether one failed, whatever happened, and returns
    lines for the end. The JUnit file @report is written also when the run is interrupted."""
    print(f"1..{len(tests)}", flush=True)
    rows, lines = [], ()
    try:
        for number, (name, call) in enumerate(tests, 1):
            began = time.monotonic()
            outcome, text = _outcome(call)
            rows.append((name, outcome, text, time.monotonic() - began))
            print(("not ok" if outcome == "failed" else "ok") + f" {number} - {name}"
                  + (f" # SKIP {text}" if outcome == "skipped" else f" # {rows[-1][3]:.1f} s"), flush=True)
            for line in text.splitlines() if outcome == "failed" else ():
                print(f"# {line}", flush=True)
    finally:
        if report and rows:
            _junit(report, suite, rows)
        if at_end:
            lines = at_end(any(row[1] == "failed" for row in rows)) or ()
    for line in lines:
        print(f"# {line}")
    return 1 if any(row[1] == "failed" for row in rows) else 0
