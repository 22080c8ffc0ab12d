"""Arrival: the system's own events (inotify and its like, through watchdog) as hints that a folder may have changed.

A hint is never the truth (requirement R16). Events may be lost: the kernel's queue overflows, a tree has more folders
than there are watches, a drive is mounted over the watched folder. The engine's full scan at an interval finds what no
hint told. An overflow is followed by at least one event that is read after the loss, and that one is the hint; only a
flood of our own writes could hide it, so a flood counts as a hint too. This is the one place below the engine where
threads run: watchdog's own.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from v2xsync.devices.base import is_ours
from v2xsync.errors import DeviceGone

if TYPE_CHECKING:
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers.api import BaseObserver

OWN_FLOOD = 4_000
"""So many events of our own in a row may have pushed others out of the kernel's queue (16,384 by default)."""

_QUIET = logging.NullHandler()

_LIMITS = {errno.ENOSPC: "fs.inotify.max_user_watches", errno.EMFILE: "fs.inotify.max_user_instances"}


class FolderHints:
    """Hints for everything below `root`; implements `ArrivalHints`. `device` is the device's configured name.

    A root that is absent, or becomes another folder, is watched as soon as `wait` finds it there; that is a hint too.
    """

    def __init__(self, device: str, root: Path) -> None:
        self._device = device
        self._root = root
        self._news = threading.Condition()
        self._hint = False
        self._stopped = False
        self._own_in_a_row = 0
        self._observer: BaseObserver | None = None
        self._watched: tuple[int, int] | None = None
        self._depth = 0

    def start(self) -> None:
        """Begin to watch; raises DeviceGone where the system allows no more watches, or has no events."""
        self._stopped = False
        self._watched = self._identity()
        if self._watched is None:
            return
        try:
            self._watch()
        except OSError as error:
            setting = _LIMITS.get(error.errno or 0)
            raise DeviceGone(
                self._device,
                f"{self._root} cannot be watched ({error.strerror})",
                remedy=f"raise the limit {setting} with sysctl" if setting else "",
            ) from error

    def wait(self, timeout_s: float) -> bool:
        """Wait up to `timeout_s` seconds for a hint."""
        self._look_after()
        with self._news:
            self._news.wait_for(lambda: self._hint or self._stopped, timeout_s)
            hint, self._hint = self._hint, False
            return hint and not self._stopped

    def stop(self) -> None:
        """End watching and wake whoever waits; may be called again."""
        with self._news:
            self._stopped = True
            self._news.notify_all()
        self._unwatch()

    def take(self, event: FileSystemEvent) -> None:
        """Take one event of watchdog (called from its thread)."""
        paths = [os.fsdecode(path) for path in (event.src_path, event.dest_path) if path]
        with self._news:
            self._own_in_a_row = self._own_in_a_row + 1 if all(map(self._is_own, paths)) else 0
            if 0 < self._own_in_a_row < OWN_FLOOD:
                return
            self._own_in_a_row = 0
            self._hint = True
            self._news.notify_all()

    def _is_own(self, path: str) -> bool:
        """Whether a path below the root is work of ours in progress; the root's own path says nothing."""
        return any(map(is_ours, Path(path).parts[self._depth :]))

    def _tell(self) -> None:
        with self._news:
            self._hint = True
            self._news.notify_all()

    def _look_after(self) -> None:
        """Watch anew where the root is another one or the observer has died; the change itself is a hint."""
        identity = self._identity()
        if self._stopped or (identity == self._watched and self._alive()):
            return
        self._unwatch()
        self._watched = identity
        self._tell()
        if identity is not None:
            try:
                self._watch()
            except OSError:
                # No events until the root changes again: `wait` must not try at every call what walks the whole tree.
                self._observer = None
        if self._stopped:
            self._unwatch()

    def _alive(self) -> bool:
        observer = self._observer
        return observer is None or (observer.is_alive() and all(emitter.is_alive() for emitter in observer.emitters))

    def _identity(self) -> tuple[int, int] | None:
        try:
            facts = self._root.stat()
        except OSError:
            return None
        return facts.st_dev, facts.st_ino

    def _watch(self) -> None:
        from watchdog.observers import Observer

        _quieten()
        # A watch does not follow links, but the root itself may be one.
        root = self._root.resolve()
        self._depth = len(root.parts)
        observer = Observer()
        observer.schedule(_handler(self), str(root), recursive=True, event_filter=list(_events_of_interest()))
        observer.start()
        self._observer = observer

    def _unwatch(self) -> None:
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.stop()
            observer.join()


def _quieten() -> None:
    """Keep watchdog's talk about its own races off stderr, where a screen may be drawn; nothing depends on it.

    It warns where a new folder is watched twice (by its parent's scan and by its own event), and logs where an event
    meets a stop.
    """
    warnings.filterwarnings("ignore", message="Callback with id", category=RuntimeWarning)
    logging.getLogger("watchdog").addHandler(_QUIET)


def _handler(hints: FolderHints) -> FileSystemEventHandler:
    from watchdog.events import FileSystemEventHandler

    class Handler(FileSystemEventHandler):
        """Hands every event on."""

        def on_any_event(self, event: FileSystemEvent) -> None:
            hints.take(event)

    return Handler()


def _events_of_interest() -> Iterator[type[FileSystemEvent]]:
    """Everything but opens and reads, of which our own scans make many."""
    from watchdog import events

    yield from (events.FileCreatedEvent, events.FileModifiedEvent, events.FileMovedEvent, events.FileDeletedEvent)
    yield from (events.FileClosedEvent, events.DirCreatedEvent, events.DirMovedEvent, events.DirDeletedEvent)
