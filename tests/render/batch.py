"""Templates and items that several tests of the renderer use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from expander.base.errors import ItemError
from expander.items.item import Item
from expander.items.python import from_python
from expander.manifests.edits import Edits
from expander.manifests.manifest import Manifest
from expander.render.compile import Rules
from expander.render.item_template import ItemTemplate
from expander.render.jinja.template import JinjaTemplate

JOB = """\
apiVersion: batch/v1
kind: Job
metadata:
  name: job-$ITEM
  labels:
    item: $ITEM
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: busybox
        command: ["run", "$ITEM", "--x=$ITEM"]
        env:
        - name: VALUE
          value: $ITEM
"""


def items_of(*values: Any) -> list[Item]:
    return list(from_python(values))


def rendered(
    template: str, *values: Any, output: str = "json", **rules: Any
) -> Sequence[Manifest | ItemError]:
    """What a `$ITEM` template gives for the values, in a block where it does."""
    edits = Edits(**{key: rules.pop(key) for key in list(rules) if key in Edits.__dataclass_fields__})
    values_ = {"values": rules.pop("values", None), "overrides": rules.pop("overrides", None)}
    made = ItemTemplate(template, "t.yaml", Rules(edits, **rules), **values_)
    return made.render(items_of(*values), output)  # type: ignore[arg-type]


def results(template: str, *values: Any, **options: Any) -> list[Manifest | ItemError]:
    """What a `$ITEM` template gives for each value."""
    return list(rendered(template, *values, **options))


def jinja(template: str, *values: Any, output: str = "json", **variables: Any) -> list[Manifest | ItemError]:
    """What a Jinja2 template gives for each value; without values what it gives alone."""
    made = JinjaTemplate(template, "t.j2", Rules(), variables)
    if values:
        return list(made.render(items_of(*values), output))  # type: ignore[arg-type]
    return [result for results in made.render_alone(output) for result in results]  # type: ignore[arg-type]


def trees(found: Sequence[Manifest | ItemError]) -> list[Any]:
    """The trees of manifests; fails on an error."""
    made = []
    for result in found:
        assert isinstance(result, Manifest), str(result)
        made.append(result.tree)
    return made


def message(found: Sequence[Manifest | ItemError]) -> str:
    """The text of the only result, which is an error."""
    (result,) = found
    assert isinstance(result, ItemError), result
    return str(result)


def segments_of(script: str) -> list[str | int]:
    """A script in parts, with a value at each @."""
    found: list[str | int] = []
    for part in script.split("@"):
        found += [part, 0]
    return found[:-1]
