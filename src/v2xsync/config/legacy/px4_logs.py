"""ros_px4logs: from the autopilot's card over a folder to logs.px4.io. Its ROS parameters, given as JSON."""

from __future__ import annotations

from typing import Final

from v2xsync.config.legacy.draft import CarriedRoute, InTable, Option
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "ros_px4logs"
_KEYS: Final = frozenset({"logs_directory", "db_json_path", "uploader_url", "arming_protect", "uploaders_count"})
_ENOUGH: Final = 2
_COMMENT: Final = "The connection is a guess: the older program took the autopilot from mavros, on the same machine."


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system."""
    return isinstance(raw, dict) and len(_KEYS & {_plain(name) for name in raw}) >= _ENOUGH


def carry(old: Old) -> None:
    """Put what the parameters say into the draft; names may have ROS's ``~`` or ``/`` in front."""
    plain = {_plain(name): value for name, value in old.raw.items()}
    old = old.again(plain)
    draft = old.draft
    draft.keep_in(old.folder("logs_directory"), old.file)
    drone = draft.add_device("autopilot", "mavftp", {"connection": "/dev/ttyACM0", "root": "/fs/microsd/log"}, _COMMENT)
    if not old.flag("arming_protect", default=False):
        old.note("arming_protect", 'ours always waits until the vehicle is disarmed (safety = "any" must be written)')
    address = old.address("uploader_url") if old.has("uploader_url") else None
    fields: dict[str, InTable] = {
        "email": _braces(old.text("user_email")),
        "feedback": _braces(old.text("user_feedback")),
    }
    options: dict[str, Option] = {
        "url": address.url if address else "https://logs.px4.io/upload",
        "form": "flight_review",
        "fields": fields,
    }
    target = draft.add_device("px4-logs", "post", options)
    interval = old.seconds("finder_interval") or "10s"
    rhythm: dict[str, Option] = {"include": ["*.ulg"], "fetch": {"every": interval}}
    draft.add_route(CarriedRoute(name="flight-logs", sources=[drone], targets=[target], options=rhythm))
    old.note("logs_directory", "files are named as on the card, not as 20171020_105302.ulg")
    old.ignore("no equal: the ledger takes its place, and the older database is not read", "db_json_path")
    old.ignore("no equal: one request at a time to an autopilot; `max_parallel` elsewhere", "downloaders_count")
    old.ignore("no equal: each device has `max_parallel`", "uploaders_count")
    old.ignore("no equal: ours always proves what it fetched", "check_file_checksum")
    old.rest()


def _plain(name: str) -> str:
    return name.lstrip("~/").rpartition("/")[2]


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
