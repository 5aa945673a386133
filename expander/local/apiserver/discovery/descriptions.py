"""What ``kubectl explain`` tells of types and fields: the words of Kubernetes.

They stand in the models of the ``kubernetes`` package, which is read and not imported: its 850 modules would
take longer than all answers together. Of an older package, whose models are of another form, nothing is told.
"""

from __future__ import annotations

import importlib.util
import re
from ast import literal_eval
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from expander.base.named_tuple import NamedTuple

_FIELD: Final = re.compile(r'    (\w+): .*\bdescription=("(?:[^"\\]|\\.)*")')
_JSON_NAME: Final = re.compile(r'\bserialization_alias="(\w+)"')
_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Description(NamedTuple):
    """What is said of a type, and of its fields by their JSON names."""

    text: str
    fields: Mapping[str, str]


@cache
def describe(component: str) -> Description:
    """The description of a type by the name of its component: ``io.k8s.api.batch.v1.JobSpec``."""
    *groups, version, title = component.split(".")
    model = "_".join(_WORD.split(version.capitalize() + title)).lower()
    for name in (model, f"{groups[-1]}_{model}"):
        path = _folder() / f"{name}.py"
        if path.is_file():
            return _read(path)
    return Description("", {})


@cache
def _folder() -> Path:
    spec = importlib.util.find_spec("kubernetes")
    places = (spec and spec.submodule_search_locations) or ["."]
    return Path(places[0], "client", "models")


def _read(path: Path) -> Description:
    text, fields = "", {}
    lines = _body(path)
    for line in lines:
        if line.strip() == '"""' and not text:
            text = next(lines, "").strip()
        elif found := _FIELD.match(line):
            name = _JSON_NAME.search(line)
            fields[name[1] if name else found[1]] = str(literal_eval(found[2]))
    return Description(text.replace('\\"', '"'), fields)


def _body(path: Path) -> Iterator[str]:
    """The lines of the model, which end where its table of types begins; helpers stand around it."""
    inside = False
    with path.open(encoding="utf-8") as file:
        for line in file:
            inside = inside or line.startswith("class ")
            if inside and line.startswith("    openapi_types"):
                return
            if inside:
                yield line
