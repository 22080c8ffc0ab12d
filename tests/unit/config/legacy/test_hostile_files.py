"""Files that are no config, or a broken one: said in plain words, with no traceback and no value shown."""

from __future__ import annotations

import copy
import json
import os
import tomllib
from pathlib import Path

import pytest
from tests.unit.config.legacy.conftest import Import
from tests.unit.config.legacy.samples import EVERY, SECRET, SIMPLE_PULL, SINGLE_WORKER, TRANSFER_SERVER

from v2xsync.config.legacy.files import LARGEST, read_old
from v2xsync.config.legacy.shapes import draft_of
from v2xsync.config.legacy.writing import Page
from v2xsync.errors import ConfigError

DATABASE = [{"source_path": "/a.jpg", "size": 1, "hash": "", "downloaded": True, "uploaded": False}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b"{", "not valid JSON: line 1"),
        (b"\xff\xfe\xfa", "not valid JSON"),
        (b'{"a": NaN}', "not valid JSON"),
        (b'{"a": 1, "a": 2}', "written twice"),
        (b"[" * 200_000, "nested deeper"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b"9" * 5000, "not valid JSON"),
        (b"null", "no shape"),
        (b"{}", "no shape"),
        (b"[]", "no shape"),
        (b'"text"', "no shape"),
        (b"KEY=VALUE", "no shape"),
        (b"<launch><param name='x'/></launch>", "XML"),
        (b"[devices.x]\ntype = 'local'\n", "config of v2xsync already"),
        (b"SQLite format 3\0" + b"\0" * 100, "SQLite database"),
        (json.dumps(DATABASE).encode(), "database of filesync"),
        (b'[{"source_path": "/2019/a.j', "database of filesync"),
        (b'[{"path_on_px4": "/fs/a.ulg", "uploaded": true}]', "database of ros_px4logs"),
    ],
)
def test_what_is_no_config_is_named(content: bytes, said: str, tmp_path: Path):
    file = tmp_path / "old.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        draft_of([file])
    assert said in str(caught.value)
    assert "old.json" in str(caught.value)


def test_a_file_of_fifty_megabytes_is_not_read(tmp_path: Path):
    file = tmp_path / "large.json"
    with file.open("wb") as stream:
        stream.write(b"[")
        stream.truncate(50 * 10**6)
    with pytest.raises(ConfigError, match="larger than a megabyte"):
        read_old(file)
    assert LARGEST < 50 * 10**6


@pytest.mark.parametrize("kind", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_named_and_never_waited_for(kind: str, tmp_path: Path):
    path = tmp_path / "old.json"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(ConfigError, match="No such file" if kind == "missing" else "not a file"):
        read_old(path)


def test_everything_that_is_wrong_in_all_files_is_told_at_once(bring: Import):
    old = copy.deepcopy(SIMPLE_PULL)
    old["local_data_directory"] = 7.5
    del old["intersections"][0]["ip_address"]
    old["intersections"][1]["username"] = [SECRET]
    old["data_transfer_start_24h"] = {"hour": 25, "minute": 0}
    with pytest.raises(ConfigError) as caught:
        bring(old, "{", {**TRANSFER_SERVER, "ApplicationPlatform": "boat"})
    text = str(caught.value)
    for said in (
        "intersections[0].ip_address: the key is missing",
        "intersections[1].username: this is not a text",
        "data_transfer_start_24h: this time does not exist on a clock",
        "not valid JSON",
        "the role is neither server nor roadside",
    ):
        assert said in text
    assert SECRET not in text


WRONG: tuple[object, ...] = (None, True, 7, -1.5, 1e300, "", "\ud800", "\0", [], [[]], [1], {}, {"x": {"y": None}})


def variants(value: object, wrong: object):
    """Every copy of `value` with one leaf or branch replaced."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            for inner in (wrong, *variants(value[key], wrong)):
                changed = copy.copy(value)
                changed[key] = inner
                yield changed


@pytest.mark.parametrize("shape", EVERY)
def test_any_wrong_value_anywhere_is_a_problem_or_a_page_never_a_crash(shape: str, tmp_path: Path):
    file = tmp_path / "old.json"
    ends = set()
    for wrong in WRONG:
        for changed in variants(EVERY[shape], wrong):
            file.write_text(json.dumps(changed))
            said, page = outcome(file)
            assert SECRET not in said + page
            ends.add(bool(tomllib.loads(page)))
    assert ends == {True, False}, "some are problems, some are pages"


def outcome(file: Path) -> tuple[str, str]:
    """What the import says, or the page that it makes."""
    try:
        return "", Page(draft_of([file])).text()
    except ConfigError as error:
        return str(error), ""


def test_lists_without_end_are_refused(bring: Import):
    with pytest.raises(ConfigError, match="more than 1000 entries"):
        bring({"workers": [{}] * 1001})


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_files_as_other_systems_save_them_are_read(encoding: str, tmp_path: Path):
    file = tmp_path / "old.json"
    file.write_text(json.dumps(SINGLE_WORKER), encoding=encoding)
    assert read_old(file) == SINGLE_WORKER
