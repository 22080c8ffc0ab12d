"""Exit codes of a run, by precedence: interrupted, then a device, then an item or hold, then all done."""

from __future__ import annotations

import io
import json

import pytest

from v2xsync.cli.ending import exit_code, tell
from v2xsync.cli.output import Output
from v2xsync.engine.service import OnceReport
from v2xsync.engine.station import Cause
from v2xsync.model.views import StationState, StationView

VIEW = StationView(name="t", version="0", generation=1, at=0.0, started=0.0, state=StationState.STOPPED)
DEVICE = Cause("device", "clay", "refuses the login", remedy="correct the password")
ITEM = Cause("item", "office", "broke", path="a\x1b.csv", route="all")
HOLD = Cause("hold", "office", "refused", path="b.csv", route="all")
LISTING = Cause("listing", "clay", "cannot be listed", path="x")


@pytest.mark.parametrize(
    ("causes", "interrupted", "code"),
    [
        ([], False, 0),
        ([ITEM], False, 1),
        ([HOLD], False, 1),
        ([LISTING], False, 1),
        ([ITEM, DEVICE], False, 3),
        ([DEVICE], True, 130),
    ],
)
def test_the_first_that_fits_wins(causes: list[Cause], interrupted: bool, code: int) -> None:
    assert exit_code(OnceReport(VIEW, causes, interrupted)) == code


def test_every_cause_is_told_in_words_and_as_data() -> None:
    report = OnceReport(VIEW, [DEVICE, ITEM])
    stdout, stderr = io.StringIO(), io.StringIO()
    assert tell(Output("run", as_json=False, stdout=stdout, stderr=stderr), report) == 3
    assert stdout.getvalue() == ""
    assert "v2xsync: clay: refuses the login -- correct the password\n" in stderr.getvalue()
    assert "\x1b" not in stderr.getvalue()
    assert tell(Output("run", as_json=True, stdout=stdout, stderr=stderr), report) == 3
    document = json.loads(stdout.getvalue())
    assert [cause["kind"] for cause in document["causes"]] == ["device", "item"]
    assert document["causes"][1]["path"] == "a\x1b.csv"
