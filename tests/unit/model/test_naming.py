"""Names from the wire are hostile (invariant 9): drawn safely, stored safely, never lost."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from v2xsync.devices import base
from v2xsync.errors import ItemRefused
from v2xsync.model import naming
from v2xsync.model.naming import byte_length, folded, original, printable, safe_relative, split_suffix, versioned

SHA = "0123456789abcdef" * 4

anything = st.characters(categories=("L", "M", "N", "P", "S", "Z", "C"))
any_text = st.text(anything)
nasty = st.sampled_from([*'%\\:*?"<>|. ~\x00\x01\x1b\x7f\x85\u202e\udc80\udcff\ud800Aa4u'])
part = st.text(anything | nasty, min_size=1, max_size=30).filter(lambda p: p not in (".", "..") and "/" not in p)
wire_paths = st.lists(part, min_size=1, max_size=4).map("/".join).filter(lambda p: "\0" not in p)
plain_names = st.from_regex(r"[A-Za-z0-9_\-+=,@#()\[\]{} éжあ]{1,20}\.(csv|JPG|ulg)", fullmatch=True)

# --- on the terminal --------------------------------------------------------------------------------------------------


@given(any_text)
def test_nothing_that_steers_a_terminal_is_drawn(text: str) -> None:
    """Invariant 9: no control, no format character, no lone surrogate, no line break is drawn raw."""
    drawn = printable(text)
    assert not {unicodedata.category(c) for c in drawn} & {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert len(drawn.splitlines()) <= 1
    drawn.encode("utf-8")


@given(any_text)
def test_printable_twice_is_printable_once(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@pytest.mark.parametrize(
    ("raw", "drawn"),
    [
        ("\x1b[2Jgone", r"\x1b[2Jgone"),
        ("a\nb\tc\r", r"a\x0ab\x09c\x0d"),
        ("\x7f\x9b31m", r"\x7f\x9b31m"),
        ("gpj\u202e.exe", r"gpj\u202e.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("caf\udce9", r"caf\udce9"),
        ("\U000e0041", r"\U000e0041"),
        ("\u3164\ufe0f", r"\u3164\ufe0f"),
    ],
)
def test_what_is_dangerous_shows_as_an_escape(raw: str, drawn: str) -> None:
    assert printable(raw) == drawn


@pytest.mark.parametrize(
    "name", ["", "clay-11th_spatLog_02242021_004841.csv", "журнал поездки.csv", "飛行記録　一.ulg"]
)
def test_ordinary_names_are_drawn_as_they_are(name: str) -> None:
    assert printable(name) == name


def test_composed_and_decomposed_letters_are_drawn_as_they_are() -> None:
    for form in ("NFC", "NFD"):
        name = unicodedata.normalize(form, "がé한.csv")
        assert printable(name) == name


# --- in the store -----------------------------------------------------------------------------------------------------


@given(wire_paths, st.booleans())
@example("%41", False)
@example("%%41%4", False)
@example("%u0041%u004", False)
@example("\x85\udc85\udcc2\udc85", False)
@example("CON/nul.txt/com1 .csv", True)
@example(".v2xsync-7.part", False)
def test_the_mapping_can_be_undone(path: str, windows: bool) -> None:
    """Invariant 9: mapped reversibly, and so never two paths to one."""
    assert original(safe_relative(path, windows=windows)) == path


@given(wire_paths, wire_paths)
def test_different_paths_stay_different(one: str, other: str) -> None:
    assume(one != other)
    assert safe_relative(one) != safe_relative(other)


@given(wire_paths, st.booleans())
def test_what_is_mapped_is_safe_to_store(path: str, windows: bool) -> None:
    """Invariant 9: nothing is ever written outside the store, nor under a name that we use ourselves."""
    mapped = safe_relative(path, windows=windows)
    parts = mapped.split("/")
    assert len(parts) == len(path.split("/"))
    assert not {"", ".", ".."} & set(parts)
    assert not any(base.is_ours(name.casefold()) for name in parts)
    assert "\\" not in mapped
    assert not {unicodedata.category(c) for c in mapped} & {"Cc", "Cs"}
    assert max(len(name.encode()) for name in parts) <= 255


@given(wire_paths)
def test_what_is_mapped_for_windows_holds_nothing_that_windows_forbids(path: str) -> None:
    for name in safe_relative(path, windows=True).split("/"):
        assert not set(name) & set('<>:"\\|?*')
        assert name[-1] not in ". "


@pytest.mark.parametrize("name", ["CON", "nul.csv", "Com1.tar.gz", "LPT9 .x", "AUX", "conout$"])
def test_windows_devices_are_escaped_for_windows_only(name: str) -> None:
    assert safe_relative(name) == name
    assert safe_relative(name, windows=True) == f"%{ord(name[0]):02X}{name[1:]}"


@given(st.lists(plain_names, min_size=1, max_size=4).map("/".join))
@example("100% sure.csv")
@example("CONSOLE.csv")
@example("~/.bashrc")
def test_plain_names_stay_as_they_are(path: str) -> None:
    assert safe_relative(path) == path
    assert original(path) == path


@pytest.mark.parametrize(
    ("path", "mapped"),
    [
        ("a\x1bb", "a%1Bb"),
        (r"..\..\x", "..%5C..%5Cx"),
        ("caf\udce9.csv", "caf%E9.csv"),
        ("a\x85b", "a%u0085b"),
        ("50%41", "50%2541"),
        (".v2xsync/ledger", "%2Ev2xsync/ledger"),
        ("x/.V2XSYNC-1.part", "x/%2EV2XSYNC-1.part"),
    ],
)
def test_escapes_are_percent_style(path: str, mapped: str) -> None:
    assert safe_relative(path) == mapped


@pytest.mark.parametrize(
    "path",
    ["", "/", "/etc/x", "../../etc/x", "a/../b", "a//b", "a/", "./a", "a/.", "..", "a\0b", "a/\0"],
)
def test_paths_that_leave_the_root_or_are_malformed_are_refused(path: str) -> None:
    """Invariant 9: traversal and absolute paths are held, with their reason."""
    with pytest.raises(ItemRefused) as caught:
        safe_relative(path)
    assert caught.value.path == path
    assert caught.value.remedy


def test_a_name_of_255_bytes_can_be_stored_and_a_longer_one_is_refused() -> None:
    for letter in ("x", "é", "飛"):
        fits = (letter * 255)[: 255 // len(letter.encode())].ljust(1)
        fits += "x" * (255 - len(fits.encode()))
        assert safe_relative(f"a/{fits}") == f"a/{fits}"
        with pytest.raises(ItemRefused, match="255 bytes"):
            safe_relative(f"a/{fits}x")


def test_a_name_that_is_too_long_once_mapped_is_refused() -> None:
    with pytest.raises(ItemRefused, match="255 bytes"):
        safe_relative("\\" + "x" * 254)


def test_a_whole_path_may_have_3900_bytes() -> None:
    path = "/".join(["d" * 99] * 39)
    assert len(path) == 3899
    assert safe_relative(path + "d") == path + "d"
    with pytest.raises(ItemRefused, match="3900 bytes"):
        safe_relative(path + "dd")


def test_the_prefix_is_the_one_that_devices_use() -> None:
    assert naming.OUR_PREFIX == base.OUR_PREFIX


# --- beside each other ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stem", "suffix"),
    [
        ("a.csv", "a", ".csv"),
        ("a.tar.gz", "a.tar", ".gz"),
        ("a", "a", ""),
        (".bashrc", ".bashrc", ""),
        ("..a", "..a", ""),
        (".a.b", ".a", ".b"),
        ("a.", "a.", ""),
        ("a..b", "a.", ".b"),
    ],
)
def test_names_are_split_before_their_last_dot(name: str, stem: str, suffix: str) -> None:
    assert split_suffix(name) == (stem, suffix)


@given(part)
def test_a_split_name_comes_together_again(name: str) -> None:
    stem, suffix = split_suffix(name)
    assert stem + suffix == name
    assert stem


def test_other_content_gets_the_tilde_form() -> None:
    assert versioned("a/b.csv", SHA) == "a/b~01234567.csv"
    assert versioned("log", SHA) == "log~01234567"
    assert versioned("d.x/.profile", SHA) == "d.x/.profile~01234567"


@given(wire_paths, st.text("abcdef0123456789", min_size=64, max_size=64))
@example("x" * 251 + ".csv", SHA)
@example("飛" * 83 + ".csv", SHA)
@example("x." + "y" * 253, SHA)
@example("x" * 240 + "\\\\\\\\\\", SHA)
def test_the_tilde_form_can_be_stored_too(path: str, sha256: str) -> None:
    mapped = safe_relative(path)
    other = versioned(mapped, sha256)
    assert other != mapped
    assert sha256[:8] in other
    assert other.rpartition("/")[0] == mapped.rpartition("/")[0]
    assert all(byte_length(name) <= 255 for name in other.split("/"))
    assert original(other).count("~") == path.count("~") + 1 or byte_length(mapped) > 240


@pytest.mark.parametrize("length", [1, 244, 245, 246, 253])
def test_a_suffix_as_long_as_a_name_leaves_some_of_the_stem(length: int) -> None:
    assert versioned("s." + "y" * length, SHA)[0] == "s"
    assert len(versioned("s." + "y" * length, SHA)) == min(length + 11, 255)


@pytest.mark.parametrize("letter", ["x", "é", "飛", "🚗"])
def test_a_long_stem_is_cut_between_characters(letter: str) -> None:
    name = letter * (251 // len(letter.encode())) + ".csv"
    stem, mark, ending = versioned(name, SHA).partition("~01234567")
    assert (mark, ending) == ("~01234567", ".csv")
    assert set(stem) == {letter}
    assert 255 - len((stem + mark + ending).encode()) < len(letter.encode())


def test_a_long_stem_is_cut_between_escapes() -> None:
    for filler in range(3):
        mapped = safe_relative("x" * filler + "\\" * 83 + ".csv")
        assert original(versioned(mapped, SHA)).strip("x\\") == "~01234567.csv"


@given(any_text)
def test_folding_twice_is_folding_once(text: str) -> None:
    assert folded(folded(text)) == folded(text)


def test_case_and_composition_fold_away_and_nothing_else() -> None:
    assert folded("A/ÉÄ.CSV") == folded("a/e\u0301a\u0308.csv")
    assert folded("a.csv") != folded("b.csv")
    assert folded("ЖУРНАЛ") == folded("журнал")
