"""What an image says of itself: its configuration, as the OCI image specification has it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from typing import Any

from expander.base.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What a container has of its image. ``user`` is as the image writes it: ``USER[:GROUP]``."""

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    working_dir: str = ""
    architecture: str = ""


def image_config(document: Any) -> ImageConfig:
    """The configuration in a document of an image. Raises ValueError, whose message names the field."""
    if not isinstance(document, dict):
        raise ValueError("expected an object")
    system = document.get("os", "linux")
    if system != "linux":
        raise ValueError(f"os: the image is for {system!r}, expected linux")
    inner = document.get("config") or {}
    if not isinstance(inner, dict):
        raise ValueError("config: expected an object")
    variables = dict[str, str]()
    for line in _texts(inner, "Env"):
        name, equals, value = line.partition("=")
        if not name or not equals:
            raise ValueError(f"config.Env: {line!r} is not NAME=VALUE")
        variables[name] = value
    return ImageConfig(
        _texts(inner, "Entrypoint"),
        _texts(inner, "Cmd"),
        variables,
        _text(inner, "User"),
        _text(inner, "WorkingDir"),
        _text(document, "architecture"),
    )


def layer_digests(document: Mapping[str, Any]) -> list[str]:
    """The digests of the unpacked layers (diff_ids). Raises ValueError."""
    rootfs = document.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError("rootfs.diff_ids: expected a list of digests")
    return found


def _texts(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = document.get(name) or ()
    if not isinstance(found, list | tuple) or not all(map(_is_text, found)):
        raise ValueError(f"config.{name}: expected a list of strings")
    return tuple(found)


def _text(document: Mapping[str, Any], name: str) -> str:
    found = document.get(name) or ""
    if not _is_text(found):
        raise ValueError(f"{name}: expected a string")
    return str(found)


def _is_text(value: object) -> bool:
    """Whether this can be a word or a variable of a process."""
    if not isinstance(value, str) or "\0" in value:
        return False
    with suppress(UnicodeEncodeError):
        value.encode()
        return True
    return False
