"""What every group of checks stands on: sessions that are closed again, skips by capability, names and paths to try."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from tests.contract.far import FarSide
from v2xsync.devices.base import Source, Target
from v2xsync.model.items import WEAK_STEP_NS, Proof

ODD_NAMES = {
    "cyrillic": "перекрёсток.csv",
    "japanese": "交差点.csv",
    "spaces": "a b  c.csv",
    "outer-spaces": " x ",
    "quotes": 'it\'s "so" `it` is.csv',
    "brackets": "[1-9]*?{a}.csv",
    "newline": "two\nlines.csv",
    "escape": "red\x1b[31m.csv",
    "tab": "a\tb.csv",
    "dash": "-rf",
    "tilde": "~root",
    "dollar": "$HOME;ls",
    "backslash": "a\\b.csv",
    "percent": "100%41#?.csv",
    "hidden": ".hidden",
    "not-utf8": b"raw\xff\xfe.csv".decode("utf-8", "surrogateescape"),
    "255-bytes": "x" * 251 + ".csv",
    "255-bytes-cyrillic": "ж" * 125 + "x.csv",
}

UNSAFE_PATHS = ("../outside", "/etc/hostname", "a/../../outside", "a//b", "", ".", "./a", "a/", "a\0b")


def need(*, capability: str, there: bool) -> None:
    """Skip the check where the device lacks `capability`."""
    if not there:
        pytest.skip(f"capability: {capability}")


class Contract:
    """A test class inherits this and says who it is; a fixture `far` (in class or module) gives the `FarSide`."""

    adapter: ClassVar[str]
    """The device type, for the closing table."""
    server: ClassVar[str]
    """What stands on the far side, for the closing table."""


class OnSource(Contract):
    """Gives `source`: a connected session, closed afterwards."""

    @pytest.fixture
    def source(self, far: FarSide) -> Iterator[Source]:
        session = far.source()
        session.connect()
        yield session
        session.close()

    @pytest.fixture
    def deletes(self, source: Source) -> None:
        need(capability="deletes", there=source.capabilities.deletes)

    @pytest.fixture
    def prunes(self, source: Source, deletes: None) -> None:
        need(capability="folders", there=source.capabilities.folders)

    @pytest.fixture
    def strong_times(self, source: Source) -> None:
        step = source.capabilities.mtime_step_s
        need(capability="mtime_step_s", there=step is not None and step * 1e9 <= WEAK_STEP_NS)


class OnTarget(Contract):
    """Gives `target`: a connected session, closed afterwards."""

    @pytest.fixture
    def target(self, far: FarSide) -> Iterator[Target]:
        session = far.target()
        session.connect()
        yield session
        session.close()

    @pytest.fixture
    def probeable(self, target: Target) -> None:
        need(capability="probeable", there=target.capabilities.probeable)

    @pytest.fixture
    def replacing(self, target: Target) -> None:
        need(capability="replaces", there=target.capabilities.replaces)

    @pytest.fixture
    def resumable(self, target: Target) -> None:
        need(capability="resumable_write", there=target.capabilities.resumable_write)

    @pytest.fixture
    def hashing(self, target: Target) -> None:
        need(capability="delivery_proof", there=target.capabilities.delivery_proof >= Proof.HASH)
