"""What the SFTP pull script and V2X-Data-Transfer's server share: intersections to fetch from, and CyVerse behind."""

from __future__ import annotations

import posixpath

from v2xsync.config.legacy.cyverse import Bound, Lane, lanes
from v2xsync.config.legacy.draft import CarriedRoute, Draft, Option
from v2xsync.config.legacy.reading import Old

USUAL_FOLDER = "/nojournal/bin/v2x-data"
ELEMENTS = ("spat", "remoteBsm", "srm", "ssm", "msgCount")
"""The five kinds of data that the older systems moved; ours moves the others too."""


def archive_of(old: Old) -> str:
    """The folder of finished data on a coprocessor: what the key names, and ``archive`` below it."""
    return posixpath.join(old.text("v2x-data_location") or USUAL_FOLDER, "archive")


def add_intersection(old: Old) -> Bound:
    """Add one intersection as an SFTP device; the older systems took ``archive`` below the folder they were told."""
    options: dict[str, Option] = {
        "host": old.host("ip_address"),
        "username": old.text("username", required=True),
        "password": old.secret("password"),
        "root": archive_of(old),
    }
    wanted = old.name("name", otherwise="intersection")
    if not options["password"]:
        old.note("password", "there is none: the SSH agent will be asked; or write `identity` for a key")
    name = old.draft.add_device(wanted, "sftp", options)
    old.draft.advise(f"v2xsync trust {name}   (the older system did not check host keys, or not safely)")
    collection = old.text("cyverse_location")
    old.rest()
    return Bound(name, collection)


def add_pulls(draft: Draft, bounds: list[Bound], *, fetch: str, deliver: str) -> None:
    """Add the routes that fetch from intersections at `fetch` and deliver at `deliver` (``HH:MM``, or empty)."""
    for number, lane in enumerate(lanes(draft, bounds)):
        draft.add_route(_pull(lane, fetch, deliver, name="intersections" if number == 0 else ""))


def _pull(lane: Lane, fetch: str, deliver: str, *, name: str) -> CarriedRoute:
    options: dict[str, Option] = {"elements": "v2x", "layout": "{source}/{element}/{name}"}
    if lane.target and lane.target_path != options["layout"]:
        options["target_path"] = lane.target_path
    if fetch:
        options["fetch"] = {"daily": fetch}
    if lane.target and deliver and deliver != fetch:
        options["deliver"] = {"daily": deliver}
    return CarriedRoute(
        name=name or f"from-{lane.sources[0]}",
        sources=lane.sources,
        targets=[lane.target] if lane.target else [],
        options=options,
        removes=True,
        empty_folders=True,
    )
