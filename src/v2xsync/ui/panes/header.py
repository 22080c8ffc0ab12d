"""The lines around every view: the header, the tabs with their badges, the batch with its bar, and the footer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from v2xsync.model.amounts import in_bytes
from v2xsync.model.views import StationState
from v2xsync.ui import words
from v2xsync.ui.bars import Bar, Ends
from v2xsync.ui.ink import Line, Picture, Piece, cells_in, joined
from v2xsync.ui.keys import BY_ID, FOOTER, FOOTER_END, sign
from v2xsync.ui.states import STATION

NORMAL_CELLS = 76
"""Below this width tabs that are not on screen go without their names."""

WIDE_CELLS = 110
"""From this width on the throughput curve is drawn."""


class Header(Bar):
    """Who and where we are: station, state, rates, next run, time."""

    def show_picture(self, picture: Picture) -> None:
        """Write the header of the picture."""
        self.make(lambda width: _header(picture, width))


def _header(picture: Picture, width: int) -> Ends:
    view, ink = picture.view, picture.ink
    face = STATION[view.state]
    state = Piece(f"{face.glyph(ink.glyphs)} {face.word}", face.tone)
    brand = Piece(" v2xsync" if width >= NORMAL_CELLS else "", "brand")
    apart = Piece("attached" if picture.attached else "", "accent", "", "The station runs as a service of its own")
    left = joined((brand, Piece(view.name if brand.text else f" {view.name}", "strong"), state, apart))
    curve = Piece(ink.glyphs.curve(picture.curve) if width >= WIDE_CELLS else "", "bar")
    totals = view.totals
    rates = joined((_rate(ink.glyphs.down_arrow, totals.rate_in), _rate(ink.glyphs.up_arrow, totals.rate_out)))
    clock = Piece(ink.moment.clock(ink.moment.now), "strong")
    remarks = [remark for remark in _remarks(picture) if remark.text]
    right = joined((curve, rates, *remarks, clock))
    while remarks and cells_in(left) + cells_in(right) + 3 > width:
        remarks.pop()
        right = joined((curve, rates, *remarks, clock))
    return Ends(left, (Piece(" "), *right, Piece(" ")))


def _remarks(picture: Picture) -> tuple[Piece, ...]:
    """What else is to be said in the header, the most wanted first; the last ones give way on a narrow screen."""
    view = picture.view
    free = "" if view.store_free is None else f" {in_bytes(view.store_free)}"
    slow = "The terminal cannot keep up, so pictures come less often; transfers do not wait for it"
    away = view.state is StationState.AWAY
    return (
        Piece("reconnecting" if away else "", "bad", "", "The service does not answer; this is its last picture"),
        Piece(f"low space{free}" if view.store_low else "", "bad", "", "Fetching waits until the store has room"),
        Piece("slow link" if picture.slow else "", "warn", "", slow),
        Piece("read-only" if picture.read_only else "", "accent"),
        Piece("" if view.next_run is None else picture.ink.moment.coming(view.next_run), "quiet"),
        Piece("" if view.limit_rate is None else f"limit {words.rate(view.limit_rate)}", "quiet"),
    )


def _rate(arrow: str, per_second: float) -> Line:
    rate = words.rate(per_second)
    return (Piece(f"{arrow} ", "busy"), Piece(f"{rate:>8}")) if rate else ()


class Tabs(Bar):
    """The views by number, and on the right what needs attention."""

    VIEWS = ("live", "queue", "history", "devices", "holds", "log")

    def show_picture(self, picture: Picture, current: str, remapped: Mapping[str, str]) -> None:
        """Write the tabs and badges of the picture."""
        counts = {"holds": picture.view.holds}

        def tabs(width: int) -> Ends:
            left: list[Piece] = [Piece(" ")]
            for name in self.VIEWS:
                on, count = name == current, counts.get(name, 0)
                left.extend(_tab(name, count, remapped, on=on, named=on or width >= NORMAL_CELLS))
            return Ends(tuple(left), _badge(picture))

        self.make(tabs)


def _tab(name: str, count: int, remapped: Mapping[str, str], *, on: bool, named: bool) -> Line:
    key = BY_ID[name]
    click = f"app.{key.action}"
    tone = "tab-on" if on else "quiet"
    badge = (Piece(f"({count}) ", "tab-on" if on else "alert", click),) if count else ()
    number = Piece(f" {sign(key, remapped)} ", "tab-on" if on else "key", click, key.tells)
    return (number, Piece(f"{key.label} " if named else "", tone, click, key.tells), *badge)


def _badge(picture: Picture) -> Line:
    """The errors that nobody has seen yet."""
    errors = picture.view.errors_unseen
    if not errors:
        return ()
    counted = f"{words.number(errors)} error{'s' if errors != 1 else ''} "
    return (Piece(" "), Piece(counted, "bad", "app.show('holds')", "Open with e"))


class BatchBar(Bar):
    """The whole batch: bar, percent, files, bytes, remaining time; at rest what was done and what comes next."""

    def show_picture(self, picture: Picture) -> None:
        """Write the batch of the picture."""
        totals = picture.view.totals
        if totals.batch_files and totals.batch_files_done < totals.batch_files:
            self.make(lambda width: _under_way(picture, max(8, min(48, width - 62))))
        else:
            self.show(_at_rest(picture))


def _under_way(picture: Picture, bar_cells: int) -> Ends:
    totals, ink = picture.view.totals, picture.ink
    percent = words.percent(totals.batch_bytes_done, totals.batch_bytes)
    left = (
        Piece(" "),
        *ink.bar(percent / 100, bar_cells),
        Piece(f" {percent:3d}%  ", "strong"),
        Piece(f"{words.number(totals.batch_files_done)} of {words.files(totals.batch_files)}"),
        Piece(f"{ink.gap}{words.sizes(totals.batch_bytes_done, totals.batch_bytes)}", "quiet"),
    )
    paused = picture.view.state is StationState.PAUSED
    rest = Piece("paused" if paused else words.left(totals.eta_s), "warn" if paused else "strong")
    return Ends(left, (rest, Piece(" ")))


def _at_rest(picture: Picture) -> Line:
    view, ink = picture.view, picture.ink
    totals = view.totals
    if view.state is StationState.STARTING:
        return (Piece(" starting: looking at devices", "quiet"),)
    if totals.batch_files_done:
        done = f"all done: {words.files(totals.batch_files_done)}, {in_bytes(totals.batch_bytes_done)}"
        return (Piece(f" {ink.glyphs.done} ", "good"), Piece(done), *_coming(picture))
    return (Piece(f" {ink.glyphs.done} ", "good"), Piece("nothing to do"), *_coming(picture))


def _coming(picture: Picture) -> Line:
    """The next run and the routes that it is of."""
    view, ink = picture.view, picture.ink
    if view.next_run is None:
        return ()
    due = [route.name for route in view.routes if view.next_run in {route.next_fetch, route.next_deliver}]
    names = f" ({', '.join(due[:2])}{' and more' if len(due) > 2 else ''})" if due else ""
    return (Piece(f"{ink.gap}next run {ink.moment.when(view.next_run)}{names}", "quiet"),)


class KeyLine(Bar):
    """The footer: keys that can be used now are bright, the others dim; a click tells why."""

    def show_keys(self, refusals: Mapping[str, str], remapped: Mapping[str, str], labels: Mapping[str, str]) -> None:
        """Write as many keys as fit; `refusals` by key id, `labels` where a view has its own word."""
        end = tuple(piece for name in FOOTER_END for piece in _hint(name, "", remapped, labels))
        hints = [_hint(name, refusals.get(name, ""), remapped, labels) for name in FOOTER]
        self.make(lambda width: Ends((Piece(" "), *_fitting(hints, width - 2 - cells_in(end))), end))


def _fitting(hints: Iterable[Line], room: int) -> Line:
    """As many whole hints as fit `room` cells."""
    line: list[Piece] = []
    for hint in hints:
        room -= cells_in(hint)
        if room < 0:
            break
        line.extend(hint)
    return tuple(line)


def _hint(name: str, why: str, remapped: Mapping[str, str], labels: Mapping[str, str]) -> Line:
    """One key and its word; dim where it cannot be used now."""
    key = BY_ID[name]
    click = f"app.{key.action}"
    tells = f"{key.tells} (not now: {why})" if why else key.tells
    return (
        Piece(sign(key, remapped), "faint" if why else "key", click, tells),
        Piece(f" {labels.get(name, key.label)}  ", "faint" if why else "quiet", click, tells),
    )
