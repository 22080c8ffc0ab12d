"""One logged-in connection to an iRODS server: requests out, answers in, nothing else.

python-irodsclient dials, negotiates TLS, logs in and knows the layout of every message. From then on requests go over
its socket by our own hands, for the sake of what can go wrong there:

* its receiver never ends when a server closes the line inside of file content (``recv_into`` returning 0 for ever);
* it fails with KeyError at error codes that it does not know, and takes any length that a header claims;
* one ``sendall`` of a whole piece must end within the timeout, however slow the line: here each 64 KiB has that time;
* ``data_objects.open`` never gives its connection back when the server refuses, and then dials another.

Every wait ends within the timeout of silence. Waits for a checksum take longer with the size of the file (R11).
"""

from __future__ import annotations

import logging
import re
import ssl
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from irods.api_number import api_number
from irods.auth import REQUEST_IS_MISSING_KEY, ClientAuthError
from irods.connection import Connection, PlainTextPAMPasswordError
from irods.exception import NetworkException, PycommandsException, iRODSException
from irods.message import (
    ET,
    Error,
    FileOpenRequest,
    FileSeekResponse,
    OpenedDataObjRequest,
    StringStringMap,
    XMLMessageNotConvertibleToJSON,
    iRODSMessage,
)
from irods.message import XML_Parser_Type as Parser
from irods.message.quasixml import QuasiXmlParseError
from irods.session import iRODSSession

from v2xsync.devices.irods_account import NEGOTIATE, REFUSE_TLS, REQUIRE_TLS, Account
from v2xsync.devices.irods_refusals import Refused, device_error, harmless, login_error
from v2xsync.errors import AccessRefused, DeviceError, DeviceGone, ProtocolFault

T = TypeVar("T")

_MOST_HEADER: Final = 16 * 1024
_MOST_MESSAGE: Final = 32 * 1024 * 1024
_SLICE: Final = 64 * 1024
_TAKE: Final = 1024 * 1024
_POLITE_S: Final = 2.0
"""How long a server may take to say goodbye."""

_SLOWEST_CHECKSUM: Final = 10 * 1024 * 1024
"""Bytes per second that even a busy server digests."""

_HEADER_FIELD: Final = re.compile(rb"<(msgLen|errorLen|bsLen|intInfo)>\s*(-?\d{1,11})\s*</")
_CONTROLS: Final = re.compile(rb"[\x01-\x08\x0b-\x1f]")
"""What XML forbids or (carriage return) silently changes, although names on iRODS may hold it."""

_BROKEN_ANSWERS: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    SyntaxError,
    RuntimeError,
    struct.error,
    QuasiXmlParseError,
    XMLMessageNotConvertibleToJSON,
    iRODSMessage.ResponseNotParseable,
)
"""How the client library fails at an answer that is not what the protocol says (ParseError is a SyntaxError)."""

_REFUSED_LOGINS: Final = (PycommandsException, PlainTextPAMPasswordError, ClientAuthError, REQUEST_IS_MISSING_KEY)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: `status` is not negative, `body` the packed message, `content` the bytes of a file."""

    status: int
    body: bytes
    content: bytes

    def unpack(self, kind: type[T]) -> T:
        """Return the message in `body`. Raises one of `_BROKEN_ANSWERS` where it is not of that kind.

        Entities that XML would expand are refused (billion laughs); what XML cannot carry is read by the client's own
        lenient parser.
        """
        ET(Parser.QUASI_XML if _CONTROLS.search(self.body) else Parser.SECURE_XML)
        message: T = iRODSMessage(msg=self.body).get_main_message(kind)
        return message


class Line:
    """A connection after its login; used from one thread. `broken` once anything went wrong on the wire."""

    def __init__(self, device: str, session: Any, connection: Any, account: Account, timeout_s: float) -> None:
        self._device = device
        self._session = session
        self._connection = connection
        self._socket = connection.socket
        self._timeout_s = timeout_s
        self.account: Final = account
        self.version: Final[tuple[int, ...]] = tuple(connection.server_version)
        self.broken = False

    @property
    def authentic(self) -> bool:
        """Whether every byte that arrives is known to come from the server unchanged."""
        return self.account.tls is not None and self.account.tls.authentic

    def wait_for(self, size: int) -> float:
        """Seconds that a server may take to read `size` bytes once."""
        return self._timeout_s + size / _SLOWEST_CHECKSUM

    def ask(self, api: str, message: Any, *, content: bytes = b"", room: int = 0, wait_s: float = 0.0) -> Answer:
        """Send one request and return its answer; at most `room` bytes of file content may come back.

        Raises Refused for an error about a file, a DeviceError for all others; after those that concern the wire the
        line is broken.
        """
        if self.broken:
            raise DeviceGone(self._device, "the connection is closed")
        request = iRODSMessage("RODS_API_REQ", msg=message, bs=content, int_info=api_number[api])
        packed = request.pack()
        try:
            self._transmit(packed)
            self._socket.settimeout(max(wait_s, self._timeout_s))
            status, answer, errors = self._receive(room)
        except OSError as error:
            self.drop()
            raise DeviceGone(self._device, _wire_trouble(error)) from error
        except BaseException:
            self.drop()
            raise
        if status < 0:
            raise self._refusal(status, errors)
        return answer

    def told(self, answer: Answer, kind: type[T]) -> T:
        """Return the message in an answer. Raises ProtocolFault where it is something else."""
        try:
            return answer.unpack(kind)
        except _BROKEN_ANSWERS as error:
            self.drop()
            raise ProtocolFault(self._device, f"the server's answer is not a {kind.__name__}") from error

    def fault(self, what: str) -> ProtocolFault:
        """Return the error for an answer that makes no sense, and never use the line again."""
        self.drop()
        return ProtocolFault(self._device, what)

    def close(self) -> None:
        """Say goodbye, not waiting long for an answer; never raises."""
        if not self.broken:
            with suppress(OSError, ValueError, PycommandsException):
                self._socket.settimeout(min(_POLITE_S, self._timeout_s))
                self._connection.disconnect()
        self.drop()

    def drop(self) -> None:
        """Hang up without a word; the client's own goodbye forgets to close a socket whose TLS ends rudely."""
        self.broken = True
        with suppress(OSError):
            self._socket.close()

    # -- bytes

    def _transmit(self, packed: bytes) -> None:
        line = self._socket
        line.settimeout(self._timeout_s)
        rest = memoryview(packed)
        for start in range(0, len(packed), _SLICE):
            line.sendall(rest[start : start + _SLICE])

    def _receive(self, room: int) -> tuple[int, Answer, bytes]:
        """Return (status, answer, packed error messages)."""
        (length,) = struct.unpack(">i", self._take(4, 4))
        fields = dict(_HEADER_FIELD.findall(bytes(self._take(length, _MOST_HEADER))))
        try:
            sizes = [int(fields[name]) for name in (b"msgLen", b"errorLen", b"bsLen")]
            status = int(fields[b"intInfo"])
        except KeyError as error:
            raise ProtocolFault(self._device, "the server's answer has no proper header") from error
        body, errors = (bytes(self._take(size, _MOST_MESSAGE)) for size in sizes[:2])
        return status, Answer(status, body, bytes(self._take(sizes[2], room))), errors

    def _take(self, size: int, most: int) -> bytearray:
        if not 0 <= size <= most:
            raise ProtocolFault(self._device, f"the server announces {size} bytes where at most {most} make sense")
        taken = bytearray()
        while len(taken) < size:
            piece = self._socket.recv(min(size - len(taken), _TAKE))
            if not piece:
                raise ConnectionError("the server closed the connection")
            taken += piece
        return taken

    def _refusal(self, code: int, errors: bytes) -> Exception:
        words = _words(errors)
        error = device_error(self._device, code, words)
        if isinstance(error, DeviceGone):
            self.drop()
        return error or Refused(code, words)


def _wire_trouble(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "the server does not answer in time"
    return f"the connection broke ({error.strerror or error})"


def _words(errors: bytes) -> str:
    """The first of the server's own messages beside an error code; empty where there is none to be read."""
    if not errors:
        return ""
    try:
        stack = Answer(0, errors, b"").unpack(Error)
        return harmless(stack.RErrMsg_PI[0].msg or "")
    except _BROKEN_ANSWERS:
        return ""


# --- logging in ------------------------------------------------------------------------------------------------------


def open_line(device: str, account: Account, timeout_s: float) -> Line:
    """Dial and log in. Raises DeviceGone, AccessRefused, DeviceBusy, ProtocolFault."""
    logging.getLogger("irods").propagate = False  # at DEBUG it logs whole packets, PAM passwords too
    ET(Parser.SECURE_XML)
    known = _login(device, account)
    try:
        session = iRODSSession(auto_cleanup=False, connection_timeout=timeout_s, **known)
        return Line(device, session, _dial(session), account, timeout_s)
    except iRODSException as error:
        raise login_error(device, int(getattr(error, "code", 0)), account.username) from error
    except ssl.SSLCertVerificationError as error:
        raise AccessRefused(
            device,
            f"the certificate of {account.address} is not accepted: {error.verify_message}",
            remedy="name the CA in ssl_ca_certificate_file; the host must be the name in the certificate",
        ) from error
    except NetworkException as error:
        raise _unreachable(device, account, error) from error
    except OSError as error:
        raise DeviceGone(device, f"{account.address} cannot be reached ({error.strerror or error})") from error
    except KeyError as error:
        raise _unknown_code(device, account, error) from error
    except _BROKEN_ANSWERS as error:
        raise _no_irods(device, account, error) from error
    except _REFUSED_LOGINS as error:
        what = f"the login of {account.username} failed ({type(error).__name__})"
        raise AccessRefused(device, what, remedy="compare with what `iinit` says") from error


def _dial(session: Any) -> Any:
    """Return a connection that is logged in; leaves no socket behind where that fails."""
    connection = Connection.__new__(Connection)
    try:
        connection.__init__(session.pool, session.pool.account)
    except BaseException:
        half_open = getattr(connection, "socket", None)
        if half_open is not None:
            half_open.close()
        raise
    return connection


def _login(device: str, account: Account) -> Mapping[str, Any]:
    """What the client library wants to know. No environment file: it would write tokens beside it."""
    known: dict[str, Any] = {
        "irods_host": account.host,
        "irods_port": account.port,
        "irods_user_name": account.username,
        "irods_zone_name": account.zone,
        "irods_authentication_scheme": account.scheme,
        "password": account.password,
        "application_name": "v2xsync",
    }
    if account.negotiates:
        known["irods_client_server_negotiation"] = NEGOTIATE
        known["irods_client_server_policy"] = REQUIRE_TLS if account.tls is not None else REFUSE_TLS
    if account.tls is not None:
        known |= {f"irods_{key}": value for key, value in account.encryption.items()}
        try:
            known["ssl_context"] = account.tls.context()
        except OSError as error:
            what = f"the CA file cannot be used ({error.strerror or error})"
            raise AccessRefused(device, what, remedy="correct ssl_ca_certificate_file") from error
    return known


def _unreachable(device: str, account: Account, error: NetworkException) -> DeviceError:
    if "negotiation failure" in str(error):
        wants = "a plain line" if account.tls is not None else "TLS"
        return AccessRefused(device, f"{account.address} insists on {wants}", remedy="correct `client_server_policy`")
    cause = error.__context__
    reason = _wire_trouble(cause) if isinstance(cause, OSError) else str(error)
    return DeviceGone(device, f"{account.address}: {reason}")


def _unknown_code(device: str, account: Account, error: KeyError) -> DeviceError:
    """The client library looks an error code up in vain: the code is what it did not find."""
    code = error.args[0] if error.args else 0
    if isinstance(code, int) and code < 0:
        return login_error(device, code, account.username)
    return _no_irods(device, account, error)


def _no_irods(device: str, account: Account, error: Exception) -> ProtocolFault:
    """The error's own text is left out: it may quote a password."""
    return ProtocolFault(device, f"{account.address} does not speak iRODS as expected ({type(error).__name__})")


# --- open objects ----------------------------------------------------------------------------------------------------

READ: Final = 0
WRITE: Final = 1
READ_WRITE: Final = 2
CREATE: Final = 64
TRUNCATE: Final = 512

_DATA_SIZE_UNKNOWN: Final = (4, 3, 1)
"""From this version on -1 says that the size is not known before; older servers want 0."""


class OpenObject:
    """An open data object; the server's descriptor with its position."""

    def __init__(self, line: Line, path: str, flags: int, keywords: Mapping[str, str]) -> None:
        """Open `path` (absolute). Raises as `Line.ask`."""
        self._line = line
        self._descriptor = line.ask("DATA_OBJ_OPEN_AN", object_request(line, path, flags, keywords)).status

    def seek(self, offset: int) -> None:
        """Set the position."""
        answer = self._line.ask("DATA_OBJ_LSEEK_AN", self._request(offset=offset))
        if self._line.told(answer, FileSeekResponse).offset != offset:
            raise self._line.fault("the server went to another place of the file")

    def read(self, length: int) -> bytes:
        """Read up to `length` bytes; fewer only at the end."""
        taken = b""
        while len(taken) < length:
            rest = length - len(taken)
            piece = self._line.ask("DATA_OBJ_READ_AN", self._request(length=rest), room=rest).content
            if not piece:
                break
            taken = taken + piece if taken else piece
        return taken

    def write(self, piece: bytes) -> None:
        """Write all of `piece`. Raises ProtocolFault where the server says that it took less."""
        answer = self._line.ask("DATA_OBJ_WRITE_AN", self._request(length=len(piece)), content=piece)
        if answer.status != len(piece):
            raise self._line.fault(f"the server took {answer.status} of {len(piece)} bytes")

    def close(self, wait_s: float = 0.0) -> None:
        """Close; after writing, the server registers size and checksum before it answers."""
        self._line.ask("DATA_OBJ_CLOSE_AN", self._request(), wait_s=wait_s)

    def abandon(self) -> None:
        """Close after trouble, which is what will be told: never raises."""
        if not self._line.broken:
            with suppress(Refused, DeviceError):
                self.close()

    def _request(self, length: int = 0, offset: int = 0) -> OpenedDataObjRequest:
        return OpenedDataObjRequest(
            l1descInx=self._descriptor,
            len=length,
            whence=0,
            oprType=0,
            offset=offset,
            bytesWritten=0,
            KeyValPair_PI=StringStringMap(),
        )


def object_request(
    line: Line, path: str, flags: int = 0, keywords: Mapping[str, str] | None = None, operation: int = 0
) -> FileOpenRequest:
    """Return what most requests about one data object carry."""
    return FileOpenRequest(
        objPath=path,
        createMode=0,
        openFlags=flags,
        offset=0,
        dataSize=-1 if line.version >= _DATA_SIZE_UNKNOWN else 0,
        numThreads=0,
        oprType=operation,
        KeyValPair_PI=StringStringMap(dict(keywords or {})),
    )
