"""One listing of a source, sorted: files to judge, what is left alone, and what the ledger has already."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from v2xsync.ledger.base import Known
from v2xsync.model.custody import RemovalState
from v2xsync.model.items import Entry, Kind, Unlistable
from v2xsync.model.readiness import attends, companions_of, is_companion
from v2xsync.model.rules import ReadyRule, Route


@dataclass(slots=True)
class Listing:
    """One whole listing, sorted by folder."""

    files: dict[str, dict[str, Entry]] = field(default_factory=dict)
    """folder -> name -> entry of a file"""
    folders: set[str] = field(default_factory=set)
    unlistable: list[Unlistable] = field(default_factory=list)
    others: list[Entry] = field(default_factory=list)
    """Links and special files."""

    def add(self, entry: Entry | Unlistable) -> None:
        """Sort one line in; links and special files are left alone."""
        if isinstance(entry, Unlistable):
            self.unlistable.append(entry)
        elif entry.kind is Kind.FOLDER:
            self.folders.add(entry.path)
        elif entry.kind is Kind.FILE:
            folder, name = posixpath.split(entry.path)
            self.files.setdefault(folder, {})[name] = entry
        else:
            self.others.append(entry)

    def trusted(self, folder: str) -> bool:
        """Whether everything in `folder` was seen."""
        return not any(_below(folder, gap.path) for gap in self.unlistable)

    def hollow(self) -> Sequence[str]:
        """Folders without any file below them, deepest first."""
        full: set[str] = set()
        for used in (*self.files, *(posixpath.dirname(gap.path) for gap in self.unlistable)):
            folder = used
            while folder and folder not in full:
                full.add(folder)
                folder = posixpath.dirname(folder)
        gaps = {gap.path for gap in self.unlistable}
        empty = [folder for folder in self.folders if folder not in full and folder not in gaps]
        return sorted(empty, key=lambda folder: (-folder.count("/"), folder))


@dataclass(frozen=True, slots=True)
class Line:
    """A file of a listing, the routes that select it, and the files beside it."""

    entry: Entry
    routes: Sequence[Route]
    siblings: Mapping[str, Entry]


def files_of(listing: Listing, selecting: Callable[[str], Sequence[Route]]) -> Iterator[Line]:
    """Files that some route selects, companions (lock files and the like) and what is below a gap left out."""
    for folder, files in listing.files.items():
        if not listing.trusted(folder):
            continue
        for name, entry in files.items():
            routes = selecting(entry.path)
            if routes and not any(is_companion(route.ready, name, files) for route in routes):
                yield Line(entry, routes, files)


def left_alone(listing: Listing, selecting: Callable[[str], Sequence[Route]]) -> Iterator[tuple[str, str]]:
    """Selected names that are never taken, each with the reason: links, and companions of files that are not there."""
    for entry in listing.others:
        if selecting(entry.path):
            what = "a link: links are never followed" if entry.kind is Kind.LINK else "no file, folder or link"
            yield entry.path, what
    for files in listing.files.values():
        wanted: dict[ReadyRule, frozenset[str] | None] = {}
        for name, entry in files.items():
            for rule in {route.ready for route in selecting(entry.path)}:
                if is_companion(rule, name, files) and not _attends(rule, name, files, wanted):
                    yield entry.path, "by its name the lock of another file, which is not there"
                    break


def _attends(
    rule: ReadyRule, name: str, files: Mapping[str, Entry], wanted: dict[ReadyRule, frozenset[str] | None]
) -> bool:
    """Whether a companion stands beside its file; `wanted` keeps what the files of this folder may have beside them."""
    if rule not in wanted:
        found = [companions_of(rule, other) for other in files]
        wanted[rule] = None if None in found else frozenset().union(*(names for names in found if names))
    names = wanted[rule]
    return attends(rule, name, files) if names is None else name in names


def covers(known: Known | None, entry: Entry, routes: Sequence[Route], *, fat_times: bool) -> bool:
    """Whether the ledger has this version of the file already, with a plan for every route."""
    if known is None or known.removal in (RemovalState.REMOVED, RemovalState.GONE):
        return False
    return known.fingerprint.matches(entry.fingerprint, fat_times=fat_times) and all(
        route.name in known.routes for route in routes
    )


def _below(folder: str, top: str) -> bool:
    return folder == top or folder.startswith(f"{top}/") or not top
