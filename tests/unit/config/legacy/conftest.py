"""Importing one value, as the command does, and what came of it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from v2xsync.config import device_options
from v2xsync.config.legacy.draft import Draft
from v2xsync.config.legacy.judging import settle
from v2xsync.config.legacy.shapes import draft_of
from v2xsync.config.legacy.writing import Page
from v2xsync.errors import ConfigError

HOME = {"HOME": "/home/tester"}


@dataclass(frozen=True)
class Imported:
    """One import: the draft, the page, what the loader still has against it."""

    draft: Draft
    text: str
    problems: Sequence[ConfigError]

    @property
    def toml(self) -> Mapping[str, Any]:
        return tomllib.loads(self.text)

    @property
    def told(self) -> str:
        return "\n".join(self.draft.told())


Import = Callable[..., Imported]


@pytest.fixture
def bring(tmp_path: Path) -> Import:
    """Import values (each becomes a file)."""

    def import_them(*values: object) -> Imported:
        files = [tmp_path / f"old-{number}.json" for number, _ in enumerate(values)]
        for file, value in zip(files, values, strict=True):
            file.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
        draft = draft_of(files)
        problems = settle(draft, HOME)
        return Imported(draft, Page(draft).text(), problems)

    return import_them


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make this version one that does not know some device types."""

    def take_out(*types: str) -> None:
        left = {name: kind for name, kind in device_options.DEVICE_TYPES.items() if name not in types}
        for module in ("device_options", "devices", "legacy.judging"):
            monkeypatch.setattr(f"v2xsync.config.{module}.DEVICE_TYPES", left)

    return take_out
