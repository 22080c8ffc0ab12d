"""Looks at files and folders below a root, without following links as far as a server lets us see them.

FTP has no call for "what is this, exactly". Size and time come from MLST, else from SIZE and MDTM; all of them follow
links on some servers (pyftpdlib: all of them; ProFTPD: MLST). Listings show links, so a file is believed to be one only
after STAT, which prints the line of LIST over the control connection, or else the listing of its folder, said so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from v2xsync.devices.base import require_safe
from v2xsync.devices.ftp_wire.control import FtpLine
from v2xsync.devices.ftp_wire.lines import LARGEST, MINUTE_NS, Senseless, Told, read_facts, read_list, read_stamp
from v2xsync.devices.ftp_wire.replies import READ, Refusal, Reply, refusal
from v2xsync.devices.ftp_wire.server import LONGEST_PATH, Paths, Server, single_bytes
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, ItemError, ItemFailed, ItemMissing, ItemRefused
from v2xsync.model.items import NS_PER_S, Entry, Kind, Unlistable

MOST_NAMES: Final = 200_000
"""In one folder."""
_LONGEST_LINE: Final = 16 * 1024
_MOST_DOUBTS: Final = 100
_MOST_TIMES: Final = 200_000
_PATTERN: Final = frozenset("*?[]{}\\")
_DAY_S: Final = 86_400.0
_LOOK: Final = "tell about it"


@dataclass(frozen=True, slots=True)
class _Timed:
    """A time that MDTM told, and what the listing showed then."""

    size: int
    listed_ns: int | None
    mtime_ns: int


class _TooMany(Exception):
    """A listing has more names than any folder; the connection is over."""


class Looking:
    """Looks below one root through one connection. `clock` gives seconds since the epoch."""

    def __init__(
        self, device: str, line: FtpLine, server: Server, paths: Paths, zone: str, clock: Callable[[], float]
    ) -> None:
        self._device = device
        self._line = line
        self._server = server
        self._paths = paths
        self._zone = ZoneInfo(zone)
        self._clock = clock
        self._times: dict[str, _Timed] = {}
        self._newest_ns = 0

    # --- the root ----------------------------------------------------------------------------------------------------

    def require_root(self) -> None:
        """Make the root the current folder. Raises DeviceGone, AccessRefused."""
        reply = self._line.ask(f"CWD {self._paths.inside('')}")
        if not reply.good:
            raise self._no_root(reply)

    def _no_root(self, reply: Reply) -> DeviceError:
        root = ascii(_text(self._paths.told("")))
        if reply.denied:
            what = f"the folder {root} may not be used by the user that we log in as: {reply.words}"
            return AccessRefused(self._device, what, remedy="give that user the right to it")
        what = f"the folder {root} is not there: {reply.words}"
        return DeviceGone(self._device, what, remedy="correct `root` in the config, or make or mount the folder")

    # --- one path ----------------------------------------------------------------------------------------------------

    def look(self, path: str) -> Entry:
        """Return what stands at `path`, links not followed. Raises ItemError."""
        entry = self.facts(path)
        if entry.kind not in (Kind.FILE, Kind.FOLDER) or self._server.mlst_tells_links:
            return entry
        kind = self._kind(path, entry.kind)
        return entry if kind is entry.kind else Entry(path, kind)

    def facts(self, path: str) -> Entry:
        """Return kind, size and time of what stands at `path`, or of what a link there leads to. Raises ItemError."""
        told = self._by_mlst(path) if self._server.offers("MLST") else None
        if told is not None:
            return _entry(path, told)
        size = self._ask_size(path) if self._server.offers("SIZE") else None
        if not self._server.offers("SIZE"):  # perhaps as it turned out just now
            return self._by_listing(path)
        if size is None:
            return self._no_file(path)
        mtime_ns, step_ns = self._ask_time(path) if self._server.offers("MDTM") else (None, NS_PER_S)
        if mtime_ns is not None:
            return Entry(path, Kind.FILE, size, mtime_ns, step_ns)
        printed = self._by_stat(path)
        return self._by_listing(path) if printed is None else _entry(path, printed)

    def _no_file(self, path: str) -> Entry:
        """What is there although it has no size: a folder, something strange, or nothing (ItemMissing)."""
        if self._line.ask(f"CWD {self._paths.wire(path)}").good:
            return Entry(path, Kind.FOLDER)
        printed = self._by_stat(path)
        if printed is None and (_PATTERN & set(path) or "STAT" in self._server.refused):
            return self._by_listing(path)
        if printed is None:
            raise ItemMissing(path, "it is not there")
        return Entry(path, Kind.OTHER if printed.kind is Kind.FILE else printed.kind)

    def _by_mlst(self, path: str) -> Told | None:
        """None where the server does not know the command after all."""
        reply = self._line.ask(f"MLST {self._paths.wire(path)}")
        if not reply.good:
            self._note(reply, "MLST")
            if reply.understood:
                raise refusal(path, reply, READ if reply.missing else _LOOK)
            return None
        for line in reply.lines[1:]:
            try:
                told = read_facts(line.removeprefix(" "))
            except Senseless:
                continue
            self._server.mlst_tells_links |= told is not None and told.kind is Kind.LINK
            return told or Told(".", Kind.FOLDER)
        raise ItemFailed(path, "the server tells nothing about it")

    def _ask_size(self, path: str) -> int | None:
        """None where it is no file, is not there, or the server cannot say."""
        reply = self._line.ask(f"SIZE {self._paths.wire(path)}")
        self._note(reply, "SIZE")
        digits = reply.lines[0].strip()
        if not reply.good or not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            return None
        return int(digits) if int(digits) <= LARGEST else None

    def _ask_time(self, path: str) -> tuple[int | None, int]:
        reply = self._line.ask(f"MDTM {self._paths.wire(path)}")
        self._note(reply, "MDTM")
        return read_stamp(reply.lines[0].strip()) if reply.good else (None, NS_PER_S)

    def _note(self, reply: Reply, command: str) -> None:
        if not reply.understood:
            self._server.refused.add(command)

    def _by_listing(self, path: str) -> Entry:
        """The listing of its folder tells. Raises ItemMissing, ItemFailed."""
        folder, _, name = require_safe(path).rpartition("/")
        wanted = single_bytes(name)
        for told in self._names_near(path, folder):
            if told is not None and told.name == wanted:
                return _entry(path, told)
        raise ItemMissing(path, "it is not there")

    def _names_near(self, path: str, folder: str) -> list[Told | None]:
        reply = self._line.ask(f"CWD {self._paths.inside(folder)}")
        if not reply.good:
            raise refusal(path, reply, READ if reply.missing else _LOOK)
        try:
            return self._names()
        except Refusal as error:
            raise refusal(path, error.reply, "list its folder") from error
        except _TooMany as error:
            raise ItemFailed(path, f"there are more than {MOST_NAMES:,} names in its folder") from error

    def _kind(self, path: str, shown: Kind) -> Kind:
        """The kind in a listing's eyes; `shown` where no listing tells of it."""
        printed = self._by_stat(path) if shown is Kind.FILE else None
        if printed is not None:
            return printed.kind
        try:
            return self._by_listing(path).kind
        except ItemMissing:
            return shown

    def _by_stat(self, path: str) -> Told | None:
        """The line of LIST for one path, without a data connection; None where the answer is not just that."""
        wire = self._paths.wire(path)
        if _PATTERN & set(path) or "STAT" in self._server.refused:
            return None
        reply = self._line.ask(f"STAT {wire}")
        self._note(reply, "STAT")
        whole = self._paths.told(path)
        names = (whole, whole.rpartition("/")[2])
        found = [told for told in self._read(reply.lines) if told.name in names] if reply.good else []
        return found[0] if len(found) == 1 else None

    def _read(self, lines: Sequence[str]) -> Iterator[Told]:
        """What those lines tell that are of a listing."""
        for line in lines:
            try:
                told = read_list(line.removeprefix(" "), self._clock(), self._zone)
            except Senseless:
                continue
            if told is not None:
                yield told

    # --- folders -----------------------------------------------------------------------------------------------------

    def folder(self, folder: str) -> list[Entry | Unlistable]:
        """Return what is in `folder`, our own names too. Raises DeviceGone where the root is not there."""
        reply = self._line.ask(f"CWD {self._paths.inside(folder)}")
        if not reply.good:
            if not folder:
                raise self._no_root(reply)
            return [Unlistable(folder, f"the folder cannot be listed: {reply.words}")]
        try:
            names = self._names()
        except Refusal as error:
            return [Unlistable(folder, f"the folder cannot be listed: {error.reply.words}")]
        except _TooMany:
            return [Unlistable(folder, f"there are more than {MOST_NAMES:,} names in it")]
        if not self._server.offers("MLST") and self._server.offers("MDTM"):
            names = [told and self._timed(folder, told) for told in names]
        judged = self._judged(folder, names)
        if self._line.ending.cut:
            judged.append(Unlistable(folder, f"the server tells only a part of it: {self._line.ending.words}"))
        return judged

    def _names(self) -> list[Told | None]:
        """The lines of the current folder; None for those that make no sense."""
        if self._server.offers("MLST"):
            try:
                return self._with_links(self._listing("MLSD", read_facts))
            except Refusal as error:
                if error.reply.understood:
                    raise
                self._server.refused.add("MLST")
        return self._printed()

    def _with_links(self, names: list[Told | None]) -> list[Told | None]:
        """The same names, links known as such: some servers' MLSD shows what links lead to, their LIST does not."""
        if any(told is not None and told.kind is Kind.LINK for told in names):
            self._server.mlsd_tells_links = True
        if self._server.mlsd_tells_links or not names:
            return names
        try:
            printed = self._printed()
        except Refusal:
            return names
        links = {told.name for told in printed if told is not None and told.kind is Kind.LINK}
        return [Told(told.name, Kind.LINK) if told is not None and told.name in links else told for told in names]

    def _printed(self) -> list[Told | None]:
        """LIST of the current folder, hidden names too where the server understands ``-a``."""
        now_s = self._clock()

        def read(line: str) -> Told | None:
            return read_list(line, now_s, self._zone)

        with contextlib.suppress(Refusal):
            names = self._listing("LIST -a", read)
            if names:
                return names
        try:
            return self._listing("LIST", read)
        except Refusal as error:
            if error.reply.empty:
                return []
            raise

    def _listing(self, command: str, read: Callable[[str], Told | None]) -> list[Told | None]:
        """Every line that `command` sends, read; None for what makes no sense. Raises Refusal."""
        names: list[Told | None] = []
        with closing(self._line.receive(command)) as pieces:
            for line in _lines_of(pieces):
                try:
                    told = read(line)
                except Senseless:
                    names.append(None)
                    continue
                if told is not None:
                    names.append(told)
                if len(names) > MOST_NAMES:
                    raise _TooMany
        return names

    def _timed(self, folder: str, told: Told) -> Told:
        """The same file with the time that MDTM tells, asked once for each version that the listing shows.

        A listing shows minutes. What was asked before is good as long as the listing shows the same, and the minute in
        which the file was written is over: the server has told of a later one.
        """
        if told.kind is not Kind.FILE or told.size is None:
            return told
        path = f"{folder}/{_text(told.name)}" if folder else _text(told.name)
        known = self._times.get(path)
        same = known is not None and (known.size, known.listed_ns) == (told.size, told.mtime_ns)
        if known is None or not same or known.mtime_ns + 2 * MINUTE_NS > self._newest_ns:
            known = self._ask_version(path, told)
        return told if known is None else Told(told.name, told.kind, told.size, known.mtime_ns)

    def _ask_version(self, path: str, told: Told) -> _Timed | None:
        try:
            mtime_ns, _ = self._ask_time(path)
        except ItemRefused:
            return None
        if mtime_ns is None or told.size is None:
            return None
        if mtime_ns < (self._clock() + _DAY_S) * NS_PER_S:
            self._newest_ns = max(self._newest_ns, mtime_ns)
        if len(self._times) >= _MOST_TIMES:
            self._times.clear()
        self._times[path] = _Timed(told.size, told.mtime_ns, mtime_ns)
        return self._times[path]

    def _judged(self, folder: str, names: list[Told | None]) -> list[Entry | Unlistable]:
        judged: list[Entry | Unlistable] = []
        seen: set[str] = set()
        doubts = 0
        for place, told in enumerate(names):
            if told is not None and told.name in seen:
                continue
            broken = place + 1 < len(names) and names[place + 1] is None
            if told is None:
                judged.append(Unlistable(folder, "the server's listing holds a line that makes no sense"))
                continue
            seen.add(told.name)
            entry = self._entry_in(folder, told)
            doubts += broken
            if broken and isinstance(entry, Entry):
                entry = self._confirmed(entry) if doubts <= _MOST_DOUBTS else Unlistable(entry.path, _BROKEN_NAME)
            judged.append(entry)
        return judged

    def _confirmed(self, entry: Entry) -> Entry | Unlistable:
        """An entry whose line came before a senseless one: perhaps only the first part of its name."""
        try:
            self.facts(entry.path)
        except ItemError:
            return Unlistable(entry.path, _BROKEN_NAME)
        return entry

    def _entry_in(self, folder: str, told: Told) -> Entry | Unlistable:
        front = f"{folder}/" if folder else ""
        if not told.name or "/" in told.name or "\0" in told.name or told.name in (".", ".."):
            return Unlistable(folder, "the server tells a name that no folder can hold")
        path = front + _text(told.name)
        if len(front) + len(told.name) > LONGEST_PATH:
            return Unlistable(folder, "the server tells a path that is too long for any disk")
        if "\r" in told.name or "\n" in told.name:
            return Unlistable(path, _BROKEN_NAME)
        if told.kind is Kind.FILE and told.size is None:
            return Unlistable(path, "the server tells no size")
        return _entry(path, told)


_BROKEN_NAME = "its name holds a line break, which FTP cannot carry"


def _lines_of(pieces: Iterator[bytes]) -> Iterator[str]:
    """Whole lines of a listing as text of single bytes; a line without end is cut."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from (line.removesuffix(b"\r").decode("latin-1") for line in lines)
        rest = rest[:_LONGEST_LINE]
    if rest:
        yield rest.decode("latin-1")


def _entry(path: str, told: Told) -> Entry:
    if told.kind is Kind.FILE and told.size is None:
        raise ItemFailed(path, "the server tells no size")
    return Entry(path, told.kind, told.size or 0, told.mtime_ns, told.step_ns)


def _text(name: str) -> str:
    return name.encode("latin-1").decode("utf-8", "surrogateescape")
