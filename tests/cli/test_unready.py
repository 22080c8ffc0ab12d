"""Files that their writers have not finished, and names that are never taken, are told and not hidden."""

from __future__ import annotations

import os
from pathlib import Path

from tests.cli.conftest import CONFIG, Run

AN_HOUR_AND_MORE_S = 3 * 3600


def lock(site: Path, name: str = "26593136.dat", *, age_s: float = AN_HOUR_AND_MORE_S) -> Path:
    (site / "clay" / name).write_bytes(b"minute")
    companion = site / "clay" / f"{name}.lock"
    companion.write_bytes(b"")
    stamp = companion.stat().st_mtime - age_s
    os.utime(companion, (stamp, stamp))
    return companion


def test_status_and_why_tell_of_a_locked_file_and_the_age_of_its_lock(run: Run, site: Path) -> None:
    lock(site)
    assert run("--no-ui", "--once").code == 0
    status = run("status")
    assert "not ready: clay: 26593136.dat: locked by 26593136.dat.lock (3 h old)" in status.out
    why = run("why", "26593136.dat")
    assert why.code == 0
    assert "locked by 26593136.dat.lock (3 h old)" in why.out
    whole = run("why", str(site / "clay" / "26593136.dat"), "--json")
    (item,) = whole.document["items"]
    assert item["unready"]["source"] == "clay"


def test_an_old_lock_is_told_in_the_log(run: Run, site: Path) -> None:
    lock(site)
    told = run("--no-ui", "--once")
    assert "has its writer died?" in told.out + told.err


def test_a_young_lock_is_no_news(run: Run, site: Path) -> None:
    lock(site, age_s=60)
    told = run("--no-ui", "--once")
    assert "has its writer died?" not in told.out + told.err


def test_a_stale_lock_is_overridden_only_by_the_explicit_rule(run: Run, site: Path) -> None:
    lock(site)
    stamp = (site / "clay" / "26593136.dat").stat().st_mtime - AN_HOUR_AND_MORE_S
    os.utime(site / "clay" / "26593136.dat", (stamp, stamp))
    run("--no-ui", "--once")
    assert not list((site / "office").rglob("26593136.dat"))
    ruled = CONFIG.replace('{ settle = "0s" }', '{ settle = "0s", stale_lock = "2h" }')
    (site / "v2xsync.toml").write_text(ruled, encoding="utf-8")
    run("--no-ui", "--once")
    assert list((site / "office").rglob("26593136.dat"))


def test_plan_names_orphan_companions_and_links_and_not_those_that_stand_beside_their_file(
    run: Run, site: Path
) -> None:
    lock(site)
    (site / "clay" / "x.tmp").write_bytes(b"left over")
    (site / "clay" / "link.csv").symlink_to(site / "office")
    lines = run("plan", "--json").document["lines"]
    left = {line["path"]: line["reason"] for line in lines if line["action"] == "leave"}
    assert set(left) == {"x.tmp", "link.csv"}
    assert "not there" in left["x.tmp"]
    assert "never followed" in left["link.csv"]
