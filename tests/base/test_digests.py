"""Hashes are those of the standard library, by what each Python has."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from expander.base import digests


@given(st.binary())
def test_digests_are_those_of_hashlib(data: bytes) -> None:
    assert digests.sha256(data).hexdigest() == hashlib.sha256(data).hexdigest()
    assert digests.blake2b(data, digest_size=16).digest() == hashlib.blake2b(data, digest_size=16).digest()
    assert digests.blake2s(data, digest_size=4).digest() == hashlib.blake2s(data, digest_size=4).digest()
