# SPDX-License-Identifier: MIT
"""The guest's kernel and first process.

The kernel is Debian's stock one: the package is downloaded, never installed, and what is needed of it kept in the
user's cache folder, by version. After that no network is needed. The initrd (modules for the boot and the agent of
scripts/guest) is made in the checkout's state folder.
"""

import glob
import hashlib
import lzma
import os
import shutil
import struct
import subprocess
import tempfile

from common import SCRIPTS, Failure, Lock, cache_dir, die_with_parent, run, say, write_atomically

CORE = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_console", "virtio_net")
RDMA = ("crc32_generic", "rdma_rxe", "rdma_ucm")
# Of 395 MiB of modules, those that a network or file system test may ask modprobe for.
KEPT = ("kernel/arch", "kernel/crypto", "kernel/lib", "kernel/net", "kernel/drivers/infiniband", "kernel/drivers/virtio",
        "kernel/drivers/net/bonding", "kernel/drivers/net/ipvlan", "kernel/drivers/net/vxlan", "kernel/fs/9p",
        "kernel/fs/overlayfs", "kernel/fs/fuse", "kernel/fs/netfs", "kernel/fs/fscache", "kernel/drivers/block/loop.ko",
        "kernel/drivers/char/virtio_console.ko", "kernel/drivers/char/hw_random")
KEPT_FLAT = ("kernel/drivers/net",)  # the files of the folder, not its subfolders
LAYOUT = "1"  # of the cache entry; a change makes a new entry


class Image:
    def __init__(self, folder):
        self.folder = folder
        self.version = os.path.basename(folder)
        self.vmlinux = os.path.join(folder, "vmlinux")
        self.modules = os.path.join(folder, "modules/lib/modules", self.version)

    def complete(self):
        try:
            with open(os.path.join(self.folder, "layout"), encoding="ascii") as f:
                return f.read().strip() == LAYOUT
        except OSError:
            return False


def cached():
    link = os.path.join(cache_dir(), "current")
    image = Image(os.path.realpath(link))
    return image if os.path.islink(link) and image.complete() else None


def ensure(refresh=False):
    image = cached()
    if image and not refresh:
        return image
    os.makedirs(cache_dir(), exist_ok=True)
    with Lock(os.path.join(cache_dir(), "lock"), waiting="waiting for another process that prepares the kernel"):
        image = cached()
        if image and not refresh:
            return image
        return prepare()


def package_name():
    def ask():
        try:
            text = run(["apt-cache", "depends", "linux-image-amd64"], "find Debian's kernel")
        except Failure:
            return None
        names = [line.split()[1] for line in text.splitlines() if line.strip().startswith("Depends: linux-image-")]
        return names[0] if names else None

    if os.uname().machine != "x86_64":
        raise Failure("the guest needs an x86_64 host")
    if not shutil.which("apt-cache"):
        raise Failure("no apt-cache here: the guest's kernel is taken from Debian's package archive")
    name = ask()
    if not name and os.geteuid() == 0:
        say("apt does not know linux-image-amd64 yet: running apt-get update")
        run(["apt-get", "-qq", "update"], "update the package lists")
        name = ask()
    if not name:
        raise Failure("apt knows no linux-image-amd64: run `apt-get update` (as root) on a Debian system")
    return name


def extract_vmlinux(bzimage):
    """The uncompressed ELF inside: QEMU boots it by PVH, and nothing is unpacked under emulation."""
    with open(bzimage, "rb") as f:
        data = f.read()
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = ((data[0x1F1] or 4) + 1) * 512 + offset
    payload = data[start:start + length]
    if payload[:6] != b"\xfd7zXZ\0":
        raise Failure(f"{os.path.basename(bzimage)} is not compressed with xz: this kernel is not known here")
    return lzma.LZMADecompressor().decompress(payload)


def wanted_modules(source):
    """What KEPT names and all that it depends on, relative to @source (where depmod has been)."""
    depends = {}
    with open(os.path.join(source, "modules.dep"), encoding="utf-8") as f:
        for line in f:
            name, _, rest = line.partition(":")
            depends[name] = rest.split()
    files = set()
    for name, rest in depends.items():
        folders = [entry for entry in KEPT if name.startswith(entry + "/") or name == entry]
        if folders or os.path.dirname(name) in KEPT_FLAT:
            files.update([name, *rest])
    return sorted(files)


def keep_modules(source, target):
    """Copy what is wanted, uncompressed and without debug symbols."""
    files = [os.path.join(source, name) for name in wanted_modules(source)]
    kept = []
    for path in files:
        to = os.path.join(target, os.path.relpath(path, source))
        os.makedirs(os.path.dirname(to), exist_ok=True)
        if to.endswith(".xz"):
            to = to[:-3]
            with lzma.open(path) as f, open(to, "wb") as out:
                shutil.copyfileobj(f, out)
        else:
            shutil.copyfile(path, to)
        kept.append(to)
    for extra in ("modules.builtin", "modules.builtin.modinfo", "modules.order"):
        shutil.copy(os.path.join(source, extra), target)
    for at in range(0, len(kept), 200):
        run(["strip", "--strip-debug", *kept[at:at + 200]], "strip the modules")


def prepare():
    """Make the cache entry. Under the lock; visible only when whole."""
    name = package_name()
    version = name.removeprefix("linux-image-")
    final = os.path.join(cache_dir(), version)
    image = Image(final)
    if not image.complete():
        for left in glob.glob(glob.escape(cache_dir()) + "/making-*"):  # by one that was killed; we hold the lock
            shutil.rmtree(left, ignore_errors=True)
        say(f"getting the guest's kernel: {name} (70 MB, kept in {cache_dir()})")
        with tempfile.TemporaryDirectory(prefix="making-", dir=cache_dir()) as work:
            fill(name, version, work)
            shutil.rmtree(final, ignore_errors=True)
            os.rename(os.path.join(work, "entry"), final)
    link = os.path.join(cache_dir(), "current")
    if os.path.lexists(link + ".new"):
        os.unlink(link + ".new")
    os.symlink(version, link + ".new")
    os.replace(link + ".new", link)
    return image


def fill(name, version, work):
    # As root, apt downloads as user _apt, which may not write here; the archive is checked all the same.
    sandbox = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    run(["apt-get", "-qq", *sandbox, "download", name], "download the kernel", cwd=work)
    (deb,) = glob.glob(glob.escape(work) + "/*.deb")
    tree, entry = os.path.join(work, "tree"), os.path.join(work, "entry")
    run(["dpkg-deb", "-x", deb, tree], "unpack the kernel")
    os.mkdir(entry)
    with open(os.path.join(entry, "vmlinux"), "wb") as f:
        f.write(extract_vmlinux(f"{tree}/boot/vmlinuz-{version}"))
    target = f"{entry}/modules/lib/modules/{version}"
    os.makedirs(target)
    run([tool("depmod"), "-b", tree, version], "index the modules")
    keep_modules(f"{tree}/lib/modules/{version}", target)
    run([tool("depmod"), "-b", f"{entry}/modules", version], "index the modules")
    with open(os.path.join(entry, "layout"), "w", encoding="ascii") as f:
        f.write(LAYOUT + "\n")


def tool(name):
    """Programs of the administrator are not in everybody's PATH."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") or name


# --- initrd ---------------------------------------------------------------------------------------------------------

def cpio(entries):
    """A newc archive of (path, mode, data)."""
    out = bytearray()
    for number, (path, mode, data) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        name = path.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += b"\0" * (-len(out) % 4)
        out += data
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def load_order(image, modules, seen):
    """The files to load, in order; those already in `seen` are left out."""
    names = []
    root = os.path.join(image.folder, "modules")
    for module in modules:
        text = run([tool("modprobe"), "-d", root, "-S", image.version, "--show-depends", module], "order the modules")
        for line in text.splitlines():
            kind, _, path = line.partition(" ")
            path = path.strip().split(".ko")[0] + ".ko"
            if kind == "insmod" and path not in seen:
                seen.append(path)
                names.append(os.path.basename(path))
    return names


def build_agent(target):
    sources = sorted(glob.glob(glob.escape(os.path.join(SCRIPTS, "guest")) + "/*.c"))
    run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-static", "-o", target, *sources], "build the guest's agent")


def initrd(image, state):
    """The initrd for this checkout: made again whenever the agent's source or the kernel changes."""
    digest = hashlib.sha256(image.folder.encode() + repr((CORE, RDMA, LAYOUT)).encode())
    sources = sorted(glob.glob(glob.escape(os.path.join(SCRIPTS, "guest")) + "/*.[ch]"))
    for path in [os.path.join(image.modules, "modules.dep"), *sources]:
        with open(path, "rb") as f:
            digest.update(f.read())
    path = os.path.join(state, f"initrd-{digest.hexdigest()[:16]}.cpio")
    if os.path.exists(path):
        return path
    agent = os.path.join(state, f"agent.{os.getpid()}")
    try:
        build_agent(agent)
        with open(agent, "rb") as f:
            entries = [("init", 0o100755, f.read())]
    finally:
        if os.path.exists(agent):
            os.unlink(agent)
    for folder in ("proc", "sys", "dev", "ro", "fresh", "rw", "newroot", "mods"):
        entries.append((folder, 0o040755, b""))
    seen = []
    for which, modules in (("core", CORE), ("rdma", RDMA)):
        names = load_order(image, modules, seen)
        entries.append((f"mods/{which}", 0o100644, "".join(n + "\n" for n in names).encode()))
    for module in seen:
        with open(module, "rb") as f:
            entries.append((f"mods/{os.path.basename(module)}", 0o100644, f.read()))
    for old in glob.glob(glob.escape(state) + "/initrd-*.cpio"):
        os.unlink(old)
    write_atomically(path, cpio(entries))
    return path


# --- acceleration ---------------------------------------------------------------------------------------------------

# At the reset vector: mov al,0x10; out 0xf4,al; hlt. isa-debug-exit makes QEMU end with 2 * 0x10 + 1.
PROBE = bytes(0xFFF0) + b"\xb0\x10\xe6\xf4\xf4" + bytes(11)


def kvm_works():
    """Whether a virtual processor really runs: where virtualization is nested, /dev/kvm may open and then hang."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.NamedTemporaryFile(suffix=".bin") as bios:
        bios.write(PROBE)
        bios.flush()
        argv = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-machine", "q35", "-accel", "kvm",
                "-cpu", "host", "-smp", "2", "-m", "16", "-bios", bios.name, "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=die_with_parent) as proc:
            try:
                return proc.wait(3) == 33
            except subprocess.TimeoutExpired:
                proc.kill()
                return False


def accelerator(boot):
    """kvm or tcg; the probe's answer is kept until the machine boots anew."""
    wanted = os.environ.get("WSD_ACCEL")
    if wanted:
        if wanted not in ("kvm", "tcg"):
            raise Failure(f"WSD_ACCEL={wanted}: must be kvm or tcg")
        return wanted
    path = os.path.join(cache_dir(), "accel")
    try:
        with open(path, encoding="ascii") as f:
            known, answer = f.read().split()
        if known == boot and answer in ("kvm", "tcg"):
            return answer
    except (OSError, ValueError):
        pass
    answer = "kvm" if kvm_works() else "tcg"
    remember_accelerator(boot, answer)
    return answer


def remember_accelerator(boot, answer):
    try:
        write_atomically(os.path.join(cache_dir(), "accel"), f"{boot} {answer}\n")
    except OSError:
        pass  # somebody else's cache: the probe is done again next time
