"""What the stand-in does wrong on purpose. Everything is off until a test sets it; it may change at any moment."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Faults:
    """Switches. Numbers of calls are by API: ``{627: 1}`` is "the next rename"."""

    state_after_put: str = ""
    """Replica state that a written object is left in (``0`` stale, ``2`` intermediate, ``3``/``4`` locked)."""
    second_replica: str = ""
    """Written objects get a second replica in this state."""
    second_replica_size: int = 0
    """That replica is so many bytes larger."""
    truncate_at: int | None = None
    """Written objects lose everything behind so many bytes, and the answer is OK."""
    size_off: int = 0
    """The catalog's size of written objects is wrong by so much."""
    checksum: str = ""
    """``missing``: none is registered; ``wrong``: that of other content."""
    computes: bool = True
    """Whether a checksum may be asked for (API 629)."""

    refuse: dict[int, int] = field(default_factory=dict)
    """API number to the error code that it answers; nothing is done."""
    refuse_words: str = ""
    """The server's own words beside such a code."""
    hang: dict[int, int] = field(default_factory=dict)
    """So many calls get no answer until `released` is set."""
    drop_before: dict[int, int] = field(default_factory=dict)
    """So many calls are not done: the line closes."""
    drop_after: dict[int, int] = field(default_factory=dict)
    """So many calls are done, but the line closes before the answer."""
    drop_after_bytes: int | None = None
    """The line closes inside of a file's content, after so many bytes in either direction."""
    answer: dict[int, list[bytes | None]] = field(default_factory=dict)
    """API number to the raw bytes that its next calls are answered with (nothing is done); None: the honest answer."""

    generation: int = 0
    """Sessions that logged in before the last `expire` are refused with -826000."""
    released: threading.Event = field(default_factory=threading.Event)
    calls: Counter[int] = field(default_factory=Counter)
    """How often each API was called."""
    logins: int = 0

    def expire(self) -> None:
        """Every session that is logged in now has to log in again."""
        self.generation += 1

    def hit(self, plan: dict[int, int], api: int) -> bool:
        """Whether this call is one of those planned; counts down."""
        if plan.get(api, 0) <= 0:
            return False
        plan[api] -= 1
        return True
