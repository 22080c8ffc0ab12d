"""The real program with a made-up engine load: `flooded.py REPORT EVENTS_PER_S ARGUMENTS...` is `v2xsync ARGUMENTS...`.

Once the service has started, one thread of our own tells its board about files in motion, as lanes do, so many times a
second. Each second it writes a line to REPORT: the time, events told, and the longest it was kept waiting (seconds).
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

from v2xsync.cli.main import main
from v2xsync.engine.board import Board
from v2xsync.engine.service import Service
from v2xsync.model.views import WorkState

IN_MOTION = 8
CHUNK = 32 * 1024
FILE_SIZE = 60_000_000
STEP_S = 0.01


class Flood(threading.Thread):
    """Files that come on by a chunk with every event, and give way to the next when they are done."""

    def __init__(self, board: Board, report: Path, per_s: int) -> None:
        super().__init__(name="flood", daemon=True)
        self._board, self._report, self._per_s = board, report, per_s
        self._files: dict[int, tuple[int, int]] = {}
        self._begun = 0

    def run(self) -> None:
        never = threading.Event()
        for slot in range(IN_MOTION):
            self._files[slot] = self._begin(FILE_SIZE * slot // IN_MOTION)
        begun = told_at = before = time.monotonic()
        told, longest = 0, 0.0
        while not never.wait(STEP_S):
            now = time.monotonic()
            due = int((now - begun) * self._per_s)
            for number in range(told, due):
                self._come_on(number % IN_MOTION)
            told = due
            after = time.monotonic()
            longest, before = max(longest, after - before - STEP_S), after
            if after - told_at >= 1:
                with self._report.open("a", encoding="utf-8") as lines:
                    lines.write(f"{after:.3f} {told} {longest:.4f}\n")
                told_at, longest = after, 0.0

    def _begin(self, position: int = 0) -> tuple[int, int]:
        self._begun += 1
        key = self._board.begin(
            WorkState.FETCHING, item_id=10_000_000 + self._begun, route="all", source="clay", device="store",
            path=f"spat/clay_spatLog_0304{self._begun:06d}.csv", size=FILE_SIZE,
        )  # fmt: skip
        return key, position

    def _come_on(self, slot: int) -> None:
        key, position = self._files[slot]
        position += CHUNK
        if position < FILE_SIZE:
            self._board.progress(key, position)
            self._files[slot] = key, position
        else:
            self._board.end(key, done=True)
            self._files[slot] = self._begin()


def flood(report: Path, per_s: int) -> None:
    """Let every service that starts in this process be flooded."""
    begin = Service.start

    def start(service: Service) -> None:
        begin(service)
        Flood(service._station.board, report, per_s).start()  # noqa: SLF001 - a lane would be given it

    Service.start = start  # type: ignore[method-assign]


if __name__ == "__main__":
    flood(Path(sys.argv[1]), int(sys.argv[2]))
    raise SystemExit(main(sys.argv[3:]))
