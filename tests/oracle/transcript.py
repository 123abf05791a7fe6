# SPDX-License-Identifier: MIT
"""Transcripts of scenarios: one line a call, `LINE: STATEMENT = RESULT`; and waivers, differences that are accepted."""
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "scripts" / "lib"))

from conformance import spec  # noqa: E402

TIMEOUT = 120
# Who is right: our answer is the clause's; Wine, and README or the clause names the limit.
WHO = ("ours", "limit")
RESULT = r'("(?:[^"\\]|\\.)*"|\S+)'  # a text may have blanks
WAIVER = re.compile(rf"(\S+):(\d+)\s+{RESULT}\s+{RESULT}\s+([A-Z]+-[A-Z]+-\d+)\s+(\w+)\s+(\S.*)$")


class Unplayable(Exception):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


def name_ports(lines, source):
    """A port that the scenario does not name differs from run to run: port1, port2 in their order."""
    named, names = set(re.findall(r":(\d+)", source)), {}

    def name(m):
        if m[1] == "0" or m[1] in named:
            return m[0]
        return ":" + names.setdefault(m[1], f"port{len(names) + 1}")

    for line in lines:
        call, sep, result = line.rpartition(" = ")
        yield call + sep + re.sub(r"(?<=\d):(\d+)$", name, result)


def play(wsd, scenario, actor=None):
    """The transcript of @scenario, a list of lines. @actor: the command that makes the calls in our library's place."""
    command = [wsd, "run", "--transcript"] + (["--actor", actor] if actor else []) + [str(scenario)]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=TIMEOUT)
    if run.returncode:
        raise Unplayable(run.returncode, run.stderr + run.stdout)
    return list(name_ports(run.stdout.splitlines(), scenario.read_text()))


def recorded(scenario):
    path = scenario.with_suffix(".transcript")
    if not path.exists():
        raise Unplayable(1, f"{path.name}: there is none: scripts/oracle records it")
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def strays(folder):
    """Complaints: scenarios without a transcript, transcripts without a scenario."""
    stems = {ending: {path.stem for path in folder.glob(f"*.{ending}")} for ending in ("wsd", "transcript")}
    for stem in sorted(stems["wsd"] - stems["transcript"]):
        yield f"{stem}.wsd: there is no transcript: scripts/oracle records it"
    for stem in sorted(stems["transcript"] - stems["wsd"]):
        yield f"{stem}.transcript: there is no scenario any more"


def answer(line):
    """(line of the scenario, result) of a line of a transcript."""
    call, _, result = line.rpartition(" = ")
    return call.partition(":")[0], result


def differences(ours, theirs):
    """(line of the scenario, our result, their result). Both were made of the same scenario, or else the record is old."""
    split = [[line.rpartition(" = ")[::2] for line in lines] for lines in (ours, theirs)]
    if [call for call, _ in split[0]] != [call for call, _ in split[1]]:
        raise Unplayable(1, "the scenario has changed since its transcript was recorded: scripts/oracle renews it")
    for (call, mine), (_, other) in zip(*split):
        if mine != other:
            yield call.partition(":")[0], mine, other


def waivers(folder):
    """(file, line) -> (our result, Wine's, clause, who is right, reason)"""
    found, clauses = {}, spec.clauses()
    path = folder / "waivers"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        m = WAIVER.match(line)
        if not m or m[6] not in WHO or (m[1], m[2]) in found:
            raise Unplayable(1, f"{path.name}:{number}: expected once: FILE:LINE OUR-RESULT WINES-RESULT CLAUSE {'|'.join(WHO)} REASON")
        if m[5] not in clauses:
            raise Unplayable(1, f"{path.name}:{number}: there is no clause {m[5]}")
        scenario = folder / f"{m[1]}.wsd"
        if not scenario.exists():
            raise Unplayable(1, f"{path.name}:{number}: there is no scenario {m[1]}")
        if scenario.with_suffix(".transcript").exists() and not any(answer(one) == (m[2], m[4]) for one in recorded(scenario)):
            raise Unplayable(1, f"{path.name}:{number}: Wine's result at {m[1]}:{m[2]} is not {m[4]}")
        found[m[1], m[2]] = m.groups()[2:]
    return found
