"""Requests to send and prove, as the engine makes them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

from tests.contract.ends import Contents
from tests.contract.far import WHEN_NS

from v2xsync.devices.base import Proven, ProveRequest, SendRequest, partial_beside
from v2xsync.devices.irods import IrodsDevice
from v2xsync.errors import ItemError
from v2xsync.model.items import Proof


def request(path: str, data: bytes, token: int = 0, *, known: bool = True, resume: bool = True) -> SendRequest:
    """A request to send `data` as `path`."""
    return SendRequest(
        token,
        path,
        partial_beside(path, f"st-{token}"),
        len(data),
        WHEN_NS,
        hashlib.sha256(data).hexdigest() if known else "",
        resume,
        {"source": "clay-11th", "element": "spat", "route": "r", "path": path},
    )


def send(device: IrodsDevice, *requests: SendRequest, data: bytes) -> Contents:
    """Send `data` for each of `requests`."""
    feed = Contents({one.token: data for one in requests})
    device.send(iter(requests), feed)
    return feed


def prove(device: IrodsDevice, path: str, size: int, proof: Proof = Proof.HASH) -> Proven | ItemError:
    """What the device says when it is asked again."""
    ((_, answer),) = device.prove([ProveRequest(0, path, size, proof)])
    return answer


def until(happened: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    waiting = True
    while waiting:
        waiting = not happened()
        assert not waiting or time.monotonic() < deadline, "it does not happen"
