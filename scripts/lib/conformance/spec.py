# SPDX-License-Identifier: MIT
"""The clauses of docs/spec, and what the pages that the project started from say, with the clauses that carry it."""
import collections
import pathlib
import re
import textwrap

TOP = pathlib.Path(__file__).resolve().parents[3]
SPECS = ("provider.md", "switch.md", "winsock.md")
PAGES = "pages.md"
LIKE_A_CLAUSE = re.compile(r"^\W*\*\*\W*(?:PROV|SW|WS)\b")
CLAUSE = re.compile(r"^- \*\*((?:PROV|SW|WS)-[A-Z]+-\d+)\*\*\s*(.*)")
SAYING = re.compile(r"^- \*\*(S\d-\d+)\*\* (.*) → (.*)$")
ID = re.compile(r"\b(?:PROV|SW|WS)-[A-Z]+-\d+\b")
NOT_OURS = "does not apply: "

Clause = collections.namedtuple("Clause", "id file text")  # text: Markdown, with what is indented or tabled below it
Saying = collections.namedtuple("Saying", "id text clauses reason")  # carried by clauses, or the reason why by none


def family(clause):
    return clause.rsplit("-", 1)[0]


def short(text):
    words = re.sub(r"[`*]|\[[^\]]*\]", "", text.split("\n", 1)[0])
    return textwrap.shorten(words, 90, placeholder=" ...")


def clauses():
    """id -> Clause, in the order of the specifications. What follows a clause up to the next one, or a heading, is its text."""
    found = collections.OrderedDict()
    for name in SPECS:
        lines, open_ = (TOP / "docs/spec" / name).read_text().splitlines(), None
        for line in lines:
            m = CLAUSE.match(line)
            if m:
                open_ = m.group(1)
                found[open_] = Clause(open_, name, m.group(2))
            elif line.startswith("#"):
                open_ = None
            elif open_:
                found[open_] = found[open_]._replace(text=found[open_].text + "\n" + line)
    return collections.OrderedDict((k, c._replace(text=c.text.strip())) for k, c in found.items())


def misshapen():
    """Lines that look like a clause and are none, and clauses that are there twice: what they say would be lost."""
    seen = set()
    for name in SPECS:
        for number, line in enumerate((TOP / "docs/spec" / name).read_text().splitlines(), 1):
            m = CLAUSE.match(line)
            if m and m.group(1) in seen:
                yield f"docs/spec/{name}:{number}: {m.group(1)} is there twice"
            elif not m and LIKE_A_CLAUSE.match(line):
                yield f"docs/spec/{name}:{number}: a clause begins with '- **ID** ': {line[:60]}"
            seen.update(m.groups()[:1] if m else ())


def pages():
    """(title of a page, its Sayings) of each, and what is wrong with the file."""
    known, found, wrong = clauses(), [], []
    for line in (TOP / "docs/spec" / PAGES).read_text().splitlines():
        if line.startswith("## "):
            found.append((line[3:], []))
        elif line.startswith("- "):
            m = SAYING.match(line)
            carriers = ID.findall(m.group(3)) if m and not m.group(3).startswith(NOT_OURS) else []
            reason = m.group(3) if m and not carriers else ""
            if not m or not found or (not carriers and not reason.startswith(NOT_OURS)):
                wrong.append(f"docs/spec/{PAGES}: neither clauses nor '→ {NOT_OURS}...': {line[:60]}")
                continue
            wrong += [f"docs/spec/{PAGES}: {m.group(1)} names {c}, which no specification has" for c in carriers if c not in known]
            if f"S{len(found) - 1}-{len(found[-1][1]) + 1}" != m.group(1):
                wrong.append(f"docs/spec/{PAGES}: {m.group(1)} is out of turn")
            found[-1][1].append(Saying(m.group(1), m.group(2), carriers, reason))
    return found, wrong
