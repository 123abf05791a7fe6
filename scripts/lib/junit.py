#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the cases of JUnit files, checks skips against tests/skips, merges into one file.

usage: junit.py OUT.xml SKIPS IN.xml...

Prints failures and skips, then `N passed, N failed, N skipped`. Exit status 1 if a case failed, if a skip is
not listed in SKIPS (lines: glob of case name, blank, reason), or if a file holds no case at all.
"""
import fnmatch
import pathlib
import re
import sys
import xml.etree.ElementTree as ET


def listed_skips(path):
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        if line.strip() and not line.startswith("#"):
            rows.append(line.split(None, 1)[0])
    return rows


def main(out, skips, inputs):
    allowed = listed_skips(pathlib.Path(skips))
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    merged, bad = ET.Element("testsuites"), False
    for name in inputs:
        suites = list(ET.parse(name).getroot().iter("testsuite"))
        cases = 0
        for suite in suites:
            merged.append(suite)
            # a program without subtests is one case itself
            for case in suite.iter("testcase"):
                cases += 1
                title = re.sub(r"^\d+ - ", "", case.get("name", "?")).strip()
                case.set("name", title)
                failed = case.find("failure") is not None or case.find("error") is not None
                skipped = case.find("skipped") is not None
                counts["failed" if failed else "skipped" if skipped else "passed"] += 1
                if failed:
                    print(f"FAILED  {suite.get('name')}: {title}")
                if skipped and not failed:
                    known = any(fnmatch.fnmatchcase(title, p) for p in allowed)
                    bad |= not known
                    print(f"skipped {suite.get('name')}: {title}" + ("" if known else "  <- not listed in tests/skips"))
            if int(suite.get("errors") or 0) and not any(
                    c.find("error") is not None or c.find("failure") is not None for c in suite.iter("testcase")):
                counts["failed"] += 1
                print(f"FAILED  {suite.get('name')}: the program ended badly")
        if not cases:
            bad = True
            print(f"{name}: no test case at all")
    ET.ElementTree(merged).write(out)
    print(f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if bad or counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
