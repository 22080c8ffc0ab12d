"""One Apache for all of these tests, and a folder on it for each."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.devices.webdav.sites import Site
from tests.servers.apache import apache
from tests.servers.dav_host import DavHost, open_up


@pytest.fixture(scope="session")
def apache_host() -> Iterator[DavHost]:
    with apache() as host:
        yield host


@pytest.fixture
def site(apache_host: DavHost, tmp_path: Path) -> Iterator[Site]:
    root = apache_host.home / tmp_path.name
    root.mkdir()
    open_up(root)
    with contextlib.closing(Site(apache_host, root)) as site:
        yield site
