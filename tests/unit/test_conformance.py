#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests of scripts/conformance in a copy of what it reads, printed as TAP: what it must notice. Usage: test_conformance.py [NAME...]"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

import runner  # noqa: E402


class Copy:
    """Of specifications, tests and scenarios; each test of ours changes one thing."""

    def __init__(self, folder):
        self.top = pathlib.Path(folder)
        for part in ("scripts/lib/conformance", "docs/spec", "scenarios", "tests"):
            shutil.copytree(TOP / part, self.top / part, ignore=shutil.ignore_patterns("corpus", "__pycache__"))
        shutil.copy(TOP / "scripts/conformance", self.top / "scripts/conformance")
        for form in ("md", "html"):
            shutil.copy(TOP / f"docs/conformance.{form}", self.top / f"docs/conformance.{form}")

    def change(self, path, old, new):
        file = self.top / path
        text = file.read_text()
        runner.check(old in text, f"{path} has no {old!r}: this test is to be adapted")
        file.write_text(text.replace(old, new, 1))

    def run(self, *args):
        done = subprocess.run([sys.executable, str(self.top / "scripts/conformance"), *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, timeout=60)
        return done.returncode, done.stdout

    def notices(self, said, *args):
        status, text = self.run("--check", *args)
        runner.check(status == 1 and said in text and "Traceback" not in text, f"status {status}, not said: {said}\n{text}")


def copy(test):
    """As a test of the runner's."""
    def run():
        with tempfile.TemporaryDirectory(prefix="wsd-conformance-") as folder:
            test(Copy(folder))
    return run


@copy
def test_what_is_committed_is_in_order(c):
    status, text = c.run("--check")
    runner.check(status == 0, text)


@copy
def test_a_clause_that_is_there_twice(c):
    c.change("docs/spec/switch.md", "- **SW-INIT-2** ", "- **SW-INIT-1** ")
    c.notices("SW-INIT-1 is there twice")


@copy
def test_a_clause_that_is_none_to_the_reader(c):
    c.change("docs/spec/provider.md", "- **PROV-DUP-1** ", "* **PROV-DUP-1** ")
    c.notices("a clause begins with '- **ID** '")


@copy
def test_a_test_of_a_clause_that_is_none(c):
    c.change("tests/unit/test_ports.c", "WS_PORT_", "WS_PORT_99")
    c.notices("which no specification has")


@copy
def test_tests_that_no_compiler_sees(c):
    # the only test of its clause
    path = next(p for p in (c.top / "tests/rxe").glob("test_*.c") if "PROV_BIND_06_lengths" in p.read_text())
    name = path.relative_to(c.top)
    whole = path.read_text()
    for before, after in (("#if 0\n", "\n#endif\n"), ("/* ", " */")):
        path.write_text(whole.replace("Test(bind, PROV_BIND_06_lengths)", f"{before}Test(bind, PROV_BIND_06_lengths){after}", 1))
        c.notices("PROV-BIND-6 has neither a test nor a reason")
    path.write_text(whole)
    c.change(name, "Test(bind, PROV_BIND_06_lengths)", "Test(bind, PROV_BIND_06_lengths, .disabled = true)")
    c.notices("PROV-BIND-6 has neither a test nor a reason")


@copy
def test_results_that_lack_a_clause(c):
    junit = c.top / "junit.xml"
    junit.write_text("<testsuites/>")
    c.notices("PROV-BIND-6: none of its tests is in", "--junit", junit, "-o", c.top / "v1.2")
    runner.check((c.top / "v1.2.md").exists() and (c.top / "v1.2.html").exists(), "not written under the name that was given")


@copy
def test_results_that_cannot_be_read(c):
    junit = c.top / "junit.xml"
    for text in (None, "", "<testsuites>"):
        if text is not None:
            junit.write_text(text)
        c.notices(str(junit), "--junit", junit, "-o", c.top / "out")


@copy
def test_a_place_that_cannot_be_written(c):
    c.notices("cannot write", "-o", c.top / "none" / "out")


@copy
def test_reasons_and_remarks(c):
    c.change("tests/clauses-without-test", "PROV-DUP-* ", "PROV-DUP-*\n# ")
    c.notices("names no reason for PROV-DUP-*")
    (c.top / "tests/clause-remarks").write_text("PROV-BIND-24 WSAENETDOWN:\n")
    c.notices("tests/clause-remarks: expected CLAUSE CODE: TEXT")


def main(words):
    return runner.run("conformance", runner.choose(words, runner.tests_of(globals()), __doc__))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
