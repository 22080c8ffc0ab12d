"""filesync's devices: LOCAL, DISK, FTP, POST, WEBDAV and MAVFTP, as sources, as targets, and in lists to pick from."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Final

from v2xsync.config.legacy.draft import Draft, InTable, OldSecret, Option, unnamed_secret
from v2xsync.config.legacy.reading import Old, old_tables
from v2xsync.config.problems import Problems

SYSTEM: Final = "filesync (a list of devices)"
_CONFIDENTIAL: Final = re.compile(r"auth|key|token|secret|cookie|pass", re.IGNORECASE)
_FORM_NAMES: Final = {"additional_feedback": "feedback", "allow_for_analysis": "allowForAnalysis"}
_FILE_PART: Final = "filearg"
_AUTOPILOT: Final = "The connection is a guess: write the serial port or the address that the autopilot is at."


def fits(raw: object) -> bool:
    """Whether a file's value is a list of devices, alone or apart by source and target, or one device."""
    if isinstance(raw, list):
        return bool(raw) and all(_is_device(entry) for entry in raw)
    if not isinstance(raw, dict):
        return False
    lists = [raw[name] for name in ("source", "target", "devices") if name in raw]
    return _is_device(raw) or (bool(lists) and all(isinstance(entry, list) for entry in lists))


def carry(old: Old) -> None:
    """Put every device into the draft; there are no routes in such a file."""
    if _is_device(old.raw):
        add_device(old)
    else:
        for entry in (*old.tables("source"), *old.tables("target"), *old.tables("devices")):
            add_device(entry)
        old.rest()
    old.note("", "a list of devices says nothing about what goes where: write the routes")


def carry_list(values: list[object], draft: Draft, problems: Problems, file: str) -> None:
    """Put the devices of a file that is one list into the draft."""
    for entry in old_tables(values, draft, problems, file):
        add_device(entry)
    Old({}, draft, problems, file).note("", "a list of devices says nothing about what goes where: write the routes")


def add_device(old: Old) -> str:
    """Add one device and return its name; an unknown kind is a problem."""
    word = old.text("device_class", "device", "module_path").lower().removeprefix("device_")
    old.text("module_path")
    args = old.table("args")
    make = _KINDS.get(word)
    if make is None:
        old.wrong("device_class", f"no device of filesync is called so; known: {', '.join(_KINDS)}")
        return ""
    name = make(args)
    args.rest()
    old.rest()
    return name


def _is_device(entry: object) -> bool:
    return isinstance(entry, dict) and bool({"device", "device_class", "module_path"} & entry.keys())


def _local(args: Old) -> str:
    directory = args.folder("mount_point", "dir")
    wanted = posixpath.basename(directory.rstrip("/")) or "local"
    return args.draft.add_device(wanted, "local", {"directory": directory})


def _disk(args: Old) -> str:
    uuid = args.text("uuid", required=True)
    options: dict[str, Option] = {"uuid": uuid, "mount_point": args.text("mount_point")}
    return args.draft.add_device(f"disk-{uuid}", "disk", options)


def _ftp(args: Old) -> str:
    host = args.host("host")
    options: dict[str, Option] = {
        "host": host,
        "username": args.text("user", "username"),
        "password": args.secret("passwd", "password"),
        "tls": "none",
    }
    comment = 'As before there is no TLS: write tls = "explicit" if the server has it.'
    return args.draft.add_device(f"ftp-{host}", "ftp", options, comment)


def _webdav(args: Old) -> str:
    address = args.address("host", "url")
    options: dict[str, Option] = {
        "url": address.url,
        "username": args.text("user", "username") or address.username,
        "password": args.secret("passwd", "password") or _secret(address.password),
    }
    return args.draft.add_device(f"webdav-{_host_of(address.url)}", "webdav", options)


def _post(args: Old) -> str:
    address = args.address("uploader_url", "url")
    values = args.table("values")
    options: dict[str, Option] = {
        "url": address.url,
        "form": "flight_review",
        "fields": form_fields(values),
        "username": address.username,
        "password": _secret(address.password),
    }
    return args.draft.add_device(_host_of(address.url), "post", options)


def _mavftp(args: Old) -> str:
    options: dict[str, Option] = {"connection": "/dev/ttyACM0", "root": "/fs/microsd/log"}
    args.note("", "the older module took the autopilot from mavros; ours needs its `connection`")
    return args.draft.add_device("autopilot", "mavftp", options, _AUTOPILOT)


_KINDS: Final[Mapping[str, Callable[[Old], str]]] = {
    "local": _local,
    "disk": _disk,
    "ftp": _ftp,
    "post": _post,
    "webdav": _webdav,
    "mavftp": _mavftp,
}


def form_fields(values: Old) -> dict[str, InTable]:
    """Return the fields of an upload form under the names that the server knows; plain braces are doubled for us."""
    fields: dict[str, InTable] = {}
    for name, value in values.raw.items():
        ours = _FORM_NAMES.get(name, name)
        if name == _FILE_PART or value is None:
            continue
        if isinstance(value, bool | int):
            fields[ours] = value
        elif _CONFIDENTIAL.search(name):
            secret = values.secret(name)
            if secret:
                fields[ours] = secret
        else:
            fields[ours] = values.text(name).replace("{", "{{").replace("}", "}}")
    if fields.get("allowForAnalysis") is True:
        values.note("allow_for_analysis", "it was sent in a way that the server took for false; ours is understood")
    return fields


def _secret(value: str) -> OldSecret | str:
    return unnamed_secret(value) if value else ""


def _host_of(url: str) -> str:
    return url.partition("://")[2].partition("/")[0]
