"""Who will fetch connects while the listing still runs, if that has shown news; nobody connects for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.engine.rig import Rig
from tests.engine.test_once import route

from v2xsync.engine.committer import Committer
from v2xsync.engine.downloader import Downloader
from v2xsync.errors import DeviceGone
from v2xsync.model.items import Entry, Unlistable
from v2xsync.model.rules import RemoveRule


class Watched:
    """A session that notes, line by line, whether its finder expects files to be fetched."""

    def __init__(self, session: Any, rig: Rig, *, breaks: bool = False) -> None:
        self._session = session
        self._rig = rig
        self._breaks = breaks
        self.expected: list[bool] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    def list(self) -> Iterator[Entry | Unlistable]:
        for entry in self._session.list():
            self.expected.append(self._rig.crew.finders["box"].expecting)
            yield entry
        if self._breaks:
            raise DeviceGone("box", "it hung up")


def listed(rig: Rig, *, breaks: bool = False) -> Watched:
    session = rig.session("box")
    session.connect()
    watched = Watched(session, rig, breaks=breaks)
    rig.crew.finders["box"].turn(lambda: watched)
    return watched


def test_a_long_listing_with_new_files_is_announced_and_taken_back_at_its_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    for number in range(150):
        rig.plant("box", f"{number:03}.csv", b"x")
    watched = listed(rig)
    assert [watched.expected[-1], watched.expected[50]] == [True, False]
    assert not rig.crew.finders["box"].expecting


def test_a_long_listing_without_news_connects_nobody(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(remove=RemoveRule()),))
    for number in range(150):
        rig.plant("box", f"{number:03}.csv", b"x")
    rig.run()
    rig.build()
    assert not any(listed(rig).expected)


def test_a_listing_that_breaks_expects_nothing_any_more(tmp_path: Path) -> None:
    rig = Rig(tmp_path, (route(),))
    for number in range(150):
        rig.plant("box", f"{number:03}.csv", b"x")
    with pytest.raises(DeviceGone):
        listed(rig, breaks=True)
    assert not rig.crew.finders["box"].expecting


@pytest.mark.parametrize("expecting", [True, False])
def test_the_downloader_connects_for_what_is_expected_only(tmp_path: Path, *, expecting: bool) -> None:
    rig = Rig(tmp_path, (route(),))
    station = rig.station
    committer = Committer(station.store, station.ledger, station.manifests, station.clock, lambda group: None)
    opened: list[Any] = []

    def open_session() -> Any:
        opened.append(rig.session("box"))
        return opened[-1]

    turn = Downloader(station, "box", committer, expecting=lambda: expecting).turn(open_session)
    assert not turn.worked
    assert len(opened) == int(expecting)
