"""Invariant 9 on a disk: no link below the root leads anywhere, whenever it appears."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from tests.devices.local.boxes import Box

from v2xsync.devices import rooted
from v2xsync.devices.base import Proven, ProveRequest, RemoveRequest
from v2xsync.errors import ItemChanged, ItemError, ItemMissing
from v2xsync.model.items import Entry, Kind, Proof, Unlistable


@pytest.fixture(params=[True, False], ids=["by descriptor", "by path"], autouse=True)
def walking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to walk."""
    monkeypatch.setattr(rooted, "WALKS_BY_FD", request.param)


@pytest.fixture
def outside(box: Box, tmp_path: Path) -> Path:
    """A folder outside with the very file that is asked for; below the root a link to it."""
    box.put("d/a.csv")
    shutil.move(box.root / "d", tmp_path / "outside")
    (box.root / "d").symlink_to(tmp_path / "outside")
    return tmp_path / "outside"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_reading_through_a_swapped_folder_finds_nothing(box: Box, outside: Path) -> None:
    sink = box.fetch("d/a.csv")
    assert isinstance(sink.errors[0], ItemMissing)
    assert sink.pieces == {}
    assert isinstance(box.device.stat(["d/a.csv"])[0], ItemMissing)
    ((_, proven),) = box.device.prove([ProveRequest(0, "d/a.csv", 4, Proof.HASH)])
    assert not isinstance(proven, Proven)
    assert [entry.path for entry in box.device.list() if isinstance(entry, Entry)] == ["d"]


def test_removing_through_a_swapped_folder_removes_nothing(box: Box, outside: Path) -> None:
    (outside / "empty").mkdir()
    ((_, error),) = box.device.remove([RemoveRequest(0, "d/a.csv", box.version())])
    assert isinstance(error, ItemMissing)
    assert box.device.prune(["d/empty", "d"]) == []
    assert names(outside) == ["a.csv", "empty"]


def test_writing_through_a_swapped_folder_writes_nothing(box: Box, outside: Path) -> None:
    (outside / ".v2xsync-st-9.part").write_bytes(b"stale")
    feed = box.send("d/new.csv", "d/deep/new.csv")
    assert all(isinstance(feed.errors[token], ItemError) for token in (0, 1))
    assert box.device.sweep(["d"], frozenset()) == []
    assert names(outside) == [".v2xsync-st-9.part", "a.csv"]


def test_a_folder_swapped_in_the_middle_of_a_listing_leads_nowhere(box: Box, tmp_path: Path) -> None:
    box.put("d/a.csv")
    seen = []
    for entry in box.device.list():
        seen.append(entry)
        if isinstance(entry, Entry) and entry.kind is Kind.FOLDER:
            shutil.move(box.root / "d", tmp_path / "outside")
            (box.root / "d").symlink_to(tmp_path / "outside")
    assert [entry.path for entry in seen if isinstance(entry, Entry)] == ["d"]
    assert [entry.path for entry in seen if isinstance(entry, Unlistable)] == ["d"]


def test_a_folder_swapped_before_the_final_name_leads_nowhere(
    box: Box, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the last byte and the rename, after the sync of the content."""
    (box.root / "d").mkdir()
    sync = box.device._sync_contents

    def swap(*arguments: object) -> None:
        sync(*arguments)  # type: ignore[arg-type]
        shutil.move(box.root / "d", tmp_path / "outside")
        (box.root / "d").symlink_to(tmp_path / "outside")

    monkeypatch.setattr(box.device, "_sync_contents", swap)
    feed = box.send("d/new.csv")
    assert isinstance(feed.errors[0], ItemError)
    assert names(tmp_path / "outside") == [".v2xsync-st-0.part"]


def test_the_target_of_a_link_with_the_same_facts_is_not_fetched(box: Box) -> None:
    box.put("real.csv")
    (box.root / "a.csv").symlink_to("real.csv")
    assert isinstance(box.fetch("a.csv").errors[0], ItemChanged)


def test_a_partial_with_a_second_name_is_not_written_through(box: Box) -> None:
    """A hard link under our partial name, with just the content that a resume would go on from."""
    box.put("precious", b"ne")
    (box.root / ".v2xsync-st-0.part").hardlink_to(box.root / "precious")
    assert 0 in box.send("a.csv").sent
    assert (box.root / "precious").read_bytes() == b"ne"
    assert (box.root / "a.csv").read_bytes() == b"new"


def test_a_pipe_neither_hangs_a_fetch_nor_counts_as_a_file(box: Box) -> None:
    os.mkfifo(box.root / "pipe")
    assert [entry.kind for entry in box.device.list() if isinstance(entry, Entry)] == [Kind.OTHER]
    assert isinstance(box.fetch("pipe", b"").errors[0], ItemError)
    ((_, error),) = box.device.remove([RemoveRequest(0, "pipe", box.version(b""))])
    assert isinstance(error, ItemError)


def test_the_root_itself_may_be_a_link(box: Box, tmp_path: Path) -> None:
    box.put("a.csv")
    (tmp_path / "link").symlink_to(box.root)
    through = Box(tmp_path / "link")
    assert [entry.path for entry in through.device.list()] == ["a.csv"]
    assert through.fetch("a.csv").content(0) == b"data"
