"""The contract against real WebDAV servers: Apache mod_dav (plain, TLS, Digest), nginx, wsgidav."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from tests.contract.common import ODD_NAMES
from tests.contract.far import WHEN_NS
from tests.contract.suite import FarSide, FolderFarSide, SourceContract, TargetContract
from tests.servers.apache import apache
from tests.servers.certificates import Authority
from tests.servers.dav_host import DavHost, open_up
from tests.servers.nginx import nginx
from tests.servers.wsgidav_server import wsgidav
from v2xsync.devices.base import Source, Target
from v2xsync.devices.webdav import WebdavDevice

NOTHING = r"(?!)"
NOT_UTF8 = "[\udc80-\udcff]"


class DavFarSide(FolderFarSide):
    """A folder behind a WebDAV server that may run as another user."""

    keeps_times = False

    def __init__(self, root: Path, host: DavHost, cannot_name: str, *, follows_links: bool) -> None:
        super().__init__(root, lambda: WebdavDevice("box", host.options(root), time.time))
        self._cannot_name = cannot_name
        self._follows_links = follows_links

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        skip_name(self._cannot_name, path)
        super().plant(path, content, mtime_ns)
        open_up(self._at(path))
        self._open_up_above(path)

    def plant_folder(self, path: str) -> None:
        super().plant_folder(path)
        self._open_up_above(f"{path}/.")

    def plant_link(self, path: str, to: str) -> None:
        if self._follows_links:
            pytest.skip("far side: this server follows links, and the protocol has no word for them")
        super().plant_link(path, to)

    def _open_up_above(self, path: str) -> None:
        while path := path.rpartition("/")[0]:
            open_up(self._at(path))


def skip_name(cannot: str, path: str) -> None:
    """Skip a check that needs a name which the server cannot handle."""
    if re.search(cannot, path):
        pytest.skip(f"far side: this server cannot name {path!a}")


class OnWebdav(SourceContract, TargetContract):
    """Every check has a root folder of its own below the server's."""

    adapter = "webdav"
    cannot_name: ClassVar[str] = NOTHING
    """What the server cannot carry in a name."""
    cannot_give: ClassVar[str] = NOTHING
    """What it cannot carry in the new name of a MOVE."""
    follows_links: ClassVar[bool] = False

    @pytest.fixture
    def far(self, host: DavHost, tmp_path: Path) -> FarSide:
        root = host.home / tmp_path.name
        root.mkdir()
        open_up(root)
        return DavFarSide(root, host, self.cannot_name, follows_links=self.follows_links)

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_send_of_odd_names(self, far: FarSide, target: Target, name: str) -> None:
        skip_name(self.cannot_give, name)
        super().test_send_of_odd_names(far, target, name)


@pytest.mark.real("apache2")
class TestApache(OnWebdav):
    server = "Apache"

    @pytest.fixture(scope="class")
    def host(self) -> Iterator[DavHost]:
        with apache() as host:
            yield host


@pytest.mark.real("apache2")
class TestApacheTls(OnWebdav):
    server = "Apache, TLS, Digest"

    @pytest.fixture(scope="class")
    def host(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavHost]:
        authority = Authority(tmp_path_factory.mktemp("authority"))
        with apache(auth="digest", tls=authority.sign("localhost", "127.0.0.1"), ca=authority.trust) as host:
            yield host


@pytest.mark.real("nginx")
class TestNginx(OnWebdav):
    """Its listings leave out names that begin with a dot, and it follows links."""

    server, follows_links = "nginx", True

    @pytest.fixture(scope="class")
    def host(self) -> Iterator[DavHost]:
        with nginx() as host:
            yield host

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_odd_names(self, far: FarSide, source: Source, name: str) -> None:
        skip_name(r"^\.", name)
        super().test_odd_names(far, source, name)

    def test_sweep_takes_only_ours_and_keeps_what_is_named(self, far: FarSide, target: Target, probeable: None) -> None:
        pytest.skip("far side: this server does not list our partials")


class TestWsgidav(OnWebdav):
    server, cannot_name, cannot_give = "wsgidav", NOT_UTF8, rf"[;?\n\t]|{NOT_UTF8}"

    @pytest.fixture(scope="class")
    def host(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DavHost]:
        home = tmp_path_factory.mktemp("home")
        with wsgidav(tmp_path_factory.mktemp("wsgidav"), home) as host:
            yield host
