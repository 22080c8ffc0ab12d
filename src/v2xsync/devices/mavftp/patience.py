"""How long an answer is waited for: from the round trips that were seen (RFC 6298), not from a fixed table.

The specification proposes 50 ms and six tries; that suits USB and fails on every radio.
"""

from __future__ import annotations

from typing import Final

FIRST_S: Final = 0.5
LEAST_S: Final = 0.08
"""A card that is busy makes an autopilot answer late; asking twice does not make it faster."""
MOST_S: Final = 3.0
_GROWTH: Final = 1.5
"""A radio that loses every fifth frame each way loses every third question: seven must fit into some seconds."""


class RoundTrips:
    """Smoothed round trip and its variation, in seconds."""

    def __init__(self) -> None:
        self._smooth: float | None = None
        self._variation = 0.0
        self._backed_off = 0

    def note(self, took_s: float) -> None:
        """An answer came to a request that was sent only once."""
        self._backed_off = 0
        if self._smooth is None:
            self._smooth, self._variation = took_s, took_s / 2
            return
        self._variation += (abs(self._smooth - took_s) - self._variation) / 4
        self._smooth += (took_s - self._smooth) / 8

    def note_timeout(self) -> None:
        """An answer did not come in time. Until one does, every wait is longer (Karn's rule).

        On a slow radio all answers may be late: asked for twice, none would ever be timed, and the link would carry
        everything twice for good.
        """
        self._backed_off = min(self._backed_off + 1, 8)

    @property
    def wait_s(self) -> float:
        """How long to wait for an answer before asking again."""
        if self._smooth is None:
            return FIRST_S
        wait_s = max(LEAST_S, self._smooth + 4 * self._variation)
        return float(min(MOST_S, wait_s * 2**self._backed_off))

    def wait_after(self, tries: int) -> float:
        """The same after so many tries (one or more): a crowded link is not crowded further."""
        return min(MOST_S, self.wait_s * _GROWTH ** min(tries - 1, 16))
