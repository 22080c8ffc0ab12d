"""The grammar of the command line, where it is not argparse's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2xsync.cli.arguments import parse


@pytest.mark.parametrize(
    "line",
    [
        "--no-ui --once a b",
        "--once a b --no-ui",
        "--once --no-ui a b",
        "-c x --once a b --no-ui",
    ],
)
def test_words_behind_once_are_routes_wherever_the_options_stand(line: str) -> None:
    parsed = parse(line.split())
    assert parsed.command is None
    assert parsed.once
    assert parsed.names == ["a", "b"]


def test_a_route_may_be_called_like_a_command() -> None:
    assert parse(["--no-ui", "--once", "status"]).names == ["status"]


def test_the_config_may_stand_before_or_behind_the_command() -> None:
    for line in ("-c x status", "status -c x", "--config x status --json"):
        assert parse(line.split()).config == Path("x")
    assert parse(["--json", "status"]).json
    assert parse(["status", "--json"]).json
    assert not parse(["status"]).json
    assert parse(["status"]).config is None


def test_the_value_of_an_option_is_no_command() -> None:
    assert parse(["--config", "status", "--once"]).config == Path("status")


def test_the_demo_has_its_own_once() -> None:
    parsed = parse(["demo", "--no-ui", "--once"])
    assert parsed.command == "demo"
    assert parsed.once
    assert parsed.no_ui
