"""Steps that look at what stands at a path, without ever following a link."""

from __future__ import annotations

from collections.abc import Sequence

from v2xsync.devices.ssh import wire
from v2xsync.devices.ssh.paths import Root, entry_of, told_kind
from v2xsync.devices.ssh.pipeline import Steps, ask, ask_all
from v2xsync.devices.ssh.refusals import refusal
from v2xsync.devices.ssh.server import Server
from v2xsync.model.items import Entry, Kind


class Looking:
    """Looks below one root of one server."""

    def __init__(self, server: Server, root: Root) -> None:
        self._root = root
        self._kinds = (wire.LSTAT,) if server.tells_links else (wire.LSTAT, wire.READLINK)

    def look(self, path: str) -> Steps[Entry]:
        """Steps: what stands at `path`. Raises ItemError."""
        first, *more = self.requests(path)
        replies = (yield from ask_all(first, *more)) if more else [(yield from ask(first))]
        return seen(path, replies)

    def requests(self, path: str) -> tuple[wire.Request, ...]:
        """The requests whose replies `seen` understands. Raises ItemRefused for a path that is not safe."""
        name = self._root.path(path)
        return tuple([wire.of_path(kind, name) for kind in self._kinds])


def seen(path: str, replies: Sequence[wire.Reply]) -> Entry:
    """Return what `replies` to `Looking.requests` tell. Raises ItemError."""
    shown = replies[0]
    if not isinstance(shown, wire.Attrs):
        raise refusal(path, shown, "look at it")
    is_link = any(isinstance(reply, wire.Names) for reply in replies[1:])
    return entry_of(path, shown, Kind.LINK if is_link else told_kind(shown))
