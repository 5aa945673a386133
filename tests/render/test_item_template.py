"""`$ITEM` templates: types, names, places, errors."""

from typing import Any

import pytest

from expander.base.errors import InputError, ItemError
from expander.manifests.manifest import Manifest
from tests.render.batch import JOB, items_of, message, results, trees


@pytest.mark.parametrize(
    "value", ["123", "yes", "1e3", "null", "0o10", "~", "", "a: b", "- x", "é", "a\nb", "{}"]
)
def test_in_a_string_field_an_item_stays_this_string(value: str) -> None:
    (tree,) = trees(results(JOB, value))
    container = tree["spec"]["template"]["spec"]["containers"][0]
    assert container["env"][0]["value"] == value
    assert container["command"] == ["run", value, f"--x={value}"]
    assert tree["metadata"]["annotations"]["expander/item"] == value


COUNTED = JOB.replace("spec:\n  template", "spec:\n  parallelism: $ITEM\n  template", 1)


@pytest.mark.parametrize(("value", "number"), [("3", 3), ("0", 0), ("-2", -2), (7, 7), ("+5", 5)])
def test_in_an_integer_field_an_item_is_that_integer(value: Any, number: int) -> None:
    (tree,) = trees(results(COUNTED, value))
    assert tree["spec"]["parallelism"] == number


@pytest.mark.parametrize(
    "value", ["x", "1.5", "1e3", "007", "0x10", "", " 1", "2147483648", "9" * 5000, True]
)
def test_what_is_no_integer_is_refused_in_an_integer_field(value: Any) -> None:
    text = message(results(COUNTED, value))
    assert text.startswith("t.yaml:8:16: item 1 ")
    assert "spec.parallelism" in text
    assert "expected an integer" in text


def test_the_tag_of_yaml_forces_a_type_where_no_schema_knows_it() -> None:
    template = (
        "apiVersion: x.y/v1\nkind: Z\nmetadata: {name: a-$ITEM}\nspec: {count: !!int $ITEM, text: $ITEM}\n"
    )
    (tree,) = trees(results(template, "3"))
    assert tree["spec"] == {"count": 3, "text": "3"}


def test_names_and_labels_become_valid_and_stay_unique() -> None:
    found = trees(results(JOB, "Apple Pie", "apple pie", "apple-pie", "x" * 300))
    names = [tree["metadata"]["name"] for tree in found]
    labels = [tree["metadata"]["labels"]["item"] for tree in found]
    assert len(set(names)) == 4
    assert names[2] == "job-apple-pie"
    assert all(name.startswith("job-apple-pie-") for name in names[:2])
    assert all(len(name) <= 63 for name in names)
    assert len(set(labels)) == 4
    assert [tree["metadata"]["annotations"]["expander/item"] for tree in found][3] == "x" * 300


def test_a_name_does_not_change_from_run_to_run() -> None:
    (tree,) = trees(results(JOB, "Ünï cödé"))
    assert tree["metadata"]["name"] == "job-uni-code-5fd06841"


def test_columns_are_found_and_an_unknown_one_names_the_nearest() -> None:
    template = JOB.replace("$ITEM", "${ITEM.name}").replace("value: ${ITEM.name}", "value: ${ITEM.url}")
    (tree,) = trees(results(template, {"name": "a", "url": "http://x/?a=1&b"}))
    assert tree["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == "http://x/?a=1&b"
    assert tree["metadata"]["annotations"]["expander/item"] == '{"name":"a","url":"http://x/?a=1&b"}'
    with pytest.raises(InputError) as caught:
        results(template.replace("ITEM.url", "ITEM.ulr"), {"name": "a", "url": "b"})
    assert "t.yaml:17:18: unknown column 'ulr'" in str(caught.value)
    assert "did you mean url?" in str(caught.value)


def test_a_column_whose_name_ends_in_a_space_is_quoted() -> None:
    with pytest.raises(InputError) as caught:
        results(JOB.replace("$ITEM", "${ITEM.sample}"), {"sample ": "a", " lane": "b"})
    assert "columns are 'sample ', ' lane'" in str(caught.value)
    assert "did you mean 'sample '?" in str(caught.value)


def test_a_name_whose_constant_text_is_too_long_says_how_long_it_is() -> None:
    (error,) = results(JOB.replace("job-$ITEM", f"{'j' * 80}-$ITEM"), "a")
    assert "at most 63 characters" in str(error)
    assert "the constant text around the item alone has 81: shorten it" in str(error)


@pytest.mark.parametrize(("written", "there"), [("\xe9", "e\u0301"), ("cafe\u0301", "caf\xe9")])
def test_a_column_in_the_other_form_of_unicode_is_told_by_its_code_points(written: str, there: str) -> None:
    template = JOB.replace("$ITEM", f"${{ITEM.{written}}}")
    with pytest.raises(InputError) as caught:
        results(template, {there: "a", "b": "c"})
    words = f"column {there} is written with other code points: {there!a}, here {written!a}"
    assert words in str(caught.value)


def test_all_problems_of_a_template_are_told_at_once() -> None:
    template = JOB.replace("image: busybox", "image: ${ITEM.immage}").replace(
        "value: $ITEM", "value: ${ITEM.vlue}"
    )
    with pytest.raises(InputError) as caught:
        results(template, {"item": "x", "image": "y", "value": "z"})
    assert [problem.where.line for problem in caught.value.problems if problem.where] == [13, 17]


def test_a_bare_item_is_ambiguous_with_several_columns() -> None:
    with pytest.raises(InputError, match="ambiguous: the items have the columns a, b"):
        results(JOB, {"a": "1", "b": "2"})


def test_an_item_cannot_decide_the_kind_or_the_name_of_a_field() -> None:
    with pytest.raises(InputError, match="cannot set a kind"):
        results(JOB.replace("kind: Job", "kind: $ITEM"), "Pod")
    with pytest.raises(InputError, match="cannot set a kind or the name of a field"):
        results(JOB.replace("restartPolicy:", "$ITEM:"), "x")


def test_an_item_can_be_a_key_of_a_map_but_not_twice() -> None:
    template = JOB.replace("    item: $ITEM", "    fixed: x\n    $ITEM: here")
    (tree,) = trees(results(template, "team"))
    assert tree["metadata"]["labels"] == {"fixed": "x", "team": "here"}
    assert "already in this mapping" in message(results(template, "fixed"))


def test_a_list_or_nothing_is_no_value_for_a_field() -> None:
    assert "the item has a list here" in message(results(JOB.replace("$ITEM", "${ITEM.a}"), {"a": [1]}))
    assert "no value (null)" in message(results(JOB.replace("$ITEM", "${ITEM.a}"), {"a": None}))


def test_a_field_that_wants_a_list_refuses_the_template() -> None:
    with pytest.raises(InputError, match="takes a list, but an item is a single value"):
        results(JOB.replace('["run", "$ITEM", "--x=$ITEM"]', "$ITEM"), "x")


def test_the_index_counts_from_0_and_values_and_overrides_are_found() -> None:
    template = JOB.replace("name: job-$ITEM", "name: job-$INDEX-${ITEM.who}").replace(
        "image: busybox", "image: ${ITEM.image}"
    )
    found = trees(
        results(template, "a", "b", values={"who": "me", "image": "x:1"}, overrides={"image": "y:2"})
    )
    assert [tree["metadata"]["name"] for tree in found] == ["job-0-me", "job-1-me"]
    assert found[0]["spec"]["template"]["spec"]["containers"][0]["image"] == "y:2"


def test_a_value_of_the_item_wins_over_values_and_an_override_over_both() -> None:
    template = JOB.replace("image: busybox", "image: ${ITEM.image}")
    item = {"item": "a", "image": "own"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({}, "own"),
        ({"values": {"image": "v"}}, "own"),
        ({"overrides": {"image": "o"}}, "o"),
    ]
    for extra, image in cases:
        (tree,) = trees(results(template, item, **extra))
        assert tree["spec"]["template"]["spec"]["containers"][0]["image"] == image


SCRIPT = JOB.replace('["run", "$ITEM", "--x=$ITEM"]', '["sh", "-c", "echo \\"$ITEM\\" && sleep 1"]')


def test_a_value_that_changes_a_script_is_refused_with_a_hint_and_others_go_on() -> None:
    found = results(SCRIPT, "fine", "a $(id)", "two words")
    assert [isinstance(result, Manifest) for result in found] == [True, False, True]
    text = str(found[1])
    assert "command[2]: 'a $(id)' could change what the shell script does (inside double quotes)" in text
    assert "shell='env'" in text
    assert all(isinstance(result, Manifest) for result in results(SCRIPT, "a $(id)", shell="allow"))


def test_scripts_are_found_in_args_probes_hooks_and_init_containers() -> None:
    for field in (
        'args: ["-c", "echo $ITEM"]',
        'command: ["env", "A=b", "/bin/bash", "-euo", "pipefail", "-c", "echo $ITEM"]',
        'command: ["busybox", "sh", "-c", "echo $ITEM"]',
        'lifecycle: {preStop: {exec: {command: ["sh", "-c", "echo $ITEM"]}}}',
        'livenessProbe: {exec: {command: ["sh", "-c", "echo $ITEM"]}}',
    ):
        template = JOB.replace('command: ["run", "$ITEM", "--x=$ITEM"]', field)
        assert "could change what the shell script does" in message(results(template, "a;b")), field


def test_every_document_and_every_object_of_a_list_is_expanded() -> None:
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c-$ITEM\ndata:\n  $ITEM.txt: $ITEM\n"
    listed = (
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Secret\n  metadata: {name: s-$ITEM}\n"
    )
    found = trees(results(f"{JOB}---\n{config}---\n{listed}", "a", "b"))
    assert [(tree["kind"], tree["metadata"]["name"]) for tree in found] == [
        ("Job", "job-a"), ("ConfigMap", "c-a"), ("Secret", "s-a"),
        ("Job", "job-b"), ("ConfigMap", "c-b"), ("Secret", "s-b"),
    ]  # fmt: skip
    assert found[1]["data"] == {"a.txt": "a"}


def test_an_item_fails_as_a_whole_when_one_of_its_documents_does() -> None:
    found = results(f"{COUNTED}---\n{JOB.replace('job-', 'other-')}", "1", "x", "2")
    assert [type(result) is ItemError for result in found] == [False, False, True, False, False]


def test_a_reference_follows_the_name_of_what_it_refers_to() -> None:
    template = JOB.replace("value: $ITEM", "valueFrom: {configMapKeyRef: {name: c-$ITEM, key: k}}")
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c-$ITEM\n"
    job, made = trees(results(f"{template}---\n{config}", "Some Thing"))
    reference = job["spec"]["template"]["spec"]["containers"][0]["env"][0]["valueFrom"]["configMapKeyRef"][
        "name"
    ]
    assert reference == made["metadata"]["name"] != "c-Some Thing"


def test_an_indexed_job_leaves_room_for_the_index_in_its_name() -> None:
    indexed = JOB.replace("spec:\n", "spec:\n  completionMode: Indexed\n  completions: 1000\n", 1)
    (tree,) = trees(results(indexed, "x" * 100))
    assert len(tree["metadata"]["name"]) <= 59


def test_a_longer_name_is_left_alone_with_a_warning() -> None:
    from expander.render.compile import Rules
    from expander.render.item_template import ItemTemplate

    template = ItemTemplate(JOB.replace("busybox", "$ITEM_ID"), "t.yaml", Rules())
    (result,) = template.render(items_of("a"), "json")
    assert isinstance(result, Manifest)
    assert result.tree["spec"]["template"]["spec"]["containers"][0]["image"] == "$ITEM_ID"
    assert template.warnings == ["$ITEM_ID is not $ITEM and is left unchanged"]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("", "no document"),
        ("# nothing\n", "no document"),
        ("a: b\n", "no apiVersion and no kind"),
        ("- a\n", "is a list"),
        ("just text\n", "is a single value"),
        ("a: b: c\n", "not valid YAML"),
        ("a: 1\na: 2\n", "already set in line 1"),
    ],
)
def test_a_template_that_is_none_is_one_error_with_its_place(template: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        results(template, "x")
    assert str(caught.value).startswith("t.yaml")
    assert words in str(caught.value)


def test_two_keys_that_become_the_same_are_refused() -> None:
    template = JOB.replace("    item: $ITEM", "    ${ITEM.a}: x\n    ${ITEM.b}: y").replace(
        "$ITEM", "${ITEM.a}"
    )
    template = template.replace("${ITEM.a}.", "${ITEM.")
    found = results(template, {"a": "p", "b": "q"}, {"a": "p", "b": "p"})
    assert isinstance(found[0], Manifest)
    assert "two keys of a mapping became the same" in str(found[1])
