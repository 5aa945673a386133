"""Arguments and variables that Linux starts no process with are found, wherever they stand."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import Any

import pytest

from expander.validate.long_arguments import MAX_BYTES, MAX_PAGES, long_arguments


def job(**container: Any) -> dict[str, Any]:
    return {"kind": "Job", "spec": {"template": {"spec": {"containers": [{"name": "c"}, container]}}}}


@pytest.mark.parametrize("field", ["command", "args"])
@pytest.mark.parametrize("letter", ["x", "\u00e9", "\u20ac", "\U0001f600", "\ud800"])
@pytest.mark.parametrize("more", [0, 1])
def test_an_argument_is_measured_in_bytes(field: str, letter: str, more: int) -> None:
    size = len(letter.encode(errors="surrogatepass"))
    word = letter * (MAX_BYTES // size) + "x" * (MAX_BYTES % size + more)
    found = [*long_arguments(job(**{field: ["a", word]}))]
    assert [each.path for each in found] == [f"spec.template.spec.containers[1].{field}[1]"] * more
    assert all(each.message.startswith("131,072 bytes, and Linux starts no process") for each in found)


@pytest.mark.parametrize("more", [0, 1])
def test_a_variable_is_measured_with_its_name(more: int) -> None:
    variables = [{"name": "A"}, {"name": "NAME", "value": "x" * (MAX_BYTES - len("NAME=") + more)}]
    found = [*long_arguments(job(env=variables))]
    assert [each.path for each in found] == ["spec.template.spec.containers[1].env[1].value"] * more


def test_they_are_found_in_every_kind_of_workload() -> None:
    pod = {"initContainers": [{"name": "c", "args": ["x" * 200_000]}]}
    template = {"template": {"spec": pod}}
    trees = [
        {"kind": "Pod", "spec": pod},
        {"kind": "CronJob", "spec": {"jobTemplate": {"spec": template}}},
        {"kind": "Job", "spec": {"tasks": [{"name": "a"}, template]}},
        {"kind": "JobSet", "spec": {"replicatedJobs": [{"template": {"spec": template}}]}},
        {"kind": "ConfigMap", "data": {"a": "x" * 200_000}},
    ]
    assert [[each.path for each in long_arguments(tree)] for tree in trees] == [
        ["spec.initContainers[0].args[0]"],
        ["spec.jobTemplate.spec.template.spec.initContainers[0].args[0]"],
        ["spec.tasks[1].template.spec.initContainers[0].args[0]"],
        ["spec.replicatedJobs[0].template.spec.template.spec.initContainers[0].args[0]"],
        [],
    ]


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("variable", [False, True])
def test_the_kernel_of_this_machine_has_that_limit(more: int, variable: bool) -> None:
    text = "x" * (MAX_PAGES * os.sysconf("SC_PAGE_SIZE") - 1 + more)
    words, env = (["true"], {"A": text[2:]}) if variable else (["true", text], {})
    if more:
        with pytest.raises(OSError) as caught:
            subprocess.run(words, executable="/bin/true", env=env, check=True)
        assert caught.value.errno == errno.E2BIG
    else:
        subprocess.run(words, executable="/bin/true", env=env, check=True)
