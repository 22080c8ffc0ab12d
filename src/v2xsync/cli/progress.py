"""How it goes, for people without a screen: one line drawn over and over on a terminal, else a summary each minute."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final, Protocol, TextIO

from v2xsync.cli.moments import size
from v2xsync.cli.mouth import Mouth
from v2xsync.model.views import StationState, StationView

SUMMARY_S: Final = 60.0
LINE_S: Final = 0.5
BAR_CELLS: Final = 24
_FALLBACK_CELLS: Final = 80

_log = logging.getLogger("v2xsync.summary")


def _log_line(text: str) -> None:
    _log.info("%s", text)


class Teller(Protocol):
    """Is shown how it goes, several times a second, from the main thread."""

    def look(self, view: Callable[[], StationView]) -> None:
        """Say something where it is time; only then the view is asked for."""


class Summary:
    """A log line each minute in which anything changed."""

    def __init__(self, monotonic: Callable[[], float], say: Callable[[str], None] = _log_line) -> None:
        self._monotonic = monotonic
        self._say = say
        self._due = monotonic() + SUMMARY_S
        self._told = -1

    def look(self, view: Callable[[], StationView]) -> None:
        """Say the summary where a minute is over."""
        if self._monotonic() < self._due:
            return
        self._due = self._monotonic() + SUMMARY_S
        now = view()
        if now.generation != self._told:
            self._told = now.generation
            self._say(summary(now))


class ProgressLine:
    """One line at the bottom of a terminal."""

    def __init__(self, mouth: Mouth, stream: TextIO, monotonic: Callable[[], float]) -> None:
        self._mouth = mouth
        self._stream = stream
        self._monotonic = monotonic
        self._due = 0.0

    def look(self, view: Callable[[], StationView]) -> None:
        """Draw the line anew, twice a second."""
        if self._monotonic() >= self._due:
            self._due = self._monotonic() + LINE_S
            self._mouth.show(drawn(view(), _cells(self._stream)))


def teller(stream: TextIO, mouth: Mouth | None, monotonic: Callable[[], float], *, lines_only: bool) -> Teller:
    """Choose how to tell; `lines_only` for machines that read along."""
    if mouth is not None and not lines_only and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb":
        return ProgressLine(mouth, stream, monotonic)
    return Summary(monotonic)


def summary(view: StationView) -> str:
    """Return how it goes in one sentence."""
    totals = view.totals
    rate = totals.rate_in + totals.rate_out
    moving = f"{len(view.transfers)} in motion at {size(int(rate))}/s, " if view.transfers else ""
    holds = f", {view.holds} on hold" if view.holds else ""
    away = [device.name for device in view.devices if device.trouble]
    return (
        f"{view.state.value}: {moving}{totals.queued} waiting ({size(totals.queued_bytes)}), {totals.stored} fetched"
        f" ({size(totals.bytes_in)}), {totals.delivered} delivered ({size(totals.bytes_out)}), {totals.removed} removed"
        f"{holds}{f', in trouble: {chr(44).join(away)}' if away else ''}"
    )


def drawn(view: StationView, cells: int) -> str:
    """Return the progress line as a terminal of `cells` columns draws it; no longer than that."""
    from rich.console import Console
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    console = Console(width=max(8, cells - 1), force_terminal=True, highlight=False, markup=False, legacy_windows=False)
    grid = Table.grid(padding=(0, 1))
    totals = view.totals
    if totals.batch_files > totals.batch_files_done:
        share = totals.batch_bytes_done / totals.batch_bytes if totals.batch_bytes else 0.0
        grid.add_row(ProgressBar(1.0, min(1.0, share), width=BAR_CELLS), Text(_under_way(view, share), no_wrap=True))
    else:
        grid.add_row(Text(f"{view.name}: {view.state.value}, {totals.batch_files_done} files done", no_wrap=True))
    with console.capture() as captured:
        console.print(grid, no_wrap=True, overflow="ellipsis", end="")
    return captured.get().replace("\n", "")


def _under_way(view: StationView, share: float) -> str:
    totals = view.totals
    left = "" if totals.eta_s is None else f", {_left(totals.eta_s)} left"
    paused = ", paused" if view.state is StationState.PAUSED else ""
    rate = size(int(totals.rate_in + totals.rate_out))
    files = f"{totals.batch_files_done}/{totals.batch_files} files"
    done = f"{size(totals.batch_bytes_done)} of {size(totals.batch_bytes)}"
    return f"{100 * share:.0f}%  {files}, {done}, {rate}/s{left}{paused}"


def _left(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _cells(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or _FALLBACK_CELLS
    except (OSError, ValueError):
        return _FALLBACK_CELLS
