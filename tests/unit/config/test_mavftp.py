"""`type = "mavftp"`: what may be written, what holds without being written, and what is wrong with the rest."""

from __future__ import annotations

import re

import pytest
from tests.unit.config.conftest import GOOD, LoadText

from v2xsync.config.device_options import MavftpOptions
from v2xsync.config.places import Overlap
from v2xsync.config.problems import ConfigErrors
from v2xsync.model.schedule import Arrival

HEAD = GOOD.replace('from = ["clay"]', 'from = ["drone"]')
USB = 'connection = "/dev/ttyACM0"'


def text_with(lines: str) -> str:
    return f'{HEAD}\n[devices.drone]\ntype = "mavftp"\n{lines}\n'


def options_of(load_text: LoadText, lines: str) -> MavftpOptions:
    options = load_text(text_with(lines)).devices["drone"].options
    assert isinstance(options, MavftpOptions)
    return options


def test_a_connection_is_enough_and_only_a_disarmed_vehicle_is_asked(load_text: LoadText) -> None:
    options = options_of(load_text, USB)
    assert (options.root, options.safety, options.max_parallel) == ("/fs/microsd/log", "disarmed", 1)
    assert (options.baud, options.system, options.timeout) == (115_200, None, 20.0)


@pytest.mark.parametrize(
    "connection",
    ["/dev/ttyACM*", "/dev/serial/by-id/usb-PX4_*", "COM3", "udpin:0.0.0.0:14550", "udp:127.0.0.1:14550",
     "udpout:drone.local:14550", "tcp:10.1.2.3:5760"],
)  # fmt: skip
def test_connections_are_written_as_pymavlink_writes_them(load_text: LoadText, connection: str) -> None:
    assert options_of(load_text, f'connection = "{connection}"').connection == connection


def test_everything_written(load_text: LoadText) -> None:
    options = options_of(
        load_text, f'{USB}\nbaud = 921600\nroot = "/APM/LOGS"\nsafety = "any"\nsystem = 7\ntimeout = "5s"'
    )
    assert (options.baud, options.root, options.safety) == (921_600, "/APM/LOGS", "any")
    assert (options.system, options.timeout) == (7, 5.0)


def test_logs_are_fetched_when_the_vehicle_is_there(load_text: LoadText) -> None:
    config = load_text(re.sub("(?m)^fetch .*$", "", text_with(USB)))
    assert isinstance(config.routes[0].fetch_schedule("drone"), Arrival)


def test_two_names_for_one_folder_of_one_vehicle_are_found_out(load_text: LoadText) -> None:
    one, other = (
        options_of(load_text, f'{USB}\nroot = "{root}"').place() for root in ("/fs/microsd", "fs/microsd/log/")
    )
    assert one.overlap(other) is Overlap.AROUND


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("", "connection", "missing"),
        ('connection = "udpin:14550"', "connection", "no connection to a vehicle"),
        ('connection = "udp://:14550"', "connection", "no connection to a vehicle"),
        ('connection = "tcp:host:70000"', "connection", "no connection to a vehicle"),
        ('connection = "ttyACM0"', "connection", "/dev/ttyACM0"),
        (f"{USB}\nbaud = 0", "baud", ""),
        (f'{USB}\nsafety = "armed"', "safety", "any"),
        (f'{USB}\nroot = "/fs/../log"', "root", "no clean path"),
        (f"{USB}\nmax_parallel = 2", "max_parallel", ""),
        (f"{USB}\nsystem = 256", "system", ""),
    ],
)
def test_mistakes_are_named(load_text: LoadText, lines: str, key: str, words: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        options_of(load_text, lines)
    assert f"devices.drone.{key}" in str(caught.value)
    assert words in str(caught.value)


def test_a_vehicle_is_no_target(load_text: LoadText) -> None:
    with pytest.raises(ConfigErrors, match="drone"):
        load_text(
            text_with(USB).replace('to = ["office"]', 'to = ["drone"]').replace('from = ["drone"]', 'from = ["clay"]')
        )
