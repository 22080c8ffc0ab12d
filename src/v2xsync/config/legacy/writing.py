"""The draft as TOML: a page a person can read, with everything that could not be carried over said at its top."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from v2xsync.config.legacy.draft import POST_TYPE, CarriedDevice, CarriedRoute, Draft, OldSecret
from v2xsync.config.legacy.toml import comment, key, value

_WIDTH: Final = 118
SecretPlace = Callable[[OldSecret], Mapping[str, str]]
"""Returns the table that stands in the config for a secret: ``{"env": NAME}`` or ``{"file": PATH}``."""


def in_environment(secret: OldSecret) -> Mapping[str, str]:
    """The usual place of a secret: a variable of the environment."""
    return {"env": secret.variable}


@dataclass(frozen=True, slots=True)
class Page:
    """One draft on its way to text."""

    draft: Draft
    place: SecretPlace = in_environment

    def text(self) -> str:
        """Return the whole file."""
        parts = (self._head(), self._station(), self._store(), self._devices(), self._routes())
        return "\n".join("\n".join(lines) + "\n" for part in parts if (lines := list(part)))

    # -- sections

    def _head(self) -> Iterator[str]:
        for system in dict.fromkeys(system for _file, system in self.draft.systems):
            yield comment(f"Made by `v2xsync import` from a config of {system}.")
        yield comment("Look before anything moves: v2xsync check, then v2xsync plan.")
        yield from _listed("What could not be carried over, or is not quite the same:", self.draft.told())
        yield from _listed("To do by hand:", self.draft.advice)

    def _station(self) -> Iterator[str]:
        yield "[station]"
        for name, held in self.draft.station.items():
            yield f"{key(name)} = {value(held)}"
        yield '# timezone = "America/Los_Angeles"   # write yours: every time of day below is in it'

    def _store(self) -> Iterator[str]:
        if not self.draft.store:
            return
        yield "[store]"
        yield f"directory = {value(self.draft.store)}"
        if not self.draft.store_empties:
            return
        staged = [route for route in self.draft.routes if route.stage and not self.reason(route)]
        if staged and all(self.live(route.targets) for route in staged):
            yield 'keep = "delivered"   # as before: the local copy goes once it is proven at its target'
        else:
            yield '# keep = "delivered"   # as before; but some routes have no target yet, so the local copies stay'

    def _devices(self) -> Iterator[str]:
        for number, device in enumerate(self.draft.devices):
            if number:
                yield ""
            yield from self._device(device)

    def _routes(self) -> Iterator[str]:
        for number, route in enumerate(self.draft.routes):
            if number:
                yield ""
            yield from self._route(route)

    # -- one device, one route

    def _device(self, device: CarriedDevice) -> Iterator[str]:
        if device.comment:
            yield from _wrapped(device.comment)
        lines = [f"[devices.{key(device.name)}]", f"type = {value(device.type)}"]
        lines += [f"{key(name)} = {value(self._held(held))}" for name, held in device.options.items()]
        yield from _switched(lines, device.off)

    def _route(self, route: CarriedRoute) -> Iterator[str]:
        if route.comment:
            yield from _wrapped(route.comment)
        reason = self.reason(route)
        sources = route.sources if reason else self.live(route.sources)
        targets = route.targets if reason else self.live(route.targets)
        lines = [f"[routes.{key(route.name)}]", f"from = {value(sources)}", f"to = {value(targets)}"]
        if not route.stage:
            lines.append("stage = false")
        lines += [f"{key(name)} = {value(held)}" for name, held in route.options.items()]
        missing = [name for name in (*route.sources, *route.targets) if name not in (*sources, *targets)]
        lines += self._removal(route, missing)
        if missing:
            yield from _wrapped(f"Without {', '.join(missing)}, commented out above.")
        yield from _switched(lines, reason)

    def _removal(self, route: CarriedRoute, missing: list[str]) -> list[str]:
        if not route.removes:
            return []
        after = "delivered" if route.targets else "stored"
        rule: dict[str, object] = {"after": after, "proof": self._proof(route.targets)}
        if route.empty_folders:
            rule["empty_folders"] = True
        line = f"remove = {value(rule)}"
        if any(name in route.targets for name in missing):
            waits = comment("The older system removed originals; they stay until every target above is there.")
            return [waits, f"# {line}"]
        reason = ["# As before originals are removed; now only once each is proven, and looked at again."]
        if isinstance(rule["proof"], Mapping):
            reason.append("# An upload form can only acknowledge (ack): that is what the original goes by there.")
        return [*reason, line]

    def _proof(self, targets: list[str]) -> str | Mapping[str, str]:
        kinds = {device.name: device.type for device in self.draft.devices}
        forms = {name: "ack" for name in targets if kinds.get(name) == POST_TYPE}
        return {"default": "hash", **forms} if forms else "hash"

    # -- what counts

    def live(self, names: list[str]) -> list[str]:
        """The devices among `names` that are not commented out."""
        off = {device.name for device in self.draft.devices if device.off}
        return [name for name in names if name not in off]

    def reason(self, route: CarriedRoute) -> str:
        """Why a route is commented out; empty where it is not."""
        if route.off:
            return route.off
        if not self.live(route.sources):
            return f"its source {', '.join(route.sources)} is commented out"
        if not route.stage and not self.live(route.targets):
            return f"its target {', '.join(route.targets)} is commented out"
        return ""

    def _held(self, held: object) -> object:
        if isinstance(held, Mapping):
            return {name: self._held(inner) for name, inner in held.items()}
        return self.place(held) if isinstance(held, OldSecret) else held


def _switched(lines: list[str], reason: str) -> Iterator[str]:
    """The lines, or all of them as comments under the reason."""
    if not reason:
        yield from lines
        return
    yield from _wrapped(f"Commented out: {reason}.")
    for line in lines:
        yield line if line.startswith("#") else f"# {line}"


def _listed(head: str, points: Sequence[str]) -> Iterator[str]:
    """A head and its points, as comments; nothing where there are none."""
    if not points:
        return
    yield "#"
    yield comment(head)
    for point in points:
        first, *more = textwrap.wrap(point, _WIDTH - 6) or [""]
        yield comment(f"  - {first}")
        yield from (comment(f"    {line}") for line in more)


def _wrapped(text: str) -> Iterator[str]:
    for line in textwrap.wrap(text, _WIDTH - 2):
        yield comment(line)
