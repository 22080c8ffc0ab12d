"""The questions that are asked: how to quit, whether to stop a transfer, how to release a hold."""

from __future__ import annotations

from v2xsync.ledger.base import Hold
from v2xsync.model.views import StationState, StationView
from v2xsync.ui import words
from v2xsync.ui.deeds import name_of
from v2xsync.ui.ink import Picture
from v2xsync.ui.screens.ask import Answer, Ask

FINISH = "finish"
LEAVE = "leave"
STOP = "stop"
AGAIN = "again"
ACCEPT = "accept"
YES = "yes"


def how_to_quit(picture: Picture, *, can_leave: bool = False) -> Ask:
    """Return the quit dialog: stay, leave the station running, finish the files in motion, or stop now."""
    view = picture.view
    stay = Answer("", "Stay", "go on as before", "")
    leave = (Answer(LEAVE, "Leave it running", "close this window, the station goes on", "l"),) if can_leave else ()
    stop = Answer(STOP, "Stop now", "partials are kept and resumed next time", "s")
    if view.state is StationState.DRAINING:
        text = f"The station finishes {words.files(len(view.transfers))} in motion and ends by itself."
        return Ask("Quit v2xsync?", (text,), (Answer("", "Wait", "let it finish", ""), *leave, stop), picture)
    finish = Answer(FINISH, "Finish, then quit", "complete what is in motion first", "f")
    return Ask("Quit v2xsync?", (_in_motion(view),), (stay, *leave, finish, stop), picture)


def how_to_close(picture: Picture) -> Ask:
    """Return the quit dialog of an attached window: the service is another process, and goes on unless told."""
    stay = Answer("", "Stay", "go on looking", "")
    leave = Answer(LEAVE, "Close this window", "the service goes on", "l")
    if picture.view.state is StationState.AWAY:
        return Ask("Close this window?", ("The service does not answer now.",), (stay, leave), picture)
    finish = Answer(FINISH, "Drain the service", "it completes what is in motion, then ends", "f")
    stop = Answer(STOP, "Stop the service", "partials are kept and resumed next time", "s")
    text = "The station runs as a service of its own, and goes on without this window."
    return Ask("Close this window?", (text,), (stay, leave, finish, stop), picture)


def _in_motion(view: StationView) -> str:
    moving, queued = len(view.transfers), view.totals.queued
    if not moving and not queued:
        return "Nothing is in motion and nothing waits. The schedule stands still while v2xsync is not running."
    verb = "is" if moving == 1 else "are"
    waits = "waits" if queued == 1 else "wait"
    waiting = f"; {words.files(queued)} {waits} and will be taken up at the next start" if queued else ""
    return f"{words.files(moving) if moving else 'No file'} {verb} in motion{waiting}. Nothing is forgotten."


def stop_transfer(question: str, picture: Picture) -> Ask:
    """Return the question before a transfer with progress is stopped."""
    answers = (
        Answer("", "Keep going", "", ""),
        Answer(YES, "Stop it", "keep the partial, queue it again", "s"),
    )
    return Ask("Stop this transfer?", (question,), answers, picture)


def how_to_release(hold: Hold, picture: Picture) -> Ask:
    """Return the release dialog: again, or (where a person may vouch) accept; no default does anything."""
    again = Answer(AGAIN, "Do it again", "the held step is done once more", "a")
    if hold.may_accept:
        again = Answer(AGAIN, "Send it again", "if it did arrive, the target has it twice", "a")
    accept = Answer(ACCEPT, "Accept it", "you vouch for it, with your name", "v")
    answers = (Answer("", "Leave it on hold", "nothing changes", ""), again, *((accept,) if hold.may_accept else ()))
    return Ask(f"Release this hold at {hold.device}?", (name_of(hold.path), hold.reason), answers, picture)
