"""A folder of this machine keeps the contract, with and without the calls that only POSIX systems have."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.suite import FarSide, FolderFarSide, SourceContract, TargetContract
from v2xsync.devices import durable, rooted
from v2xsync.devices.local import LocalDevice, LocalOptions


class OnDisk:
    """A fresh folder."""

    adapter, server = "local", "this disk"

    @pytest.fixture
    def far(self, tmp_path: Path) -> FarSide:
        root = tmp_path / "root"
        root.mkdir()
        return FolderFarSide(root, lambda: LocalDevice("box", LocalOptions(root=root)))


class Portable(OnDisk):
    """The same folder through the calls that every system has."""

    server = "portable calls"

    @pytest.fixture(autouse=True)
    def _without_posix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rooted, "WALKS_BY_FD", False)
        monkeypatch.setattr(durable, "_libc_function", lambda name: None)


class TestSource(OnDisk, SourceContract):
    pass


class TestTarget(OnDisk, TargetContract):
    pass


class TestPortableSource(Portable, SourceContract):
    pass


class TestPortableTarget(Portable, TargetContract):
    pass
