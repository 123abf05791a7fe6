#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scenes of scripts/demo. Everything shown is what the programs printed; every scene checks what it shows."""
import argparse
import hashlib
import json
import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
EXEC = (str(TOP / "scripts/soft-roce"), "exec", "--qemu")
OUT = TOP / "demo-out"
WAIT = 30  # seconds until something that should happen counts as not happening; emulation is slow
KILLED = 128 + 9  # exit status of what SIGKILL ended
REFUSED = 1  # exit status of demo-talk whose connect fails
BULK = 64 << 20  # bytes of the transfer
ECHOES = 1000
BULK_WAIT = 600  # seconds: two emulated machines move some MB a second
QUEUED = r"wsd-rdma\s+WSPEnumNetworkEvents\b.*FD_ACCEPT"  # WSPEventSelect names FD_ACCEPT too
TAKEN = r"wsd-rdma\s+WSPAccept(?:\(s=\w+\))? = 0x"
RECORD = re.compile(r"^ +\d+\.\d{6} \d+/\d+ |^# wsdirect trace of process ")  # a line of the trace
PLAIN_TCP = 'echo "connecting to $0:$1 over TCP"; exec 3<>"/dev/tcp/$0/$1" && echo "connected"'


class Unexpected(Exception):
    pass


class Screen:
    """What is shown, by several threads. When nobody reads it any more (`| head`, a pager that was left), it ends us at once."""

    def __init__(self, color, brief):
        self.color, self.brief, self.lock, self.startup_shown = color, brief, threading.Lock(), False

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def print(self, text):
        with self.lock:
            try:
                print(text, flush=True)
            except BrokenPipeError:
                leave(1, "nobody reads the output any more")

    def scene(self, title, about):
        self.print("\n" + self.paint("1", f"== {title}") + f"\n{about}\n")

    def line(self, who, text):
        if not (self.brief and RECORD.match(text)):
            self.print(f"{self.paint('36', f'{who:>8} |')} {text}")


def leave(status, why):
    """End from whatever thread, with one line; killed clients take their programs in the machine along."""
    for process in Program.running:
        process.kill()
    try:
        os.write(2, f"demo: {why}\n".encode())
    except OSError:
        pass
    os._exit(status)


class Program:
    """A program in the soft-RoCE machine; its output is shown as it comes and can be waited for."""

    running = []

    def __init__(self, screen, who, argv, host="a", env=None, wait=WAIT):
        self.screen, self.who, self.seen, self.lines, self.pid = screen, who, [], queue.Queue(), None
        self.skipping, self.host, self.patience = False, host, wait
        # emulated hosts on a busy machine may need longer than the second that real ones get before TCP/IP is tried
        environment = {**os.environ, "WSD_CONNECT_SAN_MS": "20000", "WSD_TRACE": "stderr", "WSD_TRACE_JSON": str(OUT / "trace.jsonl"), **(env or {})}
        # one stream, so that the program's words and the trace stay in order; the pid for a kill
        shell = 'echo "pid $$"; exec "$@" 2>&1'
        self.process = subprocess.Popen(
            [*EXEC, "--host", host, "--", "/bin/sh", "-c", shell, "sh", *argv], cwd=TOP, env=environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)  # Ctrl-C is for us
        Program.running.append(self.process)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        try:
            for line in self.process.stdout:
                line = line.rstrip("\n")
                if self.pid is None and line.startswith("pid "):
                    self.pid = line[4:]
                    continue
                self.show(line)
                self.lines.put(line)
        finally:
            self.lines.put(None)

    def show(self, line):
        """What WSAStartup and WSACleanup do beneath them is shown once; the JSON file has it each time."""
        call = re.search(r"\bWSA(?:Startup|Cleanup)\(", line)
        if call and self.screen.startup_shown and " = " not in line:
            self.skipping = True
            self.screen.line(self.who, line + "   (beneath it: as above)")
        if not self.skipping and not line.startswith("# wsdirect trace"):
            self.screen.line(self.who, line)
        if re.search(r"\bWSA(?:Startup|Cleanup) = ", line):
            if self.skipping:
                self.screen.line(self.who, line)
            self.skipping = False
            self.screen.startup_shown |= "WSACleanup" in line

    def wait_for(self, pattern, what):
        deadline = time.monotonic() + self.patience
        while True:
            try:
                line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise Unexpected(f"{self.who}: {what} was not seen within {self.patience} s") from None
            if line is None:
                raise Unexpected(f"{self.who} ended before {what} was seen")
            self.seen.append(line)
            if re.search(pattern, line):
                return line

    def say(self, command):
        self.screen.line(self.who, f"<- {command}")
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.screen.line(self.who, "<- kill -9")
        subprocess.run([*EXEC, "--host", self.host, "--", "kill", "-9", self.pid], cwd=TOP, check=True)

    def finish(self, expected=0):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            status = self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Unexpected(f"{self.who} did not end") from None
        Program.running.remove(self.process)
        try:
            while (line := self.lines.get(timeout=WAIT)) is not None:
                self.seen.append(line)
        except queue.Empty:
            raise Unexpected(f"the output of {self.who} did not end") from None
        if status != expected:
            raise Unexpected(f"{self.who} ended with {status}, expected {expected}")
        return self.seen


class Demo:
    def __init__(self, screen, build):
        self.screen, self.build = screen, build

    def tool(self, *argv):
        return [str(self.build / "tools/wsd"), *argv]

    def run(self, who, argv, expected=0, **kw):
        return Program(self.screen, who, argv, **kw).finish(expected)

    def server(self, who, *argv, env=None):
        program = Program(self.screen, who, [str(self.build / "tools/demo-server"), *argv], env=env)
        program.wait_for(r"^listening on ", "its listener")
        return program

    def knock(self, address, port, expected=0):
        """A Winsock client on host b that connects and leaves; without its trace."""
        self.run("host b", [str(self.build / "tools/demo-talk"), address, str(port), "knock"], expected, host="b",
                 env={"WSD_TRACE": ""})

    def knock_at(self, server, address, port):
        """A connection that the server's switch takes over the SAN, before its application calls accept."""
        self.knock(address, port)
        server.wait_for(QUEUED, f"the request at {address}:{port} (FD_ACCEPT)")
        server.wait_for(TAKEN, f"the connection at {address}:{port} (WSPAccept)")
        self.screen.line("", f"the switch of {server.who} has taken the connection: it waits for accept")

    def count(self, program, pattern, wanted, what):
        got = sum(1 for line in program.seen if re.search(pattern, line))
        if got != wanted:
            raise Unexpected(f"{program.who}: {what}: {got}, expected {wanted}")

    # --- the scenes ---

    def nics(self):
        self.screen.scene("The NICs", "What the switch may use for RDMA, and what not.")
        lines = "\n".join(self.run("wsd nics", self.tool("nics")))
        for need in ("rxe0", "rxe1", "rxe2", "10.77.0.1", "10.77.1.1", "10.77.2.1", "10.77.2.101"):
            if need not in lines:
                raise Unexpected(f"wsd nics does not show {need}; `scripts/soft-roce up --qemu a b` sets the NICs up anew")
        addresses = [line.split() for line in self.run("ip addr", ["ip", "-brief", "-4", "addr", "show", "scope", "global"])]
        plain = [words for words in addresses if words[0] not in lines.split()]
        for name, _, *nets in plain:
            self.screen.line("", f"{name} ({' '.join(nets)}) has no RDMA device: the switch leaves it to TCP/IP")
        if not any(words[0] == "lan0" for words in plain):
            raise Unexpected("lan0 should be there, and without RDMA")
        self.run("wsd check", self.tool("check"))

    def one_nic(self):
        self.screen.scene("A server on the address of one NIC",
                          "bind calls TCP/IP only; listen makes a companion on the SAN. A Winsock client on host b connects over the SAN.")
        server = self.server("server", "-q", "1", "10.77.0.1", "5150")
        self.count(server, r"wsd-rdma\s+WSPListen", 1, "companions on the SAN")
        self.knock_at(server, "10.77.0.1", 5150)
        self.screen.line("", "nobody listens on another port:")
        self.knock("10.77.0.1", 5149, REFUSED)
        server.finish()

    def wildcard(self):
        for mode, companions, env in (
                ("vista", 4, {"WSD_WILDCARD": "vista"}),
                ("legacy", 1, {"WSD_WILDCARD": "legacy", "WSD_RDMA_WILDCARD_AVAILABLE": "yes"})):
            self.screen.scene(f"A wildcard server, mode {mode}",
                              "One companion for each of the four addresses of three NICs." if companions == 4
                              else "One companion, bound to 0.0.0.0: the provider covers all its NICs by itself "
                                   "(WSD_WILDCARD=legacy, WSD_RDMA_WILDCARD_AVAILABLE=yes).")
            server = self.server("server", "0.0.0.0", "5151", env=env)
            self.count(server, r"wsd-rdma\s+WSPListen", companions, "companions on the SAN")
            for address in ("10.77.0.1", "10.77.1.1", "10.77.2.1", "10.77.2.101"):
                self.knock_at(server, address, 5151)
            server.finish()

    def shared(self):
        self.screen.scene("Two processes share a name",
                          "Both set SO_REUSEADDR. The first to listen gets the requests; the next takes over when it "
                          "closes, and again when it is killed.\nThe seconds before each call count from the start of its "
                          "process; t_us in demo-out/trace.jsonl is one clock for both.")
        first = self.server("first", "-r", "10.77.0.1", "5152")
        second = self.server("second", "-r", "10.77.0.1", "5152")
        self.run("wsd names", self.tool("names"))
        self.knock_at(first, "10.77.0.1", 5152)
        first.say("close")
        second.wait_for(r"wsd-rdma\s+WSPListen", "the takeover after the close")
        self.knock_at(second, "10.77.0.1", 5152)
        first.say("reopen")
        first.wait_for(r"^listening on ", "the listener again")
        second.kill()
        second.finish(KILLED)
        self.screen.line("second", f"killed by SIGKILL (exit status {KILLED})")
        first.wait_for(r"wsd-rdma\s+WSPListen", "the takeover after the kill")
        self.knock_at(first, "10.77.0.1", 5152)
        self.run("wsd names", self.tool("names"))
        first.finish()

    def refused(self):
        self.screen.scene("Names that are refused", "One of each kind, by its natural cause; no SAN provider is called.")
        lines = self.run("asker", [str(self.build / "tools/demo-refused"), "10.77.0.1", "5160"])
        if any("wsd-rdma WSPBind" in line for line in lines):
            raise Unexpected("a refused bind reached the SAN provider")

    def plain_nic(self):
        self.screen.scene("A server on a NIC without RDMA",
                          "It stays on TCP/IP: no companion is made. Host b connects over plain TCP.")
        server = self.server("server", "10.78.0.1", "5153")
        self.count(server, r"wsd-rdma\s+WSP(Bind|Listen)", 0, "companions on the SAN")
        self.run("host b", ["timeout", str(WAIT), "bash", "-c", PLAIN_TCP, "10.78.0.1", "5153"], host="b")
        server.finish()

    # --- connections and data ---

    def talk(self, title, about, client, *, address="10.77.0.1", port="5170", file=None, quiet=False, server_env=None,
             during=None, way="SAN"):
        """One connection of host b's client to host a's server. Both must have gone the expected way."""
        self.screen.scene(title, about)
        env = {"WSD_TRACE": "", "WSD_TRACE_JSON": ""} if quiet else {}
        argv = [str(self.build / "tools/demo-talk"), "-l", address, port, "1", *([file] if file else [])]
        patience = BULK_WAIT if quiet else WAIT
        server = Program(self.screen, "server", argv, env={**env, **(server_env or {})}, wait=patience)
        server.wait_for(r"^listening on ", "its listener")
        program = Program(self.screen, "client", [str(self.build / "tools/demo-talk"), "-w", address, port, *client],
                          host="b", env=env, wait=patience)
        program.wait_for(r"^done; waiting", "its end")
        if during:
            during(way)
        seen = program.finish()
        served = server.finish()
        if not quiet and way == "SAN" and not any(re.search(r"wsd-rdma\s+WSPSend\b", line) for line in seen):
            raise Unexpected("the client's data did not go over the SAN")
        if not quiet and way == "TCP/IP" and any(re.search(r"wsd-rdma\s+WSPSend\b", line) for line in seen):
            raise Unexpected("the client's data went over the SAN")
        return seen, served

    def sockets(self, way):
        """What wsd sockets says of the client, and that it is the way that was meant."""
        self.run("wsd sockets", self.tool("sockets"), host="b")
        out = subprocess.run([*EXEC, "--host", "b", "--", *self.tool("sockets", "--json")], cwd=TOP, check=True,
                             capture_output=True, text=True).stdout
        rows = [row for row in json.loads(out)["sockets"] if row["state"] == "connected"]
        if [row["transport"] for row in rows] != [way]:
            raise Unexpected(f"wsd sockets should show one connection over {way}: {out}")

    def few_words(self):
        self.talk("A few words over the SAN", "An unchanged Winsock client on host b, a server on host a: connect finds "
                  "that the address is on a SAN, the two switches\nnegotiate, and the words are WSPSend and WSPRecv.",
                  ["echo", "2"])

    def many_words(self):
        self.talk("Many words", f"{ECHOES} messages there and back, without the trace; wsd sockets looks on.",
                  ["echo", str(ECHOES)], quiet=True, during=self.sockets)

    def bulk(self):
        sent, received = OUT / "sent.bin", OUT / "received.bin"
        with open(sent, "wb") as f:
            for _ in range(BULK >> 20):
                f.write(os.urandom(1 << 20))
        self.talk(f"{BULK >> 20} MiB", "Above the threshold the receiver's NIC reads straight from the sender's buffer: RDMA.",
                  ["bulk", str(sent)], file=str(received), quiet=True, during=self.sockets)
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (sent, received)]
        for path, digest in zip((sent, received), digests):
            self.screen.line("sha256", f"{digest}  {path.name}")
            path.unlink()
        if digests[0] != digests[1]:
            raise Unexpected("what was received is not what was sent")

    def urgent(self):
        self.talk("Urgent data", "One byte sent with MSG_OOB is seen by select before the ordinary bytes are read.", ["urgent"])

    def half(self):
        self.talk("A half close", "The client ends its side with shutdown(SD_SEND); the server's answer still comes.", ["half"])

    def falls_back(self):
        self.talk("A client that falls back", "The server's process has no SAN provider, so on host a nobody speaks for the port "
                  "on the SAN. The client's switch tries it, is\nrejected without our tag, and goes on over TCP/IP: the "
                  "application sees one connect that succeeds.", ["echo", "2"],
                  server_env={"WSD_CATALOG": "/nonexistent"}, during=self.sockets, way="TCP/IP", port="5171")


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    args.add_argument("--no-color", action="store_true")
    args.add_argument("--brief", action="store_true")
    args.add_argument("scenes", nargs="*", metavar="SCENE")
    opt = args.parse_args()
    OUT.mkdir(exist_ok=True)
    (OUT / "trace.jsonl").unlink(missing_ok=True)
    screen = Screen(sys.stdout.isatty() and not opt.no_color and "NO_COLOR" not in os.environ, opt.brief)
    demo = Demo(screen, opt.build if opt.build.is_absolute() else TOP / opt.build)
    scenes = {"nics": demo.nics, "listen": demo.one_nic, "wildcard": demo.wildcard, "shared": demo.shared, "refused": demo.refused,
              "plain": demo.plain_nic, "words": demo.few_words, "many": demo.many_words, "bulk": demo.bulk, "urgent": demo.urgent,
              "half": demo.half, "fallback": demo.falls_back}
    wrong = [name for name in opt.scenes if name not in scenes]
    if wrong:
        print(f"demo: no scene {wrong[0]}; there are: {' '.join(scenes)}", file=sys.stderr)
        return 2
    try:
        for name in opt.scenes or scenes:
            scenes[name]()
    except Unexpected as what:
        print(f"\ndemo: not as it should be: {what}", file=sys.stderr)
        return 1
    records = sum(1 for _ in open(OUT / "trace.jsonl", encoding="utf-8"))
    ran = len(opt.scenes or scenes)
    screen.print(f"\ndemo: {ran} {'scene' if ran == 1 else 'scenes'}, all as it should be; {records} records of the same in demo-out/trace.jsonl")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        leave(130, "interrupted")
