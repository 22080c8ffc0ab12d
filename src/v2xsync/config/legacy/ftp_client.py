"""The FTP client of the roadside unit (2020): a daily window in which finished data is pushed to the collector."""

from __future__ import annotations

from typing import Final

from v2xsync.config.legacy.draft import CarriedRoute, Option, unnamed_secret
from v2xsync.config.legacy.intersections import USUAL_FOLDER
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "the FTP client of the roadside unit (v2x-data-ftp-client)"
_RETRIES: Final = "no equal: ours tries again with growing pauses inside the window, and goes on the next day"


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system."""
    if not isinstance(raw, dict):
        return False
    transfer = raw.get("DataTransfer")
    return "DataCollectorIP" in raw or (isinstance(transfer, dict) and "FtpServerPort" in transfer)


def window(table: Old) -> dict[str, str]:
    """Return `daily` and `until` of a table with StartTime and EndTime; MaxRetries has no equal."""
    start, end = table.clock("StartTime"), table.clock("EndTime")
    table.ignore(_RETRIES, "MaxRetries")
    if not start:
        if end:
            table.note("EndTime", "without StartTime it means nothing")
        return {}
    if not end or end == start:
        return {"daily": start}
    return {"daily": start, "until": end}


def carry(old: Old) -> None:
    """Put what the config says into the draft: one local source, one FTP target, one window."""
    draft = old.draft
    name = old.name("IntersectionName", otherwise="archive")
    user = old.text("IntersectionName", required=True)
    if user:
        draft.station.setdefault("name", user)
    transfer = old.table("DataTransfer", required=True)
    options: dict[str, Option] = {
        "host": old.host("DataCollectorIP"),
        "port": transfer.whole("FtpServerPort") or 21,
        "username": user,
        "password": unnamed_secret(""),
        "tls": "none",
    }
    comment = "The older client logged in without TLS, with the intersection's name and a password built into it."
    source = draft.add_device(name, "local", {"directory": f"{USUAL_FOLDER}/archive"})
    old.note("", f"the folder was built into the older client: {USUAL_FOLDER}/archive is taken")
    target = draft.add_device("data-collector", "ftp", options, comment)
    route = CarriedRoute(
        name="daily-push",
        sources=[source],
        targets=[target],
        stage=False,
        options={"elements": "v2x", "target_path": "{element}/{name}", "fetch": {"every": "10m"}},
        removes=True,
        empty_folders=True,
    )
    times = window(transfer)
    if times:
        route.options["deliver"] = times
    draft.add_route(route)
    transfer.rest()
    old.rest()
