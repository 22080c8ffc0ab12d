"""The table of mistakes: each names the file, the key and the remedy, and nothing on the disk is touched."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.unit.config.conftest import ENVIRON, GOOD, LoadText

from v2xsync.config import devices as devices_module
from v2xsync.config.device_options import DEVICE_TYPES, DeviceFacts, DeviceType, LocalOptions
from v2xsync.config.load import load
from v2xsync.config.problems import ConfigErrors
from v2xsync.errors import ConfigError
from v2xsync.model.items import Proof

Change = Callable[[str], str]


def swap(old: str, new: str) -> Change:
    """Replace `old`, which has to be there, in the right config."""

    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


def more(lines: str) -> Change:
    """Append lines (they belong to the table of the route)."""
    return lambda text: text + lines


@dataclass(frozen=True)
class Mistake:
    """One wrong config: the key that has to be named, and words of the remedy."""

    name: str
    change: Change
    key: str
    remedy: str


FETCH = 'fetch = { daily = "00:30" }'
TO = 'to = ["office"]'
FROM = 'from = ["clay"]'
OFFICE = 'directory = "office"'
STORE = 'directory = "store"'
TWIN = '[devices.clay2]\ntype = "sftp"\nhost = "10.1.2.3"\nusername = "collector"\nroot = "{root}"\n'

MISTAKES = [
    Mistake("nothing included", more("include = []"), "routes.all.include", '["*"]'),
    Mistake("open bracket", more('include = ["a[b]", "["]'), "routes.all.include", "[[]"),
    Mistake("open bracket left out", more('exclude = ["[!]"]'), "routes.all.exclude", "[[]"),
    Mistake("a target twice", swap(TO, 'to = ["office", "office"]'), "routes.all.to", "take one of them out"),
    Mistake("no rate at all", more("[limits]\nbandwidth = []"), "limits.bandwidth", '"2 MB/s"'),
    Mistake("state in a kernel's tree", swap('state = "state"', 'state = "/proc/x"'), "station.state", "on a disk"),
    Mistake("store below a file", swap(STORE, 'directory = "v2xsync.toml/x"'), "store.directory", "name a folder"),
    Mistake("store in a file", swap(STORE, 'directory = "v2xsync.toml"'), "store.directory", "name a folder"),
    Mistake("unknown section", more('[device.x]\ntype = "local"\n'), "device", 'did you mean "devices"?'),
    Mistake("unknown station key", swap('state = "state"', 'sate = "state"'), "station.sate", 'did you mean "state"?'),
    Mistake("unknown device key", swap("username", "tiemout = 5\nusername"), "devices.clay.tiemout", '"timeout"'),
    Mistake("local device with a root", swap(OFFICE, OFFICE + '\nroot = "x"'), "devices.office.root", "directory"),
    Mistake("unknown route key", more('inclde = ["*.csv"]'), "routes.all.inclde", 'did you mean "include"?'),
    Mistake("unknown schedule key", swap(FETCH, 'fetch = { dialy = "00:30" }'), "routes.all.fetch.dialy", '"daily"'),
    Mistake("unknown remove key", more('remove = { afer = "stored" }'), "routes.all.remove.afer", '"after"'),
    Mistake("missing key", swap('username = "collector"\n', ""), "devices.clay.username", "write username ="),
    Mistake("missing type", swap('type = "sftp"\n', ""), "devices.clay.type", "known types: "),
    Mistake("unknown type", swap('"sftp"', '"sfpt"'), "devices.clay.type", 'did you mean "sftp"? known types: '),
    Mistake("port in quotes", swap('host = "10', 'port = "22"\nhost = "10'), "devices.clay.port", "without quotes"),
    Mistake("impossible port", swap('host = "10', 'port = 70000\nhost = "10'), "devices.clay.port", "65535"),
    Mistake("host with a scheme", swap('"10.1', '"sftp://10.1'), "devices.clay.host", "a name or an address only"),
    Mistake("source without a list", swap(FROM, 'from = "clay"'), "routes.all.from", 'write e.g. ["one", "two"]'),
    Mistake("number for a text", swap('name = "test"', "name = 5"), "station.name", "quotes"),
    Mistake("text for a switch", more('stage = "no"'), "routes.all.stage", "true or false"),
    Mistake(
        "device that is no table", swap("[devices.spool]", "[devices]\nx = 1\n[devices.spool]"), "devices.x", "[dev"
    ),
    Mistake(
        "routes that are no table", lambda text: "routes = 3\n" + text.split("[routes.all]")[0], "routes", "[routes."
    ),
    Mistake("impossible hour", swap("00:30", "25:00"), "routes.all.fetch.daily", '"00:00" to "23:59"'),
    Mistake("impossible minute", swap("00:30", "00:61"), "routes.all.fetch.daily", '"00:00" to "23:59"'),
    Mistake("time with seconds", swap("00:30", "00:30:15"), "routes.all.fetch.daily", '"HH:MM"'),
    Mistake("window of no length", swap('30" }', '30", until = "00:30" }'), "routes.all.fetch.until", "move it"),
    Mistake(
        "until without daily", swap(FETCH, 'fetch = { every = "5m", until = "05:00" }'), "routes.all.fetch.until", "out"
    ),
    Mistake("two schedules in one", swap('30" }', '30", every = "5m" }'), "routes.all.fetch", "{ daily"),
    Mistake("no schedule in it", swap(FETCH, "fetch = {}"), "routes.all.fetch", "{ daily"),
    Mistake(
        "catch_up of every",
        swap(FETCH, 'fetch = { every = "5m", catch_up = true }'),
        "routes.all.fetch.catch_up",
        "out",
    ),
    Mistake("bad cron", swap(FETCH, 'fetch = { cron = "61 * * * *" }'), "routes.all.fetch.cron", "five fields"),
    Mistake("every without pause", swap(FETCH, 'fetch = { every = "0s" }'), "routes.all.fetch.every", '"1s"'),
    Mistake("arrival at sftp", swap(FETCH, 'fetch = { on = "arrival" }'), "routes.all.fetch.on", '{ every = "5m" }'),
    Mistake(
        "unknown zone", swap("Los_Angeles", "Los_Angelos"), "station.timezone", 'did you mean "America/Los_Angeles"?'
    ),
    Mistake(
        "zone with a path", swap("America/Los_Angeles", "../etc/passwd"), "station.timezone", "America/Los_Angeles"
    ),
    Mistake("source nowhere", swap('["clay"]', '["clai"]'), "routes.all.from", 'did you mean "clay"?'),
    Mistake("target nowhere", swap(TO, 'to = ["ofice"]'), "routes.all.to", 'did you mean "office"?'),
    Mistake("pattern that fits nothing", swap('["clay"]', '["market-*"]'), "routes.all.from", "clay, office, spool"),
    Mistake("no source", swap('["clay"]', "[]"), "routes.all.from", "at least one"),
    Mistake("source is target", swap(FROM, 'from = ["office"]'), "routes.all.to", "another target"),
    Mistake(
        "target inside the source",
        more('[routes.b]\nfrom=["spool"]\nto=["in"]\n[devices.in]\ntype="local"\ndirectory="spool/in"\n'),
        "routes.b.to",
        "folder of its own",
    ),
    Mistake(
        "target by a detour",
        lambda text: text.replace(OFFICE, 'directory = "x/../spool"').replace(FROM, 'from=["spool"]'),
        "routes.all.to",
        "folder of its own",
    ),
    Mistake(
        "sftp target around the source",
        lambda text: text.replace(TO, 'to = ["clay2"]') + TWIN.format(root="/data"),
        "routes.all.to",
        "folder of its own",
    ),
    Mistake("target in the store", swap(OFFICE, 'directory = "store/office"'), "store.directory", "folder of its own"),
    Mistake(
        "store in a source",
        lambda text: (
            text.replace(FROM, 'from = ["spool"]').replace(STORE, 'directory = "spool/store"').replace(FETCH, "")
        ),
        "store.directory",
        "folder of its own",
    ),
    Mistake(
        "state in a source",
        lambda text: (
            text.replace(FROM, 'from = ["spool"]')
            .replace('state = "state"', 'state = "spool/.state"')
            .replace(FETCH, "")
        ),
        "station.state",
        "folder of its own",
    ),
    Mistake(
        "logs in a source",
        lambda text: (
            text.replace(FROM, 'from = ["spool"]')
            .replace('state = "state"', 'state = "state"\nlogs = "spool"')
            .replace(FETCH, "")
        ),
        "station.logs",
        "folder of its own",
    ),
    Mistake(
        "state in the store", swap('state = "state"', 'state = "store/state"'), "station.state", "folder of its own"
    ),
    Mistake(
        "one source twice, removed",
        lambda text: (
            text.replace(FROM, 'from = ["clay", "clay2"]').replace(FETCH, 'remove = { after = "stored" }')
            + TWIN.format(root="/data/archive/a")
        ),
        "devices.clay",
        "one device in both",
    ),
    Mistake(
        "delivered without a target",
        lambda text: text.replace(TO, "to = []") + 'remove = { after = "delivered" }',
        "routes.all.remove.after",
        '"stored" or "never"',
    ),
    Mistake(
        "keep without a target",
        lambda text: text.replace(TO, "to = []").replace(STORE, STORE + '\nkeep = "30d"'),
        "routes.all.to",
        'keep = "forever"',
    ),
    Mistake(
        "proof at a stranger",
        more('remove = { after = "delivered", proof = { ofice = "ack" } }'),
        "routes.all.remove.proof.ofice",
        '"office"',
    ),
    Mistake(
        "unknown proof",
        more('remove = { after = "delivered", proof = "hsah" }'),
        "routes.all.remove.proof",
        'did you mean "hash"?',
    ),
    Mistake(
        "unknown moment",
        more('remove = { after = "always" }'),
        "routes.all.remove.after",
        "'never', 'stored' or 'delivered'",
    ),
    Mistake("element without elements", more('layout = "{element}/{name}"'), "routes.all.layout", 'elements = "v2x"'),
    Mistake("unknown layout field", more('layout = "{sauce}/{name}"'), "routes.all.layout", "{source}"),
    Mistake("layout that leaves", more('target_path = "../{name}"'), "routes.all.target_path", "fields: {source}"),
    Mistake(
        "store layout with element",
        swap(STORE, STORE + '\nlayout = "{element}/{name}"'),
        "routes.all.layout",
        "{element} needs",
    ),
    Mistake("unknown rule set", more('elements = "v3x"'), "routes.all.elements", 'did you mean "v2x"?'),
    Mistake("element without a pattern", more('elements = { spat = "" }'), "routes.all.elements.spat", "*_spatLog_*"),
    Mistake("lock with an unknown field", more('ready = { lock = "{nmae}.lock" }'), "routes.all.ready.lock", "{name}"),
    Mistake("settle without a unit", more('ready = { settle = "30" }'), "routes.all.ready.settle", '"30s"'),
    Mistake("absolute pattern", more('exclude = ["/scratch/*"]'), "routes.all.exclude", '"scratch/*"'),
    Mistake(
        "stored without a store",
        more('stage = false\nremove = { after = "stored" }'),
        "routes.all.remove.after",
        '"delivered"',
    ),
    Mistake(
        "stream to two",
        lambda text: text.replace(TO, 'to = ["office", "spool"]') + "stage = false",
        "routes.all.stage",
        "one route per target",
    ),
    Mistake(
        "stream to nowhere", lambda text: text.replace(TO, "to = []") + "stage = false", "routes.all.to", "name one"
    ),
    Mistake("no store", swap("[store]\n" + STORE, ""), "store.directory", "[store]"),
    Mistake("bad size", swap(STORE, STORE + '\nmin_free = "5"'), "store.min_free", "5 GiB"),
    Mistake("bad keep", swap(STORE, STORE + '\nkeep = "always"'), "store.keep", '"30d"'),
    Mistake(
        "bad rate",
        more('[limits]\nbandwidth = [{ from = "06:00", rate = "2 MB" }]'),
        "limits.bandwidth[0].rate",
        "MB/s",
    ),
    Mistake(
        "two rates at once",
        more('[limits]\nbandwidth = [{ from = "06:00", rate = "2 MB/s" }, { from = "06:00", rate = "1 MB/s" }]'),
        "limits.bandwidth",
        "one of them",
    ),
    Mistake("bad timeout", swap('root = "/d', 'timeout = "soon"\nroot = "/d'), "devices.clay.timeout", '"30s"'),
    Mistake(
        "no timeout",
        swap('root = "/d', 'timeout = "0s"\nroot = "/d'),
        "devices.clay.timeout",
        "greater than or equal to 1",
    ),
    Mistake("bad host key", swap('root = "/d', 'host_key = "ab:cd"\nroot = "/d'), "devices.clay.host_key", "SHA256:"),
    Mistake("bad hang-up", swap('state = "state"', 'on_hangup = "die"'), "station.on_hangup", "'drain'"),
    Mistake(
        "secret in two places",
        swap('{ env = "CLAY_PASSWORD" }', '{ env = "A", file = "B" }'),
        "devices.clay.password",
        "keep one",
    ),
    Mistake("secret from nowhere", swap("env =", "envv ="), "devices.clay.password.envv", 'did you mean "env"?'),
    Mistake("variable not set", swap("CLAY_PASSWORD", "NOT_SET"), "devices.clay.password", "export NOT_SET"),
    Mistake(
        "secret file missing",
        swap('{ env = "CLAY_PASSWORD" }', '{ file = "pw" }'),
        "devices.clay.password",
        "make the file",
    ),
    Mistake(
        "key file missing", swap('root = "/d', 'identity = "id"\nroot = "/d'), "devices.clay.identity", "make the file"
    ),
    Mistake("reserved name", swap("devices.spool", "devices.store"), "devices.store", "another name"),
    Mistake("names apart in case only", swap("devices.spool", "devices.Clay"), "devices.Clay", "rename one"),
    Mistake("name with a slash", swap("devices.spool", 'devices."a/b"'), "devices.a/b", "letters, digits"),
    Mistake("one key for two actions", more('[keys]\nsync = "s"\nsort = "s"\n'), "keys.sort", "one action"),
    Mistake("no device at all", lambda _text: "", "devices", "[devices.NAME]"),
]


def tree(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_the_mistake_is_named_with_file_key_and_remedy(mistake: Mistake, tmp_path: Path) -> None:
    file = tmp_path / "v2xsync.toml"
    file.write_text(mistake.change(GOOD), encoding="utf-8")
    before = tree(tmp_path)
    with pytest.raises(ConfigErrors) as caught:
        load(file, ENVIRON)
    assert [(p.key, mistake.remedy in p.remedy) for p in caught.value.problems] == [(mistake.key, True)], str(
        caught.value
    )
    assert caught.value.file == str(file)
    assert str(file) in str(caught.value)
    assert tree(tmp_path) == before


def test_the_unchanged_config_is_right(load_text: LoadText) -> None:
    """Otherwise the table above would show nothing."""
    assert load_text(GOOD).routes


@pytest.mark.parametrize(
    ("content", "what", "remedy"),
    [
        (b"[station]\nname = test\n", "line 2, column 8", "quotes"),
        (b'[station]\nname = "a\n', "line 2, column 10", "toml.io"),
        (b"[devices.a]\n[devices.a]\n", "line 2", "written twice"),
        (b'[station]\nname = "a"\nname = "b"\n', "line 3", "written twice"),
        (b'[station]\n\nname = "caf\xe9"\n', "line 3 is not UTF-8", "UTF-8"),
    ],
    ids=["no quotes", "open quote", "table twice", "key twice", "latin-1"],
)
def test_what_is_not_toml_is_named_by_its_line(content: bytes, what: str, remedy: str, tmp_path: Path) -> None:
    file = tmp_path / "v2xsync.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert what in caught.value.what
    assert remedy in caught.value.remedy
    assert caught.value.file == str(file)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert caught.value.file == str(path)
        assert "correct the path" in caught.value.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_named(tmp_path: Path) -> None:
    file = tmp_path / "v2xsync.toml"
    file.write_text(GOOD)
    file.chmod(0)
    with pytest.raises(ConfigError, match="Permission denied"):
        load(file, ENVIRON)


def test_a_target_that_is_the_source_by_a_link_is_found(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "office").symlink_to("spool")
    with pytest.raises(ConfigErrors) as caught:
        load_text(GOOD.replace(FROM, 'from = ["spool"]').replace(FETCH, ""))
    assert caught.value.key == "routes.all.to"


def test_a_proof_that_a_device_cannot_give_names_its_strongest(
    load_text: LoadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No type of today is so weak, so the test adds one."""
    weak = DeviceType(LocalOptions, DeviceFacts(delivery_proof=Proof.ACK, fetch_proof=Proof.SIZE))
    monkeypatch.setattr(devices_module, "DEVICE_TYPES", {**DEVICE_TYPES, "post": weak})
    text = GOOD.replace('[devices.office]\ntype = "local"', '[devices.office]\ntype = "post"')
    with pytest.raises(ConfigErrors) as caught:
        load_text(text + 'remove = { after = "delivered" }')
    assert caught.value.key == "routes.all.remove.proof"
    assert 'its strongest is "ack"' in caught.value.remedy
    assert load_text(text + 'remove = { after = "delivered", proof = "ack" }').routes
    with pytest.raises(ConfigErrors) as caught:
        load_text(
            text.replace(FROM, 'from = ["office"]').replace(TO, "").replace(FETCH, 'remove = { after = "stored" }')
        )
    assert 'its strongest is "size"' in caught.value.remedy


def test_manifests_need_a_target_that_takes_them(load_text: LoadText) -> None:
    """A form can never replace a file, and a route without a target has no place for one."""
    assert load_text(GOOD + "manifests = true").routes[0].manifests
    form = GOOD.replace(
        'type = "local"\ndirectory = "office"', 'type = "post"\nurl = "https://example.org/"\nform = "raw"'
    )
    assert form != GOOD
    for text in (form, GOOD.replace(TO, "")):
        with pytest.raises(ConfigErrors) as caught:
            load_text(text + "manifests = true")
        assert caught.value.key == "routes.all.manifests"


def test_devices_that_can_be_only_one_end_are_refused_at_the_other(
    load_text: LoadText, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = DeviceType(LocalOptions, DeviceFacts(can_be_source=False))
    tap = DeviceType(LocalOptions, DeviceFacts(can_be_target=False))
    monkeypatch.setattr(devices_module, "DEVICE_TYPES", {**DEVICE_TYPES, "sink": sink, "tap": tap})
    text = GOOD.replace('[devices.spool]\ntype = "local"', '[devices.spool]\ntype = "sink"').replace(
        '[devices.office]\ntype = "local"', '[devices.office]\ntype = "tap"'
    )
    with pytest.raises(ConfigErrors) as caught:
        load_text(text.replace(FROM, 'from = ["spool"]').replace(FETCH, ""))
    assert [problem.what for problem in caught.value.problems] == [
        "office cannot be a target",
        "spool cannot be a source",
    ]


def test_all_mistakes_are_told_in_one_go_one_line_each(load_text: LoadText) -> None:
    """A broken device does not hide a broken route, and does not make the route's names wrong."""
    text = GOOD.replace("00:30", "25:00").replace('"sftp"', '"sfpt"').replace("Los_Angeles", "Nowhere")
    with pytest.raises(ConfigErrors) as caught:
        load_text(text.replace(TO, 'to = ["ofice"]') + 'layuot = "{name}"')
    assert {problem.key for problem in caught.value.problems} == {
        "station.timezone",
        "devices.clay.type",
        "routes.all.fetch.daily",
        "routes.all.layuot",
        "routes.all.to",
    }
    assert len(str(caught.value).splitlines()) == 5


def test_no_message_repeats_a_secret(load_text: LoadText) -> None:
    """Not even where the secret stands under a wrong key or beside another mistake."""
    for text in (
        GOOD.replace('password = { env = "CLAY_PASSWORD" }', 'passwrod = "hunter2"'),
        GOOD.replace('{ env = "CLAY_PASSWORD" }', '["hunter2"]'),
        GOOD.replace('{ env = "CLAY_PASSWORD" }', '{ plain = "hunter2" }'),
        GOOD.replace('{ env = "CLAY_PASSWORD" }', '"hunter2"').replace('root = "/data/archive"', "root = 5"),
        GOOD.replace('{ env = "CLAY_PASSWORD" }', '"hunter2'),
    ):
        with pytest.raises(ConfigError) as caught:
            load_text(text)
        assert "hunter2" not in str(caught.value) + repr(caught.value)
