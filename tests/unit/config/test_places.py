"""One place under two names is found out: by path, by link, by mount, by the many names of a host."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2xsync.config.places import Overlap, folder_place, host_place


def test_a_folder_is_itself_through_a_link_and_a_detour(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    here = folder_place(tmp_path / "a")
    assert folder_place(tmp_path / "link").overlap(here) is Overlap.SAME
    assert folder_place(tmp_path / "a" / "b" / "..").overlap(here) is Overlap.SAME
    assert folder_place(tmp_path / "link" / "b").overlap(here) is Overlap.INSIDE
    assert here.overlap(folder_place(tmp_path / "link" / "b")) is Overlap.AROUND


def test_folders_that_are_not_there_yet_are_compared_by_path(tmp_path: Path) -> None:
    assert folder_place(tmp_path / "x" / "y").overlap(folder_place(tmp_path / "x")) is Overlap.INSIDE
    assert folder_place(tmp_path / "x").overlap(folder_place(tmp_path / "xy")) is Overlap.NONE


@pytest.mark.parametrize(
    ("host", "root", "found"),
    [
        ("10.1.2.3", "/data", Overlap.SAME),
        ("10.1.2.3", "/data/../data/", Overlap.SAME),
        ("10.1.2.3", "/data/in", Overlap.AROUND),
        ("10.1.2.3", "/", Overlap.INSIDE),
        ("10.1.2.3", "/database", Overlap.NONE),
        ("10.1.2.3", "data", Overlap.NONE),
        ("10.1.2.4", "/data", Overlap.NONE),
    ],
)
def test_roots_of_one_host_are_compared(host: str, root: str, found: Overlap) -> None:
    assert host_place("sftp", "10.1.2.3", 22, "me", "/data").overlap(host_place("sftp", host, 22, "me", root)) is found


@pytest.mark.parametrize(
    ("one", "other"), [("localhost", "127.0.0.1"), ("::1", "127.0.0.9"), ("Clay.example.", "clay.EXAMPLE")]
)
def test_a_host_is_itself_under_its_other_names(one: str, other: str) -> None:
    first, second = (host_place("sftp", host, 22, "me", "/d") for host in (one, other))
    assert first.overlap(second) is Overlap.SAME


def test_another_port_is_another_host_and_another_user_may_see_another_tree() -> None:
    here = host_place("sftp", "h", 22, "me", "/d")
    assert here.overlap(host_place("sftp", "h", 2222, "me", "/d")) is Overlap.NONE
    assert here.overlap(host_place("sftp", "h", 22, "you", "/d")) is Overlap.UNSURE
