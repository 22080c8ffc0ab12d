"""What lies on the disk: configs of ours and of older systems, manifests, known_hosts, beginnings of flight logs."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path

import pytest
from hypothesis import strategies as st

from tests.fuzz.tries import EVERY_CHARACTER, JSON, fuzzed, spoiled, tries
from v2xsync.config.legacy.files import read_old
from v2xsync.config.load import load
from v2xsync.devices.forms import ULOG_MAGIC, refuse_bad_ulog
from v2xsync.devices.ssh.hostkeys import host_key, known_keys, pin
from v2xsync.engine import manifests
from v2xsync.engine.verifying import store_difference
from v2xsync.errors import ConfigError, ItemCorrupt, LedgerError
from v2xsync.ledger.care import check
from v2xsync.ledger.manifest import STEPS, ManifestLine, decode
from v2xsync.ledger.rebuild import rebuild
from v2xsync.ledger.sqlite import LEDGER_NAME

CONFIG = """
[station]
timezone = "America/Los_Angeles"
[store]
directory = "store"
min_free = "5 GiB"
[limits]
bandwidth = [ { from = "06:00", rate = "2 MB/s" }, { from = "20:00", rate = "unlimited" } ]
[devices.clay]
type = "sftp"
host = "10.1.2.3"
username = "collector"
password = { env = "CLAY_PASSWORD" }
[devices.office]
type = "local"
directory = "office"
[routes.r]
from = ["clay"]
to = ["office"]
elements = "v2x"
ready = { settle = "30s", lock = "{name}.lock" }
fetch = { daily = "00:30", until = "05:00" }
remove = { after = "delivered", proof = "hash", grace = "1d" }
[keys]
sync = "s"
"""
ANY_TOML = st.binary(max_size=200) | spoiled(CONFIG).map(lambda text: text.encode("utf-8", "surrogatepass"))


@fuzzed(450, 5_000)
def test_any_config_file_is_a_config_or_a_mistake_with_its_place(examples: int, tmp_path: Path) -> None:
    file = tmp_path / "v2xsync.toml"

    @tries(examples, ANY_TOML)
    def judged(content: bytes) -> None:
        file.write_bytes(content)
        files = set[str]()
        try:
            load(file, {"HOME": str(tmp_path)})
        except ConfigError as error:
            files.add(error.file)
        assert files <= {str(file)}


@pytest.mark.parametrize("text", ["a = " + "[" * 20_000, "a = " + "9" * 5_000, "a = " + "{b=" * 5_000], ids=len)
def test_a_config_that_is_too_deep_or_holds_an_endless_number_is_a_mistake(text: str, tmp_path: Path) -> None:
    file = tmp_path / "v2xsync.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as told:
        load(file, {})
    assert str(file) in str(told.value)


@fuzzed(450, 10_000)
def test_any_file_is_an_old_config_or_a_mistake(examples: int, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    site = json.dumps({"sites": [{"name": "a", "host": "10.0.0.1", "hour": 3, "password": "pw"}], "more": {"x": [1]}})

    @tries(examples, st.binary(max_size=300) | (spoiled(site) | JSON.map(json.dumps)).map(lambda text: text.encode()))
    def judged(content: bytes) -> None:
        file.write_bytes(content)
        with contextlib.suppress(ConfigError):
            read_old(file)


@fuzzed(600, 20_000)
def test_any_line_of_a_manifest_is_one_of_ours_or_none(examples: int) -> None:
    usual = {"step": "stored", "at": 1.0, "route": "r", "source": "s", "path": "a", "size": 3, "mtime_ns": 7}
    keys = st.sampled_from([*usual, "place", "bytes", "sha256", "digest", "stage", "found_at", "new"])
    nearly = st.dictionaries(keys, JSON, max_size=4).map(lambda more: json.dumps({**usual, **more}))

    @tries(examples, nearly | st.text(EVERY_CHARACTER, max_size=80) | spoiled(json.dumps(usual)))
    def judged(text: str) -> None:
        line = decode(text)
        if line is not None:
            assert min(line.size, line.bytes, line.mtime_ns or 0) >= -(2**63)
            assert max(line.size, line.bytes, line.mtime_ns or 0) < 2**63
            assert abs(line.at) < float("inf")
            assert line.place == "" or ".." not in line.place.split("/")


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"step":"stored","at":NaN,"route":"r"}',
        '{"step":"stored","at":1e999,"route":"r"}',
        '{"step":"stored","at":1,"route":"r","size":' + "9" * 30 + "}",
        '{"step":"stored","at":1,"route":"r","size":true}',
        '{"step":["stored"],"at":1,"route":"r"}',
        '{"step":"stored","at":1,"route":"r","place":"../../etc/passwd"}',
        '{"step":"stored","at":1,"route":"r","place":"/etc/passwd"}',
    ],
    ids=["deep", "no number", "endless", "larger than a disk", "true", "a list", "climbs", "absolute"],
)  # fmt: skip
def test_a_line_that_no_manifest_of_ours_holds_is_left_out(text: str) -> None:
    assert decode(text) is None


@fuzzed(120, 1_000)
def test_any_manifest_is_read_to_its_end(examples: int, tmp_path: Path) -> None:
    folder = manifests.folder_in(tmp_path) / "r"
    folder.mkdir(parents=True)
    good = b'{"step":"stored","at":1.0,"route":"r"}\n'

    @tries(examples, st.lists(st.binary(max_size=60), max_size=4))
    def judged(rubbish: list[bytes]) -> None:
        (folder / "2026-01-01.jsonl").write_bytes(good + b"\n".join(rubbish) + b"\n" + good)
        lines, torn = manifests.read(tmp_path)
        assert ManifestLine(step="stored", at=1.0, route="r") in lines
        assert len(lines) >= 2
        assert torn <= 1 + b"".join(rubbish).count(b"\n") + b"".join(rubbish).count(b"\r") + len(rubbish)


LINES = st.builds(
    ManifestLine,
    step=st.sampled_from(sorted(STEPS)),
    at=st.floats(-1e12, 1e12) | st.sampled_from([0.0, 1.0, 2.0]),
    route=st.sampled_from(["r", "q", ""]),
    source=st.sampled_from(["s", ""]),
    path=st.sampled_from(["a", "b/../c", "\udcff\x1b[2J"]),
    size=st.sampled_from([0, 3, -1, 2**63 - 1]),
    mtime_ns=st.none() | st.sampled_from([7, -(2**63)]),
    stage=st.booleans(),
    target=st.sampled_from(["t", ""]),
    place=st.sampled_from(["", "x", "y"]),
    sha256=st.sampled_from(["", "5a" * 32, "no digest"]),
    proof=st.sampled_from(["hash", "oath", ""]),
    digest=st.sampled_from(["", "crc32:00ff", ":", "x:"]),
)


@fuzzed(25, 1_000)
def test_whatever_manifests_tell_a_ledger_is_made_of_it_or_an_error_of_ours(examples: int, tmp_path: Path) -> None:
    """What they tell may be nonsense; then it is left out, or refused as a whole: never half a ledger."""
    states = itertools.count()

    @tries(examples, st.lists(LINES, max_size=6), st.booleans())
    def judged(lines: list[ManifestLine], whole: bool) -> None:
        state = tmp_path / str(next(states))
        try:
            rebuild(state, sorted(lines, key=lambda line: line.at), lambda _line: whole, 3.0)
        except LedgerError:
            assert not (state / LEDGER_NAME).exists()
        else:
            assert check(state) == []


def test_a_place_that_no_disk_can_name_holds_nothing(tmp_path: Path) -> None:
    assert store_difference(tmp_path, "a\ud800", 3, "") == "no file can have its name"


KEY = host_key("ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32))
HOSTS = f"clay ssh-ed25519 {KEY.key}\n|1|c2FsdA==|aGFzaA== ssh-rsa AAAA\n@revoked *,!clay ssh-rsa AAAA\n"


@fuzzed(450, 10_000)
def test_any_known_hosts_file_says_something_or_nothing(examples: int, tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"

    @tries(examples, st.binary(max_size=200) | (st.text(max_size=80) | spoiled(HOSTS)).map(lambda text: text.encode()))
    def judged(content: bytes) -> None:
        file.write_bytes(content)
        found = known_keys([file], "[10.0.0.1]:2222")
        assert all(key.fingerprint.startswith("SHA256:") for key in (*found.good, *found.revoked))
        pin(file, "[10.0.0.1]:2222", KEY)
        assert KEY in known_keys([file], "[10.0.0.1]:2222").good


def test_a_known_hosts_line_with_letters_that_are_no_base64_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"clay ssh-ed25519 schlüssel\n|1|schlüssel|x ssh-rsa AAAA\nclay ssh-ed25519 {KEY.key}\n", "utf-8")
    assert known_keys([file], "clay").good == (KEY,)


@fuzzed(240, 5_000)
def test_any_beginning_is_a_flight_log_or_refused_as_corrupt(examples: int) -> None:
    @tries(
        examples,
        st.binary(max_size=40) | st.binary(max_size=20).map(ULOG_MAGIC.__add__),
        st.text(max_size=8) | st.just("a.ulge"),
    )
    def judged(beginning: bytes, name: str) -> None:
        try:
            refuse_bad_ulog(name, len(beginning), beginning)
            good = True
        except ItemCorrupt:
            good = False
        magic = b"ULog" if name.lower().endswith(".ulge") else ULOG_MAGIC
        assert good == (len(beginning) >= 16 and beginning.startswith(magic))
