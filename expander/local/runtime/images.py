"""Which folder stands for which image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def canonical(image: str) -> str:
    """The full name of an image: `busybox` is `docker.io/library/busybox:latest`."""
    name, _, digest = image.partition("@")
    first, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif first == "docker.io" and name.count("/") == 1:
        name = name.replace("/", "/library/")
    elif "." not in first and ":" not in first and first != "localhost":
        name = f"docker.io/{name}"
    if digest:
        return f"{name}@{digest}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


class Images:
    """Root file systems by image name. An image without one is this machine's own files."""

    def __init__(self, folders: Mapping[str, Path | str] | None = None) -> None:
        self._folders = {canonical(name): str(Path(path).resolve()) for name, path in (folders or {}).items()}

    def root(self, image: str) -> str | None:
        """The folder that is the root of ``image``, or None."""
        return self._folders.get(canonical(image)) if self._folders and image else None
