"""One line to a service: a request out, its answer back, each within its patience."""

from __future__ import annotations

import contextlib
import itertools
import json
import socket
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError

from v2xsync.control import address
from v2xsync.control.messages import MOST_ANSWER_BYTES, VERSION, Answer, Greeting
from v2xsync.errors import ControlError, ServiceAway

_CHUNK: Final = 256 * 1024
_AGAIN: Final = "see whether the service runs: v2xsync status"


class Line:
    """A line that is up until the first silence; used by one thread."""

    def __init__(self, connection: socket.socket, monotonic: Callable[[], float]) -> None:
        self._connection = connection
        self._monotonic = monotonic
        self._numbers = itertools.count(1)
        self._inbox = bytearray()

    def ask(self, kind: Any, do: str, patience_s: float, **more: object) -> Any:
        """Ask, and return the answer as a value of `kind`.

        Raises ControlError where the service refuses, ServiceAway where it does not answer (then the line is closed).
        """
        number = next(self._numbers)
        request = json.dumps({"v": VERSION, "id": number, "do": do, **more}).encode() + b"\n"
        until = self._monotonic() + patience_s
        try:
            self._connection.settimeout(patience_s)
            self._connection.sendall(request)
            answer = _reader(kind).validate_json(self._read(until))
        except ValidationError as error:
            self.close()
            raise ServiceAway("the service speaks another language", remedy="use the v2xsync that it runs") from error
        except OSError as error:
            self.close()
            raise ServiceAway("the service does not answer", remedy=_AGAIN) from error
        if answer.fault is not None:
            raise ControlError(answer.fault.what, remedy=answer.fault.remedy)
        if answer.id != number or (answer.ok is None and not _may_be_nothing(kind)):
            self.close()
            raise ServiceAway("the service answered something else", remedy=_AGAIN)
        return answer.ok

    def _read(self, until: float) -> bytes:
        """One answer. Raises OSError, TimeoutError among them."""
        while True:
            self._connection.settimeout(max(0.001, until - self._monotonic()))
            data = self._connection.recv(_CHUNK)
            self._inbox += data
            if data.endswith(b"\n"):
                line, self._inbox = bytes(self._inbox), bytearray()
                return line
            if not data or len(self._inbox) > MOST_ANSWER_BYTES:
                raise ConnectionResetError("the line broke")

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._connection.close()


@cache
def _reader(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(Answer[kind])


@cache
def _may_be_nothing(kind: Any) -> bool:
    return kind is None or type(None) in get_args(kind)


def dial(folder: Path, patience_s: float, monotonic: Callable[[], float], *, read_only: bool = False) -> Line:
    """Call the service of a state folder and say hello. Raises ServiceAway, ControlError where it refuses."""
    line = Line(address.dial(folder, patience_s), monotonic)
    try:
        line.ask(Greeting, "hello", patience_s, read_only=read_only)
    except ControlError:
        line.close()
        raise
    return line
