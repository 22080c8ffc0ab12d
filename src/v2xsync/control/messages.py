"""What is said on the control socket: one JSON object on each line, each with the version `v` and the asker's `id`.

A request names what to do: ``{"v": 1, "id": 7, "do": "pause", "names": ["clay"]}``. Its answer is on one line too,
under the same id: ``{"v": 1, "id": 7, "ok": ...}`` or ``{"v": 1, "id": 7, "fault": {"kind", "what", "remedy"}}``. The
first request of a line is ``hello``. Whatever does not fit exactly is refused; see docs/control.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import from_json

from v2xsync.errors import ControlError
from v2xsync.model.naming import printable
from v2xsync.model.views import StationView

VERSION: Final = 1

MOST_REQUEST_BYTES: Final = 64 * 1024
MOST_ANSWER_BYTES: Final = 32 * 1024 * 1024
"""A picture with ten thousand rows of the queue takes about 4 MiB."""

MOST_ROWS: Final = 10_000
MOST_NAMES: Final = 500
MOST_ITEMS: Final = 5_000

T = TypeVar("T")

ItemId = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Field(max_length=MOST_NAMES)]


class Request(BaseModel):
    """What every request has."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    v: Literal[1]
    id: Annotated[int, Field(ge=0, lt=2**31)]


class Hello(Request):
    """The first request; a read-only line may look and nothing else."""

    do: Literal["hello"]
    read_only: bool = False


class Look(Request):
    """The picture, with at most so many rows of the queue."""

    do: Literal["view"]
    queue_rows: Annotated[int, Field(ge=0, le=MOST_ROWS)] = 200


class ReadEvents(Request):
    """Events after `seq`."""

    do: Literal["events"]
    seq: Annotated[int, Field(ge=0)]


class ReadHistory(Request):
    """The newest lines of the custody log."""

    do: Literal["history"]
    limit: Annotated[int, Field(ge=1, le=MOST_ROWS)] = 1000


class OfNames(Request):
    """About these routes or devices; none means everything."""

    do: Literal["force", "pause", "resume", "retry", "outcome"]
    names: Names = ()


class OfItem(Request):
    """About one item."""

    do: Literal["cancel", "front", "why"]
    item_id: ItemId


class Release(Request):
    """Do held steps again, or take held deliveries as done in the name of `by`; no devices mean all of these items."""

    do: Literal["release"]
    item_ids: Annotated[tuple[ItemId, ...], Field(max_length=MOST_ITEMS)]
    accept: bool
    by: Annotated[str, Field(min_length=1, max_length=100)]
    devices: Names = ()


class Plain(Request):
    """Without anything more to say."""

    do: Literal["holds", "acknowledge", "drain", "stop"]


AnyRequest = Annotated[
    Hello | Look | ReadEvents | ReadHistory | OfNames | OfItem | Release | Plain, Field(discriminator="do")
]

CHANGES: Final = frozenset(
    {"force", "pause", "resume", "retry", "cancel", "front", "release", "acknowledge", "drain", "stop"}
)
"""What a read-only line may not do."""


class Fault(BaseModel):
    """Why a request was refused: the kind of error, what happened, and the remedy."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    kind: str
    what: str
    remedy: str = ""


class Answer(BaseModel, Generic[T]):
    """What came back: `ok` or a `fault`."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    v: Literal[1]
    id: int
    ok: T | None = None
    fault: Fault | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """Who answered the hello."""

    station: str
    version: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A picture; with `same_queue` its queue is the one that was sent before, and left out here."""

    view: StationView
    same_queue: bool


_REQUESTS: Final[TypeAdapter[AnyRequest]] = TypeAdapter(AnyRequest)


class Misheard(ControlError):
    """A request that is none; `request_id` is its id where it could be read."""

    def __init__(self, what: str, *, request_id: int = 0, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.request_id: Final = request_id


def read_request(line: bytes) -> AnyRequest:
    """Return the request on one line. Raises Misheard for anything else, whatever the bytes are."""
    try:
        return _REQUESTS.validate_json(line)
    except ValidationError as error:
        raise _misheard(line, error) from error


def _misheard(line: bytes, error: ValidationError) -> Misheard:
    """Say what is wrong without repeating what was sent."""
    try:
        found = from_json(line)
    except ValueError:
        return Misheard("this is not JSON")
    if not isinstance(found, dict):
        return Misheard("this is not a request")
    given = found.get("id")
    number = given if type(given) is int and 0 <= given < 2**31 else 0
    if found.get("v") != VERSION:
        what = f"this service speaks version {VERSION} of the control protocol"
        return Misheard(what, request_id=number, remedy="use the v2xsync that the service was started with")
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"][1:3]) or "do"
    return Misheard(f"the request does not fit: {printable(where[:60])}: {first['type']}", request_id=number)


def encode_fault(number: int, kind: str, what: str, remedy: str = "") -> bytes:
    """Return an answer that refuses, as one line."""
    fault = Fault(kind=kind, what=what, remedy=remedy)
    return encode_ok(number, fault.model_dump_json().encode(), key=b"fault")


def encode_ok(number: int, content: bytes, *, key: bytes = b"ok") -> bytes:
    """Return an answer with `content`, which is JSON already, as one line."""
    return b'{"v":%d,"id":%d,"%s":%s}\n' % (VERSION, number, key, content)
