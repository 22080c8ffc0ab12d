"""A socket that gives up on peers that say nothing, or far too much; an SSH library by itself bears both for ever."""

from __future__ import annotations

import contextlib
import errno
import socket
from typing import Any, Final, Self

_AHEAD_BYTES: Final = 128 * 1024
"""Taken from the kernel at once: the library asks for every packet in two or three small pieces."""


class SilentPeer(ConnectionError):
    """No byte moved for as long as we are willing to wait."""

    def __init__(self) -> None:
        super().__init__(errno.ETIMEDOUT, "the peer is silent")


class TalkingPeer(ConnectionError):
    """More bytes came than anybody asked for."""

    def __init__(self) -> None:
        super().__init__(errno.EMSGSIZE, "the peer sends more than was asked for")


class PatientSocket(socket.socket):
    """A connected socket. A send ends with SilentPeer after `patience_s` without progress.

    So does a receive while `waiting` is set: during the login, when an answer is always due. Time is counted in the
    socket's own timeouts, so no clock is read. A receive ends with TalkingPeer where `unread` passes `most_unread`;
    whoever takes the bytes in sets `unread` back to 0.
    """

    def __init__(self, *args: Any, patience_s: float, most_unread: int) -> None:
        super().__init__(*args)
        self._patience_s: Final = patience_s
        self._most_unread: Final = most_unread
        self._unsent_s = 0.0
        self._unheard_s = 0.0
        self._ahead = b""
        self._taken = 0
        self.waiting = True
        self.unread = 0

    @classmethod
    def connected_to(cls, host: str, port: int, *, patience_s: float, most_unread: int) -> Self:
        """Connect to the first address of `host` that answers. Raises OSError."""
        plain = socket.create_connection((host, port), timeout=patience_s)
        parts = plain.family, plain.type, plain.proto, plain.detach()
        patient = cls(*parts, patience_s=patience_s, most_unread=most_unread)
        patient.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return patient

    def send(self, data: Any, flags: int = 0, /) -> int:
        """Send some of `data`; raises TimeoutError, then SilentPeer."""
        try:
            count = super().send(data, flags)
        except TimeoutError as error:
            self._unsent_s += self.gettimeout() or 0.0
            if self._unsent_s >= self._patience_s:
                raise SilentPeer from error
            raise
        self._unsent_s = 0.0
        return count

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive up to `bufsize` bytes; raises TimeoutError, then SilentPeer; TalkingPeer."""
        if self._taken >= len(self._ahead):
            self._ahead, self._taken = self._receive_ahead(flags), 0
        start, self._taken = self._taken, self._taken + bufsize
        return self._ahead[start : self._taken]

    def _receive_ahead(self, flags: int) -> bytes:
        try:
            data = super().recv(_AHEAD_BYTES, flags)
        except TimeoutError as error:
            self._unheard_s += self.gettimeout() or 0.0
            if self.waiting and self._unheard_s >= self._patience_s:
                raise SilentPeer from error
            raise
        self._unheard_s = 0.0
        self.unread += len(data)
        if self.unread > self._most_unread:
            raise TalkingPeer
        return data

    def close(self) -> None:
        """Close at once; a thread inside a call is woken."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)
        super().close()
