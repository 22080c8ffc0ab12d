"""Whole journeys to and from a real WebDAV server: what is taken there, what lies, what is lost on the way."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.devices.webdav.sites import BRIEF_S, Site, on
from tests.devices.webdav.test_sending import truncate
from tests.engine.rig import Rig
from tests.servers.http_peer import Exchange

from v2xsync.devices.webdav import WebdavDevice
from v2xsync.model.items import Proof
from v2xsync.model.rules import After, ReadyRule, RemoveRule, Route

pytestmark = pytest.mark.real("apache2")

ROUTE = Route(
    name="r",
    sources=("box",),
    targets=("office",),
    ready=ReadyRule(settle_s=0.0),
    layout="{name}",
    target_path="{name}",
    remove=RemoveRule(after=After.DELIVERED),
)


def rig_to(tmp_path: Path, device: WebdavDevice) -> Rig:
    """A station whose target `office` is `device`."""
    rig = Rig(tmp_path, (ROUTE,), wrap={"office": lambda _: device})
    rig.plant("box", "a.csv", b"content")
    return rig


def test_a_file_goes_there_is_proven_by_reading_back_and_only_then_leaves_its_source(tmp_path: Path, site: Site):
    rig = rig_to(tmp_path, site.device())
    rig.run()
    assert site.files() == {"a.csv": b"content"}
    assert rig.on("box") == {}
    (receipt,) = (line for line in rig.ledger.history() if line.step.value == "delivered")
    assert receipt.proof == Proof.HASH
    assert receipt.method == "read back"


def test_different_content_at_the_target_is_kept_and_the_new_gets_a_versioned_name(tmp_path: Path, site: Site):
    site.plant("a.csv", b"older and not ours")
    rig = rig_to(tmp_path, site.device())
    rig.run()
    versioned = f"a~{hashlib.sha256(b'content').hexdigest()[:8]}.csv"
    assert site.files() == {"a.csv": b"older and not ours", versioned: b"content"}
    assert "different content" in rig.events()
    assert rig.on("box") == {}


def test_equal_content_at_the_target_is_not_sent_again_and_has_its_receipt_by_hash(tmp_path: Path, site: Site):
    site.plant("a.csv", b"content")
    with site.through(lambda exchange: False) as (device, peer):
        rig = rig_to(tmp_path, device)
        rig.run()
        assert peer.count("^PUT|^MOVE") == 0
    assert site.files() == {"a.csv": b"content"}
    assert [line.proof for line in rig.ledger.history() if line.step.value == "delivered"] == [Proof.HASH]
    assert rig.on("box") == {}


def test_a_lost_answer_after_the_last_step_is_asked_for_and_nothing_is_sent_twice(tmp_path: Path, site: Site):
    """Requirement R11, invariant 7."""
    first = iter([True])

    def lose(exchange: Exchange) -> bool:
        if not next(first, False):
            return False
        exchange.real()
        return exchange.hang()

    with site.through(on("MOVE", "", lose), timeout_s=BRIEF_S) as (device, peer):
        rig = rig_to(tmp_path, device)
        rig.run()
        assert peer.count("^MOVE") == 1
        assert peer.count("^PUT") == 1
    assert site.files() == {"a.csv": b"content"}
    assert rig.on("box") == {}


def test_a_server_that_truncates_once_is_caught_and_the_file_is_sent_again(tmp_path: Path, site: Site):
    """Requirement R4, invariant 4."""
    first = iter([True])
    content = b"content" * 1000

    def once(exchange: Exchange) -> bool:
        return next(first, False) and truncate(exchange)

    with site.through(on("PUT", "", once)) as (device, _):
        rig = Rig(tmp_path, (ROUTE,), wrap={"office": lambda _: device})
        rig.plant("box", "a.csv", content)
        rig.run()
    assert site.files() == {"a.csv": content}
    assert rig.on("box") == {}


def test_files_are_fetched_from_there_and_removed_one_by_one_their_folders_stay(tmp_path: Path, site: Site):
    """Invariant 1."""
    site.plant("day/a.csv", b"aaa")
    site.plant("day/b.csv", b"bbb")
    device = site.device()
    rig = Rig(tmp_path, (ROUTE,), wrap={"box": lambda _: device})
    rig.run()
    assert rig.on("office") == {"a.csv": b"aaa", "b.csv": b"bbb"}
    assert site.files() == {}
    assert (site.root / "day").is_dir()
