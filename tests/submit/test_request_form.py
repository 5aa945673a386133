"""Requests made of a template's form are those that are made of each manifest alone, byte for byte."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expander.client.client import Resource
from expander.manifests.edits import DIGEST_ANNOTATION
from expander.manifests.manifest import Manifest
from expander.submit.request import PreparedRequest
from expander.submit.request_builder import RequestBuilder
from tests.render.batch import jinja, results
from tests.render.test_hostile_items import PLACES, WORDS

JOBS = Resource("/apis/batch/v1", "jobs", True)

MORE = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: x.$ITEM
  labels: {jobgroup: load, z: "1", a: $ITEM}
  annotations: {expander/digest: $ITEM, "\ud7ff%s": "100 % $ITEM", expander/key: $ITEM, é: $INDEX}
spec:
  parallelism: $INDEX
  suspend: false
  template:
    spec:
      priority: 1.5
      containers: [{name: c, image: "i:$ITEM", args: [$INDEX, "", 18446744073709551616, "$ITEM%d", 1.50]}]
"""

TEMPLATES = {
    "places": PLACES.replace("    $ITEM: key\n", ""),
    "a key": PLACES,
    "more": MORE,
    "namespace": MORE.replace("  name: x", "  namespace: n-$ITEM\n  name: x", 1),
    "group": MORE.replace("jobgroup: load", "jobgroup: $ITEM"),
    "generated": MORE.replace("name: x.$ITEM", "generateName: x-$ITEM"),
    "one name": MORE.replace("x.$ITEM", "x"),
    "token": MORE.replace('z: "1"', 'z: "\ue0001\ue000"'),
    "stamped": MORE.replace("expander/digest", "expander/submitted"),
    "no labels": "{apiVersion: batch/v1, kind: Job, metadata: {name: a-$ITEM}, spec: {}}",
    "other": "{apiVersion: v1, kind: ConfigMap, metadata: {name: a-$ITEM, annotations: {}}, data: {a: $ITEM}}",
}

VALUES = (
    st.sampled_from([*WORDS, "Indexed", "\ue0000\ue000", "a\\", "\\u0041", "plain", "7"])
    | st.text(max_size=12)
    | st.text("abcdefgh", min_size=1)
    | st.integers()
    | st.booleans()
    | st.floats(allow_nan=False, allow_infinity=False)
)


def requests(manifests: list[Any], **options: Any) -> list[PreparedRequest | str]:
    """The requests for what is a manifest, prepared at known times."""
    builder, found = RequestBuilder("default", stamps=True, **options), list[PreparedRequest | str]()
    for manifest in manifests:
        if isinstance(manifest, Manifest):
            try:
                found.append(made := builder.prepare(manifest, JOBS))
                assert made.body  # the object itself is compared, not what makes it
            except Exception as error:
                found.append(repr(error))
    return found


@settings(max_examples=400)
@given(
    st.sampled_from(sorted(TEMPLATES)),
    st.lists(VALUES, min_size=1, max_size=6),
    st.sampled_from([{}, {"queue": "fast"}, {"group_label": "z"}, {"group_label": "a"}]),
)
def test_a_form_makes_the_requests_of_the_exact_way(
    template: str, values: list[Any], options: dict[str, Any]
) -> None:
    manifests = results(TEMPLATES[template], "harmless", "harmless-2", *values)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RequestBuilder, "_stamp", lambda _: 1_700_000_000_000_001)
        quick = requests(manifests, **options)
        patch.setattr(RequestBuilder, "_form", lambda *_: None)
        assert quick == requests(manifests, **options)


def formed(template: str, *values: Any) -> list[bool]:
    """Whether each manifest of a template found a form."""
    builder, exact, whole = RequestBuilder("default"), list[Manifest](), RequestBuilder._exact

    def noted(self: RequestBuilder, manifest: Manifest, *more: Any) -> PreparedRequest:
        exact.append(manifest)
        return whole(self, manifest, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RequestBuilder, "_exact", noted)
        manifests = results(template, *values)
        for manifest in manifests:
            assert isinstance(manifest, Manifest), str(manifest)
            builder.prepare(manifest, JOBS)
    return [manifest not in exact for manifest in manifests]


def test_from_the_third_item_of_a_template_on_its_form_is_used() -> None:
    for name in ("places", "more", "no labels", "other"):
        assert formed(TEMPLATES[name], "a", "b", "c", 'd "\\', "e") == [False, False, True, True, True], name


def test_what_an_item_decides_beside_texts_takes_the_exact_way() -> None:
    for name in ("a key", "group", "generated", "token"):
        assert not any(formed(TEMPLATES[name], "a", "b", "c", "d")), name


def test_each_document_of_a_template_has_a_form_of_its_own() -> None:
    text = f"{TEMPLATES['no labels']}\n---\n{TEMPLATES['other']}"
    assert formed(text, "a", "b", "c") == [False] * 4 + [True] * 2


def test_a_request_of_a_jinja2_template_says_what_its_manifest_does() -> None:
    text = MORE.replace("$ITEM", "{{ item }}").replace("$INDEX", "{{ index }}")
    builder = RequestBuilder("default")
    for manifest in jinja(text, "a", "b", "c", "d"):
        assert isinstance(manifest, Manifest), str(manifest)
        body = json.loads(builder.prepare(manifest, JOBS).body)
        del body["metadata"]["annotations"][DIGEST_ANNOTATION]
        wanted = json.loads(manifest.json())
        wanted["metadata"]["namespace"] = "default"
        wanted["metadata"]["annotations"].pop(DIGEST_ANNOTATION, None)
        assert body == wanted
