"""Arguments and variables that Linux gives no process: execve(2) refuses one of more than 32 pages.

No API server refuses them: the container ends as soon as it is started, each time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from expander.validate.finding import Advice

MAX_PAGES: Final = 32
"""The pages that one argument or NAME=value takes at most, with the NUL at its end (MAX_ARG_STRLEN)."""

MAX_BYTES: Final = MAX_PAGES * 4096 - 1
"""The bytes of one where pages have 4 KiB, as on most nodes."""

_PARTS: Final = ("spec", "template", "jobTemplate", "tasks", "replicatedJobs")
"""Fields of workloads that lead to containers."""


def bytes_here() -> int:
    """The bytes of one on this machine."""
    return MAX_PAGES * os.sysconf("SC_PAGE_SIZE") - 1


def long_arguments(tree: Mapping[str, Any], most: int | None = None) -> Iterator[Advice]:
    """The commands, arguments and variables of a valid manifest that have more than ``most`` bytes.

    By default these are `MAX_BYTES`.
    """
    most = MAX_BYTES if most is None else most
    for container, path in _containers(tree, ""):
        for field in ("command", "args"):
            for number, word in enumerate(container.get(field) or ()):
                yield from _long(word, f"{path}.{field}[{number}]", most)
        for number, each in enumerate(container.get("env") or ()):
            yield from _long(f"{each['name']}={each.get('value') or ''}", f"{path}.env[{number}].value", most)


def _containers(part: Mapping[str, Any], path: str) -> Iterator[tuple[Mapping[str, Any], str]]:
    """Each container in a part of a manifest, and its path."""
    for name in _PARTS:
        found = part.get(name)
        if isinstance(found, Mapping):
            yield from _containers(found, f"{path}.{name}" if path else name)
        elif isinstance(found, list):
            for number, each in enumerate(found):
                yield from _containers(each, f"{path}.{name}[{number}]")
    for kind in ("initContainers", "containers"):
        for number, each in enumerate(part.get(kind) or ()):
            yield each, f"{path}.{kind}[{number}]"


def _long(text: str, path: str, most: int) -> Iterator[Advice]:
    if 4 * len(text) <= most:
        return
    size = len(text.encode(errors="surrogatepass"))
    if size > most:
        words = f"{size:,} bytes, and Linux starts no process with more than {most:,} in one argument or "
        words += "NAME=value" + (", where pages have 4 KiB" if most == MAX_BYTES else "")
        yield Advice(path, "long-argument", words)
