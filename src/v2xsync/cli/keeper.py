"""The keeper: a second process that holds the place in the foreground, so that the station can leave it.

A shell waits for the process that it started. On Linux that is the keeper: it waits for the station, its child, passes
signals on, and ends like it. When a person leaves the station running, the station takes a session of its own, lets go
of the terminal, and sends the keeper home: the shell is back, the engine never stopped. When the keeper is killed, the
station is told to drain.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import Final

HOME: Final = "SIGUSR2"
"""The station sends its keeper home with it."""

_PASSED_ON: Final = ("SIGTERM", "SIGHUP", "SIGINT")
_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that this process gets when its parent dies."""

Leave = Callable[[], None]
"""Called by the station when it leaves its terminal for good."""


def kept(run: Callable[[Leave | None], int]) -> int:
    """Run the station in a child with a keeper before it; returns its exit code (in both processes).

    Where that cannot be, `run` gets None and runs here. No thread may have been started yet.
    """
    if not (hasattr(os, "fork") and hasattr(signal, "sigwaitinfo")):
        return run(None)
    numbers = {getattr(signal, name) for name in (*_PASSED_ON, HOME, "SIGCHLD")}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    keeper = os.getpid()
    child = os.fork()
    if child:
        return _keep(child, numbers)
    _die_with(keeper)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return run(lambda: _leave(keeper))


def _keep(child: int, numbers: set[int]) -> int:
    """Wait for the child and pass signals on."""
    while True:
        came = signal.sigwaitinfo(numbers)
        if came.si_signo == getattr(signal, HOME):
            return 0
        if came.si_signo == signal.SIGCHLD:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
        elif came.si_signo != signal.SIGINT or came.si_code <= 0:  # a terminal gives Ctrl+C to both by itself
            os.kill(child, came.si_signo)


def _die_with(keeper: int) -> None:
    """Have the kernel tell this process to drain when its keeper is gone."""
    _parent_death_signal(signal.SIGTERM)
    if os.getppid() != keeper:
        signal.raise_signal(signal.SIGTERM)


def _leave(keeper: int) -> None:
    """Take a session of our own, and let the keeper end."""
    _parent_death_signal(0)
    os.setsid()
    os.kill(keeper, getattr(signal, HOME))


def _parent_death_signal(number: int) -> None:
    """Set it where the system has prctl; elsewhere a killed keeper leaves the station alone, which is no harm."""
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
