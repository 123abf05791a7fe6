# SPDX-License-Identifier: MIT
"""Frames between host and guest (scripts/guest/guest.h says the same in C), and between client and supervisor."""

import struct

VERSION = 1
HEAD = struct.Struct("<III")  # length, channel, type
EXEC = struct.Struct("<IIIIIHH")  # uid, gid, flags, argc, envc, rows, cols
NUMBER = struct.Struct("<I")

(HELLO, CONFIG, READY, FAILED, PING, PONG, EXECUTE, STDIN, STDIN_EOF, SIGNAL, WINSIZE, HANGUP, CREDIT, STDOUT, STDERR,
 STDIN_CLOSED, EXIT) = range(1, 18)

# Only between client and supervisor.
CONTROL = 64  # client: b"down" or b"info"; supervisor answers with the same type

OUT_WINDOW = 256 << 10
IN_WINDOW = 64 << 10
MAX_FRAME = 4 << 20

TTY, REAP = 1, 2


def frame(kind, chan=0, payload=b""):
    return HEAD.pack(len(payload), chan, kind) + payload


def number(kind, chan, value):
    return frame(kind, chan, NUMBER.pack(value))


class Reader:
    """Cuts a byte stream into frames."""

    def __init__(self):
        self.buf = bytearray()

    def feed(self, data):
        self.buf += data
        at, frames = 0, []
        while len(self.buf) - at >= HEAD.size:
            length, chan, kind = HEAD.unpack_from(self.buf, at)
            if length > MAX_FRAME:
                raise ValueError(f"frame of {length} bytes")
            end = at + HEAD.size + length
            if len(self.buf) < end:
                break
            frames.append((kind, chan, bytes(self.buf[at + HEAD.size:end])))
            at = end
        del self.buf[:at]
        return frames


def pack_exec(argv, cwd, env, uid=0, gid=0, flags=0, rows=0, cols=0):
    strings = [cwd, *argv, *env]
    body = b"".join(s.encode(errors="surrogateescape") + b"\0" for s in strings)
    return EXEC.pack(uid, gid, flags, len(argv), len(env), rows, cols) + body
