"""What a disk's trouble means: with one file, or with the whole device."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.contract.ends import MIB, Contents, content
from tests.contract.far import WHEN_NS
from tests.contract.target_checks import plan
from tests.devices.local.boxes import Box

from v2xsync.devices import durable
from v2xsync.devices.base import OVERLAP_BYTES, ProveRequest, RemoveRequest
from v2xsync.devices.local import LocalDevice, LocalOptions
from v2xsync.errors import (
    AccessRefused,
    Cancelled,
    DeviceBusy,
    DeviceError,
    DeviceGone,
    ItemFailed,
    ItemRefused,
    NoSpace,
    OutcomeUnknown,
)
from v2xsync.model.items import Entry, Proof, Unlistable

# --- the root ---------------------------------------------------------------------------------------------------------

VERBS: dict[str, Callable[[Box], object]] = {
    "probe": lambda box: box.device.probe(),
    "list": lambda box: list(box.device.list()),
    "stat": lambda box: box.device.stat(["a.csv"]),
    "fetch": lambda box: box.fetch("a.csv"),
    "remove": lambda box: list(box.device.remove([RemoveRequest(0, "a.csv", box.version())])),
    "prune": lambda box: box.device.prune(["d"]),
    "send": lambda box: box.send("b.csv"),
    "prove": lambda box: list(box.device.prove([ProveRequest(0, "a.csv", 4, Proof.SIZE)])),
    "sweep": lambda box: box.device.sweep([""], frozenset()),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
class TestRoot:
    """A root that is not the one that was connected is `DeviceGone` for every verb, never missing files (R7)."""

    def test_gone(self, box: Box, verb: Callable[[Box], object]) -> None:
        box.put("a.csv")
        box.root.rename(box.root.with_name("away"))
        with pytest.raises(DeviceGone):
            verb(box)

    def test_replaced_by_an_empty_folder(self, box: Box, verb: Callable[[Box], object]) -> None:
        """What an unmounted drive leaves behind."""
        box.put("a.csv")
        box.root.rename(box.root.with_name("away"))
        box.root.mkdir()
        with pytest.raises(DeviceGone):
            verb(box)
        assert list(box.root.iterdir()) == []
        box.device.close()
        box.device.connect()
        verb(box)

    def test_not_connected(self, box: Box, verb: Callable[[Box], object]) -> None:
        box.device.close()
        with pytest.raises(DeviceGone):
            verb(box)


@pytest.mark.parametrize("what", ["missing", "file"])
def test_connect_needs_a_folder(tmp_path: Path, what: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DeviceGone) as caught:
        LocalDevice("box", LocalOptions(root=tmp_path / what)).connect()
    assert caught.value.device == "box"
    assert caught.value.remedy
    assert not (tmp_path / "missing").exists()


def test_a_root_that_vanishes_in_the_middle_of_a_listing_ends_it(box: Box) -> None:
    for number in range(20):
        box.put(f"d{number}/a.csv")
    listing = box.device.list()
    next(listing)
    box.root.rename(box.root.with_name("away"))
    with pytest.raises(DeviceGone):
        list(listing)


def test_what_vanishes_in_the_middle_of_a_listing_is_left_out(box: Box) -> None:
    for name in ("d/a.csv", "e/a.csv"):
        box.put(name)
    seen = []
    for entry in box.device.list():
        seen.append(entry.path)
        if len(seen) == 2:
            shutil.rmtree(box.root / seen[0])
    assert len(seen) == 3
    assert seen[0] not in {path.rpartition("/")[0] for path in seen}


def test_a_deep_tree_is_listed(box: Box) -> None:
    deep = "/".join(["d"] * 300)
    box.put(f"{deep}/a.csv")
    assert f"{deep}/a.csv" in {entry.path for entry in box.device.list()}
    assert box.fetch(f"{deep}/a.csv").content(0) == b"data"


# --- rights -----------------------------------------------------------------------------------------------------------

NOBODY = 65_534


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Give up the superuser's rights for a while; nothing to do for anybody else."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


@pytest.fixture
def open_box() -> Iterator[Box]:
    """A box that other users can reach."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    box = Box(place / "root")
    (box.root / "locked").mkdir()
    box.put("locked/a.csv")
    box.put("secret.csv")
    box.put("plain.csv")
    yield box
    for path in (box.root, box.root / "locked"):
        path.chmod(0o755)
    shutil.rmtree(place)


class TestRights:
    def test_a_locked_folder_is_unlistable_and_the_rest_is_listed(self, open_box: Box) -> None:
        (open_box.root / "locked").chmod(0)
        with as_somebody_else():
            found = list(open_box.device.list())
        assert {e.path for e in found if isinstance(e, Entry)} == {"locked", "secret.csv", "plain.csv"}
        assert [e.path for e in found if isinstance(e, Unlistable)] == ["locked"]

    def test_a_secret_file_is_refused_with_a_remedy(self, open_box: Box) -> None:
        (open_box.root / "secret.csv").chmod(0)
        with as_somebody_else():
            error = open_box.fetch("secret.csv").errors[0]
        assert isinstance(error, ItemRefused)
        assert "right" in error.remedy

    def test_a_file_that_may_not_be_removed_is_refused(self, open_box: Box) -> None:
        open_box.root.chmod(0o555)
        with as_somebody_else():
            ((_, error),) = open_box.device.remove([RemoveRequest(0, "plain.csv", open_box.version())])
        assert isinstance(error, ItemRefused)
        assert (open_box.root / "plain.csv").exists()

    def test_a_target_without_write_rights_is_refused_as_a_whole(self, open_box: Box) -> None:
        open_box.root.chmod(0o555)
        with as_somebody_else(), pytest.raises(AccessRefused):
            open_box.send("new.csv")

    def test_one_folder_without_write_rights_refuses_its_files_only(self, open_box: Box) -> None:
        open_box.root.chmod(0o777)
        (open_box.root / "locked").chmod(0o555)
        with as_somebody_else():
            feed = open_box.send("locked/new.csv", "new.csv")
        assert isinstance(feed.errors[0], ItemRefused)
        assert set(feed.sent) == {1}

    def test_a_root_without_read_rights_is_refused(self, open_box: Box) -> None:
        open_box.root.chmod(0)
        open_box.device.close()
        with as_somebody_else(), pytest.raises(AccessRefused):
            open_box.device.connect()


# --- the system's errors ----------------------------------------------------------------------------------------------


def failing(call: Any, code: int, after: int = 0) -> Callable[..., Any]:
    """`call`, which raises `code` from its (after + 1)-th use on."""
    used = 0

    def fail(*arguments: Any, **named: Any) -> Any:
        nonlocal used
        used += 1
        if used > after:
            raise OSError(code, os.strerror(code))
        return call(*arguments, **named)

    return fail


@pytest.mark.parametrize(
    ("code", "error"),
    [(errno.EIO, ItemFailed), (errno.ESTALE, DeviceGone), (errno.ENODEV, DeviceGone), (errno.ENOTCONN, DeviceGone)],
)
def test_read_errors(box: Box, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]) -> None:
    """A bad sector is trouble with one file; a drive that was pulled is not."""
    box.put("a.csv")
    monkeypatch.setattr(os, "read", failing(os.read, code))
    if issubclass(error, DeviceError):
        with pytest.raises(error):
            box.fetch("a.csv")
    else:
        assert isinstance(box.fetch("a.csv").errors[0], error)


def test_a_bad_sector_of_a_drive_that_was_pulled_is_the_drive(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put("a.csv")

    def pull(fd: int, length: int) -> bytes:
        box.root.rename(box.root.with_name("away"))
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "read", pull)
    with pytest.raises(DeviceGone):
        box.fetch("a.csv")


def test_too_many_open_files_is_a_busy_device(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    box.put("a.csv")
    opened = os.open
    monkeypatch.setattr(os, "open", lambda path, *a, **k: failing(opened, errno.EMFILE, path != "a.csv")(path, *a, **k))
    with pytest.raises(DeviceBusy):
        box.fetch("a.csv")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EROFS, DeviceGone),
        (errno.EFBIG, ItemRefused),
        (errno.EIO, ItemFailed),
    ],
)
def test_write_errors(box: Box, monkeypatch: pytest.MonkeyPatch, code: int, error: type[Exception]) -> None:
    monkeypatch.setattr(os, "write", failing(os.write, code))
    if issubclass(error, DeviceError):
        with pytest.raises(error):
            box.send("a.csv")
    else:
        assert isinstance(box.send("a.csv").errors[0], error)
    assert not (box.root / "a.csv").exists()


def test_a_full_disk_still_names_what_was_complete(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else a full target would take the same files again and again and never finish one."""
    monkeypatch.setattr(os, "write", failing(os.write, errno.ENOSPC, after=2))
    feed = Contents(dict.fromkeys(range(4), b"x"))
    with pytest.raises(NoSpace):
        box.device.send([plan(f"{token}.csv", b"x", token) for token in range(4)], feed)
    assert set(feed.sent) == {0, 1}
    assert {"0.csv", "1.csv"} <= box.names()
    assert "2.csv" not in box.names()


def test_a_failed_sync_builds_nothing_on_the_partials(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a failed fsync the pages count as clean, and whether they are on the disk nobody can tell."""
    monkeypatch.setattr(durable, "sync_filesystem", failing(None, errno.EIO))
    feed = box.send("a.csv", "d/b.csv")
    assert all(isinstance(error, ItemFailed) for error in feed.errors.values())
    assert set(feed.errors) == {0, 1}
    assert box.names() == {"d"}


def test_names_that_may_not_be_on_the_disk_are_unknown(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "sync_folder", failing(None, errno.EIO))
    assert isinstance(box.send("a.csv").errors[0], OutcomeUnknown)
    assert box.names() == {"a.csv"}


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
@pytest.mark.parametrize("stop_at", [0, MIB - OVERLAP_BYTES, MIB], ids=["start", "overlap", "middle"])
def test_a_stop_leaves_nothing_open(box: Box, stop_at: int) -> None:
    if stop_at:
        box.put(".v2xsync-st-1.part", content(MIB))

    def stop(token: int, offset: int) -> None:
        if token == 1 and offset >= stop_at:
            raise Cancelled("stop")

    before = open_descriptors()
    feed = Contents({0: b"x", 1: content(3 * MIB)}, stop)
    with pytest.raises(Cancelled):
        box.device.send([plan("a.bin", b"x"), plan("b.bin", content(3 * MIB), 1)], feed)
    assert open_descriptors() == before
    assert set(feed.sent) == {0}
    assert "b.bin" not in box.names()


# --- order and times --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("files", [1, 3], ids=["one", "a batch"])
def test_content_then_names_then_folders_then_done(box: Box, monkeypatch: pytest.MonkeyPatch, files: int) -> None:
    """Invariant 3: a final name appears after the content is on the disk, and is told after it is there itself."""
    steps: list[str] = []

    def noted(name: str) -> Callable[..., Any]:
        real = getattr(durable, name)

        def call(*arguments: Any, **named: Any) -> Any:
            steps.append(name)
            return real(*arguments, **named)

        return call

    for name in ("sync_file", "sync_folder", "sync_filesystem", "rename_noreplace"):
        monkeypatch.setattr(durable, name, noted(name))
    monkeypatch.setattr(Contents, "done", lambda feed, token, sent: steps.append("done"))
    box.send(*(f"d/{number}.csv" for number in range(files)))
    if files == 1:
        assert steps == ["sync_file", "rename_noreplace", "sync_folder", "sync_folder", "done"]
    else:
        assert steps == ["sync_filesystem", *["rename_noreplace"] * 3, "sync_filesystem", *["done"] * 3]


def test_a_big_file_does_not_wait_for_a_batch(box: Box) -> None:
    ended: list[int] = []

    def watch(token: int, offset: int) -> None:
        if token == 1:
            ended.append(len(feed.sent))

    feed = Contents({0: content(20 * MIB), 1: b"x"}, watch)
    box.device.send([plan("a.bin", content(20 * MIB)), plan("b.bin", b"x", 1)], feed)
    assert ended == [1]


def test_a_nanosecond_is_another_version(box: Box) -> None:
    place = box.put("a.csv")
    assert 0 in box.fetch("a.csv").finished
    os.utime(place, ns=(WHEN_NS + 1, WHEN_NS + 1))
    assert 0 in box.fetch("a.csv").errors


def test_a_flash_drive_that_shifted_by_an_hour_holds_the_same_version(box: Box) -> None:
    """Requirement R13."""
    place = box.put("a.csv")
    os.utime(place, ns=(WHEN_NS + 3_600 * 10**9, WHEN_NS + 3_600 * 10**9))
    stick = LocalDevice("stick", LocalOptions(root=box.root, step_ns=2 * 10**9, fat_times=True, case_sensitive=False))
    stick.connect()
    answers = dict(stick.remove([RemoveRequest(0, "a.csv", box.version())]))
    assert answers == {0: None}
