"""The memory device keeps the contract, in every disguise that tests and simulators give it."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from tests.contract.far import WHEN_NS, FarSide
from tests.contract.suite import SourceContract, TargetContract
from v2xsync.devices.base import Capabilities
from v2xsync.devices.memory import ACKNOWLEDGING, FAT, MEMORY, UNTIMED, MemoryDevice
from v2xsync.devices.memory_disk import MemoryDisk


class MemoryFarSide(FarSide):
    """The disk behind memory sessions."""

    in_memory = True

    def __init__(self, capabilities: Capabilities) -> None:
        self.capabilities = capabilities
        self.disk = MemoryDisk(case_sensitive=capabilities.case_sensitive)

    def session(self) -> MemoryDevice:
        return MemoryDevice("memory", self.disk, capabilities=self.capabilities)

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        self.disk.plant(path, content, mtime_ns)

    def plant_folder(self, path: str) -> None:
        self.disk.plant_folder(path)

    def plant_link(self, path: str, to: str) -> None:
        self.disk.plant_link(path, to)

    def vanish(self) -> None:
        self.disk.gone = True

    def look(self, path: str) -> bytes | None:
        return self.disk.look(path)

    def listing(self) -> set[str]:
        return set(self.disk.paths())


class InMemory:
    """Says which capabilities the device has."""

    adapter = "memory"
    capabilities: ClassVar[Capabilities]

    @pytest.fixture
    def far(self) -> FarSide:
        return MemoryFarSide(self.capabilities)


class TestSource(InMemory, SourceContract):
    server, capabilities = "good disk", MEMORY


class TestTarget(InMemory, TargetContract):
    server, capabilities = "good disk", MEMORY


class TestFatSource(InMemory, SourceContract):
    server, capabilities = "FAT", FAT


class TestFatTarget(InMemory, TargetContract):
    server, capabilities = "FAT", FAT


class TestUntimedSource(InMemory, SourceContract):
    server, capabilities = "no times", UNTIMED


class TestDigestingTarget(InMemory, TargetContract):
    server, capabilities = "own digests", replace(MEMORY, server_digests=("md5",), resumable_write=False)


class TestAcknowledgingTarget(InMemory, TargetContract):
    server, capabilities = "upload form", ACKNOWLEDGING
