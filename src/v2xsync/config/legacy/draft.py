"""The neutral draft between an older config and our TOML: devices, routes, secrets, and what has no equal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from v2xsync.config.devices import RESERVED_NAMES

POST_TYPE: Final = "post"
"""Devices of this type can only acknowledge."""

_NOT_IN_NAMES: Final = re.compile(r"[^\w .@+-]+")
_NOT_IN_VARIABLES: Final = re.compile(r"[^A-Z0-9]+")


@dataclass(frozen=True, slots=True)
class OldSecret:
    """A secret of the older config: the variable that will carry it, and its value (empty: it was not in there)."""

    variable: str
    device: str
    option: str
    value: str = field(repr=False)


InTable = str | bool | int | OldSecret
"""What an inline table may hold."""

Option = InTable | float | list[str] | Mapping[str, InTable]
"""What an option of a device or a route may be."""


@dataclass(frozen=True, slots=True)
class Note:
    """One thing that has no equal, or that changed its meaning: in which file, about which key."""

    file: str
    key: str
    text: str

    def __str__(self) -> str:
        """Return the line for people."""
        return f"{self.key}: {self.text}" if self.key else self.text


@dataclass(slots=True, kw_only=True)
class CarriedDevice:
    """A device as it will be written; `off` is why it stays commented out."""

    name: str
    type: str
    options: dict[str, Option]
    comment: str = ""
    off: str = ""


@dataclass(slots=True, kw_only=True)
class CarriedRoute:
    """A route as it will be written; `off` is why it stays commented out."""

    name: str
    sources: list[str]
    targets: list[str]
    stage: bool = True
    options: dict[str, Option] = field(default_factory=dict)
    removes: bool = False
    """Whether the older system removed the originals."""
    empty_folders: bool = False
    """Whether it removed their folders too."""
    comment: str = ""
    off: str = ""


@dataclass(slots=True)
class Draft:
    """What is gathered from every file of one import."""

    systems: list[tuple[str, str]] = field(default_factory=list)
    """File, and the name of the system that it belongs to."""
    station: dict[str, str] = field(default_factory=dict)
    store: str = ""
    store_empties: bool = False
    """The older system removed its local copy after the delivery."""
    devices: list[CarriedDevice] = field(default_factory=list)
    routes: list[CarriedRoute] = field(default_factory=list)
    secrets: list[OldSecret] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    def add_device(self, wanted: str, kind: str, options: Mapping[str, Option], comment: str = "") -> str:
        """Add a device and return its name; one with the very same options is one device, whatever it was called."""
        kept = {key: value for key, value in options.items() if value not in ("", None)}
        for known in self.devices:
            if known.type == kind and _without_names(known.options) == _without_names(kept):
                if not known.name.casefold().startswith(fit_name(wanted).casefold()):
                    self.advise(f"{fit_name(wanted)} is the very same place as {known.name}, and written as that alone")
                return known.name
        name = self.free_name(wanted)
        named = {key: self._secret(name, key, value) for key, value in kept.items()}
        self.devices.append(CarriedDevice(name=name, type=kind, options=named, comment=comment))
        return name

    def add_route(self, route: CarriedRoute) -> None:
        """Add a route; its name is made free and fit."""
        route.name = self.free_name(route.name)
        self.routes.append(route)

    def free_name(self, wanted: str) -> str:
        """Return `wanted`, or what comes nearest to it and is a name that is allowed and not taken."""
        devices = {device.name.casefold() for device in self.devices}
        taken = devices | {route.name.casefold() for route in self.routes} | RESERVED_NAMES
        return _numbered(fit_name(wanted), taken)

    def advise(self, text: str) -> None:
        """Note something that a person should do, once."""
        if text not in self.advice:
            self.advice.append(text)

    def told(self) -> list[str]:
        """Every note once, as a line for people; with the file's name where there are several."""
        several = len(self.systems) > 1
        return list(dict.fromkeys(f"{note.file}: {note}" if several else str(note) for note in self.notes))

    def keep_in(self, directory: str, note_file: str) -> None:
        """Make `directory` the store; a second, different one cannot be kept."""
        if self.store and directory and directory != self.store:
            what = "a station has one store, and another file named a folder already: this one is not used"
            self.notes.append(Note(note_file, "", what))
        self.store = self.store or directory

    def _secret(self, device: str, option: str, value: Option) -> Option:
        if isinstance(value, Mapping):
            return {key: self._named(device, key, inner) for key, inner in value.items()}
        return self._named(device, option, value) if isinstance(value, OldSecret) else value

    def _named(self, device: str, option: str, value: InTable) -> InTable:
        if not isinstance(value, OldSecret):
            return value
        words = _NOT_IN_VARIABLES.sub("_", f"{device} {option}".upper()).strip("_")
        wanted = words if words[:1].isalpha() else f"V2XSYNC_{words}"
        variable = _numbered(wanted, {known.variable.casefold() for known in self.secrets}, "_")
        secret = OldSecret(variable, device, option, value.value)
        self.secrets.append(secret)
        return secret


def unnamed_secret(value: str) -> OldSecret:
    """Return a secret that gets its variable when its device gets its name."""
    return OldSecret("", "", "", value)


def fit_name(wanted: str) -> str:
    """Return `wanted` with everything that a name may not hold replaced by dashes."""
    fit = _NOT_IN_NAMES.sub("-", wanted.strip()).strip(" .-+@")[:100].rstrip(" .")
    return fit if re.match(r"\w", fit) else "unnamed"


def _numbered(wanted: str, taken: Iterable[str], joint: str = "-") -> str:
    known = set(taken)
    name, number = wanted, 1
    while name.casefold() in known:
        number += 1
        name = f"{wanted}{joint}{number}"
    return name


def _without_names(options: Mapping[str, Option]) -> Mapping[str, object]:
    """The options with secrets as their values, so that two devices can be compared."""
    return {key: _bare(value) for key, value in options.items()}


def _bare(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _bare(inner) for key, inner in value.items()}
    return ("secret", value.value) if isinstance(value, OldSecret) else value
