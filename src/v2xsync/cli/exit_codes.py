"""What a process ends with; scripts and cron rely on these numbers.

The first that fits wins: 2, 4, 130; then 3 if a device that was needed could not be used, whatever else succeeded; then
1 if an item failed or is on hold; else 0.
"""

from __future__ import annotations

from typing import Final

from v2xsync.cli.arguments import UsageError
from v2xsync.errors import ConfigError, DeviceError, StateInUse, V2xSyncError

DONE: Final = 0
"""All done; devices that are plugged in now and then, and files not ready, are no failures."""

SOME_FAILED: Final = 1
"""Some items failed or are on hold; also: the ledger or the store cannot be used."""

USAGE: Final = 2
"""The command line or the config is wrong; nothing was touched."""

DEVICE: Final = 3
"""A device that was needed could not be used."""

IN_USE: Final = 4
"""Another instance owns this state folder."""

INTERRUPTED: Final = 130


def code_of(error: V2xSyncError) -> int:
    """Return the exit code that `error` means when it ends a command."""
    if isinstance(error, ConfigError | UsageError):
        return USAGE
    if isinstance(error, StateInUse):
        return IN_USE
    return DEVICE if isinstance(error, DeviceError) else SOME_FAILED
