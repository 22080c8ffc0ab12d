"""The iRODS adapter keeps the contract against a stand-in that speaks the protocol (no real server is packaged)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.common import ODD_NAMES
from tests.contract.far import FarSide
from tests.contract.suite import SourceContract, TargetContract
from tests.contract.target_checks import send
from tests.devices.irods.zones import ZoneFarSide
from tests.servers.irods_standin import StandIn
from v2xsync.devices.base import Target
from v2xsync.errors import ItemRefused

CARRIED = {word: name for word, name in ODD_NAMES.items() if word != "not-utf8"}


class OnStandIn:
    """A fresh zone."""

    adapter, server = "irods", "a stand-in"

    @pytest.fixture
    def far(self, tmp_path: Path) -> Iterator[FarSide]:
        with StandIn(tmp_path) as zone:
            yield ZoneFarSide(zone)


class TestSource(OnStandIn, SourceContract):
    pass


class TestTarget(OnStandIn, TargetContract):
    @pytest.mark.parametrize("name", CARRIED.values(), ids=CARRIED)
    def test_send_of_odd_names(self, far: FarSide, target: Target, name: str) -> None:
        super().test_send_of_odd_names(far, target, name)

    def test_a_name_that_is_not_utf8_is_refused_by_itself(self, far: FarSide, target: Target) -> None:
        """IRODS keeps names in a database of UTF-8; the engine maps such names before they come here."""
        feed = send(target, {ODD_NAMES["not-utf8"]: b"odd", "plain.csv": b"fine"})
        assert isinstance(feed.errors[0], ItemRefused)
        assert set(feed.sent) == {1}
