"""What stands in the vehicle's folders. The protocol has no stat: a file's facts are a line of its folder's listing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from v2xsync.devices.base import require_safe
from v2xsync.devices.mavftp.conversation import Conversation, Refused, Unanswered
from v2xsync.devices.mavftp.payload import MOST_DATA, Line, Opcode, Trouble, bytes_of, listed
from v2xsync.errors import DeviceGone, ItemError, ItemFailed, ItemMissing, ItemRefused, ProtocolFault
from v2xsync.model.items import NS_PER_S, Entry, Kind

MOST_ENTRIES: Final = 1_000_000
"""In one folder; more are made up."""
TIME_STEP_S: Final = 3.0
"""A vehicle's clock may begin anew at each boot: its times are told, and never taken for proof of a version."""
_TRIAL_S: Final = 3.0
_DENIED: Final = 13
_VIRTUAL: Final = "@SYS"


class Looking:
    """The tree below `root`, through one conversation."""

    def __init__(self, device: str, talk: Conversation, root: str) -> None:
        self._device: Final = device
        self._talk: Final = talk
        self._root: Final = root.rstrip("/")
        self.timed = False
        """Whether listings tell times."""
        self.virtual: Final = root.strip("/").split("/")[0] == _VIRTUAL
        """ArduPilot makes these files up when they are read; their listed size is a placeholder."""

    def begin(self) -> None:
        """Look at the root, and find out whether listings tell times. Raises DeviceGone without a root."""
        self.timed = self._tells_times()
        self.folder("")

    def _tells_times(self) -> bool:
        try:
            self._talk.ask(Opcode.LIST_TIMED, self._folder_wire(""), patience_s=_TRIAL_S)
        except Refused as refusal:
            return refusal.code == Trouble.END
        except Unanswered:
            return False
        return True

    def wire(self, path: str) -> bytes:
        """The whole path as the vehicle wants it. Raises ItemRefused."""
        raw = bytes_of(f"{self._root}/{require_safe(path)}")
        if len(raw) > MOST_DATA:
            raise ItemRefused(path, f"its path is longer than the {MOST_DATA} bytes that MAVLink FTP can carry")
        return raw

    def _folder_wire(self, path: str) -> bytes:
        return self.wire(path) if path else bytes_of(self._root or "/")

    # --- folders -----------------------------------------------------------------------------------------------------

    def folder(self, path: str) -> Sequence[Line]:
        """The lines of one folder. Raises ItemMissing, ItemFailed; for the root DeviceGone."""
        try:
            return self._lines(path)
        except Refused as refusal:
            if not path:
                raise self._no_root(refusal) from refusal
            raise item_error(path, refusal, "list it") from refusal
        except Unanswered as error:
            self._talk.begin()
            raise ItemFailed(path, "the vehicle does not answer when asked for this folder") from error

    def _no_root(self, refusal: Refused) -> DeviceGone:
        what = f"the folder {self._root or '/'} cannot be listed: {refusal.words}"
        return DeviceGone(self._device, what, remedy="check `root`, and that the vehicle has its card in")

    def _lines(self, path: str) -> Sequence[Line]:
        found: dict[str, Line] = {}
        count, last = 0, b""
        while page := self._page(path, count):
            lines = list(listed(page, timed=self.timed))
            named = [line for line in lines if line.name not in ("", ".", "..")]
            if not lines or count > MOST_ENTRIES or (named and page == last):
                raise ProtocolFault(self._device, f"the listing of {path or self._root!a} does not come to an end")
            found.update((line.name, line) for line in named)
            count += len(lines)
            last = page
        return list(found.values())

    def _page(self, path: str, count: int) -> bytes:
        """The entries from number `count` on; empty after the last."""
        try:
            opcode = Opcode.LIST_TIMED if self.timed else Opcode.LIST
            return self._talk.ask(opcode, self._folder_wire(path), offset=count).data
        except Refused as refusal:
            if refusal.code == Trouble.END:
                return b""
            raise

    def require_root(self) -> None:
        """Raises DeviceGone where the root is not there."""
        self.folder("")

    # --- facts -------------------------------------------------------------------------------------------------------

    def look(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """Fresh facts about each path, each folder listed once."""
        facts: dict[str, dict[str, Line] | ItemError] = {}
        answers = [self._look(path, facts) for path in paths]
        if any(isinstance(answer, ItemMissing) for answer in answers) and "" not in facts:
            self.require_root()
        return answers

    def _look(self, path: str, facts: dict[str, dict[str, Line] | ItemError]) -> Entry | ItemError:
        try:
            self.wire(path)
        except ItemError as error:
            return error
        folder, _slash, name = path.rpartition("/")
        if folder not in facts:
            facts[folder] = self._facts(folder)
        known = facts[folder]
        if isinstance(known, ItemError):
            return type(known)(path, known.what)
        return self.entry(folder, known[name]) if name in known else ItemMissing(path, "it is not there")

    def _facts(self, folder: str) -> dict[str, Line] | ItemError:
        try:
            return {line.name: line for line in self.folder(folder)}
        except ItemError as error:
            return error

    def entry(self, folder: str, line: Line) -> Entry:
        """A line as an entry of the device."""
        path = f"{folder}/{line.name}" if folder else line.name
        if line.folder:
            return Entry(path, Kind.FOLDER)
        mtime_ns = line.time_s * NS_PER_S if line.time_s is not None else None
        return Entry(path, Kind.FILE, line.size or 0, mtime_ns, int(TIME_STEP_S * NS_PER_S))


def item_error(path: str, refusal: Refused, doing: str) -> ItemError:
    """The error for a refusal that is about one path."""
    if refusal.missing:
        return ItemMissing(path, "it is not there")
    what = f"the vehicle refused to {doing}: {refusal.words}"
    if refusal.code in (Trouble.PROTECTED, Trouble.UNKNOWN_COMMAND):
        return ItemRefused(path, what)
    if refusal.code == Trouble.ERRNO and refusal.errno == _DENIED:
        return ItemRefused(path, what)
    return ItemFailed(path, what)


def name_trouble(name: str) -> str:
    """Why a name from a listing cannot be asked for; empty where it can."""
    return "the name holds a slash" if "/" in name else ""
