"""A proof shows that a value is one of those a root stands for, and nothing else does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from expander.base.merkle import proves, tree

VALUES = st.lists(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=4
    ),
    min_size=1,
    max_size=40,
)


@given(VALUES, st.data())
def test_each_value_is_proven_and_no_other(values: list[object], data: st.DataObject) -> None:
    root, proofs = tree(values)
    assert all(proves(root, value, proof) for value, proof in zip(values, proofs, strict=True))
    number = data.draw(st.integers(0, len(values) - 1))
    other = data.draw(st.text())
    assert not proves(root, [values[number], other], proofs[number])
    changed = [*values[:number], [values[number], other], *values[number + 1 :]]
    assert tree(changed)[0] != root


@given(VALUES, st.text(max_size=60))
def test_a_proof_that_somebody_made_up_proves_nothing(values: list[object], proof: str) -> None:
    root, proofs = tree(values)
    assert not proves(root, [values], proof)
    assert not proves(root, [values[0], "x"], proof)
    for mangled in (proofs[0][:-1], proofs[0] + "A", "-1:", "99:", f"{len(values)}:", "", ":"):
        assert not proves(root, ["another"], mangled)


def test_the_root_depends_on_the_order_and_a_node_is_no_leaf() -> None:
    assert tree([1, 2])[0] != tree([2, 1])[0]
    root, _ = tree([1, 2, 3])
    assert not proves(root, root, "0:")
