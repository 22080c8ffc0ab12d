"""The contract against real FTP servers: ProFTPD, vsftpd (no MLSD), pyftpdlib; plain, explicit and implicit TLS."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contract.common import ODD_NAMES
from tests.contract.far import WHEN_NS
from tests.contract.suite import FarSide, FolderFarSide, SourceContract, TargetContract
from tests.servers.ftp_host import FtpHost
from tests.servers.proftpd_ftp import proftpd_ftp
from tests.servers.pyftpd import BARE, NO_MLSD, pyftpd
from tests.servers.vsftpd import vsftpd
from v2xsync.devices.base import Source, Target
from v2xsync.devices.ftp import FtpDevice

NOT_UTF8 = "[\n\udc80-\udcff]"


class FtpFarSide(FolderFarSide):
    """A folder behind an FTP server, as far as FTP and that server can name files."""

    def __init__(self, root: Path, host: FtpHost, cannot_name: re.Pattern[str]) -> None:
        super().__init__(root, lambda: FtpDevice("box", host.options(root), time.time))
        self._cannot_name = cannot_name

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        self.require_name(path)
        super().plant(path, content, mtime_ns)

    def require_name(self, path: str) -> None:
        """Skip a check that needs a name which cannot be carried."""
        if self._cannot_name.search(path):
            pytest.skip(f"far side: this server cannot name {path!a}")


class OnFtp(SourceContract, TargetContract):
    """Starts `serve()` once for a class; every check has a root folder of its own."""

    adapter = "ftp"
    keeps_times: ClassVar[bool] = True
    cannot_name: ClassVar[str] = r"\n"
    """What FTP (line breaks), or this server, cannot carry in a name."""
    cannot_make: ClassVar[str] = r"\n"
    """What it cannot carry in the name of a new folder."""

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        raise NotImplementedError

    @pytest.fixture(scope="class")
    def host(self, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FtpHost]:
        with request.cls.serve(tmp_path_factory.mktemp("server"), tmp_path_factory.getbasetemp()) as host:
            yield host

    @pytest.fixture
    def far(self, host: FtpHost, tmp_path: Path) -> FarSide:
        root = tmp_path / "root"
        root.mkdir()
        far = FtpFarSide(root, host, re.compile(self.cannot_name))
        far.keeps_times = self.keeps_times
        return far

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_send_of_odd_names(self, far: FarSide, target: Target, name: str) -> None:
        if re.search(self.cannot_make, name):
            pytest.skip(f"far side: this server makes no folder {name!a}")
        super().test_send_of_odd_names(far, target, name)


class Variant(OnFtp):
    """Another way to reach a server that the whole contract is tried against anyway."""

    @pytest.mark.slow
    def test_fetches_are_drawn_as_room_comes_free(self, far: FarSide, source: Source) -> None:
        super().test_fetches_are_drawn_as_room_comes_free(far, source)

    @pytest.mark.slow
    def test_sends_are_drawn_as_room_comes_free(self, far: FarSide, target: Target) -> None:
        super().test_sends_are_drawn_as_room_comes_free(far, target)


@pytest.mark.real("proftpd")
class TestProftpd(OnFtp):
    server, cannot_make = "ProFTPD", r"[\n*]"

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return proftpd_ftp(folder, home)


@pytest.mark.real("proftpd")
class TestProftpdTls(Variant):
    server, cannot_make = "ProFTPD, TLS", r"[\n*]"

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return proftpd_ftp(folder, home, tls="explicit")


@pytest.mark.real("vsftpd")
class TestVsftpd(OnFtp):
    server = "vsftpd"

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return vsftpd(folder, home)


@pytest.mark.real("vsftpd")
class TestVsftpdTls(Variant):
    server = "vsftpd, implicit TLS"

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return vsftpd(folder, home, tls="implicit")


class TestPyftpdlib(OnFtp):
    server, cannot_name, cannot_make = "pyftpdlib", NOT_UTF8, NOT_UTF8

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return pyftpd(folder, home)


class TestPyftpdlibTls(Variant):
    server, cannot_name, cannot_make = "pyftpdlib, TLS", NOT_UTF8, NOT_UTF8

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return pyftpd(folder, home, tls="explicit")


class TestPyftpdlibWithoutMlsd(Variant):
    server, cannot_name, cannot_make = "pyftpdlib, implicit TLS, no MLSD", NOT_UTF8, NOT_UTF8

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return pyftpd(folder, home, tls="implicit", without=NO_MLSD)


class TestBare(Variant):
    server, cannot_name, cannot_make = "pyftpdlib, only what RFC 959 has", NOT_UTF8, NOT_UTF8
    keeps_times = False

    @staticmethod
    def serve(folder: Path, home: Path) -> AbstractContextManager[FtpHost]:
        return pyftpd(folder, home, without=BARE)
