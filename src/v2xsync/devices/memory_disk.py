"""The content of a device in memory, and what tests and simulators do to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from v2xsync.errors import ItemRefused, NameTaken
from v2xsync.model.items import NS_PER_S, Kind


@dataclass(slots=True)
class Node:
    """What stands at a path: a file's content and time, a folder, or a link's text."""

    path: str
    kind: Kind
    content: bytes | bytearray = b""
    mtime_ns: int = 0


class MemoryDisk:
    """The content of a device, shared by its sessions; every method is one atomic step.

    `now_ns` is the time that files get which were sent without one. `capacity_bytes` None means no limit.
    """

    def __init__(
        self,
        files: Mapping[str, bytes] | None = None,
        *,
        case_sensitive: bool = True,
        now_ns: int = 1_700_000_000 * NS_PER_S,
        capacity_bytes: int | None = None,
    ) -> None:
        self.lock = threading.RLock()
        self.case_sensitive = case_sensitive
        self.now_ns = now_ns
        self.capacity_bytes = capacity_bytes
        self.gone = False
        self.calls: Counter[str] = Counter()
        """How often each verb was called, by all sessions."""
        self.sessions = 0
        """How many are connected."""
        self.received: list[tuple[str, bytes]] = []
        """What an acknowledging device took, duplicates included."""
        self._nodes: dict[str, Node] = {}
        for path, content in (files or {}).items():
            self.plant(path, content)

    # -- what tests and simulators do

    def plant(self, path: str, content: bytes, mtime_ns: int | None = None) -> None:
        """Write a file, in place where there is one, making its parent folders."""
        with self.lock:
            node = self.make_file(path)
            node.content, node.mtime_ns = content, self.now_ns if mtime_ns is None else mtime_ns

    def plant_link(self, path: str, to: str) -> None:
        """Make a link with the text `to`."""
        with self.lock:
            self.make_folders(path)
            self._nodes[self._key(path)] = Node(path, Kind.LINK, to.encode())

    def plant_folder(self, path: str) -> None:
        """Make a folder and its parents."""
        with self.lock:
            self.make_folders(f"{path}/")

    def look(self, path: str) -> bytes | None:
        """Return the content of the file at `path`; None where there is none."""
        with self.lock:
            node = self.find(path)
            return bytes(node.content) if node is not None and node.kind is Kind.FILE else None

    def paths(self) -> list[str]:
        """Every path, folders and links included, sorted so that folders come before their content."""
        with self.lock:
            return sorted((node.path for node in self._nodes.values()), key=lambda path: path.split("/"))

    def drop(self, path: str) -> None:
        """Remove whatever stands at `path`; KeyError where there is nothing."""
        with self.lock:
            del self._nodes[self._key(path)]

    # -- what sessions do, under the lock

    def find(self, path: str) -> Node | None:
        """What stands at `path`."""
        return self._nodes.get(self._key(path))

    def make_folders(self, path: str) -> None:
        """Make the parents of `path`; raises ItemRefused where one of them is no folder."""
        parts = path.split("/")[:-1]
        for count in range(1, len(parts) + 1):
            folder = "/".join(parts[:count])
            node = self._nodes.setdefault(self._key(folder), Node(folder, Kind.FOLDER))
            if node.kind is not Kind.FOLDER:
                raise ItemRefused(path, f"{folder!r} is no folder", remedy="choose another target_path")

    def make_file(self, path: str) -> Node:
        """Return the file at `path`, made where there is none; raises ItemRefused where something else stands."""
        self.make_folders(path)
        node = self._nodes.setdefault(self._key(path), Node(path, Kind.FILE))
        if node.kind is not Kind.FILE:
            raise ItemRefused(path, "something that is no file has this name")
        return node

    def rename(self, old: str, new: str, *, replacing: bool = False) -> None:
        """Give a file another name, where that is free (NameTaken) or `replacing` what has it."""
        if self._key(new) in self._nodes and not replacing:
            raise NameTaken(new, "the name is taken")
        node = self._nodes.pop(self._key(old))
        node.path = new
        self._nodes[self._key(new)] = node

    def is_empty(self, folder: str) -> bool:
        """Whether nothing lies below `folder`."""
        prefix = self._key(folder) + "/"
        return not any(key.startswith(prefix) for key in self._nodes)

    def used_bytes(self) -> int:
        """The sum of all sizes."""
        return sum(len(node.content) for node in self._nodes.values())

    def _key(self, path: str) -> str:
        return path if self.case_sensitive else path.casefold()
