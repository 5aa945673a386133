"""Digests are the same in every installation."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.submit import canonical

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
TREES = st.dictionaries(
    st.text(),
    st.recursive(SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each)),
    max_size=4,
)


@given(TREES)
def test_what_is_written_and_its_digest_do_not_depend_on_what_is_installed(tree: dict[str, Any]) -> None:
    read = canonical.decode(json.dumps(tree))
    assert read == tree
    found = canonical.canonical(read), canonical.encode(read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(canonical, "orjson", None)
        assert (canonical.canonical(read), canonical.encode(read)) == found


def test_a_digest_stays_what_it_was() -> None:
    tree = canonical.decode('{"b": [1, 1e22, true, null], "a": "é\\u0001\\u007f/"}')
    assert canonical.encode(tree) == '{"b":[1,1e+22,true,null],"a":"é\\u0001\x7f/"}'.encode()
    assert canonical.canonical(tree) == canonical.canonical(dict(reversed(tree.items())))


def test_text_that_is_not_unicode_is_an_error() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical.encode({"a": "\ud800"})
