"""From ``[devices.NAME]`` to a session: keys, mistakes, and whole runs that deliver to a zone and fetch from one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.devices.irods.zones import ZoneFarSide
from tests.servers.irods_standin import StandIn

from v2xsync.cli.main import main
from v2xsync.config.load import load
from v2xsync.config.schema import StationConfig
from v2xsync.devices.discreet import Discreet
from v2xsync.devices.irods import IrodsDevice
from v2xsync.engine.wiring import open_session
from v2xsync.errors import ConfigError

DATA = b"signal phase and timing"
SECRET = "rods-secret"

CONFIG = """
[station]
name = "house"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = "1 MB"

[devices.disk]
type = "local"
directory = "{base}/disk"

[devices.cyverse]
type = "irods"
{keys}

[routes.r]
from = ["{source}"]
to = ["{target}"]
ready = {{ settle = "0s" }}
remove = {{ after = "delivered", empty_folders = true }}
"""


def write(folder: Path, keys: str, source: str = "disk", target: str = "cyverse") -> Path:
    """A config file beside the folder that its local device is."""
    (folder / "disk").mkdir(exist_ok=True)
    path = folder / "v2xsync.toml"
    path.write_text(CONFIG.format(base=folder.as_posix(), keys=keys, source=source, target=target), encoding="utf-8")
    return path


def read(folder: Path, keys: str) -> StationConfig:
    """The config with these keys of the device."""
    return load(write(folder, keys), {"ZONE_PASSWORD": SECRET})


def keys_of(zone: StandIn, more: str = "") -> str:
    """All keys that a login needs."""
    return f"""
host = "{zone.host}"
port = {zone.port}
zone = "{zone.name}"
username = "{zone.username}"
password = {{ env = "ZONE_PASSWORD" }}
root = "{zone.home}/v2x"
{more}
"""


def test_a_config_becomes_a_session(tmp_path: Path, zone: StandIn, far: ZoneFarSide):
    config = read(tmp_path, keys_of(zone, 'max_parallel = 7\ntimeout = "5s"\nmetadata = { project = "portland" }'))
    session = open_session(config, "cyverse")
    assert isinstance(session, Discreet)
    assert isinstance(session._inner, IrodsDevice)
    assert session.capabilities.max_parallel == 7
    session.connect()
    session.probe()
    session.close()
    assert SECRET not in repr(config)


def test_the_keys_of_the_environment_file_can_be_written_here(tmp_path: Path, zone: StandIn):
    ca = tmp_path / "ca.pem"
    ca.write_text("", encoding="ascii")
    more = f"""
client_server_policy = "CS_NEG_REQUIRE"
ssl_verify_server = "cert"
ssl_ca_certificate_file = "{ca}"
encryption_key_size = 32
default_resource = "demoResc"
auth = "pam_password"
"""
    options = read(tmp_path, keys_of(zone, more)).devices["cyverse"].options
    assert options.settings() == {  # type: ignore[attr-defined]
        "client_server_policy": "CS_NEG_REQUIRE",
        "ssl_verify_server": "cert",
        "ssl_ca_certificate_file": str(ca),
        "encryption_key_size": 32,
        "default_resource": "demoResc",
    }


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ('root = "/z/home"', "host", "environment"),
        ('environment = "none.json"\nroot = "/z/home"', "environment", "No such file"),
        ('host = "h"\nzone = "z"\nusername = "u"\nroot = "home"', "root", "from the zone down"),
        ('host = "h"\nzone = "z"\nusername = "u"\nroot = "/"', "root", "from the zone down"),
        ('host = "h"\nzone = "z"\nusername = "u"\nroot = "/z/../x"', "root", "from the zone down"),
        ('host = "h"\nzone = "z"\nusername = "u"\nroot = "/z"\nauth = "gsi"', "auth", "native"),
        ('host = "h"\nzone = "z"\nusername = "u"\nroot = "/z"\nmetadata = { a = 1 }', "metadata.a", "not a text"),
        ('host = "h"\nzone = "z"\nusername = "u"\nroot = "/z"\nssl_verify = "no"', "ssl_verify", "ssl_verify_server"),
    ],
)
def test_mistakes_are_named_with_their_key(tmp_path: Path, keys: str, key: str, words: str):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, keys)
    assert f"devices.cyverse.{key}" in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("root", ["/z/home/v2x", "/z/home/v2x/deeper", "/z/home"])
def test_ends_that_overlap_are_refused(tmp_path: Path, zone: StandIn, root: str):
    """Two users see the same collections: a route must not feed on its own deliveries (requirement R12)."""
    keys = f"""
host = "{zone.host}"
zone = "z"
username = "one"
root = "/z/home/v2x"

[devices.disk2]
type = "irods"
host = "{zone.host}"
zone = "z"
username = "two"
root = "{root}"

[routes.overlapping]
from = ["cyverse"]
to = ["disk2"]
"""
    with pytest.raises(ConfigError, match="disk2"):
        read(tmp_path, keys)


class TestStation:
    """A whole run, as cron starts it."""

    @pytest.fixture(autouse=True)
    def _secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ZONE_PASSWORD", SECRET)

    def run(self, path: Path) -> int:
        return main(["--config", str(path), "--no-ui", "--once"])

    def test_files_are_delivered_proven_and_then_removed(self, tmp_path: Path, zone: StandIn, far: ZoneFarSide):
        path = write(tmp_path, keys_of(zone, 'metadata = { project = "portland" }'))
        for name in ("a.csv", "it's b.csv"):
            (tmp_path / "disk" / name).write_bytes(DATA)
        assert self.run(path) == 0
        assert far.look("disk/a.csv") == far.look("disk/it's b.csv") == DATA
        assert list((tmp_path / "disk").iterdir()) == []
        avus = dict(pair[:2] for pair in zone.zone.require(f"{far.root}/disk/a.csv").avus)
        assert avus["project"] == "portland"
        assert avus["source"] == "disk"

    def test_a_zone_that_truncates_is_caught_and_nothing_is_removed(
        self, tmp_path: Path, zone: StandIn, far: ZoneFarSide
    ):
        path = write(tmp_path, keys_of(zone))
        (tmp_path / "disk" / "a.csv").write_bytes(DATA)
        zone.faults.truncate_at = 5
        assert self.run(path) == 1
        assert (tmp_path / "disk" / "a.csv").read_bytes() == DATA
        assert far.look("disk/a.csv") is None

    def test_files_are_fetched_proven_delivered_and_then_removed(self, tmp_path: Path, zone: StandIn, far: ZoneFarSide):
        path = write(tmp_path, keys_of(zone), source="cyverse", target="disk")
        far.plant("11th/a.csv", DATA)
        assert self.run(path) == 0
        assert (tmp_path / "disk" / "cyverse" / "11th" / "a.csv").read_bytes() == DATA
        assert far.listing() == set(), "the file, and its empty collection"

    def test_a_wrong_password_is_exit_code_3(
        self,
        tmp_path: Path,
        zone: StandIn,
        far: ZoneFarSide,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ):
        monkeypatch.setenv("ZONE_PASSWORD", "other-secret")
        path = write(tmp_path, keys_of(zone))
        (tmp_path / "disk" / "a.csv").write_bytes(DATA)
        assert self.run(path) == 3
        told = "".join(capsys.readouterr())
        assert "CAT_INVALID_AUTHENTICATION" in told
        assert "other-secret" not in told
