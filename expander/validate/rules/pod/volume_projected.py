"""Projected volumes: several sources in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.validate.rules.checks import EMPTY, Findings, each, forbidden, invalid, required
from expander.validate.rules.pod.paths import check_unreserved
from expander.validate.rules.pod.volume_files import check_downward_file, check_items, check_mode

_KINDS: Final = ("secret", "configMap", "downwardAPI", "serviceAccountToken")
_MIN_TOKEN_SECONDS: Final = 600
_MAX_TOKEN_SECONDS: Final = 2**32
_DEFAULT_TOKEN_SECONDS: Final = 3600


def check_projected(source: Mapping[str, Any], where: str) -> Findings:
    """Each entry has one kind of source, and no two files have the same path."""
    yield from check_mode(source.get("defaultMode"), f"{where}.defaultMode")
    paths: set[str] = set()
    for at, entry in each(source.get("sources"), f"{where}.sources"):
        given = [kind for kind in _KINDS if entry.get(kind) is not None]
        for kind in given:
            yield from _check_kind(kind, entry[kind], f"{at}.{kind}", where)
        for path, blamed in _files(entry):
            if path in paths:
                yield invalid(where, blamed, "conflicting duplicate paths")
            paths.add(path)
        if len(given) > 1:
            yield forbidden(at, "may not specify more than 1 volume type per source")


def _check_kind(kind: str, source: Mapping[str, Any], where: str, volume: str) -> Findings:
    if kind == "downwardAPI":
        for _, file in each(source.get("items"), where):
            yield from check_downward_file(file, where)
    elif kind == "serviceAccountToken":
        yield from _check_token(source, where, volume)
    else:
        if not source.get("name"):
            yield required(f"{where}.name")
        yield from check_items(source, where)


def _check_token(token: Mapping[str, Any], where: str, volume: str) -> Findings:
    """A lifetime in seconds; findings on the path are at the volume."""
    seconds = token.get("expirationSeconds")
    seconds = _DEFAULT_TOKEN_SECONDS if seconds is None else seconds
    at = f"{where}.expirationSeconds"
    if seconds < _MIN_TOKEN_SECONDS:
        yield invalid(at, seconds, "may not specify a duration less than 10 minutes")
    if seconds > _MAX_TOKEN_SECONDS:
        yield invalid(at, seconds, "may not specify a duration larger than 2^32 seconds")
    path = token.get("path") or ""
    if not path:
        yield required(f"{volume}.path")
    else:
        yield from check_unreserved(path, f"{volume}.path")


def _files(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(path, what the server names when it is taken) of each file the entry lists."""
    for kind in ("secret", "configMap", "downwardAPI"):
        source = entry.get(kind) or EMPTY
        for _, item in each(source.get("items"), ""):
            if path := item.get("path"):
                yield path, path if kind == "downwardAPI" else source.get("name") or ""
