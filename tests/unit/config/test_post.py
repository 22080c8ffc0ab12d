"""`type = "post"`: what may be written, what is wrong with the rest, and that no secret of it stays in the open."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.config.conftest import ENVIRON, GOOD, LoadText

from v2xsync.config.device_options import PostOptions
from v2xsync.config.problems import ConfigErrors
from v2xsync.config.secrets import SecretRef

HEAD = GOOD.replace('to = ["office"]', 'to = ["form"]') + 'remove = { after = "delivered", proof = "ack" }\n'
URL = 'url = "https://logs.example.org/upload"'


def config_with(lines: str) -> str:
    return f'{HEAD}\n[devices.form]\ntype = "post"\n{lines}\n'


def options_of(load_text: LoadText, lines: str, **environ: str) -> PostOptions:
    options = load_text(config_with(lines), {**ENVIRON, **environ}).devices["form"].options
    assert isinstance(options, PostOptions)
    return options


def test_what_the_interface_shows(load_text: LoadText) -> None:
    fields = 'fields = { description = "", email = "p@example.org", allowForAnalysis = false }'
    options = options_of(load_text, f'{URL}\nform = "flight_review"\n{fields}')
    assert options.url == "https://logs.example.org/upload"
    assert dict(options.fields) == {"description": "", "email": "p@example.org", "allowForAnalysis": False}
    assert (options.max_parallel, options.timeout, options.max_size) == (2, 60.0, None)


def test_values_may_lie_elsewhere(load_text: LoadText, tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("pilot@example.org\n")
    lines = f'{URL}\nfields = {{ email = {{ file = "mail" }}, description = {{ env = "WHAT" }}, windSpeed = 5 }}'
    options = options_of(load_text, lines, WHAT="{not} a field")
    assert options.fields["email"] == SecretRef("file", str(tmp_path / "mail"))
    assert options.fields["description"] == SecretRef("env", "WHAT")
    assert options.fields["windSpeed"] == 5


@pytest.mark.parametrize("place", ['{ env = "NOT_SET" }', '{ file = "missing" }'])
@pytest.mark.parametrize(
    ("key", "lines"),
    [
        ("devices.form.fields.email", "fields = {{ email = {} }}"),
        ("devices.form.headers.X-API-Key", "headers = {{ X-API-Key = {} }}"),
        ("devices.form.token", "token = {}"),
    ],
)
def test_a_value_that_cannot_be_read_is_found_before_anything_starts(
    load_text: LoadText, key: str, lines: str, place: str
) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_text(config_with(f"{URL}\n{lines.format(place)}"))
    assert [problem.key for problem in caught.value.problems] == [key]


def test_headers_that_carry_a_secret_are_secrets(load_text: LoadText) -> None:
    lines = f'{URL}\nform = "multipart"\nheaders = {{ X-API-Key = "s3cr3t", X-Station = "pbot" }}'
    config = load_text(config_with(lines))
    options = config.devices["form"].options
    assert isinstance(options, PostOptions)
    assert options.headers["X-Station"] == "pbot"
    assert isinstance(options.headers["X-API-Key"], SecretRef)
    assert "s3cr3t" not in repr(config.devices)
    assert any("devices.form.headers.X-API-Key" in warning for warning in config.warnings)
    assert config.vault.redactor.redact("key s3cr3t") == "key ***"


MISTAKES = [
    ("no url", 'form = "raw"', "url", "write url"),
    ("no address", 'url = "logs.example.org"', "url", "https://"),
    ("another scheme", 'url = "ftp://logs.example.org/"', "url", "https://"),
    ("a bad port", 'url = "https://logs.example.org:99999/"', "url", "https://"),
    ("a blank", 'url = "https://logs.example.org/up load"', "url", "https://"),
    ("a login in it", 'url = "https://me:pw@logs.example.org/"', "url", "`username` and `password`"),
    ("an anchor", f'{URL[:-1]}#top"', "url", "take it out"),
    ("an unknown form", f'{URL}\nform = "flightreview"', "form", "flight_review"),
    ("fields of a bare file", f'{URL}\nform = "raw"\nfields = {{ a = "b" }}', "fields", "multipart"),
    ("a part name that is fixed", f'{URL}\nfile_part = "log"', "file_part", "take it out"),
    ("an unknown layout field", f'{URL}\nfields = {{ description = "{{nam}}" }}', "fields.description", '"name"'),
    ("a format", f'{URL}\nfields = {{ description = "{{name!r}}" }}', "fields.description", "plain braces"),
    ("an attribute", f'{URL}\nfields = {{ description = "{{name.__class__}}" }}', "fields.description", "fields"),
    ("a lone brace", f'{URL}\nfields = {{ description = "a {{ b" }}', "fields.description", "{{ and }}"),
    ("a list", f"{URL}\nfields = {{ description = [1] }}", "fields.description", "env"),
    ("a Python word", f'{URL}\nfields = {{ public = "True" }}', "fields.public", "true or false"),
    ("an older name", f"{URL}\nfields = {{ allow_for_analysis = 1 }}", "fields.allow_for_analysis", "allowForAnalysis"),
    ("an even older name", f"{URL}\nfields = {{ additional_feedback = 1 }}", "fields.additional_feedback", "feedback"),
    ("the file itself", f'{URL}\nfields = {{ filearg = "x" }}', "fields.filearg", "take it out"),
    ("half a login", f'{URL}\nusername = "me"', "username", "write both"),
    ("two logins", f'{URL}\nusername = "me"\npassword = "p"\ntoken = "t"', "token", "write `token`, or"),
    ("a header of ours", f'{URL}\nheaders = {{ Content-Length = "5" }}', "headers.Content-Length", "take it out"),
    ("a header's name", f'{URL}\nheaders = {{ "X Y" = "5" }}', "headers.X Y", "X-Api-Key"),
    ("a header's value", f'{URL}\nheaders = {{ X-Y = "a\\nb" }}', "headers.X-Y", "ASCII"),
    ("a missing authority", f'{URL}\nca = "nowhere.pem"', "ca", "make the file"),
    ("no time at all", f'{URL}\ntimeout = "0s"', "timeout", ""),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "key", "remedy"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_a_mistake_names_its_key_and_its_remedy(load_text: LoadText, lines: str, key: str, remedy: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        load_text(config_with(lines))
    assert [problem.key for problem in caught.value.problems] == [f"devices.form.{key}"]
    assert remedy in caught.value.remedy


def test_a_form_is_only_a_target(load_text: LoadText) -> None:
    text = config_with(URL).replace('from = ["clay"]', 'from = ["form"]').replace('to = ["form"]', 'to = ["office"]')
    with pytest.raises(ConfigErrors) as caught:
        load_text(text)
    assert any(problem.what == "form cannot be a source" for problem in caught.value.problems)


@pytest.mark.parametrize("proof", ["hash", "size"])
def test_its_strongest_proof_is_an_answer(load_text: LoadText, proof: str) -> None:
    """Invariant 4: an acknowledgement removes only where the route writes it out."""
    with pytest.raises(ConfigErrors) as caught:
        load_text(config_with(URL).replace('proof = "ack"', f'proof = "{proof}"'))
    assert caught.value.key == "routes.all.remove.proof"
    assert 'its strongest is "ack"' in caught.value.remedy
    mixed = config_with(URL).replace('proof = "ack"', 'proof = { default = "hash", form = "ack" }')
    assert load_text(mixed).routes
