"""A Job template made of a command and options, as ``kubectl create job`` and ``kubectl run`` make objects.

In the words of the command ``{}`` is the item, and references are those of templates (``$ITEM``,
``${ITEM.column}``, ``$INDEX``); without any the item is the last word. Each word is one argument: there is no
shell. What a value may hold is decided where templates are compiled (`render.commands`), as for every other.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypedDict, Unpack

from expander.base.errors import UsageError
from expander.base.regex import regex
from expander.base.yaml.writer import dump
from expander.kube.expansion import literal
from expander.manifests.edits import GROUP_LABEL, THIS_MACHINE
from expander.manifests.names import DNS_LABEL, slug
from expander.render.placeholder import COMMAND_SOURCE
from expander.render.references import references
from expander.render.template_file import TemplateFile

ITEM: Final = "${ITEM}"

_HOLE = regex(r"(?<!\$)\{\}")
_NAMED = r"(?:ITEM|INDEX)(?![A-Za-z0-9_])|\{(?:ITEM|INDEX)(?:[.|][^{}\n]*)?\}"
_REFERENCE = regex(rf"\$(?={_NAMED})")
_PAIR = regex(rf"\$\$(?!{_NAMED})")
"""What the kubelet makes one ``$`` of, and no template."""
_MAX_NAME: Final = 40
"""Characters of a program's name in the names of its Jobs, which leaves room for the item."""


class CommandOptions(TypedDict, total=False):
    """The options of ``expander run -- CMD``, in its words.

    ``image`` is None for a command that runs on this machine only. ``name`` (a DNS-1123 label, by default
    that of the program) begins the names of the Jobs and is the group, the value of the label
    ``group_label``. ``env``, ``requests`` and ``limits`` are the container's; the value of a variable arrives
    as it is, whatever it holds. ``restart`` is the restartPolicy, ``backoff_limit`` the backoffLimit (0).
    """

    image: str | None
    name: str | None
    env: Mapping[str, str]
    requests: Mapping[str, str]
    limits: Mapping[str, str]
    restart: Literal["Never", "OnFailure"]
    backoff_limit: int
    group_label: str


def command_template(command: Sequence[str], **options: Unpack[CommandOptions]) -> TemplateFile:
    """The template of a Job that runs ``command`` once for each item: a program and its arguments, no shell.

    ``{}`` and ``$ITEM`` are the item, also within a word, ``${ITEM.column}`` a column of it; without any of
    them the item is the last argument. Without an image the command runs in the current folder of this
    machine, which it may change; such a template is for `expander.run` only. Raises UsageError for a command
    without words or of text that is not Unicode, and for a name that is no DNS-1123 label.
    """
    folder = None if options.get("image") else os.getcwd()
    return TemplateFile.of(template_text(command_job(command, options, folder)), COMMAND_SOURCE)


def template_text(job: Mapping[str, Any]) -> str:
    """The template as YAML. Raises UsageError for text that is not Unicode."""
    try:
        return dump(job)
    except ValueError:
        raise UsageError("the command and its options must be UTF-8 text") from None


def command_job(command: Sequence[str], options: CommandOptions, folder: str | None = None) -> dict[str, Any]:
    """The template as plain data. Raises UsageError as `command_template` does.

    In ``folder``, a path of the machine that runs the Jobs, the command starts, and it may change it.
    """
    if isinstance(command, str) or not command or not command[0]:
        raise UsageError("expected a command as a list of words: a program and its arguments")
    _check_program(command, bool(options.get("image")))
    name = _name(command[0], options.get("name"))
    words = [_PAIR.sub("$$$$", _HOLE.sub(lambda _: ITEM, word)) for word in command]
    if not any(map(references, words)):
        words.append(ITEM)
    container: dict[str, Any] = {
        "name": name,
        "image": options.get("image") or THIS_MACHINE,
        "command": words,
    }
    if env := options.get("env"):
        container["env"] = [
            {"name": key, "value": constant(literal(value))} if value else {"name": key}
            for key, value in env.items()
        ]
    resources = {key: dict(options[key]) for key in ("requests", "limits") if options.get(key)}
    if resources:
        container["resources"] = resources
    pod = {"restartPolicy": options.get("restart", "Never"), "containers": [container]}
    if folder is not None:
        container["workingDir"] = constant(folder)
        if folder != "/":
            container["volumeMounts"] = [{"name": "folder", "mountPath": constant(folder)}]
            pod["volumes"] = [{"name": "folder", "hostPath": {"path": constant(folder), "type": "Directory"}}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": "-".join([name, *_named_by(words)]),
            "labels": {options.get("group_label", GROUP_LABEL): name},
        },
        "spec": {"backoffLimit": options.get("backoff_limit", 0), "template": {"spec": pod}},
    }


def _check_program(command: Sequence[str], in_image: bool) -> None:
    """Raise UsageError for a whole command line in place of a program, as GNU parallel takes them."""
    program = command[0]
    if len(program.split()) < 2 or os.path.exists(program) or (in_image and program.startswith("/")):
        return
    if len(command) == 1:
        hint = f"a shell takes command lines: {shlex.join(['sh', '-c', program])}"
    else:
        hint = f"each argument is a word of its own: {' '.join([program, *map(shlex.quote, command[1:])])}"
    raise UsageError(f"no program is called {program!r}", hint=hint)


def constant(text: str) -> str:
    """A text that no item changes, as a template says it."""
    return _REFERENCE.sub("$$", text)


def _name(program: str, given: str | None) -> str:
    if given is None:
        stem = "" if _HOLE.search(program) or references(program) else os.path.basename(program)
        return slug(stem)[:_MAX_NAME].strip("-") or "command"
    if not DNS_LABEL.accepts(given):
        raise UsageError(
            f"invalid name {given!r}: at most 63 lower-case letters, digits and '-', beginning and ending "
            "with a letter or digit"
        )
    return given


def _named_by(words: Sequence[str]) -> list[str]:
    """The references that tell the Jobs apart: the item if it stands as a whole, else its columns."""
    found = dict.fromkeys(each for word in words for each in references(word))
    whole = [each for each in found if each in (ITEM, "$ITEM")]
    return whole[:1] or list(found)
