"""Who plays in the scenes: a station in Portland, a Thursday just after midnight, while the nightly run goes on."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from v2xsync.engine.facade import Why
from v2xsync.ledger.base import DeliveryFacet, Dossier, FetchFacet, Hold, LogLine
from v2xsync.model.custody import DeliveryState, FetchState, RemovalState, Step
from v2xsync.model.items import NS_PER_S, Fingerprint, Proof
from v2xsync.model.views import (
    DeviceState,
    DeviceView,
    EventView,
    Level,
    QueueRow,
    RouteView,
    StationState,
    StationView,
    Totals,
    TransferView,
    WorkState,
)

ZONE = ZoneInfo("America/Los_Angeles")
NOW = dt.datetime(2026, 3, 5, 0, 42, 7, tzinfo=ZONE).timestamp()
TONIGHT = dt.datetime(2026, 3, 6, 0, 30, tzinfo=ZONE).timestamp()
THREE = dt.datetime(2026, 3, 5, 3, 0, tzinfo=ZONE).timestamp()
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
KB, MB, GB = 1_000, 1_000_000, 1_000_000_000
ELEMENTS = ("spat", "remoteBsm", "hostBsm", "srm", "ssm", "msgCount")


# --- devices ----------------------------------------------------------------------------------------------------------


def source(name: str, state: DeviceState = DeviceState.UP, **more: object) -> DeviceView:
    known = {"type": "sftp", "is_source": True, "is_target": False, "since": NOW - 12 * MINUTE, "next_run": TONIGHT}
    return DeviceView(name=name, state=state, **(known | {"last_contact": NOW - 4} | more))  # type: ignore[arg-type]


def target(name: str, state: DeviceState = DeviceState.UP, **more: object) -> DeviceView:
    known = {"type": "irods", "is_source": False, "is_target": True, "since": NOW - 12 * MINUTE}
    return DeviceView(name=name, state=state, **(known | {"last_contact": NOW - 2} | more))  # type: ignore[arg-type]


SOURCES = (
    source(
        "clay-11th", DeviceState.BUSY, rate=2.1 * MB, active=2, waiting=214, waiting_bytes=612 * MB, done=388,
        done_bytes=int(1.1 * GB), clock_offset_s=0.4, free_bytes=int(9.2 * GB),
    ),
    source(
        "market-2nd", DeviceState.BUSY, rate=1.4 * MB, active=1, waiting=96, waiting_bytes=288 * MB, done=502,
        done_bytes=int(1.4 * GB), clock_offset_s=-1.2, free_bytes=11 * GB, not_ready=2,
    ),
    source(
        "market-4th", DeviceState.AWAY, since=NOW - 2.2 * HOUR, last_contact=NOW - 2.2 * HOUR, waiting=310,
        waiting_bytes=905 * MB, trouble="no answer from 10.1.2.14 port 22: timed out after 20 s",
        remedy="Check the modem of that cabinet; v2xsync looks again every minute.",
    ),
    source("naito-davis", waiting=41, waiting_bytes=88 * MB, done=12, done_bytes=30 * MB, clock_offset_s=184.0),
    source(
        "powell-39th", DeviceState.REFUSED, since=NOW - 10 * MINUTE, trouble="the host key changed",
        remedy="Compare the fingerprint with the cabinet's, then run: v2xsync trust powell-39th",
    ),
    source(
        "pixracer", DeviceState.ABSENT, type="mavftp", next_run=None,
        last_contact=NOW - 3 * DAY, since=NOW - 3 * DAY,
    ),
)  # fmt: skip

TARGETS = (
    target(
        "cyverse", DeviceState.BUSY, rate=3.2 * MB, active=2, waiting=163, waiting_bytes=470 * MB, done=702,
        done_bytes=int(2.0 * GB),
    ),
    target("office", type="ftp", waiting=9, waiting_bytes=21 * MB, done=856, done_bytes=2_400 * MB, free_bytes=48 * GB),
    target(
        "backup", DeviceState.FULL, type="local", since=NOW - 40 * MINUTE, waiting=655, waiting_bytes=int(1.9 * GB),
        free_bytes=12 * MB, trouble="no space left on device", remedy="Free some space on /mnt/backup.",
    ),
)  # fmt: skip

ROUTES = (
    RouteView(
        name="intersections",
        sources=("clay-11th", "market-2nd", "market-4th", "naito-davis", "powell-39th"),
        targets=("cyverse", "office"),
        next_fetch=TONIGHT,
        next_deliver=THREE,
        running=True,
    ),
    RouteView(name="keep", sources=("clay-11th",), targets=("backup",), next_fetch=TONIGHT, next_deliver=None),
    RouteView(name="drone", sources=("pixracer",), targets=("cyverse",), next_fetch=None, next_deliver=None),
)


# --- work -------------------------------------------------------------------------------------------------------------


def log_path(host: str, number: int) -> str:
    """A file name as these cabinets make them."""
    element = ELEMENTS[number % len(ELEMENTS)]
    return f"{element}/{host}_{element}Log_0304{2026}_{number % 24:02d}{number * 7 % 60:02d}00.csv"


def transfer(number: int, host: str, device: str, state: WorkState, share: float, **more: object) -> TransferView:
    size = int((1.9 + number % 5) * MB)
    known = {
        "route": "intersections",
        "source": host,
        "path": log_path(host, number),
        "rate": 700 * KB + number * 90 * KB,
    }
    return TransferView(
        key=number, item_id=number, state=state, device=device, size=size, position=int(size * share),
        started=NOW - 3, **(known | more),  # type: ignore[arg-type]
    )  # fmt: skip


def queued(
    number: int, host: str, device: str = "store", state: WorkState = WorkState.QUEUED, **more: object
) -> QueueRow:
    known = {
        "route": "intersections",
        "source": host,
        "path": log_path(host, number),
        "size": (900 + number % 9 * 350) * KB,
    }
    item = 1000 + number
    return QueueRow(key=(item, device), item_id=item, state=state, device=device, **(known | more))  # type: ignore[arg-type]


TRANSFERS = (
    transfer(1, "clay-11th", "store", WorkState.FETCHING, 0.41),
    transfer(2, "clay-11th", "store", WorkState.FETCHING, 0.88),
    transfer(3, "market-2nd", "store", WorkState.FETCHING, 0.07),
    transfer(4, "market-2nd", "cyverse", WorkState.SENDING, 0.63),
    transfer(6, "clay-11th", "cyverse", WorkState.PROVING, 1.0, rate=0.0),
)

QUEUE = (
    queued(7, "clay-11th", tries=2, state=WorkState.RETRY, next_at=NOW + 90, reason="connection lost at 1.2 MB"),
    *(queued(number, "clay-11th") for number in range(8, 14)),
    *(queued(number, "market-2nd", "cyverse") for number in range(14, 18)),
    queued(18, "market-4th", state=WorkState.WAITING, reason="market-4th is away since 22:30"),
    queued(19, "market-4th", state=WorkState.WAITING, reason="market-4th is away since 22:30"),
    queued(20, "naito-davis", "backup", WorkState.WAITING, next_at=NOW + 600, reason="backup is full"),
    queued(21, "naito-davis", "office", WorkState.WAITING, next_at=THREE, reason="waits for the run at 03:00"),
    *(queued(number, ("clay-11th", "market-2nd", "naito-davis")[number % 3]) for number in range(22, 240)),
)


def event(
    seq: int, ago: float, text: str, level: Level = Level.INFO, device: str = "", item: int | None = None
) -> EventView:
    return EventView(seq=seq, at=NOW - ago, level=level, text=text, device=device, item_id=item)


EVENTS = (
    event(1, 731, "nightly run of intersections begins: 5 sources", device=""),
    event(2, 640, "host key refused: not the pinned one", Level.ERROR, "powell-39th"),
    event(3, 600, "no answer, looking again every minute", Level.WARNING, "market-4th"),
    event(4, 420, "listing done: 602 new files, 1.7 GB", device="clay-11th"),
    event(5, 300, "listing done: 598 new files, 1.7 GB", device="market-2nd"),
    event(6, 120, "clock is 3 min ahead of ours", Level.WARNING, "naito-davis"),
    event(7, 61, "no space left on device", Level.ERROR, "backup"),
    event(8, 9, "stored spat/clay-11th_spatLog_03042026_0600.csv, 4.2 MB, sha256 proven", device="clay-11th", item=1),
    event(9, 4, "delivered srm/market-2nd_srmLog_03042026_0321.csv to cyverse", device="cyverse", item=4),
    event(10, 1, "connection lost at 1.2 MB, trying again in 90 s", Level.WARNING, "clay-11th", 1007),
)  # fmt: skip

BUSY_TOTALS = Totals(
    found=1204, stored=902, delivered=1558, removed=640, failed=1, held=2, bytes_in=int(2.5 * GB),
    bytes_out=int(4.4 * GB), rate_in=3.5 * MB, rate_out=3.2 * MB, queued=1488,
    queued_bytes=int(4.28 * GB), batch_files=3896, batch_files_done=2408, batch_bytes=int(10.2 * GB),
    batch_bytes_done=int(5.9 * GB), eta_s=639.0,
)  # fmt: skip


def station(**changes: object) -> StationView:
    known = {
        "name": "pbot-server", "version": "0.1.0", "generation": 1, "at": NOW, "started": NOW - 2 * DAY,
        "state": StationState.RUNNING, "zone": "America/Los_Angeles", "devices": (*SOURCES, *TARGETS), "routes": ROUTES,
        "store_free": int(212 * GB), "next_run": THREE, "last_event": 10,
    }  # fmt: skip
    return StationView(**(known | changes))  # type: ignore[arg-type]


# --- holds, history, one whole life -----------------------------------------------------------------------------------

HOLDS = (
    Hold(
        31, Step.DELIVERED, "drone", "px4-logs", "pixracer", "2026-03-01/21_14_02.ulg",
        "the answer was lost after all bytes were sent, and px4-logs cannot be asked what it has", NOW - 3 * DAY, True,
    ),
    Hold(
        32, Step.STORED, "intersections", "store", "market-2nd", "../../etc/cron.d/job",
        "the name would leave the store", NOW - 5 * HOUR, False,
    ),
    Hold(
        33, Step.REMOVED, "intersections", "clay-11th", "clay-11th", "ssm/clay-11th_ssmLog_03032026_110000.csv",
        "the file changed between the proof and the removal", NOW - 40 * MINUTE, False,
    ),
)  # fmt: skip

SHA = "9f2c6e0b7d41a8c35e9012ab34cd56ef78901234567890abcdef1234567890ab"


def history() -> list[LogLine]:
    """Forty hops of files, a failure, a hold and its release among them."""
    lines = [
        LogLine(
            number, NOW - (60 - number) * 40, (Step.FOUND, Step.STORED, Step.DELIVERED, Step.REMOVED)[number % 4],
            number // 4 + 1, "clay-11th", log_path("clay-11th", number // 4), "intersections",
            ("", "store", "cyverse", "clay-11th")[number % 4], (None, Proof.HASH, Proof.HASH, None)[number % 4],
            SHA if number % 4 else "", 2_450_000, ("", "ssh channel", "server checksum", "")[number % 4],
        )
        for number in range(1, 41)
    ]  # fmt: skip
    lines += [
        LogLine(41, NOW - 700, Step.FAILED, 1007, "clay-11th", log_path("clay-11th", 7), "intersections", "store",
                detail="connection lost at 1.2 MB"),
        LogLine(42, NOW - 650, Step.HELD, 31, "pixracer", "2026-03-01/21_14_02.ulg", "drone", "px4-logs",
                detail="the answer was lost"),
        LogLine(43, NOW - 600, Step.DELIVERED, 30, "pixracer", "2026-02-27/09_00_41.ulg", "drone", "px4-logs",
                Proof.ACK, SHA, 8_100_000, "accepted by a person", by="dana"),
        LogLine(44, NOW - 500, Step.RELEASED, 29, "market-2nd", log_path("market-2nd", 9), "intersections", "cyverse",
                by="dana", detail="to be done again"),
    ]  # fmt: skip
    return lines


LIFE = Why(
    dossier=Dossier(
        item_id=4, source="market-2nd", path="srm/market-2nd_srmLog_03042026_032100.csv",
        fingerprint=Fingerprint(2_450_112, int((NOW - DAY) * NS_PER_S)), found_at=NOW - 700,
        fetches=(
            FetchFacet("intersections", "srm", FetchState.STORED, None, 0, "",
                       "market-2nd/srm/market-2nd_srmLog_03042026_032100.csv", SHA, None),
        ),
        deliveries=(
            DeliveryFacet(1, "intersections", "cyverse", DeliveryState.DELIVERED, None, 0, "",
                          "market-2nd/srm/market-2nd_srmLog_03042026_032100.csv", Proof.HASH, ""),
            DeliveryFacet(2, "intersections", "office", DeliveryState.QUEUED, NOW + 300, 2,
                          "the server said: 425 Cannot open data connection", "", None, ""),
        ),
        removal=RemovalState.WAITING, removal_reason="not delivered yet: office (route intersections)",
        removal_next_at=None,
        log=(
            LogLine(1, NOW - 700, Step.FOUND, 4, "market-2nd", "", "intersections", "market-2nd"),
            LogLine(2, NOW - 420, Step.STORED, 4, "market-2nd", "", "intersections", "store", Proof.HASH, SHA,
                    2_450_112, "ssh channel", place="market-2nd/srm/market-2nd_srmLog_03042026_032100.csv"),
            LogLine(3, NOW - 400, Step.FAILED, 4, "market-2nd", "", "intersections", "office",
                    detail="the server said: 425 Cannot open data connection"),
            LogLine(4, NOW - 4, Step.DELIVERED, 4, "market-2nd", "", "intersections", "cyverse", Proof.HASH, SHA,
                    2_450_112, "server checksum"),
        ),
    ),
    summary=(
        "It is safe in the store and at cyverse, both proven by hash.",
        "It waits for office, which failed twice; the next try is at 00:47.",
        "The original stays on market-2nd until office has it too: the route removes after delivery everywhere.",
    ),
)  # fmt: skip
