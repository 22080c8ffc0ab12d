"""The oracle: it knows everything that was ever written, and says what must never be seen (ARCHITECTURE, section 4)."""

from __future__ import annotations

import collections
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from tests.simulation.scenario import Scenario
from tests.simulation.writers import Archive
from v2xsync.devices.memory_disk import MemoryDisk
from v2xsync.model.rules import After, Route


class CustodyBroken(AssertionError):
    """Something happened that must never happen."""


class Oracle:
    """Judges one world. What it knows: the archive, the disks, the store's folder and the rules; never our ledger."""

    def __init__(self, plan: Scenario, archive: Archive, disks: Mapping[str, MemoryDisk], store: Path) -> None:
        self._plan = plan
        self._archive = archive
        self._disks = disks
        self._store = store
        self.removed: list[tuple[str, str, bytes]] = []

    # -- at every removal

    def removal(self, source: str, path: str, content: bytes) -> None:
        """We removed an original just now: every rule must allow it, and every copy that it rests on must stand."""
        routes = self._selecting(source, path)
        if not routes:
            raise CustodyBroken(f"{source}:{path} was removed, and no route selects it")
        if content not in self._archive.states.get((source, path), []):
            raise CustodyBroken(f"{source}:{path} was removed with a content that nobody wrote there")
        for route in routes:
            self._require_copies(route, f"{source}:{path}", content)
        self.removed.append((source, path, content))

    def _require_copies(self, route: Route, what: str, content: bytes) -> None:
        delivered = all(self._has(target, content) for target in route.targets)
        if route.remove.after is After.NEVER:
            raise CustodyBroken(f"{what} was removed, and route {route.name} says never")
        if route.remove.after is After.DELIVERED and not (route.targets and delivered):
            missing = [target for target in route.targets if not self._has(target, content)]
            raise CustodyBroken(f"{what} was removed, and {missing} do not have it (route {route.name})")
        stored = content in self.stored().values()
        if route.remove.after is After.STORED and not stored and not (route.targets and delivered):
            raise CustodyBroken(f"{what} was removed, and nobody holds it (route {route.name})")

    # -- at any moment

    def look(self) -> None:
        """Whatever has a final name is a whole version, and what was removed still stands somewhere."""
        for path, content in self.stored().items():
            if content not in self._archive.contents:
                raise CustodyBroken(f"the store holds {path}, which nobody ever wrote")
        for name, device in self._plan.targets.items():
            for path, content in self.on(name).items():
                if not device.lies and content not in self._archive.contents and not self._was_corrupted(name):
                    raise CustodyBroken(f"{name} holds {path}, which nobody ever wrote")
        held = {*self.stored().values(), *(content for name in self._plan.targets for content in self._contents(name))}
        for source, path, content in self.removed:
            if content not in held:
                raise CustodyBroken(f"the last copy of {source}:{path} is gone")
        self._no_second_copy_in_forms()

    def _was_corrupted(self, target: str) -> bool:
        return any(fault.fault.name == "CORRUPT" and fault.verb == "send" for fault in self._plan.targets[target].plan)

    def _no_second_copy_in_forms(self) -> None:
        for name, device in self._plan.targets.items():
            if device.is_form:
                taken = collections.Counter(self._disks[name].received)
                twice = [path for (path, _content), times in taken.items() if times > 1]
                if twice:
                    raise CustodyBroken(f"{name} was given twice: {twice}")

    # -- at the end

    def rest(self, files: Mapping[str, Mapping[str, bytes]], held: Callable[[str, str], bool]) -> None:
        """Everything has healed and come to rest: nothing may be forgotten. `held` knows what waits for a person."""
        self.look()
        for source, found in files.items():
            for path, content in found.items():
                for route in self._selecting(source, path):
                    if not held(source, path):
                        self._require_arrival(route, source, path, content)

    def _require_arrival(self, route: Route, source: str, path: str, content: bytes) -> None:
        missing = [target for target in route.targets if not self._has(target, content)]
        if missing:
            raise CustodyBroken(f"{source}:{path} never came to {missing} (route {route.name})")
        expired = self._plan.keep.after_s is not None and route.targets
        if route.stage and not expired and content not in self.stored().values():
            raise CustodyBroken(f"{source}:{path} never came into the store (route {route.name})")
        others = self._selecting(source, path)
        if all(other.remove.after is not After.NEVER for other in others):
            raise CustodyBroken(f"{source}:{path} was never removed, though every rule allows it")

    # -- what stands where

    def _selecting(self, source: str, path: str) -> list[Route]:
        return [
            route
            for route in self._plan.routes
            if source in route.sources and any(fnmatchcase(path, pattern) for pattern in route.selection.include)
        ]

    def stored(self) -> dict[str, bytes]:
        """Final names in the store."""
        return {
            str(path.relative_to(self._store)): path.read_bytes()
            for path in self._store.rglob("*")
            if path.is_file() and ".v2xsync" not in path.parts
        }

    def on(self, device: str) -> dict[str, bytes]:
        """Final names on a device."""
        disk = self._disks[device]
        found = {path: disk.look(path) for path in disk.paths()}
        return {path: content for path, content in found.items() if content is not None and ".v2xsync" not in path}

    def _contents(self, target: str) -> set[bytes]:
        if self._plan.targets[target].is_form:
            return {content for _path, content in self._disks[target].received}
        return set(self.on(target).values())

    def _has(self, target: str, content: bytes) -> bool:
        return content in self._contents(target)
