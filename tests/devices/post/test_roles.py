"""The two roles that post: configs as people write them, run by the command line against real servers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.conftest import Run, run
from tests.devices.post.posting import ULOG
from tests.devices.post.test_routes import refusing
from tests.servers.form_server import FormServer, answering, collector, flight_review, form_server, hang_up, keeping_and
from tests.servers.running import free_port

EXAMPLES = Path(__file__).parents[3] / "config"
__all__ = ["run"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FormServer]:
    with form_server(tmp_path / "kept", collector) as server:
        yield server


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """Three minute files as their writer leaves them: the newest is still locked."""
    spool = tmp_path / "spool"
    spool.mkdir()
    for minute in (26593135, 26593136, 26593137):
        (spool / f"{minute}.dat").write_text(f"1 {minute}\n")
    (spool / "26593137.dat.lock").touch()
    (spool / "notes.txt").write_text("not for the collector")
    return spool


@pytest.fixture
def data_collector(tmp_path: Path, spool: Path, server: FormServer) -> None:
    """The example of the repository, with this machine's folders and the server of the test."""
    text = (EXAMPLES / "data-collector.toml").read_text(encoding="utf-8")
    text = re.sub(r'^directory = "/var/spool/.*"', f'directory = "{spool}"', text, flags=re.MULTILINE)
    text = re.sub(r'^(state|logs) += "/.*"', r'\1 = "\1"', text, flags=re.MULTILINE)
    text = re.sub(r'^url += ".*"', f'url = "{server.url()}"', text, flags=re.MULTILINE)
    (tmp_path / "v2xsync.toml").write_text(text, encoding="utf-8")


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.usefixtures("data_collector")
def test_minute_files_leave_after_a_200_to_each(run: Run, spool: Path, server: FormServer) -> None:
    answer = run("--no-ui", "--once", "--json")
    assert answer.code == 0, answer
    assert sorted(kept.content for kept in server.kept) == [b"1 26593135\n", b"1 26593136\n"]
    assert {kept.headers["Content-Type"] for kept in server.kept} == {"text/plain"}
    assert left(spool) == {"26593137.dat", "26593137.dat.lock", "notes.txt"}
    (spool / "26593137.dat.lock").unlink()
    assert run("--no-ui", "--once").code == 0
    assert left(spool) == {"notes.txt"}
    assert len(server.kept) == 3


@pytest.mark.usefixtures("data_collector")
def test_a_refused_file_stays_and_its_neighbour_leaves(run: Run, spool: Path, server: FormServer) -> None:
    """The older program ignored the answer and removed both."""
    server.trouble = refusing(b"1 26593136\n", answering(422, "bad row"))
    answer = run("--no-ui", "--once", "--json")
    assert answer.code == 1
    (cause,) = answer.document["causes"]
    assert "the server refused the file (422: bad row)" in cause["reason"]
    assert "it was fetched again, and is no better" in cause["reason"]
    assert left(spool) - {"26593137.dat", "26593137.dat.lock", "notes.txt"} == {cause["path"]}


@pytest.mark.usefixtures("data_collector")
def test_a_lost_answer_is_told_by_the_exit_code_and_by_why(run: Run, spool: Path, server: FormServer) -> None:
    for minute in (26593136, 26593137):
        (spool / f"{minute}.dat").unlink()
    server.trouble = keeping_and(hang_up)
    assert run("--no-ui", "--once").code == 1
    server.trouble = None
    assert run("--no-ui", "--once").code == 1
    assert len(server.kept) == 1
    assert "26593135.dat" in left(spool)
    assert "nobody knows whether it arrived" in run("why", "26593135.dat").out
    assert "26593135.dat" in run("holds").out
    assert run("release", "--all", "--accept").code == 0
    assert run("--no-ui", "--once").code == 0
    assert "26593135.dat" not in left(spool)


@pytest.mark.usefixtures("data_collector")
def test_check_reaches_the_server_without_posting(run: Run, server: FormServer) -> None:
    answer = run("check", "--connect")
    assert answer.code == 0, answer
    assert "answers 405 to HEAD" in answer.out
    assert server.tries == 0


def test_a_server_that_is_not_there_is_told_by_check(run: Run, tmp_path: Path, spool: Path) -> None:
    text = (EXAMPLES / "data-collector.toml").read_text(encoding="utf-8")
    text = text.replace('"/var/spool/collector"', f'"{spool}"')
    text = re.sub(r'^(state|logs) += "/.*"', r'\1 = "\1"', text, flags=re.MULTILINE)
    text = re.sub(r'^url += ".*"', f'url = "http://127.0.0.1:{free_port()}/"', text, flags=re.MULTILINE)
    (tmp_path / "v2xsync.toml").write_text(text, encoding="utf-8")
    answer = run("check", "--connect")
    assert answer.code == 3
    assert "cannot be reached" in answer.out


def test_a_log_goes_to_the_log_server_as_the_example_says(run: Run, tmp_path: Path) -> None:
    """The drone's route with its log server alone: what the file says of fields and secrets holds."""
    logs = tmp_path / "log" / "2017-10-20"
    logs.mkdir(parents=True)
    (logs / "10_53_02.ulg").write_bytes(ULOG)
    (logs / "13_29_53.ulg").write_bytes(b"\0" * 16)
    (tmp_path / "mail").write_text("pilot@example.org\n")
    with form_server(tmp_path / "kept", flight_review) as server:
        (tmp_path / "v2xsync.toml").write_text(f"""
[station]
name = "drone"
timezone = "UTC"
state = "state"
[store]
directory = "store"
[devices.card]
type = "local"
directory = "log"
[devices.px4-logs]
type = "post"
url = "{server.url("/upload")}"
form = "flight_review"
fields = {{ description = "{{source}} {{date}} {{stem}}", email = {{ file = "mail" }}, allowForAnalysis = true }}
[routes.logs]
from = ["card"]
to = ["px4-logs"]
include = ["*.ulg"]
ready = {{ settle = "0s" }}
remove = {{ after = "delivered", proof = "ack" }}
""")
        answer = run("--no-ui", "--once", "--json")
        assert answer.code == 1
        (kept,) = server.kept
        assert kept.fields["description"].startswith("card 20")
        assert kept.fields["description"].endswith(" 10_53_02")
        assert (kept.fields["email"], kept.fields["allowForAnalysis"]) == ("pilot@example.org", "true")
        assert {path.name for path in logs.iterdir()} == {"13_29_53.ulg"}
        assert server.url("/plot_app?log=") in run("why", "10_53_02.ulg").out
