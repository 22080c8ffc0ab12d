"""The written page, judged by the loader itself: what would not load is commented out, with the loader's reason."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from v2xsync.config.device_options import DEVICE_TYPES
from v2xsync.config.legacy.draft import CarriedDevice, CarriedRoute, Draft
from v2xsync.config.legacy.writing import Page
from v2xsync.config.load import load
from v2xsync.config.problems import ConfigErrors
from v2xsync.errors import ConfigError


def settle(draft: Draft, environ: Mapping[str, str]) -> Sequence[ConfigError]:
    """Comment out in `draft` what this version cannot load; returns the problems that are left for a person.

    Secrets are not looked for: they are still to be put where the page says.
    """
    for device in draft.devices:
        if device.type not in DEVICE_TYPES:
            device.off = f'this version of v2xsync has no devices of type "{device.type}" yet'
    while True:
        problems = problems_of(Page(draft).text(), environ)
        if not [problem for problem in problems if _switch_off(draft, problem)]:
            return problems


def problems_of(text: str, environ: Mapping[str, str]) -> Sequence[ConfigError]:
    """Return what the loader says against a page, as if it lay in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="v2xsync-import-") as folder:
        file = Path(folder) / "v2xsync.toml"
        file.write_text(text, encoding="utf-8")
        try:
            load(file, environ, check_secrets=False)
        except ConfigErrors as errors:
            return errors.problems
        except ConfigError as error:
            return (error,)
    return ()


def _switch_off(draft: Draft, problem: ConfigError) -> bool:
    """Comment out what the problem is about; False where nothing (more) can be."""
    found = _named(problem.key, "devices", draft.devices) or _named(problem.key, "routes", draft.routes)
    if found is None or found.off:
        return False
    found.off = f"{problem.key.rpartition('.')[2]}: {problem.what}, {problem.remedy}".rstrip(", ")
    return True


def _named(
    key: str, section: str, things: Iterable[CarriedDevice] | Iterable[CarriedRoute]
) -> CarriedDevice | CarriedRoute | None:
    """The device or route that a dotted key lies in; names may hold dots themselves, so the longest counts."""
    fitting = [thing for thing in things if f"{key}.".startswith(f"{section}.{thing.name}.")]
    return max(fitting, key=lambda thing: len(thing.name), default=None)
