"""A value that the template never uses is an error that says what was probably meant; ``envsubst`` fills names."""

from __future__ import annotations

from typing import Any

import pytest

import expander
from expander.base.errors import InputError, UsageError

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: j-ITEM
spec:
  parallelism: NUMBER
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: IMAGE
        command: ["sh", "-c", "echo ${HOME} $$ $NUM_NODESX"]
"""


def made(engine: Any, parts: dict[str, str], items: Any = ("a",), **options: Any) -> list[dict[str, Any]]:
    item = "{{ item }}" if engine == "jinja2" else "$ITEM"
    text = JOB.replace("NUMBER", parts["NUMBER"]).replace("IMAGE", parts["IMAGE"]).replace("ITEM", item)
    template = expander.TemplateFile.of(text.replace("THE_", "ITEM."), "t.yaml")
    return [dict(each.tree) for each in expander.expand(template, items, engine=engine, **options)]


@pytest.mark.parametrize("given", ["overrides", "values"])
@pytest.mark.parametrize(
    ("engine", "image", "name", "where", "hint"),
    [
        ("item", "${image}", "image", "t.yaml:12", "write ${ITEM.image} instead of ${image}"),
        ("item", "$image", "image", "t.yaml:12", "write ${ITEM.image} instead of $image"),
        ("item", "$ITEM.image", "image", "t.yaml:12", "write ${ITEM.image} instead of $ITEM.image"),
        ("item", "{{ image }}x", "image", "t.yaml:12", "write ${ITEM.image} instead of {{ image }}"),
        ("item", "${THE_image}", "imag", "t.yaml", "did you mean image?"),
        ("item", "busybox", "image", "t.yaml", "the template would refer to it as ${ITEM.image}"),
        ("text", "${image}", "image", "t.yaml:12", "write ${ITEM.image} instead of ${image}"),
        ("jinja2", "${image}", "image", "t.yaml:12", "write {{ image }} instead of ${image}"),
        ("jinja2", "{{ image or 'x' }}", "imagee", "t.yaml", "did you mean image?"),
        ("jinja2", "busybox", "image", "t.yaml", "the template would refer to it as {{ image }}"),
    ],
)
def test_it_is_an_error_with_the_line_and_what_to_write(
    engine: str, image: str, name: str, where: str, hint: str, given: str
) -> None:
    options: dict[str, Any] = {given: {name: "busybox:1.36"}}
    if "image or" in image:
        options[given]["image"] = "busybox"
    if "THE_" in image:
        options[given]["image"] = "busybox"
    if image == "{{ image }}x":
        image = "'{{ image }}'"
    with pytest.raises(InputError) as caught:
        made(engine, {"NUMBER": "1", "IMAGE": image}, **options)
    (problem,) = caught.value.problems
    assert problem.message == f"the value {name!r} (overrides, values) is not used by the template"
    assert str(problem.where) == where
    assert (problem.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("engine", "image"),
    [
        ("item", "${THE_image}"),
        ("item", "'a/${THE_image}:1'"),
        ("text", "${THE_image}"),
        ("jinja2", "{{ image }}"),
        ("jinja2", "{{ image | default('x') }}"),
        ("jinja2", "{% if image is defined %}a{% else %}b{% endif %}"),
        ("jinja2", "{% set x = image %}{{ x }}"),
        ("jinja2", "{% macro m() %}{{ image }}{% endmacro %}{{ m() }}"),
    ],
)
def test_every_way_to_use_a_value_counts(engine: str, image: str) -> None:
    assert made(engine, {"NUMBER": "1", "IMAGE": image}, overrides={"image": "i"})
    assert made(engine, {"NUMBER": "1", "IMAGE": image}, values={"image": "i"})


def test_a_column_may_stand_for_a_value() -> None:
    items = [{"item": "a", "image": "own"}]
    text = {"NUMBER": "1", "IMAGE": "${THE_image}"}
    (tree,) = made("item", text, items, values={"image": "given"})
    assert tree["spec"]["template"]["spec"]["containers"][0]["image"] == "own"


@pytest.mark.parametrize("engine", ["item", "text"])
@pytest.mark.parametrize("written", ["${NUM_NODES}", "$NUM_NODES"])
def test_envsubst_fills_the_names_that_are_given_with_the_types_of_their_fields(
    engine: str, written: str
) -> None:
    (tree,) = made(
        engine,
        {"NUMBER": written, "IMAGE": "a/${image}-$image:${THE_image}"},
        overrides={"NUM_NODES": "4", "image": "b"},
        envsubst=True,
    )
    pod = tree["spec"]["template"]["spec"]
    assert tree["spec"]["parallelism"] == 4
    assert pod["containers"][0]["image"] == "a/b-b:b"
    assert pod["containers"][0]["command"][2] == "echo ${HOME} $$ $NUM_NODESX"


def test_envsubst_is_not_for_jinja2() -> None:
    with pytest.raises(UsageError, match="cannot be used with Jinja2"):
        made("jinja2", {"NUMBER": "1", "IMAGE": "b"}, envsubst=True)
