"""The container of a pod that works on several items."""

from __future__ import annotations

from collections.abc import Sequence

from expander.base.errors import InputError
from expander.manifests.manifest import path_text
from expander.shapes.containers import Containers
from expander.shapes.rows import POD, Place, Row, Rows, place_of
from expander.shapes.shape import Shape


def only_container(
    rows: Rows, containers: Containers, items: Sequence[Row], shape: Shape, warnings: list[str]
) -> Place:
    """The place of the one container there is beside init containers that no item changes.

    Raises InputError when the pod has several, or an init container depends on the item. ``warnings`` is told
    that init containers run once for many items.
    """
    assert rows.first is not None
    places = [place for place in items[0].own if place[0] == "containers"]
    if len(places) != 1:
        path = (*POD, *places[1])
        raise InputError(
            f"{len(places)} containers, and {shape.words} runs the items one after the other in one",
            where=place_of(rows.first, path),
            field=path_text(path),
            hint="--as indexed and --as jobs keep them all",
        )
    for place in items[0].own:
        if place in places:
            continue
        base = items[0].own[place]
        if any(row.own[place] != base for row in items):
            path = (*POD, *place)
            raise InputError(
                f"depends on the item, and in {shape.words} an init container runs once for several items",
                where=place_of(rows.first, path),
                field=path_text(path),
                hint="--as indexed and --as jobs run it for each item",
            )
        message = f"init container {containers.container(place)['name']} runs once a pod, not once an item"
        if containers.container(place).get("restartPolicy") != "Always" and message not in warnings:
            warnings.append(message)
    return places[0]
