"""AVU metadata on request: what was sent, from where, when it was captured, and what the config adds."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from tests.contract.ends import Contents
from tests.devices.irods.sending import request, send
from tests.devices.irods.zones import ZoneFarSide, connected
from tests.servers.irods_standin import StandIn

from v2xsync.errors import ItemRefused

DATA = b"signal phase and timing"
AVU = 706


def avus(zone: StandIn, far: ZoneFarSide, path: str) -> dict[str, str]:
    return {name: value for name, value, unit in zone.zone.require(f"{far.root}/{path}").avus if not unit}


def test_every_file_says_where_it_comes_from(zone: StandIn, far: ZoneFarSide):
    with connected(zone, metadata={"project": "portland"}) as device:
        assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
    assert avus(zone, far, "a.csv") == {
        "source": "clay-11th",
        "element": "spat",
        "sha256": hashlib.sha256(DATA).hexdigest(),
        "captured-at": "2023-11-14T22:13:20+00:00",
        "project": "portland",
    }


def test_values_may_hold_layout_fields(zone: StandIn, far: ZoneFarSide):
    wishes = {"site": "{source} of {path}", "odd": "{unknown} {} {", "source": "overruled"}
    with connected(zone, metadata=wishes) as device:
        send(device, request("a.csv", DATA), data=DATA)
    found = avus(zone, far, "a.csv")
    assert (found["site"], found["odd"], found["source"]) == ("clay-11th of a.csv", "{unknown} {} {", "overruled")


def test_streamed_content_gets_its_hash_too(zone: StandIn, far: ZoneFarSide):
    with connected(zone, metadata={}) as device:
        send(device, request("a.csv", DATA, known=False), data=DATA)
    assert avus(zone, far, "a.csv")["sha256"] == hashlib.sha256(DATA).hexdigest()


def test_what_is_not_known_is_left_out(zone: StandIn, far: ZoneFarSide):
    bare = replace(request("a.csv", DATA), mtime_ns=None, facts={"source": "s", "element": ""})
    odd = replace(request("b.csv", DATA, 1), mtime_ns=10**24)
    with connected(zone, metadata={}) as device:
        send(device, bare, odd, data=DATA)
    assert set(avus(zone, far, "a.csv")) == {"source", "sha256"}
    assert set(avus(zone, far, "b.csv")) == {"source", "element", "sha256"}


def test_a_repeated_upload_leaves_no_metadata_twice(zone: StandIn, far: ZoneFarSide):
    def trouble(token: int, offset: int) -> None:
        raise ItemRefused("a.csv", "stop here")

    with connected(zone, metadata={"project": "portland"}) as device:
        zone.faults.state_after_put = "0"
        assert 0 in send(device, request("a.csv", DATA), data=DATA).errors
        zone.faults.state_after_put = ""
        assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
        device.send([request("b.csv", DATA, 1)], Contents({1: DATA}, trouble))
    names = [name for name, _, _ in zone.zone.require(f"{far.root}/a.csv").avus]
    assert len(names) == len(set(names)) == 5


def test_without_a_wish_nothing_is_attached(zone: StandIn, far: ZoneFarSide):
    with connected(zone) as device:
        send(device, request("a.csv", DATA), data=DATA)
    assert zone.faults.calls[AVU] == 0


def test_metadata_that_is_refused_keeps_the_final_name_away(zone: StandIn, far: ZoneFarSide):
    zone.faults.refuse[AVU] = -818_000
    with connected(zone, metadata={}) as device:
        error = send(device, request("a.csv", DATA), data=DATA).errors[0]
    assert isinstance(error, ItemRefused)
    assert "attach metadata" in error.what
    assert far.look("a.csv") is None
