"""`expander.plan`, `expander.submit` and `expander.run`."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import expander
from expander.base.errors import InputError, ItemError, UsageError
from expander.render.template_file import TemplateFile
from expander.shapes.shape import Shape, parse_shape
from tests.cli.cluster import cluster

TEMPLATE = """\
apiVersion: batch/v1
kind: Job
metadata: {name: item-$ITEM, labels: {jobgroup: calls}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - {name: c, image: busybox, command: ["sh", "-c", 'echo "got $WORD"; test "$WORD" != bad'],
         env: [{name: WORD, value: $ITEM}]}
"""
COUNTED = TEMPLATE.replace("backoffLimit: 0", "parallelism: $ITEM")


def template(text: str = TEMPLATE) -> TemplateFile:
    return TemplateFile.of(text, "job.yaml")


def test_a_batch_is_a_template_a_path_manifests_or_objects(tmp_path: Path) -> None:
    (tmp_path / "job.yaml").write_text(TEMPLATE)
    from_template = expander.plan(tmp_path / "job.yaml", ["a", "b"], offline=True)
    manifests = list(expander.expand(template(), ["a", "b"]))
    assert expander.plan(manifests, offline=True) == from_template
    objects = [dict(manifest.tree) for manifest in manifests]
    assert expander.plan(objects, offline=True) == from_template
    folder = tmp_path / "jobs"
    folder.mkdir()
    for manifest in manifests:
        (folder / f"{manifest.name}.yaml").write_text(manifest.yaml())
    assert expander.plan(folder, offline=True).names == ["job.batch/item-a", "job.batch/item-b"]


def test_objects_get_the_group_and_stay_as_they_were() -> None:
    pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "i"}]}
    tree = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"template": {"spec": pod}},
    }
    assert expander.plan([tree], offline=True).group == "batch"
    assert expander.plan([tree], offline=True, group="mine").group == "mine"
    assert tree["metadata"] == {"name": "j"}


def test_what_is_no_batch_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="items require a template"):
        expander.plan([{"apiVersion": "v1", "kind": "ConfigMap"}], ["a"], offline=True)
    with pytest.raises(InputError, match="apiVersion and kind"):
        expander.plan([{"a": 1}], offline=True)
    with pytest.raises(InputError, match="not valid JSON"):
        expander.plan([{"a": {1, 2}}], offline=True)
    with pytest.raises(UsageError, match="no such file or folder"):
        expander.plan(tmp_path / "nowhere", offline=True)
    twice = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}
    with pytest.raises(InputError, match="duplicate ConfigMap"):
        expander.plan([twice, twice], offline=True)


def test_a_batch_can_be_planned_in_another_shape() -> None:
    plan = expander.plan(template(), range(20), offline=True, shape=parse_shape("chunks=10"))
    assert (plan.shape, plan.objects) == ("chunks=10", {"Job": 2})


def test_workers_are_not_made_for_a_queue_that_nobody_fills(tmp_path: Path) -> None:
    shape = Shape("queue", broker="redis", secret="broker")
    with pytest.raises(UsageError, match="on_queue"):
        expander.submit(template(), ["a"], shape=shape, dry_run="client")
    with pytest.raises(UsageError, match="on_queue"):
        expander.run(template(), ["a"], shape=shape, state=tmp_path)


def test_the_first_bad_item_raises_and_with_a_function_the_others_are_planned() -> None:
    with pytest.raises(ItemError, match="expected an integer"):
        expander.plan(template(COUNTED), ["1", "x"], offline=True)
    errors: list[ItemError] = []
    plan = expander.plan(template(COUNTED), ["1", "x", "2"], offline=True, on_error=errors.append)
    assert (plan.failed, plan.total, len(errors)) == (1, 2, 1)


def test_a_run_gives_each_job_with_its_logs_and_does_not_repeat_what_has_ended(tmp_path: Path) -> None:
    ran = expander.run(template(), ["good", "bad"], runtime="process", state=tmp_path)
    states = {job.outcome.item: job.outcome.state for job in ran.jobs}
    assert states == {"good": "Complete", "bad": "Failed"}
    assert {job.logs[0].read() for job in ran.jobs} == {b"got good\n", b"got bad\n"}
    assert (ran.counts["succeeded"], ran.counts["failed"], ran.stopped) == (1, 1, None)
    dry = expander.run(template(), ["good", "bad", "new"], state=tmp_path, rerun="failed", dry_run=True)
    told = {each.manifest.name: (each.outcome, each.state) for each in dry.planned}
    assert told == {
        "item-good": ("kept", "succeeded"),
        "item-bad": ("rerun", "failed"),
        "item-new": ("run", ""),
    }
    assert (dry.jobs, dry.counts, dry.stopped) == ([], {}, None)
    again = expander.run(template(), ["good", "bad"], runtime="process", state=tmp_path)
    assert {job.outcome.name: job.logs for job in again.jobs} == {
        job.outcome.name: job.logs for job in ran.jobs
    }


def test_a_run_of_nothing_is_over_at_once(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="^nothing to run$"):
        assert expander.run(template(), [], state=tmp_path).jobs == []


def test_a_submission_creates_each_object_once(tmp_path: Path) -> None:
    told: list[str] = []
    with cluster(tmp_path) as server:
        config = str(server.kubeconfig)
        sent = expander.submit(
            template(),
            range(5),
            kubeconfig=config,
            state=tmp_path / "journals",
            on_outcome=lambda one: told.append(one.name),
        )
        assert Counter(one.outcome for one in sent) == {"created": 5}
        assert {(one.namespace, one.item, one.attempts) for one in sent} == {
            ("default", number, 1) for number in range(5)
        }
        assert sorted(told) == [f"item-{number}" for number in range(5)]
        again = expander.submit(
            template(), range(5), kubeconfig=config, state=tmp_path / "journals", resume=True
        )
        assert Counter(one.outcome for one in again) == {"unchanged": 5}


def test_an_object_that_another_group_has_is_told_and_kept_apart(tmp_path: Path) -> None:
    with cluster(tmp_path) as server:
        where: Any = {"kubeconfig": str(server.kubeconfig), "state": tmp_path / "journals"}
        assert expander.submit(template(), ["a"], group="first", **where).failed == []
        with pytest.warns(
            UserWarning, match="^1 of 2 objects not created: .* belongs to group 'first'"
        ) as told:
            sent = expander.submit(template(), ["a", "b"], group="second", **where)
        assert told[0].filename == __file__
        assert (sent.counts, [one.item for one in sent.failed]) == ({"created": 1, "exists": 1}, ["a"])
        with pytest.warns(UserWarning, match="^nothing to submit$"):
            assert repr(expander.submit(template(), [], **where)) == "<Submission: nothing>"


def test_a_pretended_submission_needs_no_cluster() -> None:
    sent = expander.submit(template(), ["a"], dry_run="client")
    assert [(one.name, one.outcome, one.reason) for one in sent] == [("item-a", "created", "DryRun")]


@pytest.mark.parametrize(
    "arguments",
    [
        {"burst": 5},
        {"force_conflicts": True},
        {"results": "r"},
        {"delete_finished": True, "dry_run": "server"},
        {"server_side": True, "on_exists": "recreate"},
    ],
)
def test_arguments_that_do_not_fit_together_are_refused_before_anything_is_asked(
    arguments: dict[str, Any],
) -> None:
    with pytest.raises(UsageError, match=r"requires|cannot be used"):
        expander.submit(template(), ["a"], **arguments)


def test_without_a_cluster_a_submission_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no cluster"):
        expander.submit(template(), ["a"], kubeconfig=str(tmp_path / "none"), state=tmp_path)


def test_a_name_is_loaded_when_it_is_asked_for() -> None:
    code = (
        "import sys, expander\n"
        "assert not any(name.startswith('expander.batch') for name in sys.modules)\n"
        "expander.plan, expander.submit, expander.run\n"
        "assert 'kubernetes' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("jobs", -1, "a whole number from 1"),
        ("jobs", 0, "a whole number from 1"),
        ("jobs", 1.5, "a whole number from 1"),
        ("memory", 0, "a whole number of bytes from 1"),
        ("memory", "8Gi", "a whole number of bytes from 1"),
        ("cpus", 0, "more than 0"),
        ("cpus", float("nan"), "more than 0"),
        ("timeout", -1, "seconds, 0 or more"),
        ("grace", -0.5, "seconds, 0 or more"),
        ("backoff_base", "10s", "seconds, 0 or more"),
    ],
)
def test_a_limit_that_cannot_be_is_refused_before_anything_runs(name: str, value: Any, expected: str) -> None:
    with pytest.raises(UsageError, match=f"{name}: found {value!r}, expected {expected}"):
        expander.run([], **{name: value})


@pytest.mark.parametrize("call", [expander.expand, expander.plan, expander.run, expander.submit])
def test_an_option_that_there_is_not_names_the_call(call: Any) -> None:
    with pytest.raises(TypeError, match=rf"expander\.{call.__name__}\(\) got an unexpected .* 'itmes'"):
        list(call({"kind": "Job"}, itmes=["a"]))
