"""The APIs on data objects and collections, for one session."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

from tests.servers.irods_standin import catalog, query
from tests.servers.irods_standin.catalog import DataObject, Rejected, Replica, Zone
from tests.servers.irods_standin.faults import Faults
from tests.servers.irods_standin.wire import HangUp, Message, Node, element, fields

Answer = tuple[int, str, bytes]

_ACCESS, _CREATE, _TRUNCATE = 3, 64, 512
_FIRST_DESCRIPTOR = 3


@dataclass(slots=True)
class Handle:
    """An open object."""

    found: DataObject
    replica: Replica
    stream: IO[bytes]
    writes: bool
    new: bool
    state_before: str
    checksum: str | None
    """What came with REG_CHKSUM, which may be empty; None where no checksum is wanted."""
    written: int = 0
    token: str = ""


class Agent:
    """What one session does in the zone; dies with its connection, and what it left open becomes stale."""

    def __init__(self, zone: Zone, faults: Faults) -> None:
        self._zone = zone
        self._faults = faults
        self._open: dict[int, Handle] = {}
        self._queries: dict[int, list[tuple[str, ...]]] = {}
        self._apis: Mapping[int, Callable[[Message], Answer]] = {
            601: self._create, 602: self._open_object, 675: self._read, 676: self._write, 674: self._seek,
            673: self._close, 20_004: self._close_replica, 20_000: self._descriptor_info, 629: self._checksum,
            627: self._rename, 615: self._unlink, 632: self._trim, 681: self._make_collection,
            679: self._remove_collection, 702: self._query, 706: self._metadata, 20_007: self._touch,
            10_220: self._resource_info,
        }  # fmt: skip

    def answer(self, message: Message) -> Answer:
        """Do what is asked. Raises Rejected, HangUp."""
        if message.api not in self._apis:
            raise Rejected(catalog.UNMATCHED_API)
        with self._zone.lock:
            return self._apis[message.api](message)

    def die(self) -> None:
        """The session is over: objects that are still open for writing are stale from now on."""
        with self._zone.lock:
            for handle in self._open.values():
                handle.stream.close()
                if handle.writes:
                    handle.replica.state = catalog.STALE
                    handle.replica.size = handle.replica.file.stat().st_size
            self._open.clear()

    # -- open objects

    def _create(self, message: Message) -> Answer:
        return self._opened(message, 1 | _CREATE | _TRUNCATE)

    def _open_object(self, message: Message) -> Answer:
        return self._opened(message, message.body.number("openFlags"))

    def _opened(self, message: Message, flags: int) -> Answer:
        path, keywords = message.body.value("objPath"), message.body.pairs()
        writes = bool(flags & _ACCESS)
        found, new = self._zone.find(path), False
        if found is None:
            if not flags & _CREATE:
                raise Rejected(catalog.PATH_DOES_NOT_EXIST)
            found, new = self._zone.create(path), True
        elif self._zone.tokens.get(keywords.get("replicaToken", "")) != found.id:
            found.require_unlocked()
        replica = found.first
        before = replica.state
        if writes:
            self._zone.require_write(path)
            replica.state = catalog.INTERMEDIATE
        stream = replica.file.open("r+b" if writes else "rb")
        if flags & _TRUNCATE:
            stream.truncate(0)
        token = secrets.token_hex(8)
        self._zone.tokens[token] = found.id
        handle = Handle(found, replica, stream, writes, new, before, keywords.get("regChksum"), token=token)
        return self._place(handle), "", b""

    def _place(self, handle: Handle) -> int:
        number = next(n for n in range(_FIRST_DESCRIPTOR, 1_000) if n not in self._open)
        self._open[number] = handle
        return number

    def _handle(self, message: Message) -> Handle:
        handle = self._open.get(message.body.number("l1descInx"))
        if handle is None:
            raise Rejected(-19_000)
        return handle

    def _read(self, message: Message) -> Answer:
        content = self._handle(message).stream.read(message.body.number("len"))
        return len(content), "", self._metered(content)

    def _write(self, message: Message) -> Answer:
        handle = self._handle(message)
        quota = self._zone.quota_bytes
        if quota is not None and self._zone.used_bytes() + handle.stream.tell() + len(message.content) > quota:
            raise Rejected(catalog.QUOTA_EXCEEDED)
        handle.stream.write(self._metered(message.content))
        handle.written += len(message.content)
        return len(message.content), "", b""

    def _metered(self, content: bytes) -> bytes:
        """Let content pass until the planned break."""
        left = self._faults.drop_after_bytes
        if left is None:
            return content
        if len(content) >= left:
            self._faults.drop_after_bytes = None
            raise BrokenInside(content[:left])
        self._faults.drop_after_bytes = left - len(content)
        return content

    def _seek(self, message: Message) -> Answer:
        offset = self._handle(message).stream.seek(message.body.number("offset"), message.body.number("whence"))
        return 0, element("fileLseekOut_PI", fields(offset=offset)), b""

    def _close(self, message: Message) -> Answer:
        handle = self._handle(message)
        del self._open[message.body.number("l1descInx")]
        handle.stream.close()
        if handle.writes:
            self._finish(handle)
        return 0, "", b""

    def _close_replica(self, message: Message) -> Answer:
        """Close without finalizing: what parallel transfers do with all descriptors but the last."""
        handle = self._open.pop(_json_of(message.body)["fd"])
        handle.stream.close()
        return 0, "", b""

    def _finish(self, handle: Handle) -> None:
        """What a server does with a written replica: size from the vault, checksum, state, faults."""
        replica, faults = handle.replica, self._faults
        if faults.truncate_at is not None:
            catalog.truncate(replica.file, faults.truncate_at)
        replica.size = replica.file.stat().st_size + faults.size_off
        replica.mtime = int(time.time())
        touched = handle.new or handle.written
        if touched:
            replica.checksum = ""
        if handle.checksum is not None:
            self._register(handle)
        replica.state = faults.state_after_put or (catalog.GOOD if touched else handle.state_before)
        if faults.second_replica:
            twin = Replica(1, replica.file, faults.second_replica, replica.size + faults.second_replica_size)
            twin.checksum, twin.mtime, twin.resource = replica.checksum, replica.mtime, "archiveResc"
            handle.found.replicas[1:] = [twin]

    def _register(self, handle: Handle) -> None:
        try:
            made = self._zone.compute(handle.replica, handle.checksum or "")
        except Rejected:
            handle.replica.state = catalog.STALE
            raise
        if self._faults.checksum == "wrong":
            made = "sha2:" + base64.b64encode(bytes(32)).decode()
        handle.replica.checksum = "" if self._faults.checksum == "missing" else made

    def _descriptor_info(self, message: Message) -> Answer:
        handle = self._open[_json_of(message.body)["fd"]]
        told = {"replica_token": handle.token, "data_object_info": {"resource_hierarchy": handle.replica.resource}}
        return 0, _json_buffer(told), b""

    def _resource_info(self, message: Message) -> Answer:
        told = json.dumps({"host": "127.0.0.1", "resource_hierarchy": "demoResc"})
        return 0, element("STR_PI", fields(myStr=told)), b""

    # -- objects by name

    def _checksum(self, message: Message) -> Answer:
        if not self._faults.computes:
            raise Rejected(catalog.NOT_ALLOWED, "checksums are switched off")
        keywords = message.body.pairs()
        found = self._zone.require(message.body.value("objPath"), catalog.PATH_DOES_NOT_EXIST)
        found.require_unlocked()
        for replica in found.replicas if "ChksumAll" in keywords else [found.first]:
            if not replica.checksum or "forceChksum" in keywords:
                replica.checksum = self._zone.compute(replica, keywords.get("orig_chksum", ""))
        return 0, element("STR_PI", fields(myStr=found.first.checksum)), b""

    def _rename(self, message: Message) -> Answer:
        source, target = (node.value("objPath") for node in message.body.all("DataObjInp_PI"))
        self._zone.rename(source, target)
        return 0, "", b""

    def _unlink(self, message: Message) -> Answer:
        self._zone.unlink(message.body.value("objPath"), force="forceFlag" in message.body.pairs())
        return 0, "", b""

    def _trim(self, message: Message) -> Answer:
        found = self._zone.require(message.body.value("objPath"), catalog.UNKNOWN_FILE)
        number = int(message.body.pairs().get("replNum", "-1"))
        kept = [replica for replica in found.replicas if replica.number != number]
        if not kept:
            raise Rejected(-402_000)
        found.replicas[:] = kept
        return 0, "", b""

    def _touch(self, message: Message) -> Answer:
        wish = _json_of(message.body)
        found = self._zone.require(wish["logical_path"], 0)
        options = wish.get("options", {})
        found.first.mtime = options.get("seconds_since_epoch", int(time.time()))
        return 0, "", b""

    def _metadata(self, message: Message) -> Answer:
        operation, kind, path, name, value, unit = (message.body.value(f"arg{place}") for place in range(6))
        if kind != "-d":
            raise Rejected(catalog.INVALID_INPUT)
        avus = self._zone.require(path, catalog.UNKNOWN_FILE).avus
        if operation == "set":
            avus[:] = [avu for avu in avus if avu[0] != name]
        if operation == "rm":
            avus.remove((name, value, unit))
        elif (name, value, unit) in avus:
            raise Rejected(catalog.ALREADY_THERE)
        else:
            avus.append((name, value, unit))
        return 0, "", b""

    # -- collections

    def _make_collection(self, message: Message) -> Answer:
        recursive = "recursiveOpr" in message.body.pairs()
        self._zone.make_collection(message.body.value("collName"), recursive=recursive)
        return 0, "", b""

    def _remove_collection(self, message: Message) -> Answer:
        recursive = "recursiveOpr" in message.body.pairs()
        self._zone.remove_collection(message.body.value("collName"), recursive=recursive)
        return 0, "", b""

    # -- queries

    def _query(self, message: Message) -> Answer:
        asked = message.body
        columns = [int(node.text) for node in asked.node("InxIvalPair_PI").all("inx")]
        following, most = asked.number("continueInx"), asked.number("maxRows")
        if following:
            waiting = self._queries.pop(following, [])
        else:
            pairs = asked.node("InxValPair_PI")
            where = {int(i.text): v.text for i, v in zip(pairs.all("inx"), pairs.all("svalue"), strict=True)}
            waiting = query.rows(self._zone, columns, where)
        if most <= 0:
            return 0, "", b""
        if not waiting:
            raise Rejected(catalog.NO_ROWS)
        page, rest = waiting[:most], waiting[most:]
        number = 0
        if rest:
            number = next(n for n in range(1, 51) if n not in self._queries)
            self._queries[number] = rest
        results = "".join(
            element("SqlResult_PI", fields(attriInx=column, reslen=1024), *(fields(value=row[place]) for row in page))
            for place, column in enumerate(columns)
        )
        counts = fields(rowCnt=len(page), attriCnt=len(columns), continueInx=number, totalRowCount=0)
        return 0, element("GenQueryOut_PI", counts, results), b""

    @property
    def open_queries(self) -> int:
        """Queries that were neither read to their end nor closed."""
        return len(self._queries)


class BrokenInside(HangUp):
    """The line breaks inside of content; `content` is what still gets through."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.content = content


def _json_of(body: Node) -> Any:
    return json.loads(base64.b64decode(body.value("buf")).rstrip(b"\0"))


def _json_buffer(told: object) -> str:
    packed = json.dumps(told).encode() + b"\0"
    return element("BinBytesBuf_PI", fields(buflen=len(packed), buf=base64.b64encode(packed).decode()))
