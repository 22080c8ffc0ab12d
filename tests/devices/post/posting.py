"""A device and one file, or a few, to post to a server of the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.contract.ends import Contents
from tests.servers.form_server import FormServer

from v2xsync.devices.base import SendRequest
from v2xsync.devices.post import Form, PostDevice, PostOptions
from v2xsync.errors import ItemError

ULOG = b"\x55\x4c\x6f\x67\x01\x12\x35\x01" + bytes(range(8)) + b"(\x00B" + b"\0" * 30
"""A flight log as short as can be: header and the beginning of a flag-bits message."""

PATHS: Mapping[Form, str] = {Form.FLIGHT_REVIEW: "/upload", Form.MULTIPART: "/files", Form.RAW: "/"}


def device(server: FormServer, form: Form = Form.MULTIPART, **options: Any) -> PostDevice:
    """A connected session at `server`."""
    usual: dict[str, Any] = {"url": server.url(PATHS[form]), "timeout_s": 20.0}
    session = PostDevice("form", PostOptions(form=form, **(usual | options)))
    session.connect()
    return session


def request(path: str, size: int, token: int = 0, /, **facts: str) -> SendRequest:
    """A request as the engine makes it."""
    return SendRequest(token, path, f"{path.rpartition('/')[0]}/.v2xsync-{token}.part".lstrip("/"), size, facts=facts)


def post(session: PostDevice, content: bytes, path: str = "log.ulg", **facts: str) -> Contents:
    """Send one file."""
    feed = Contents({0: content})
    session.send([request(path, len(content), **facts)], feed)
    return feed


def refusal(session: PostDevice, content: bytes, path: str = "log.ulg") -> ItemError:
    """Send one file, which must not succeed; returns why."""
    feed = post(session, content, path)
    assert feed.sent == {}
    return feed.errors[0]
