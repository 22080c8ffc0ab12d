"""The log: one safe line per event, in a file that is turned over, without secrets."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from tests.cli.conftest import CONFIG

from v2xsync.cli.logs import logging_to
from v2xsync.config.load import load
from v2xsync.config.schema import StationConfig
from v2xsync.config.secrets import SecretRef
from v2xsync.errors import ConfigError


@pytest.fixture
def config(site: Path) -> StationConfig:
    return load(site / "v2xsync.toml", {})


def event(text: str, level: int = logging.INFO) -> None:
    logging.getLogger("v2xsync.station").log(level, "%s", text, extra={"device": "clay", "item_id": 7})


def test_events_reach_the_file_and_stdout(config: StationConfig, site: Path) -> None:
    stdout = io.StringIO()
    with logging_to(config, stdout=stdout):
        event("hello")
    assert stdout.getvalue().endswith(" INFO    hello\n")
    assert (site / "logs" / "v2xsync.log").read_text() == stdout.getvalue()


def test_no_line_holds_a_secret_or_a_raw_control_character(config: StationConfig, site: Path) -> None:
    config.vault.reveal(SecretRef("plain", "hunter2"))
    stdout = io.StringIO()
    with logging_to(config, stdout=stdout):
        event("login hunter2 \x1b[31m\n\x9b\u202e")
    assert "hunter2" not in stdout.getvalue()
    (line,) = stdout.getvalue().splitlines()
    assert line.isprintable()


def test_lines_may_be_json(config: StationConfig) -> None:
    stdout = io.StringIO()
    with logging_to(config, stdout=stdout, as_json=True):
        event("hello", logging.WARNING)
    line = json.loads(stdout.getvalue())
    assert (line["level"], line["text"], line["device"], line["item_id"]) == ("warning", "hello", "clay", 7)
    assert line["at"].endswith("+00:00")


def test_libraries_speak_to_the_file_only_and_only_of_trouble(config: StationConfig, site: Path) -> None:
    stdout = io.StringIO()
    with logging_to(config, stdout=stdout):
        logging.getLogger("paramiko.transport").info("chatter")
        logging.getLogger("paramiko.transport").error("trouble")
    assert stdout.getvalue() == ""
    text = (site / "logs" / "v2xsync.log").read_text()
    assert "trouble" in text
    assert "chatter" not in text


def test_without_a_folder_nothing_is_written_to_disk(site: Path) -> None:
    (site / "v2xsync.toml").write_text(CONFIG.replace('logs = "logs"', ""))
    stdout = io.StringIO()
    with logging_to(load(site / "v2xsync.toml", {}), stdout=stdout):
        logging.getLogger("paramiko").error("trouble")
        event("hello")
    assert "hello" in stdout.getvalue()
    assert "trouble" not in stdout.getvalue()
    assert not (site / "logs").exists()


def test_seven_days_are_kept(config: StationConfig, site: Path) -> None:
    with logging_to(config, stdout=None):
        (file,) = logging.getLogger("v2xsync").handlers
        assert isinstance(file, logging.handlers.TimedRotatingFileHandler)
        assert file.when == "MIDNIGHT"
        for day in range(1, 20):
            (site / "logs" / f"v2xsync.log.2026-01-{day:02}").touch()
        file.doRollover()
    assert len(list((site / "logs").glob("v2xsync.log.*"))) == 7


def test_everything_is_as_before_when_the_run_is_over(config: StationConfig) -> None:
    ours = logging.getLogger("v2xsync")
    before = (list(ours.handlers), ours.level, ours.propagate, logging.raiseExceptions)
    with logging_to(config, stdout=io.StringIO()):
        assert not ours.propagate
    assert (list(ours.handlers), ours.level, ours.propagate, logging.raiseExceptions) == before


def test_a_full_disk_or_a_closed_stdout_prints_no_traceback(
    config: StationConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    stdout = io.StringIO()
    with logging_to(config, stdout=stdout):
        stdout.close()
        event("hello")
    assert capsys.readouterr().err == ""


def test_a_log_folder_that_cannot_be_is_named(config: StationConfig, site: Path) -> None:
    (site / "logs").write_text("a file")
    with pytest.raises(ConfigError) as caught, logging_to(config, stdout=None):
        pass
    assert caught.value.key == "station.logs"
