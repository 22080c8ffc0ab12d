"""HTTP POST of each file: PX4's flight_review, upload forms of any kind, or the bare bytes. A target only.

Quirks of the protocol, and what is done about them:

* Nothing can be asked again: every POST makes a new entry and no server tells a digest. The proof is the answer
  (`ack`), and what became of a file whose answer was lost is unknown (invariant 7). So everything here turns on one
  fact: whether the body's last byte was handed over. If it was not, nothing can have been taken, and the file may be
  sent again; if it was, only an answer tells.
* A connection serves one file. On a kept one, which servers close when they like, a send could fail with its last byte
  gone although nobody was there to read it.
* A server may answer before the body is over (413, 401, tornado's 400) and break the connection; httpcore then looks
  for that answer. A "yes" before the last byte is none.
* flight_review breaks the connection over its size limit without a word. Its parser works before it answers, so the
  wait for the answer grows with the file. A 500 there may come after the entry was made (the notification mail
  failed), hence unknown. Its answer is 302 to the plot page, which is kept and never fetched, or JSON with a relative
  address; its successor answers without one. Forks want a key (401, 403).
* ``raw`` is what an older collector did: one file as text/plain, no name, and 200 is the only yes. It ignored the
  answer and lost files (requirement R4); here nothing counts but the answer.
* After a lost answer or a broken gateway the server is asked (HEAD) whether it is alive before it gets another file:
  an outage must not make every waiting file unknown.

References: RFC 9110 and 9112, RFC 7578, flight_review's upload handler, requirements R4 R11 R15 R23 R24.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
import socket
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from v2xsync.devices.base import Capabilities, Feed, Health, Proven, ProveRequest, SendRequest, Sent
from v2xsync.devices.forms import (
    FLIGHT_REVIEW_FIELDS,
    FLIGHT_REVIEW_LIMIT,
    FLIGHT_REVIEW_PART,
    FLIGHT_REVIEW_TEXT_LIMIT,
    Envelope,
    FieldValue,
    Form,
    Wording,
    known_facts,
    multipart_envelope,
    raw_envelope,
    refuse_bad_ulog,
    resolved,
    worded,
)
from v2xsync.devices.http import Secret, busy, make_client, mapped, reveal, was_never_sent
from v2xsync.devices.resume import check_names, pieces_from
from v2xsync.errors import (
    AccessRefused,
    DeviceError,
    DeviceGone,
    ItemCorrupt,
    ItemError,
    ItemFailed,
    ItemRefused,
    NoSpace,
    OutcomeUnknown,
    V2xSyncError,
)
from v2xsync.model.items import Entry, Proof
from v2xsync.model.naming import printable

__all__ = ["Form", "PostDevice", "PostOptions"]

ANSWER_BYTES_PER_S: Final = 1024 * 1024
"""The slowest server that we wait for: it may take a second for each of so many bytes before it answers."""

_MOST_ANSWER_BYTES: Final = 64 * 1024
_MOST_ANSWER_PIECES: Final = 16
_MOST_REASON: Final = 160
_MOST_REASON_SOURCE: Final = 4096
_MOST_ADDRESS: Final = 2000
_LISTENING_S: Final = 1.0

_ACCEPTED: Final[Mapping[Form, frozenset[int]]] = {
    Form.FLIGHT_REVIEW: frozenset({200, 201, 302, 303}),
    Form.MULTIPART: frozenset({200, 201, 202, 204}),
    Form.RAW: frozenset({200}),
}
_NOT_FOR_US: Final = frozenset({401, 403, 407, 444})
_NO_SUCH_DOOR: Final = frozenset({404, 405, 410, 501})
_BAD_REQUEST: Final = 400
_BAD_CONTENT: Final = frozenset({400, 422})
_BAD_KIND: Final = frozenset({406, 409, 415})
_TOO_BIG: Final = 413
_LATER: Final = frozenset({429, 503})
_FULL: Final = 507
_MOVED: Final = range(300, 400)
_SEE_ELSEWHERE: Final = frozenset({302, 303})
_SERVER_TROUBLE: Final = 500
_ALIVE_ALL_THE_SAME: Final = frozenset({501, 505})
"""Above 500, and yet they only say that HEAD is not known."""

_LOGIN_PAGE: Final = re.compile(r"(?:^|/)(?:log|sign)[-_]?in(?:/|$)|/(?:oauth2?|sso|auth)(?:/|$)", re.IGNORECASE)
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_HEADER_VALUE: Final = re.compile(r"[\x20-\x7e]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOptions:
    """Where files are posted to, as what, and who we are there."""

    url: str
    form: Form = Form.FLIGHT_REVIEW
    fields: Mapping[str, FieldValue] = field(default_factory=dict)
    """Beside, or instead of, those that the form sends anyway."""
    file_part: str = "file"
    """Name of the file's part in a `multipart` form."""
    headers: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    token: Secret | None = field(default=None, repr=False)
    """Sent as ``Authorization: Bearer``."""
    username: str = ""
    password: Secret | None = field(default=None, repr=False)
    """Sent as ``Authorization: Basic`` with every file: a body cannot be sent twice."""
    ca: Path | None = None
    max_size: int | None = None
    """Larger files are held and not sent; None: all are tried."""
    timeout_s: float = 60.0
    """Seconds of silence after which the server counts as gone; the wait for an answer also grows with the file."""
    max_parallel: int = 2


@dataclass(frozen=True, slots=True)
class _Line:
    """What a session holds while it is connected."""

    client: httpx.Client
    fields: Mapping[str, Wording]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What the server said: status, and as much of the rest as is of use."""

    status: int
    location: str
    text: str
    busy: DeviceError | None = None
    """What the answer means where it asks for a pause."""

    @property
    def reason(self) -> str:
        """The status and the beginning of the text, fit for a message."""
        words = " ".join(_TAGS.sub(" ", self.text[:_MOST_REASON_SOURCE]).split())
        return f"{self.status}: {printable(words[:_MOST_REASON])}" if words else str(self.status)


class _Body:
    """The body of one POST, handed over piece by piece; `whole` once the last byte was."""

    def __init__(
        self, request: SendRequest, envelope: Envelope, first: bytes, pieces: Iterator[bytes], feed: Feed
    ) -> None:
        self._request = request
        self._envelope = envelope
        self._first = first
        self._pieces = pieces
        self._feed = feed
        self.position = 0
        """Bytes of the file that were handed over."""
        self.whole = False

    def __len__(self) -> int:
        return self._envelope.length(self._request.size)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces. Progress is told only while something is still to come: it may raise."""
        if self._envelope.head:
            yield self._envelope.head
        piece: bytes | None = self._first
        while piece:
            yield piece
            self.position += len(piece)
            if self.position < self._request.size or self._envelope.tail:
                self._feed.progress(self._request.token, self.position)
            piece = next(self._pieces, None)
        if self._envelope.tail:
            yield self._envelope.tail
        self.whole = True


class PostDevice:
    """A session of an upload server; used from one thread."""

    def __init__(
        self, name: str, options: PostOptions, new_boundary: Callable[[], str] = lambda: secrets.token_hex(12)
    ) -> None:
        self.name: Final = name
        self._options: Final = options
        self._new_boundary: Final = new_boundary
        self._line: _Line | None = None
        self._in_doubt = False
        """The last answer was lost: whether the server lives is to be asked before it gets another file."""

    @property
    def capabilities(self) -> Capabilities:
        """What every upload form can do: take files, and say that it did."""
        return Capabilities(
            target=True,
            folders=False,
            delivery_proof=Proof.ACK,
            probeable=False,
            mtime_step_s=None,
            max_parallel=self._options.max_parallel,
        )

    def connect(self) -> None:
        """Read what is secret; nothing goes over the line, unless the last answer was lost: then `probe`."""
        self._connected()
        self._make_sure()

    def close(self) -> None:
        """Forget the client and the secrets."""
        line, self._line = self._line, None
        if line is not None:
            line.client.close()

    def probe(self) -> Health:
        """Ask by HEAD: whatever a server answers below 500, it is alive."""
        client = self._connected().client
        try:
            with mapped(self.name), client.stream("HEAD", self._options.url) as response:
                health = self._alive(response)
        except DeviceGone as error:
            broke = isinstance(error.__cause__, httpx.NetworkError | httpx.ProtocolError) and not was_never_sent(error)
            if not broke or not self._listens():
                raise
            health = Health(detail="waits for requests, and does not answer HEAD")
        self._in_doubt = False
        return health

    def stat(self, paths: Sequence[str]) -> Sequence[Entry | ItemError]:
        """ItemRefused for every path: a form cannot be asked about files."""
        return [ItemRefused(path, "an upload form cannot be asked about files") for path in paths]

    def send(self, requests: Iterable[SendRequest], feed: Feed) -> None:
        """Post file by file; the partial name means nothing here."""
        line = self._connected()
        for request in requests:
            self._make_sure()
            try:
                sent = self._post(line, request, feed)
            except ItemError as error:
                self._in_doubt = isinstance(error, OutcomeUnknown)
                feed.failed(request.token, error)
            else:
                feed.done(request.token, sent)

    def prove(self, requests: Iterable[ProveRequest]) -> Iterator[tuple[int, Proven | ItemError]]:
        """What the answer said, and no more."""
        for request in requests:
            yield request.token, Proven(request.size, Proof.ACK, "acknowledged; an upload form cannot be asked again")

    def sweep(self, folders: Sequence[str], keep: Container[str]) -> Sequence[str]:
        """Nothing: there are no partials."""
        del folders, keep
        return ()

    # --- the session -------------------------------------------------------------------------------------------------

    def _connected(self) -> _Line:
        if self._line is None:
            options = self._options
            always = FLIGHT_REVIEW_FIELDS if options.form is Form.FLIGHT_REVIEW else {}
            fields = resolved({**always, **options.fields})
            headers = {"Connection": "close", **self._headers()}
            client = make_client(self.name, timeout_s=options.timeout_s, ca=options.ca, headers=headers)
            self._line = _Line(client, fields)
        return self._line

    def _headers(self) -> Mapping[str, str]:
        options = self._options
        headers = {name: reveal(value) for name, value in options.headers.items()}
        if options.token is not None:
            headers["Authorization"] = f"Bearer {reveal(options.token)}"
        elif options.password is not None:
            login = f"{options.username}:{reveal(options.password)}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(login).decode('ascii')}"
        for name, value in headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                what = f"the header {name} holds a character that HTTP cannot carry"
                raise AccessRefused(self.name, what, remedy="correct it in the config, or where its value is kept")
        return headers

    def _make_sure(self) -> None:
        if self._in_doubt:
            self.probe()

    def _alive(self, response: httpx.Response) -> Health:
        status = response.status_code
        if status in _LATER:
            raise busy(self.name, response)
        if status >= _SERVER_TROUBLE and status not in _ALIVE_ALL_THE_SAME:
            remedy = "this is for the server's owner"
            raise DeviceGone(self.name, f"the server is there and does not work ({status})", remedy=remedy)
        server = printable(response.headers.get("Server", "HTTP")[:_MOST_REASON])
        return Health(detail=f"{server}, answers {status} to HEAD")

    def _listens(self) -> bool:
        """Whether somebody behind the port waits for a request, and no forwarder that hangs up at once."""
        place = urlsplit(self._options.url)
        if place.scheme != "http" or not place.hostname:
            return True
        try:
            with socket.create_connection((place.hostname, place.port or 80), self._options.timeout_s) as plug:
                plug.settimeout(_LISTENING_S)
                return plug.recv(1) != b""
        except TimeoutError:
            return True
        except OSError:
            return False

    # --- one file ----------------------------------------------------------------------------------------------------

    def _post(self, line: _Line, request: SendRequest, feed: Feed) -> Sent:
        check_names(request)
        self._refuse_too_big(request)
        pieces = (piece for _offset, piece in pieces_from(request, 0, feed))
        first = next(pieces, b"")
        if self._options.form is Form.FLIGHT_REVIEW:
            refuse_bad_ulog(request.path, request.size, first)
        envelope = self._envelope(line, request)
        body = _Body(request, envelope, first, pieces, feed)
        try:
            answer = self._ask(line, body, envelope.content_type, request.size)
        except DeviceError as error:
            raise self._lost(request, body, error) from error
        if answer.status not in _ACCEPTED[self._options.form] or self._leads_astray(answer):
            raise self._refusal(request, answer, whole=body.whole)
        if not body.whole:
            what = f"the server said yes ({answer.status}) after {body.position} of {request.size} bytes"
            raise OutcomeUnknown(request.path, what, remedy="look there what became of it, then release it")
        with suppress(V2xSyncError):  # a cancel that comes now comes too late: the file is there
            feed.progress(request.token, request.size)
        return Sent(request.size, f"the server answered {answer.status}", self._address(answer))

    def _refuse_too_big(self, request: SendRequest) -> None:
        limit = self._options.max_size
        if limit is not None and request.size > limit:
            what = f"the file has {request.size} bytes, and {self.name} takes {limit} (`max_size`)"
            raise ItemRefused(request.path, what, remedy="bring it there in another way, or raise `max_size`")

    def _envelope(self, line: _Line, request: SendRequest) -> Envelope:
        form = self._options.form
        if form is Form.RAW:
            return raw_envelope()
        facts = known_facts(request)
        fields = [(name, worded(value, facts)) for name, value in line.fields.items()]
        for name, text in fields if form is Form.FLIGHT_REVIEW else ():
            if len(text.encode("utf-8", "surrogateescape")) > FLIGHT_REVIEW_TEXT_LIMIT:
                what = f"the field {name} has more than {FLIGHT_REVIEW_TEXT_LIMIT} bytes, which the server refuses"
                raise AccessRefused(self.name, what, remedy="shorten it")
        part = FLIGHT_REVIEW_PART if form is Form.FLIGHT_REVIEW else self._options.file_part
        return multipart_envelope(fields, part, request.path.rpartition("/")[2], self._new_boundary())

    def _ask(self, line: _Line, body: _Body, content_type: str, size: int) -> _Answer:
        """Send the body and wait for its answer. Raises DeviceError (of `mapped`) where there is none."""
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        silence_s = self._options.timeout_s
        timeout = httpx.Timeout(silence_s, read=silence_s + size / ANSWER_BYTES_PER_S)
        with (
            mapped(self.name),
            line.client.stream("POST", self._options.url, content=body, headers=headers, timeout=timeout) as response,
        ):
            later = busy(self.name, response) if response.status_code in _LATER else None
            return _Answer(response.status_code, response.headers.get("Location", "").strip(), _text(response), later)

    # --- what became of it -------------------------------------------------------------------------------------------

    def _lost(self, request: SendRequest, body: _Body, error: DeviceError) -> V2xSyncError:
        """What it means that there is no answer. Raises DeviceError where the server is away altogether."""
        if was_never_sent(error):
            return error
        if body.whole:
            what = f"the server has the whole file, and its answer was lost: {error.what}"
            return OutcomeUnknown(request.path, what, remedy="look there what became of it, then release it")
        usual = self._options.form is Form.FLIGHT_REVIEW and self._options.max_size is None
        if usual and request.size > FLIGHT_REVIEW_LIMIT:
            what = f"the server broke off at {body.position} bytes: most take no files above {FLIGHT_REVIEW_LIMIT}"
            remedy = "bring it there in another way, or write as `max_size` what this server takes"
            return ItemRefused(request.path, what, remedy=remedy)
        self.probe()
        remedy = "if that is always so the file may be too large for the server: then write `max_size`"
        return ItemFailed(
            request.path,
            f"the connection broke at {body.position} of {request.size} bytes: {error.what}",
            remedy=remedy,
        )

    def _refusal(self, request: SendRequest, answer: _Answer, *, whole: bool) -> V2xSyncError:
        """What an answer means that is no yes."""
        status, path = answer.status, request.path
        if answer.busy is not None:
            return answer.busy
        if status == _FULL:
            return NoSpace(self.name, f"the server has no room ({answer.reason})", remedy="free some space there")
        refused = self._refused_us(answer)
        if refused is not None:
            return refused
        if status == _TOO_BIG:
            return ItemRefused(
                path, f"the file is too large for the server ({answer.reason})", remedy="bring it there in another way"
            )
        if status in _BAD_CONTENT | _BAD_KIND:
            error = ItemCorrupt if status in _BAD_CONTENT else ItemRefused
            remedy = "it may be corrupt, or none of the files that this server takes: look at it"
            return error(path, f"the server refused the file ({answer.reason})", remedy=remedy)
        if whole and self._may_have_taken(status):
            what = f"the server has the whole file and answered {answer.reason}: it may have kept it"
            return OutcomeUnknown(path, what, remedy="look there what became of it, then release it")
        return ItemFailed(path, f"the server did not take the file ({answer.reason})")

    def _refused_us(self, answer: _Answer) -> AccessRefused | None:
        """Why no file would fare better: login, rights, or the wrong address."""
        status = answer.status
        if status in _NOT_FOR_US:
            remedy = "set `token`, or `username` and `password`, or the header with the key that it wants"
            return AccessRefused(self.name, f"the server lets us post nothing ({answer.reason})", remedy=remedy)
        if status in _NO_SUCH_DOOR:
            what = f"the server takes no uploads at {_shown(self._options.url)} ({answer.reason})"
            return AccessRefused(self.name, what, remedy="correct `url`")
        if status in _MOVED and (status not in _SEE_ELSEWHERE or self._leads_astray(answer)):
            what = f"the server sends us on to {_shown(answer.location) or 'somewhere'} ({status})"
            return AccessRefused(self.name, what, remedy="if that is the right place write it as `url`; else log in")
        return None

    def _may_have_taken(self, status: int) -> bool:
        """Whether the file may stand there all the same; the older collector's protocol (`raw`) says not at a 500."""
        if status == _SERVER_TROUBLE:
            return self._options.form is not Form.RAW
        return status < _BAD_REQUEST or status > _SERVER_TROUBLE

    def _leads_astray(self, answer: _Answer) -> bool:
        """Whether a redirect leads to the same door elsewhere, or to a login: then nothing was taken."""
        if answer.status not in _SEE_ELSEWHERE or not answer.location:
            return False
        here, there = urlsplit(self._options.url), urlsplit(self._whole(answer.location))
        if "log" in parse_qs(there.query):
            return False
        return there.hostname != here.hostname or there.path == here.path or bool(_LOGIN_PAGE.search(there.path))

    def _address(self, answer: _Answer) -> str:
        """What the server calls the file, as a whole address; empty where it does not say."""
        whole = self._whole(answer.location or _told_url(answer.text))
        fit = whole.startswith(("http://", "https://")) and whole.isprintable() and len(whole) <= _MOST_ADDRESS
        return whole if fit else ""

    def _whole(self, address: str) -> str:
        """`address` seen from our url; empty where it is none."""
        try:
            return urljoin(self._options.url, address) if address else ""
        except ValueError:
            return ""


def _text(response: httpx.Response) -> str:
    """The beginning of an answer's text; where that breaks off, what came of it: the status has said what matters."""
    taken = bytearray()
    with suppress(httpx.HTTPError):
        for piece in islice(response.iter_raw(), _MOST_ANSWER_PIECES):
            taken += piece
    return taken[:_MOST_ANSWER_BYTES].decode(errors="replace")


def _told_url(text: str) -> str:
    if not text.lstrip().startswith("{"):
        return ""
    try:
        told = json.loads(text).get("url")
    except (ValueError, RecursionError):
        return ""
    return told.strip() if isinstance(told, str) else ""


def _shown(address: str) -> str:
    """An address without its query, which may hold a key, fit for a message."""
    return printable(address.partition("?")[0].partition("#")[0][:_MOST_REASON])
