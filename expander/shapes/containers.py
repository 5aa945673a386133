"""The container of many items: what stays in the pod template, and what a script sets for each item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from expander.base.dataclass import dataclass
from expander.base.errors import InputError, Problem
from expander.base.option_names import option
from expander.manifests.manifest import Manifest, path_text
from expander.shapes.job_template import POD, Path, Place, Row, Rows, Tree, place_of
from expander.shapes.shape import Shape
from expander.shapes.shell import NotExpressible, Resolved, Word, assignments, is_plain, resolve


@dataclass(slots=True)
class Difference:
    """How the items of ``rows`` differ in the container at ``place``.

    ``moved`` are the places in ``env`` of the variables that a script sets; ``argv`` is whether it sets the
    command line too. Nothing of both: the container is the same for all.
    """

    place: Place
    rows: Sequence[Row]
    resolved: list[Resolved]
    moved: list[int] = field(default_factory=list)
    argv: bool = False
    scripts: list[str] = field(default_factory=list)
    """Shell text for each row, to be run before ``exec "$@"``."""

    @property
    def any(self) -> bool:
        """Whether the container depends on the item at all."""
        return bool(self.moved) or self.argv

    @property
    def native_env(self) -> list[Mapping[str, Any]]:
        """The entries of ``env`` that stay in the pod template."""
        return [entry for n, entry in enumerate(self.rows[0].own[self.place].env) if n not in self.moved]

    @property
    def native_argv(self) -> list[str]:
        """The command line of the pod template, for when no item changes it."""
        own = self.rows[0].own[self.place]
        return [*own.command, *own.args]

    def own_variables(self, number: int) -> list[tuple[str, Word]]:
        """The variables that row ``number`` sets."""
        env = self.resolved[number].env
        return [(name, word) for name, word in (env[place] for place in self.moved) if word is not None]

    def variables(self, number: int) -> list[tuple[str, Word]]:
        """The variables that row ``number`` sets, and those that a shell would spoil."""
        env = self.resolved[number].env
        return [
            (name, word)
            for n, (name, word) in enumerate(env)
            if word is not None and (n in self.moved or not is_plain(name))
        ]

    def script(self, number: int) -> str:
        """The shell text for row ``number``. Raises `NotExpressible`."""
        found = self.resolved[number]
        return assignments(self.variables(number), found.argv if self.argv else None)


class Containers:
    """The containers of a batch's pod template, compared item by item."""

    def __init__(self, common: Tree, first: Manifest, shape: Shape) -> None:
        self._common = common
        self._first = first
        self._shape = shape

    def differences(self, rows: Sequence[Row]) -> dict[Place, Difference]:
        """The containers that depend on the item. Raises InputError for what no script can do."""
        found = {}
        for place in rows[0].own:
            base = rows[0].own[place]
            if all(row.own[place] == base for row in rows):
                continue
            difference = self.difference(rows, place)
            if difference.any:
                found[place] = difference
        return found

    def difference(self, rows: Sequence[Row], place: Place, *, argv: bool = False) -> Difference:
        """How ``rows`` differ in the container at ``place``. Raises InputError likewise.

        ``argv`` is whether the scripts set the command line even when it is the same for all.
        """
        container = self.container(place)
        env_from = bool(container.get("envFrom"))
        base = rows[0].own[place]
        names = [_named(entry) for entry in base.env]
        for row in rows:
            own = row.own[place]
            if own.env is not base.env and [_named(entry) for entry in own.env] != names:
                message = f"{rows[0].label} and {row.label} have different variables; only values can differ"
                raise self._error(place, ("env",), message)
            if not own.command:
                message = f"{row.label} has no command: what the image would start is not known here"
                raise self._error(
                    place,
                    ("command",),
                    message,
                    f"give the container a command, or use {option('--as jobs')}",
                )
        resolved = [resolve(row.own[place], env_from=env_from) for row in rows]
        first = resolved[0]
        difference = Difference(place, rows, resolved)
        difference.moved = [
            number
            for number in range(len(first.env))
            if any(found.env[number][1] != first.env[number][1] for found in resolved)
        ]
        difference.argv = argv or any(found.argv != first.argv for found in resolved)
        self._check(difference, names)
        return difference

    def container(self, place: Place) -> Tree:
        """What all items have in common of the container at ``place``."""
        name, number = place
        found: Tree = self._common["spec"]["template"]["spec"][name][number]
        return found

    def _check(self, difference: Difference, names: Sequence[tuple[str, Any]]) -> None:
        seen = [name for name, _ in names]
        for number in difference.moved:
            if seen.count(seen[number]) > 1:
                raise self._error(difference.place, ("env", number), f"{seen[number]} is there twice")
        for number, (name, source) in enumerate(names):
            if source is not None and not is_plain(name):
                message = f"a shell does not hand on a variable called {name!r}"
                hint = f"use a name of letters, digits and '_', or {option('--as jobs')}"
                raise self._error(difference.place, ("env", number), message, hint)
        for number, row in enumerate(difference.rows):
            try:
                difference.scripts.append(difference.script(number))
            except NotExpressible as error:
                raise self._error(difference.place, (), f"{row.label}: {error.message}", error.hint) from None

    def _error(self, place: Place, steps: Path, message: str, hint: str | None = None) -> InputError:
        path = (*POD, *place, *steps)
        hint = hint or f"{option('--as jobs')} makes a Job of each item"
        text = (
            f"{message} ({self._shape.words} gives each item its own command line and variables by a script)"
        )
        return InputError(Problem(text, place_of(self._first, path), None, path_text(path), hint))


def _named(entry: Mapping[str, Any]) -> tuple[str, Any]:
    """What of a variable must be the same for all items: its name, and where a value comes from."""
    return entry["name"], None if entry.get("value") else entry.get("valueFrom")


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
            hint=f"{option('--as indexed')} and {option('--as jobs')} keep them all",
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
                hint=f"{option('--as indexed')} and {option('--as jobs')} run it for each item",
            )
        message = f"init container {containers.container(place)['name']} runs once per pod, not once per item"
        if containers.container(place).get("restartPolicy") != "Always" and message not in warnings:
            warnings.append(message)
    return places[0]
