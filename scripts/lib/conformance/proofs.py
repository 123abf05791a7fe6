# SPDX-License-Identifier: MIT
"""The tests, the clauses that each proves, what it runs over, and what came of it."""
import collections
import pathlib
import re
import xml.etree.ElementTree as ET

from . import spec

TOP = spec.TOP
IN_NAME = re.compile(r"(PROV|SW|WS)_([A-Z]+)_0*(\d+)")
CRITERION = re.compile(r"^[ \t]*(?:Parameterized)?Test\(\s*(?:struct [^,]*,\s*)?(\w+)\s*,\s*(\w+)([^{]*)", re.M)
NO_CODE = re.compile(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[ \t]*if[ \t]+0\b.*?^[ \t]*#[ \t]*(?:endif|else|elif)\b", re.M | re.S)
PYTHON = re.compile(r"^def (test_\w+)\(", re.M)
TCP, SAN = "TCP/IP", "SAN"

# over: TCP/IP, SAN, both or (a part by itself) neither; key: how results name it
Test = collections.namedtuple("Test", "suite name key clauses over")


def ids_in(name):
    return {f"{a}-{b}-{int(n)}" for a, b, n in IN_NAME.findall(name)}


def over(path, text):
    """Tests of connections are one source for all transports (tests/README.md)."""
    suite = path.parent.name
    if suite in ("rxe", "wire"):
        return {SAN}
    if suite != "switch":
        return set()
    if '"stream_pair.h"' in text or '"pair.h"' in text:
        return {TCP, SAN}
    return {SAN} if re.match(r"test_(sw|san)_|test_loop", path.name) else {TCP}


def listed_above(text, start):
    """`Clauses: WS-PORT-4, ...` in a comment right above a test."""
    above = text[:start].rstrip()
    m = re.search(r"Clauses?:(.*)", above[above.rfind("/*"):], re.S) if above.endswith("*/") else None
    return set(spec.ID.findall(m.group(1))) if m else set()


def without_comments(text):
    """With blanks in place of what no compiler sees."""
    return NO_CODE.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def in_c():
    for path in sorted((TOP / "tests").rglob("*.c")):
        text = path.read_text()
        for m in CRITERION.finditer(without_comments(text)):
            if ".disabled" in m.group(3):
                continue
            name = f"{m.group(1)}::{m.group(2)}"
            yield Test(path.parent.name, name, name, ids_in(m.group(2)) | listed_above(text, m.start()), over(path, text))


def in_python():
    for path in sorted((TOP / "tests").rglob("*")):
        if not path.is_file() or path.suffix not in ("", ".py") or path.parent.name not in ("wire", "soft-roce"):
            continue
        text = path.read_text(errors="replace")
        for m in PYTHON.finditer(text):
            yield Test(path.parent.name, m.group(1), m.group(1), ids_in(m.group(1)), over(path, text))


def scenarios():
    for folder, suite in (("scenarios", "scenario"), ("tests/oracle", "oracle")):
        for path in sorted((TOP / folder).glob("*.wsd")):
            text = path.read_text()
            ids = {c for line in re.findall(r"^clause (.*)$", text, re.M) for c in spec.ID.findall(line)}
            yield Test(suite, path.name, f"{suite}-{path.stem}", ids, {SAN} if re.search(r"^provider ", text, re.M) else {TCP})


def tests():
    yield from in_c()
    yield from in_python()
    yield from scenarios()


def results(junit):
    """Test.key -> passed | failed | skipped; of one that ran several times (over several transports) the worst,
    but that a run which was skipped does not hide another."""
    out = {}
    for case in ET.parse(junit).getroot().iter("testcase"):
        name = case.get("name", "")
        m = re.search(r"\w+::\w+", name)
        key = m.group(0) if m else name.split(" / ")[-1].strip()
        state = "passed"
        if case.find("failure") is not None or case.find("error") is not None:
            state = "failed"
        elif case.find("skipped") is not None:
            state = "skipped"
        if out.get(key) != "failed" and not (state == "skipped" and out.get(key) == "passed"):
            out[key] = state
    return out
