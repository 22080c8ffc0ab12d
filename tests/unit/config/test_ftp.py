"""`type = "ftp"`: what may be written, what holds without being written, and what is wrong with the rest."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.config.conftest import GOOD, LoadText

from v2xsync.config.device_options import FtpOptions
from v2xsync.config.places import Overlap
from v2xsync.config.problems import ConfigErrors

HEAD = GOOD.replace('to = ["office"]', 'to = ["server"]')
HOST = 'host = "ftp.example.org"'


def options_of(load_text: LoadText, lines: str) -> FtpOptions:
    options = load_text(f'{HEAD}\n[devices.server]\ntype = "ftp"\n{lines}\n').devices["server"].options
    assert isinstance(options, FtpOptions)
    return options


def test_a_host_is_enough_and_tls_is_asked_for(load_text: LoadText) -> None:
    options = options_of(load_text, HOST)
    assert (options.tls, options.tls_verify, options.passive) == ("explicit", True, True)
    assert (options.username, options.password, options.root, options.timeout) == ("anonymous", None, ".", 20.0)


def test_everything_written(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("certificates")
    options = options_of(
        load_text,
        f'{HOST}\nport = 2121\nusername = "u"\npassword = "p"\ntls = "implicit"\nca = "ca.pem"\ntls_name = "n"\n'
        'tls_verify = false\npassive = false\nroot = "/d"\ntimeout = "5s"\nlisting_zone = "America/Los_Angeles"\n'
        "max_parallel = 2",
    )
    assert options.ca == tmp_path / "ca.pem"
    assert (options.port, options.max_parallel, options.listing_zone) == (2121, 2, "America/Los_Angeles")


def test_ports_that_are_not_written_count_where_devices_are_compared(load_text: LoadText) -> None:
    plain, written = (options_of(load_text, f"{HOST}{more}").place() for more in ("", "\nport = 21"))
    implicit = options_of(load_text, f'{HOST}\ntls = "implicit"').place()
    assert plain.overlap(written) is Overlap.SAME
    assert plain.overlap(implicit) is Overlap.NONE


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("", "host", "missing"),
        (f'{HOST}\ntls = "yes"', "tls", "explicit"),
        (f'{HOST}\ntls = "none"\ntls_verify = false', "tls", "no certificate"),
        (f'{HOST}\ntls = "none"\ntls_name = "n"', "tls", "no certificate"),
        (f'{HOST}\nusername = "u"', "password", "missing"),
        (f'{HOST}\nlisting_zone = "America/Los_Angles"', "listing_zone", "did you mean"),
        (f'{HOST}\nca = "absent.pem"', "ca", ""),
        (f'{HOST}\ntls_ca = "ca.pem"', "tls_ca", ""),
        ('host = "ftp://ftp.example.org"', "host", "a name or an address only"),
        (f"{HOST}\nport = 0", "port", ""),
    ],
)
def test_mistakes_are_named(load_text: LoadText, lines: str, key: str, words: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        options_of(load_text, lines)
    assert f"devices.server.{key}" in str(caught.value)
    assert words in str(caught.value)
