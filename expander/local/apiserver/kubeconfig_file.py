"""The kubeconfig file that leads kubectl and client libraries to the server.

A file that is there is merged into: what others wrote stays, and so does its current context unless a change
is asked for. The entries of a server carry an extension with its state folder, by which it finds them again.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, count
from pathlib import Path
from typing import Any, Final

from expander.base.errors import ExpanderError, OutputError
from expander.base.named_tuple import NamedTuple
from expander.base.state_dir import replace_file
from expander.base.yaml.writer import dump

CONTEXT_NAME: Final = "expander"
"""The name of the cluster, the user and the context, unless another server has it in this file."""

LOCK_SECONDS: Final = 5.0
"""How long another program, such as ``kubectl config``, may hold the lock of the file."""

Config = dict[str, Any]


class Endpoint(NamedTuple):
    """What a client must know of a server; ``authority`` is the PEM certificate to trust, None for HTTP."""

    url: str
    token: str
    authority: bytes | None
    state: Path


class Merged(NamedTuple):
    """The name of the server's context in a file, and which context is the current one."""

    context: str
    current: str


def write_kubeconfig(path: Path, endpoint: Endpoint, *, use_context: bool = False) -> Merged:
    """Merge a server into the kubeconfig ``path``, which is made when it is not there.

    ``use_context`` makes its context the current one even if there is another. Raises ExpanderError when the
    file is not a kubeconfig, which is left as it is then, and OutputError when it cannot be written.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        raise OutputError(f"cannot write {path}: not a regular file")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            config = _read(path)
            name = _merge(config, endpoint)
            if use_context or not config.get("current-context"):
                config["current-context"] = name
            write_private(path, dump(config))
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
    return Merged(name, str(config["current-context"]))


def _merge(config: Config, endpoint: Endpoint) -> str:
    """Put the entries of the server into ``config``; their name."""
    cluster: Config = {"server": endpoint.url}
    if endpoint.authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(endpoint.authority).decode()
    mark = {"state": str(endpoint.state)}
    cluster["extensions"] = [{"name": CONTEXT_NAME, "extension": mark}]
    name = _free_name(config["clusters"], mark)
    context = {"cluster": name, "user": name, "namespace": "default"}
    _put(config["clusters"], name, "cluster", cluster)
    _put(config["users"], name, "user", {"token": endpoint.token})
    _put(config["contexts"], name, "context", context)
    return name


def _free_name(clusters: list[Config], mark: Mapping[str, str]) -> str:
    """The name under which this server stands in the file, or the first that is not another's."""
    taken = {each.get("name"): (each.get("cluster") or {}).get("extensions") or [] for each in clusters}
    for name in chain([CONTEXT_NAME], (f"{CONTEXT_NAME}-{number}" for number in count(2))):
        if name not in taken or any(each.get("extension") == mark for each in taken[name]):
            return name
    raise AssertionError


def _put(entries: list[Config], name: str, field: str, value: Config) -> None:
    made = {"name": name, field: value}
    for place, entry in enumerate(entries):
        if entry.get("name") == name:
            entries[place] = made
            return
    entries.append(made)


def _read(path: Path) -> Config:
    """The kubeconfig that is there, or an empty one."""
    import yaml

    config: Config = {"apiVersion": "v1", "kind": "Config"}
    with suppress(FileNotFoundError):
        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ExpanderError(f"{path} is not a kubeconfig: {error}") from error
        if found is not None:
            if not isinstance(found, dict) or found.get("kind", "Config") != "Config":
                raise ExpanderError(f"{path} is not a kubeconfig", hint="choose another file: --kubeconfig")
            config |= found
    for field in ("clusters", "users", "contexts"):
        entries = config.get(field) or []
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise ExpanderError(f"{path} is not a kubeconfig: {field} is not a list of entries")
        config[field] = entries
    return config


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock that client-go takes to change the file."""
    lock = path.with_name(f"{path.name}.lock")
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            break
        except FileExistsError:
            if time.monotonic() > end:
                hint = f"if nothing is at work on it, remove {lock}"
                raise OutputError(f"{path} is locked by another program", hint=hint) from None
            time.sleep(0.05)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, as a whole or not at all; OutputError when it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from error
