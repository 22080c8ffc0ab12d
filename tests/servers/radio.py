"""A UDP link between a vehicle and a client with the faults of a radio, in this process and on loopback only.

The vehicle sends to `port`, the client listens at `client_port`. Everything passes here: it is counted, lost, doubled,
delayed, cut, and heartbeats can be made to say that the vehicle is armed.
"""

from __future__ import annotations

import collections
import contextlib
import heapq
import itertools
import random
import select
import socket
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from pymavlink.dialects.v20 import common as mavlink

HOST: Final = "127.0.0.1"
ARMED: Final = 128 | 1
_HEARTBEAT_ID: Final = 0
_LONGEST_WAIT_S: Final = 0.05
_KEPT: Final = 10_000
"""Frames that are remembered each way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Air:
    """What the link is like. `loss` and `doubled` are shares of datagrams, each way."""

    loss: float = 0.0
    doubled: float = 0.0
    jitter_s: float = 0.0
    bytes_s: float = 0.0
    """What it carries each way; 0: everything."""
    queue_bytes: int = 64_000
    beat_s: float = 0.0
    """Above 0: the vehicle's heartbeat comes so often, and not from the vehicle."""
    seed: int = 1


class Radio:
    """Used as a context manager; the attributes may be changed and read from the test's thread."""

    def __init__(self, client_port: int, air: Air | None = None) -> None:
        self.air = air or Air()
        self.client_port: Final = client_port
        self.armed = False
        """Every heartbeat that passes says so from now on."""
        self.armed_told_at: float | None = None
        """When the first heartbeat that says so was sent on (monotonic seconds)."""
        self.cut = False
        """Nothing passes."""
        self.deaf_to_heartbeats = False
        self.to_vehicle: collections.deque[tuple[float, int]] = collections.deque(maxlen=_KEPT)
        """When each frame of the client came, and its message id."""
        self.to_client: collections.deque[tuple[float, int]] = collections.deque(maxlen=_KEPT)
        self._up = _bound()
        self._down = _bound()
        self.port: Final = int(self._up.getsockname()[1])
        self._vehicle: Any = None
        self._chance = random.Random(self.air.seed)
        self._queue: list[tuple[float, int, bool, bytes]] = []
        self._count = itertools.count()
        self._free_at = {True: 0.0, False: 0.0}
        self._beat_at = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="radio", daemon=True)
        self._packer = mavlink.MAVLink(None, srcSystem=1, srcComponent=1)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stopping.set()
        self._thread.join()
        self._up.close()
        self._down.close()

    def asked_since(self, moment: float) -> list[float]:
        """When frames of the client came after `moment` (monotonic seconds)."""
        return [at for at, _ in list(self.to_vehicle) if at > moment]

    def _run(self) -> None:
        while not self._stopping.is_set():
            wait_s = max(0.0, self._queue[0][0] - time.monotonic()) if self._queue else _LONGEST_WAIT_S
            for ready in select.select([self._up, self._down], [], [], min(wait_s, _LONGEST_WAIT_S))[0]:
                self._take(ready is self._up, ready)
            self._beat()
            self._deliver()

    def _take(self, upwards: bool, ready: socket.socket) -> None:
        """`upwards`: from the vehicle to the client."""
        data, sender = ready.recvfrom(65_535)
        if upwards:
            self._vehicle = sender
        kind = int.from_bytes(data[7:10], "little")
        (self.to_client if upwards else self.to_vehicle).append((time.monotonic(), kind))
        if upwards and kind == _HEARTBEAT_ID:
            if self.deaf_to_heartbeats or self.air.beat_s:
                return
            data = self._heartbeat() if self.armed else data
        self._carry(upwards, data)

    def _carry(self, upwards: bool, data: bytes) -> None:
        if self.cut or self._chance.random() < self.air.loss:
            return
        now = time.monotonic()
        at = now + self._chance.uniform(0, self.air.jitter_s)
        if self.air.bytes_s:
            begins = max(self._free_at[upwards], now)
            if (begins - now) * self.air.bytes_s > self.air.queue_bytes:
                return
            self._free_at[upwards] = begins + len(data) / self.air.bytes_s
            at += self._free_at[upwards] - now
        for _ in range(2 if self._chance.random() < self.air.doubled else 1):
            heapq.heappush(self._queue, (at, next(self._count), upwards, data))

    def _beat(self) -> None:
        now = time.monotonic()
        if self.air.beat_s and now >= self._beat_at and not self.deaf_to_heartbeats:
            self._beat_at = now + self.air.beat_s
            self._carry(True, self._heartbeat())

    def _heartbeat(self) -> bytes:
        mode, state = (ARMED, 4) if self.armed else (1, 3)
        if self.armed and self.armed_told_at is None:
            self.armed_told_at = time.monotonic()
        message = mavlink.MAVLink_heartbeat_message(2, 12, mode, 0, state, 3)
        return bytes(message.pack(self._packer))

    def _deliver(self) -> None:
        while self._queue and self._queue[0][0] <= time.monotonic():
            _at, _count, upwards, data = heapq.heappop(self._queue)
            with contextlib.suppress(ConnectionError):
                if upwards:
                    self._down.sendto(data, (HOST, self.client_port))
                elif self._vehicle is not None:
                    self._up.sendto(data, self._vehicle)


def _bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    made.bind((HOST, 0))
    return made


def free_udp_port() -> int:
    """A port of loopback that no UDP socket has now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
