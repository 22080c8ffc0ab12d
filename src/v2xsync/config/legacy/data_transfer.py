"""V2X-Data-Transfer: the role `server` (pull from intersections, push to CyVerse) and the role `roadside` (push)."""

from __future__ import annotations

import posixpath
from typing import Final

from v2xsync.config.legacy.cyverse import Bound, lanes
from v2xsync.config.legacy.draft import CarriedRoute
from v2xsync.config.legacy.intersections import add_intersection, add_pulls, archive_of
from v2xsync.config.legacy.pull_script import SAME_TIME
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "V2X-Data-Transfer"
_STALE: Final = (
    "a stale name: the older program never read it (it wanted {}), so this time was not in force; taken as it was meant"
)
_LOOK_EVERY: Final = "10m"


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system."""
    if not isinstance(raw, dict) or "ApplicationPlatform" not in raw:
        return False
    transfer = raw.get("DataTransfer")
    return not (isinstance(transfer, dict) and "FtpServerPort" in transfer)


def carry(old: Old) -> None:
    """Put what the config says into the draft, by its role."""
    role = old.text("ApplicationPlatform")
    name = old.text("IntersectionName")
    if name:
        old.draft.station.setdefault("name", name)
    old.ignore("lines go to the screen and stdout; `logs` in [station] names a folder for files", "Logging", "Console")
    transfer = old.table("DataTransfer", required=True)
    if role == "server":
        _carry_server(old, transfer)
    elif role == "roadside":
        _carry_roadside(transfer)
    else:
        old.wrong("ApplicationPlatform", "the role is neither server nor roadside")
    old.rest()
    transfer.rest()


# --- server


def _carry_server(old: Old, transfer: Old) -> None:
    pulls, pushes = old.flag("PullFromIntersections", default=True), old.flag("PushToCyverse", default=True)
    server = transfer.table("server", required=True)
    store = server.folder("data_directory")
    server.rest()
    fetch = _time(transfer, "StartTime_PullFromIntersections", "StartTime_FromIntersections")
    deliver = _time(transfer, "StartTime_PushToCyverse", "StartTime_ToCyverse")
    entries = transfer.tables("intersection")
    if not entries:
        transfer.wrong("intersection", "no intersection is written")
    if pulls:
        _pull(transfer, entries, store, fetch=fetch, deliver=deliver, pushes=pushes)
    elif pushes:
        _push_only(entries, store, deliver)
    else:
        known = len(old.draft.routes)
        old.note("PullFromIntersections", "it and PushToCyverse are off: every route is commented out")
        _pull(transfer, entries, store, fetch=fetch, deliver=deliver, pushes=True)
        for route in old.draft.routes[known:]:
            route.off = "both switches of the older config are off"


def _pull(transfer: Old, entries: list[Old], store: str, *, fetch: str, deliver: str, pushes: bool) -> None:
    draft = transfer.draft
    draft.keep_in(store, transfer.file)
    bounds = [add_intersection(entry) for entry in entries]
    if not pushes:
        bounds = [Bound(bound.source, "") for bound in bounds]
        transfer.note("intersection.cyverse_location", "not carried over: PushToCyverse is off")
    for bound in bounds if pushes else ():
        if not bound.collection:
            transfer.note("intersection.cyverse_location", f"{bound.source} has none: it is fetched and kept")
    if not fetch:
        transfer.note("StartTime_PullFromIntersections", "not written: ours looks every five minutes")
    if pushes and deliver and deliver == fetch:
        transfer.note("StartTime_PushToCyverse", SAME_TIME)
    draft.store_empties = draft.store_empties or pushes
    add_pulls(draft, bounds, fetch=fetch, deliver=deliver)


def _push_only(entries: list[Old], store: str, deliver: str) -> None:
    """The tree that something else fills: read in place, each intersection's folder a device."""
    for entry in entries:
        name = entry.name("name", otherwise="intersection")
        directory = posixpath.join(store, entry.text("name") or name)
        source = entry.draft.add_device(name, "local", {"directory": directory})
        collection = entry.text("cyverse_location")
        entry.ignore("not needed: PullFromIntersections is off", "ip_address", "username", "password")
        entry.ignore("not needed: PullFromIntersections is off", "v2x-data_location")
        entry.rest()
        for lane in lanes(entry.draft, [Bound(source, collection)]):
            route = CarriedRoute(
                name=f"push-{source}",
                sources=lane.sources,
                targets=[lane.target] if lane.target else [],
                stage=False,
                options={"elements": "v2x", "target_path": lane.target_path, "fetch": {"every": _LOOK_EVERY}},
                removes=True,
                off="" if lane.target else "it names no cyverse_location",
            )
            if deliver:
                route.options["deliver"] = {"daily": deliver}
            entry.draft.add_route(route)


# --- roadside


def _carry_roadside(transfer: Old) -> None:
    draft = transfer.draft
    own, *others = transfer.tables("intersection") or [transfer.table("intersection", required=True)]
    if others:
        transfer.note("intersection", "in this role only the first entry counts")
    name = own.name("name", otherwise="archive")
    source = draft.add_device(name, "local", {"directory": archive_of(own)})
    own.rest()
    server = transfer.table("server", required=True)
    target = draft.add_device(
        "server",
        "sftp",
        {
            "host": server.host("ip_address"),
            "username": server.text("username", required=True),
            "password": server.secret("password"),
            "root": server.text("data_directory", required=True),
        },
    )
    server.rest()
    draft.advise(f"v2xsync trust {target}   (the older system switched the check of host keys off)")
    route = CarriedRoute(
        name="daily-push",
        sources=[source],
        targets=[target],
        stage=False,
        options={"elements": "v2x", "target_path": "{source}/{element}/{name}", "fetch": {"every": _LOOK_EVERY}},
        removes=True,
        empty_folders=True,
    )
    start = transfer.clock("StartTime_PushToServer")
    if start:
        route.options["deliver"] = {"daily": start}
    else:
        transfer.note("StartTime_PushToServer", "not written: ours delivers each file as soon as it is found")
    draft.add_route(route)


def _time(transfer: Old, name: str, stale: str) -> str:
    """The time of a step; a stale name counts where the right one is missing."""
    if transfer.has(stale):
        transfer.note(stale, _STALE.format(name))
    return transfer.clock(name, stale)
