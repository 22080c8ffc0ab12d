"""Small things: named notes, runs of schedules, lines of the log that speak of no facet, the station's mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from v2xsync.ledger.base import Run
from v2xsync.ledger.logbook import line, write_lines
from v2xsync.ledger.phrases import given
from v2xsync.ledger.rooms import WritingRoom
from v2xsync.ledger.tables import notes, runs
from v2xsync.model.custody import Step

MARK_KEY = "ledger.mark"
"""The note that holds the station's mark, made once with the ledger."""

RUNS_KEPT = 50
"""Of each schedule so many runs are remembered."""

NOTE = select(notes.c.text).where(notes.c.key == given("key"))

_THIS_RUN = (
    runs.c.route == given("by_route"),
    runs.c.device == given("at_device"),
    runs.c.kind == given("of_kind"),
)
_LAST_RUN = select(runs).where(*_THIS_RUN).order_by(runs.c.due_at.desc()).limit(1)
_UPDATE_RUN = (
    update(runs)
    .where(*_THIS_RUN, runs.c.due_at == given("due"))
    .values(opened_at=given("opened"), listed_at=given("listed"), closed_at=given("closed"))
)
_OLD_RUNS = delete(runs).where(
    *_THIS_RUN,
    runs.c.due_at
    < select(runs.c.due_at).where(*_THIS_RUN).order_by(runs.c.due_at.desc()).limit(1).offset(RUNS_KEPT - 1)
    .scalar_subquery(),
)  # fmt: skip


def station_mark(connection: Connection) -> str:
    """Six letters that tell this station's partials from another's."""
    return str(connection.execute(NOTE, {"key": MARK_KEY}).scalar_one())


def set_note(connection: Connection, key: str, text: str) -> None:
    """Insert or update a note."""
    changed = connection.execute(update(notes).where(notes.c.key == key).values(text=text))
    if not changed.rowcount:
        connection.execute(insert(notes).values(key=key, text=text))


class Notebook(WritingRoom):
    """Verbs for schedules and notes."""

    def last_run(self, route: str, device: str, kind: str) -> Run | None:
        """The newest run."""
        rows: Sequence[Any] = self._rows(_LAST_RUN, {"by_route": route, "at_device": device, "of_kind": kind})
        return Run(*rows[0]) if rows else None

    def save_run(self, run: Run) -> None:
        """Insert or update by (route, device, kind, due_at); runs long past are forgotten."""
        self._write(lambda connection: _save_run(connection, run))

    def write_note(self, key: str, text: str) -> None:
        """Set a small named text."""
        self._write(lambda connection: set_note(connection, key, text))

    def log(self, step: Step, *, item_id: int, at: float, route: str, device: str, detail: str) -> None:
        """Append a line of its own (warnings); `item_id` 0: it speaks of no item."""
        self._write(lambda connection: write_lines(connection, [line(at, step, item_id, route, device, detail)]))


def _save_run(connection: Connection, run: Run) -> None:
    key = {"by_route": run.route, "at_device": run.device, "of_kind": run.kind}
    times = {"opened": run.opened_at, "listed": run.listed_at, "closed": run.closed_at}
    if connection.execute(_UPDATE_RUN, {**key, **times, "due": run.due_at}).rowcount:
        return
    connection.execute(
        insert(runs).values(
            route=run.route, device=run.device, kind=run.kind, due_at=run.due_at, opened_at=run.opened_at,
            listed_at=run.listed_at, closed_at=run.closed_at,
        )
    )  # fmt: skip
    connection.execute(_OLD_RUNS, key)
