"""The station's log: a file a day in the `logs` folder (seven kept), and lines on stdout where there is no screen.

The engine's events come through the logger ``v2xsync``. Every line is redacted and made safe to draw; libraries speak
to the file only, and only when something is wrong.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import logging.handlers
import os
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO
from zoneinfo import ZoneInfo

from v2xsync.cli.mouth import Mouth
from v2xsync.errors import ConfigError
from v2xsync.model.naming import printable

if TYPE_CHECKING:
    from v2xsync.config.schema import StationConfig
    from v2xsync.config.secrets import Redactor

OURS: Final = "v2xsync"
FOREIGN: Final = ("paramiko", "watchdog", "py.warnings")
"""Libraries that have something to say; never on stdout."""

KEPT_DAYS: Final = 7

LOG_SCHEMA: Final = "v2xsync-log/1"
"""Of every JSON line; grows by new keys only."""

_SYSLOG: Final = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class Line(logging.Formatter):
    """One event on one line: as text, or as a JSON object; for the journal with its level in front (sd-daemon(3))."""

    def __init__(self, redactor: Redactor, zone: ZoneInfo, *, as_json: bool, journal: bool = False) -> None:
        super().__init__()
        self._redactor = redactor
        self._zone = zone
        self._as_json = as_json
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets and without a raw control character."""
        at = dt.datetime.fromtimestamp(record.created, self._zone)
        text = printable(self._redactor.redact(super().format(record)))
        prefix = f"<{_SYSLOG.get(record.levelno, 6)}>" if self._journal else ""
        if not self._as_json:
            return prefix + (text if self._journal else f"{at:%Y-%m-%d %H:%M:%S} {record.levelname:<7} {text}")
        about = {key: value for key in ("device", "item_id") if (value := getattr(record, key, None))}
        head = {"schema": LOG_SCHEMA, "at": at.isoformat(), "level": record.levelname.lower(), "text": text}
        return prefix + json.dumps({**head, **about})


class LogFile(logging.handlers.TimedRotatingFileHandler):
    """A file a day that only this user may read; a symbolic link of its name is not followed."""

    def _open(self) -> TextIOWrapper:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self.baseFilename, flags, 0o600)
        return os.fdopen(descriptor, "a", encoding=self.encoding, errors=self.errors)


class MouthHandler(logging.Handler):
    """Gives lines to a mouth; never waits."""

    def __init__(self, mouth: Mouth) -> None:
        super().__init__()
        self._mouth = mouth

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        self._mouth.say(self.format(record))


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether `stream` goes to systemd's journal: JOURNAL_STREAM holds its device and inode (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM", "") == f"{found.st_dev}:{found.st_ino}"


@contextlib.contextmanager
def logging_to(
    config: StationConfig, *, stdout: TextIO | None, as_json: bool = False, journal: bool = False
) -> Iterator[Mouth | None]:
    """Write the log while the block runs; `stdout` is None where a screen owns the terminal. Gives who speaks on it.

    Raises ConfigError where the log folder cannot be used.
    """
    line = Line(config.vault.redactor, config.zone, as_json=False)
    file = _file(config.logs, line) if config.logs is not None else None
    mouth = Mouth(stdout) if stdout else None
    spoken = Line(config.vault.redactor, config.zone, as_json=as_json, journal=journal)
    ours = [handler for handler in (file, _on_stdout(mouth, spoken) if mouth else None) if handler is not None]
    with contextlib.ExitStack() as undo:
        if mouth is not None:
            undo.callback(mouth.close)
        for handler in ours:
            undo.callback(handler.close)
        undo.enter_context(_attached(OURS, ours, logging.INFO))
        for name in FOREIGN:
            undo.enter_context(_attached(name, [file] if file else [logging.NullHandler()], logging.WARNING))
        undo.enter_context(_quiet_faults())
        yield mouth


def _file(folder: Path, line: logging.Formatter) -> logging.Handler:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = LogFile(
            folder / "v2xsync.log", when="midnight", backupCount=KEPT_DAYS, encoding="utf-8", errors="backslashreplace"
        )
    except OSError as error:
        what = f"the log folder cannot be used: {error.strerror}"
        raise ConfigError(what, key="station.logs", remedy=f"make {folder} writable or name another") from error
    handler.setFormatter(line)
    return handler


def _on_stdout(mouth: Mouth, line: logging.Formatter) -> logging.Handler:
    handler = MouthHandler(mouth)
    handler.setFormatter(line)
    return handler


@contextlib.contextmanager
def _attached(name: str, handlers: list[logging.Handler], level: int) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = (logger.level, logger.propagate)
    logger.setLevel(level)
    logger.propagate = False
    for handler in handlers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
        logger.level, logger.propagate = before


@contextlib.contextmanager
def _quiet_faults() -> Iterator[None]:
    """A full disk or a closed stdout must not print tracebacks over the courier's own lines."""
    before = logging.raiseExceptions
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = before
