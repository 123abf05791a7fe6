# SPDX-License-Identifier: MIT
"""Clauses without a test, each with its reason, and remarks on single codes."""
import collections
import fnmatch

from . import spec

TOP = spec.TOP
# Each clause of these families has a test, but for what can only be tested with connections; for any other clause a
# reason must say "unconfirmed in the spec" or "no such hardware".
DONE = {f"{part}-{name}" for part, names in {
    "PROV": "INIT SOCKET BIND LISTEN EVENT OPT IOCTL CLOSE",
    "SW": "INIT SUBNET BIND WILD SHARE LISTEN OPT",
    "WS": "STARTUP ERR SOCKET BIND PORT NAME REUSE LISTEN"}.items() for name in names.split()}
ALLOWED = set("""PROV-BIND-15 PROV-BIND-21 SW-SHARE-5 WS-BIND-7 WS-BIND-8 WS-BIND-9 WS-NAME-5 WS-NAME-6 WS-NAME-7 WS-REUSE-9
    WS-REUSE-10 WS-REUSE-11 WS-LISTEN-4 WS-LISTEN-5 WS-LISTEN-6""".split())
ACCEPTED = ("unconfirmed in the spec", "no such hardware")


def rows(name):
    for line in (TOP / "tests" / name).read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def excused(known, covered):
    """Clause or family (PROV-DATA-*) -> reason. A family's reason serves those of its clauses that have no test."""
    reasons, unknown, seen = {}, [], set()
    for line in rows("clauses-without-test"):
        pattern, _, reason = line.partition(" ")
        if not reason.strip():
            unknown.append(f"tests/clauses-without-test names no reason for {pattern}")
        hits = [c for c in known if fnmatch.fnmatchcase(c, pattern)]
        if not hits:
            unknown.append(f"tests/clauses-without-test names {pattern}, which no specification has")
        if pattern in seen:
            unknown.append(f"tests/clauses-without-test names {pattern} twice")
        seen.add(pattern)
        for clause in hits:
            if "*" not in pattern or clause not in covered:
                reasons[clause] = reason.strip()
    return reasons, unknown


def refused(reasons):
    """Reasons that do not count: the clause's family is done."""
    return [f"{clause} needs a test: tests/clauses-without-test may not excuse it" for clause, reason in reasons.items()
            if spec.family(clause) in DONE and clause not in ALLOWED and not reason.startswith(ACCEPTED)]


def remarks(known):
    """Clause -> lines "CODE: how it is provoked, or why never"."""
    found, unknown = collections.defaultdict(list), []
    for line in rows("clause-remarks"):
        clause, code, text = (line.split(None, 2) + ["", ""])[:3]
        if not text:
            unknown.append(f"tests/clause-remarks: expected CLAUSE CODE: TEXT: {line}")
        found[clause].append(f"{code}: {text}")
        if clause not in known:
            unknown.append(f"tests/clause-remarks names {clause}, which no specification has")
    return found, unknown
