"""Those who write at the sources, and an archive of everything they ever wrote: what the oracle knows and we do not."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulation.scenario import Device
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.model.items import Kind

NAMES = ("a.csv", "b.csv", "day1/a.csv", "day1/c.csv", "day1/deep/x y.csv", "day2/ü-日本.csv", "notes.txt", "Z.csv")
LOCK = ".lock"


class Disk(MemoryDisk):
    """A source's disk that tells the oracle of every file that we remove."""

    def __init__(self, *, case_sensitive: bool, removed: Callable[[str, bytes], None]) -> None:
        super().__init__(case_sensitive=case_sensitive)
        self._removed = removed
        self.by_writer = False

    def drop(self, path: str) -> None:
        """Remove it; files that no writer removed are told of."""
        node = self.find(path)
        if not self.by_writer and node is not None and node.kind is Kind.FILE:
            self._removed(node.path, bytes(node.content))
        super().drop(path)


@dataclass
class Archive:
    """Every state that any file ever had, by source and path."""

    states: dict[tuple[str, str], list[bytes]] = field(default_factory=dict)
    contents: set[bytes] = field(default_factory=set)

    def note(self, source: str, path: str, content: bytes) -> None:
        self.states.setdefault((source, path), []).append(content)
        self.contents.add(content)


class Writer:
    """One program that writes at one source. No two states that it ever makes are equal."""

    def __init__(self, device: Device, disk: Disk, archive: Archive, dice: random.Random) -> None:
        self.source = device.name
        self._device = device
        self._disk = disk
        self._archive = archive
        self._dice = dice
        self._serial = 0
        self._ticks = 0

    def act(self, now: float) -> None:
        """Do one thing, as programs do."""
        self._disk.by_writer = True
        try:
            self._dice.choice((self._create, self._create, self._create, self._append, self._rewrite, self._rename,
                               self._delete, self._lock, self._unlock))(now)  # fmt: skip
        finally:
            self._disk.by_writer = False

    def finish(self, now: float) -> None:
        """Lock files are taken away: everything is finished."""
        self._disk.by_writer = True
        for path in self._disk.paths():
            if path.endswith(LOCK):
                self._disk.drop(path)
        self._disk.by_writer = False
        del now

    def files(self) -> dict[str, bytes]:
        """What stands there now, lock files left out."""
        return {
            path: content
            for path in self._disk.paths()
            if (content := self._disk.look(path)) is not None and not path.endswith(LOCK)
        }

    # -- deeds

    def _create(self, now: float) -> None:
        path = self._dice.choice(NAMES)
        if self._disk.look(path) is None:
            self._grow(path, b"", self._dice.choice((0, 1, 50, 2000)), now)

    def _append(self, now: float) -> None:
        if path := self._some():
            self._grow(path, self.files()[path], self._dice.choice((1, 300)), now)

    def _rewrite(self, now: float) -> None:
        """The same name and size, another content: only where the device's times can tell."""
        path = self._some()
        if path and self._device.tells_versions_apart:
            size = len(self.files()[path])
            content = self._fresh(size)[:size]
            if content not in self._archive.contents:
                self._write(path, content, now)

    def _rename(self, now: float) -> None:
        path, new = self._some(), self._dice.choice(NAMES)
        if path and self._disk.look(new) is None:
            content = self.files()[path]
            if self._looks_new(new, content):
                self._disk.drop(path)
                self._write(new, content, now)

    def _delete(self, now: float) -> None:
        del now
        if path := self._some():
            self._disk.drop(path)

    def _lock(self, now: float) -> None:
        if path := self._some():
            self._disk.plant(path + LOCK, b"", self._time_ns(now))

    def _unlock(self, now: float) -> None:
        locks = [path for path in self._disk.paths() if path.endswith(LOCK)]
        if locks:
            lock = self._dice.choice(locks)
            self._disk.drop(lock)
            path = lock.removesuffix(LOCK)
            if path in self.files():
                self._grow(path, self.files()[path], 20, now)

    # -- means

    def _some(self) -> str:
        files = sorted(self.files())
        return self._dice.choice(files) if files else ""

    def _write(self, path: str, content: bytes, now: float) -> None:
        self._disk.plant(path, content, self._time_ns(now))
        self._archive.note(self.source, path, content)

    def _grow(self, path: str, before: bytes, size: int, now: float) -> None:
        content = before + self._fresh(size)
        while not self._looks_new(path, content):
            content += b"."
        self._write(path, content, now)

    def _looks_new(self, path: str, content: bytes) -> bool:
        """Whether the device can show that this is another version than any before; else nobody could know."""
        before = self._archive.states.get((self.source, path), [])
        return self._device.tells_versions_apart or all(len(state) != len(content) for state in before)

    def _fresh(self, size: int) -> bytes:
        """Content that was never there before."""
        self._serial += 1
        mark = f"{self.source}#{self._serial}|".encode()
        return mark + self._dice.randbytes(size)

    def _time_ns(self, now: float) -> int:
        """Every write has a moment of its own, as it has on a real machine."""
        self._ticks += 1000
        return int(now * 1e9) + self._ticks
