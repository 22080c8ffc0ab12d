"""The served socket: who may talk, and what a hostile caller gets: nothing, and nobody notices."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.control.conftest import Post, TurnedClock, read_to_end, wait_for
from tests.ui import cast, scenes

from v2xsync.control import address
from v2xsync.control.messages import MOST_REQUEST_BYTES
from v2xsync.control.server import MOST_LINES, PATIENCE_S, ControlServer, serving
from v2xsync.errors import ControlError, ServiceAway

HELLO = b'{"v":1,"id":1,"do":"hello"}\n'


def still_serves(post: Post) -> bool:
    caller = post.call()
    try:
        return caller.view(5).name == post.station.scene.name
    finally:
        caller.close()


# --- the facade, through the socket -----------------------------------------------------------------------------------


def test_every_picture_comes_over_as_it_is(post: Post) -> None:
    caller = post.call()
    assert caller.view(200) == post.station.view(200)
    assert list(caller.events_since(0)) == list(post.station.events)
    assert list(caller.history()) == list(post.station.lines)
    assert list(caller.holds()) == list(post.station.held)
    assert caller.why(4) == post.station.whys[4]
    assert caller.why(999) is None


def test_every_wish_arrives(post: Post) -> None:
    caller = post.call()
    source, route = post.station.scene.devices[0].name, post.station.scene.routes[0].name
    caller.force([source])
    caller.pause([route])
    caller.resume()
    assert caller.retry() == 0
    caller.cancel(3)
    caller.bring_to_front(4)
    assert caller.release((4, 5), accept=True, by="dana") == 2
    assert caller.release((4,), accept=True, by="dana", devices=["px4", "cyverse"]) == 1
    caller.acknowledge_errors()
    assert caller.outcome().asked is False
    caller.drain()
    caller.stop()
    assert post.station.asked == [
        ("force", source), ("pause", route), ("resume",), ("retry",), ("cancel", 3), ("front", 4),
        ("release", 4, 5, True, "dana"),
        ("release", 4, True, "dana", "cyverse", "px4"), ("acknowledge",), ("drain",), ("stop",),
    ]  # fmt: skip


def test_rows_of_the_queue_are_sent_again_only_when_they_changed_and_stay_the_same_objects(post: Post) -> None:
    post.station.scene = scenes.long_queue(300).scene
    caller = post.call()
    first = caller.view(300)
    assert caller.view(300).queue is first.queue
    post.station.change(queue=post.station.scene.queue[1:])
    second = caller.view(300)
    assert second.queue == post.station.scene.queue
    assert all(new is old for new, old in zip(second.queue, first.queue[1:], strict=True))


def test_two_at_once_are_served_and_a_window_that_is_read_only_changes_nothing(post: Post) -> None:
    one, other = post.call(), post.call(read_only=True)
    assert one.view().name == other.view().name
    with pytest.raises(ControlError, match="read-only"):
        other.stop()
    assert other.view().name == one.view().name
    assert post.station.asked == []


def test_a_name_that_the_service_does_not_know_is_refused(post: Post) -> None:
    with pytest.raises(ControlError, match="knows no route or device"):
        post.call().pause(["no-such-thing"])
    assert post.station.asked == []


def test_names_that_are_no_text_come_over_as_they_are_drawn(post: Post) -> None:
    post.station.lines = [replace(cast.history()[0], path="a\udcff\x1b[31m.csv")]
    (line,) = post.call().history()
    assert line.path == "a\\udcff\\x1b[31m.csv"


# --- the socket itself ------------------------------------------------------------------------------------------------


def test_the_socket_is_for_this_user_alone_and_goes_with_the_server(post: Post) -> None:
    path = post.folder / address.SOCKET_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(post.folder.stat().st_mode) == 0o700
    post.server.stop()
    assert not path.exists()
    post.start()


def test_a_socket_that_a_dead_process_left_is_replaced(folder: Path) -> None:
    dead = address.new_socket()
    dead.bind(str(folder / address.SOCKET_NAME))
    dead.close()
    post = Post(folder, scenes.busy())
    assert still_serves(post)
    post.end()


def test_a_socket_where_somebody_listens_is_left_alone(post: Post) -> None:
    with pytest.raises(ControlError, match="somebody else listens"):
        ControlServer(scenes.busy(), post.folder, post.clock).start()
    assert still_serves(post)


def test_what_is_no_socket_is_left_alone_and_said_once(folder: Path) -> None:
    (folder / address.SOCKET_NAME).write_text("mine")
    said: list[str] = []
    with serving(scenes.busy(), folder, TurnedClock(), said.append):
        pass
    assert len(said) == 1
    assert "no socket" in said[0]
    assert (folder / address.SOCKET_NAME).read_text() == "mine"


def test_without_unix_sockets_it_is_said_once_and_all_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_UNIX")
    said: list[str] = []
    with serving(scenes.busy(), folder, TurnedClock(), said.append):
        pass
    assert len(said) == 1
    assert "no Unix sockets" in said[0]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc")
def test_a_state_folder_with_a_very_long_path_has_its_socket_too(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    post = Post(folder, scenes.busy())
    assert still_serves(post)
    assert (folder / address.SOCKET_NAME).is_socket()
    post.end()


def test_where_nobody_listens_the_service_is_away(folder: Path) -> None:
    with pytest.raises(ServiceAway, match="no service answers"):
        address.dial(folder, 1.0)
    dead = address.new_socket()
    dead.bind(str(folder / address.SOCKET_NAME))
    with pytest.raises(ServiceAway):
        address.dial(folder, 1.0)
    dead.close()


_STRANGER = """
import os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
line = socket.socket(socket.AF_UNIX)
line.connect(sys.argv[1])
print(line.recv(4096).decode())
"""


@pytest.fixture
def open_post() -> Iterator[Post]:
    """A post whose folder and socket let anybody in, so that only the kernel's word is left."""
    with tempfile.TemporaryDirectory() as name:
        post = Post(Path(name), scenes.busy())
        post.folder.chmod(0o755)
        (post.folder / address.SOCKET_NAME).chmod(0o666)
        yield post
        post.end()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")
def test_another_user_is_refused_even_where_the_modes_let_him_in(open_post: Post) -> None:
    command = [sys.executable, "-c", _STRANGER, str(open_post.folder / address.SOCKET_NAME)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "another user" in done.stdout, done.stderr
    assert still_serves(open_post)


# --- hostile callers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"\x00\xff garbage \x1b[31m\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"v":1,"id":1,"do":"stop"}\n',
        b'{"v":9,"id":1}\n',
        b"\n",
    ],
    ids=["garbage", "http", "no hello", "version", "empty"],
)
def test_who_speaks_no_sense_is_told_and_shown_the_door(data: bytes, post: Post) -> None:
    raw = post.raw()
    raw.sendall(data)
    answer = json.loads(read_to_end(raw))
    assert answer["fault"]["what"].isprintable()
    assert post.station.asked == []
    assert still_serves(post)


def test_a_line_of_ten_megabytes_is_cut_off_early(post: Post) -> None:
    raw, sent = post.raw(), 0
    block = b"x" * 65_536
    try:
        while sent < 10_000_000:
            sent += raw.send(block)
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert sent < 20 * MOST_REQUEST_BYTES
    assert still_serves(post)


@pytest.mark.parametrize("words", [b"", b'{"v":1,"id":1,"do":'], ids=["silence", "half a message"])
def test_who_never_says_hello_is_dropped_after_a_while(words: bytes, post: Post) -> None:
    raw = post.raw()
    raw.sendall(words)
    assert still_serves(post)
    post.clock.ahead_s += PATIENCE_S + 1
    assert read_to_end(raw) == b""
    assert still_serves(post)


def test_half_a_message_after_a_good_one_is_dropped_too(post: Post) -> None:
    raw = post.raw()
    raw.sendall(HELLO)
    assert b'"ok"' in raw.recv(4096)
    raw.sendall(b'{"v":1,"id":2,')
    wait_for(lambda: still_serves(post), "a turn of the server")
    post.clock.ahead_s += PATIENCE_S + 1
    assert read_to_end(raw) == b""


def test_a_caller_that_never_reads_is_dropped_and_others_never_wait_for_it(post: Post) -> None:
    post.station.scene = scenes.long_queue(10_000).scene
    raw = post.raw()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.sendall(HELLO + b"".join(b'{"v":1,"id":%d,"do":"history"}\n' % n for n in range(2, 400)))
    raw.sendall(b'{"v":1,"id":999,"do":"view","queue_rows":10000}\n')
    for _ in range(5):
        assert still_serves(post)
    post.clock.ahead_s += PATIENCE_S + 1
    assert still_serves(post)
    assert still_serves(post), "the server has looked around"
    assert len(read_to_end(raw)) < 2_000_000, "what was on its way, and no more"
    assert still_serves(post)


def test_an_attached_window_that_is_quiet_for_hours_stays(post: Post) -> None:
    caller = post.call()
    caller.view()
    post.clock.ahead_s += 10_000
    assert still_serves(post)
    post.clock.ahead_s += 10_000
    assert caller.view().name == post.station.scene.name


def test_too_many_are_refused_and_there_is_room_again_when_they_go(post: Post) -> None:
    lines = [post.raw() for _ in range(MOST_LINES)]
    for raw in lines:
        raw.sendall(HELLO)
        raw.recv(4096)
    with pytest.raises(ControlError):
        post.call()
    lines[0].close()
    wait_for(lambda: _has_room(post), "room")


def _has_room(post: Post) -> bool:
    try:
        post.call().close()
    except ControlError:
        return False
    return True


def test_a_caller_that_hangs_up_in_the_middle_leaves_nothing_behind(post: Post) -> None:
    for _ in range(3 * MOST_LINES):
        raw = post.raw()
        raw.sendall(HELLO + b'{"v":1,"id":2,"do":"view"}\n')
        raw.close()
    assert still_serves(post)
