"""The stand-in is one in the eyes of python-irodsclient itself: its own managers work against it, ours not involved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import irods.exception
import irods.keywords
import pytest
from irods.meta import iRODSMeta
from irods.session import iRODSSession
from tests.contract.ends import MIB, content
from tests.servers.irods_standin import StandIn


@pytest.fixture
def session(zone: StandIn) -> Iterator[iRODSSession]:
    who = {"user": zone.username, "password": zone.password, "zone": zone.name}
    with iRODSSession(host=zone.host, port=zone.port, connection_timeout=10, **who) as opened:
        yield opened


@pytest.fixture
def home(zone: StandIn) -> str:
    return zone.home


def test_put_and_get(session: iRODSSession, home: str, tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(content(3 * MIB))
    session.data_objects.put(tmp_path / "a.bin", f"{home}/a.bin", **{irods.keywords.REG_CHKSUM_KW: ""})
    session.data_objects.get(f"{home}/a.bin", str(tmp_path / "b.bin"))

    assert (tmp_path / "b.bin").read_bytes() == content(3 * MIB)
    (replica,) = session.data_objects.get(f"{home}/a.bin").replicas
    assert (replica.status, replica.size) == ("1", 3 * MIB)
    assert replica.checksum == session.data_objects.chksum(f"{home}/a.bin")
    assert replica.checksum.startswith("sha2:")


def test_parallel_put_and_get(session: iRODSSession, home: str, tmp_path: Path):
    """Above 32 MiB the client opens one object over several connections, with a replica token."""
    size = 33 * MIB
    (tmp_path / "a.bin").write_bytes(content(size))
    session.data_objects.put(str(tmp_path / "a.bin"), f"{home}/a.bin", num_threads=3)
    session.data_objects.get(f"{home}/a.bin", str(tmp_path / "b.bin"), num_threads=3)

    assert (tmp_path / "b.bin").read_bytes() == content(size)


def test_open_for_update(session: iRODSSession, home: str):
    with session.data_objects.open(f"{home}/a.txt", "w") as stream:
        stream.write(b"hello world")
    with session.data_objects.open(f"{home}/a.txt", "r+") as stream:
        stream.seek(6)
        stream.write(b"there")
    with session.data_objects.open(f"{home}/a.txt", "r") as stream:
        assert stream.read() == b"hello there"


def test_collections(session: iRODSSession, home: str, zone: StandIn):
    session.collections.create(f"{home}/a/b/c")
    with zone.zone.lock:
        for number in range(700):
            zone.zone.plant(f"{home}/a/b/{number:03}", b"x", 1_700_000_000)

    assert [inner.name for inner in session.collections.get(f"{home}/a").subcollections] == ["b"]
    assert len(session.collections.get(f"{home}/a/b").data_objects) == 700
    with pytest.raises(irods.exception.CAT_COLLECTION_NOT_EMPTY):
        session.collections.remove(f"{home}/a/b", recurse=False)
    session.collections.remove(f"{home}/a")
    assert not session.collections.exists(f"{home}/a/b")


def test_move_unlink_and_trash(session: iRODSSession, home: str, zone: StandIn):
    for name in ("a", "b"):
        session.data_objects.create(f"{home}/{name}")
    with pytest.raises(irods.exception.CAT_NAME_EXISTS_AS_DATAOBJ):
        session.data_objects.move(f"{home}/a", f"{home}/b")
    session.data_objects.move(f"{home}/a", f"{home}/c")
    session.data_objects.unlink(f"{home}/b")
    session.data_objects.unlink(f"{home}/c", force=True)

    assert [entry.name for entry in session.collections.get(home).data_objects] == []
    trash = session.collections.get(f"/{zone.name}/trash/home/{zone.username}")
    assert [entry.name for entry in trash.data_objects] == ["b"]


def test_metadata_and_times(session: iRODSSession, home: str):
    made = session.data_objects.create(f"{home}/a")
    made.metadata.add("city", "Portland")
    made.metadata.set(iRODSMeta("city", "Salem"))
    session.data_objects.touch(f"{home}/a", seconds_since_epoch=1_700_000_000)

    assert [(avu.name, avu.value) for avu in session.metadata.get(irods.models.DataObject, f"{home}/a")] == [
        ("city", "Salem")
    ]
    assert int(session.data_objects.get(f"{home}/a").modify_time.timestamp()) == 1_700_000_000


def test_the_client_fails_with_a_bare_key_error_at_codes_it_does_not_know(session: iRODSSession, zone: StandIn):
    """Why the adapter reads codes itself: -405000 (intermediate replica) is one that real servers answer."""
    zone.faults.refuse[681] = -405_000
    with pytest.raises(KeyError, match="-405000"):
        session.collections.create(f"{zone.home}/a")
