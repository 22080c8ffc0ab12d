"""The desk: answers one request after the other from the facade. Knows no sockets."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError

from v2xsync.control.messages import (
    CHANGES,
    AnyRequest,
    Greeting,
    Misheard,
    Seen,
    encode_fault,
    encode_ok,
    read_request,
)
from v2xsync.engine.facade import Facade, Outcome, Why
from v2xsync.errors import ControlError, V2xSyncError
from v2xsync.ledger.base import Hold, LogLine
from v2xsync.model.naming import printable
from v2xsync.model.views import EventView, QueueRow


@dataclass(slots=True)
class Visit:
    """What the desk remembers of one line."""

    greeted: bool = False
    read_only: bool = False
    queue: tuple[QueueRow, ...] | None = None
    """The rows that were sent last."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as one line, and whether the visit ends with it."""

    line: bytes
    last: bool = False


class Desk:
    """Serves one facade; used by one thread."""

    def __init__(self, facade: Facade) -> None:
        self._facade = facade

    def answer(self, visit: Visit, line: bytes) -> Reply:
        """Answer what stands on `line`. A visitor who speaks no sense is shown the door."""
        try:
            request = read_request(line)
        except Misheard as error:
            return Reply(encode_fault(error.request_id, "Misheard", error.what, error.remedy), last=True)
        try:
            self._require_allowed(visit, request)
            kind, value = _VERBS[request.do](self._facade, visit, request)
            return Reply(encode_ok(request.id, _json(kind, value)))
        except V2xSyncError as error:
            fault = encode_fault(request.id, type(error).__name__, printable(error.what), printable(error.remedy))
            return Reply(fault, last=not visit.greeted)

    def _require_allowed(self, visit: Visit, request: AnyRequest) -> None:
        if not visit.greeted and request.do != "hello":
            raise ControlError("say hello first")
        if visit.read_only and request.do in CHANGES:
            raise ControlError("this line is read-only")
        names: Collection[str] = getattr(request, "names", ())
        if names:
            view = self._facade.view(0)
            known = {device.name for device in view.devices} | {route.name for route in view.routes}
            strange = next((name for name in names if name not in known), None)
            if strange is not None:
                what = f'the service knows no route or device "{printable(strange)}"'
                raise ControlError(what, remedy="let it read its config again: kill -HUP, or systemctl reload")


Verb = Callable[[Facade, Visit, Any], tuple[Any, object]]
"""Does what a request asks; returns the answer's type and value."""


def _hello(facade: Facade, visit: Visit, request: Any) -> tuple[Any, object]:
    visit.greeted, visit.read_only = True, request.read_only
    view = facade.view(0)
    return Greeting, Greeting(station=view.name, version=view.version, pid=os.getpid())


def _view(facade: Facade, visit: Visit, request: Any) -> tuple[Any, object]:
    view = facade.view(request.queue_rows)
    rows = view.queue[: request.queue_rows]
    same, visit.queue = rows == visit.queue, rows
    return Seen, Seen(view=replace(view, queue=() if same else rows), same_queue=same)


def _release(facade: Facade, visit: Visit, request: Any) -> tuple[Any, object]:
    del visit
    by = printable(request.by)
    return int, facade.release(request.item_ids, accept=request.accept, by=by, devices=request.devices)


def _of_names(act: Callable[[Facade, Collection[str]], object], kind: Any = None) -> Verb:
    return lambda facade, visit, request: (kind, act(facade, request.names))


def _of_item(act: Callable[[Facade, int], object], kind: Any = None) -> Verb:
    return lambda facade, visit, request: (kind, act(facade, request.item_id))


def _plain(act: Callable[[Facade], object], kind: Any = None) -> Verb:
    return lambda facade, visit, request: (kind, act(facade))


_VERBS: Final[Mapping[str, Verb]] = {
    "hello": _hello,
    "view": _view,
    "events": lambda facade, visit, request: (tuple[EventView, ...], tuple(facade.events_since(request.seq))),
    "history": lambda facade, visit, request: (tuple[LogLine, ...], tuple(facade.history(request.limit))),
    "force": _of_names(lambda facade, names: facade.force(names)),
    "pause": _of_names(lambda facade, names: facade.pause(names)),
    "resume": _of_names(lambda facade, names: facade.resume(names)),
    "retry": _of_names(lambda facade, names: facade.retry(names), int),
    "outcome": _of_names(lambda facade, names: facade.outcome(names), Outcome),
    "cancel": _of_item(lambda facade, item: facade.cancel(item)),
    "front": _of_item(lambda facade, item: facade.bring_to_front(item)),
    "why": _of_item(lambda facade, item: facade.why(item), Why | None),
    "release": _release,
    "holds": _plain(lambda facade: tuple(facade.holds()), tuple[Hold, ...]),
    "acknowledge": _plain(lambda facade: facade.acknowledge_errors()),
    "drain": _plain(lambda facade: facade.drain()),
    "stop": _plain(lambda facade: facade.stop()),
}


@cache
def _writer(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _json(kind: Any, value: object) -> bytes:
    """The value as JSON; a name with bytes that are not UTF-8 goes as it is drawn."""
    try:
        return _writer(kind).dump_json(value)
    except PydanticSerializationError:
        return _writer(kind).dump_json(drawable(value))


def drawable(value: Any) -> Any:
    """Return a value of ours with every text in it made safe to draw."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple):
        return tuple(drawable(one) for one in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{one.name: drawable(getattr(value, one.name)) for one in dataclasses.fields(value)})
    return value
