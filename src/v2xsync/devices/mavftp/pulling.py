"""One file's bytes, out of an open session: bursts with their holes filled while they run, and windows of plain reads.

Every answer is placed by its own offset, whatever the order. What belongs to an earlier file or session is told by its
sequence number and dropped. Nothing depends on how a burst says that it is over: by a flag, by a NAK (ArduPilot; from
MAVSDK with offset 0), or by silence.
"""

from __future__ import annotations

import collections
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from v2xsync.devices.mavftp.conversation import Conversation, SessionLost, Unanswered
from v2xsync.devices.mavftp.pace import PROBE, Pace
from v2xsync.devices.mavftp.payload import MOST_DATA, Opcode, Payload, Trouble
from v2xsync.devices.mavftp.pieces import Pieces
from v2xsync.errors import DeviceError

_WRAP: Final = 1 << 16
_HALF: Final = _WRAP >> 1
AHEAD_BYTES: Final = 1 << 20
"""So much may wait in memory for a piece before it; what comes beyond is asked for again later."""
PIECE_BYTES: Final = 32 * 1024
"""Bytes handed on at a time."""
PIECE_S: Final = 0.25
HOLE_READS: Final = 8
"""Plain reads in flight beside a burst."""
REORDER: Final = 3
"""Answers that may overtake another before that one counts as lost."""
_REORDER_S: Final = 0.010
_REFILL: Final = 256
_MOST_TODO: Final = 4096
_QUIET_S: Final = 0.25
_ALIVE_S: Final = 4.0
"""PX4 ends a session that has asked nothing for ten seconds, even while it bursts."""
_HELD_UP_S: Final = 0.1
_LEAST_PIECE_BYTES: Final = 1024
_REOPENINGS: Final = 5
_STALE: Final = 1000
"""Packets of a burst that may still be on their way when its file is closed."""
_TRIAL_S: Final = 0.1
_TRIAL_BYTES: Final = 2 * PROBE * MOST_DATA


class EndedEarly(Exception):
    """The vehicle says that the file ends at `offset`, before its size."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"ends at {offset}")
        self.offset: Final = offset


@dataclass(slots=True)
class _Read:
    """A plain read in flight; `order` counts what was sent, in the order of sending."""

    request: Payload
    order: int
    sent_at: float
    due_at: float
    """When it is asked again."""
    tries: int = 1


@dataclass(slots=True)
class _Burst:
    sequence: int
    asked_at: float
    heard_at: float
    new_bytes: int = 0


class Pull:
    """Bytes `start` to `end` of the open file, handed to `take(offset, data)` in order; it may say False: no more.

    `reopen` opens the same file again after the session was lost. Raises from `run`: EndedEarly, Unanswered, and what
    the conversation, `take` and `reopen` raise; what had come in order was handed on before.
    """

    def __init__(
        self,
        talk: Conversation,
        pace: Pace,
        span: tuple[int, int],
        take: Callable[[int, bytes], bool],
        reopen: Callable[[], None],
    ) -> None:
        self._talk: Final = talk
        self._pace: Final = pace
        self._take: Final = take
        self._reopen: Final = reopen
        self._pieces: Final = Pieces(*span)
        self._reads: dict[int, _Read] = {}
        self._todo: collections.deque[tuple[float, int, int]] = collections.deque()
        """Chunks to read plainly: not before when, offset, length."""
        self._burst: _Burst | None = None
        self._order = 0
        self._due_at = 0.0
        self._holes = False
        """There may be holes that nobody has asked for."""
        self._base: int | None = None
        """The number of the first burst: what belongs to an earlier file has a lower one."""
        self._newest = talk.take_sequence()
        now = talk.monotonic()
        self._progress_at = self._delivered_at = self._asked_at = now
        self._reopenings = 0
        self._held_up = False
        self._piece_bytes = PIECE_BYTES
        self._wanted = True
        pace.break_off()

    def run(self) -> bool:
        """Pull until everything is there; False where `take` wanted no more."""
        try:
            while self._wanted and not self._pieces.complete:
                try:
                    self._step()
                except SessionLost:
                    self._begin_again()
            return self._deliver_all()
        except (EndedEarly, Unanswered, DeviceError):
            self._deliver_all()
            raise
        finally:
            self._talk.skip_past(self._newest + _STALE)

    def _begin_again(self) -> None:
        self._reopenings += 1
        if self._reopenings > _REOPENINGS:
            raise Unanswered
        self._reads.clear()
        self._todo.clear()
        self._burst, self._holes = None, True
        self._pace.break_off()
        self._reopen()
        self._base, self._newest = None, self._talk.skip_past(self._newest + _STALE)
        self._progress_at = self._talk.monotonic()

    # --- one step ----------------------------------------------------------------------------------------------------

    def _step(self) -> None:
        now = self._talk.monotonic()
        self._ask(now)
        answer = self._talk.receive(self._next_look(now))
        now = self._talk.monotonic()
        while answer is not None:
            self._note(answer, now)
            answer = self._talk.receive(0.0)
        self._look_at_timers(now)
        is_due = self._pieces.ready_bytes() >= self._piece_bytes or now - self._delivered_at >= PIECE_S
        if is_due and self._deliver() > _HELD_UP_S:
            self._talk.catch_up()

    def _next_look(self, now: float) -> float:
        look = now + PIECE_S
        if self._reads:
            self._due_at = min(read.due_at for read in self._reads.values())
            look = min(look, self._due_at)
        if self._burst is not None:
            look = min(look, self._burst.heard_at + self._quiet_s())
        if self._todo and len(self._reads) < self._most_reads():
            look = min(look, max(now, self._todo[0][0]))
        return look

    def _quiet_s(self) -> float:
        return max(_QUIET_S, 3 * self._talk.round_trips.wait_s)

    def _look_at_timers(self, now: float) -> None:
        if now - self._progress_at > self._talk.timeout_s:
            raise Unanswered
        late = [pair for pair in self._reads.items() if now >= pair[1].due_at] if now >= self._due_at else []
        if late:
            self._talk.round_trips.note_timeout()
        for key, read in late:
            self._send_again(key, read, now)
        burst = self._burst
        if burst is not None and now - burst.heard_at >= self._quiet_s():
            if not burst.new_bytes:
                self._pace.note_refused_burst(unknown=False)
            self._end_burst(now)
        if burst is not None and now - self._asked_at >= _ALIVE_S:
            self._send(Payload(self._talk.take_sequence(), Opcode.NONE, self._talk.session or 0), now)

    # --- asking ------------------------------------------------------------------------------------------------------

    def _bursting(self) -> bool:
        return self._pace.bursts and not self._held_up

    def _most_reads(self) -> int:
        return HOLE_READS if self._bursting() else int(self._pace.window)

    def _ask(self, now: float) -> None:
        has_room = self._pieces.ahead_bytes < AHEAD_BYTES // 2 and self._pieces.ready_bytes() < 2 * self._piece_bytes
        if self._bursting() and self._burst is None and has_room and self._pieces.high < self._pieces.end:
            self._ask_burst(now)
        while len(self._reads) < self._most_reads():
            chunk = self._next_chunk(now, has_room=has_room)
            if chunk is None:
                return
            self._read(chunk, now)

    def _ask_burst(self, now: float) -> None:
        sequence = self._talk.skip_past(self._newest + 1)
        self._base = sequence if self._base is None else self._base
        self._burst = _Burst(sequence, now, now)
        session = self._talk.session or 0
        self._send(Payload(sequence, Opcode.BURST_READ, session, MOST_DATA, offset=self._pieces.high), now)

    def _next_chunk(self, now: float, *, has_room: bool) -> tuple[int, int] | None:
        """The next offset and length to read plainly: holes first, then (without bursts) what was never asked for."""
        if self._holes and not self._todo and self._burst is None:
            self._refill()
        while self._todo and self._todo[0][0] <= now:
            _at, offset, length = self._todo.popleft()
            for start, stop in self._pieces.missing(offset, length):
                self._holes = self._holes or stop - start < length
                return start, stop - start
        if self._todo or self._bursting() or not has_room or self._pieces.high >= self._pieces.end:
            return None
        start = self._pieces.high
        self._pieces.ask_up_to(start + MOST_DATA)
        return start, self._pieces.high - start

    def _refill(self) -> None:
        """Holes that nobody has asked for."""
        asked = {read.request.offset for read in self._reads.values()}
        self._holes = False
        for start, stop in self._pieces.gaps():
            for offset in range(start, stop, MOST_DATA):
                if offset not in asked:
                    self._todo.append((0.0, offset, min(MOST_DATA, stop - offset)))
                if len(self._todo) >= _REFILL:
                    self._holes = True
                    return

    def _read(self, chunk: tuple[int, int], now: float) -> None:
        offset, length = chunk
        request = Payload(self._talk.take_sequence(), Opcode.READ, self._talk.session or 0, length, offset=offset)
        self._order += 1
        self._reads[(request.sequence + 1) % _WRAP] = _Read(request, self._order, now, self._due(now, 1))
        self._pace.note_sent(again=False)
        self._send(request, now)

    def _send_again(self, key: int, read: _Read, now: float) -> None:
        del self._reads[key]
        self._order += 1
        self._reads[key] = _Read(read.request, self._order, now, self._due(now, read.tries + 1), read.tries + 1)
        self._pace.note_sent(again=True)
        self._send(read.request, now)

    def _due(self, now: float, tries: int) -> float:
        return now + self._talk.round_trips.wait_after(tries)

    def _send(self, payload: Payload, now: float) -> None:
        self._asked_at = now
        self._talk.send(payload)

    # --- answers -----------------------------------------------------------------------------------------------------

    def _note(self, answer: Payload, now: float) -> None:
        if answer.answered == Opcode.READ:
            self._note_read(answer, now)
        elif answer.answered == Opcode.BURST_READ and self._is_of_this_file(answer):
            self._note_burst(answer, now)

    def _is_of_this_file(self, answer: Payload) -> bool:
        return self._base is not None and 0 < (answer.sequence - self._base) % _WRAP < _HALF

    def _note_read(self, answer: Payload, now: float) -> None:
        read = self._reads.get(answer.sequence)
        if read is None:
            return
        if answer.opcode == Opcode.NAK:
            self._note_refusal(answer, read)
        if answer.offset != read.request.offset:
            return
        del self._reads[answer.sequence]
        if not answer.data:
            raise EndedEarly(read.request.offset)
        self._time(read, now)
        placed = self._place(answer.offset, answer.data[: read.request.size], now)
        self._holes = self._holes or placed < read.request.size
        self._find_overtaken(read.order, now)

    def _note_refusal(self, answer: Payload, read: _Read) -> None:
        if answer.trouble[0] == Trouble.END:
            raise EndedEarly(read.request.offset)
        raise SessionLost

    def _time(self, read: _Read, now: float) -> None:
        took_s = now - read.sent_at if read.tries == 1 else None
        if took_s is not None:
            self._talk.round_trips.note(took_s)
        if not self._bursting():
            self._pace.note_answer(took_s, now)

    def _find_overtaken(self, order: int, now: float) -> None:
        """Reads are in the order of sending: those well before an answered one were lost, or their answers were."""
        while self._reads:
            key, oldest = next(iter(self._reads.items()))
            if oldest.order >= order - REORDER:
                return
            self._send_again(key, oldest, now)

    def _note_burst(self, answer: Payload, now: float) -> None:
        if (answer.sequence - self._newest) % _WRAP < _HALF:
            self._newest = answer.sequence
        if answer.opcode == Opcode.NAK:
            self._note_burst_refusal(answer, now)
            return
        before = self._pieces.high
        new = self._place(answer.offset, answer.data, now)
        if before < answer.offset <= self._pieces.end and new:
            self._suspect(before, answer.offset, now)
        if self._burst is not None:
            self._burst.heard_at = now
            self._burst.new_bytes += new
            self._pace.note_burst()
            if answer.burst_complete:
                self._end_burst(now)
            elif self._pace.on_trial and self._is_tried(self._burst, now):
                self._judge(self._burst, now)
                if not self._pace.bursts:  # it may run on: what it brings is taken, and the rest is read plainly
                    self._burst, self._holes = None, True

    def _note_burst_refusal(self, answer: Payload, now: float) -> None:
        burst = self._burst
        if burst is None or (answer.sequence - burst.sequence) % _WRAP >= _HALF:
            return
        code = answer.trouble[0]
        if code == Trouble.END and (burst.new_bytes or self._pieces.high >= self._pieces.end):
            self._end_burst(now)
            return
        self._pace.note_refused_burst(unknown=code == Trouble.UNKNOWN_COMMAND)
        self._end_burst(now)
        if code not in (Trouble.UNKNOWN_COMMAND, Trouble.END):
            raise SessionLost

    def _suspect(self, start: int, stop: int, now: float) -> None:
        """A packet came beyond a hole: it is filled while the burst goes on, unless it closes by itself at once."""
        for offset in range(start, stop, MOST_DATA):
            if len(self._todo) >= _MOST_TODO:
                return
            self._todo.append((now + _REORDER_S, offset, min(MOST_DATA, stop - offset)))

    def _is_tried(self, burst: _Burst, now: float) -> bool:
        """Whether a burst has shown enough; a slow one is not waited for."""
        return burst.new_bytes >= _TRIAL_BYTES or now - burst.asked_at >= _TRIAL_S

    def _judge(self, burst: _Burst, now: float) -> None:
        if self._pace.on_trial and burst.new_bytes:
            self._pace.judge_burst(burst.new_bytes, now - burst.asked_at)

    def _end_burst(self, now: float) -> None:
        if self._burst is not None:
            self._judge(self._burst, now)
        self._burst, self._holes = None, True

    def _place(self, offset: int, data: bytes, now: float) -> int:
        if self._pieces.ahead_bytes + len(data) > AHEAD_BYTES and offset > self._pieces.frontier:
            return 0
        new = self._pieces.add(offset, data)
        if new:
            self._progress_at = now
            self._reopenings = 0
        return new

    def _deliver(self) -> float:
        """Hand one piece on; returns how long that took, in seconds.

        A sink that takes its time has a limit on its bandwidth: the vehicle must not be far ahead of it, and a piece
        must not hold us up for so long that the vehicle arms meanwhile and is not heard.
        """
        began = self._talk.monotonic()
        if self._pieces.ready_bytes():
            self._wanted = self._take(*self._pieces.take(self._piece_bytes)) and self._wanted
        self._delivered_at = self._talk.monotonic()
        took_s = self._delivered_at - began
        if took_s > _HELD_UP_S:
            self._held_up = True
            self._piece_bytes = max(_LEAST_PIECE_BYTES, int(self._piece_bytes * PIECE_S / max(took_s, PIECE_S)))
            self._progress_at += took_s
            self._pace.break_off()
        return took_s

    def _deliver_all(self) -> bool:
        while self._wanted and self._pieces.ready_bytes():
            self._deliver()
        return self._wanted
