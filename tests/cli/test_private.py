"""What a station writes is its user's alone, and no link that somebody planted in its way is followed."""

from __future__ import annotations

import datetime as dt
import os
import stat
from pathlib import Path

import pytest
from tests.cli.conftest import Run

pytestmark = pytest.mark.skipif(os.name == "nt", reason="modes and links of Unix")

TODAY = dt.datetime.now(dt.UTC).date()
"""Both sides of midnight are planted."""
DAYS = [f"store/.v2xsync/manifests/all/{TODAY + dt.timedelta(days=more)}.jsonl" for more in (0, 1)]
PLACES = {
    "the ledger": (["state/ledger.sqlite3"], 1),
    "its lock": (["state/lock"], 1),
    "the log": (["logs/v2xsync.log"], 2),
    "a manifest": (DAYS, 0),
    "partials": ([f"store/.v2xsync/{number}.part" for number in range(1, 5)], None),
    "partials by route": ([f"store/.v2xsync/{number}-all.part" for number in range(1, 5)], None),
    "the mark of this boot": (["store/.v2xsync/boot"], 0),
    "marks of partials": ([f"store/.v2xsync/{number}.synced" for number in range(1, 5)], 0),
    "the socket": (["state/control.sock"], 0),
}


def test_state_logs_and_work_in_progress_are_private_also_under_an_open_umask(run: Run, site: Path) -> None:
    before = os.umask(0)
    try:
        answer = run("--no-ui", "--once")
    finally:
        os.umask(before)
    assert answer.code == 0, answer
    ours = [site / "state", site / "logs", site / "store" / ".v2xsync"]
    found = [*ours, *(path for folder in ours for path in folder.rglob("*"))]
    assert len(found) >= 8
    wrong = {
        str(path.relative_to(site)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in found
        if stat.S_IMODE(path.lstat().st_mode) != (0o700 if path.is_dir() else 0o600)
    }
    assert wrong == {}


@pytest.mark.parametrize("place", PLACES)
def test_a_planted_link_is_never_followed(place: str, run: Run, site: Path) -> None:
    names, code = PLACES[place]
    victim = site / "victim"
    victim.write_text("precious")
    for name in names:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).symlink_to(victim)
    answer = run("--no-ui", "--once")
    assert victim.read_text() == "precious"
    assert "Traceback" not in answer.out + answer.err
    assert code is None or answer.code == code, answer
    copies = {path.read_bytes() for path in (site / "office").rglob("*") if path.is_file()}
    assert b"precious" not in copies


@pytest.mark.parametrize("name", ["manifests", "manifests/all"])
def test_a_planted_folder_of_manifests_leads_nowhere(name: str, run: Run, site: Path) -> None:
    elsewhere = site / "elsewhere"
    elsewhere.mkdir()
    link = site / "store" / ".v2xsync" / name
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(elsewhere)
    assert run("--no-ui", "--once").code == 0
    assert list(elsewhere.iterdir()) == []
