"""The one error tree: every class says what its reader should do.

::

    V2xSyncError
    |- ConfigError            stop before the start; names file, key and remedy
    |- LedgerError            stop; the durable record is not usable
    |  `- StateInUse          another instance owns the state folder
    |- StoreError             the local store cannot be used (pause fetching)
    |  `- StoreFull           below the free-space floor; goes on by itself
    |- ControlError           the control socket: refused, or not to be had; the engine goes on
    |  `- ServiceAway         no service answers: start one, or act without
    |- DeviceError            something about a whole device
    |  |- DeviceGone          not reachable now: wait and probe, never counts against an item
    |  |- DeviceBusy          the same lane tries again after a short pause
    |  |  `- DeviceArmed      a vehicle flies, or is about to: it is left alone until it is disarmed
    |  |- AccessRefused       login or rights refused: the lane stops, a person is needed
    |  |- HostKeyRefused      unknown or changed host key: the lane stops, a person is needed
    |  |- NoSpace             the target is full: pause the target
    |  `- ProtocolFault       the peer broke its protocol: reconnect, try again
    |- ItemError              something about one file
    |  |- ItemMissing         not there (any more)
    |  |- ItemChanged         not the version that was asked for: plan it again
    |  |- ItemRefused         permanent for this version: hold
    |  |  `- ItemCorrupt      its content is bad: fetch it again once, then hold
    |  |- ItemFailed          passing trouble with this file: try again later
    |  |- NameTaken           the final name holds something else: never overwrite
    |  |- OutcomeUnknown      the answer was lost: probe before anything is sent again
    |  `- IntegrityError      content differs from what was proven: drop the partial, try again
    `- Cancelled              asked to stop: keep partials

Foreign exceptions are mapped at an adapter's edge, always with ``from``. Messages are plain words for a person; the
remedy is one sentence that says what to do.
"""

from __future__ import annotations

from typing import Final


class V2xSyncError(Exception):
    """Base of everything that the world may do to us; `remedy` is one sentence, or empty."""

    remedy: str

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.remedy = remedy

    @property
    def what(self) -> str:
        """What happened, in plain words, without the remedy."""
        return str(self.args[0])


class ConfigError(V2xSyncError):
    """The config file is wrong; `file` and `key` say where."""

    def __init__(self, what: str, *, file: str = "", key: str = "", remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.file: Final = file
        self.key: Final = key

    def __str__(self) -> str:
        """Return ``file: key: what (remedy)`` with the parts that are known."""
        where = ": ".join(part for part in (self.file, self.key) if part)
        text = f"{where}: {self.what}" if where else self.what
        return f"{text} -- {self.remedy}" if self.remedy else text


class LedgerError(V2xSyncError):
    """The durable record cannot be read or written."""


class StateInUse(LedgerError):
    """Another instance owns this state folder (exit code 4)."""


class StoreError(V2xSyncError):
    """The local store cannot be written or read."""


class StoreFull(StoreError):
    """Free space in the store is below its floor."""


class ControlError(V2xSyncError):
    """The control socket cannot be had, or the service refused what was asked."""


class ServiceAway(ControlError):
    """No service answers for this state folder (any more)."""


class DeviceError(V2xSyncError):
    """Something about a whole device; `device` is its configured name."""

    def __init__(self, device: str, what: str, *, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.device: Final = device


class DeviceGone(DeviceError):
    """The device does not answer, or the connection broke."""


class DeviceBusy(DeviceError):
    """The device answers that it is busy; `retry_after_s` is how long it asks to be left alone, where it says so."""

    def __init__(self, device: str, what: str, *, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(device, what, remedy=remedy)
        self.retry_after_s: Final = retry_after_s


class DeviceArmed(DeviceBusy):
    """The vehicle is armed or arming: nothing is asked of it."""


class AccessRefused(DeviceError):
    """The device refused our login or the rights we need on its root."""


class HostKeyRefused(DeviceError):
    """The host key is unknown or differs from the pinned one; `fingerprint` is what the peer showed."""

    def __init__(self, device: str, what: str, *, fingerprint: str = "", remedy: str = "") -> None:
        super().__init__(device, what, remedy=remedy)
        self.fingerprint: Final = fingerprint


class NoSpace(DeviceError):
    """The target has no room (disk full, quota)."""


class ProtocolFault(DeviceError):
    """The peer answered something that its protocol does not allow."""


class ItemError(V2xSyncError):
    """Something about one file; `path` is relative to the device's root."""

    def __init__(self, path: str, what: str, *, remedy: str = "") -> None:
        super().__init__(what, remedy=remedy)
        self.path: Final = path


class ItemMissing(ItemError):
    """The path is not there."""


class ItemChanged(ItemError):
    """The path holds another version than the one asked for."""


class ItemRefused(ItemError):
    """This version cannot be handled and trying again will not help."""


class ItemCorrupt(ItemRefused):
    """The content is no good: refused as corrupt, or damaged in the store. Fetched again once, then held."""


class ItemFailed(ItemError):
    """This file failed now; trying again may help."""


class NameTaken(ItemError):
    """The final name is taken; it is never overwritten."""


class OutcomeUnknown(ItemError):
    """The peer may or may not have done what was asked."""


class IntegrityError(ItemError):
    """The content is not the content that was proven before."""

    def __init__(self, path: str, what: str, *, expected: str = "", got: str = "", remedy: str = "") -> None:
        super().__init__(path, what, remedy=remedy)
        self.expected: Final = expected
        self.got: Final = got


class Cancelled(V2xSyncError):
    """The operation was asked to stop; partial data is kept."""
