"""A session that never repeats a secret: what its peer says is blotted before anybody keeps or shows it.

A peer knows the passwords and keys that it was shown, and may say them again: in the text of a refusal, in an error
page that prints the request's headers, in the name of its software. Such words end in the ledger, on screens, in
``--json`` and in manifests. This wraps the port; bytes and paths of files pass unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from v2xsync.devices.base import (
    Capabilities,
    Feed,
    Fetched,
    FetchRequest,
    FetchSink,
    Health,
    Proven,
    ProveRequest,
    RemoveRequest,
    SendRequest,
    Sent,
)
from v2xsync.errors import ItemError, V2xSyncError
from v2xsync.model.items import Entry, Unlistable

Redact = Callable[[str], str]
"""Returns a text without the secrets that are known by then."""


class Discreet:
    """A source or target whose errors, remarks and references hold no secret; else it is `inner`."""

    def __init__(self, inner: Any, redact: Redact) -> None:
        self._inner: Final = inner
        self._redact: Final = redact

    @property
    def capabilities(self) -> Capabilities:
        """Those of `inner`."""
        found: Capabilities = self._inner.capabilities
        return found

    def connect(self) -> None:
        """As `Source.connect`."""
        with self._blotting():
            self._inner.connect()

    def close(self) -> None:
        """As `Source.close`."""
        self._inner.close()

    def probe(self) -> Health:
        """As `Source.probe`."""
        with self._blotting():
            health: Health = self._inner.probe()
        return replace(health, detail=self._redact(health.detail))

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """As `Source.stat`."""
        with self._blotting():
            return [self._blotted(found) for found in self._inner.stat(paths)]

    def list(self) -> Iterator[Entry | Unlistable]:
        """As `Source.list`."""
        with self._blotting():
            for found in self._inner.list():
                if isinstance(found, Unlistable):
                    yield replace(found, reason=self._redact(found.reason))
                else:
                    yield found

    def fetch(self, requests: Iterable[FetchRequest], sink: FetchSink) -> None:
        """As `Source.fetch`."""
        with self._blotting():
            self._inner.fetch(requests, _Sink(sink, self._redact))

    def remove(self, requests: Iterable[RemoveRequest]) -> Iterator[tuple[int, V2xSyncError | None]]:
        """As `Source.remove`."""
        with self._blotting():
            for token, error in self._inner.remove(requests):
                yield token, self._blotted(error)

    def prune(self, folders: Sequence[str]) -> Sequence[str]:
        """As `Source.prune`."""
        with self._blotting():
            found: Sequence[str] = self._inner.prune(folders)
        return found

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """As `Target.send`."""
        with self._blotting():
            self._inner.send(requests, _Feed(feed, self._redact))

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """As `Target.prove`."""
        with self._blotting():
            for token, found in self._inner.prove(requests):
                if isinstance(found, Proven):
                    yield token, replace(found, method=self._redact(found.method))
                else:
                    yield token, self._blotted(found)

    def sweep(self, folders: Sequence[str], keep: frozenset[str]) -> Sequence[str]:
        """As `Target.sweep`."""
        with self._blotting():
            found: Sequence[str] = self._inner.sweep(folders, keep)
        return found

    @contextmanager
    def _blotting(self) -> Iterator[None]:
        try:
            yield
        except V2xSyncError as error:
            blot(error, self._redact)
            raise

    def _blotted(self, found: Any) -> Any:
        if isinstance(found, V2xSyncError):
            blot(found, self._redact)
        return found


class _Sink:
    """Where fetched bytes go; they pass by untouched."""

    def __init__(self, sink: FetchSink, redact: Redact) -> None:
        self.write: Final = sink.write
        self._sink: Final = sink
        self._redact: Final = redact

    def done(self, token: int, fetched: Fetched) -> None:
        """As `FetchSink.done`."""
        method = self._redact(fetched.method)
        self._sink.done(token, fetched if method == fetched.method else replace(fetched, method=method))

    def failed(self, token: int, error: ItemError) -> None:
        """As `FetchSink.failed`."""
        blot(error, self._redact)
        self._sink.failed(token, error)


class _Feed:
    """Where bytes to send come from; they pass by untouched."""

    def __init__(self, feed: Feed, redact: Redact) -> None:
        self.read: Final = feed.read
        self.progress: Final = feed.progress
        self._feed: Final = feed
        self._redact: Final = redact

    def done(self, token: int, sent: Sent) -> None:
        """As `Feed.done`."""
        told = replace(sent, method=self._redact(sent.method), reference=self._redact(sent.reference))
        self._feed.done(token, told)

    def failed(self, token: int, error: ItemError) -> None:
        """As `Feed.failed`."""
        blot(error, self._redact)
        self._feed.failed(token, error)


def blot(error: V2xSyncError, redact: Redact) -> None:
    """Take the secrets out of an error's own words; what led to it stays attached, and is for the log alone."""
    error.args = (redact(error.what), *error.args[1:])
    error.remedy = redact(error.remedy)
