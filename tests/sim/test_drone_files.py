"""The simulated autopilot's file server answers as PX4's does: sessions, listings, bursts, digests, refusals."""

from __future__ import annotations

import errno
import zlib
from pathlib import Path

import pytest

from v2xsync.sim.drone.card import Card
from v2xsync.sim.drone.file_server import FileServer
from v2xsync.sim.drone.payload import DATA_BYTES, Fault, Opcode, Payload

CONTENT = bytes(range(256)) * 300
LOG = "/fs/microsd/log/2026-11-20/07_10_15.ulg"


class Client:
    """Asks with rising numbers; time stands still unless it is moved."""

    def __init__(self, server: FileServer) -> None:
        self.server = server
        self.sequence = 65_530
        self.now = 0.0

    def ask(self, opcode: int, path: str = "", *, size: int = 0, offset: int = 0) -> Payload:
        data = path.encode()
        answer = self.send(Payload(opcode=opcode, data=data, size=size or len(data), offset=offset))
        assert answer is not None
        return answer

    def send(self, request: Payload) -> Payload | None:
        self.sequence = (self.sequence + 2) % 65_536
        return self.server.answer(request.after(self.sequence), "client", self.now)

    def burst(self, offset: int) -> list[Payload]:
        assert self.send(Payload(opcode=Opcode.BURST_READ_FILE, size=DATA_BYTES, offset=offset)) is None
        packets = []
        while (packet := self.server.next_of_burst()) is not None:
            packets.append(packet)
        return packets


@pytest.fixture
def card(tmp_path: Path) -> Path:
    log = tmp_path / LOG.strip("/")
    log.parent.mkdir(parents=True)
    log.write_bytes(CONTENT)
    (tmp_path / "secret").symlink_to(tmp_path.parent)
    return tmp_path


@pytest.fixture
def client(card: Path) -> Client:
    return Client(FileServer(Card(card)))


def refusal(answer: Payload) -> tuple[int, ...]:
    assert answer.opcode == Opcode.NAK
    assert answer.size == len(answer.data)
    return tuple(answer.data)


def test_what_is_packed_is_read_again_also_without_its_last_zeros():
    told = Payload(
        sequence=65_535, session=3, opcode=128, size=2, asked=15, burst_complete=True, offset=70_000, data=b"a\0"
    )
    assert len(told.pack()) == 251
    assert Payload.parse(told.pack().rstrip(b"\0")) == told


def test_an_answer_echoes_the_question_and_has_the_next_number(client):
    answer = client.ask(Opcode.CALC_FILE_CRC32, LOG, offset=5)
    assert (answer.sequence, answer.asked, answer.offset) == (client.sequence + 1, Opcode.CALC_FILE_CRC32, 5)


def test_a_file_is_opened_read_by_offset_and_ends_with_eof(client):
    opened = client.ask(Opcode.OPEN_FILE_RO, LOG)
    assert int.from_bytes(opened.data, "little") == len(CONTENT)
    assert client.ask(Opcode.READ_FILE, size=100, offset=250).data == CONTENT[250:350]
    assert client.ask(Opcode.READ_FILE, size=239, offset=len(CONTENT) - 10).data == CONTENT[-10:]
    assert refusal(client.ask(Opcode.READ_FILE, size=239, offset=len(CONTENT))) == (Fault.EOF,)


def test_a_read_of_size_zero_reads_nothing(client):
    client.ask(Opcode.OPEN_FILE_RO, LOG)
    answer = client.send(Payload(opcode=Opcode.READ_FILE, size=0))
    assert answer is not None
    assert (answer.opcode, answer.size) == (Opcode.ACK, 0)


def test_there_is_one_session_and_reset_frees_it(client):
    client.ask(Opcode.OPEN_FILE_RO, LOG)
    assert refusal(client.ask(Opcode.OPEN_FILE_RO, LOG)) == (Fault.NO_SESSIONS_AVAILABLE,)
    client.ask(Opcode.RESET_SESSIONS)
    assert refusal(client.ask(Opcode.READ_FILE, size=1)) == (Fault.INVALID_SESSION,)
    assert client.ask(Opcode.OPEN_FILE_RO, LOG).opcode == Opcode.ACK
    assert client.ask(Opcode.TERMINATE_SESSION).opcode == Opcode.ACK
    assert refusal(client.ask(Opcode.TERMINATE_SESSION)) == (Fault.INVALID_SESSION,)


def test_an_idle_session_closes_and_a_burst_alone_counts_as_idle(client):
    client.ask(Opcode.OPEN_FILE_RO, LOG)
    client.now = 9.0
    assert client.send(Payload(opcode=Opcode.BURST_READ_FILE, size=DATA_BYTES)) is None
    assert client.server.next_of_burst() is not None
    client.server.tick(19.0)
    assert client.server.next_of_burst() is None
    client.now = 19.0
    assert refusal(client.ask(Opcode.READ_FILE, size=1)) == (Fault.INVALID_SESSION,)


def test_the_same_request_again_gets_the_same_answer_again(client):
    """A lost answer to `open` must not end in "no sessions"."""
    request = Payload(sequence=7, opcode=Opcode.OPEN_FILE_RO, data=LOG.encode(), size=len(LOG))
    first = client.server.answer(request, "one", 0.0)
    assert client.server.answer(request, "one", 0.1) == first
    other = client.server.answer(request, "another", 0.2)
    assert other is not None
    assert refusal(other) == (Fault.NO_SESSIONS_AVAILABLE,)


def test_bursts_stop_about_every_35_kb_and_the_last_ends_with_eof(client):
    client.ask(Opcode.OPEN_FILE_RO, LOG)
    taken, offset = b"", 0
    ends: list[Payload] = []
    while not ends or ends[-1].opcode == Opcode.ACK:
        packets = client.burst(offset)
        numbers = [(packet.sequence - client.sequence - 1) % 65_536 for packet in packets]
        assert numbers == list(range(len(packets)))
        taken += b"".join(packet.data for packet in packets if packet.opcode == Opcode.ACK)
        offset = len(taken)
        ends.append(packets[-1])
    assert taken == CONTENT
    assert [end.burst_complete for end in ends] == [True, True, False]
    assert refusal(ends[-1]) == (Fault.EOF,)
    assert not client.server.bursting


def test_a_hole_is_filled_while_the_burst_runs(client):
    client.ask(Opcode.OPEN_FILE_RO, LOG)
    assert client.send(Payload(opcode=Opcode.BURST_READ_FILE, size=DATA_BYTES)) is None
    first = client.server.next_of_burst()
    assert client.ask(Opcode.READ_FILE, size=50, offset=40_000).data == CONTENT[40_000:40_050]
    second = client.server.next_of_burst()
    assert first is not None
    assert second is not None
    assert first.data + second.data == CONTENT[: 2 * DATA_BYTES]


def test_a_listing_goes_on_by_offset_and_counts_what_cannot_be_seen(client, card):
    for number in range(40):
        (card / f"file-{number:02}.bin").write_bytes(b"x" * number)
    lines: list[bytes] = []
    while (answer := client.ask(Opcode.LIST_DIRECTORY, "/", offset=len(lines))).opcode == Opcode.ACK:
        assert answer.size <= DATA_BYTES
        lines += answer.data.split(b"\0")[:-1]
    assert refusal(answer) == (Fault.EOF,)
    assert lines == [*(b"Ffile-%02d.bin\t%d" % (number, number) for number in range(40)), b"Dfs", b"S"]


def test_an_empty_folder_is_an_empty_yes(client, card):
    (card / "empty").mkdir()
    answer = client.ask(Opcode.LIST_DIRECTORY, "/empty")
    assert (answer.opcode, answer.size) == (Opcode.ACK, 0)


@pytest.mark.parametrize("content", [b"", b"1", CONTENT], ids=["empty", "one byte", "much"])
def test_the_digest_starts_from_zero_and_is_not_inverted(client, card, content):
    (card / "file").write_bytes(content)
    answer = client.ask(Opcode.CALC_FILE_CRC32, "/file")
    assert int.from_bytes(answer.data, "little") == zlib.crc32(content, 0xFFFFFFFF) ^ 0xFFFFFFFF


def test_the_digest_of_nothing_is_zero(client, card):
    (card / "nothing").write_bytes(b"")
    assert client.ask(Opcode.CALC_FILE_CRC32, "/nothing").data == bytes(4)


def test_files_go_one_by_one_and_folders_only_when_empty(client, card):
    folder = LOG.rpartition("/")[0]
    assert refusal(client.ask(Opcode.REMOVE_DIRECTORY, folder)) == (Fault.FAIL_ERRNO, errno.ENOTEMPTY)
    assert client.ask(Opcode.REMOVE_FILE, LOG).opcode == Opcode.ACK
    assert refusal(client.ask(Opcode.REMOVE_FILE, LOG)) == (Fault.FAIL_ERRNO, errno.ENOENT)
    assert client.ask(Opcode.REMOVE_DIRECTORY, folder).opcode == Opcode.ACK
    assert refusal(client.ask(Opcode.REMOVE_DIRECTORY, "/")) == (Fault.FAIL_ERRNO, errno.EACCES)
    assert [place.name for place in (card / "fs" / "microsd" / "log").iterdir()] == []


def test_what_is_not_there_is_said_so(client):
    assert refusal(client.ask(Opcode.OPEN_FILE_RO, "/fs/none")) == (Fault.FILE_NOT_FOUND,)
    assert refusal(client.ask(Opcode.OPEN_FILE_RO, "/fs")) == (Fault.FAIL_ERRNO, errno.EISDIR)
    assert refusal(client.ask(Opcode.LIST_DIRECTORY, "/none")) == (Fault.FAIL_ERRNO, errno.ENOENT)
    assert refusal(client.ask(Opcode.CALC_FILE_CRC32, "/none")) == (Fault.FAIL_ERRNO, errno.ENOENT)


def test_neither_dots_nor_links_lead_out_of_the_card(client, tmp_path):
    (tmp_path.parent / "mine").write_bytes(b"mine")
    for path in ("/../mine", "/secret/mine", "/secret"):
        assert refusal(client.ask(Opcode.OPEN_FILE_RO, path)) == (Fault.FILE_NOT_FOUND,)
        client.ask(Opcode.REMOVE_FILE, path)
    assert (tmp_path.parent / "mine").read_bytes() == b"mine"


def test_what_it_does_not_know_it_refuses(client):
    assert refusal(client.ask(77)) == (Fault.UNKNOWN_COMMAND,)
