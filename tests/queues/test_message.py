"""What stands in a queue for an item, and what comes back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.queues.queue import Message, decode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8"))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), min_size=1), inner, max_size=3)
    ),
    max_leaves=6,
)


def test_a_plain_item_is_the_body_of_its_message() -> None:
    assert Message.of("apple").encode() == b"apple"
    assert Message.of(7).encode() == b"7"


def test_an_item_with_columns_is_a_json_object_with_its_id() -> None:
    message = Message.of({"sample": "a b", "depth": 3})
    assert json.loads(message.encode()) == {"item": {"sample": "a b", "depth": 3}, "id": message.id}


def test_a_command_of_its_own_travels_with_the_item() -> None:
    message = Message.of("apple", argv=["echo", "hello apple"], env={"SEED": "1"})
    assert decode(message.encode()) == message
    assert message.id != Message.of("apple").id


def test_a_plain_item_that_looks_like_a_message_stays_a_plain_item() -> None:
    text = Message.of({"a": 1}).encode().decode()
    message = Message(text)
    assert message.encode() != text.encode()
    assert decode(message.encode()).item == text


def test_json_that_others_wrote_is_a_plain_text() -> None:
    for body in (
        b'{"sample": 1}',
        b'{"item": "a", "id": "7"}',
        b'{"item": 1, "id": "0123456789abcdef0123", "price": 2}',
        b"{",
        b"[" * 9999,
    ):
        assert decode(body).text.encode() == body


def test_bytes_that_are_no_text_come_back_as_they_were() -> None:
    assert decode(b"\xff\x00x").encode() == b"\xff\x00x"


def test_what_drain_wrote_is_the_same_message_again() -> None:
    message = Message({"a": 1}, ("x",), {}, proof="0:")
    assert (
        Message.of({**message.as_json(), "state": "failed", "attempts": 3, "reason": "exit code 1"})
        == message
    )


@given(VALUES)
def test_every_value_comes_back_with_its_text_and_its_id(value: object) -> None:
    message = Message.of(value)
    found = decode(message.encode())
    assert (found.text, found.id) == (message.text, message.id)


@pytest.mark.parametrize("argv", [None, (), ("a", "")])
def test_the_id_is_the_same_every_time(argv: tuple[str, ...] | None) -> None:
    assert Message.of("x", argv=argv).id == Message.of("x", argv=argv).id
