"""Where the config file is looked for, in which order, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2xsync.config.load import find_config
from v2xsync.errors import ConfigError


def test_the_named_file_wins_then_the_variable_then_the_folder_then_the_user(tmp_path: Path) -> None:
    user = tmp_path / "xdg" / "v2xsync" / "config.toml"
    user.parent.mkdir(parents=True)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "xdg")}
    user.touch()
    assert find_config(None, environ, tmp_path) == user
    (tmp_path / "v2xsync.toml").touch()
    assert find_config(None, environ, tmp_path) == tmp_path / "v2xsync.toml"
    environ["V2XSYNC_CONFIG"] = "other.toml"
    assert find_config(None, environ, tmp_path) == tmp_path / "other.toml"
    assert find_config(Path("/etc/mine.toml"), environ, tmp_path) == Path("/etc/mine.toml")


def test_without_the_variable_of_xdg_the_home_folder_is_used(tmp_path: Path) -> None:
    user = tmp_path / ".config" / "v2xsync" / "config.toml"
    user.parent.mkdir(parents=True)
    user.touch()
    assert find_config(None, {"HOME": str(tmp_path)}, tmp_path / "elsewhere") == user


def test_the_error_lists_every_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        find_config(None, {"HOME": str(tmp_path / "home")}, tmp_path)
    text = str(caught.value)
    assert str(tmp_path / "v2xsync.toml") in text
    assert str(tmp_path / "home" / ".config" / "v2xsync" / "config.toml") in text
    assert "--config" in text
    assert "demo" in text
