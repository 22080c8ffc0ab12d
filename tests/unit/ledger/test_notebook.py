"""Notes, runs, lines of their own."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.ledger.acts import ROUTE, SOURCE, dossier, find

from v2xsync.errors import LedgerError
from v2xsync.ledger.base import Run
from v2xsync.ledger.notebook import RUNS_KEPT
from v2xsync.ledger.tables import custody_log, runs
from v2xsync.model.custody import Step

RUN = Run(ROUTE, SOURCE, "fetch", due_at=100.0, opened_at=101.0)


def test_notes_are_kept_and_replaced(ledger):
    assert ledger.note("view") == ""

    ledger.write_note("view", "one")
    ledger.write_note("view", "two \udcff")
    ledger.write_note("other", "three")

    assert (ledger.note("view"), ledger.note("other")) == ("two \udcff", "three")


def test_the_newest_run_is_the_one_due_last(ledger):
    assert ledger.last_run(ROUTE, SOURCE, "fetch") is None

    ledger.save_run(dataclasses.replace(RUN, due_at=200.0, opened_at=201.0))
    ledger.save_run(RUN)
    ledger.save_run(dataclasses.replace(RUN, kind="deliver", due_at=900.0))

    assert ledger.last_run(ROUTE, SOURCE, "fetch") == dataclasses.replace(RUN, due_at=200.0, opened_at=201.0)
    assert ledger.last_run(ROUTE, "other", "fetch") is None


def test_a_run_is_brought_up_to_date(ledger):
    ledger.save_run(RUN)
    done = dataclasses.replace(RUN, opened_at=102.0, listed_at=110.0, closed_at=120.0)

    ledger.save_run(done)

    assert ledger.last_run(ROUTE, SOURCE, "fetch") == done


def test_runs_long_past_are_forgotten(ledger):
    for minute in range(RUNS_KEPT + 20):
        ledger.save_run(dataclasses.replace(RUN, due_at=60.0 * minute))
    ledger.save_run(dataclasses.replace(RUN, kind="deliver", due_at=0.0))

    kept = ledger._rows(runs.select())
    assert len(kept) == RUNS_KEPT + 1
    assert min(row.due_at for row in kept if row.kind == "fetch") == 60.0 * 20


def test_a_warning_is_a_line_of_its_item(ledger):
    (item_id,) = find(ledger, "a")

    ledger.log(Step.WARNING, item_id=item_id, at=9.0, route=ROUTE, device="cyverse", detail="name taken")

    line = dossier(ledger, item_id).log[-1]
    assert (line.step, line.at, line.route, line.device, line.detail) == (
        Step.WARNING,
        9.0,
        ROUTE,
        "cyverse",
        "name taken",
    )


@pytest.mark.parametrize("statement", [custody_log.update().values(detail="never happened"), custody_log.delete()])
def test_nobody_rewrites_the_custody_log(ledger, statement):
    find(ledger, "a")
    before = list(ledger.history())

    with pytest.raises(LedgerError, match="append-only"):
        ledger._write(lambda connection: connection.execute(statement))

    assert list(ledger.history()) == before


def test_a_line_of_an_item_that_does_not_exist_is_refused(ledger):
    with pytest.raises(LedgerError, match="FOREIGN KEY"):
        ledger.log(Step.WARNING, item_id=99, at=1.0, route="", device="", detail="")
