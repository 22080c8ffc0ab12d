"""A drive as udev describes it, and what a config says about the drive it means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

FAT_TYPES = frozenset({"vfat", "msdos", "exfat"})
"""File systems with FAT's habits: times of 2 s that shift by an hour, names without case."""

_CASELESS = FAT_TYPES | {"ntfs", "ntfs3", "hfsplus"}

FAT_STEP_NS = 2_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """One file system on one plugged-in drive. The same drive plugged in again is another value: see `instance`."""

    node: str
    """The device's file: ``/dev/sdb1``."""
    number: tuple[int, int]
    """Major and minor, as mountinfo names it."""
    sys_path: str
    instance: str = ""
    """What differs each time that it is plugged in."""
    fs: str = ""
    uuid: str = ""
    labels: frozenset[str] = frozenset()
    serials: frozenset[str] = frozenset()

    @property
    def title(self) -> str:
        """What people call it: node and file system's UUID."""
        return f"{self.node} ({self.uuid})" if self.uuid else self.node

    @property
    def has_fat_habits(self) -> bool:
        """Whether times and names are FAT's."""
        return self.fs in FAT_TYPES

    @property
    def is_case_sensitive(self) -> bool:
        """Whether names that differ only in case are two."""
        return self.fs not in _CASELESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which drive a device is: everything that is written must fit, at least one thing is."""

    uuid: str = ""
    label: str = ""
    serial: str = ""

    def fits(self, drive: Drive) -> bool:
        """Whether `drive` is meant."""
        return (
            (not self.uuid or self.uuid.casefold() == drive.uuid.casefold())
            and (not self.label or self.label in drive.labels)
            and (not self.serial or self.serial in drive.serials)
        )

    def __str__(self) -> str:
        """Return it in words."""
        pairs = (("UUID", self.uuid), ("label", self.label), ("serial number", self.serial))
        return " and ".join(f"{word} {value}" for word, value in pairs if value)


Drives = Callable[[], Sequence[Drive]]
"""Tells every file system that is plugged in now; raises OSError where the system cannot tell."""
