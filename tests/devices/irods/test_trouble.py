"""Broken lines, lost answers, refusals: nothing is lost, nothing arrives twice, and each has its own error."""

from __future__ import annotations

import time

import pytest
from tests.contract.ends import MIB, Collected, Contents, ask, content
from tests.devices.irods.sending import prove, request, send, until
from tests.devices.irods.zones import ZoneFarSide, connected
from tests.servers.irods_standin import StandIn

from v2xsync.devices.base import Proven, RemoveRequest
from v2xsync.devices.irods import IrodsDevice
from v2xsync.errors import (
    AccessRefused,
    Cancelled,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    IntegrityError,
    ItemError,
    ItemFailed,
    ItemMissing,
    ItemRefused,
    NameTaken,
    NoSpace,
    OutcomeUnknown,
)
from v2xsync.model.items import Entry, Fingerprint, Unlistable

DATA = b"signal phase and timing"
QUERY, OPEN, READ, WRITE, CLOSE, RENAME, UNLINK, MAKE, TOUCH, AVU = (
    702, 602, 675, 676, 673, 627, 615, 681, 20_007, 706,
)  # fmt: skip
SENDING = {"query": QUERY, "make": MAKE, "open": OPEN, "write": WRITE, "close": CLOSE, "touch": TOUCH}


def lose(device: IrodsDevice, *requests: object, data: bytes = DATA) -> tuple[Contents, DeviceError]:
    """A send that ends with trouble of the device."""
    feed = Contents({0: data, 1: data})
    with pytest.raises(DeviceError) as caught:
        device.send(list(requests), feed)  # type: ignore[arg-type]
    return feed, caught.value


class TestBrokenLines:
    @pytest.mark.parametrize("moment", ["drop_before", "drop_after"])
    @pytest.mark.parametrize("api", SENDING.values(), ids=SENDING)
    def test_a_line_that_breaks_before_the_rename_leaves_the_file_to_be_sent_again(
        self, zone: StandIn, far: ZoneFarSide, api: int, moment: str
    ):
        getattr(zone.faults, moment)[api] = 1
        with connected(zone) as device:
            feed, error = lose(device, request("d/a.csv", DATA))
            assert isinstance(error, DeviceGone)
            assert not feed.errors, "no outcome: it stays queued"
            assert not feed.sent
            assert far.look("d/a.csv") is None
            until(lambda: zone.sessions == 0)
            assert 0 in send(device, request("d/a.csv", DATA), data=DATA).sent
            assert isinstance(prove(device, "d/a.csv", len(DATA)), Proven)
        assert far.listing() == {"d", "d/a.csv"}

    @pytest.mark.parametrize("moment", ["drop_before", "drop_after"])
    def test_a_rename_whose_answer_is_lost_is_unknown_and_happens_once(
        self, zone: StandIn, far: ZoneFarSide, moment: str
    ):
        """Requirement R11: probe before anything is sent again."""
        getattr(zone.faults, moment)[RENAME] = 1
        with connected(zone) as device:
            feed, error = lose(device, request("a.csv", DATA), request("b.csv", DATA, 1))
            assert isinstance(error, DeviceGone)
            assert set(feed.errors) == {0}
            assert isinstance(feed.errors[0], OutcomeUnknown)
            assert feed.sent == {}
            (answer,) = device.stat(["a.csv"])
            if moment == "drop_after":
                assert isinstance(answer, Entry)
                assert isinstance(prove(device, "a.csv", len(DATA)), Proven)
                assert isinstance(send(device, request("a.csv", DATA), data=DATA).errors[0], NameTaken)
            else:
                assert isinstance(answer, ItemMissing)
                assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
        assert far.look("a.csv") == DATA
        assert {path for path in far.listing() if "st-0" in path} == set()

    def test_what_a_broken_upload_left_is_continued(self, zone: StandIn, far: ZoneFarSide):
        data = content(4 * MIB)
        zone.faults.drop_after_bytes = 2 * MIB + 1_000
        with connected(zone) as device:
            lose(device, request("a.bin", data), data=data)
            until(lambda: zone.sessions == 0)
            left = zone.zone.require(f"{far.root}/.v2xsync-st-0.part").first
            assert (left.state, left.size) == ("0", 2 * MIB), "stale, as a dying agent leaves it"
            feed = send(device, request("a.bin", data), data=data)
            assert feed.first_offset(0) >= 2 * MIB - 64 * 1024
            assert isinstance(prove(device, "a.bin", len(data)), Proven)
        assert far.look("a.bin") == data

    def test_a_whole_partial_that_was_never_closed_is_closed_and_renamed(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.drop_before[CLOSE] = 1
        with connected(zone) as device:
            lose(device, request("a.csv", DATA))
            until(lambda: zone.sessions == 0)
            assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
        replica = zone.zone.require(f"{far.root}/a.csv").first
        assert (replica.state, replica.size) == ("1", len(DATA))

    def test_a_download_that_breaks_inside_of_content_ends_at_once(self, zone: StandIn, far: ZoneFarSide):
        """The client library's own receiver would spin for ever here."""
        far.plant("a.bin", content(2 * MIB))
        with connected(zone) as device:
            requests = ask(device, ["a.bin"])
            zone.faults.drop_after_bytes = MIB + 5
            started = time.monotonic()
            sink = Collected()
            with pytest.raises(DeviceGone):
                device.fetch(requests, sink)
            assert time.monotonic() - started < 5
            assert sink.content(0) == content(MIB)
            again = Collected()
            device.fetch(requests, again)
            assert again.content(0) == content(2 * MIB)

    @pytest.mark.parametrize("api", [QUERY, OPEN, READ, CLOSE])
    def test_a_download_from_a_server_that_dies_is_the_devices_trouble(self, zone: StandIn, far: ZoneFarSide, api: int):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            requests = ask(device, ["a.csv"])
            zone.faults.drop_before[api] = 1
            sink = Collected()
            with pytest.raises(DeviceGone):
                device.fetch(requests, sink)
            assert sink.ended == 0

    @pytest.mark.parametrize("api", [QUERY, OPEN, WRITE, CLOSE, RENAME])
    def test_a_server_that_hangs_is_gone_within_the_timeout(self, zone: StandIn, far: ZoneFarSide, api: int):
        with connected(zone, timeout_s=0.5) as device:
            zone.faults.hang[api] = 1
            started = time.monotonic()
            lose(device, request("a.csv", DATA))
            assert time.monotonic() - started < 5

    def test_a_session_that_expired_logs_in_again(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            zone.faults.expire()
            with pytest.raises(DeviceGone, match="log in again"):
                device.stat(["a.csv"])
            device.connect()
            assert isinstance(device.stat(["a.csv"])[0], Entry)
        assert zone.faults.logins == 2

    def test_a_server_that_was_restarted_is_dialled_again(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            zone.hang_up()
            with pytest.raises(DeviceGone):
                device.stat(["a.csv"])
            assert isinstance(device.stat(["a.csv"])[0], Entry)

    def test_a_cancelled_upload_leaves_the_object_closed_and_good(self, zone: StandIn, far: ZoneFarSide):
        def stop(token: int, offset: int) -> None:
            if offset >= MIB:
                raise Cancelled("stop")

        with connected(zone) as device:
            with pytest.raises(Cancelled):
                device.send([request("a.bin", content(3 * MIB))], Contents({0: content(3 * MIB)}, stop))
            left = zone.zone.require(f"{far.root}/.v2xsync-st-0.part").first
            assert (left.state, left.size) == ("1", MIB)
            assert zone.faults.logins == 1

    def test_what_is_whole_when_a_stop_comes_gets_its_name(self, zone: StandIn, far: ZoneFarSide):
        def stop(token: int, offset: int) -> None:
            if token == 1:
                raise Cancelled("stop")

        feed = Contents({0: DATA, 1: DATA}, stop)
        with connected(zone) as device, pytest.raises(Cancelled):
            device.send([request("a.csv", DATA), request("b.csv", DATA, 1)], feed)
        assert set(feed.sent) == {0}
        assert far.look("a.csv") == DATA


class TestRefusals:
    def test_a_full_quota_pauses_the_target_and_keeps_what_is_whole(self, zone: StandIn, far: ZoneFarSide):
        zone.zone.quota_bytes = len(DATA) + 5
        with connected(zone) as device:
            feed, error = lose(device, request("a.csv", DATA), request("b.csv", DATA, 1))
        assert isinstance(error, NoSpace)
        assert error.remedy
        assert set(feed.sent) == {0}
        assert far.look("a.csv") == DATA
        assert far.look("b.csv") is None

    @pytest.mark.parametrize("code", [-513_028, -511_122, -400_000])
    def test_a_full_disk_behind_the_server_is_no_space(self, zone: StandIn, far: ZoneFarSide, code: int):
        """The errno of the server's system call is in the last three digits: ENOSPC, EDQUOT."""
        zone.faults.refuse[WRITE] = code
        with connected(zone) as device:
            _, error = lose(device, request("a.csv", DATA))
        assert isinstance(error, NoSpace)

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (-105_000, DeviceGone),
            (-22_000, DeviceGone),
            (-803_000, DeviceGone),
            (-305_111, DeviceGone),
            (-826_000, DeviceGone),
            (-840_000, DeviceGone),
            (-118_000, DeviceBusy),
            (-110_000, NoSpace),
            (-78_000, AccessRefused),
        ],
    )
    @pytest.mark.parametrize("api", [OPEN, CLOSE])
    def test_codes_about_the_whole_device(
        self, zone: StandIn, far: ZoneFarSide, api: int, code: int, kind: type[DeviceError]
    ):
        zone.faults.refuse[api] = code
        with connected(zone) as device:
            feed, error = lose(device, request("a.csv", DATA))
        assert type(error) is kind
        assert str(code) in error.what
        assert not feed.errors
        assert not feed.sent

    @pytest.mark.parametrize(
        ("code", "kind"),
        [
            (-808_000, ItemFailed),
            (-358_000, ItemFailed),
            (-405_000, ItemFailed),
            (-406_000, ItemFailed),
            (-1_803_000, ItemFailed),
            (-166_000, ItemFailed),
            (-314_000, IntegrityError),
            (-27_000, IntegrityError),
            (-346_000, ItemRefused),
            (-66_000, ItemRefused),
            (-130_000, ItemFailed),
            (-513_005, ItemFailed),
            (-1_201_000, ItemFailed),
            (-424_242, ItemFailed),
            (-7, ItemFailed),
        ],
    )
    def test_codes_about_one_file_leave_the_others_alone(
        self, zone: StandIn, far: ZoneFarSide, code: int, kind: type[ItemError]
    ):
        zone.faults.refuse[OPEN] = code
        zone.faults.refuse_words = "rule said:\x1b[31m no\n"
        with connected(zone) as device:
            feed = send(device, request("a.csv", DATA), request("b.csv", DATA, 1), data=DATA)
            assert zone.faults.logins == 1, "the session goes on"
        assert set(feed.errors) == {0, 1}
        assert type(feed.errors[0]) is kind
        assert feed.errors[0].path == "a.csv"
        assert str(code) in feed.errors[0].what
        assert "rule said: [31m no" in feed.errors[0].what, "the server's own words, made harmless"

    @pytest.mark.parametrize("api", [OPEN, CLOSE, RENAME, QUERY])
    def test_a_target_never_speaks_as_if_the_source_were_missing(self, zone: StandIn, far: ZoneFarSide, api: int):
        """A streamed delivery would take ItemMissing for news of its source."""
        zone.faults.refuse[api] = -814_000
        with connected(zone) as device:
            error = send(device, request("a.csv", DATA), data=DATA).errors[0]
        assert type(error) is ItemFailed

    def test_a_source_file_that_went_is_missing(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            requests = ask(device, ["a.csv"])
            zone.faults.refuse[OPEN] = -358_000
            device.fetch(requests, sink := Collected())
        assert type(sink.errors[0]) is ItemMissing

    @pytest.mark.parametrize("code", [-312_000, -809_000, -833_000, -834_000])
    def test_every_way_to_say_that_a_name_is_taken(self, zone: StandIn, far: ZoneFarSide, code: int):
        zone.faults.refuse[RENAME] = code
        with connected(zone) as device:
            assert isinstance(send(device, request("a.csv", DATA), data=DATA).errors[0], NameTaken)

    @pytest.mark.parametrize("path", ["a.csv", "new/a.csv"])
    def test_a_collection_that_we_may_not_write_stops_the_lane_and_holds_no_file(
        self, zone: StandIn, far: ZoneFarSide, path: str
    ):
        zone.zone.read_only.add(far.root)
        with connected(zone) as device:
            feed, error = lose(device, request(path, DATA))
        assert isinstance(error, AccessRefused)
        assert "/tempZone/home/alice/v2x" in error.what
        assert "ichmod" in error.remedy
        assert feed.errors == {}

    def test_a_partial_that_is_locked_waits_with_an_advice(self, zone: StandIn, far: ZoneFarSide):
        far.plant(".v2xsync-st-0.part", DATA[:5])
        left = zone.zone.require(f"{far.root}/.v2xsync-st-0.part").first
        left.state = "2"
        with connected(zone) as device:
            error = send(device, request("a.csv", DATA), data=DATA).errors[0]
            assert isinstance(error, ItemFailed)
            assert "locked or still being written" in error.what
            assert "iadmin modrepl" in error.remedy
            left.state = "0"
            assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
        assert far.look("a.csv") == DATA

    def test_a_partial_that_cannot_be_continued_starts_over(self, zone: StandIn, far: ZoneFarSide):
        far.plant(".v2xsync-st-0.part", b"something else")
        with connected(zone) as device:
            assert 0 in send(device, request("a.csv", DATA), data=DATA).sent
        assert far.look("a.csv") == DATA
        assert far.listing() == {"a.csv"}

    def test_a_folder_that_may_not_be_listed_is_a_hole_in_the_listing(self, zone: StandIn, far: ZoneFarSide):
        """Requirement R7: absence is not evidence."""
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            listing = device.list()
            assert isinstance(next(listing), Entry)
            zone.faults.refuse[QUERY] = -818_000
            (hole,) = listing
        assert isinstance(hole, Unlistable)
        assert "CAT_NO_ACCESS_PERMISSION" in hole.reason

    def test_a_removal_that_is_refused_says_so(self, zone: StandIn, far: ZoneFarSide):
        far.plant("a.csv", DATA)
        with connected(zone) as device:
            (entry,) = device.stat(["a.csv"])
            assert isinstance(entry, Entry)
            zone.faults.refuse[UNLINK] = -818_000
            ((_, error),) = device.remove([RemoveRequest(0, "a.csv", entry.fingerprint)])
        assert isinstance(error, ItemRefused)
        assert far.look("a.csv") == DATA

    def test_a_removed_file_lies_in_the_trash_and_a_swept_partial_does_not(self, zone: StandIn, far: ZoneFarSide):
        far.plant("d/a.csv", DATA)
        far.plant("d/.v2xsync-st-9.part", DATA)
        with connected(zone) as device:
            (entry,) = device.stat(["d/a.csv"])
            assert isinstance(entry, Entry)
            assert list(device.remove([RemoveRequest(0, "d/a.csv", entry.fingerprint)])) == [(0, None)]
            assert device.sweep(["d"], frozenset()) == ["d/.v2xsync-st-9.part"]
        trash = f"/{zone.name}/trash/home/{zone.username}"
        thrown = {
            f"{place}/{name}".removeprefix(f"{trash}/")
            for place, held in zone.zone.collections.items()
            if place.startswith(trash)
            for name in held
        }
        assert thrown == {"v2x/d/a.csv"}

    def test_a_zone_that_sets_no_times_is_delivered_to_all_the_same(self, zone: StandIn, far: ZoneFarSide):
        zone.faults.refuse[TOUCH] = -12_000
        with connected(zone) as device:
            assert len(send(device, request("a.csv", DATA), request("b.csv", DATA, 1), data=DATA).sent) == 2
        assert zone.faults.calls[TOUCH] == 1, "asked once, in vain"


class TestHousekeeping:
    def test_a_session_says_goodbye(self, zone: StandIn, far: ZoneFarSide):
        with connected(zone) as device:
            assert zone.sessions == 1
            device.close()
            until(lambda: zone.sessions == 0)

    def test_refused_opens_leave_no_connection_behind(self, zone: StandIn, far: ZoneFarSide):
        """The client library's `open` would dial anew after each."""
        far.plant("a.csv", DATA)
        zone.faults.refuse[OPEN] = -818_000
        with connected(zone) as device:
            (one,) = ask(device, ["a.csv"])
            for _ in range(20):
                device.fetch([one], sink := Collected())
                assert isinstance(sink.errors[0], ItemRefused)
            assert (zone.sessions, zone.faults.logins) == (1, 1)

    def test_a_listing_that_is_left_early_leaves_no_question_open(self, zone: StandIn, far: ZoneFarSide):
        for number in range(600):
            far.plant(f"{number:03}.csv", b"x")
        with connected(zone) as device:
            listing = device.list()
            next(listing)
            (agent,) = zone.agents
            assert agent.open_queries == 1
            listing.close()  # type: ignore[attr-defined]
            assert agent.open_queries == 0

    def test_many_files_are_asked_for_together(self, zone: StandIn, far: ZoneFarSide):
        names = [f"d/{number:03}.csv" for number in range(200)]
        for name in names:
            far.plant(name, b"x")
        with connected(zone) as device:
            zone.faults.calls.clear()
            assert all(isinstance(answer, Entry) for answer in device.stat(names))
        assert zone.faults.calls[QUERY] == 4

    def test_names_with_apostrophes_are_asked_for_alone(self, zone: StandIn, far: ZoneFarSide):
        names = ["it's.csv", "plain.csv", "'", "a||b's", "x&&y", "in ('z')"]
        for name in names:
            far.plant(name, name.encode())
        with connected(zone) as device:
            answers = device.stat(names)
        assert [answer.path for answer in answers] == names
        assert all(isinstance(answer, Entry) for answer in answers)

    def test_a_very_long_path_is_refused_here(self, zone: StandIn, far: ZoneFarSide):
        path = "/".join(["x" * 250] * 5)
        with connected(zone) as device:
            (answer,) = device.stat([path])
            assert isinstance(answer, ItemRefused)
            ((_, error),) = device.remove([RemoveRequest(0, path, Fingerprint(1))])
            assert isinstance(error, ItemRefused)
        assert zone.faults.calls[QUERY] == 0
