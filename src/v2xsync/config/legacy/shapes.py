"""Which older system a file belongs to, by its shape alone, and the way from files to one draft."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from v2xsync.config.legacy import (
    data_collector,
    data_transfer,
    filesync,
    filesync_devices,
    ftp_client,
    ftp_server,
    pull_script,
    px4_logs,
)
from v2xsync.config.legacy.draft import Draft
from v2xsync.config.legacy.files import read_old
from v2xsync.config.legacy.reading import Old
from v2xsync.config.problems import ConfigErrors, Problems, in_words
from v2xsync.errors import ConfigError


@dataclass(frozen=True, slots=True)
class System:
    """One older system: its name, how its shape is known, and what puts it into a draft."""

    name: str
    fits: Callable[[object], bool]
    carry: Callable[[Old], None]


SYSTEMS: Final = (
    System(pull_script.SYSTEM, pull_script.fits, pull_script.carry),
    System(ftp_client.SYSTEM, ftp_client.fits, ftp_client.carry),
    System(data_transfer.SYSTEM, data_transfer.fits, data_transfer.carry),
    System(ftp_server.SYSTEM, ftp_server.fits, ftp_server.carry),
    System(filesync.SYSTEM, filesync.fits, filesync.carry),
    System(filesync_devices.SYSTEM, filesync_devices.fits, filesync_devices.carry),
    System(px4_logs.SYSTEM, px4_logs.fits, px4_logs.carry),
    System(data_collector.SYSTEM, data_collector.fits, data_collector.carry),
)
"""In the order in which they are asked: the first that fits is it."""


def draft_of(files: Iterable[Path]) -> Draft:
    """Return one draft of all `files`. Raises ConfigErrors with everything that is wrong in any of them."""
    draft = Draft()
    found: list[ConfigError] = []
    for path in files:
        try:
            _carry_file(path, draft)
        except ConfigErrors as errors:
            found.extend(errors.problems)
        except ConfigError as error:
            found.append(error)
    if found:
        raise ConfigErrors(found)
    return draft


def _carry_file(path: Path, draft: Draft) -> None:
    file = str(path)
    raw = read_old(path)
    system = _system_of(raw, file)
    problems = Problems(file)
    draft.systems.append((file, system.name))
    if isinstance(raw, list):
        filesync_devices.carry_list(raw, draft, problems, file)
    elif isinstance(raw, dict):
        system.carry(Old(raw, draft, problems, file))
    problems.raise_if_any()


def _system_of(raw: object, file: str) -> System:
    for system in SYSTEMS:
        if system.fits(raw):
            return system
    known = in_words([system.name for system in SYSTEMS])
    raise ConfigError("this is no shape that an older system had", file=file, remedy=f"known are {known}")
