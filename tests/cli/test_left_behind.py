"""What a delivery left behind in a real folder is removed there; what is not of this station stays."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import SPAT, Run

from v2xsync.ledger.notebook import MARK_KEY
from v2xsync.ledger.sqlite import open_ledger


def test_a_partial_of_a_file_that_somebody_else_brought_is_removed(run: Run, site: Path) -> None:
    """The equal file was copied by hand while ours was half sent: its delivery ends without the partial."""
    ledger = open_ledger(site / "state")
    mark = ledger.note(MARK_KEY)
    ledger.close()
    final = site / "office" / "clay" / "spat" / Path(SPAT).name
    final.parent.mkdir(parents=True)
    final.write_bytes((site / "clay" / SPAT).read_bytes())
    ours = [final.with_name(f".v2xsync-{mark}-{number}.part") for number in (1, 2)]  # both deliveries of this run
    kept = [final.with_name(f".v2xsync-{other}.part") for other in ("zzzzzz-1", f"{mark}-77", "sums-0011223344556677")]
    for partial in (*ours, *kept):
        partial.write_bytes(b"half")
    assert run("--no-ui", "--once").code == 0
    assert sorted(final.parent.glob(".v2xsync*")) == sorted(kept)
