"""The simulated FTP server, asked by the standard library's own client."""

from __future__ import annotations

import ftplib
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from v2xsync.sim.ftp_server import FtpServer

BIG = bytes(range(256)) * 40_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "served"
    (root / "data").mkdir(parents=True)
    (root / "data" / "a.csv").write_bytes(b"one\n")
    (root / "data" / "big.bin").write_bytes(BIG)
    os.utime(root / "data" / "a.csv", (1_600_000_000, 1_600_000_000))
    return root


@pytest.fixture
def server(tree: Path) -> Iterator[FtpServer]:
    with FtpServer(tree) as running:
        yield running


@pytest.fixture
def client(server: FtpServer) -> Iterator[ftplib.FTP]:
    with ftplib.FTP(timeout=20, encoding="utf-8") as client:  # noqa: S321 - the server is ours
        client.connect(server.host, server.port)
        client.login(server.username, server.password)
        yield client


def taken(client: ftplib.FTP, path: str, start: int | None = None) -> bytes:
    content = io.BytesIO()
    client.retrbinary(f"RETR {path}", content.write, rest=start)
    return content.getvalue()


def test_lists_with_size_and_time(client):
    client.cwd("/data")
    told = {name: (facts["type"], facts["size"], facts["modify"]) for name, facts in client.mlsd()}
    assert told["a.csv"] == ("file", "4", "20200913122640")
    assert told["big.bin"][:2] == ("file", str(len(BIG)))
    assert client.nlst() == ["a.csv", "big.bin"]
    assert client.pwd() == "/data"
    lines: list[str] = []
    client.retrlines("LIST /", lines.append)
    assert lines[0].startswith("drwx")
    assert (client.size("a.csv"), client.voidcmd("MDTM a.csv")) == (4, "213 20200913122640")


def test_gets_also_from_the_middle_and_by_the_older_way_of_passive_mode(client):
    assert taken(client, "/data/big.bin") == BIG
    assert taken(client, "data/big.bin", 300_001) == BIG[300_001:]
    client.sendcmd("EPSV")
    assert taken(client, "/data/a.csv") == b"one\n"


def test_puts_appends_resumes_sets_times_and_renames(client, tree):
    client.mkd("/in")
    client.storbinary("STOR /in/new.part", io.BytesIO(b"first half xxxx"))
    client.storbinary("STOR /in/new.part", io.BytesIO(b"second"), rest=11)
    client.storbinary("APPE /in/new.part", io.BytesIO(b" end"))
    client.voidcmd("MFMT 20200101120000 /in/new.part")
    client.rename("/in/new.part", "/in/new.csv")
    assert (tree / "in" / "new.csv").read_bytes() == b"first half second end"
    assert (tree / "in" / "new.csv").stat().st_mtime == 1_577_880_000


def test_a_taken_name_is_never_overwritten_and_full_folders_stay(client, tree):
    with pytest.raises(ftplib.error_perm, match="taken"):
        client.rename("/data/a.csv", "/data/big.bin")
    with pytest.raises(ftplib.error_perm):
        client.rmd("/data")
    client.delete("/data/a.csv")
    client.delete("/data/big.bin")
    client.rmd("/data")
    assert list(tree.iterdir()) == []


def test_a_client_that_breaks_off_may_go_on_asking(client):
    client.sendcmd("TYPE I")
    line = client.transfercmd("RETR /data/big.bin")
    line.recv(10)
    line.close()
    with pytest.raises(ftplib.error_temp, match="426"):
        client.getresp()
    assert client.pwd() == "/"


def test_neither_dots_nor_links_lead_out_of_the_tree(client, tree):
    (tree.parent / "secret").write_bytes(b"mine")
    (tree / "out").symlink_to(tree.parent)
    assert client.nlst("/") == ["data"]
    for path in ("/out/secret", "/../secret"):
        with pytest.raises(ftplib.error_perm):
            taken(client, path)
        with pytest.raises(ftplib.error_perm):
            client.delete(path)
    assert (tree.parent / "secret").read_bytes() == b"mine"


def test_only_the_right_login_gets_in(server):
    with ftplib.FTP(timeout=20) as stranger:  # noqa: S321 - the server is ours
        stranger.connect(server.host, server.port)
        with pytest.raises(ftplib.error_perm, match="530"):
            stranger.pwd()
        with pytest.raises(ftplib.error_perm, match="530"):
            stranger.login(server.username, "wrong")
        with pytest.raises(ftplib.error_perm, match="502"):
            stranger.voidcmd("SITE EXEC")


def test_it_comes_back_under_the_same_port(server, client):
    port = server.port
    server.stop()
    with pytest.raises((EOFError, OSError)):
        client.pwd()
    server.start()
    assert server.port == port
