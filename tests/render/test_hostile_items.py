"""Whatever an item holds: the structure stays, and the value arrives as it was given."""

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.base.errors import ItemError
from expander.base.yaml import load_documents
from expander.local.kubelet.env import expand
from expander.manifests.manifest import Manifest
from expander.manifests.names import DNS_LABEL, LABEL_VALUE, SUBDOMAIN
from expander.render import compiled
from tests.render.batch import items_of, jinja, results

PLACES = """\
# comment $ITEM
apiVersion: batch/v1
kind: Job
metadata:
  name: job-$ITEM
  labels: {item: $ITEM, fixed: x-$ITEM.y}
  annotations:
    plain: $ITEM
    quoted: "a $ITEM b"
    single: 'it''s $ITEM'
    inside: pre $ITEM post
    block: |
      first $ITEM
        $ITEM
      last
    folded: >-
      one $ITEM
      two
    flow: {a: b}
    $ITEM: key
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main-$ITEM
        image: "busybox"
        command: [run, $ITEM, "-x=$ITEM", '$ITEM']
        env: [{name: A, value: $ITEM}, {name: B, value: "$ITEM$ITEM"}]
""".replace("    flow: {a: b}\n", "")

WORDS = ["yes", "n", "~", "null", "1e3", "0o10", ".inf", "<<", "- a", "a: b", "{{ 1 }}", "{% x %}", "$ITEM", "$(A)",
         "---", "...", "\n---\n", "# c", "a #c", "'", '"', "\\", "\\n", "%s", "%(a)s", "{0}", "zq0x", "\x85", "\u2028",
         "\ufeff", "\ufffe", "\x00", "\x7f", "\r\n", " ", "\t", "\n", "a\n", "\na", "é", "\U0001f600", "é", "ß",
         "*a", "&a", "!t", "[a", "{a", "a,b", "@", "`", "|", ">", "x" * 300, "../../x", "."]  # fmt: skip
hostile = (
    st.sampled_from(WORDS) | st.text(max_size=12) | st.lists(st.sampled_from(WORDS), max_size=4).map("".join)
)


def shape(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: shape(value) for key, value in tree.items()}
    return [shape(value) for value in tree] if isinstance(tree, list) else type(tree).__name__


def expected(value: str) -> dict[str, str]:
    return {
        "plain": value,
        "quoted": f"a {value} b",
        "single": f"it's {value}",
        "inside": f"pre {value} post",
        "block": f"first {value}\n  {value}\nlast\n",
        "folded": f"one {value} two",
        value: "key",
        "expander/item": value,
    }


@settings(max_examples=150)
@given(hostile, st.sampled_from(["json", "yaml"]))
def test_any_item_arrives_as_it_was_given_in_a_manifest_of_the_same_shape(value: str, output: str) -> None:
    (harmless,) = results(PLACES, "harmless")
    (result,) = results(PLACES, value, output=output)
    if isinstance(result, ItemError):
        assert value in expected("").keys() - {""} or len(value) > 1000 or "\0" in value, str(result)
        return
    assert "\0" not in value
    text = result.json() if output == "json" else result.yaml()
    (document,) = load_documents(text, "f")
    tree = document.data
    assert tree == result.tree
    annotations = tree["metadata"].pop("annotations")
    assert annotations == expected(value)
    assert isinstance(harmless, Manifest)
    wanted = json.loads(harmless.json())
    del wanted["metadata"]["annotations"]
    assert shape(tree) == shape(wanted)
    container = tree["spec"]["template"]["spec"]["containers"][0]
    assert [expand(word, {}) for word in container["command"]] == ["run", value, f"-x={value}", value]
    assert [expand(variable["value"], {}) for variable in container["env"]] == [value, value * 2]
    assert SUBDOMAIN.accepts(tree["metadata"]["name"])
    assert DNS_LABEL.accepts(container["name"])
    assert all(LABEL_VALUE.accepts(label) for key, label in tree["metadata"]["labels"].items())


@settings(max_examples=100)
@given(
    st.lists(
        hostile | st.text(string.ascii_lowercase + "-._1", min_size=1, max_size=5), min_size=1, max_size=5
    )
)
def test_rows_together_give_the_same_bytes_as_each_row_the_exact_way(values: list[str]) -> None:
    for output in ("json", "yaml"):
        together = results(PLACES, *values, output=output)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled.CompiledTemplate, "_copy", lambda *_: None)
            alone = results(PLACES, *values, output=output)
        assert [said(one) for one in together] == [said(one) for one in alone]


def said(result: Manifest | ItemError) -> tuple[str, ...]:
    if isinstance(result, ItemError):
        return (str(result),)
    return (result.json(), result.yaml(), result.identity, str(result.item_text), result.kind, result.name)


JINJA = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: job-{{ item }}
  annotations:
    plain: {{ item }}
    quoted: "a {{ item }} b"
    block: |
      first {{ item }}
      last
    upper: {{ item | upper }}
spec:
  parallelism: {{ 2 + 1 }}
  suspend: {{ item == "yes" }}
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        args: {{ [item, 1] | tojson }}
"""


@settings(max_examples=100)
@given(st.lists(hostile, min_size=1, max_size=3), st.sampled_from(["json", "yaml"]))
def test_any_item_arrives_as_it_was_given_through_jinja2(values: list[str], output: str) -> None:
    template = JINJA.replace("args: {{ [item, 1] | tojson }}", 'args: ["{{ item }}", x{{ item }}]')
    for value, result in zip(values, jinja(template, *values, output=output), strict=True):
        if "\0" in value:
            assert isinstance(result, ItemError)
            continue
        assert isinstance(result, Manifest), str(result)
        (document,) = load_documents(result.json() if output == "json" else result.yaml(), "f")
        annotations = document.data["metadata"]["annotations"]
        assert annotations == {
            "plain": value,
            "quoted": f"a {value} b",
            "block": f"first {value}\nlast\n",
            "upper": value.upper(),
            "expander/item": value,
        }
        assert document.data["spec"]["parallelism"] == 3
        assert document.data["spec"]["suspend"] is (value == "yes")
        args = document.data["spec"]["template"]["spec"]["containers"][0]["args"]
        assert [expand(word, {}) for word in args] == [value, f"x{value}"]


@settings(max_examples=60)
@given(st.lists(hostile, min_size=2, max_size=5))
def test_a_skeleton_seen_before_gives_the_bytes_of_a_fresh_template(values: list[str]) -> None:
    template = JINJA.replace("args: {{ [item, 1] | tojson }}", 'args: ["{{ item }}", "{{ 1 }}"]')
    together = jinja(template, *values)
    alone = [jinja(template, value)[0] for value in values]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, ItemError) == isinstance(other, ItemError)
        if isinstance(one, Manifest) and isinstance(other, Manifest):
            assert (one.json(), one.yaml()) == (other.json(), other.yaml())


def test_an_item_with_half_of_a_surrogate_pair_is_refused() -> None:
    from expander.base.errors import InputError

    with pytest.raises(InputError, match="not UTF-8"):
        items_of("\ud800")


@pytest.mark.parametrize(
    "field", ["command: [run, $ITEM]", "args: ['x$ITEM']", "env: [{name: A, value: $ITEM}]"]
)
@pytest.mark.parametrize("shell", ["", "sh, -c, "])
def test_a_nul_is_refused_where_no_process_could_be_given_it(field: str, shell: str) -> None:
    container = f"        {field.replace('run, ', shell + 'run ' if shell else 'run, ')}\n"
    template = PLACES[: PLACES.index("        command:")] + container
    before, refused, after = results(template, "a", "a\0b", "b")
    assert isinstance(before, Manifest)
    assert isinstance(after, Manifest)
    assert "item 2 'a\\x00b'" in str(refused)
    assert f"containers[0].{field.partition(':')[0]}[" in str(refused)
    assert "a NUL character cannot be in a command line or a variable" in str(refused)
