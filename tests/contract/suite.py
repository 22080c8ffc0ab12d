"""The contract suite: an adapter's test file inherits these two classes and gives a fixture `far`.

About twenty lines for a new adapter::

    @pytest.fixture
    def far(tmp_path: Path) -> FarSide:
        return FolderFarSide(tmp_path, lambda: LocalDevice("box", LocalOptions(root=tmp_path)))

    class TestLocalSource(SourceContract):
        adapter, server = "local", "disk"

    class TestLocalTarget(TargetContract):
        adapter, server = "local", "disk"

`far.session()` must give a fresh session of the same device each time. A check skips itself only by `Capabilities`,
or where the far side cannot hold what the check wants to plant there; the skip's message names which.
"""

from __future__ import annotations

from tests.contract.far import FarSide, FolderFarSide
from tests.contract.fetch_checks import Fetching
from tests.contract.source_checks import Listings, Pruning, Removals, SourceSessions
from tests.contract.target_checks import Proving, Replacing, Resuming, Sending, Sweeping, TargetSessions

__all__ = ["FarSide", "FolderFarSide", "SourceContract", "TargetContract"]


class SourceContract(SourceSessions, Listings, Fetching, Removals, Pruning):
    """Every promise of the port `Source`."""


class TargetContract(TargetSessions, Sending, Replacing, Resuming, Proving, Sweeping):
    """Every promise of the port `Target`."""
