"""KYAML: the same text as kubectl, and the same values read back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.yaml import load_documents
from expander.base.yaml.kyaml import kyaml

KEYS = (
    "a a-b a.b a/b _a a_ 1a 1-2 1.2.3 v1 e3 0x nil trues é ß y N no Off true Null ~ inf .inf NaN 1 00 08 1.5 1e3 1_0 "
    "_1 0x1 0b1 0o7 2001-01-01 2001-1-1 a- a. -a .5 a:b a@b a=b a\tb << app.kubernetes.io/name"
).split(" ")
TEXTS = [
    *(
        "",
        "a",
        "no",
        "1",
        '"q" \\',
        "a\tb",
        "\x00\x07\x08\x0b\x0c\r\x1b",
        "é\u2028\u2029\xa0\u200b\ufeff",
        "😀\U000e0001",
    ),
    *(
        "a\nb",
        "a\n",
        "a\n\n",
        "\n",
        "\n\na",
        " a\n b",
        "a\n\tb",
        "a \nb ",
        "a\n  ",
        "a\r\nb",
        "x" * 200 + "\n" + "y z " * 50,
    ),
]
SAMPLE: dict[str, Any] = {
    "apiVersion": "v1",
    "keys": dict.fromkeys(sorted(KEYS), "v"),
    "kind": "ConfigMap",
    "lists": [[], {}, [1, 2.5, True, None, "s"], [[1], []], [{"a": 1}, {"b": [{"c": 1}]}], [{"a": 1}, 2]],
    "metadata": {"annotations": {"a": "b"}, "name": "a"},
    "numbers": [0, -1, 1.0, 0.1, 1e-5, 1e-7, 1e20, 1e21, 1.5e300, 12345678.9, 123456789012345678],
    "texts": {f"t{number:02}": text for number, text in enumerate(TEXTS)},
}


def test_kubectl_prints_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(SAMPLE))
    kubectl = Path(sys.executable).parent / "kubectl"
    answer = subprocess.run(
        [kubectl, "annotate", "--local", "-f", path, "a=b", "--overwrite", "-o", "kyaml"],
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert kyaml(SAMPLE) == answer.stdout


texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(-(2**53), 2**53) | texts,
    lambda below: st.lists(below) | st.dictionaries(texts, below),
    max_leaves=20,
)


@given(st.dictionaries(texts, values))
def test_any_value_is_read_back(value: dict[str, Any]) -> None:
    if value:
        (document,) = load_documents(kyaml(value), "a.yaml")
        assert document.data == value


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_has_no_json_is_no_kyaml(value: object) -> None:
    with pytest.raises(ValueError, match=r"JSON|surrogate"):
        kyaml({"a": value})
