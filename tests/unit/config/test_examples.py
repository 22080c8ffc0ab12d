"""Every example in config/ loads, and says what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from v2xsync.config.load import load
from v2xsync.model.items import Proof
from v2xsync.model.rules import After
from v2xsync.model.schedule import Every

EXAMPLES = sorted((Path(__file__).parents[3] / "config").glob("*.toml"))


def test_there_is_one_example_for_each_role() -> None:
    assert {"data-collector.toml", "drone-companion.toml", "roadside.toml", "server.toml"} == {
        path.name for path in EXAMPLES
    }


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_example_loads_without_a_warning_and_is_explained(path: Path) -> None:
    config = load(path, {"HOME": "/home/me"}, check_secrets=False)
    assert config.warnings == ()
    assert config.routes
    lines = path.read_text(encoding="utf-8").splitlines()
    assert sum("#" in line for line in lines) >= len(lines) // 3


def test_the_server_fetches_from_all_intersections_and_lets_go_after_proof() -> None:
    server = next(path for path in EXAMPLES if path.name == "server.toml")
    config = load(server, {"HOME": "/home/me"}, check_secrets=False)
    (route,) = config.routes
    assert route.sources == ("clay-11th", "market-10th", "market-11th")
    assert route.remove.after is After.DELIVERED
    assert config.store.keep.after_delivery_s == 0


def test_the_roadside_keeps_no_second_copy() -> None:
    roadside = next(path for path in EXAMPLES if path.name == "roadside.toml")
    (route,) = load(roadside, {"HOME": "/home/me"}, check_secrets=False).routes
    assert not route.stage
    assert route.remove.after is After.DELIVERED


def test_the_data_collector_lets_go_after_an_answer_to_each_file() -> None:
    collector = next(path for path in EXAMPLES if path.name == "data-collector.toml")
    config = load(collector, {"HOME": "/home/me"}, check_secrets=False)
    (route,) = config.routes
    assert config.devices["server"].type == "post"
    assert route.ready.locks == ("{name}.lock",)
    assert route.remove.proof_for("server") is Proof.ACK
    assert route.fetch_schedule("spool") == Every(60.0)
    assert not route.duplicates


def test_the_drone_has_one_source_and_three_targets_each_with_its_own_proof() -> None:
    drone = next(path for path in EXAMPLES if path.name == "drone-companion.toml")
    config = load(drone, {"HOME": "/home/me"}, check_secrets=False)
    (route,) = config.routes
    assert route.sources == ("pixracer",)
    assert [config.devices[name].type for name in route.targets] == ["post", "ftp", "webdav"]
    assert [route.remove.proof_for(name) for name in route.targets] == [Proof.ACK, Proof.HASH, Proof.HASH]
    assert not route.duplicates
