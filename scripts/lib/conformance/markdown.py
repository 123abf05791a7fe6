# SPDX-License-Identifier: MIT
"""conformance.md."""
import re

from . import spec

BAR = 20


def cell(text):
    """No end of the cell, and no HTML, which a browser would take for its own."""
    return re.sub(r"<(?=[A-Za-z/!])", "&lt;", text.replace("|", "/"))


def bar(part, whole):
    full = BAR * part // whole
    return "█" * full + "░" * (BAR - full)


def table(head, rows):
    return [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"] + [f"| {' | '.join(r)} |" for r in rows]


def opening(book):
    total, with_tests, without = book.counts()
    ran = book.ran is not None
    lines = ["# Conformance", "",
             "Made by `scripts/test` from its results." if ran else
             "Each clause of the [specification](spec/) with its tests, and what they run over. Made by `scripts/conformance`: do not edit. No\n"
             "commit is taken in whose tests fail; `scripts/test` writes the same with the results of its run: `test-out/conformance.md`\n"
             "and `.html`. [conformance.html](conformance.html) has each clause's whole text.",
             "", f"{total} clauses, {with_tests} with tests, {without} without."]
    if without:
        lines += ["", "Not covered:", ""]
        lines += [f"- {', '.join(clauses)}: {cell(reason)}" for reason, clauses in book.uncovered()]
    rows = []
    for family, members in book.families():
        have = sum(1 for c in members if c in book.by_clause)
        row = [f"[{family}](#{family.lower()})", f"`{bar(have, len(members))}` {have} of {len(members)}"]
        if ran:
            states = [book.state(c) for c in members]
            row.append(", ".join(f"{states.count(s)} {s}" for s in ("passed", "skipped", "not run", "failed") if s in states))
        rows.append(row)
    return lines + [""] + table(["family", "with tests"] + (["results"] if ran else []), rows)


def chapter(book, family, members):
    ran = book.ran is not None
    file = book.clauses[members[0]].file
    where = f"`docs/spec/{file}`" if ran else f"[{file}](spec/{file})"
    have = sum(1 for c in members if c in book.by_clause)
    rows = []
    for clause in members:
        row = [clause, cell(spec.short(book.clauses[clause].text)), book.over(clause)]
        if ran:
            row.append(book.state(clause))
        proofs = ", ".join(f"`{t.name}` ({t.suite})" for t in book.tests_of(clause)) or "none: " + cell(book.reasons.get(clause, "**no reason given**"))
        rows.append(row + [proofs + "".join(f"; {cell(text)}" for text in book.remarks.get(clause, ()))])
    return ["", f"## {family}", "", f"{where}: {have} of {len(members)} with tests.", ""] + \
        table(["clause", "says", "over"] + (["result"] if ran else []) + ["tests"], rows)


def first_pages(book):
    """The documents that it started from."""
    ran = book.ran is not None
    lines = ["", "## The pages that it started from", "",
             "Each of their codes, rules and remarks, in our words " + ("(`docs/spec/pages.md`)" if ran else "([pages.md](spec/pages.md))") +
             ", with the clauses above that carry it."]
    for title, sayings in book.pages:
        rows = []
        for s in sayings:
            carriers = ", ".join(s.clauses) or s.reason
            rows.append([s.id, cell(s.text), cell(carriers)] + ([book.state_of_saying(s)] if ran else []))
        lines += ["", f"### {title}", ""] + table(["", "says", "clauses"] + (["result"] if ran else []), rows)
    return lines


def page(book):
    lines = opening(book)
    for family, members in book.families():
        lines += chapter(book, family, members)
    return "\n".join(lines + first_pages(book)) + "\n"
