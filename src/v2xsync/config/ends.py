"""No route may feed itself, and nothing of ours may lie among other files: the places of one config, compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from v2xsync.config.places import Overlap, Place, folder_place
from v2xsync.config.problems import Problems, dotted
from v2xsync.model.rules import After, Route

_MOVE_REMEDY = "give it a folder of its own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """Every place of a config: devices' by name (None: cannot be told), and our own folders by their key."""

    devices: Mapping[str, Place | None]
    store: Path | None
    state: Path
    logs: Path | None

    def overlap(self, one: str, other: str) -> Overlap:
        """How two devices lie to each other."""
        first, second = self.devices.get(one), self.devices.get(other)
        return first.overlap(second) if first is not None and second is not None else Overlap.NONE


def judge_ends(routes: Iterable[Route], grounds: Grounds, problems: Problems) -> tuple[str, ...]:
    """Add a problem for every overlap that could loop or destroy; returns warnings on the harmless rest."""
    listed = list(routes)
    for route in listed:
        _judge_route(route, grounds, problems)
    _judge_own_folders(listed, grounds, problems)
    _judge_shared_sources(listed, grounds, problems)
    return (*_unsure(listed, grounds), *_circles(listed))


def _judge_route(route: Route, grounds: Grounds, problems: Problems) -> None:
    for source in route.sources:
        for target in route.targets:
            found = grounds.overlap(target, source)
            if found not in {Overlap.NONE, Overlap.UNSURE}:
                what = f"the ends overlap: {_lying(target, found, source)}"
                problems.add(dotted("routes", route.name, "to"), what, remedy=_MOVE_REMEDY)


def _judge_own_folders(routes: list[Route], grounds: Grounds, problems: Problems) -> None:
    for device, role in _roles(routes):
        place = grounds.devices.get(device)
        if place is None:
            continue
        for key, folder in _own_folders(grounds, role):
            found = folder_place(folder).overlap(place)
            if found is Overlap.NONE or (found is Overlap.AROUND and key != "store.directory"):
                continue
            name = {"station.state": "the state folder", "station.logs": "the log folder"}.get(key, "the store")
            problems.add(key, f"{name} {_relation(found, f'the {role} {device}')}", remedy=_MOVE_REMEDY)
    _judge_state_in_store(grounds, problems)


def _own_folders(grounds: Grounds, role: str) -> Iterator[tuple[str, Path]]:
    """Our folders that must not lie among the files of a device in that role; logs at a target harm nobody."""
    if grounds.store is not None:
        yield "store.directory", grounds.store
    yield "station.state", grounds.state
    if grounds.logs is not None and role == "source":
        yield "station.logs", grounds.logs


def _judge_state_in_store(grounds: Grounds, problems: Problems) -> None:
    """A file from the wire could take the name of the ledger or of the pinned host keys."""
    if grounds.store is None:
        return
    found = folder_place(grounds.state).overlap(folder_place(grounds.store))
    if found in {Overlap.SAME, Overlap.INSIDE}:
        problems.add("station.state", f"the state folder {_relation(found, 'the store')}", remedy=_MOVE_REMEDY)


def _judge_shared_sources(routes: list[Route], grounds: Grounds, problems: Problems) -> None:
    """Two names for one source would hide each route's removal from the other's need."""
    sources = dict.fromkeys(source for route in routes for source in route.sources)
    removing = {source for route in routes if route.remove.after is not After.NEVER for source in route.sources}
    for one, other in combinations(sources, 2):
        found = grounds.overlap(one, other)
        if found not in {Overlap.NONE, Overlap.UNSURE} and removing & {one, other}:
            what = f"{_lying(one, found, other)}, and files are removed there"
            problems.add(dotted("devices", one), what, remedy="use one device in both routes, or part the folders")


def _unsure(routes: list[Route], grounds: Grounds) -> Iterator[str]:
    for route in routes:
        for source in route.sources:
            for target in route.targets:
                if grounds.overlap(source, target) is Overlap.UNSURE:
                    yield (
                        f"routes.{route.name}: {source} and {target} are folders of one host that overlap unless their"
                        " users see different trees"
                    )


def _circles(routes: list[Route]) -> Iterator[str]:
    """Routes that hand files round: where what comes back is selected again, this never ends."""
    onward: dict[str, set[str]] = {}
    for route in routes:
        for source in route.sources:
            onward.setdefault(source, set()).update(route.targets)
    for start in onward:
        if start in _reachable(onward, start):
            yield f"devices.{start}: routes lead from it back to it; no route may select what it sent itself"


def _reachable(onward: Mapping[str, set[str]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = list(onward.get(start, ()))
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead.extend(onward.get(name, ()))
    return seen


def _roles(routes: list[Route]) -> dict[tuple[str, str], None]:
    roles: dict[tuple[str, str], None] = {}
    for route in routes:
        roles.update(dict.fromkeys((name, "source") for name in route.sources))
        roles.update(dict.fromkeys((name, "target") for name in route.targets))
    return roles


def _lying(one: str, found: Overlap, other: str) -> str:
    return f"{one} and {other} {found.value}" if found is Overlap.SAME else f"{one} {found.value} {other}"


def _relation(found: Overlap, other: str) -> str:
    return f"is {other}" if found is Overlap.SAME else f"{found.value} {other}"
