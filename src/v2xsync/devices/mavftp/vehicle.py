"""A vehicle on a wire: its heartbeats watched, our own sent, and file messages in between.

Only pymavlink's message layer is used (framing, checksums, the messages themselves). Our heartbeat is that of a plain
onboard program with a system id of its own: a second ground station that comes and goes could trigger an autopilot's
fail-safe (PX4 counts ground stations by type, ArduPilot by system id 255).
"""

from __future__ import annotations

import collections
import errno
from collections.abc import Callable
from typing import Any, Final

from v2xsync.devices.mavftp.link import Link, candidates, open_link
from v2xsync.devices.mavftp.options import MavftpOptions, Safety
from v2xsync.devices.mavftp.payload import Opcode, Payload, parse
from v2xsync.devices.mavftp.safety import Verdict, Watch
from v2xsync.errors import DeviceArmed, DeviceGone

OUR_SYSTEM: Final = 248
OUR_COMPONENT: Final = 191
"""MAV_COMP_ID_ONBOARD_COMPUTER."""

BEAT_S: Final = 1.0
IDLE_S: Final = 2.0
"""So long without a look at the wire, and what lies in its buffers is old."""
_LISTEN_S: Final = 6.0
"""A vehicle beats once a second; so long is enough for a lossy link to let one through."""
_PARSER_BYTES: Final = 64 * 1024
_MOST_STALE: Final = 20_000
_AUTOPILOT: Final = 1
_NO_AUTOPILOT: Final = 8
_GROUND_STATION: Final = 6
_ARM_COMMAND: Final = 400
_GENERIC_TYPE: Final = 0


class Unheard(Exception):
    """The vehicle's heartbeats are missing: its state is unknown, and nothing may be sent."""


class Vehicle:
    """One autopilot, found on its link; used from one thread. `monotonic` gives seconds that never go back."""

    def __init__(self, device: str, options: MavftpOptions, monotonic: Callable[[], float]) -> None:
        from pymavlink.dialects.v20 import common

        self._device: Final = device
        self._options: Final = options
        self._monotonic: Final = monotonic
        self._dialect: Final[Any] = common
        self._link: Link | None = None
        self._watch = self._new_watch()
        self._packer: Any = common.MAVLink(None, srcSystem=OUR_SYSTEM, srcComponent=OUR_COMPONENT)
        self._parser: Any = None
        self._inbox: collections.deque[Payload] = collections.deque()
        self._who: tuple[int, int] | None = None
        self._looked_at = 0.0
        self._beat_at = 0.0
        self.kind = ""
        """Autopilot and vehicle type, for people."""

    def _new_watch(self) -> Watch:
        return Watch(rest_s=self._options.rest_s, heedless=self._options.safety is Safety.ANY)

    # --- finding it --------------------------------------------------------------------------------------------------

    def find(self) -> None:
        """Open the wire, hear the vehicle, and see it calm; where that was done, see that it still is.

        Raises DeviceGone where there is none, DeviceArmed where it is armed.
        """
        if self._link is not None:
            self.wake()
            return
        problem = DeviceGone(
            self._device, f"nothing is plugged in at {self._options.connection}", remedy="plug the vehicle in"
        )
        for connection in candidates(self._options.connection):
            try:
                self._open(connection)
            except DeviceGone as error:
                problem = error
            else:
                return
        raise problem

    def _open(self, connection: str) -> None:
        try:
            self._link = open_link(connection, self._options.baud, self._options.timeout_s)
        except OSError as error:
            raise self._no_link(connection, error) from error
        self._watch = self._new_watch()
        self._parser = self._new_parser()
        self._who = None
        self._inbox.clear()
        self._looked_at = self._monotonic()
        try:
            self.await_calm(min(_LISTEN_S, self._options.timeout_s) + self._options.rest_s)
        except BaseException:
            self.close()
            raise

    def _new_parser(self) -> Any:
        parser = self._dialect.MAVLink(None)
        parser.robust_parsing = True
        return parser

    def _no_link(self, connection: str, error: OSError) -> DeviceGone:
        if error.errno == errno.EACCES:
            remedy = f"let this user open {connection} (on most systems: add them to the group dialout)"
        elif error.errno in {errno.EBUSY, errno.EAGAIN, errno.EWOULDBLOCK, errno.EADDRINUSE}:
            remedy = "close the other program that uses it, or put a MAVLink router in between"
        else:
            remedy = "plug the vehicle in, or check `connection`"
        return DeviceGone(self._device, f"cannot open {connection}: {error.strerror or error}", remedy=remedy)

    def wake(self) -> None:
        """Before talking after a pause: what lies in the buffers is old news, so the vehicle is looked at anew."""
        if self._monotonic() - self._looked_at > IDLE_S:
            self._drain()
            self._watch.forget()
        self.await_calm(min(_LISTEN_S, self._options.timeout_s) + self._options.rest_s)

    def _drain(self) -> None:
        for _ in range(_MOST_STALE):
            if not self._read(0.0):
                break
        self._parser = self._new_parser()
        self._inbox.clear()

    def await_calm(self, patience_s: float) -> None:
        """Listen, and send nothing, until the vehicle may be talked to. Raises DeviceGone, DeviceArmed."""
        ends = self._monotonic() + patience_s
        while (verdict := self._watch.verdict(now := self._monotonic())) is not Verdict.CALM:
            if verdict is Verdict.ARMED:
                raise self._busy()
            if now >= ends:
                raise DeviceGone(
                    self._device,
                    "the vehicle's heartbeat is not heard",
                    remedy="switch the vehicle on, and check `connection` and `baud`",
                )
            if self._link is not None and self._link.speaks_first and not self._watch.heard:
                self._beat(now)
            self._take(min(ends - now, 0.1))

    def close(self) -> None:
        """Let the wire go; never raises."""
        link, self._link = self._link, None
        if link is not None:
            link.close()

    # --- talking -----------------------------------------------------------------------------------------------------

    def send(self, payload: Payload) -> None:
        """Send a request. Raises DeviceArmed where the vehicle is armed, Unheard, DeviceGone."""
        self._require_calm()
        self._write(self._framed(payload))

    def send_last_word(self, payload: Payload) -> None:
        """Send what ends a session, whatever state the vehicle is in."""
        self._write(self._framed(payload))

    def _framed(self, payload: Payload) -> Any:
        system, component = self._who or (0, 0)
        return self._dialect.MAVLink_file_transfer_protocol_message(0, system, component, payload.pack())

    def receive(self, until: float) -> Payload | None:
        """The next file message, None where none came before the moment `until`. Raises as `send`."""
        while True:
            self._require_calm()
            if self._inbox:
                return self._inbox.popleft()
            now = self._monotonic()
            if now >= until:
                return None
            self._beat(now)
            self._take(min(until - now, 0.25))

    def receive_in_any_state(self, until: float) -> Payload | None:
        """As `receive`, while a session is being ended."""
        while not self._inbox:
            now = self._monotonic()
            if now >= until:
                return None
            self._take(until - now)
        return self._inbox.popleft()

    def catch_up(self) -> None:
        """Hear what has come while somebody else kept this thread busy. Raises DeviceGone."""
        for _ in range(_MOST_STALE):
            if not self._take(0.0):
                return

    def _require_calm(self) -> None:
        verdict = self._watch.verdict(self._monotonic())
        if verdict is Verdict.ARMED:
            raise self._busy()
        if verdict is not Verdict.CALM:
            raise Unheard

    def _busy(self) -> DeviceArmed:
        remedy = "its files are fetched once it has been disarmed for a few seconds"
        return DeviceArmed(self._device, "the vehicle is armed or arming: it is left alone", remedy=remedy)

    def _beat(self, now: float) -> None:
        """Our own heartbeat, once a second while we work."""
        if now - self._beat_at >= BEAT_S:
            self._beat_at = now
            self._write(self._dialect.MAVLink_heartbeat_message(_GENERIC_TYPE, _NO_AUTOPILOT, 0, 0, 4, 3))

    # --- the wire ----------------------------------------------------------------------------------------------------

    def _write(self, message: Any) -> None:
        frame = message.pack(self._packer)
        self._packer.seq = (self._packer.seq + 1) % 256
        try:
            self._open_link().write(frame)
        except OSError as error:
            raise self._lost(error) from error

    def _read(self, wait_s: float) -> bytes:
        try:
            received = self._open_link().read(wait_s)
        except OSError as error:
            raise self._lost(error) from error
        self._looked_at = self._monotonic()
        return received

    def _open_link(self) -> Link:
        if self._link is None:
            raise DeviceGone(self._device, "the vehicle is not connected")
        return self._link

    def _lost(self, error: OSError) -> DeviceGone:
        self.close()
        return DeviceGone(self._device, f"the connection to the vehicle broke: {error}", remedy="plug it in again")

    def _take(self, wait_s: float) -> bool:
        """Read once and sort what came; whether anything did."""
        received = self._read(wait_s)
        if not received:
            return False
        for message in self._parser.parse_buffer(received) or ():
            self._sort(message)
        if self._parser.buf_index > _PARSER_BYTES:  # it is only emptied where a read ends with a whole frame
            self._parser.buf = self._parser.buf[self._parser.buf_index :]
            self._parser.buf_index = 0
        return True

    def _sort(self, message: Any) -> None:
        kind = message.get_msgId()
        if kind == self._dialect.MAVLINK_MSG_ID_HEARTBEAT:
            self._note_heartbeat(message)
        elif self._who is None or message.get_srcSystem() != self._who[0]:
            return
        elif kind == self._dialect.MAVLINK_MSG_ID_FILE_TRANSFER_PROTOCOL:
            self._note_file_message(message)
        elif kind == self._dialect.MAVLINK_MSG_ID_COMMAND_ACK and message.command == _ARM_COMMAND:
            self._watch.note_arming()

    def _note_heartbeat(self, message: Any) -> None:
        who = (message.get_srcSystem(), message.get_srcComponent())
        if self._who is None and self._is_wanted(who, message):
            self._who = who
            self.kind = f"system {who[0]}, autopilot {message.autopilot}, type {message.type}"
        if who == self._who:
            self._open_link().adopt()
            self._watch.note_heartbeat(message.base_mode, message.system_status, self._monotonic())

    def _is_wanted(self, who: tuple[int, int], message: Any) -> bool:
        """An autopilot, and the one that the config names; not a camera, a gimbal or a ground station."""
        if who[0] == OUR_SYSTEM or (self._options.system is not None and who[0] != self._options.system):
            return False
        is_autopilot: bool = who[1] == _AUTOPILOT or message.autopilot != _NO_AUTOPILOT
        return is_autopilot and bool(message.type != _GROUND_STATION)

    def _note_file_message(self, message: Any) -> None:
        for_us = message.target_system in (0, OUR_SYSTEM) and message.target_component in (0, OUR_COMPONENT)
        payload = parse(bytes(message.payload)) if for_us else None
        if payload is not None and payload.opcode in (Opcode.ACK, Opcode.NAK):
            self._inbox.append(payload)
