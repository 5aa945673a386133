"""A hash tree over JSON values: its root stands for all, a short proof shows that a value is one of them.

Hashes have 128 bits (BLAKE2b), leaves and nodes are told apart, a level of odd length repeats its last hash.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

from expander.base.digests import blake2b
from expander.base.written_numbers import dumps

SIZE: Final = 16
"""Bytes of a hash."""


def tree(values: Sequence[object]) -> tuple[str, list[str]]:
    """The root of ``values`` (not empty) as hexadecimal digits, and the proof of each, in order."""
    level = [_leaf(value) for value in values]
    proofs = [bytearray() for _ in values]
    places = list(range(len(values)))
    while len(level) > 1:
        if len(level) % 2:
            level.append(level[-1])
        for number, place in enumerate(places):
            proofs[number] += level[place ^ 1]
            places[number] = place // 2
        level = [_node(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0].hex(), [f"{number}:{b64encode(proof).decode()}" for number, proof in enumerate(proofs)]


def proves(root: str, value: object, proof: str) -> bool:
    """Whether ``proof`` shows that ``value`` is one of those that ``root`` stands for."""
    number, _, hashes = proof.partition(":")
    try:
        place, beside = int(number), b64decode(hashes, validate=True)
    except ValueError:
        return False
    if not number.isdecimal() or len(beside) % SIZE or place >> (len(beside) // SIZE):
        return False
    found = _leaf(value)
    for at in range(0, len(beside), SIZE):
        other = beside[at : at + SIZE]
        found = _node(other, found) if place & 1 else _node(found, other)
        place >>= 1
    return found.hex() == root


def _leaf(value: object) -> bytes:
    text = dumps(value, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode(), digest_size=SIZE, person=b"expander leaf").digest()


def _node(left: bytes, right: bytes) -> bytes:
    return blake2b(left + right, digest_size=SIZE, person=b"expander node").digest()
