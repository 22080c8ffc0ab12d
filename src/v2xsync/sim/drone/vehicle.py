"""The drone: a heartbeat each second, flights now and then, and files for who asks, in bursts at the line's rate."""

from __future__ import annotations

import datetime as dt
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from pymavlink.dialects.v20 import common as mavlink

from v2xsync.sim.drone.card import Card
from v2xsync.sim.drone.file_server import FileServer
from v2xsync.sim.drone.flight import FlightPlan, Logger
from v2xsync.sim.drone.payload import PAYLOAD_BYTES, Payload
from v2xsync.sim.drone.radio import COMPONENT, SYSTEM, Address, Radio
from v2xsync.sim.listener import LOOPBACK

USUAL_PORT: Final = 14550
"""Where ground stations listen, and autopilots send to."""

HEARTBEAT_S: Final = 1.0

_LONGEST_WAIT_S: Final = 0.1
_LEAST_WAIT_S: Final = 0.0005
_FORGET_S: Final = 30.0
"""Who was not heard for so long gets no heartbeats any more."""
_MOST_LATE_S: Final = 0.05
"""A burst that could not run for longer than this does not catch up: its listener's queue would overflow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DroneRules:
    """What the drone and its line are like."""

    flights: int = 4
    """Finished logs on its card at the start."""
    flight_length: dt.timedelta = dt.timedelta(seconds=20)
    plan: FlightPlan = field(default_factory=FlightPlan)
    loss: float = 0.0
    """Share of datagrams that get lost, in each direction."""
    burst_bytes_s: float = 400_000.0
    seed: int = 7


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Drone:
    """Shows the folder `root` as its card, and sends to the port `station` and to whoever spoke to it lately.

    It may be stopped and started again: then it was switched off, and comes back under the same port. All but `arm`,
    `start` and `stop` belongs to its own thread.
    """

    def __init__(
        self,
        root: Path,
        rules: DroneRules | None = None,
        *,
        station: int | None = None,
        clock: Callable[[], dt.datetime] = _now,
    ) -> None:
        self.rules: Final = rules or DroneRules()
        self.host: Final = LOOPBACK
        self.station: Final = station
        self.port = 0
        """Its own; known once started."""
        self.heard_while_armed = 0
        """FILE_TRANSFER_PROTOCOL messages that came while it flew: a courier that knows its place sends none."""
        self._clock = clock
        self._chance = random.Random(self.rules.seed)  # noqa: S311 - loss and noise, no secret
        root.mkdir(parents=True, exist_ok=True)
        self._logger = Logger(root, self._chance)
        self._logger.prefill(self.rules.flights, self.rules.flight_length, clock())
        self._files = FileServer(Card(root))
        self._told_to: bool | None = None
        self._armed = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._peers: dict[Address, float] = {}
        self._heartbeat_due = 0.0
        self._packet_due = 0.0
        self._client: tuple[Address, int, int] = ((LOOPBACK, 0), 0, 0)
        """Who asked for the running burst: address, system, component."""

    @property
    def armed(self) -> bool:
        """Whether it flies."""
        return self._armed

    def arm(self, *, armed: bool = True) -> None:
        """Arm or disarm by hand, whatever its plan says from now on; a heartbeat follows at once."""
        self._told_to = armed

    def start(self) -> None:
        """Switch on; raises OSError where its port is taken."""
        radio = Radio(self.port, self.rules.loss, self._chance)
        self.port = radio.port
        self._stopping.clear()
        self._thread = threading.Thread(target=self._live, args=(radio,), name="drone", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Switch off, without a word to anybody. May be repeated."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(self, *_how: object) -> None:
        """Stop."""
        self.stop()

    def _live(self, radio: Radio) -> None:
        began = self._heartbeat_due = self._packet_due = time.monotonic()
        while not self._stopping.is_set():
            now = time.monotonic()
            self._follow_plan(now, now - began)
            if now >= self._heartbeat_due:
                self._beat(radio, now)
            self._files.tick(now)
            self._send_burst(radio, now)
            self._listen(radio)
        radio.close()
        self._files.close()
        self._logger.end()
        self._peers.clear()
        self._armed = False

    def _follow_plan(self, now: float, on_for_s: float) -> None:
        armed = self.rules.plan.flies_at(on_for_s) if self._told_to is None else self._told_to
        if armed == self._armed:
            return
        self._armed = armed
        self._heartbeat_due = now
        if armed:
            self._logger.begin(self._clock())
        else:
            self._logger.end()

    def _beat(self, radio: Radio, now: float) -> None:
        """Tell everybody that it lives; while it flies its log grows."""
        self._heartbeat_due = now + HEARTBEAT_S
        if self._armed:
            self._logger.advance(self._clock())
        self._peers = {peer: heard for peer, heard in self._peers.items() if now - heard < _FORGET_S}
        known = [(LOOPBACK, self.station)] if self.station else []
        for peer in dict.fromkeys([*known, *self._peers]):
            radio.send(self._heartbeat(), peer)

    def _heartbeat(self) -> Any:
        armed = mavlink.MAV_MODE_FLAG_SAFETY_ARMED if self._armed else 0
        return mavlink.MAVLink_heartbeat_message(
            type=mavlink.MAV_TYPE_QUADROTOR,
            autopilot=mavlink.MAV_AUTOPILOT_PX4,
            base_mode=mavlink.MAV_MODE_FLAG_CUSTOM_MODE_ENABLED | armed,
            custom_mode=0,
            system_status=mavlink.MAV_STATE_ACTIVE if self._armed else mavlink.MAV_STATE_STANDBY,
            mavlink_version=3,
        )

    def _send_burst(self, radio: Radio, now: float) -> None:
        """Send the packets that are due."""
        self._packet_due = max(self._packet_due, now - _MOST_LATE_S)
        while self._files.bursting and self._packet_due <= now:
            packet = self._files.next_of_burst()
            if packet is not None:
                self._send(radio, packet, *self._client)
            self._packet_due += PAYLOAD_BYTES / self.rules.burst_bytes_s

    def _listen(self, radio: Radio) -> None:
        """Take one datagram, if one comes before the next packet or heartbeat is due."""
        due = min(self._heartbeat_due, self._packet_due) if self._files.bursting else self._heartbeat_due
        heard = radio.receive(min(max(due - time.monotonic(), _LEAST_WAIT_S), _LONGEST_WAIT_S))
        if heard is None:
            return
        messages, peer = heard
        self._peers[peer] = time.monotonic()
        for message in messages:
            if message.get_type() == "FILE_TRANSFER_PROTOCOL" and _is_for_us(message):
                self._answer(radio, message, peer)

    def _answer(self, radio: Radio, message: Any, peer: Address) -> None:
        self.heard_while_armed += self._armed
        client = (peer, message.get_srcSystem(), message.get_srcComponent())
        now = time.monotonic()
        answer = self._files.answer(Payload.parse(bytes(message.payload)), client, now)
        if answer is None:
            self._client, self._packet_due = client, now
        else:
            self._send(radio, answer, *client)

    @staticmethod
    def _send(radio: Radio, payload: Payload, peer: Address, system: int, component: int) -> None:
        radio.send(mavlink.MAVLink_file_transfer_protocol_message(0, system, component, payload.pack()), peer)


def _is_for_us(message: Any) -> bool:
    return message.target_system in (0, SYSTEM) and message.target_component in (0, COMPONENT)
