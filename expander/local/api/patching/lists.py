"""The lists of strategic merge patches: elements merged by a key, and their order.

An order the patch asks for counts more than that of the live list; elements only the live list has go
where that list has them, as far as the two orders agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from expander.kube.gofmt import plain
from expander.local.api.patching.refusals import Unprocessable, Untyped

Merge = Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]


def merged_list(before: list[Any], patch: list[Any], key: str, merge: Merge) -> list[Any]:
    """``before`` with the elements of ``patch`` merged in by ``key``, which is empty for scalars.

    `Untyped` when an element has no key, or a directive that is not known.
    """
    if any(isinstance(each, list) for each in (*before, *patch)):
        raise Unprocessable("lists of lists are not supported")
    if not any(isinstance(each, Mapping) for each in (*before, *patch)):
        return ordered(_distinct([*before, *patch]), patch, before, "")
    if not key:
        raise Untyped("cannot merge lists without merge key for type struct")
    before, patch = _directed_list(before, patch, key)
    together = list(before)
    for each in patch:
        value = _key_of(each, key)
        place = next((index for index, old in enumerate(together) if _is(old, key, value)), None)
        if place is None:
            together.append(merge({}, each))
        else:
            together[place] = merge(together[place], each)
    return ordered(together, patch, before, key)


def ordered(elements: list[Any], wanted: list[Any], live: list[Any], key: str) -> list[Any]:
    """``elements`` with those in ``wanted`` in its order, the others among them as ``live`` has them."""
    rank, served = _places(wanted, key), _places(live, key)
    first = sorted(
        (each for each in elements if _id(each, key) in rank), key=lambda each: rank[_id(each, key)]
    )
    others = [each for each in elements if _id(each, key) not in rank]
    others.sort(key=lambda each: served.get(_id(each, key), len(live)))
    out: list[Any] = []
    for each in first:
        limit = served.get(_id(each, key))
        while limit is not None and others and served.get(_id(others[0], key), len(live)) < limit:
            out.append(others.pop(0))
        out.append(each)
    return out + others


def check_order(patch: list[Any], order: list[Any], key: str) -> None:
    """`Untyped` unless ``order`` names what ``patch`` keeps, in the order it is there."""
    kept = [_id(each, key) for each in patch if not (isinstance(each, Mapping) and "$patch" in each)]
    wanted = [_id(each, key) for each in order]
    if [each for each in wanted if each in kept] != kept:
        found = f"The order in patch list:\n{plain(patch)}\n"
        raise Untyped(f"{found} doesn't match $setElementOrder list:\n{plain(order)}\n")


def _directed_list(before: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """Both lists after the elements of the patch that are directives."""
    replaced, rest = False, []
    for each in patch:
        directive = each.get("$patch") if isinstance(each, Mapping) else None
        if directive is None:
            rest.append(each)
        elif directive == "delete":
            value = _key_of(each, key)
            before = [old for old in before if not _is(old, key, value)]
        elif directive == "replace":
            replaced = True
        elif directive == "merge":
            raise Untyped("merging lists cannot yet be specified in the patch")
        else:
            raise Untyped(f"unknown patch type: {plain(directive)} in map: {plain(each)}")
    return ([], rest) if replaced else (before, rest)


def _key_of(element: Any, key: str) -> Any:
    if not isinstance(element, Mapping) or key not in element:
        raise Untyped(f"map: {plain(element)} does not contain declared merge key: {key}")
    return element[key]


def _is(element: Any, key: str, value: Any) -> bool:
    return isinstance(element, Mapping) and key in element and bool(element[key] == value)


def _id(element: Any, key: str) -> str:
    """What tells an element apart."""
    return repr(_key_of(element, key) if key else element)


def _places(elements: list[Any], key: str) -> dict[str, int]:
    """Where each element is, by what tells it apart; the first counts."""
    found: dict[str, int] = {}
    for index, each in enumerate(elements):
        found.setdefault(_id(each, key), index)
    return found


def _distinct(elements: list[Any]) -> list[Any]:
    return list({repr(each): each for each in elements}.values())
