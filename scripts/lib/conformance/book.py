# SPDX-License-Identifier: MIT
"""All of it put together: what both pages are made of."""
import collections

from . import excuses, proofs, spec

STATES = ("failed", "not run", "skipped", "passed")  # of a clause: the worst of its tests


class Book:
    def __init__(self, junit=None):
        self.ran = proofs.results(junit) if junit else None
        self.clauses = spec.clauses()
        self.by_clause = collections.defaultdict(list)
        self.pages, self.problems = spec.pages()
        self.problems += spec.misshapen()
        for test in proofs.tests():
            for clause in sorted(test.clauses):
                if clause in self.clauses:
                    self.by_clause[clause].append(test)
                else:
                    self.problems.append(f"{test.name} names {clause}, which no specification has")
        self.reasons, unknown = excuses.excused(self.clauses, self.by_clause)
        self.remarks, more = excuses.remarks(self.clauses)
        self.problems += [f"{c} has neither a test nor a reason in tests/clauses-without-test" for c in self.clauses
                          if c not in self.by_clause and c not in self.reasons]
        self.problems += [f"{c} has a test and a reason for having none: strike the reason" for c in self.reasons
                          if c in self.by_clause]
        self.problems += unknown + excuses.refused(self.reasons) + more

    def families(self):
        """(family, its clauses), in the order of the specifications."""
        found = collections.OrderedDict()
        for clause in self.clauses:
            found.setdefault(spec.family(clause), []).append(clause)
        return found.items()

    def tests_of(self, clause):
        return sorted(self.by_clause.get(clause, ()), key=lambda t: (t.suite, t.name))

    def over(self, clause):
        """TCP/IP, SAN, both; "": its tests have no sockets of the library's."""
        found = set().union(*(t.over for t in self.tests_of(clause))) if clause in self.by_clause else set()
        return "both" if len(found) == 2 else next(iter(found), "")

    def state_of_test(self, test):
        return self.ran.get(test.key, "not run") if self.ran is not None else ""

    def state(self, clause):
        """The worst of its tests; "none" without a test; "" when results are not known."""
        if clause not in self.by_clause:
            return "none"
        if self.ran is None:
            return ""
        states = {self.state_of_test(t) for t in self.by_clause[clause]}
        return next(s for s in STATES if s in states)

    def not_run(self):
        """Clauses whose tests are nowhere in the results."""
        return [c for c in self.by_clause if {self.state_of_test(t) for t in self.by_clause[c]} == {"not run"}]

    def state_of_saying(self, saying):
        """As state(), of the clauses that carry it."""
        states = {self.state(c) for c in saying.clauses}
        return next((s for s in ("none",) + STATES if s in states), "")

    def uncovered(self):
        """(reason, clauses): what has no test, and why."""
        found = collections.OrderedDict()
        for clause in self.clauses:
            if clause not in self.by_clause:
                found.setdefault(self.reasons.get(clause, "no reason given"), []).append(clause)
        return found.items()

    def counts(self):
        with_tests = sum(1 for c in self.clauses if c in self.by_clause)
        return len(self.clauses), with_tests, len(self.clauses) - with_tests
