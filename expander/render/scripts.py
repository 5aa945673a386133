"""Which texts of a manifest are shell scripts: what a container, hook or probe hands to ``sh -c``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str | int, ...]

_SHELLS = frozenset(("sh", "bash", "dash", "ash", "zsh", "ksh", "mksh", "busybox"))
_EXEC_FIELDS = ("livenessProbe", "readinessProbe", "startupProbe")


def scripts(tree: Any, path: Path = ()) -> Iterator[Path]:
    """The paths of all script texts in ``tree``, wherever containers occur in it."""
    if isinstance(tree, Mapping):
        for key, value in tree.items():
            here = (*path, key)
            if key in ("containers", "initContainers", "ephemeralContainers") and isinstance(value, list):
                for number, container in enumerate(value):
                    if isinstance(container, Mapping):
                        yield from _of_container(container, (*here, number))
            else:
                yield from scripts(value, here)
    elif isinstance(tree, list):
        for number, value in enumerate(tree):
            yield from scripts(value, (*path, number))


def _of_container(container: Mapping[str, Any], path: Path) -> Iterator[Path]:
    argv: list[tuple[str, Path]] = []
    for name in ("command", "args"):
        words = container.get(name)
        for number, word in enumerate(words if isinstance(words, list) else ()):
            argv.append((word if isinstance(word, str) else "", (*path, name, number)))
    if argv and not container.get("command"):
        argv.insert(0, ("sh", ()))  # the image's entrypoint is not known: `-c` first suggests a shell
    yield from _of_words(argv)
    for field in _EXEC_FIELDS:
        yield from _of_exec(container.get(field), (*path, field))
    lifecycle = container.get("lifecycle")
    if isinstance(lifecycle, Mapping):
        for hook in ("postStart", "preStop"):
            yield from _of_exec(lifecycle.get(hook), (*path, "lifecycle", hook))


def _of_exec(handler: Any, path: Path) -> Iterator[Path]:
    action = handler.get("exec") if isinstance(handler, Mapping) else None
    words = action.get("command") if isinstance(action, Mapping) else None
    if isinstance(words, list):
        yield from _of_words(
            [
                (word if isinstance(word, str) else "", (*path, "exec", "command", n))
                for n, word in enumerate(words)
            ]
        )


def _of_words(argv: list[tuple[str, Path]]) -> Iterator[Path]:
    """The script of each shell called with ``-c`` in a command line (also behind env, timeout, tini)."""
    for start, (word, _) in enumerate(argv):
        if word.rpartition("/")[2] not in _SHELLS:
            continue
        script = _script_after(argv[start + 1 :])
        if script is not None:
            yield script
            return


def _script_after(argv: list[tuple[str, Path]]) -> Path | None:
    takes_script = False
    skip = False
    for word, path in argv:
        if skip:
            skip = False
        elif word[:1] in ("-", "+") and len(word) > 1 and word != "--":
            letters = "" if word.startswith("--") else word[1:]
            takes_script = takes_script or (word[0] == "-" and "c" in letters)
            skip = letters[-1:] in ("o", "O") or word in ("--rcfile", "--init-file")
        elif word in _SHELLS or word == "--":
            continue  # `busybox sh -c`, `sh -c --`
        else:
            return path if takes_script else None
    return None
