"""Steps that list a whole tree: several folders at once, several pieces of each on their way.

What a listing may not do to us: lead out of the root, never end, repeat itself for ever, or fill the memory. A folder
that tries is told as Unlistable; the rest goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from v2xsync.devices.base import is_ours
from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.looking import Looking
from v2xsync.devices.ssh.paths import LONGEST_PATH, Root, entry_of, kind_of, name_of
from v2xsync.devices.ssh.pipeline import Batch, Job, Steps, ask
from v2xsync.devices.ssh.refusals import refusal
from v2xsync.devices.ssh.server import Server
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, ItemError
from v2xsync.model.items import Entry, Kind, Unlistable

MOST_NAMES: Final = 5_000_000
"""In one folder."""
MOST_FOLDERS: Final = 1_000_000
_REMEMBERED_NAMES: Final = 250_000
_PIECES_AHEAD: Final = 4
_MOST_AT_ONCE: Final = 32

TakeNames = Callable[[list[wire.Name]], str]
"""Takes a piece of a folder; returns why to stop, or nothing."""


def width(server: Server) -> int:
    """How many folders to list at once."""
    return min(server.handles, _MOST_AT_ONCE)


def names_of(name: bytes, server: Server, take: TakeNames) -> Steps[wire.Reply | str | None]:
    """Steps: hand the pieces of a folder to `take`; return None, why it stopped early, or the refusal to open it.

    A refusal may come with the first piece: asyncssh opens whatever it is asked to.
    """
    opened = yield from ask(wire.of_path(wire.OPENDIR, name))
    if not isinstance(opened, wire.Handle):
        return opened
    next_piece = wire.of_handle(wire.READDIR, opened.value)
    awaited = _PIECES_AHEAD if server.in_order else 1
    batch: Batch = (next_piece,) * awaited
    trouble: wire.Reply | str | None = None
    over = begun = False
    while awaited:
        _, reply = yield batch
        awaited -= 1
        batch = ()
        if over:
            continue
        if isinstance(reply, wire.Names):
            begun = True
            trouble = take(reply.names) or None
        elif not (isinstance(reply, wire.Status) and reply.code == wire.EOF):
            trouble = refusal("", reply, "list this folder").what if begun else reply
        over = not isinstance(reply, wire.Names) or trouble is not None
        if not over:
            batch = (next_piece,)
            awaited += 1
    yield from ask(wire.of_handle(wire.CLOSE, opened.value))
    return trouble


class Listing:
    """One listing of everything below a root; `found` fills while its jobs run."""

    def __init__(self, device: str, server: Server, root: Root) -> None:
        self.found: deque[Entry | Unlistable] = deque()
        self._device = device
        self._server = server
        self._root = root
        self._looking = Looking(server, root)
        self._folders: deque[str] = deque([""])
        self._unsure: deque[str] = deque()
        self._seen = {""}

    def draw(self) -> Job | None:
        """Return the next piece of work that is there."""
        if self._unsure:
            return Job(self._look_closer(self._unsure.popleft()))
        return Job(self._list_folder(self._folders.popleft())) if self._folders else None

    def _list_folder(self, folder: str) -> Steps[None]:
        pieces = _Folder(self, folder)
        trouble = yield from names_of(self._root.inside(folder), self._server, pieces.take)
        if isinstance(trouble, str):
            self.found.append(Unlistable(folder, trouble))
        elif trouble is not None:
            self._refused(folder, trouble)

    def _refused(self, folder: str, reply: wire.Reply) -> None:
        if not folder:
            raise root_refused(self._device, self._root, reply)
        self.found.append(Unlistable(folder, refusal(folder, reply, "list this folder").what))

    def _look_closer(self, path: str) -> Steps[None]:
        try:
            entry = yield from self._looking.look(path)
        except ItemError as error:
            self.found.append(Unlistable(path, error.what))
        else:
            self.add(entry)

    def see(self, path: str, name: wire.Name) -> None:
        """Take one line of a folder; where it tells too little, the file itself is looked at."""
        kind = kind_of(name.attrs, name.longname)
        if kind is None or (kind is Kind.FILE and (name.attrs.size is None or name.attrs.mtime is None)):
            self._unsure.append(path)
        else:
            self.add(entry_of(path, name.attrs, kind))

    def add(self, entry: Entry) -> None:
        """Tell `entry`; a folder will be listed too."""
        if entry.kind is Kind.FOLDER:
            if entry.path in self._seen:
                return
            if len(self._seen) > MOST_FOLDERS:
                self.found.append(Unlistable(entry.path, f"there are more than {MOST_FOLDERS:,} folders"))
                return
            self._seen.add(entry.path)
            self._folders.append(entry.path)
        self.found.append(entry)


class _Folder:
    """Judges the names of one folder."""

    def __init__(self, listing: Listing, folder: str) -> None:
        self._listing = listing
        self._front = f"{folder}/" if folder else ""
        self._names: set[bytes] = set()
        self._count = 0
        self._strange = 0

    def take(self, names: list[wire.Name]) -> str:
        """Take a piece; return why the folder cannot be listed to its end, or nothing."""
        fresh = {name.name: name for name in names if name.name not in self._names}
        if not fresh:
            return "the server repeats the same names for ever"
        if len(self._names) < _REMEMBERED_NAMES:
            self._names.update(fresh)
        for name in fresh.values():
            self._judge(name)
        self._count += len(fresh)
        if self._count > MOST_NAMES:
            return f"there are more than {MOST_NAMES:,} names in it"
        return ""

    def _judge(self, told: wire.Name) -> None:
        name = name_of(told.name)
        if name is not None and len(self._front) + len(told.name) <= LONGEST_PATH:
            if not is_ours(name):
                self._listing.see(self._front + name, told)
        elif told.name not in (b".", b".."):
            self._strange += 1
            if self._strange == 1:
                reason = "the server tells a name that no folder can hold"
                self._listing.found.append(Unlistable(self._front.rstrip("/"), reason))


def root_refused(device: str, root: Root, reply: wire.Reply) -> DeviceError:
    """Return the error for a root folder that cannot be used."""
    if isinstance(reply, wire.Status) and reply.code == wire.PERMISSION_DENIED:
        what = f"the folder {root.told} may not be listed by the user that we log in as"
        return AccessRefused(device, what, remedy="give that user the right to read it")
    if isinstance(reply, wire.Status) and reply.code == wire.NO_SUCH_FILE:
        what = f"the folder {root.told} is not there"
        return DeviceGone(device, what, remedy="correct `root` in the config, or make or mount the folder")
    return DeviceGone(device, f"the folder {root.told}: {refusal('', reply, 'list it').what}")
