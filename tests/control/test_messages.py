"""The parser of requests: exactly what fits, and nothing ever breaks it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ui import scenes

from v2xsync.control.desk import Desk, Visit
from v2xsync.control.messages import MOST_REQUEST_BYTES, AnyRequest, Misheard, read_request

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
WORDS = ["hello", "view", "events", "history", "force", "pause", "why", "release", "holds", "stop", "nonsense", ""]
NEARLY = st.fixed_dictionaries(
    {"v": st.sampled_from([1, 1, 1, 2, "1", None, True]), "id": st.sampled_from([0, 1, -1, 2**40, "1", 1.5, None])},
    optional={
        "do": st.sampled_from(WORDS),
        "names": JSON,
        "item_id": JSON,
        "item_ids": JSON,
        "queue_rows": JSON,
        "seq": JSON,
        "accept": JSON,
        "by": JSON,
        "more": JSON,
    },
)


def line(**content: Any) -> bytes:
    return json.dumps(content).encode()


def understood(data: bytes) -> AnyRequest | Misheard:
    try:
        return read_request(data)
    except Misheard as error:
        return error


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400) | JSON.map(lambda value: json.dumps(value).encode()) | NEARLY.map(lambda v: line(**v)))
def test_whatever_comes_is_a_request_or_misheard(data: bytes) -> None:
    heard = understood(data)
    if isinstance(heard, Misheard):
        assert heard.what.isprintable()
        assert 0 <= heard.request_id < 2**31
    else:
        assert heard.v == 1
        assert heard.do in WORDS


@settings(max_examples=60, deadline=None)
@given(NEARLY.map(lambda value: line(**value)))
def test_the_desk_answers_every_line_with_one_line(data: bytes) -> None:
    reply = Desk(scenes.busy()).answer(Visit(greeted=True), data)
    assert reply.line.endswith(b"\n")
    assert reply.line.count(b"\n") == 1
    answer = json.loads(reply.line)
    assert answer["v"] == 1
    assert ("fault" in answer) != ("ok" in answer)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"v": 2, "id": 7, "do": "hello"}, "version 1"),
        ({"id": 7, "do": "hello"}, "version 1"),
        ({"v": 1, "id": 7, "do": "rm"}, "does not fit"),
        ({"v": 1, "id": 7, "do": "hello", "read_only": "no"}, "does not fit: read_only"),
        ({"v": 1, "id": 7, "do": "hello", "extra": 1}, "extra_forbidden"),
        ({"v": 1, "id": 7, "do": "view", "queue_rows": 10**9}, "less_than_equal"),
        ({"v": 1, "id": 7, "do": "force", "names": "clay"}, "tuple"),
        ({"v": 1, "id": 7, "do": "force", "names": ["x"] * 501}, "too_long"),
    ],
)
def test_what_does_not_fit_is_refused_under_its_own_number(content: dict[str, Any], words: str) -> None:
    with pytest.raises(Misheard, match=words) as caught:
        read_request(line(**content))
    assert caught.value.request_id == 7


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[" * 10_000, b"1", b'"x"', b"{", b'{"v": 1e999}', b"\x00"])
def test_what_is_no_message_at_all_is_misheard(data: bytes) -> None:
    with pytest.raises(Misheard):
        read_request(data)


def test_a_deep_nest_below_the_limit_of_size_does_no_harm() -> None:
    data = b'{"v":1,"id":1,"do":"hello","x":' + b"[" * (MOST_REQUEST_BYTES - 64)
    with pytest.raises(Misheard):
        read_request(data)
