"""One call of one command: its arguments, where it prints, and the world it was called in."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from v2xsync.cli.output import Output
from v2xsync.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from v2xsync.config.schema import StationConfig
    from v2xsync.engine.docking import UsbPort


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every command gets. `environ` and `cwd` are the process's own."""

    arguments: argparse.Namespace
    out: Output
    environ: Mapping[str, str]
    cwd: Path
    stdin: TextIO
    now: Callable[[], float] = field(default=time.time)
    usb: UsbPort | None = None
    """A simulated port for flash drives (`v2xsync demo`); None: the machine's own."""

    @property
    def on_terminal(self) -> bool:
        """Whether a person sits before a screen: both ends of the conversation are a terminal."""
        return self.stdin.isatty() and sys.stdout.isatty() and self.environ.get("TERM", "") not in ("", "dumb")

    def config(self, *, opens_devices: bool, warn: bool = True) -> StationConfig:
        """Find and load the config; warnings go to stderr. Raises ConfigError with every problem.

        Commands that open no device work without the devices' secrets.
        """
        from v2xsync.config.load import find_config, load

        path = find_config(self.arguments.config, self.environ, self.cwd)
        config = load(path, self.environ, check_secrets=opens_devices)
        check_keys(config)
        if warn:
            for warning in config.warnings:
                self.out.talk(f"v2xsync: warning: {warning}")
        return config


def check_keys(config: StationConfig) -> None:
    """The names of keys are the screen's matter, so they are judged where both are known. Raises ConfigError."""
    if not config.keys:
        return
    from v2xsync.ui.keys import problems

    wrong = problems(config.keys)
    if wrong:
        remedy = "the README lists every key's name"
        raise ConfigError("; ".join(wrong), file=str(config.source_file), key="keys", remedy=remedy)
