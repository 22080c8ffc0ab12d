"""Renames that never overwrite, by every way there is; syncs that say what they could not do."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from v2xsync.devices import durable


def refuse(code: int) -> Callable[[str], Any]:
    """A C library whose calls all fail with `code`."""
    import ctypes

    def call(*arguments: Any) -> int:
        ctypes.set_errno(code)
        return -1

    return lambda name: call


def no_links(*arguments: Any, **named: Any) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture(params=["renameat2", "missing call", "unable file system", "no links"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way a rename can go."""
    if request.param == "missing call":
        monkeypatch.setattr(durable, "_libc_function", lambda name: None)
    elif request.param != "renameat2":
        monkeypatch.setattr(durable, "_libc_function", refuse(errno.EINVAL))
    if request.param == "no links":
        monkeypatch.setattr(os, "link", no_links)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("inside", [True, False], ids=["in a folder", "by path"])
class TestRename:
    def test_a_free_name_is_given(self, tmp_path: Path, inside: bool) -> None:
        (tmp_path / "a").write_bytes(b"a")
        self.rename(tmp_path, "a", "b", inside=inside)
        assert [path.name for path in tmp_path.iterdir()] == ["b"]

    @pytest.mark.parametrize("kind", ["file", "folder", "link"])
    def test_a_taken_name_is_kept(self, tmp_path: Path, inside: bool, kind: str) -> None:
        (tmp_path / "a").write_bytes(b"a")
        taken = tmp_path / "b"
        if kind == "file":
            taken.write_bytes(b"b")
        elif kind == "folder":
            taken.mkdir()
        else:
            taken.symlink_to("nowhere")
        with pytest.raises(FileExistsError):
            self.rename(tmp_path, "a", "b", inside=inside)
        assert (tmp_path / "a").read_bytes() == b"a"
        assert (taken.is_symlink(), taken.is_dir()) == (kind == "link", kind == "folder")
        assert kind != "file" or taken.read_bytes() == b"b"

    def test_a_missing_name_is_told(self, tmp_path: Path, inside: bool) -> None:
        with pytest.raises(FileNotFoundError):
            self.rename(tmp_path, "a", "b", inside=inside)

    def rename(self, folder: Path, old: str, new: str, *, inside: bool) -> None:
        if not inside:
            durable.rename_noreplace(folder / old, folder / new)
            return
        fd = os.open(folder, os.O_RDONLY)
        try:
            durable.rename_noreplace(old, new, folder_fd=fd)
        finally:
            os.close(fd)


def test_syncs_reach_files_folders_and_file_systems(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.write(b"x")
        file.flush()
        durable.sync_file(file.fileno())
    durable.sync_folder(tmp_path)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        durable.sync_folder(fd)
        assert durable.sync_filesystem(fd) == durable.sync_filesystem(tmp_path)
    finally:
        os.close(fd)


@pytest.mark.parametrize("code", [None, errno.ENOSYS])
def test_a_missing_syncfs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int | None) -> None:
    monkeypatch.setattr(durable, "_libc_function", refuse(code) if code else lambda name: None)
    assert durable.sync_filesystem(tmp_path) is False


def test_a_failed_syncfs_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(durable, "_libc_function", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        durable.sync_filesystem(tmp_path)


def test_a_folder_that_cannot_be_synced_is_as_durable_as_it_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unable(fd: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", unable)
    durable.sync_folder(tmp_path)
    with pytest.raises(OSError, match="Invalid argument"):
        durable.sync_file(0)
