"""HTTP as our devices use it: one client for each session, errors in plain words, and nothing of a peer without bounds.

What every user of this page can rely on:

* No redirect is followed: a login must not travel to an address that the config does not name.
* Certificates are checked, always: against the system's authorities and Mozilla's, or only against those in `ca`.
* A proxy is used where the environment names one (``HTTPS_PROXY``, ``NO_PROXY``), never towards this machine itself.
* No compression is asked for; whoever reads a body reads it raw, so that no answer can unfold in memory.
* Of a refused login no more than `_MOST_REFUSAL_BYTES` are read (httpx would read all of it before its second try).
* A block of headers ends at 100 KiB (httpcore's bound), else it is a `ProtocolFault`.

Logins follow RFC 7617 (Basic) and RFC 7616 (Digest), whichever the server asks for; Retry-After is RFC 9110, 10.2.3.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import ssl
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import certifi
import httpx

from v2xsync import __version__
from v2xsync.errors import (
    AccessRefused,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    HostKeyRefused,
    ProtocolFault,
)
from v2xsync.model.naming import printable

E = TypeVar("E", bound=BaseException)

Secret = str | Callable[[], str]
"""A secret itself, or what reads it at the last moment."""

_MOST_REFUSAL_BYTES: Final = 64 * 1024
_MOST_WORDS: Final = 200
_LONGEST_PAUSE_S: Final = 24 * 3600.0
_THIS_MACHINE: Final = ("localhost", "127.0.0.1", "[::1]")

_UNAUTHORIZED: Final = 401
_OWNER: Final = "let the server's owner renew it"
_CERTIFICATE_WORDS: Final[Mapping[int, tuple[str, str]]] = {
    7: ("is signed by nobody we know", "name a file with that authority's certificate as `ca`"),
    9: ("is not valid yet", "check the clocks of both machines"),
    10: ("has expired", _OWNER),
    18: ("is signed by nobody but itself", "if you know that it is the right one, name a file with it as `ca`"),
    19: ("is signed by nobody we know", "name a file with that authority's certificate as `ca`"),
    20: ("is signed by nobody we know", "name a file with that authority's certificate as `ca`"),
    21: ("is signed by nobody we know", "name a file with that authority's certificate as `ca`"),
    23: ("was revoked", _OWNER),
    62: ("is for another name than the one we called", "call the server by the name in its certificate"),
    64: ("is for another address than the one we called", "call the server by the name in its certificate"),
}
"""OpenSSL's verify codes (X509_V_ERR_*) in words, each with its remedy."""


def make_client(
    name: str,
    *,
    timeout_s: float,
    ca: Path | None = None,
    auth: httpx.Auth | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Client:
    """Return a client for one session of the device `name`; every wait for the network ends after `timeout_s`.

    `ca` is a PEM file whose authorities alone are trusted. Raises AccessRefused where that file cannot be used. Make
    every request inside `mapped`, and stream every body that may be long.
    """
    return httpx.Client(
        auth=auth,
        headers={"User-Agent": f"v2xsync/{__version__}", "Accept-Encoding": "identity", **(headers or {})},
        timeout=httpx.Timeout(timeout_s),
        verify=_trusted(name, ca),
        mounts=dict.fromkeys(f"all://{host}" for host in _THIS_MACHINE),
        follow_redirects=False,
    )


def _trusted(name: str, ca: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=None if ca is None else _readable(name, ca))
    if ca is None:
        context.load_verify_locations(certifi.where())
    return context


def _readable(name: str, ca: Path) -> str:
    """Return the path of `ca` once it is known to hold certificates."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
    except (OSError, ssl.SSLError) as error:
        reason = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        remedy = "name a file with certificates in PEM form"
        raise AccessRefused(name, f"the file {ca} of authorities: {reason}", remedy=remedy) from error
    return str(ca)


# --- logging in ------------------------------------------------------------------------------------------------------


class Login(httpx.Auth):
    """Logs in as the server asks, by Digest where that is offered, else by Basic; from then on without being asked.

    `password` is read when the server first asks. A request may have to be sent twice, so its body must be such that it
    can be iterated again.
    """

    def __init__(self, username: str, password: Secret) -> None:
        self._username: Final = username
        self._password: Final = password
        self._scheme: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request, and once more with what the server asks for."""
        if self._scheme is None:
            response = yield request
            if response.status_code != _UNAUTHORIZED:
                return
            self._scheme = self._asked_for(response)
            if self._scheme is None:
                return
            _bound(response)
        steps = self._scheme.auth_flow(request)
        request = next(steps)
        while True:
            response = yield request
            if response.status_code == _UNAUTHORIZED:
                _bound(response)
            following = _step(steps, response)
            if following is None:
                return
            request = following

    def _asked_for(self, response: httpx.Response) -> httpx.Auth | None:
        offers = " ".join(response.headers.get_list("WWW-Authenticate")).lower()
        if "digest " in offers:
            return httpx.DigestAuth(self._username, reveal(self._password))
        if "basic" in offers:
            return httpx.BasicAuth(self._username, reveal(self._password))
        return None


def _step(steps: Generator[httpx.Request, httpx.Response, None], response: httpx.Response) -> httpx.Request | None:
    """Return the next request of a login; None where there is none. httpx fails in many ways at malformed questions."""
    try:
        return steps.send(response)
    except StopIteration:
        return None
    except (ValueError, LookupError, NotImplementedError) as error:
        raise httpx.RemoteProtocolError("it asks for a login in a way that is none") from error


def reveal(secret: Secret) -> str:
    """Return the text of `secret`."""
    return secret() if callable(secret) else secret


class _Bounded(httpx.SyncByteStream):
    """The first bytes of a body; a longer one is an error."""

    def __init__(self, body: httpx.SyncByteStream) -> None:
        self._body: Final = body

    def __iter__(self) -> Iterator[bytes]:
        taken = 0
        for piece in self._body:
            taken += len(piece)
            if taken > _MOST_REFUSAL_BYTES:
                raise httpx.RemoteProtocolError("the text of a refused login does not end")
            yield piece

    def close(self) -> None:
        """Close the body."""
        self._body.close()


def _bound(response: httpx.Response) -> None:
    if isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Bounded(response.stream)


# --- what its errors mean --------------------------------------------------------------------------------------------


@contextmanager
def mapped(name: str) -> Iterator[None]:
    """Every exception of httpx inside becomes what it means for the device `name`; the cause stays attached."""
    try:
        yield
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
        raise _trouble(name, error) from error


def was_never_sent(error: DeviceError) -> bool:
    """Whether `error` (of `mapped`) came before anything of the request could reach the server."""
    cause = error.__cause__
    return isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout | httpx.ProxyError)


def _trouble(name: str, error: Exception) -> DeviceError:
    certificate = _cause(error, ssl.SSLCertVerificationError)
    if certificate is not None:
        return _unproven(name, certificate)
    tls = _cause(error, ssl.SSLError)
    if isinstance(error, httpx.ConnectError) and tls is not None:
        remedy = "check that the port speaks TLS (https) at all"
        return ProtocolFault(name, f"the TLS connection could not be made ({tls.reason or tls})", remedy=remedy)
    if isinstance(error, httpx.ConnectTimeout):
        return DeviceGone(name, "the server does not answer", remedy="check its address and the network")
    if isinstance(error, httpx.TimeoutException):
        return DeviceGone(name, "the server went silent", remedy="check the network; or give it a longer `timeout`")
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return DeviceGone(
            name, f"the server cannot be reached ({_brief(error)})", remedy="check its address and the network"
        )
    if isinstance(error, httpx.NetworkError) or "disconnected" in str(error):
        return DeviceGone(name, f"the connection broke ({_brief(error) or type(error).__name__})")
    return ProtocolFault(name, f"the server does not speak proper HTTP ({_brief(error)})")


def _brief(error: Exception) -> str:
    """The beginning of an error's text, which may repeat what the peer sent, fit to be drawn."""
    return printable(str(error)[:_MOST_WORDS])


def _unproven(name: str, error: ssl.SSLCertVerificationError) -> DeviceError:
    words, remedy = _CERTIFICATE_WORDS.get(error.verify_code, (f"is not good: {error.verify_message}", _OWNER))
    return HostKeyRefused(name, f"the server cannot prove who it is: its certificate {words}", remedy=remedy)


def _cause(error: BaseException, kind: type[E]) -> E | None:
    """Return the first error of `kind` among those that led to `error`."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, kind):
        found = found.__cause__ or found.__context__
    return found


# --- answers ---------------------------------------------------------------------------------------------------------


def text_of(response: httpx.Response, most: int = 4096) -> str:
    """Return the beginning of a streamed answer's text, `most` bytes at most; what is not UTF-8 is replaced."""
    taken = b""
    for piece in response.iter_raw():
        taken += piece
        if len(taken) >= most:
            break
    return taken[:most].decode(errors="replace")


def retry_after_s(response: httpx.Response) -> float | None:
    """Return for how many seconds the server wants to be left alone; None where it does not say, a day at most.

    A date is counted from the answer's own Date, so that no clock of ours is needed.
    """
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return min(float(asked[:9]), _LONGEST_PAUSE_S)
    until, now = seconds_of_date(asked), seconds_of_date(response.headers.get("Date", ""))
    if until is None or now is None:
        return None
    return min(max(0.0, until - now), _LONGEST_PAUSE_S)


def seconds_of_date(date: str) -> float | None:
    """Return the seconds since the epoch of an HTTP date; None where it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def busy(name: str, response: httpx.Response) -> DeviceError:
    """Return the error for an answer 429 or 503."""
    pause_s = retry_after_s(response)
    when = "" if pause_s is None else f", and to be left alone for {pause_s:.0f} s"
    what = f"the server answers that it is too busy ({response.status_code}){when}"
    return DeviceBusy(name, what, retry_after_s=pause_s)
