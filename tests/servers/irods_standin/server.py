"""The listening side: one thread for each session, as iRODS has one agent process for each."""

from __future__ import annotations

import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers.irods_standin import catalog, login, wire
from tests.servers.irods_standin.catalog import Rejected, Zone
from tests.servers.irods_standin.faults import Faults
from tests.servers.irods_standin.objects import Agent, BrokenInside
from tests.servers.irods_standin.wire import HangUp, Message

LOOPBACK = "127.0.0.1"
_END_S = 10.0


class StandIn:
    """One zone on loopback; see the package's docstring for what it is not."""

    def __init__(self, folder: Path, *, tls: ssl.SSLContext | None = None, policy: str = login.DONT_CARE) -> None:
        vault = folder / "vault"
        vault.mkdir(parents=True)
        self.host = LOOPBACK
        self.name = "tempZone"
        self.username = "alice"
        self.password = "rods-secret"
        self.accounts = login.Accounts(self.username, self.password, policy=policy, tls=tls)
        self.zone = Zone(self.name, self.username, vault)
        self.faults = Faults()
        self.agents: set[Agent] = set()
        self._lines: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def home(self) -> str:
        """The user's home collection."""
        return f"/{self.name}/home/{self.username}"

    def __enter__(self) -> Self:
        accepting = threading.Thread(target=self._accept, name="irods stand-in", daemon=True)
        self._threads.append(accepting)
        accepting.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.faults.released.set()
        _close(self._listener)
        self.hang_up()
        for thread in self._threads:
            thread.join(_END_S)
        assert not any(thread.is_alive() for thread in self._threads), "a session of the stand-in does not end"

    def hang_up(self) -> None:
        """Close every connection, as a server does that is restarted."""
        with self._lock:
            lines = list(self._lines)
        for line in lines:
            _close(line)

    @property
    def sessions(self) -> int:
        """Connections that are open now."""
        with self._lock:
            return len(self._lines)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            thread = threading.Thread(target=self._serve, args=(line,), name="irods agent", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, line: socket.socket) -> None:
        agent = Agent(self.zone, self.faults)
        with self._lock:
            self._lines.add(line)
            self.agents.add(agent)
        raw = line
        try:
            line = login.start(line, self.accounts)
            with self._lock:
                self._lines = self._lines - {raw} | {line}
            self._talk(line, agent)
        except (HangUp, OSError):
            pass
        finally:
            agent.die()
            with self._lock:
                self._lines -= {raw, line}
                self.agents.discard(agent)
            _close(line)
            _close(raw)

    def _talk(self, line: socket.socket, agent: Agent) -> None:
        session = login.Login(self.accounts, secured=isinstance(line, ssl.SSLSocket))
        generation = -1
        while True:
            message = wire.receive(line)
            if message.kind == "RODS_DISCONNECT":
                if isinstance(line, ssl.SSLSocket):
                    line.unwrap()
                return
            if self._break(line, message.api):
                continue
            try:
                status, body, content = self._answer(session, agent, message, generation)
                words = ""
            except Rejected as rejected:
                status, body, content, words = rejected.code, "", b"", rejected.words
            except BrokenInside as broken:
                _send_cut(line, broken.content)
                raise
            if session.done and generation < 0:
                generation = self.faults.generation
                self.faults.logins += 1
            if self.faults.hit(self.faults.drop_after, message.api):
                raise HangUp
            wire.send(line, status, body, content, wire.error_stack(status, words) if words else "")

    def _break(self, line: socket.socket, api: int) -> bool:
        """Faults that come instead of an answer; returns whether one was sent."""
        faults = self.faults
        faults.calls[api] += 1
        if faults.hit(faults.hang, api):
            faults.released.wait()
            raise HangUp
        if faults.hit(faults.drop_before, api):
            raise HangUp
        planned = faults.answer.get(api)
        sent = planned.pop(0) if planned else None
        if sent is not None:
            line.sendall(sent)
        return sent is not None

    def _answer(self, session: login.Login, agent: Agent, message: Message, generation: int) -> tuple[int, str, bytes]:
        if message.api in self.faults.refuse:
            raise Rejected(self.faults.refuse[message.api], self.faults.refuse_words)
        if session.handles(message.api):
            return 0, session.answer(message), b""
        if not session.done:
            raise Rejected(catalog.NO_API_PRIVILEGE)
        if generation < self.faults.generation:
            raise Rejected(catalog.INVALID_AUTHENTICATION)
        return agent.answer(message)


def _send_cut(line: socket.socket, content: bytes) -> None:
    """The beginning of an answer with content, which then breaks off."""
    whole = b"".join(wire.pack("RODS_API_REPLY", len(content) + 1, content=content + b"\0"))
    line.sendall(whole[:-1])


def _close(line: socket.socket) -> None:
    try:
        line.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        line.close()
