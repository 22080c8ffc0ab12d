"""The documents name what there is: every key, every command, every exit code. What they promise is what is built."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from tests.house.reading import ROOT, text_of
from v2xsync.cli import exit_codes
from v2xsync.cli.arguments import COMMANDS, root_options
from v2xsync.config.device_options import DEVICE_TYPES
from v2xsync.config.load import SECTIONS
from v2xsync.config.route_options import ReadyTable, RemoveTable, RouteTable, ScheduleTable
from v2xsync.config.secrets import SECRET_KINDS
from v2xsync.config.station import LimitsTable, StationTable, StoreTable
from v2xsync.model.layout import LAYOUT_FIELDS
from v2xsync.ui.keys import KEYS, sign

CONFIG = text_of(ROOT / "docs" / "config.md")
TABLES: tuple[type[BaseModel], ...] = (
    StationTable,
    StoreTable,
    LimitsTable,
    RouteTable,
    ScheduleTable,
    ReadyTable,
    RemoveTable,
    *(kind.options for kind in DEVICE_TYPES.values()),
)


def keys() -> Iterator[str]:
    for table in TABLES:
        for name, field in table.model_fields.items():
            yield f"{table.__name__}.{field.alias or name}"


@pytest.mark.parametrize("key", keys())
def test_every_key_of_the_config_is_explained(key):
    assert re.search(rf"`[^`]*\b{key.partition('.')[2]}\b[^`]*`|^{key.partition('.')[2]}\b", CONFIG, re.MULTILINE)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_section_of_the_config_has_its_heading(section):
    assert re.search(rf"^## `\[{section}[\].]", CONFIG, re.MULTILINE)


@pytest.mark.parametrize("kind", DEVICE_TYPES)
def test_every_device_type_is_explained(kind):
    assert f'type = "{kind}"' in CONFIG


@pytest.mark.parametrize("field", sorted(LAYOUT_FIELDS))
def test_every_layout_field_is_named(field):
    assert f"{{{field}}}" in CONFIG


@pytest.mark.parametrize("kind", SECRET_KINDS)
def test_every_place_of_a_secret_is_named(kind):
    assert f"{{ {kind} = " in CONFIG


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_every_command_has_its_section(command):
    assert re.search(rf"^## `v2xsync {command}\b", text_of(ROOT / "docs" / "commands.md"), re.MULTILINE)


class Ear:
    """Hears every option that a command tells."""

    def __init__(self) -> None:
        self.options: list[str] = []

    def add_argument(self, *names: str, **_more: object) -> None:
        self.options += [name for name in names if name.startswith("--")]

    def add_mutually_exclusive_group(self) -> Ear:
        return self


@pytest.mark.parametrize("tell", [root_options, *(command.options for command in COMMANDS)])
def test_every_option_is_explained(tell):
    ear = Ear()
    tell(ear)
    text = text_of(ROOT / "docs" / "commands.md")
    assert not [option for option in ear.options if f"`{option}" not in text and f" {option}" not in text]


@pytest.mark.parametrize("code", [value for name, value in vars(exit_codes).items() if name.isupper()])
def test_every_exit_code_is_explained(code):
    for document in ("README.md", "docs/operations.md"):
        assert re.search(rf"^\| {code} \|", text_of(ROOT / document), re.MULTILINE)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.id)
def test_every_key_of_the_screen_stands_in_the_readme(key):
    (row,) = re.findall(rf"^\| (.+?) \| .+ \| `{key.id}` \|$", text_of(ROOT / "README.md"), re.MULTILINE)
    assert row.replace("`", "") == sign(key, {}, every=True)
