"""``--once`` and ``sync``: everything moves, the exit code is right, and the ledger tells the story."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cli.conftest import CONFIG, NASTY, SPAT, Run


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_once_moves_everything_and_a_second_run_moves_nothing(run: Run, site: Path) -> None:
    first = run("--no-ui", "--once", "--json")
    assert first.code == 0, first
    assert first.document["totals"]["removed"] == 2
    assert first.document["causes"] == []
    assert (site / "office" / "clay" / "spat" / Path(SPAT).name).read_bytes() == b"row\n"
    assert files(site / "clay") == set()
    assert not (site / "clay" / "live_1").exists()
    again = run("--no-ui", "--once", "--json")
    assert again.code == 0
    assert again.document["totals"]["found"] == 0


def test_log_lines_go_to_stdout_and_talk_to_stderr(run: Run, site: Path) -> None:
    answer = run("--no-ui", "--once")
    assert "INFO    station test started" in answer.out
    assert "2 fetched" in answer.err
    assert "v2xsync" not in answer.out


def test_a_device_that_cannot_be_used_gives_3_and_every_cause(run: Run, site: Path) -> None:
    """A target's folder that was there and is gone is a drive that is not mounted: it is never made a second time."""
    content = (site / "clay" / SPAT).read_bytes()
    assert run("--once").code == 0
    (site / "clay" / SPAT).parent.mkdir(parents=True, exist_ok=True)
    (site / "clay" / SPAT).write_bytes(content + b"more")
    shutil.rmtree(site / "office")
    answer = run("--once", "--json")
    assert answer.code == 3
    assert answer.document["exit_code"] == 3
    assert "office" in {cause["device"] for cause in answer.document["causes"] if cause["kind"] == "device"}
    assert (site / "clay" / SPAT).exists()


def test_files_that_are_not_ready_are_no_failure(run: Run, site: Path) -> None:
    (site / "clay" / f"{SPAT}.lock").touch()
    (site / "v2xsync.toml").write_text(CONFIG + 'exclude = ["*.lock"]\n')
    answer = run("--once")
    assert answer.code == 0
    assert (site / "clay" / SPAT).exists()


def test_sync_takes_routes_and_devices(run: Run, site: Path) -> None:
    assert run("sync", "clay", "--wait").code == 0
    assert files(site / "clay") == set()


def test_a_name_that_is_neither_is_refused_before_anything_moves(run: Run, site: Path) -> None:
    answer = run("sync", "clai")
    assert answer.code == 2
    assert 'did you mean "clay"?' in answer.err
    assert files(site / "clay") == {SPAT, NASTY}
    assert not (site / "state").exists()


def test_a_wrong_config_ends_with_2_and_touches_nothing(run: Run, site: Path) -> None:
    (site / "v2xsync.toml").write_text(CONFIG.replace('"UTC"', '"Mars/Base"').replace('to = ["', 'to = ["x'))
    answer = run("--no-ui", "--once", "--json")
    assert answer.code == 2
    assert {problem["key"] for problem in answer.document["errors"]} == {"station.timezone", "routes.all.to"}
    assert len(answer.err.splitlines()) == 2
    assert {path.name for path in site.iterdir()} == {"v2xsync.toml", "clay", "office"}


def test_a_missing_config_lists_where_it_looked(run: Run, site: Path) -> None:
    answer = run("--once", "-c", "nowhere.toml")
    assert answer.code == 2
    assert str(site / "nowhere.toml") in answer.err
    assert "Traceback" not in answer.err


def test_keys_that_do_not_exist_are_a_config_error(run: Run, site: Path) -> None:
    (site / "v2xsync.toml").write_text(f'{CONFIG}\n[keys]\nfoo = "x"\n')
    answer = run("check")
    assert answer.code == 2
    assert "no key is called 'foo'" in answer.err
