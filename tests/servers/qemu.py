"""An emulated machine with a USB socket: QEMU without KVM, a stock Debian kernel, this machine's own files as its root.

The guest sees the host's file system read-only over 9p with a layer of memory on it, and has a real xhci controller,
usb-storage, vfat and systemd-udevd. A hand is QMP's ``device_add`` and ``device_del``. The kernel is Debian's package,
unpacked (never installed) where `scripts/test --slow` puts it.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tests import real

PROGRAMS = ("qemu-system-x86_64", "mkfs.vfat", "fsck.vfat", "mcopy", "mdir", "sfdisk", "busybox", "cpio", "depmod")
MEMORY_MB = 640
PARTITION_AT = 1 << 20
"""The stick's one partition begins here."""

_MODULES = (
    "virtio_pci", "9pnet_virtio", "9p", "overlay", "xhci-pci", "usb-storage", "uas", "sd_mod", "vfat", "nls_cp437",
    "nls_ascii", "nls_iso8859-1", "nls_utf8",
)  # fmt: skip
_INIT = """#!/bin/busybox sh
export PATH=/bin; /bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in {order}; do insmod /mod/$m 2>/dev/null; done
mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288,ro host /h
mount -t tmpfs t /o; mkdir /o/u /o/w; mount -t overlay -o lowerdir=/h,upperdir=/o/u,workdir=/o/w ov /n
mount --move /dev /n/dev; mount --move /proc /n/proc; mount --move /sys /n/sys
exec switch_root /n /bin/sh {guest}
"""
_GUEST = """mount -t tmpfs r /run; mount -t tmpfs m /mnt; mkdir -p /dev/pts /dev/shm; mount -t devpts p /dev/pts
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONUNBUFFERED=1
/lib/systemd/systemd-udevd --daemon; udevadm trigger; udevadm settle
cd {cwd}
{command}
echo @ended $?
poweroff -f
"""


def kernel() -> Path | None:
    """The folder that a kernel package was unpacked into; None where there is none."""
    for folder in (os.environ.get("V2XSYNC_TEST_KERNEL", ""), str(Path(__file__).parents[2] / ".tools")):
        if folder and list(Path(folder).glob("boot/vmlinuz-*")):
            return Path(folder).resolve()
    return None


def missing() -> list[str]:
    """What such a machine lacks here."""
    return [name for name in PROGRAMS if real.find(name) is None] + ([] if kernel() else ["a kernel (linux-image)"])


class Stick:
    """The image of a flash drive: a partition table and one FAT file system."""

    def __init__(self, image: Path, *, megabytes: int, uuid: str, label: str) -> None:
        self.image = image
        with image.open("wb") as file:
            file.truncate(megabytes << 20)
        subprocess.run(
            [real.program("sfdisk"), "-q", image], input=b"label: dos\n2048,,c\n", check=True, capture_output=True
        )
        self._run("mkfs.vfat", "--offset", "2048", "-i", uuid.replace("-", ""), "-n", label, str(image))

    def put(self, *paths: Path) -> None:
        """Copy files and folders onto it."""
        self._run("mcopy", "-s", "-i", f"{self.image}@@{PARTITION_AT}", *map(str, paths), "::")

    def listing(self) -> str:
        """Every name on it."""
        return self._run("mdir", "-/", "-b", "-i", f"{self.image}@@{PARTITION_AT}", "::")

    def check(self, scratch: Path) -> str:
        """What fsck says of the file system."""
        with self.image.open("rb") as image, scratch.open("wb") as part:
            image.seek(PARTITION_AT)
            shutil.copyfileobj(image, part)
        done = subprocess.run(
            [real.program("fsck.vfat"), "-n", scratch], capture_output=True, text=True, check=False, timeout=60
        )
        return done.stdout + done.stderr

    @staticmethod
    def _run(program: str, *arguments: str) -> str:
        # Some are one program under several names, told by the name that they are called by.
        done = subprocess.run(
            [program, *arguments], executable=real.program(program), check=True, capture_output=True, text=True
        )
        return done.stdout


class Machine:
    """One boot: runs a command as root in the guest, and plugs and pulls the stick when the command prints so."""

    def __init__(self, work: Path, stick: Stick) -> None:
        self._work = work
        self._stick = stick
        self._plugged = 0
        found = kernel()
        assert found
        self._kernel = found
        self._version = next(iter((found / "lib" / "modules").iterdir())).name

    def run(self, command: Sequence[str], cwd: Path, heard: Callable[[str], None], *, timeout_s: float) -> None:
        """Boot, run, and hand every line of the console to `heard`; ends with the guest, or after `timeout_s`."""
        self._make_initrd(command, cwd)
        process = subprocess.Popen(
            self._command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
        guard = subprocess.Popen(["sh", "-c", f"sleep {timeout_s:.0f}; kill {process.pid}"])
        try:
            assert process.stdout
            for line in process.stdout:
                heard(line.rstrip())
                if "@plug" in line:
                    self.plug()
                if "@yank" in line:
                    self._ask({"execute": "device_del", "arguments": {"id": "stick"}})
        finally:
            for ended in (guard, process):
                ended.kill()
                ended.wait()
            if process.stdout is not None:
                process.stdout.close()

    def plug(self) -> None:
        """Plug the stick in."""
        self._plugged += 1
        node = f"medium{self._plugged}"
        file = {"driver": "file", "filename": str(self._stick.image)}
        block = {"driver": "raw", "node-name": node, "file": file}
        usb = {"driver": "usb-storage", "id": "stick", "drive": node, "bus": "x.0", "removable": True}
        self._ask(
            {"execute": "blockdev-add", "arguments": block},
            {"execute": "device_add", "arguments": {**usb, "serial": "FLIRDUO1"}},
        )

    def _ask(self, *orders: dict[str, object]) -> None:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._work / "qmp"))
            with line.makefile("rw") as talk:
                talk.readline()
                for order in ({"execute": "qmp_capabilities"}, *orders):
                    talk.write(json.dumps(order) + "\n")
                    talk.flush()
                    talk.readline()

    def _command(self) -> list[str]:
        share = "local,path=/,mount_tag=host,security_model=passthrough,readonly=on,multidevs=remap"
        return [
            str(real.program("qemu-system-x86_64")), "-accel", "tcg", "-cpu", "max", "-m", str(MEMORY_MB), "-smp", "2",
            "-display", "none", "-no-reboot", "-nic", "none", "-kernel", f"{self._kernel}/boot/vmlinuz-{self._version}",
            "-initrd", str(self._work / "initrd.gz"), "-append", "console=ttyS0 quiet panic=-1", "-serial", "stdio",
            "-qmp", f"unix:{self._work}/qmp,server,nowait", "-device", "qemu-xhci,id=x", "-virtfs", share,
        ]  # fmt: skip

    def _make_initrd(self, command: Sequence[str], cwd: Path) -> None:
        guest = self._work / "guest.sh"
        guest.write_text(_GUEST.format(cwd=shlex.quote(str(cwd)), command=shlex.join(command)))
        tree = self._work / "initrd"
        for folder in ("bin", "mod", "proc", "sys", "dev", "h", "o", "n"):
            (tree / folder).mkdir(parents=True)
        shutil.copy(real.program("busybox"), tree / "bin" / "busybox")
        modules = self._modules()
        for module in modules:
            shutil.copy(module, tree / "mod")
        init = tree / "init"
        init.write_text(_INIT.format(order=" ".join(module.name for module in modules), guest=guest))
        init.chmod(0o755)
        pack = "find . | cpio -o -H newc 2>/dev/null | gzip -1"
        with (self._work / "initrd.gz").open("wb") as packed:
            subprocess.run(["sh", "-c", pack], cwd=tree, stdout=packed, check=True)

    def _modules(self) -> list[Path]:
        """Every module that is needed, in the order of their needs."""
        subprocess.run(["depmod", "-b", self._kernel, self._version], executable=real.program("depmod"), check=True)
        found: dict[Path, None] = {}
        for name in _MODULES:
            done = subprocess.run(
                ["modprobe", "-d", self._kernel, "-S", self._version, "--show-depends", name],
                executable=real.program("modprobe"),
                capture_output=True,
                text=True,
                check=False,
            )
            lines = (line.split() for line in done.stdout.splitlines() if line.startswith("insmod"))
            found |= dict.fromkeys(Path(words[1]) for words in lines)
        return list(found)
