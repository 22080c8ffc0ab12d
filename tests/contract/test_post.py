"""The contract against a form server that takes files and can never be asked again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.far import WHEN_NS, FarSide
from tests.contract.suite import TargetContract
from tests.servers.form_server import FormServer, api, form_server
from v2xsync.devices.post import Form, PostDevice, PostOptions


class FormFarSide(FarSide):
    """What a form server took, by the path that each file was posted with."""

    keeps_times = False

    def __init__(self, server: FormServer) -> None:
        self.server = server

    def session(self) -> PostDevice:
        options = PostOptions(url=self.server.url("/"), form=Form.MULTIPART, fields={"at": "{path}"}, timeout_s=20.0)
        return PostDevice("form", options)

    def plant(self, path: str, content: bytes, mtime_ns: int = WHEN_NS) -> None:
        pytest.skip("far side: only what is posted stands there")

    def plant_folder(self, path: str) -> None:
        pytest.skip("far side: there are no folders")

    def look(self, path: str) -> bytes | None:
        return next((post.content for post in self.server.kept if post.fields["at"] == path), None)

    def listing(self) -> set[str]:
        return {post.fields["at"] for post in self.server.kept}


class TestForm(TargetContract):
    adapter, server = "post", "form server"

    @pytest.fixture
    def far(self, tmp_path: Path) -> Iterator[FarSide]:
        with form_server(tmp_path / "kept", api) as server:
            yield FormFarSide(server)
