"""Columns and cells that several printers share, and the layout of a resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, Final

from expander.base.dataclass import dataclass
from expander.kube import jsonpath
from expander.kube.api_resource import PrinterColumn, Resource
from expander.kube.scheme import load
from expander.kube.time import age

Object = Mapping[str, Any]
Cells = list[Any]
Conditions = list[dict[str, str]]

NOTHING: Final[Mapping[str, Any]] = {}
NONE: Final = "<none>"
INVALID_TIME: Final = "<invalid>"
_ZEROS: Final[Mapping[str, Any]] = {"integer": 0, "boolean": False, "date": "0001-01-01T00:00:00Z"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column; those with a ``priority`` above 0 show only with ``-o wide``."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0
    description: str = ""

    @property
    def definition(self) -> dict[str, Any]:
        """The column as a table defines it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def _no_conditions(obj: Object) -> Conditions:
    return []


@dataclass(frozen=True, slots=True)
class Layout:
    """How objects of one kind become rows: the cells of an object at a time (Unix seconds), wide ones too."""

    columns: tuple[Column, ...]
    cells: Callable[[Object, float], Cells]
    conditions: Callable[[Object], Conditions] = field(default=_no_conditions)


NAME: Final = Column("Name", format="name", description="What the object is called.")
AGE: Final = Column("Age", description="How long the object has been there.")
CONTAINERS: Final = Column("Containers", priority=1, description="The names of the containers.")
IMAGES: Final = Column("Images", priority=1, description="The images of the containers.")


def layout_of(resource: Resource) -> Layout:
    """How objects of a resource are shown: by its printer, or by the columns of its row."""
    if resource.printer:
        printer: Layout = load(resource.printer)
        return printer
    columns = [_column(each) for each in resource.columns]

    def cells(obj: Object, now: float) -> Cells:
        return [name_of(obj), *(_cell(obj, each, now) for each in resource.columns)]

    return Layout((NAME, *columns), cells)


def _column(column: PrinterColumn) -> Column:
    shown = "string" if column.type == "age" else column.type
    return Column(column.name, shown, column.format, column.priority, column.description)


def _cell(obj: Object, column: PrinterColumn, now: float) -> Any:
    """The field that a column shows; zero, false and the like where it is left out."""
    if column.path.startswith("."):
        return _custom_cell(obj, column, now)
    value: Any = obj
    for step in column.path.split("."):
        value = (value or NOTHING).get(step)
    if column.type == "age":
        return age(value, now)
    return _ZEROS.get(column.type, "") if value is None else value


def _custom_cell(obj: Object, column: PrinterColumn, now: float) -> Any:
    """What a column of a definition shows: nothing where there is nothing, or something of another type
    (``tableconvertor`` of apiextensions-apiserver)."""
    try:
        value = next(jsonpath.values(column.path, obj))
    except (StopIteration, ValueError):
        return None
    match column.type:
        case "integer" | "number" if isinstance(value, int | float) and not isinstance(value, bool):
            return int(value) if column.type == "integer" else value
        case "boolean" if isinstance(value, bool):
            return value
        case "date" if isinstance(value, str):
            try:
                return age(value, now)
            except ValueError:
                return INVALID_TIME
        case "string":
            return jsonpath.text(value)
    return None


def wide(name: str, description: str) -> Column:
    """A column of text that shows only with ``-o wide``."""
    return Column(name, priority=1, description=description)


def name_of(obj: Object) -> str:
    """The name in the metadata."""
    name: str = obj["metadata"]["name"]
    return name


def created(obj: Object) -> str | None:
    """When the object came into being, in API form."""
    stamp: str | None = obj["metadata"].get("creationTimestamp")
    return stamp


def names_and_images(pod_spec: Object) -> Cells:
    """The cells of the columns `CONTAINERS` and `IMAGES`."""
    containers = pod_spec.get("containers") or ()
    names = ",".join(each.get("name") or "" for each in containers)
    return [names, ",".join(each.get("image") or "" for each in containers)]


def labels_text(labels: Mapping[str, str] | None) -> str:
    """Labels as ``key=value,...`` by key."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector_text(selector: Object | None) -> str:
    """A LabelSelector as one writes it on a command line, by key."""
    selector = selector or NOTHING
    found = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        found.append((each["key"], _expression(each["key"], each["operator"], each.get("values") or ())))
    return ",".join(text for _, text in sorted(found, key=lambda pair: pair[0])) or NONE


def _expression(key: str, operator: str, values: Iterable[str]) -> str:
    if operator == "Exists":
        return key
    if operator == "DoesNotExist":
        return f"!{key}"
    return f"{key} {operator.lower()} ({','.join(sorted(values))})"
