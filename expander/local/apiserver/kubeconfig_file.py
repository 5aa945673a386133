"""The kubeconfig file that leads kubectl and client libraries to the server."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Final

from expander.base.errors import OutputError
from expander.base.yaml.writer import dump

CONTEXT_NAME: Final = "expander"
"""The name of the cluster, the user and the context."""


def kubeconfig(url: str, token: str, authority: bytes | None) -> str:
    """The text of the file; ``authority`` is the PEM certificate to trust, None over plain HTTP."""
    cluster: dict[str, str] = {"server": url}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority).decode()
    tree = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": CONTEXT_NAME, "cluster": cluster}],
        "users": [{"name": CONTEXT_NAME, "user": {"token": token}}],
        "contexts": [
            {
                "name": CONTEXT_NAME,
                "context": {"cluster": CONTEXT_NAME, "user": CONTEXT_NAME, "namespace": "default"},
            }
        ],
        "current-context": CONTEXT_NAME,
    }
    return dump(tree)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, as a whole or not at all; OutputError when it cannot be."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(beside, path)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
