"""The server: one thread, any number of lines up to a limit, never a wait for any of them.

Every line has a bounded inbox and at most one answer on its way; while an answer is not taken, nothing more is read.
Who says nothing sensible, sends half a request, or does not take an answer in time, is dropped. The engine never
notices.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from v2xsync.control import address
from v2xsync.control.desk import Desk, Reply, Visit
from v2xsync.control.messages import MOST_ANSWER_BYTES, MOST_REQUEST_BYTES, encode_fault
from v2xsync.engine.clock import Clock
from v2xsync.engine.facade import Facade
from v2xsync.engine.sideline import Sideline
from v2xsync.errors import ControlError

MOST_LINES: Final = 32
"""Calls beyond that are refused."""

BACKLOG: Final = 128
"""Calls that the system keeps until they are taken."""

PATIENCE_S: Final = 10.0
"""So long a hello, the rest of a request, or the taking of an answer may be waited for."""

LOOK_S: Final = 1.0
"""Patience is looked at so often."""

END_S: Final = 5.0
_CHUNK: Final = 64 * 1024

_log = logging.getLogger(__name__)


class Gone(Exception):
    """This line is over."""


class Call:
    """One line: what came in, what has to go out, and until when."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        connection.settimeout(0.0)
        self.connection = connection
        self.visit = Visit()
        self.deadline: float | None = deadline
        self._inbox = bytearray()
        self._outbox = memoryview(b"")
        self._last = False

    @property
    def has_answer(self) -> bool:
        """Whether an answer is still on its way."""
        return len(self._outbox) > 0

    @property
    def has_request(self) -> bool:
        """Whether a whole request waits."""
        return b"\n" in self._inbox

    @property
    def has_half(self) -> bool:
        """Whether a request has begun and not ended."""
        return bool(self._inbox) and not self.has_request

    def read(self) -> None:
        """Take what came. Raises Gone, OSError."""
        try:
            data = self.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        if not data:
            raise Gone
        self._inbox += data
        if len(self._inbox) > MOST_REQUEST_BYTES + _CHUNK or (self.has_half and len(self._inbox) > MOST_REQUEST_BYTES):
            self.reply(Reply(encode_fault(0, "Misheard", "this request is too long"), last=True))

    def next_request(self) -> bytes:
        """Take the first whole request out of the inbox. Raises Gone for one that is too long."""
        line, _newline, rest = bytes(self._inbox).partition(b"\n")
        self._inbox = bytearray(rest)
        if len(line) > MOST_REQUEST_BYTES:
            raise Gone
        return line

    def reply(self, reply: Reply) -> None:
        """Put an answer on its way."""
        if len(reply.line) > MOST_ANSWER_BYTES:
            reply = Reply(encode_fault(0, "ControlError", "the answer is too long: ask for less"), last=True)
        self._outbox, self._last = memoryview(reply.line), reply.last
        self.write()

    def write(self) -> None:
        """Send what the other side takes now. Raises Gone after a last answer, OSError."""
        with contextlib.suppress(BlockingIOError):
            while self._outbox:
                self._outbox = self._outbox[self.connection.send(self._outbox[: 16 * _CHUNK]) :]
        if self._last and not self._outbox:
            raise Gone


class ControlServer:
    """Serves a facade in a state folder whose lock this process holds."""

    def __init__(self, facade: Facade, folder: Path, clock: Clock) -> None:
        self._desk = Desk(facade)
        self._folder = folder
        self._clock = clock
        self._calls: dict[int, Call] = {}
        self._deaf = False
        self._stopping = False
        self._sideline = Sideline("control", self._serve)

    def start(self) -> None:
        """Begin to listen. Raises ControlError."""
        self._listener = address.listen(self._folder, BACKLOG)
        self._identity = address.identity_of(self._folder)
        self._selector = selectors.DefaultSelector()
        self._waker, self._bell = socket.socketpair()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._sideline.start()

    def stop(self) -> None:
        """Hang up everywhere, and take the socket away; a second time there is nothing to do."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._waker.send(b"!")
        self._sideline.join(END_S)

    def _serve(self) -> None:
        try:
            while not self._stopping:
                for key, events in self._selector.select(LOOK_S):
                    self._attend(key, events)
                self._look_around()
        except Exception:  # noqa: BLE001 - a bug of ours must not end the thread in silence
            _log.exception("internal error in the control socket: nobody can attach any more")
        finally:
            address.remove(self._folder, self._listener, self._identity)
            for call in tuple(self._calls.values()):
                self._drop(call)
            for end in (self._waker, self._bell, self._selector):
                end.close()

    def _attend(self, key: selectors.SelectorKey, events: int) -> None:
        if key.fileobj is self._listener:
            self._accept()
        elif isinstance(key.data, Call):
            self._converse(key.data, events)

    # -- one line

    def _converse(self, call: Call, events: int) -> None:
        """One turn: send, else read, then answer at most one request; others have their turn in between."""
        try:
            if events & selectors.EVENT_WRITE:
                call.write()
            if events & selectors.EVENT_READ:
                call.read()
            if call.has_request and not call.has_answer:
                call.reply(self._answer(call))
                call.deadline = None
        except (Gone, OSError):
            self._drop(call)
            return
        self._wait_for(call)

    def _answer(self, call: Call) -> Reply:
        try:
            return self._desk.answer(call.visit, call.next_request())
        except (Gone, OSError):
            raise
        except Exception as error:
            _log.exception("internal error in a request on the control socket")
            raise Gone from error

    def _wait_for(self, call: Call) -> None:
        """Wait for what comes next on this line, and say until when."""
        busy = call.has_answer or call.has_request
        self._selector.modify(call.connection, selectors.EVENT_WRITE if busy else selectors.EVENT_READ, call)
        if call.visit.greeted and not (busy or call.has_half):
            call.deadline = None
        elif call.deadline is None:
            call.deadline = self._clock.monotonic() + PATIENCE_S

    def _drop(self, call: Call) -> None:
        self._calls.pop(call.connection.fileno(), None)
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(call.connection)
        call.connection.close()

    # -- all lines

    def _accept(self) -> None:
        try:
            connection, _address = self._listener.accept()
        except OSError:  # no descriptor is left: look again later instead of spinning
            self._selector.unregister(self._listener)
            self._deaf = True
            return
        try:
            self._welcome(connection)
        except OSError:
            connection.close()

    def _welcome(self, connection: socket.socket) -> None:
        user = address.peer_user(connection)
        if user is not None and user not in address.trusted_users():
            _log.warning("control socket: a call of user %d was refused", user)
            self._refuse(connection, "this station belongs to another user")
        elif len(self._calls) >= MOST_LINES:
            self._refuse(connection, f"{MOST_LINES} others are attached already")
        else:
            call = Call(connection, self._clock.monotonic() + PATIENCE_S)
            self._calls[connection.fileno()] = call
            self._selector.register(connection, selectors.EVENT_READ, call)

    def _refuse(self, connection: socket.socket, what: str) -> None:
        connection.settimeout(0.0)
        with contextlib.suppress(OSError):
            connection.send(encode_fault(0, "ControlError", what))
        connection.close()

    def _look_around(self) -> None:
        """Drop who is too slow; hear again after a shortage."""
        now = self._clock.monotonic()
        for call in [call for call in self._calls.values() if call.deadline is not None and now >= call.deadline]:
            self._drop(call)
        if self._deaf:
            self._deaf = False
            self._selector.register(self._listener, selectors.EVENT_READ)


@contextlib.contextmanager
def serving(facade: Facade, folder: Path, clock: Clock, say: Callable[[str], None]) -> Iterator[None]:
    """Serve while the block runs; where that cannot be, `say` why, once, and go on without."""
    server = ControlServer(facade, folder, clock)
    try:
        server.start()
    except ControlError as error:
        say(error.what)
        yield
        return
    try:
        yield
    finally:
        server.stop()
