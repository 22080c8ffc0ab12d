"""Commands that read: check, plan, status, history, why. They take no lock and change nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG, NASTY, SPAT, Run

from v2xsync.ledger.sqlite import open_ledger


def is_plain(text: str) -> bool:
    return all(letter.isprintable() or letter == "\n" for letter in text)


def tree(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_plan_lists_what_a_run_will_do_and_touches_nothing(run: Run, site: Path) -> None:
    before = tree(site)
    answer = run("plan", "--json")
    assert answer.code == 0, answer
    lines = {(line["action"], line["device"]) for line in answer.document["lines"]}
    assert lines == {("fetch", "store"), ("deliver", "office"), ("remove", "")}
    assert answer.document["counts"] == {"fetch": 2, "deliver": 2, "remove": 2}
    assert tree(site) == before


def test_plan_in_words_is_safe_to_draw(run: Run, site: Path) -> None:
    answer = run("plan", "all")
    assert answer.code == 0
    assert is_plain(answer.out)
    assert "\\x1b[31m" in answer.out
    assert "nothing was touched" in answer.err


def test_plan_goes_on_where_a_source_is_away(run: Run, site: Path) -> None:
    text = CONFIG.replace('from = ["clay"]', 'from = ["gone", "clay"]')
    (site / "v2xsync.toml").write_text(text + '[devices.gone]\ntype = "local"\ndirectory = "gone"\n')
    answer = run("plan", "--json")
    assert answer.code == 3
    assert [cause["device"] for cause in answer.document["causes"]] == ["gone"]
    assert answer.document["counts"]["fetch"] == 2


def test_plan_names_each_source_that_is_away_and_one_long_name_pushes_only_its_own_line(run: Run, site: Path) -> None:
    text = CONFIG.replace('from = ["clay"]', 'from = ["north", "south", "clay"]')
    away = '[devices.{0}]\ntype = "sftp"\nhost = "127.0.0.1"\nport = 9\nusername = "x"\nroot = "{0}"\npassword = "x"\n'
    keys = f'host_key = "SHA256:{"A" * 43}"\n'
    (site / "v2xsync.toml").write_text(text + away.format("north") + keys + away.format("south") + keys)
    (site / "clay" / f"{'long' * 40}.csv").write_text("x")
    answer = run("plan")
    assert answer.code == 3
    told = [line for line in answer.err.splitlines() if "refuses" in line]
    assert len(set(told)) == 2
    assert all(f"{name}: 127.0.0.1:9" in line for name, line in zip(("north", "south"), told, strict=True))
    assert len([line for line in answer.out.splitlines() if len(line) > 200]) <= 3


def test_plan_refuses_a_device_where_a_route_is_meant(run: Run, site: Path) -> None:
    assert run("plan", "clay").code == 2


@pytest.mark.parametrize("command", [["status"], ["history"], ["holds"], ["why", "x"]])
def test_a_station_that_never_ran_has_nothing_to_tell_and_gets_no_state(
    command: list[str], run: Run, site: Path
) -> None:
    answer = run(*command)
    assert answer.code == (1 if command[0] == "why" else 0)
    assert not (site / "state").exists()


def test_history_has_every_hop(run: Run, site: Path) -> None:
    run("--once")
    answer = run("history", "--json")
    hops = [(line["step"], line["device"]) for line in answer.document["lines"] if line["path"] == SPAT]
    assert hops == [("found", "clay"), ("stored", "store"), ("delivered", "office"), ("removed", "clay")]
    delivered = next(line for line in answer.document["lines"] if line["step"] == "delivered")
    assert delivered["proof"] == "hash"
    assert len(delivered["sha256"]) == 64
    assert NASTY in {line["path"] for line in answer.document["lines"]}


def test_history_can_be_narrowed(run: Run, site: Path) -> None:
    run("--once")
    assert {line["step"] for line in run("history", "--state", "removed", "--json").document["lines"]} == {"removed"}
    assert len(run("history", "--limit", "3", "--json").document["lines"]) == 3
    assert run("history", "--source", "office", "--json").document["lines"] == []
    assert run("history", "--since", "1h", "--json").document["lines"]
    assert run("history", "--since", "2100-01-01", "--json").document["lines"] == []
    wrong = run("history", "--state", "remove")
    assert wrong.code == 2
    assert 'did you mean "removed"?' in wrong.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--source", "cly"], 'did you mean "clay"?'),
        (["--route", "nowhere"], "known routes: all"),
        (["--limit", "-3"], "--limit"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_history_refuses_what_there_never_was(options: list[str], told: str, run: Run, site: Path) -> None:
    run("--once")
    answer = run("history", *options)
    assert answer.code == 2
    assert told in answer.err


def test_history_knows_what_the_config_has_forgotten(run: Run, site: Path) -> None:
    run("--once")
    config = site / "v2xsync.toml"
    config.write_text(config.read_text().replace("[routes.all]", "[routes.other]"))
    assert run("history", "--route", "all").code == 0


def test_a_next_run_that_has_passed_is_due_now(run: Run, site: Path) -> None:
    ledger = open_ledger(site / "state")
    ledger.write_note("view", '{"name": "test", "state": "away", "at": 5.0, "next_run": 10.0, "devices": []}')
    ledger.close()
    assert "next run: due now" in run("status").out


def test_history_in_words_is_safe_to_draw(run: Run, site: Path) -> None:
    run("--once")
    answer = run("history")
    assert is_plain(answer.out)
    assert len(answer.out.splitlines()) == 9


@pytest.mark.parametrize(
    "path",
    [
        SPAT,
        "clay_spatLog_01022026_030405.csv",
        "{site}/clay/" + SPAT,
        "{site}/store/clay/spat/clay_spatLog_01022026_030405.csv",
        "{site}/office/clay/spat/clay_spatLog_01022026_030405.csv",
        "store/clay/spat/clay_spatLog_01022026_030405.csv",
    ],
)
def test_why_finds_a_file_by_any_of_its_paths(path: str, run: Run, site: Path) -> None:
    run("--once")
    answer = run("why", path.format(site=site), "--json")
    assert answer.code == 0, answer
    (item,) = answer.document["items"]
    assert item["dossier"]["path"] == SPAT
    assert any("removed from clay" in sentence for sentence in item["summary"])


def test_why_says_why_an_original_is_still_there(run: Run, site: Path) -> None:
    (site / "v2xsync.toml").write_text(CONFIG.replace('after = "delivered"', 'after = "never"'))
    run("--once")
    answer = run("why", SPAT)
    assert "no route removes it" in answer.out
    assert "proven by hash" in answer.out


def test_status_tells_the_last_picture_and_the_backlog(run: Run, site: Path) -> None:
    run("--once")
    answer = run("status", "--json")
    assert answer.document["view"]["name"] == "test"
    assert answer.document["backlog"]["items"] == 2
    words = run("status")
    assert "as last written down" in words.out
    assert "2 files known, 0 on hold" in words.out


def test_reading_works_beside_the_owner_of_the_state_folder(run: Run, site: Path) -> None:
    run("--once")
    ledger = open_ledger(site / "state")
    try:
        for command in ("status", "history", "holds"):
            assert run(command).code == 0
        assert run("why", SPAT).code == 0
        assert run("plan").code == 0
    finally:
        ledger.close()


@pytest.mark.parametrize("command", [["sync"], ["retry"], ["release", "--all", "--again"], ["--no-ui", "--once"]])
def test_commands_that_write_end_with_4_beside_the_owner(command: list[str], run: Run, site: Path) -> None:
    run("--once")
    ledger = open_ledger(site / "state")
    try:
        answer = run(*command)
    finally:
        ledger.close()
    assert answer.code == 4
    assert str(site / "state") in answer.err


def test_check_says_what_every_route_does_and_what_is_unwise(run: Run, site: Path) -> None:
    (site / "v2xsync.toml").write_text(CONFIG + '[devices.idle]\ntype = "local"\ndirectory = "idle"\n')
    answer = run("check")
    assert answer.code == 0
    assert "ok: routes.all: clay -> office; originals are removed once delivered" in answer.out
    assert "warning: devices.idle: no route uses it" in answer.out


def test_check_opens_every_device_and_one_that_fails_does_not_hide_the_others(run: Run, site: Path) -> None:
    answer = run("check", "--connect", "--json")
    assert answer.code == 0
    about = {finding["about"]: finding["text"] for finding in answer.document["findings"]}
    assert about["devices.clay"] == "2 files in the listing"
    (site / "office").rmdir()
    answer = run("check", "--connect", "--json")
    assert answer.code == 3
    levels = {(finding["about"], finding["level"]) for finding in answer.document["findings"]}
    assert ("devices.office", "error") in levels
    assert ("devices.clay", "ok") in levels
    assert all(finding["remedy"] for finding in answer.document["findings"] if finding["level"] == "error")


def test_closed_streams_are_no_trouble(site: Path) -> None:
    code = f"cd {site}; {sys.executable} -m v2xsync --once <&- >&- 2>&-; {sys.executable} -m v2xsync history <&- 2>&-"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "removed" in done.stdout


def test_a_reader_that_goes_away_is_no_trouble(site: Path) -> None:
    """``v2xsync history | head`` ends quietly."""
    code = f"cd {site}; {sys.executable} -m v2xsync --once >/dev/null 2>&1; {sys.executable} -m v2xsync history | true"
    done = subprocess.run(["sh", "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
