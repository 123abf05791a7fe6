#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the cases of JUnit files, checks skips against a list, merges into one file.

usage: junit.py OUT.xml SKIPS IN.xml...

Beside IN.xml may lie IN.json, meson's log: it names the programs that timed out or crashed, which the JUnit file leaves
out.

Prints failures and skips, then `N passed, N failed, N skipped`. Exit status 1 if a case failed, if a skip is not listed in SKIPS
(lines: glob of case, blank, reason), or if a file holds no case.
"""
import fnmatch
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

FINE = ("OK", "SKIP", "EXPECTEDFAIL")


def listed(path):
    lines = pathlib.Path(path).read_text().splitlines() if pathlib.Path(path).exists() else []
    return [line.split(None, 1)[0] for line in lines if line.strip() and not line.startswith("#")]


def program(name):
    """`wsdirect.wsdirect:switch / ws_bind`, `wsdirect.ws_bind`, `ws_bind` -> `ws_bind`"""
    return re.split(r" / |\.", name)[-1]


def ended_badly(xml):
    """Programs that meson's log calls failed."""
    log = pathlib.Path(xml).with_suffix(".json")
    rows = map(json.loads, log.read_text().splitlines()) if log.exists() else []
    return {program(row["name"]): row["result"] for row in rows if row["result"] not in FINE}


def reasons(suite):
    """What Criterion said below each `not ok - CASE`: the first line that an assertion left."""
    told, title = {}, None
    for line in "\n".join(e.text or "" for e in suite.iter("system-out")).splitlines():
        start = re.match(r"(not )?ok\b(?: \d+)?(?: - )?(.*)", line)
        if start:
            title = re.sub(r"\s+\(.*s\)$", "", start[2]).strip() if start[1] else None
        elif title and line.strip():
            told[title] = f"{told[title]} {line.strip()}"[:400] if title in told else line.strip()
    return told


def last_words(case):
    """Of a program that is one test: the end of what it said."""
    text = "\n".join(e.text or "" for tag in ("system-out", "system-err") for e in case.iter(tag))
    return " | ".join(line.strip() for line in text.splitlines() if line.strip())[-600:]


class Tally:
    def __init__(self, skips):
        self.allowed = listed(skips)
        self.passed = self.failed = self.skipped = 0
        self.bad = False
        self.failing = set()
        self.merged = ET.Element("testsuites")

    def fail(self, name, what, why=""):
        self.failed += 1
        self.bad = True
        print(f"FAILED  {name}: {what}" + (f": {why}" if why else ""))

    def case(self, name, case, why):
        title = re.sub(r"\s+\([\d.]+s\)$", "", re.sub(r"^\d+ - ", "", case.get("name", "?")).strip())
        case.set("name", title)
        if case.find("failure") is not None or case.find("error") is not None:
            self.fail(name, title, why.get(title, "") or last_words(case))
            self.failing.add(program(title))
            return 1
        if case.find("skipped") is None:
            self.passed += 1
            return 0
        self.skipped += 1
        known = any(fnmatch.fnmatchcase(title, p) for p in self.allowed)
        self.bad |= not known
        words = last_words(case)
        print(f"skipped {name}: {title}" + (f": {words}" if words else "") + ("" if known else "  <- not listed in tests/skips"))
        return 0


def main(out, skips, inputs):
    tally = Tally(skips)
    for path in inputs:
        suites = list(ET.parse(path).getroot().iter("testsuite"))
        badly = ended_badly(path)
        if not any(True for s in suites for _ in s.iter("testcase")) and not badly:
            tally.bad = True
            print(f"{path}: no test case at all")
        failing = {}
        for suite in suites:
            name = program(suite.get("name", "?"))
            tally.merged.append(suite)
            why = reasons(suite)
            failing[name] = sum(tally.case(name, c, why) for c in suite.iter("testcase"))
        for name, result in badly.items():
            if not failing.get(name) and name not in tally.failing:
                tally.fail(name, f"the program ended with {result}")
    ET.ElementTree(tally.merged).write(out)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
