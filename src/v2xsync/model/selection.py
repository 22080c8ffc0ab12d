"""Which files belong to a route: shell patterns on paths."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from v2xsync.model.rules import Selection


def selects(selection: Selection, path: str) -> bool:
    """Whether `path` (relative to the source's root) is included and not excluded.

    Patterns are those of `fnmatch`, case counts, and ``*`` crosses ``/``. A pattern is tried on the whole path, and on
    the bare name too where it has no slash itself.
    """
    name = path.rpartition("/")[2]
    return _any_fits(selection.include, path, name) and not _any_fits(selection.exclude, path, name)


def _any_fits(patterns: Iterable[str], path: str, name: str) -> bool:
    return any(fnmatchcase(path, p) or ("/" not in p and fnmatchcase(name, p)) for p in patterns)
