"""Checks on a source: its sessions, listings, stats, removals and folders."""

from __future__ import annotations

import hashlib

import pytest

from tests.contract.common import ODD_NAMES, UNSAFE_PATHS, OnSource, need
from tests.contract.far import WHEN_NS, FarSide
from v2xsync.devices.base import Health, RemoveRequest, Source
from v2xsync.errors import DeviceError, ItemChanged, ItemError, ItemMissing, ItemRefused, V2xSyncError
from v2xsync.model.items import NS_PER_S, Entry, Fingerprint, Kind, Proof, Unlistable


def entries(source: Source) -> dict[str, Entry]:
    """A whole listing by path; fails on parts that could not be listed and on paths that are told twice."""
    found: dict[str, Entry] = {}
    for entry in source.list():
        assert not isinstance(entry, Unlistable), entry
        assert entry.path not in found, "listed twice"
        found[entry.path] = entry
    return found


def fingerprint_of(source: Source, path: str) -> Fingerprint:
    """The version that stands at `path` now."""
    (entry,) = source.stat([path])
    assert isinstance(entry, Entry), entry
    return entry.fingerprint


def outcome(source: Source, request: RemoveRequest) -> V2xSyncError | None:
    """The answer to one removal."""
    ((token, error),) = source.remove([request])
    assert token == request.token
    return error


class SourceSessions(OnSource):
    """Connecting, closing, probing."""

    def test_is_a_source(self, source: Source) -> None:
        assert isinstance(source, Source)
        assert source.capabilities.source

    def test_probe(self, source: Source) -> None:
        health = source.probe()
        assert isinstance(health, Health)
        assert health.free_bytes is None or health.free_bytes >= 0

    def test_close_and_connect_again(self, far: FarSide, source: Source) -> None:
        far.plant("a.csv", b"1")
        source.connect()
        source.close()
        source.close()
        source.connect()
        assert set(entries(source)) == {"a.csv"}

    def test_a_root_that_is_gone_is_no_empty_listing(self, far: FarSide, source: Source) -> None:
        """Invariant 5 (requirement R7): an unmounted drive looks like an empty folder, and is not taken for one."""
        far.plant("a.csv", b"1")
        far.vanish()
        with pytest.raises(DeviceError):
            list(source.list())
        with pytest.raises(DeviceError):
            source.probe()


class Listings(OnSource):
    """`list` and `stat`."""

    def test_empty_tree(self, source: Source) -> None:
        assert list(source.list()) == []

    def test_folders_come_before_their_content(self, far: FarSide, source: Source) -> None:
        need(capability="folders", there=source.capabilities.folders)
        for path in ("b/c/d.csv", "b/a.csv", "a.csv", "z/y/x/w.csv"):
            far.plant(path, b"x")
        far.plant_folder("empty/deeper")
        found = entries(source)
        assert set(found) == far.listing()
        order = list(found)
        for path in order:
            parent = path.rpartition("/")[0]
            assert not parent or order.index(parent) < order.index(path)
        assert found["b/c"].kind is Kind.FOLDER
        assert found["empty/deeper"].kind is Kind.FOLDER
        assert found["b/c/d.csv"].kind is Kind.FILE

    @pytest.mark.parametrize("size", [0, 1, 300_000])
    def test_sizes_and_times(self, far: FarSide, source: Source, size: int) -> None:
        when = WHEN_NS + 2 * NS_PER_S
        far.plant("a.csv", b"x" * size, when)
        entry = entries(source)["a.csv"]
        assert (entry.kind, entry.size) == (Kind.FILE, size)
        if source.capabilities.mtime_step_s is None:
            assert entry.mtime_ns is None
        else:
            assert entry.mtime_ns is not None
            assert abs(entry.mtime_ns - when) < max(entry.step_ns, 1)
        assert source.stat(["a.csv"]) == [entry]

    def test_times_before_1970_and_after_2038(self, far: FarSide, source: Source, strong_times: None) -> None:
        """Requirement R13: clocks that were never set do not break a listing."""
        far.plant("old.csv", b"x", 0)
        far.plant("new.csv", b"x", 2_200_000_000 * NS_PER_S)
        assert set(entries(source)) == {"old.csv", "new.csv"}

    def test_many_files_in_one_folder(self, far: FarSide, source: Source) -> None:
        names = {f"f{number:04}.csv" for number in range(1_200)}
        for name in names:
            far.plant(name, b"x")
        assert set(entries(source)) == names

    def test_our_own_names_are_left_out(self, far: FarSide, source: Source) -> None:
        far.plant("a.csv", b"x")
        far.plant(".v2xsync-st-7.part", b"x")
        far.plant("sub/.v2xsync-st-8.part", b"x")
        far.plant(".v2xsync/9.part", b"x")
        assert {path for path, entry in entries(source).items() if entry.kind is Kind.FILE} == {"a.csv"}
        assert not any(".v2xsync" in path for path in entries(source))

    def test_links_are_not_followed(self, far: FarSide, source: Source) -> None:
        far.plant("real/a.csv", b"xyz")
        far.plant_link("loop", ".")
        far.plant_link("file-link", "real/a.csv")
        far.plant_link("dangling", "nowhere")
        found = entries(source)
        assert {path for path, entry in found.items() if entry.kind is Kind.FILE} == {"real/a.csv"}
        assert {path for path, entry in found.items() if entry.kind is Kind.FOLDER} == {"real"}
        for answer in source.stat(["loop", "file-link", "dangling"]):
            assert isinstance(answer, ItemError) or answer.kind in (Kind.LINK, Kind.OTHER)

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_odd_names(self, far: FarSide, source: Source, name: str) -> None:
        path = f"{name}/{name}"
        far.plant(path, b"x")
        assert path in entries(source)
        (entry,) = source.stat([path])
        assert isinstance(entry, Entry)
        assert (entry.path, entry.size) == (path, 1)

    def test_names_that_differ_only_in_case(self, far: FarSide, source: Source) -> None:
        need(capability="case_sensitive", there=source.capabilities.case_sensitive)
        far.plant("Data.csv", b"1")
        far.plant("data.csv", b"22")
        assert {path: entry.size for path, entry in entries(source).items()} == {"Data.csv": 1, "data.csv": 2}

    def test_stat_answers_in_order(self, far: FarSide, source: Source) -> None:
        for number in range(40):
            far.plant(f"{number}.csv", b"x" * number)
        paths = [f"{number}.csv" for number in range(39, -1, -1)]
        paths[7], paths[20] = "missing.csv", "no/such/folder.csv"
        answers = source.stat(paths)
        assert len(answers) == len(paths)
        for path, answer in zip(paths, answers, strict=True):
            if path in ("missing.csv", "no/such/folder.csv"):
                assert isinstance(answer, ItemMissing)
                assert answer.path == path
            else:
                assert isinstance(answer, Entry)
                assert (answer.path, answer.size) == (path, int(path[:-4]))

    def test_stat_of_nothing(self, source: Source) -> None:
        assert list(source.stat([])) == []

    @pytest.mark.parametrize("path", UNSAFE_PATHS)
    def test_stat_refuses_unsafe_paths(self, far: FarSide, source: Source, path: str) -> None:
        """Invariant 9, as for every verb below."""
        far.plant("a.csv", b"x")
        answers = source.stat([path, "a.csv"])
        assert isinstance(answers[0], ItemRefused)
        assert isinstance(answers[1], Entry)


class Removals(OnSource):
    """Invariant 1 at a source: `remove` takes only the very version, right after a stat."""

    def test_remove_what_matches(self, far: FarSide, source: Source, deletes: None) -> None:
        far.plant("d/a.csv", b"abc")
        far.plant("d/b.csv", b"abc")
        assert outcome(source, RemoveRequest(7, "d/a.csv", fingerprint_of(source, "d/a.csv"))) is None
        assert far.listing() == {"d", "d/b.csv"}

    def test_remove_answers_for_each(self, far: FarSide, source: Source, deletes: None) -> None:
        for number in range(60):
            far.plant(f"{number}.csv", b"x" * number)
        requests = [RemoveRequest(n, f"{n}.csv", fingerprint_of(source, f"{n}.csv")) for n in range(60)]
        far.plant("5.csv", b"grown by its writer")
        requests.append(RemoveRequest(60, "never.csv", requests[0].fingerprint))
        answers = dict(source.remove(iter(requests)))
        assert len(answers) == 61
        assert isinstance(answers.pop(5), ItemChanged)
        assert isinstance(answers.pop(60), ItemMissing)
        assert set(answers.values()) == {None}
        assert far.listing() == {"5.csv"}

    def test_remove_keeps_another_size(self, far: FarSide, source: Source, deletes: None) -> None:
        far.plant("a.csv", b"abc")
        old = fingerprint_of(source, "a.csv")
        far.plant("a.csv", b"abcd")
        assert isinstance(outcome(source, RemoveRequest(0, "a.csv", old)), ItemChanged)
        assert far.look("a.csv") == b"abcd"

    def test_remove_keeps_another_time(self, far: FarSide, source: Source, deletes: None, strong_times: None) -> None:
        far.plant("a.csv", b"abc")
        old = fingerprint_of(source, "a.csv")
        far.plant("a.csv", b"abd", WHEN_NS + 10 * NS_PER_S)
        assert isinstance(outcome(source, RemoveRequest(0, "a.csv", old)), ItemChanged)
        assert far.look("a.csv") == b"abd"

    def test_remove_after_proving_the_content(self, far: FarSide, source: Source, deletes: None) -> None:
        need(capability="fetch_proof", there=source.capabilities.fetch_proof >= Proof.HASH)
        data = b"v2x" * 200_000
        far.plant("a.csv", data)
        request = RemoveRequest(
            0, "a.csv", fingerprint_of(source, "a.csv"), hashlib.sha256(data).hexdigest(), prove_content=True
        )
        assert outcome(source, request) is None
        assert far.look("a.csv") is None

    @pytest.mark.parametrize("sha256", ["", "0" * 64], ids=["none", "wrong"])
    def test_remove_keeps_what_cannot_be_proven(self, far: FarSide, source: Source, deletes: None, sha256: str) -> None:
        far.plant("a.csv", b"abc")
        request = RemoveRequest(0, "a.csv", fingerprint_of(source, "a.csv"), sha256, prove_content=True)
        error = outcome(source, request)
        assert isinstance(error, ItemError)
        assert not isinstance(error, ItemMissing)
        assert far.look("a.csv") == b"abc"

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_remove_odd_names(self, far: FarSide, source: Source, deletes: None, name: str) -> None:
        far.plant(name, b"x")
        assert outcome(source, RemoveRequest(0, name, fingerprint_of(source, name))) is None
        assert far.listing() == set()

    def test_remove_never_takes_a_folder(self, far: FarSide, source: Source, deletes: None) -> None:
        far.plant_folder("d")
        (entry,) = source.stat(["d"])
        shown = entry.fingerprint if isinstance(entry, Entry) else Fingerprint(0, WHEN_NS)
        assert isinstance(outcome(source, RemoveRequest(0, "d", shown)), ItemError)
        assert far.listing() == {"d"}

    def test_remove_never_takes_a_link(self, far: FarSide, source: Source, deletes: None) -> None:
        far.plant("real.csv", b"abc")
        far.plant_link("link.csv", "real.csv")
        assert isinstance(outcome(source, RemoveRequest(0, "link.csv", fingerprint_of(source, "real.csv"))), ItemError)
        assert far.listing() == {"real.csv", "link.csv"}

    @pytest.mark.parametrize("path", UNSAFE_PATHS)
    def test_remove_refuses_unsafe_paths(self, far: FarSide, source: Source, deletes: None, path: str) -> None:
        far.plant("a.csv", b"x")
        shown = fingerprint_of(source, "a.csv")
        answers = dict(source.remove([RemoveRequest(0, path, shown), RemoveRequest(1, "a.csv", shown)]))
        assert isinstance(answers[0], ItemRefused)
        assert answers[1] is None


class Pruning(OnSource):
    """Invariant 1 for folders: `prune` takes only those that are empty, and never the root."""

    def test_prune_empty_folders(self, far: FarSide, source: Source, prunes: None) -> None:
        for folder in ("a/b/c", "d"):
            far.plant_folder(folder)
        assert set(source.prune(["a/b/c", "a/b", "a"])) == {"a/b/c", "a/b", "a"}
        assert far.listing() == {"d"}

    def test_prune_keeps_what_is_not_empty(self, far: FarSide, source: Source, prunes: None) -> None:
        far.plant("a/b/file.csv", b"x")
        far.plant("c/.hidden", b"x")
        far.plant_folder("a/e")
        assert list(source.prune(["a/b", "a/e", "a", "c"])) == ["a/e"]
        assert far.listing() == {"a", "a/b", "a/b/file.csv", "c", "c/.hidden"}

    def test_prune_never_takes_the_root(self, far: FarSide, source: Source, prunes: None) -> None:
        assert list(source.prune([""])) == []
        assert list(source.list()) == []

    def test_prune_leaves_files_links_and_missing_alone(self, far: FarSide, source: Source, prunes: None) -> None:
        far.plant("a.csv", b"x")
        assert list(source.prune(["a.csv", "missing", "missing/deeper"])) == []
        assert far.listing() == {"a.csv"}

    def test_prune_never_takes_a_link(self, far: FarSide, source: Source, prunes: None) -> None:
        far.plant_folder("real")
        far.plant_link("link", "real")
        assert list(source.prune(["link"])) == []
        assert far.listing() == {"real", "link"}

    @pytest.mark.parametrize("path", UNSAFE_PATHS)
    def test_prune_leaves_unsafe_paths_out(self, far: FarSide, source: Source, prunes: None, path: str) -> None:
        far.plant_folder("a")
        far.plant_folder("b")
        assert list(source.prune([path, "b"])) == ["b"]
        assert far.listing() == {"a"}
