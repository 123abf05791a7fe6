# SPDX-License-Identifier: MIT
"""The command line of scripts/soft-roce."""

import json
import os
import pwd
import sys
from types import SimpleNamespace

import client
import guest
import native
import topology
from common import OWN_ERROR, Failure, say

HELP = """\
usage: scripts/soft-roce up      [HOST...] [--memory MIB] [--cpus N] [--share DIR]... [--bare] [--install]
       scripts/soft-roce down    [HOST...] [--all]
       scripts/soft-roce status  [--json]
       scripts/soft-roce exec    [--host HOST] [--user USER] [--env NAME[=VALUE]]... [--cwd DIR] [--tty] [--no-stdin]
                                 [--reap] -- CMD ARG...
       scripts/soft-roce shell   [--host HOST] [--user USER]
       scripts/soft-roce link-local [INTERFACE...] [--off] [--host HOST]
       scripts/soft-roce prepare [--refresh] [--install]

Runs commands where soft-RoCE is up: on this machine where its kernel has it and you may, else in a small QEMU guest
that sees this machine's files (read-only; this work tree read-write). HOST is a (the default) or b, a second machine.

  san0 10.77.0.N     rxe0        N is 1 on host a, 2 on host b
  san1 10.77.1.N     rxe1
  san2 10.77.2.N     rxe2        and 10.77.2.10N
  lan0 10.78.0.N     no RDMA

for every command:
  --instance NAME    another set of guests, beside the default one
  --icount           guests with one processor that counts instructions: repeatable costs; an instance of their own
  --native, --qemu   do not choose: use this machine, or guests (else WSD_SOFT_ROCE=native|qemu)
  --help             this text
up:
                     (where a host is up: what is missing of the topology above is made good)
  --hosts a,b        the same as naming them
  --memory MIB       of each guest (2048)        --cpus N     processors of each guest (2)
  --share DIR        one more folder that guests may write and that is never cached
  --bare             no NICs and no RDMA modules: for tests of this script
  --install          as root: install missing packages, saying so
down:
  --all              the guests of all instances of this checkout
exec, shell:
  --user USER        a name or UID[:GID]; default root
  --env NAME[=VALUE] pass on or set; WSD_*, CRITERION_*, LC_*, {ASAN,UBSAN,LSAN,TSAN}_OPTIONS, TERM, LANG, TZ pass anyway
  --cwd DIR          default: the folder that you are in
  --tty              give the command a terminal      --no-stdin   do not read this one's
  --reap             kill what the command leaves behind when it ends
link-local:          put 169.254.10I.N/16 on each sanI, or on the interfaces named, as autoconfiguration does; prints them
  --off              take it away; no other address is touched
prepare:             get the kernel and build the agent, so that `up` needs no network
  --refresh          look for a newer kernel

Exit status: exec's is the command's (128+N for signal N, 127 not found, 126 cannot be run); 125 is an error of ours,
3 packages are missing, 2 wrong usage; status ends with 1 when no host is up. A guest's console is <work tree>/.soft-roce/<instance>/<host>.console.
WSD_ACCEL=tcg|kvm chooses QEMU's accelerator; WSD_BOOT_TIMEOUT (90) and WSD_HANG_TIMEOUT (40) are the seconds that a
guest has to boot, and after which one that does not answer is given up.
"""

COMMON = {"instance": str, "icount": None, "native": None, "qemu": None}
OPTIONS = {
    "up": {"hosts": str, "memory": int, "cpus": int, "share": list, "bare": None, "install": None},
    "down": {"hosts": str, "all": None},
    "status": {"json": None},
    "exec": {"host": str, "user": str, "env": list, "cwd": str, "tty": None, "no-stdin": None, "reap": None},
    "shell": {"host": str, "user": str, "env": list, "cwd": str},
    "link-local": {"host": str, "off": None},
    "prepare": {"refresh": None, "install": None},
}
LIMITS = {"memory": (256, 1 << 20, " MiB"), "cpus": (1, 64, "")}  # with less memory the guest does not come up
DEFAULTS = {"instance": "default", "icount": False, "native": False, "qemu": False, "hosts": None, "memory": 0, "cpus": 0,
            "share": (), "bare": False, "install": False, "json": False, "host": "a", "user": None, "env": (), "cwd": None,
            "all": False, "tty": False, "no_stdin": False, "reap": False, "refresh": False,
            "off": False}


class Usage(Exception):
    pass


def parse(words):
    """Return (verb, options, the rest)."""
    if not words:
        raise Usage("say what to do")
    verb, words = words[0], list(words[1:])
    if verb not in OPTIONS:
        raise Usage(f"no such command: {verb}")
    known = {**COMMON, **OPTIONS[verb]}
    values, rest = {}, []
    while words:
        word = words.pop(0)
        if word == "--":
            rest += words
            break
        if word in ("-h", "--help"):
            return "help", None, None
        if not word.startswith("-"):
            if verb == "exec":
                rest += [word, *words]
                break
            rest.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        if not word.startswith("--") or name not in known:
            raise Usage(f"{verb} has no option {word}")
        kind, key = known[name], name.replace("-", "_")
        if kind is None:
            if equals:
                raise Usage(f"--{name} takes no value")
            values[key] = True
            continue
        if not equals:
            if not words:
                raise Usage(f"--{name} needs a value")
            value = words.pop(0)
        if kind is list:
            values.setdefault(key, []).append(value)
        elif kind is int:
            least, most, unit = LIMITS[name]
            if not (value.isascii() and value.isdigit()) or not least <= int(value) <= most:
                raise Usage(f"--{name} {value}: must be a number from {least} to {most}{unit}")
            values[key] = int(value)
        else:
            values[key] = value
    return verb, SimpleNamespace(**{**DEFAULTS, **values}), rest


def host_list(options, rest):
    hosts = list(rest)
    if options.hosts:
        hosts += options.hosts.split(",")
    for host in hosts:
        check_host(host)
    return sorted(set(hosts))


def check_host(host):
    if host not in topology.HOSTS:
        raise Usage(f"no host {host}: there are {' and '.join(topology.HOSTS)}")


def check(verb, options, rest):
    name = options.instance
    if not name or not all(c.isalnum() or c in "-_" for c in name) or len(name) > 40:
        raise Usage(f"--instance {name}: letters, digits, - and _ please")
    if options.native and (options.qemu or options.icount):
        raise Usage("--native excludes --qemu and --icount")
    check_host(options.host)
    if verb == "exec" and not rest:
        raise Usage("exec needs a command")
    if verb in ("status", "shell", "prepare") and rest:
        raise Usage(f"{verb} takes no {rest[0]}")
    wanted = os.environ.get("WSD_SOFT_ROCE", "")
    if wanted not in ("", "native", "qemu"):
        raise Failure(f"WSD_SOFT_ROCE={wanted}: must be native or qemu")
    if wanted and not (options.native or options.qemu or options.icount):
        setattr(options, wanted, True)
    for given in options.env:
        if not given.partition("=")[0].isidentifier():
            raise Usage(f"--env {given}: NAME or NAME=VALUE")
    if verb == "link-local":
        for name in rest:
            if name not in topology.RDMA_NICS:
                raise Usage(f"link-local {name}: there are {', '.join(topology.RDMA_NICS)}")
    if options.icount:
        options.instance += "-icount"
    for path in options.share:
        if not os.path.isdir(path):
            raise Failure(f"--share {path}: there is no such folder")


def use_native(options, hosts, instance):
    """Whether this machine itself serves."""
    if options.native:
        if hosts != [native.host()]:
            raise Failure(f"this machine is host {native.host()} only")
        return True
    if options.qemu or options.icount or options.instance != "default" or options.bare:
        return False
    if native.in_guest():
        if hosts != [native.host()]:
            raise Failure(f"this is guest {native.host()}: it cannot reach into another one")
        return True
    if hosts != ["a"] or instance.running():
        return False
    return native.present() or native.possible()


def do_up(options, rest, instance):
    hosts = host_list(options, rest) or [native.host()]
    if use_native(options, hosts, instance):
        try:
            native.up()
            return 0
        except Failure as e:
            if options.native or native.in_guest():
                raise
            say(f"{e}; using a guest")
    guest.up(instance, hosts, options)
    return 0


def do_down(options, rest, instance):
    hosts = host_list(options, rest) or list(topology.HOSTS)
    if not options.qemu and native.host() in hosts and options.instance == "default":
        native.down()
    if options.native or native.in_guest():
        return 0
    names = {options.instance, *(guest.instances() if options.all else ())}
    for name in sorted(names):
        guest.down(guest.Instance(name), hosts)
    still = others_up(names)
    if still:
        say(f"still up: instance {', '.join(still)} (down --all ends these too)")
    return 0


def others_up(names):
    """The instances of this checkout that have a guest up, but those of @names."""
    return [name for name in guest.instances() if name not in names and guest.Instance(name).running()]


def do_status(options, rest, instance):
    if native.in_guest() or options.native or (native.present() and not options.qemu):
        rows = [native.status()]
    else:
        rows = [guest.status(instance, host) for host in topology.HOSTS]
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        for row in rows:
            print_status(row)
        others = others_up({instance.name}) if rows[0]["mode"] == "guest" else []
        if others:
            print(f"also up: instance {', '.join(others)} (--instance NAME tells more, down --all ends all)")
    return 0 if any(row["state"] == "up" for row in rows) else 1


def print_status(row):
    words = [f"host {row['host']}: {row['state']}"]
    if row.get("reason"):
        words.append(f"{row['reason']}; its console: {row['console']}")
    if row["state"] == "up":
        words.append("this machine" if row["mode"] == "native" else f"pid {row['pid']}, up {row['uptime']} s, {row['accel']}"
                     + (" icount" if row["icount"] else "") + f", {row['cpus']} cpu, {row['memory']} MiB")
        words.append(f"kernel {row['kernel']}")
    print(", ".join(words))
    for nic in row.get("interfaces", ()):
        print(f"  {nic['interface']:5} {nic['state']:8} {nic['rdma'] or '-':5} {nic['rdma_state'] or '-':7} "
              + " ".join(nic["addresses"]))


def user_ids(text):
    """NAME or UID[:GID] as (uid, gid, name)."""
    if not text:
        return 0, 0, "root"
    uid, colon, gid = text.partition(":")
    try:
        entry = pwd.getpwuid(int(uid)) if uid.isdigit() else pwd.getpwnam(uid)
    except KeyError:
        entry = None
    if not (entry or uid.isdigit()) or (colon and not gid.isdigit()):
        raise Failure(f"--user {text}: no such user")
    number = entry.pw_uid if entry else int(uid)
    return number, int(gid) if colon else entry.pw_gid if entry else number, entry.pw_name if entry else str(number)


def do_exec(options, argv, instance):
    uid, gid, user = user_ids(options.user)
    sock = None
    if not (options.native or native.in_guest()):
        sock = instance.connect(options.host)
    if not sock and use_native(options, [options.host], instance):
        if native.present():
            return native.execute(argv, cwd=options.cwd, env=options.env, uid=uid, gid=gid)
        say("soft-RoCE is not up: starting it")
        try:
            native.up()
            return native.execute(argv, cwd=options.cwd, env=options.env, uid=uid, gid=gid)
        except Failure as e:
            if options.native or native.in_guest():
                raise
            say(f"{e}; using a guest")
    if not sock:
        say(f"host {options.host} is not up: starting it")
        guest.up(instance, [options.host], options)
        sock = instance.connect(options.host)
    if not sock:
        raise Failure(f"host {options.host} went away at once")
    cwd = os.path.abspath(options.cwd) if options.cwd else os.getcwd()
    with sock:
        return client.execute(sock, argv, cwd=cwd, env=client.environment(options.env, user), uid=uid, gid=gid,
                              on_tty=options.tty, with_stdin=not options.no_stdin, reap=options.reap)


def do_shell(options, _, instance):
    options.tty = os.isatty(0)
    return do_exec(options, ["/bin/bash"], instance)


def do_link_local(options, names, instance):
    options.user, options.cwd, options.tty, options.no_stdin, options.reap = None, "/", False, True, False
    options.env = ()
    script = topology.link_local(options.host, names or topology.RDMA_NICS, options.off)
    return do_exec(options, ["/bin/sh", "-ec", script], instance)


def do_prepare(options, _, instance):
    kernel = guest.prepare(instance, options.refresh, options.install)
    print(f"kernel {kernel.version} in {kernel.folder}")
    return 0


VERBS = {"up": do_up, "down": do_down, "status": do_status, "exec": do_exec, "shell": do_shell,
         "link-local": do_link_local, "prepare": do_prepare}


def main(words):
    if words and words[0] in ("-h", "--help", "help"):
        print(HELP, end="")
        return 0
    try:
        verb, options, rest = parse(words)
        if verb == "help":
            print(HELP, end="")
            return 0
        check(verb, options, rest)
        return VERBS[verb](options, rest, guest.Instance(options.instance))
    except Usage as e:
        print(f"soft-roce: {e}; see scripts/soft-roce --help", file=sys.stderr)
        return 2
    except Failure as e:
        say(str(e))
        return e.status
    except OSError as e:
        say(str(e))
        return OWN_ERROR
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
