"""A value arrives as it is: in JSON and YAML output, whatever style the template wrote and whoever reads it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from expander.base.errors import InputError
from expander.base.yaml import load_documents
from expander.local.kubelet.env import expand
from expander.manifests.manifest import Manifest
from expander.render import compiled
from tests.render.batch import results
from tests.render.templates import Writer

WORDS = ["yes", "n", "~", "null", "1e3", "0o10", ".inf", "<<", "- a", "a: b", "{{ 1 }}", "{% x %}", "$ITEM", "$(A)",
         "---", "...", "\n---\n", "# c", "a #c", "'", '"', "\\", "\\n", "%s", "%(a)s", "{0}", "zq0x", "\x85", "\u2028",
         "\ufeff", "\ufffe", "\x00", "\x7f", "\r\n", " ", "\t", "\n", "a\n", "\na", "é", "\U0001f600", "é", "ß",
         "*a", "&a", "!t", "[a", "{a", "a,b", "@", "`", "|", ">", "x" * 300, "../../x", ".", "", "a", "b-c.d", "12",
         " lead", "trail ", "$", "$$", "(A)", "a$(A)b$", "12:30", "2001-01-01", "x:", "true", "|-\n  x", "a\n\n b\n"]  # fmt: skip
hostile = (
    st.sampled_from(WORDS) | st.text(max_size=12) | st.lists(st.sampled_from(WORDS), max_size=4).map("".join)
)
VARIABLES = {"A": "of A"}
REFERENCE = re.compile(r"\$\{ITEM\}|\$ITEM(?![A-Za-z0-9_])")


@contextmanager
def fast_paths(on: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not on:
            patch.setattr(compiled.CompiledTemplate, "_copy", lambda *_: None)
        yield


def filled(tree: Any, value: str) -> Any:
    """What a template's own tree says with ``value`` in the place of each reference."""
    if isinstance(tree, dict):
        return {filled(key, value): filled(part, value) for key, part in tree.items()}
    if isinstance(tree, list):
        return [filled(part, value) for part in tree]
    return REFERENCE.sub(lambda _: value, tree) if isinstance(tree, str) else tree


def in_container(tree: Any, value: str | None = None) -> Any:
    """What the kubelet makes of a Job's arguments and variables; ``value`` for references, as it is."""

    def text(of: str) -> str:
        constants = REFERENCE.split(of) if value is not None else [of]
        return str(value).join(expand(constant, VARIABLES) for constant in constants)

    if tree["kind"] != "Job":
        return None
    (container,) = tree["spec"]["template"]["spec"]["containers"]
    return [*map(text, container["args"]), *[text(entry["value"]) for entry in container["env"]]]


def other_parts(tree: Any) -> Any:
    """The parts of a manifest that nothing but its values changes, but for what the kubelet expands."""
    annotations = tree["metadata"].get("annotations", {})
    own = {key: value for key, value in annotations.items() if key != "expander/item"}
    return [tree["kind"], own, tree["spec"] if tree["kind"] != "Job" else None]


def read_by_all(text: str, wanted: Any) -> None:
    """The readers of Python: ours (kubectl's rules), PyYAML's two, ruamel's."""
    (document,) = load_documents(text, "f")
    assert document.data == wanted
    assert yaml.safe_load(text) == wanted
    assert yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) == wanted
    assert YAML(typ="safe", pure=True).load(text) == wanted


@settings(max_examples=60)
@given(
    seed=st.integers(0, 1 << 32),
    values=st.lists(hostile, min_size=1, max_size=4),
    fast=st.booleans(),
)
def test_every_reader_finds_the_value_in_yaml_that_json_has(
    seed: int, values: list[str], fast: bool, kubectl: str
) -> None:
    random = Random(seed)
    texts: list[str] = []
    wanted: list[Any] = []
    for _ in range(5):
        template = Writer(random).template()
        try:
            own = [document.data for document in load_documents(template, "t")]
        except InputError:
            continue  # a choice that is no YAML, such as a blank line with too many blanks
        with fast_paths(fast):
            as_json = results(template, *values, output="json")
            as_yaml = results(template, *values, output="yaml")
        expected = [(tree, value) for value in values for tree in own]
        assert len(as_json) == len(as_yaml)
        if len(as_json) < len(expected):
            continue  # a value is a key that is there already
        for (tree, value), one, other in zip(expected, as_json, as_yaml, strict=True):
            if not isinstance(one, Manifest) or not isinstance(other, Manifest):
                assert str(one) == str(other)
                continue
            data = json.loads(one.json())
            assert other_parts(data) == other_parts(filled(tree, value))
            assert in_container(data) == in_container(tree, value)
            assert other.tree == one.tree == data
            assert other.json() == one.json()
            assert other.yaml() == one.yaml()
            read_by_all(other.yaml(), data)
            texts.append(other.yaml())
            wanted.append(data)
    if texts:
        assert read_by_kubectl(kubectl, texts) == wanted


def read_by_kubectl(kubectl: str, texts: list[str]) -> list[Any]:
    command = [kubectl, "annotate", "--local", "-f", "-", "seen=", "-o", "json"]
    answer = subprocess.run(
        command, input="---\n".join(texts), capture_output=True, encoding="utf-8", check=False
    )
    assert answer.returncode == 0, answer.stderr
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(answer.stdout.rstrip()):
        tree, at = decoder.raw_decode(answer.stdout, at)
        del tree["metadata"]["annotations"]["seen"]
        found.append(tree)
        at += len(answer.stdout[at:]) - len(answer.stdout[at:].lstrip())
    return found
