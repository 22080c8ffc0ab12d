"""Hints: whatever happens below the root wakes a waiting finder; our own work in progress does not."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from watchdog.events import FileModifiedEvent
from watchdog.observers.api import BaseObserver

from v2xsync.devices.arrival import OWN_FLOOD, FolderHints
from v2xsync.devices.base import ArrivalHints
from v2xsync.errors import DeviceGone

LONG_S = 20.0
"""How long a hint may take on a busy machine before the test fails."""

NONE_S = 0.3
"""How long a test listens for what must not come."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "root"
    (place / "sub").mkdir(parents=True)
    (place / "old.csv").write_bytes(b"x")
    return place


@pytest.fixture
def hints(root: Path) -> Iterator[FolderHints]:
    watching = FolderHints("box", root)
    watching.start()
    yield watching
    watching.stop()


CHANGES: dict[str, Callable[[Path], object]] = {
    "created": lambda root: (root / "new.csv").write_bytes(b"x"),
    "rewritten": lambda root: (root / "old.csv").write_bytes(b"more"),
    "moved inside": lambda root: (root / "old.csv").rename(root / "new.csv"),
    "removed": lambda root: (root / "old.csv").unlink(),
    "below": lambda root: (root / "sub" / "new.csv").write_bytes(b"x"),
    "new folder": lambda root: (root / "deep" / "deeper").mkdir(parents=True),
    "finished by a rename": lambda root: (root / ".v2xsync-st-1.part").rename(root / "new.csv"),
}


def test_keeps_the_port(hints: FolderHints) -> None:
    port: ArrivalHints = hints
    assert port.wait(0.0) is False


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_a_hint(root: Path, change: Callable[[Path], object]) -> None:
    (root / ".v2xsync-st-1.part").write_bytes(b"x")
    hints = FolderHints("box", root)
    hints.start()
    try:
        change(root)
        assert hints.wait(LONG_S)
    finally:
        hints.stop()


def test_nested_folders_made_at_once_do_not_end_the_hints(tmp_path: Path) -> None:
    """Watchdog then watches some of them twice and warns; a warning made an error would end its thread."""
    for number in range(20):
        root = tmp_path / str(number)
        root.mkdir()
        hints = FolderHints("box", root)
        hints.start()
        (root / "a" / "b" / "c").mkdir(parents=True)
        assert hints.wait(LONG_S)
        hints.stop()


def test_a_file_in_a_folder_made_later_is_a_hint(hints: FolderHints, root: Path) -> None:
    (root / "later").mkdir()
    assert hints.wait(LONG_S)
    while hints.wait(NONE_S):
        pass
    (root / "later" / "new.csv").write_bytes(b"x")
    assert hints.wait(LONG_S)


def test_a_root_that_is_a_link_is_watched(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    hints = FolderHints("box", tmp_path / "link")
    hints.start()
    try:
        (root / "new.csv").write_bytes(b"x")
        assert hints.wait(LONG_S)
    finally:
        hints.stop()


def test_our_own_work_and_reading_are_no_hints(hints: FolderHints, root: Path) -> None:
    (root / ".v2xsync-st-2.part").write_bytes(b"x")
    (root / "sub" / ".v2xsync-st-3.part").write_bytes(b"x")
    (root / "sub" / ".v2xsync-st-3.part").unlink()
    assert (root / "old.csv").read_bytes() == b"x"
    assert len(list(root.iterdir())) == 3
    assert not hints.wait(NONE_S)


def test_a_root_below_a_folder_of_ours_still_gives_hints(tmp_path: Path) -> None:
    """Only names below the root count."""
    root = tmp_path / ".v2xsync-demo" / "root"
    root.mkdir(parents=True)
    hints = FolderHints("box", root)
    hints.start()
    try:
        (root / "new.csv").write_bytes(b"x")
        assert hints.wait(LONG_S)
    finally:
        hints.stop()


def test_hints_before_the_wait_are_kept_and_told_once(hints: FolderHints, root: Path) -> None:
    (root / "new.csv").write_bytes(b"x")
    assert hints.wait(LONG_S)
    while hints.wait(NONE_S):
        pass
    assert not hints.wait(0.0)


def test_a_flood_of_our_own_events_counts_as_a_hint(hints: FolderHints, root: Path) -> None:
    """It may have pushed others out of the kernel's queue."""
    event = FileModifiedEvent(str(root / ".v2xsync-st-2.part"))
    for _ in range(OWN_FLOOD - 1):
        hints.take(event)
    assert not hints.wait(0.0)
    hints.take(event)
    assert hints.wait(0.0)


def test_stop_wakes_a_waiting_thread(hints: FolderHints) -> None:
    answers: list[bool] = []
    waiting = threading.Thread(target=lambda: answers.append(hints.wait(LONG_S * 10)))
    waiting.start()
    hints.stop()
    waiting.join(LONG_S)
    assert answers == [False]


def test_a_root_that_comes_later_is_a_hint_and_watched(tmp_path: Path) -> None:
    """A drive that is mounted after the start."""
    root = tmp_path / "later"
    hints = FolderHints("box", root)
    hints.start()
    try:
        assert not hints.wait(0.0)
        root.mkdir()
        assert hints.wait(0.0)
        (root / "new.csv").write_bytes(b"x")
        assert hints.wait(LONG_S)
    finally:
        hints.stop()


def test_a_root_that_is_replaced_is_a_hint_and_watched(hints: FolderHints, root: Path) -> None:
    root.rename(root.with_name("away"))
    root.mkdir()
    assert hints.wait(0.0)
    while hints.wait(NONE_S):
        pass
    (root / "new.csv").write_bytes(b"x")
    assert hints.wait(LONG_S)


@pytest.mark.parametrize(
    ("code", "setting"),
    [(errno.ENOSPC, "fs.inotify.max_user_watches"), (errno.EMFILE, "fs.inotify.max_user_instances")],
)
def test_too_many_watches_name_the_setting(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int, setting: str
) -> None:
    def refuse(observer: BaseObserver) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(BaseObserver, "on_thread_start", refuse)
    hints = FolderHints("box", root)
    with pytest.raises(DeviceGone) as caught:
        hints.start()
    assert setting in caught.value.remedy
    assert not hints.wait(0.0)


def test_a_dead_observer_is_a_hint_and_replaced(hints: FolderHints, root: Path) -> None:
    assert hints._observer is not None
    hints._observer.stop()
    hints._observer.join()
    assert hints.wait(0.0)
    (root / "new.csv").write_bytes(b"x")
    assert hints.wait(LONG_S)
