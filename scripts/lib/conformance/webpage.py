# SPDX-License-Identifier: MIT
"""conformance.html: one file without any other; light on paper, right in a dark browser; can be searched."""
import html
import re



STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#57606a;--paper:#fff;--line:#d0d7de;--none:#8c959f;--good:#1a7f37;--bad:#cf222e;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--dim:#9198a1;--paper:#0d1117;--line:#3d444d;--none:#6e7681;--good:#3fb950;--bad:#f85149;--warn:#d29922}}
@media print{:root{--ink:#000;--dim:#444;--paper:#fff;--line:#bbb}#find{display:none}}
body{font:15px/1.45 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:75rem;margin:0 auto;padding:1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line)}
th{border-top:0;color:var(--dim);font-weight:600}
td.id,td.over,td.state{white-space:nowrap}td.proof{width:38%;overflow-wrap:anywhere}td.proof div{margin-bottom:.1rem}
td table{margin:.3rem 0;font-size:.9em}code{font-size:.9em}.dim,.suite{color:var(--dim)}
.passed{color:var(--good)}.failed{color:var(--bad);font-weight:700}.skipped,.notrun{color:var(--warn)}.none{color:var(--none)}
.bar{display:inline-flex;width:12rem;height:.8rem;border:1px solid var(--line);vertical-align:middle;margin-right:.5rem}
.bar i{display:block;height:100%}.b-passed,.b-has{background:var(--good)}.b-failed{background:var(--bad)}.b-skipped,.b-notrun{background:var(--warn)}
#find{position:sticky;top:0;background:var(--paper);padding:.5rem 0;border-bottom:1px solid var(--line)}
#find input{font:inherit;width:min(30rem,70%);padding:.3rem .5rem}a{color:inherit}
"""
# Rows that do not have every word are hidden; so are tables and headings that have no row left.
SCRIPT = """
const box=document.getElementById('words'),count=document.getElementById('count'),rows=[...document.querySelectorAll('tr[data-row]')];
const told=rows.map(r=>r.textContent.toLowerCase());
box.addEventListener('input',()=>{const words=box.value.toLowerCase().split(/\\s+/).filter(Boolean);let n=0;
rows.forEach((r,i)=>{const on=words.every(w=>told[i].includes(w));r.hidden=!on;n+=on});
document.querySelectorAll('section').forEach(s=>{s.hidden=!s.querySelector('tr[data-row]:not([hidden])')});
count.textContent=words.length?n+' of '+rows.length:''});
"""


def inline(text):
    """`code`, **bold**, *slanted*."""
    out = html.escape(text, quote=False)
    out = re.sub(r"`([^`]+)`", r"<code>\1</code>", out)
    out = re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", out)
    return re.sub(r"(?<!\w)\*([^*\s][^*]*)\*(?!\w)", r"<i>\1</i>", out)


def block(text):
    """A clause's text: paragraphs, lists and tables, as far as the specifications have them."""
    out, rows, head = [], [], True
    for line in text.split("\n") + [""]:
        if line.startswith("|"):
            cells = [c.strip().replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line.strip().strip("|"))]
            if all(re.fullmatch(r":?-+:?", c) for c in cells):
                continue
            tag = "th" if head else "td"
            rows.append("<tr>" + "".join(f"<{tag}>{inline(c)}</{tag}>" for c in cells) + "</tr>")
            head = False
            continue
        if rows:
            out.append(f"<table>{''.join(rows)}</table>")
            rows, head = [], True
        if line.strip():
            out.append(f"<div>{inline(line.strip())}</div>")
    return "".join(out)


def class_of(state):
    return state.replace(" ", "")


def bar(book, members):
    """Of a family: in the colours of its results, or how many have tests."""
    states = [book.state(c) for c in members]
    parts = [(s, states.count(s)) for s in ("passed", "skipped", "not run", "failed")] if book.ran is not None else \
        [("has", len(states) - states.count("none"))]
    stripes = "".join(f'<i class="b-{class_of(s)}" style="width:{100 * n / len(states):.4g}%"></i>' for s, n in parts if n)
    have = len(states) - states.count("none")
    words = [f"{have} of {len(states)} with tests"] + [f"{n} {s}" for s, n in parts if n and s != "has"]
    return f'<span class="bar" role="img" aria-label="{", ".join(words)}">{stripes}</span>{", ".join(words)}'


def proof(book, test):
    state = book.state_of_test(test)
    mark = f' <span class="{class_of(state)}">{state}</span>' if state and state != "passed" else ""
    return f'<div><code>{html.escape(test.name)}</code> <span class="suite">{test.suite}</span>{mark}</div>'


def clause_row(book, clause):
    state = book.state(clause)
    proofs = "".join(proof(book, t) for t in book.tests_of(clause)) or \
        f'<span class="none">none: {html.escape(book.reasons.get(clause, "no reason given"))}</span>'
    proofs += "".join(f'<div class="dim">{html.escape(text)}</div>' for text in book.remarks.get(clause, ()))
    result = f'<td class="state {class_of(state)}">{state}</td>' if book.ran is not None else ""
    return (f'<tr data-row id="{clause}"><td class="id">{clause}</td><td>{block(book.clauses[clause].text)}</td>'
            f'<td class="over">{book.over(clause)}</td>{result}<td class="proof">{proofs}</td></tr>')


def saying_row(book, s):
    carriers = ", ".join(f'<a href="#{c}">{c}</a>' for c in s.clauses) or f'<span class="none">{html.escape(s.reason)}</span>'
    proofs = "".join(f"<div>{proofs_in_short(book, c)}</div>" for c in s.clauses)
    state = book.state_of_saying(s)
    result = f'<td class="state {class_of(state)}">{state}</td>' if book.ran is not None else ""
    return f'<tr data-row id="{s.id}"><td class="id">{s.id}</td><td>{inline(s.text)}</td><td>{carriers}</td>{result}<td class="proof">{proofs}</td></tr>'


def proofs_in_short(book, clause):
    tests = book.tests_of(clause)
    if not tests:
        return ""
    more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
    return f'<code>{html.escape(tests[0].name)}</code><span class="dim">{more}</span>'


def head(cells):
    return "<tr>" + "".join(f"<th>{c}</th>" for c in cells) + "</tr>"


def page(book):
    ran = ["result"] if book.ran is not None else []
    total, with_tests, without = book.counts()
    origin = "From the results of a run of <code>scripts/test</code>." if ran else \
        "Made by <code>scripts/conformance</code>. No commit is taken in whose tests fail; <code>scripts/test</code> writes the same with the results of its run: <code>test-out/conformance.html</code>."
    out = ['<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
           f"<title>wsdirect: conformance</title><style>{STYLE}</style><h1>Conformance</h1>",
           f"<p>{origin}</p><p>{total} clauses, {with_tests} with tests, {without} without. <i>Over</i>: what the sockets of the tests run over: TCP/IP, a "
           "SAN (of soft-RoCE, or of a provider that is a part of the tests), one or the other (both); empty: they are of parts by themselves.</p>"]
    if without:
        out.append("<h2>Not covered</h2><ul>")
        out += [f"<li>{', '.join(f'<a href=#{c}>{c}</a>' for c in clauses)}: {html.escape(reason)}</li>" for reason, clauses in book.uncovered()]
        out.append("</ul>")
    out.append("<h2>Families</h2><table>")
    out += [f'<tr><td class="id"><a href="#{family}">{family}</a></td><td>{bar(book, members)}</td></tr>' for family, members in book.families()]
    out.append('</table><div id="find"><input id="words" type="search" placeholder="clause, word, test, result: all must be there" '
               'aria-label="show rows with these words"> <span id="count" class="dim"></span></div>')
    for family, members in book.families():
        file = book.clauses[members[0]].file
        out.append(f'<section><h2 id="{family}">{family} <small class="dim">{file}</small></h2><table>')
        out.append(head(["clause", "text", "over"] + ran + ["tests"]))
        out += [clause_row(book, c) for c in members] + ["</table></section>"]
    out.append("<h2>The pages that it started from</h2><p>Each of their codes, rules and remarks, in our words, with the clauses that carry it.</p>")
    for title, sayings in book.pages:
        out.append(f"<section><h3>{html.escape(title)}</h3><table>{head(['', 'says', 'clauses'] + ran + ['tests'])}")
        out += [saying_row(book, s) for s in sayings] + ["</table></section>"]
    out.append(f"<script>{SCRIPT}</script></html>")
    return "\n".join(out) + "\n"
