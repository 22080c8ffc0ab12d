"""What is mounted, and mount(8) for who may use it.

Sources: proc(5) on ``/proc/self/mountinfo``, mount(8), the kernel's pages on vfat and exfat.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from v2xsync.devices.drives.drive import Drive
from v2xsync.errors import AccessRefused, DeviceGone

MOUNTINFO = Path("/proc/self/mountinfo")

SAFE_OPTIONS = ("nodev", "nosuid", "noexec")
"""A drive from somewhere is data and nothing else."""

_OWN_OPTIONS = {"vfat": ("utf8",)}
_OWN_WRITE_OPTIONS = {"vfat": ("flush",)}
"""``flush``: content goes to the drive soon after a file is closed, not half a minute later."""

_KERNEL_NAMES = {"ntfs": "ntfs3"}

MOUNT_S = 60.0
"""A drive with trouble may take long; after this much it counts as broken."""

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Mount:
    """One line of mountinfo."""

    number: tuple[int, int]
    point: Path
    read_only: bool
    whole: bool = True
    """The file system's own root is mounted there, not a folder of it."""


Mounts = Callable[[], Sequence[Mount]]
"""Tells what is mounted now."""


class Mounter(Protocol):
    """Mounts and unmounts. Raises AccessRefused with a remedy where a person is needed, DeviceGone where it is gone."""

    def mount(self, device: str, drive: Drive, point: Path, options: Sequence[str]) -> Path:
        """Mount `drive`, at `point` if that can be chosen; returns where it is mounted then."""

    def unmount(self, device: str, drive: Drive, point: Path, *, gone: bool) -> None:
        """Unmount; with `gone` the drive is not there any more, and what is left of the mount is cleared away."""


def mounted() -> Sequence[Mount]:
    """Everything that is mounted, oldest first; empty where the system has no mountinfo."""
    try:
        text = os.fsdecode(MOUNTINFO.read_bytes())
    except FileNotFoundError:
        return ()
    return [mount for line in text.split("\n") if (mount := parse_line(line)) is not None]


def parse_line(line: str) -> Mount | None:
    """``36 35 8:17 / /mnt/flir ro,noexec - vfat /dev/sdb1 ro``; None where it is no such line."""
    before, dash, after = line.partition(" - ")
    words = before.split(" ")
    if not dash or len(words) < 6 or ":" not in words[2]:
        return None
    major, _, minor = words[2].partition(":")
    own = {*words[5].split(","), *after.rpartition(" ")[2].split(",")}
    return Mount((int(major), int(minor)), Path(_plain(words[4])), "ro" in own, words[3] == "/")


def _plain(field: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), field)


def options_for(fs: str, *, read_only: bool) -> Sequence[str]:
    """The options to mount a drive with."""
    if read_only:
        return ("ro", *SAFE_OPTIONS, *_OWN_OPTIONS.get(fs, ()))
    return ("rw", *SAFE_OPTIONS, *_OWN_OPTIONS.get(fs, ()), *_OWN_WRITE_OPTIONS.get(fs, ()))


class SystemMounter:
    """mount(8) and umount(8), for root."""

    def mount(self, device: str, drive: Drive, point: Path, options: Sequence[str]) -> Path:
        """Make `point` where it is missing, and mount there."""
        try:
            point.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AccessRefused(
                device, f"{point} cannot be made ({error.strerror})", remedy="set mount_point"
            ) from error
        kind = _KERNEL_NAMES.get(drive.fs, drive.fs)
        _run(device, "mount", "-t", kind, "-o", ",".join(options), drive.node, str(point))
        return point

    def unmount(self, device: str, drive: Drive, point: Path, *, gone: bool) -> None:
        """Unmount; a dead mount is taken out of the tree at once."""
        del drive
        _run(device, "umount", *(["--lazy"] if gone else []), str(point))


def _run(device: str, program: str, *arguments: str) -> None:
    path = shutil.which(program)
    if path is None:
        raise AccessRefused(device, f"the program {program} is missing", remedy="install it (package mount)")
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; no shell reads the arguments
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MOUNT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceGone(
            device, f"{program} has not ended after {MOUNT_S:.0f} s", remedy="pull the drive out"
        ) from error
    if done.returncode:
        raise _refusal(device, program, done.stderr.decode("utf-8", "replace").strip())


def _refusal(device: str, program: str, said: str) -> AccessRefused:
    told = " ".join(said.removeprefix(f"{program}: ").split()) or "no reason was given"
    remedy = ""
    if "unknown filesystem type" in said:
        remedy = "install what mounts it (for exFAT: a kernel of 5.7 or later, or exfat-fuse)"
    elif "bad superblock" in said or "wrong fs type" in said:
        remedy = "check the drive with fsck, on another machine if need be"
    elif "busy" in said:
        remedy = "close what uses the drive"
    return AccessRefused(device, f"{program}: {told}", remedy=remedy)
