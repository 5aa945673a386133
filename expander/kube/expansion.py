"""``$(NAME)`` and ``$$`` in containers: which fields the kubelet expands, and texts that survive it.

third_party/forked/golang/expansion decides: ``$(NAME)`` is the value of a variable, ``$$`` stands for one
``$``, and any other ``$`` stays. The kubelet expands ``command``, ``args``, values of ``env``,
``subPathExpr`` of mounts (pkg/kubelet/kubelet_pods.go, container/helpers.go) and commands of probes
(prober/prober.go), but neither lifecycle hooks nor any other field.
"""

from __future__ import annotations

from collections.abc import Sequence

from expander.base.regex import regex

Path = tuple[str | int, ...]

_CONTAINERS = frozenset(("containers", "initContainers", "ephemeralContainers"))
_PROBES = frozenset(("livenessProbe", "readinessProbe", "startupProbe"))
_OPENS = regex(r"\$(?=[$(])")
_NAME = regex(r"[-._A-Za-z0-9]*")


def is_expanded(path: Path) -> bool:
    """Whether the kubelet expands the text at ``path`` of an object, wherever its containers are."""
    start = next((n for n, part in enumerate(path) if part in _CONTAINERS), None)
    if start is None:
        return False
    match path[start + 1 :]:
        case (int(), "command" | "args", int()):
            return True
        case (int(), "env", int(), "value") | (int(), "volumeMounts", int(), "subPathExpr"):
            return True
        case (int(), str(probe), "exec", "command", int()):
            return probe in _PROBES
    return False


def literal(text: str) -> str:
    """A text for an expanded field of which the kubelet makes exactly ``text``."""
    return _OPENS.sub("$$", text)


def with_values(segments: Sequence[str | int], values: Sequence[str]) -> str | None:
    """A text for an expanded field: constants keep their references, values come out as they are.

    ``segments`` are constants, and a number for each of ``values`` in order. None when a value inside of a
    reference (``$(HOST_$ITEM)``) could not be part of a variable's name.
    """
    made = ""
    left = iter(values)
    inside = False  # of a reference that began in a constant
    for number, segment in enumerate(segments):
        if isinstance(segment, int):
            value = next(left)
            if inside and not _NAME.fullmatch(value):
                return None
            made = made + value if inside else _joined(made, value, literal(value))
            continue
        if inside:
            end = segment.find(")") + 1 or len(segment)
            inside = ")" not in segment
            made += segment[:end]
            segment = segment[end:]
        if not inside:
            rest = segments[number + 1 :]
            text, inside = _constant(segment, any(isinstance(part, str) and ")" in part for part in rest))
            made = _joined(made, segment, text)
    return made


def _joined(made: str, raw: str, text: str) -> str:
    """``text``, which stands for ``raw``, after ``made``, whose last ``$`` must begin nothing with it."""
    is_open = (len(made) - len(made.rstrip("$"))) % 2 == 1
    return f"{made}${text}" if is_open and raw[:1] in ("$", "(") and raw else made + text


def _constant(text: str, closed_later: bool) -> tuple[str, bool]:
    """A constant as it has to be written, and whether it ends inside of a reference."""
    at = 0
    while (at := text.find("$", at)) >= 0:
        following = text[at + 1 : at + 2]
        if following == "(" and ")" not in text[at:]:
            if closed_later:
                return text, True
            text = f"{text[:at]}${text[at:]}"  # it opens nothing: a ")" of a value must not close it
            at += 3
        elif following == "(":
            at = text.index(")", at)
        else:
            at += 2 if following == "$" else 1
    return text, False
