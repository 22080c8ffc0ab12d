"""Play seeds: ``python -m tests.simulation SEED...`` tells of each what happened in its world."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.simulation.oracle import CustodyBroken
from tests.simulation.world import World


def main(seeds: list[int]) -> int:
    """Play each seed; 1 where custody was broken in one of them."""
    broken = states = removals = deaths = 0
    for seed in seeds:
        home = Path(tempfile.mkdtemp(prefix="v2xsync-world-"))
        world = World(seed, home)
        try:
            world.play()
            verdict = "nothing lost"
        except CustodyBroken as error:
            verdict, broken = f"BROKEN: {error}\n{chronicle(world)}", 1
        finally:
            world.ledger.close()
            shutil.rmtree(home, ignore_errors=True)
        written, removed = len(world.archive.contents), len(world.oracle.removed)
        states, removals, deaths = states + written, removals + removed, deaths + world.deaths
        print(f"seed {seed}: {written} states written, {removed} originals removed, {world.deaths} deaths: {verdict}")
    print(f"{len(seeds)} worlds: {states} states written, {removals} originals removed, {deaths} deaths")
    return broken


def chronicle(world: World) -> str:
    """The rules, the custody log, what still waits, and the last events."""
    rules = [f"{route}" for route in world.plan.routes]
    log = [
        f"{line.step.value} {line.item_id} {line.path} {line.route} {line.detail}" for line in world.ledger.history()
    ]
    waits = [f"waits: {line}" for line in world.ledger.queue(50)]
    return "\n".join([*rules, *log, *waits, world.events()[-2000:]])


if __name__ == "__main__":
    sys.exit(main([int(word) for word in sys.argv[1:]]))
