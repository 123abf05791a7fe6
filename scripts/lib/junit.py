#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the cases of JUnit files, checks skips and failures against lists, merges into one file.

usage: junit.py OUT.xml SKIPS QUARANTINE IN.xml...

Beside IN.xml may lie IN.json, meson's log: it names the programs that timed out or crashed, which the JUnit file leaves
out. A program that stands in a later input too was run again: its second result counts, and the fact is printed.

Prints failures and skips, then `N passed, N failed, N skipped`. Exit status 1 if a case failed that is not listed in QUARANTINE (lines:
glob of program, blank, reason), if a skip is not listed in SKIPS (glob of case, blank, reason), or if a file holds no case.
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


class Tally:
    def __init__(self, skips, quarantine):
        self.allowed, self.excused = listed(skips), listed(quarantine)
        self.passed = self.failed = self.skipped = 0
        self.bad = False
        self.merged = ET.Element("testsuites")

    def fail(self, name, what):
        forgiven = any(fnmatch.fnmatchcase(name, p) for p in self.excused)
        self.failed += 1
        self.bad |= not forgiven
        print(f"FAILED  {name}: {what}" + ("  (in tests/quarantine)" if forgiven else ""))

    def case(self, name, case):
        title = re.sub(r"^\d+ - ", "", case.get("name", "?")).strip()
        case.set("name", title)
        if case.find("failure") is not None or case.find("error") is not None:
            self.fail(name, title)
            return 1
        if case.find("skipped") is None:
            self.passed += 1
            return 0
        self.skipped += 1
        known = any(fnmatch.fnmatchcase(title, p) for p in self.allowed)
        self.bad |= not known
        print(f"skipped {name}: {title}" + ("" if known else "  <- not listed in tests/skips"))
        return 0


def main(out, skips, quarantine, inputs):
    tally = Tally(skips, quarantine)
    suites = {path: list(ET.parse(path).getroot().iter("testsuite")) for path in inputs}
    badly = {path: ended_badly(path) for path in inputs}
    last = {}
    for path in inputs:
        for name in [program(s.get("name", "?")) for s in suites[path]] + list(badly[path]):
            last[name] = path
    for path in inputs:
        if not any(True for s in suites[path] for _ in s.iter("testcase")) and not badly[path]:
            tally.bad = True
            print(f"{path}: no test case at all")
        failing = {}
        for suite in suites[path]:
            name = program(suite.get("name", "?"))
            if last[name] == path:
                tally.merged.append(suite)
                failing[name] = sum(tally.case(name, c) for c in suite.iter("testcase"))
        for name, result in badly[path].items():
            if last[name] != path:
                print(f"UNSTABLE {name} failed ({result}) and was run again")
            elif not failing.get(name):
                tally.fail(name, f"the program ended with {result}")
    ET.ElementTree(tally.merged).write(out)
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped")
    return 1 if tally.bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
