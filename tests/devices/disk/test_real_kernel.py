"""Plug, half a copy, yank, plug again, on a real kernel's USB stack and vfat (QEMU): slow, and as near as it gets."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.servers import qemu

ROOT = Path(__file__).parents[3]
BOOT_AND_ROUND_S = 600.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.xdist_group("qemu"),
    pytest.mark.real("qemu-system-x86_64"),
]


@pytest.fixture
def card(tmp_path: Path) -> dict[str, Path]:
    """A camera's card: a film with its subtitles, pictures with two variants, and what systems leave behind."""
    top = tmp_path / "20190403_122014"
    top.mkdir()
    sizes = {"20190403_122700_000.MOV": 6 << 20, "20190403_122700_000.SRT": 900}
    for number in range(3):
        sizes[f"20190403_12253{number}_816_R.jpg"] = 196_048
        sizes[f"20190403_12253{number}_816_8b.JPG"] = 50_000 + number
    for name, size in sizes.items():
        (top / name).write_bytes(hashlib.shake_128(name.encode()).digest(size))
    left = tmp_path / "System Volume Information"
    left.mkdir()
    (left / "IndexerVolumeGuid").write_bytes(b"{guid}")
    return {"card": top, "left": left}


def complaints(words: str) -> list[str]:
    """What fsck has to say beyond the mark that the yank left: Linux sets it for good at the first unclean end."""
    known = ("fsck.fat", "Dirty bit is set", "Automatically removing dirty bit", "Leaving filesystem unchanged")
    lines = (line.strip() for line in words.splitlines())
    return [line for line in lines if line and not line.startswith(known) and "clusters" not in line]


def test_a_card_that_is_yanked_in_mid_copy_arrives_whole_and_is_safe_to_remove(
    tmp_path: Path, card: dict[str, Path]
) -> None:
    lacking = qemu.missing()
    if lacking:
        pytest.skip(f"needs the real {', '.join(lacking)}, which is not installed")
    stick = qemu.Stick(tmp_path / "usb.img", megabytes=64, uuid="D1C6-0146", label="FLIR")
    stick.put(*card.values())
    wanted = {
        f"flir/{path.relative_to(tmp_path).as_posix()}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in card["card"].iterdir()
    }
    console: list[str] = []

    def heard(line: str) -> None:
        console.append(line)
        print(line, flush=True)  # pytest shows it where the test fails

    work = tmp_path / "machine"
    work.mkdir()
    command = [sys.executable, "-m", "tests.devices.disk.guest_round"]
    qemu.Machine(work, stick).run(command, ROOT, heard, timeout_s=BOOT_AND_ROUND_S)
    told = "\n".join(console)

    def saw(name: str) -> Any:
        (line,) = [line for line in console if line.startswith(f"@saw {name} ")]
        return json.loads(line.removeprefix(f"@saw {name} "))

    assert "@ended 0" in told, told
    (mount,) = saw("mounted")
    assert all(option in mount for option in ("rw", "nodev", "nosuid", "noexec", "flush"))
    assert not saw("removed at the yank"), "nothing was removed before its proof"
    assert saw("kept") > 3 << 20, "the half copy was kept"
    assert saw("mounts") == [], "safe to remove is said of an unmounted drive"
    assert saw("office") == wanted
    steps = saw("steps")
    assert {step: steps.count(step) for step in ("found", "stored", "delivered", "removed")} == dict.fromkeys(
        ("found", "stored", "delivered", "removed"), len(wanted)
    )
    assert saw("code") == 0
    words = stick.check(tmp_path / "part.img")
    assert not complaints(words), words
    names = stick.listing()
    assert "20190403_122700" not in names
    assert "IndexerVolumeGuid" in names
