"""What a server serves: the kinds of the table, and those that CustomResourceDefinitions add meanwhile."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from expander.base.regex import regex
from expander.kube.api_resource import Resource
from expander.kube.custom_kinds import CUSTOM
from expander.kube.scheme import RESOURCES

_VERSION = regex(r"v([1-9][0-9]*)(?:(alpha|beta)([1-9][0-9]*))?")
_STABILITY: Final = {"alpha": 0, "beta": 1, None: 2}


class ServedKinds:
    """The kinds of one server, by path and by group.

    A kind of Kubernetes goes before one that a definition has under the same path; one of another project is
    not served while a definition has it.
    """

    def __init__(self) -> None:
        self._custom: dict[str, tuple[Resource, ...]] = {}
        self._update()

    def define(self, definition: str, rows: Iterable[Resource]) -> None:
        """Serve what a definition of that name defines, a row for each version, in place of what it had."""
        self._custom[definition] = tuple(rows)
        self._update()

    def forget(self, definition: str) -> None:
        """Serve what a definition had no more."""
        if self._custom.pop(definition, None) is not None:
            self._update()

    def _update(self) -> None:
        custom = [row for name in sorted(self._custom) for row in self._custom[name]]
        defined = {(row.group, row.plural) for row in custom}
        table = [row for row in RESOURCES if row not in CUSTOM or (row.group, row.plural) not in defined]
        by_path = {(row.group, row.version, row.plural): row for row in (*custom, *table)}
        groups: dict[str, dict[str, list[Resource]]] = {}
        for row in (*table, *custom):
            if by_path[row.group, row.version, row.plural] is row:
                groups.setdefault(row.group, {}).setdefault(row.version, []).append(row)
        self._by_path = by_path
        self._groups = {
            group: {version: tuple(found[version]) for version in sorted(found, key=priority)}
            for group, found in groups.items()
        }

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """What a path leads to; None when that is not served."""
        return self._by_path.get((group, version, plural))

    def of_group(self, group: str, version: str) -> tuple[Resource, ...]:
        """What is served of one group and version, in order."""
        return self._groups.get(group, {}).get(version, ())

    def versions(self, group: str) -> tuple[str, ...]:
        """The versions of a group, the preferred one first; none when it is not served."""
        return tuple(self._groups.get(group, ()))

    @property
    def groups(self) -> tuple[str, ...]:
        """Every group that is served, the core group first."""
        return tuple(self._groups)

    @property
    def group_versions(self) -> Iterator[tuple[str, str]]:
        """Every group with each of its versions."""
        return ((group, version) for group in self.groups for version in self.versions(group))

    @property
    def custom_kinds(self) -> tuple[str, ...]:
        """The kinds under which the store has custom resources: the names of their definitions."""
        return tuple(sorted(self._custom))


def priority(version: str) -> tuple[bool, int, int, int, str]:
    """Sorts versions as Kubernetes prefers them: v2, v1, v2beta1, v1alpha2, then others by name."""
    found = _VERSION.fullmatch(version)
    if found is None:
        return True, 0, 0, 0, version
    return False, -_STABILITY[found[2]], -int(found[1]), -int(found[3] or 0), ""


BUILT_IN: Final = ServedKinds()
"""The kinds of the table alone; nobody adds to them."""
