"""The story of one device: its state and trouble, its work, its routes, and what it did last."""

from __future__ import annotations

from collections.abc import Iterator

from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import DeviceView, RouteView
from v2xsync.ui import words
from v2xsync.ui.ink import Ink, Line, Picture, Piece
from v2xsync.ui.panes.devices import face_of
from v2xsync.ui.panes.log import LogLook
from v2xsync.ui.stories.telling import fact, heading, paragraph

NEWEST_EVENTS = 12
UNREADY_SHOWN = 10


def device_brief(device: DeviceView, ink: Ink, width: int) -> Iterator[Line]:
    """Yield the state, the trouble with its remedy, and the figures."""
    face = face_of(device, ink)
    since = "" if device.since is None else f" since {ink.moment.full(device.since)} ({ink.moment.since(device.since)})"
    roles = " and ".join(role for role, on in (("source", device.is_source), ("target", device.is_target)) if on)
    yield (Piece(device.name, "strong"), Piece(f"  {device.type}, {roles}", "quiet"))
    yield (ink.sign(face), Piece(face.word, face.tone), Piece(since, "quiet"))
    if device.trouble:
        yield from paragraph(device.trouble, width, face.tone, indent="  ")
    if device.remedy:
        yield from paragraph(device.remedy, width, "accent", indent="  ", sign=f"{ink.glyphs.to} ")
    yield from _figures(device, ink, width)


def device_story(device: DeviceView, picture: Picture, width: int) -> Iterator[Line]:
    """Yield every line of the device's page."""
    ink = picture.ink
    yield from device_brief(device, ink, width)
    yield from _unready(device, ink, width)
    yield from heading("Routes", ink, width)
    for route in picture.view.routes:
        if device.name in {*route.sources, *route.targets}:
            yield from _route(route, ink, width)
    yield from heading("Newest events", ink, width)
    events = [event for event in picture.events if event.device == device.name]
    look = LogLook()
    for event in reversed(events[-NEWEST_EVENTS:]):
        yield look.draw(event, width, ink)
    if not events:
        yield (Piece("none since this window opened", "quiet"),)


def _figures(device: DeviceView, ink: Ink, width: int) -> Iterator[Line]:
    contact = "" if device.last_contact is None else f"{ink.moment.since(device.last_contact)} ago"
    waiting = f"{words.files(device.waiting)}, {in_bytes(device.waiting_bytes)}" if device.waiting else "nothing"
    forecast = _forecast(device)
    yield from fact("last contact", contact, width, ink)
    yield from fact("waiting", ink.gap.join(filter(None, (waiting, forecast))), width, ink)
    yield from fact("not ready", words.files(device.not_ready) if device.not_ready else "", width, ink)
    yield from fact("done", f"{words.files(device.done)}, {in_bytes(device.done_bytes)}", width, ink)
    yield from fact("next run", "" if device.next_run is None else ink.moment.when(device.next_run), width, ink)
    yield from fact(
        "its clock", "" if device.clock_offset_s is None else words.offset(device.clock_offset_s), width, ink
    )
    yield from fact("free space", "" if device.free_bytes is None else in_bytes(device.free_bytes), width, ink)


def _unready(device: DeviceView, ink: Ink, width: int) -> Iterator[Line]:
    """What its writers have not finished, and what each file waits for."""
    if not device.unready:
        return
    yield from heading("Not ready", ink, width)
    for file in device.unready[:UNREADY_SHOWN]:
        yield from paragraph(f"{file.path}: {file.reason}", width)
    if device.not_ready > UNREADY_SHOWN:
        yield (Piece(f"and {words.number(device.not_ready - UNREADY_SHOWN)} more", "quiet"),)


def _forecast(device: DeviceView) -> str:
    """How long the backlog takes at the present rate."""
    return words.left(device.waiting_bytes / device.rate) if device.rate > 0 and device.waiting_bytes else ""


def _route(route: RouteView, ink: Ink, width: int) -> Iterator[Line]:
    sources, targets = ", ".join(route.sources), ", ".join(route.targets) or "store only"
    times = (
        "paused" if route.paused else "running" if route.running else "",
        "" if route.next_fetch is None else f"fetch {ink.moment.when(route.next_fetch)}",
        "" if route.next_deliver is None else f"deliver {ink.moment.when(route.next_deliver)}",
    )
    yield from fact(route.name, f"{sources} {ink.glyphs.to} {targets}", width, ink)
    yield from fact("", ink.gap.join(filter(None, times)), width, ink, "quiet")
