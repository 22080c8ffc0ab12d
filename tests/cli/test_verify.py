"""``v2xsync verify``: copies that changed behind our back are found, and nothing is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, SPAT, Run

from v2xsync.ledger.sqlite import open_ledger

COPY = "clay/spat/clay_spatLog_01022026_030405.csv"


def tree(site: Path) -> list[tuple[str, int]]:
    folders = (site / "store", site / "office", site / "clay")
    return sorted((str(path), path.lstat().st_mtime_ns) for folder in folders for path in folder.rglob("*"))


def test_what_was_proven_is_proven_again(run: Run, site: Path) -> None:
    run("--once")
    before = tree(site)
    answer = run("verify", "--json")
    assert answer.code == 0, answer
    assert answer.document["checked"] == {"store": 2, "office": 2}
    assert answer.document["differences"] == []
    assert tree(site) == before


@pytest.mark.parametrize(("place", "device"), [("store", "store"), ("office", "office")])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"wor\n", "its content is not what was"),
        (b"longer than it was\n", "its receipt says 4"),
        (None, ""),
    ],
)
def test_a_copy_that_is_not_what_its_receipt_says_is_listed(
    place: str, device: str, content: bytes | None, what: str, run: Run, site: Path
) -> None:
    run("--once")
    copy = site / place / COPY
    copy.unlink() if content is None else copy.write_bytes(content)
    answer = run("verify", "--json")
    assert answer.code == 1
    (difference,) = answer.document["differences"]
    assert (difference["device"], difference["place"], difference["path"]) == (device, COPY, SPAT)
    assert what in difference["what"]
    words = run("verify")
    assert words.code == 1
    assert COPY in words.out
    assert "1 differ; nothing was touched" in words.err


def test_a_target_that_is_away_does_not_hide_what_the_store_shows(run: Run, site: Path) -> None:
    run("--once")
    (site / "office").rename(site / "elsewhere")
    (site / "store" / COPY).unlink()
    answer = run("verify", "--json")
    assert answer.code == 3
    assert [cause["device"] for cause in answer.document["causes"]] == ["office"]
    assert [difference["device"] for difference in answer.document["differences"]] == ["store"]


def test_a_sample_looks_at_so_many(run: Run, site: Path) -> None:
    run("--once")
    assert run("verify", "--sample", "1", "--json").document["checked"] == {"store": 1, "office": 1}
    assert run("verify", "--sample", "-1").code == 2


def test_it_works_beside_the_owner_of_the_state_folder(run: Run, site: Path) -> None:
    run("--once")
    ledger = open_ledger(site / "state")
    try:
        assert run("verify").code == 0
    finally:
        ledger.close()


def test_what_left_the_store_by_its_rule_is_not_missing(run: Run, site: Path) -> None:
    config = CONFIG.replace("min_free = 0", 'min_free = 0\nkeep = "delivered"')
    (site / "v2xsync.toml").write_text(config, encoding="utf-8")
    run("--once")
    answer = run("verify", "--json")
    assert answer.code == 0
    assert answer.document["checked"] == {"store": 0, "office": 2}


def test_a_target_that_is_not_in_the_config_any_more_is_told(run: Run, site: Path) -> None:
    run("--once")
    (site / "v2xsync.toml").write_text(CONFIG.replace("office", "bureau"), encoding="utf-8")
    (site / "bureau").mkdir()
    answer = run("verify", "--json")
    assert answer.code == 0
    assert answer.document["unasked"] == {"office": "it is not in the config any more"}


def test_a_station_that_never_ran_has_nothing_to_verify(run: Run, site: Path) -> None:
    assert run("verify", "--json").document["checked"] == {"store": 0}
    assert not (site / "state").exists()
