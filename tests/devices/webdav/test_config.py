"""From ``[devices.NAME]`` to a session: keys, mistakes, and whole runs to a server and from one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.devices.webdav.sites import Site
from tests.servers.dav_host import USERNAME
from tests.servers.running import PASSWORD

from v2xsync.cli.main import main
from v2xsync.config.device_options import WebdavOptions
from v2xsync.config.load import load
from v2xsync.config.schema import StationConfig
from v2xsync.devices.discreet import Discreet
from v2xsync.devices.webdav import WebdavDevice
from v2xsync.engine.wiring import open_session
from v2xsync.errors import AccessRefused, ConfigError

CONFIG = """
[station]
name = "house"
timezone = "UTC"
state = "{base}/state"

[store]
directory = "{base}/store"
min_free = 0

[devices.disk]
type = "local"
directory = "{base}/disk"

[devices.cloud]
type = "webdav"
{keys}

[routes.r]
from = ["{source}"]
to = ["{target}"]
ready = {{ settle = "0s" }}
remove = {{ after = "delivered", empty_folders = true }}
"""
URL = 'url = "https://dav.example.org/v2x"'


def write(folder: Path, keys: str, source: str = "disk", target: str = "cloud") -> Path:
    """A config file beside the folder that its local device is."""
    (folder / "disk").mkdir(exist_ok=True)
    path = folder / "v2xsync.toml"
    path.write_text(CONFIG.format(base=folder.as_posix(), keys=keys, source=source, target=target), encoding="utf-8")
    return path


def read(folder: Path, keys: str) -> StationConfig:
    return load(write(folder, keys), {"DAV_PASSWORD": PASSWORD})


def inside(config: StationConfig) -> WebdavDevice:
    """The adapter inside the wrapper that keeps its peer from repeating secrets."""
    session = open_session(config, "cloud")
    assert isinstance(session, Discreet)
    assert isinstance(session._inner, WebdavDevice)
    return session._inner


def test_every_key_reaches_the_session(tmp_path: Path):
    (tmp_path / "ca.pem").touch()
    config = read(
        tmp_path,
        f'{URL}\nroot = "a b"\nusername = "u"\npassword = {{ env = "DAV_PASSWORD" }}\nca = "ca.pem"\n'
        'timeout = "1m"\nmax_parallel = 2',
    )
    options = inside(config)._options
    assert (options.url, options.root, options.username) == ("https://dav.example.org/v2x", "a b", "u")
    assert (options.ca, options.timeout_s, options.max_parallel) == (tmp_path / "ca.pem", 60.0, 2)
    assert callable(options.password)
    assert options.password() == PASSWORD
    assert PASSWORD not in repr(options)


def test_a_login_is_not_needed(tmp_path: Path):
    assert inside(read(tmp_path, URL))._options.username == ""


@pytest.mark.parametrize(
    ("keys", "key", "words"),
    [
        ("", "url", "missing"),
        ('url = "dav.example.org"', "url", "web address"),
        ('url = "ftp://dav.example.org/"', "url", "web address"),
        ('url = "https://u:p@dav.example.org/"', "url", "login"),
        ('url = "https://dav.example.org/?x=1"', "url", "query"),
        ('url = "https://dav.example.org/a/%2E%2E/b"', "url", "clean path"),
        (f'{URL}\nroot = "../b"', "root", "clean path"),
        (f'{URL}\nusername = "u"', "username", "name and a password"),
        (f'{URL}\npassword = "p"', "username", "name and a password"),
        (f'{URL}\nca = "missing.pem"', "ca", "No such file"),
        (f'{URL}\ntimeout = "0s"', "timeout", ""),
        (f'{URL}\ntls = "no"', "tls", "unknown key"),
    ],
)
def test_mistakes_name_their_key(tmp_path: Path, keys: str, key: str, words: str):
    with pytest.raises(ConfigError) as wrong:
        read(tmp_path, keys)
    assert f"devices.cloud.{key}" in str(wrong.value)
    assert words in str(wrong.value)


def place(url: str, root: str = "", username: str | None = None):
    return WebdavOptions.model_construct(url=url, root=root, username=username).place()


def test_one_folder_by_two_addresses_is_one_place():
    """Requirement R12: so that a route's ends cannot overlap unnoticed."""
    assert place("https://H.example/a%20b/", "c") == place("https://h.example:443/a%20b/c")
    assert place("http://h.example/a") != place("http://h.example/b")


def test_a_secret_that_cannot_be_read_stops_that_device_only(tmp_path: Path):
    (tmp_path / "secret").write_text("x")
    keys = f'{URL}\nusername = "u"\npassword = {{ file = "secret" }}'
    password = inside(read(tmp_path, keys))._options.password
    (tmp_path / "secret").unlink()
    assert callable(password)
    with pytest.raises(AccessRefused, match="secret"):
        password()


@pytest.mark.real("apache2")
def test_files_go_there_and_come_back(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DAV_PASSWORD", PASSWORD)
    options = site.host.options(site.root)
    keys = (
        f'url = "{options.url}"\nroot = "{options.root}"\nusername = "{USERNAME}"\n'
        'password = { env = "DAV_PASSWORD" }'
    )
    there, back = tmp_path / "there", tmp_path / "back"
    for folder in (there, back):
        folder.mkdir()
    path = write(there, keys)
    (there / "disk/day").mkdir()
    (there / "disk/day/a.csv").write_bytes(b"signal phase and timing")
    assert main(["--config", str(path), "--no-ui", "--once"]) == 0
    assert site.files() == {"disk/day/a.csv": b"signal phase and timing"}
    assert not (there / "disk/day").exists()
    assert main(["--config", str(write(back, keys, "cloud", "disk")), "--no-ui", "--once"]) == 0
    assert (back / "disk/cloud/disk/day/a.csv").read_bytes() == b"signal phase and timing"
    assert site.files() == {}
    assert (site.root / "disk/day").is_dir(), "folders stay at a WebDAV source"
