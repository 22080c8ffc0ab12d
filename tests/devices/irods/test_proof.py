"""Objects that look stored and are not (requirement R5): every state has a name and an advice."""

from __future__ import annotations

import hashlib

import pytest
from tests.contract.ends import Collected, ask
from tests.devices.irods.sending import prove, request, send
from tests.devices.irods.zones import ZoneFarSide, connected
from tests.servers.irods_standin import StandIn

from v2xsync.devices.base import Proven
from v2xsync.devices.irods_catalog import digest_of, sha256_of
from v2xsync.errors import IntegrityError, ItemFailed
from v2xsync.model.items import Digest, Entry, Kind, Proof

DATA = b"signal phase and timing"
OURS = Digest("sha256", hashlib.sha256(DATA).hexdigest())
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()

STATES = {
    "0": "stale",
    "2": "intermediate",
    "3": "read-locked",
    "4": "write-locked",
    "7": "unknown state '7'",
}


class TestReplicaStates:
    @pytest.mark.parametrize("state", STATES)
    def test_only_good_replicas_prove_anything(self, zone: StandIn, far: ZoneFarSide, state: str):
        far.plant("a.csv", DATA)
        zone.zone.require(f"{far.root}/a.csv").first.state = state
        with connected(zone) as device:
            for proof in (Proof.SIZE, Proof.HASH):
                answer = prove(device, "a.csv", len(DATA), proof)
                assert isinstance(answer, ItemFailed)
                assert STATES[state] in answer.what
                assert "replica 0 on demoResc" in answer.what
                assert answer.remedy

    @pytest.mark.parametrize("state", STATES)
    def test_a_bad_second_replica_counts(self, zone: StandIn, far: ZoneFarSide, state: str):
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            zone.faults.second_replica = state
            feed = send(device, request("b.csv", DATA, 1), data=DATA)
            assert STATES[state] in feed.errors[1].what
            assert "archiveResc" in feed.errors[1].what
            assert isinstance(prove(device, "a.csv", len(DATA)), Proven)
        assert far.look("b.csv") is None

    @pytest.mark.parametrize("state", STATES)
    def test_an_upload_that_ends_so_never_gets_its_final_name(self, zone: StandIn, far: ZoneFarSide, state: str):
        zone.faults.state_after_put = state
        with connected(zone) as device:
            feed = send(device, request("a.csv", DATA), data=DATA)
            assert isinstance(feed.errors[0], ItemFailed)
            assert STATES[state] in feed.errors[0].what
            assert feed.errors[0].path == "a.csv"
        assert far.look("a.csv") is None

    def test_two_good_replicas_are_good(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.second_replica = "1"
        with connected(zone) as device:
            assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
            answer = prove(device, "a.csv", len(DATA))
        assert isinstance(answer, Proven)
        assert answer.digest == OURS

    def test_replicas_of_different_size_are_named(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.second_replica, zone.faults.second_replica_size = "1", 5
        with connected(zone) as device:
            error = send(device, request("a.csv", DATA), data=DATA).errors[0]
        assert f"replica 0 on demoResc: {len(DATA)} bytes" in error.what
        assert f"replica 1 on archiveResc: {len(DATA) + 5} bytes" in error.what

    def test_replicas_with_different_checksums_are_named(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.second_replica = "1"
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            zone.zone.require(f"{far.root}/a.csv").replicas[1].checksum = "sha2:" + "A" * 43 + "="
            answer = prove(device, "a.csv", len(DATA))
        assert isinstance(answer, ItemFailed)
        assert "different checksums" in answer.what

    @pytest.mark.parametrize("state", ["0", "2", "3", "4"])
    def test_a_source_file_without_a_good_replica_is_no_file_yet(self, zone: StandIn, far: ZoneFarSide, state: str):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            requests = ask(device, ["a.csv"])
            zone.zone.require(f"{far.root}/a.csv").first.state = state
            (entry,) = device.list()
            assert isinstance(entry, Entry)
            assert entry.kind is Kind.OTHER
            sink = Collected()
            device.fetch(requests, sink)
        assert isinstance(sink.errors[0], ItemFailed)
        assert STATES[state] in sink.errors[0].what
        assert sink.pieces == {}


class TestChecksums:
    def test_the_servers_own_sha256_is_the_proof(self, zone: StandIn, far: ZoneFarSide):
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            answer = prove(device, "a.csv", len(DATA))
        assert answer == Proven(len(DATA), Proof.HASH, "the server's checksum", OURS)
        assert zone.faults.calls[629] == 0, "computed while it was closed"
        assert zone.faults.calls[675] == 0, "nothing is read back"

    def test_a_wrong_checksum_keeps_the_final_name_away(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.checksum = "wrong"
        with connected(zone) as device:
            error = send(device, request("a.csv", DATA), data=DATA).errors[0]
        assert isinstance(error, IntegrityError)
        assert (error.expected, error.got) == (OURS.value, "00" * 32)
        assert far.listing() == set(), "nothing is built on such a partial"

    def test_a_wrong_checksum_of_streamed_content_is_told_when_asked_again(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.checksum = "wrong"
        with connected(zone) as device:
            send(device, request("a.csv", DATA, known=False), data=DATA)
            answer = prove(device, "a.csv", len(DATA))
        assert isinstance(answer, Proven)
        assert answer.digest == Digest("sha256", "00" * 32)

    def test_a_missing_checksum_is_computed_when_asked(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.checksum = "missing"
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            answer = prove(device, "a.csv", len(DATA))
        assert isinstance(answer, Proven)
        assert answer.digest == OURS
        assert zone.faults.calls[629] == 1

    def test_a_missing_checksum_that_nobody_computes_is_named(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.checksum, zone.faults.computes = "missing", False
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            answer = prove(device, "a.csv", len(DATA))
            assert isinstance(prove(device, "a.csv", len(DATA), Proof.SIZE), Proven)
        assert isinstance(answer, ItemFailed)
        assert "SYS_NOT_ALLOWED -169000: checksums are switched off" in answer.what
        assert "ichksum" in answer.remedy

    def test_an_md5_zone_computes_sha2_when_asked_and_then_by_itself(self, zone: StandIn, far: ZoneFarSide):
        """CyVerse and other older zones: the second file already comes with what is needed."""
        zone.zone.hash_scheme = "md5"
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            assert zone.zone.require(f"{far.root}/a.csv").first.checksum == MD5
            first = prove(device, "a.csv", len(DATA))
            send(device, request("b.csv", DATA, 1), data=DATA)
            second = prove(device, "b.csv", len(DATA))
        assert first == second == Proven(len(DATA), Proof.HASH, "the server's checksum", OURS)
        assert zone.faults.calls[629] == 1
        assert zone.faults.calls[675] == 0, "nothing is read back"

    def test_a_strict_md5_zone_is_read_back(self, zone: StandIn, far: ZoneFarSide):
        zone.zone.hash_scheme, zone.zone.strict_hashes = "md5", True
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            answer = prove(device, "a.csv", len(DATA))
            assert isinstance(answer, Proven)
            assert (answer.proof, answer.digest) == (Proof.HASH, OURS)
            assert "read back" in answer.method

            assert isinstance(send(device, request("b.csv", DATA, 1), data=DATA).errors[1], ItemFailed)
            assert 1 in send(device, request("b.csv", DATA, 1), data=DATA).sent, "learned: without naming a scheme"
            assert isinstance(prove(device, "b.csv", len(DATA)), Proven)
        assert zone.faults.calls[629] == 1, "asked once, in vain"

    def test_proof_of_size_asks_for_no_checksum(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            answer = prove(device, "a.csv", len(DATA), Proof.SIZE)
        assert answer == Proven(len(DATA), Proof.SIZE, "replicas in the catalog")
        assert zone.faults.calls[629] == 0

    @pytest.mark.parametrize(
        ("checksum", "meant"),
        [
            ("sha2:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", Digest("sha256", hashlib.sha256().hexdigest())),
            ("D41D8CD98F00B204E9800998ECF8427E", Digest("md5", "d41d8cd98f00b204e9800998ecf8427e")),
            ("sha1:2jmj7l5rSw0yVb/vlWAYkK/YBwk=", Digest("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709")),
            ("", None),
            ("sha2:", None),
            ("sha2:not base64!", None),
            ("sha2:QUJD", None),
            ("adler32:00000001", None),
            ("sha2:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", None),
        ],
    )
    def test_what_checksums_mean(self, checksum: str, meant: Digest | None):
        assert digest_of(checksum) == meant
        assert sha256_of(checksum) == (meant if meant is not None and meant.algorithm == "sha256" else None)


class TestFreshness:
    def test_a_delivery_is_proven_over_another_connection(self, zone: StandIn, far: ZoneFarSide):
        with connected(zone) as device:
            send(device, request("a.csv", DATA), data=DATA)
            assert zone.faults.logins == 1
            prove(device, "a.csv", len(DATA))
            prove(device, "a.csv", len(DATA))
            assert zone.faults.logins == 2

    @pytest.mark.parametrize("off", [-1, 1])
    def test_a_wrong_size_in_the_catalog_keeps_the_final_name_away(self, zone: StandIn, far: ZoneFarSide, off: int):
        zone.faults.size_off = off
        with connected(zone) as device:
            error = send(device, request("a.csv", DATA), data=DATA).errors[0]
        assert isinstance(error, IntegrityError)
        assert (error.expected, error.got) == (str(len(DATA)), str(len(DATA) + off))
        assert far.look("a.csv") is None

    def test_a_server_that_truncates_and_says_ok_is_caught(self, zone: StandIn, far: ZoneFarSide):
        """Requirement R4."""
        zone.faults.truncate_at = 7
        with connected(zone) as device:
            assert isinstance(send(device, request("a.csv", DATA), data=DATA).errors[0], IntegrityError)
            assert far.listing() == set()
            zone.faults.truncate_at = None
            assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
        assert far.look("a.csv") == DATA


class TestFetchEvidence:
    def test_a_registered_checksum_is_compared(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        zone.zone.require(f"{far.root}/a.csv").first.checksum = "sha2:" + "A" * 43 + "="
        with connected(zone) as device:
            sink = Collected()
            device.fetch(ask(device, ["a.csv"]), sink)
        assert isinstance(sink.errors[0], IntegrityError)

    def test_an_md5_checksum_is_compared_too(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        zone.zone.require(f"{far.root}/a.csv").first.checksum = MD5
        with connected(zone) as device:
            sink = Collected()
            device.fetch(ask(device, ["a.csv"]), sink)
        assert sink.finished[0].digest == Digest("md5", MD5)
        assert sink.finished[0].method == "the server's md5 checksum"
        assert zone.faults.calls[629] == 0

    def test_without_any_checksum_it_is_read_twice(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.computes = False
        far.plant("a.csv", DATA)
        far.plant("b.csv", DATA)
        with connected(zone) as device:
            sink = Collected()
            device.fetch(ask(device, ["a.csv", "b.csv"]), sink)
        assert {fetched.method for fetched in sink.finished.values()} == {"second read"}
        assert zone.faults.calls[629] == 1, "asked once, in vain"
        assert zone.faults.calls[602] == 4

    def test_less_than_hash_costs_nothing(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            sink = Collected()
            device.fetch(ask(device, ["a.csv"], proof=Proof.SIZE), sink)
        assert sink.finished[0].proof is Proof.SIZE
        assert zone.faults.calls[602] == 1
        assert zone.faults.calls[629] == 0

    def test_a_resumed_fetch_tells_a_digest_of_the_whole_file(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        for computes in (True, False):
            zone.faults.computes = computes
            with connected(zone) as device:
                zone.zone.require(f"{far.root}/a.csv").first.checksum = ""
                sink = Collected()
                device.fetch(ask(device, ["a.csv"], offset=7), sink)
            assert sink.content(0, 7) == DATA[7:]
            assert sink.finished[0].digest == OURS
