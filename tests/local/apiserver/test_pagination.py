"""Field selectors and the portions of lists."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expander.kube.scheme import BY_KIND
from expander.local.apiserver import codecs, field_selectors, pagination
from expander.local.store.encoding import RestingObject, decode, encode

POD: dict[str, Any] = {
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"nodeName": "n1", "restartPolicy": "Never"},
    "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]},
}


def objects(*names: str) -> list[dict[str, Any]]:
    return [{"metadata": dict(zip(("namespace", "name"), name.split("/"), strict=True))} for name in names]


def names(page: pagination.Page) -> list[str]:
    return ["/".join(pagination.key(each)) for each in page.items]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", True),
        ("metadata.name=p", True),
        ("metadata.name==p", True),
        ("metadata.name!=p", False),
        ("status.phase=Running,spec.nodeName=n1", True),
        ("status.phase=Running,spec.nodeName=n2", False),
        (",status.phase!=Failed,", True),
        ("spec.host=n1", True),
        ("spec.nodeName=", False),
        ("spec.schedulerName=", True),
        ("spec.hostNetwork=false", True),
        ("status.podIPs=10.0.0.1\\,fd00::1", True),
    ],
)
def test_all_conditions_of_a_selector_must_hold(text: str, meant: bool) -> None:
    assert field_selectors.parse(BY_KIND["Pod"], text).matches(POD) is meant


def test_each_kind_has_fields_of_its_own() -> None:
    job = {"metadata": {"name": "j"}, "status": {"succeeded": 2}}
    assert field_selectors.parse(BY_KIND["Job"], "status.successful=2").matches(job)
    assert field_selectors.parse(BY_KIND["Job"], "status.successful=0").matches({"metadata": {"name": "j"}})
    node = {"metadata": {"name": "n"}, "spec": {"unschedulable": True}}
    assert field_selectors.parse(BY_KIND["Node"], "spec.unschedulable=true").matches(node)
    event = {"involvedObject": {"uid": "u"}, "reportingComponent": "kubelet", "type": "Normal"}
    assert field_selectors.parse(
        BY_KIND["Event"], "source=kubelet,involvedObject.uid=u,type!=Warning"
    ).matches(event)
    assert field_selectors.parse(BY_KIND["Namespace"], "status.phase=Active").matches(
        {"status": {"phase": "Active"}}
    )


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("Pod", "a", "invalid selector: 'a'; can't understand 'a'"),
        ("Pod", "metadata.name=p,b", "invalid selector: 'metadata.name=p,b'; can't understand 'b'"),
        ("Pod", "spec.foo=x", "field label not supported: spec.foo"),
        ("Namespace", "metadata.namespace=x", "field label not supported: metadata.namespace"),
        ("Job", "spec.foo=x", 'field label "spec.foo" not supported for Job'),
        (
            "ConfigMap",
            "data.a=x",
            '"data.a" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
        (
            "Pod",
            "metadata.name=a=b",
            "invalid field selector: unescaped character in value: 61",
        ),
        ("Pod", "metadata.name=\\a", "invalid field selector: invalid escape sequence: \\a"),
    ],
)
def test_a_selector_that_is_none_is_refused_in_the_words_of_the_api(
    kind: str, text: str, message: str
) -> None:
    with pytest.raises(ValueError) as caught:
        field_selectors.parse(BY_KIND[kind], text)
    assert str(caught.value) == message


def test_a_selector_tells_the_one_name_it_means() -> None:
    selector = field_selectors.parse(BY_KIND["Pod"], "metadata.name=p,status.phase!=Failed")
    assert selector.value("metadata.name") == "p"
    assert selector.value("status.phase") is None
    assert selector
    assert not field_selectors.parse(BY_KIND["Pod"], "")


ALL = ("a/x", "a/y", "a-b/w", "b/x", "b/z")


def portion(given: list[dict[str, Any]], version: int, limit: int = 0, token: str = "") -> pagination.Page:
    """What a client gets that asks with ``token``."""
    start = pagination.decode(token) if token else None
    rest = [each for each in given if start is None or pagination.key(each) > start.after]
    return pagination.page(
        rest,
        version if start is None else start.version,
        limit=limit,
        total=len(rest),
    )


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6])
def test_portions_together_are_the_whole_list(limit: int) -> None:
    given = sorted(objects(*ALL), key=pagination.key)
    found: list[str] = []
    token, left = "", len(given)
    while True:
        page = portion(given, 9, limit, token)
        found += names(page)
        left -= len(page.items)
        assert page.remaining == (left or None)
        assert page.version == 9
        token = page.token
        if not token:
            break
    assert found == ["/".join(pagination.key(each)) for each in given]


def test_a_later_portion_keeps_the_version_of_the_first() -> None:
    first = portion(objects(*ALL[:2]), 9, 1)
    assert portion(objects(*ALL[:2]), 12, 1, first.token).metadata == {"resourceVersion": "9"}


def test_what_comes_and_goes_between_portions_shifts_nothing() -> None:
    first = portion(objects("a/b", "a/d", "a/f"), 1, 2)
    assert names(portion(objects("a/a", "a/e", "a/f"), 4, 2, first.token)) == ["a/e", "a/f"]


def test_objects_of_the_cluster_have_portions_too() -> None:
    nodes = [{"metadata": {"name": name}} for name in ("m", "n")]
    first = portion(nodes, 1, 1)
    assert pagination.decode(first.token).after == ("", "m")
    assert [each["metadata"]["name"] for each in portion(nodes, 1, 0, first.token).items] == ["n"]


def test_nothing_is_said_of_how_many_remain_when_a_selector_chose() -> None:
    page = pagination.page(objects(*ALL), 9, limit=2)
    assert page.metadata.keys() == {"resourceVersion", "continue"}


def test_a_list_without_limit_is_whole() -> None:
    page = pagination.page(objects(*ALL), 9)
    assert len(page.items) == len(ALL)
    assert page.metadata == {"resourceVersion": "9"}


def token(**fields: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "nonsense!",
        "AAAA",
        base64.urlsafe_b64encode(b"[1]").decode(),
        token(v="v9", rv=1, start="a"),
        token(v="meta.k8s.io/v1", rv=0, start="a"),
        token(v="meta.k8s.io/v1", rv=True, start="a"),
        token(v="meta.k8s.io/v1", rv=1, start=""),
        token(v="meta.k8s.io/v1", rv=1, start="../../x"),
    ],
)
def test_a_token_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="continue key is not valid"):
        pagination.decode(text)


def resting(text: str | bytes) -> RestingObject:
    return RestingObject(text if isinstance(text, bytes) else text.encode(), "u", "default", "a")


VALUES = st.none() | st.text(st.characters(exclude_categories=["Cs"])) | st.just({"a": ['"kind":"x",']})
FIELDS = st.permutations(["apiVersion", "kind", "metadata", "spec"]).flatmap(
    lambda names: st.integers(0, 4).map(lambda count: names[:count])
)


@given(FIELDS, st.lists(VALUES, min_size=4, max_size=4), st.sampled_from([encode, json.dumps]))
def test_an_item_of_a_list_is_its_object_without_a_kind_however_that_rests(
    fields: list[str], values: list[Any], write: Any
) -> None:
    obj = dict(zip(fields, values, strict=False))
    stored = resting(write(obj))
    assert stored == obj
    item = codecs.list_item(codecs.ResponseFormat())
    assert item is not None
    assert decode(item(stored)) == decode(item(obj)) == pagination.bare(obj)


PLAIN = st.characters(exclude_categories=["Cs"])
TEXTS = st.text(PLAIN, max_size=3) | st.sampled_from(['"labels":{"a":"b"}', "}", "{", '\\"', "labels", ",\n"])
TEXT_MAPS = st.none() | st.dictionaries(TEXTS, TEXTS, max_size=2)
METADATA = st.fixed_dictionaries(
    {"name": TEXTS},
    optional={
        "labels": TEXT_MAPS,
        "annotations": TEXT_MAPS,
        "finalizers": st.lists(TEXTS, max_size=2),
        "ownerReferences": st.lists(st.dictionaries(TEXTS, TEXTS, max_size=1), max_size=1),
    },
).flatmap(lambda found: st.permutations([*found.items()]).map(dict))


@given(METADATA, st.sampled_from([encode, json.dumps]), st.booleans())
def test_the_labels_of_an_object_are_the_same_however_it_rests(
    metadata: dict[str, Any], write: Any, is_read: bool
) -> None:
    template = {"metadata": {"labels": {"of": "pods"}}}
    obj = {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": template}}
    stored = resting(write(obj))
    if is_read:
        assert stored["metadata"] == metadata
    assert stored.labels == metadata.get("labels")
    assert (stored["apiVersion"], stored["kind"]) == ("batch/v1", "Job")
    assert stored.bare is None or decode(stored.bare) == pagination.bare(obj)
    assert stored == obj
