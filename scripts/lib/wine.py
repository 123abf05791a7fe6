# SPDX-License-Identifier: MIT
"""A Wine of our own: its folder, programs for Windows in it, and an end to all that runs there."""
import contextlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

LIB = pathlib.Path(__file__).resolve().parent
FIRST_START = 300  # seconds: Wine makes its folder
OURS = ("TMPDIR", "WINEPREFIX", "WINEDEBUG", "WINEDLLOVERRIDES")


def packages():
    """Installs what is missing (as root, saying so). Exit status: 0, or 3 with a word about it."""
    return subprocess.run([LIB / "packages.sh", "oracle"], check=False).returncode


def mingw(*args):
    """Its exit status."""
    return subprocess.run(["x86_64-w64-mingw32-gcc", *map(str, args)], check=False).returncode


class Wine:
    def __init__(self, folder):
        self.folder = folder
        # nothing of the user's own Wine, no window, no questions about Mono and Gecko
        env = {k: v for k, v in os.environ.items() if not k.startswith("WINE") and k != "DISPLAY"}
        self.env = {**env, "HOME": str(folder), "TMPDIR": str(folder), "WINEPREFIX": str(folder / "prefix"), "WINEDEBUG": "-all",
                    "WINEDLLOVERRIDES": "mscoree,mshtml,winemenubuilder.exe=d"}
        self.version = self._out(["wine", "--version"], 60).strip()

    def _out(self, command, timeout):
        return subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=True, timeout=timeout).stdout

    def compile(self, name, *args):
        """A program for Windows, by mingw; with Winsock. Return: its path."""
        program = self.folder / name
        if mingw(*args, "-o", program, "-lws2_32"):
            sys.exit(f"{name} cannot be compiled")
        return program

    def run(self, program, timeout=FIRST_START):
        """What it writes; nobody answers it."""
        return self._out(["wine", str(program)], timeout).replace("\r", "")

    def command(self, program):
        """The same for a shell, which becomes it."""
        words = " ".join(f"{k}='{self.env[k]}'" for k in OURS)
        return f"exec env {words} wine '{program}' 2>/dev/null"

    def stop(self):
        """What runs in the folder ends; the next start is a fresh one, where that is (network namespace, too)."""
        server = shutil.which("wineserver") or next(iter(sorted(pathlib.Path("/usr/lib/wine").glob("wineserver*"))))
        subprocess.run([str(server), "-k", "-w"], env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)


@contextlib.contextmanager
def temporary():
    """One that goes, with all that it runs."""
    with tempfile.TemporaryDirectory(prefix="wsd-wine-") as folder:
        wine = Wine(pathlib.Path(folder))
        try:
            yield wine
        finally:
            wine.stop()
