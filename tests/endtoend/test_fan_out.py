"""One route, a store and four targets over real protocols; one target is away, another one lies.

The targets are pyftpdlib, Apache's mod_dav, a server of upload forms that behaves as PX4's, and the iRODS stand-in; the
courier's clock is a fake one. `Site.check` judges after every single step of every worker: an original is gone only
when all four hold its bytes and all four receipts are on disk (invariants 1, 2, 4), no final name ever shows less than
a whole file (3), and the form is never given the same content twice (7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.endtoend.fan import DAV, FORM, FTP, TARGETS, ZONE, Site
from tests.servers.form_server import answering
from tests.servers.http_peer import Exchange, Script

pytestmark = pytest.mark.real("apache2")

KEPT = 1000
"""A liar keeps so many bytes."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with ExitStack() as stack:
        site = Site(tmp_path, stack)
        stack.callback(site.hang_up)
        yield site


def truncating(times: int) -> Script:
    """A WebDAV server that keeps the beginning of so many files, and answers that all is well."""
    left = iter(range(times))

    def script(exchange: Exchange) -> bool:
        if exchange.method != "PUT" or next(left, None) is None:
            return False
        return exchange.pass_on(exchange.real(exchange.body()[:KEPT]))

    return script


def the_dav_server_truncates(site: Site) -> Callable[[], None]:
    site.on_dav = truncating(times=2)
    return lambda: None


def the_zone_truncates(site: Site) -> Callable[[], None]:
    site.zone.faults.truncate_at = KEPT

    def honest_again() -> None:
        site.zone.faults.truncate_at = None

    return honest_again


def the_ftp_server_is_not_started(site: Site) -> Callable[[], None]:
    def start() -> None:
        site.start_ftp()

    return start


def the_dav_server_hangs_up(site: Site) -> Callable[[], None]:
    site.on_dav = lambda exchange: exchange.break_off()

    def back() -> None:
        site.on_dav = None

    return back


def the_form_says_503(site: Site) -> Callable[[], None]:
    site.form.trouble = answering(503)

    def back() -> None:
        site.form.trouble = None

    return back


@dataclass(frozen=True)
class Case:
    """Who is away for the first ten minutes, and who truncates for the first one."""

    away: str
    leave: Callable[[Site], Callable[[], None]]
    liar: str
    lie: Callable[[Site], Callable[[], None]]


CASES = {
    "ftp-away-webdav-lies": Case(FTP, the_ftp_server_is_not_started, DAV, the_dav_server_truncates),
    "webdav-away-irods-lies": Case(DAV, the_dav_server_hangs_up, ZONE, the_zone_truncates),
    "form-away-webdav-lies": Case(FORM, the_form_says_503, DAV, the_dav_server_truncates),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_rest_finish_at_once_the_absent_one_catches_up_and_the_liar_is_caught(site: Site, case: Case) -> None:
    """What issue after issue of other couriers is about, in one run (requirements R3, R4, R11, R15)."""
    if case.away != FTP:
        site.start_ftp()
    come_back, be_honest = case.leave(site), case.lie(site)
    site.plant("a.ulg", 300_000)
    site.plant("b.ulg", 5_000)

    site.pass_time(0.05)  # three seconds
    quick = set(TARGETS) - {case.away, case.liar}
    assert all(set(site.holds(target)) == {"a.ulg", "b.ulg"} for target in quick)
    assert site.holds(case.liar) == {}, "half a file stands under a final name"
    assert {device for device, _ in site.proofs("a.ulg")} == quick
    assert sorted(line.path for line in site.rig.ledger.history() if line.step.value == "failed") == ["a.ulg", "b.ulg"]

    be_honest()
    site.pass_time(1.0)
    assert set(site.holds(case.liar)) == {"a.ulg", "b.ulg"}

    site.restart()
    site.plant("c.ulg", 2_000)
    site.pass_time(9.9)
    assert all(set(site.holds(target)) == set(site.planted) for target in TARGETS if target != case.away)
    assert site.holds(case.away) == {}
    assert set(site.rig.on("drone")) == set(site.planted), "an original went before its last target had it"

    come_back()
    site.pass_time(12.0)
    assert all(site.holds(target) == site.planted for target in TARGETS)
    assert site.rig.on("drone") == {}
    assert site.posts() == dict.fromkeys(site.planted, 1)
    assert list(site.rig.ledger.holds()) == []
    assert site.steps > 100


def test_the_custody_log_tells_it_minute_by_minute(site: Site) -> None:
    """The same run as a person reads it: `minute name step device proof`."""
    site.on_dav = truncating(times=1)
    site.plant("a.ulg", 300_000)
    site.pass_time(10.0)
    site.start_ftp()
    site.pass_time(12.0)
    assert site.story() == [
        "00 a.ulg found drone",
        "00 a.ulg stored store hash",
        "00 a.ulg delivered form ack",
        "00 a.ulg delivered irods hash",
        "00 a.ulg failed webdav",
        "00 a.ulg delivered webdav hash",
        "10 a.ulg delivered ftp hash",
        "10 a.ulg removed drone",
    ]
    assert "the server stored another number of bytes than it said" in site.rig.events()
