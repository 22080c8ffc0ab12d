"""Numbers of bytes in words. Decimal units (1 KB = 1000 B), as in the config; few distinct values."""

from __future__ import annotations

from typing import Final

_UNITS: Final = ("KB", "MB", "GB", "TB", "PB")


def in_bytes(count: float) -> str:
    """Return `count` bytes in at most three digits: ``812 B``, ``4.2 KB``, ``38 MB``, ``1.4 GB``."""
    value, unit = scaled(count)
    return f"{value} {unit}"


def scaled(count: float) -> tuple[str, str]:
    """Return the number and the unit of `count` bytes, for those who write the unit once for two numbers."""
    value = max(0.0, float(count))
    if value < 999.5:
        return f"{value:.0f}", "B"
    for unit in _UNITS:
        value /= 1000
        if value < 999.5 or unit == _UNITS[-1]:
            break
    return (f"{value:.1f}" if value < 9.95 else f"{value:.0f}"), unit
