"""The connection to a server: commands and answers, and one data connection for each transfer.

`ftplib` knows the grammar (replies of many lines, PASV, EPSV, PORT). Here it is made fit for strange peers:

* Replies and listings are bounded; ftplib collects the lines of a reply without end.
* A data connection goes to the host that we talk to, whatever address PASV names (ftplib's own default); in active mode
  only that host may connect to us.
* With TLS the data connection continues the session of the control connection, which vsftpd and ProFTPD demand, and its
  certificate is verified like the other. ftplib cannot do that, nor TLS from the first byte (implicit).
* A data connection ends with TLS's own farewell: without it unread session tickets make the system reset the
  connection, and the server loses the end of an upload.
* When an upload breaks, the server's answer is still read: it says why (552: no room).

Everything is text of single bytes (Latin-1). Every wait ends after `timeout_s` of silence. Whatever leaves the order of
commands and answers in doubt closes the connection.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from ftplib import FTP, Error, error_perm, error_temp, parse229
from typing import Final

from v2xsync.devices.base import CHUNK_BYTES
from v2xsync.devices.ftp_wire.options import FtpOptions
from v2xsync.devices.ftp_wire.replies import CLOSING, NOT_LOGGED_IN, Refusal, Reply
from v2xsync.devices.ftp_wire.trust import distrust, tls_context
from v2xsync.errors import (
    AccessRefused,
    Cancelled,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    ItemError,
    ProtocolFault,
    StoreError,
)

_MOST_LINES: Final = 2_000
"""Of one reply; no answer that we ask for has as many."""
_SEND_BYTES: Final = 16 * 1024
"""At a time: slow links must be able to take so much within the timeout (and TLS writes records of this size)."""
_SETTLE_BYTES_PER_S: Final = 20 * 1024 * 1024
"""A server may need longer to say that a large file is safe: a second for so many bytes."""
_PARTING_S: Final = 2.0
_ALIVE_AFTER_S: Final = 60
_GREETED: Final = 220
_MORE: Final = 331
_ACCOUNT: Final = 332
_NOT_THE_WIRES = (ItemError, StoreError, Cancelled)
"""Raised by whoever gives or takes content; they say nothing about the connection."""


class _Nonsense(ValueError):
    """The server said what FTP does not allow."""


class _NoData(OSError):
    """The data connection itself cannot be had."""


class _Client(FTP):
    """ftplib's client with bounded replies, TLS, and data connections of our own making."""

    def __init__(self, options: FtpOptions, context: ssl.SSLContext | None) -> None:
        super().__init__(timeout=options.timeout_s, encoding="latin-1")
        self._options: Final = options
        self._context: Final = context
        self.protected = False
        self.begun = False
        """The server has taken the command of the transfer at hand, and owes an answer to it."""

    @property
    def control(self) -> socket.socket:
        """The control connection."""
        if self.sock is None:
            raise EOFError
        return self.sock

    def dial(self) -> str:
        """Connect and return the greeting."""
        self.host, self.port = self._options.address
        self.sock = socket.create_connection((self.host, self.port), self.timeout)
        self.af = self.sock.family
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if hasattr(socket, "TCP_KEEPIDLE"):  # or a router forgets us during a long transfer
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _ALIVE_AFTER_S)
        self.set_pasv(self._options.passive)
        if self._options.tls == "implicit":
            self.encrypt()
        else:
            self.file = self.sock.makefile("r", encoding=self.encoding)
        return self.getresp()

    def encrypt(self) -> None:
        """Go on in TLS; what came before it in the clear is forgotten."""
        self.sock = self._wrapped(self.control)
        self.file = self.sock.makefile("r", encoding=self.encoding)

    def _wrapped(self, plain: socket.socket, session: ssl.SSLSession | None = None) -> ssl.SSLSocket:
        if self._context is None:
            raise EOFError
        return self._context.wrap_socket(plain, server_hostname=self._options.name_to_prove, session=session)

    def getmultiline(self) -> str:
        """Return the lines of one reply."""
        lines = [self.getline()]
        end = lines[0][:3]
        ended = lines[0][3:4] != "-" or not end.isdigit()
        while not ended:
            if len(lines) >= _MOST_LINES:
                raise _Nonsense(f"more than {_MOST_LINES} lines")
            lines.append(self.getline())
            ended = lines[-1][:3] == end and lines[-1][3:4] != "-"
        return "\n".join(lines)

    def open_data(self, command: str, offset: int) -> socket.socket:
        """Begin a transfer and return its data connection."""
        self.begun = False
        data = self._passive(command, offset) if self.passiveserver else self._active(command, offset)
        if not self.protected:
            return data
        session = self.control.session if isinstance(self.control, ssl.SSLSocket) else None
        return self._wrapped(data, session)

    def _passive(self, command: str, offset: int) -> socket.socket:
        try:
            host, port = self.makepasv()
        except error_perm:
            host, port = self.host, self._extended_port()
        try:
            data = socket.create_connection((host, port), self.timeout)
        except OSError as error:
            raise _NoData(*error.args) from error
        try:
            self._begin(command, offset)
        except BaseException:
            data.close()
            raise
        return data

    def _extended_port(self) -> int:
        port: int = parse229(self.sendcmd("EPSV"), self.control.getpeername())[1]  # noqa: S321 - FTP is what is wanted
        return port

    def _active(self, command: str, offset: int) -> socket.socket:
        with self.makeport() as listener:
            self._begin(command, offset)
            listener.settimeout(self.timeout)
            try:
                data, caller = listener.accept()
            except OSError as error:
                raise _NoData(*error.args) from error
        data.settimeout(self.timeout)
        if caller[0] != self.control.getpeername()[0]:
            data.close()
            raise _Nonsense(f"{caller[0]} connected instead of the server")
        return data

    def _begin(self, command: str, offset: int) -> None:
        if offset:
            try:
                self.sendcmd(f"REST {offset}")
            except error_perm as error:
                raise Refusal(_parsed(str(error)), restart=True) from error
        answer = self.sendcmd(command)
        if answer[:3] == "200":  # some say so before the 150
            answer = self.getresp()
        if answer[:1] != "1":
            raise _Nonsense(answer)
        self.begun = True


class FtpLine:
    """A connection to the server of one device, logged in. Used from one thread."""

    def __init__(self, device: str, options: FtpOptions) -> None:
        """Connect and log in. Raises DeviceGone, DeviceBusy, AccessRefused, HostKeyRefused, ProtocolFault."""
        self._device: Final = device
        self._options: Final = options
        self._client: Final = _Client(options, tls_context(device, options))
        self.alive = True
        self.ending = Reply(0, ())
        """What the server said at the end of the last transfer."""
        with self._words():
            self.greeting: Final = _reply_of(self._client.dial)
            self._require_welcome()
            if options.tls == "explicit":
                self._start_tls()
            self._log_in()

    # --- logging in --------------------------------------------------------------------------------------------------

    def _require_welcome(self) -> None:
        if self.greeting.code == CLOSING:
            raise self._refused(self.greeting)
        if self.greeting.code != _GREETED:
            raise ProtocolFault(self._device, f"{self._options.where} greets us with: {self.greeting.words}")

    def _start_tls(self) -> None:
        reply = self._answer("AUTH TLS")
        if not reply.good:
            what = f"{self._options.where} offers no TLS: {reply.words}"
            remedy = 'write tls = "none" if password and content may travel in the clear'
            raise AccessRefused(self._device, what, remedy=remedy)
        self._client.encrypt()

    def _log_in(self) -> None:
        reply, secret = self._answer(f"USER {_text(self._options.username)}"), ""
        if reply.code == _MORE:
            secret = self._options.secret()
            reply = self._answer(f"PASS {_text(secret)}")
        if not reply.good:
            raise self._refused(reply, secret)
        if self._options.tls != "none":
            self._protect()
        if not self._answer("TYPE I").good:
            raise ProtocolFault(self._device, f"{self._options.where} cannot send files byte by byte")

    def _refused(self, reply: Reply, secret: str = "") -> DeviceError:
        where = self._options.where
        said = reply.words if not secret or secret not in reply.words else f"{reply.code}"
        if reply.code == CLOSING or (reply.code == NOT_LOGGED_IN and reply.crowded):
            return DeviceBusy(self._device, f"{where} takes no more logins: {said}", remedy=_FEWER)
        if reply.code == _ACCOUNT:
            return AccessRefused(self._device, f"{where} wants an account beside the password, which we do not have")
        remedy = "correct `username` and `password` in the config"
        if self._options.tls == "none":
            remedy += '; some servers let nobody in without tls = "explicit"'
        return AccessRefused(self._device, f"{where} refuses our login: {said}", remedy=remedy)

    def _protect(self) -> None:
        self._answer("PBSZ 0")
        reply = self._answer("PROT P")
        if not reply.good:
            what = f"{self._options.where} does not encrypt content: {reply.words}"
            raise AccessRefused(self._device, what, remedy="let the server allow PROT P")
        self._client.protected = True

    # --- commands ----------------------------------------------------------------------------------------------------

    @property
    def protected(self) -> bool:
        """Whether content travels in TLS."""
        return self._client.protected

    @property
    def secrecy(self) -> str:
        """How we talk, for people."""
        control = self._client.sock
        return f"{control.version()}" if isinstance(control, ssl.SSLSocket) else "no TLS"

    def ask(self, command: str) -> Reply:
        """Return the answer to one command, whatever it is. Raises DeviceGone, ProtocolFault."""
        with self._words():
            reply = self._answer(command)
            self._require_session(reply)
        return reply

    def _answer(self, command: str) -> Reply:
        return _reply_of(lambda: self._client.sendcmd(command))

    def _require_session(self, reply: Reply) -> None:
        if reply.code == CLOSING:
            raise DeviceGone(self._device, f"{self._options.where} ended the session: {reply.words}")
        if reply.code == NOT_LOGGED_IN:
            raise DeviceGone(self._device, f"{self._options.where} does not know us any more: {reply.words}")

    def receive(self, command: str, offset: int = 0, size: int = 0) -> Generator[bytes]:
        """Yield what the server sends for `command` from `offset` on, up to its word that this was all.

        `size` is what is expected, as a measure for patience. Raises Refusal, DeviceGone, ProtocolFault. A reader that
        stops early ends the connection.
        """
        with self._words():
            with self._data(command, offset) as data:
                while piece := data.recv(CHUNK_BYTES):
                    yield piece
                _farewell(data)
            self._finish(size)

    def transmit(self, command: str, pieces: Iterable[bytes], size: int) -> None:
        """Send `pieces` by `command`. Raises Refusal, DeviceGone, ProtocolFault, and what `pieces` raise."""
        with self._words():
            with self._data(command, 0) as data:
                try:
                    for piece in pieces:
                        self._send(data, piece)
                except _NOT_THE_WIRES:
                    data.close()
                    self._end_early()
                    raise
                _farewell(data)
            self._finish(size)

    @contextmanager
    def _data(self, command: str, offset: int) -> Iterator[socket.socket]:
        """A data connection for one command. Where it cannot be had, the server may still say why."""
        try:
            data = self._client.open_data(command, offset)
        except ssl.SSLCertVerificationError:
            raise
        except OSError as error:
            self._raise_told(error)
            if not isinstance(error, _NoData):
                raise
            what = f"no data connection to {self._options.where} ({error.strerror or error})"
            remedy = "let the server's passive ports through the firewall, or try passive = false"
            raise DeviceGone(self._device, what, remedy=remedy) from error
        with data:
            yield data

    def _send(self, data: socket.socket, piece: bytes) -> None:
        view = memoryview(piece)
        try:
            while view:
                view = view[data.send(view[:_SEND_BYTES]) :]
        except OSError as error:
            data.close()
            self._raise_told(error)
            raise

    def _raise_told(self, cause: OSError) -> None:
        """Raise what the server says about a broken transfer, where it says anything in time."""
        if not self._client.begun or isinstance(cause, TimeoutError):
            return
        try:
            reply = _reply_of(self._client.getresp)
        except (Error, ValueError, EOFError, OSError):
            return
        self._require_session(reply)
        raise Refusal(reply, begun=True) from cause

    def _end_early(self) -> None:
        """Let the server write what it has of a broken-off upload, for a moment; else the connection is over."""
        self._client.control.settimeout(_PARTING_S)
        try:
            _reply_of(self._client.getresp)
            self._client.control.settimeout(self._options.timeout_s)
        except (Error, ValueError, EOFError, OSError):
            self.close()

    def _finish(self, size: int) -> None:
        control = self._client.control
        control.settimeout(self._options.timeout_s + size / _SETTLE_BYTES_PER_S)
        try:
            answer = self._client.getresp()
        finally:
            control.settimeout(self._options.timeout_s)
        self.ending = _parsed(answer)
        if not self.ending.good:
            raise _Nonsense(answer)

    # --- the end -----------------------------------------------------------------------------------------------------

    def leave(self) -> None:
        """Say goodbye without waiting for an answer, and hang up; never raises."""
        if self.alive:
            with contextlib.suppress(OSError, EOFError):
                self._client.putcmd("QUIT")
        self.close()

    def close(self) -> None:
        """Hang up; never raises."""
        self.alive = False
        with contextlib.suppress(OSError):
            self._client.close()

    @contextmanager
    def _words(self) -> Iterator[None]:
        """Turn what the libraries raise into our errors; all but a plain refusal ends the connection."""
        if not self.alive:
            raise DeviceGone(self._device, f"the connection to {self._options.where} is over")
        try:
            yield
        except (error_temp, error_perm) as error:
            reply = _parsed(str(error))
            if reply.code in (CLOSING, NOT_LOGGED_IN):
                self.close()
                self._require_session(reply)
            raise Refusal(reply, begun=self._client.begun) from error
        except (Refusal, *_NOT_THE_WIRES):
            raise
        except BaseException as error:
            self.close()
            ours = self._in_words(error)
            if ours is None:
                raise
            raise ours from error

    def _in_words(self, error: BaseException) -> DeviceError | None:
        where, device = self._options.where, self._device
        if isinstance(error, TimeoutError):
            return DeviceGone(device, f"{where} answered nothing for {self._options.timeout_s:g} s")
        if isinstance(error, ssl.SSLEOFError | EOFError):
            return DeviceGone(device, f"{where} hung up")
        if isinstance(error, ssl.SSLError):
            return distrust(device, self._options, error)
        if isinstance(error, socket.gaierror):
            what = f"the name {self._options.host} cannot be resolved"
            return DeviceGone(device, what, remedy="check `host` in the config, and the network")
        if isinstance(error, OSError):
            return DeviceGone(device, f"no connection to {where} ({error.strerror or error})")
        if isinstance(error, Error | ValueError):
            return ProtocolFault(device, f"{where} does not speak FTP as it should ({str(error)[:80]!a})")
        return None


_FEWER = "lower `max_parallel` of this device, or let the server take more connections"


def _farewell(data: socket.socket) -> None:
    """End TLS on a data connection; many servers do not answer that, which harms nobody."""
    if isinstance(data, ssl.SSLSocket):
        with contextlib.suppress(OSError, ValueError):
            data.unwrap()


def _reply_of(speak: Callable[[], str]) -> Reply:
    """Return the answer that `speak` gets, whatever it is."""
    try:
        return _parsed(speak())
    except (error_temp, error_perm) as error:
        return _parsed(str(error))


def _parsed(text: str) -> Reply:
    first, *more = text.split("\n")
    code = int(first[:3]) if first[:3].isascii() and first[:3].isdigit() else 0
    if not 100 <= code < 600:
        raise _Nonsense(first)
    return Reply(code, (first[4:], *more))


def _text(words: str) -> str:
    """Return text as single bytes of UTF-8."""
    return words.encode("utf-8", "surrogateescape").decode("latin-1")
