"""``expander diff``: what a change changes, by item and field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import expander
from expander.cli.output.changes import shown_values
from tests.cli.cluster import cluster
from tests.cli.program import Answer, run

JOB = """\
apiVersion: batch/v1
kind: Job
metadata: {name: "job-$ITEM"}
spec:
  suspend: true
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: main, image: "busybox:1", command: [echo, "$ITEM"]}
"""


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "old.yaml").write_text(JOB)
    (folder / "new.yaml").write_text(JOB.replace("busybox:1", "busybox:2"))
    return folder


def diff(*arguments: str) -> Answer:
    return run("diff", *arguments)


def test_a_change_that_all_items_have_is_told_once(folder: Path) -> None:
    answer = diff("old.yaml", "new.yaml", "a", "b", "c", "d")
    assert answer.code == 1
    assert answer.out == (
        "spec.template.spec.containers[main].image: busybox:1 -> busybox:2 (all 4)\n"
        "4 objects compared: 4 changed\n"
    )


def test_changes_that_differ_are_told_by_item_up_to_a_number(folder: Path) -> None:
    (folder / "new.yaml").write_text(JOB.replace('echo, "$ITEM"', 'echo, "the $ITEM"'))
    answer = diff("old.yaml", "new.yaml", "a", "b", "c", "--show", "2")
    assert answer.out == (
        "spec.template.spec.containers[main].command[1] (3 objects)\n"
        "  a: a -> the a\n"
        "  b: b -> the b\n"
        "  and 1 more change\n"
        "3 objects compared: 3 changed\n"
    )


def test_equal_batches_exit_with_zero_whatever_the_files_are_called(folder: Path) -> None:
    (folder / "other.yaml").write_text(JOB.replace("suspend: true", "suspend: true\n  backoffLimit: 6"))
    answer = diff("old.yaml", "other.yaml", "a", "b")
    assert (answer.code, answer.out) == (0, "2 objects compared: 0 changed\n")


def test_an_item_is_found_again_under_another_name(folder: Path) -> None:
    (folder / "new.yaml").write_text(JOB.replace("job-$ITEM", "$ITEM-job"))
    assert diff("old.yaml", "new.yaml", "a").out.startswith("metadata.name: job-a -> a-job (a)\n")


def test_a_folder_of_manifests_is_compared_with_the_template(folder: Path) -> None:
    made = expander.expand("old.yaml", ["a", "b", "gone"])
    (folder / "jobs").mkdir()
    for number, manifest in enumerate(made):
        (folder / "jobs" / f"{number}.yaml").write_text(manifest.yaml())
    answer = diff("jobs", "new.yaml", "a", "b", "come", "--group", "old")
    assert answer.code == 1
    assert answer.out.splitlines() == [
        "spec.template.spec.containers[main].image: busybox:1 -> busybox:2 (a, b)",
        "only in the new: come",
        "only in the old: gone",
        "2 objects compared: 2 changed, 1 only in the new, 1 only in the old",
    ]


def test_json_has_a_line_for_each_object_that_differs(folder: Path) -> None:
    lines = diff("old.yaml", "new.yaml", "a", "b", "-o", "json").out.splitlines()
    assert [json.loads(line)["item"] for line in lines] == ["a", "b"]
    change = {"path": "spec.template.spec.containers[main].image", "old": "busybox:1", "new": "busybox:2"}
    assert json.loads(lines[0]) == {"item": "a", "kind": "Job", "name": "job-a", "changes": [change]}


def test_an_item_that_one_side_refuses_is_an_error(folder: Path) -> None:
    (folder / "new.yaml").write_text(JOB.replace("suspend: true", "parallelism: $ITEM"))
    answer = diff("old.yaml", "new.yaml", "1", "x")
    assert answer.code == 2
    assert "item 2 'x'" in answer.err
    assert "only in the old: x\n" in answer.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["old.yaml", "nope"], "no such file or folder: 'nope'"),
        (["-", "new.yaml", "-i", "-"], "both the template and the items"),
        (["/dev/stdin", "new.yaml", "a"], "manifests from the pipe /dev/stdin cannot be compared"),
        (["-", "-"], "only one of OLD and NEW can be standard input"),
        (["empty", "empty", "a"], "items require a template"),
        (["old.yaml", "new.yaml"], "no items"),
        (["group/none", "new.yaml", "a", "--local"], "none"),
    ],
)
def test_what_cannot_be_compared_is_refused(folder: Path, arguments: list[str], words: str) -> None:
    (folder / "empty").mkdir()
    answer = diff(*arguments)
    assert answer.code == 2
    assert words in answer.err


def test_a_template_may_come_through_a_pipe_as_the_shell_has_it(folder: Path) -> None:
    answer = run("diff", "/dev/stdin", "new.yaml", "a", stdin=JOB)
    assert answer.out.startswith("spec.template.spec.containers[main].image: busybox:1 -> busybox:2 (a)\n")


def test_names_of_fields_do_not_steer_the_terminal(folder: Path) -> None:
    for name in ("old", "new"):
        data = {"\x1b[31m\nk": name, "\x9b31m": name}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}
        (folder / f"{name}.json").write_text(json.dumps(config_map))
    lines = diff("old.json", "new.json", "--no-validate").out.splitlines()
    assert lines[0] == r"data.\x1b[31m\nk: old -> new (configmap/c)"
    assert lines[1] == r"data.\x9b31m: old -> new (configmap/c)"


def test_objects_of_one_name_are_told_apart_by_their_namespace(folder: Path) -> None:
    for name, extra in (("old", {"annotations": {"expander/item": '"x"'}}), ("new", {})):
        documents = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "c", "namespace": namespace, **extra},
                "data": {"k": name},
            }
            for namespace in ("one", "two")
        ]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in documents))
    found = expander.diff("old.jsonl", "new.jsonl")
    assert ([each.name for each in found.changed], found.added, found.removed) == (["c", "c"], [], [])


def test_the_jobs_of_a_cluster_are_compared_with_what_the_template_makes_now(folder: Path) -> None:
    with cluster(folder) as server:
        expander.submit("old.yaml", ["a", "b"], kubeconfig=str(server.kubeconfig))
        same = diff("group/old", "old.yaml", "a", "b", "--kubeconfig", str(server.kubeconfig))
        assert (same.code, same.out) == (0, "2 objects compared: 0 changed\n")
        answer = diff("group/old", "new.yaml", "a", "b", "--kubeconfig", str(server.kubeconfig))
        assert answer.out.splitlines() == [
            "spec.template.spec.containers[main].image: busybox:1 -> busybox:2 (a, b)",
            "2 objects compared: 2 changed",
        ]


def test_of_a_group_the_jobs_are_compared_and_what_is_not_is_said(folder: Path) -> None:
    config = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: "c-$ITEM"}\n---\n'
    (folder / "old.yaml").write_text(config + JOB)
    with cluster(folder) as server:
        expander.submit("old.yaml", ["a"], kubeconfig=str(server.kubeconfig))
        same = diff("group/old", "old.yaml", "a", "--kubeconfig", str(server.kubeconfig))
    assert (same.code, same.out) == (0, "1 object compared: 0 changed\n")
    assert same.err == "1 object not compared: of a group only Jobs are\n"


def test_python_gets_the_same_comparison(folder: Path) -> None:
    found = expander.diff("old.yaml", "new.yaml", ["a", "b"])
    assert not found.equal
    assert [(each.title, each.name) for each in found.changed] == [("a", "job-a"), ("b", "job-b")]
    assert expander.diff("old.yaml", "old.yaml", ["a"]).equal


@given(
    st.lists(st.sampled_from(["a", "b", "", "x" * 150, "\x1b"]), max_size=6),
    st.lists(st.sampled_from(["a", "b", "", "x" * 150]), max_size=6),
)
def test_values_that_differ_are_shown_so_that_they_differ(old: list[str], new: list[str]) -> None:
    for first, second in ((old, new), ("\n".join(old), "\n".join(new))):
        if first != second:
            shown = shown_values(first, second)
            assert shown[0].rpartition(": ")[2] != shown[1]
            assert all("\n" not in each and len(each) < 220 for each in shown)


def test_templates_that_are_texts_are_compared_and_stay_as_they_are(folder: Path) -> None:
    texts = [expander.TemplateFile.of((folder / name).read_text()) for name in ("old.yaml", "new.yaml")]
    old, new = texts
    assert [each.name for each in expander.diff(old, new, ["a"]).changed] == ["job-a"]
    assert expander.diff("old.yaml", texts[0], ["a"]).equal
    assert [each.group for each in texts] == [None, None]
