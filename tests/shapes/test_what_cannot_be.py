"""What a shape cannot say is an error with field, line and the two items that differ."""

from __future__ import annotations

from typing import Any

import pytest

from expander import expand
from expander.base.errors import ExpanderError, InputError, ItemError
from expander.render.template_file import TemplateFile
from expander.shapes.shape import parse_shape

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: job-$ITEM
  labels: {jobgroup: jobs}
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        command: [echo, "$ITEM"]
"""


def problem(text: str, shape: str, items: list[Any], engine: Any = "item") -> str:
    """All that the error says."""
    with pytest.raises(InputError) as caught:
        list(expand(TemplateFile.of(text, "job.yaml"), items, shape=parse_shape(shape), engine=engine))
    return str(caught.value)


@pytest.mark.parametrize("shape", ["indexed", "chunks=2"])
def test_an_image_that_depends_on_the_item_names_the_field_the_line_and_two_items(shape: str) -> None:
    found = problem(JOB.replace("busybox", "$ITEM"), shape, ["apple", "pear"])
    assert found.startswith("job.yaml:12:9: spec.template.spec.containers[0].image: differs between items: ")
    assert "\"apple\" for item 1 'apple'" in found
    assert "\"pear\" for item 2 'pear'" in found
    assert "hint: shape='jobs' makes a Job of each item" in found


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("labels: {jobgroup: jobs}", "labels: {jobgroup: jobs, fruit: $ITEM}", "metadata.labels.fruit"),
        (
            "image: busybox",
            "image: busybox\n        resources: {limits: {cpu: $ITEM}}",
            "spec.template.spec.containers[0].resources.limits.cpu",
        ),
        (
            "restartPolicy: Never",
            "restartPolicy: Never\n      nodeSelector: {zone: $ITEM}",
            "spec.template.spec.nodeSelector.zone",
        ),
        (
            "restartPolicy: Never",
            "restartPolicy: Never\n      volumes: [{name: v, hostPath: {path: /data/$ITEM}}]",
            "spec.template.spec.volumes[0].hostPath.path",
        ),
        (
            "spec:\n  template",
            "spec:\n  activeDeadlineSeconds: $ITEM\n  template",
            "spec.activeDeadlineSeconds",
        ),
    ],
)
def test_whatever_else_depends_on_the_item_is_named(old: str, new: str, field: str) -> None:
    assert f": {field}: differs between items" in problem(JOB.replace(old, new, 1), "indexed", ["1", "2"])


def test_a_value_that_is_the_same_for_all_items_is_no_difference() -> None:
    file = TemplateFile.of(
        JOB.replace("busybox", "${ITEM.image}").replace("$ITEM", "${ITEM.name}"), "job.yaml"
    )
    items = [{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]
    found = list(expand(file, items, shape=parse_shape("indexed")))
    assert [manifest.kind for manifest in found] == ["ConfigMap", "Job"]


@pytest.mark.parametrize(
    ("shape", "field", "value"),
    [
        ("indexed", "completions", "3"),
        ("indexed", "activeDeadlineSeconds", "60"),
        ("chunks=2", "completions", "3"),
        (
            "chunks=2",
            "podFailurePolicy",
            "{rules: [{action: Ignore, onPodConditions: [{type: DisruptionTarget}]}]}",
        ),
    ],
)
def test_a_field_about_the_job_of_one_item_has_no_place_in_another_shape(
    shape: str, field: str, value: str
) -> None:
    found = problem(
        JOB.replace("spec:\n  template", f"spec:\n  {field}: {value}\n  template", 1), shape, ["a", "b"]
    )
    assert f"spec.{field}" in found
    assert "is about the Job of one item" in found


def test_arguments_of_an_entrypoint_that_is_not_known_need_a_command() -> None:
    found = problem(JOB.replace("command:", "args:"), "indexed", ["a", "b"])
    assert "spec.template.spec.containers[0].command: item 1 'a' (<python>) has no command" in found
    assert "give the container a command" in found


def test_an_object_beside_the_job_that_depends_on_the_item_is_named() -> None:
    beside = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: data-$ITEM}\n"
    found = problem(JOB + beside, "indexed", ["a", "b"])
    assert "item 2 'b' (<python>): ConfigMap 'data-b' depends on the item" in found


def test_an_object_beside_the_job_that_all_items_have_in_common_is_made_once() -> None:
    beside = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: data}\ndata: {a: b}\n"
    found = expand(TemplateFile.of(JOB + beside, "job.yaml"), ["a", "b"], shape=parse_shape("indexed"))
    assert [manifest.name for manifest in found if not manifest.name.startswith("jobs-")] == ["data", "jobs"]


def test_two_containers_cannot_take_turns() -> None:
    found = problem(
        JOB + "      - {name: other, image: busybox, command: [sleep, '1']}\n", "chunks=2", ["a", "b"]
    )
    assert "spec.template.spec.containers[1]: 2 containers" in found


def test_a_variable_that_only_some_items_have_is_named() -> None:
    text = JOB.replace("$ITEM", "{{ item }}") + (
        "        env:\n        - {name: A, value: x}\n{% if item == 'b' %}        - {name: B, value: yes!}\n{% endif %}"
    )
    found = problem(text, "indexed", ["a", "b"], engine="jinja2")
    assert "item 1 'a' (<python>) and item 2 'b' (<python>) have different variables" in found


def test_a_nul_cannot_be_in_a_command_line() -> None:
    text = JOB.replace("job-$ITEM", "job-$INDEX")
    with pytest.raises(ItemError, match=r"item 2 .*: a NUL character cannot be in a command line"):
        list(expand(TemplateFile.of(text, "job.yaml"), ["a", "b\0c"], shape=parse_shape("indexed")))


@pytest.mark.parametrize("text", ["", "index", "chunks", "chunks=0", "chunks=-1", "queue", "queue=kafka"])
def test_a_shape_there_is_not_is_told_with_those_there_are(text: str) -> None:
    with pytest.raises(
        ExpanderError, match="expected jobs, indexed, chunks=N, queue=redis or queue=rabbitmq"
    ):
        parse_shape(text)


def test_an_item_that_cannot_be_a_job_leaves_the_others_their_indexes() -> None:
    errors: list[str] = []
    text = JOB.replace("job-$ITEM", "job-$INDEX").replace(
        "spec:\n  template", "spec:\n  backoffLimit: $ITEM\n  template", 1
    )
    found = expand(
        TemplateFile.of(text, "job.yaml"),
        ["2", "two", "2"],
        shape=parse_shape("indexed"),
        on_error=lambda error: errors.append(str(error)),
    )
    assert [manifest.tree["spec"]["completions"] for manifest in found if manifest.kind == "Job"] == [2]
    assert len(errors) == 1
    assert "item 2 'two'" in errors[0]


@pytest.mark.parametrize("shape", ["indexed", "chunks=2"])
@pytest.mark.parametrize("items", [["a"], ["a", "b"]])
def test_a_template_without_a_job_is_told_what_it_has(shape: str, items: list[str]) -> None:
    cron = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: data-$ITEM}\n"
    assert "job.yaml:1:1: the template has no Job (only a ConfigMap)" in problem(cron, shape, items)


def test_two_jobs_of_one_item_are_told() -> None:
    assert "each item has two Jobs here" in problem(
        f"{JOB}---\n{JOB.replace('job-', 'other-')}", "indexed", ["a"]
    )
