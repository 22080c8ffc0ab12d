"""Secrets are read at the last moment, from where they are, and never shown."""

from __future__ import annotations

import base64
import json
import os
import sys
import types
from pathlib import Path

import pytest

from v2xsync.config.problems import Misfit
from v2xsync.config.secrets import BLOT, Redactor, SecretRef, Vault, parse_secret
from v2xsync.errors import AccessRefused, ConfigError

HIDDEN = 'hunter2 "quoted" \\ ü&/'


def vault(**environ: str) -> Vault:
    return Vault(environ, Redactor())


def test_a_secret_comes_from_the_environment() -> None:
    assert vault(PW="s3cret").reveal(parse_secret({"env": "PW"})) == "s3cret"


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_bytes(b" s3cret \r\n")
    file.chmod(0o600)
    assert vault().reveal(parse_secret({"file": str(file)})) == " s3cret "
    assert vault().warning(parse_secret({"file": str(file)})) == ""


@pytest.mark.skipif(os.name != "posix", reason="modes mean nothing here")
def test_a_secret_file_that_others_may_read_is_warned_about(tmp_path: Path) -> None:
    file = tmp_path / "pw"
    file.write_text("s3cret")
    file.chmod(0o644)
    assert f"chmod 600 {file}" in vault().warning(SecretRef("file", str(file)))


def test_a_secret_comes_from_systemds_credentials(tmp_path: Path) -> None:
    (tmp_path / "clay").write_text("s3cret\n")
    assert vault(CREDENTIALS_DIRECTORY=str(tmp_path)).reveal(parse_secret({"credential": "clay"})) == "s3cret"


def test_a_credential_outside_systemd_says_how_to_get_one() -> None:
    problem = vault().problem(parse_secret({"credential": "clay"}))
    assert problem is not None
    assert "LoadCredential=clay" in problem.remedy


def keyring_with(monkeypatch: pytest.MonkeyPatch, entries: dict[tuple[str, str], str]) -> None:
    """A keyring of the optional library's shape, in memory."""
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
    keyring = types.ModuleType("keyring")
    keyring.get_password = lambda service, name: entries.get((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", keyring)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)


def test_a_secret_comes_from_the_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring_with(monkeypatch, {("v2xsync", "clay"): "s3cret"})
    assert vault().reveal(parse_secret({"keyring": "clay"})) == "s3cret"


def test_an_entry_that_the_keyring_lacks_says_how_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring_with(monkeypatch, {})
    with pytest.raises(ConfigError) as caught:
        vault().reveal(parse_secret({"keyring": "clay"}))
    assert caught.value.remedy == "keyring set v2xsync clay"


def test_without_the_keyring_library_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigError) as caught:
        vault().reveal(parse_secret({"keyring": "clay"}))
    assert "v2xsync[keyring]" in caught.value.remedy


def test_a_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="PW"):
        vault().reveal(parse_secret({"env": "PW"}))


def test_a_secret_that_is_gone_at_login_is_the_trouble_of_its_device_alone(tmp_path: Path) -> None:
    box = vault()
    opener = box.opener("clay", SecretRef("file", str(tmp_path / "pw")))
    with pytest.raises(AccessRefused) as caught:
        opener()
    assert caught.value.device == "clay"
    assert caught.value.remedy
    (tmp_path / "pw").write_text("s3cret")
    assert opener() == "s3cret"
    assert box.redactor.redact("s3cret") == "***"


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        vault().reveal(SecretRef("file", str(tmp_path / "pw")))


@pytest.mark.parametrize(
    "written", [{"enw": "A"}, {"env": "A", "file": "B"}, {}, {"env": 3}, {"env": ""}, 12, "", ["x"], None]
)
def test_what_is_not_a_secret_is_refused_without_being_repeated(written: object) -> None:
    with pytest.raises(Misfit) as caught:
        parse_secret(written)
    assert caught.value.remedy


def test_a_plain_secret_is_in_no_text_of_its_reference() -> None:
    secret = parse_secret(HIDDEN)
    for text in (repr(secret), str(secret), f"{secret}", repr({"password": secret}), secret.where):
        assert "hunter2" not in text


def test_the_redactor_blots_a_secret_in_every_dress() -> None:
    box = vault(PW=HIDDEN)
    box.reveal(parse_secret({"env": "PW"}))
    for text in (HIDDEN, json.dumps({"a": HIDDEN}), repr([HIDDEN]), f"login as x/{HIDDEN}!"):
        assert "hunter2" not in box.redactor.redact(f"before {text} after")


def test_a_short_secret_does_not_eat_the_log() -> None:
    redactor = Redactor()
    redactor.learn("a")
    assert redactor.redact("a path, password a.") == "*** path, password ***."


def test_a_redactor_that_knows_nothing_changes_nothing() -> None:
    redactor = Redactor()
    redactor.learn("")
    assert redactor.redact("text") == "text"


@pytest.mark.parametrize("length", range(4, len(HIDDEN)))
def test_a_secret_that_a_message_cuts_off_is_blotted_as_far_as_it_is_there(length: int) -> None:
    redactor = Redactor()
    redactor.learn("hunter2-and-more")
    beginning = "hunter2-and-more"[:length]
    for text in (f"refused (key={beginning})", f"refused: key={beginning}", f"no (k={beginning}) -- ask"):
        assert beginning not in redactor.redact(text)
    assert redactor.redact("the hunters (all) went") == "the hunters (all) went"


@pytest.mark.parametrize("before", ["", "u:", "user:", "someone:"])
def test_a_secret_inside_of_a_login_in_base64_is_blotted(before: str) -> None:
    redactor = Redactor()
    redactor.learn("correct horse battery")
    told = base64.b64encode(f"{before}correct horse battery".encode()).decode()
    shown = redactor.redact(f"authorization=Basic {told} more")
    assert BLOT in shown
    left = shown.partition("Basic ")[2].partition(BLOT)
    assert len(left[2].partition(" ")[0]) <= 4
