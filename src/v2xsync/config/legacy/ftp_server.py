"""The data collector's FTP server and CyVerse uploader (2020): a folder per client, a collection per element."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from v2xsync.config.legacy.cyverse import Bound, add_collection, lanes
from v2xsync.config.legacy.draft import CarriedRoute, InTable, Option
from v2xsync.config.legacy.ftp_client import window
from v2xsync.config.legacy.intersections import ELEMENTS
from v2xsync.config.legacy.reading import Old

SYSTEM: Final = "the FTP server of the data collector (v2x-data-ftp-server)"
_SERVER: Final = "v2xsync is no FTP server: keep one running, or let the roadside units deliver by SFTP"
_MAIL: Final = "no equal: the screen, `v2xsync status` and exit codes tell what cannot be reached"


def fits(raw: object) -> bool:
    """Whether a file's value has the shape of this system."""
    return isinstance(raw, dict) and bool({"Clients", "FtpHost", "CyVerseDataTransfer"} & raw.keys())


def carry(old: Old) -> None:
    """Put what the config says into the draft: a local source per client, iRODS behind."""
    old.ignore(_SERVER, "FtpHost", "FtpPort")
    old.ignore(_MAIL, "NotificationEmail", "LocalNetworkGateway", "DnsServer")
    transfer = old.table("CyVerseDataTransfer")
    times = window(transfer)
    transfer.rest()
    clients = old.tables("Clients")
    if not clients:
        old.wrong("Clients", "no client is written")
    for client in clients:
        _Client(client, times).carry()
    old.rest()


@dataclass(frozen=True, slots=True)
class _Client:
    """One roadside unit's folder, and where its elements go."""

    old: Old
    window: Mapping[str, str]

    def carry(self) -> None:
        name = self.old.name("Name", otherwise="client")
        directory = self.old.folder("LocalDirectory")
        source = self.old.draft.add_device(name, "local", {"directory": directory})
        table = self.old.table("CyVerseDirectories")
        collections = {element: table.text(element).rstrip("/") for element in table.raw}
        self.old.rest()
        self._routes(source, {element: place for element, place in collections.items() if place})

    def _routes(self, source: str, collections: Mapping[str, str]) -> None:
        parents = {place.rpartition("/")[0] for place in collections.values()}
        regular = all(place.rpartition("/")[2] == element for element, place in collections.items())
        if not collections:
            self.old.note("CyVerseDirectories", f"none is written: {source} goes nowhere")
        elif regular and len(parents) == 1:
            self._one_route(source, parents.pop(), list(collections))
        else:
            self._route_per_collection(source, collections)

    def _one_route(self, source: str, parent: str, elements: list[str]) -> None:
        (lane,) = lanes(self.old.draft, [Bound(source, parent)])
        options: dict[str, Option] = {"elements": _element_rules(elements), "target_path": lane.target_path}
        if not set(ELEMENTS) <= set(elements):
            options["include"] = [_pattern(element) for element in elements]
            self.old.note("CyVerseDirectories", f"only the elements named there go on from {source}, as before")
        self._add(f"push-{source}", source, lane.target, options)

    def _route_per_collection(self, source: str, collections: Mapping[str, str]) -> None:
        """Collections that follow no common rule: a device and a route each."""
        for element, place in collections.items():
            target = add_collection(self.old.draft, f"cyverse-{source}-{element}", place)
            options: dict[str, Option] = {"include": [_pattern(element)], "target_path": "{name}"}
            self._add(f"push-{source}-{element}", source, target, options)

    def _add(self, name: str, source: str, target: str, options: dict[str, Option]) -> None:
        options["fetch"] = {"every": "10m"}
        if self.window:
            options["deliver"] = dict(self.window)
        route = CarriedRoute(name=name, sources=[source], targets=[target], stage=False, options=options, removes=True)
        route.comment = "The folders stay: the FTP server needs them."
        self.old.draft.add_route(route)


def _element_rules(elements: list[str]) -> str | dict[str, InTable]:
    """The built-in rules where they know every element; else patterns, tried in order."""
    if set(elements) <= {*ELEMENTS, "hostBsm"}:
        return "v2x"
    return {element: _pattern(element) for element in elements}


def _pattern(element: str) -> str:
    """Shell pattern of an element's file names; the collector writes msgCounts with a plural."""
    escaped = "".join(f"[{letter}]" if letter in "*?[" else letter for letter in element)
    return f"*_{escaped}*Log_*" if element == "msgCount" else f"*_{escaped}Log_*"
