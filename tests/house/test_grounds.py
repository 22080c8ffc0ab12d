"""What the repository holds beside code: no machine's paths, no secrets, documents that tell the truth."""

from __future__ import annotations

import re
import stat
import tomllib

import pytest

from tests.house.reading import ROOT, text_of, tracked_files
from v2xsync import __version__

MACHINE_PATHS = re.compile("/(?:" + "|".join(("ro" + "ot", "wo" + "rk", "fa" + "rm")) + r")/|\.py" + "env")
SECRETS = re.compile("-----BEGIN [A-Z ]*PRIV" + r"ATE KEY-----|AK" + r"IA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}")
PICTURES = {".png", ".svg", ".raw"}


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    found = []
    for path in tracked_files():
        if path.suffix in PICTURES:
            continue
        for number, line in enumerate(text_of(path).splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    return found


def test_no_path_of_one_machine_stands_in_the_tree():
    assert not lines_with(MACHINE_PATHS)


def test_no_secret_stands_in_the_tree():
    assert not lines_with(SECRETS)


def test_the_searches_find_what_they_look_for():
    assert MACHINE_PATHS.search("see /ro" + "ot/x")
    assert SECRETS.search("-----BEGIN OPENSSH PRIV" + "ATE KEY-----")


@pytest.mark.parametrize("script", ["scripts/demo", "scripts/test", ".ci/run"])
def test_scripts_can_be_run(script):
    assert (ROOT / script).stat().st_mode & stat.S_IXUSR


def test_ci_runs_what_a_person_runs():
    assert "./scripts/test" in text_of(ROOT / ".ci" / "run")


def test_the_changelog_has_a_place_for_what_is_coming_and_names_the_present_version():
    headings = re.findall(r"^## \[(.+?)\]", text_of(ROOT / "CHANGELOG.md"), flags=re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert __version__ in headings


def test_one_version_everywhere():
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))["project"]
    assert project["version"] == __version__


DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_in_documents_lead_somewhere(document):
    """Relative links and pictures; addresses on the web are not ours to test."""
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)|src=\"([^\"]+)\"", text_of(document))
    local = [one or other for one, other in targets if "://" not in (one or other)]
    assert not [target for target in local if not (document.parent / target).exists()]
