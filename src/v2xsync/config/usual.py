"""What holds where the config is silent, and what a named zone means: this machine's zone, this user's state folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from v2xsync.config.problems import Misfit, did_you_mean

_LOCALTIME: Final = Path("/etc/localtime")


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of that IANA name; raises Misfit with the nearest known name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        remedy = did_you_mean(name, available_timezones(), kind="zones")
        if not remedy.startswith("did"):
            remedy = 'write a name such as "America/Los_Angeles" (timedatectl list-timezones shows all)'
        raise Misfit(f'there is no time zone "{name}"', remedy=remedy) from error


def known_zone(name: str) -> str:
    """Return `name` where it is that of a zone; raises Misfit."""
    zone_named(name)
    return name


def machine_zone(environ: Mapping[str, str], localtime: Path = _LOCALTIME) -> ZoneInfo:
    """Return the zone this machine is set to, UTC where it does not tell a name."""
    _folder, marker, linked = str(localtime.resolve()).partition("zoneinfo/")
    for name in (environ.get("TZ", "").lstrip(":"), linked if marker else ""):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def usual_state(environ: Mapping[str, str], home: Path | None) -> Path:
    """Return the state folder of a config that names none: systemd's, else this user's as the platform has it."""
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    if home is None:
        return Path("/var/lib/v2xsync")
    if sys.platform == "win32":
        return Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local") / "v2xsync"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "v2xsync"
    return Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state") / "v2xsync"
