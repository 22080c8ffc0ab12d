"""Questions and answers of MAVLink FTP with one vehicle, and its one session.

An answer belongs to the question whose sequence number is one less, and repeats its opcode; the session number in
answers is not trusted (MAVSDK answers 0 whatever was asked). A question that gets no answer is asked again with the
same sequence number, so that a server that remembers its last answer (PX4) does nothing twice.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Final

from v2xsync.devices.mavftp.patience import RoundTrips
from v2xsync.devices.mavftp.payload import Opcode, Payload, Trouble
from v2xsync.devices.mavftp.vehicle import Unheard, Vehicle
from v2xsync.errors import DeviceBusy, DeviceGone

_WRAP: Final = 1 << 16
_PARTING_S: Final = 3.0
"""A session that is not seen to end is reset before the next."""
_HUSH_TRIES: Final = 3
_HUSH_S: Final = 0.15
"""Three last words within half a second: a burst that goes on would be worse."""


class Refused(Exception):
    """The vehicle answered with a NAK."""

    def __init__(self, code: int, errno: int = 0) -> None:
        super().__init__(f"code {code}, errno {errno}")
        self.code: Final = code
        self.errno: Final = errno

    @property
    def missing(self) -> bool:
        """What was asked for is not there (older PX4 tells it by errno)."""
        return self.code == Trouble.NOT_FOUND or (self.code == Trouble.ERRNO and self.errno == 2)

    @property
    def words(self) -> str:
        """The refusal for people."""
        name = Trouble(self.code).name.lower().replace("_", " ") if self.code in set(Trouble) else f"code {self.code}"
        return f"{name} {self.errno}" if self.errno else name


class Unanswered(Exception):
    """The vehicle is there, but does not answer this."""


class SessionLost(Exception):
    """The session is over (a reboot, a pause, another client): the file has to be opened again."""


class Conversation:
    """Used from one thread. Every method may raise DeviceGone and DeviceBusy."""

    def __init__(self, device: str, vehicle: Vehicle, monotonic: Callable[[], float], timeout_s: float) -> None:
        self._device: Final = device
        self._vehicle: Final = vehicle
        self._sequence = 0
        self.monotonic: Final = monotonic
        self.timeout_s: Final = timeout_s
        self.round_trips: Final = RoundTrips()
        self.session: int | None = None

    def take_sequence(self) -> int:
        """The next sequence number."""
        self._sequence = (self._sequence + 1) % _WRAP
        return self._sequence

    def skip_past(self, sequence: int) -> int:
        """Go on after `sequence`, which the vehicle itself counted up to in a burst; returns the next number."""
        if (sequence - self._sequence) % _WRAP < _WRAP >> 1:
            self._sequence = sequence % _WRAP
        return self.take_sequence()

    # --- one question ------------------------------------------------------------------------------------------------

    def ask(
        self,
        opcode: Opcode,
        data: bytes = b"",
        *,
        offset: int = 0,
        size: int | None = None,
        more_s: float = 0.0,
        patience_s: float | None = None,
    ) -> Payload:
        """Ask until an answer comes, or until `patience_s` (else the device's timeout) has passed.

        `more_s` is how much longer than others this takes the vehicle. Raises Refused, Unanswered.
        """
        size = len(data) if size is None else size
        request = Payload(self.take_sequence(), opcode, self.session or 0, size, offset=offset, data=data)
        ends = self.monotonic() + (self.timeout_s if patience_s is None else patience_s) + more_s
        tries = 0
        while self.monotonic() < ends:
            try:
                tries += 1
                answer = self._ask_once(request, tries, more_s)
            except Unheard:
                ends += self.settle()
                continue
            if answer is not None:
                return answer
        raise Unanswered

    def _ask_once(self, request: Payload, tries: int, more_s: float) -> Payload | None:
        asked_at = self.monotonic()
        self._vehicle.send(request)
        until = asked_at + self.round_trips.wait_after(tries) + more_s / 4
        while (answer := self._vehicle.receive(until)) is not None:
            if (answer.sequence - request.sequence) % _WRAP == 1 and answer.answered == request.opcode:
                if tries == 1 and not more_s:
                    self.round_trips.note(self.monotonic() - asked_at)
                if answer.opcode == Opcode.NAK:
                    raise Refused(*answer.trouble)
                return answer
        return None

    # --- the session -------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """End whatever sessions others left behind: a vehicle has one, or very few."""
        self.session = None
        try:
            self.ask(Opcode.RESET)
        except Refused:
            return
        except Unanswered as error:
            raise self.silent() from error

    def silent(self) -> DeviceGone:
        """The error for a vehicle that is there, and answers no file request at all."""
        remedy = "see that MAVLink FTP is not switched off in the autopilot, and that no router drops it"
        return DeviceGone(self._device, "the vehicle does not answer file requests", remedy=remedy)

    def open(self, path: bytes) -> int:
        """Open a file to read it; returns its size as the vehicle tells it. Raises Refused, Unanswered."""
        self.close()
        try:
            answer = self._ask_to_open(path)
        except Refused as refusal:
            if refusal.code != Trouble.NO_SESSION:
                raise
            self.begin()
            answer = self._ask_to_open(path)
        self.session = answer.session
        return answer.number or 0

    def _ask_to_open(self, path: bytes) -> Payload:
        """Until the answer says otherwise there may be a session: it is ended where the vehicle arms meanwhile."""
        self.session = 0
        try:
            return self.ask(Opcode.OPEN_READ, path)
        except (Refused, Unanswered):
            self.session = None
            raise

    def close(self) -> None:
        """End the session, where one is open."""
        if self.session is None:
            return
        with contextlib.suppress(Refused, Unanswered):
            self.ask(Opcode.TERMINATE, patience_s=_PARTING_S)
        self.session = None

    # --- many answers at once ----------------------------------------------------------------------------------------

    def send(self, payload: Payload) -> None:
        """Send one of many requests. Raises SessionLost."""
        try:
            self._vehicle.send(payload)
        except Unheard:
            self.settle()
            raise SessionLost from None
        except DeviceBusy:
            self.hush()
            raise

    def receive(self, until: float) -> Payload | None:
        """The next answer, whichever it is. Raises SessionLost."""
        try:
            return self._vehicle.receive(until)
        except Unheard:
            self.settle()
            raise SessionLost from None
        except DeviceBusy:
            self.hush()
            raise

    def catch_up(self) -> None:
        """Hear what came while the sink held us up."""
        self._vehicle.catch_up()

    # --- vehicles come first -----------------------------------------------------------------------------------------

    def settle(self) -> float:
        """The vehicle's state is unknown: close the session, be silent, and wait until it is calm; returns how long."""
        began = self.monotonic()
        self.hush()
        self._vehicle.await_calm(self.timeout_s)
        return self.monotonic() - began

    def hush(self) -> None:
        """End the session with a last word or three, so that no burst goes on. Never raises a DeviceError."""
        session, self.session = self.session, None
        if session is None:
            return
        last = Payload(self.take_sequence(), Opcode.TERMINATE, session)
        with contextlib.suppress(DeviceGone):
            for _ in range(_HUSH_TRIES):
                self._vehicle.send_last_word(last)
                until = self.monotonic() + _HUSH_S
                while (answer := self._vehicle.receive_in_any_state(until)) is not None:
                    if answer.answered == Opcode.TERMINATE:
                        return
