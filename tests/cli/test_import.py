"""``v2xsync import`` as a person calls it: pages, secrets, refusals, exit codes."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest
from tests.cli.conftest import Run
from tests.unit.config.legacy.samples import (
    DISK,
    EVERY,
    FTP_CLIENT,
    LOCAL,
    SECRET,
    SINGLE_WORKER,
    STAGED_PULL,
    seed_device,
    worker,
)

from v2xsync.config.device_options import DEVICE_TYPES
from v2xsync.config.load import load


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A config of an older system with two passwords."""
    file = tmp_path / "old.json"
    file.write_text(json.dumps(STAGED_PULL))
    return file


@pytest.mark.parametrize("shape", EVERY)
def test_every_shape_is_written_and_checked_without_a_word_of_secrets(shape: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(EVERY[shape]))
    answer = run("import", "old.json", "-o", "v2xsync.toml")
    assert answer.code == 0, answer
    assert answer.out == ""
    assert SECRET not in answer.err + (tmp_path / "v2xsync.toml").read_text()
    assert load(tmp_path / "v2xsync.toml", {"HOME": str(tmp_path)}, check_secrets=False).devices


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_without_a_file_the_page_is_data_and_the_rest_is_talk(output: list[str], run: Run, old: Path) -> None:
    answer = run("import", str(old), *output)
    assert answer.code == 0
    assert tomllib.loads(answer.out)["store"]["directory"] == "./archive-here"
    assert "to do: set MARKET_10TH_PASSWORD in the environment: the password of market-10th" in answer.err
    assert "to do: v2xsync trust market-10th" in answer.err
    assert SECRET not in answer.out + answer.err
    assert sorted(path.name for path in old.parent.iterdir()) == ["old.json"]


def test_the_variables_that_are_named_make_the_page_complete(run: Run, old: Path, tmp_path: Path) -> None:
    assert run("import", str(old), "-o", "new.toml", "--json").code == 0
    names = [secret["variable"] for secret in run("import", str(old), "--json").document["secrets"]]
    assert names == ["MARKET_10TH_PASSWORD", "MARKET_11TH_PASSWORD"]
    environ = {"HOME": str(tmp_path), **dict.fromkeys(names, SECRET)}
    if "irods" in DEVICE_TYPES:
        (tmp_path / ".irods").mkdir()
        (tmp_path / ".irods" / "irods_environment.json").write_text("{}")
    assert "market-10th" in load(tmp_path / "new.toml", environ).devices


def test_secrets_go_to_files_of_their_own_when_told_to(run: Run, old: Path, tmp_path: Path) -> None:
    answer = run("import", str(old), "-o", "new.toml", "--secrets", "private")
    assert answer.code == 0, answer
    folder = tmp_path / "private"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["market_10th_password", "market_11th_password"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    config = load(tmp_path / "new.toml", {"HOME": str(tmp_path)}, check_secrets=False)
    secret = config.devices["market-10th"].options.password  # type: ignore[attr-defined]
    assert config.vault.reveal(secret) == SECRET
    assert SECRET not in (tmp_path / "new.toml").read_text() + answer.err
    assert "market_10th_password" in answer.err


def test_a_secret_that_was_not_in_the_old_config_is_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text(json.dumps(FTP_CLIENT))
    answer = run("import", "old.json", "--secrets", "private")
    assert answer.code == 0
    assert "private/data_collector_password (chmod 600)" in answer.err
    assert not list((tmp_path / "private").iterdir())


@pytest.mark.parametrize("kind", ["file", "link", "dangling", "folder"])
def test_what_is_there_already_stays(kind: str, run: Run, old: Path, tmp_path: Path) -> None:
    there = tmp_path / "new.toml"
    kept = tmp_path / "kept"
    if kind == "file":
        there.write_text("mine")
    elif kind == "folder":
        there.mkdir()
    else:
        there.symlink_to(kept)
        if kind == "link":
            kept.write_text("mine")
    answer = run("import", str(old), "-o", "new.toml", "--secrets", "private")
    assert answer.code == 2
    assert "is there already" in answer.err
    assert not (tmp_path / "private").exists(), "nothing is written by halves"
    assert kept.exists() is (kind == "link")


def test_force_replaces_the_page_and_the_secrets_but_follows_no_link(run: Run, old: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (tmp_path / "new.toml").symlink_to(elsewhere)
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "private" / "market_10th_password").symlink_to(elsewhere)
    assert run("import", str(old), "-o", "new.toml", "--secrets", "private", "--force").code == 0
    assert elsewhere.read_text() == "mine"
    assert not (tmp_path / "new.toml").is_symlink()
    assert (tmp_path / "private" / "market_10th_password").read_text() == SECRET + "\n"


def test_a_secret_that_is_there_already_ends_the_import_and_nothing_new_stays(
    run: Run, old: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    (folder / "market_11th_password").write_text("older")
    answer = run("import", str(old), "-o", "new.toml", "--secrets", "private")
    assert answer.code == 2
    assert [file.name for file in folder.iterdir()] == ["market_11th_password"]
    assert not (tmp_path / "new.toml").exists()


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_folder_that_others_can_reach_takes_no_secrets(kind: str, run: Run, old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "private"
    if kind == "file":
        folder.write_text("")
    elif kind == "open":
        folder.mkdir()
        folder.chmod(0o755)
    else:
        (tmp_path / "real").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "real")
    answer = run("import", str(old), "--secrets", "private")
    assert answer.code == 2, answer
    assert answer.out == ""
    assert not list((tmp_path / "real").iterdir()) if kind == "link" else True


def test_when_the_page_cannot_be_written_the_secrets_are_taken_back(run: Run, old: Path, tmp_path: Path) -> None:
    answer = run("import", str(old), "-o", "no/such/folder/new.toml", "--secrets", "private")
    assert answer.code == 2
    assert "cannot be written" in answer.err
    assert not list((tmp_path / "private").iterdir())


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_the_older_config_itself_is_never_replaced(force: list[str], run: Run, old: Path, tmp_path: Path) -> None:
    before = old.read_bytes()
    os.link(old, tmp_path / "same.json")
    assert run("import", str(old), "-o", "same.json", *force).code == 2
    assert old.read_bytes() == before


def test_a_wrong_file_ends_with_2_and_as_data_too(run: Run, old: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")
    answer = run("import", str(old), "broken.json", "missing.json", "-o", "new.toml", "--json")
    assert answer.code == 2
    assert [error["kind"] for error in answer.document["errors"]] == ["ConfigError", "ConfigError"]
    assert not (tmp_path / "new.toml").exists()


def test_the_report_as_json_says_everything_but_secrets(run: Run, old: Path, tmp_path: Path) -> None:
    answer = run("import", str(old), "--json")
    document = answer.document
    assert document["schema"] == "v2xsync/1"
    assert document["command"] == "import"
    assert document["config"] is None
    assert tomllib.loads(document["toml"])["devices"]
    assert document["exit_code"] == 0
    assert document["systems"][0]["system"].startswith("the SFTP pull script")
    assert document["routes"] == ["intersections"]
    assert SECRET not in answer.out + answer.err
    written = run("import", str(old), "--json", "-o", "new.toml").document
    assert written["toml"] is None
    assert written["config"] == str(tmp_path / "new.toml")


def test_a_page_that_cannot_be_loaded_yet_ends_with_1(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = {name: kind for name, kind in DEVICE_TYPES.items() if name != "disk"}
    for module in ("device_options", "devices", "legacy.judging"):
        monkeypatch.setattr(f"v2xsync.config.{module}.DEVICE_TYPES", left)
    (tmp_path / "old.json").write_text(json.dumps([DISK]))
    answer = run("import", "old.json", "-o", "new.toml")
    assert answer.code == 1
    assert "still wrong: devices: no device is written" in answer.err
    assert "commented out: devices.disk-0123-ABCD" in answer.err
    assert "# [devices.disk-0123-ABCD]" in (tmp_path / "new.toml").read_text()


def test_a_name_that_a_terminal_would_obey_is_never_drawn_raw(run: Run, tmp_path: Path) -> None:
    nasty = worker("x\x1b[31m\u202e", LOCAL, {"device": "LOCAL", "args": {"dir": "/out\x1b]0;x\x07"}}, "csv")
    (tmp_path / "old.json").write_text(json.dumps({"workers": [nasty], "more\x1b[31m": 1}))
    answer = run("import", "old.json")
    assert "\x1b" not in answer.out + answer.err
    assert tomllib.loads(answer.out)["devices"]["out-0-x"]["directory"] == "/out\x1b]0;x\x07"


def test_an_imported_worker_moves_what_it_moved_before(run: Run, tmp_path: Path) -> None:
    """Selected files arrive under their old paths and go from the source; excluded ones and folders stay."""
    ends = {"source": seed_device("LOCAL", dir="in"), "target": seed_device("LOCAL", dir="out")}
    (tmp_path / "old.json").write_text(json.dumps({**SINGLE_WORKER, **ends}))
    for name in ("20240101/a.jpg", "deep/er/b.csv", "deep/scratch/c.csv", "tmp/d.csv", "e.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    (tmp_path / "out").mkdir()
    assert run("import", "old.json", "-o", "v2xsync.toml").code == 0
    page = (tmp_path / "v2xsync.toml").read_text().replace("stage = false", 'stage = false\nready = { settle = "0s" }')
    (tmp_path / "v2xsync.toml").write_text(page.replace("[station]", '[station]\nstate = "state"'))

    answer = run("--once")

    assert answer.code == 0, answer
    assert files_in(tmp_path / "out") == {"20240101/a.jpg", "deep/er/b.csv"}
    assert files_in(tmp_path / "in") == {"deep/scratch/c.csv", "tmp/d.csv", "e.txt"}
    assert (tmp_path / "in" / "20240101").is_dir()


def files_in(folder: Path) -> set[str]:
    """Every file below a folder but our own."""
    found = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in found if ".v2xsync" not in name}
