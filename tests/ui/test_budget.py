"""What a picture may cost: nothing when nothing changed, little when much did, and never a freeze."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest
from textual.geometry import Region
from textual.widget import Widget

from tests.ui import cast, scenes
from tests.ui.album import Clock
from tests.ui.pilot import Hand, station_on_screen


@pytest.fixture
def refreshed(monkeypatch) -> list[tuple[str, int]]:
    """(widget, lines) of every repaint that was asked for."""
    seen: list[tuple[str, int]] = []
    refresh = Widget.refresh

    def noted(self: Widget, *regions: Region, **how: bool) -> Widget:
        lines = sum(region.height for region in regions) if regions else self.size.height
        seen.append((f"{type(self).__name__}#{self.id}", lines))
        return refresh(self, *regions, **how)

    monkeypatch.setattr(Widget, "refresh", noted)
    return seen


def moved(hand: Hand) -> None:
    """Let every transfer come on by two percent, as the next picture shows it."""
    on = tuple(
        replace(row, position=min(row.size, int(row.position + row.size * 0.02)))
        for row in hand.station.scene.transfers
    )
    hand.station.change(transfers=on)


async def test_a_pull_without_change_repaints_nothing(refreshed):
    async with station_on_screen(scenes.busy()) as hand:
        refreshed.clear()
        for _ in range(5):
            hand.app.pull()
            hand.app.look_again()
        assert refreshed == []


async def test_a_second_that_changes_no_word_repaints_nothing(refreshed):
    clock = Clock()
    async with station_on_screen(scenes.resting(), clock=clock) as hand:
        refreshed.clear()
        for _ in range(30):
            clock.now += 1
            hand.app.pull()
        assert refreshed == []


async def test_progress_repaints_only_the_lines_of_files_in_motion(refreshed):
    async with station_on_screen(scenes.long_queue(1000)) as hand:
        refreshed.clear()
        moved(hand)
        hand.app.pull()
        assert {name for name, _ in refreshed} == {"LineList#queue-lines"}
        assert sum(lines for _, lines in refreshed) <= len(cast.TRANSFERS)


async def test_what_cannot_be_seen_is_not_fed(refreshed):
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("h")
        refreshed.clear()
        moved(hand)
        hand.app.pull()
        assert not [name for name, _ in refreshed if "queue" in name]


async def test_behind_a_dialog_nothing_is_repainted(refreshed):
    async with station_on_screen(scenes.busy()) as hand:
        await hand.press("q")
        refreshed.clear()
        moved(hand)
        hand.app.pull()
        assert refreshed == []


async def test_a_shorter_queue_needs_no_new_layout(monkeypatch):
    async with station_on_screen(scenes.long_queue(1000)) as hand:
        laid_out: list[object] = []
        monkeypatch.setattr(type(hand.app.screen), "_refresh_layout", lambda *_, **__: laid_out.append(1))
        hand.station.change(queue=hand.station.scene.queue[7:])
        hand.app.look_again()
        await hand.pilot.pause()
        assert laid_out == []


async def test_ten_thousand_rows_open_at_once_and_sort_and_filter_without_a_freeze():
    """Generous for a loaded machine: measured 0.02 s to show, 0.03 s to sort on an idle core."""
    async with station_on_screen(scenes.long_queue(10_000)) as hand:
        for keys in (["2"], ["o"], ["G"]):
            started = time.process_time()
            await hand.pilot.press(*keys)
            assert time.process_time() - started < 0.3, keys
        started = time.process_time()
        hand.app.main.view.active.search("clay spat")
        assert time.process_time() - started < 0.3
        assert len(hand.app.main.view.active.rows) > 100


def test_the_command_line_may_know_the_screen_without_importing_textual():
    code = (
        "import sys, v2xsync.ui.launch, v2xsync.ui.options, v2xsync.ui.keys; "
        "sys.exit(any(name.split('.')[0] in {'textual', 'rich'} for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
