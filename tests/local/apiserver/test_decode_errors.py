"""What is said of bodies that cannot be decoded, against thousands of answers of kube-apiserver."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.base.yaml import load_documents
from expander.kube.gofmt import quoted
from expander.kube.scheme import BY_KIND
from expander.kube.versions import Release
from expander.local.apiserver import decode_errors
from expander.local.apiserver.decode_errors import duplicate_fields
from expander.validate.finding import Finding
from expander.validate.schema import check_schema

JOBS = BY_KIND["Job"]
FEW = 3000


def test_every_body_that_was_not_decoded_is_refused_in_the_words_of_the_server(reference: Path) -> None:
    compared, differing = 0, []
    for obj, wanted in refused(reference / "validation"):
        said = message("CronJob" if obj.get("kind") == "CronJob" else "Job", obj)
        compared += 1
        if said != wanted:
            differing.append((said, wanted))
    assert compared > FEW
    assert differing == []


def message(kind: str, obj: Any) -> str:
    resource = BY_KIND[kind]
    said = decode_errors.wrong_kind(resource, obj, json.dumps(obj).encode())
    if said is not None:
        return said
    return decode_errors.refusal(resource, obj, findings(resource.kind, obj))


def findings(kind: str, obj: Any) -> list[Finding]:
    found = check_schema(obj, release=Release(1, 36), assume=("batch/v1", kind))
    assert found
    return found


def refused(folder: Path) -> Iterator[tuple[Any, str]]:
    """The object and the message of each 400; what did not say that it is a CronJob was sent to the jobs."""
    bases = {
        path.stem: next(iter(load_documents(path.read_text(), path.name))).data
        for path in (folder / "bases").glob("*.yaml")
    }
    for line in (folder / "verdicts.jsonl").read_text().splitlines():
        case = json.loads(line)
        if case["verdict"]["code"] == 400:
            yield patched(bases[case["base"]], case["patch"]), case["verdict"]["message"]


def patched(base: Any, patch: list[dict[str, Any]]) -> Any:
    obj = copy.deepcopy(base)
    for change in patch:
        *parents, last = (
            step.replace("~1", "/").replace("~0", "~") for step in change["path"].split("/")[1:]
        )
        target: Any = obj
        for step in parents:
            target = target[int(step)] if isinstance(target, list) else target[step]
        place = int(last) if isinstance(target, list) else last
        if change["op"] == "remove":
            del target[place]
        else:
            target[place] = change["value"]
    return obj


def test_an_object_of_another_kind_is_told_by_both_names() -> None:
    said = decode_errors.wrong_kind(JOBS, {"apiVersion": "batch/v1", "kind": "CronJob"}, b"{}")
    conversion = "converting (v1.CronJob) to (batch.Job): unknown conversion"
    assert said == f'CronJob in version "v1" cannot be handled as a Job: {conversion}'


@pytest.mark.parametrize("obj", [{}, {"kind": "Job"}, {"apiVersion": "batch/v1", "kind": None}])
def test_an_object_need_not_say_what_it_is(obj: dict[str, Any]) -> None:
    assert decode_errors.wrong_kind(JOBS, obj, b"{}") is None


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "<empty>"),
        (b"{a", "{a"),
        (b"{" * 31, "{" * 30 + " ..."),
        (b"- a", "2d2061"),
        (b"a" * 31, "61" * 30 + " ..."),
    ],
)
def test_a_body_that_makes_no_sense_is_shown_from_its_beginning(body: bytes, shown: str) -> None:
    said = decode_errors.unrecognized(JOBS, "why", body)
    assert said == f"the object provided is unrecognized (must be of type Job): why ({shown})"


def test_unknown_fields_are_warnings_or_an_error() -> None:
    obj = {"spec": {"paralelism": 1, "template": {"spec": {"containers": [{"nmae": "a", "name": "b"}]}}}}
    found = findings("Job", obj)
    told = ['unknown field "spec.paralelism"', 'unknown field "spec.template.spec.containers[0].nmae"']
    assert decode_errors.unknown_fields(found) == told
    start = 'Job in version "v1" cannot be handled as a Job: strict decoding error: '
    assert decode_errors.refusal(JOBS, obj, found) == start + ", ".join(told)


def test_a_value_of_a_wrong_type_is_told_before_unknown_fields() -> None:
    obj = {"bogus": 1, "spec": {"completions": "2"}}
    said = decode_errors.refusal(JOBS, obj, findings("Job", obj))
    assert said.endswith(
        "json: cannot unmarshal string into Go struct field JobSpec.spec.completions of type int32"
    )


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ('{"a": 1, "b": {"c": [{"d": 2}]}}', []),
        ('{"a": 1, "a": 2}', ["a"]),
        ('{"a": 1, "a": 2, "a": 3}', ["a"]),
        ('{"a": {"b": [1, {"c": 1, "c": 2}]}, "a": 1}', ["a.b[1].c", "a"]),
        ('{"a" : 1, "b": 2, "b"\n: 3}', ["b"]),
        (r'{"a\\": 1, "b": "{\":", "b": 3}', ["b"]),
        ("[]", []),
    ],
)
def test_fields_that_come_twice_are_told_by_their_paths(body: str, paths: list[str]) -> None:
    found = duplicate_fields(body.encode(), json.loads(body))
    assert found == [f'duplicate field "{path}"' for path in paths]


_texts = st.text(alphabet='":\\ a\n\u00e9', max_size=6)
_trees = st.recursive(
    _texts | st.none(), lambda below: st.lists(below) | st.dictionaries(_texts, below), max_leaves=20
)


@given(_trees, st.sampled_from([None, 2]))
def test_no_field_comes_twice_in_what_was_written_once_whatever_its_texts(tree: Any, indent: int) -> None:
    body = json.dumps(tree, indent=indent).encode()
    assert duplicate_fields(body, json.loads(body)) == []


@given(st.dictionaries(_texts, _trees, min_size=1))
def test_each_field_that_is_written_twice_is_told_whatever_its_texts(tree: Any) -> None:
    once = json.dumps(tree)[1:-1]
    body = f"{{{once},{once}}}".encode()
    found = duplicate_fields(body, json.loads(body))
    assert found == [f"duplicate field {quoted(name)}" for name in tree]


def test_no_more_than_a_hundred_problems_are_told() -> None:
    twice = ",".join(f'"a{number}": 1' for number in range(150))
    body = f"{{{twice},{twice}}}"
    assert len(duplicate_fields(body.encode(), json.loads(body))) == 100
