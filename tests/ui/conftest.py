"""The screen's tests see the same terminal everywhere, whatever the machine's environment says."""

from __future__ import annotations

import asyncio
import inspect
import os

import pytest

from v2xsync.ui.launch import set_defaults

set_defaults(os.environ, low_bandwidth=False)


@pytest.fixture(autouse=True)
def same_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """One terminal, one locale, no SSH, colours on."""
    for name in ("NO_COLOR", "SSH_CONNECTION", "LC_ALL", "LC_CTYPE", "TEXTUAL_THEME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("LANG", "C.UTF-8")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def` tests, each in a loop of its own; pytest alone would not."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
