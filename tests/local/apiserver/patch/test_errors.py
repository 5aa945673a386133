"""Patches that make what is no object of the kind."""

from __future__ import annotations

from expander.local.apiserver.patch.errors import schema_mismatch

PROBLEM = 'unknown field "spec.x"'


def test_a_strategic_merge_patch_is_shown_as_it_was_sent() -> None:
    error = schema_mismatch([PROBLEM], {"spec": {"x": [1, None], "a": True}}, {}, strategic=True)
    detail = f'Invalid value: "map[spec:map[a:true x:[1 <nil>]]]": strict decoding error: {PROBLEM}'
    assert (error.code, error.reason) == (422, "Invalid")
    assert error.message == f' "" is invalid: patch: {detail}'
    assert error.details == {"causes": [{"reason": "FieldValueInvalid", "message": detail, "field": "patch"}]}


def test_of_other_patches_the_object_they_make_is_shown() -> None:
    error = schema_mismatch([PROBLEM, "b"], [{}], {"spec": {"x": 1}}, strategic=False)
    assert error.message == (
        ' "" is invalid: patch: Invalid value: "{\\"spec\\":{\\"x\\":1}}": '
        f"strict decoding error: {PROBLEM}, b"
    )
